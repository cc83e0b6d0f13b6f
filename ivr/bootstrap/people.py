"""The people of the desk: the database opened for one errand at the gate, or for as long as the console runs."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeVar

from adapters.console.passwords import Argon2Passwords
from adapters.console.ports import Registration
from adapters.storage.accounts import SqlAccountStore
from adapters.telephony.asterisk_config import secret
from adapters.telephony.seats import password_of, telephone_of
from ivr.bootstrap.stores import open_store
from ivr.calls.tickets import LINE_ZONE
from ivr.config import Settings
from ivr.desk.gate import Gate, new_password
from ivr.desk.people import Action, Role
from ivr.errors import UserError

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


class SeatsOfPeople:
    """The port SeatTelephones."""

    def __init__(self, settings: Settings, accounts: SqlAccountStore) -> None:
        self._settings = settings
        self._accounts = accounts

    async def registration(self, name: str, *, web: bool) -> Registration | None:
        if (seat := await self._accounts.seat_of(name)) is None:
            return None
        user = telephone_of(seat, web=web)
        server = f"{self._settings.host}:{self._settings.sip_port}"
        return Registration(server, user, password_of(secret(self._settings, "agent"), user))


def tell_telephone(settings: Settings, name: str, actor: str) -> Registration:
    """The telephone of somebody's seat, which is written down. Raises UserError when they have none."""

    async def errand(gate: Gate, store: SqlAccountStore) -> Registration:
        told = await SeatsOfPeople(settings, store).registration(name, web=False)
        if told is None:
            raise UserError(f"{name} has no seat: agents and supervisors have one, as long as there are free ones (IVR_SEATS)")
        await gate.write_down(actor, Action.TELEPHONE_TOLD, told.user, "")
        return told

    return at_gate(settings, errand)


@contextlib.asynccontextmanager
async def people(settings: Settings) -> AsyncIterator[tuple[Gate, SqlAccountStore]]:
    """The gate and what it stands on. Raises UserError."""
    store = await asyncio.to_thread(open_store, settings)
    try:
        accounts = SqlAccountStore(store.database, store.key, settings.seats)
        yield Gate(accounts, Argon2Passwords(), lambda: dt.datetime.now(LINE_ZONE)), accounts
    finally:
        store.close()
