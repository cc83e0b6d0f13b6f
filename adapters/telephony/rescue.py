"""What a caller meets when the engine is away: a beep, their message kept, and the truth about it.

Asterisk runs this as a classic AGI script, a process of its own, spoken to by stdin and stdout:

    python -m adapters.telephony.rescue SPOOL SOUNDS MIN_FREE_BYTES SESSION CALLER DIALLED

It writes the intent before the beep, as the engine does; when the engine is back, its recovery finds both and opens the ticket. It
imports little, because the caller waits while it starts. Whatever it cannot do, it leaves to the dialplan by not setting RESCUE_DONE.
"""

from __future__ import annotations

import datetime as dt
import io
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from asterisk.agi import AGI, AGIException, AGIHangup

from ivr.calls.intents import RESCUE, intent_to_json, recording_name
from ivr.calls.ports import MessageIntent

LONGEST_MESSAGE_MS = 180_000
FINAL_SILENCE_S = 5
SHORTEST_MESSAGE = 16_000  # bytes, 2 s: shorter ones are promised nothing, as in the engine
HIGHEST_COUNT = 9


def main(arguments: Sequence[str]) -> int:
    """Take one message. Returns 0 also when the caller has hung up: that is no error."""
    spool, sounds, min_free_bytes, session, caller_id, dialled = arguments
    # pyst2 writes every line it hears to stderr, the caller's number among them.
    line = AGI(sys.stdin, sys.stdout, io.StringIO())
    rescue = Rescue(line, Path(spool), Path(sounds) / "zh-CN", int(min_free_bytes))
    try:
        rescue.take_message(session, caller_id, dialled)
    except AGIHangup:
        return 0
    except (AGIException, OSError, KeyError, ValueError):
        return 1  # the dialplan sees that RESCUE_DONE is missing
    return 0


class Rescue:
    """One caller without an engine."""

    def __init__(self, line: AGI, spool: Path, sounds: Path, min_free_bytes: int) -> None:
        self._line = line
        self._spool = spool
        self._sounds = sounds
        self._min_free_bytes = min_free_bytes

    def take_message(self, session: str, caller_id: str, dialled: str) -> None:
        """Record, and say that the message is kept only when it is. Raises AGIException, OSError."""
        if shutil.disk_usage(self._spool).free < self._min_free_bytes:
            self._say("rescue_full")
            self._done()
            return
        name = self._write_intent(session, caller_id, dialled)
        recording = self._spool / "recordings" / name
        answer = self._line.execute("RECORD FILE", f'"{recording}"', "alaw", '"#"', LONGEST_MESSAGE_MS, "BEEP", f"s={FINAL_SILENCE_S}")
        self._line.execute("NOOP")  # Asterisk answers before it closes the file; its next answer comes after
        heard, kept = int(answer["endpos"][0]), _size(recording.with_suffix(".alaw"))
        if kept < heard:  # Asterisk calls a recording on a full disk a success
            self._say("rescue_full")
        elif kept >= SHORTEST_MESSAGE:
            self._say("rescue_saved")
        self._done()

    def _write_intent(self, session: str, caller_id: str, dialled: str) -> str:
        """Durably, and under a key that no earlier message has; the recording's name."""
        for count in range(1, HIGHEST_COUNT + 1):
            begun_at = dt.datetime.now(dt.UTC).astimezone()
            channel = self._line.env.get("agi_uniqueid", "")
            intent = MessageIntent(session, RESCUE, count, caller_id, dialled, RESCUE, "zh-CN", begun_at, channel)
            name = recording_name(intent)
            if (self._spool / "recordings" / f"{name}.alaw").exists():
                continue
            try:
                _write_durably(self._spool / "intents" / f"{name}.json", intent_to_json(intent))
            except FileExistsError:
                continue
            return name
        raise FileExistsError(f"session {session} has {HIGHEST_COUNT} rescued messages already")

    def _say(self, name: str) -> None:
        self._line.execute("STREAM FILE", f'"{self._sounds / name}"', '""')

    def _done(self) -> None:
        self._line.execute("SET VARIABLE", "RESCUE_DONE", "1")


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _write_durably(path: Path, text: str) -> None:
    """It is there, whole, after a power cut; or not at all. Raises FileExistsError."""
    new = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.link(new, path)
    finally:
        new.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
