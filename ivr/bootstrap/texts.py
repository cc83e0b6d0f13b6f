"""The operators' look at text messages and remembered callers: the database opened for one errand, without the engine."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from adapters.storage.callers import SqlCallerMemory
from adapters.storage.outbox import SqlTextOutbox
from adapters.storage.tickets import SqlTicketStore
from ivr.bootstrap.stores import open_for_an_errand
from ivr.calls.texts import TextLine, text_lines
from ivr.config import Settings

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
    store = open_for_an_errand(settings)

    async def run() -> Result:
        return await errand(store)

    try:
        return asyncio.run(run())
    finally:
        store.close()
