"""Webhooks in the database: the port WebhookStore. What they are to be told is put down by the database itself (r0008)."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Integer,
    LargeBinary,
    Row,
    String,
    Table,
    delete,
    exists,
    func,
    insert,
    select,
    update,
)

from adapters.storage import tables as t
from adapters.storage.database import Database
from adapters.storage.keys import DataKey
from adapters.storage.tables import Moment, metadata
from ivr.calls.ports import TicketEvent
from ivr.desk.webhooks import TYPES, Delivery, Webhook

webhook = Table(
    "webhook",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("address", String),
    Column("style", String),
    Column("kinds", String),
    Column("secret_enc", LargeBinary),
    Column("owner", String),
    Column("created_at", Moment),
    Column("tries", Integer),
    Column("not_before", Moment),
    Column("failing_since", Moment),
    Column("reason", String),
    Column("disabled_at", Moment),
)

webhook_delivery = Table(
    "webhook_delivery",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("webhook_id", BigInteger),
    Column("ticket_id", BigInteger),
    Column("seq", Integer),
    Column("at", Moment),
)


class SqlWebhookStore:
    """The port WebhookStore in the database of the tickets, which its owner closes."""

    def __init__(self, database: Database, key: DataKey) -> None:
        self._database = database
        self._key = key

    async def add(self, new: Webhook) -> int:
        values = {
            "address": new.address,
            "style": new.style,
            "kinds": " ".join(new.kinds),
            "secret_enc": self._key.encrypt(new.secret),
            "owner": new.owner,
            "created_at": new.created_at,
            "not_before": new.created_at,
        }

        def work(connection: Connection) -> int:
            made = connection.execute(insert(webhook).values(values).returning(webhook.c.id)).scalar_one()
            return int(made)

        return await self._database.write(work)

    async def webhooks(self) -> Sequence[Webhook]:
        waiting = select(func.count()).where(webhook_delivery.c.webhook_id == webhook.c.id).scalar_subquery()
        query = select(webhook, waiting.label("waiting")).order_by(webhook.c.id)
        return await self._database.read(lambda connection: [self._as_webhook(row, row.waiting) for row in connection.execute(query)])

    async def remove(self, webhook_id: int) -> bool:
        def work(connection: Connection) -> bool:
            removed = connection.execute(delete(webhook).where(webhook.c.id == webhook_id)).rowcount > 0
            connection.execute(delete(webhook_delivery).where(webhook_delivery.c.webhook_id.not_in(select(webhook.c.id))))
            return removed

        return await self._database.write(work)

    async def next_delivery(self, at: dt.datetime, lease: dt.timedelta) -> Delivery | None:
        has_some = exists().where(webhook_delivery.c.webhook_id == webhook.c.id)
        due = select(webhook).where(webhook.c.disabled_at.is_(None), webhook.c.not_before <= at, has_some)
        due = due.order_by(webhook.c.not_before, webhook.c.id).limit(1)

        def work(connection: Connection) -> Delivery | None:
            while (row := connection.execute(due.with_for_update(skip_locked=True, key_share=True)).first()) is not None:
                found = self._first(connection, row)
                if found is not None:
                    taken = update(webhook).where(webhook.c.id == row.id).values(not_before=at + lease)
                    connection.execute(taken)
                    return found
            return None

        if not await self._database.read(lambda connection: connection.execute(due).first()):
            return None  # mostly; and nobody has waited for the lock of those who write
        return await self._database.write(work)

    def _first(self, connection: Connection, row: Row[Any]) -> Delivery | None:
        """The first thing that it wants to be told; what it does not want before that is dropped."""
        told = row.kinds.split() or TYPES.values()
        wanted = [kind for kind, type_ in TYPES.items() if type_ in told]
        theirs = webhook_delivery.c.webhook_id == row.id
        query = (
            select(webhook_delivery.c.id, t.ticket.c.reference, t.ticket_event)
            .join_from(webhook_delivery, t.ticket_event, _same_event())
            .join(t.ticket, t.ticket.c.id == webhook_delivery.c.ticket_id)
            .where(theirs, t.ticket_event.c.kind.in_(wanted))
            .order_by(webhook_delivery.c.id)
            .limit(1)
        )
        first = connection.execute(query).first()
        before = [] if first is None else [webhook_delivery.c.id < first.id]
        connection.execute(delete(webhook_delivery).where(theirs, *before))
        if first is None:
            return None
        event = TicketEvent(first.at, first.actor, first.kind, json.loads(first.body))
        return Delivery(first.id, self._as_webhook(row), first.reference, first.seq, event)

    async def delivered(self, delivery: Delivery, at: dt.datetime) -> None:
        fine = {"tries": 0, "not_before": at, "failing_since": None, "reason": ""}

        def work(connection: Connection) -> None:
            connection.execute(delete(webhook_delivery).where(webhook_delivery.c.id == delivery.id))
            connection.execute(update(webhook).where(webhook.c.id == delivery.webhook.id).values(fine))

        await self._database.write(work)

    async def not_delivered(self, delivery: Delivery, reason: str, at: dt.datetime, again: dt.datetime, *, give_up: bool) -> None:
        since = delivery.webhook.failing_since or at
        values = {"tries": webhook.c.tries + 1, "not_before": again, "failing_since": since, "reason": reason}

        def work(connection: Connection) -> None:
            if give_up:
                connection.execute(delete(webhook_delivery).where(webhook_delivery.c.id == delivery.id))
            connection.execute(update(webhook).where(webhook.c.id == delivery.webhook.id).values(values))

        await self._database.write(work)

    async def disable(self, webhook_id: int, reason: str, at: dt.datetime) -> None:
        def work(connection: Connection) -> None:
            connection.execute(update(webhook).where(webhook.c.id == webhook_id).values(disabled_at=at, reason=reason))
            connection.execute(delete(webhook_delivery).where(webhook_delivery.c.webhook_id == webhook_id))

        await self._database.write(work)

    def _as_webhook(self, row: Row[Any], waiting: int = 0) -> Webhook:
        return Webhook(
            address=row.address,
            style=row.style,
            kinds=tuple(row.kinds.split()),
            secret=self._key.decrypt(row.secret_enc),
            owner=row.owner,
            created_at=row.created_at,
            id=row.id,
            tries=row.tries,
            failing_since=row.failing_since,
            reason=row.reason,
            disabled_at=row.disabled_at,
            waiting=waiting,
        )


def _same_event() -> Any:
    """Which event of a ticket's history a delivery tells of."""
    return (t.ticket_event.c.ticket_id == webhook_delivery.c.ticket_id) & (t.ticket_event.c.seq == webhook_delivery.c.seq)
