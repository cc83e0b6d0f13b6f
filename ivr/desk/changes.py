"""What has changed on the tickets, for the pages that show them: one look at the database a second, for however many pages there are.

Whoever watches asks for a look when the last one is older than that; whoever has just changed something asks for one at once. When changes
follow each other closely, looks do not: after each one the database has four times as long for other work, and at
most a second: looks take a fifth of the time as long as each is done within a quarter of a second, and more when they take longer.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

import structlog

from ivr.errors import StoreFailed

LOOK_EVERY = 1.0  # seconds
REST = 4  # times as long as a look took nobody looks again, within LOOK_EVERY
REMEMBERED = 300  # changes; whoever has missed more is told that everything may have changed
_TICK = 0.2

EVERYTHING = frozenset({"*"})

_log = structlog.get_logger(__name__)

Look = Callable[[], Awaitable[Mapping[str, str]]]
"""The tickets that are not answered, by reference, each with a stamp that is another one after any change."""


class Changes:
    """The changes of all tickets as they are seen. `longest`: seconds after which a watcher is let go, to come back and be known anew."""

    def __init__(
        self, look: Look, *, every: float = LOOK_EVERY, longest: float = 60.0, timer: Callable[[], float] = time.monotonic
    ) -> None:
        self._look = look
        self._every = every
        self._longest = longest
        self._timer = timer
        self._known: Mapping[str, str] | None = None
        self._version = 0
        self._latest: deque[tuple[int, frozenset[str]]] = deque(maxlen=REMEMBERED)
        self._looked_at = self._rests_until = float("-inf")
        self._looking = False

    def soon(self) -> None:
        """Somebody has changed something just now."""
        self._looked_at = float("-inf")

    async def watch(self) -> AsyncIterator[frozenset[str]]:
        """The references of tickets that have changed since the last time; at first everything, for what was missed before."""
        until, seen = self._timer() + self._longest, self._version
        yield EVERYTHING
        while (now := self._timer()) < until:
            await self._look_if_due(now)
            if changed := self._since(seen):
                seen = self._version
                yield changed
            await asyncio.sleep(min(_TICK, self._every))

    async def _look_if_due(self, at: float) -> None:
        if self._looking or at < self._rests_until or at - self._looked_at < self._every:
            return
        self._looking, self._looked_at = True, at
        try:
            stamps = await self._look()
        except StoreFailed as error:
            _log.warning("tickets_not_seen", reason=str(error))
            return
        finally:
            self._looking = False
            took = self._timer() - at
            self._rests_until = at + took + min(REST * took, self._every)
        before, self._known = self._known, stamps
        if before is not None and (changed := frozenset(dict(before.items() ^ stamps.items()))):
            self._version += 1
            self._latest.append((self._version, changed))

    def _since(self, seen: int) -> frozenset[str]:
        if seen == self._version:
            return frozenset()
        newer = [changed for version, changed in self._latest if version > seen]
        return frozenset().union(*newer) if len(newer) == self._version - seen else EVERYTHING
