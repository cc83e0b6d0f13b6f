"""Calls from the telephone in the browser, as the console and the dialplan tell each other of them: two small files each.

    <call>.caller       by the console, before the call: the number that calls, or nothing for one who withholds it
    <call>.session      by the dialplan, when the call is there: its session, under which the journal tells of it

A call that the console has not written down is refused by the dialplan, and so is one that has been placed already: who can reach the
WebSocket can place the calls that the console has let them, as the caller that the console has let them be, and nothing else.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import time
from pathlib import Path

FORGOTTEN = 3600.0  # seconds
UNUSED = 120.0  # after which a call that was not placed cannot be placed any more
_CALL = re.compile(r"[a-z0-9]{32}")
_CALLER = re.compile(r"[0-9]{0,20}")
_SESSION = re.compile(r"[0-9a-f-]{36}")


class BrowserCalls:
    """The folder of these files."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def write_down(self, caller: str) -> str:
        """Let one call be placed, by that number; the name of the call, which is known to nobody else. Raises OSError."""
        assert _CALLER.fullmatch(caller)
        self._tidy()
        call = secrets.token_hex(16)
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with os.fdopen(
            os.open(self._folder / f"{call}.caller", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii"
        ) as file:
            file.write(caller)
        return call

    def session(self, call: str) -> str:
        """The session of a call; "" as long as it has none."""
        if not _CALL.fullmatch(call):
            return ""
        try:
            told = (self._folder / f"{call}.session").read_text(encoding="ascii").strip()
        except (FileNotFoundError, UnicodeDecodeError):
            return ""
        return told if _SESSION.fullmatch(told) else ""

    def _tidy(self) -> None:
        now = time.time()
        for path in self._folder.glob("*.*"):
            with contextlib.suppress(FileNotFoundError):
                placed = path.with_suffix(".session").exists()
                if now - path.stat().st_mtime > (FORGOTTEN if placed else UNUSED):
                    path.unlink()
