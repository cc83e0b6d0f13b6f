"""Holding a conversation with a flow: no telephone, no clock, no audio; what is said is compared as text."""

from __future__ import annotations

import datetime as dt
import re
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from ivr.calls.hearing import interpretation
from ivr.core.commands import AskDigits, Command, Grammar, Lookup, Play, Release, SendText, TakeMessage, Transfer
from ivr.core.events import (
    BUSY,
    CALLBACK,
    NOBODY,
    CallerHungUp,
    CallStarted,
    CommandFailed,
    DigitsEntered,
    Event,
    Hypothesis,
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
from ivr.core.flow import Flow, Mark, Speech
from ivr.core.interpreter import Step, advance
from ivr.core.notes import MilestoneReached
from ivr.core.state import CallState
from ivr.core.values import Text, Utterance, Value
from ivr.language.problems import Problem, did_you_mean
from ivr.speech import words
from ivr.speech.written import written
from ivr.tools.answers import Failure, InTurn
from ivr.tools.conversations import EXPECTED, TRANSFERS, Act, Conversation
from ivr.tools.coverage import Passage

REFERENCE = "481625"
MAX_STEPS = 200
SESSION = "00000000-0000-4000-8000-000000000000"
_UNHEARD = re.compile(r"[\s，。！？、；：,.!?;:'\"-]+")

Answers = Callable[[str, Mapping[str, Value]], Value]
"""Look-up answers from somewhere else; None for "no such thing". Raises LookupError when it knows no such look-up."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a transcript: what `who` (line, caller or test) said, did or expected, and where that is written."""

    mark: Mark
    who: str
    text: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a conversation went; `problem` is None when it went as written."""

    flow: Flow
    conversation: Conversation
    problem: Problem | None
    transcript: tuple[Line, ...]
    passages: tuple[Passage, ...]


def told(outcome: Outcome) -> Iterator[str]:
    """The lines that show a conversation: what was said, done and expected, in columns, each with its place; last what went wrong."""
    failed = outcome.problem is not None
    yield f"{'FAILED' if failed else 'held'}: {outcome.conversation.name}"
    lines = [(f"{line.mark.path}:{line.mark.line}", line.who, line.text) for line in outcome.transcript]
    width = max((len(place) for place, _, _ in lines), default=0)
    yield from (f"    {place:<{width}}  {who:<6}  {text}" for place, who, text in lines)
    if failed:
        yield f"    {outcome.problem}"


def transcript_of(utterance: Utterance) -> str:
    """What a caller hears, as text."""
    between = "" if utterance.language.startswith("zh") else " "
    said = ""
    for part in utterance.parts:
        piece = part.text if isinstance(part, Text) else words(part, utterance.language)
        if said.endswith(".") and re.match(r"\s*\.(?!\.)", piece):
            piece = piece.lstrip()[1:]  # "at eight a.m." ends its sentence
        said += between + piece
    return re.sub(r" +([,.!?])", r"\1", re.sub(r"\s+", " ", said)).strip()


def hypotheses(grammar: Grammar, speech: Speech, said: str, *, unclear: bool = False) -> tuple[Hypothesis, ...]:
    """What a recogniser would make of these words: one of the grammar's phrases, or digits; nothing where they are none.

    What is said unclearly may be several things, written with a slash between them, the likeliest first.
    """
    if not unclear:
        meaning = interpretation(grammar, said)
        return () if meaning is None else (Hypothesis(meaning, 1.0),)
    meanings = [meaning for one in said.split("/") if (meaning := interpretation(grammar, one)) is not None]
    steps = (speech.sure - speech.unsure) / (len(meanings) + 1)
    return tuple(Hypothesis(meaning, speech.sure - number * steps) for number, meaning in enumerate(meanings, 1))


def run(flow: Flow, conversation: Conversation, answers: Answers) -> Outcome:
    """Hold one conversation with a flow."""
    caller = _Caller(flow, conversation, answers)
    problem: Problem | None = None
    try:
        caller.hold()
    except _Differs as difference:
        problem = difference.problem
    return Outcome(flow, conversation, problem, tuple(caller.transcript), tuple(caller.passages))


class _Differs(Exception):
    def __init__(self, mark: Mark, sentence: str) -> None:
        super().__init__(sentence)
        self.problem = Problem(mark, "conversation", sentence)


class _Caller:
    def __init__(self, flow: Flow, conversation: Conversation, answers: Answers) -> None:
        self._flow = flow
        self._conversation = conversation
        self._answers = answers
        self._acts = deque(conversation.steps)
        self._at = conversation.at
        self._act_mark = conversation.mark  # of the step being done
        self._keys = ""
        self._said: list[str] = []  # since the caller last did something, as are the two that follow
        self._sent: list[str] = []
        self._reached: list[str] = []
        self._milestones: list[str] = []  # of the whole call
        self._tried: dict[str, int] = {}  # how often each look-up has been tried
        self._state = CallState()
        self._tickets: list[str] = []  # the topics of the messages that were kept, and of the call backs
        self.transcript: list[Line] = []
        self.passages: list[Passage] = []

    def hold(self) -> None:
        self._check_names()
        step = self._advance(self._started())
        for _ in range(MAX_STEPS):
            if step.command is None:
                break
            self._at += dt.timedelta(seconds=1)
            step = self._advance(self._answer(step.command))
        else:
            raise _Differs(self._conversation.mark, f"the call was not over after {MAX_STEPS} steps; it was {self._place}")
        self._listen()
        self._finish()

    def _started(self) -> CallStarted:
        told = self._conversation
        return CallStarted(self._at, SESSION, told.caller, self._flow.name, told.language, told.crowded, told.slower, told.louder)

    def _check_names(self) -> None:
        """Milestones and outcomes that the line does not have would never be reached."""
        told = self._conversation
        named = [("milestone", name, told.mark_of("milestones")) for name in told.milestones or ()]
        named += [("milestone", act.text, act.mark) for act in told.steps if act.kind == "milestone"]
        named += [("outcome", told.outcome, told.mark_of("outcome"))] if told.outcome not in (None, "none") else []
        for what, name, mark in named:
            known = tuple((self._flow.milestones if what == "milestone" else self._flow.outcomes).values())
            if name not in known:
                raise _Differs(mark, f"no node of the line has the {what} '{name}'{did_you_mean(name, known)}")

    def _advance(self, event: Event) -> Step:
        step = advance(self._flow, self._state, event)
        self.passages.append(Passage(self._state, event, step))
        self._state = step.state
        for note in step.notes:
            if isinstance(note, MilestoneReached):
                self._reached.append(note.milestone)
                self._milestones.append(note.milestone)
        return step

    @property
    def _place(self) -> str:
        """Where in the flow the call is."""
        node = self._flow.nodes[self._state.node]
        return f"at '{node.name}' ({node.mark.path}:{node.mark.line})"

    def _line(self, text: str) -> None:
        self.transcript.append(Line(self._flow.nodes[self._state.node].mark, "line", text))

    def _say(self, utterance: Utterance) -> None:
        if utterance.parts:
            text = transcript_of(utterance)
            self._said.append(text)
            self._line(text)

    def _do(self, what: str) -> None:
        self.transcript.append(Line(self._act_mark, "caller", what))
        self._forget()

    def _forget(self) -> None:
        for done in (self._said, self._sent, self._reached):
            done.clear()

    def _listen(self) -> None:
        """Take the acts about what the line has done."""
        while self._acts and self._acts[0].kind in EXPECTED:
            act = self._acts.popleft()
            if sentence := self._differs(act):
                raise _Differs(act.mark, sentence)
            told = f"{act.kind.replace('_', ' ')} '{act.text}'"
            self.transcript.append(Line(act.mark, "test", told))

    def _differs(self, act: Act) -> str | None:
        """What should have been and what was, as things are now; None where they are as they should be."""
        if act.kind == "milestone":
            if act.text in self._reached:
                return None
            reached = ", ".join(self._reached) or "none"
            return f"the call should reach the milestone '{act.text}', but {self._place} it had reached: {reached}"
        wanted = _bare(act.text)
        if act.kind == "sms":
            if any(wanted in _bare(text) for text in self._sent):
                return None
            sent = " / ".join(self._sent) or "nothing"
            return f"the line should send a text message with '{act.text}', but {self._place} it had sent: {sent}"
        if (wanted in _bare(" ".join(self._said))) == (act.kind == "hears"):
            return None
        should = "should hear" if act.kind == "hears" else "should not hear"
        return f"the caller {should} '{act.text}', but {self._place} the line said: {' '.join(self._said) or 'nothing'}"

    def _next(self) -> Act | None:
        self._listen()
        while self._acts and self._acts[0].kind == "later":
            act = self._acts.popleft()
            self._at += act.time
            self.transcript.append(Line(act.mark, "caller", f"waits {act.text}"))
        if not self._acts:
            return None
        self._act_mark = self._acts[0].mark
        return self._acts.popleft()

    def _peek(self) -> str:
        self._listen()
        return next((act.kind for act in self._acts if act.kind != "later"), "")

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
                return self._message(command)
            case SendText():
                return self._send(command)
            case Transfer():
                return self._transfer(command)
            case Release():
                self._line("ends the call")
                return Released(self._at)

    def _send(self, command: SendText) -> Event:
        """It is queued unless `sms_fails` comes next and all that should have been before it has been."""
        acts = iter(self._acts)
        after = next((act for act in acts if act.kind not in EXPECTED or self._differs(act)), None)
        if after is not None and after.kind == "sms_fails":
            self._next()
            self.transcript.append(Line(after.mark, "test", "the text message cannot be sent"))
            return CommandFailed(self._at, "outbox")
        try:
            text = written(command.text)
        except ValueError:
            self._line("cannot write the text message")
            return CommandFailed(self._at, "text")
        self._sent.append(text)
        self._line(f"sends a text message: {text}")
        return TextQueued(self._at)

    def _transfer(self, command: Transfer) -> Event:
        """What the conversation does not say is that nobody answers."""
        kind = self._peek()
        if kind in ("hang_up", "line_fails") or kind in TRANSFERS:
            self._next()
        self._line(f"transfers to {command.destination}")
        answered, reason, numbered = TRANSFERS.get(kind, TRANSFERS["unanswered"])
        if reason == CALLBACK and command.wait is None:
            raise _Differs(self._act_mark, f"no call back is offered {self._place}, so the caller cannot do '{kind}' here")
        match kind:
            case "hang_up":
                self._do("hangs up")
                return CallerHungUp(self._at)
            case "line_fails":
                return self._fail()
            case _:
                self._do("talks to a person" if answered else _NOT_TRANSFERRED.get(reason, "hears that nobody answers"))
                self._tickets += [CALLBACK] if reason == CALLBACK else []
                return TransferEnded(self._at, answered, reason, REFERENCE if numbered else None)

    def _fail(self) -> CommandFailed:
        self._line("fails")
        self._forget()
        return CommandFailed(self._at, "audio")

    def _keys_for(self, command: AskDigits) -> Event:
        if not self._keys:
            act = self._next()
            if act is None or act.kind == "hang_up":
                self._do("hangs up")
                return CallerHungUp(self._at)
            if act.kind == "silence":
                self._do("is silent")
                return NothingHeard(self._at)
            if act.kind == "line_fails":
                return self._fail()
            if act.kind in ("say", "say_unclearly", "nobody_listens"):
                return self._speech(command, act)
            if act.kind != "press":
                raise _Differs(act.mark, f"the line asks for a key {self._place}, so the caller cannot do '{act.kind}' here")
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

    def _speech(self, command: AskDigits, act: Act) -> Event:
        """What the line hears of what the caller says."""
        if command.grammar is None or self._flow.speech is None:
            raise _Differs(act.mark, f"the line does not listen {self._place}, so the caller cannot do '{act.kind}' here")
        if act.kind == "nobody_listens":
            self._line("cannot listen")
            return SpeechUnavailable(self._at, "full")
        unclear = act.kind == "say_unclearly"
        self._do(f"says {'unclearly ' if unclear else ''}'{act.text}'")
        heard = hypotheses(command.grammar, self._flow.speech, act.text, unclear=unclear)
        if unclear and not heard:
            known = ", ".join(f"'{phrase}'" for phrase in command.grammar.phrases) or "digits"
            raise _Differs(act.mark, f"'{act.text}' is nothing that the line listens for {self._place}; that is: {known}")
        return SpeechHeard(self._at, heard)

    def _look_up(self, command: Lookup) -> Event:
        """A failed try is tried again as the driver does it: so often, after pauses that double, as long as the deadline has not come."""
        begun, pause, left = self._at, command.backoff, command.retries
        while True:
            event = self._try(command)
            again = isinstance(event, CommandFailed) and event.reason == "back_office" and left
            if not again or self._at - begun + pause >= command.deadline:
                return event
            self._at += pause
            left, pause = left - 1, 2 * pause

    def _try(self, command: Lookup) -> Event:
        if command.name in self._conversation.answers:
            answer = self._given(command.name)
            if isinstance(answer, Failure):
                return CommandFailed(self._at, "deadline" if answer.reason == "deadline" else "back_office")
            return LookupAnswered(self._at, answer)
        try:
            return LookupAnswered(self._at, self._answers(command.name, command.arguments))
        except LookupError:
            sentence = f"the conversation gives no answer for the look-up '{command.name}' {self._place}"
            raise _Differs(self._conversation.mark, sentence) from None

    def _given(self, name: str) -> Value | Failure:
        answer, tried = self._conversation.answers[name], self._tried.get(name, 0)
        self._tried[name] = tried + 1
        return answer.answers[min(tried, len(answer.answers) - 1)] if isinstance(answer, InTurn) else answer

    def _message(self, command: TakeMessage) -> Event:
        """What the conversation does not say is a message that is ended by hanging up."""
        act = self._next()
        kind = act.kind if act else "hang_up"
        if kind == "line_fails":
            return self._fail()
        self._do({"leave_message": "leaves a message", "hang_up": "leaves a message and hangs up"}.get(kind, kind))
        if kind in ("leave_message", "message_saved", "hang_up"):
            self._tickets.append(command.topic)
        match kind:
            case "leave_message":
                return MessageKept(self._at, REFERENCE)
            case "message_saved":
                return MessageKept(self._at, None)
            case "hang_up":
                return MessageKept(self._at, REFERENCE, hung_up=True)
            case "leave_nothing" | "silence":
                return MessageNotKept(self._at, "too_short")
            case "message_fails":
                return MessageNotKept(self._at, "disk_full")
            case _:
                assert act is not None
                raise _Differs(act.mark, f"the line takes a message {self._place}, so the caller cannot do '{kind}' here")

    def _finish(self) -> None:
        if self._acts and self._acts[0].kind == "line_ends" and not self._state.hung_up:
            self._acts.popleft()
        self._listen()
        if self._acts:
            act = self._acts[0]
            raise _Differs(act.mark, f"the call is over before the caller could do '{act.kind}'; it ended {self._place}")
        self._compare()

    def _compare(self) -> None:
        """What the call came to with what the conversation says it should."""
        told, tickets = self._conversation, self._tickets
        if told.ticket is not None and (tickets if told.ticket == "none" else told.ticket not in tickets):
            promised = ", ".join(f"a ticket '{topic}'" for topic in tickets) or "no ticket"
            sentence = f"the call should promise {_ticket(told.ticket)}, but it promised {promised}; it ended {self._place}"
            raise _Differs(told.mark_of("ticket"), sentence)
        if told.milestones is not None and told.milestones != tuple(self._milestones):
            wanted, reached = ", ".join(told.milestones) or "none", ", ".join(self._milestones) or "none"
            sentence = f"the call should reach the milestones {wanted}, but it reached {reached}; it ended {self._place}"
            raise _Differs(told.mark_of("milestones"), sentence)
        outcome = self._state.outcome or "none"
        if told.outcome not in (None, outcome):
            raise _Differs(told.mark_of("outcome"), f"the outcome should be {told.outcome}, but {self._place} it was {outcome}")
        disposition = self._state.disposition.value
        if told.disposition not in (None, disposition):
            sentence = f"the call should end as {told.disposition}, but {self._place} it ended as {disposition}"
            raise _Differs(told.mark_of("disposition"), sentence)


_NOT_TRANSFERRED = {
    BUSY: "hears that everybody is talking",
    NOBODY: "hears that nobody is there",
    CALLBACK: "presses 1 to be called back",
}


def _ticket(topic: str) -> str:
    return "no ticket" if topic == "none" else f"a ticket '{topic}'"


def _bare(text: str) -> str:
    return _UNHEARD.sub("", text).lower()
