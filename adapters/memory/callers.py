"""What is remembered of callers, in memory."""

from __future__ import annotations

import datetime as dt

from ivr.calls.ports import (
    NO_CHOICES,
    Choices,
)


class MemoryCallers:
    """What is remembered of callers, in a dictionary."""

    def __init__(self) -> None:
        self._chosen: dict[str, tuple[dt.datetime, Choices]] = {}

    async def recall(self, caller_id: str) -> Choices:
        return self._chosen[caller_id][1] if caller_id in self._chosen else NO_CHOICES

    async def remember(self, caller_id: str, choices: Choices, at: dt.datetime) -> None:
        if caller_id not in self._chosen or self._chosen[caller_id][0] <= at:
            self._chosen[caller_id] = (at, choices)

    async def forget(self, caller_id: str) -> bool:
        return self._chosen.pop(caller_id, None) is not None
