"""A real call as a conversation: what the caller did and heard, to be held with the flow from now on.

Numbers are samples, one for each; secret entries are noughts already. What a conversation has no word for is left out, and a comment says
so. The conversation is held while it is made, act after act, so it holds when it is done: where it cannot follow the call, it ends.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from ivr.core.commands import AskDigits, Command, Lookup, Play, SendText, TakeMessage, Transfer
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
    SpeechHeard,
    SpeechUnavailable,
    TransferEnded,
)
from ivr.core.flow import Flow, LookUp
from ivr.core.notes import MilestoneReached, NodeEntered
from ivr.core.values import ListOf, LookupSignature, Record, Scalar, Type, Value
from ivr.tools.answers import duration_in_words
from ivr.tools.conversations import Conversation, read_script, step_for
from ivr.tools.coverage import Passage
from ivr.tools.flowtest import Outcome, run, transcript_of
from ivr.tools.replay import PastCall, replay
from ivr.tools.retold_words import Draft, Samples, during, quoted, said, scalar

_SENDS = "sends a text message: "  # as transcripts say it
_WAITED = dt.timedelta(minutes=1)  # what passes between two acts without being worth a word
_LONGEST_PRESS = 64


@dataclass(frozen=True, slots=True)
class _Act:
    """A step to be; one that need not be is left out where the conversation cannot have it."""

    text: str
    needed: bool = True
    remark: str = ""  # when it was left out


def conversation_of(flow: Flow, call: PastCall, signatures: Mapping[str, LookupSignature], script: str) -> str:
    """The call as a file of one conversation; `script` is how it names the flow's file."""
    teller = _Teller(flow, call, signatures)
    return teller.tell(script)


class _Teller:
    def __init__(self, flow: Flow, call: PastCall, signatures: Mapping[str, LookupSignature]) -> None:
        self._flow = flow
        self._signatures = signatures
        self._call = call
        samples = Samples(call.started.caller_id)
        self._events = [samples.event(event) for event in call.events]
        self._acts: list[_Act] = []
        self._remarks: list[str] = []
        self._answers: dict[str, list[str]] = {}

    def tell(self, script: str) -> str:
        replayed = replay(self._flow, self._call)
        wanted = _nodes(replayed.passages)
        whole = self._gather(replayed.passages)
        begun = self._call.started.at
        version = f" ({self._call.version})" if self._call.version else ""
        draft = Draft(f"A call of {begun:%Y-%m-%d %H:%M}", script)
        draft.remarks.append(f"made from call {self._call.session[:8]}{version}; numbers are samples, secret entries noughts")
        self._begin(draft)
        if replayed.difference is not None:
            draft.remarks.append(
                f"the flow has changed since: after entry {replayed.difference.entry} it goes another way than the call did"
            )
        whole = self._take_acts(draft, wanted) and whole
        draft.remarks += dict.fromkeys(self._remarks)
        held = _hold(self._flow, draft, self._signatures)
        whole = whole and _nodes(held.passages)[: len(wanted)] == wanted
        if replayed.difference is None and not whole:
            at = _common(_nodes(held.passages), wanted)
            last = f" after '{wanted[at - 1]}'" if at else ""
            draft.remarks.append(f"it goes on otherwise than the call did{last}: a conversation cannot say all of what happened")
        self._end(draft, held, whole=whole)
        return draft.text()

    # --- what the caller did ---

    def _gather(self, passages: Sequence[Passage]) -> bool:
        asked: Command | None = None
        before = self._events[0].at
        for passage, event in zip(passages, self._events, strict=False):
            if event.at - before >= _WAITED:
                waited = duration_in_words(event.at - before)
                self._acts.append(_Act(f"later: {waited}", needed=False, remark=f"left out: {waited} that passed"))
            before = event.at
            if keys := getattr(event, "keys", ""):
                remark = f"left out: {keys}, pressed ahead" if keys.strip("0") else ""  # noughts fell to a secret form
                self._acts.append(_Act(f"press: {quoted(keys[:_LONGEST_PRESS])}", needed=False, remark=remark))
            if not self._tell(event, asked):
                return False
            asked = passage.step.command
        return True

    def _tell(self, event: Event, asked: Command | None) -> bool:
        """Take one event; False where the conversation has to end."""
        match event, asked:
            case DigitsEntered(digits=digits, terminated=terminated), _:
                return (
                    self._act(f"press: {quoted(digits + '#' * terminated)}") if digits or terminated else self._cut("keys came to nothing")
                )
            case NothingHeard(), _:
                return self._act("silence")
            case SpeechHeard(hypotheses=hypotheses), AskDigits():
                return self._act(said(hypotheses, self._flow.speech))
            case SpeechUnavailable(), _:
                return self._act("nobody_listens")
            case CallerHungUp(), (AskDigits() | Transfer()):
                return self._act("hang_up")
            case CallerHungUp(), _:
                return self._cut(f"the caller hung up {during(asked)}")
            case ((LookupAnswered() | CommandFailed()), Lookup()):
                self._answer(event, asked)
            case CommandFailed(), (AskDigits() | TakeMessage() | Transfer()):
                return self._act("line_fails")
            case CommandFailed(), SendText():
                self._acts.append(_Act("sms_fails", needed=False, remark="left out: a text message could not be queued"))
            case CommandFailed(), _:
                return self._cut(f"the line failed {during(asked)}")
            case MessageKept(reference=reference, hung_up=hung_up), _:
                if hung_up and reference is None:
                    self._remarks.append("the message was safe when the caller hung up, but had no ticket yet")
                return self._act("hang_up" if hung_up else "message_saved" if reference is None else "leave_message")
            case MessageNotKept(hung_up=True), _:
                return self._cut("the caller hung up without a message")
            case MessageNotKept(reason=reason), _:
                return self._act("leave_nothing" if reason == "too_short" else "message_fails")
            case TransferEnded(), _:
                return self._act(step_for(event))
            case _:
                pass
        return True

    def _act(self, text: str) -> bool:
        self._acts.append(_Act(text))
        return True

    def _cut(self, remark: str) -> bool:
        self._remarks.append(f"not to be said in a conversation: {remark}")
        return False

    # --- what the back office answered ---

    def _answer(self, event: LookupAnswered | CommandFailed, asked: Lookup) -> None:
        given = self._answers.setdefault(asked.name, [])
        if isinstance(event, CommandFailed):
            given += ["deadline"] if event.reason == "deadline" else ["failed"] * _tries(asked)
        elif event.answer is None:
            given.append("not_found")
        else:
            signature = self._signatures.get(asked.name)
            given.append(self._written(event.answer, signature.answer, asked.name) if signature else "failed")

    def _written(self, value: Value, type_: Type, name: str) -> str:
        match type_, value:
            case Record(fields=fields), Mapping():
                found = {key: self._written(value[key], fields[key], f"{name}.{key}") for key in value if key in fields}
                return f"{{{', '.join(f'{key}: {text}' for key, text in found.items() if text)}}}"
            case ListOf(item=item), tuple():
                return f"[{', '.join(self._written(one, item, name) for one in value)}]"
            case ((Scalar(optional=True) | Record(optional=True)), None):
                return "null"
            case Scalar(kind=kind), _ if (text := scalar(kind, value)) is not None:
                return text
        self._remarks.append(f"not to be said in a conversation: what {name} was")
        return "{}" if isinstance(type_, Record) else ""

    # --- making the conversation ---

    def _begin(self, draft: Draft) -> None:
        first = self._events[0]
        assert isinstance(first, CallStarted)
        draft.head = [f"caller: {quoted(first.caller_id)}", f"at: {first.at.isoformat(timespec='seconds')}"]
        if first.dialled != self._flow.name:
            self._remarks.append(f"the caller had dialled {first.dialled}")
        lookups = {node.lookup for node in self._flow.nodes.values() if isinstance(node, LookUp)}
        draft.answers = self._answers | {name: ["failed"] for name in sorted(lookups - self._answers.keys())}
        if any(len(set(given)) > 1 for given in draft.answers.values()) and not self._holds(draft):
            for name, given in draft.answers.items():
                if len(set(given)) > 1:
                    self._remarks.append(f"not to be said in a conversation: {name} was looked up again and answered otherwise")
                    del given[1:]
        remembered = (
            (first.language, f"language: {quoted(first.language)}"),
            (first.slower, "slower: true"),
            (first.louder, "louder: true"),
        )
        for known, line in (*remembered, (first.crowded, "crowded: true")):
            if known and not self._try(draft, lambda one, line=line: one.head.append(line)):  # type: ignore[misc]
                self._remarks.append(f"not to be said in a conversation: {line}")

    def _take_acts(self, draft: Draft, wanted: Sequence[str]) -> bool:
        """Act after act, as long as the conversation holds; False when it cannot take all that are needed."""
        for act in self._acts:
            far = _common(_nodes(_hold(self._flow, draft, self._signatures).passages), wanted)

            def take(one: Draft, text: str = act.text) -> None:
                one.steps.append(text)

            if act.needed:
                if not self._try(draft, take):
                    return False
            elif not self._try(draft, take, far, wanted) and act.remark:
                self._remarks.append(act.remark)
        return True

    def _try(self, draft: Draft, change: Callable[[Draft], None], far: int = 0, wanted: Sequence[str] = ()) -> bool:
        """Make a change if the conversation holds with it, and follows the call `far` enough."""
        changed = replace(draft, head=list(draft.head), steps=list(draft.steps))
        change(changed)
        if not self._holds(changed) or _common(_nodes(_hold(self._flow, changed, self._signatures).passages), wanted) < far:
            return False
        draft.head, draft.steps = changed.head, changed.steps
        return True

    def _holds(self, draft: Draft) -> bool:
        outcome = _held(self._flow, draft, self._signatures)
        return outcome is not None and outcome.problem is None

    def _end(self, draft: Draft, held: Outcome, *, whole: bool) -> None:
        """What was heard before each act, and how the call ended, if the conversation goes so far."""
        noticed = _noticed(held)
        steps = [line for number, step in enumerate(draft.steps) for line in (*noticed.get(number, ()), step)]
        last = noticed.get(len(draft.steps), []) if whole else []
        ending = list(_outcomes(held.passages)) if whole else []
        for more, end in (([*steps, *last], ending), (steps, ending), (draft.steps, ending), (draft.steps, [])):
            if self._holds(replace(draft, steps=more, ending=end)):
                draft.steps, draft.ending = more, end
                break
        for name in [name for name in draft.answers if name not in self._answers]:
            answers = {one: given for one, given in draft.answers.items() if one != name}
            if self._holds(replace(draft, answers=answers)):
                draft.answers = answers
            else:
                draft.remarks.append(f"{name} was not answered in the call: that it fails is made up")


# --- holding it ---


def _hold(flow: Flow, draft: Draft, signatures: Mapping[str, LookupSignature]) -> Outcome:
    outcome = _held(flow, draft, signatures)
    assert outcome is not None, draft.text()
    return outcome


def _held(flow: Flow, draft: Draft, signatures: Mapping[str, LookupSignature]) -> Outcome | None:
    """None when it cannot even be read."""
    script, _ = read_script(draft.text(), "", signatures)
    return run(flow, script.conversations[0], _nobody) if script is not None else None


def _nobody(name: str, arguments: Mapping[str, Value]) -> Value:
    raise LookupError(name)


def _nodes(passages: Sequence[Passage]) -> list[str]:
    return [note.node for passage in passages for note in passage.step.notes if isinstance(note, NodeEntered)]


def _tries(asked: Lookup) -> int:
    """How often a look-up is tried that keeps failing, as the driver does it when each failure comes at once."""
    tries, pause, waited = 1, asked.backoff, asked.backoff
    while tries <= asked.retries and waited < asked.deadline:
        tries, pause = tries + 1, 2 * pause
        waited += pause
    return tries


def _common(some: Sequence[str], others: Sequence[str]) -> int:
    """How many they begin with alike."""
    return next((count for count, (one, other) in enumerate(zip(some, others, strict=False)) if one != other), min(len(some), len(others)))


def _outcomes(passages: Sequence[Passage]) -> Iterator[str]:
    """How the call ended, as keys of a conversation."""
    commands = (passage.step.command for passage in passages)
    answered = zip(commands, (passage.event for passage in passages[1:]), strict=False)
    topics = [topic for command, event in answered if (topic := _promised(command, event))]
    yield f"ticket: {topics[0] if topics else 'none'}"
    last = passages[-1].step.state
    yield f"disposition: {last.disposition.value}"
    milestones = [note.milestone for passage in passages for note in passage.step.notes if isinstance(note, MilestoneReached)]
    if milestones:
        yield f"milestones: [{', '.join(milestones)}]"
    if last.outcome:
        yield f"outcome: {last.outcome}"


def _promised(command: Command | None, event: Event) -> str | None:
    """What a call back is about, if this event is one that was promised."""
    match command, event:
        case TakeMessage(topic=topic), MessageKept():
            return topic
        case Transfer(), TransferEnded(reason="callback"):
            return CALLBACK
        case _:
            return None


def _noticed(held: Outcome) -> Mapping[int, list[str]]:
    """What was heard and sent before each step, as steps, by the step's number; behind the last one what came after it."""
    conversation: Conversation = held.conversation
    numbers = {act.mark: number for number, act in enumerate(conversation.steps)}
    said = [text for passage in held.passages if (text := _said(passage.step.command))]
    noticed: dict[int, list[str]] = {}
    before: list[str] = []
    done = 0
    for line in held.transcript:
        if line.who == "line" and said and line.text == said[0]:
            before.append(f"hears: {quoted(said.pop(0))}")
        elif line.who == "line" and line.text.startswith(_SENDS):
            before.append(f"sms: {quoted(line.text.removeprefix(_SENDS))}")
        elif line.who == "caller" or (line.who == "line" and line.text == "fails"):
            number = numbers.get(line.mark, done) if line.who == "caller" else done
            noticed.setdefault(number if number >= done else len(conversation.steps), before)
            before, done = [], max(done, number + 1)
    noticed.setdefault(len(conversation.steps), before)
    return noticed


def _said(command: Command | None) -> str:
    return transcript_of(command.utterance) if isinstance(command, Play | AskDigits) else ""
