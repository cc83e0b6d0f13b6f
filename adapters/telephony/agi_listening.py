"""Press or say: one question to the caller, answered by voice or by a key, over AGI.

Four facts of Asterisk 22 shape it (res_agi.c, res_speech.c, res_speech_aeap.c). SPEECH RECOGNIZE plays a prompt and listens, and only a
key, a hang-up or a *result* ends it: so that the prompt stops when somebody begins to speak, the ears say `begun` as a result, and a
second SPEECH RECOGNIZE goes on with a sound of one frame. Ears that die between the two would be waited for to the end of the answer, so
they are asked for a sign of life there. A prompt is never stopped by the end of the command, only by the next sound.
SPEECH SET says 1 whatever the ears answered. And a stream to the ears is opened and closed within the step, so that what is said before or
after it reaches nobody.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import structlog

from adapters.telephony.agi_protocol import Reply
from adapters.telephony.agi_verbs import ALL_KEYS, SpeechCreate, SpeechDestroy, SpeechRecognize, SpeechSet, StreamFile, Verb
from adapters.telephony.ears_link import EarsLink
from ivr.calls.listening import Said, hypothesis_of
from ivr.calls.ports import Clock
from ivr.core.commands import Grammar
from ivr.core.events import NO_TROUBLE, NothingHeard, SpeechHeard, SpeechUnavailable

NOTHING = "nothing"  # the sound of one frame of silence
LONGEST_ANSWER = 25.0  # seconds that somebody may speak, and the ears may think, together
SIGN = 0.05  # seconds for a sign of life in the middle of an answer: so much of it is lost at most
GRACE = 2  # seconds that Asterisk waits beyond the ears, which keep the time better

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class KeyPressed:
    """A key ended the listening. The prompt may go on: NOTHING ends it."""

    key: str


@dataclass(frozen=True, slots=True)
class LineTrouble:
    """What Asterisk said instead of an answer: the caller has gone, or something failed."""

    reply: Reply | None


Answered = SpeechHeard | NothingHeard | SpeechUnavailable | KeyPressed | LineTrouble


class AgiListening:
    """What all calls share: the ears, and a sound of one frame."""

    def __init__(self, ears: EarsLink, sounds: Path) -> None:
        self.ears = ears
        self._sound = sounds / f"{NOTHING}.alaw"

    async def deaf(self, language: str) -> str:
        """Why nobody can listen now, "" when somebody can: asked before a question is begun, so that nothing of it is heard twice."""
        reason = await self.ears.deaf(language)
        if reason and reason not in NO_TROUBLE:
            _log.warning("nobody_listens", reason=reason)
        return reason

    def prepare(self) -> None:
        """Put the sound where Asterisk finds it, unless it is there. Raises OSError."""
        if not self._sound.exists():
            self._sound.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._sound.write_bytes(b"\xd5" * 160)


class Question:
    """One question. `ask` it once."""

    def __init__(self, listening: AgiListening, say: Callable[[Verb, float], Awaitable[Reply | None]], clock: Clock) -> None:
        self._listening = listening
        self._say = say
        self._clock = clock

    async def ask(self, grammar: Grammar, sound: str | None, seconds: float, silence: dt.timedelta) -> Answered:
        """Play `sound`, of that many seconds, and listen meanwhile and for `silence` afterwards."""
        try:
            self._listening.prepare()
            name = self._listening.ears.keep(grammar)
        except OSError as error:
            _log.error("grammar_not_kept", error=str(error))
            return self._unavailable("disk")
        created = await self._say(SpeechCreate(), 0.0)
        if created is None or created.code != 200:
            return LineTrouble(created)
        if created.result != "1":
            return self._unavailable("gone")
        try:
            wanted = SpeechSet(name, round(seconds * 1000), max(1, round(silence.total_seconds() * 1000)))
            told = await self._say(wanted, 0.0)
            if told is None or told.code != 200:
                return LineTrouble(told)
            return await self._listen(grammar, sound, seconds, silence)
        finally:
            await self._say(SpeechDestroy(), 0.0)

    async def _listen(self, grammar: Grammar, sound: str | None, seconds: float, silence: dt.timedelta) -> Answered:
        timeout = math.ceil(silence.total_seconds()) + GRACE
        reply = await self._say(SpeechRecognize(sound or NOTHING, timeout), seconds + timeout)
        if _begun(reply):
            sign = await self._listening.ears.deaf(grammar.language, SIGN)
            if sign in ("gone", "loading"):  # they died with that word, or are new ones
                return await self._hush() or self._unavailable("gone")
            timeout = math.ceil(LONGEST_ANSWER + silence.total_seconds()) + GRACE
            reply = await self._say(SpeechRecognize(NOTHING, timeout), timeout)
        if reply is None or reply.code != 200 or reply.data == "hangup":
            return LineTrouble(reply)
        if reply.data == "digit":
            return KeyPressed(reply.result)
        return await self._hush() or self._meaning(grammar, reply)

    async def _hush(self) -> KeyPressed | LineTrouble | None:
        """The prompt may go on: it ends here. None, unless that met a key or trouble."""
        hushed = await self._say(StreamFile(NOTHING, ALL_KEYS), 0.0)
        if hushed is None or hushed.code != 200 or hushed.says_gone:
            return LineTrouble(hushed)
        return KeyPressed(chr(int(hushed.result))) if hushed.result != "0" else None

    def _meaning(self, grammar: Grammar, reply: Reply) -> Answered:
        match reply.data, tuple(result.token for result in reply.results):
            case "speech", ():
                return self._unavailable("gone")
            case "speech", (Said.NOMATCH,):
                return SpeechHeard(self._clock())
            case "speech", (Said.SILENCE,):
                return NothingHeard(self._clock())
            case "speech", (Said.LATE,):
                return self._unavailable("deadline")
            case "speech", (Said.FAILED,):
                return self._unavailable("failed")
            case "speech", _:
                found = tuple(hypothesis_of(grammar, result.token, result.score) for result in reply.results)
                known = tuple(hypothesis for hypothesis in found if hypothesis is not None)
                return SpeechHeard(self._clock(), known) if len(known) == len(found) else self._unavailable("garbage")
            case "timeout", _:
                return self._unavailable("deadline")
            case _:
                return self._unavailable(reply.data or "failed")

    def _unavailable(self, reason: str) -> SpeechUnavailable:
        _log.warning("nobody_listens", reason=reason)
        return SpeechUnavailable(self._clock(), reason)


def _begun(reply: Reply | None) -> bool:
    return reply is not None and tuple(result.token for result in reply.results) == (Said.BEGUN,)
