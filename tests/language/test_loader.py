"""Flows that are sound load without a word; what the checks know about them is right."""

from __future__ import annotations

import datetime as dt

import pytest
from jsonschema import Draft202012Validator

from ivr.core.flow import Branch, Collect, Flow, HangsUp, LookUp, Menu, Say, TakesMessage, TransfersCall
from ivr.core.marks import Mark
from ivr.core.values import Kind, LookupSignature, Record, Scalar
from ivr.language.loader import load_flow
from ivr.language.prompts import read_catalogue
from ivr.language.schema import schema
from tests.conftest import CATALOGUE, load
from tests.language.plain import plain

HEAD = "selfline: 1\nline: test\nlanguages: [zh-CN]\nstart: hello\non_failure: bye\n"
BYE = "  bye: {hangup: goodbye}\n"
BRANCH, ELSE = "  next:\n    branch:\n", "      - {else: bye}\n"
ACCOUNT = "  hello: {lookup: account, with: {number: call.caller_id}, not_found: bye, then: next}\n"


def sound(nodes: str, head: str = HEAD, more: str = "") -> Flow:
    text = f"{head}nodes:\n{nodes}{BYE}{more}"
    loaded = load(text)
    assert [str(problem) for problem in loaded.problems] == []
    assert [str(error) for error in Draft202012Validator(schema()).iter_errors(plain(text))] == []
    assert loaded.flow is not None
    return loaded.flow


def told(nodes: str, head: str = HEAD, more: str = "") -> list[str]:
    return [str(problem) for problem in load(f"{head}nodes:\n{nodes}{BYE}{more}", "f.yaml").problems]


def test_a_node_keeps_the_place_of_its_name():
    flow = sound("  hello:\n    say: welcome\n    then: bye\n")

    assert flow.nodes["hello"].mark == Mark("flows/test.yaml", 7, 3)


def test_what_is_not_said_has_its_defaults():
    flow = sound(
        "  hello: {menu: main_menu, choices: {1: form}, exhausted: bye}\n"
        "  form: {collect: 请输入, as: entry, then: look, exhausted: bye}\n"
        "  look: {lookup: account, with: {number: entry}, not_found: bye, then: talk}\n"
        "  talk: {transfer: agents, then: bye, unanswered: leave}\n"
        "  leave:\n    message: leave_message\n    topic: t\n    kept: message_kept\n    saved: message_saved\n"
        "    too_short: message_too_short\n    not_kept: message_not_kept\n    then: bye\n"
    )
    menu, form, look, talk, leave = (flow.nodes[name] for name in ("hello", "form", "look", "talk", "leave"))

    assert isinstance(menu, Menu)
    assert (menu.timing.timeout, menu.timing.digit_timeout) == (dt.timedelta(seconds=5), dt.timedelta(seconds=2))
    assert (menu.retry.tries, menu.retry.noinput, menu.again) == (3, (), ())
    assert isinstance(form, Collect)
    assert (form.min_digits, form.max_digits, form.secret) == (1, 32, False)
    assert isinstance(look, LookUp)
    assert (look.variable, look.failed, look.deadline) == ("account", "bye", dt.timedelta(seconds=4))
    assert isinstance(talk, TransfersCall)
    assert talk.ring_time == dt.timedelta(seconds=25)
    assert isinstance(leave, TakesMessage)
    assert (leave.max_length, leave.final_silence) == (dt.timedelta(minutes=3), dt.timedelta(seconds=5))


def test_defaults_hold_for_every_menu_that_does_not_say_otherwise():
    head = (
        HEAD
        + "defaults: {timeout: 500ms, digit_timeout: 1.5s, tries: 2, noinput: noinput, nomatch: [nomatch, nomatch_again], exhausted: bye}\n"
    )
    flow = sound(
        "  hello: {menu: main_menu, choices: {1: more}}\n  more: {menu: main_menu, choices: {1: bye}, tries: 9, noinput: []}\n", head
    )
    first, second = flow.nodes["hello"], flow.nodes["more"]

    assert isinstance(first, Menu)
    assert (first.timing.timeout, first.timing.digit_timeout) == (dt.timedelta(milliseconds=500), dt.timedelta(milliseconds=1500))
    assert (first.retry.tries, len(first.retry.noinput), len(first.retry.nomatch), first.retry.exhausted) == (2, 1, 2, "bye")
    assert isinstance(second, Menu)
    assert (second.retry.tries, second.retry.noinput) == (9, ())


@pytest.mark.parametrize("nothing", ["", "~", "null"])
def test_nothing_may_be_written_in_three_ways(nothing: str):
    flow = load(f"{HEAD}nodes:\n  hello: {{hangup: {nothing}}}\n{BYE}").flow

    assert flow is not None
    hello = flow.nodes["hello"]
    assert isinstance(hello, HangsUp)
    assert hello.prompts == ()


def test_a_quoted_null_is_a_word():
    assert told('  hello: {hangup: "null"}\n') == ["f.yaml:7:19: error: no prompt is named 'null'  [unknown-prompt]"]


def test_a_leading_slash_names_a_node_of_the_line_everywhere():
    head = HEAD.replace("hello", "/hello").replace("on_failure: bye", "on_failure: /bye") + 'on_hangup: /end\nuniversals: {"0": /bye}\n'
    flow = sound("  hello: {menu: main_menu, choices: {1: /bye}, exhausted: /bye}\n  end: {hangup: }\n", head)

    assert (flow.start, flow.on_failure, flow.on_hangup, flow.universals) == ("hello", "bye", "end", {"0": "bye"})


def test_what_every_end_of_a_sub_flow_returns_is_known_after_it():
    subflow = """subflows:
  ask:
    start: form
    nodes:
      form: {collect: 请输入, as: entry, length: 4, then: look, exhausted: /bye}
      look: {lookup: account, with: {number: entry}, not_found: /bye, failed: form2, then: end}
      form2: {lookup: account, with: {number: entry}, not_found: /bye, failed: /bye, then: end2}
      end: {return: {balance: account.balance}}
      end2: {return: {balance: account.balance}}
"""
    sound("  hello: {call: ask, as: it, then: tell}\n  tell: {say: '余额{{ it.balance | money }}', then: bye}\n", more=subflow)


def test_a_value_of_a_sub_flow_is_its_own():
    subflow = """subflows:
  ask:
    start: look
    nodes:
      look: {lookup: account, with: {number: call.caller_id}, not_found: end, failed: end, then: end}
      end: {return: }
"""
    problems = told("  hello: {call: ask, then: tell}\n  tell: {say: balance, then: bye}\n", more=subflow)

    assert problems == [
        "f.yaml:8:15: error: node 'tell': in 'account.balance': nothing here is named 'account'; known here: call, language  [unknown-name]"
    ]


def test_a_value_of_the_line_is_handed_over_to_a_sub_flow():
    subflow = "subflows:\n  s:\n    start: tell\n    nodes:\n      tell: {say: balance, then: end}\n      end: {return: }\n"
    problems = told(
        ACCOUNT.replace("not_found: bye", "not_found: other") + "  next: {call: s, then: bye}\n  other: {call: s, then: bye}\n",
        more=subflow,
    )

    assert problems == [
        "f.yaml:15:19: error: node 's/tell': in 'account.balance': nothing here is named 'account'; the line's own 'account' is handed "
        "over: name it under 'takes' here, and under 'with' at the call  [unknown-name]"
    ]


def test_a_menu_in_a_sub_flow_breaks_a_circle():
    subflow = """subflows:
  outer:
    start: go
    nodes:
      go: {call: ask, then: end}
      end: {return: }
  ask:
    start: menu
    nodes:
      menu: {menu: main_menu, choices: {1: end}, exhausted: /bye}
      end: {return: }
"""
    sound("  hello: {call: outer, then: hello}\n", more=subflow)


def test_a_counter_may_end_a_circle():
    sound(
        "  hello: {set: {tries: 0}, then: count}\n"
        "  count: {set: {tries: tries + 1}, then: enough}\n"
        "  enough:\n    branch:\n      - {when: tries > 3, then: bye}\n      - {else: again}\n"
        "  again: {say: welcome, then: count}\n"
    )


def test_a_counter_ends_only_the_circles_it_is_in():
    problems = told(
        "  hello: {set: {tries: 0}, then: count}\n"
        "  count: {set: {tries: tries + 1}, then: enough}\n"
        "  enough:\n    branch:\n      - {when: tries > 3, then: again}\n      - {else: count}\n"
        "  again: {say: welcome, then: enough}\n"
    )

    assert problems == ["f.yaml:9:3: error: a caller who stays silent would go round for ever: enough → again → enough  [silent-loop]"]


def test_types_are_found_through_chains_of_assignments_in_any_order():
    flow = sound(
        "  hello: {menu: main_menu, choices: {1: look}, exhausted: bye}\n"
        "  tell: {set: {c: b + 1, d: account.senior}, then: say}\n"
        "  half: {set: {b: a / 2}, then: tell}\n"
        "  keep: {set: {a: account.balance}, then: half}\n"
        "  look: {lookup: account, with: {number: call.caller_id}, not_found: bye, then: keep}\n"
        '  say: {say: "{{ c | money }}", then: bye}\n'
    )

    assert flow.variables["c"] == Scalar(Kind.MONEY)
    assert flow.variables["d"] == Scalar(Kind.BOOL)


def test_the_same_name_may_be_set_twice_to_the_same_type():
    sound("  hello: {set: {x: 1}, then: next}\n  next: {set: {x: x + 1}, then: third}\n  third: {set: {x: -x}, then: bye}\n")


def test_a_look_up_after_the_hang_up_may_fail():
    head = HEAD + "on_hangup: gone\n"
    sound(
        "  hello: {say: welcome, then: bye}\n  gone: {lookup: bundles, with: {number: call.caller_id}, then: end}\n  end: {hangup: }\n",
        head,
    )


def test_a_flow_may_speak_two_languages():
    head = HEAD.replace("[zh-CN]", "[en-US, zh-CN]")
    flow = sound(
        '  hello: {say: [welcome, {en-US: "Hello.", zh-CN: 您好。}], then: change}\n  change: {set: {language: zh-CN}, then: bye}\n', head
    )
    hello = flow.nodes["hello"]

    assert isinstance(hello, Say)
    assert [sorted(prompt.pieces) for prompt in hello.prompts] == [["en-US", "zh-CN"]] * 2
    assert [prompt.name for prompt in hello.prompts] == ["welcome", "hello@7"]
    assert [prompt.mark for prompt in hello.prompts] == [Mark("flows/test.yaml", 7, 17), Mark("flows/test.yaml", 7, 26)]


def test_a_branch_keeps_the_order_of_its_arms():
    arms = "      - {when: account.senior, then: bye}\n      - {when: 'account.plan in [\"A\"]', then: other}\n"
    flow = sound(ACCOUNT + BRANCH + arms + ELSE + "  other: {goto: bye}\n")
    branch = flow.nodes["next"]

    assert isinstance(branch, Branch)
    assert [(condition.text, target) for condition, target in branch.arms] == [
        ("account.senior", "bye"),
        ('account.plan in ["A"]', "other"),
    ]


def test_a_problem_in_a_text_over_several_lines_points_at_its_beginning():
    problems = told(
        ACCOUNT
        + "  next:\n    branch:\n      - when: >\n          account.balance\n          <> 0\n        then: bye\n      - {else: bye}\n"
    )

    assert problems == ["f.yaml:10:15: error: in 'account.balance <> 0': '>' cannot stand here  [bad-expression]"]


def test_a_problem_in_a_quoted_text_points_into_it():
    problems = told(ACCOUNT + BRANCH + "      - {when: ' account.balanc > 0', then: bye}\n" + ELSE)

    assert problems == [
        "f.yaml:10:26: error: node 'next': in 'account.balanc > 0': there is no field 'balanc'; did you mean 'balance'?  [unknown-name]"
    ]


def test_what_a_broken_node_would_have_set_is_not_held_against_the_others():
    problems = told(
        "  hello: {lookup: account, with: {number: call.caller_id}, not_found: bye}\n"
        "  next: {set: {a: account.balance, 1b: 2}, then: }\n"
        "  third: {collect: 请输入, as: pin, exhausted: bye}\n"
        "  fourth: {say: '{{ account.balance | money }}{{ a | money }}{{ pin | digits }}', then: bye}\n"
    )

    assert problems == [
        "f.yaml:7:3: error: node 'hello' needs 'then'  [missing-key]",
        "f.yaml:8:36: error: '1b' is not a name: letters, digits and _ only, no digit first  [bad-value]",
        "f.yaml:8:50: error: 'then' must name a node, not nothing  [wrong-type]",
        "f.yaml:9:3: error: node 'third' needs 'then'  [missing-key]",
    ]


def test_what_is_made_of_an_unknown_look_up_is_not_held_against_anyone():
    problems = told(
        "  hello: {lookup: acount, as: who, with: {number: call.caller_id}, then: next}\n"
        "  next: {set: {a: who.balance}, then: third}\n"
        "  third: {set: {b: a + 1}, then: fourth}\n"
        "  fourth: {say: '{{ b | money }}', then: bye}\n"
    )

    assert problems == ["f.yaml:7:19: error: the back office has no look-up 'acount'; did you mean 'account'?  [unknown-lookup]"]


SIGNATURES = {
    "call": LookupSignature("call", {}, Record({"x": Scalar(Kind.TEXT)})),
    "check": LookupSignature(
        "check",
        {"pin": Scalar(Kind.DIGITS), "note": Scalar(Kind.TEXT, optional=True)},
        Record({"name": Scalar(Kind.TEXT), "code": Scalar(Kind.DIGITS, secret=True), "debt": Scalar(Kind.MONEY, optional=True)}),
    ),
}


def told_with(nodes: str) -> list[str]:
    return [str(problem) for problem in load_flow(f"{HEAD}nodes:\n{nodes}{BYE}", "f.yaml", CATALOGUE, SIGNATURES).problems]


def test_secrets_may_be_looked_up_and_tested_but_never_said():
    problems = told_with(
        "  hello: {collect: 请输入, as: pin, length: 6, secret: true, then: check, exhausted: bye}\n"
        "  check: {lookup: check, with: {pin: pin, note: null}, then: test}\n"
        "  test:\n    branch:\n      - {when: check.code == pin, then: tell}\n      - {else: bye}\n"
        "  tell: {say: '{{ check.code | digits }}', then: bye}\n"
    )

    assert problems == ["f.yaml:13:19: error: node 'tell': 'code' is secret; only a look-up may have it  [secret-spoken]"]


def test_an_optional_value_cannot_be_an_argument_that_must_be_there():
    problems = told_with(
        "  hello: {lookup: check, with: {pin: call.caller_id, note: call.dialled}, then: next}\n"
        "  next: {lookup: check, with: {pin: null, note: check.debt}, then: bye}\n"
    )

    assert problems == [
        "f.yaml:8:37: error: node 'next': 'null' is null, and the look-up needs digits here  [bad-expression]",
        "f.yaml:8:49: error: node 'next': 'check.debt' is money, and the look-up needs a text here  [bad-expression]",
    ]


def test_an_answer_named_like_a_value_of_the_line_needs_another_name():
    assert told_with("  hello: {lookup: call, then: bye}\n") == [
        "f.yaml:7:19: error: an answer cannot be named 'call'; give it a name with 'as'  [missing-key]"
    ]
    assert told_with("  hello: {lookup: call, as: it, then: bye}\n") == []


def test_a_flow_of_too_many_nodes_is_told_how_many():
    nodes = "".join(f"  n{number}: {{goto: bye}}\n" for number in range(1000))

    assert told(nodes) == ["f.yaml:6:1: error: a flow may have 1000 nodes at most; this one has 1001  [yaml-limit]"]


def test_a_shared_prompt_that_lacks_a_language_of_the_flow_is_told():
    catalogue, _ = read_catalogue([("zh-CN", "hi: 您好\n", "zh.yaml"), ("en-US", "other: Hi\n", "en.yaml")])
    head = HEAD.replace("[zh-CN]", "[zh-CN, en-US]")
    loaded = load_flow(f"{head}nodes:\n  hello: {{hangup: hi}}\n  bye: {{hangup: }}\n", "f.yaml", catalogue, {})

    assert [str(problem) for problem in loaded.problems if problem.severity == "error"] == [
        "f.yaml:7:19: error: prompt 'hi' has no text in en-US  [missing-language]"
    ]
