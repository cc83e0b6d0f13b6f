"""What a designer is told about two versions of a flow, word for word."""

from __future__ import annotations

from ivr.core.flow import Flow
from ivr.tools.differences import differences
from tests.conftest import load

FLOW = """\
selfline: 1
line: "2000"
languages: [zh-CN]
start: look_up
on_failure: bye
universals: {"9": repeat}
nodes:
  look_up: {lookup: account, with: {number: call.caller_id}, not_found: bye, then: which}
  which:
    branch:
      - {when: account.balance < 0, then: debt}
      - {when: account.senior, then: main}
      - {else: main}
  debt: {say: 您已欠费。, then: main}
  main:
    menu: 查询话费请按一，留言请按二。
    choices: {1: balance, 2: bye}
    timeout: 5s
    noinput: 没有听到您的按键。
    nomatch: 抱歉，没有这个选项。
    exhausted: bye
  balance: {say: "您的余额是{{ account.balance | money }}。", then: main}
  bye: {hangup: goodbye}
"""


def flow(*edits: tuple[str, str]) -> Flow:
    text = FLOW
    for old, new in edits:
        assert old in text
        text = text.replace(old, new)
    loaded = load(text)
    assert [str(problem) for problem in loaded.problems if problem.severity == "error"] == []
    assert loaded.flow is not None
    return loaded.flow


def told(*edits: tuple[str, str]) -> list[str]:
    return [line for change in differences(flow(), flow(*edits)) for line in str(change).splitlines()]


def test_the_same_flow_and_one_with_other_comments_differ_in_nothing():
    assert told() == []
    assert told(("nodes:\n", "\n# the nodes\nnodes:\n")) == []


def test_a_prompt_a_key_and_a_target_that_changed_are_told_with_what_they_were():
    assert told(
        ("查询话费请按一，留言请按二。", "查询话费请按一。"),
        ("choices: {1: balance, 2: bye}", "choices: {1: bye, 3: balance}"),
        ("5s", "8s"),
    ) == [
        "changed   'main' (menu)",
        "            says (zh-CN): 查询话费请按一。",
        "              was: 查询话费请按一，留言请按二。",
        "            key 1: bye",
        "              was: balance",
        "            key 3 is new: balance",
        "            timeout: 8 s",
        "              was: 5 s",
        "            key 2 is gone: bye",
    ]


def test_a_node_that_is_new_gone_or_another_thing_now_is_told():
    assert told(
        ("  debt: {say: 您已欠费。, then: main}\n", "  debt: {goto: warn}\n  warn: {say: 请充值。, then: main}\n"),
        ("- {when: account.senior, then: main}\n      ", ""),
    ) == [
        "changed   'which' (branch)",
        "            when account.senior is gone: main",
        "changed   'debt' (goto)",
        "            was a say, is a goto",
        "added     'warn' (say)",
        "            says (zh-CN): 请充值。",
        "            goes on to: main",
        "            barge in: yes",
    ]


def test_a_node_under_another_name_is_told_as_that():
    assert told(("  debt: {say", "  owing: {say"), ("then: debt}", "then: owing}")) == [
        "changed   'which' (branch)",
        "            when account.balance < 0: owing",
        "              was: debt",
        "renamed   'owing' (say)",
        "            was 'debt'",
    ]


def test_the_order_of_conditions_and_the_head_of_the_flow_count():
    swapped = (
        "- {when: account.balance < 0, then: debt}\n      - {when: account.senior, then: main}",
        "- {when: account.senior, then: main}\n      - {when: account.balance < 0, then: debt}",
    )

    assert told(swapped, ("on_failure: bye", "on_failure: sorry"), ("goodbye}\n", "goodbye}\n  sorry: {hangup: sorry_trouble}\n")) == [
        "changed   the flow",
        "            on failure: sorry",
        "              was: bye",
        "changed   'look_up' (lookup)",
        "            failed: sorry",
        "              was: bye",
        "changed   'which' (branch)",
        "            the order of the conditions: account.senior, account.balance < 0",
        "added     'sorry' (hangup)",
        "            says (zh-CN): 抱歉，系统出现故障。",
    ]


def test_hours_and_holidays_are_told_day_by_day():
    hours = "hours: {desk: {week: {mon-fri: 08:30-18:00}}}\nnodes:\n"
    hours += "  desk: {hours: desk, open: bye, closed: late}\n  late: {hangup: all_busy}\n"
    fewer = hours.replace("{mon-fri: 08:30-18:00}", "{mon-thu: 08:30-18:00, sat: 09:00-12:00}")
    ask = ("not_found: bye", "not_found: desk")
    old, new = flow(("nodes:\n", hours), ask), flow(("nodes:\n", fewer), ask)

    assert [line for change in differences(old, new) for line in str(change).splitlines()] == [
        "changed   'desk' (hours)",
        "            Saturdays is new: 09:00-12:00",
        "            Fridays is gone: 08:30-18:00",
    ]
