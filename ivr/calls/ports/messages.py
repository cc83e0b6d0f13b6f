"""What a caller leaves behind: a recorded message or an unanswered call, and the folder that keeps it when the database is away."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from ivr.calls.ports.transcripts import MessageTranscript


@dataclass(frozen=True, slots=True)
class MessageIntent:
    """What must not be lost of a message, known before the beep. It is written to disk before anything else."""

    session: str
    node: str
    count: int
    caller_id: str = field(repr=False)
    dialled: str
    topic: str
    language: str
    begun_at: dt.datetime
    channel: str = ""  # Asterisk's unique id, for correlation only
    trust: int = 0  # how well the caller is known: 0 by a number that can be forged, 1 by a PIN, 2 by a PIN and a code sent to the number

    @property
    def message_key(self) -> str:
        """The identity of the message: everything done twice under one key is done once."""
        return f"{self.session}/{self.node}/{self.count}"


@dataclass(frozen=True, slots=True)
class MessageFacts:
    """What is known of a recording once it is over."""

    path: Path
    size: int  # bytes on disk
    samples: int | None  # what Asterisk reported; None when it was adopted after a crash
    sha256: str
    partial: bool  # shorter on disk than reported, or cut off by a crash


@dataclass(frozen=True, slots=True)
class FoundRecording:
    """A recording as it lies in the folder."""

    path: Path
    size: int
    changed_at: dt.datetime


@dataclass(frozen=True, slots=True)
class Message:
    """A recorded message as an agent meets it."""

    key: str
    path: Path
    seconds: float
    partial: bool
    recorded_at: dt.datetime
    transcript: MessageTranscript | None = None
    sealed: bool = False  # `path` is encrypted with the data key
    purged: bool = False  # its time to be kept is over: there is no file any more


class UnansweredKind(StrEnum):
    """Why a caller who wanted a person had none, and left no message."""

    ABANDONED = "abandoned"  # hung up while waiting for one
    NO_ANSWER = "no_answer"  # nobody picked up
    BUSY = "busy"  # everybody was talking
    FAILED = "failed"  # the line broke
    PROMISED = "promised"  # no call of this line: another desk has promised that this one calls


@dataclass(frozen=True, slots=True)
class UnansweredCall:
    """A call that nobody answered. `session` is its identity: told twice, it is one."""

    session: str
    kind: UnansweredKind
    caller_id: str = field(repr=False)
    dialled: str
    language: str
    begun_at: dt.datetime
    topic: str = ""  # what it was about, if that is known
    trust: int = 0
    channel: str = ""


class Spool(Protocol):
    """The folder of intents and recordings: what survives when the database is away."""

    def free_bytes(self) -> int:
        """Free space where recordings go."""

    def write_intent(self, intent: MessageIntent) -> None:
        """Write it durably: temporary file, fsync, link, fsync of the folder. Raises SpoolFailed, MessageKeyTaken."""

    def intents(self) -> tuple[MessageIntent, ...]:
        """All intents not yet done, oldest first; a file that cannot be read is reported and left."""

    def intent_done(self, intent: MessageIntent) -> None:
        """Move it to done/, where it is kept for seven days."""

    def recording_name(self, intent: MessageIntent) -> str:
        """The recording's name for this message key: a token, the same every time."""

    def recording_path(self, intent: MessageIntent) -> Path:
        """Where that recording lies or will lie."""

    def settle(self, recording: Path, samples: int | None) -> MessageFacts:
        """Make a finished recording durable (fsync) and describe it; a missing file has size 0. Raises SpoolFailed."""

    def write_facts(self, intent: MessageIntent, facts: MessageFacts) -> None:
        """Note durably beside the intent that its message is whole and was promised an answer. Raises SpoolFailed."""

    def facts(self, intent: MessageIntent) -> MessageFacts | None:
        """What `write_facts` noted."""

    def recordings(self, known: Collection[str] = ()) -> tuple[FoundRecording, ...]:
        """The recordings there are, oldest first, except those whose file names are `known`."""

    def done_intent(self, recording: Path) -> MessageIntent | None:
        """The intent in done/ to which that recording belongs."""

    def note_call(self, call: UnansweredCall, *, durable: bool) -> None:
        """Note a call, over an earlier note of it; `durable`, so that it survives a power cut. Raises SpoolFailed."""

    def noted_calls(self) -> tuple[UnansweredCall, ...]:
        """The calls that were noted and not done, oldest first; a note that cannot be read is reported and left."""

    def call_done(self, session: str) -> None:
        """The note is needed no more."""

    def forget_caller(self, caller_id: str) -> int:
        """Delete the intents of that caller that are done; how many."""

    def forget_done(self, before: dt.datetime) -> int:
        """Delete the intents that were done before then; how many. Recordings are never deleted here."""
