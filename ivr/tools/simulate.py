"""Talking to a flow in the terminal: the caller's keys, silence, hang-up; steps taken back; time that passes; look-ups that answer
something else, text messages that cannot be sent.

States are frozen, so taking a step back is keeping the old one.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from ivr.core import notes as facts
from ivr.core.commands import AskDigits, Command, Grammar, Lookup, Play, Release, SendText, TakeMessage, Transfer
from ivr.core.events import (
    CALLBACK,
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
    SpeechHeard,
    SpeechUnavailable,
    TextQueued,
    TransferEnded,
)
from ivr.core.flow import Flow
from ivr.core.interpreter import Step, advance
from ivr.core.state import CallState
from ivr.core.values import LookupSignature, Utterance, Value
from ivr.language.problems import did_you_mean, likely
from ivr.language.reader import duration
from ivr.speech.written import written
from ivr.tools.answers import Failure, InTurn, answers_in
from ivr.tools.flowtest import REFERENCE, SESSION, Answers, hypotheses, transcript_of
from ivr.tools.sentences import manner_in_words

_KEYS = re.compile(r"[0-9*#]{1,64}")
_LATER = re.compile(r"later\s+(?P<time>\S+)")
_WHAT_IF = re.compile(r"what\s+(?P<what>\w+)\s+(?P<outcome>.+)")
_AS_USUAL, _SMS = "as_usual", "sms"
_TOO_MANY = re.compile(r"[0-9*#]{65,}")
_SAID = re.compile(r"(?P<how>say|unclearly)\s+(?P<words>.+)")
_ALWAYS = ("hang", "back", "quit", "later 10min")
_TYPED = {
    "keys": _ALWAYS,
    "speech": ("say balance", "unclearly balance", "deaf", *_ALWAYS),
    "message": ("leave", "short", "full", *_ALWAYS),
    "transfer": ("yes", "no", "busy", "nobody", *_ALWAYS),
    "queue": ("yes", "no", "busy", "nobody", "1", *_ALWAYS),
}
_FOR_KEYS = ("keys", "speech")
_ELSEWHERE = {
    "say": "the line does not listen here", "unclearly": "the line does not listen here", "deaf": "the line does not listen here",
    "leave": "there is no message to leave here", "short": "there is no message to leave here", "full": "there is no message to leave here",
    "yes": "nobody is being called here who could answer", "no": "nobody is being called here who could answer",
    "busy": "nobody is being called here who could answer", "nobody": "nobody is being called here who could answer",
    "later": "say how much: later 10min", "what": "say what is to happen: what account failed",
}  # fmt: skip
HELP = {
    "keys": "keys (12#), Enter for silence, hang, back (one step), later 10min, "
    "what LOOK-UP failed|deadline|not_found|{field: value}|as_usual, what sms failed, quit, ?",
    "speech": "keys (12#), say WORDS, unclearly WORDS, deaf (nobody can listen), Enter for silence, hang, back (one step), later 10min, "
    "what LOOK-UP failed|deadline|not_found|{field: value}|as_usual, what sms failed, quit, ?",
    "message": "leave, short (say nothing), hang (keeps the message), full (no room on the disk), back, quit, ?",
    "transfer": "yes (somebody answers), no, busy (everybody is talking), nobody (no telephone is there), hang, back, quit, ?",
    "queue": "yes (somebody answers), no, busy (the wait was too long), nobody (no telephone is there), 1 (asks to be called back), hang, "
    "back, quit, ?",
}


@dataclass(frozen=True, slots=True)
class Screen:
    """What to show after a step: what the line said, the way through the flow, and what can be done now ("" when the call is over).

    `utterances` are what it said for a voice, `texts` the text messages it sent.
    """

    said: tuple[str, ...]
    way: tuple[str, ...]
    ask: str
    utterances: tuple[Utterance, ...] = ()
    texts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Moment:
    """A call that waits for its caller."""

    state: CallState
    command: Command | None
    passed: dt.timedelta  # time that was let pass up to here


class NotUnderstood(Exception):
    """What was typed is nothing that can be done now, and why not."""


@dataclass(frozen=True, slots=True)
class Circumstances:
    """How a call comes in: the language that is remembered of its caller, and whether the line has all the calls it may."""

    language: str = ""
    crowded: bool = False


class TryOut:
    """One call, tried out. `answers` gives look-up answers; `clock` the time of each event; `signatures` what look-ups may be told to
    answer."""

    def __init__(
        self,
        flow: Flow,
        caller: str,
        answers: Answers,
        clock: Callable[[], dt.datetime],
        signatures: Mapping[str, LookupSignature] | None = None,
        circumstances: Circumstances | None = None,
    ) -> None:
        self._flow = flow
        self._answers = answers
        self._clock = clock
        self._caller = caller
        self._signatures = signatures or {}
        self._circumstances = circumstances or Circumstances()
        self._what_if: dict[str, Value | Failure] = {}
        self._sms_fails = False
        self._passed = dt.timedelta(0)
        self._keys = ""
        self._moments: list[_Moment] = []

    def begin(self) -> Screen:
        """The call comes in."""
        how = self._circumstances
        started = CallStarted(self._now(), SESSION, self._caller, self._flow.name, how.language, how.crowded)
        return self._go_on(advance(self._flow, CallState(), started))

    def do(self, typed: str) -> Screen:
        """Take a step. Raises NotUnderstood with the reason."""
        moment = self._moments[-1]
        if typed == "back":
            if len(self._moments) == 1:
                raise NotUnderstood("the call begins here")
            self._moments.pop()
            self._passed = self._moments[-1].passed
            return self._screen(_Said(way=[f"back at {self._moments[-1].state.node}"]))
        if matched := _LATER.fullmatch(typed):
            return self._wait(matched["time"])
        if matched := _WHAT_IF.fullmatch(typed):
            return self._suppose(matched["what"], matched["outcome"].strip())
        assert moment.command is not None
        event = self._event(moment.command, typed)
        if event is None:
            raise NotUnderstood(_refused(moment.command, typed))
        return self._go_on(advance(self._flow, moment.state, event))

    def _now(self) -> dt.datetime:
        return self._clock() + self._passed

    def _wait(self, text: str) -> Screen:
        time = duration(text)
        if time is None:
            raise NotUnderstood(f"'{text}' is not a duration; write for example: later 10min")
        self._passed += time
        return self._screen(_Said(way=[f"it is {self._now():%Y-%m-%d %H:%M:%S} now"]))

    def _suppose(self, what: str, outcome: str) -> Screen:
        """From now on, a look-up answers that, or text messages fail."""
        if what == _SMS:
            if outcome not in ("failed", _AS_USUAL):
                raise NotUnderstood("what sms failed|as_usual")
            self._sms_fails = outcome == "failed"
            return self._screen(_Said(way=[f"text messages: {outcome}"]))
        if self._signatures and what not in self._signatures:
            raise NotUnderstood(f"the back office has no look-up '{what}'{did_you_mean(what, tuple(self._signatures))}")
        if outcome == _AS_USUAL:
            self._what_if.pop(what, None)
        else:
            self._what_if[what] = self._supposed(what, outcome)
        return self._screen(_Said(way=[f"look-up {what}: {outcome}"]))

    def _supposed(self, lookup: str, outcome: str) -> Value | Failure:
        if lookup not in self._signatures:
            if outcome == "not_found":
                return None
            if outcome in ("failed", "deadline"):
                return Failure(outcome)
            raise NotUnderstood(f"what {lookup} failed|deadline|not_found|{_AS_USUAL}")
        answer, problems = answers_in(outcome, self._signatures[lookup])
        if problems:
            raise NotUnderstood("; ".join(problem.sentence for problem in problems))
        return answer.answers[-1] if isinstance(answer, InTurn) else answer

    @property
    def help(self) -> str:
        """What can be typed now."""
        command = self._moments[-1].command
        return HELP[_wants(command)] if command is not None else ""

    @property
    def over(self) -> bool:
        """The call has ended."""
        return self._moments[-1].command is None

    def _event(self, command: Command, typed: str) -> Event | None:
        at = self._now()
        if typed == "hang":
            return MessageKept(at, REFERENCE, hung_up=True) if isinstance(command, TakeMessage) else CallerHungUp(at)
        match command, typed:
            case AskDigits(), "":
                return NothingHeard(at)
            case AskDigits(), keys if _KEYS.fullmatch(keys):
                return self._entered(command, keys)
            case AskDigits(grammar=Grammar() as grammar), _:
                return self._heard(grammar, typed)
            case TakeMessage(), "leave":
                return MessageKept(at, REFERENCE)
            case TakeMessage(), "short" | "full":
                return MessageNotKept(at, "too_short" if typed == "short" else "disk_full")
            case Transfer(), "yes" | "no":
                return TransferEnded(at, answered=typed == "yes")
            case Transfer(), "busy" | "nobody":
                return TransferEnded(at, False, typed)
            case Transfer(wait=dt.timedelta()), "1":
                return TransferEnded(at, False, CALLBACK, REFERENCE)
            case _:
                return None

    def _heard(self, grammar: Grammar, typed: str) -> Event | None:
        speech, said = self._flow.speech, _SAID.fullmatch(typed)
        if typed == "deaf":
            return SpeechUnavailable(self._now(), "full")
        if said is None or speech is None:
            return None
        return SpeechHeard(self._now(), hypotheses(grammar, speech, said["words"], unclear=said["how"] == "unclearly"))

    def _entered(self, command: AskDigits, keys: str) -> DigitsEntered:
        at = self._now()
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
        told = _Said(way=[_told(note) for note in step.notes])
        while step.command is not None:
            if isinstance(step.command, Play | AskDigits) and step.command.utterance.parts:
                told.utterances.append(step.command.utterance)
            event: Event
            match step.command:
                case Play():
                    event = PromptPlayed(self._now())
                case Lookup():
                    event = self._look_up(step.command)
                case SendText():
                    event = self._send(step.command, told)
                case Release():
                    event = Released(self._now())
                case AskDigits() if self._keys:
                    event = self._entered(step.command, self._keys)
                case _:
                    break
            step = advance(self._flow, step.state, event)
            told.way += [_told(note) for note in step.notes]
        self._moments.append(_Moment(step.state, step.command, self._passed))
        return self._screen(told)

    def _send(self, command: SendText, told: _Said) -> Event:
        if self._sms_fails:
            return CommandFailed(self._now(), "outbox")
        try:
            told.texts.append(written(command.text))
        except ValueError:
            return CommandFailed(self._now(), "text")
        return TextQueued(self._now())

    def _look_up(self, command: Lookup) -> Event:
        at = self._now()
        if command.name in self._what_if:
            supposed = self._what_if[command.name]
            if isinstance(supposed, Failure):
                return CommandFailed(at, "deadline" if supposed.reason == "deadline" else "back_office")
            return LookupAnswered(at, supposed)
        try:
            return LookupAnswered(at, self._answers(command.name, command.arguments))
        except LookupError:
            return CommandFailed(at, "back_office")

    def _screen(self, told: _Said) -> Screen:
        moment = self._moments[-1]
        over = moment.command is None
        way = [*told.way, f"the call is over: {moment.state.disposition.value}"] if over else told.way
        said = tuple(map(transcript_of, told.utterances))
        return Screen(said, tuple(way), self.help, tuple(told.utterances), tuple(told.texts))


@dataclass(slots=True)
class _Said:
    """What came of a step, as it is gathered."""

    way: list[str] = field(default_factory=list)
    utterances: list[Utterance] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)


def _wants(command: Command) -> str:
    if isinstance(command, AskDigits) and command.grammar is not None:
        return "speech"
    if isinstance(command, Transfer):
        return "transfer" if command.wait is None else "queue"
    return "message" if isinstance(command, TakeMessage) else "keys"


def _refused(command: Command, typed: str) -> str:
    """Why something cannot be typed now."""
    wants = _wants(command)
    word = typed.partition(" ")[0]
    if word in _ELSEWHERE:
        return _ELSEWHERE[word]
    if wants not in _FOR_KEYS and (not typed or _KEYS.fullmatch(typed)):
        return "the line asks for no key here"
    if _TOO_MANY.fullmatch(typed):
        return "at most 64 keys at once"
    kind = "no key, and nothing" if wants in _FOR_KEYS else "nothing"
    return f"'{typed}' is {kind} that can be typed here{likely(typed, _TYPED[wants])}"


def _told(note: facts.Note) -> str:
    """A note as a line beside the conversation."""
    match note:
        case facts.NodeEntered():
            return f"{note.node}  {note.mark}"
        case facts.ChoiceMade():
            return f"  {note.key} → {note.target}{' (universal)' if note.universal else ''}"
        case facts.ValueCollected():
            return f"  {note.length} digits"
        case facts.PhraseHeard():
            return f"  '{note.phrase}' ({note.confidence:.2f}){'' if note.sure else ', not sure'} → {note.key}"
        case facts.ListeningFailed():
            return f"  nobody listens ({note.reason}): keys only"
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
        case facts.MannerChosen():
            return f"  {manner_in_words(slower=note.slower, louder=note.louder).en}"
        case facts.LimitExceeded():
            return f"  too many {note.limit} → {note.target}" if note.limit != "duration" else f"  too long → {note.target}"
        case facts.StepFailed():
            return f"  failed ({note.reason}) → {note.target}"
        case facts.TicketPromised():
            return f"  ticket {note.reference or 'to come'}"


def no_answers(name: str, arguments: Mapping[str, Value]) -> Value:
    """A back office that knows nothing."""
    raise LookupError(name)
