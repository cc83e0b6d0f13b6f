"""The journal read while it is written: what calls do now, for somebody who watches one."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

_MOST = 1024 * 1024  # bytes of one look: a watcher who is behind catches up in steps


class JournalTail:
    """What is appended to the journal in a folder after this has been made, and before that so many bytes of each of the latest files."""

    def __init__(self, folder: Path, *, before: int = 0, files: int = 2) -> None:
        self._folder = folder
        paths = sorted(folder.glob("*.jsonl"))
        back = dict.fromkeys(paths[-files:], before)
        self._read = {path: max(path.stat().st_size - back.get(path, 0), 0) for path in paths}

    def entries(self, session: str) -> Iterator[Mapping[str, Any]]:
        """The entries of that call since the last look; what others wrote is passed by. A line is told when it is whole."""
        begins = f'{{"session": "{session}"'.encode()
        for path in sorted(self._folder.glob("*.jsonl")):
            for line in self._new_lines(path):
                if line.startswith(begins):
                    try:
                        entry = json.loads(line)
                    except ValueError:
                        continue
                    yield entry

    def all_entries(self) -> Iterator[Mapping[str, Any]]:
        """The entries of all calls since the last look."""
        for path in sorted(self._folder.glob("*.jsonl")):
            while lines := self._new_lines(path):
                for line in lines:
                    try:
                        entry = json.loads(line)
                    except ValueError:
                        continue
                    if isinstance(entry, dict):
                        yield entry

    def _new_lines(self, path: Path) -> list[bytes]:
        with path.open("rb") as file:
            file.seek(self._read.get(path, 0))
            whole = file.read(_MOST).rpartition(b"\n")[0]
        if not whole:
            return []
        self._read[path] = self._read.get(path, 0) + len(whole) + 1
        return whole.split(b"\n")
