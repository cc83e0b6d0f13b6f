"""The caller's line over AGI: the port `Channel`, where each coarse command of the core becomes one AGI command, or two.

Two facts of Asterisk shape it. Keys that arrive between two commands are lost, so prompt and first key are one command, and the gaps that
remain come right after a key: Asterisk itself keeps 125 ms between two keys. And "gone" is said in five ways (a line `HANGUP`, code 511,
`result=-1`, `(hangup)` in a recording's result, the end of the connection): all of them become CallerHungUp in `_gone`.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import assert_never

import structlog

from adapters.telephony.agi_connection import AgiConnection
from adapters.telephony.agi_listening import NOTHING, AgiListening, KeyPressed, LineTrouble, Question
from adapters.telephony.agi_protocol import Reply
from adapters.telephony.agi_verbs import (
    ALL_KEYS,
    GetData,
    GetOption,
    GetVariable,
    Gosub,
    Hangup,
    RecordFile,
    SetVariable,
    StreamFile,
    Variable,
    Verb,
    WaitForDigit,
)
from ivr.calls.ports import Clock, Held, LineCommand, LineEvent, Part, Recorded, Voice
from ivr.core.commands import AskDigits, Grammar, Play, Release, Transfer
from ivr.core.events import (
    BUSY,
    CALLBACK,
    NO_RECOGNISER,
    NOBODY,
    CallerHungUp,
    CommandFailed,
    DigitsEntered,
    NothingHeard,
    PromptPlayed,
    Released,
    SpeechUnavailable,
    TransferEnded,
)
from ivr.core.values import Utterance
from ivr.errors import ChannelFailed, ProtocolError, VoiceFailed

MARGIN = 5.0  # seconds a command may take beyond what it says itself
TALK = 4 * 3600.0  # seconds a transferred call may last
FIRST_SLICE_MS = 2  # doubled each time: a look-up that takes milliseconds is answered in milliseconds
SLICE_MS = 100
PROMPT_SLICE_MS = 16  # while a prompt is waited for, which must not be heard later for it
IDLE = 0.03  # seconds: joining a prompt takes no longer, and Asterisk keeps a key that follows another so soon
BYTES_A_SECOND = 8000
AT_ONCE = dt.timedelta(milliseconds=1)  # the silence after a part of a prompt that goes on

_log = structlog.get_logger(__name__)


class AgiChannel:
    """One caller's line. Raises ChannelFailed when Asterisk does not answer in time or does not speak AGI; the session is over then."""

    def __init__(self, connection: AgiConnection, *, voice: Voice, clock: Clock, listening: AgiListening | None = None) -> None:
        self._connection = connection
        self._voice = voice
        self._listening = listening
        self._clock = clock
        self._gone_for_good = False
        self._released = False

    @property
    def hung_up(self) -> bool:
        """The caller has gone, as far as we have been told."""
        return self._gone_for_good or self._connection.hung_up or self._connection.closed

    async def perform(self, command: LineCommand) -> LineEvent:
        """Do it, and say what happened; CallerHungUp in place of any answer."""
        if self.hung_up:
            return CallerHungUp(self._clock())
        match command:
            case AskDigits():
                return await self._ask_digits(command)
            case Play():
                return await self._play(command)
            case Transfer():
                return await self._transfer(command)
            case Release():
                return await self._release()
            case _:
                assert_never(command)

    async def hold(self, work: asyncio.Future[object], comfort: Utterance | None, comfort_after: dt.timedelta) -> Held:
        """Listen in short slices until the work is done: a command cannot be taken back once it runs.

        (A second command would end it, but one that Asterisk reads together with the first is stuck in its buffer until more bytes come.)
        The comfort prompt is made while the slices go on, and heard to its end.
        """
        loop = asyncio.get_running_loop()
        comfort_at = loop.time() + comfort_after.total_seconds()
        making: asyncio.Task[Path] | None = None
        keys = ""
        slice_ms = FIRST_SLICE_MS
        try:
            while not work.done() and not self.hung_up:
                if comfort is not None and making is None and loop.time() >= comfort_at:
                    making = asyncio.create_task(self._file_for(comfort))
                if making and making.done() and (file := _made(making)):
                    making, comfort = None, None
                    reply = await self._say(StreamFile(file.stem, ALL_KEYS), _duration(file) or 0.0)
                else:
                    reply = await self._say(WaitForDigit(slice_ms), slice_ms / 1000)
                    slice_ms = min(2 * slice_ms, SLICE_MS)
                if (key := _key(reply)) is None:
                    late: list[str] = []
                    if await self._gone(reply, late):
                        break
                    key = "".join(late)
                keys += key
        finally:
            if making and not making.done():
                making.cancel()
            elif making and not making.cancelled():
                making.exception()  # looked at, so that asyncio does not report it
        return Held(keys, self.hung_up)

    async def record(self, name: str, max_length: dt.timedelta, final_silence: dt.timedelta) -> Recorded:
        """Beep and record. When Asterisk goes away meanwhile, what it wrote is for the recovery to find: ChannelFailed."""
        if self.hung_up:
            return Recorded(samples=0, hung_up=True)
        noted = await self._say(SetVariable(Variable.MESSAGE, name), 0.0)
        if noted is None:
            return Recorded(samples=0, hung_up=True)
        seconds = max_length.total_seconds()
        verb = RecordFile(name, _milliseconds(max_length), max(1, math.ceil(final_silence.total_seconds())))
        reply = await self._say(verb, seconds + MARGIN)
        if reply is None:
            raise ChannelFailed("the connection to Asterisk ended during a recording")
        if reply.data in {"hangup", "waitfor"}:
            self._gone_for_good = True
        elif (reply.code != 200 or reply.says_gone) and not await self._gone(reply):
            raise ChannelFailed(f"Asterisk cannot record: {reply.data or reply.code}")
        return Recorded(samples=max(0, reply.endpos or 0), hung_up=self.hung_up)

    async def put_through(self, number: str, shown: str, language: str) -> None:
        """Give the line back to the dialplan, which dials that number. Of a line that has gone nothing is given away."""
        for variable, value in ((Variable.FROM, shown), (Variable.LANGUAGE, language.lower()), (Variable.NUMBER, number)):
            reply = await self._say(SetVariable(variable, value), 0.0)
            if reply is None or reply.code != 200:
                return
        await self._mark_done()
        self._released = True
        self._connection.close()

    async def finish(self) -> None:
        """The last act of a session: mark it as done, so that the dialplan does not rescue the caller, and close.

        A session whose caller is still on the line and was not released is not done: the dialplan takes over.
        """
        if not self._released and not self.hung_up:
            _log.error("session_left_open")
        elif not self._released:
            with contextlib.suppress(ChannelFailed):
                await self._mark_done()
        self._connection.close()

    # --- one command each -----------------------------------------------------------------------------------------

    async def _play(self, command: Play) -> LineEvent:
        if not command.utterance.parts:
            return PromptPlayed(self._clock())
        begun = await self._begin(command.utterance, ALL_KEYS if command.barge_in else "")
        if begun.over is not None:
            return begun.over
        if begun.key:
            return PromptPlayed(self._clock(), begun.key)
        reply = await self._say(StreamFile(begun.file, ALL_KEYS if command.barge_in else ""), begun.seconds)
        key = _key(reply)
        if key is None:
            return await self._gone_or_failed(reply, "audio")
        return PromptPlayed(self._clock(), key)

    async def _ask_digits(self, command: AskDigits) -> LineEvent:
        file, seconds = None, 0.0
        grammar = None if command.secret else command.grammar
        if grammar is not None and (reason := NO_RECOGNISER if self._listening is None else await self._listening.deaf(grammar.language)):
            return SpeechUnavailable(self._clock(), reason)
        if command.utterance.parts:
            begun = await self._begin(command.utterance, ALL_KEYS if command.barge_in else "", grammar if command.barge_in else None)
            if begun.over is not None:
                return begun.over
            if begun.key:
                return await self._after_first(begun.key, command, hush=NOTHING if grammar is not None else None)
            file, seconds = begun.file, begun.seconds
        if file and not command.barge_in:
            played = _key(reply := await self._say(StreamFile(file), seconds))
            if played is None:
                return await self._gone_or_failed(reply, "audio")
            file, seconds = None, 0.0
        if grammar is not None:
            answer = await self._listen_for(grammar, file, seconds, command.first_timeout)
            return await self._after_first(answer, command, hush=NOTHING) if isinstance(answer, str) else answer
        if command.max_digits > 1 and command.first_timeout == command.digit_timeout:
            return await self._collect("", file, seconds, command.first_timeout, command.max_digits)
        return await self._ask_key_by_key(command, file, seconds)

    async def _ask_key_by_key(self, command: AskDigits, file: str | None, seconds: float) -> LineEvent:
        """The first key by itself, because GET DATA has one timeout for the first key and for those that follow."""
        first_ms = _milliseconds(command.first_timeout)
        verb = GetOption(file, ALL_KEYS, first_ms) if file else WaitForDigit(first_ms)
        key = _key(reply := await self._say(verb, seconds + first_ms / 1000))
        if key is None:
            return await self._gone_or_failed(reply, "audio")
        if not key:
            late: list[str] = []
            if await self._gone(reply, late):  # GET OPTION takes a hang-up in its silence for silence (seen on 22.10.1)
                return CallerHungUp(self._clock())
            key = "".join(late)
        if not key:
            return NothingHeard(self._clock())
        return await self._after_first(key, command)

    async def _listen_for(self, grammar: Grammar, file: str | None, seconds: float, silence: dt.timedelta) -> LineEvent | str:
        """What the caller says meanwhile or in the silence that may follow; or the key they press."""
        assert self._listening is not None
        answer = await Question(self._listening, self._say, self._clock).ask(grammar, file, seconds, silence)
        match answer:
            case KeyPressed(key):
                return key
            case LineTrouble(reply):
                return await self._gone_or_failed(reply, "audio")
            case _:
                return CallerHungUp(self._clock()) if self.hung_up else answer

    async def _after_first(self, key: str, command: AskDigits, hush: str | None = None) -> LineEvent:
        """The keys that belong to it. `hush` is a sound that ends a prompt which may still be heard."""
        if command.max_digits > 1 and key != "#":
            return await self._collect(key, hush, 0.0, command.digit_timeout, command.max_digits - 1)
        if hush is not None:  # no key is lost meanwhile: Asterisk keeps 125 ms between two
            await self._say(StreamFile(hush), 0.0)
        return DigitsEntered(self._clock(), key) if command.max_digits == 1 else DigitsEntered(self._clock(), "", terminated=True)

    async def _collect(self, before: str, file: str | None, seconds: float, timeout: dt.timedelta, most: int) -> LineEvent:
        patience = seconds + (most + 1) * timeout.total_seconds()
        reply = await self._say(GetData(file, _milliseconds(timeout), most), patience)
        if reply is None or reply.code != 200 or reply.says_gone:
            return await self._gone_or_failed(reply, "audio")
        if not reply.result and not before and reply.timed_out:
            return CallerHungUp(self._clock()) if self.hung_up else NothingHeard(self._clock())
        terminated = not reply.timed_out and len(reply.result) < most
        return DigitsEntered(self._clock(), before + reply.result, terminated)

    async def _transfer(self, command: Transfer) -> LineEvent:
        ring_seconds = max(1, math.ceil(command.ring_time.total_seconds()))
        wait_seconds = None if command.wait is None else max(1, math.ceil(command.wait.total_seconds()))
        verb = Gosub(command.destination, ring_seconds, wait_seconds, command.language.lower())
        reply = await self._say(verb, ring_seconds + (wait_seconds or 0) + TALK)
        if not self.hung_up and (reply is None or reply.code != 200 or reply.says_gone):
            event = await self._gone_or_failed(reply, "transfer")
            if not isinstance(event, CallerHungUp):
                return event
        if self._connection.closed:
            return CallerHungUp(self._clock())
        outcome = await self._say(GetVariable(Variable.TRANSFER), 0.0)
        talked = (outcome is not None and outcome.data == "answered") or await self._talked()
        self._gone_for_good = self._gone_for_good or self.hung_up
        if talked:
            return TransferEnded(self._clock(), answered=True)
        if self.hung_up or outcome is None:
            return CallerHungUp(self._clock())
        return TransferEnded(self._clock(), answered=False, reason=outcome.data if outcome.data in (BUSY, NOBODY, CALLBACK) else "")

    async def _talked(self) -> bool:
        """A caller who hangs up ends the Gosub, perhaps before we are told so, but not what was noted: was this the end of a talk?"""
        status = await self._say(GetVariable(Variable.DIAL_STATUS), 0.0)
        if status is not None and status.data == "ANSWER":
            return True
        member = await self._say(GetVariable(Variable.MEMBER), 0.0)
        return member is not None and bool(member.data)

    async def _release(self) -> LineEvent:
        await self._mark_done()
        reply = await self._say(Hangup(), 0.0)
        self._released = True
        self._gone_for_good = True
        self._connection.close()  # only then does Asterisk end the call
        if reply is None or reply.code != 200:
            return CallerHungUp(self._clock())
        return Released(self._clock())

    async def _mark_done(self) -> None:
        await self._say(SetVariable(Variable.DONE, "1"), 0.0)

    # --- gone, or only failed -------------------------------------------------------------------------------------

    async def _say(self, verb: Verb, seconds: float) -> Reply | None:
        """The reply; None when the connection has ended. `seconds` is what the command itself may take."""
        return await self._connection.ask(verb, seconds + MARGIN)

    async def _gone(self, reply: Reply | None, keys: list[str] | None = None) -> bool:
        """Whether this answer means that the caller has gone.

        `result=-1` does not tell a hang-up from a file that cannot be opened, nor GET OPTION's `result=0` from silence: the line
        is asked once more, for one millisecond; a key that comes just then goes to `keys`.
        """
        if reply is not None and reply.code in {503, 510, 520}:
            raise ProtocolError(f"Asterisk does not know a command: {reply.code}")
        if self.hung_up or reply is None or reply.code == 511:
            self._gone_for_good = True
            return True
        probe = await self._say(WaitForDigit(1), 0.0)
        key = _key(probe)
        if key is None or self.hung_up:
            self._gone_for_good = True
            return True
        if keys is not None:
            keys.append(key)
        return False

    async def _gone_or_failed(self, reply: Reply | None, reason: str) -> LineEvent:
        keys: list[str] = []
        if await self._gone(reply, keys):
            return CallerHungUp(self._clock())
        _log.warning("line_command_failed", reason=reason)
        return CommandFailed(self._clock(), reason, "".join(keys))

    # --- audio ----------------------------------------------------------------------------------------------------

    async def _file_for(self, utterance: Utterance) -> Path:  # a coroutine of our own: a port may return any awaitable
        return await self._voice.file_for(utterance)

    async def _begin(self, utterance: Utterance, keys: str, grammar: Grammar | None = None) -> _Begun:
        """Play all of it but its last part, as far as it has several: a text is being made while what comes before it is heard.

        With a grammar, callers may speak over each part, as they may over the last.
        """
        making: asyncio.Future[Part] = asyncio.ensure_future(self._beginning(utterance))
        key = await self._listen(making, keys, idle=IDLE)
        while not key:
            if key is None:
                return _Begun(over=CallerHungUp(self._clock()))
            try:
                part = making.result()
            except VoiceFailed as error:
                _log.warning("prompt_not_made", error=str(error))
                return _Begun(over=CommandFailed(self._clock(), "audio"))
            seconds = _duration(part.file)
            if seconds is None:
                _log.error("prompt_file_missing", file=part.file.name)
                return _Begun(over=CommandFailed(self._clock(), "audio"))
            if part.rest is None:
                return _Begun(part.file.stem, seconds)
            heard = await self._play_part(part.file.stem, seconds, keys, grammar)
            if not isinstance(heard, str):
                return _Begun(over=heard)
            key = heard
            if not key:
                making = asyncio.ensure_future(part.rest())
                key = await self._listen(making, keys)
        return _Begun(key=key)

    async def _play_part(self, file: str, seconds: float, keys: str, grammar: Grammar | None) -> LineEvent | str:
        """The key that cuts it short, "" when none does; or what the caller says, or how it ended otherwise."""
        if grammar is not None:
            answer = await self._listen_for(grammar, file, seconds, AT_ONCE)
            return "" if isinstance(answer, NothingHeard) else answer
        key = _key(reply := await self._say(StreamFile(file, keys), seconds))
        return await self._gone_or_failed(reply, "audio") if key is None else key

    async def _beginning(self, utterance: Utterance) -> Part:  # as `_file_for`
        return await self._voice.begin(utterance)

    async def _listen(self, work: asyncio.Future[Part], keys: str, idle: float = 0.0) -> str | None:
        """The first of `keys` that comes before the work is done; "" when none does, None when the caller has gone.

        For `idle` seconds nothing is asked of the line, which would only delay the prompt.
        """
        await asyncio.wait({work}, timeout=idle)
        slice_ms = FIRST_SLICE_MS
        try:
            while not work.done():
                key = _key(reply := await self._say(WaitForDigit(slice_ms), slice_ms / 1000))
                if key is None:
                    late: list[str] = []
                    if await self._gone(reply, late):
                        return None
                    key = "".join(late)
                if key and key in keys:
                    return key
                slice_ms = min(2 * slice_ms, PROMPT_SLICE_MS)
        finally:
            if not work.done():
                work.cancel()
            elif not work.cancelled():
                work.exception()  # looked at, so that asyncio does not report it
        return ""


@dataclass(frozen=True, slots=True)
class _Begun:
    """The last part of an utterance, which is to be played; or the key that cut short what comes before it, or how that ended."""

    file: str = ""
    seconds: float = 0.0
    key: str = field(default="", repr=False)
    over: LineEvent | None = None


def _made(making: asyncio.Task[Path]) -> Path | None:
    """The file of a comfort prompt, if there is one."""
    if making.cancelled() or making.exception() is not None or _duration(making.result()) is None:
        return None
    return making.result()


def _duration(file: Path) -> float | None:
    """Seconds of raw a-law; None when there is no such file (Asterisk would answer as if the caller had gone)."""
    try:
        return file.stat().st_size / BYTES_A_SECOND
    except OSError:
        return None


def _milliseconds(duration: dt.timedelta) -> int:
    return max(1, round(duration.total_seconds() * 1000))


def _key(reply: Reply | None) -> str | None:
    """The key a reply names, "" for none in time; None when the reply is about something else than keys."""
    if reply is None or reply.code != 200 or reply.says_gone:
        return None
    if reply.result == "0":
        return ""
    if reply.result.isdecimal() and (key := chr(int(reply.result))) in ALL_KEYS + "ABCD":
        return key
    raise ProtocolError("a reply names a key that no telephone has")
