"""What is kept of a call so that it can be run again, beside what everybody may read of it. It travels apart, and is written encrypted.

Not even there is a secret: what a caller types in a secret form is kept as so many noughts, and keys pressed ahead are only counted until
the call has used them for something that is no secret. Then the entry of that moment tells them: `keys` are places and keys, "at entry 3,
the second key pressed ahead was 2". What a secret form has thrown away is never told.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ivr.calls.events_as_data import Unreadable, event_data, event_from, value_data
from ivr.core.commands import AskDigits, Command, Lookup, Play, SendText
from ivr.core.events import CommandFailed, DigitsEntered, Event, LookupAnswered, PromptPlayed, SpeechUnavailable, TextQueued
from ivr.core.flow import Collect, Flow
from ivr.core.interpreter import Step, advance
from ivr.core.notes import ChoiceMade, InputRejected
from ivr.core.state import CallState
from ivr.core.turn import MAX_KEYS
from ivr.core.values import SpokenValue, Utterance

_Ahead = PromptPlayed | SpeechUnavailable | LookupAnswered | TextQueued | CommandFailed  # what keys may come with
_NO_CHOICE = "**"  # what no form takes for an entry and no line for a universal key


class Sealing:
    """One call, entry after entry."""

    def __init__(self, flow: Flow) -> None:
        self._flow = flow
        self._secretive = any(isinstance(node, Collect) and node.secret for node in flow.nodes.values())
        self._state = CallState()
        self._number = 0
        self._untold: tuple[tuple[int, int, str], ...] = ()  # keys pressed ahead that wait in the state: entry, place in it, key

    def seal(self, event: Event, asked: Command | None, step: Step) -> Mapping[str, object]:
        """What to keep of a step: `asked` is the command that the event answers."""
        sealed: dict[str, object] = {"n": self._number, "event": event_data(self._without_secrets(event, asked, step))}
        if told := self._tell(event, step):
            sealed["keys"] = told
        if spoken := spoken_values(step.command):
            sealed["spoken"] = spoken
        self._state = step.state
        self._number += 1
        return sealed

    def _without_secrets(self, event: Event, asked: Command | None, step: Step) -> Event:
        if isinstance(event, DigitsEntered) and (not isinstance(asked, AskDigits) or asked.secret):
            return replace(event, digits=_noughts(event.digits, step))
        if isinstance(event, _Ahead) and self._secretive:
            return replace(event, keys="0" * len(event.keys))
        return event

    def _tell(self, event: Event, step: Step) -> list[object]:
        """The keys pressed ahead that this step has used, with their places."""
        if not self._secretive:
            return []
        keys = event.keys if isinstance(event, _Ahead) else ""
        waiting = (*self._untold, *((self._number, place, key) for place, key in enumerate(keys)))
        self._untold = waiting[:MAX_KEYS][len(waiting[:MAX_KEYS]) - len(step.state.keys) :]
        if not waiting:
            return []
        used = next(count for count in range(len(waiting) + 1) if self._does_as_well(event, step, waiting, count))
        return [list(one) for one in waiting[:used] if one[2] != "0"]

    def _does_as_well(self, event: Event, step: Step, waiting: Sequence[tuple[int, int, str]], count: int) -> bool:
        """Whether the step would have been the same with so many keys of those that were waiting, and noughts for the others."""
        if count == len(waiting):
            return True
        keys = "".join(key for _, _, key in waiting[:count]).ljust(len(waiting), "0")
        before = replace(self._state, keys=keys[: len(self._state.keys)])
        again = advance(self._flow, before, replace(event, keys=keys[len(before.keys) :]) if isinstance(event, _Ahead) else event)
        return (again.notes, again.command, replace(again.state, keys="")) == (step.notes, step.command, replace(step.state, keys=""))


def spoken_values(command: Command | None) -> list[object]:
    """The values among what a command says or writes, as plain data."""
    return [[part.kind.value, value_data(part.value)] for part in _utterance(command).parts if isinstance(part, SpokenValue)]


def unsealed(entries: Iterable[Mapping[str, Any]]) -> tuple[Event, ...]:
    """The events of a call again, from what `seal` gave for each. Raises Unreadable, also when one is missing."""
    events: list[Event] = []
    for sealed in entries:
        if sealed.get("n") != len(events):
            raise Unreadable(f"entry {len(events) + 1} is missing: the journal was slower than the calls, or the disk was full")
        events.append(event_from(sealed["event"]))
        for number, place, key in _told(sealed):
            before = events[number]
            assert isinstance(before, _Ahead)
            events[number] = replace(before, keys=before.keys[:place] + key + before.keys[place + 1 :])
    return tuple(events)


def _told(sealed: Mapping[str, Any]) -> Iterator[tuple[int, int, str]]:
    yield from ((int(number), int(place), str(key)) for number, place, key in sealed.get("keys", ()))


def _noughts(digits: str, step: Step) -> str:
    """As many noughts; what means the same to the call where the entry was none."""
    first = step.notes[0] if step.notes else None
    if isinstance(first, ChoiceMade):
        return digits  # a key that works everywhere
    if isinstance(first, InputRejected) and len(digits) == 1 and digits.isdigit():
        return _NO_CHOICE
    return re.sub("[0-9]", "0", digits)


def _utterance(command: Command | None) -> Utterance:
    match command:
        case Play(utterance=utterance) | AskDigits(utterance=utterance) | SendText(text=utterance):
            return utterance
        case Lookup(comfort=Utterance() as utterance):
            return utterance
        case _:
            return Utterance("", ())
