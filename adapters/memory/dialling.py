"""Calling back in memory: an Asterisk that does as it is told, notes in a dictionary, seats, and an agent who says what a test wants."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Mapping

from ivr.calls.ports import CallNote, LineCommand, LineEvent, NoteKind, Placed
from ivr.core.commands import Release
from ivr.core.events import Released


class MemoryDialler:
    """Says of every call that it is `placed`; `calls` are those it was told to place, `up` those that are up (None: it does not answer).

    `asked` counts how often it was asked for these.
    """

    def __init__(self, placed: Placed = Placed.PLACED) -> None:
        self.placed = placed
        self.calls: list[tuple[str, int]] = []
        self.up: Collection[str] | None = ()
        self.asked = 0

    async def place(self, channel_id: str, seat: int) -> Placed:
        self.calls.append((channel_id, seat))
        return self.placed

    async def live_channels(self) -> frozenset[str] | None:
        self.asked += 1
        return None if self.up is None else frozenset(self.up)


class MemoryCallNotes:
    """Notes by channel id; `note` writes one, as the dialplan does."""

    def __init__(self) -> None:
        self._notes: dict[str, list[CallNote]] = {}

    def note(self, channel_id: str, at: dt.datetime, kind: NoteKind, status: str = "", cause: int = 0) -> None:
        """What the dialplan did."""
        self._notes.setdefault(channel_id, []).append(CallNote(at, kind, status, cause))

    def begin(self, channel_id: str) -> None:
        self._notes[channel_id] = []

    def read(self, channel_id: str) -> tuple[CallNote, ...]:
        return tuple(self._notes.get(channel_id, ()))

    def done(self, channel_id: str) -> None:
        self._notes.pop(channel_id, None)

    def tidy(self, before: dt.datetime) -> None:
        self._notes = {name: notes for name, notes in self._notes.items() if any(note.at >= before for note in notes)}


class MemorySeats:
    """Who sits where."""

    def __init__(self, seats: Mapping[str, int]) -> None:
        self._seats = seats

    async def seat_of(self, name: str) -> int | None:
        return self._seats.get(name)


class MemoryAgentLine:
    """An agent who has picked up, and answers each question with the next of `answers`; `told` is whom they were put through to."""

    def __init__(self, answers: Iterable[LineEvent]) -> None:
        self._answers = iter(answers)
        self.asked: list[LineCommand] = []
        self.told: tuple[str, str, str] | None = None
        self.released = False

    async def perform(self, command: LineCommand) -> LineEvent:
        self.asked.append(command)
        if isinstance(command, Release):
            self.released = True
            return Released(dt.datetime.min.replace(tzinfo=dt.UTC))
        return next(self._answers)

    async def put_through(self, number: str, shown: str, language: str) -> None:
        self.told = (number, shown, language)
