"""Callback tickets in the database, whole: the ports TicketStore and CallbackStore, on SQLite and on PostgreSQL alike.

Exactly once comes from three things together: the message key is the primary key of a message, a caller has one active ticket per topic and
trust (a unique index), and every change of a ticket is conditional on the state and claim it was decided for. What the parts do is in
`messages`, `claims` and `attempts`; the rules that hold whatever program writes are in `migrations`.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Self

from sqlalchemy import Connection, select

from adapters.storage import attempts, claims, messages
from adapters.storage import tables as t
from adapters.storage.attempts import Attempts
from adapters.storage.audit import audit, verify
from adapters.storage.board import Figures
from adapters.storage.claims import Claims
from adapters.storage.database import BUSY_MILLISECONDS, Database
from adapters.storage.keeping import Keeping
from adapters.storage.keys import DataKey, make_data_key, read_data_key
from adapters.storage.ledger import Ledger
from adapters.storage.messages import Messages
from adapters.storage.pages import Pages
from adapters.storage.rows import Due
from ivr.calls.capture import Failpoint, no_failpoint
from ivr.calls.tickets import LEASE
from ivr.calls.times import CALLING_HOURS, CallingHours, due_at
from ivr.errors import StoreFailed, UserError

FAILPOINTS = (*messages.FAILPOINTS, *claims.FAILPOINTS, *attempts.FAILPOINTS)


def due_by_the_clock(dialled: str, at: dt.datetime) -> dt.datetime:
    """When a caller must have been called back whose line tells no opening hours."""
    return due_at(at)


class SqlTicketStore(Messages, Claims, Attempts, Ledger, Figures, Keeping, Pages):
    """The ports TicketStore and CallbackStore, and the desk's BoardStore and ClosureStore.

    `recordings` is the folder that file names in the database refer to.
    """

    def __init__(
        self,
        database: Database,
        key: DataKey,
        recordings: Path,
        *,
        lease: dt.timedelta = LEASE,
        due: Due = due_by_the_clock,
        hours: CallingHours = CALLING_HOURS,
        most_an_hour: int = 0,
        failpoint: Failpoint = no_failpoint,
    ) -> None:
        super().__init__(database, key, recordings, lease=lease, due=due, hours=hours, most_an_hour=most_an_hour, failpoint=failpoint)

    @classmethod
    def open(
        cls,
        database: Path | str,
        key_file: Path,
        recordings: Path,
        *,
        exclusive: bool = False,
        lease: dt.timedelta = LEASE,
        due: Due = due_by_the_clock,
        hours: CallingHours = CALLING_HOURS,
        most_an_hour: int = 0,
        busy_milliseconds: int = BUSY_MILLISECONDS,
        failpoint: Failpoint = no_failpoint,
    ) -> Self:
        """Open or make the database and its key: SQLite for a path, PostgreSQL for an address. Raises UserError.

        The engine opens it `exclusive`, the command line does not.
        """
        opened = open_database(database, exclusive=exclusive, busy_milliseconds=busy_milliseconds)
        try:
            key = _key_of(opened, key_file)
        except BaseException:
            opened.close()
            raise
        return cls(opened, key, recordings, lease=lease, due=due, hours=hours, most_an_hour=most_an_hour, failpoint=failpoint)

    @property
    def database(self) -> Database:
        """The database, for the other stores that live in it."""
        return self._database

    @property
    def key(self) -> DataKey:
        """Its data key."""
        return self._key

    def close(self) -> None:
        """Let go of the database and its lock."""
        self._database.close()

    async def audit(self, at: dt.datetime) -> tuple[str, ...]:
        """What is wrong with the promises in here, one sentence each; empty when all is well."""
        return await self._database.read(lambda connection: audit(connection, self._key, self._recordings, at), at_leisure=True)

    async def verify(self) -> tuple[str, ...]:
        """What of the tickets' history has been changed afterwards, one sentence each."""
        return await self._database.read(lambda connection: verify(connection, self._key), at_leisure=True)


def open_database(database: Path | str, *, exclusive: bool = False, busy_milliseconds: int = BUSY_MILLISECONDS) -> Database:
    """The database of that path or address, brought up to date. Raises UserError."""
    if isinstance(database, Path):
        from adapters.storage.sqlite import SqliteDatabase

        return SqliteDatabase(database, exclusive=exclusive, busy_milliseconds=busy_milliseconds)
    from adapters.storage.postgres import PostgresDatabase

    return PostgresDatabase(database, exclusive=exclusive, busy_milliseconds=busy_milliseconds)


def _key_of(database: Database, key_file: Path) -> DataKey:
    """The key with which the database was made; a new database takes the one that is there, or a new one, for its own."""
    proof = _at_once(database, None)
    if proof is not None and not key_file.exists():
        raise UserError(f"the data key {key_file} is missing; without it the database {database.name} cannot be read: restore it")
    make_data_key(key_file)
    key = read_data_key(key_file)
    if _at_once(database, key) != key.check:
        raise UserError(f"the data key {key_file} does not belong to the database {database.name}; restore the right one")
    return key


def _at_once(database: Database, key: DataKey | None) -> bytes | None:
    """The proof of the key that the database was made with; that of `key`, when it had none yet."""

    def work(connection: Connection) -> bytes | None:
        proof = connection.scalar(select(t.data_key.c.proof))
        if proof is None and key is not None:
            connection.execute(t.data_key.insert().values(proof=key.check))
            return key.check
        return proof

    try:
        return database.at_once(work)
    except StoreFailed as error:
        raise UserError(str(error)) from error
