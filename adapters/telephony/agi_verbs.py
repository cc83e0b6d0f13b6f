"""What the engine can say to Asterisk over AGI: a closed set of typed verbs, and the one function that writes them as lines.

AGI is shell power (`EXEC System`, `GET FULL VARIABLE ${SHELL(id)}`), and Asterisk runs whatever stands after a line break or past
its 8,191st byte as a command of its own. So there is no way in for a raw command, a path or a variable name: files, destinations
and values are tokens, folders are fixed at start, variables are an enumeration, all is quoted, control characters are refused.
Source for the grammar: Asterisk 22, res/res_agi.c (`parse_args`, `SPEECH`) and apps/app_stack.c (`GOSUB`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from pathlib import PurePosixPath
from typing import assert_never

from ivr.errors import ChannelFailed, SettingsError

ALL_KEYS = "0123456789*#"
MAX_LINE = 4096  # half of what Asterisk reads as one line
LONGEST_MS = 24 * 3600 * 1000
EARS = "ears"  # the speech engine of aeap.conf

_TOKEN = re.compile(r"[a-z0-9_-]{1,64}")
_UNSAFE = re.compile("[\x00-\x1f\x7f\ud800-\udfff]")
_KEYS = re.compile(r"[0-9*#]{0,12}")


class Variable(StrEnum):
    """The channel variables the engine reads and writes. There are no others."""

    NONCE = "IVR_N"
    MESSAGE = "IVR_MESSAGE"
    DONE = "IVR_DONE"
    DIAL_STATUS = "DIALSTATUS"  # Asterisk's own, read only
    TRANSFER = "IVR_TRANSFER"
    MEMBER = "MEMBERINTERFACE"  # who of the queue has taken the call; Asterisk's own, read only
    NUMBER = "IVR_NUMBER"  # whom to call back
    FROM = "IVR_FROM"  # the number that they are shown
    LANGUAGE = "IVR_LANGUAGE"


@dataclass(frozen=True, slots=True)
class Answer:
    """Take the call, if it is not up yet."""


@dataclass(frozen=True, slots=True)
class StreamFile:
    """Play a sound; one of `keys` cuts it short and is reported."""

    sound: str
    keys: str = ""


@dataclass(frozen=True, slots=True)
class GetOption:
    """Play a sound, then wait; the first of `keys` ends either and is reported."""

    sound: str
    keys: str
    timeout_ms: int


@dataclass(frozen=True, slots=True)
class GetData:
    """Play a sound (None: silence) and collect keys up to # or `max_digits`.

    `timeout_ms` is the silence allowed before the first key *and* between keys: `ast_app_getdata_full` sets both from the one
    argument and does not look at TIMEOUT(digit).
    """

    sound: str | None
    timeout_ms: int
    max_digits: int


@dataclass(frozen=True, slots=True)
class WaitForDigit:
    """Wait for one key in silence."""

    timeout_ms: int


@dataclass(frozen=True, slots=True)
class RecordFile:
    """Beep, then record raw a-law until #, `silence_s` seconds of silence, or `max_ms`."""

    name: str
    max_ms: int
    silence_s: int


@dataclass(frozen=True, slots=True)
class SetVariable:
    """Set a channel variable; values are tokens too."""

    variable: Variable
    value: str


@dataclass(frozen=True, slots=True)
class GetVariable:
    """Read a channel variable."""

    variable: Variable


@dataclass(frozen=True, slots=True)
class Gosub:
    """Run the dialplan's subroutine `transfer,<destination>,1(<ring seconds>)`. `EXEC Gosub` would only set a location and run nothing.

    With `wait_seconds`, callers stand in the queue, where they are spoken to in `language`, a token: en-us.
    """

    destination: str
    ring_seconds: int
    wait_seconds: int | None = None
    language: str = ""


@dataclass(frozen=True, slots=True)
class SpeechCreate:
    """Open a stream to the ears for this call."""


@dataclass(frozen=True, slots=True)
class SpeechSet:
    """Tell the ears which grammar counts (a file that they can read too), and how long prompt and silence may last."""

    grammar: str
    prompt_ms: int
    silence_ms: int


@dataclass(frozen=True, slots=True)
class SpeechRecognize:
    """Play a sound and listen meanwhile and afterwards, `timeout_s` seconds at most from the sound's end; any key ends it.

    The sound is not ended with it: it goes on until another one begins.
    """

    sound: str
    timeout_s: int


@dataclass(frozen=True, slots=True)
class SpeechDestroy:
    """Close the stream to the ears."""


@dataclass(frozen=True, slots=True)
class Hangup:
    """End the call from our side."""


@dataclass(frozen=True, slots=True)
class Noop:
    """Nothing, and an answer to it."""


Verb = (
    Answer
    | StreamFile
    | GetOption
    | GetData
    | WaitForDigit
    | RecordFile
    | SetVariable
    | GetVariable
    | Gosub
    | SpeechCreate
    | SpeechSet
    | SpeechRecognize
    | SpeechDestroy
    | Hangup
    | Noop
)


@dataclass(frozen=True, slots=True)
class Roots:
    """The folders of sounds and recordings, as Asterisk sees them. Absolute, without dots or control characters."""

    sounds: PurePosixPath
    recordings: PurePosixPath

    def __post_init__(self) -> None:
        for root in (self.sounds, self.recordings):
            if not root.is_absolute() or ".." in root.parts or _UNSAFE.search(str(root)):
                raise SettingsError(f"the sounds and recordings folders must be absolute paths without '..', not {str(root)!r}")


def quote(word: str) -> str:
    """One argument, as Asterisk's `parse_args` will read it back. Refuses what could end or split the line."""
    if _UNSAFE.search(word):
        raise ChannelFailed("an AGI argument may not hold control characters")
    return '"' + word.replace("\\", "\\\\").replace('"', '\\"') + '"'


@lru_cache(maxsize=1024)  # most calls hear the same prompts; no verb holds a secret
def encode(verb: Verb, roots: Roots) -> bytes:
    """The line that says it, with its line feed. Raises ChannelFailed for a verb that must not be said."""
    command, *arguments = words(verb, roots)
    line = " ".join((command, *map(quote, arguments))).encode() + b"\n"
    if len(line) > MAX_LINE:
        raise ChannelFailed(f"an AGI line may not be longer than {MAX_LINE} bytes")
    return line


def words(verb: Verb, roots: Roots) -> tuple[str, ...]:
    """The command and its arguments, checked but not yet quoted."""
    match verb:
        case GetOption(sound, keys, timeout_ms):
            return ("GET OPTION", f"{roots.sounds}/{_token(sound)}", _keys(keys), _milliseconds(timeout_ms))
        case GetData(sound, timeout_ms, max_digits):
            name = "" if sound is None else f"{roots.sounds}/{_token(sound)}"
            return ("GET DATA", name, _milliseconds(timeout_ms), _number(max_digits, 1, 255))
        case StreamFile(sound, keys):
            return ("STREAM FILE", f"{roots.sounds}/{_token(sound)}", _keys(keys))
        case WaitForDigit(timeout_ms):
            return ("WAIT FOR DIGIT", _milliseconds(timeout_ms))
        case SetVariable(variable, value):
            return ("SET VARIABLE", Variable(variable).value, _token(value))
        case GetVariable(variable):
            return ("GET VARIABLE", Variable(variable).value)
        case RecordFile(name, max_ms, silence_s):
            silence = _number(silence_s, 1, 3600)
            return ("RECORD FILE", f"{roots.recordings}/{_token(name)}", "alaw", "#", _milliseconds(max_ms), "BEEP", f"s={silence}")
        case Gosub(destination, ring_seconds, wait_seconds, language):
            queue = "" if wait_seconds is None else f",{_number(wait_seconds, 1, 24 * 3600)},{_token(language)}"
            return ("GOSUB", "transfer", _token(destination), "1", _number(ring_seconds, 1, 3600) + queue)
        case SpeechCreate():
            return ("SPEECH CREATE", EARS)
        case SpeechSet(grammar, prompt_ms, silence_ms):
            value = f"{_token(grammar)}-{_number(prompt_ms, 0, LONGEST_MS)}-{_milliseconds(silence_ms)}"
            return ("SPEECH SET", "grammar", _token(value))
        case SpeechRecognize(sound, timeout_s):
            return ("SPEECH RECOGNIZE", f"{roots.sounds}/{_token(sound)}", _number(timeout_s, 1, 3600))
        case SpeechDestroy():
            return ("SPEECH DESTROY",)
        case Hangup():
            return ("HANGUP",)
        case Answer():
            return ("ANSWER",)
        case Noop():
            return ("NOOP",)
        case _:
            assert_never(verb)


def _token(name: str) -> str:
    if not _TOKEN.fullmatch(name):
        raise ChannelFailed("a file, destination or value is 1 to 64 of a-z, 0-9, _ and -")
    return name


def _keys(keys: str) -> str:
    if not _KEYS.fullmatch(keys):
        raise ChannelFailed("keys are 0-9, * and #")
    return keys


def _milliseconds(number: int) -> str:
    return _number(number, 1, LONGEST_MS)


def _number(number: int, least: int, most: int) -> str:
    if not least <= number <= most:
        raise ChannelFailed(f"{number} is not between {least} and {most}")
    return str(int(number))
