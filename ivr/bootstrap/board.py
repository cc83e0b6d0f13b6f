"""What supervisors' and operators' pages stand on: the line that runs here, watched through its journal, its files and its database."""

from __future__ import annotations

import asyncio
import datetime as dt
import shutil
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from adapters.console.ports import BoardPages
from adapters.storage.journal_tail import JournalTail
from adapters.storage.outbox import SqlTextOutbox
from adapters.storage.recordings import wav
from adapters.storage.tickets import SqlTicketStore
from adapters.storage.versions import VersionStore
from ivr.bootstrap.auditing import promised_calls
from ivr.bootstrap.engine import now
from ivr.bootstrap.flow_pictures import PublishedLines
from ivr.bootstrap.publishing import engine_lives
from ivr.bootstrap.seats import queue_of
from ivr.calls.live import CallsUp, CallUp
from ivr.calls.ports import Clock, Statement
from ivr.calls.times import LINE_ZONE
from ivr.config import Settings
from ivr.desk.board import Machine, Part, QueueNow, SharedReading, day_of
from ivr.desk.statements import Days
from ivr.desk.supervising import Supervision

LOOKED_BACK = 4 * 1024 * 1024  # bytes of the journal in which a call that is up when the console starts has begun
MISSING_FRESH = dt.timedelta(minutes=1)  # the whole journal of the day is read for it
ALIVE = dt.timedelta(seconds=8)
ON_ITS_WAY = dt.timedelta(minutes=1)  # a promise of this moment may not be written everywhere yet


def board_pages(settings: Settings, store: SqlTicketStore) -> BoardPages:
    """The pages' part of the console."""
    outbox = SqlTextOutbox(store.database, store.key)
    watch, ledger = LineWatcher(settings, store, now), LedgerStatements(settings, store)
    desk = Supervision(store, store, store, watch, ledger, outbox, now)
    return BoardPages(desk, PublishedLines(settings, now))


class Recordings:
    """The port Recordings."""

    def __init__(self, store: SqlTicketStore) -> None:
        self._store = store

    async def wav(self, reference: str, number: int) -> bytes:
        return wav(await self._store.audio(reference, number))


class LedgerStatements:
    """The port Statements: the ledger, with what callers were told by the journal and the spool."""

    def __init__(self, settings: Settings, store: SqlTicketStore) -> None:
        self._settings = settings
        self._store = store

    async def statement(self, days: Days, at: dt.datetime) -> Statement:
        told = await asyncio.to_thread(promised_calls, self._settings, days.since, days.until)
        return await self._store.statement(days.since, days.until, at, told)


class LineWatcher:
    """The port LineWatch on the line that runs here."""

    def __init__(self, settings: Settings, store: SqlTicketStore, clock: Clock) -> None:
        self._settings = settings
        self._store = store
        self._clock = clock
        self._versions = VersionStore(settings.versions)
        self._calls = CallsUp()
        self._queue = queue_of(settings)
        self._tail: JournalTail | None = None
        self._looking = threading.Lock()
        self._missing = SharedReading(self._missing_today, clock, MISSING_FRESH)

    async def calls(self) -> Sequence[CallUp]:
        return await asyncio.to_thread(self._look)

    async def queue(self) -> QueueNow | None:
        return await self._queue.now()

    async def machine(self, at: dt.datetime) -> Machine:
        beats = [("engine", self._settings.heartbeat), ("console", self._settings.console_heartbeat)]
        if self._settings.recogniser != "none":
            beats.insert(1, ("ears", self._settings.ears_heartbeat))
        parts = tuple(_part(name, path, at) for name, path in beats)
        free = (await asyncio.to_thread(shutil.disk_usage, self._settings.var)).free
        return Machine(parts, free, self._settings.min_free_bytes, await self._missing.get())

    def _look(self) -> Sequence[CallUp]:
        with self._looking:
            if self._tail is None:
                self._tail = JournalTail(self._settings.var / "journal", before=LOOKED_BACK)
            self._calls.see(self._tail.all_entries())
            self._calls.forget(self._clock())
            return self._calls.up(self._counted())

    def _counted(self) -> Mapping[str, int]:
        """How many calls the engine has on each version; none when it does not live."""
        lines = self._versions.live().get("lines", {}) if engine_lives(self._settings) else {}
        return {f"{line}@{number}": int(count) for line, told in lines.items() for number, count in told.get("calls", {}).items()}

    async def _missing_today(self, at: dt.datetime) -> tuple[str, ...]:
        today, until = day_of(at, LINE_ZONE), at - ON_ITS_WAY
        told = await asyncio.to_thread(promised_calls, self._settings, today, until)
        return (await self._store.statement(until, until, at, told)).missing


def _part(name: str, heartbeat: Path, at: dt.datetime) -> Part:
    try:
        silent = max(at - dt.datetime.fromtimestamp(heartbeat.stat().st_mtime, dt.UTC), dt.timedelta(0))
    except FileNotFoundError:
        return Part(name, None, alive=False)
    return Part(name, silent, alive=silent < ALIVE)
