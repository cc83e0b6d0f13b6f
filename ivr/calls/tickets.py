"""Callback tickets as agents meet them: what is due, who called, and the few things one may do with a promise.

The life of a ticket is in `ports.TicketState`; the stores keep it. This module has what every store and every screen shares: how a number
is masked, which references there are, and `TicketDesk`, the service behind the command line and the console. When callers are called back
is in `times`.
"""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import structlog

from ivr.calls.ports import (
    ENDED,
    HELD,
    UNANSWERED,
    Attempt,
    AttemptOutcome,
    AttemptState,
    CallbackStore,
    Clock,
    Message,
    MessageTranscript,
    Outcome,
    Refused,
    Ticket,
    TicketState,
    TranscriptStore,
    UnansweredKind,
)
from ivr.calls.times import LINE_ZONE
from ivr.errors import StoreFailed, UnknownTicket

LEASE = dt.timedelta(minutes=30)
SHORTEST_TALK = dt.timedelta(seconds=10)  # less is no answer
ATTEMPTS_A_DAY = 3  # for one ticket
CALLS_A_DAY = 5  # to one number
TAKEN_WITHIN = dt.timedelta(seconds=30)  # a call back that no engine has begun by then is not made any more
ENGINE_AWAY = "engine_away"
AGENT_LOST = "agent_lost"  # the cause of a talk that ended because the agent's telephone was lost
TOLD = "told"  # the cause of what a person says of an attempt whose end the line does not know
UNKNOWN_TOPIC = "unknown"
UNANSWERED_TOPIC = "unanswered"

ORDINARY, REPEATED, LEASE_LOST, OVERDUE, CUT_OFF = 100, -5, -10, -20, -100
"""Priorities: where a ticket begins, and by how much it moves up."""
TRIES_FOR_A_REFERENCE = 30

_log = structlog.get_logger(__name__)


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
class CallLine:
    """A call that nobody answered, as a ticket shows it."""

    at: dt.datetime
    kind: UnansweredKind
    session: str


@dataclass(frozen=True, slots=True)
class TicketDetails:
    """A ticket with all there is to know for a call back. The caller's number is whole only for the agent who has claimed it."""

    line: TicketLine
    caller: str = field(repr=False)
    messages: tuple[Message, ...]
    note: str | None
    resolved_at: dt.datetime | None
    calls: tuple[CallLine, ...] = ()
    attempts: tuple[Attempt, ...] = ()


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


@dataclass(frozen=True, slots=True)
class CallUnderWay:
    """A call back is under way; the ticket is closed when it is over."""

    reference: str


@dataclass(frozen=True, slots=True)
class HandedOver:
    """Another agent has the ticket."""

    reference: str
    assignee: str


@dataclass(frozen=True, slots=True)
class Settled:
    """It is known how the attempt ended. Where nobody was reached the ticket waits for the next try; else it is still this agent's."""

    ticket: TicketDetails


@dataclass(frozen=True, slots=True)
class NothingToSettle:
    """The line itself knows how the last attempt ended, or will know."""

    reference: str


class TicketDesk:
    """What an agent can do. Every method raises UnknownTicket for a reference that does not exist, StoreFailed without a database."""

    def __init__(self, store: CallbackStore, clock: Clock, transcripts: TranscriptStore | None = None) -> None:
        self._store = store
        self._clock = clock
        self._transcripts = transcripts

    async def list(self, *, include_ended: bool = False) -> tuple[TicketLine, ...]:
        """Open and claimed tickets, the next due first; with `include_ended`, all."""
        now = self._clock()
        return tuple(line_of(ticket, now) for ticket in await self._store.tickets(include_ended=include_ended))

    async def show(self, reference: str, agent: str | None = None) -> TicketDetails:
        """One ticket; the caller's whole number only if `agent` has claimed it."""
        return await self._details(await self._ticket(reference), agent)

    async def claim(self, reference: str, agent: str) -> Claimed | TakenByAnother | Ended:
        """Take a ticket from the queue, or renew one's own claim."""
        if ticket := await self._store.claim(reference, agent, self._clock()):
            return Claimed(await self._details(ticket, agent))
        ticket = await self._ticket(reference)
        if ticket.state in HELD and ticket.assignee is not None:
            return TakenByAnother(reference, ticket.assignee)
        return Ended(reference, ticket.state)

    async def next(self, agent: str) -> Claimed | None:
        """Take the ticket that is next: by priority, then by the time of the first call. None when nobody waits who may be called now."""
        ticket = await self._store.claim_next(agent, self._clock())
        return Claimed(await self._details(ticket, agent)) if ticket else None

    async def hold(self, reference: str, agent: str) -> bool:
        """The agent is still there, so the claim does not run out; False when it is not this agent's any more."""
        ticket = await self._ticket(reference)
        return ticket.assignee == agent and await self._store.renew(reference, agent, ticket.claim_token, self._clock())

    async def call(self, reference: str, agent: str) -> Attempt | Refused | NotYours | Ended:
        """Plan a call back, which the engine makes: first the agent's telephone rings, then the caller's. Twice is once."""
        ticket = await self._ticket(reference)
        if ticket.state in ENDED:
            return Ended(reference, ticket.state)
        if ticket.state not in HELD or ticket.assignee != agent:
            return NotYours(reference, ticket.assignee)
        begun = await self._store.begin_attempt(reference, agent, ticket.claim_token, self._clock())
        if isinstance(begun, Refused) and begun.reason == "not_yours" and ticket.state is not TicketState.TALKING:
            return NotYours(reference, (await self._ticket(reference)).assignee)
        if isinstance(begun, Refused) and begun.reason == "unsettled":
            last = (await self._ticket(reference)).attempts[-1]
            under_way = last.state in (AttemptState.SENT, AttemptState.RINGING, AttemptState.BRIDGED)
            return last if under_way and last.agent == agent else begun
        return begun

    async def progress(self, reference: str) -> Attempt | None:
        """How far the last attempt has come; None when there has been none. One that no engine has begun in time is not made any more."""
        ticket = await self._ticket(reference)
        last = ticket.attempts[-1] if ticket.attempts else None
        now = self._clock()
        if last is None or last.state is not AttemptState.PLANNED or now - last.begun_at < TAKEN_WITHIN:
            return last
        planned = AttemptState.PLANNED  # an engine that begins it just now is faster, or too late
        await self._store.attempt_ended(last.channel_id, AttemptOutcome.NOT_PLACED, now, cause=ENGINE_AWAY, still=planned)
        return (await self._ticket(reference)).attempts[-1]

    async def settle(self, reference: str, agent: str, outcome: AttemptOutcome) -> Settled | NotYours | NothingToSettle | Ended:
        """Say how an attempt ended that became `unknown`: nothing dials before. That a voice mail answers is told while it talks.

        That they talked is believed, and is no proof of it: the ticket is then closed as an exception.
        """
        ticket = await self._ticket(reference)
        if ticket.state in ENDED:
            return Ended(reference, ticket.state)
        if ticket.state not in HELD or ticket.assignee != agent:
            return NotYours(reference, ticket.assignee)
        last = ticket.attempts[-1] if ticket.attempts else None
        machine = last is not None and last.state is AttemptState.BRIDGED and outcome is AttemptOutcome.VOICEMAIL
        if last is None or not (machine or last.state is AttemptState.UNKNOWN):
            return NothingToSettle(reference)
        if not await self._store.attempt_ended(last.channel_id, outcome, self._clock(), cause=TOLD, still=last.state):
            return NothingToSettle(reference)
        if outcome in (AttemptOutcome.ANSWERED, AttemptOutcome.DROPPED):
            await self._store.claim(reference, agent, self._clock())  # who has talked is to close it
        return Settled(await self._details(await self._ticket(reference), agent))

    async def hand_over(self, reference: str, agent: str, to: str) -> HandedOver | NotYours | CallUnderWay | Ended:
        """Another agent goes on with it, who has heard nothing of it yet."""
        ticket = await self._ticket(reference)
        if ticket.state in ENDED:
            return Ended(reference, ticket.state)
        if ticket.assignee != agent:
            return NotYours(reference, ticket.assignee)
        if await self._store.hand_over(reference, agent, ticket.claim_token, to, self._clock()):
            return HandedOver(reference, to)
        after = await self._ticket(reference)
        mine = after.state in HELD and (after.assignee, after.claim_token) == (agent, ticket.claim_token)
        return CallUnderWay(reference) if mine else NotYours(reference, after.assignee)

    async def release(self, reference: str, agent: str) -> Returned | NotYours | Ended:
        """Give a claimed ticket back."""
        ticket = await self._ticket(reference)
        if ticket.state in ENDED:
            return Ended(reference, ticket.state)
        if ticket.assignee == agent and await self._store.release(reference, agent, ticket.claim_token, self._clock()):
            return Returned(reference)
        return NotYours(reference, ticket.assignee)

    async def close(
        self, reference: str, agent: str, note: str, outcome: Outcome = Outcome.ANSWERED
    ) -> Closed | NotYours | NoteMissing | NewMessage | CallUnderWay | Ended:
        """The caller has been called back; `note` says what came of it."""
        if not note.strip():
            return NoteMissing(reference)
        ticket = await self._ticket(reference)
        if ticket.state in ENDED:
            return Ended(reference, ticket.state)
        if ticket.assignee != agent:
            return NotYours(reference, ticket.assignee)
        if await self._store.resolve(reference, agent, ticket.claim_token, note.strip(), self._clock(), outcome):
            return Closed(reference)
        after = await self._ticket(reference)
        if after.state not in HELD or (after.assignee, after.claim_token) != (agent, ticket.claim_token):
            return NotYours(reference, after.assignee)
        calling = after.state is not TicketState.CLAIMED and (not after.attempts or after.attempts[-1].outcome is None)
        return CallUnderWay(reference) if calling else NewMessage(reference)

    async def _ticket(self, reference: str) -> Ticket:
        ticket = await self._store.ticket(reference)
        if ticket is None:
            raise UnknownTicket(f"there is no ticket {reference!r}")
        return ticket

    async def _details(self, ticket: Ticket, agent: str | None) -> TicketDetails:
        heard = await self._heard(ticket)
        theirs = agent is not None and ticket.state in HELD and ticket.assignee == agent
        return TicketDetails(
            line=line_of(ticket, self._clock()),
            caller=ticket.caller_id if theirs else mask(ticket.caller_id),
            messages=tuple(replace(message, transcript=heard.get(message.key)) for message in ticket.messages),
            note=ticket.note,
            resolved_at=ticket.resolved_at,
            calls=tuple(CallLine(call.begun_at, call.kind, call.session) for call in ticket.calls),
            attempts=ticket.attempts,
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


def line_of(ticket: Ticket, now: dt.datetime) -> TicketLine:
    """The ticket as a list has it."""
    return TicketLine(
        reference=ticket.reference,
        state=ticket.state,
        topic=ticket.topic,
        language=ticket.language,
        caller=mask(ticket.caller_id),
        dialled=ticket.dialled,
        created_at=ticket.created_at.astimezone(LINE_ZONE),
        due_at=ticket.due_at.astimezone(LINE_ZONE),
        overdue=ticket.state in UNANSWERED and min(ticket.due_at, ticket.hard_due_at or ticket.due_at) < now,
        assignee=ticket.assignee,
        messages=len(ticket.messages),
        seconds=sum(message.seconds for message in ticket.messages),
    )
