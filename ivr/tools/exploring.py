"""Every call that a flow can have: each state it can be in, under each key, silence, failure and hang-up, through the real interpreter.

Two states count as one when the rest of the call cannot tell them apart: same node, same wait, same count of tries, and the same about
every value that a condition may still read. What was said no longer matters, nor do values that nothing reads any more.

Three things are bounded:

- Keys pressed ahead: one key, choice or entry at a time, and not `back`. More of them, and `back`, do what they do when they are pressed at
  the question.
- Where `back` leads: a state knows the last menu passed, not all of them. Where the one below it comes to light, every menu that was
  ever passed below it is tried; so more calls are looked at than can happen, never fewer.
- The number of states, by `limit`. A search that was cut short says so.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from decimal import Decimal
from itertools import count

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
from ivr.core.flow import BACK, REPEAT, Collect, Flow, Menu
from ivr.core.interpreter import Step
from ivr.core.notes import ChoiceMade, ValueCollected
from ivr.core.state import CallState, Passed, Phase
from ivr.core.values import Value
from ivr.tools.abstraction import Abstraction
from ivr.tools.conversations import NOON
from ivr.tools.liveness import FREE
from ivr.tools.witnesses import CANARY, REFERENCE, Answer, Decisions, Path, Undecided

SESSION = "00000000-0000-4000-8000-000000000000"
KEYS = "0123456789*#"
RARE, UNTOLD = 3, 10  # what failures cost, and events that conversations have no word for; others cost one and so are tried first

Advance = Callable[[Flow, CallState, Event], Step]
Decided = tuple[str, int, Path, Value]  # a source, the serial of its answer, a field, and what it was decided to be


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
        self._serial = count(1)
        self._index: dict[object, int] = {}
        self._heap: list[tuple[int, int]] = []
        self._goes_back = BACK in self._flow.universals.values()
        self._repeats = self._goes_back or REPEAT in self._flow.universals.values()
        self._below: dict[Passed, dict[Passed | None, None]] = {}  # for each menu, those that were passed right before it
        self._uncertain: dict[Passed, list[_Waiting]] = {}
        self._ahead = self._keys_ahead()
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
        for event, cost in self._events(here.state, here.command):
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
        while waiting:
            state, event, decided = waiting.pop()
            try:
                step = self._advance(self._flow, state, event)
            except Undecided as open_:
                old = open_.decisions
                for value in reversed(open_.choices):
                    new = Decisions(old.source, old.serial, {**old.values, open_.path: value})
                    more = (*decided, (old.source, old.serial, open_.path, value))
                    waiting.append((_redecided(state, old, new), _answered_so(event, old, new), more))
            except Exception as error:  # that it never raises is one of the things to prove
                yield Happened(state, here.command, event, None, error), decided
            else:
                yield Happened(state, here.command, event, step, None), decided

    # --- states ---

    def _lead(self, origin: int, way: Way, step: Step, decided: tuple[Decided, ...], event: Event, cost: int) -> None:
        state = step.state
        if state.variables.get(FREE) is not self._known.free and state.phase is not Phase.OVER:
            state = replace(state, variables={**state.variables, FREE: self._known.free})
        state = replace(state, history=state.history[-1:] if self._goes_back else ())
        came = Came(origin, event, decided)
        if not self._goes_back or state.phase is not Phase.ASKING:
            way.came.setdefault(self._arrive(state, step.command, cost, came), came)
            return
        before, place = self.seen[origin].state, Passed(state.node, state.returns)
        below = self._below.setdefault(place, {})
        if state.history or not (before.history or _passed(step)):
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
            (state.noinputs, state.nomatches) if asking else None, self._values(state),
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
        if name in self._known.counters and isinstance(value, Decimal):
            return min(value, self._known.counters[name])
        return tuple(value.items()) if isinstance(value, dict) else (type(value), value)

    # --- events ---

    def _events(self, state: CallState, command: Command | None) -> Iterator[tuple[Event, int]]:
        """Everything that can happen in a state, and what it costs."""
        match command:
            case None if state.phase is Phase.NEW:
                for number, caller in enumerate(self._known.callers):
                    for other, dialled in enumerate(self._known.dialled):
                        yield CallStarted(NOON, SESSION, caller, dialled), 1 + bool(number) + UNTOLD * bool(other)
            case Play():
                yield PromptPlayed(NOON), 1
                if command.barge_in:
                    yield from ((PromptPlayed(NOON, key), UNTOLD) for key in self._may_press(state))
                yield from ((CommandFailed(NOON, "audio", key), UNTOLD) for key in ("", *self._may_press(state)))
                yield CallerHungUp(NOON), UNTOLD
            case AskDigits():
                yield from ((event, 1) for event in self._entries(state, command))
                yield NothingHeard(NOON), 1
                yield CallerHungUp(NOON), 1
                yield from ((CommandFailed(NOON, "audio", key), UNTOLD if key else RARE) for key in ("", *self._may_press(state)))
            case Lookup():
                yield from self._answers(state, command)
            case TakeMessage():
                yield MessageKept(NOON, REFERENCE), 1
                yield MessageKept(NOON, REFERENCE, hung_up=True), 1
                yield MessageNotKept(NOON, "too_short"), 1
                yield MessageNotKept(NOON, "disk_full"), 1
                yield MessageKept(NOON, None), RARE
                yield MessageKept(NOON, None, hung_up=True), UNTOLD
                yield MessageNotKept(NOON, "too_short", hung_up=True), UNTOLD
                yield MessageNotKept(NOON, "storage", hung_up=True), UNTOLD
                yield CommandFailed(NOON, "recording"), RARE
                yield CallerHungUp(NOON), UNTOLD
            case Transfer():
                yield TransferEnded(NOON, answered=False), 1
                yield TransferEnded(NOON, answered=True), 1
                yield CallerHungUp(NOON), 1
                yield CommandFailed(NOON, "transfer"), RARE
            case Release():
                yield Released(NOON), 1
                yield CommandFailed(NOON, "hangup"), UNTOLD
                yield CallerHungUp(NOON), UNTOLD

    def _answers(self, state: CallState, command: Lookup) -> Iterator[tuple[Event, int]]:
        witnessed = self._known.lookups.get(command.name)
        if witnessed is not None:
            for key in ("", *self._may_press(state)):
                answer = Answer(witnessed, Decisions(command.name, next(self._serial), {}))
                yield LookupAnswered(NOON, answer, key), UNTOLD if key else 1
        if witnessed is None or command.name in self._known.not_found:
            yield LookupAnswered(NOON, None), 1
        yield CommandFailed(NOON, "back_office"), 1
        yield CommandFailed(NOON, "deadline"), 1
        yield from ((CommandFailed(NOON, "back_office", key), UNTOLD) for key in self._may_press(state))
        if not state.hung_up:
            yield CallerHungUp(NOON), UNTOLD

    def _entries(self, state: CallState, command: AskDigits) -> Iterator[DigitsEntered]:
        node, begun = self._flow.nodes[state.node], state.partial
        if isinstance(node, Menu):
            entries = [*node.choices, *(key for key in self._flow.universals if key not in node.choices)]
            wrong = self._no_choice(node)
            entries += [wrong] if wrong is not None else []
        else:
            assert isinstance(node, Collect)
            digits = CANARY if node.secret else "5" * node.max_digits
            short = [digits[: node.min_digits - 1]] if node.min_digits > 1 else []
            entries = [*self._known.entries[node.name], *self._flow.universals, *short, "#"]
        for entry in dict.fromkeys(entries):
            if begun and not (entry.startswith(begun) and len(entry) > len(begun)):
                continue
            rest = entry[len(begun) :]
            if command.max_digits == 1 and len(rest) == 1:
                yield DigitsEntered(NOON, rest)
            else:
                typed, ended, _ = rest.partition("#")
                short_of = len(typed) < command.max_digits and isinstance(node, Collect)
                yield DigitsEntered(NOON, typed, terminated=bool(ended) or (short_of and typed.isdigit()))
        if begun:
            yield DigitsEntered(NOON, "8")

    def _no_choice(self, node: Menu) -> str | None:
        taken = (*node.choices, *self._flow.universals)
        return next((key for key in "8" + KEYS if not any(one.startswith(key) for one in taken)), None)

    def _may_press(self, state: CallState) -> tuple[str, ...]:
        return self._ahead if not (state.keys or state.partial or state.hung_up) else ()

    def _keys_ahead(self) -> tuple[str, ...]:
        """What something may be waiting for: each key, choice and entry that has a meaning somewhere, and a key that has none."""
        menus = [node for node in self._flow.nodes.values() if isinstance(node, Menu)]
        back = {key for key, action in self._flow.universals.items() if action == BACK}
        choices = {choice for node in menus for choice in node.choices} | self._flow.universals.keys()
        entries: set[str] = set()
        for name, found in self._known.entries.items():
            form = self._flow.nodes[name]
            assert isinstance(form, Collect)
            entries |= {entry + "#" * (len(entry) < form.max_digits) for entry in found}
        keys = choices | entries | {one[0] for one in choices | entries}
        other = next((key for key in "8" + KEYS if key not in keys), "")
        return tuple(sorted(key for key in {*keys, other} - {""} if key[0] not in back))


def _interests(path: Path, interesting: frozenset[Path] | None) -> bool:
    return interesting is None or any(path[: len(one)] == one or one[: len(path)] == path for one in interesting)


def _passed(step: Step) -> bool:
    """Whether a menu or form was passed in a step."""
    return any(
        isinstance(note, ValueCollected) or (isinstance(note, ChoiceMade) and not (note.universal and note.target in (BACK, REPEAT)))
        for note in step.notes
    )


def _redecided(state: CallState, old: Decisions, new: Decisions) -> CallState:
    if not any(isinstance(value, Answer) and value.decisions is old for value in state.variables.values()):
        return state
    return replace(state, variables={name: _value(value, old, new) for name, value in state.variables.items()})


def _answered_so(event: Event, old: Decisions, new: Decisions) -> Event:
    return replace(event, answer=_value(event.answer, old, new)) if isinstance(event, LookupAnswered) else event


def _value(value: Value, old: Decisions, new: Decisions) -> Value:
    return value.decided(new) if isinstance(value, Answer) and value.decisions is old else value
