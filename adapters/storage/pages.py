"""Tickets in pages, by what is asked for. A page goes on where the last one ended, whatever has happened in between."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Select, and_, func, or_, select

from adapters.storage import tables as t
from adapters.storage.rows import TicketRows
from ivr.calls.ports import Ticket
from ivr.desk.programs import Wanted

_ORDERS = {"due_at": t.ticket.c.due_at, "created_at": t.ticket.c.created_at, "priority": t.ticket.c.priority}


class Pages(TicketRows):
    """The part of the store that shows a page at a time."""

    async def page(self, wanted: Wanted) -> Sequence[Ticket]:
        column, down = _ORDERS[wanted.order.removeprefix("-")], wanted.order.startswith("-")
        query = _filtered(select(t.ticket), wanted)
        if wanted.after is not None:
            text, reference = wanted.after
            value: Any = int(text) if column is t.ticket.c.priority else dt.datetime.fromisoformat(text)
            further = column < value if down else column > value
            same = t.ticket.c.reference < reference if down else t.ticket.c.reference > reference
            query = query.where(or_(further, and_(column == value, same)))
        order = (column.desc(), t.ticket.c.reference.desc()) if down else (column, t.ticket.c.reference)
        query = query.order_by(*order).offset(wanted.skip).limit(wanted.limit)
        return await self._database.read(lambda connection: self.read_tickets(connection, query), at_leisure=True)

    async def count(self, wanted: Wanted) -> int:
        query = _filtered(select(func.count()).select_from(t.ticket), wanted)
        return await self._database.read(lambda connection: connection.scalar(query) or 0, at_leisure=True)


def _filtered(query: Select[Any], wanted: Wanted) -> Select[Any]:
    c = t.ticket.c
    query = query.where(c.state.in_(wanted.states))
    for column, value in ((c.topic, wanted.topic), (c.dialled, wanted.line), (c.assignee, wanted.assignee)):
        query = query if value is None else query.where(column == value)
    if wanted.created_since is not None:
        query = query.where(c.created_at >= wanted.created_since)
    for column, before in ((c.created_at, wanted.created_before), (c.due_at, wanted.due_before)):
        query = query if before is None else query.where(column < before)
    return query
