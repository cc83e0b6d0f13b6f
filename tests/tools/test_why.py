"""A call's journal told as a story."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from pathlib import Path

from adapters.storage.journal import JsonLinesJournal, read_journal, sessions_in
from ivr.calls.journal import entry
from ivr.core.commands import Command
from ivr.core.events import CallerHungUp, CallStarted, CommandFailed, DigitsEntered, Event, MessageKept, NothingHeard, PromptPlayed
from ivr.core.flow import Flow
from ivr.core.interpreter import advance
from ivr.core.state import CallState
from ivr.tools.conversations import NOON
from ivr.tools.why import tell
from tests.conftest import load

MENU = """selfline: 1
line: t
languages: [zh-CN]
start: m
on_failure: bye
nodes:
  m: {menu: main_menu, choices: {1: bye}, exhausted: bye}
  bye: {hangup: }
"""
SESSION = "70e1558d-60fb-43b1-868d-1ee334875400"


def journal_of(flow: Flow, *events: Event) -> list[Mapping[str, object]]:
    """What the journal keeps of a call, as it is read back from JSON."""
    state, asked, lines = CallState(), None, []
    for event in events:
        step = advance(flow, state, event)
        lines.append(json.loads(json.dumps(entry(event, asked, step))))
        state = step.state
        command: Command | None = step.command
        asked = command
    return lines


def place(flow: Flow, node: str) -> str:
    mark = flow.nodes[node].mark
    return f"{mark.path}:{mark.line}"


def later(seconds: float) -> dt.datetime:
    return NOON + dt.timedelta(seconds=seconds)


def test_each_decision_is_told_with_its_line(quick_line: Flow):
    entries = journal_of(
        quick_line,
        CallStarted(NOON, SESSION, "13900001008", "1008611"),
        CommandFailed(later(4), "deadline"),
        PromptPlayed(later(9)),
        MessageKept(later(15), "481625", hung_up=True),
    )

    story = list(tell([*entries, {"at": later(15).isoformat(), "disposition": "ticket_opened"}]))

    assert story[0] == "   0.0 s  *******1008 calls 1008611"
    assert story[1].startswith("          → look_up              flows/1008611.yaml:")
    assert f"   4.0 s  it fails: deadline  ({place(quick_line, 'look_up')})" in story
    assert f"          because of deadline: look_up_failed  ({place(quick_line, 'look_up')})" in story
    assert f"  15.0 s  a message is kept, by hanging up: ticket 481625  ({place(quick_line, 'leave')})" in story
    assert story[-1] == "  15.0 s  over: ticket_opened, a callback was promised"


def test_silence_wrong_keys_and_hang_ups_are_told(quick_line: Flow):
    entries = journal_of(
        quick_line,
        CallStarted(NOON, SESSION, "", "1008611"),
        CommandFailed(NOON, "back_office"),
        CallerHungUp(later(1)),
    )

    story = list(tell(entries))

    assert story[0] == "   0.0 s  a withheld number calls 1008611"
    assert story[-1] == f"   1.0 s  the caller hangs up  ({place(quick_line, 'leave')})"


def test_an_event_of_a_later_version_is_named_not_refused():
    assert list(tell([{"at": NOON.isoformat(), "event": {"type": "CallerSang"}, "notes": [{"type": "Amazed"}], "command": None}])) == [
        "   0.0 s  CallerSang",
        "          Amazed",
    ]


def test_sentences_of_several_prompts_stand_apart_where_the_language_has_spaces():
    def said(*parts: str) -> str:
        asked = {"type": "AskDigits", "utterance": {"language": "en-US", "parts": parts}}
        return list(tell([{"at": NOON.isoformat(), "event": {"type": "PromptPlayed"}, "notes": [], "command": asked}]))[-1].strip()

    told = said("Welcome.", "Your balance is ", "<money>", ".", "<text>", " is new.", " Open at ", "<time>", ".", "Press one.")

    assert told == "says   Welcome. Your balance is <money>. <text> is new. Open at <time>. Press one."
    assert said("您好。", "您的余额是", "<money>", "。", "查话费请按一。") == "says   您好。您的余额是<money>。查话费请按一。"


def test_what_is_new_to_a_call_has_its_words():
    notes = [
        {"type": "NodeEntered", "node": "desk", "mark": "flows/t.yaml:9:3"},
        {"type": "MilestoneReached", "node": "desk", "milestone": "asked"},
        {"type": "OutcomeReached", "node": "desk", "outcome": "informed"},
        {"type": "HoursChecked", "node": "desk", "hours": "agents", "state": "holiday", "target": "night"},
        {"type": "PageTurned", "node": "desk", "page": 2, "pages": 3},
        {"type": "LanguageChosen", "node": "desk", "language": "en-US"},
        {"type": "LimitExceeded", "node": "desk", "limit": "duration", "target": "bye"},
        {"type": "LimitExceeded", "node": "", "limit": "calls", "target": "bye"},
    ]
    started = {"type": "CallStarted", "caller_id": "*******1008", "dialled": "t", "language": "en-US", "crowded": True}
    text = {"type": "SendText", "to": "*******1008", "text": {"parts": ["Your balance: ", "<money>"]}}
    entries = [
        {"at": NOON.isoformat(), "version": "t@3", "event": started, "notes": notes, "command": text},
        {"at": NOON.isoformat(), "event": {"type": "TextQueued", "keys": 2}, "notes": [], "command": None},
        {"at": NOON.isoformat(), "event": {"type": "LookupAnswered", "answer": "given", "keys": 1}, "notes": [], "command": None},
    ]

    assert list(tell(entries)) == [
        "   0.0 s  *******1008 calls t, who chose en-US before, when the line has all the calls it may, answered by t@3",
        "          → desk                 flows/t.yaml:9",
        "          milestone: asked  (flows/t.yaml:9)",
        "          outcome so far: informed  (flows/t.yaml:9)",
        "          the hours of agents: closed for a holiday: night  (flows/t.yaml:9)",
        "          page 2 of 3  (flows/t.yaml:9)",
        "          the call goes on in en-US  (flows/t.yaml:9)",
        "          the call has lasted as long as it may: bye  (flows/t.yaml:9)",
        "          the line has all the calls it may: bye",
        "          writes Your balance: <money>",
        "   0.0 s  the text message is in the outbox; 2 keys pressed meanwhile  (flows/t.yaml:9)",
        "   0.0 s  the back office answers; 1 key pressed meanwhile  (flows/t.yaml:9)",
    ]


def test_what_callers_key_is_told_as_the_journal_keeps_it():
    flow = load(MENU).flow
    assert flow is not None

    story = list(tell(journal_of(flow, CallStarted(NOON, SESSION, "1", "t"), NothingHeard(later(5)), DigitsEntered(later(6), "1"))))

    assert "   5.0 s  the caller is silent  (flows/test.yaml:7)" in story
    assert "          noinput, 1 so far  (flows/test.yaml:7)" in story
    assert story[5].startswith("          says ")
    assert story[5].endswith("(flows/test.yaml:7)")
    assert "          key 1 is a choice: bye  (flows/test.yaml:7)" in story
    assert story[-1] == "          hangs up"


def test_the_journal_knows_its_calls_latest_last(tmp_path: Path):
    journal = JsonLinesJournal(tmp_path, clock=lambda: NOON)
    for session in ("a", "b", "a"):
        journal.write(session, {"at": NOON.isoformat()})
    journal.close()

    assert sessions_in(tmp_path) == ("b", "a")
    assert len(list(read_journal(tmp_path, "a"))) == 2
