"""Conversations: the shipped ones hold, and one that does not hold says where and what was heard instead."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest

from adapters.backoffice.signatures import SIGNATURES
from ivr.core.flow import Flow
from ivr.core.state import Disposition
from ivr.tools.conversations import Conversation, Script, read_script
from ivr.tools.flowtest import Outcome, run, told
from tests.conftest import HOME

SCRIPTS = sorted((HOME / "flows" / "tests").glob("*.yaml"))


def script(path: Path) -> Script:
    found, problems = read_script(path.read_text(encoding="utf-8"), f"flows/tests/{path.name}", SIGNATURES)
    assert problems == ()
    assert found is not None
    return found


@pytest.mark.parametrize("conversation", [one for path in SCRIPTS for one in script(path).conversations], ids=lambda one: one.name)
def test_the_shipped_conversations_hold(conversation: Conversation, quick_line: Flow):
    held = run(quick_line, conversation, lambda name, arguments: None)

    assert held.problem is None, "\n".join(told(held))


def held(quick_line: Flow, steps: str) -> str:
    return str(outcome(quick_line, steps).problem)


def outcome(quick_line: Flow, steps: str) -> Outcome:
    text = f"flow: ../1008611.yaml\nconversations:\n  - name: one\n    back_office: {{account: {{language: zh-CN}}}}\n    steps:\n{steps}"
    found, problems = read_script(text, "t.yaml", SIGNATURES)
    assert problems == ()
    assert found is not None
    return run(quick_line, found.conversations[0], lambda name, arguments: None)


def test_what_was_not_heard_is_told_beside_what_was(quick_line: Flow):
    problem = held(quick_line, "      - press: '1'\n      - hears: 五元\n      - hang_up\n")

    assert re.match(
        r"t.yaml:7:16: error: the caller should hear '五元', but at 'main' \(flows/1008611.yaml:\d+\) "
        "the line said: 您的账户余额是零元。查询话费",
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
        "  flows/1008611.yaml:N  line  您的账户余额是零元。查询话费请按一，",
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
    found, problems = read_script(text, "t.yaml", SIGNATURES)
    assert problems == ()
    assert found is not None

    problem = run(quick_line, found.conversations[0], lambda name, arguments: None).problem

    assert problem is not None
    assert problem.sentence.startswith(sentence)


@pytest.mark.parametrize(
    ("steps", "ends"),
    [
        (["press: '5'", "message_saved"], Disposition.TICKET_OPENED),
        (["line_fails", "line_fails", "leave_message"], Disposition.TICKET_OPENED),
        (["press: '0'", "line_fails", "line_fails", "leave_nothing"], Disposition.FAILED),
        (["press: '0'", "hang_up"], Disposition.SELF_SERVED),
    ],
)
def test_what_can_happen_to_a_call(quick_line: Flow, steps: list[str], ends: Disposition):
    """The message that has no number yet, the line that fails while it asks, records or rings, and hanging up while it rings."""
    held = outcome(quick_line, "".join(f"      - {step}\n" for step in steps))

    assert held.problem is None
    assert held.passages[-1].step.state.disposition is ends


def test_two_thousand_conversations_are_held_in_a_second(quick_line: Flow):
    """Measured on an idle machine; here only that nothing has become several times slower."""
    conversations = [one for path in SCRIPTS for one in script(path).conversations]

    best = 0.0
    for _ in range(10):
        begun = time.perf_counter()
        for conversation in conversations:
            run(quick_line, conversation, lambda name, arguments: None)
        best = max(best, len(conversations) / (time.perf_counter() - begun))

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
