"""Transcripts in memory, and a transcriber that gives the answers it was made with."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping
from pathlib import Path

from adapters.memory.tickets import MemoryTicketStore
from ivr.calls.ports import (
    Message,
    MessageTranscript,
    Ticket,
    Transcript,
    TranscriptState,
    UnheardMessage,
)
from ivr.calls.transcripts import lease


class MemoryTranscriptStore:
    """Transcripts of the messages of a ticket store in memory, by the same rules as in the database."""

    def __init__(self, tickets: MemoryTicketStore) -> None:
        self._tickets = tickets
        self._kept: dict[str, MessageTranscript] = {}
        self._due: dict[str, dt.datetime] = {}

    async def next_due(self, languages: Collection[str] | None) -> dt.datetime | None:
        return min((due for due, *_ in await self._unheard(languages)), default=None)

    async def take(self, at: dt.datetime, languages: Collection[str] | None) -> UnheardMessage | None:
        ready = [(ticket.due_at, message.recorded_at, message.key) for due, ticket, message in await self._unheard(languages) if due <= at]
        if not ready:
            return None
        message = self._tickets.message(min(ready)[-1])
        known = self._kept.get(message.key)
        attempts = 1 + (known.attempts if known else 0)
        self._kept[message.key] = MessageTranscript(TranscriptState.WAITING, attempts, at, reason=known.reason if known else "")
        self._due[message.key] = at + lease(message.seconds)
        return UnheardMessage(message.key, message.path, message.seconds, self._tickets.language_of(message.key), attempts)

    async def keep(self, message: UnheardMessage, transcript: Transcript, at: dt.datetime) -> None:
        self._change(message, at, TranscriptState.HEARD, heard=transcript)

    async def again(self, message: UnheardMessage, reason: str, at: dt.datetime, due_at: dt.datetime) -> None:
        if self._change(message, at, TranscriptState.WAITING, reason=reason):
            self._due[message.key] = due_at

    async def failed(self, message: UnheardMessage, reason: str, at: dt.datetime) -> None:
        self._change(message, at, TranscriptState.FAILED, reason=reason)

    async def transcripts(self, keys: Collection[str]) -> Mapping[str, MessageTranscript]:
        return {key: self._kept[key] for key in keys if key in self._kept}

    async def _unheard(self, languages: Collection[str] | None) -> list[tuple[dt.datetime, Ticket, Message]]:
        return [
            (self._due.get(message.key, message.recorded_at), ticket, message)
            for ticket in await self._tickets.tickets()
            for message in ticket.messages
            if message.key not in self._kept or self._kept[message.key].state is TranscriptState.WAITING
            if languages is None or self._tickets.language_of(message.key) in languages
        ]

    def _change(
        self, message: UnheardMessage, at: dt.datetime, state: TranscriptState, *, heard: Transcript | None = None, reason: str = ""
    ) -> bool:
        known = self._kept.get(message.key)
        if known is None or (known.state, known.attempts) != (TranscriptState.WAITING, message.attempts):
            return False
        self._kept[message.key] = MessageTranscript(state, known.attempts, at, heard, reason)
        return True


class MemoryTranscriber:
    """Hears what it is told to: `answers` are returned or raised, one after the other, then the last one for ever."""

    def __init__(self, *answers: Transcript | Exception, languages: Collection[str] | None = None) -> None:
        self.languages = languages
        self.awake = False
        self.asked: list[tuple[Path, str, float]] = []
        self._answers = list(answers)

    async def wake(self) -> None:
        self.awake = True

    async def hear(self, recording: Path, language: str, patience: float) -> Transcript:
        self.asked.append((recording, language, patience))
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def rest(self) -> None:
        self.awake = False
