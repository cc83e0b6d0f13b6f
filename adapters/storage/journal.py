"""The journal of calls as JSON lines, one file a day, written by a thread of its own.

A call never waits for the journal: entries go into a bounded queue, and when the disk is slower than the calls, or full, entries are
dropped and counted. A line that a crash or a full disk has cut off costs itself and no other.

An entry is for operators. What a replay needs besides (numbers, answers of the back office) stands in it as `sealed`, encrypted with the
data key by the journal's own thread. Without the key the journal is readable, not replayable.
"""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import json
import os
import queue
import re
import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog

from adapters.storage.durable import sync_folder
from adapters.storage.keys import DataKey
from ivr.errors import StoreFailed

log = structlog.get_logger(__name__)

_SESSION = re.compile(r'\{"session": "([^"]{1,64})"')
LONGEST_QUEUE = 10_000


def _utc_now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


@dataclass(frozen=True, slots=True)
class _Line:
    """One line to write: the entry as JSON, and what is to be sealed into it."""

    text: str
    sealed: Mapping[str, object] | None


class JsonLinesJournal:
    """The port Journal in a folder: `2026-03-05.jsonl` and so on (UTC days), each line with `session` first. `dropped` counts losses.

    Without a key nothing is sealed.
    """

    def __init__(
        self, folder: Path, key: DataKey | None = None, *, clock: Callable[[], dt.datetime] = _utc_now, longest_queue: int = LONGEST_QUEUE
    ) -> None:
        self.dropped = 0
        self._folder = folder
        self._key = key
        self._clock = clock
        self._queue: queue.Queue[_Line | None] = queue.Queue(longest_queue)
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)
        self._thread.start()

    def write(self, session: str, entry: Mapping[str, object], sealed: Mapping[str, object] | None = None) -> None:
        """Queue it. Never blocks, never raises; what cannot be kept is counted."""
        try:
            text = json.dumps({"session": session, **entry}, ensure_ascii=False, default=str)
            self._queue.put_nowait(_Line(text, sealed if self._key else None))
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

    def _append(self, lines: list[_Line]) -> None:
        try:
            data = "".join(map(self._written, lines)).encode("utf-8", "replace")
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

    def _written(self, line: _Line) -> str:
        if line.sealed is None or self._key is None:
            return line.text + "\n"
        try:
            secret = self._key.encrypt(json.dumps(line.sealed, ensure_ascii=False, separators=(",", ":")))
        except (TypeError, ValueError, RecursionError):
            return line.text + "\n"  # readable is better than lost
        return f'{line.text[:-1]}, "sealed": "{base64.b64encode(secret).decode("ascii")}"}}\n'


def unseal(entry: Mapping[str, object], key: DataKey) -> Mapping[str, Any] | None:
    """What was sealed into an entry; None when there is nothing, or nothing that this key opens."""
    try:
        opened = json.loads(key.decrypt(base64.b64decode(str(entry["sealed"]), validate=True)))
    except (KeyError, ValueError, StoreFailed, binascii.Error):
        return None
    return opened if isinstance(opened, dict) else None


def read_journal(folder: Path, session: str, days: Collection[dt.date] | None = None) -> Iterator[Mapping[str, object]]:
    """The entries of one call, in the order in which they were written; a line cut off by a crash is left out.

    `days` are the UTC days in which the call can have been: other files are not read.
    """
    names = None if days is None else {f"{day.isoformat()}.jsonl" for day in days}
    for path in sorted(folder.glob("*.jsonl")):
        if names is not None and path.name not in names:
            continue
        with path.open(encoding="utf-8", errors="replace") as file:
            for line in file:
                if session not in line:
                    continue
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


def read_calls(folder: Path, since: dt.date | None = None) -> Iterator[tuple[str, list[Mapping[str, Any]]]]:
    """All calls with their entries, each when it is over; last those without an end. `since` is a UTC day: earlier files are not read."""
    begun: dict[str, list[Mapping[str, Any]]] = {}
    for path in sorted(folder.glob("*.jsonl")):
        if since is not None and path.stem < since.isoformat():
            continue
        with path.open(encoding="utf-8", errors="replace") as file:
            for line in file:
                try:
                    entry = json.loads(line)
                except ValueError:
                    continue
                if isinstance(entry, dict) and isinstance(session := entry.get("session"), str):
                    begun.setdefault(session, []).append(entry)
                    if "disposition" in entry:
                        yield session, begun.pop(session)
    yield from begun.items()


def forget_caller(folder: Path, key: DataKey, number: str, today: dt.date) -> tuple[int, int]:
    """Remove what was sealed of a caller's calls, so that they can be read but not replayed; how many calls, and how many of `today`.

    A file of today (UTC) is being written, and is left for another day.
    """
    done, left = 0, 0
    for path in sorted(folder.glob("*.jsonl")):
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
        theirs = {session for line in lines if (session := _caller_of(line, key, number)) is not None}
        if path.stem >= today.isoformat():
            left += len(theirs)
        elif theirs:
            done += len(theirs)
            _rewrite(path, [_unsealed(line) if (match := _SESSION.match(line)) and match[1] in theirs else line for line in lines])
    return done, left


def _caller_of(line: str, key: DataKey, number: str) -> str | None:
    """The session of an entry that has that number sealed in it."""
    match = _SESSION.match(line)
    if match is None or '"sealed"' not in line:
        return None
    try:
        sealed = unseal(json.loads(line), key)
    except ValueError:
        return None
    return match[1] if sealed and number in json.dumps(sealed, ensure_ascii=False) else None


def _unsealed(line: str) -> str:
    try:
        entry = json.loads(line)
    except ValueError:
        return line
    entry.pop("sealed", None)
    return json.dumps(entry, ensure_ascii=False)


def _rewrite(path: Path, lines: list[str]) -> None:
    """All of it or nothing."""
    temporary = path.with_suffix(".tmp")
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write("".join(f"{line}\n" for line in lines))
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    sync_folder(path.parent)


def _torn(descriptor: int) -> bool:
    """Whether the file ends in the middle of a line."""
    size = os.fstat(descriptor).st_size
    return size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
