"""Text messages in memory, and a way to the network that gives the answers it was made with."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

from ivr.calls.ports import (
    QueuedText,
    Sent,
    TextMessage,
    TextState,
)


class MemoryTextOutbox:
    """Text messages in a dictionary, by the same rules as in the database."""

    def __init__(self) -> None:
        self._texts: dict[str, QueuedText] = {}
        self._due: dict[str, dt.datetime] = {}

    async def queue(self, message: TextMessage) -> None:
        if message.key not in self._texts:
            self._texts[message.key] = QueuedText(message, TextState.QUEUED, 0, message.created_at)
            self._due[message.key] = message.created_at

    async def take(self, at: dt.datetime) -> QueuedText | None:
        due = sorted((due_at, key) for key, due_at in self._due.items() if due_at <= at)
        if not due:
            return None
        _, key = due[0]
        del self._due[key]
        text = self._texts[key]
        self._texts[key] = replace(text, state=TextState.SENDING, attempts=text.attempts + 1, changed_at=at, reason="")
        return self._texts[key]

    async def sent(self, key: str, receipt: str, at: dt.datetime) -> None:
        self._change(key, TextState.SENT, at, receipt=receipt)

    async def again(self, key: str, reason: str, at: dt.datetime, due_at: dt.datetime) -> None:
        if self._change(key, TextState.QUEUED, at, reason=reason):
            self._due[key] = due_at

    async def failed(self, key: str, reason: str, at: dt.datetime) -> None:
        self._change(key, TextState.FAILED, at, reason=reason)

    async def unknown(self, key: str, at: dt.datetime) -> None:
        self._change(key, TextState.UNKNOWN, at)

    async def interrupted(self, at: dt.datetime) -> int:
        return sum([self._change(key, TextState.UNKNOWN, at) for key in tuple(self._texts)])

    async def next_due(self) -> dt.datetime | None:
        return min(self._due.values(), default=None)

    async def texts(self, limit: int) -> tuple[QueuedText, ...]:
        latest = sorted(self._texts.values(), key=lambda text: (text.message.created_at, text.message.key), reverse=True)
        return tuple(latest[:limit])

    async def forget(self, before: dt.datetime) -> int:
        ended = (TextState.SENT, TextState.FAILED, TextState.UNKNOWN)
        old = [key for key, text in self._texts.items() if text.state in ended and text.changed_at < before]
        for key in old:
            del self._texts[key]
        return len(old)

    def _change(self, key: str, state: TextState, at: dt.datetime, *, reason: str = "", receipt: str = "") -> bool:
        text = self._texts.get(key)
        if text is None or text.state is not TextState.SENDING:
            return False
        self._texts[key] = replace(text, state=state, changed_at=at, reason=reason or text.reason, receipt=receipt)
        return True


class MemoryTextSender:
    """Keeps what it is given to send. `answers` are raised or returned first, one after the other."""

    def __init__(self, *answers: Sent | Exception) -> None:
        self.delivered: list[TextMessage] = []
        self._answers = list(answers)

    async def send(self, message: TextMessage) -> Sent:
        answer = self._answers.pop(0) if self._answers else Sent(f"memory-{len(self.delivered) + 1}")
        if isinstance(answer, Exception):
            raise answer
        self.delivered.append(message)
        return answer
