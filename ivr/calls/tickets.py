"""Callback tickets as agents meet them: what is due, who called, and the few things one may do with a promise.

The life of a ticket is in `ports.TicketState`; the stores keep it. This module has what every store and every screen shares: when a call
back is due, how a number is masked, which references there are, and `TicketDesk`, the service behind the command line and the console.
"""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import structlog

from ivr.calls.ports import Clock, Message, MessageTranscript, Ticket, TicketState, TicketStore, TranscriptStore
from ivr.errors import StoreFailed, UnknownTicket

LINE_ZONE = dt.timezone(dt.timedelta(hours=8), "CST")  # Asia/Shanghai, which has known no summer time since 1991
CALLING_HOURS = (dt.time(8), dt.time(21))
DUE_WITHIN = dt.timedelta(hours=2)
NEXT_MORNING = dt.time(10)
LEASE = dt.timedelta(minutes=30)
UNKNOWN_TOPIC = "unknown"
TRIES_FOR_A_REFERENCE = 30

_log = structlog.get_logger(__name__)


def due_at(created: dt.datetime) -> dt.datetime:
    """When the caller must have been called back: two hours later, or at the next 10:00 if that is no hour to ring people up.

    Both the promise and the call must lie within 08:00-21:00 of the line's zone.
    """
    local = created.astimezone(LINE_ZONE)
    opening, closing = CALLING_HOURS
    due = local + DUE_WITHIN
    if due.date() == local.date() and opening <= local.time() and due.time() <= closing:
        return due
    morning = local.replace(hour=NEXT_MORNING.hour, minute=0, second=0, microsecond=0)
    return morning if local.time() < opening else morning + dt.timedelta(days=1)


def mask(number: str) -> str:
    """The number as it may be listed and logged: 139****1008."""
    if len(number) < 8:
        return "*" * len(number)
    return f"{number[:3]}****{number[-4:]}"


def new_reference(tries: int = 0) -> str:
    """A random reference of six digits, not beginning with 0; of eight once the six have become crowded."""
    first = 10 ** (5 if tries < TRIES_FOR_A_REFERENCE else 7)
    return str(first + secrets.randbelow(9 * first))


@dataclass(frozen=True, slots=True)
class TicketLine:
    """A ticket in a list. The caller is masked."""

    reference: str
    state: TicketState
    topic: str
    language: str
    caller: str
    dialled: str
    created_at: dt.datetime
    due_at: dt.datetime
    overdue: bool
    assignee: str | None
    messages: int
    seconds: float


@dataclass(frozen=True, slots=True)
class TicketDetails:
    """A ticket with all there is to know for a call back. The caller's number is whole only for the agent who has claimed it."""

    line: TicketLine
    caller: str = field(repr=False)
    messages: tuple[Message, ...]
    note: str | None
    resolved_at: dt.datetime | None


@dataclass(frozen=True, slots=True)
class Claimed:
    """The ticket is this agent's."""

    ticket: TicketDetails


@dataclass(frozen=True, slots=True)
class TakenByAnother:
    """Another agent was faster."""

    reference: str
    assignee: str


@dataclass(frozen=True, slots=True)
class Ended:
    """The ticket is resolved or abandoned already."""

    reference: str
    state: TicketState


@dataclass(frozen=True, slots=True)
class NotYours:
    """Only the agent who has claimed the ticket may do this; `assignee` is that agent, None when nobody has."""

    reference: str
    assignee: str | None


@dataclass(frozen=True, slots=True)
class Returned:
    """The ticket is back in the queue."""

    reference: str


@dataclass(frozen=True, slots=True)
class Closed:
    """The caller has been answered."""

    reference: str


@dataclass(frozen=True, slots=True)
class NoteMissing:
    """A ticket is closed with a note of what came of it, or not at all."""

    reference: str


@dataclass(frozen=True, slots=True)
class NewMessage:
    """The caller has left another message since the claim. Hear it, claim again, then close."""

    reference: str


ENDED = (TicketState.RESOLVED, TicketState.ABANDONED)


class TicketDesk:
    """What an agent can do. Every method raises UnknownTicket for a reference that does not exist, StoreFailed without a database."""

    def __init__(self, store: TicketStore, clock: Clock, transcripts: TranscriptStore | None = None) -> None:
        self._store = store
        self._clock = clock
        self._transcripts = transcripts

    async def list(self, *, include_ended: bool = False) -> tuple[TicketLine, ...]:
        """Open and claimed tickets, the next due first; with `include_ended`, all."""
        now = self._clock()
        return tuple(_line(ticket, now) for ticket in await self._store.tickets(include_ended=include_ended))

    async def show(self, reference: str, agent: str | None = None) -> TicketDetails:
        """One ticket; the caller's whole number only if `agent` has claimed it."""
        return await self._details(await self._ticket(reference), agent)

    async def claim(self, reference: str, agent: str) -> Claimed | TakenByAnother | Ended:
        """Take a ticket from the queue, or renew one's own claim."""
        if ticket := await self._store.claim(reference, agent, self._clock()):
            return Claimed(await self._details(ticket, agent))
        ticket = await self._ticket(reference)
        if ticket.state is TicketState.CLAIMED and ticket.assignee is not None:
            return TakenByAnother(reference, ticket.assignee)
        return Ended(reference, ticket.state)

    async def release(self, reference: str, agent: str) -> Returned | NotYours | Ended:
        """Give a claimed ticket back."""
        ticket = await self._ticket(reference)
        if ticket.state in ENDED:
            return Ended(reference, ticket.state)
        if ticket.assignee == agent and await self._store.release(reference, agent, ticket.claim_token, self._clock()):
            return Returned(reference)
        return NotYours(reference, ticket.assignee)

    async def close(self, reference: str, agent: str, note: str) -> Closed | NotYours | NoteMissing | NewMessage | Ended:
        """The caller has been called back; `note` says what came of it."""
        if not note.strip():
            return NoteMissing(reference)
        ticket = await self._ticket(reference)
        if ticket.state in ENDED:
            return Ended(reference, ticket.state)
        if ticket.assignee != agent:
            return NotYours(reference, ticket.assignee)
        if await self._store.resolve(reference, agent, ticket.claim_token, note.strip(), self._clock()):
            return Closed(reference)
        after = await self._ticket(reference)
        still_theirs = (after.state, after.assignee, after.claim_token) == (TicketState.CLAIMED, agent, ticket.claim_token)
        return NewMessage(reference) if still_theirs else NotYours(reference, after.assignee)

    async def _ticket(self, reference: str) -> Ticket:
        ticket = await self._store.ticket(reference)
        if ticket is None:
            raise UnknownTicket(f"there is no ticket {reference!r}")
        return ticket

    async def _details(self, ticket: Ticket, agent: str | None) -> TicketDetails:
        heard = await self._heard(ticket)
        theirs = agent is not None and ticket.state is TicketState.CLAIMED and ticket.assignee == agent
        return TicketDetails(
            line=_line(ticket, self._clock()),
            caller=ticket.caller_id if theirs else mask(ticket.caller_id),
            messages=tuple(replace(message, transcript=heard.get(message.key)) for message in ticket.messages),
            note=ticket.note,
            resolved_at=ticket.resolved_at,
        )

    async def _heard(self, ticket: Ticket) -> Mapping[str, MessageTranscript]:
        """What was transcribed of its messages. A ticket is shown without, rather than not at all."""
        if self._transcripts is None:
            return {}
        try:
            return await self._transcripts.transcripts([message.key for message in ticket.messages])
        except StoreFailed as error:
            _log.warning("transcripts_not_read", reason=str(error))
            return {}


def _line(ticket: Ticket, now: dt.datetime) -> TicketLine:
    return TicketLine(
        reference=ticket.reference,
        state=ticket.state,
        topic=ticket.topic,
        language=ticket.language,
        caller=mask(ticket.caller_id),
        dialled=ticket.dialled,
        created_at=ticket.created_at.astimezone(LINE_ZONE),
        due_at=ticket.due_at.astimezone(LINE_ZONE),
        overdue=ticket.state in (TicketState.OPEN, TicketState.CLAIMED) and ticket.due_at < now,
        assignee=ticket.assignee,
        messages=len(ticket.messages),
        seconds=sum(message.seconds for message in ticket.messages),
    )
