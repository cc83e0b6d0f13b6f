"""What a line remembers of who calls, so that a caller who chose a language hears it again, and who asked for it is spoken to slower.

No call waits for it, and none fails by it.
"""

from __future__ import annotations

import asyncio
import datetime as dt

import structlog

from ivr.calls.ports import NO_CHOICES, CallerMemory, Choices
from ivr.errors import StoreFailed

PATIENCE = 0.3  # seconds that a caller may wait for the first word because of this
MOST_PENDING = 100  # choices not written yet; more are lost, which costs a caller one key in the next call

_log = structlog.get_logger(__name__)


class KnownCallers:
    """The port CallerMemory as calls use it: quick or not at all. A caller who withholds the number ("") is never remembered."""

    def __init__(self, memory: CallerMemory, *, patience: float = PATIENCE) -> None:
        self._memory = memory
        self._patience = patience
        self._pending: set[asyncio.Task[None]] = set()

    async def recall(self, caller_id: str) -> Choices:
        """What this caller chose last; NO_CHOICES when nothing is known, or nothing can be learnt in time."""
        if not caller_id:
            return NO_CHOICES
        try:
            async with asyncio.timeout(self._patience):
                return await self._memory.recall(caller_id)
        except (StoreFailed, TimeoutError) as error:
            _log.warning("caller_not_recalled", reason=type(error).__name__)
            return NO_CHOICES

    def remember(self, caller_id: str, choices: Choices, at: dt.datetime) -> None:
        """Write it down beside the call."""
        if not caller_id:
            return
        if len(self._pending) >= MOST_PENDING:
            _log.warning("caller_not_remembered", reason="too many at once")
            return
        task = asyncio.get_running_loop().create_task(self._remember(caller_id, choices, at))
        self._pending.add(task)
        task.add_done_callback(self._pending.discard)

    async def settle(self) -> None:
        """Wait until all is written."""
        while self._pending:
            await asyncio.wait(tuple(self._pending))

    async def _remember(self, caller_id: str, choices: Choices, at: dt.datetime) -> None:
        try:
            await self._memory.remember(caller_id, choices, at)
        except StoreFailed as error:
            _log.warning("caller_not_remembered", reason=str(error))
