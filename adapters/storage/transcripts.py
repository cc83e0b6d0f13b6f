"""Transcripts of messages in the database: the port TranscriptStore.

What a caller said lies there encrypted, like the caller's number. A row says which attempt it is about, so a word of an earlier one that
comes late changes nothing.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Row, Select, func, select, update

from adapters.storage.database import Database, insert
from adapters.storage.keys import DataKey
from adapters.storage.tables import message, ticket
from adapters.storage.tables import transcript as t
from ivr.calls.capture import BYTES_PER_SECOND
from ivr.calls.ports import ENDED, MessageTranscript, Transcript, TranscriptState, UnheardMessage
from ivr.calls.transcripts import lease

AT_ONCE = 500  # keys in one query


class SqlTranscriptStore:
    """The port TranscriptStore in the database of the tickets, which its owner closes. `recordings` is the folder of the files."""

    def __init__(self, database: Database, key: DataKey, recordings: Path) -> None:
        self._database = database
        self._key = key
        self._recordings = recordings

    async def next_due(self, languages: Collection[str] | None) -> dt.datetime | None:
        due = func.coalesce(t.c.due_at, message.c.recorded_at, type_=t.c.due_at.type)
        soonest = _unheard(select(func.min(due, type_=t.c.due_at.type)), languages)
        return await self._database.read(lambda connection: connection.scalar(soonest))

    async def take(self, at: dt.datetime, languages: Collection[str] | None) -> UnheardMessage | None:
        columns = (message.c.key, message.c.recording, message.c.size, message.c.language, t.c.attempts)
        due = _unheard(select(*columns), languages).where(func.coalesce(t.c.due_at, message.c.recorded_at) <= at)
        first = due.order_by(ticket.c.due_at, message.c.recorded_at, message.c.key).limit(1)

        def work(connection: Connection) -> UnheardMessage | None:
            row = connection.execute(first).first()
            if row is None:
                return None
            seconds, attempts = row.size / BYTES_PER_SECOND, (row.attempts or 0) + 1
            values = {"attempts": attempts, "due_at": at + lease(seconds), "changed_at": at}
            if row.attempts is None:
                new = insert(connection, t).values(key=row.key, state=TranscriptState.WAITING, reason="", **values)
                if connection.scalar(new.on_conflict_do_nothing().returning(t.c.key)) is None:
                    return None  # another one was faster
            else:
                again = update(t).where(t.c.key == row.key, t.c.attempts == row.attempts)
                if not connection.execute(again.values(values)).rowcount:
                    return None
            return UnheardMessage(row.key, self._recordings / row.recording, seconds, row.language, attempts)

        return await self._database.write(work)

    async def keep(self, message: UnheardMessage, transcript: Transcript, at: dt.datetime) -> None:
        heard = {
            "state": TranscriptState.HEARD,
            "text_enc": self._key.encrypt(transcript.text),
            "language": transcript.language,
            "confidence": transcript.confidence,
            "engine": transcript.engine,
            "reason": "",
        }
        await self._change(message, at, heard)

    async def again(self, message: UnheardMessage, reason: str, at: dt.datetime, due_at: dt.datetime) -> None:
        await self._change(message, at, {"reason": reason, "due_at": due_at})

    async def failed(self, message: UnheardMessage, reason: str, at: dt.datetime) -> None:
        await self._change(message, at, {"state": TranscriptState.FAILED, "reason": reason})

    async def transcripts(self, keys: Collection[str]) -> Mapping[str, MessageTranscript]:
        wanted = list(keys)

        def work(connection: Connection) -> list[Row[Any]]:
            parts = (wanted[first : first + AT_ONCE] for first in range(0, len(wanted), AT_ONCE))
            return [row for part in parts for row in connection.execute(select(t).where(t.c.key.in_(part)))]

        return {row.key: self._transcript(row) for row in await self._database.read(work)}

    async def _change(self, message: UnheardMessage, at: dt.datetime, values: Mapping[str, object]) -> None:
        latest = (t.c.key == message.key, t.c.attempts == message.attempts, t.c.state == TranscriptState.WAITING)
        change = update(t).where(*latest).values({**values, "changed_at": at})
        await self._database.write(lambda connection: connection.execute(change))

    def _transcript(self, row: Row[Any]) -> MessageTranscript:
        heard = None
        if row.text_enc is not None:
            heard = Transcript(self._key.decrypt(row.text_enc), row.language, row.confidence, row.engine)
        return MessageTranscript(TranscriptState(row.state), row.attempts, row.changed_at, heard, row.reason)


def _unheard(query: Select[Any], languages: Collection[str] | None) -> Select[Any]:
    """Of the messages on tickets that wait for an answer, those without a transcript."""
    found = (
        query.join_from(ticket, message, message.c.ticket_id == ticket.c.id)
        .outerjoin(t, t.c.key == message.c.key)
        .where(ticket.c.state.not_in(ENDED), message.c.state == "captured", ~message.c.sealed, message.c.purge.is_(None))
        .where(t.c.key.is_(None) | (t.c.state == TranscriptState.WAITING))
    )
    return found if languages is None else found.where(message.c.language.in_(sorted(languages)))
