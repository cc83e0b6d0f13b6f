"""What is remembered of a caller from one call to the next."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Choices:
    """What a caller has chosen, in this call and in earlier ones: the language ("" for none), and how to be spoken to."""

    language: str = ""
    slower: bool = False
    louder: bool = False


NO_CHOICES = Choices()


class CallerMemory(Protocol):
    """What is remembered of a caller from one call to the next. Every method raises StoreFailed."""

    async def recall(self, caller_id: str) -> Choices:
        """What this caller chose last; NO_CHOICES when nothing is remembered."""

    async def remember(self, caller_id: str, choices: Choices, at: dt.datetime) -> None:
        """The caller had chosen all of that by then. What was chosen later stays."""

    async def forget(self, caller_id: str) -> bool:
        """Nothing of this caller is remembered any more; whether there was anything."""
