"""What has changed on the tickets, for the pages that show them: one look at the database a second, for however many pages there are.

Whoever watches asks for a look when the last one is older than that; whoever has just changed something asks for one at once.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

import structlog

from ivr.errors import StoreFailed

LOOK_EVERY = 1.0  # seconds
REMEMBERED = 300  # changes; whoever has missed more is told that everything may have changed
_TICK = 0.2

EVERYTHING = frozenset({"*"})

_log = structlog.get_logger(__name__)

Look = Callable[[], Awaitable[Mapping[str, str]]]
"""The tickets that are not answered, by reference, each with a stamp that is another one after any change."""


class Changes:
    """The changes of all tickets as they are seen. `longest`: seconds after which a watcher is let go, to come back and be known anew."""

    def __init__(self, look: Look, *, every: float = LOOK_EVERY, longest: float = 60.0) -> None:
        self._look = look
        self._every = every
        self._longest = longest
        self._known: Mapping[str, str] | None = None
        self._version = 0
        self._latest: deque[tuple[int, frozenset[str]]] = deque(maxlen=REMEMBERED)
        self._looked_at = float("-inf")
        self._looking = False

    def soon(self) -> None:
        """Somebody has changed something just now."""
        self._looked_at = float("-inf")

    async def watch(self) -> AsyncIterator[frozenset[str]]:
        """The references of tickets that have changed since the last time; at first everything, for what was missed before."""
        loop = asyncio.get_running_loop()
        until, seen = loop.time() + self._longest, self._version
        yield EVERYTHING
        while loop.time() < until:
            await self._look_if_due(loop.time())
            if changed := self._since(seen):
                seen = self._version
                yield changed
            await asyncio.sleep(min(_TICK, self._every))

    async def _look_if_due(self, at: float) -> None:
        if self._looking or at - self._looked_at < self._every:
            return
        self._looking, self._looked_at = True, at
        try:
            stamps = await self._look()
        except StoreFailed as error:
            _log.warning("tickets_not_seen", reason=str(error))
            return
        finally:
            self._looking = False
        before, self._known = self._known, stamps
        if before is not None and (changed := frozenset(dict(before.items() ^ stamps.items()))):
            self._version += 1
            self._latest.append((self._version, changed))

    def _since(self, seen: int) -> frozenset[str]:
        if seen == self._version:
            return frozenset()
        newer = [changed for version, changed in self._latest if version > seen]
        return frozenset().union(*newer) if len(newer) == self._version - seen else EVERYTHING
