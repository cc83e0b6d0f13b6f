"""The agents' desk at the command line: the ticket database opened for one errand, without the engine."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeVar

from adapters.storage.tickets import SqlTicketStore
from adapters.storage.transcripts import SqlTranscriptStore
from ivr.bootstrap.engine import now
from ivr.bootstrap.stores import open_for_an_errand
from ivr.calls.tickets import TicketDesk
from ivr.config import Settings

Result = TypeVar("Result")


def at_desk(settings: Settings, work: Callable[[TicketDesk], Awaitable[Result]]) -> Result:
    """Do one errand. Raises UserError when no line has run here yet."""
    return asyncio.run(at_desk_now(settings, work))


async def at_desk_now(settings: Settings, work: Callable[[TicketDesk], Awaitable[Result]]) -> Result:
    """The same, inside a running loop."""
    async with _store(settings) as store:
        return await work(TicketDesk(store, now, SqlTranscriptStore(store.database, store.key, settings.recordings)))


def audit(settings: Settings) -> tuple[str, ...]:
    """What is wrong with the promises, a sentence each."""

    async def errand() -> tuple[str, ...]:
        async with _store(settings) as store:
            return await store.audit(now())

    return asyncio.run(errand())


@contextlib.asynccontextmanager
async def _store(settings: Settings) -> AsyncIterator[SqlTicketStore]:
    store = await asyncio.to_thread(open_for_an_errand, settings)
    try:
        yield store
    finally:
        store.close()
