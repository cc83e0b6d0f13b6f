"""What to do next on a call, in the imperative. One command, one event in answer."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field

from ivr.core.values import Utterance, Value


@dataclass(frozen=True, slots=True)
class Play:
    """Say something. With `barge_in`, any key cuts it short and is reported. Answer: PromptPlayed."""

    utterance: Utterance
    barge_in: bool = True


@dataclass(frozen=True, slots=True)
class Grammar:
    """What may be said in place of keys: one of the phrases, or, with `digits`, that many digits at most, said one by one."""

    language: str
    phrases: tuple[str, ...]
    digits: int = 0


@dataclass(frozen=True, slots=True)
class AskDigits:
    """Say something and collect keys, as one act. Answer: DigitsEntered or NothingHeard.

    With `max_digits == 1` every one of the twelve keys answers at once, * and # included. Otherwise # ends the entry.
    An utterance without parts is silence: only the timeout runs.

    With a `grammar`, the caller may speak instead, also while the line does: SpeechHeard. A key ends the listening and counts.
    When nobody can listen: SpeechUnavailable, in place of any other answer.
    """

    utterance: Utterance
    max_digits: int
    first_timeout: dt.timedelta
    digit_timeout: dt.timedelta
    barge_in: bool = True
    secret: bool = False
    grammar: Grammar | None = None


@dataclass(frozen=True, slots=True)
class Lookup:
    """Ask the back office. Past `comfort_after`, `comfort` plays; past `deadline` it has failed. Answer: LookupAnswered.

    A failure is tried again `retries` times, after `backoff`, twice that, and so on, as far as the deadline allows.
    """

    name: str
    arguments: Mapping[str, Value] = field(repr=False)
    deadline: dt.timedelta
    comfort: Utterance | None
    comfort_after: dt.timedelta = dt.timedelta(seconds=1)
    retries: int = 0
    backoff: dt.timedelta = dt.timedelta(milliseconds=200)


@dataclass(frozen=True, slots=True)
class TakeMessage:
    """Record a message after the beep and keep it as a callback ticket. Answer: MessageKept or MessageNotKept."""

    node: str
    count: int  # 1 for the first message of this node in this call, 2 for the next
    topic: str
    language: str
    max_length: dt.timedelta
    final_silence: dt.timedelta


@dataclass(frozen=True, slots=True)
class SendText:
    """Put a text message into the outbox, as something written: numbers in figures. Answer: TextQueued."""

    node: str
    count: int  # 1 for the first text of this node in this call, 2 for the next
    to: str = field(repr=False)
    text: Utterance


@dataclass(frozen=True, slots=True)
class Transfer:
    """Hand the call to another party, named as in the dialplan's own list. Answer: TransferEnded.

    With `wait`, the caller stands in the queue of that name, so long at most, while everybody is talking. Key 1 leaves it: whoever
    presses it is called back.
    """

    destination: str
    ring_time: dt.timedelta
    wait: dt.timedelta | None = None
    language: str = ""  # in which who waits is told their place


@dataclass(frozen=True, slots=True)
class Release:
    """End the call from our side. Answer: Released."""


Command = Play | AskDigits | Lookup | TakeMessage | SendText | Transfer | Release
