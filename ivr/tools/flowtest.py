"""Holding a conversation with a flow: no telephone, no clock, no audio; what is said is compared as text."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

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
from ivr.core.state import CallState
from ivr.core.values import Text, Utterance, Value
from ivr.language.problems import Problem
from ivr.speech import words
from ivr.tools.conversations import Act, Conversation, Failure

REFERENCE = "481625"
MAX_STEPS = 200
_UNHEARD = re.compile(r"[\s，。！？、；：,.!?;:'\"-]+")

Answers = Callable[[str, Mapping[str, Value]], Value]
"""Look-up answers from somewhere else; None for "no such thing". Raises LookupError when it knows no such look-up."""


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
