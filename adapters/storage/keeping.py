"""Keeping and forgetting: recordings are sealed, removed when their time is over, and a caller's data are handed out or erased.

Every step is decided in the database first and can be done again: a recording is `purging` before its file goes and `purged` afterwards,
and the history has what was removed (its hash, not its words). A ticket that has not been answered loses nothing.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import secrets
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, delete, select, update

from adapters.storage import recordings
from adapters.storage import tables as t
from adapters.storage.board import erase_looks
from adapters.storage.callers import choices_of
from adapters.storage.rows import ENGINE, TicketRows
from adapters.storage.tokens import program_answer
from ivr.calls.ports import ENDED, KEPT, Choices, TextState, Ticket
from ivr.errors import StoreFailed

FAILPOINTS = ("sealed_on_disk", "sealed_in_database", "purging", "recording_removed", "purged")
AT_ONCE = 100  # recordings in one go


@dataclass(frozen=True, slots=True)
class Belongings:
    """What there is of a caller, beside the recordings of the tickets."""

    tickets: tuple[Ticket, ...]
    texts: tuple[tuple[dt.datetime, str, str], ...]  # when it was queued, its state, its words
    chosen: Choices


@dataclass(frozen=True, slots=True)
class Erased:
    """What was erased. `waiting` names tickets that are not answered yet: while there are any, nothing is."""

    tickets: int = 0
    recordings: int = 0
    texts: int = 0
    calls: tuple[str, ...] = ()  # the sessions
    waiting: tuple[str, ...] = ()


class Keeping(TicketRows):
    """The part of the store that keeps recordings private and forgets."""

    async def audio(self, reference: str, number: int) -> bytes:
        """The audio of a ticket's message, counted from 1, a-law. Raises StoreFailed when it is not there."""
        query = (
            select(t.message.c.recording)
            .join_from(t.message, t.ticket, t.message.c.ticket_id == t.ticket.c.id)
            .where(t.ticket.c.reference == reference, t.message.c.state == "captured")
            .order_by(t.message.c.recorded_at, t.message.c.key)
        )
        names = await self._database.read(lambda connection: connection.scalars(query).all())
        if not 1 <= number <= len(names):
            raise StoreFailed(f"ticket {reference} has no message {number}")
        return await asyncio.to_thread(recordings.read_audio, self._recordings, names[number - 1], self._key)

    # --- sealing ---

    async def seal_recordings(self, at: dt.datetime, unheard_for: dt.timedelta = dt.timedelta(0)) -> int:
        """Encrypt recordings that lie in the clear, some at a time; how many. One that is to be transcribed has so long for it."""
        await self._remove_plain_copies()
        open_ones = (
            select(t.message)
            .outerjoin(t.transcript, t.transcript.c.key == t.message.c.key)
            .where(t.message.c.state == "captured", ~t.message.c.sealed, t.message.c.purge.is_(None))
            .where((t.message.c.recorded_at <= at - unheard_for) | t.transcript.c.state.in_(("heard", "failed")))
        )
        rows = await self._database.read(lambda connection: connection.execute(open_ones.limit(AT_ONCE)).all())
        sealed = 0
        for row in rows:
            if await asyncio.to_thread(recordings.seal, self._recordings, row.recording, self._key):
                self._failpoint("sealed_on_disk")
                await self._database.write(lambda connection, row=row: self._mark_sealed(connection, row, at))  # type: ignore[misc]
                self._failpoint("sealed_in_database")
                await asyncio.to_thread(recordings.remove_plain, self._recordings, row.recording)
                sealed += 1
        return sealed

    async def _remove_plain_copies(self) -> None:
        """Of recordings that were sealed when a crash came."""
        names = await asyncio.to_thread(recordings.sealed_and_plain, self._recordings)
        for name in names:
            query = select(t.message.c.sealed).where(t.message.c.recording == name)
            if await self._database.read(lambda connection, query=query: connection.scalar(query)):  # type: ignore[misc]
                await asyncio.to_thread(recordings.remove_plain, self._recordings, name)

    def _mark_sealed(self, connection: Connection, row: Row[Any], at: dt.datetime) -> None:
        self.locked(connection, row.ticket_id)
        mine = update(t.message).where(t.message.c.key == row.key, ~t.message.c.sealed)
        if connection.execute(mine.values(sealed=True)).rowcount:
            self.note(connection, row.ticket_id, at, ENGINE, "recording_sealed", {"key": row.key})

    # --- purging ---

    async def purge(self, before: dt.datetime, at: dt.datetime) -> int:
        """Remove the recordings of answered tickets that were made before then, and what was written down of them; how many."""
        old = (
            select(t.message.c.key)
            .join_from(t.message, t.ticket, t.message.c.ticket_id == t.ticket.c.id)
            .where(t.message.c.recorded_at < before, t.message.c.purge.is_(None), t.ticket.c.state.in_(KEPT))
        )
        keys = await self._database.read(lambda connection: connection.scalars(old).all(), at_leisure=True)
        begun = select(t.message.c.key).where(t.message.c.purge == "purging")  # by one that did not live to end it
        keys = [*await self._database.read(lambda connection: connection.scalars(begun).all()), *keys]
        for key in keys:
            await self._purge(key, at)
        return len(keys)

    async def _purge(self, key: str, at: dt.datetime) -> None:
        name = await self._database.write(lambda connection: self._begin_purge(connection, key))
        self._failpoint("purging")
        await asyncio.to_thread(recordings.remove, self._recordings, name)
        self._failpoint("recording_removed")
        await self._database.write(lambda connection: self._end_purge(connection, key, at))
        self._failpoint("purged")

    def _begin_purge(self, connection: Connection, key: str) -> str:
        mine = t.message.c.key == key
        connection.execute(update(t.message).where(mine, t.message.c.purge.is_(None)).values(purge="purging"))
        return str(connection.scalar(select(t.message.c.recording).where(mine)))

    def _end_purge(self, connection: Connection, key: str, at: dt.datetime) -> None:
        row = connection.execute(select(t.message).where(t.message.c.key == key)).one()
        self.locked(connection, row.ticket_id)
        done = update(t.message).where(t.message.c.key == key, t.message.c.purge == "purging").values(purge="purged", purged_at=at)
        if connection.execute(done).rowcount:
            connection.execute(delete(t.transcript).where(t.transcript.c.key == key))
            about: dict[str, object] = {"key": key, "size": row.size, "sha256": row.sha256}
            self.note(connection, row.ticket_id, at, ENGINE, "recording_purged", about)

    # --- one caller ---

    async def belongings(self, number: str) -> Belongings:
        """All that is kept of a caller."""

        def work(connection: Connection) -> Belongings:
            theirs = select(t.ticket).where(t.ticket.c.caller_hmac == self._key.joinable(number)).order_by(t.ticket.c.created_at)
            texts = ((row.created_at, row.state, self._key.decrypt(row.text_enc)) for row in self._texts_to(connection, number))
            return Belongings(self.read_tickets(connection, theirs), tuple(texts), choices_of(connection, self._key, number))

        return await self._database.read(work, at_leisure=True)

    async def erase(self, number: str, at: dt.datetime) -> Erased:
        """Forget a caller: number, words, recordings. Tickets stay in the statement, of nobody; one that waits for a call forbids it."""
        hmac = self._key.joinable(number)
        ids, waiting = await self._database.read(lambda connection: _theirs(connection, hmac))
        if waiting:
            return Erased(waiting=waiting)
        query = select(t.message.c.key).where(t.message.c.ticket_id.in_(ids), t.message.c.state == "captured", t.message.c.purge.is_(None))
        keys = await self._database.read(lambda connection: connection.scalars(query).all())
        for key in keys:
            await self._purge(key, at)
        erased = await self._database.write(lambda connection: self._erase(connection, number, hmac, at))
        return Erased(erased.tickets, len(keys), erased.texts, erased.calls, erased.waiting)

    def _erase(self, connection: Connection, number: str, hmac: bytes, at: dt.datetime) -> Erased:
        ids, waiting = _theirs(connection, hmac)
        if waiting:  # a new one, since we looked
            return Erased(waiting=waiting)
        nobody = self._key.encrypt("")
        for ticket_id in ids:
            self.locked(connection, ticket_id)
            self.change(connection, ticket_id, caller_hmac=secrets.token_bytes(32), caller_enc=nobody, erased_at=at)
            connection.execute(update(t.resolution).where(t.resolution.c.ticket_id == ticket_id).values(note_enc=nobody))
            erase_looks(connection, ticket_id, nobody)
            self.note(connection, ticket_id, at, ENGINE, "erased", {})
        connection.execute(delete(program_answer).where(program_answer.c.status.is_not(None)))  # a number may be in one; a day old at most
        sessions = tuple(connection.scalars(select(t.call.c.session).where(t.call.c.caller_hmac == hmac)))
        for session in sessions:
            forgotten = {"caller_hmac": secrets.token_bytes(32), "caller_enc": nobody}
            connection.execute(update(t.call).where(t.call.c.session == session).values(forgotten))
        connection.execute(delete(t.caller).where(t.caller.c.hmac == hmac))
        texts = [row.key for row in self._texts_to(connection, number) if row.state not in (TextState.QUEUED, TextState.SENDING)]
        for key in texts:
            connection.execute(delete(t.text_message).where(t.text_message.c.key == key))
        return Erased(len(ids), 0, len(texts), sessions)

    def _texts_to(self, connection: Connection, number: str) -> list[Row[Any]]:
        """Numbers lie there encrypted, each in its own way, so all are looked at."""
        rows = connection.execute(select(t.text_message).order_by(t.text_message.c.created_at)).all()
        return [row for row in rows if self._key.decrypt(row.to_enc) == number]


def _theirs(connection: Connection, hmac: bytes) -> tuple[list[int], tuple[str, ...]]:
    """The ids of a caller's tickets, and the references of those that have not ended."""
    rows = connection.execute(select(t.ticket).where(t.ticket.c.caller_hmac == hmac)).all()
    return [row.id for row in rows], tuple(row.reference for row in rows if row.state not in ENDED)
