"""The database that all stores live in: SQLite in a file of the line's own, or PostgreSQL, alike to who uses it.

A piece of work is a function of a connection; it is one transaction, and it may be done twice: when a transaction met another one, or the
connection broke before its end was known, it is done again. So all work is written to be the same when it is done under the same key.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, Table, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from ivr.errors import StoreFailed

TRIES = 4
_PAUSE = 0.1  # seconds at most
_CHANCE = secrets.SystemRandom()
BUSY_MILLISECONDS = 2000  # how long one waits for a lock that somebody else holds

Result = TypeVar("Result")


def take_turns(connection: Connection, key: int) -> None:
    """Until this transaction ends nobody else goes past this with that key; in SQLite one writes at a time anyway."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": key})


class Database(ABC):
    """What is common to both. `name` is what it is called in a sentence: a path, or an address without user and password."""

    def __init__(self, name: str, engine: Engine, threads: int) -> None:
        self.name = name
        self._engine = engine
        self._reading = engine.execution_options(reading=True)
        self._at_leisure = engine.execution_options(reading=True, leisure=True)
        self._threads = ThreadPoolExecutor(max_workers=threads, thread_name_prefix="database")

    async def write(self, work: Callable[[Connection], Result]) -> Result:
        """Do the work in one transaction; it is committed, durably, when this returns. Raises StoreFailed."""
        return await self._in_thread(lambda: self._transaction(self._engine, work))

    async def read(self, work: Callable[[Connection], Result], *, at_leisure: bool = False) -> Result:
        """Do reading work in one snapshot; `at_leisure`, it may take longer than a caller would wait. Raises StoreFailed."""
        engine = self._at_leisure if at_leisure else self._reading
        return await self._in_thread(lambda: self._transaction(engine, work))

    def at_once(self, work: Callable[[Connection], Result]) -> Result:
        """Do the work in one transaction in this thread: for starting up, before there is a loop. Raises StoreFailed."""
        return self._transaction(self._engine, work)

    def close(self) -> None:
        """Let go of the database; waits for the work at hand."""
        self._threads.shutdown(wait=True, cancel_futures=True)
        self._engine.dispose()

    def must_be_usable(self) -> None:  # noqa: B027 - where there is nothing to see, there is nothing to do
        """Raises StoreFailed when what is written would not be kept."""

    @abstractmethod
    def may_do_again(self, error: BaseException) -> bool:
        """Whether the same work may succeed when it is done once more, at once."""

    async def _in_thread(self, work: Callable[[], Result]) -> Result:
        try:
            future = asyncio.get_running_loop().run_in_executor(self._threads, work)
        except RuntimeError as error:
            raise StoreFailed(f"the database {self.name} is closed") from error
        return await future

    def _transaction(self, engine: Engine, work: Callable[[Connection], Result]) -> Result:
        tries = TRIES
        while True:
            tries -= 1
            self.must_be_usable()
            try:
                with engine.begin() as connection:
                    result = work(connection)
            except self._troubles() as error:
                if tries and self.may_do_again(error):
                    time.sleep(_CHANCE.uniform(0, _PAUSE))  # two that stood in each other's way do not begin again together
                    continue
                raise StoreFailed(f"the database {self.name} failed: {reason(error)}") from error
            self.must_be_usable()
            return result

    def _troubles(self) -> tuple[type[Exception], ...]:
        return (SQLAlchemyError,)


def insert(connection: Connection, table: Table) -> postgresql.Insert | sqlite.Insert:
    """An INSERT that can say what to do on a conflict."""
    return postgresql.insert(table) if connection.dialect.name == "postgresql" else sqlite.insert(table)


def reason(error: BaseException) -> str:
    """What the database itself said, on one line."""
    cause: Any = error.orig if isinstance(error, DBAPIError) else error
    told = getattr(getattr(cause, "diag", None), "message_primary", None) or str(cause)  # PostgreSQL adds whole rows to it
    return " ".join(told.split())
