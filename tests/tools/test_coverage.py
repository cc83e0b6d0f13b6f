"""Coverage: the shipped line is covered wholly, and what is missing is told with the way there."""

from __future__ import annotations

import pytest

from adapters.backoffice.signatures import SIGNATURES
from ivr.core.flow import Flow
from ivr.language.loader import load_flow
from ivr.tools.conversations import read_script
from ivr.tools.coverage import Coverage, cover, report
from ivr.tools.edges import Edge, Kind, edges_of
from ivr.tools.flowtest import run
from tests.conftest import CATALOGUE, HOME, load
from tests.tools.everything import EVERYTHING, FILES, everything


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
        (["hang_up"], "{account: {}}", "the look-up at 'look_up' was never answered: `back_office: {account: {…}}`"),
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
    assert "    universal keys     0 of 5      0 %" in lines
    assert "    all               12 of 95    12 %" in lines


def test_the_report_in_the_flow_guide_is_what_is_said(quick_line: Flow):
    guide = (HOME / "docs" / "flows.md").read_text(encoding="utf-8")
    shown = [line for line in guide.splitlines() if line.startswith("flows/1008611.yaml:")]

    assert len(shown) == 2
    assert set(shown) <= {str(one) for one in cover(quick_line, []).missing()}


def advice(flow: Flow) -> dict[Edge, str]:
    return {one.edge: one.sentence for one in cover(flow, []).missing()}


@pytest.mark.parametrize(
    ("edge", "sentence"),
    [
        (
            Edge(Kind.HOURS, "open_now", "closed"),
            "no call came to 'open_now' outside the opening hours: come there with `at: 2026-03-07T12:00`, outside the hours of 'desk'",
        ),
        (
            Edge(Kind.HOURS, "open_now", "holiday"),
            "no call came to 'open_now' on a holiday: come there with `at: 2026-05-01T12:00`, on a holiday of 'desk'",
        ),
        (Edge(Kind.LIST, "list", "empty"), "no list at 'list' was empty: come there with nothing in bundles.items"),
        (Edge(Kind.LIST, "list", "one page"), "no list at 'list' fitted on one page: come there with 1 to 2 items in bundles.items"),
        (
            Edge(Kind.CHOICE, "list", "2"),
            "nobody pressed 2 at 'list': there, with more than 2 in bundles.items, `press: \"12\"`",
        ),
        (
            Edge(Kind.NOMATCH, "list", "nomatch"),
            "nobody pressed a wrong key at 'list': there, with more than 2 in bundles.items, `press: \"#\"`",
        ),
        (Edge(Kind.TEXT, "sms", "failed"), "no text message at 'sms' failed: there, `sms_fails`"),
        (
            Edge(Kind.LIMIT, "", "duration"),
            "no call lasted longer than the line allows (limits): at any menu, `later: 10min` and then any step",
        ),
        (
            Edge(Kind.LIMIT, "", "tries"),
            "no call failed more often than the line allows (limits): `silence` in menus and forms, 4 times in all",
        ),
        (Edge(Kind.LIMIT, "", "calls"), "no call came while the line was crowded (limits): `crowded: true`"),
        (Edge(Kind.CHOICE, "number/ask.confirm", "2"), "nobody pressed 2 at 'number/ask.confirm': there, `press: \"2\"`"),
        (Edge(Kind.NODE, "note", ""), "no call came to 'note': at a menu, `hang_up`"),
    ],
)
def test_the_way_to_each_new_kind_of_edge_is_told(edge: Edge, sentence: str):
    assert advice(everything())[edge] == sentence


BUNDLE = "{name: A, left: 1GB}"
THREE = f"{{bundles: {{items: [{BUNDLE}, {BUNDLE}, {BUNDLE}]}}}}"
ONE = f"{{bundles: {{items: [{BUNDLE}]}}}}"
NUMBER = 'press: "13900002000"'


@pytest.mark.parametrize(
    ("steps", "more", "edges"),
    [
        (["hears: We open again"], "at: 2026-03-07T12:00", [Edge(Kind.HOURS, "open_now", "closed")]),
        (["hears: It is a holiday"], "at: 2026-05-01T12:00", [Edge(Kind.HOURS, "open_now", "holiday")]),
        (["hears: All lines are busy"], "crowded: true", [Edge(Kind.LIMIT, "", "calls")]),
        (["hang_up"], "", [Edge(Kind.HOURS, "always", "open"), Edge(Kind.NODE, "note", ""), Edge(Kind.HANG_UP, "", "menu")]),
        (["later: 10min", "silence", "hears: too long", "hang_up"], "", [Edge(Kind.LIMIT, "", "duration")]),
        (
            ["silence", "silence", "press: '2'", "silence", "silence", "hears: too long", "hang_up"],
            "",
            [Edge(Kind.LIMIT, "", "tries"), Edge(Kind.NOINPUT, "number/ask", "noinput")],
        ),
        (["press: '1'", "hears: There are none", "hang_up"], "back_office: {bundles: {}}", [Edge(Kind.LIST, "list", "empty")]),
        (
            ["press: '1'", "sms: You have 0", "hang_up"],
            f"back_office: {ONE}",
            [Edge(Kind.LIST, "list", "one page"), Edge(Kind.TEXT, "sms", "then")],
        ),
        (
            ["press: '112'", "press: '1#'", "press: '3'", "hang_up"],
            f"back_office: {THREE}",
            [Edge(Kind.CHOICE, "list", key) for key in "123"] + [Edge(Kind.NOMATCH, "list", "nomatch")],
        ),
        (["press: '1'", "hang_up"], f"back_office: {THREE}", [Edge(Kind.HANG_UP, "", "list")]),
        (["press: '1'", "sms_fails"], f"back_office: {ONE}", [Edge(Kind.TEXT, "sms", "failed")]),
        (["press: '1'"], f"back_office: {ONE}\nwithheld: true", [Edge(Kind.TEXT, "sms", "failed")]),
        (
            ["press: '2'", NUMBER, "press: '2'", NUMBER, "press: '1'", "hang_up"],
            f"back_office: {THREE}",
            [*(Edge(Kind.CHOICE, "number/ask.confirm", key) for key in "12"), Edge(Kind.RETURN, "other", "then")],
        ),
    ],
)
def test_an_edge_is_taken_by_a_call_that_goes_there(steps: list[str], more: str, edges: list[Edge]):
    listed = ", ".join(map(braced, steps))
    indented = "".join(f"    {line}\n" for line in more.splitlines())
    counts = held(everything(), f"flow: f.yaml\nconversations:\n  - name: one\n    steps: [{listed}]\n{indented}").counts

    assert [edge for edge in edges if not counts[edge]] == []
    others = [edge for edge, count in counts.items() if count and edge.kind in (Kind.LIST, Kind.LIMIT)]
    assert set(others) <= {*edges, Edge(Kind.LIST, "list", "one page")}


def test_what_opening_hours_can_never_be_does_not_count():
    """Hours that are always open are never closed; without a calendar no day is a holiday; a list can always be empty."""
    edges = edges_of(everything())

    assert [edge.label for edge in edges if edge.kind is Kind.HOURS and edge.node == "always"] == ["open"]
    assert Edge(Kind.LIST, "list", "empty") in edges


def test_a_sub_flow_that_is_called_twice_comes_back_to_each_call():
    """Also after `back` has led out of the second call into the first menu, and both calls go on at one node."""
    text = EVERYTHING.replace(
        "  other: {call: number,",
        "  second: {call: number, with: {usual: call.caller_id}, as: asked, then: theirs}\n  other: {call: number,",
    ).replace("2: other,", "2: other, 4: second,")
    loaded = load_flow(text, "flows/everything.yaml", CATALOGUE, SIGNATURES, FILES.get)
    assert loaded.flow is not None
    steps = ["press: '2'", NUMBER, "press: '*'", "press: '*'", "press: '4'", NUMBER, "press: '1'", "hang_up"]

    counts = held(
        loaded.flow, f"flow: f.yaml\nconversations:\n  - {{name: one, back_office: {THREE}, steps: [{', '.join(map(braced, steps))}]}}\n"
    ).counts

    assert counts[Edge(Kind.RETURN, "second", "then")] == 1
    assert counts[Edge(Kind.RETURN, "other", "then")] == 0
