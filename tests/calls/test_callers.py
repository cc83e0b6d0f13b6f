"""What a call gets from the memory of callers: an answer in time or none, and never trouble."""

from __future__ import annotations

import asyncio
import datetime as dt

from adapters.memory import MemoryCallers
from ivr.calls.callers import MOST_PENDING, KnownCallers
from ivr.calls.ports import NO_CHOICES, Choices
from ivr.errors import StoreFailed
from tests.contracts.stories import CALLER, MINUTE, NOON

ENGLISH, MANDARIN_SLOWLY = Choices("en-US"), Choices("zh-CN", slower=True)


class Away(MemoryCallers):
    """A database that is away."""

    async def recall(self, caller_id: str) -> Choices:
        raise StoreFailed("away")

    async def remember(self, caller_id: str, choices: Choices, at: dt.datetime) -> None:
        raise StoreFailed("away")


class Slow(MemoryCallers):
    """A database that answers when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.may_go_on = asyncio.Event()

    async def recall(self, caller_id: str) -> Choices:
        await self.may_go_on.wait()
        return await super().recall(caller_id)

    async def remember(self, caller_id: str, choices: Choices, at: dt.datetime) -> None:
        await self.may_go_on.wait()
        await super().remember(caller_id, choices, at)


def test_a_choice_is_remembered_beside_the_call():
    async def story() -> tuple[Choices, Choices]:
        memory = Slow()
        callers = KnownCallers(memory)
        callers.remember(CALLER, ENGLISH, NOON)
        callers.remember(CALLER, MANDARIN_SLOWLY, NOON + MINUTE)
        memory.may_go_on.set()
        await callers.settle()
        await callers.settle()
        return await callers.recall(CALLER), await callers.recall("13900001009")

    assert asyncio.run(story()) == (MANDARIN_SLOWLY, NO_CHOICES)


def test_a_caller_without_a_number_is_nobody():
    async def story() -> Choices:
        memory = MemoryCallers()
        callers = KnownCallers(memory)
        callers.remember("", ENGLISH, NOON)
        await callers.settle()
        assert await memory.recall("") == NO_CHOICES
        return await callers.recall("")

    assert asyncio.run(story()) == NO_CHOICES


def test_a_memory_that_is_away_troubles_no_call():
    async def story() -> Choices:
        callers = KnownCallers(Away())
        callers.remember(CALLER, ENGLISH, NOON)
        await callers.settle()
        return await callers.recall(CALLER)

    assert asyncio.run(story()) == NO_CHOICES


def test_a_caller_does_not_wait_for_a_slow_memory():
    async def story() -> Choices:
        memory = Slow()
        await MemoryCallers.remember(memory, CALLER, ENGLISH, NOON)
        return await KnownCallers(memory, patience=0.01).recall(CALLER)

    assert asyncio.run(story()) == NO_CHOICES


def test_a_memory_that_hangs_is_not_piled_up():
    async def story() -> int:
        memory = Slow()
        callers = KnownCallers(memory)
        numbers = [f"1390000{number:04}" for number in range(MOST_PENDING + 5)]
        for number in numbers:
            callers.remember(number, ENGLISH, NOON)
        memory.may_go_on.set()
        await callers.settle()
        return [await memory.recall(number) for number in numbers].count(ENGLISH)

    assert asyncio.run(story()) == MOST_PENDING
