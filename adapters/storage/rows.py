"""What the stores of tickets have in common: how a ticket is found, made, read and locked, and how its history is written.

Whoever changes a ticket locks its row first (`locked`, `active`), so that two who do so at once come one after the other, on PostgreSQL as
on SQLite, where all writers do anyway.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import Column, Connection, Row, Select, Table, select, update

from adapters.storage import tables as t
from adapters.storage.audit import event_text
from adapters.storage.database import Database, insert
from adapters.storage.keys import DataKey
from ivr.calls.capture import BYTES_PER_SECOND, Failpoint
from ivr.calls.ports import (
    WAITING,
    Attempt,
    AttemptOutcome,
    AttemptState,
    Message,
    MessageIntent,
    Ticket,
    TicketState,
    UnansweredCall,
    UnansweredKind,
)
from ivr.calls.tickets import ORDINARY, REPEATED, new_reference
from ivr.calls.times import HARD_DUE_WITHIN, CallingHours, callable_from
from ivr.errors import UnknownTicket

ENGINE = "engine"
SOME = 500  # ids in one query

Due = Callable[[str, dt.datetime], dt.datetime]
"""When a caller of that number must have been called back who called then."""


class TicketRows:
    """The base of the stores. `recordings` is the folder that file names in the database refer to."""

    def __init__(
        self,
        database: Database,
        key: DataKey,
        recordings: Path,
        *,
        lease: dt.timedelta,
        due: Due,
        hours: CallingHours,
        most_an_hour: int,
        failpoint: Failpoint,
    ) -> None:
        self._database = database
        self._key = key
        self._recordings = recordings
        self._lease = lease
        self._due = due
        self._hours = hours
        self._most_an_hour = most_an_hour
        self._failpoint = failpoint

    # --- finding ---

    def active(self, connection: Connection, call: MessageIntent | UnansweredCall, topic: str) -> Row[Any] | None:
        """The caller's open ticket on a topic, locked."""
        same = (t.ticket.c.caller_hmac == self._joinable(call), t.ticket.c.topic == topic, t.ticket.c.trust == call.trust)
        return connection.execute(select(t.ticket).where(*same, t.ACTIVE).with_for_update()).first()

    def locked(self, connection: Connection, ticket_id: int) -> Row[Any]:
        """That ticket, for us alone until the transaction ends."""
        return connection.execute(select(t.ticket).where(t.ticket.c.id == ticket_id).with_for_update()).one()

    def locked_by_reference(self, connection: Connection, reference: str) -> Row[Any]:
        """The same. Raises UnknownTicket."""
        row = connection.execute(select(t.ticket).where(t.ticket.c.reference == reference).with_for_update()).first()
        if row is None:
            raise UnknownTicket(f"there is no ticket {reference!r}")
        return row

    # --- making and changing ---

    def new_ticket(
        self, connection: Connection, call: MessageIntent | UnansweredCall, topic: str, state: TicketState, at: dt.datetime
    ) -> Row[Any]:
        """The caller's ticket on that topic, locked: a new one, or the one that somebody else made at the same moment."""
        values = {
            "caller_hmac": self._joinable(call),
            "caller_enc": self._key.encrypt(call.caller_id),
            "dialled": call.dialled,
            "topic": topic,
            "language": call.language,
            "trust": call.trust,
            "state": state,
            "priority": ORDINARY,
            "claim_token": 0,
            "heard": 0,
            "escalation": 0,
            "attempts": 0,
            **self.clocks(call),
        }
        for tries in range(1000):
            new = insert(connection, t.ticket).values({**values, "reference": new_reference(tries)})
            made = connection.execute(new.on_conflict_do_nothing().returning(t.ticket.c.id)).scalar()
            if made is not None:
                self.note(connection, made, at, ENGINE, "opened" if state is TicketState.OPEN else "begun", {"topic": topic})
                return self.locked(connection, made)
            if found := self.active(connection, call, topic):
                return found
        raise AssertionError("no reference is free")

    def clocks(self, call: MessageIntent | UnansweredCall) -> dict[str, dt.datetime]:
        """When a ticket of that call begins to count, may be called, and must have been."""
        return {
            "created_at": call.begun_at,
            "not_before": callable_from(call.begun_at, self._hours),
            "due_at": self._due(call.dialled, call.begun_at),
            "hard_due_at": call.begun_at + HARD_DUE_WITHIN,
        }

    def new_call(self, connection: Connection, call: MessageIntent | UnansweredCall) -> None:
        """The call that a message or an unanswered wish belongs to; a second one changes nothing."""
        values = {
            "session": call.session,
            "caller_hmac": self._joinable(call),
            "caller_enc": self._key.encrypt(call.caller_id),
            "dialled": call.dialled,
            "channel": call.channel,
            "begun_at": call.begun_at,
        }
        connection.execute(insert(connection, t.call).values(values).on_conflict_do_nothing())

    def move_up(self, connection: Connection, row: Row[Any], session: str, at: dt.datetime) -> None:
        """The caller has called again: the ticket moves up, and does not wait for a later hour. To be called before what is new is kept."""
        calls = {
            *connection.scalars(select(t.message.c.session).where(t.message.c.ticket_id == row.id, t.message.c.state == "captured")),
            *connection.scalars(select(t.unanswered.c.session).where(t.unanswered.c.ticket_id == row.id)),
        }
        if not calls or session in calls:
            return
        moved = {"priority": max(row.priority + REPEATED, 0), "not_before": min(row.not_before, callable_from(at, self._hours))}
        self.change(connection, row.id, **moved)
        self.note(connection, row.id, at, ENGINE, "called_again", {"session": session})

    def give_back(self, connection: Connection, row: Row[Any], at: dt.datetime, actor: str, kind: str, *, up: int = 0) -> None:
        """A claim ends without an answer: the ticket waits again."""
        state = TicketState.ESCALATED if row.escalation else TicketState.OPEN
        self.change(connection, row.id, state=state, assignee=None, lease_until=None, claim_key=None, priority=max(row.priority + up, 0))
        self.note(connection, row.id, at, actor, kind, {"from": row.assignee})

    def change(self, connection: Connection, ticket_id: int, **values: object) -> None:
        """Write columns of a ticket that is locked."""
        connection.execute(update(t.ticket).where(t.ticket.c.id == ticket_id).values(values))

    def note(self, connection: Connection, ticket_id: int, at: dt.datetime, actor: str, kind: str, about: dict[str, object]) -> None:
        """Write down what happened to the ticket, chained to what had happened before."""
        last = connection.execute(
            select(t.ticket_event.c.seq, t.ticket_event.c.hash)
            .where(t.ticket_event.c.ticket_id == ticket_id)
            .order_by(t.ticket_event.c.seq.desc())
            .limit(1)
        ).first()
        seq, previous = (last.seq + 1, last.hash) if last else (1, b"")
        body = json.dumps(about, sort_keys=True, ensure_ascii=False)
        chained = self._key.link(previous, event_text(ticket_id, seq, at, actor, kind, body))
        values = {"ticket_id": ticket_id, "seq": seq, "at": at, "actor": actor, "kind": kind, "body": body, "hash": chained}
        connection.execute(t.ticket_event.insert().values(values))

    # --- reading ---

    def read_tickets(self, connection: Connection, query: Select[Any]) -> tuple[Ticket, ...]:
        """The tickets that a query of `ticket` finds, whole."""
        with_notes = query.add_columns(t.resolution.c.note_enc, t.resolution.c.outcome).outerjoin(
            t.resolution, t.resolution.c.ticket_id == t.ticket.c.id
        )
        rows = connection.execute(with_notes).all()
        ids = [row.id for row in rows]
        messages = self._messages_of(connection, ids)
        attempts = _grouped(connection, t.attempt, t.attempt.c.ticket_id, ids, t.attempt.c.no)
        calls = self._calls_of(connection, ids)
        return tuple(
            Ticket(
                reference=row.reference,
                state=TicketState(row.state),
                topic=row.topic,
                language=row.language,
                caller_id=self._key.decrypt(row.caller_enc),
                dialled=row.dialled,
                created_at=row.created_at,
                due_at=row.due_at,
                assignee=row.assignee,
                claim_token=row.claim_token,
                messages=tuple(messages.get(row.id, ())),
                note=None if row.note_enc is None else self._key.decrypt(row.note_enc),
                resolved_at=row.resolved_at,
                hard_due_at=row.hard_due_at,
                not_before=row.not_before,
                trust=row.trust,
                priority=row.priority,
                escalated=row.escalation > 0,
                heard=row.heard,
                lease_until=row.lease_until,
                outcome=row.outcome,
                calls=tuple(calls.get(row.id, ())),
                attempts=tuple(as_attempt(one) for one in attempts.get(row.id, ())),
                erased=row.erased_at is not None,
            )
            for row in rows
        )

    def read_ticket(self, connection: Connection, ticket_id: int) -> Ticket:
        """One ticket, whole."""
        return self.read_tickets(connection, select(t.ticket).where(t.ticket.c.id == ticket_id))[0]

    def as_message(self, row: Row[Any]) -> Message:
        """A message as an agent meets it."""
        return Message(
            key=row.key,
            path=self._recordings / (f"{row.recording}.sealed" if row.sealed else row.recording),
            seconds=row.size / BYTES_PER_SECOND,
            partial=row.partial,
            recorded_at=row.recorded_at,
            sealed=bool(row.sealed),
            purged=row.purge is not None,
        )

    def _messages_of(self, connection: Connection, ids: Sequence[int]) -> dict[int, list[Message]]:
        kept = _grouped(connection, t.message, t.message.c.ticket_id, ids, t.message.c.recorded_at, t.message.c.key)
        return {ticket: [self.as_message(row) for row in rows if row.state == "captured"] for ticket, rows in kept.items()}

    def _calls_of(self, connection: Connection, ids: Sequence[int]) -> dict[int, list[UnansweredCall]]:
        found: dict[int, list[UnansweredCall]] = {}
        for some in _chunks(ids):
            query = select(t.unanswered, t.call.c.caller_enc, t.call.c.dialled, t.call.c.channel)
            joined = query.join_from(t.unanswered, t.call, t.unanswered.c.session == t.call.c.session)
            for row in connection.execute(joined.where(t.unanswered.c.ticket_id.in_(some)).order_by(t.unanswered.c.at)):
                kind, caller = UnansweredKind(row.kind), self._key.decrypt(row.caller_enc)
                call = UnansweredCall(row.session, kind, caller, row.dialled, "", row.at, channel=row.channel)
                found.setdefault(row.ticket_id, []).append(call)
        return found

    def _joinable(self, call: MessageIntent | UnansweredCall) -> bytes:
        """Who is promised a call. A caller who withholds the number is nobody else, not even another one who does."""
        nobody = call.message_key if isinstance(call, MessageIntent) else call.session
        return self._key.joinable(call.caller_id or f"unknown {nobody}")


def as_attempt(row: Row[Any]) -> Attempt:
    """An attempt as it is told."""
    return Attempt(
        number=row.no,
        channel_id=row.channel_id,
        agent=row.agent,
        state=AttemptState(row.state),
        begun_at=row.begun_at,
        outcome=AttemptOutcome(row.outcome) if row.outcome else None,
        cause=row.cause or "",
        ended_at=row.ended_at,
        bridged=None if row.bridged_ms is None else dt.timedelta(milliseconds=row.bridged_ms),
    )


def is_waiting(row: Row[Any]) -> bool:
    """Whether nobody has it."""
    return TicketState(row.state) in WAITING


def _grouped(connection: Connection, table: Table, by: Column[Any], ids: Sequence[int], *order: Column[Any]) -> dict[int, list[Row[Any]]]:
    """The rows of a table that belong to tickets."""
    found: dict[int, list[Row[Any]]] = {}
    for some in _chunks(ids):
        for row in connection.execute(select(table).where(by.in_(some)).order_by(*order)):
            found.setdefault(row._mapping[by], []).append(row)
    return found


def _chunks(ids: Sequence[int]) -> list[Sequence[int]]:
    return [ids[first : first + SOME] for first in range(0, len(ids), SOME)]
