"""The folder of intents and recordings in memory."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Callable, Collection
from pathlib import Path

from ivr.calls.intents import recording_name
from ivr.calls.ports import (
    FoundRecording,
    MessageFacts,
    MessageIntent,
    UnansweredCall,
)
from ivr.errors import MessageKeyTaken


class MemorySpool:
    """A spool whose recordings are `files`: what a test's line "records" it puts there, under `recording_path(intent)`."""

    def __init__(self, clock: Callable[[], dt.datetime], free: int = 1 << 40) -> None:
        self.free = free
        self.files: dict[Path, bytes] = {}
        self.changed_at: dict[Path, dt.datetime] = {}
        self._clock = clock
        self._intents: dict[str, MessageIntent] = {}
        self._done: dict[str, tuple[MessageIntent, dt.datetime]] = {}
        self._facts: dict[str, MessageFacts] = {}
        self._calls: dict[str, UnansweredCall] = {}

    def free_bytes(self) -> int:
        return self.free

    def write_intent(self, intent: MessageIntent) -> None:
        name = recording_name(intent)
        if name in self._intents or name in self._done or self.recording_path(intent) in self.files:
            raise MessageKeyTaken(f"there is a message {name} already")
        self._intents[name] = intent

    def intents(self) -> tuple[MessageIntent, ...]:
        return tuple(sorted(self._intents.values(), key=lambda intent: intent.begun_at))

    def intent_done(self, intent: MessageIntent) -> None:
        name = recording_name(intent)
        if name in self._intents:
            self._done[name] = (self._intents.pop(name), self._clock())
            self._facts.pop(name, None)

    def recording_name(self, intent: MessageIntent) -> str:
        return recording_name(intent)

    def recording_path(self, intent: MessageIntent) -> Path:
        return Path("/memory", f"{recording_name(intent)}.alaw")

    def settle(self, recording: Path, samples: int | None) -> MessageFacts:
        audio = self.files.get(recording, b"")
        partial = samples is not None and len(audio) < samples
        return MessageFacts(recording, len(audio), samples, hashlib.sha256(audio).hexdigest(), partial)

    def write_facts(self, intent: MessageIntent, facts: MessageFacts) -> None:
        self._facts[recording_name(intent)] = facts

    def facts(self, intent: MessageIntent) -> MessageFacts | None:
        return self._facts.get(recording_name(intent))

    def recordings(self, known: Collection[str] = ()) -> tuple[FoundRecording, ...]:
        asked = [(path, audio) for path, audio in self.files.items() if path.name not in known]
        found = [FoundRecording(path, len(audio), self.changed_at.get(path, self._clock())) for path, audio in asked]
        return tuple(sorted(found, key=lambda recording: recording.changed_at))

    def done_intent(self, recording: Path) -> MessageIntent | None:
        done = self._done.get(recording.stem)
        return done[0] if done else None

    def note_call(self, call: UnansweredCall, *, durable: bool) -> None:
        self._calls[call.session] = call

    def noted_calls(self) -> tuple[UnansweredCall, ...]:
        return tuple(sorted(self._calls.values(), key=lambda call: call.begun_at))

    def call_done(self, session: str) -> None:
        self._calls.pop(session, None)

    def forget_caller(self, caller_id: str) -> int:
        theirs = [name for name, (intent, _) in self._done.items() if intent.caller_id == caller_id]
        for name in theirs:
            del self._done[name]
        return len(theirs)

    def forget_done(self, before: dt.datetime) -> int:
        old = [name for name, (_, done_at) in self._done.items() if done_at < before]
        for name in old:
            del self._done[name]
        return len(old)
