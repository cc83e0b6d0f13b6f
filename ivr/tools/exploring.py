"""Every call that a flow can have: each state it can be in, under each key, silence, failure and hang-up, through the real interpreter.

Two states count as one when the rest of the call cannot tell them apart: same node, same wait, same count of tries, and the same about
every value that a condition may still read. What was said no longer matters, nor do values that nothing reads any more.

Three things are bounded:

- Keys pressed ahead: one key, choice or entry at a time, and not `back`. More of them, and `back`, do what they do when they are pressed at
  the question.
- What is said: a phrase that is heard surely does what its key does, so each is tried unsurely; two at once in one pair, since a no to the
  first leads to where the second alone leads.
- Where `back` leads: a state knows the last menu passed, not all of them. Where the one below it comes to light, every menu that was
  ever passed below it is tried; so more calls are looked at than can happen, never fewer.
- The number of states, by `limit`. A search that was cut short says so.
"""

from __future__ import annotations

import datetime as dt
import heapq
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from decimal import Decimal

from ivr.core.commands import Command
from ivr.core.events import Event, LookupAnswered
from ivr.core.flow import ACTIONS, BACK, Asks, Flow, ReadsList
from ivr.core.interpreter import Step
from ivr.core.notes import ChoiceMade, InputRejected, NodeEntered, ValueCollected
from ivr.core.state import CallState, Passed, Phase
from ivr.core.values import Value
from ivr.tools.abstraction import Abstraction
from ivr.tools.happening import Happening
from ivr.tools.liveness import FREE
from ivr.tools.moments import CLOCK, LATE
from ivr.tools.witnesses import Answer, Decisions, Path, Undecided

LONG_AGO = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)

Advance = Callable[[Flow, CallState, Event], Step]
Decided = tuple[str, int, Path, Value]  # a source, the serial of its answer, a field, and what it was decided to be
_LATE: Decided = (CLOCK, 0, LATE, True)


@dataclass(frozen=True, slots=True)
class Came:
    """How a call came to a state: from which, by what, with what decided on the way."""

    origin: int
    event: Event
    decided: tuple[Decided, ...]


@dataclass(frozen=True, slots=True)
class Happened:
    """One step of the interpreter, or the exception in place of it."""

    before: CallState
    asked: Command | None
    event: Event
    step: Step | None
    error: Exception | None


@dataclass(frozen=True, slots=True)
class Finding:
    """Something wrong with one step: a property that does not hold, and in what way."""

    name: str
    sentence: str
    came: Came
    cost: int


@dataclass(slots=True)
class Way:
    """An event in a state and where it leads: several states when something was undecided, none when the step failed."""

    event: Event
    came: dict[int, Came] = field(default_factory=dict)

    @property
    def to(self) -> tuple[int, ...]:
        """The states."""
        return tuple(self.came)


@dataclass(slots=True)
class Seen:
    """A state that a call can be in, and the cheapest way to it."""

    state: CallState
    command: Command | None
    cost: int
    came: Came | None
    ways: list[Way] = field(default_factory=list)


Watch = Callable[[Happened], Iterable[tuple[str, str]]]
_Waiting = tuple[int, Way, Step, tuple[Decided, ...], Event, int]


class Search:
    """Explores a flow, cheapest ways first. `watch` looks at each step and says which properties it breaks, and how."""

    def __init__(self, abstraction: Abstraction, advance: Advance, watch: Watch, limit: int) -> None:
        self._known = abstraction
        self._flow = abstraction.flow
        self._advance = advance
        self._watch = watch
        self._limit = limit
        self.happening = Happening(abstraction)
        self._index: dict[object, int] = {}
        self._heap: list[tuple[int, int]] = []
        self._goes_back = BACK in self._flow.universals.values()
        self._repeats = self._goes_back or any(action in self._flow.universals.values() for action in ACTIONS)
        self._below: dict[Passed, dict[Passed | None, None]] = {}  # for each menu, those that were passed right before it
        self._uncertain: dict[Passed, list[_Waiting]] = {}
        self._tokens: dict[object, tuple[Decisions, object]] = {}
        self.seen: list[Seen] = []
        self.findings: dict[str, Finding] = {}
        self.steps = 0
        self.complete = True

    def run(self) -> None:
        """Explore until nothing new comes, or the limit is reached."""
        self._arrive(CallState(variables={FREE: self._known.free}), None, 0, None)
        done: set[int] = set()
        while self._heap:
            if len(self.seen) > self._limit:
                self.complete = False
                return
            _, number = heapq.heappop(self._heap)
            if number not in done:
                done.add(number)
                self._expand(number)

    def _expand(self, number: int) -> None:
        here = self.seen[number]
        for event, cost in self.happening.events(here.state, here.command):
            way = Way(event)
            here.ways.append(way)
            for happened, decided in self._outcomes(here, event):
                self.steps += 1
                price = here.cost + cost
                for name, sentence in self._watch(happened):
                    if name not in self.findings or price < self.findings[name].cost:
                        self.findings[name] = Finding(name, sentence, Came(number, happened.event, decided), price)
                if happened.step is not None:
                    self._lead(number, way, happened.step, decided, happened.event, price)

    def _outcomes(self, here: Seen, event: Event) -> Iterator[tuple[Happened, tuple[Decided, ...]]]:
        """What the interpreter does, for each way in which what it reads can be decided."""
        waiting: list[tuple[CallState, Event, tuple[Decided, ...]]] = [(here.state, event, ())]
        limited, begun = tuple(self._limited(here.state)), event
        while waiting:
            state, event, decided = waiting.pop()
            asks = False
            try:
                step = self._advance(self._flow, state, event)
            except Undecided as open_:
                old = open_.decisions
                if old.source == CLOCK:
                    waiting += [(state, replace(event, at=at), decided) for at in reversed(open_.choices) if isinstance(at, dt.datetime)]
                    continue
                for value in reversed(open_.choices):
                    new = Decisions(old.source, old.serial, {**old.values, open_.path: value})
                    more = (*decided, (old.source, old.serial, open_.path, value))
                    waiting.append((_redecided(state, old, new), _answered_so(event, old, new), more))
            except Exception as error:  # that it never raises is one of the things to prove
                yield Happened(state, here.command, event, None, error), decided
                asks = True
            else:
                yield Happened(state, here.command, event, step, None), decided
                asks = self._asks(step)
            if limited and asks:
                waiting += [(other, begun, (_LATE,)) for other in limited]
                limited = ()

    def _asks(self, step: Step) -> bool:
        """Whether a limit was looked at in a step: it is where a caller is asked something, and nowhere else."""
        return any(
            isinstance(note, InputRejected) or (isinstance(note, NodeEntered) and isinstance(self._flow.nodes[note.node], Asks))
            for note in step.notes
        )

    def _limited(self, state: CallState) -> Iterator[CallState]:
        """The same state in a call that has come to a limit: it lasts too long, or one more failed try is one too many."""
        limits = self._flow.limits
        if limits.exceeded is None or state.limited or state.phase in (Phase.NEW, Phase.OVER) or state.hung_up:
            return
        if limits.duration is not None:
            yield replace(state, started_at=LONG_AGO)
        elif limits.tries is not None and self._known.tries is None:
            yield replace(state, rejected=limits.tries - 1)

    # --- states ---

    def _lead(self, origin: int, way: Way, step: Step, decided: tuple[Decided, ...], event: Event, cost: int) -> None:
        state = step.state
        if state.variables.get(FREE) is not self._known.free and state.phase is not Phase.OVER:
            state = replace(state, variables={**state.variables, FREE: self._known.free})
        counted = self._known.tries is not None and not state.limited
        state = replace(
            state,
            history=state.history[-1:] if self._goes_back else (),
            started_at=None,
            limited=state.limited and state.phase is not Phase.OVER,
            rejected=state.rejected if counted else 0,
            asked=(),
            deaf=(),  # where keys are all that counts, nothing can happen that cannot happen where speech does too
            page=state.page if state.phase is Phase.ASKING and isinstance(self._flow.nodes[state.node], ReadsList) else 0,
        )
        came = Came(origin, event, decided)
        if not self._goes_back or state.phase is not Phase.ASKING:
            way.came.setdefault(self._arrive(state, step.command, cost, came), came)
            return
        before, place = self.seen[origin].state, Passed(state.node, state.returns)
        below = self._below.setdefault(place, {})
        if state.history or not (before.history or self._passed(step)):
            top = state.history[-1] if state.history else None
            if top not in below:
                below[top] = None
                for waiting in self._uncertain.get(place, ()):
                    self._arrive_above(waiting, top)
            way.came.setdefault(self._arrive(state, step.command, cost, came), came)
            return
        arrival: _Waiting = (origin, way, replace(step, state=state), decided, event, cost)
        self._uncertain.setdefault(place, []).append(arrival)
        for top in tuple(below):
            self._arrive_above(arrival, top)

    def _arrive_above(self, waiting: _Waiting, top: Passed | None) -> None:
        origin, way, step, decided, event, cost = waiting
        state = replace(step.state, history=() if top is None else (top,))
        came = Came(origin, event, decided)
        way.came.setdefault(self._arrive(state, step.command, cost, came), came)

    def _arrive(self, state: CallState, command: Command | None, cost: int, came: Came | None) -> int:
        key = self._key(state)
        number = self._index.get(key)
        if number is None:
            number = self._index[key] = len(self.seen)
            self.seen.append(Seen(state, command, cost, came))
        elif cost < self.seen[number].cost:
            known = self.seen[number]
            known.state, known.command, known.cost, known.came = state, command, cost, came
        else:
            return number
        if state.phase is not Phase.OVER:
            heapq.heappush(self._heap, (cost, number))
        return number

    def _key(self, state: CallState) -> object:
        """What the rest of the call depends on."""
        if state.phase is Phase.OVER:
            return Phase.OVER
        asking = state.phase is Phase.ASKING
        return (
            state.phase, state.node, state.language, state.returns, state.history, state.trouble, state.hung_up, bool(state.references),
            state.transferred, state.keys, state.partial, bool(state.pending), self._repeats and bool(state.heard),
            (state.noinputs, state.nomatches, state.page, state.offered) if asking else None, state.limited, state.rejected,
            self._values(state),
        )  # fmt: skip

    def _values(self, state: CallState) -> object:
        if state.node not in self._known.live:
            return None
        found: list[object] = []
        for name, interesting in self._known.live[state.node]:
            if name in state.variables:
                found.append((name, self._token(name, state.variables[name], interesting)))
        return tuple(found)

    def _token(self, name: str, value: Value, interesting: frozenset[Path] | None) -> object:
        if name in self._known.counters and isinstance(value, Decimal):
            return min(value, self._known.counters[name])
        return self._like(value, interesting)

    def _like(self, value: Value, interesting: frozenset[Path] | None) -> object:
        if isinstance(value, Answer):
            key = (id(value.decisions), value.prefix, interesting)
            if key not in self._tokens:
                start = len(value.prefix)
                told = frozenset(
                    (path, decided)
                    for path, decided in value.decisions.values.items()
                    if path[:start] == value.prefix and _interests(path[start:], interesting)
                )
                self._tokens[key] = (value.decisions, told)
            return self._tokens[key][1]
        if isinstance(value, dict):
            parts = ((name, one, _within(name, interesting)) for name, one in value.items() if _interests((name,), interesting))
            return tuple((name, self._like(one, inner)) for name, one, inner in parts)
        return type(value), value

    def _passed(self, step: Step) -> bool:
        """Whether a menu, form or list was passed in a step. Turning a page is none."""
        return any(isinstance(note, ValueCollected) or (isinstance(note, ChoiceMade) and self._passes(note)) for note in step.notes)

    def _passes(self, note: ChoiceMade) -> bool:
        if note.universal:
            return note.target not in ACTIONS
        node = self._flow.nodes[note.node]
        return not isinstance(node, ReadsList) or note.key == node.keys.stop


def _interests(path: Path, interesting: frozenset[Path] | None) -> bool:
    return interesting is None or any(path[: len(one)] == one or one[: len(path)] == path for one in interesting)


def _within(name: str, interesting: frozenset[Path] | None) -> frozenset[Path] | None:
    """What is of interest within a field."""
    if interesting is None or (name,) in interesting or () in interesting:
        return None
    return frozenset(path[1:] for path in interesting if path[0] == name)


def _redecided(state: CallState, old: Decisions, new: Decisions) -> CallState:
    return replace(state, variables={name: _value(value, old, new) for name, value in state.variables.items()})


def _answered_so(event: Event, old: Decisions, new: Decisions) -> Event:
    return replace(event, answer=_value(event.answer, old, new)) if isinstance(event, LookupAnswered) else event


def _value(value: Value, old: Decisions, new: Decisions) -> Value:
    match value:
        case Answer():
            return value.decided(new) if value.decisions is old else value
        case dict():
            return {name: _value(one, old, new) for name, one in value.items()}
        case _:
            return value
