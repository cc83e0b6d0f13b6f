"""The board: what goes on at this moment, for who answers for the agents and who runs the line. Read once, shown to everybody who looks.

Nothing in it is personal: a caller is the last four digits of a number, as the journal has them.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Generic, Protocol, TypeVar

from ivr.calls.live import CallUp
from ivr.calls.ports import HELD, AttemptState, Clock, TicketState
from ivr.desk.people import Account, Role

FRESH = dt.timedelta(seconds=1)  # so long one reading is told to all who ask
DUE_NEXT = 10  # tickets on the board

Reading = TypeVar("Reading")


# --- the line ---


@dataclass(frozen=True, slots=True)
class Part:
    """A process of the line. `silent` is how long it has shown no sign of life, None when it has never been here."""

    name: str
    silent: dt.timedelta | None
    alive: bool


@dataclass(frozen=True, slots=True)
class Machine:
    """What the line runs on. `missing` names calls of today in which a call back was promised, and which have no ticket."""

    parts: tuple[Part, ...] = ()
    free_bytes: int = 0
    enough_bytes: int = 0  # with less, no message is promised
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class QueueNow:
    """Who waits for a person. `free` and `seats` count telephones that ring: those that nobody talks on, and all of them."""

    waiting: int
    longest: dt.timedelta  # how long the one who has waited longest has
    free: int
    seats: int


class LineWatch(Protocol):
    """The line as the board watches it."""

    async def calls(self) -> Sequence[CallUp]:
        """The calls that are up, the longest first."""

    async def queue(self) -> QueueNow | None:
        """Who waits for a person; None when that cannot be known within a second."""

    async def machine(self, at: dt.datetime) -> Machine:
        """Whether everything is alive, and has room."""


# --- the promise ---


@dataclass(frozen=True, slots=True)
class DueTicket:
    """A ticket that is not answered yet, as the board has it."""

    reference: str
    state: TicketState
    topic: str
    dialled: str
    due_at: dt.datetime
    assignee: str | None


@dataclass(frozen=True, slots=True)
class Promises:
    """The promises of a time, counted: promised = kept + open + overdue. What is missing is counted beside."""

    kept: int = 0
    open: int = 0
    overdue: int = 0

    @property
    def promised(self) -> int:
        """All that the database knows of."""
        return self.kept + self.open + self.overdue


@dataclass(frozen=True, slots=True)
class TicketFigures:
    """How the promise stands. `states` counts what is not answered yet; texts are those that wait, and those of today that failed."""

    states: Mapping[TicketState, int] = field(default_factory=dict)
    overdue: int = 0
    oldest: dt.datetime | None = None  # the first call of the one that has waited longest
    due_next: tuple[DueTicket, ...] = ()
    today: Promises = Promises()
    texts_waiting: int = 0
    texts_failed: int = 0

    @property
    def unanswered(self) -> int:
        """How many are not answered yet."""
        return sum(self.states.values())


# --- the agents ---


class Doing(StrEnum):
    """What an agent does at the moment."""

    TALKING = "talking"
    DIALING = "dialing"
    CLAIMED = "claimed"
    IDLE = "idle"  # signed in, and holds no ticket
    AWAY = "away"


@dataclass(frozen=True, slots=True)
class HeldTicket:
    """A ticket that an agent has. `since` is when the call back under way began, None without one; `attempt` is how far that is."""

    reference: str
    agent: str
    state: TicketState
    topic: str
    lease_until: dt.datetime
    attempt: AttemptState | None = None
    since: dt.datetime | None = None


@dataclass(frozen=True, slots=True)
class AgentNow:
    """An agent and what they do."""

    name: str
    signed_in: bool
    doing: Doing
    held: tuple[HeldTicket, ...] = ()


@dataclass(frozen=True, slots=True)
class AgentDay:
    """An agent's figures of one day. `returned` are claims that were given back or ran out."""

    name: str
    claimed: int = 0
    closed: int = 0
    talks: int = 0
    talked: dt.timedelta = dt.timedelta(0)
    returned: int = 0

    @property
    def average_talk(self) -> dt.timedelta:
        """How long a talk is."""
        return self.talked / self.talks if self.talks else dt.timedelta(0)


class BoardStore(Protocol):
    """The figures, counted where they lie. Its methods raise StoreFailed."""

    async def figures(self, at: dt.datetime, today: dt.datetime) -> TicketFigures:
        """How the promise stands; `today` is when the day began."""

    async def held(self) -> tuple[HeldTicket, ...]:
        """The tickets that agents have."""

    async def people(self, since: dt.datetime) -> Mapping[str, tuple[Account, bool]]:
        """Everybody who may sign in, by name, and whether they are signed in and have done something since then."""

    async def agents_of(self, since: dt.datetime, until: dt.datetime) -> tuple[AgentDay, ...]:
        """What agents did in that time, by name."""


# --- all of it ---


@dataclass(frozen=True, slots=True)
class Board:
    """One reading."""

    at: dt.datetime
    calls: tuple[CallUp, ...]
    queue: QueueNow | None
    machine: Machine
    tickets: TicketFigures
    agents: tuple[AgentNow, ...]
    paused_until: dt.datetime | None = None  # no call back is dialled before

    @property
    def with_person(self) -> int:
        """The calls that wait for a person, or talk to one."""
        return sum(call.with_person for call in self.calls)


class SharedReading(Generic[Reading]):
    """A reading that many ask for: whoever asks soon after another is told the same, whoever asks meanwhile waits for it."""

    def __init__(self, read: Callable[[dt.datetime], Awaitable[Reading]], clock: Clock, fresh: dt.timedelta = FRESH) -> None:
        self._read = read
        self._clock = clock
        self._fresh = fresh
        self._turn = asyncio.Lock()
        self._last: tuple[dt.datetime, Reading] | None = None

    async def get(self) -> Reading:
        """The reading of just now. Raises what reading raises."""
        async with self._turn:
            at = self._clock()
            if self._last is None or not dt.timedelta(0) <= at - self._last[0] < self._fresh:
                self._last = at, await self._read(at)
            return self._last[1]


def agents_now(people: Mapping[str, tuple[Account, bool]], held: Sequence[HeldTicket]) -> tuple[AgentNow, ...]:
    """What each agent does: those who do most first. Who holds a ticket is told of, whatever their role is."""
    names = {name for name, (account, _) in people.items() if account.role is Role.AGENT and not account.closed}
    found = []
    for name in sorted({*names, *(ticket.agent for ticket in held)}):
        theirs = tuple(ticket for ticket in held if ticket.agent == name)
        here = name in people and people[name][1]
        found.append(AgentNow(name, here, _doing(theirs, here=here), theirs))
    order = list(Doing)
    return tuple(sorted(found, key=lambda one: (order.index(one.doing), one.name)))


def _doing(held: Sequence[HeldTicket], *, here: bool) -> Doing:
    states = {ticket.state for ticket in held}
    for state, doing in zip(reversed(HELD), (Doing.TALKING, Doing.DIALING, Doing.CLAIMED), strict=True):
        if state in states:
            return doing
    return Doing.IDLE if here else Doing.AWAY


def day_of(at: dt.datetime, zone: dt.tzinfo) -> dt.datetime:
    """When the day of that moment began."""
    return at.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
