"""What programs show, and the answers they got, in the database: the ports TokenStore and AnswerStore."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Column, Connection, Integer, LargeBinary, Row, String, Table, delete, select, update

from adapters.storage.accounts import account
from adapters.storage.database import Database, insert
from adapters.storage.keys import DataKey
from adapters.storage.tables import Moment, metadata
from ivr.desk.answers import Answer, Begun
from ivr.desk.people import Role
from ivr.desk.tokens import Token

token = Table(
    "token",
    metadata,
    Column("name", String, primary_key=True),
    Column("key", String),
    Column("person", String),
    Column("role", String),
    Column("created_at", Moment),
    Column("revoked_at", Moment),
)

program_answer = Table(
    "program_answer",
    metadata,
    Column("token", String, primary_key=True),
    Column("key", String, primary_key=True),
    Column("request", String),
    Column("at", Moment),
    Column("status", Integer),
    Column("answer_enc", LargeBinary),
)


class SqlTokenStore:
    """The port TokenStore in the database of the tickets, which its owner closes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, new: Token) -> bool:
        values = {
            "name": new.name,
            "key": new.key,
            "person": new.person or None,
            "role": None if new.role is None else new.role.value,
            "created_at": new.created_at,
        }

        def work(connection: Connection) -> bool:
            new = insert(connection, token).values(values).on_conflict_do_nothing().returning(token.c.name)
            return connection.scalar(new) is not None

        return await self._database.write(work)

    async def tokens(self) -> Sequence[Token]:
        query = select(token).order_by(token.c.name)
        return await self._database.read(lambda connection: [_as_token(row, row.role) for row in connection.execute(query)])

    async def token(self, key: str) -> Token | None:
        query = (
            select(token, account.c.role.label("role_of_person"))
            .outerjoin(account, (account.c.name == token.c.person) & account.c.closed.is_(False))
            .where(token.c.key == key, token.c.revoked_at.is_(None))
        )
        row = await self._database.read(lambda connection: connection.execute(query).first())
        if row is None or (row.person and row.role_of_person is None):
            return None
        return _as_token(row, row.role or row.role_of_person)

    async def revoke(self, name: str, at: dt.datetime) -> bool:
        mine = update(token).where(token.c.name == name, token.c.revoked_at.is_(None)).values(revoked_at=at)
        return await self._database.write(lambda connection: connection.execute(mine).rowcount > 0)


class SqlAnswerStore:
    """The port AnswerStore in the database of the tickets. Answers may have a caller's number in them, so they lie there encrypted."""

    def __init__(self, database: Database, key: DataKey) -> None:
        self._database = database
        self._key = key

    async def begin(self, new: Begun, *, forgotten_before: dt.datetime, unfinished_before: dt.datetime) -> Answer | None:
        mine = program_answer.c.token == new.token, program_answer.c.key == new.key

        def work(connection: Connection) -> Answer | None:
            connection.execute(delete(program_answer).where(program_answer.c.at < forgotten_before))
            given_up = program_answer.c.status.is_(None), program_answer.c.at < unfinished_before
            connection.execute(delete(program_answer).where(*mine, *given_up))
            values = {"token": new.token, "key": new.key, "request": new.request, "at": new.at}
            fresh = insert(connection, program_answer).values(values).on_conflict_do_nothing().returning(program_answer.c.key)
            if connection.scalar(fresh) is not None:
                return None
            row = connection.execute(select(program_answer).where(*mine)).one()
            text = "" if row.answer_enc is None else self._key.decrypt(row.answer_enc)
            return Answer(row.request, row.status, text)

        return await self._database.write(work)

    async def end(self, begun: Begun, status: int, text: str) -> None:
        mine = program_answer.c.token == begun.token, program_answer.c.key == begun.key
        answered = update(program_answer).where(*mine).values(status=status, answer_enc=self._key.encrypt(text))
        await self._database.write(lambda connection: connection.execute(answered))

    async def forget(self, begun: Begun) -> None:
        mine = program_answer.c.token == begun.token, program_answer.c.key == begun.key
        await self._database.write(lambda connection: connection.execute(delete(program_answer).where(*mine)))


def _as_token(row: Row[Any], role: str | None) -> Token:
    return Token(row.name, row.key, row.created_at, row.person or "", Role(role) if role else None, row.revoked_at)
