"""Tickets as agents take, hold, give back and close them. Every change is conditional on the state and the claim it was decided for."""

from __future__ import annotations

import datetime as dt
import json
import secrets
from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import Connection, Row, ScalarSelect, func, or_, select, update

from adapters.storage import tables as t
from adapters.storage.rows import ENGINE, TicketRows, is_waiting
from ivr.calls.ports import HELD, UNREACHED, AttemptOutcome, AttemptState, Escalation, Outcome, Ticket, TicketEvent, TicketState
from ivr.calls.tickets import LEASE_LOST, OVERDUE
from ivr.calls.times import callable_from
from ivr.errors import UnknownTicket

FAILPOINTS = ("claim_uncommitted", "claim_committed", "resolve_uncommitted", "resolve_committed")
BUSINESS_CLOCK, DAY_CLOCK = 1, 2
SWEEP = 200  # tickets in one sweep


class Claims(TicketRows):
    """The part of the store that agents use."""

    # --- looking ---

    async def tickets(self, *, include_ended: bool = False) -> tuple[Ticket, ...]:
        query = select(t.ticket).order_by(t.ticket.c.due_at, t.ticket.c.id)
        if not include_ended:
            query = query.where(t.UNANSWERED)
        return await self._database.read(lambda connection: self.read_tickets(connection, query), at_leisure=True)

    async def ticket(self, reference: str) -> Ticket | None:
        query = select(t.ticket).where(t.ticket.c.reference == reference)
        found = await self._database.read(lambda connection: self.read_tickets(connection, query))
        return found[0] if found else None

    async def queue(self, limit: int) -> tuple[Ticket, ...]:
        query = select(t.ticket).where(t.WAITING).order_by(t.ticket.c.priority, t.ticket.c.created_at, t.ticket.c.id).limit(limit)
        return await self._database.read(lambda connection: self.read_tickets(connection, query))

    async def listed(self, states: Collection[TicketState], limit: int, agent: str | None = None) -> tuple[Ticket, ...]:
        query = select(t.ticket).where(t.UNANSWERED, t.ticket.c.state.in_(states))
        if agent is not None:
            query = query.where(t.ticket.c.assignee == agent)
        ordered = query.order_by(t.ticket.c.priority, t.ticket.c.created_at, t.ticket.c.id).limit(limit)
        return await self._database.read(lambda connection: self.read_tickets(connection, ordered))

    async def unanswered_by_state(self) -> Mapping[TicketState, int]:
        counts = select(t.ticket.c.state, func.count()).where(t.UNANSWERED).group_by(t.ticket.c.state)
        found = await self._database.read(lambda connection: connection.execute(counts).all())
        return {TicketState(state): number for state, number in found}

    async def stamps(self) -> Mapping[str, str]:
        events = select(func.max(t.ticket_event.c.seq)).where(t.ticket_event.c.ticket_id == t.ticket.c.id).scalar_subquery()
        of_ticket = t.message.c.ticket_id == t.ticket.c.id
        words = select(func.max(t.transcript.c.changed_at)).join_from(t.message, t.transcript, t.transcript.c.key == t.message.c.key)
        query = select(t.ticket.c.reference, t.ticket.c.state, events, words.where(of_ticket).scalar_subquery()).where(t.UNANSWERED)
        rows = await self._database.read(lambda connection: connection.execute(query).all(), at_leisure=True)
        return {row[0]: "/".join(map(str, row[1:])) for row in rows}

    async def history(self, reference: str) -> tuple[TicketEvent, ...]:
        def work(connection: Connection) -> tuple[TicketEvent, ...]:
            ticket_id = connection.scalar(select(t.ticket.c.id).where(t.ticket.c.reference == reference))
            if ticket_id is None:
                raise UnknownTicket(f"there is no ticket {reference!r}")
            events = select(t.ticket_event).where(t.ticket_event.c.ticket_id == ticket_id).order_by(t.ticket_event.c.seq)
            return tuple(TicketEvent(row.at, row.actor, row.kind, json.loads(row.body)) for row in connection.execute(events))

        return await self._database.read(work)

    # --- taking and giving back ---

    async def claim(
        self, reference: str, agent: str, at: dt.datetime, lease: dt.timedelta | None = None, token: int | None = None
    ) -> Ticket | None:
        def work(connection: Connection) -> Ticket | None:
            row = self.locked_by_reference(connection, reference)
            if token not in (None, row.claim_token):
                return None
            until = at + (lease or self._lease)
            if row.state in HELD and row.assignee == agent:
                self.change(connection, row.id, lease_until=until, heard=_kept(connection, row.id))
                self.note(connection, row.id, at, agent, "claim_renewed", {})
                return self.read_ticket(connection, row.id)
            if row.state in HELD and row.lease_until <= at:
                self._return_expired(connection, row, at)
                row = self.locked(connection, row.id)
            if not is_waiting(row):
                return None
            self._take(connection, row, agent, at, until)
            self._failpoint("claim_uncommitted")
            return self.read_ticket(connection, row.id)

        ticket = await self._database.write(work)
        self._failpoint("claim_committed")
        return ticket

    async def claim_next(self, agent: str, at: dt.datetime, lease: dt.timedelta | None = None) -> Ticket | None:
        if callable_from(at, self._hours) != at:
            return None
        request = secrets.token_hex(8)  # the same for each time that the work is done: an answer that was lost is not another ticket
        tries = 0
        ready = (
            select(t.ticket)
            .where(t.WAITING, t.ticket.c.not_before <= at)
            .order_by(t.ticket.c.priority, t.ticket.c.created_at, t.ticket.c.id)
            .limit(1)
            .with_for_update(skip_locked=True)
        )

        def work(connection: Connection) -> Ticket | None:
            nonlocal tries
            tries += 1
            mine = connection.scalar(select(t.ticket.c.id).where(t.ticket.c.claim_key == request)) if tries > 1 else None
            if mine is None:
                row = connection.execute(ready).first()
                if row is None:
                    return None
                self._take(connection, row, agent, at, at + (lease or self._lease), request)
                mine = row.id
            self._failpoint("claim_uncommitted")
            return self.read_ticket(connection, mine)

        ticket = await self._database.write(work)
        self._failpoint("claim_committed")
        return ticket

    async def renew(self, reference: str, agent: str, token: int, at: dt.datetime, lease: dt.timedelta | None = None) -> bool:
        def work(connection: Connection) -> bool:
            row = self.locked_by_reference(connection, reference)
            if not holds(row, agent, token):
                return False
            self.change(connection, row.id, lease_until=at + (lease or self._lease))
            return True

        return await self._database.write(work)

    async def release(self, reference: str, agent: str, token: int, at: dt.datetime) -> bool:
        def work(connection: Connection) -> bool:
            row = self.locked_by_reference(connection, reference)
            if not holds(row, agent, token) or live_attempt(connection, row.id) is not None:
                return False
            self.give_back(connection, row, at, agent, "released")
            return True

        return await self._database.write(work)

    async def return_expired(self, at: dt.datetime) -> int:
        expired = select(t.ticket).where(t.HELD, t.ticket.c.lease_until <= at).with_for_update(skip_locked=True)

        def work(connection: Connection) -> int:
            rows = connection.execute(expired).all()
            for row in rows:
                self._return_expired(connection, row, at)
            return len(rows)

        return await self._database.write(work)

    async def hand_over(self, reference: str, agent: str, token: int, to: str, at: dt.datetime) -> bool:
        def work(connection: Connection) -> bool:
            row = self.locked_by_reference(connection, reference)
            if row.state == TicketState.CLAIMED and (row.assignee, row.claim_token) == (to, token + 1):
                return True  # done before
            if row.state != TicketState.CLAIMED or not holds(row, agent, token):
                return False
            self._pass_on(connection, row, agent, to, at)
            return True

        return await self._database.write(work)

    async def reassign(self, reference: str, supervisor: str, to: str, at: dt.datetime, token: int | None = None) -> bool:
        def work(connection: Connection) -> bool:
            row = self.locked_by_reference(connection, reference)
            if token not in (None, row.claim_token):
                return False
            if row.state == TicketState.CLAIMED:
                if row.assignee != to:
                    self._pass_on(connection, row, supervisor, to, at)
                return True
            if not is_waiting(row):
                return False
            self._take(connection, row, to, at, at + self._lease, by=supervisor)
            return True

        return await self._database.write(work)

    def _take(
        self,
        connection: Connection,
        row: Row[Any],
        agent: str,
        at: dt.datetime,
        until: dt.datetime,
        request: str | None = None,
        by: str = "",
    ) -> None:
        self.change(
            connection,
            row.id,
            state=TicketState.CLAIMED,
            assignee=agent,
            claim_token=row.claim_token + 1,
            claim_key=request,
            lease_until=until,
            heard=_how_many(row.id),
        )
        self.note(connection, row.id, at, by or agent, "claimed", {"for": agent} if by else {})

    def _pass_on(self, connection: Connection, row: Row[Any], actor: str, to: str, at: dt.datetime) -> None:
        """Another agent has the claim, under another token, and has heard nothing yet."""
        values = {"assignee": to, "claim_token": row.claim_token + 1, "claim_key": None, "lease_until": at + self._lease}
        self.change(connection, row.id, **values, heard=_kept(connection, row.id))
        self.note(connection, row.id, at, actor, "handed_over", {"from": row.assignee, "to": to})

    def _return_expired(self, connection: Connection, row: Row[Any], at: dt.datetime) -> None:
        """The agent is gone. A call that may be under way is unknown until somebody knows: it is never made again by itself."""
        live = live_attempt(connection, row.id)
        if live is not None and live.state != AttemptState.UNKNOWN:
            mine = update(t.attempt).where(t.attempt.c.ticket_id == row.id, t.attempt.c.no == live.no)
            connection.execute(mine.values(state=AttemptState.UNKNOWN))
            self.note(connection, row.id, at, ENGINE, "attempt_unknown", {"attempt": live.no})
        self.give_back(connection, row, at, ENGINE, "lease_ran_out", up=LEASE_LOST)

    # --- the clocks ---

    async def escalate_due(self, at: dt.datetime) -> tuple[Escalation, ...]:
        business, day = t.ticket.c.escalation.op("&")(BUSINESS_CLOCK) == 0, t.ticket.c.escalation.op("&")(DAY_CLOCK) == 0
        late = or_((t.ticket.c.due_at <= at) & business, (t.ticket.c.hard_due_at <= at) & day)
        query = select(t.ticket).where(t.UNANSWERED, late).order_by(t.ticket.c.due_at).limit(SWEEP).with_for_update(skip_locked=True)

        def work(connection: Connection) -> tuple[Escalation, ...]:
            return tuple(one for row in connection.execute(query).all() for one in self._escalate(connection, row, at))

        found: list[Escalation] = []
        while some := await self._database.write(work):
            found += some
            if len(some) < SWEEP:
                break
        return tuple(found)

    def _escalate(self, connection: Connection, row: Row[Any], at: dt.datetime) -> list[Escalation]:
        clocks = ((BUSINESS_CLOCK, "business", row.due_at), (DAY_CLOCK, "day", row.hard_due_at))
        out = [(bit, name, due) for bit, name, due in clocks if due <= at and not row.escalation & bit]
        level = row.escalation | sum(bit for bit, _, _ in out)
        waits = {"state": TicketState.ESCALATED} if is_waiting(row) else {}
        self.change(connection, row.id, escalation=level, priority=max(row.priority + len(out) * OVERDUE, 0), **waits)
        for _, name, due in out:
            about: dict[str, object] = {"clock": name, "due_at": due.astimezone(dt.UTC).isoformat()}
            self.note(connection, row.id, at, ENGINE, "escalated" if waits else "overdue", about)
        return [Escalation(row.reference, name, due) for _, name, due in out]

    # --- closing ---

    async def resolve(
        self, reference: str, agent: str, token: int, note: str, at: dt.datetime, outcome: Outcome = Outcome.ANSWERED
    ) -> bool:
        def work(connection: Connection) -> bool:
            row = self.locked_by_reference(connection, reference)
            if row.state == TicketState.RESOLVED and (row.assignee, row.claim_token) == (agent, token):
                return True
            if not holds(row, agent, token) or row.state == TicketState.DIALING or _kept(connection, row.id) > row.heard:
                return False
            if live_attempt(connection, row.id) is not None:
                return False
            talked = _talked(connection, row.id)
            words = {"agent": agent, "note_enc": self._key.encrypt(note), "at": at, "outcome": outcome}
            resolved = {"ticket_id": row.id, **words, "attempt_no": talked, "by_exception": talked is None}
            connection.execute(t.resolution.insert().values(resolved))
            self.change(connection, row.id, state=TicketState.RESOLVED, resolved_at=at, lease_until=None)
            about: dict[str, object] = {"outcome": outcome, "attempt": talked, "note": self.seal_of(note)}
            self.note(connection, row.id, at, agent, "resolved", about)
            self._failpoint("resolve_uncommitted")
            return True

        done = await self._database.write(work)
        self._failpoint("resolve_committed")
        return done

    async def close_unreachable(self, reference: str, supervisor: str, text_key: str, note: str, at: dt.datetime) -> bool:
        def work(connection: Connection) -> bool:
            row = self.locked_by_reference(connection, reference)
            if row.state == TicketState.CLOSED_UNREACHABLE:
                return True
            if row.state != TicketState.RETRY_WAIT or not _is_proven(connection, row.id, text_key):
                return False
            words = {"agent": supervisor, "note_enc": self._key.encrypt(note), "at": at, "outcome": Outcome.UNREACHABLE}
            resolved = {"ticket_id": row.id, **words, "by_exception": False, "text_key": text_key}
            connection.execute(t.resolution.insert().values(resolved))
            self.change(connection, row.id, state=TicketState.CLOSED_UNREACHABLE, resolved_at=at)
            self.note(connection, row.id, at, supervisor, "closed_unreachable", {"text": text_key, "note": self.seal_of(note)})
            return True

        return await self._database.write(work)

    def seal_of(self, note: str) -> str:
        """What the history has of a note: nobody can read it there, and nobody can change the note unnoticed."""
        return self._key.joinable(note).hex()


def holds(row: Row[Any], agent: str, token: int) -> bool:
    """Whether that claim is the one of now."""
    return bool(row.state in HELD and row.assignee == agent and row.claim_token == token)


def live_attempt(connection: Connection, ticket_id: int) -> Row[Any] | None:
    """The attempt whose end is not known yet."""
    query = select(t.attempt).where(t.attempt.c.ticket_id == ticket_id, t.attempt.c.state != AttemptState.ENDED)
    return connection.execute(query.with_for_update()).first()


def _talked(connection: Connection, ticket_id: int) -> int | None:
    """The last attempt in which they talked."""
    answered = t.attempt.c.ticket_id == ticket_id, t.attempt.c.outcome == AttemptOutcome.ANSWERED
    found: int | None = connection.scalar(select(func.max(t.attempt.c.no)).where(*answered))
    return found


def _is_proven(connection: Connection, ticket_id: int, text_key: str) -> bool:
    """What the database asks for before a ticket is closed because nobody could be reached."""
    tried = t.attempt.c.ticket_id == ticket_id, t.attempt.c.outcome.in_(UNREACHED)
    counts = select(func.count(), func.count(t.attempt.c.day.distinct()), func.count(t.attempt.c.part.distinct())).where(*tried)
    attempts, days, parts = connection.execute(counts).one()
    state = connection.scalar(select(t.text_message.c.state).where(t.text_message.c.key == text_key))
    return bool(attempts >= 3 and days >= 2 and parts >= 2 and state == "sent")


def _how_many(ticket_id: int) -> ScalarSelect[int]:
    """Counts the messages of a ticket, within another statement."""
    return select(func.count()).where(t.message.c.ticket_id == ticket_id, t.message.c.state == "captured").scalar_subquery()


def _kept(connection: Connection, ticket_id: int) -> int:
    """How many messages the ticket has."""
    return connection.scalar(select(_how_many(ticket_id))) or 0
