"""What is remembered of callers, in the database: the port CallerMemory.

A caller is a keyed hash there: who has the database without the data key cannot tell whether a number ever called.
"""

from __future__ import annotations

import datetime as dt

from sqlalchemy import Connection, delete, select

from adapters.storage.database import Database, insert
from adapters.storage.keys import DataKey
from adapters.storage.tables import caller as t


class SqlCallerMemory:
    """The port CallerMemory in the database of the tickets, which its owner closes."""

    def __init__(self, database: Database, key: DataKey) -> None:
        self._database = database
        self._key = key

    async def language(self, caller_id: str) -> str:
        query = select(t.c.language).where(t.c.hmac == self._key.joinable(caller_id))
        return await self._database.read(lambda connection: connection.scalar(query)) or ""

    async def remember(self, caller_id: str, language: str, at: dt.datetime) -> None:
        def work(connection: Connection) -> None:
            first = insert(connection, t).values(hmac=self._key.joinable(caller_id), language=language, updated_at=at)
            known = first.on_conflict_do_update(
                index_elements=(t.c.hmac,),
                set_={"language": first.excluded.language, "updated_at": first.excluded.updated_at},
                where=t.c.updated_at <= first.excluded.updated_at,
            )
            connection.execute(known)

        await self._database.write(work)

    async def forget(self, caller_id: str) -> bool:
        gone = delete(t).where(t.c.hmac == self._key.joinable(caller_id))
        return await self._database.write(lambda connection: connection.execute(gone).rowcount > 0)
