"""Conversations: the shipped ones hold, and one that does not hold says where and what was heard instead."""

from __future__ import annotations

from pathlib import Path

import pytest

from adapters.backoffice.signatures import SIGNATURES
from ivr.core.flow import Flow
from ivr.tools.conversations import Conversation, Script, read_script
from ivr.tools.flowtest import run
from tests.conftest import HOME

SCRIPTS = sorted((HOME / "flows" / "tests").glob("*.yaml"))


def script(path: Path) -> Script:
    found, problems = read_script(path.read_text(encoding="utf-8"), f"flows/tests/{path.name}", SIGNATURES)
    assert problems == ()
    assert found is not None
    return found


@pytest.mark.parametrize("conversation", [one for path in SCRIPTS for one in script(path).conversations], ids=lambda one: one.name)
def test_the_shipped_conversations_hold(conversation: Conversation, quick_line: Flow):
    outcome = run(quick_line, conversation, lambda name, arguments: None)

    assert outcome.problem is None, "\n".join((str(outcome.problem), *outcome.transcript))


def held(quick_line: Flow, steps: str) -> str:
    text = f"flow: ../1008611.yaml\nconversations:\n  - name: one\n    back_office: {{account: {{language: zh-CN}}}}\n    steps:\n{steps}"
    found, problems = read_script(text, "t.yaml", SIGNATURES)
    assert problems == ()
    assert found is not None
    outcome = run(quick_line, found.conversations[0], lambda name, arguments: None)
    return str(outcome.problem)


def test_what_was_not_heard_is_told_beside_what_was(quick_line: Flow):
    problem = held(quick_line, "      - press: '1'\n      - hears: 五元\n      - hang_up\n")

    assert problem.startswith("t.yaml:7:16: error: the caller should hear '五元', but the line said: 您的账户余额是零元。查询话费")


def test_an_act_that_does_not_fit_is_refused(quick_line: Flow):
    problem = held(quick_line, "      - leave_message\n")

    assert problem == "t.yaml:6:9: error: the line asks for a key, so the caller cannot do 'leave_message' here  [conversation]"


def test_steps_after_the_end_of_the_call_are_told(quick_line: Flow):
    problem = held(quick_line, "      - hang_up\n      - press: '1'\n")

    assert problem == "t.yaml:7:16: error: the call is over before the caller could do 'press'  [conversation]"


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
