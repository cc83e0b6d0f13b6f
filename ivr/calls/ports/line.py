"""One caller's line: the channel, what is said and looked up during a call, and where it is written down."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from ivr.core.commands import AskDigits, Play, Release, Transfer
from ivr.core.events import (
    CallerHungUp,
    CommandFailed,
    DigitsEntered,
    NothingHeard,
    PromptPlayed,
    Released,
    SpeechHeard,
    SpeechUnavailable,
    TransferEnded,
)
from ivr.core.values import LookupSignature, Utterance, Value

LineCommand = Play | AskDigits | Transfer | Release
LineEvent = (
    PromptPlayed | DigitsEntered | NothingHeard | SpeechHeard | SpeechUnavailable | TransferEnded | CommandFailed | CallerHungUp | Released
)


class Clock(Protocol):
    """The time, passed in: an aware datetime in the line's own zone."""

    def __call__(self) -> dt.datetime: ...


@dataclass(frozen=True, slots=True)
class Held:
    """How holding the line ended: the keys pressed meanwhile, and whether the caller is gone."""

    keys: str = field(repr=False)
    hung_up: bool


@dataclass(frozen=True, slots=True)
class Recorded:
    """What the line says of a recording: its length in samples (8 kHz) and whether the caller ended it by hanging up."""

    samples: int
    hung_up: bool


class Channel(Protocol):
    """One caller's line. It performs one command at a time and never raises because the caller has gone."""

    async def perform(self, command: LineCommand) -> LineEvent:
        """Do it, and say what happened; CallerHungUp in place of any answer."""

    async def hold(self, work: asyncio.Future[object], comfort: Utterance | None, comfort_after: dt.timedelta) -> Held:
        """Keep the line busy until `work` is done, so that no key is lost; past `comfort_after`, play `comfort` once.

        Returns as soon as the work is done or the caller is gone. It neither cancels the work nor looks at its result.
        """

    async def record(self, name: str, max_length: dt.timedelta, final_silence: dt.timedelta) -> Recorded:
        """Beep, then record raw a-law (8,000 bytes a second) to `name` + ".alaw" in the recordings folder; # ends it.

        `name` matches ^[a-z0-9_-]{1,64}$ and is used once, ever. Raises ChannelFailed when the line cannot record.
        """


class BackOffice(Protocol):
    """Where balances, usage and bills come from."""

    @property
    def signatures(self) -> Mapping[str, LookupSignature]:
        """The look-ups there are, by name."""

    async def look_up(self, name: str, arguments: Mapping[str, Value]) -> Value:
        """The answer, a mapping of the signature's shape; None when there is no such thing.

        Raises BackOfficeFailed for anything else. The caller of this method sets the deadline and may cancel it.
        """


@dataclass(frozen=True, slots=True)
class Part:
    """What can be heard of an utterance now; with `rest`, more of it is being made.

    Whoever plays it calls `rest` once, when `file` has been heard. It answers within a few seconds, or raises VoiceFailed.
    """

    file: Path
    rest: Callable[[], Awaitable[Part]] | None = None


class Voice(Protocol):
    """Turns an utterance into audio files of the line: raw a-law (8 kHz, one byte a sample).

    A file's stem is a token ^[a-z0-9_-]{1,64}$; a file never changes once its path has been returned.
    """

    async def begin(self, utterance: Utterance) -> Part:
        """Its beginning, as soon as there is something to hear: all of it, unless a text must be made that nobody has recorded.

        What no engine can say is left out, and the rest is said. Raises VoiceFailed when nothing of it can be said, or when what
        is missing is part of a value.
        """

    async def file_for(self, utterance: Utterance) -> Path:
        """All of it as one file, however long it takes to make. Raises VoiceFailed as `begin` does."""


class LiveCalls(Protocol):
    """Which calls Asterisk still has; the recovery asks before it adopts a half-made message."""

    async def live_sessions(self) -> frozenset[str] | None:
        """Session ids (the dialplan's UUIDs) of the channels that are up; None when Asterisk does not answer."""


class Journal(Protocol):
    """Where the steps of calls are written down, one JSON object a line; secrets are gone before they get here."""

    def write(self, session: str, entry: Mapping[str, object], sealed: Mapping[str, object] | None = None) -> None:
        """Keep an entry that operators may read, and what is for a replay only (`sealed`: nobody reads it without the data key).

        Never blocks and never raises: a full disk must not end a call.
        """
