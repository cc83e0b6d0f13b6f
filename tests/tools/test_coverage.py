"""Coverage: the shipped line is covered wholly, and what is missing is told with the way there."""

from __future__ import annotations

import pytest

from adapters.backoffice.signatures import SIGNATURES
from ivr.core.flow import Flow
from ivr.tools.conversations import read_script
from ivr.tools.coverage import Coverage, cover, report
from ivr.tools.edges import Kind, edges_of
from ivr.tools.flowtest import run
from tests.conftest import HOME, load


def held(flow: Flow, text: str) -> Coverage:
    script, problems = read_script(text, "t.yaml", SIGNATURES)
    assert [str(problem) for problem in problems] == []
    assert script is not None
    outcomes = [run(flow, conversation, lambda name, arguments: None) for conversation in script.conversations]
    assert [str(outcome.problem) for outcome in outcomes if outcome.problem] == []
    return cover(flow, (outcome.passages for outcome in outcomes))


def said(flow: Flow, *steps: str, answers: str = "{account: {language: zh-CN}}") -> Coverage:
    """Coverage of one conversation."""
    listed = "".join(f"      - {step}\n" for step in steps)
    conversation = f"  - name: one\n    back_office: {answers}\n    steps:{'' if steps else ' []'}\n{listed}"
    return held(flow, f"flow: f.yaml\nconversations:\n{conversation}")


def flow_of(text: str) -> Flow:
    loaded = load(text)
    assert [str(problem) for problem in loaded.problems] == []
    assert loaded.flow is not None
    return loaded.flow


def test_the_shipped_conversations_go_everywhere(quick_line: Flow):
    coverage = held(quick_line, (HOME / "flows" / "tests" / "1008611.yaml").read_text(encoding="utf-8"))

    assert [str(one) for one in coverage.missing()] == []
    assert coverage.percent == 100


def test_without_any_call_everything_is_missing(quick_line: Flow):
    coverage = cover(quick_line, [])

    assert coverage.percent == 0
    assert len(coverage.missing()) == len([edge for edge in edges_of(quick_line) if edge.kind is not Kind.THEN])


FORM = """\
selfline: 1
line: forms
languages: [en-US]
start: ask
on_failure: end
universals: {"*": back, "9": repeat}
defaults: {exhausted: end}
nodes:
  ask:
    collect: Please enter your number.
    as: number
    min: 3
    max: 5
    then: choose
  choose:
    menu: Press one for help.
    choices: {1: help, 9: end}
  help: {call: helping, then: choose}
  end: {hangup: }
subflows:
  helping:
    start: talk
    nodes:
      talk: {transfer: agents, unanswered: take, then: done}
      take:
        message: Please leave a message.
        topic: help
        kept: Kept.
        saved: Saved.
        too_short: Too short.
        not_kept: Not kept.
        then: done
      done: {return: }
"""


def test_each_missing_edge_is_told_with_its_place_and_the_way_there():
    missing = [str(one) for one in cover(flow_of(FORM), []).missing()]

    assert missing == [
        "flows/test.yaml:9:3: no call came to 'ask': the call begins there",
        "flows/test.yaml:9:3: nobody filled in 'ask': there, `press` 3 to 5 digits",
        "flows/test.yaml:9:3: nobody was silent at 'ask': there, `silence`",
        "flows/test.yaml:9:3: nobody pressed a wrong key at 'ask': there, `press: \"1*1\"`",
        "flows/test.yaml:9:3: nobody used up the tries of 'ask': there, `silence`, 3 times",
        "flows/test.yaml:15:3: no call came to 'choose': at 'ask', `press` 3 to 5 digits",
        "flows/test.yaml:15:3: nobody pressed 1 at 'choose': there, `press: \"1\"`",
        "flows/test.yaml:15:3: nobody pressed 9 at 'choose': there, `press: \"9\"`",
        "flows/test.yaml:15:3: nobody was silent at 'choose': there, `silence`",
        "flows/test.yaml:15:3: nobody pressed a wrong key at 'choose': there, `press: \"0\"`",
        "flows/test.yaml:15:3: nobody used up the tries of 'choose': there, `silence`, 3 times",
        "flows/test.yaml:18:3: no call came to 'help': at 'choose', `press: \"1\"`",
        "flows/test.yaml:18:3: nobody came back from the sub-flow called at 'help': come to a `return` of 'helping'",
        "flows/test.yaml:19:3: no call came to 'end': at 'ask', `silence`, 3 times",
        "flows/test.yaml:24:7: no call came to 'helping/talk': it follows 'help'",
        "flows/test.yaml:24:7: nobody talked to a person at 'helping/talk': there, `answered`",
        "flows/test.yaml:24:7: nobody remained unanswered at 'helping/talk': there, `unanswered`",
        "flows/test.yaml:25:7: no call came to 'helping/take': at 'helping/talk', `unanswered`",
        "flows/test.yaml:25:7: no message at 'helping/take' came to kept: there, `leave_message`",
        "flows/test.yaml:25:7: no message at 'helping/take' came to saved: there, `message_saved`",
        "flows/test.yaml:25:7: no message at 'helping/take' came to too_short: there, `leave_nothing`",
        "flows/test.yaml:25:7: no message at 'helping/take' came to not_kept: there, `message_fails`",
        "flows/test.yaml:33:7: no call came to 'helping/done': at 'helping/talk', `answered`",
        'flows/test.yaml:1:1: nobody pressed * (back): at any menu without a choice *, `press: "*"`',
        'flows/test.yaml:1:1: nobody pressed 9 (repeat): at any menu without a choice 9, `press: "9"`',
        "flows/test.yaml:1:1: nobody hung up at a form: there, `hang_up`",
        "flows/test.yaml:1:1: nobody hung up at a menu: there, `hang_up`",
        "flows/test.yaml:1:1: nobody hung up at a transfer: there, `hang_up`",
        "flows/test.yaml:1:1: nobody hung up at a message: there, `hang_up`",
        "flows/test.yaml:1:1: nothing failed (on_failure): at any menu, `line_fails`",
    ]


def test_following_the_way_there_covers_everything():
    """Every sentence that a report gives is advice that works."""
    ways = [
        ['press: "1*1"', 'press: "123#"', 'press: "1"', "answered", "hang_up"],
        ["silence", "silence", "silence", "line_ends"],
        ['press: "9"', 'press: "*"', "hang_up"],
        ['press: "12345"', 'press: "0"', "silence", "silence", "line_ends"],
        *(['press: "12345"', 'press: "1"', "unanswered", step, "hang_up"] for step in ("leave_message", "message_saved", "leave_nothing")),
        ['press: "12345"', 'press: "1"', "unanswered", "message_fails", 'press: "9"', "line_ends"],
        ['press: "12345"', 'press: "1"', "unanswered", "hang_up"],
        ['press: "12345"', 'press: "1"', "hang_up"],
        ['press: "12345"', "line_fails", "line_ends"],
    ]
    conversations = "".join(f"  - name: {index}\n    steps: [{', '.join(map(braced, way))}]\n" for index, way in enumerate(ways))

    coverage = held(flow_of(FORM), f"flow: f.yaml\nconversations:\n{conversations}")

    assert [str(one) for one in coverage.missing()] == []


def braced(step: str) -> str:
    return f"{{{step}}}" if ":" in step else step


@pytest.mark.parametrize(
    ("steps", "answers", "untaken"),
    [
        (["line_ends"], "{account: not_found}", "the look-up at 'look_up' never found nothing: `back_office: {account: not_found}`"),
        (["line_ends"], "{account: deadline}", "the look-up at 'look_up' never failed: `back_office: {account: failed}`"),
        (["hang_up"], "{account: {suspended: true}}", "at 'quick', account.suspended never decided: come there with account.suspended"),
        (
            ["hang_up"],
            "{account: {has_data: true}}",
            "at 'quick', account.has_data never decided: come there with account.has_data "
            "and not account.suspended, account.balance < 0, account.unlimited",
        ),
    ],
)
def test_an_edge_is_taken_by_what_the_sentence_says(quick_line: Flow, steps: list[str], answers: str, untaken: str):
    without = [one.sentence for one in cover(quick_line, []).missing()]
    having = [one.sentence for one in said(quick_line, *steps[:-1], answers=answers).missing()]

    assert untaken in without
    assert untaken not in having


def test_a_menu_in_which_every_key_means_something_has_no_wrong_key():
    choices = ", ".join(f'"{key}": end' for key in "1234567890#")
    text = FORM.replace("{1: help, 9: end}", f"{{{choices}}}").replace("  help: {call: helping, then: choose}\n", "")
    flow = flow_of(text[: text.index("subflows:")])

    assert [edge.node for edge in edges_of(flow) if edge.kind is Kind.NOMATCH] == ["ask"]


def test_an_expression_that_fails_is_a_failure():
    flow = flow_of(
        FORM.replace("then: choose\n", "then: count\n").replace("  help:", "  count: {set: {each: 1 / 0}, then: choose}\n  help:")
    )

    coverage = said(flow, 'press: "123#"', answers="{}")

    assert next(count for edge, count in coverage.counts.items() if edge.kind is Kind.FAILURE) == 1


def test_the_report_has_a_row_for_each_kind_and_the_sum(quick_line: Flow):
    lines = list(report(said(quick_line, "hang_up")))

    assert lines[0] == "coverage of flows/1008611.yaml"
    assert "    universal keys     0 of 3      0 %" in lines
    assert "    all               12 of 80    15 %" in lines


def test_the_report_in_the_flow_guide_is_what_is_said(quick_line: Flow):
    guide = (HOME / "docs" / "flows.md").read_text(encoding="utf-8")
    shown = [line for line in guide.splitlines() if line.startswith("flows/1008611.yaml:")]

    assert len(shown) == 2
    assert set(shown) <= {str(one) for one in cover(quick_line, []).missing()}
