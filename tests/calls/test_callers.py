"""What a call gets from the memory of callers: an answer in time or none, and never trouble."""

from __future__ import annotations

import asyncio
import datetime as dt

from adapters.memory import MemoryCallers
from ivr.calls.callers import MOST_PENDING, KnownCallers
from ivr.errors import StoreFailed
from tests.contracts.stories import CALLER, MINUTE, NOON


class Away(MemoryCallers):
    """A database that is away."""

    async def language(self, caller_id: str) -> str:
        raise StoreFailed("away")

    async def remember(self, caller_id: str, language: str, at: dt.datetime) -> None:
        raise StoreFailed("away")


class Slow(MemoryCallers):
    """A database that answers when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.may_go_on = asyncio.Event()

    async def language(self, caller_id: str) -> str:
        await self.may_go_on.wait()
        return await super().language(caller_id)

    async def remember(self, caller_id: str, language: str, at: dt.datetime) -> None:
        await self.may_go_on.wait()
        await super().remember(caller_id, language, at)


def test_a_choice_is_remembered_beside_the_call():
    async def story() -> tuple[str, str]:
        memory = Slow()
        callers = KnownCallers(memory)
        callers.remember(CALLER, "en-US", NOON)
        callers.remember(CALLER, "zh-CN", NOON + MINUTE)
        memory.may_go_on.set()
        await callers.settle()
        await callers.settle()
        return await callers.language(CALLER), await callers.language("13900001009")

    assert asyncio.run(story()) == ("zh-CN", "")


def test_a_caller_without_a_number_is_nobody():
    async def story() -> str:
        memory = MemoryCallers()
        callers = KnownCallers(memory)
        callers.remember("", "en-US", NOON)
        await callers.settle()
        assert await memory.language("") == ""
        return await callers.language("")

    assert asyncio.run(story()) == ""


def test_a_memory_that_is_away_troubles_no_call():
    async def story() -> str:
        callers = KnownCallers(Away())
        callers.remember(CALLER, "en-US", NOON)
        await callers.settle()
        return await callers.language(CALLER)

    assert asyncio.run(story()) == ""


def test_a_caller_does_not_wait_for_a_slow_memory():
    async def story() -> str:
        memory = Slow()
        await MemoryCallers.remember(memory, CALLER, "en-US", NOON)
        return await KnownCallers(memory, patience=0.01).language(CALLER)

    assert asyncio.run(story()) == ""


def test_a_memory_that_hangs_is_not_piled_up():
    async def story() -> int:
        memory = Slow()
        callers = KnownCallers(memory)
        numbers = [f"1390000{number:04}" for number in range(MOST_PENDING + 5)]
        for number in numbers:
            callers.remember(number, "en-US", NOON)
        memory.may_go_on.set()
        await callers.settle()
        return [await memory.language(number) for number in numbers].count("en-US")

    assert asyncio.run(story()) == MOST_PENDING
