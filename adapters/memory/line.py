"""A line in memory: a clock that stands still, silence for speech, a journal and a back office in dictionaries."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

from ivr.calls.answers import conform, conform_arguments
from ivr.calls.ports import (
    Part,
)
from ivr.core.values import LookupSignature, Utterance, Value
from ivr.errors import BackOfficeFailed


class FixedClock:
    """A clock that stands still until it is moved."""

    def __init__(self, now: dt.datetime) -> None:
        self.now = now

    def __call__(self) -> dt.datetime:
        return self.now

    def move(self, by: dt.timedelta) -> None:
        """Forward, or back."""
        self.now += by


class SilentVoice:
    """Says everything as one short file of silence in the folder given."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "silence.alaw"

    async def begin(self, utterance: Utterance) -> Part:
        return Part(await self.file_for(utterance))

    async def file_for(self, utterance: Utterance) -> Path:
        if not self._file.exists():
            self._file.write_bytes(b"\xd5" * 160)
        return self._file


class MemoryJournal:
    """Keeps every entry, in order; what was to be sealed stands apart in `sealed`."""

    def __init__(self) -> None:
        self.entries: list[tuple[str, Mapping[str, object]]] = []
        self.sealed: list[tuple[str, Mapping[str, object]]] = []

    def write(self, session: str, entry: Mapping[str, object], sealed: Mapping[str, object] | None = None) -> None:
        self.entries.append((session, dict(entry)))
        if sealed is not None:
            self.sealed.append((session, dict(sealed)))

    def of(self, session: str) -> list[Mapping[str, object]]:
        """The entries of one call."""
        return [entry for owner, entry in self.entries if owner == session]


class MemoryLiveCalls:
    """Says that these calls are live; None stands for an Asterisk that does not answer."""

    def __init__(self, sessions: Collection[str] | None = ()) -> None:
        self.sessions = sessions

    async def live_sessions(self) -> frozenset[str] | None:
        return None if self.sessions is None else frozenset(self.sessions)


class MemoryBackOffice:
    """Answers from a function, held against the signatures like any other answer."""

    def __init__(
        self, signatures: Mapping[str, LookupSignature], answer: Callable[[str, Mapping[str, Value]], object] = lambda name, arguments: None
    ) -> None:
        self.signatures = signatures
        self._answer = answer

    async def look_up(self, name: str, arguments: Mapping[str, Value]) -> Value:
        if name not in self.signatures:
            raise BackOfficeFailed(f"there is no look-up named {name!r}")
        signature = self.signatures[name]
        return conform(signature, self._answer(name, conform_arguments(signature, arguments)))
