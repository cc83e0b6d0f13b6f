"""The journal of calls as JSON lines, one file a day, written by a thread of its own.

A call never waits for the journal: entries go into a bounded queue, and when the disk is slower than the calls, or full, entries are
dropped and counted. A line that a crash or a full disk has cut off costs itself and no other.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import queue
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import structlog

log = structlog.get_logger(__name__)

_SESSION = re.compile(r'\{"session": "([^"]{1,64})"')
LONGEST_QUEUE = 10_000


def _utc_now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


class JsonLinesJournal:
    """The port Journal in a folder: `2026-03-05.jsonl` and so on (UTC days), each line with `session` first. `dropped` counts losses."""

    def __init__(self, folder: Path, *, clock: Callable[[], dt.datetime] = _utc_now, longest_queue: int = LONGEST_QUEUE) -> None:
        self.dropped = 0
        self._folder = folder
        self._clock = clock
        self._queue: queue.Queue[str | None] = queue.Queue(longest_queue)
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)
        self._thread.start()

    def write(self, session: str, entry: Mapping[str, object]) -> None:
        """Queue it. Never blocks, never raises; what cannot be kept is counted."""
        try:
            line = json.dumps({"session": session, **entry}, ensure_ascii=False, default=str)
            self._queue.put_nowait(line + "\n")
        except (queue.Full, TypeError, ValueError, RecursionError):
            self.dropped += 1

    def close(self, patience: float = 5.0) -> None:
        """Write what is queued, at most for `patience` seconds."""
        try:
            self._queue.put(None, timeout=patience)
        except queue.Full:
            return
        self._thread.join(patience)

    def _run(self) -> None:
        while (line := self._queue.get()) is not None:
            lines = [line]
            while len(lines) < 1000 and not self._queue.empty():
                more = self._queue.get()
                if more is None:
                    self._append(lines)
                    return
                lines.append(more)
            self._append(lines)

    def _append(self, lines: list[str]) -> None:
        data = "".join(lines).encode("utf-8", "replace")
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            path = self._folder / f"{self._clock().astimezone(dt.UTC):%Y-%m-%d}.jsonl"
            descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
            try:
                data = (b"\n" if _torn(descriptor) else b"") + data
                if os.write(descriptor, data) < len(data):
                    raise OSError("the disk took a part only")
            finally:
                os.close(descriptor)
        except (OSError, ValueError) as error:
            if not self.dropped:
                log.warning("journal_not_written", reason=str(error))
            self.dropped += len(lines)


def read_journal(folder: Path, session: str) -> Iterator[Mapping[str, object]]:
    """The entries of one call, in the order in which they were written; a line cut off by a crash is left out."""
    for path in sorted(folder.glob("*.jsonl")):
        with path.open(encoding="utf-8", errors="replace") as file:
            for line in file:
                try:
                    entry = json.loads(line)
                except ValueError:
                    continue
                if isinstance(entry, dict) and entry.get("session") == session:
                    yield entry


def sessions_in(folder: Path) -> tuple[str, ...]:
    """The calls that the journal knows, the latest last."""
    found: dict[str, None] = {}
    for path in sorted(folder.glob("*.jsonl")):
        with path.open(encoding="utf-8", errors="replace") as file:
            for line in file:
                if match := _SESSION.match(line):
                    found.pop(match[1], None)
                    found[match[1]] = None
    return tuple(found)


def _torn(descriptor: int) -> bool:
    """Whether the file ends in the middle of a line."""
    size = os.fstat(descriptor).st_size
    return size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
