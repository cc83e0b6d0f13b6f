"""PostgreSQL 13 or later, over psycopg 3: for a line whose tickets are kept beside other desks' data.

What is committed is on the server's disk (`synchronous_commit`). Nobody waits long: for a connection, a lock or a statement there are
limits, after which a message is kept on this machine's disk instead. Connections that broke are found by keep-alives and used no more.

The engine holds an advisory lock for its lifetime, so that a second one on the same database refuses to start. The lock falls with its
connection; when that breaks, the engine takes it anew before it writes again, and writes no more when somebody else has it.
"""

from __future__ import annotations

import contextlib
import os
import threading
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, OperationalError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from adapters.storage.database import BUSY_MILLISECONDS, Database, reason
from adapters.storage.migrations import migrate
from ivr.errors import SettingsError, StoreFailed, UserError

ENGINE_LOCK, MIGRATION_LOCK = 0x5E1F_0001, 0x5E1F_0002
STATEMENT_MILLISECONDS, LOCK_MILLISECONDS = 1000, 900
LEISURE = "60s"
POOL = 8
_PATIENT_FOR_A_CONNECTION = 2.0  # seconds
_AGAIN = {"40001", "40P01", "55P03", "57P01", "57P02", "57P03"}  # serialization, deadlock, lock not had, server going down or coming up
_LOCK_NOT_HAD, _READ_ONLY = "55P03", "25006"
_ENGINE_DIES_WITHIN = "2s"  # the server needs a moment to notice that an engine has been killed


class PostgresDatabase(Database):
    """A database of a server. `exclusive` makes it the engine's. Raises UserError, SettingsError for an address that is none."""

    def __init__(self, address: str, *, exclusive: bool = False, busy_milliseconds: int = BUSY_MILLISECONDS, pool: int = POOL) -> None:
        url = address_of(address)
        name = f"postgresql://{url.host or 'localhost'}{f':{url.port}' if url.port else ''}/{url.database}"
        self._guard = _Guard(url, name) if exclusive else None
        engine = _engine(url, busy_milliseconds, pool, self._guard)
        try:
            if self._guard:
                self._guard.take()
            _prepare(engine, name)
        except BaseException as error:
            engine.dispose()
            if self._guard:
                self._guard.give_up()
            if isinstance(error, SQLAlchemyError):
                raise UserError(f"cannot use the database {name}: {reason(error)}") from error
            raise
        super().__init__(name, engine, threads=pool)

    def close(self) -> None:
        super().close()
        if self._guard:
            self._guard.give_up()

    def may_do_again(self, error: BaseException) -> bool:
        if not isinstance(error, DBAPIError):
            return False
        state = _state(error)
        broken = error.connection_invalidated or (isinstance(error, OperationalError) and state is None)
        if state == _READ_ONLY:
            raise StoreFailed(f"the database {self.name} is read-only: a stand-by, or a server in the middle of a fail-over") from error
        return broken or state in _AGAIN or (state or "").startswith("08")


class _Guard:
    """The advisory lock of the engine, on a connection of its own."""

    def __init__(self, url: URL, name: str) -> None:
        self._engine = create_engine(
            url, poolclass=NullPool, hide_parameters=True, isolation_level="AUTOCOMMIT", connect_args=_keep_alive()
        )
        self._name = name
        self._connection: Connection | None = None
        self._one_at_a_time = threading.Lock()
        self.shaken = True  # whether the lock may have been lost

    def take(self) -> None:
        """Have it, again if need be. Raises UserError when another engine has."""
        with self._one_at_a_time:
            if self.shaken and not self._is_there():
                self._drop()
                self._connection = connection = self._engine.connect()
                try:
                    connection.exec_driver_sql(f"SET lock_timeout = '{_ENGINE_DIES_WITHIN}'")
                    connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": ENGINE_LOCK})
                except DBAPIError as error:
                    owner = connection.scalar(_OWNER, {"key": ENGINE_LOCK}) if _state(error) == _LOCK_NOT_HAD else None
                    self._drop()
                    if owner is None:
                        raise
                    raise UserError(f"the database {self._name} is in use by another engine ({owner})") from None
            self.shaken = False

    def hold(self) -> None:
        """Before something is written. Raises StoreFailed when the lock is not ours any more."""
        if self.shaken:
            try:
                self.take()
            except (UserError, SQLAlchemyError) as error:
                raise StoreFailed(reason(error)) from error

    def give_up(self) -> None:
        with self._one_at_a_time:
            self._drop()
            self._engine.dispose()

    def _is_there(self) -> bool:
        try:
            return self._connection is not None and self._connection.scalar(text("SELECT 1")) == 1
        except SQLAlchemyError:
            return False

    def _drop(self) -> None:
        if self._connection is not None:
            with contextlib.suppress(SQLAlchemyError):
                self._connection.close()
            self._connection = None


_OWNER = text(
    "SELECT a.application_name FROM pg_locks l JOIN pg_stat_activity a USING (pid)"
    " WHERE l.locktype = 'advisory' AND l.granted AND l.objid = :key AND l.database = a.datid AND a.datname = current_database()"
)


def address_of(address: str) -> URL:
    """The address as SQLAlchemy has it. Raises SettingsError, which tells no password."""
    wanted = "IVR_DATABASE must be the address of a PostgreSQL database, such as postgresql+psycopg://selfline@localhost/selfline"
    try:
        url = make_url(address)
    except (ArgumentError, ValueError):
        raise SettingsError(wanted) from None
    if url.drivername not in ("postgresql", "postgres", "postgresql+psycopg") or not url.database:
        raise SettingsError(f"{wanted}, not one of {url.drivername}" if url.database else f"{wanted}; this one names no database")
    return url.set(drivername="postgresql+psycopg")


def _keep_alive() -> dict[str, Any]:
    return {
        "connect_timeout": 2,
        "keepalives_idle": 10,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": 15_000,
        "application_name": f"selfline, process {os.getpid()}",
    }


def _engine(url: URL, busy_milliseconds: int, pool: int, guard: _Guard | None) -> Engine:
    settings = {
        "synchronous_commit": "on",
        "lock_timeout": min(busy_milliseconds, LOCK_MILLISECONDS),
        "statement_timeout": STATEMENT_MILLISECONDS,
        "idle_in_transaction_session_timeout": 10_000,
        "timezone": "UTC",
    }
    options = " ".join(f"-c {name}={value}" for name, value in settings.items())
    engine = create_engine(
        url,
        pool_size=pool,
        max_overflow=0,
        pool_timeout=_PATIENT_FOR_A_CONNECTION,
        pool_pre_ping=True,
        isolation_level="READ COMMITTED",
        hide_parameters=True,
        connect_args={**_keep_alive(), "options": options},
    )

    @event.listens_for(engine, "connect")
    def connected(connection: Any, record: Any) -> None:
        if guard:  # others may have broken, and the guard's with them
            guard.shaken = True

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        options = connection.get_execution_options()
        if guard and not options.get("reading"):
            guard.hold()
        if options.get("reading"):
            connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        if options.get("leisure"):
            connection.exec_driver_sql(f"SET LOCAL statement_timeout = '{LEISURE}'")

    return engine


def _prepare(engine: Engine, name: str) -> None:
    """One program at a time brings the database up to date; the others wait for it."""
    with engine.begin() as connection:
        connection.exec_driver_sql(f"SET LOCAL statement_timeout = '{LEISURE}'")
        connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{LEISURE}'")
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": MIGRATION_LOCK})
        migrate(connection, name)


def _state(error: DBAPIError) -> str | None:
    state = getattr(error.orig, "sqlstate", None)
    return str(state) if state else None
