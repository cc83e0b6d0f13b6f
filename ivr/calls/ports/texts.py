"""Text messages: the outbox, and the way to the network."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol


class TextState(StrEnum):
    """The life of a text message: queued -> sending -> sent | failed | unknown; sending -> queued, when it is tried again later."""

    QUEUED = "queued"
    SENDING = "sending"  # handed to the network, which has not answered
    SENT = "sent"
    FAILED = "failed"
    UNKNOWN = "unknown"  # the network may have it or not; never sent again by itself


@dataclass(frozen=True, slots=True)
class TextMessage:
    """A text message for one person. Two of one `key` are the same one: "session/node/count"."""

    key: str
    to: str = field(repr=False)
    text: str = field(repr=False)
    language: str
    session: str
    created_at: dt.datetime


@dataclass(frozen=True, slots=True)
class QueuedText:
    """A text message as the outbox has it. `attempts` counts the one under way."""

    message: TextMessage
    state: TextState
    attempts: int
    changed_at: dt.datetime
    reason: str = ""  # why the last attempt failed, a short word
    receipt: str = ""  # what the network calls it


class TextOutbox(Protocol):
    """Text messages on their way, in a database. Every method is one transaction and raises OutboxFailed."""

    async def queue(self, message: TextMessage) -> None:
        """Keep it until it is sent; durable when this returns. A second message of the same key changes nothing."""

    async def take(self, at: dt.datetime) -> QueuedText | None:
        """The message that has been due longest, which is now `sending`; None when none is due."""

    async def sent(self, key: str, receipt: str, at: dt.datetime) -> None:
        """The network has taken it."""

    async def again(self, key: str, reason: str, at: dt.datetime, due_at: dt.datetime) -> None:
        """It was refused for now: due again at `due_at`."""

    async def failed(self, key: str, reason: str, at: dt.datetime) -> None:
        """It is not going to be sent."""

    async def unknown(self, key: str, at: dt.datetime) -> None:
        """Nobody knows whether the network has it."""

    async def interrupted(self, at: dt.datetime) -> int:
        """Those still `sending` when nobody is: an engine died, so they are `unknown`. How many."""

    async def next_due(self) -> dt.datetime | None:
        """When the next queued message is due, which may be past; None when nothing is queued."""

    async def texts(self, limit: int) -> tuple[QueuedText, ...]:
        """The latest messages, the newest first."""

    async def forget(self, before: dt.datetime) -> int:
        """Delete the messages that came to their end before then; how many."""


@dataclass(frozen=True, slots=True)
class Sent:
    """The network has taken a message. `receipt`: what it calls it."""

    receipt: str


class TextSender(Protocol):
    """The way to the network that delivers text messages."""

    async def send(self, message: TextMessage) -> Sent:
        """Hand it over, once. Raises SendFailed when the network has not taken it; anything else leaves open whether it has."""
