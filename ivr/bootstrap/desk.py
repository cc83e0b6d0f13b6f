"""The agents' desk at the command line: the ticket database opened for one errand, without the engine."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import TypeVar

from adapters.storage.spool import FileSpool
from adapters.storage.tickets import SqlTicketStore
from adapters.storage.transcripts import SqlTranscriptStore
from ivr.bootstrap.auditing import audit_all, promised_calls
from ivr.bootstrap.engine import now
from ivr.bootstrap.stores import open_for_an_errand
from ivr.calls.ports import Statement, Ticket, TicketEvent
from ivr.calls.tickets import TicketDesk
from ivr.config import Settings
from ivr.desk.programs import tickets_of
from ivr.desk.statements import Days

Result = TypeVar("Result")


def at_desk(settings: Settings, work: Callable[[TicketDesk], Awaitable[Result]]) -> Result:
    """Do one errand. Raises UserError when no line has run here yet."""
    return asyncio.run(at_desk_now(settings, work))


async def at_desk_now(settings: Settings, work: Callable[[TicketDesk], Awaitable[Result]]) -> Result:
    """The same, inside a running loop."""
    async with _store(settings) as store:
        return await work(_desk(settings, store))


def audit(settings: Settings) -> tuple[str, ...]:
    """What is wrong with the promises, a sentence each."""

    async def errand() -> tuple[str, ...]:
        async with _store(settings) as store:
            return await audit_all(settings, store, FileSpool(settings.spool), now())

    return asyncio.run(errand())


def statement(settings: Settings, since: dt.datetime, until: dt.datetime) -> Statement:
    """Every promise of that time. What callers were told is read in the journal, what the database does not have yet in the spool."""
    named = promised_calls(settings, since, until)

    async def errand() -> Statement:
        async with _store(settings) as store:
            return await store.statement(since, until, now(), named)

    return asyncio.run(errand())


def tickets_of_days(settings: Settings, days: Days) -> Sequence[Ticket]:
    """The tickets whose first call was on those days."""

    async def errand() -> Sequence[Ticket]:
        async with _store(settings) as store:
            return await tickets_of(store, days)

    return asyncio.run(errand())


def history(settings: Settings, reference: str) -> tuple[TicketEvent, ...]:
    """All that happened to a ticket. Raises UnknownTicket."""

    async def errand() -> tuple[TicketEvent, ...]:
        async with _store(settings) as store:
            return await store.history(reference)

    return asyncio.run(errand())


def _desk(settings: Settings, store: SqlTicketStore) -> TicketDesk:
    return TicketDesk(store, now, SqlTranscriptStore(store.database, store.key, settings.recordings))


@contextlib.asynccontextmanager
async def _store(settings: Settings) -> AsyncIterator[SqlTicketStore]:
    store = await asyncio.to_thread(open_for_an_errand, settings)
    try:
        yield store
    finally:
        store.close()
