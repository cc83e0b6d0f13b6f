"""Callback tickets in the database: the port TicketStore.

Exactly once comes from three things together: the message key is the primary key of a message, a caller has one active ticket per topic (a
unique index), and every change of a ticket is conditional on the state and claim it was decided for.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any, Self

from sqlalchemy import Connection, Row, Select, exists, func, insert, or_, select, update
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from adapters.storage import tables as t
from adapters.storage.audit import audit, event_text
from adapters.storage.database import BUSY_MILLISECONDS, Database
from adapters.storage.keys import DataKey, make_data_key, read_data_key
from ivr.calls.capture import BYTES_PER_SECOND, Failpoint, no_failpoint
from ivr.calls.intents import recording_name
from ivr.calls.ports import Message, MessageFacts, MessageIntent, Ticket, TicketState
from ivr.calls.tickets import LEASE, due_at, new_reference
from ivr.errors import StoreFailed, UnknownTicket, UserError

ACTIVE = (TicketState.CAPTURING, TicketState.OPEN, TicketState.CLAIMED)
ENGINE = "engine"
FAILPOINTS = ("begin_uncommitted", "begin_committed", "capture_uncommitted", "capture_committed")


class SqlTicketStore:
    """The port TicketStore in SQLite. `recordings` is the folder that file names in the database refer to."""

    def __init__(
        self,
        database: Database,
        key: DataKey,
        recordings: Path,
        *,
        lease: dt.timedelta = LEASE,
        failpoint: Failpoint = no_failpoint,
    ) -> None:
        self._database = database
        self._key = key
        self._recordings = recordings
        self._lease = lease
        self._failpoint = failpoint

    @classmethod
    def open(
        cls,
        database: Path,
        key_file: Path,
        recordings: Path,
        *,
        exclusive: bool = False,
        lease: dt.timedelta = LEASE,
        busy_milliseconds: int = BUSY_MILLISECONDS,
        failpoint: Failpoint = no_failpoint,
    ) -> Self:
        """Open or make the database and its key. The engine opens it `exclusive`, the command line does not. Raises UserError."""
        if not key_file.exists() and database.is_file() and database.stat().st_size:
            raise UserError(f"the data key {key_file} is missing; without it the database {database} cannot be read: restore it")
        opened = Database(database, exclusive=exclusive, busy_milliseconds=busy_milliseconds)
        try:
            make_data_key(key_file)
            key = read_data_key(key_file)
            _check_key(opened, key, key_file)
        except BaseException:
            opened.close()
            raise
        return cls(opened, key, recordings, lease=lease, failpoint=failpoint)

    @property
    def database(self) -> Database:
        """The database, for the other stores that live in it."""
        return self._database

    @property
    def key(self) -> DataKey:
        """Its data key."""
        return self._key

    def close(self) -> None:
        """Let go of the file and its lock."""
        self._database.close()

    async def audit(self, at: dt.datetime) -> tuple[str, ...]:
        """What is wrong with the promises in here, one sentence each; empty when all is well."""
        return await self._database.read(lambda connection: audit(connection, self._key, self._recordings, at))

    # --- messages -----------------------------------------------------------------------------------------------

    async def begin(self, intent: MessageIntent) -> None:
        def work(connection: Connection) -> None:
            if _message(connection, intent, None) is None:
                ticket = self._active(connection, intent)
                ticket_id = ticket.id if ticket else self._new_ticket(connection, intent, TicketState.CAPTURING, intent.begun_at)
                self._new_message(connection, intent, ticket_id, TicketState.CAPTURING)
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

    def _capture(self, connection: Connection, intent: MessageIntent, facts: MessageFacts, at: dt.datetime) -> str:
        message = _message(connection, intent, facts.path.name)
        ticket = _ticket_by_id(connection, message.ticket_id) if message else None
        if message and ticket and message.state == "captured":
            return str(ticket.reference)
        if ticket is None or ticket.state not in ACTIVE:
            ticket = self._active(connection, intent) or (ticket if ticket and ticket.state == TicketState.ABANDONED else None)
        if ticket is None:
            ticket_id = self._new_ticket(connection, intent, TicketState.OPEN, at)
            ticket = _ticket_by_id(connection, ticket_id)
        elif ticket.state in (TicketState.CAPTURING, TicketState.ABANDONED):
            opened = {"state": TicketState.OPEN, "created_at": intent.begun_at, "due_at": due_at(intent.begun_at)}
            connection.execute(update(t.ticket).where(t.ticket.c.id == ticket.id).values(opened))
            self._note(connection, ticket.id, at, ENGINE, "opened", {})
        assert ticket is not None
        if message is None:
            self._new_message(connection, intent, ticket.id, TicketState.CAPTURING)
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
        self._note(connection, ticket.id, at, ENGINE, "message_kept", about)
        return str(ticket.reference)

    def _abandon(self, connection: Connection, intent: MessageIntent, reason: str, at: dt.datetime, facts: MessageFacts | None) -> None:
        message = _message(connection, intent, facts.path.name if facts else None)
        if message is not None and message.state != TicketState.CAPTURING:
            return
        if message is None:
            ticket = self._active(connection, intent)
            ticket_id = ticket.id if ticket else self._new_ticket(connection, intent, TicketState.CAPTURING, at)
            self._new_message(connection, intent, ticket_id, TicketState.CAPTURING, facts)
        else:
            ticket_id = message.ticket_id
        key = message.key if message else intent.message_key
        gone = {"state": TicketState.ABANDONED, "reason": reason} | ({"size": facts.size} if facts else {})
        connection.execute(update(t.message).where(t.message.c.key == key).values(gone))
        self._note(connection, ticket_id, at, ENGINE, "message_abandoned", {"key": key, "reason": reason})
        others = exists().where(t.message.c.ticket_id == ticket_id, t.message.c.state == TicketState.CAPTURING)
        empty = update(t.ticket).where(t.ticket.c.id == ticket_id, t.ticket.c.state == TicketState.CAPTURING, ~others)
        if connection.execute(empty.values(state=TicketState.ABANDONED)).rowcount:
            self._note(connection, ticket_id, at, ENGINE, "abandoned", {})

    def _active(self, connection: Connection, intent: MessageIntent) -> Row[Any] | None:
        return connection.execute(
            select(t.ticket).where(
                t.ticket.c.caller_hmac == self._key.joinable(_identity(intent)),
                t.ticket.c.topic == intent.topic,
                t.ticket.c.state.in_(ACTIVE),
            )
        ).first()

    def _new_ticket(self, connection: Connection, intent: MessageIntent, state: TicketState, at: dt.datetime) -> int:
        values = {
            "caller_hmac": self._key.joinable(_identity(intent)),
            "caller_enc": self._key.encrypt(intent.caller_id),
            "dialled": intent.dialled,
            "topic": intent.topic,
            "language": intent.language,
            "state": state,
            "created_at": intent.begun_at,
            "due_at": due_at(intent.begun_at),
            "claim_token": 0,
            "heard": 0,
        }
        tries = 0
        while connection.execute(select(t.ticket.c.id).where(t.ticket.c.reference == (reference := new_reference(tries)))).first():
            tries += 1
        ticket_id = connection.execute(insert(t.ticket).values({**values, "reference": reference})).inserted_primary_key
        assert ticket_id is not None
        self._note(connection, ticket_id[0], at, ENGINE, "opened" if state is TicketState.OPEN else "begun", {"topic": intent.topic})
        return int(ticket_id[0])

    def _new_message(
        self, connection: Connection, intent: MessageIntent, ticket_id: int, state: str, facts: MessageFacts | None = None
    ) -> None:
        call = sqlite_insert(t.call).values(
            session=intent.session,
            caller_hmac=self._key.joinable(_identity(intent)),
            caller_enc=self._key.encrypt(intent.caller_id),
            dialled=intent.dialled,
            channel=intent.channel,
            begun_at=intent.begun_at,
        )
        connection.execute(call.on_conflict_do_nothing())
        connection.execute(
            insert(t.message).values(
                key=intent.message_key,
                session=intent.session,
                node=intent.node,
                count=intent.count,
                ticket_id=ticket_id,
                topic=intent.topic,
                language=intent.language,
                state=state,
                recording=facts.path.name if facts else f"{recording_name(intent)}.alaw",
                begun_at=intent.begun_at,
                partial=False,
            )
        )

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
        )

    # --- tickets ------------------------------------------------------------------------------------------------

    async def return_expired(self, at: dt.datetime) -> int:
        def work(connection: Connection) -> int:
            expired = select(t.ticket).where(t.ticket.c.state == TicketState.CLAIMED, t.ticket.c.lease_until <= at)
            rows = connection.execute(expired).all()
            for row in rows:
                self._give_back(connection, row, at, ENGINE, "lease_ran_out")
            return len(rows)

        return await self._database.write(work)

    async def tickets(self, *, include_ended: bool = False) -> tuple[Ticket, ...]:
        query = select(t.ticket).order_by(t.ticket.c.due_at, t.ticket.c.id)
        if not include_ended:
            query = query.where(t.ticket.c.state.in_((TicketState.OPEN, TicketState.CLAIMED)))
        return await self._database.read(lambda connection: self._tickets(connection, query))

    async def ticket(self, reference: str) -> Ticket | None:
        query = select(t.ticket).where(t.ticket.c.reference == reference)
        found = await self._database.read(lambda connection: self._tickets(connection, query))
        return found[0] if found else None

    async def claim(self, reference: str, agent: str, at: dt.datetime) -> Ticket | None:
        def work(connection: Connection) -> Ticket | None:
            row = _ticket_by_reference(connection, reference)
            lease = {"lease_until": at + self._lease, "heard": _kept(connection, row.id)}
            theirs = row.state == TicketState.CLAIMED and row.assignee == agent
            if theirs:
                connection.execute(update(t.ticket).where(t.ticket.c.id == row.id).values(lease))
                self._note(connection, row.id, at, agent, "claim_renewed", {})
            else:
                if row.state == TicketState.CLAIMED and row.lease_until <= at:
                    self._give_back(connection, row, at, ENGINE, "lease_ran_out")
                taken = update(t.ticket).where(t.ticket.c.id == row.id, t.ticket.c.state == TicketState.OPEN)
                values = {"state": TicketState.CLAIMED, "assignee": agent, "claim_token": t.ticket.c.claim_token + 1, **lease}
                if not connection.execute(taken.values(values)).rowcount:
                    return None
                self._note(connection, row.id, at, agent, "claimed", {})
            return self._tickets(connection, select(t.ticket).where(t.ticket.c.id == row.id))[0]

        return await self._database.write(work)

    async def release(self, reference: str, agent: str, token: int, at: dt.datetime) -> bool:
        def work(connection: Connection) -> bool:
            row = _ticket_by_reference(connection, reference)
            if not _holds(row, agent, token):
                return False
            self._give_back(connection, row, at, agent, "released")
            return True

        return await self._database.write(work)

    async def resolve(self, reference: str, agent: str, token: int, note: str, at: dt.datetime) -> bool:
        def work(connection: Connection) -> bool:
            row = _ticket_by_reference(connection, reference)
            if row.state == TicketState.RESOLVED and (row.assignee, row.claim_token) == (agent, token):
                return True
            if not _holds(row, agent, token) or _kept(connection, row.id) > row.heard:
                return False
            resolved = {"ticket_id": row.id, "agent": agent, "note_enc": self._key.encrypt(note), "at": at}
            connection.execute(insert(t.resolution).values(resolved))
            ended = {"state": TicketState.RESOLVED, "resolved_at": at, "lease_until": None}
            connection.execute(update(t.ticket).where(t.ticket.c.id == row.id).values(ended))
            self._note(connection, row.id, at, agent, "resolved", {})
            return True

        return await self._database.write(work)

    def _give_back(self, connection: Connection, row: Row[Any], at: dt.datetime, actor: str, kind: str) -> None:
        free = {"state": TicketState.OPEN, "assignee": None, "lease_until": None}
        connection.execute(update(t.ticket).where(t.ticket.c.id == row.id).values(free))
        self._note(connection, row.id, at, actor, kind, {"from": row.assignee})

    def _tickets(self, connection: Connection, query: Select[Any]) -> tuple[Ticket, ...]:
        with_notes = query.add_columns(t.resolution.c.note_enc).outerjoin(t.resolution, t.resolution.c.ticket_id == t.ticket.c.id)
        rows = connection.execute(with_notes).all()
        messages: dict[int, list[Message]] = {row.id: [] for row in rows}
        for message in _messages_of(connection, list(messages)):
            messages[message.ticket_id].append(self._as_message(message))
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
                messages=tuple(messages[row.id]),
                note=None if row.note_enc is None else self._key.decrypt(row.note_enc),
                resolved_at=row.resolved_at,
            )
            for row in rows
        )

    def _as_message(self, row: Row[Any]) -> Message:
        return Message(row.key, self._recordings / row.recording, row.size / BYTES_PER_SECOND, row.partial, row.recorded_at)

    def _note(self, connection: Connection, ticket_id: int, at: dt.datetime, actor: str, kind: str, about: dict[str, object]) -> None:
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
        connection.execute(insert(t.ticket_event).values(values))


def _identity(intent: MessageIntent) -> str:
    """Who is promised a call. A caller who withholds the number is nobody else, not even another one who does."""
    return intent.caller_id or f"unknown {intent.message_key}"


def _message(connection: Connection, intent: MessageIntent, recording: str | None) -> Row[Any] | None:
    same = t.message.c.key == intent.message_key
    query = select(t.message).where(or_(same, t.message.c.recording == recording) if recording else same)
    return connection.execute(query).first()


def _ticket_by_id(connection: Connection, ticket_id: int) -> Row[Any] | None:
    return connection.execute(select(t.ticket).where(t.ticket.c.id == ticket_id)).first()


def _ticket_by_reference(connection: Connection, reference: str) -> Row[Any]:
    row = connection.execute(select(t.ticket).where(t.ticket.c.reference == reference)).first()
    if row is None:
        raise UnknownTicket(f"there is no ticket {reference!r}")
    return row


def _messages_of(connection: Connection, tickets: list[int]) -> Sequence[Row[Any]]:
    query = select(t.message).where(t.message.c.state == "captured").order_by(t.message.c.recorded_at, t.message.c.key)
    if len(tickets) <= 500:
        query = query.where(t.message.c.ticket_id.in_(tickets))
        return connection.execute(query).all()
    wanted = set(tickets)
    return [row for row in connection.execute(query) if row.ticket_id in wanted]


def _holds(row: Row[Any], agent: str, token: int) -> bool:
    return bool(row.state == TicketState.CLAIMED and row.assignee == agent and row.claim_token == token)


def _kept(connection: Connection, ticket_id: int) -> int:
    """How many messages the ticket has."""
    kept = select(func.count()).where(t.message.c.ticket_id == ticket_id, t.message.c.state == "captured")
    return connection.scalar(kept) or 0


def _check_key(database: Database, key: DataKey, key_file: Path) -> None:
    """The key must be the one with which the database was made; a new database takes it for its own."""

    def work(connection: Connection) -> bytes:
        proof = connection.scalar(select(t.data_key.c.proof))
        if proof is None:
            connection.execute(insert(t.data_key).values(proof=key.check))
        return proof or key.check

    try:
        belongs = database.at_once(work) == key.check
    except StoreFailed as error:
        raise UserError(str(error)) from error
    if not belongs:
        raise UserError(f"the data key {key_file} does not belong to the database {database.path}; restore the right one")
