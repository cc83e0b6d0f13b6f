"""One reading for all who ask at the same time, and nobody is told less than was known when they asked.

Whoever asks while a reading is under way does not get that one, which may have begun before what they want to see: they get the next, with
everybody else who asks meanwhile. No clock is needed for it, and nothing is kept that could be out of date.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

Found = TypeVar("Found")


class Together(Generic[Found]):
    """A reading that is shared. However many ask, one is under way, and at most one comes after it."""

    def __init__(self, read: Callable[[], Awaitable[Found]]) -> None:
        self._read = read
        self._under_way: asyncio.Task[Found] | None = None
        self._next: asyncio.Task[Found] | None = None

    async def __call__(self) -> Found:
        """What is found from now on. Raises what reading raises; who goes away leaves it to the others."""
        if self._next is None:
            self._next = asyncio.create_task(self._after(self._under_way))
            self._next.add_done_callback(_seen)
        return await asyncio.shield(self._next)

    async def _after(self, before: asyncio.Task[Found] | None) -> Found:
        try:
            if before is not None:
                await asyncio.wait([before])
        finally:
            mine, self._next = self._next, None  # whoever asks from here on may want to see what this reading does not
        self._under_way = mine
        try:
            return await self._read()
        finally:
            if self._under_way is mine:
                self._under_way = None


def _seen(task: asyncio.Task[Found]) -> None:
    """All who asked may have gone away: then a failure is nobody's."""
    if not task.cancelled():
        task.exception()
