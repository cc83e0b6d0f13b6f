"""What is written of a step: enough to explain the call, nothing that would betray the caller."""

from __future__ import annotations

import datetime as dt
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.calls.journal import entry, mask
from ivr.core.commands import AskDigits, Command, Lookup, Play, Transfer
from ivr.core.events import CallStarted, CommandFailed, DigitsEntered, Event, LookupAnswered, MessageKept, NothingHeard, PromptPlayed
from ivr.core.interpreter import Step
from ivr.core.marks import Mark
from ivr.core.notes import ChoiceMade, ConditionHeld, NodeEntered
from ivr.core.state import CallState
from ivr.core.values import Kind, SpokenValue, Text, Utterance
from tests.core.phone import NOON

NOTHING = Step(CallState(), None, ())
ASK = AskDigits(Utterance("en-US", ()), 11, dt.timedelta(seconds=5), dt.timedelta(seconds=2))
ASK_SECRET = AskDigits(Utterance("en-US", ()), 6, dt.timedelta(seconds=5), dt.timedelta(seconds=2), secret=True)


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("13900001008", "*******1008"),
        ("from 13900001008 to 10086", "from *******1008 to 10086"),
        ("481625", "481625"),
        ("1234567", "***4567"),
        ("", ""),
    ],
)
def test_long_rows_of_digits_keep_their_last_four(text: str, masked: str):
    assert mask(text) == masked


@pytest.mark.parametrize(
    ("event", "asked", "written"),
    [
        (
            CallStarted(NOON, "7d9f3c1e-0000-4000-8000-000012345678", "13900001008", "1008611"),
            None,
            {
                "type": "CallStarted",
                "session": "7d9f3c1e-0000-4000-8000-000012345678",
                "caller_id": "*******1008",
                "dialled": "1008611",
                "language": "",
                "crowded": False,
                "slower": False,
                "louder": False,
            },
        ),
        (DigitsEntered(NOON, "2"), ASK, {"type": "DigitsEntered", "digits": "2", "terminated": False}),
        (DigitsEntered(NOON, "13911112222", True), ASK, {"type": "DigitsEntered", "digits": "*******2222", "terminated": True}),
        (DigitsEntered(NOON, "7351"), ASK_SECRET, {"type": "DigitsEntered", "digits": "****", "terminated": False}),
        (DigitsEntered(NOON, "7351"), None, {"type": "DigitsEntered", "digits": "****", "terminated": False}),
        (PromptPlayed(NOON, "73"), None, {"type": "PromptPlayed", "keys": 2}),
        (LookupAnswered(NOON, {"balance": 5}, "735"), None, {"type": "LookupAnswered", "answer": "given", "keys": 3}),
        (LookupAnswered(NOON, None), None, {"type": "LookupAnswered", "answer": None, "keys": 0}),
        (CommandFailed(NOON, "deadline", "1"), None, {"type": "CommandFailed", "reason": "deadline", "keys": 1}),
        (NothingHeard(NOON), ASK, {"type": "NothingHeard"}),
        (MessageKept(NOON, "481625", True), None, {"type": "MessageKept", "reference": "481625", "hung_up": True}),
    ],
)
def test_an_event_is_written_without_what_is_secret(event: Event, asked: Command | None, written: dict[str, object]):
    line = entry(event, asked, NOTHING)

    assert line == {"at": "2026-03-05T12:00:00.000+08:00", "event": written, "notes": [], "command": None}


@pytest.mark.parametrize(
    ("command", "written"),
    [
        (
            Play(Utterance("zh-CN", (Text("余额"), SpokenValue(Kind.MONEY, 5, dt.date(2026, 1, 1))))),
            {"type": "Play", "utterance": {"language": "zh-CN", "parts": ["余额", "<money>"]}, "barge_in": True},
        ),
        (
            Lookup("account", {"number": "13900001008"}, dt.timedelta(seconds=4), None),
            {
                "type": "Lookup",
                "name": "account",
                "arguments": {"number": "given"},
                "deadline": 4.0,
                "comfort": None,
                "comfort_after": 1.0,
                "retries": 0,
                "backoff": 0.2,
            },
        ),
        (
            Transfer("agents", dt.timedelta(seconds=20), dt.timedelta(minutes=5), "en-US"),
            {"type": "Transfer", "destination": "agents", "ring_time": 20.0, "wait": 300.0, "language": "en-US"},
        ),
    ],
)
def test_a_command_is_written_with_its_texts_and_without_its_values(command: Command, written: dict[str, object]):
    line = entry(NothingHeard(NOON), ASK, Step(CallState(), command, ()))

    assert line["command"] == written
    json.dumps(line)


def test_the_notes_name_the_line_of_the_flow():
    notes = (
        NodeEntered("main", Mark("flows/a.yaml", 3, 3)),
        ChoiceMade("main", "1", "tell", universal=False),
        ConditionHeld("b", "x > 0", "c"),
    )
    line = entry(NothingHeard(NOON), ASK, Step(CallState(), None, notes))

    assert line["notes"] == [
        {"type": "NodeEntered", "node": "main", "mark": "flows/a.yaml:3:3"},
        {"type": "ChoiceMade", "node": "main", "key": "1", "target": "tell", "universal": False},
        {"type": "ConditionHeld", "node": "b", "condition": "x > 0", "target": "c"},
    ]


@given(st.text("0123456789", min_size=7, max_size=32), st.text("abc -", max_size=5))
def test_no_long_number_survives(number: str, around: str):
    assert number not in mask(around + number + around)
