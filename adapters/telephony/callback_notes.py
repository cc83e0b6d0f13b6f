"""The port CallNotes: a file for each call back, to which the dialplan (context `note`) appends a line for whatever it does.

    1772683200123 end BUSY 17

The time is in milliseconds. A line that is not like this is left out: a disk that was full in the middle of one is no end of a call.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import re
from pathlib import Path

from ivr.calls.ports import CallNote, NoteKind

_CHANNEL = re.compile(r"cb-[0-9]{1,18}-[0-9]{1,9}")
_LINE = re.compile(r"(\d{13}) ([a-z_]+)(?: ([A-Z]*) (\d{0,3}))?")
_LONGEST = 16 * 1024


class CallbackNotes:
    """The folder of these files."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def begin(self, channel_id: str) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self._file(channel_id)
        for old in (path, path.with_name(f"{path.name}.gone")):
            old.unlink(missing_ok=True)
        path.touch(mode=0o600)  # Asterisk adds lines to a file that is there

    def read(self, channel_id: str) -> tuple[CallNote, ...]:
        try:
            with self._file(channel_id).open(encoding="ascii", errors="replace") as file:
                lines = file.read(_LONGEST).splitlines()
        except FileNotFoundError:
            return ()
        return tuple(note for line in lines if (note := _note(line)) is not None)

    def done(self, channel_id: str) -> None:
        with contextlib.suppress(OSError):
            self._file(channel_id).unlink(missing_ok=True)

    def tidy(self, before: dt.datetime) -> None:
        with contextlib.suppress(OSError):
            for path in self._folder.iterdir():
                if path.stat().st_mtime < before.timestamp():
                    path.unlink(missing_ok=True)

    def _file(self, channel_id: str) -> Path:
        if not _CHANNEL.fullmatch(channel_id):
            raise ValueError("the channel of a call back is named cb-<ticket>-<number>")
        return self._folder / channel_id


def _note(line: str) -> CallNote | None:
    found = _LINE.fullmatch(line)
    if found is None or found[2] not in list(NoteKind):
        return None
    at = dt.datetime.fromtimestamp(int(found[1]) / 1000, dt.UTC)
    return CallNote(at, NoteKind(found[2]), found[3] or "", int(found[4] or 0))
