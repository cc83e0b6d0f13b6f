"""The people at the desk in the database: the port AccountStore, with the tables that it alone uses."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from sqlalchemy import Boolean, Column, Connection, Integer, LargeBinary, Row, String, Table, delete, insert, select, update

from adapters.storage.database import Database
from adapters.storage.keys import DataKey
from adapters.storage.tables import Moment, metadata
from ivr.desk.people import ANSWERING, Account, Action, Fact, Role, Session

account = Table(
    "account",
    metadata,
    Column("name", String, primary_key=True),
    Column("role", String),
    Column("password", String),
    Column("created_at", Moment),
    Column("closed", Boolean),
    Column("seat", Integer),
)

sign_in_try = Table(
    "sign_in_try",
    metadata,
    Column("name", String, primary_key=True),
    Column("tries", Integer),
    Column("last_at", Moment),
)

desk_session = Table(
    "desk_session",
    metadata,
    Column("key", String, primary_key=True),
    Column("name", String),
    Column("begun_at", Moment),
    Column("seen_at", Moment),
)

desk_fact = Table(
    "desk_fact",
    metadata,
    Column("seq", Integer, primary_key=True),
    Column("at", Moment),
    Column("actor", String),
    Column("action", String),
    Column("subject", String),
    Column("address", String),
    Column("hash", LargeBinary),
)

_FORGOTTEN = dt.timedelta(days=1)  # what is kept of sessions and of tries that came to nothing


class SqlAccountStore:
    """The port AccountStore in the database of the tickets, which its owner closes. `seats`: how many there are."""

    def __init__(self, database: Database, key: DataKey, seats: int = 60) -> None:
        self._database = database
        self._key = key
        self._seats = seats

    async def add(self, new: Account) -> bool:
        def work(connection: Connection) -> bool:
            if _account(connection, new.name) is not None:
                return False
            values = {
                "name": new.name,
                "role": new.role.value,
                "password": new.password,
                "created_at": new.created_at,
                "closed": new.closed,
                "seat": self._free_seat(connection) if new.role in ANSWERING else None,
            }
            connection.execute(insert(account).values(values))
            return True

        return await self._database.write(work)

    async def account(self, name: str) -> Account | None:
        return await self._database.read(lambda connection: _account(connection, name))

    async def accounts(self) -> Sequence[Account]:
        query = select(account).order_by(account.c.name)
        return await self._database.read(lambda connection: [_as_account(row) for row in connection.execute(query)])

    async def set_password(self, name: str, password: str) -> bool:
        return await self._database.write(lambda connection: _change(connection, name, {"password": password}))

    async def set_closed(self, name: str, closed: bool) -> bool:
        def work(connection: Connection) -> bool:
            known = _account(connection, name)
            if known is None:
                return False
            seat = None if closed or known.role not in ANSWERING else known.seat or self._free_seat(connection)
            return _change(connection, name, {"closed": closed, "seat": seat})

        return await self._database.write(work)

    async def seat_of(self, name: str) -> int | None:
        """The seat of somebody who may answer callers now."""
        query = select(account.c.seat).where(account.c.name == name, account.c.closed.is_(False))
        seat: int | None = await self._database.read(lambda connection: connection.scalar(query))
        return seat

    def _free_seat(self, connection: Connection) -> int | None:
        """The lowest that nobody has; None when all are taken."""
        _alone(connection, account)
        taken = set(connection.scalars(select(account.c.seat).where(account.c.seat.is_not(None))))
        return next((seat for seat in range(1, self._seats + 1) if seat not in taken), None)

    async def try_sign_in(self, name: str, at: dt.datetime, most: int, locked_for: dt.timedelta) -> bool:
        def work(connection: Connection) -> bool:
            _alone(connection, sign_in_try)
            connection.execute(delete(sign_in_try).where(sign_in_try.c.last_at < at - _FORGOTTEN))
            row = connection.execute(select(sign_in_try).where(sign_in_try.c.name == name)).first()
            if row is None:
                connection.execute(insert(sign_in_try).values(name=name, tries=1, last_at=at))
                return True
            if row.tries >= most and at - row.last_at < locked_for:
                return False
            tries = 1 if row.tries >= most else row.tries + 1
            connection.execute(update(sign_in_try).where(sign_in_try.c.name == name).values(tries=tries, last_at=at))
            return True

        return await self._database.write(work)

    async def tries_forgotten(self, name: str) -> None:
        await self._database.write(lambda connection: connection.execute(delete(sign_in_try).where(sign_in_try.c.name == name)))

    async def open_session(self, session: Session) -> None:
        def work(connection: Connection) -> None:
            connection.execute(delete(desk_session).where(desk_session.c.begun_at < session.begun_at - _FORGOTTEN))
            values = {"key": session.key, "name": session.name, "begun_at": session.begun_at, "seen_at": session.seen_at}
            connection.execute(insert(desk_session).values(values))

        await self._database.write(work)

    async def session(self, key: str) -> Session | None:
        query = (
            select(desk_session, account.c.role)
            .join(account, account.c.name == desk_session.c.name)
            .where(desk_session.c.key == key, account.c.closed.is_(False))
        )
        row = await self._database.read(lambda connection: connection.execute(query).first())
        return None if row is None else Session(row.key, row.name, Role(row.role), row.begun_at, row.seen_at)

    async def seen(self, key: str, at: dt.datetime) -> None:
        now = update(desk_session).where(desk_session.c.key == key, desk_session.c.seen_at < at).values(seen_at=at)
        await self._database.write(lambda connection: connection.execute(now))

    async def end_session(self, key: str) -> None:
        await self._database.write(lambda connection: connection.execute(delete(desk_session).where(desk_session.c.key == key)))

    async def write_down(self, fact: Fact) -> None:
        def work(connection: Connection) -> None:
            _alone(connection, desk_fact)
            last = connection.execute(select(desk_fact.c.seq, desk_fact.c.hash).order_by(desk_fact.c.seq.desc()).limit(1)).first()
            seq, before = (last.seq + 1, last.hash) if last is not None else (1, b"")
            values = {"at": fact.at, "actor": fact.actor, "action": fact.action.value, "subject": fact.subject, "address": fact.address}
            connection.execute(insert(desk_fact).values(seq=seq, hash=self._key.link(before, _text(seq, fact)), **values))

        await self._database.write(work)

    async def facts(self, most: int = 200) -> Sequence[Fact]:
        query = select(desk_fact).order_by(desk_fact.c.seq.desc()).limit(most)
        return await self._database.read(lambda connection: [_as_fact(row) for row in connection.execute(query)])

    async def audit(self) -> tuple[str, ...]:
        """What is wrong with the facts, one sentence each; empty when none has been changed or taken out."""
        rows = await self._database.read(lambda connection: connection.execute(select(desk_fact).order_by(desk_fact.c.seq)).all())
        found = [] if not rows or rows[0].seq == 1 else ["the first facts written down at the desk have been taken out"]
        found += [
            f"facts written down at the desk have been taken out after {one.seq}"
            for one, next_ in pairwise(rows)
            if next_.seq != one.seq + 1
        ]
        before = b""
        for row in rows:
            if not found and self._key.link(before, _text(row.seq, _as_fact(row))) != row.hash:
                found.append(f"what is written down at the desk has been changed at {row.seq}")
            before = row.hash
        return tuple(found)


def _alone(connection: Connection, table: Table) -> None:
    """Nobody else writes to the table until this transaction ends; in SQLite that is so from its beginning."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"LOCK TABLE {table.name} IN EXCLUSIVE MODE")


def _change(connection: Connection, name: str, values: dict[str, Any]) -> bool:
    """Write into an account, whose person signs in anew."""
    connection.execute(delete(desk_session).where(desk_session.c.name == name))
    return connection.execute(update(account).where(account.c.name == name).values(values)).rowcount > 0


def _account(connection: Connection, name: str) -> Account | None:
    row = connection.execute(select(account).where(account.c.name == name)).first()
    return None if row is None else _as_account(row)


def _as_account(row: Row[Any]) -> Account:
    return Account(row.name, Role(row.role), row.password, row.created_at, bool(row.closed), row.seat)


def _as_fact(row: Row[Any]) -> Fact:
    return Fact(row.at, row.actor, Action(row.action), row.subject, row.address)


def _text(seq: int, fact: Fact) -> str:
    """What of a fact goes into its hash."""
    return "\x1f".join((str(seq), fact.at.astimezone(dt.UTC).isoformat(), fact.actor, fact.action.value, fact.subject, fact.address))
