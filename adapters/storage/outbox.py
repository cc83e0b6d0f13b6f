"""Text messages in the database: the port TextOutbox.

A number and a text lie there encrypted. Every change of a message is conditional on its being `sending`, so a change that comes twice, or
late, changes nothing.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any, TypeVar

from sqlalchemy import Connection, Row, delete, func, select, update

from adapters.storage.database import Database, insert
from adapters.storage.keys import DataKey
from adapters.storage.tables import text_message as t
from ivr.calls.ports import QueuedText, TextMessage, TextState
from ivr.errors import OutboxFailed, StoreFailed

Result = TypeVar("Result")
ENDED = (TextState.SENT, TextState.FAILED, TextState.UNKNOWN)


class SqlTextOutbox:
    """The port TextOutbox in the database of the tickets, which its owner closes."""

    def __init__(self, database: Database, key: DataKey) -> None:
        self._database = database
        self._key = key

    async def queue(self, message: TextMessage) -> None:
        row = {
            "key": message.key,
            "session": message.session,
            "to_enc": self._key.encrypt(message.to),
            "text_enc": self._key.encrypt(message.text),
            "language": message.language,
            "state": TextState.QUEUED,
            "attempts": 0,
            "created_at": message.created_at,
            "due_at": message.created_at,
            "changed_at": message.created_at,
            "reason": "",
            "receipt": "",
        }
        await self._write(lambda connection: connection.execute(insert(connection, t).values(row).on_conflict_do_nothing()))

    async def take(self, at: dt.datetime) -> QueuedText | None:
        due = select(t.c.key).where(t.c.state == TextState.QUEUED, t.c.due_at <= at).order_by(t.c.due_at, t.c.key).limit(1)
        due = due.with_for_update(skip_locked=True)

        def work(connection: Connection) -> QueuedText | None:
            key = connection.scalar(due)
            if key is None:
                return None
            taken = {"state": TextState.SENDING, "attempts": t.c.attempts + 1, "changed_at": at, "reason": ""}
            connection.execute(update(t).where(t.c.key == key).values(taken))
            return self._text(connection.execute(select(t).where(t.c.key == key)).one())

        return await self._write(work)

    async def sent(self, key: str, receipt: str, at: dt.datetime) -> None:
        await self._change(key, state=TextState.SENT, receipt=receipt, changed_at=at)

    async def again(self, key: str, reason: str, at: dt.datetime, due_at: dt.datetime) -> None:
        await self._change(key, state=TextState.QUEUED, reason=reason, changed_at=at, due_at=due_at)

    async def failed(self, key: str, reason: str, at: dt.datetime) -> None:
        await self._change(key, state=TextState.FAILED, reason=reason, changed_at=at)

    async def unknown(self, key: str, at: dt.datetime) -> None:
        await self._change(key, state=TextState.UNKNOWN, changed_at=at)

    async def interrupted(self, at: dt.datetime) -> int:
        sending = update(t).where(t.c.state == TextState.SENDING).values(state=TextState.UNKNOWN, changed_at=at)
        return await self._write(lambda connection: connection.execute(sending).rowcount)

    async def next_due(self) -> dt.datetime | None:
        soonest = select(func.min(t.c.due_at, type_=t.c.due_at.type)).where(t.c.state == TextState.QUEUED)
        return await self._read(lambda connection: connection.scalar(soonest))

    async def texts(self, limit: int) -> tuple[QueuedText, ...]:
        latest = select(t).order_by(t.c.created_at.desc(), t.c.key.desc()).limit(limit)
        return await self._read(lambda connection: tuple(map(self._text, connection.execute(latest))))

    async def forget(self, before: dt.datetime) -> int:
        old = delete(t).where(t.c.state.in_(ENDED), t.c.changed_at < before)
        return await self._write(lambda connection: connection.execute(old).rowcount)

    async def _change(self, key: str, **values: Any) -> None:
        change = update(t).where(t.c.key == key, t.c.state == TextState.SENDING).values(values)
        await self._write(lambda connection: connection.execute(change))

    async def _write(self, work: Callable[[Connection], Result]) -> Result:
        try:
            return await self._database.write(work)
        except StoreFailed as error:
            raise OutboxFailed(str(error)) from error

    async def _read(self, work: Callable[[Connection], Result]) -> Result:
        try:
            return await self._database.read(work)
        except StoreFailed as error:
            raise OutboxFailed(str(error)) from error

    def _text(self, row: Row[Any]) -> QueuedText:
        message = TextMessage(
            key=row.key,
            to=self._key.decrypt(row.to_enc),
            text=self._key.decrypt(row.text_enc),
            language=row.language,
            session=row.session,
            created_at=row.created_at,
        )
        return QueuedText(message, TextState(row.state), row.attempts, row.changed_at, row.reason, row.receipt)
