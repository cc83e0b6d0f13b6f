"""What a recogniser makes of messages, and the list of those that it has not heard."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Protocol


class TranscriptState(StrEnum):
    """The life of a transcript: waiting -> heard | failed. A message that nobody has tried to transcribe has none."""

    WAITING = "waiting"  # it was tried and will be tried again, or is being heard right now
    HEARD = "heard"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Transcript:
    """What a recogniser made of a message. It errs: the recording is the truth."""

    text: str = field(repr=False)  # what a caller said, which may be anything; "" when no words were understood
    language: str
    confidence: float  # 0..1, the recogniser's own opinion
    engine: str


@dataclass(frozen=True, slots=True)
class MessageTranscript:
    """What has become of the transcript of a message. `heard` is there in that state, `reason` (a short word) after a failure."""

    state: TranscriptState
    attempts: int
    changed_at: dt.datetime
    heard: Transcript | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class UnheardMessage:
    """A message that is to be transcribed. `attempts` counts the one under way; `language` is the one that the call was held in."""

    key: str
    recording: Path
    seconds: float
    language: str
    attempts: int


class TranscriptStore(Protocol):
    """Transcripts of the messages on tickets, in the tickets' database, which is also the list of what is to be done.

    Messages of open and claimed tickets are transcribed, the ticket that is due next first. Every method is one transaction and raises
    StoreFailed. What is said of an attempt that is not the latest, or of a message that has been heard already, changes nothing.
    """

    async def next_due(self, languages: Collection[str] | None) -> dt.datetime | None:
        """When there is a message in one of these languages (None: in any) to transcribe, which may be past; None when there is none."""

    async def take(self, at: dt.datetime, languages: Collection[str] | None) -> UnheardMessage | None:
        """A message to transcribe now; None when none is due. Its next attempt is due after `transcripts.lease`, unless this one ends."""

    async def keep(self, message: UnheardMessage, transcript: Transcript, at: dt.datetime) -> None:
        """It has been heard."""

    async def again(self, message: UnheardMessage, reason: str, at: dt.datetime, due_at: dt.datetime) -> None:
        """This attempt came to nothing; the next one is due then."""

    async def failed(self, message: UnheardMessage, reason: str, at: dt.datetime) -> None:
        """There will be no transcript."""

    async def transcripts(self, keys: Collection[str]) -> Mapping[str, MessageTranscript]:
        """What there is for the messages of these keys."""


class Transcriber(Protocol):
    """Writes down what is said in a recording, away from the calls: it may take long, hang or die without anybody noticing."""

    @property
    def languages(self) -> Collection[str] | None:
        """The languages it understands; None when it finds out by itself what is spoken."""

    async def wake(self) -> None:
        """Get ready. Raises TranscriberAway when it cannot, whatever the recording."""

    async def hear(self, recording: Path, language: str, patience: float) -> Transcript:
        """What is said in the raw a-law file, probably in `language`, within so many seconds. Raises TranscriberFailed."""

    async def rest(self) -> None:
        """Give back what being ready costs."""
