"""Webhooks: other systems are told what happens to tickets, each in the order in which it happened, until they have taken it.

What is to be told is put down in the transaction in which it happens; here it is sent. A receiver may get a thing twice, under the same id,
and never hears of anything out of order: while it does not take one, the next ones wait. What it has not taken within a day is given up,
and one that has taken nothing for three days is told nothing any more. Nothing that is told has a whole number in it, nor a caller's words.
"""

from __future__ import annotations

import asyncio
import base64
import datetime as dt
import hashlib
import hmac
import json
import secrets
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import structlog

from ivr.calls.ports import Ticket, TicketEvent
from ivr.calls.tickets import mask
from ivr.calls.times import LINE_ZONE
from ivr.desk.gate import Clock
from ivr.desk.people import AccountStore, Action, Fact
from ivr.errors import StoreFailed, UserError

PREFIX = "whsec_"
GONE = "gone"
LEASE = dt.timedelta(seconds=30)  # longer than one sending takes: then whoever sent it has died
FIRST_PAUSE, LONGEST_PAUSE = dt.timedelta(seconds=5), dt.timedelta(hours=1)
GIVEN_UP_AFTER = dt.timedelta(days=1)
DISABLED_AFTER = dt.timedelta(days=3)
MOST = 50  # of them
_AT_ONCE = 4
_LOOK_EVERY = 1.0  # seconds

# What a webhook can be told, by the word that a ticket's history has for it.
TYPES: Mapping[str, str] = {
    "opened": "ticket.opened",
    "message_kept": "ticket.message_added",
    "called_again": "ticket.called_again",
    "claimed": "ticket.claimed",
    "handed_over": "ticket.handed_over",
    "released": "ticket.released",
    "lease_ran_out": "ticket.released",
    "escalated": "ticket.overdue",
    "overdue": "ticket.overdue",
    "attempt_planned": "ticket.call_planned",
    "attempt_bridged": "ticket.talking",
    "attempt_unknown": "ticket.call_lost_sight_of",
    "attempt_ended": "ticket.call_ended",
    "retry_planned": "ticket.retry_planned",
    "resolved": "ticket.resolved",
    "closed_unreachable": "ticket.closed_unreachable",
    "erased": "ticket.erased",
}

_log = structlog.get_logger("webhooks")


@dataclass(frozen=True, slots=True)
class Webhook:
    """Somebody who wants to be told. `kinds` are types of TYPES, none for all; `style` is selfline or tmf621."""

    address: str
    style: str
    kinds: tuple[str, ...]
    secret: str = field(repr=False)
    owner: str
    created_at: dt.datetime
    id: int = 0
    tries: int = 0  # since it last took something
    failing_since: dt.datetime | None = None
    reason: str = ""
    disabled_at: dt.datetime | None = None
    waiting: int = 0  # what it has still to be told


@dataclass(frozen=True, slots=True)
class Delivery:
    """One thing that a webhook is to be told."""

    id: int
    webhook: Webhook
    reference: str
    number: int  # of the event in the ticket's history
    event: TicketEvent

    @property
    def key(self) -> str:
        """The same each time that it is sent."""
        return f"msg_{self.reference}_{self.number}"


class WebhookStore(Protocol):
    """Where they are kept, with what they have still to be told. Its methods raise StoreFailed."""

    async def add(self, webhook: Webhook) -> int:
        """A new one, to be told what happens from now on; its id."""

    async def webhooks(self) -> Sequence[Webhook]:
        """All of them, the oldest first."""

    async def remove(self, webhook_id: int) -> bool:
        """It is told nothing any more; False when there is none of that id."""

    async def next_delivery(self, at: dt.datetime, lease: dt.timedelta) -> Delivery | None:
        """What some webhook is to be told next, which nobody else sends for so long; None when there is nothing now."""

    async def delivered(self, delivery: Delivery, at: dt.datetime) -> None:
        """It has been taken."""

    async def not_delivered(self, delivery: Delivery, reason: str, at: dt.datetime, again: dt.datetime, *, give_up: bool) -> None:
        """It has not; nothing is sent there before `again`. `give_up`: not this one any more."""

    async def disable(self, webhook_id: int, reason: str, at: dt.datetime) -> None:
        """It is told nothing any more, and what it has not been told is dropped."""


class Poster(Protocol):
    """What sends over the network."""

    def trouble_with(self, address: str) -> str:
        """Why nothing will ever be sent to that address; "" when something may be."""

    async def post(self, address: str, headers: Mapping[str, str], body: bytes) -> str:
        """Why it was not taken, in a few words; GONE when there will never be anybody; "" when it was."""


Rendering = Callable[[Delivery, Ticket], Mapping[str, object]]


class Webhooks:
    """Adding and removing them. One for a console, or for one errand of the command line."""

    def __init__(self, store: WebhookStore, people: AccountStore, poster: Poster, clock: Clock) -> None:
        self._store = store
        self._people = people
        self._poster = poster
        self._clock = clock

    async def add(self, address: str, owner: str, kinds: Collection[str] = (), style: str = "selfline") -> Webhook:
        """A new one, whose secret is told this once. Raises UserError."""
        if trouble := self._poster.trouble_with(address):
            raise UserError(trouble)
        if unknown := sorted(set(kinds) - set(TYPES.values())):
            raise UserError(f"there is no event {unknown[0]}; there are {', '.join(sorted(set(TYPES.values())))}")
        if len(await self._store.webhooks()) >= MOST:
            raise UserError(f"there are {MOST} webhooks already; remove one first")
        secret = PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()
        at = self._clock()
        new = Webhook(address, style, tuple(sorted(set(kinds))), secret, owner, at)
        webhook_id = await self._store.add(new)
        await self._people.write_down(Fact(at, owner, Action.WEBHOOK_ADDED, f"{webhook_id} {address}"))
        return Webhook(address, style, new.kinds, secret, owner, at, webhook_id)

    async def webhooks(self) -> Sequence[Webhook]:
        """All of them."""
        return await self._store.webhooks()

    async def remove(self, webhook_id: int, actor: str) -> bool:
        """It is told nothing any more; False when there is none of that id."""
        if not await self._store.remove(webhook_id):
            return False
        await self._people.write_down(Fact(self._clock(), actor, Action.WEBHOOK_REMOVED, str(webhook_id)))
        return True


class TicketsToTell(Protocol):
    """As much of the tickets as is told."""

    async def ticket(self, reference: str) -> Ticket | None:
        """One ticket."""


class Sender:
    """Tells webhooks what happens, as long as it runs. `renderings` has the words of each style."""

    def __init__(
        self, store: WebhookStore, tickets: TicketsToTell, poster: Poster, renderings: Mapping[str, Rendering], clock: Clock
    ) -> None:
        self._store = store
        self._tickets = tickets
        self._poster = poster
        self._renderings = renderings
        self._clock = clock

    async def run(self) -> None:
        """Until it is cancelled."""
        async with asyncio.TaskGroup() as group:
            for _ in range(_AT_ONCE):
                group.create_task(self._run())

    async def _run(self) -> None:
        while True:
            try:
                busy = await self.send_next()
            except StoreFailed as error:
                _log.warning("webhooks_wait", reason=str(error))
                busy = False
            if not busy:
                await asyncio.sleep(_LOOK_EVERY)

    async def send_next(self) -> bool:
        """Tell somebody the next thing; whether there was anything to tell. Raises StoreFailed."""
        delivery = await self._store.next_delivery(self._clock(), LEASE)
        if delivery is None:
            return False
        ticket = await self._tickets.ticket(delivery.reference)
        assert ticket is not None  # tickets are kept
        told = self._renderings[delivery.webhook.style](delivery, ticket)
        body = json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode()
        headers = {"Content-Type": "application/json", **signed(delivery.webhook.secret, delivery.key, self._clock(), body)}
        reason = await self._poster.post(delivery.webhook.address, headers, body)
        if reason:
            await self._not_taken(delivery, reason)
        else:
            await self._store.delivered(delivery, self._clock())
        return True

    async def _not_taken(self, delivery: Delivery, reason: str) -> None:
        webhook, at = delivery.webhook, self._clock()
        about = {"webhook": webhook.id, "reason": reason}
        if reason == GONE or (webhook.failing_since is not None and at - webhook.failing_since >= DISABLED_AFTER):
            await self._store.disable(webhook.id, reason, at)
            _log.error("webhook_disabled", **about)
            return
        give_up = at - delivery.event.at >= GIVEN_UP_AFTER
        await self._store.not_delivered(delivery, reason, at, at + pause_after(webhook.tries), give_up=give_up)
        if give_up or not webhook.tries:
            _log.warning("webhook_given_up" if give_up else "webhook_failed", message=delivery.key, **about)


def pause_after(tries: int) -> dt.timedelta:
    """How long to wait after a failure, when there had been so many before: longer each time, an hour at most."""
    return min(FIRST_PAUSE * (1 << min(tries, 20)), LONGEST_PAUSE)


def signed(secret: str, key: str, at: dt.datetime, body: bytes) -> dict[str, str]:
    """The headers of Standard Webhooks 1.0.0: id, time and signature."""
    moment = str(int(at.timestamp()))
    words = b".".join((key.encode(), moment.encode(), body))
    digest = hmac.new(base64.b64decode(secret.removeprefix(PREFIX)), words, hashlib.sha256).digest()
    return {"webhook-id": key, "webhook-timestamp": moment, "webhook-signature": f"v1,{base64.b64encode(digest).decode()}"}


def in_our_words(delivery: Delivery, ticket: Ticket) -> Mapping[str, object]:
    """What happened, and the ticket as it is now. The caller is masked; notes and messages are not in it."""
    return {
        "type": TYPES[delivery.event.kind],
        "timestamp": told_moment(delivery.event.at),
        "data": {
            "reference": ticket.reference,
            "number": delivery.number,
            "by": delivery.event.actor,
            "state": ticket.state.value,
            "topic": ticket.topic,
            "language": ticket.language,
            "line": ticket.dialled,
            "caller": mask(ticket.caller_id),
            "created_at": told_moment(ticket.created_at),
            "due_at": told_moment(ticket.due_at),
            "escalated": ticket.escalated,
            "assignee": ticket.assignee,
            "outcome": ticket.outcome,
            "resolved_at": None if ticket.resolved_at is None else told_moment(ticket.resolved_at),
            "attempts": len(ticket.attempts),
        },
    }


def told_moment(at: dt.datetime) -> str:
    """A moment as programs are told it: RFC 3339, in the line's zone."""
    return at.astimezone(LINE_ZONE).isoformat(timespec="milliseconds")
