"""What happened on a call, in the past tense. Every event carries `at`, an aware datetime: the core has no clock."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field

from ivr.core.values import Value


@dataclass(frozen=True, slots=True)
class CallStarted:
    """A caller is on the line. `caller_id` is what the network says, which is identification, never proof; "" when withheld.

    `language` is what this caller chose in an earlier call, "" when nothing is remembered; `slower` and `louder`, how they wanted to be
    spoken to; `crowded`: the line has all the calls it may.
    """

    at: dt.datetime
    session: str  # UUID set by the dialplan
    caller_id: str = field(repr=False)
    dialled: str
    language: str = ""
    crowded: bool = False
    slower: bool = False
    louder: bool = False


@dataclass(frozen=True, slots=True)
class PromptPlayed:
    """A prompt ended. `keys` holds the key that cut it short, if one did."""

    at: dt.datetime
    keys: str = field(default="", repr=False)  # may begin a PIN: never let it reach a log through repr()


@dataclass(frozen=True, slots=True)
class DigitsEntered:
    """The caller pressed keys. `terminated`: they ended the entry with #, which is not among the digits."""

    at: dt.datetime
    digits: str = field(repr=False)
    terminated: bool = False


@dataclass(frozen=True, slots=True)
class NothingHeard:
    """The first timeout passed in silence."""

    at: dt.datetime


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """What the caller may have said: a phrase of the grammar as it stands there, or digits as 0-9; and how sure that is, from 0 to 1."""

    text: str = field(repr=False)
    confidence: float


@dataclass(frozen=True, slots=True)
class SpeechHeard:
    """The caller spoke. The best hypothesis comes first; none: it was nothing that the grammar has."""

    at: dt.datetime
    hypotheses: tuple[Hypothesis, ...] = ()


NO_RECOGNISER, NOT_THIS_LANGUAGE = "none", "language"  # the line has no recogniser at all; or one, though none for this language
NO_TROUBLE = (NO_RECOGNISER, NOT_THIS_LANGUAGE)


@dataclass(frozen=True, slots=True)
class SpeechUnavailable:
    """Nobody can listen, or nobody can any longer. `reason` is a short fixed word: one of NO_TROUBLE, or full, gone, deadline, ..."""

    at: dt.datetime
    reason: str
    keys: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class LookupAnswered:
    """The back office answered; None means "no such thing". `keys` were pressed meanwhile."""

    at: dt.datetime
    answer: Value = field(repr=False)
    keys: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class CommandFailed:
    """A command could not be done. `reason` is a short fixed word: deadline, back_office, audio, ..."""

    at: dt.datetime
    reason: str
    keys: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class MessageKept:
    """The message is safe: its ticket is committed (`reference`), or, when the database is away, its intent file is on disk (None).

    `hung_up` says that the caller ended the message by hanging up, which is the usual end of one.
    """

    at: dt.datetime
    reference: str | None
    hung_up: bool = False


@dataclass(frozen=True, slots=True)
class MessageNotKept:
    """No message came of it, and nothing was promised. `reason`: too_short; disk_full and not_begun before the beep, storage after it."""

    at: dt.datetime
    reason: str
    hung_up: bool = False


@dataclass(frozen=True, slots=True)
class TextQueued:
    """The text message is in the outbox, and will be sent. `keys` were pressed meanwhile."""

    at: dt.datetime
    keys: str = field(default="", repr=False)


BUSY, NOBODY, CALLBACK = "busy", "nobody", "callback"


@dataclass(frozen=True, slots=True)
class TransferEnded:
    """The other party could not be had, or the talk with them is over. `answered` tells which.

    `reason` is why they could not: BUSY (everybody talks, and the queue is full or the wait was too long), NOBODY (no telephone is there),
    CALLBACK (the caller would rather be called back, which is safe by now: `reference` is the ticket's, or None while the database is
    away), or "" (it rang, and nobody took it).
    """

    at: dt.datetime
    answered: bool
    reason: str = ""
    reference: str | None = None


@dataclass(frozen=True, slots=True)
class CallerHungUp:
    """The caller is gone. Possible in place of any answer."""

    at: dt.datetime


@dataclass(frozen=True, slots=True)
class Released:
    """We ended the call."""

    at: dt.datetime


Event = (
    CallStarted
    | PromptPlayed
    | DigitsEntered
    | NothingHeard
    | SpeechHeard
    | SpeechUnavailable
    | LookupAnswered
    | CommandFailed
    | MessageKept
    | MessageNotKept
    | TextQueued
    | TransferEnded
    | CallerHungUp
    | Released
)
