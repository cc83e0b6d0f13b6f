"""The figures of the board, counted in SQL where they lie, and the looks at closures: the ports BoardStore and ClosureStore.

The board is read every second or two, beside calls: what it asks for has an index each, so it costs the same with a hundred thousand closed
tickets as with none.
"""

from __future__ import annotations

import datetime as dt
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    Integer,
    LargeBinary,
    Row,
    String,
    Table,
    and_,
    case,
    func,
    select,
    text,
)

from adapters.storage import tables as t
from adapters.storage.accounts import account, desk_session
from adapters.storage.rows import SOME, TicketRows
from ivr.calls.ports import KEPT, AttemptOutcome, AttemptState, TextState, Ticket, TicketState
from ivr.calls.times import LINE_ZONE
from ivr.desk.board import DUE_NEXT, AgentDay, DueTicket, HeldTicket, Promises, TicketFigures
from ivr.desk.people import Account, Role
from ivr.desk.sampling import Closure, Look, Verdict

closure_look = Table(
    "closure_look",
    t.metadata,
    Column("ticket_id", BigInteger, primary_key=True),
    Column("no", Integer, primary_key=True),
    Column("at", t.Moment),
    Column("supervisor", String),
    Column("verdict", String),
    Column("note_enc", LargeBinary),
)

_LIVE = text("attempt.state IN ('planned', 'sent', 'ringing', 'bridged', 'unknown')")  # in the words of the index
_CLAIMS = text("ticket_event.kind IN ('claimed', 'handed_over', 'released', 'lease_ran_out')")


class Figures(TicketRows):
    """The part of the store that supervisors read. It changes no ticket."""

    # --- the board ---

    async def figures(self, at: dt.datetime, today: dt.datetime) -> TicketFigures:
        def work(connection: Connection) -> TicketFigures:
            states = select(t.ticket.c.state, func.count()).where(t.UNANSWERED).group_by(t.ticket.c.state)
            oldest = select(t.ticket.c.created_at).where(t.UNANSWERED).order_by(t.ticket.c.created_at).limit(1)
            texts = _text_counts(connection, today)
            return TicketFigures(
                states={TicketState(row[0]): row[1] for row in connection.execute(states)},
                overdue=connection.scalar(_overdue_by_due(at)) + connection.scalar(_overdue_by_day(at)),
                oldest=connection.scalar(oldest),
                due_next=_due_next(connection),
                today=_promises_since(connection, today, at),
                texts_waiting=texts[TextState.QUEUED],
                texts_failed=texts[TextState.FAILED] + texts[TextState.UNKNOWN],
            )

        return await self._database.read(work)

    async def held(self) -> tuple[HeldTicket, ...]:
        live = and_(t.attempt.c.ticket_id == t.ticket.c.id, _LIVE)
        query = (
            select(t.ticket, t.attempt.c.state.label("attempt_state"), t.attempt.c.begun_at.label("since"))
            .outerjoin(t.attempt, live)
            .where(t.HELD)
            .order_by(t.ticket.c.lease_until)
        )
        return await self._database.read(lambda connection: tuple(_held(row) for row in connection.execute(query)))

    async def people(self, since: dt.datetime) -> Mapping[str, tuple[Account, bool]]:
        def work(connection: Connection) -> Mapping[str, tuple[Account, bool]]:
            here = set(connection.scalars(select(desk_session.c.name).where(desk_session.c.seen_at > since)))
            rows = connection.execute(select(account).order_by(account.c.name))
            return {row.name: (Account(row.name, Role(row.role), "", row.created_at, bool(row.closed)), row.name in here) for row in rows}

        return await self._database.read(work)

    # --- a day of the agents ---

    async def agents_of(self, since: dt.datetime, until: dt.datetime) -> tuple[AgentDay, ...]:
        def work(connection: Connection) -> tuple[AgentDay, ...]:
            claimed, returned = _claims(connection, since, until)
            within = t.resolution.c.at >= since, t.resolution.c.at < until
            closing = select(t.resolution.c.agent, func.count()).where(*within).group_by(t.resolution.c.agent)
            closed = {row[0]: row[1] for row in connection.execute(closing)}
            talks = _talks(connection, since, until)
            names = sorted({*claimed, *returned, *closed, *talks})
            return tuple(
                AgentDay(name, claimed[name], closed.get(name, 0), *talks.get(name, (0, dt.timedelta(0))), returned[name]) for name in names
            )

        return await self._database.read(work, at_leisure=True)

    # --- closures ---

    async def closures(self, since: dt.datetime, until: dt.datetime) -> tuple[Closure, ...]:
        within = t.resolution.c.at >= since, t.resolution.c.at < until
        query = (
            select(t.ticket.c.id, t.ticket.c.reference, t.resolution.c.agent, t.resolution.c.at, t.resolution.c.by_exception)
            .join_from(t.resolution, t.ticket, t.ticket.c.id == t.resolution.c.ticket_id)
            .where(*within)
            .order_by(t.resolution.c.at, t.ticket.c.id)
        )

        def work(connection: Connection) -> tuple[Closure, ...]:
            rows = connection.execute(query).all()
            looks = self._looks(connection, [row.id for row in rows])
            return tuple(Closure(row.reference, row.agent, row.at, bool(row.by_exception), tuple(looks.get(row.id, ()))) for row in rows)

        return await self._database.read(work, at_leisure=True)

    async def closed(self, references: Sequence[str]) -> tuple[Ticket, ...]:
        def work(connection: Connection) -> tuple[Ticket, ...]:
            found: list[Ticket] = []
            for first in range(0, len(references), SOME):
                some = t.ticket.c.reference.in_(references[first : first + SOME]), t.ticket.c.state.in_(KEPT)
                found += self.read_tickets(connection, select(t.ticket).where(*some))
            return tuple(found)

        return await self._database.read(work, at_leisure=True)

    async def looks(self, references: Sequence[str]) -> Mapping[str, tuple[Look, ...]]:
        """What supervisors found when they looked at these tickets."""

        def work(connection: Connection) -> Mapping[str, tuple[Look, ...]]:
            query = select(t.ticket.c.id, t.ticket.c.reference).where(t.ticket.c.reference.in_(references))
            known = {row.id: row.reference for row in connection.execute(query)}
            return {known[one]: tuple(found) for one, found in self._looks(connection, list(known)).items()}

        return await self._database.read(work)

    async def looked(self, reference: str, look: Look) -> bool:
        def work(connection: Connection) -> bool:
            row = self.locked_by_reference(connection, reference)
            if row.state not in KEPT:
                return False
            mine = closure_look.c.ticket_id == row.id
            before = connection.execute(select(closure_look).where(mine).order_by(closure_look.c.no.desc()).limit(1)).first()
            if before is not None and (before.at, before.supervisor) == (look.at.astimezone(dt.UTC), look.supervisor):
                return True  # the same look, written a second time
            note = self._key.encrypt("" if row.erased_at is not None else look.note)
            values = {"no": before.no + 1 if before else 1, "at": look.at, "supervisor": look.supervisor, "verdict": look.verdict}
            connection.execute(closure_look.insert().values(ticket_id=row.id, note_enc=note, **values))
            return True

        return await self._database.write(work)

    def _looks(self, connection: Connection, ids: Sequence[int]) -> dict[int, list[Look]]:
        found: dict[int, list[Look]] = {}
        for first in range(0, len(ids), SOME):
            some = closure_look.c.ticket_id.in_(ids[first : first + SOME])
            for row in connection.execute(select(closure_look).where(some).order_by(closure_look.c.ticket_id, closure_look.c.no)):
                look = Look(row.at, row.supervisor, Verdict(row.verdict), self._key.decrypt(row.note_enc))
                found.setdefault(row.ticket_id, []).append(look)
        return found


# --- how each figure is asked for ---


def _overdue_by_due(at: dt.datetime) -> Any:
    return select(func.count()).select_from(t.ticket).where(t.UNANSWERED, t.ticket.c.due_at < at)


def _overdue_by_day(at: dt.datetime) -> Any:
    """Those whose business hours are not over, but whose day is."""
    return select(func.count()).select_from(t.ticket).where(t.UNANSWERED, t.ticket.c.hard_due_at < at, t.ticket.c.due_at >= at)


def _due_next(connection: Connection) -> tuple[DueTicket, ...]:
    """By whichever clock runs out first."""
    rows: dict[int, Row[Any]] = {}
    for clock in (t.ticket.c.due_at, t.ticket.c.hard_due_at):
        query = select(t.ticket).where(t.UNANSWERED).order_by(clock, t.ticket.c.id).limit(DUE_NEXT)
        rows |= {row.id: row for row in connection.execute(query)}
    tickets = (
        DueTicket(row.reference, TicketState(row.state), row.topic, row.dialled, min(row.due_at, row.hard_due_at), row.assignee)
        for row in rows.values()
    )
    return tuple(sorted(tickets, key=lambda one: (one.due_at, one.reference))[:DUE_NEXT])


def _promises_since(connection: Connection, today: dt.datetime, at: dt.datetime) -> Promises:
    """As the ledger counts them, without reading each."""
    nothing = t.ticket.c.state.in_((TicketState.CAPTURING, TicketState.ABANDONED))
    kept = t.ticket.c.state.in_(KEPT)
    late = (t.ticket.c.due_at < at) | (t.ticket.c.hard_due_at < at)
    standing: ColumnElement[str] = case((kept, "kept"), (late, "overdue"), else_="open")
    query = select(standing, func.count()).where(t.ticket.c.created_at >= today, ~nothing).group_by(standing)
    return Promises(**{row[0]: row[1] for row in connection.execute(query)})


def _text_counts(connection: Connection, today: dt.datetime) -> Counter[str]:
    """Those that wait, however old, and those of today by their state."""
    m = t.text_message.c
    waiting = connection.scalar(select(func.count()).select_from(t.text_message).where(text("text_message.state = 'queued'")))
    query = select(m.state, func.count()).where(m.created_at >= today).group_by(m.state)
    return Counter({**{row[0]: row[1] for row in connection.execute(query)}, TextState.QUEUED: waiting or 0})


def _held(row: Row[Any]) -> HeldTicket:
    attempt = AttemptState(row.attempt_state) if row.attempt_state else None
    return HeldTicket(row.reference, row.assignee, TicketState(row.state), row.topic, row.lease_until, attempt, row.since)


def _claims(connection: Connection, since: dt.datetime, until: dt.datetime) -> tuple[Counter[str], Counter[str]]:
    """How many tickets each agent took or was given, and how many they gave back or lost."""
    e = t.ticket_event.c
    query = select(e.actor, e.kind, e.body).where(_CLAIMS, e.at >= since, e.at < until)
    claimed, returned = Counter[str](), Counter[str]()
    for row in connection.execute(query):
        about = json.loads(row.body)
        if row.kind in ("released", "lease_ran_out"):
            returned[str(about.get("from") or row.actor)] += 1
        else:
            claimed[str(about.get("to") or about.get("for") or row.actor)] += 1
    return claimed, returned


def _talks(connection: Connection, since: dt.datetime, until: dt.datetime) -> dict[str, tuple[int, dt.timedelta]]:
    """How many talks each agent had in that time, and how long they were in all."""
    a = t.attempt.c
    first, last = (at.astimezone(LINE_ZONE).date().isoformat() for at in (since, until - dt.timedelta(microseconds=1)))
    talked = a.outcome == AttemptOutcome.ANSWERED, a.day.between(first, last), a.begun_at >= since, a.begun_at < until
    query = select(a.agent, func.count(), func.sum(a.bridged_ms)).where(*talked).group_by(a.agent)
    return {row[0]: (row[1], dt.timedelta(milliseconds=int(row[2] or 0))) for row in connection.execute(query)}


def erase_looks(connection: Connection, ticket_id: int, nobody: bytes) -> None:
    """The words of looks at a ticket whose caller is forgotten."""
    connection.execute(closure_look.update().where(closure_look.c.ticket_id == ticket_id).values(note_enc=nobody))
