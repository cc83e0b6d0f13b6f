"""Messages and calls on their way to becoming tickets.

Exactly once comes from two things together: the message key is the primary key of a message, the session that of an unanswered call; and a
caller has one active ticket per topic and trust (a unique index).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from typing import Any

from sqlalchemy import Connection, Row, exists, or_, select, update

from adapters.storage import tables as t
from adapters.storage.database import insert
from adapters.storage.rows import ENGINE, TicketRows
from ivr.calls.intents import recording_name
from ivr.calls.ports import UNANSWERED, MessageFacts, MessageIntent, TicketState, UnansweredCall
from ivr.calls.tickets import UNANSWERED_TOPIC

FAILPOINTS = ("begin_uncommitted", "begin_committed", "capture_uncommitted", "capture_committed")


class Messages(TicketRows):
    """The part of the store that the line writes to."""

    async def begin(self, intent: MessageIntent) -> None:
        def work(connection: Connection) -> None:
            if _message(connection, intent, None) is None:
                self._new_message(connection, intent, self._ticket_for(connection, intent, intent.begun_at).id)
            self._failpoint("begin_uncommitted")

        await self._database.write(work)
        self._failpoint("begin_committed")

    async def capture(self, intent: MessageIntent, facts: MessageFacts, at: dt.datetime) -> str:
        def work(connection: Connection) -> str:
            reference = self._capture(connection, intent, facts, at)
            self._failpoint("capture_uncommitted")
            return reference

        reference = await self._database.write(work)
        self._failpoint("capture_committed")
        return reference

    async def abandon(self, intent: MessageIntent, reason: str, at: dt.datetime, facts: MessageFacts | None = None) -> None:
        await self._database.write(lambda connection: self._abandon(connection, intent, reason, at, facts))

    async def record_unanswered(self, call: UnansweredCall, at: dt.datetime) -> str | None:
        return await self._database.write(lambda connection: self._record_unanswered(connection, call, at))

    async def capturing(self) -> tuple[MessageIntent, ...]:
        query = (
            select(t.message, t.call.c.caller_enc, t.call.c.dialled, t.call.c.channel)
            .join_from(t.message, t.call, t.message.c.session == t.call.c.session)
            .where(t.message.c.state == TicketState.CAPTURING)
            .order_by(t.message.c.begun_at)
        )
        return tuple(self._intent(row) for row in await self._database.read(lambda connection: connection.execute(query).all()))

    async def accounted(self, names: Collection[str]) -> frozenset[str]:
        def work(connection: Connection) -> frozenset[str]:
            known: set[str] = set()
            wanted = list(names)
            for first in range(0, len(wanted), 500):
                some = t.message.c.recording.in_(wanted[first : first + 500])
                known.update(connection.scalars(select(t.message.c.recording).where(some)))
            return frozenset(known)

        return await self._database.read(work)

    def _ticket_for(
        self, connection: Connection, intent: MessageIntent, at: dt.datetime, state: TicketState = TicketState.CAPTURING
    ) -> Row[Any]:
        """The ticket that a message belongs to: that of its own call's unanswered wish, the caller's open one, or a new one."""
        of_the_call = select(t.unanswered.c.ticket_id).where(t.unanswered.c.session == intent.session)
        if (wished := connection.scalar(of_the_call)) and (row := self.locked(connection, wished)).state in UNANSWERED:
            return row
        return self.active(connection, intent, intent.topic) or self.new_ticket(connection, intent, intent.topic, state, at)

    def _capture(self, connection: Connection, intent: MessageIntent, facts: MessageFacts, at: dt.datetime) -> str:
        message = _message(connection, intent, facts.path.name)
        ticket = self.locked(connection, message.ticket_id) if message else None
        if message and ticket and message.state == "captured":
            return str(ticket.reference)
        if ticket is None or ticket.state not in (TicketState.CAPTURING, *UNANSWERED):
            ended = ticket if ticket and ticket.state == TicketState.ABANDONED else None
            ticket = self.active(connection, intent, intent.topic) or ended or self._ticket_for(connection, intent, at, TicketState.OPEN)
        if ticket.state in (TicketState.CAPTURING, TicketState.ABANDONED):
            self.change(connection, ticket.id, state=TicketState.OPEN, **self.clocks(intent))
            self.note(connection, ticket.id, at, ENGINE, "opened", {})
        else:
            self.move_up(connection, ticket, intent.session, at)
        if message is None:
            self._new_message(connection, intent, ticket.id)
        captured = {
            "state": "captured",
            "ticket_id": ticket.id,
            "recording": facts.path.name,
            "size": facts.size,
            "samples": facts.samples,
            "sha256": facts.sha256,
            "partial": facts.partial,
            "recorded_at": at,
            "reason": None,
        }
        key = message.key if message else intent.message_key
        connection.execute(update(t.message).where(t.message.c.key == key).values(captured))
        about = {"key": key, "size": facts.size, "sha256": facts.sha256, "partial": facts.partial}
        self.note(connection, ticket.id, at, ENGINE, "message_kept", about)
        return str(ticket.reference)

    def _abandon(self, connection: Connection, intent: MessageIntent, reason: str, at: dt.datetime, facts: MessageFacts | None) -> None:
        message = _message(connection, intent, facts.path.name if facts else None)
        if message is not None and message.state != TicketState.CAPTURING:
            return
        if message is None:
            ticket = self._ticket_for(connection, intent, at)
            self._new_message(connection, intent, ticket.id, facts)
        else:
            ticket = self.locked(connection, message.ticket_id)
        key = message.key if message else intent.message_key
        gone = {"state": TicketState.ABANDONED, "reason": reason} | ({"size": facts.size} if facts else {})
        connection.execute(update(t.message).where(t.message.c.key == key).values(gone))
        self.note(connection, ticket.id, at, ENGINE, "message_abandoned", {"key": key, "reason": reason})
        others = exists().where(t.message.c.ticket_id == ticket.id, t.message.c.state == TicketState.CAPTURING)
        empty = update(t.ticket).where(t.ticket.c.id == ticket.id, t.ticket.c.state == TicketState.CAPTURING, ~others)
        if connection.execute(empty.values(state=TicketState.ABANDONED)).rowcount:
            self.note(connection, ticket.id, at, ENGINE, "abandoned", {})

    def _record_unanswered(self, connection: Connection, call: UnansweredCall, at: dt.datetime) -> str | None:
        known = select(t.ticket.c.reference, t.ticket.c.state).join_from(t.unanswered, t.ticket, t.unanswered.c.ticket_id == t.ticket.c.id)
        if row := connection.execute(known.where(t.unanswered.c.session == call.session)).first():
            return None if row.state == TicketState.ABANDONED else str(row.reference)
        self.new_call(connection, call)
        ticket = self._ticket_of_the_wish(connection, call, at)
        if ticket.state in (TicketState.CAPTURING, TicketState.ABANDONED) and call.caller_id:
            self.change(connection, ticket.id, state=TicketState.OPEN, **self.clocks(call))
            self.note(connection, ticket.id, at, ENGINE, "opened", {})
        elif call.caller_id:
            self.move_up(connection, ticket, call.session, at)
        values = {"session": call.session, "ticket_id": ticket.id, "at": call.begun_at, "kind": call.kind}
        connection.execute(insert(connection, t.unanswered).values(values).on_conflict_do_nothing())
        self.note(connection, ticket.id, at, ENGINE, "call_unanswered", {"session": call.session, "kind": call.kind})
        if not call.caller_id:
            self.note(connection, ticket.id, at, ENGINE, "abandoned", {"reason": "no_number"})
        return str(ticket.reference) if call.caller_id else None

    def _ticket_of_the_wish(self, connection: Connection, call: UnansweredCall, at: dt.datetime) -> Row[Any]:
        """A caller who waits for a call back already, whatever about, has nothing new to wait for; else it is a ticket of its own."""
        if not call.caller_id:
            return self.new_ticket(connection, call, call.topic or UNANSWERED_TOPIC, TicketState.ABANDONED, at)
        same_call = select(t.message.c.ticket_id).where(t.message.c.session == call.session, t.message.c.state == "captured")
        theirs = t.ticket.c.caller_hmac == self._joinable(call), t.ticket.c.trust == call.trust
        waiting = select(t.ticket).where(*theirs, t.UNANSWERED).order_by(t.ticket.c.created_at.desc()).limit(1).with_for_update()
        if (kept := connection.scalar(same_call)) is not None:
            return self.locked(connection, kept)
        if found := connection.execute(waiting).first():
            return found
        topic = call.topic or UNANSWERED_TOPIC
        return self.active(connection, call, topic) or self.new_ticket(connection, call, topic, TicketState.OPEN, at)

    def _new_message(self, connection: Connection, intent: MessageIntent, ticket_id: int, facts: MessageFacts | None = None) -> None:
        self.new_call(connection, intent)
        values = {
            "key": intent.message_key,
            "session": intent.session,
            "node": intent.node,
            "count": intent.count,
            "ticket_id": ticket_id,
            "topic": intent.topic,
            "language": intent.language,
            "trust": intent.trust,
            "state": TicketState.CAPTURING,
            "recording": facts.path.name if facts else f"{recording_name(intent)}.alaw",
            "begun_at": intent.begun_at,
            "partial": False,
            "sealed": False,
        }
        connection.execute(insert(connection, t.message).values(values).on_conflict_do_nothing(index_elements=(t.message.c.key,)))

    def _intent(self, row: Row[Any]) -> MessageIntent:
        return MessageIntent(
            session=row.session,
            node=row.node,
            count=row._mapping["count"],
            caller_id=self._key.decrypt(row.caller_enc),
            dialled=row.dialled,
            topic=row.topic,
            language=row.language,
            begun_at=row.begun_at,
            channel=row.channel,
            trust=row.trust,
        )


def _message(connection: Connection, intent: MessageIntent, recording: str | None) -> Row[Any] | None:
    same = t.message.c.key == intent.message_key
    query = select(t.message).where(or_(same, t.message.c.recording == recording) if recording else same)
    return connection.execute(query.with_for_update()).first()
