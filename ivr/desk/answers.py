"""Requests that a program may make twice: under one key a thing is done once, and the second answer is the first one again."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import Protocol

REMEMBERED = dt.timedelta(days=1)
UNFINISHED = dt.timedelta(minutes=1)  # then whoever did it has died, and it may be done again


@dataclass(frozen=True, slots=True)
class Begun:
    """A request that is being done. `request` is a hash of all of it, so that one key is not used for two things."""

    token: str
    key: str
    request: str
    at: dt.datetime


@dataclass(frozen=True, slots=True)
class Answer:
    """What was answered to an earlier request of that key. `status` is None while it is being done."""

    request: str
    status: int | None
    text: str = field(repr=False)


class AnswerStore(Protocol):
    """Where answers are kept for a while. Its methods raise StoreFailed."""

    async def begin(self, new: Begun, *, forgotten_before: dt.datetime, unfinished_before: dt.datetime) -> Answer | None:
        """None when the request is to be done now; else what came of the earlier one of that key."""

    async def end(self, begun: Begun, status: int, text: str) -> None:
        """It has been done."""

    async def forget(self, begun: Begun) -> None:
        """Nothing was done: it may be tried again under the same key."""
