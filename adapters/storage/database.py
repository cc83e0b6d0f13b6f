"""The SQLite database: opened with care, written by one thread, and never trusted to be still there.

WAL with `synchronous=FULL`: what is committed survives a power cut. Every transaction that may write begins IMMEDIATE, so that it waits for
the lock at its start (at most the busy time) and never fails half-way. The engine takes `<database>.lock` for its lifetime, so that a
second engine on the same file refuses to start; the lock falls with its process, however that dies.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.pool import QueuePool

from adapters.storage.migrations import migrate
from ivr.errors import StoreFailed, UserError

BUSY_MILLISECONDS = 2000

Result = TypeVar("Result")


class Database:
    """One SQLite file. `exclusive` makes it the engine's: it takes the lock file and checks the pages. Raises UserError."""

    def __init__(self, path: Path, *, exclusive: bool = False, busy_milliseconds: int = BUSY_MILLISECONDS) -> None:
        self.path = path
        self._lock = _take_lock(path) if exclusive else None
        try:
            _make_private(path)
            self._engine = _engine(path, busy_milliseconds)
            self._reading = self._engine.execution_options(reading=True)
            _prepare(self._engine, path, check=exclusive)
            self._identity = _identity(path)
        except BaseException:
            self._unlock()
            raise
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="tickets")

    async def write(self, work: Callable[[Connection], Result]) -> Result:
        """Do the work in one transaction; it is committed, durably, when this returns. Raises StoreFailed."""
        return await self._in_thread(lambda: self._transaction(self._engine, work))

    async def read(self, work: Callable[[Connection], Result]) -> Result:
        """Do reading work in one snapshot. Raises StoreFailed."""
        return await self._in_thread(lambda: self._transaction(self._reading, work))

    def at_once(self, work: Callable[[Connection], Result]) -> Result:
        """Do the work in one transaction in this thread: for starting up, before there is a loop. Raises StoreFailed."""
        return self._transaction(self._engine, work)

    def close(self) -> None:
        """Let go of the file and the lock; waits for the work at hand."""
        self._thread.shutdown(wait=True, cancel_futures=True)
        self._engine.dispose()
        self._unlock()

    async def _in_thread(self, work: Callable[[], Result]) -> Result:
        try:
            future = asyncio.get_running_loop().run_in_executor(self._thread, work)
        except RuntimeError as error:
            raise StoreFailed(f"the database {self.path} is closed") from error
        return await future

    def _transaction(self, engine: Engine, work: Callable[[Connection], Result]) -> Result:
        self._must_be_there()
        try:
            with engine.begin() as connection:
                result = work(connection)
        except (SQLAlchemyError, sqlite3.Error) as error:
            raise StoreFailed(f"the database {self.path} failed: {_reason(error)}") from error
        self._must_be_there()
        return result

    def _must_be_there(self) -> None:
        """SQLite goes on writing to a file that has been deleted, and says that all is well: the promise would be in nothing."""
        try:
            same = _identity(self.path) == self._identity
        except OSError:
            same = False
        if not same:
            raise StoreFailed(f"the database {self.path} has been removed or replaced while in use; start the engine again")

    def _unlock(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def _engine(path: Path, busy_milliseconds: int) -> Engine:
    engine = create_engine(
        URL.create("sqlite", database=str(path)),
        poolclass=QueuePool,
        pool_size=1,
        max_overflow=0,
        connect_args={"check_same_thread": False, "timeout": busy_milliseconds / 1000},
        hide_parameters=True,  # no caller's number in the text of an error
    )

    @event.listens_for(engine, "connect")
    def set_up(connection: Any, record: Any) -> None:
        connection.isolation_level = None  # pysqlite must not begin transactions on its own: `begin` below does
        cursor = connection.cursor()
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "trusted_schema=OFF"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        reading = connection.get_execution_options().get("reading", False)
        connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")

    return engine


def _prepare(engine: Engine, path: Path, *, check: bool) -> None:
    try:
        with engine.begin() as connection:
            if connection.exec_driver_sql("PRAGMA journal_mode").scalar() != "wal":
                raise UserError(f"the database {path} cannot use write-ahead logging there; put it on a local disk")
            if check and (trouble := connection.exec_driver_sql("PRAGMA quick_check(1)").scalar()) != "ok":
                raise UserError(f"the database {path} is damaged ({trouble}); restore it, the spool brings back the last seven days")
            migrate(connection, str(path))
    except (SQLAlchemyError, sqlite3.Error) as error:
        engine.dispose()
        raise UserError(f"cannot use the database {path}: {_reason(error)}") from error
    except UserError:
        engine.dispose()
        raise


def _make_private(path: Path) -> None:
    """The file with mode 0600, before SQLite makes one that all can read."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    except OSError as error:
        raise UserError(f"cannot use the database {path}: {error.strerror}") from error


def _take_lock(path: Path) -> int:
    lock = path.with_name(path.name + ".lock")
    try:
        lock.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise UserError(f"cannot use the database {path}: {error.strerror}") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        owner = os.read(descriptor, 20).decode("ascii", "replace").strip() or "unknown"
        os.close(descriptor)
        raise UserError(f"the database {path} is in use by another engine (process {owner})") from error
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
    return descriptor


def _identity(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_dev, status.st_ino


def _reason(error: BaseException) -> str:
    return str(error.orig if isinstance(error, DBAPIError) else error)
