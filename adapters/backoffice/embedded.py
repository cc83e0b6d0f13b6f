"""The back office that comes with the line: a few invented subscribers in a database, for demonstrations and tests.

Times are relative to the clock passed in. Every answer is held against its signature before it leaves, like that of a foreign back office.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import errno
import os
import sqlite3
from collections.abc import Iterable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from sqlalchemy import (
    URL,
    Boolean,
    Column,
    Connection,
    ForeignKey,
    Integer,
    MetaData,
    Row,
    String,
    Table,
    create_engine,
    delete,
    event,
    insert,
    select,
)
from sqlalchemy.exc import SQLAlchemyError

from adapters.backoffice import examples
from adapters.backoffice.examples import LookUp
from adapters.backoffice.signatures import SIGNATURES
from adapters.backoffice.subscribers import SUBSCRIBERS, Subscriber
from ivr.calls.answers import conform, conform_arguments
from ivr.calls.ports import Clock
from ivr.core.values import LookupSignature, Value
from ivr.errors import BackOfficeFailed, UserError

__all__ = ["SIGNATURES", "EmbeddedBackOffice"]

_PARTS = ("plan_fee", "calls", "data", "messages", "other")
_FEN = 100

_metadata = MetaData()

_subscriber = Table(
    "subscriber",
    _metadata,
    Column("number", String, primary_key=True),
    Column("language", String, nullable=False),
    Column("balance_fen", Integer, nullable=False),
    Column("suspended", Boolean, nullable=False),
    Column("senior", Boolean, nullable=False),
    Column("plan", String, nullable=False),
    Column("unlimited", Boolean, nullable=False),
    Column("data_total", Integer, nullable=False),
    Column("data_used", Integer, nullable=False),
    Column("minutes_total", Integer, nullable=False),
    Column("minutes_used", Integer, nullable=False),
)
_bill = Table(
    "bill",
    _metadata,
    Column("number", String, ForeignKey("subscriber.number"), primary_key=True),
    *(Column(f"{part}_fen", Integer, nullable=False) for part in (*_PARTS, "previous_total")),
)
_bundle = Table(
    "bundle",
    _metadata,
    Column("id", Integer, primary_key=True),
    Column("number", String, ForeignKey("subscriber.number"), nullable=False, index=True),
    Column("name", String, nullable=False),
    Column("left", Integer, nullable=False),
    Column("expires_in_days", Integer, nullable=False),
)


class EmbeddedBackOffice:
    """The port BackOffice on SQLite. Opening it makes an empty database; `seed` puts the subscribers in. Raises UserError."""

    def __init__(self, database: Path, clock: Clock) -> None:
        self._clock = clock
        self._path = database
        self._engine = create_engine(
            URL.create("sqlite", database=str(database)), hide_parameters=True, connect_args={"check_same_thread": False, "timeout": 2}
        )
        event.listen(self._engine, "connect", _set_up)
        try:
            database.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            if database.is_dir():
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
            with contextlib.suppress(FileExistsError):  # closing one that is in use would drop SQLite's locks on it in this process
                os.close(os.open(database, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
            _metadata.create_all(self._engine)
            examples.METADATA.create_all(self._engine)
        except (OSError, SQLAlchemyError, sqlite3.Error) as error:
            self._engine.dispose()
            reason = getattr(error, "orig", None) or getattr(error, "strerror", None) or error
            raise UserError(f"cannot use the database {database}: {reason}") from error

    @property
    def signatures(self) -> Mapping[str, LookupSignature]:
        return SIGNATURES

    def seed(self, subscribers: Iterable[Subscriber] = SUBSCRIBERS) -> None:
        """Put these subscribers and the examples' people in, in place of any that are there. Raises UserError."""
        people = tuple(subscribers)
        try:
            with self._engine.begin() as connection:
                for table in (_bundle, _bill, _subscriber):
                    connection.execute(delete(table))
                for person in people:
                    _insert(connection, person)
                examples.seed(connection)
        except (SQLAlchemyError, sqlite3.Error) as error:
            raise UserError(f"cannot fill the database {self._path}: {getattr(error, 'orig', error)}") from error

    def close(self) -> None:
        """Let go of the file."""
        self._engine.dispose()

    async def look_up(self, name: str, arguments: Mapping[str, Value]) -> Value:
        if name not in SIGNATURES:
            raise BackOfficeFailed(f"there is no look-up named {name!r}")
        signature = SIGNATURES[name]
        known = {key: str(value) for key, value in conform_arguments(signature, arguments).items()}
        return conform(signature, await asyncio.to_thread(self._ask, _LOOK_UPS[name], known))

    def _ask(self, look_up: LookUp, arguments: Mapping[str, str]) -> object:
        try:
            with self._engine.begin() as connection:
                return look_up(connection, arguments, self._clock())
        except (SQLAlchemyError, sqlite3.Error) as error:
            raise BackOfficeFailed(f"the embedded back office failed: {getattr(error, 'orig', error)}") from error


def _account(connection: Connection, arguments: Mapping[str, str], now: dt.datetime) -> object:
    row = connection.execute(select(_subscriber).where(_subscriber.c.number == arguments["number"])).first()
    if row is None:
        return None
    return {
        "number": row.number,
        "language": row.language,
        "balance": _yuan(row.balance_fen),
        "suspended": row.suspended,
        "senior": row.senior,
        "plan": row.plan,
        "has_data": row.unlimited or row.data_total > 0,
        "unlimited": row.unlimited,
        "data_left": max(0, row.data_total - row.data_used),
        "data_total": row.data_total,
        "data_used": row.data_used,
        "minutes_left": dt.timedelta(minutes=max(0, row.minutes_total - row.minutes_used)),
        "minutes_used": dt.timedelta(minutes=row.minutes_used),
    }


def _last_bill(connection: Connection, arguments: Mapping[str, str], now: dt.datetime) -> object:
    row = connection.execute(select(_bill).where(_bill.c.number == arguments["number"])).first()
    if row is None:
        return None
    parts = {part: _yuan(_column(row, f"{part}_fen")) for part in _PARTS}
    month = _month_before(now.date())
    return parts | {
        "month": month,
        "total": sum(parts.values(), Decimal(0)),
        "previous_month": _month_before(month),
        "previous_total": _yuan(row.previous_total_fen),
    }


def _bundles(connection: Connection, arguments: Mapping[str, str], now: dt.datetime) -> object:
    rows = connection.execute(select(_bundle).where(_bundle.c.number == arguments["number"]).order_by(_bundle.c.expires_in_days)).all()
    items = tuple({"name": row.name, "left": row.left, "expires": now.date() + dt.timedelta(days=row.expires_in_days)} for row in rows)
    return {"count": len(items), "items": items}


_LOOK_UPS: Mapping[str, LookUp] = {
    "account": _account,
    "bill": _last_bill,
    "bundles": _bundles,
    **examples.LOOK_UPS,
}


def _insert(connection: Connection, person: Subscriber) -> None:
    connection.execute(
        insert(_subscriber).values(
            number=person.number,
            language=person.language,
            balance_fen=_fen(person.balance),
            suspended=person.suspended,
            senior=person.senior,
            plan=person.plan,
            unlimited=person.unlimited,
            data_total=person.data_total,
            data_used=person.data_used,
            minutes_total=person.minutes_total,
            minutes_used=person.minutes_used,
        )
    )
    fees = {f"{part}_fen": _fen(getattr(person.bill, part)) for part in (*_PARTS, "previous_total")}
    connection.execute(insert(_bill).values(number=person.number, **fees))
    for bundle in person.bundles:
        values = {"name": bundle.name, "left": bundle.left, "expires_in_days": bundle.expires_in_days}
        connection.execute(insert(_bundle).values(number=person.number, **values))


def _month_before(day: dt.date) -> dt.date:
    return (day.replace(day=1) - dt.timedelta(days=1)).replace(day=1)


def _yuan(fen: int) -> Decimal:
    return Decimal(fen).scaleb(-2)


def _fen(yuan: Decimal) -> int:
    return int(yuan * _FEN)


def _column(row: Row[Any], name: str) -> int:
    return int(row._mapping[name])


def _set_up(connection: Any, record: Any) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.close()
