"""A line for tests: it does what a script says, and remembers what it was told."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Callable, Iterable
from pathlib import Path

from adapters.memory import MemorySpool
from ivr.calls.ports import Held, LineCommand, LineEvent, Recorded
from ivr.core.values import Text, Utterance
from ivr.errors import ChannelFailed

Answer = LineEvent | Exception | Callable[[], LineEvent]


class ScriptedChannel:
    """Answers `perform` from `script`, one after the other.

    `hold` waits for the work like a real line; `keys` are pressed meanwhile; with `gone` the caller hangs up once the work has begun.
    `record` puts `speech` into the spool. A second of waiting takes a hundredth here.
    """

    def __init__(
        self, script: Iterable[Answer] = (), *, spool: MemorySpool | None = None, speech: bytes | None = b"", keys: str = ""
    ) -> None:
        self._script = list(script)
        self._spool = spool
        self._speech = speech
        self.keys = keys
        self.gone: asyncio.Event | None = None
        self.hangs_up_after_the_message = False
        self.told: list[LineCommand] = []
        self.comforts: list[str] = []
        self.comforted = asyncio.Event()

    async def perform(self, command: LineCommand) -> LineEvent:
        self.told.append(command)
        answer = self._script.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer() if callable(answer) else answer

    async def hold(self, work: asyncio.Future[object], comfort: Utterance | None, comfort_after: dt.timedelta) -> Held:
        waiting: set[asyncio.Future[object]] = {work}
        if self.gone is not None:
            waiting.add(asyncio.ensure_future(self.gone.wait()))
        done, _ = await asyncio.wait(waiting, timeout=comfort_after.total_seconds() / 100, return_when=asyncio.FIRST_COMPLETED)
        if not done and comfort is not None:
            self.comforts.append("".join(part.text for part in comfort.parts if isinstance(part, Text)))
            self.comforted.set()
        if not done:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        return Held(self.keys, hung_up=self.gone is not None and self.gone.is_set())

    async def record(self, name: str, max_length: dt.timedelta, final_silence: dt.timedelta) -> Recorded:
        assert self._spool is not None
        if self._speech is None:
            raise ChannelFailed("the line cannot record")
        self._spool.files[Path("/memory", f"{name}.alaw")] = self._speech
        return Recorded(len(self._speech), self.hangs_up_after_the_message)
