"""A caller's side of a call, for tests: what they do, and what they hear."""

from __future__ import annotations

import datetime as dt

from ivr.core.commands import AskDigits, Command, Lookup, Play
from ivr.core.events import (
    CallerHungUp,
    CallStarted,
    CommandFailed,
    DigitsEntered,
    Event,
    LookupAnswered,
    MessageKept,
    MessageNotKept,
    NothingHeard,
    PromptPlayed,
    Released,
    TransferEnded,
)
from ivr.core.flow import Flow
from ivr.core.interpreter import Step, advance
from ivr.core.notes import Note
from ivr.core.state import CallState
from ivr.core.values import Text, Utterance, Value
from tests.conftest import load

NOON = dt.datetime(2026, 3, 5, 12, 0, tzinfo=dt.timezone(dt.timedelta(hours=8)))

HEAD = """selfline: 1
line: test
languages: [en-US, zh-CN]
on_failure: sorry
"""
TAIL = """
  sorry: {say: {en-US: Sorry., zh-CN: 抱歉。}, then: bye}
  bye: {hangup: {en-US: Goodbye., zh-CN: 再见。}}
"""


def compiled(nodes: str, head: str = "start: hello", subflows: str = "") -> Flow:
    """A flow of these nodes, with `sorry` and `bye` at its end; <<text>> stands for a text in both languages."""
    text = HEAD + head + "\nnodes:" + nodes.rstrip() + TAIL + subflows
    loaded = load(_doubled(text))
    assert loaded.flow is not None, [str(problem) for problem in loaded.problems]
    return loaded.flow


def _doubled(text: str) -> str:
    parts = text.split("<<")
    return parts[0] + "".join(
        f'{{en-US: "{text}", zh-CN: "中{text}"}}{rest}' for text, _, rest in (part.partition(">>") for part in parts[1:])
    )


def said(utterance: Utterance) -> str:
    """Texts as they are, values as <kind value>."""
    return " ".join(part.text.strip() if isinstance(part, Text) else f"<{part.kind} {part.value}>" for part in utterance.parts)


class Phone:
    """One call. Each method is one thing that happens; it returns the phone, so that a test reads like a story."""

    def __init__(self, flow: Flow, caller_id: str = "13900001008") -> None:
        self.flow = flow
        self.state = CallState()
        self.step: Step
        self.all_notes: list[Note] = []
        self.happens(CallStarted(NOON, "session", caller_id, "test"))

    def happens_first(self, started: CallStarted) -> Phone:
        """Another call, from its beginning."""
        self.state = CallState()
        self.all_notes.clear()
        return self.happens(started)

    def happens(self, event: Event) -> Phone:
        self.step = advance(self.flow, self.state, event)
        self.state = self.step.state
        self.all_notes.extend(self.step.notes)
        return self

    @property
    def command(self) -> Command | None:
        return self.step.command

    @property
    def hears(self) -> str:
        assert isinstance(self.command, Play | AskDigits), self.command
        return said(self.command.utterance)

    @property
    def asked(self) -> AskDigits:
        assert isinstance(self.command, AskDigits), self.command
        return self.command

    @property
    def looked_up(self) -> Lookup:
        assert isinstance(self.command, Lookup), self.command
        return self.command

    def presses(self, digits: str, *, terminated: bool = False) -> Phone:
        return self.happens(DigitsEntered(NOON, digits, terminated))

    def is_silent(self) -> Phone:
        return self.happens(NothingHeard(NOON))

    def listens(self, keys: str = "") -> Phone:
        return self.happens(PromptPlayed(NOON, keys))

    def is_answered(self, answer: Value, keys: str = "") -> Phone:
        return self.happens(LookupAnswered(NOON, answer, keys))

    def meets_failure(self, reason: str = "deadline", keys: str = "") -> Phone:
        return self.happens(CommandFailed(NOON, reason, keys))

    def hangs_up(self) -> Phone:
        return self.happens(CallerHungUp(NOON))

    def leaves_a_message(self, reference: str | None = "481625", *, hung_up: bool = False) -> Phone:
        return self.happens(MessageKept(NOON, reference, hung_up))

    def leaves_none(self, reason: str = "too_short", *, hung_up: bool = False) -> Phone:
        return self.happens(MessageNotKept(NOON, reason, hung_up))

    def talked(self, *, answered: bool) -> Phone:
        return self.happens(TransferEnded(NOON, answered))

    def is_not_put_through(self, reason: str, reference: str | None = None) -> Phone:
        return self.happens(TransferEnded(NOON, False, reason, reference))

    def is_released(self) -> Phone:
        return self.happens(Released(NOON))
