"""AGI as bytes and events, without a socket: feed it with `receive_data`, ask it with `next_event`, and let it write your commands.

Its life, which is the table `NEXT` below: Asterisk sends an *environment*, one variable a line, up to a blank line; then it is silent
until it is given a command, and answers each command with one reply. A line `HANGUP` may come between any two lines. Anything else is a
ProtocolError, and the session is over: most of what is refused here is what a caller can plant through a SIP header (a forged variable, an
early end of the environment with a reply behind it), so nothing doubtful is repaired. Source: Asterisk 22, res/res_agi.c.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, StrEnum, auto
from types import MappingProxyType
from typing import Final, Literal, NoReturn

from adapters.telephony.agi_verbs import (
    MAX_LINE,
    GetData,
    GetOption,
    GetVariable,
    Noop,
    RecordFile,
    Roots,
    SetVariable,
    SpeechCreate,
    SpeechDestroy,
    SpeechRecognize,
    SpeechSet,
    StreamFile,
    Verb,
    WaitForDigit,
    encode,
)
from ivr.errors import ChannelFailed, ProtocolError

MAX_ENVIRONMENT = 16 * 1024
MAX_USAGE = 16 * 1024
MAX_NOTICES = 8  # Asterisk sends one or two in a session

KNOWN_VARIABLES = frozenset(
    re.findall(
        r"agi_\w+",
        """
        agi_network agi_network_script agi_request agi_channel agi_language agi_type agi_uniqueid agi_version agi_callerid agi_calleridname
        agi_callingpres agi_callingani2 agi_callington agi_callingtns agi_dnid agi_rdnis agi_context agi_extension agi_priority
        agi_enhanced agi_accountcode agi_threadid
        """,
    )
)
_ARGUMENT = re.compile(rb"agi_arg_[1-9][0-9]{0,2}")

_CONTROL = re.compile(rb"[\x00-\x1f\x7f]")
_CONTROL_BUT_TAB = re.compile(rb"[\x00-\x08\x0b-\x1f\x7f]")
_REPLY = re.compile(
    r"200 result=(-?[0-9]{1,10}|[0-9*#A-D]{0,255})(?: \((.*)\))?(?: endpos=(-?[0-9]{1,18}))?(?: Gosub [A-Za-z ()]{1,64})?", re.ASCII
)
_KEY_PRESSED = re.compile(r"200 result=1 \(digit\) digit=([0-9*#A-D]) endpos=(-?[0-9]{1,18})", re.ASCII)
_IN_VAIN = re.compile(r"200 result=1 \((timeout|hangup)\) endpos=(-?[0-9]{1,18})", re.ASCII)
_SPOKEN = re.compile(r"200 result=1 \(speech\) endpos=(-?[0-9]{1,18}) results=([0-9]{1,4}) ?(.*)", re.ASCII)
_RESULT = re.compile(r' ?score([0-9]{1,4})=([0-9]{1,4}) text\1="([a-z0-9]{1,40})" grammar\1=g', re.ASCII)
_REFUSAL = re.compile(rb"(503|510|511|520) .*")


@dataclass(frozen=True, slots=True)
class Environment:
    """What Asterisk says of the call before anything else. It holds the caller's number and our token: never in a log."""

    variables: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Recognised:
    """A token for something that may have been said, and its score from 0 to 1,000."""

    token: str = field(repr=False)
    score: int


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer to the command under way. `result` may be keys (200 only); `data` is what stood in brackets.

    SPEECH RECOGNIZE says `digit`, with the key as `result`; `speech`, with `results`, of which there are none when the ears have gone;
    and we say `garbage` for it, when its results are not what our ears would have said.
    """

    code: int
    result: str = field(default="", repr=False)
    data: str | None = field(default=None, repr=False)
    endpos: int | None = None  # samples
    results: tuple[Recognised, ...] = field(default=(), repr=False)  # of SPEECH RECOGNIZE, the best first
    listened: bool = False  # SPEECH RECOGNIZE has come to an end

    @property
    def timed_out(self) -> bool:
        """The line was silent until the timeout; there may be keys all the same."""
        return self.data == "timeout"

    @property
    def says_gone(self) -> bool:
        """What Asterisk answers once the caller has gone; `result=-1` is also its word for a file it cannot open."""
        return self.code == 511 or self.result == "-1"


SET = Reply(200, "1")  # what SET VARIABLE always answers


class HangupNotice(Enum):
    """The caller hung up. The channel is dead, the session is not: variables can still be set."""

    HANGUP_NOTICE = auto()


class Closed(Enum):
    """The connection ended."""

    CLOSED = auto()


class NeedData(Enum):
    """Nothing more until more bytes come."""

    NEED_DATA = auto()


HANGUP_NOTICE: Final = HangupNotice.HANGUP_NOTICE
CLOSED: Final = Closed.CLOSED
NEED_DATA: Final = NeedData.NEED_DATA

AgiEvent = Environment | Reply | HangupNotice | Closed
NextEvent = AgiEvent | Literal[NeedData.NEED_DATA]


class State(StrEnum):
    """Where the session is."""

    ENVIRONMENT = "the environment"
    IDLE = "no command under way"
    WAITING = "a command under way"
    USAGE = "a usage text"
    CLOSED = "the end"
    FAILED = "a failed session"


class Happening(StrEnum):
    """What can happen to it: a line of some kind, the end of the bytes, or a command of ours."""

    VARIABLE = "a variable"
    BLANK = "a blank line"
    COMMAND = "a command"
    TRYING = "an interim reply"
    REPLY = "a reply"
    USAGE_BEGINS = "the beginning of a usage text"
    USAGE_LINE = "a line of usage"
    USAGE_ENDS = "the end of a usage text"
    NOTICE = "a hang-up notice"
    SURPLUS = "surplus bytes"
    END = "the end of the bytes"


_S, _H = State, Happening
NEXT: Mapping[State, Mapping[Happening, State]] = MappingProxyType(
    {
        _S.ENVIRONMENT: {_H.VARIABLE: _S.ENVIRONMENT, _H.BLANK: _S.IDLE, _H.NOTICE: _S.ENVIRONMENT, _H.END: _S.CLOSED},
        _S.IDLE: {_H.COMMAND: _S.WAITING, _H.NOTICE: _S.IDLE, _H.END: _S.CLOSED},
        _S.WAITING: {
            _H.TRYING: _S.WAITING,
            _H.REPLY: _S.IDLE,
            _H.USAGE_BEGINS: _S.USAGE,
            _H.NOTICE: _S.WAITING,
            _H.END: _S.CLOSED,
        },
        _S.USAGE: {_H.USAGE_LINE: _S.USAGE, _H.USAGE_ENDS: _S.IDLE, _H.NOTICE: _S.USAGE, _H.END: _S.CLOSED},
        _S.CLOSED: {_H.END: _S.CLOSED},
        _S.FAILED: {},
    }
)


class AgiCodec:
    """One AGI session as bytes in, events out, and verbs in, bytes out."""

    def __init__(self, roots: Roots) -> None:
        self.state = State.ENVIRONMENT
        self._roots = roots
        self._buffer = bytearray()
        self._searched = 0  # up to here there is no line feed
        self._ended = False
        self._variables: dict[str, str] = {}
        self._size = 0  # of the environment, then of the usage text
        self._notices = 0
        self._verb: Verb = Noop()  # under way, or the last one
        self._error: ProtocolError | None = None

    def receive_data(self, data: bytes) -> None:
        """Bytes from Asterisk; empty when it has closed the connection."""
        if self._error or self._ended:
            return
        if data:
            self._buffer += data
        else:
            self._ended = True

    def send(self, verb: Verb) -> bytes:
        """The line to write for it. Raises ProtocolError when there are unread bytes, ChannelFailed when it is not our turn."""
        if self._buffer:
            self._check_silence()
        if Happening.COMMAND not in NEXT[self.state]:
            raise ChannelFailed(f"a command cannot be sent in {self.state}")
        line = encode(verb, self._roots)
        self._advance(Happening.COMMAND)
        self._verb = verb
        return line

    def next_event(self) -> NextEvent:
        """The next thing that happened. Raises ProtocolError, and raises it again ever after."""
        while True:
            if self._error:
                raise self._error
            line = self._next_line()
            if line is None:
                if not self._ended:
                    return NEED_DATA
                self._advance(Happening.END)
                return CLOSED
            event = self._read(line)
            if event is not None:
                return event

    def _next_line(self) -> bytes | None:
        end = self._buffer.find(b"\n", self._searched)
        if end > MAX_LINE or (end < 0 and len(self._buffer) > MAX_LINE):
            self._fail(f"a line is longer than {MAX_LINE} bytes")
        if end < 0:
            if self._buffer:
                self._check_silence()
            self._searched = len(self._buffer)
            return None
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        self._searched = 0
        return line

    def _check_silence(self) -> None:
        """While no command is under way there may be nothing in the buffer but a hang-up notice."""
        if self.state is State.IDLE and not b"HANGUP\n".startswith(self._buffer[:7]):
            self._advance(Happening.SURPLUS)

    def _read(self, line: bytes) -> AgiEvent | None:
        if line == b"HANGUP":
            return self._read_notice()
        match self.state:
            case State.WAITING:
                return self._read_reply(line)
            case State.ENVIRONMENT:
                return self._read_variable(line)
            case State.USAGE:
                return self._read_usage(line)
            case _:
                self._advance(Happening.SURPLUS)
                return None

    def _read_notice(self) -> HangupNotice:
        self._advance(Happening.NOTICE)
        self._notices += 1
        if self._notices > MAX_NOTICES:
            self._fail("too many hang-up notices")
        return HANGUP_NOTICE

    def _read_variable(self, line: bytes) -> Environment | None:
        self._size += len(line) + 1
        if self._size > MAX_ENVIRONMENT:
            self._fail(f"the environment is larger than {MAX_ENVIRONMENT} bytes")
        if not line:
            self._advance(Happening.BLANK)
            return Environment(MappingProxyType(self._variables))
        self._advance(Happening.VARIABLE)
        if _CONTROL.search(line):
            self._fail("control characters in the environment")
        key, colon, value = line.partition(b":")
        name = key.decode("latin-1")
        if not colon or not (name in KNOWN_VARIABLES or _ARGUMENT.fullmatch(key)):
            self._fail("an unknown line in the environment")
        if name in self._variables:
            self._fail(f"{name} comes twice in the environment")
        self._variables[name] = value.removeprefix(b" ").decode(errors="replace")
        return None

    def _read_reply(self, line: bytes) -> Reply | None:
        if _CONTROL.search(line):
            self._fail("control characters in a reply")
        if reply := _reply_in(line.decode(errors="replace"), self._verb):
            if not _fits(self._verb, reply):
                self._fail("a reply that does not fit the command")
            self._advance(Happening.REPLY)
            return reply
        if line.startswith(b"100 "):  # what GOSUB says before it runs
            self._advance(Happening.TRYING)
            return None
        if line.startswith(b"520-"):
            self._advance(Happening.USAGE_BEGINS)
            self._size = 0
            return None
        if not (refusal := _REFUSAL.fullmatch(line)):
            self._fail("a line that is no reply")
        self._advance(Happening.REPLY)
        return Reply(int(refusal[1]))

    def _read_usage(self, line: bytes) -> Reply | None:
        self._size += len(line) + 1
        if self._size > MAX_USAGE or _CONTROL_BUT_TAB.search(line):
            self._fail("a usage text that is none")
        if not line.startswith(b"520 "):
            self._advance(Happening.USAGE_LINE)
            return None
        self._advance(Happening.USAGE_ENDS)
        return Reply(520)

    def _advance(self, happening: Happening) -> None:
        state = NEXT[self.state].get(happening)
        if state is None:
            self._fail(f"{happening} in {self.state}")
        self.state = state

    def _fail(self, reason: str) -> NoReturn:
        self._error = ProtocolError(reason)
        self.state = State.FAILED
        self._buffer.clear()
        raise self._error


def _reply_in(text: str, verb: Verb) -> Reply | None:
    if isinstance(verb, SpeechRecognize):
        if found := _KEY_PRESSED.fullmatch(text):
            return Reply(200, found[1], "digit", int(found[2]), listened=True)
        if found := _SPOKEN.fullmatch(text):
            results = _results_in(found[3], int(found[2]))
            return Reply(200, "1", "garbage" if results is None else "speech", int(found[1]), results or (), listened=True)
        if found := _IN_VAIN.fullmatch(text):
            return Reply(200, "1", found[1], int(found[2]), listened=True)
    if found := _REPLY.fullmatch(text):
        result, data, endpos = found.groups()
        return Reply(200, result, data, None if endpos is None else int(endpos))
    return None


def _results_in(text: str, count: int) -> tuple[Recognised, ...] | None:
    """The listed results; None when they are not as many as were promised, or not of the kind that our ears give."""
    results: list[Recognised] = []
    while found := _RESULT.match(text):
        if int(found[1]) != len(results):
            return None
        results.append(Recognised(found[3], int(found[2])))
        text = text[found.end() :]
    return None if text.strip() or len(results) != count else tuple(results)


def _fits(verb: Verb, reply: Reply) -> bool:
    """Whether Asterisk can have said this in answer to that; a planted reply, or one that belongs to another command, mostly cannot be."""
    match verb:
        case StreamFile() | GetOption():
            return reply.endpos is not None and reply.data is None
        case WaitForDigit():
            return reply.endpos is None and reply.data is None
        case GetData():
            return reply.endpos is None and reply.data in {None, "timeout"}
        case SetVariable():
            return reply == SET
        case GetVariable():
            return reply.endpos is None and reply.result == ("0" if reply.data is None else "1")
        case SpeechCreate() | SpeechSet() | SpeechDestroy():
            return reply in (Reply(200, "0"), Reply(200, "1"))
        case SpeechRecognize():
            return reply == Reply(200, "0") or reply.listened
        case RecordFile():
            return reply.data is not None or reply.result == "-1"
        case _:
            return True
