"""The operators' look at text messages and remembered callers: the database opened for one errand, without the engine."""

from __future__ import annotations

from adapters.storage.callers import SqlCallerMemory
from adapters.storage.outbox import SqlTextOutbox
from adapters.storage.tickets import SqlTicketStore
from ivr.bootstrap.stores import run_errand
from ivr.calls.texts import TextLine, text_lines
from ivr.config import Settings


def latest_texts(settings: Settings, limit: int) -> tuple[TextLine, ...]:
    """The latest text messages, the newest first. Raises UserError when no line has run here yet."""

    async def errand(store: SqlTicketStore) -> tuple[TextLine, ...]:
        return text_lines(await SqlTextOutbox(store.database, store.key).texts(limit))

    return run_errand(settings, errand)


def forget_caller(settings: Settings, number: str) -> bool:
    """Nothing of this caller is remembered any more; whether there was anything. Raises UserError when no line has run here yet."""
    return run_errand(settings, lambda store: SqlCallerMemory(store.database, store.key).forget(number))
