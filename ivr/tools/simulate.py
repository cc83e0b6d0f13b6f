"""Talking to a flow in the terminal: the caller's keys, silence, hang-up; steps taken back; look-ups that answer something else.

States are frozen, so taking a step back is keeping the old one.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ivr.core import notes as facts
from ivr.core.commands import AskDigits, Command, Lookup, Play, Release, SendText, TakeMessage, Transfer
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
    TextQueued,
    TransferEnded,
)
from ivr.core.flow import Flow
from ivr.core.interpreter import Step, advance
from ivr.core.state import CallState
from ivr.core.values import Value
from ivr.tools.flowtest import REFERENCE, Answers, transcript_of

_KEYS = re.compile(r"[0-9*#]{1,64}")
_WHAT_IF = re.compile(r"what (?P<lookup>\w+) (?P<outcome>failed|deadline|not_found|as_usual)")
HELP = {
    "keys": "keys (12#), Enter for silence, hang, back (one step), what LOOK-UP failed|deadline|not_found|as_usual, quit",
    "message": "leave, short (say nothing), hang (keeps the message), full (no room on the disk), back, quit",
    "transfer": "yes (somebody answers), no, hang, back, quit",
}


@dataclass(frozen=True, slots=True)
class Screen:
    """What to show after a step: what the line said, the way through the flow, and what can be done now ("" when the call is over)."""

    said: tuple[str, ...]
    way: tuple[str, ...]
    ask: str


@dataclass(frozen=True, slots=True)
class _Moment:
    """A call that waits for its caller."""

    state: CallState
    command: Command | None


class NotUnderstood(Exception):
    """What was typed is nothing that can be done now."""


class TryOut:
    """One call, tried out. `answers` gives look-up answers; `clock` the time of each event."""

    def __init__(self, flow: Flow, caller: str, answers: Answers, clock: Callable[[], dt.datetime]) -> None:
        self._flow = flow
        self._answers = answers
        self._clock = clock
        self._caller = caller
        self._what_if: dict[str, str] = {}
        self._keys = ""
        self._moments: list[_Moment] = []

    def begin(self) -> Screen:
        """The call comes in."""
        started = CallStarted(self._clock(), "00000000-0000-4000-8000-000000000000", self._caller, self._flow.name)
        return self._go_on(advance(self._flow, CallState(), started))

    def do(self, typed: str) -> Screen:
        """Take a step. Raises NotUnderstood with what can be typed."""
        moment = self._moments[-1]
        if typed == "back":
            if len(self._moments) > 1:
                self._moments.pop()
            return self._screen((), ())
        if matched := _WHAT_IF.fullmatch(typed):
            self._what_if[matched["lookup"]] = matched["outcome"]
            return self._screen((), (f"look-up {matched['lookup']}: {matched['outcome']}",))
        assert moment.command is not None
        event = self._event(moment.command, typed)
        if event is None:
            raise NotUnderstood(HELP[_wants(moment.command)])
        return self._go_on(advance(self._flow, moment.state, event))

    @property
    def over(self) -> bool:
        """The call has ended."""
        return self._moments[-1].command is None

    def _event(self, command: Command, typed: str) -> Event | None:
        at = self._clock()
        if typed == "hang":
            return MessageKept(at, REFERENCE, hung_up=True) if isinstance(command, TakeMessage) else CallerHungUp(at)
        match command, typed:
            case AskDigits(), "":
                return NothingHeard(at)
            case AskDigits(), keys if _KEYS.fullmatch(keys):
                return self._entered(command, keys)
            case TakeMessage(), "leave":
                return MessageKept(at, REFERENCE)
            case TakeMessage(), "short" | "full":
                return MessageNotKept(at, "too_short" if typed == "short" else "disk_full")
            case Transfer(), "yes" | "no":
                return TransferEnded(at, answered=typed == "yes")
            case _:
                return None

    def _entered(self, command: AskDigits, keys: str) -> DigitsEntered:
        at = self._clock()
        if command.max_digits == 1:
            self._keys = keys[1:]
            return DigitsEntered(at, keys[0])
        entry, ended, rest = keys.partition("#")
        if ended and len(entry) <= command.max_digits:
            self._keys = rest
            return DigitsEntered(at, entry, terminated=True)
        self._keys = keys[command.max_digits :]
        return DigitsEntered(at, keys[: command.max_digits])

    def _go_on(self, step: Step) -> Screen:
        """Answer what needs no caller, until the caller's turn."""
        said: list[str] = []
        way = [_told(note) for note in step.notes]
        while step.command is not None:
            if isinstance(step.command, Play | AskDigits) and step.command.utterance.parts:
                said.append(transcript_of(step.command.utterance))
            event: Event
            match step.command:
                case Play():
                    event = PromptPlayed(self._clock())
                case Lookup():
                    event = self._look_up(step.command)
                case SendText():
                    event = TextQueued(self._clock())
                    way.append(f"  text message: {transcript_of(step.command.text)}")
                case Release():
                    event = Released(self._clock())
                case AskDigits() if self._keys:
                    event = self._entered(step.command, self._keys)
                case _:
                    break
            step = advance(self._flow, step.state, event)
            way += [_told(note) for note in step.notes]
        self._moments.append(_Moment(step.state, step.command))
        return self._screen(tuple(said), tuple(way))

    def _look_up(self, command: Lookup) -> Event:
        at = self._clock()
        outcome = self._what_if.get(command.name, "as_usual")
        if outcome == "not_found":
            return LookupAnswered(at, None)
        if outcome in ("failed", "deadline"):
            return CommandFailed(at, "back_office" if outcome == "failed" else outcome)
        try:
            return LookupAnswered(at, self._answers(command.name, command.arguments))
        except LookupError:
            return CommandFailed(at, "back_office")

    def _screen(self, said: tuple[str, ...], way: tuple[str, ...]) -> Screen:
        moment = self._moments[-1]
        if moment.command is None:
            return Screen(said, (*way, f"the call is over: {moment.state.disposition.value}"), "")
        return Screen(said, way, HELP[_wants(moment.command)])


def _wants(command: Command) -> str:
    return {TakeMessage: "message", Transfer: "transfer"}.get(type(command), "keys")


def _told(note: facts.Note) -> str:
    """A note as a line beside the conversation."""
    match note:
        case facts.NodeEntered():
            return f"{note.node}  {note.mark}"
        case facts.ChoiceMade():
            return f"  {note.key} → {note.target}{' (universal)' if note.universal else ''}"
        case facts.ValueCollected():
            return f"  {note.length} digits"
        case facts.InputRejected():
            return f"  {note.reason}, {note.tries} so far"
        case facts.TriesExhausted():
            return f"  tries exhausted → {note.target}"
        case facts.ConditionHeld():
            return f"  {note.condition or 'else'} → {note.target}"
        case facts.HoursChecked():
            return f"  {note.hours}: {note.state} → {note.target}"
        case facts.PageTurned():
            return f"  page {note.page} of {note.pages}"
        case facts.MilestoneReached():
            return f"  milestone {note.milestone}"
        case facts.OutcomeReached():
            return f"  outcome {note.outcome}"
        case facts.LanguageChosen():
            return f"  language {note.language}"
        case facts.LimitExceeded():
            return f"  too many {note.limit} → {note.target}" if note.limit != "duration" else f"  too long → {note.target}"
        case facts.StepFailed():
            return f"  failed ({note.reason}) → {note.target}"
        case facts.TicketPromised():
            return f"  ticket {note.reference or 'to come'}"


def no_answers(name: str, arguments: Mapping[str, Value]) -> Value:
    """A back office that knows nothing."""
    raise LookupError(name)
