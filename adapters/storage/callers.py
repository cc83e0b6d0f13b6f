"""What is remembered of callers, in the database: the port CallerMemory.

A caller is a keyed hash there: who has the database without the data key cannot tell whether a number ever called.
"""

from __future__ import annotations

import datetime as dt

from sqlalchemy import Connection, delete, select

from adapters.storage.database import Database, insert
from adapters.storage.keys import DataKey
from adapters.storage.tables import caller as t
from ivr.calls.ports import NO_CHOICES, Choices


class SqlCallerMemory:
    """The port CallerMemory in the database of the tickets, which its owner closes."""

    def __init__(self, database: Database, key: DataKey) -> None:
        self._database = database
        self._key = key

    async def recall(self, caller_id: str) -> Choices:
        return await self._database.read(lambda connection: choices_of(connection, self._key, caller_id))

    async def remember(self, caller_id: str, choices: Choices, at: dt.datetime) -> None:
        chosen = {"language": choices.language, "slower": int(choices.slower), "louder": int(choices.louder), "updated_at": at}

        def work(connection: Connection) -> None:
            first = insert(connection, t).values(hmac=self._key.joinable(caller_id), **chosen)
            known = first.on_conflict_do_update(
                index_elements=(t.c.hmac,),
                set_={name: first.excluded[name] for name in chosen},
                where=t.c.updated_at <= first.excluded.updated_at,
            )
            connection.execute(known)

        await self._database.write(work)

    async def forget(self, caller_id: str) -> bool:
        gone = delete(t).where(t.c.hmac == self._key.joinable(caller_id))
        return await self._database.write(lambda connection: connection.execute(gone).rowcount > 0)


def choices_of(connection: Connection, key: DataKey, caller_id: str) -> Choices:
    """What a caller chose last; NO_CHOICES when nothing is remembered."""
    query = select(t.c.language, t.c.slower, t.c.louder).where(t.c.hmac == key.joinable(caller_id))
    row = connection.execute(query).one_or_none()
    return NO_CHOICES if row is None else Choices(row.language, bool(row.slower), bool(row.louder))
