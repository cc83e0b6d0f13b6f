"""The agents' desk: what is due next and why, what an agent may see of a ticket, and what happens when several want the same.

What one may do with a ticket is in `ivr.calls.tickets`. This module decides what is shown to whom: the words of a caller and the history
are for the agent who has the ticket (or closed it) and for supervisors; everybody else at the desk sees that it is there.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from typing import Protocol

from ivr.calls.ports import (
    HELD,
    UNREACHED,
    WAITING,
    Attempt,
    AttemptOutcome,
    BackOffice,
    CallbackStore,
    Clock,
    Refused,
    Ticket,
    TicketEvent,
    TicketState,
    TranscriptStore,
)
from ivr.calls.tickets import AGENT_LOST, Ended, NotYours, TicketDesk, TicketDetails, TicketLine, line_of
from ivr.calls.times import CALLING_HOURS, CallingHours, callable_from
from ivr.desk.account_facts import PATIENCE, Account, Standing, account_of
from ivr.desk.changes import Changes
from ivr.desk.people import AccountStore, Role, Session
from ivr.desk.together import Together
from ivr.errors import UnknownTicket

ANSWERERS = (Role.AGENT, Role.SUPERVISOR)
IN_VAIN = (*UNREACHED, AttemptOutcome.DROPPED)
MOST_LISTED = 100
LONGEST_PATH = 2.0  # seconds that a page waits for the way of a call


class DeskStore(CallbackStore, Protocol):
    """What the pages need beside it. Its methods raise StoreFailed."""

    async def listed(self, states: Collection[TicketState], limit: int, agent: str | None = None) -> tuple[Ticket, ...]:
        """Tickets in these states, in the order in which `claim_next` gives them out; those that `agent` has, if one is named."""

    async def unanswered_by_state(self) -> Mapping[TicketState, int]:
        """How many tickets there are in each state, of those that nobody has answered."""

    async def stamps(self) -> Mapping[str, str]:
        """The tickets that nobody has answered, by reference, each with a stamp that is another one after any change."""

    async def audio(self, reference: str, number: int) -> bytes:
        """The audio of a ticket's message, counted from 1, a-law. Raises StoreFailed when it is not there."""


class StepKind(StrEnum):
    """What a step of a call's way is."""

    CALL = "call"
    NODE = "node"
    CALLER = "caller"
    ANSWER = "answer"
    OVER = "over"


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the way that a caller took through the flow, in both languages, without secrets."""

    after: float  # seconds
    kind: StepKind
    zh: str
    en: str
    place: str = ""  # path:line


class CallPaths(Protocol):
    """The ways that calls took, as far as they were written down."""

    async def path(self, session: str, day: dt.date) -> Sequence[Step]:
        """The way of a call that was held on that UTC day or just after; nothing when nobody knows."""


class Why(StrEnum):
    """Why a ticket stands where it stands."""

    CUT_OFF = "cut_off"  # in the middle of a call back
    OVERDUE = "overdue"
    CALLED_AGAIN = "called_again"
    TRIED = "tried"  # called back in vain
    FIRST_CALL = "first_call"


def why(ticket: Ticket, at: dt.datetime) -> tuple[Why, ...]:
    """The reasons of its place, the weightiest first; with none of its own it stands by the time of the first call."""
    due = min(ticket.due_at, ticket.hard_due_at or ticket.due_at)
    own = (
        (Why.CUT_OFF, bool(ticket.attempts) and ticket.attempts[-1].cause == AGENT_LOST),
        (Why.OVERDUE, ticket.escalated or due < at),
        (Why.CALLED_AGAIN, len(calls_of(ticket)) > 1),
        (Why.TRIED, any(attempt.outcome in IN_VAIN for attempt in ticket.attempts)),
    )
    return tuple(reason for reason, holds in own if holds) or (Why.FIRST_CALL,)


def calls_of(ticket: Ticket) -> Mapping[str, dt.datetime]:
    """The calls that a ticket is about, by session, each with when it is first heard of; the first one first."""
    begun: dict[str, dt.datetime] = {}
    told = [(message.key.partition("/")[0], message.recorded_at) for message in ticket.messages]
    for session, at in (*told, *((call.session, call.begun_at) for call in ticket.calls)):
        begun[session] = min(at, begun.get(session, at))
    return dict(sorted(begun.items(), key=lambda call: call[1]))


def may_be_called_from(ticket: Ticket, at: dt.datetime, hours: CallingHours = CALLING_HOURS) -> dt.datetime | None:
    """When the caller may be rung up; None when that is now."""
    first = callable_from(max(ticket.not_before or at, at), hours)
    return first if first > at else None


@dataclass(frozen=True, slots=True)
class Listed:
    """A ticket in an agent's list."""

    line: TicketLine
    why: tuple[Why, ...]
    calls: int
    attempts: int
    called_from: dt.datetime | None  # None: now


class Filter(StrEnum):
    """What an agent may look at beside what is next."""

    WAITING = "waiting"
    ALL = "all"
    RETRY = "retry"


_STATES: Mapping[Filter, Collection[TicketState]] = {
    Filter.WAITING: WAITING,
    Filter.ALL: (*WAITING, *HELD),
    Filter.RETRY: (TicketState.RETRY_WAIT,),
}


@dataclass(frozen=True, slots=True)
class Queue:
    """What is listed for everybody alike, callers masked. One object may serve many people: nothing of who asks is in it."""

    listed: tuple[Listed, ...]
    waiting: int
    held: int
    agents: bool  # whether there is anybody who answers callers
    night: bool  # nobody is rung up at this hour
    paused_until: dt.datetime | None  # nobody is for a while: there were too many calls back
    at: dt.datetime


@dataclass(frozen=True, slots=True)
class Overview:
    """An agent's desk: own tickets, the others as far as they are listed, and the whole that these are a part of."""

    mine: tuple[Listed, ...]
    others: tuple[Listed, ...]
    queue: Queue


class Hold(StrEnum):
    """Whose a ticket is, as somebody at the desk sees it."""

    MINE = "mine"
    FREE = "free"
    OTHERS = "others"
    OVER = "over"


@dataclass(frozen=True, slots=True)
class Sheet:
    """A ticket as one person may see it. Without `open`, there are no words of the caller and no history in it."""

    details: TicketDetails
    listed: Listed
    hold: Hold
    open: bool
    trust: int
    withheld: bool  # the caller's number: nobody can call back
    erased: bool
    unheard: int  # messages that came after the claim
    outcome: str | None
    attempt: Attempt | None  # the last one
    at: dt.datetime
    calls: Mapping[str, dt.datetime] = field(default_factory=dict)
    history: tuple[TicketEvent, ...] = ()
    colleagues: tuple[str, ...] = ()


class NotOpen(Exception):
    """The person may not see or hear that of the ticket."""


@dataclass(frozen=True, slots=True)
class OutOfDate:
    """The page showed another state of the ticket than it has now."""

    reference: str


class CallbackDesk:
    """What stands behind the pages. Methods that name a ticket raise UnknownTicket when there is none; all raise StoreFailed."""

    def __init__(
        self,
        store: DeskStore,
        people: AccountStore,
        clock: Clock,
        paths: CallPaths,
        office: BackOffice,
        transcripts: TranscriptStore | None = None,
        *,
        patience: float = PATIENCE,
        longest_watch: float = 60.0,
        hours: CallingHours = CALLING_HOURS,
    ) -> None:
        self._hours = hours
        self.tickets = TicketDesk(store, clock, transcripts)
        self.changes = Changes(store.stamps, longest=longest_watch)
        self._queues = {shown: Together(partial(self._queue, shown)) for shown in Filter}
        self._store = store
        self._people = people
        self._clock = clock
        self._paths = paths
        self._office = office
        self._patience = patience

    async def overview(self, agent: str, shown: Filter) -> Overview:
        """What this agent has, and what is next; the list itself is read once for all who ask for it at the same time."""
        mine = await self._store.listed(HELD, MOST_LISTED, agent)
        queue = await self._queues[shown]()
        return Overview(
            mine=tuple(_listed(ticket, queue.at, self._hours) for ticket in mine),
            others=tuple(one for one in queue.listed if one.line.assignee != agent or one.line.state not in HELD),
            queue=queue,
        )

    async def _queue(self, shown: Filter) -> Queue:
        tickets = await self._store.listed(_STATES[shown], MOST_LISTED)
        counts = await self._store.unanswered_by_state()
        agents = await self.has_agents()
        now = self._clock()
        return Queue(
            listed=tuple(_listed(ticket, now, self._hours) for ticket in tickets),
            waiting=sum(counts.get(state, 0) for state in WAITING),
            held=sum(counts.get(state, 0) for state in HELD),
            agents=agents,
            night=callable_from(now, self._hours) != now,
            paused_until=await self._store.calls_paused_until(now),
            at=now,
        )

    async def called_now(self, agent: str) -> TicketLine | None:
        """The ticket about which this agent's telephone rings, or about which they talk, masked; None when no call back is under way."""
        found = await self._store.listed((TicketState.DIALING, TicketState.TALKING), 1, agent)
        return line_of(found[0], self._clock()) if found else None

    async def has_agents(self) -> bool:
        """Whether there is an account that answers callers."""
        return any(account.role is Role.AGENT and not account.closed for account in await self._people.accounts())

    async def sheet(self, reference: str, who: Session) -> Sheet:
        """One ticket as this person may see it."""
        await self.tickets.progress(reference)  # an attempt that no engine has begun is over by now
        ticket = await self._ticket(reference)
        details = await self.tickets.show(reference, who.name)
        hold = _hold(details.line, who.name)
        opened = self._is_open(details.line, who)
        return Sheet(
            details=details,
            listed=_listed(ticket, self._clock(), self._hours),
            hold=hold,
            open=opened,
            trust=ticket.trust,
            withheld=not ticket.caller_id,
            erased=ticket.erased,
            unheard=max(len(ticket.messages) - ticket.heard, 0) if hold is Hold.MINE else 0,
            outcome=ticket.outcome,
            attempt=ticket.attempts[-1] if ticket.attempts else None,
            at=self._clock(),
            calls=calls_of(ticket),
            history=await self._store.history(reference) if opened else (),
            colleagues=await self._colleagues(who.name) if hold is Hold.MINE else (),
        )

    async def path(self, reference: str, session: str) -> Sequence[Step]:
        """The way of one of the ticket's calls. Raises NotOpen when it is none of them."""
        begun = calls_of(await self._ticket(reference)).get(session)
        if begun is None:
            raise NotOpen(session)
        try:
            async with asyncio.timeout(LONGEST_PATH):
                return await self._paths.path(session, begun.astimezone(dt.UTC).date())
        except TimeoutError:
            return ()

    async def account(self, reference: str, who: Session) -> Account:
        """The caller's account, for the agent who has the ticket. Raises NotOpen."""
        details = await self.tickets.show(reference, who.name)
        if _hold(details.line, who.name) is not Hold.MINE:
            raise NotOpen(reference)
        return await account_of(self._office, details.caller, self._patience) if details.caller else Account(Standing.UNKNOWN)

    async def must_be_open(self, reference: str, who: Session) -> None:
        """Raises NotOpen unless this person may hear the ticket's messages."""
        if not self._is_open((await self.tickets.show(reference)).line, who):
            raise NotOpen(reference)

    async def audio(self, reference: str, number: int) -> bytes:
        """A message, a-law; who asks has been found to be allowed to, and it has been written down. Raises StoreFailed."""
        return await self._store.audio(reference, number)

    async def call(self, reference: str, agent: str, tried: int) -> Attempt | Refused | NotYours | Ended | OutOfDate:
        """Plan a call back from a page that showed so many attempts: a page that is sent twice does not call twice."""
        ticket = await self._ticket(reference)
        last = ticket.attempts[-1] if ticket.attempts else None
        if len(ticket.attempts) != tried:
            again = last is not None and last.outcome is None and len(ticket.attempts) == tried + 1 and ticket.assignee == agent
            return last if again and last is not None else OutOfDate(reference)
        return await self.tickets.call(reference, agent)

    async def colleague(self, name: str, agent: str) -> bool:
        """Whether a ticket may be handed to that person."""
        return name in await self._colleagues(agent)

    async def _colleagues(self, agent: str) -> tuple[str, ...]:
        accounts = await self._people.accounts()
        return tuple(one.name for one in accounts if one.role in ANSWERERS and not one.closed and one.name != agent)

    async def _ticket(self, reference: str) -> Ticket:
        ticket = await self._store.ticket(reference)
        if ticket is None or ticket.state in (TicketState.CAPTURING, TicketState.ABANDONED):
            raise UnknownTicket(f"there is no ticket {reference!r}")
        return ticket

    @staticmethod
    def _is_open(line: TicketLine, who: Session) -> bool:
        return who.role is Role.SUPERVISOR or (line.assignee == who.name and line.state not in WAITING)


def _listed(ticket: Ticket, at: dt.datetime, hours: CallingHours) -> Listed:
    attempts = sum(attempt.outcome is not None for attempt in ticket.attempts)
    return Listed(line_of(ticket, at), why(ticket, at), len(calls_of(ticket)), attempts, may_be_called_from(ticket, at, hours))


def _hold(line: TicketLine, name: str) -> Hold:
    if line.state in WAITING:
        return Hold.FREE
    if line.state not in HELD:
        return Hold.OVER
    return Hold.MINE if line.assignee == name else Hold.OTHERS
