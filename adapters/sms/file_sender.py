"""A network for one machine: each text message is a line of JSON in a file, to be read with `tail -f`.

It delivers nothing, and stands in where no operator's network is connected. The text is there in full (the file has mode 0600); of the
number only as much as in a log.
"""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path

from ivr.calls.ports import Clock, Sent, TextMessage
from ivr.calls.tickets import mask
from ivr.errors import SendFailed


class FileTextSender:
    """The port TextSender into a file, which is made when the first message comes."""

    def __init__(self, path: Path, clock: Clock) -> None:
        self._path = path
        self._clock = clock

    async def send(self, message: TextMessage) -> Sent:
        told = {
            "at": self._clock().isoformat(timespec="milliseconds"),
            "to": mask(message.to),
            "text": message.text,
            "language": message.language,
            "key": message.key,
        }
        line = json.dumps(told, ensure_ascii=False).encode() + b"\n"
        return Sent(f"file-{await asyncio.to_thread(self._append, line)}")

    def _append(self, line: bytes) -> int:
        """Where the line begins in the file. A part of a line, as a full disk leaves it, is taken back."""
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(self._path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise SendFailed(f"file: {error.strerror}", temporary=True) from error
        try:
            begin = os.lseek(descriptor, 0, os.SEEK_END)
            if os.write(descriptor, line) < len(line):
                os.ftruncate(descriptor, begin)
                raise SendFailed("file: the disk took a part only", temporary=True)
            return begin
        except OSError as error:
            raise SendFailed(f"file: {error.strerror}", temporary=True) from error
        finally:
            os.close(descriptor)
