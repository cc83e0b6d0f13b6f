"""The ledger: every promise of a time, and how it stands. It must sum to all that was promised, or name what is missing."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Row, func, select

from adapters.storage import tables as t
from adapters.storage.rows import SOME, TicketRows
from ivr.calls.ports import KEPT, Statement, StatementLine, TicketState


class Ledger(TicketRows):
    """The part of the store that gives account."""

    async def statement(self, since: dt.datetime, until: dt.datetime, at: dt.datetime, promised: Mapping[str, str]) -> Statement:
        def work(connection: Connection) -> Statement:
            within = t.ticket.c.created_at >= since, t.ticket.c.created_at < until
            nothing = t.ticket.c.state.in_((TicketState.CAPTURING, TicketState.ABANDONED))
            query = select(t.ticket, t.resolution.c.outcome, t.resolution.c.by_exception).outerjoin(
                t.resolution, t.resolution.c.ticket_id == t.ticket.c.id
            )
            rows = connection.execute(query.where(*within, ~nothing).order_by(t.ticket.c.created_at, t.ticket.c.id)).all()
            abandoned = select(func.count()).where(*within, t.ticket.c.state == TicketState.ABANDONED)
            kinds = select(t.unanswered.c.kind, func.count()).where(t.unanswered.c.at >= since, t.unanswered.c.at < until)
            return Statement(
                lines=tuple(_line(row, at) for row in rows),
                missing=_missing(connection, promised),
                abandoned=connection.scalar(abandoned) or 0,
                calls={row[0]: row[1] for row in connection.execute(kinds.group_by(t.unanswered.c.kind))},
            )

        return await self._database.read(work, at_leisure=True)


def _line(row: Row[Any], at: dt.datetime) -> StatementLine:
    state = TicketState(row.state)
    due_at = min(row.due_at, row.hard_due_at)
    return StatementLine(
        reference=row.reference,
        standing="kept" if state in KEPT else "overdue" if due_at < at else "open",
        state=state,
        topic=row.topic,
        dialled=row.dialled,
        created_at=row.created_at,
        due_at=due_at,
        resolved_at=row.resolved_at,
        outcome=row.outcome or "",
        attempts=row.attempts,
        without_talk=state is TicketState.RESOLVED and bool(row.by_exception),
    )


def _missing(connection: Connection, promised: Mapping[str, str]) -> tuple[str, ...]:
    """The calls with a promise that have neither a message in here nor a caller who is to be called back."""
    sessions = sorted(promised)
    found: set[str] = set()
    for first in range(0, len(sessions), SOME):
        some = t.message.c.session.in_(sessions[first : first + SOME])
        found.update(connection.scalars(select(t.message.c.session).where(some, t.message.c.state == "captured")))
        found.update(connection.scalars(select(t.unanswered.c.session).where(t.unanswered.c.session.in_(sessions[first : first + SOME]))))
    return tuple(promised[session] for session in sessions if session not in found)
