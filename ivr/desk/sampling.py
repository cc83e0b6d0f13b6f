"""Closures to sample: which of a day's closed tickets a supervisor looks at, and what came of the looks.

A ticket that was closed without a talk was closed by exception, so each of those is looked at. Of the others a share is drawn, at random
but always the same for a day: nobody, the supervisor included, chooses which.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from ivr.calls.ports import Ticket

SAMPLE = 20  # of those that were closed after a talk
PER_PAGE = 20
LONGEST_NOTE = 1000


class Verdict(StrEnum):
    """What a supervisor found."""

    RIGHT = "right"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Look:
    """A supervisor has looked at a closure."""

    at: dt.datetime
    supervisor: str
    verdict: Verdict
    note: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Closure:
    """A ticket that was closed. `by_exception`: no call of the line's own shows that the caller was answered."""

    reference: str
    agent: str
    at: dt.datetime
    by_exception: bool
    looks: tuple[Look, ...] = ()


@dataclass(frozen=True, slots=True)
class Sampled:
    """A closure with all that there is to judge it by."""

    closure: Closure
    ticket: Ticket


@dataclass(frozen=True, slots=True)
class Sample:
    """A page of the closures of a day that are to be looked at."""

    page: int
    pages: int
    shown: tuple[Sampled, ...]
    closed: int  # on that day, in all
    left: int  # closed by exception, and nobody has looked at


class ClosureStore(Protocol):
    """Closed tickets and the looks at them. Its methods raise StoreFailed."""

    async def closures(self, since: dt.datetime, until: dt.datetime) -> tuple[Closure, ...]:
        """The tickets that were closed in that time, in that order."""

    async def closed(self, references: Sequence[str]) -> tuple[Ticket, ...]:
        """Those tickets, whole, by reference."""

    async def audio(self, reference: str, number: int) -> bytes:
        """A message of a ticket, counted from 1, a-law. Raises StoreFailed when it is not there."""

    async def looked(self, reference: str, look: Look) -> bool:
        """Keep a look, for good. False when the ticket is not closed."""


def sample(closures: Sequence[Closure], day: dt.date, size: int = SAMPLE) -> tuple[Closure, ...]:
    """Those to look at: all that were closed by exception first, then the ones drawn."""
    exceptions = sorted((one for one in closures if one.by_exception), key=lambda one: (one.at, one.reference))
    others = sorted((one for one in closures if not one.by_exception), key=lambda one: _lot(day, one.reference))
    return (*exceptions, *others[:size])


def not_looked_at(closures: Sequence[Closure]) -> int:
    """How many that were closed by exception nobody has looked at."""
    return sum(one.by_exception and not one.looks for one in closures)


def _lot(day: dt.date, reference: str) -> bytes:
    return hashlib.sha256(f"{day.isoformat()} {reference}".encode()).digest()
