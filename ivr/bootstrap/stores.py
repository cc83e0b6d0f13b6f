"""The database of tickets, opened as the settings say: by the engine for its lifetime, by a command for one errand."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from adapters.storage.rows import Due
from adapters.storage.tickets import SqlTicketStore, due_by_the_clock
from ivr.config import Settings
from ivr.errors import OutboxFailed, StoreFailed, UserError

Result = TypeVar("Result")


def open_store(settings: Settings, *, exclusive: bool = False, due: Due = due_by_the_clock) -> SqlTicketStore:
    """The store, made if need be. The engine opens it `exclusive`. Raises UserError."""
    key_file = settings.secrets / "data_key"
    return SqlTicketStore.open(
        settings.store,
        key_file,
        settings.recordings,
        exclusive=exclusive,
        due=due,
        hours=settings.calling_hours,
        most_an_hour=settings.callbacks_an_hour,
    )


def open_for_an_errand(settings: Settings) -> SqlTicketStore:
    """The store that a line has made. Raises UserError when none has run here yet."""
    if not settings.database_address and not settings.database.exists():
        raise UserError(f"there is no database at {settings.database} yet: start the line first (make run), or set IVR_VAR")
    return open_store(settings)


def run_errand(settings: Settings, errand: Callable[[SqlTicketStore], Awaitable[Result]]) -> Result:
    """Do it with the store that a line has made. Raises UserError when none has run here yet, or the database fails."""
    store = open_for_an_errand(settings)

    async def run() -> Result:
        return await errand(store)

    try:
        return asyncio.run(run())
    except (StoreFailed, OutboxFailed) as error:
        raise UserError(str(error)) from error
    finally:
        store.close()
