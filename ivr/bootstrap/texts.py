"""The operators' look at text messages and remembered callers: the database opened for one errand, without the engine."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from adapters.storage.callers import SqlCallerMemory
from adapters.storage.outbox import SqlTextOutbox
from adapters.storage.tickets import SqlTicketStore
from ivr.calls.texts import TextLine, text_lines
from ivr.config import Settings
from ivr.errors import UserError

Result = TypeVar("Result")


def latest_texts(settings: Settings, limit: int) -> tuple[TextLine, ...]:
    """The latest text messages, the newest first. Raises UserError when no line has run here yet."""

    async def errand(store: SqlTicketStore) -> tuple[TextLine, ...]:
        return text_lines(await SqlTextOutbox(store.database, store.key).texts(limit))

    return _with_store(settings, errand)


def forget_caller(settings: Settings, number: str) -> bool:
    """Nothing of this caller is remembered any more; whether there was anything. Raises UserError when no line has run here yet."""
    return _with_store(settings, lambda store: SqlCallerMemory(store.database, store.key).forget(number))


def _with_store(settings: Settings, errand: Callable[[SqlTicketStore], Awaitable[Result]]) -> Result:
    if not settings.database.exists():
        raise UserError(f"there is no database at {settings.database} yet: start the line first (make run), or set IVR_VAR")
    store = SqlTicketStore.open(settings.database, settings.secrets / "data_key", settings.recordings)

    async def run() -> Result:
        return await errand(store)

    try:
        return asyncio.run(run())
    finally:
        store.close()
