"""Tickets as programs meet them: pages of them, and every change under the claim token that the program was given.

A program that comes too late, or twice, is told so in a word that it can act on, and changes nothing.
"""

from __future__ import annotations

import base64
import datetime as dt
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from ivr.calls.ports import (
    ENDED,
    HELD,
    KEPT,
    UNANSWERED,
    Attempt,
    AttemptOutcome,
    AttemptState,
    CallbackStore,
    MessageTranscript,
    Outcome,
    Refused,
    Ticket,
    TicketEvent,
    TicketState,
    TranscriptStore,
)
from ivr.calls.tickets import TOLD
from ivr.desk.gate import Clock
from ivr.desk.people import AccountStore, Action, Fact, Role, Session
from ivr.desk.statements import Days
from ivr.errors import UnknownTicket

ANSWERING = (Role.AGENT, Role.SUPERVISOR)  # who may have a ticket
ORDERS = ("due_at", "created_at", "priority")
MOST = 200  # tickets in a page

Place = tuple[str, str]
"""Where a page ended: the value by which it is ordered, as text, and the reference."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which tickets. `order` is one of ORDERS, with a minus before it for the other way round."""

    states: tuple[TicketState, ...] = UNANSWERED
    topic: str | None = None
    line: str | None = None
    assignee: str | None = None
    created_since: dt.datetime | None = None
    created_before: dt.datetime | None = None
    due_before: dt.datetime | None = None
    order: str = "due_at"
    after: Place | None = None
    skip: int = 0
    limit: int = 50

    def __post_init__(self) -> None:
        if self.order.removeprefix("-") not in ORDERS:
            raise ValueError(f"tickets are ordered by {', '.join(ORDERS)}, not by {self.order!r}")


class TicketPages(Protocol):
    """Tickets, some at a time. Its methods raise StoreFailed."""

    async def page(self, wanted: Wanted) -> Sequence[Ticket]:
        """As many of them as `limit` says, in order."""

    async def count(self, wanted: Wanted) -> int:
        """How many there are in all."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why nothing was changed: a word for the program, a sentence for who reads its log."""

    code: str
    text: str


@dataclass(frozen=True, slots=True)
class Shown:
    """A ticket as this one may see it. `mine`: it is theirs now, so the number is whole."""

    ticket: Ticket
    mine: bool
    words: Mapping[str, MessageTranscript] = field(default_factory=dict, repr=False)  # of messages, by key


class TicketDesk(CallbackStore, TicketPages, Protocol):
    """All of the store that is needed here."""


class Programs:
    """What a program can do, in the name of the session that its token stands for. Raises UnknownTicket, StoreFailed."""

    def __init__(self, store: TicketDesk, transcripts: TranscriptStore, people: AccountStore, clock: Clock) -> None:
        self._store = store
        self._transcripts = transcripts
        self._people = people
        self._clock = clock

    # --- looking ---

    async def page(self, wanted: Wanted) -> tuple[Sequence[Ticket], str]:
        """Some tickets, and where the next page begins, "" after the last."""
        found = await self._store.page(replace(wanted, limit=wanted.limit + 1))
        some = found[: wanted.limit]
        return some, cursor(wanted.order, some[-1]) if len(found) > len(some) else ""

    async def count(self, wanted: Wanted) -> int:
        """How many there are in all."""
        return await self._store.count(wanted)

    async def of_days(self, days: Days) -> Sequence[Ticket]:
        """All whose first call was on those days."""
        return await tickets_of(self._store, days)

    async def queue(self, limit: int) -> Sequence[Ticket]:
        """Those that wait, in the order in which they are given out."""
        return await self._store.queue(limit)

    async def look(self, who: Session, reference: str, address: str) -> Shown:
        """One ticket, whole; that it was looked at is written down first."""
        ticket = await self._ticket(reference)
        await self._write_down(who, f"ticket {reference}", address)
        return await self._shown(who, ticket)

    async def compare(self, who: Session, reference: str) -> Shown:
        """The same, to be compared with what they have seen and not to be told: nothing is written down."""
        return await self._shown(who, await self._ticket(reference))

    async def history(self, reference: str) -> Sequence[TicketEvent]:
        """All that happened to it."""
        return await self._store.history(reference)

    async def may_listen(self, who: Session, reference: str, number: int, address: str) -> Refusal | None:
        """Whether they may hear a message: who has the ticket, and supervisors. Written down when they may."""
        ticket = await self._ticket(reference)
        if not _is_mine(ticket, who) and who.role is not Role.SUPERVISOR:
            return Refusal("not_yours", f"ticket {reference} is not yours: claim it to hear its messages")
        if not 1 <= number <= len(ticket.messages):
            return Refusal("no_message", f"ticket {reference} has no message {number}")
        if ticket.messages[number - 1].purged:
            return Refusal("purged", f"message {number} of ticket {reference} has been removed: its time to be kept is over")
        await self._write_down(who, f"ticket {reference}, message {number}", address, Action.LISTENED)
        return None

    # --- changing ---

    async def next(self, who: Session, address: str) -> Shown | None:
        """The ticket that is theirs now; None when nobody waits who may be called."""
        ticket = await self._store.claim_next(who.name, self._clock())
        return None if ticket is None else await self._taken(who, ticket, address)

    async def claim(self, who: Session, reference: str, address: str, token: int | None = None) -> Shown | Refusal:
        """Take it, or claim it anew: then every message on it counts as heard. With a token, only as long as that is the one of now."""
        taken = await self._store.claim(reference, who.name, self._clock(), token=token)
        if taken is not None:
            return await self._taken(who, taken, address)
        ticket = await self._ticket(reference)
        return _claimed_since(ticket) if token not in (None, ticket.claim_token) else _why_not(ticket, who, None)

    async def renew(self, who: Session, reference: str, token: int) -> Shown | Refusal:
        """Hold it longer."""
        return await self._after(who, reference, token, await self._store.renew(reference, who.name, token, self._clock()))

    async def release(self, who: Session, reference: str, token: int) -> Shown | Refusal:
        """Give it back."""
        return await self._after(who, reference, token, await self._store.release(reference, who.name, token, self._clock()))

    async def hand_over(self, who: Session, reference: str, token: int, to: str) -> Shown | Refusal:
        """Another person goes on with it."""
        if refusal := await self._cannot_have(to):
            return refusal
        return await self._after(who, reference, token, await self._store.hand_over(reference, who.name, token, to, self._clock()))

    async def reassign(self, who: Session, reference: str, to: str, token: int | None = None) -> Shown | Refusal:
        """A supervisor gives it to a person, whoever has it; with a token, only as long as that is the one of the claim."""
        if refusal := await self._cannot_have(to):
            return refusal
        if await self._store.reassign(reference, who.name, to, self._clock(), token):
            return await self._shown(who, await self._ticket(reference))
        ticket = await self._ticket(reference)
        if token not in (None, ticket.claim_token):
            return _claimed_since(ticket)
        return _ended(ticket) if ticket.state in ENDED else _under_way(ticket)

    async def call(self, who: Session, reference: str, token: int) -> Attempt | Refusal:
        """Plan a call back; the line makes it. Twice is once, until it has begun."""
        if await self._people.account(who.name) is None:
            return Refusal("no_telephone", "a program has no telephone that could ring: make its token for a person (--for)")
        begun = await self._store.begin_attempt(reference, who.name, token, self._clock())
        if not isinstance(begun, Refused):
            return begun
        if begun.reason == "not_yours":
            return _why_not(await self._ticket(reference), who, token)
        return Refusal(begun.reason, _REFUSED.get(begun.reason, "there is no call back now"))

    async def settle(self, who: Session, reference: str, token: int, outcome: AttemptOutcome) -> Shown | Refusal:
        """Say how a call back ended that the line has lost sight of. That they talked is believed, and is no proof."""
        ticket = await self._ticket(reference)
        if not _is_mine(ticket, who) or token != ticket.claim_token:
            return _why_not(ticket, who, token)
        last = ticket.attempts[-1] if ticket.attempts else None
        unknown, at = AttemptState.UNKNOWN, self._clock()
        if last is None or not await self._store.attempt_ended(last.channel_id, outcome, at, cause=TOLD, still=unknown):
            return Refusal("nothing_to_settle", "the line itself knows how the last call back ended, or will know")
        if outcome in (AttemptOutcome.ANSWERED, AttemptOutcome.DROPPED):
            await self._store.claim(reference, who.name, at)  # who has talked is to close it
        return await self._shown(who, await self._ticket(reference))

    async def close(self, who: Session, reference: str, token: int, note: str, outcome: Outcome) -> Shown | Refusal:
        """The caller has been answered; `note` says what came of it."""
        if not note.strip():
            return Refusal("note_missing", "say in the note what the caller was told")
        if outcome is Outcome.UNREACHABLE:
            return Refusal("no_proof", "a supervisor closes a ticket as unreachable, with proof; a program cannot")
        done = await self._store.resolve(reference, who.name, token, note.strip(), self._clock(), outcome)
        return await self._after(who, reference, token, done)

    # --- what these have in common ---

    async def _after(self, who: Session, reference: str, token: int, done: bool) -> Shown | Refusal:
        ticket = await self._ticket(reference)
        return await self._shown(who, ticket) if done else _why_not(ticket, who, token)

    async def _taken(self, who: Session, ticket: Ticket, address: str) -> Shown:
        await self._write_down(who, f"ticket {ticket.reference}", address)
        return await self._shown(who, ticket)

    async def _shown(self, who: Session, ticket: Ticket) -> Shown:
        mine = _is_mine(ticket, who)
        keys = [message.key for message in ticket.messages]
        words = await self._transcripts.transcripts(keys) if keys and (mine or who.role is Role.SUPERVISOR) else {}
        return Shown(ticket, mine, words)

    async def _cannot_have(self, name: str) -> Refusal | None:
        account = await self._people.account(name)
        if account is None or account.closed or account.role not in ANSWERING:
            return Refusal("no_such_agent", f"there is no {name} who could answer the caller")
        return None

    async def _ticket(self, reference: str) -> Ticket:
        ticket = await self._store.ticket(reference)
        if ticket is None:
            raise UnknownTicket(f"there is no ticket {reference}")
        return ticket

    async def _write_down(self, who: Session, subject: str, address: str, action: Action = Action.LOOKED_AT) -> None:
        await self._people.write_down(Fact(self._clock(), who.name, action, subject, address))


_REFUSED = {
    "hours": "nobody is rung up at this hour",
    "unsettled": "nobody knows yet how the last attempt ended; say so (settle), then try again",
    "ticket_limit": "this caller has been tried often enough today",
    "number_limit": "this number has been called often enough today",
    "paused": "there were too many calls back within the hour: they go on when it is over, or when a supervisor resumes them",
}


async def tickets_of(store: TicketPages, days: Days) -> Sequence[Ticket]:
    """The tickets whose first call was on those days, by its time, without those of which nothing came. Raises StoreFailed."""
    wanted = Wanted((*UNANSWERED, *KEPT), created_since=days.since, created_before=days.until, order="created_at", limit=MOST)
    found = list(page := await store.page(wanted))
    while len(page) == MOST:
        page = await store.page(replace(wanted, after=place(wanted.order, cursor(wanted.order, page[-1]))))
        found += page
    return found


def cursor(order: str, ticket: Ticket) -> str:
    """Where the page after that ticket begins, for a program that need not understand it."""
    column = order.removeprefix("-")
    value = str(ticket.priority) if column == "priority" else getattr(ticket, column).astimezone(dt.UTC).isoformat()
    return base64.urlsafe_b64encode(json.dumps([order, value, ticket.reference]).encode()).decode().rstrip("=")


def place(order: str, text: str) -> Place:
    """The same, read again. Raises ValueError for what is none, and for that of another order."""
    try:
        told = json.loads(base64.urlsafe_b64decode(text.encode() + b"=" * (-len(text) % 4)))
        ordered, value, reference = told
        if ordered != order or not all(isinstance(one, str) for one in told):
            raise ValueError
        if order.removeprefix("-") == "priority":
            if abs(int(value)) > 1 << 31:
                raise ValueError
        elif dt.datetime.fromisoformat(value).tzinfo is None:
            raise ValueError
    except (ValueError, TypeError, RecursionError) as error:
        raise ValueError("that is no cursor of this list") from error
    return value, reference


def _is_mine(ticket: Ticket, who: Session) -> bool:
    return ticket.state in HELD and ticket.assignee == who.name


def _why_not(ticket: Ticket, who: Session, token: int | None) -> Refusal:
    """Why a change was not made, from how the ticket is now. `token` is what was shown; None for who wanted to claim."""
    if ticket.state in ENDED:
        return _ended(ticket)
    if not _is_mine(ticket, who):
        if ticket.state in HELD:
            return Refusal("taken", f"ticket {ticket.reference} is {ticket.assignee}'s")
        if token is None:
            return Refusal("not_ready", f"ticket {ticket.reference} is {ticket.state.value}: there is nothing to claim yet")
        return Refusal("not_yours", f"ticket {ticket.reference} is not claimed any more: claim it again")
    if token is not None and token != ticket.claim_token:
        return Refusal("stale_token", f"ticket {ticket.reference} has been claimed anew since: show its claim_token of now")
    if ticket.attempts and ticket.attempts[-1].outcome is None:
        return _under_way(ticket)
    return Refusal("new_message", "the caller has left another message: hear it, claim again, then close")


def _claimed_since(ticket: Ticket) -> Refusal:
    return Refusal("changed", f"ticket {ticket.reference} has been claimed or given away since: look at it again")


def _ended(ticket: Ticket) -> Refusal:
    return Refusal("ended", f"ticket {ticket.reference} is {ticket.state.value} already")


def _under_way(ticket: Ticket) -> Refusal:
    return Refusal("call_under_way", f"a call back of ticket {ticket.reference} is under way")
