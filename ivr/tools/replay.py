"""A past call run again: the events of its journal through a flow, and the first thing that comes out otherwise than it did then."""

from __future__ import annotations

import copy
import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ivr.calls.events_as_data import Unreadable, value_from
from ivr.calls.journal import entry as readable
from ivr.calls.sealing import spoken_values, unsealed
from ivr.core.events import CallStarted, Event
from ivr.core.flow import Collect, Flow
from ivr.core.interpreter import Step, advance
from ivr.core.notes import NodeEntered
from ivr.core.state import CallState
from ivr.core.values import Kind, SpokenValue
from ivr.errors import UnexpectedEvent
from ivr.speech import words
from ivr.tools.coverage import Passage
from ivr.tools.sentences import Entry, event_told
from ivr.tools.why import Places, told_step

_SAID = ("utterance", "text", "comfort")  # where commands carry words


@dataclass(frozen=True, slots=True)
class PastCall:
    """What the journal knows of a call: each step as operators may read it, the events as they were, and the values that were said."""

    session: str
    version: str  # of its flow, as 1008611@3; "" when the journal does not say
    entries: tuple[Entry, ...]
    events: tuple[Event, ...]
    spoken: tuple[Sequence[Any], ...]
    end: Entry | None  # how it ended; None when the journal breaks off

    @property
    def started(self) -> CallStarted:
        """Its first event."""
        first = self.events[0]
        assert isinstance(first, CallStarted)
        return first


@dataclass(frozen=True, slots=True)
class Difference:
    """Where a call goes another way now: in which step, after what, and what the flow did then and does now, in the words of `ivr why`."""

    entry: int  # counted from 1
    at: dt.datetime
    seconds: float  # into the call
    place: str  # path:line of the node that the call was at
    event: str
    then: tuple[str, ...]
    now: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Replayed:
    """How far a call went as it had gone; `difference` is None when that is to its end."""

    flow: Flow
    call: PastCall
    passages: tuple[Passage, ...]
    difference: Difference | None


def past_call(session: str, entries: Iterable[Entry], opened: Iterable[Mapping[str, Any] | None]) -> PastCall:
    """A call as the journal gives it; `opened` has what was sealed into each entry. Raises Unreadable when it cannot be run again."""
    steps: list[Entry] = []
    sealed: list[Mapping[str, Any]] = []
    end: Entry | None = None
    for entry, inside in zip(entries, opened, strict=True):
        if "disposition" in entry:
            end = entry
        elif inside is None:
            raise Unreadable("its entries were written without the data key, or with another one")
        else:
            steps.append(entry)
            sealed.append(inside)
    events = unsealed(sealed)
    if not events or not isinstance(events[0], CallStarted):
        raise Unreadable("its beginning is missing")
    return PastCall(session, str(steps[0].get("version", "")), tuple(steps), events, tuple(one.get("spoken", ()) for one in sealed), end)


def replay(flow: Flow, call: PastCall) -> Replayed:
    """Run it again, as far as it goes the same way."""
    state, asked, places = CallState(), None, Places()
    passages: list[Passage] = []
    for number, event in enumerate(call.events):
        try:
            step = advance(flow, state, event)
        except UnexpectedEvent as error:
            refused = (f"the flow waits for something else: {error}",)
            return Replayed(flow, call, tuple(passages), _difference(call, number, places, _then(call, number, places), refused))
        passages.append(Passage(state, event, step))
        now: Mapping[str, Any] = readable(event, asked, step)
        if not _same(call, number, now, step):
            told = _told(now["notes"], now["command"], spoken_values(step.command), event.at, places)
            return Replayed(flow, call, tuple(passages), _difference(call, number, places, _then(call, number, places), told))
        for note in step.notes:
            if isinstance(note, NodeEntered):
                places.come_to(note.node, note.mark)
        state, asked = step.state, step.command
    return Replayed(flow, call, tuple(passages), _other_end(call, state, places))


def report(replayed: Replayed) -> Iterator[str]:
    """The lines to print."""
    call, found = replayed.call, replayed.difference
    version = f", {call.version}" if call.version else ""
    yield f"call {call.session} of {call.started.at:%Y-%m-%d %H:%M}{version}, {len(call.entries)} entries"
    if call.end is None:
        yield "its end is not in the journal: it is under way, or the engine was ended"
    elif "broken" in call.end:
        yield f"it was broken off: {call.end['broken']}"
    if found is None:
        yield f"the same with {replayed.flow.mark.path}: every step, every word, every value"
        return
    place = found.place or replayed.flow.mark.path
    yield f"differs at entry {found.entry}, {found.at:%H:%M:%S}, {found.seconds:.1f} s into the call, {place}"
    yield f"  {found.event}"
    yield from ("  then:", *(f"    {line}" for line in found.then), "  now:", *(f"    {line}" for line in found.now))
    if any(isinstance(node, Collect) and node.secret for node in replayed.flow.nodes.values()):
        yield "  (secret entries are not kept: noughts stand for them, and a flow that decides by one may decide otherwise here)"


# --- comparing ---


def _same(call: PastCall, number: int, now: Entry, step: Step) -> bool:
    then = call.entries[number]
    notes = then.get("notes") or []
    return (
        len(notes) == len(now["notes"])
        and all(_alike(was, is_) for was, is_ in zip(notes, now["notes"], strict=True))
        and _alike(then.get("command"), now["command"])
        and list(call.spoken[number]) == spoken_values(step.command)
    )


def _alike(then: Any, now: Any) -> bool:
    """Two notes or commands: all but their places, and what only one of two versions of selfline writes."""
    if not isinstance(then, dict) or not isinstance(now, dict):
        return bool(then == now)
    return then.get("type") == now.get("type") and not _unlike_fields(then, now)


def _unlike_fields(then: Entry, now: Entry) -> list[str]:
    return [key for key in then.keys() & now.keys() if key != "mark" and then[key] != now[key]]


def _other_end(call: PastCall, state: CallState, places: Places) -> Difference | None:
    """A call that has gone the same way may count as something else."""
    if call.end is None or "broken" in call.end or call.end["disposition"] == state.disposition.value:
        return None
    last = len(call.entries) - 1
    return _difference(call, last, places, (f"over: {call.end['disposition']}",), (f"over: {state.disposition.value}",))


# --- telling ---


def _difference(call: PastCall, number: int, places: Places, then: Sequence[str], now: Sequence[str]) -> Difference:
    at, begun = call.events[number].at, call.events[0].at
    event = event_told(call.entries[number].get("event") or {}).en
    same = 0
    while same < min(len(then), len(now)) - 1 and then[same] == now[same]:
        same += 1
    return Difference(number + 1, at, (at - begun).total_seconds(), places.here, event, tuple(then[same:]), tuple(now[same:]))


def _then(call: PastCall, number: int, places: Places) -> tuple[str, ...]:
    entry = call.entries[number]
    return _told(entry.get("notes") or (), entry.get("command"), call.spoken[number], call.events[number].at, places)


def _told(notes: Sequence[Entry], command: Entry | None, spoken: Sequence[Any], at: dt.datetime, places: Places) -> tuple[str, ...]:
    lines = list(told_step(notes, _spoken(command, spoken, at), copy.deepcopy(places)))
    if not command:
        return (*lines, "the call is over")
    terms = {key: value for key, value in command.items() if key not in ("type", *_SAID) and not isinstance(value, dict)}
    details = ", ".join(f"{key.replace('_', ' ')} {value}" for key, value in terms.items())
    return (*lines, f"  {details}") if details else tuple(lines)


def _spoken(command: Entry | None, spoken: Sequence[Any], at: dt.datetime) -> Entry | None:
    """A command with the values in its words."""
    if not command:
        return command
    values = iter(spoken)
    said = {
        key: {**command[key], "parts": [_part(part, values, command[key]["language"], at) for part in command[key]["parts"]]}
        for key in _SAID
        if isinstance(command.get(key), dict)
    }
    return {**command, **said}


def _part(part: str, values: Iterator[Any], language: str, at: dt.datetime) -> str:
    """A fixed text, or the words for the value that stands there."""
    if not (part.startswith("<") and part.endswith(">") and part[1:-1] in list(Kind)):
        return part
    kind, value = next(values, (part[1:-1], None))
    if value is None:
        return part
    return words(SpokenValue(Kind(kind), value_from(value), at.date()), language)
