"""Transcribing in a process of its own: the port Transcriber.

A recogniser is a program of others that keeps a core busy for seconds. Here it may be as slow as it likes, hang or crash: calls are in
another process, which has precedence, and one that has not answered in time is ended. It is there only while there is something to hear.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from ivr.calls.ports import Transcript
from ivr.errors import TranscriberAway, TranscriberFailed

START_PATIENCE: Final = 120.0  # seconds; it takes two when the machine has nothing else to do
LONGEST_ANSWER: Final = 1 << 20  # bytes
_WORKER: Final = (sys.executable, "-m", "adapters.speech.transcribing_worker")


class TranscribingProcess:
    """The port Transcriber, by a program that speaks the language of `transcribing_worker`. One question at a time."""

    def __init__(self, program: Sequence[str], languages: Collection[str] | None, *, start_patience: float = START_PATIENCE) -> None:
        self._program = tuple(program)
        self._start_patience = start_patience
        self._process: asyncio.subprocess.Process | None = None
        self.languages = languages

    @property
    def pid(self) -> int | None:
        """The process, while it is there."""
        return self._process.pid if self._process is not None else None

    async def wake(self) -> None:
        if self._process is not None:
            return
        try:
            self._process = await asyncio.create_subprocess_exec(
                *self._program,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                limit=LONGEST_ANSWER,
                start_new_session=True,  # Ctrl-C is for the engine, which ends it
            )
        except OSError as error:
            raise TranscriberAway(f"its process cannot be started: {error.strerror}") from error
        try:
            told = await self._next_answer(self._start_patience)
        except TranscriberFailed as error:
            raise TranscriberAway(f"its process did not get ready: {error}") from error
        if "ready" not in told:
            await self.rest()
            raise TranscriberAway(str(told.get("broken", "its process speaks another language")))

    async def hear(self, recording: Path, language: str, patience: float) -> Transcript:
        await self.wake()
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"recording": str(recording), "language": language}).encode() + b"\n")
        told = await self._next_answer(patience)
        if "failed" in told:
            raise TranscriberFailed(str(told["failed"]))
        try:
            return Transcript(str(told["text"]), str(told["language"]), float(told["confidence"]), str(told["engine"]))
        except (KeyError, TypeError, ValueError):
            await self.rest()
            raise TranscriberFailed("nonsense") from None

    async def rest(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.communicate()

    async def _next_answer(self, patience: float) -> Mapping[str, Any]:
        """What the process says next. One that says nothing in time, nonsense, or nothing any more, is ended."""
        assert self._process is not None
        assert self._process.stdout is not None
        told: object = None
        try:
            async with asyncio.timeout(patience):
                line = await self._process.stdout.readline()
            told = json.loads(line) if line else None
            reason = "nonsense" if line else "crashed"
        except TimeoutError:
            reason = "too_slow"
        except ValueError:  # no JSON, or a line without an end
            reason = "nonsense"
        except BaseException:
            await self.rest()
            raise
        if not isinstance(told, dict):
            await self.rest()
            raise TranscriberFailed(reason)
        return told


def by_whisper() -> TranscribingProcess:
    """Whisper hears any language."""
    return TranscribingProcess((*_WORKER, "whisper"), None)


def by_vosk(models: Mapping[str, Path]) -> TranscribingProcess:
    """vosk hears those it has a model for, by language."""
    named = (f"{language}={folder}" for language, folder in sorted(models.items()))
    return TranscribingProcess((*_WORKER, "vosk", *named), frozenset(models))
