"""Calling back: how a call is placed, what is noted of it while it goes on, and the agent's line on which it begins."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from ivr.calls.ports.line import LineCommand, LineEvent


class Placed(StrEnum):
    """What is known right after a call was to be placed."""

    PLACED = "placed"
    NOT_PLACED = "not_placed"  # certainly
    UNCERTAIN = "uncertain"  # the order went out and no answer came back


class NoteKind(StrEnum):
    """What the dialplan does for a call back."""

    RINGS = "rings"  # the agent's telephones
    AGENT = "agent"  # they were not picked up
    PICKED_UP = "picked_up"  # they were
    DIALS = "dials"  # the caller's number; without this note it was not dialled
    ANSWERED = "answered"  # the caller has picked up, and hears who calls
    BRIDGED = "bridged"  # the two hear each other
    LEFT = "left"  # the agent's telephone was lost, and the caller is still there
    END = "end"


@dataclass(frozen=True, slots=True)
class CallNote:
    """One thing that the dialplan did. Of an end, `status` is Asterisk's or the dialplan's own word and `cause` the network's (Q.850)."""

    at: dt.datetime
    kind: NoteKind
    status: str = ""
    cause: int = 0


class CallNotes(Protocol):
    """What the dialplan notes of calls back, which survives the engine."""

    def begin(self, channel_id: str) -> None:
        """Nothing is noted of this one yet. Raises OSError."""

    def read(self, channel_id: str) -> tuple[CallNote, ...]:
        """What was noted so far, in order."""

    def done(self, channel_id: str) -> None:
        """Its notes are needed no more."""

    def tidy(self, before: dt.datetime) -> None:
        """Remove what was noted before then of calls that nobody follows."""


class Dialler(Protocol):
    """Asterisk, as far as calling back needs it."""

    async def place(self, channel_id: str, seat: int) -> Placed:
        """Ring the telephones of a seat; whoever picks up is asked for. A call of that name which is up already is not placed again."""

    async def live_channels(self) -> frozenset[str] | None:
        """The channel ids of calls back that are up; None when Asterisk does not answer, or not completely."""


class AgentLine(Protocol):
    """The line of an agent who has picked up."""

    async def perform(self, command: LineCommand) -> LineEvent:
        """As `Channel.perform`."""

    async def put_through(self, number: str, shown: str, language: str) -> None:
        """Let the dialplan dial that number, showing the other, and tell whoever answers in that language who calls."""


class Seats(Protocol):
    """Who sits where."""

    async def seat_of(self, name: str) -> int | None:
        """The seat of somebody who may answer callers now. Raises StoreFailed."""
