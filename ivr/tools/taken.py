"""Which edges of its flow a call has taken, read from the steps of the interpreter.

So whatever drives a call can be followed: a conversation test, or a replay of a real call.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ivr.core import notes as facts
from ivr.core.events import (
    CallerHungUp,
    CommandFailed,
    Event,
    LookupAnswered,
    MessageKept,
    MessageNotKept,
    SpeechHeard,
    TextQueued,
    TransferEnded,
)
from ivr.core.flow import (
    BACK,
    NO_PHRASES,
    Asks,
    Call,
    Collect,
    Flow,
    Goto,
    LookUp,
    Menu,
    ReadsList,
    Return,
    Say,
    Set,
    TakesMessage,
    Target,
    TransfersCall,
    phrases_at,
)
from ivr.core.interpreter import Step
from ivr.core.state import CallState, Phase
from ivr.tools.edges import DID_YOU_MEAN, ELSE, ON_FAILURE, THEN, USE_KEYS, Edge, Kind, ended_as, subflow_of, waits_as


@dataclass(frozen=True, slots=True)
class Passage:
    """One step of a call: where it was, what happened, and what came of it."""

    before: CallState
    event: Event
    step: Step


def edges_taken(flow: Flow, call: Iterable[Passage]) -> Iterator[Edge]:
    """The edges of one call, in the order it took them."""
    follower = _Follower(flow)
    for passage in call:
        yield from _by_event(flow, passage)
        yield from follower.follow(passage)


class _Follower:
    """Follows one call by its notes, to tell which way led from one node to the next."""

    def __init__(self, flow: Flow) -> None:
        self._flow = flow
        self._last: Target = ""  # the node that the call is at; "" when it has been taken away from it
        self._returns: tuple[Target, ...] = ()  # the `call` nodes of the sub-flows that the call is in
        self._asked: dict[Target, tuple[Target, ...]] = {}  # the same when each question was last asked: where "back" leads

    def follow(self, passage: Passage) -> Iterator[Edge]:
        """The edges that the notes of one step tell."""
        if isinstance(passage.event, CallerHungUp | CommandFailed) or _hung_up(passage.event):
            self._last = ""
        before: facts.Note | None = None
        for number, note in enumerate(passage.step.notes):
            yield from _by_note(self._flow, note)
            if isinstance(passage.event, SpeechHeard) and not passage.before.offered:
                yield from _by_voice(self._flow, note)
            match note:
                case facts.NodeEntered(node=name):
                    if self._goes_back(before):
                        passed = passage.before.history if number == 1 else ()
                        self._returns = passed[-1].returns if passed else self._asked.get(name, ())
                    yield from self._enter(name, before)
                case facts.LimitExceeded() | facts.StepFailed(reason="expression" | "no_number"):
                    self._last = ""
                case _:
                    pass
            if not isinstance(note, facts.MilestoneReached | facts.OutcomeReached):
                before = note

    def _goes_back(self, note: facts.Note | None) -> bool:
        return isinstance(note, facts.ChoiceMade) and note.universal and self._flow.universals[note.key] == BACK

    def _enter(self, name: Target, right_after: facts.Note | None) -> Iterator[Edge]:
        yield Edge(Kind.NODE, name, "")
        if self._last:
            yield from self._between(self._last, name, right_after)
        if not subflow_of(name):
            self._returns = ()
        if isinstance(self._flow.nodes[name], Asks):
            self._asked[name] = self._returns
        self._last = name

    def _between(self, last: Target, name: Target, right_after: facts.Note | None) -> Iterator[Edge]:
        """The edge from a node to the one entered next, where neither an event nor a note decides."""
        match self._flow.nodes[last]:
            case (Say() | Set() | Goto() | TakesMessage()) as node if node.then == name:
                yield Edge(Kind.THEN, last, THEN)
            case ReadsList() as node if node.empty == name and isinstance(right_after, facts.NodeEntered):
                yield Edge(Kind.LIST, last, "empty")
            case Call():
                yield Edge(Kind.THEN, last, "call")
                self._returns = (*self._returns, last)
            case Return() if self._returns:
                *outer, caller = self._returns
                yield Edge(Kind.RETURN, caller, THEN)
                self._returns = tuple(outer)
            case _:
                pass


def _hung_up(event: Event) -> bool:
    return isinstance(event, MessageKept | MessageNotKept) and event.hung_up


def _by_event(flow: Flow, passage: Passage) -> Iterator[Edge]:
    """What the event itself decides, at the node where the call was."""
    before, event = passage.before, passage.event
    node = flow.nodes.get(before.node)
    if (
        (isinstance(event, CallerHungUp) or _hung_up(event))
        and node is not None
        and before.phase is not Phase.SPEAKING
        and (kind := waits_as(node))
    ):
        yield Edge(Kind.HANG_UP, "", kind)
    match event:
        case LookupAnswered(answer=None) if isinstance(node, LookUp):
            yield Edge(Kind.LOOKUP, node.name, "not_found" if node.not_found else "failed")
        case LookupAnswered():
            yield Edge(Kind.LOOKUP, before.node, THEN)
        case CommandFailed() if before.phase is Phase.LOOKING_UP:
            yield Edge(Kind.LOOKUP, before.node, "failed")
        case TextQueued():
            yield Edge(Kind.TEXT, before.node, THEN)
        case CommandFailed() if before.phase is Phase.TEXTING:
            yield Edge(Kind.TEXT, before.node, "failed")
        case CommandFailed() if before.phase is not Phase.RELEASING:
            yield Edge(Kind.FAILURE, "", ON_FAILURE)
        case MessageKept(reference=reference):
            yield Edge(Kind.MESSAGE, before.node, "kept" if reference else "saved")
        case MessageNotKept(reason=reason):
            yield Edge(Kind.MESSAGE, before.node, "too_short" if reason == "too_short" else "not_kept")
        case TransferEnded() if isinstance(node, TransfersCall):
            yield Edge(Kind.TRANSFER, before.node, ended_as(node, event))
        case _:
            pass


def _by_voice(flow: Flow, note: facts.Note) -> Iterator[Edge]:
    """What a note tells of something said; yes and no, and the words for pages, belong to no flow."""
    match note:
        case facts.PhraseHeard(node=name, phrase=phrase, key=key, sure=sure):
            node = flow.nodes[name]
            own = phrases_at(node) if isinstance(node, Asks) else NO_PHRASES
            if not any(phrase in meanings for meanings in own.values()):
                yield Edge(Kind.SPOKEN, "", key)
            elif isinstance(node, Menu) and node.asks_back:
                yield Edge(Kind.SPOKEN, name, key)
            if not sure:
                yield Edge(Kind.SPEECH, "", DID_YOU_MEAN)
        case facts.ValueCollected(node=name):
            form = flow.nodes[name]
            assert isinstance(form, Collect)
            yield Edge(Kind.SPOKEN, name, form.variable)
        case _:
            pass


def _by_note(flow: Flow, note: facts.Note) -> Iterator[Edge]:
    """What a note tells by itself."""
    match note:
        case facts.ChoiceMade(node=name, key=key, universal=universal):
            yield Edge(Kind.UNIVERSAL, "", key) if universal else Edge(Kind.CHOICE, name, key)
        case facts.ValueCollected(node=name):
            form = flow.nodes[name]
            assert isinstance(form, Collect)
            yield Edge(Kind.ENTRY, name, form.variable)
        case facts.InputRejected(node=name, reason=reason):
            yield Edge(Kind.NOINPUT if reason == "noinput" else Kind.NOMATCH, name, reason)
        case facts.TriesExhausted(node=name):
            yield Edge(Kind.EXHAUSTED, name, "exhausted")
        case facts.ConditionHeld(node=name, condition=condition):
            yield Edge(Kind.BRANCH, name, condition or ELSE)
        case facts.StepFailed(reason="expression"):
            yield Edge(Kind.FAILURE, "", ON_FAILURE)
        case facts.StepFailed(node=name, reason="no_number"):
            yield Edge(Kind.TEXT, name, "failed")
        case facts.HoursChecked(node=name, state=state):
            yield Edge(Kind.HOURS, name, state)
        case facts.PageTurned(node=name, pages=1):
            yield Edge(Kind.LIST, name, "one page")
        case facts.LimitExceeded(limit=limit):
            yield Edge(Kind.LIMIT, "", limit)
        case facts.ListeningFailed():
            yield Edge(Kind.SPEECH, "", USE_KEYS)
        case _:
            pass
