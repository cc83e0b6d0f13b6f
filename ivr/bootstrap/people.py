"""The people of the desk: the database opened for one errand at the gate, or for as long as the console runs."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeVar

from adapters.console.passwords import Argon2Passwords
from adapters.storage.accounts import SqlAccountStore
from ivr.bootstrap.stores import open_store
from ivr.calls.times import LINE_ZONE
from ivr.config import Settings
from ivr.desk.gate import Gate, new_password
from ivr.desk.people import Role

FIRST_ADMIN = "admin"

Result = TypeVar("Result")


def prepare_desk(settings: Settings) -> str:
    """Make the database where there is none, and the first administrator where there is nobody; the password, told this once, or ""."""

    async def errand(gate: Gate, store: SqlAccountStore) -> str:
        if await store.accounts():
            return ""
        password = new_password()
        await gate.add(FIRST_ADMIN, Role.ADMIN, password, "installation")
        return password

    return at_gate(settings, errand)


def at_gate(settings: Settings, work: Callable[[Gate, SqlAccountStore], Awaitable[Result]]) -> Result:
    """Do one errand at the gate of the desk, without the console. Raises UserError."""

    async def errand() -> Result:
        async with people(settings) as (gate, store):
            return await work(gate, store)

    return asyncio.run(errand())


@contextlib.asynccontextmanager
async def people(settings: Settings) -> AsyncIterator[tuple[Gate, SqlAccountStore]]:
    """The gate and what it stands on. Raises UserError."""
    store = await asyncio.to_thread(open_store, settings)
    try:
        accounts = SqlAccountStore(store.database, store.key, settings.seats)
        yield Gate(accounts, Argon2Passwords(), lambda: dt.datetime.now(LINE_ZONE)), accounts
    finally:
        store.close()
