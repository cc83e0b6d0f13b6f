"""Conversations: what can be said in one, and that one that does not hold says where, and what was instead."""

from __future__ import annotations

import datetime as dt
import re
import time

import pytest

from adapters.backoffice.signatures import SIGNATURES
from ivr.core.flow import Flow
from ivr.core.state import Disposition
from ivr.core.values import Kind, SpokenValue, Text, Utterance
from ivr.tools.conversations import Script, read_script
from ivr.tools.flowtest import Outcome, run, told, transcript_of
from tests.conftest import HOME, load

SHIPPED = HOME / "flows" / "tests" / "1008611.yaml"


def script(text: str) -> Script:
    found, problems = read_script(text, "t.yaml", SIGNATURES)
    assert [str(problem) for problem in problems] == []
    assert found is not None
    return found


def held(quick_line: Flow, steps: str) -> str:
    return str(outcome(quick_line, steps).problem)


def outcome(quick_line: Flow, steps: str) -> Outcome:
    text = f"flow: ../1008611.yaml\nconversations:\n  - name: one\n    back_office: {{account: {{language: zh-CN}}}}\n    steps:\n{steps}"
    return run(quick_line, script(text).conversations[0], lambda name, arguments: None)


@pytest.mark.parametrize(
    ("after", "heard"),
    [
        (".", "We open at eight a.m."),
        (". Goodbye.", "We open at eight a.m. Goodbye."),
        (", as ever.", "We open at eight a.m., as ever."),
        ("...", "We open at eight a.m...."),
    ],
)
def test_a_sentence_that_ends_with_a_time_has_one_full_stop(after: str, heard: str):
    parts = (Text("We open at"), SpokenValue(Kind.TIME, dt.time(8)), Text(after))

    assert transcript_of(Utterance("en-US", parts)) == heard


def test_what_was_not_heard_is_told_beside_what_was(quick_line: Flow):
    problem = held(quick_line, "      - press: '1'\n      - hears: 五元\n      - hang_up\n")

    assert re.match(
        r"t.yaml:7:16: error: the caller should hear '五元', but at 'main' \(flows/1008611.yaml:\d+\) "
        "the line said: 您的账户余额是零元。查话费",
        problem,
    )


def test_an_act_that_does_not_fit_is_refused(quick_line: Flow):
    problem = held(quick_line, "      - leave_message\n")

    assert re.fullmatch(
        r"t.yaml:6:9: error: the line asks for a key at 'main' \(flows/1008611.yaml:\d+\), "
        r"so the caller cannot do 'leave_message' here  \[conversation\]",
        problem,
    )


def test_steps_after_the_end_of_the_call_are_told(quick_line: Flow):
    problem = held(quick_line, "      - hang_up\n      - press: '1'\n")

    assert re.fullmatch(
        r"t.yaml:7:16: error: the call is over before the caller could do 'press'; it ended at 'main' \(flows/1008611.yaml:\d+\)  "
        r"\[conversation\]",
        problem,
    )


def test_a_conversation_that_fails_is_shown_with_the_places_of_step_and_node(quick_line: Flow):
    """What was said stands beside the line of the flow, what was done and expected beside that of the conversation."""
    lines = list(told(outcome(quick_line, "      - press: '1'\n      - hears: 零元\n      - hears: 五元\n      - hang_up\n")))

    shown = [re.sub(r"  +", "  ", re.sub(r"1008611.yaml:\d+", "1008611.yaml:N", line))[:48] for line in lines]
    assert shown == [
        "FAILED: one",
        "  flows/1008611.yaml:N  line  您好，欢迎致电自助查询专线。您的账户",
        "  t.yaml:6  caller  presses 1",
        "  flows/1008611.yaml:N  line  您的账户余额是零元。查话费请按一，查",
        "  t.yaml:7  test  hears '零元'",
        "  t.yaml:8:16: error: the caller should hear '五元",
    ]


@pytest.mark.parametrize(
    ("steps", "ticket", "sentence"),
    [
        (
            "[press: '5', leave_message]",
            "complaint",
            "the call should promise a ticket 'complaint', but it promised a ticket 'callback'; it ended",
        ),
        ("[press: '5', leave_message]", "none", "the call should promise no ticket, but it promised a ticket 'callback'; it ended"),
        ("[hang_up]", "callback", "the call should promise a ticket 'callback', but it promised no ticket; it ended"),
    ],
)
def test_a_ticket_that_was_not_expected_is_told(quick_line: Flow, steps: str, ticket: str, sentence: str):
    text = (
        f"flow: f.yaml\nconversations: [{{name: one, back_office: {{account: {{language: zh-CN}}}}, steps: {steps}, ticket: {ticket}}}]\n"
    )

    problem = run(quick_line, script(text).conversations[0], lambda name, arguments: None).problem

    assert problem is not None
    assert problem.sentence.startswith(sentence)


@pytest.mark.parametrize(
    ("steps", "ends"),
    [
        (["press: '5'", "message_saved"], Disposition.TICKET_OPENED),
        (["line_fails", "line_fails", "leave_message"], Disposition.TICKET_OPENED),
        (["press: '0'", "line_fails", "line_fails", "leave_nothing"], Disposition.FAILED),
        (["press: '0'", "hang_up"], Disposition.ABANDONED),
    ],
)
def test_what_can_happen_to_a_call(quick_line: Flow, steps: list[str], ends: Disposition):
    """The message that has no number yet, the line that fails while it asks, records or rings, and hanging up while it rings."""
    held = outcome(quick_line, "".join(f"      - {step}\n" for step in steps))

    assert held.problem is None
    assert held.passages[-1].step.state.disposition is ends


def test_two_thousand_conversations_are_held_in_a_second(quick_line: Flow):
    """Two thousand on an idle machine; here, of processor time, only that nothing has become several times slower."""
    conversations = script(SHIPPED.read_text(encoding="utf-8")).conversations

    best = 0.0
    for _ in range(10):
        begun = time.process_time()
        for conversation in conversations:
            run(quick_line, conversation, lambda name, arguments: None)
        best = max(best, len(conversations) / (time.process_time() - begun))

    assert best > 500


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            "flow: a.yaml\nconversations:\n  - name: x\n    steps: [hangup]\n",
            "t.yaml:4:13: error: a step cannot be 'hangup'; did you mean 'hang_up'?  [bad-value]",
        ),
        (
            "flow: a.yaml\nconversations:\n  - name: x\n    steps:\n      - press: abc\n",
            "t.yaml:5:16: error: 'abc' are not keys: write 0-9, * and #  [bad-value]",
        ),
        (
            "flow: a.yaml\nconversations:\n  - name: x\n    back_office: {acount: failed}\n    steps: []\n",
            "t.yaml:4:19: error: the back office has no look-up 'acount'; did you mean 'account'?  [unknown-lookup]",
        ),
        (
            "flow: a.yaml\nconversations:\n  - name: x\n    back_office: {account: {balance: many}}\n    steps: []\n",
            "t.yaml:4:38: error: 'many' is not of the kind money  [bad-value]",
        ),
    ],
)
def test_a_wrong_conversation_is_told_where(text: str, problem: str):
    found, problems = read_script(text, "t.yaml", SIGNATURES)

    assert found is None
    assert [str(one) for one in problems] == [problem]


SERVICES = """\
selfline: 1
line: services
languages: [en-US, zh-CN]
start: ask_hours
on_failure: sorry
remember_language: true
milestones: [told, sent]
outcomes: [served, unserved]
limits: {duration: 5min, exceeded: long, calls: 2, crowded: full}
hours: {desk: {week: {mon-fri: 09:00-17:00}}}
defaults: {exhausted: sorry}
nodes:
  ask_hours: {hours: desk, open: look, closed: shut}
  shut: {hangup: {en-US: Closed., zh-CN: 下班了。}, outcome: unserved}
  look:
    lookup: account
    with: {number: call.caller_id}
    retries: 2
    not_found: sorry
    failed: sorry
    then: tell
  tell: {say: {en-US: "You have {{ account.balance | money }}.", zh-CN: "余额{{ account.balance | money }}。"}, milestone: told, then: main}
  main: {menu: {en-US: Press one for a text message., zh-CN: 发短信请按一。}, choices: {1: text}, timeout: 5s}
  text:
    sms: {en-US: "Balance: {{ account.balance | money }}.", zh-CN: "余额{{ account.balance | money }}。"}
    to: call.caller_id
    failed: sorry
    then: done
  done: {say: {en-US: It is on its way., zh-CN: 已发送。}, milestone: sent, outcome: served, then: main}
  long: {hangup: {en-US: That was long., zh-CN: 时间到了。}}
  full: {hangup: {en-US: All lines are busy., zh-CN: 线路忙。}}
  sorry: {hangup: {en-US: Sorry., zh-CN: 抱歉。}, outcome: unserved}
"""


@pytest.fixture(scope="module")
def services() -> Flow:
    loaded = load(SERVICES)
    assert [str(problem) for problem in loaded.problems] == []
    assert loaded.flow is not None
    return loaded.flow


def with_services(flow: Flow, steps: str, more: str = "", account: str = "{balance: 35.6}") -> Outcome:
    text = f"flow: f.yaml\nconversations:\n  - name: one\n    back_office: {{account: {account}}}\n    steps: [{steps}]\n"
    return run(flow, script(text + "".join(f"    {line}\n" for line in more.splitlines())).conversations[0], lambda name, arguments: None)


@pytest.mark.parametrize(
    ("steps", "more"),
    [
        ("press: '1', sms: 'Balance: 35.60 yuan', hears: on its way, hang_up", "milestones: [told, sent]\noutcome: served"),
        ("milestone: told, press: '1', milestone: sent, press: '1', milestone: sent, hang_up", "milestones: [told, sent, sent]"),
        ("press: '1', sms_fails, hears: Sorry", "outcome: unserved"),
        ("press: '1', sms: Balance, press: '1', sms_fails, hears: Sorry", "milestones: [told, sent]"),
        ("later: 1min, press: '1', later: 4min, silence, hears: That was long", "outcome: served"),
        ("hears: Closed", "at: 2026-03-07T12:00\nmilestones: []"),
        ("hears: 余额三十五元六角, press: '1', sms: 余额35.60元, hang_up", "language: zh-CN"),
        ("hears: All lines are busy, line_ends", "crowded: true\noutcome: none"),
        ("press: '1', hears: Sorry", "withheld: true"),
        ("press: '1', hears: Sorry", 'caller: ""'),
    ],
)
def test_what_a_conversation_can_say_of_services(services: Flow, steps: str, more: str):
    """Text messages, milestones, time that passes, opening hours, a remembered language, a crowded line, a number that is withheld."""
    held = with_services(services, steps, more)

    assert held.problem is None, "\n".join(told(held))


@pytest.mark.parametrize(
    ("answers", "heard"),
    [
        ("[failed, {balance: 1}]", "one yuan"),
        ("[failed, failed, {balance: 1}]", "one yuan"),
        ("[failed, failed, failed, {balance: 1}]", "Sorry"),
        ("[failed]", "Sorry"),
        ("failed", "Sorry"),
        ("[deadline, {balance: 1}]", "Sorry"),
        ("[failed, not_found]", "Sorry"),
    ],
)
def test_each_try_of_a_look_up_takes_the_next_answer(services: Flow, answers: str, heard: str):
    """Two retries after the first try; a deadline that has passed is not tried again."""
    held = with_services(services, f"hears: {heard}, hang_up" if heard != "Sorry" else "hears: Sorry", account=answers)

    assert held.problem is None, "\n".join(told(held))


@pytest.mark.parametrize(
    ("steps", "more", "problem"),
    [
        (
            "press: '1', sms: '36', hang_up",
            "",
            "t.yaml:5:30: error: the line should send a text message with '36', but at 'main' (flows/test.yaml:23) "
            "it had sent: Balance: 35.60 yuan.  [conversation]",
        ),
        (
            "milestone: sent, hang_up",
            "",
            "t.yaml:5:24: error: the call should reach the milestone 'sent', but at 'main' (flows/test.yaml:23) "
            "it had reached: told  [conversation]",
        ),
        (
            "hang_up",
            "milestones: [told, sent]",
            "t.yaml:6:5: error: the call should reach the milestones told, sent, but it reached told; "
            "it ended at 'main' (flows/test.yaml:23)  [conversation]",
        ),
        (
            "hang_up",
            "outcome: served",
            "t.yaml:6:5: error: the outcome should be served, but at 'main' (flows/test.yaml:23) it was none  [conversation]",
        ),
        (
            "hang_up",
            "outcome: serve",
            "t.yaml:6:5: error: no node of the line has the outcome 'serve'; did you mean 'served'?  [conversation]",
        ),
        (
            "sms_fails, hang_up",
            "",
            "t.yaml:5:13: error: the line asks for a key at 'main' (flows/test.yaml:23), so the caller cannot do 'sms_fails' here  "
            "[conversation]",
        ),
    ],
)
def test_what_differs_is_told_with_what_should_have_been(services: Flow, steps: str, more: str, problem: str):
    assert str(with_services(services, steps, more).problem) == problem


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("    steps: [later: soon]", "t.yaml:4:20: error: 'soon' is not a duration; write for example 30s or 10min  [bad-value]"),
        ("    steps: [later]", "t.yaml:4:13: error: 'later' needs something after it: write 'later: ...'  [bad-value]"),
        ("    steps: [mileston: x]", "t.yaml:4:13: error: a step has no key 'mileston'; did you mean 'milestone'?  [unknown-key]"),
        ("    steps: []\n    milestones: told", "t.yaml:5:17: error: 'milestones' must be a list, not 'told'  [wrong-type]"),
        ("    steps: []\n    language: fr", "t.yaml:5:15: error: 'language' cannot be 'fr'; known here: en-US, zh-CN  [bad-value]"),
        (
            "    steps: []\n    withheld: true\n    caller: '1'",
            "t.yaml:5:5: error: a number that is withheld cannot be given as 'caller' too  [bad-value]",
        ),
        ("    steps: []\n    back_office: {account: []}", "t.yaml:5:28: error: a list of answers needs one at least  [bad-value]"),
    ],
)
def test_what_cannot_be_said_is_told_where(line: str, problem: str):
    _, problems = read_script(f"flow: a.yaml\nconversations:\n  - name: x\n{line}\n", "t.yaml", SIGNATURES)

    assert [str(one) for one in problems] == [problem]
