"""A line that records as Asterisk does, and the engine's end of the promise, whole: capture on disk and in the database."""

from __future__ import annotations

import asyncio
import datetime as dt
import multiprocessing
import os
import random
import signal
from collections.abc import Callable, Iterator
from multiprocessing.synchronize import Event
from pathlib import Path

from adapters.memory import FixedClock, MemoryLiveCalls
from adapters.storage.spool import FileSpool
from adapters.storage.tickets import SqlTicketStore
from ivr.calls.capture import Failpoint, MessageCapture, no_failpoint
from ivr.calls.ports import Held, LineCommand, LineEvent, MessageIntent, Recorded
from ivr.calls.recovery import Recovery, RecoveryReport
from ivr.core.commands import TakeMessage
from ivr.core.events import CallerHungUp, CommandFailed, MessageKept, MessageNotKept
from ivr.core.values import Utterance
from tests.contracts.stories import NOON, SPEECH, intent
from tests.databases import new_database

TAKE = TakeMessage("message", 1, "billing", "zh-CN", dt.timedelta(seconds=180), dt.timedelta(seconds=5))
LATER = NOON + dt.timedelta(minutes=10)
KILLS = int(os.environ.get("IVR_KILLS", "10"))  # how many engines die; the default is small enough for every run
_FORK = multiprocessing.get_context("fork")


class RecordingLine:
    """Records `audio`, of which only `on_disk` bytes reach the disk; says that it recorded `samples`."""

    def __init__(
        self,
        folder: Path,
        audio: bytes = SPEECH,
        *,
        samples: int | None = None,
        hung_up: bool = False,
        midway: Callable[[], None] = lambda: None,
    ) -> None:
        self._folder = folder
        self._audio = audio
        self._recorded = Recorded(len(audio) if samples is None else samples, hung_up)
        self._midway = midway
        self.names: list[str] = []

    async def record(self, name: str, max_length: dt.timedelta, final_silence: dt.timedelta) -> Recorded:
        self.names.append(name)
        half = len(self._audio) // 2
        with (self._folder / f"{name}.alaw").open("wb", buffering=0) as file:
            file.write(self._audio[:half])
            self._midway()
            file.write(self._audio[half:])
        return self._recorded

    async def perform(self, command: LineCommand) -> LineEvent:
        return CallerHungUp(NOON)

    async def hold(self, work: asyncio.Future[object], comfort: Utterance | None, comfort_after: dt.timedelta) -> Held:
        return Held("", hung_up=False)


class Site:
    """A machine with a spool and a database, on which engines live and die."""

    def __init__(self, root: Path, kind: str = "sqlite") -> None:
        self.root = root
        self.database = new_database(kind, root)
        self.recordings = root / "spool" / "recordings"
        self.promises = root / "promises"

    def spool(self, failpoint: Failpoint = no_failpoint) -> FileSpool:
        return FileSpool(self.root / "spool", failpoint=failpoint)

    def store(self, failpoint: Failpoint = no_failpoint, *, exclusive: bool = True, busy_milliseconds: int = 2000) -> SqlTicketStore:
        return SqlTicketStore.open(
            self.database,
            self.root / "secrets" / "data_key",
            self.recordings,
            exclusive=exclusive,
            busy_milliseconds=busy_milliseconds,
            failpoint=failpoint,
        )

    def take(
        self,
        audio: bytes = SPEECH,
        *,
        of: MessageIntent | None = None,
        samples: int | None = None,
        hung_up: bool = False,
        failpoint: Failpoint = no_failpoint,
        store: SqlTicketStore | None = None,
        store_deadline: dt.timedelta = dt.timedelta(seconds=2),
    ) -> MessageKept | MessageNotKept | CommandFailed:
        """One engine takes one message and speaks the promise, if it may, into the file of promises."""
        spool = self.spool(failpoint)
        used = store or self.store(failpoint)
        line = RecordingLine(self.recordings, audio, samples=samples, hung_up=hung_up, midway=lambda: failpoint("recording"))
        capture = MessageCapture(used, spool, FixedClock(NOON), 1 << 20, store_deadline=store_deadline, failpoint=failpoint)
        try:
            answer = asyncio.run(capture.take(line, of or intent(), TAKE))
        finally:
            if store is None:
                used.close()
        if isinstance(answer, MessageKept):
            with self.promises.open("a") as file:
                file.write(f"{answer.reference}\n")
                os.fsync(file.fileno())
        return answer

    def recover(self, live: MemoryLiveCalls | None = None, at: dt.datetime = LATER) -> RecoveryReport:
        """A new engine starts and scans."""
        store = self.store()
        try:
            return asyncio.run(Recovery(store, self.spool(), live or MemoryLiveCalls(), FixedClock(at)).scan())
        finally:
            store.close()

    def audit(self) -> tuple[str, ...]:
        store = self.store()
        try:
            return asyncio.run(store.audit(LATER))
        finally:
            store.close()


def kill_at_random(engine: Callable[[Site, int, Event], None], site: Site) -> Iterator[int]:
    """Start engine after engine, and SIGKILL each at a random moment after it says that it is ready; yields after each death."""
    chance = random.Random(20260305)
    for life in range(KILLS):
        ready = _FORK.Event()
        process = _FORK.Process(target=engine, args=(site, life, ready))
        process.start()
        assert ready.wait(30)
        process.join(chance.uniform(0, 0.15))
        assert process.pid is not None
        os.kill(process.pid, signal.SIGKILL)
        process.join(30)
        assert process.exitcode == -signal.SIGKILL
        yield life
