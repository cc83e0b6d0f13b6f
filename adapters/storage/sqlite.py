"""SQLite: opened with care, written by one thread, and never trusted to be still there.

WAL with `synchronous=FULL`: what is committed survives a power cut. Every transaction that may write begins IMMEDIATE, so that it waits for
the lock at its start (at most the busy time) and never fails half-way. The engine takes `<database>.lock` for its lifetime, so that a
second engine on the same file refuses to start; the lock falls with its process, however that dies.
"""

from __future__ import annotations

import errno
import fcntl
import os
import sqlite3
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import QueuePool

from adapters.storage.database import BUSY_MILLISECONDS, Database, reason
from adapters.storage.migrations import migrate
from ivr.errors import StoreFailed, UserError

_PATIENCE = 15  # times the busy time that an opening waits


class SqliteDatabase(Database):
    """One file. `exclusive` makes it the engine's: it takes the lock file and checks the pages. Raises UserError."""

    def __init__(self, path: Path, *, exclusive: bool = False, busy_milliseconds: int = BUSY_MILLISECONDS) -> None:
        self._path = path
        self._lock = _take_lock(path) if exclusive else None
        try:
            _make_private(path)
            engine = _engine(path, busy_milliseconds)
            _prepare(engine, path, busy_milliseconds, check=exclusive)
            self._identity = _identity(path)
        except BaseException:
            self._unlock()
            raise
        super().__init__(str(path), engine, threads=1)

    def close(self) -> None:
        super().close()
        self._unlock()

    def must_be_usable(self) -> None:
        """SQLite goes on writing to a file that has been deleted, and says that all is well: the promise would be in nothing."""
        try:
            same = _identity(self._path) == self._identity
        except OSError:
            same = False
        if not same:
            raise StoreFailed(f"the database {self._path} has been removed or replaced while in use; start the engine again")

    def may_do_again(self, error: BaseException) -> bool:
        """Never: who writes has waited for the lock already."""
        return False

    def _troubles(self) -> tuple[type[Exception], ...]:
        return (SQLAlchemyError, sqlite3.Error)

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


def _prepare(engine: Engine, path: Path, busy_milliseconds: int, *, check: bool) -> None:
    try:
        with engine.connect() as connection:
            _pragma(connection, f"busy_timeout={_PATIENCE * busy_milliseconds}")  # others may be bringing it up to date
            _pragma(connection, "foreign_keys=OFF")  # a table that is made anew is another one for a moment
            with connection.begin():
                if connection.exec_driver_sql("PRAGMA journal_mode").scalar() != "wal":
                    raise UserError(f"the database {path} cannot use write-ahead logging there; put it on a local disk")
                if check and (trouble := connection.exec_driver_sql("PRAGMA quick_check(1)").scalar()) != "ok":
                    raise UserError(f"the database {path} is damaged ({trouble}); restore it, the spool brings back the last seven days")
                if migrate(connection, str(path)) and (trouble := connection.exec_driver_sql("PRAGMA foreign_key_check").first()):
                    raise UserError(f"the database {path} is damaged (a row of {trouble[0]} belongs to nothing); restore it")
            _pragma(connection, "foreign_keys=ON")
            _pragma(connection, f"busy_timeout={busy_milliseconds}")
    except (SQLAlchemyError, sqlite3.Error) as error:
        engine.dispose()
        raise UserError(f"cannot use the database {path}: {reason(error)}") from error
    except BaseException:
        engine.dispose()
        raise


def _pragma(connection: Connection, text: str) -> None:
    """Outside a transaction, in which SQLite does not listen to some of them."""
    driver: Any = connection.connection.driver_connection
    driver.execute(f"PRAGMA {text}")


def _make_private(path: Path) -> None:
    """The file with mode 0600, before SQLite makes one that all can read.

    One that is there is not opened: closing it would drop the locks that SQLite holds on it in this process (POSIX advisory locks;
    https://sqlite.org/howtocorrupt.html, 2.2), and another process would then clear away the log that is being written.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        if path.is_dir():
            raise UserError(f"cannot use the database {path}: {os.strerror(errno.EISDIR)}") from None
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
