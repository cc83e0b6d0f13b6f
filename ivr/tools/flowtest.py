"""Conversations: what a caller does and hears, written in YAML and run against a flow in microseconds, without a telephone.

    flow: ../1008611.yaml
    conversations:
      - name: A caller hears the balance and presses 2 for the usage
        caller: "13900001008"
        back_office:
          account: {balance: 35.62, data_left: 2.5GB, ...}     # a mapping, `not_found` or `failed`
        steps:
          - hears: 您的账户余额是三十五元六角二分
          - press: "2"
          - hears: 本月已用流量
          - leave_message
        ticket: callback
        disposition: ticket_opened

`hears` must be part of what the line says in that turn, spaces and punctuation left out of the comparison. Back-office answers that a
conversation does not give come from the shipped sample subscriber of that number, where the runner is given one.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation

from ivr.core.commands import AskDigits, Command, Lookup, Play, Release, TakeMessage, Transfer
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
from ivr.core.flow import Flow, Mark
from ivr.core.interpreter import advance
from ivr.core.state import CallState, Disposition
from ivr.core.values import Kind, LookupSignature, Scalar, Text, Utterance, Value
from ivr.language.problems import Problem, did_you_mean
from ivr.language.reader import Reader
from ivr.language.source import MappingSource, ScalarSource, Source, read_yaml
from ivr.speech import words

NOON = dt.datetime(2026, 3, 5, 12, 0, tzinfo=dt.timezone(dt.timedelta(hours=8)))
REFERENCE = "481625"
WORDS = ("silence", "hang_up", "leave_message", "leave_nothing", "message_fails", "answered", "unanswered", "line_ends")
_UNHEARD = re.compile(r"[\s，。！？、；：,.!?;:'\"-]+")
_VOLUME = re.compile(r"(\d+(?:\.\d+)?)(B|KB|MB|GB|TB)")
_DURATION = re.compile(r"(\d+)(s|min|h)")
MAX_STEPS = 200

Answers = Callable[[str, Mapping[str, Value]], Value]
"""Look-up answers from somewhere else; None for "no such thing". May raise LookupError when it knows no such look-up."""


@dataclass(frozen=True, slots=True)
class Act:
    """One step of a conversation: `kind` is hears, not_hears, press or one of WORDS."""

    kind: str
    text: str
    mark: Mark


@dataclass(frozen=True, slots=True)
class Failure:
    """What a look-up does instead of answering."""

    reason: str


@dataclass(frozen=True, slots=True)
class Conversation:
    """A whole conversation as it was written."""

    name: str
    mark: Mark
    caller: str
    at: dt.datetime
    steps: tuple[Act, ...]
    answers: Mapping[str, Value | Failure] = field(default_factory=dict)
    ticket: str | None = None  # its topic; "none" for no ticket
    disposition: str | None = None


@dataclass(frozen=True, slots=True)
class Script:
    """One file of conversations and the flow they are about, as a path relative to the file."""

    flow: str
    conversations: tuple[Conversation, ...]


@dataclass(frozen=True, slots=True)
class Turn:
    """What the line said or did in one step."""

    said: str
    did: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a conversation went; `problem` is None when it went as written."""

    conversation: Conversation
    problem: Problem | None
    transcript: tuple[str, ...]


def transcript_of(utterance: Utterance) -> str:
    """What a caller hears, as text."""
    between = "" if utterance.language.startswith("zh") else " "
    said = [part.text if isinstance(part, Text) else between + words(part, utterance.language) + between for part in utterance.parts]
    return re.sub(r" +([,.!?])", r"\1", re.sub(r"\s+", " ", "".join(said))).strip()


# --- reading ------------------------------------------------------------------------------------------------------


def read_script(text: str, path: str, signatures: Mapping[str, LookupSignature]) -> tuple[Script | None, tuple[Problem, ...]]:
    """A file of conversations, or what is wrong with it."""
    root, found = read_yaml(text, path)
    problems = list(found)
    if root is None:
        return None, tuple(problems)
    reader = Reader(root, "a conversations file", problems)
    flow = reader.text("flow", required=True)
    conversations = [_read_conversation(item, signatures, problems) for item in reader.items("conversations", required=True)]
    reader.done()
    if problems or flow is None:
        return None, tuple(problems)
    return Script(flow.text, tuple(one for one in conversations if one is not None)), ()


def _read_conversation(source: Source, signatures: Mapping[str, LookupSignature], problems: list[Problem]) -> Conversation | None:
    reader = Reader(source, "a conversation", problems)
    name = reader.text("name", required=True)
    caller = reader.text("caller")
    at = _moment(reader)
    answers: dict[str, Value | Failure] = {}
    for lookup, (key, answer) in reader.mapping("back_office").items():
        if lookup not in signatures:
            hint = did_you_mean(lookup, tuple(signatures))
            problems.append(Problem(key.mark, "unknown-lookup", f"the back office has no look-up '{lookup}'{hint}"))
        else:
            answers[lookup] = _read_answer(answer, signatures[lookup], problems)
    steps = tuple(act for item in reader.items("steps", required=True) if (act := _read_act(item, problems)) is not None)
    ticket = reader.text("ticket")
    disposition = reader.one_of("disposition", [one.value for one in Disposition])
    reader.done()
    if name is None:
        return None
    number = caller.text if caller else "13900001008"
    return Conversation(name.text, reader.mark, number, at, steps, answers, ticket.text if ticket else None, disposition)


def _moment(reader: Reader) -> dt.datetime:
    source = reader.text("at")
    if source is None:
        return NOON
    try:
        moment = dt.datetime.fromisoformat(source.text)
    except ValueError:
        reader.problem(source.mark, "bad-value", f"'{source.text}' is not a moment; write for example 2026-03-05T12:00")
        return NOON
    return moment if moment.tzinfo else moment.replace(tzinfo=NOON.tzinfo)


def _read_act(source: Source, problems: list[Problem]) -> Act | None:
    if isinstance(source, ScalarSource):
        if source.text in WORDS:
            return Act(source.text, "", source.mark)
        known = (*WORDS, "hears", "not_hears", "press")
        problems.append(Problem(source.mark, "bad-value", f"a step cannot be '{source.text}'{did_you_mean(source.text, known)}"))
        return None
    reader = Reader(source, "a step", problems)
    for kind in ("hears", "not_hears", "press"):
        if reader.has(kind) and (text := reader.text(kind)):
            reader.done()
            if kind == "press" and re.fullmatch(r"[0-9*#]{1,64}", text.text) is None:
                problems.append(Problem(text.mark, "bad-value", f"'{text.text}' are not keys: write 0-9, * and #"))
                return None
            return Act(kind, text.text, text.mark)
    reader.done()
    return None


def _read_answer(source: Source, signature: LookupSignature, problems: list[Problem]) -> Value | Failure:
    if isinstance(source, ScalarSource) and source.text in ("not_found", "failed", "deadline"):
        return None if source.text == "not_found" else Failure(source.text)
    if not isinstance(source, MappingSource):
        problems.append(Problem(source.mark, "wrong-type", "an answer is a mapping of fields, 'not_found', 'failed' or 'deadline'"))
        return None
    answer: dict[str, Value] = {name: _nothing(type_) for name, type_ in signature.answer.fields.items() if isinstance(type_, Scalar)}
    for key, value in source.entries:
        type_ = signature.answer.fields.get(key.text)
        if not isinstance(type_, Scalar) or not isinstance(value, ScalarSource):
            hint = did_you_mean(key.text, tuple(signature.answer.fields))
            problems.append(
                Problem(key.mark, "unknown-key", f"look-up '{signature.name}' answers no '{key.text}' that can be set here{hint}")
            )
            continue
        try:
            answer[key.text] = _value(type_.kind, value.text)
        except (ValueError, InvalidOperation):
            problems.append(Problem(value.mark, "bad-value", f"'{value.text}' is not of the kind {type_.kind.value}"))
    return answer


def _nothing(type_: Scalar) -> Value:
    empty: Mapping[Kind, Value] = {
        Kind.TEXT: "", Kind.DIGITS: "", Kind.BOOL: False, Kind.NUMBER: Decimal(0), Kind.MONEY: Decimal(0), Kind.VOLUME: 0,
        Kind.DURATION: dt.timedelta(0), Kind.DATE: NOON.date(), Kind.MONTH: NOON.date().replace(day=1), Kind.TIME: dt.time(0),
    }  # fmt: skip
    return empty[type_.kind]


def _value(kind: Kind, text: str) -> Value:
    match kind:
        case Kind.TEXT | Kind.DIGITS:
            return text
        case Kind.BOOL if text in ("true", "false"):
            return text == "true"
        case Kind.NUMBER | Kind.MONEY:
            return Decimal(text)
        case Kind.VOLUME if match := _VOLUME.fullmatch(text):
            return int(Decimal(match[1]) * 1024 ** ("B", "KB", "MB", "GB", "TB").index(match[2]))
        case Kind.DURATION if match := _DURATION.fullmatch(text):
            return dt.timedelta(seconds=int(match[1]) * {"s": 1, "min": 60, "h": 3600}[match[2]])
        case Kind.DATE:
            return dt.date.fromisoformat(text)
        case Kind.MONTH:
            return dt.date.fromisoformat(text + "-01")
        case Kind.TIME:
            return dt.time.fromisoformat(text)
        case _:
            raise ValueError(text)


# --- running ------------------------------------------------------------------------------------------------------


def run(flow: Flow, conversation: Conversation, answers: Answers) -> Outcome:
    """Hold one conversation with a flow."""
    caller = _Caller(flow, conversation, answers)
    try:
        caller.hold()
    except _Differs as difference:
        return Outcome(conversation, difference.problem, tuple(caller.transcript))
    return Outcome(conversation, None, tuple(caller.transcript))


class _Differs(Exception):
    def __init__(self, mark: Mark, sentence: str) -> None:
        super().__init__(sentence)
        self.problem = Problem(mark, "conversation", sentence)


class _Caller:
    def __init__(self, flow: Flow, conversation: Conversation, answers: Answers) -> None:
        self._flow = flow
        self._conversation = conversation
        self._answers = answers
        self._acts = list(conversation.steps)
        self._at = conversation.at
        self._keys = ""
        self._said: list[str] = []  # since the caller last did something
        self._state = CallState()
        self.transcript: list[str] = []

    def hold(self) -> None:
        started = CallStarted(self._at, "00000000-0000-4000-8000-000000000000", self._conversation.caller, self._flow.name)
        step = advance(self._flow, self._state, started)
        for _ in range(MAX_STEPS):
            self._state = step.state
            if step.command is None:
                break
            self._at += dt.timedelta(seconds=1)
            event = self._answer(step.command)
            step = advance(self._flow, step.state, event)
        else:
            raise _Differs(self._conversation.mark, f"the call was not over after {MAX_STEPS} steps")
        self._listen()
        self._finish()

    def _say(self, utterance: Utterance) -> None:
        if utterance.parts:
            text = transcript_of(utterance)
            self._said.append(text)
            self.transcript.append(f"line:   {text}")

    def _do(self, what: str) -> None:
        self.transcript.append(f"caller: {what}")
        self._said.clear()

    def _listen(self) -> None:
        """Take the acts about what is heard."""
        while self._acts and self._acts[0].kind in ("hears", "not_hears"):
            act = self._acts.pop(0)
            heard, wanted = _bare(" ".join(self._said)), _bare(act.text)
            if (wanted in heard) != (act.kind == "hears"):
                said = " ".join(self._said) or "nothing"
                what = "the caller should hear" if act.kind == "hears" else "the caller should not hear"
                raise _Differs(act.mark, f"{what} '{act.text}', but the line said: {said}")

    def _next(self) -> Act | None:
        self._listen()
        return self._acts.pop(0) if self._acts else None

    def _peek(self) -> str:
        self._listen()
        return self._acts[0].kind if self._acts else ""

    def _answer(self, command: Command) -> Event:
        match command:
            case Play():
                self._say(command.utterance)
                return PromptPlayed(self._at)
            case AskDigits():
                self._say(command.utterance)
                return self._keys_for(command)
            case Lookup():
                return self._look_up(command)
            case TakeMessage():
                return self._message()
            case Transfer():
                answered = self._peek() == "answered"
                if self._peek() in ("answered", "unanswered"):
                    self._next()
                self._do(f"is transferred to {command.destination}: {'answered' if answered else 'nobody answers'}")
                return TransferEnded(self._at, answered)
            case Release():
                self.transcript.append("line:   ends the call")
                return Released(self._at)

    def _keys_for(self, command: AskDigits) -> Event:
        if not self._keys:
            act = self._next()
            if act is None or act.kind == "hang_up":
                self._do("hangs up")
                return CallerHungUp(self._at)
            if act.kind == "silence":
                self._do("is silent")
                return NothingHeard(self._at)
            if act.kind != "press":
                raise _Differs(act.mark, f"the line asks for a key, so the caller cannot do '{act.kind}' here")
            self._do(f"presses {act.text if not command.secret else '*' * len(act.text)}")
            self._keys = act.text
        if command.max_digits == 1:
            key, self._keys = self._keys[0], self._keys[1:]
            return DigitsEntered(self._at, key)
        entry, ended, rest = self._keys.partition("#")
        if ended and len(entry) <= command.max_digits:
            self._keys = rest
            return DigitsEntered(self._at, entry, terminated=True)
        self._keys, entry = self._keys[command.max_digits :], self._keys[: command.max_digits]
        return DigitsEntered(self._at, entry)

    def _look_up(self, command: Lookup) -> Event:
        given = self._conversation.answers
        if command.name in given:
            answer = given[command.name]
            if isinstance(answer, Failure):
                return CommandFailed(self._at, "deadline" if answer.reason == "deadline" else "back_office")
            return LookupAnswered(self._at, answer)
        try:
            return LookupAnswered(self._at, self._answers(command.name, command.arguments))
        except LookupError:
            mark = self._conversation.mark
            raise _Differs(mark, f"the conversation gives no answer for the look-up '{command.name}'") from None

    def _message(self) -> Event:
        act = self._next()
        kind = act.kind if act else "hang_up"
        self._do({"leave_message": "leaves a message", "hang_up": "leaves a message and hangs up"}.get(kind, kind))
        match kind:
            case "leave_message":
                return MessageKept(self._at, REFERENCE)
            case "hang_up":
                return MessageKept(self._at, REFERENCE, hung_up=True)
            case "leave_nothing" | "silence":
                return MessageNotKept(self._at, "too_short")
            case "message_fails":
                return MessageNotKept(self._at, "disk_full")
            case _:
                assert act is not None
                raise _Differs(act.mark, f"the line takes a message, so the caller cannot do '{kind}' here")

    def _finish(self) -> None:
        if self._acts and self._acts[0].kind == "line_ends" and not self._state.hung_up:
            self._acts.pop(0)
        self._listen()
        if self._acts:
            raise _Differs(self._acts[0].mark, f"the call is over before the caller could do '{self._acts[0].kind}'")
        wanted, promised = self._conversation.ticket, bool(self._state.references)
        if wanted is not None and promised != (wanted != "none"):
            raise _Differs(self._conversation.mark, "a ticket was promised" if promised else "no ticket was promised")
        disposition = self._state.disposition.value
        if self._conversation.disposition not in (None, disposition):
            sentence = f"the call should end as {self._conversation.disposition}, but it ended as {disposition}"
            raise _Differs(self._conversation.mark, sentence)


def _bare(text: str) -> str:
    return _UNHEARD.sub("", text).lower()
