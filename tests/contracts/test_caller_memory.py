"""What every CallerMemory does, in memory, in SQLite and in PostgreSQL alike."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.memory import MemoryCallers
from adapters.storage.callers import SqlCallerMemory
from adapters.storage.tickets import SqlTicketStore
from ivr.calls.ports import NO_CHOICES, CallerMemory, Choices
from tests.contracts.stories import CALLER, MINUTE, NOON
from tests.databases import KINDS, new_database

OTHER = "13900001009"
ENGLISH, MANDARIN_SLOWLY = Choices("en-US"), Choices("zh-CN", slower=True)


@pytest.fixture(params=["memory", *KINDS])
def callers(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[CallerMemory]:
    if request.param == "memory":
        yield MemoryCallers()
        return
    store = SqlTicketStore.open(
        new_database(request.param, tmp_path), tmp_path / "secrets" / "data_key", Path("/recordings"), exclusive=True
    )
    yield SqlCallerMemory(store.database, store.key)
    store.close()


def test_a_caller_is_known_by_what_they_chose_last(callers: CallerMemory):
    async def story() -> None:
        assert await callers.recall(CALLER) == NO_CHOICES

        await callers.remember(CALLER, ENGLISH, NOON)
        await callers.remember(CALLER, MANDARIN_SLOWLY, NOON + MINUTE)

        assert await callers.recall(CALLER) == MANDARIN_SLOWLY
        assert await callers.recall(OTHER) == NO_CHOICES

    asyncio.run(story())


def test_a_choice_that_is_written_late_does_not_undo_a_later_one(callers: CallerMemory):
    async def story() -> None:
        await callers.remember(CALLER, MANDARIN_SLOWLY, NOON + MINUTE)
        await callers.remember(CALLER, ENGLISH, NOON)

        assert await callers.recall(CALLER) == MANDARIN_SLOWLY

    asyncio.run(story())


def test_a_caller_can_be_forgotten(callers: CallerMemory):
    async def story() -> None:
        await callers.remember(CALLER, ENGLISH, NOON)
        await callers.remember(OTHER, ENGLISH, NOON)

        assert await callers.forget(CALLER)
        assert not await callers.forget(CALLER)

        assert await callers.recall(CALLER) == NO_CHOICES
        assert await callers.recall(OTHER) == ENGLISH

    asyncio.run(story())
