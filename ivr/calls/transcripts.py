"""Transcripts of messages, made in the background: an agent reads what the caller said; the recording stays the truth.

Nothing waits for a transcript. A message is on its ticket when this service first looks at it, and the service looks into the database,
which is its list of work: so a transcript that was missed, by a crash or because nobody listened then, is made later. Doing it twice is
doing it once.

An attempt is counted in the database before it begins. A recording on which the recogniser hangs or dies, even one that takes the engine
with it, is tried four times, after 1, 5 and 25 minutes, and is then left to human ears. A recogniser that does not start at all costs no
message an attempt.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

import structlog

from ivr.calls.ports import Clock, Transcriber, Transcript, TranscriptStore, UnheardMessage
from ivr.errors import StoreFailed, TranscriberAway, TranscriberFailed

MOST_ATTEMPTS = 4
FIRST_PAUSE = dt.timedelta(minutes=1)
LOOK_EVERY = 60.0  # seconds, when nobody says that a message has come
AFTER_TROUBLE = 600.0  # seconds until a recogniser that did not start is tried again
LONGEST_TEXT = 20_000  # characters
_MARGIN = dt.timedelta(seconds=30)

_log = structlog.get_logger(__name__)


def patience(seconds: float) -> float:
    """How long a recogniser may take for a recording of so many seconds: many times what it needs, since calls come first."""
    return 60.0 + 2.0 * seconds


def lease(seconds: float) -> dt.timedelta:
    """After this time, whoever was transcribing a message of so many seconds is dead, and another attempt may begin."""
    return dt.timedelta(seconds=patience(seconds)) + _MARGIN


def pause_after(attempts: int) -> dt.timedelta:
    """How long to wait after so many attempts: 1 minute, 5, 25."""
    factor: int = 5 ** min(attempts - 1, MOST_ATTEMPTS)
    return FIRST_PAUSE * factor


@dataclass(frozen=True, slots=True)
class Hearing:
    """What came of one round."""

    heard: int = 0
    again: int = 0
    failed: int = 0


class TranscriptService:
    """Transcribes the messages that have no transcript yet, one after the other. `run` it beside the calls."""

    def __init__(
        self,
        store: TranscriptStore,
        transcriber: Transcriber,
        clock: Clock,
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._store = store
        self._transcriber = transcriber
        self._clock = clock
        self._sleep = sleep
        self._woken = asyncio.Event()
        self._told_away = False

    def look(self) -> None:
        """There may be a new message."""
        self._woken.set()

    async def run(self) -> None:
        """Transcribe what there is, and what comes, until it is cancelled."""
        while True:
            self._woken.clear()
            if await self._round():
                await self._until_woken()
            else:
                await self._sleep(AFTER_TROUBLE)

    async def _round(self) -> bool:
        """Hear what is due; False when it is no use to try again soon."""
        try:
            await self.hear_due()
        except TranscriberAway as error:
            if not self._told_away:  # once, and not every ten minutes
                _log.error("transcriber_away", reason=str(error))
            self._told_away = True
            return False
        except StoreFailed as error:
            _log.warning("transcripts_wait", reason=str(error))
        except Exception:  # a bug in one round: it is logged, and the next round comes
            _log.exception("transcripts_failed")
            return False
        self._told_away = False
        return True

    async def _until_woken(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LOOK_EVERY):
                await self._woken.wait()

    async def hear_due(self) -> Hearing:
        """Transcribe what is due until nothing is; what came of it. Raises StoreFailed, TranscriberAway."""
        heard = Hearing()
        languages = self._transcriber.languages
        try:
            while (due := await self._store.next_due(languages)) is not None and due <= self._clock():
                await self._transcriber.wake()
                message = await self._store.take(self._clock(), languages)
                if message is not None:
                    heard = await self._hear(message, heard)
        finally:
            await self._transcriber.rest()
        return heard

    async def _hear(self, message: UnheardMessage, so_far: Hearing) -> Hearing:
        if message.attempts > MOST_ATTEMPTS:  # the engine died each time
            return await self._give_up(message, "interrupted", so_far)
        try:
            transcript = _clean(await self._transcriber.hear(message.recording, message.language, patience(message.seconds)))
        except TranscriberFailed as error:
            return await self._failed(message, str(error), so_far)
        await self._store.keep(message, transcript, self._clock())
        confidence = round(transcript.confidence, 2)
        about = {"language": transcript.language, "confidence": confidence, "engine": transcript.engine}
        _log.info("message_transcribed", key=message.key, seconds=round(message.seconds, 1), **about)
        return replace(so_far, heard=so_far.heard + 1)

    async def _failed(self, message: UnheardMessage, reason: str, so_far: Hearing) -> Hearing:
        if message.attempts >= MOST_ATTEMPTS:
            return await self._give_up(message, reason, so_far)
        _log.warning("transcript_tried", key=message.key, reason=reason, attempts=message.attempts)
        now = self._clock()
        await self._store.again(message, reason, now, now + pause_after(message.attempts))
        return replace(so_far, again=so_far.again + 1)

    async def _give_up(self, message: UnheardMessage, reason: str, so_far: Hearing) -> Hearing:
        _log.error("transcript_given_up", key=message.key, reason=reason, attempts=min(message.attempts, MOST_ATTEMPTS))
        await self._store.failed(message, reason, self._clock())
        return replace(so_far, failed=so_far.failed + 1)


def _clean(transcript: Transcript) -> Transcript:
    """Words and nothing else: what a recogniser writes is printed on terminals."""
    words = "".join(mark if mark.isprintable() else " " for mark in transcript.text[:LONGEST_TEXT])
    return replace(transcript, text=" ".join(words.split()), confidence=min(1.0, max(0.0, transcript.confidence)))
