"""Text messages: put where they are safe while the call goes on, and sent afterwards, at most once as far as a network allows.

A message is `sending` in the database before the network is given it. So whatever dies in between, a message that may have gone out is
known by its state, becomes `unknown`, and is not sent again: a bill that comes twice is worse than one that is asked for again.

What the network refuses for now is tried again after 5 s, 10 s, 20 s and so on up to 10 minutes, for a day; then it has lost its news.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import re
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

import structlog

from ivr.calls.ports import Clock, QueuedText, TextMessage, TextOutbox, TextSender, TextState
from ivr.calls.tickets import mask
from ivr.calls.times import LINE_ZONE
from ivr.errors import OutboxFailed, SendFailed

FIRST_PAUSE = dt.timedelta(seconds=5)
LONGEST_PAUSE = dt.timedelta(minutes=10)
TIME_TO_LIVE = dt.timedelta(hours=24)
KEPT = dt.timedelta(days=30)  # after its end, for `ivr sms list`
FORGET_EVERY = dt.timedelta(hours=1)
AT_ONCE = 8
SEND_PATIENCE = 30.0  # seconds after which nobody knows whether the network has it
STOP_PATIENCE = 5.0
LOOK_EVERY = 10.0  # seconds, without anything to do: the console writes messages too

_MOBILE = re.compile(r"1[3-9][0-9]{9}")

_log = structlog.get_logger(__name__)


def is_mobile(number: str) -> bool:
    """Whether text messages can go there: a mobile number of the Chinese numbering plan, written as in China."""
    return _MOBILE.fullmatch(number) is not None


def pause_after(attempts: int) -> dt.timedelta:
    """How long to wait after so many attempts: doubled each time, up to ten minutes."""
    return min(FIRST_PAUSE * (1 << min(attempts - 1, 20)), LONGEST_PAUSE)


@dataclass(frozen=True, slots=True)
class Sending:
    """What came of one round."""

    sent: int = 0
    refused: int = 0  # for now, or for good
    unknown: int = 0


@dataclass(frozen=True, slots=True)
class TextLine:
    """A text message in a list: whose call sent it, and what became of it. The number is masked, the words are left out."""

    session: str
    node: str
    count: int
    to: str
    language: str
    state: TextState
    attempts: int
    created_at: dt.datetime
    changed_at: dt.datetime
    reason: str
    receipt: str


def text_lines(texts: Iterable[QueuedText]) -> tuple[TextLine, ...]:
    """The messages as operators may see them, in the line's time."""
    return tuple(map(_line, texts))


def _line(text: QueuedText) -> TextLine:
    message = text.message
    place, _, count = message.key.removeprefix(f"{message.session}/").rpartition("/")
    return TextLine(
        session=message.session,
        node=place,
        count=int(count),
        to=mask(message.to),
        language=message.language,
        state=text.state,
        attempts=text.attempts,
        created_at=message.created_at.astimezone(LINE_ZONE),
        changed_at=text.changed_at.astimezone(LINE_ZONE),
        reason=text.reason,
        receipt=text.receipt,
    )


class TextService:
    """Takes text messages from calls and sends them. `run` it beside the calls; `queue` may be called at any time."""

    def __init__(
        self,
        outbox: TextOutbox,
        sender: TextSender,
        clock: Clock,
        *,
        patience: float = SEND_PATIENCE,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._outbox = outbox
        self._sender = sender
        self._clock = clock
        self._patience = patience
        self._sleep = sleep
        self._woken = asyncio.Event()
        self._round = asyncio.Lock()
        self._stopped = False
        self._forgotten: dt.datetime | None = None

    async def queue(self, message: TextMessage) -> None:
        """Keep it, durably, and see to it that it is sent. Raises OutboxFailed."""
        await self._outbox.queue(message)
        self._woken.set()

    async def run(self) -> None:
        """Send what is due, until `stop`. What an earlier engine was sending when it died is `unknown` from now on."""
        await self._until_done(self._settle)
        while not self._stopped:
            try:
                await self.send_due()
                await self._forget()
                pause = await self._pause()
            except OutboxFailed as error:
                _log.error("outbox_failed", reason=str(error))
                pause = FIRST_PAUSE.total_seconds()
            except Exception:  # a bug in one round: it is logged, and the next round comes
                _log.exception("texts_failed")
                pause = LONGEST_PAUSE.total_seconds()
            try:
                async with asyncio.timeout(pause):
                    await self._woken.wait()
            except TimeoutError:
                continue

    async def stop(self, patience: float = STOP_PATIENCE) -> None:
        """Give the network no further message, and let those that it is being given come through; `run` ends, or can be cancelled."""
        self._stopped = True
        self._woken.set()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(patience), self._round:
                pass

    async def send_due(self) -> Sending:
        """Send what is due, some at once, until nothing is; what came of it. Raises OutboxFailed.

        A message is taken only when the network can be given it now: what an engine has taken and not sent would be `unknown` if it died.
        """
        ends: Counter[str] = Counter()
        under_way: set[asyncio.Task[str]] = set()
        async with self._round:
            try:
                while (text := await self._take(len(under_way))) or under_way:
                    if text:
                        under_way.add(asyncio.create_task(self._send(text)))
                    else:
                        under_way = await self._until_something_ends(under_way, ends)
            except asyncio.CancelledError:
                for task in under_way:
                    task.cancel()
                raise
            finally:
                ends.update(await asyncio.gather(*under_way))
        return Sending(ends["sent"], ends["refused"], ends["unknown"])

    async def _take(self, under_way: int) -> QueuedText | None:
        self._woken.clear()
        return None if self._stopped or under_way >= AT_ONCE else await self._outbox.take(self._clock())

    async def _until_something_ends(self, under_way: set[asyncio.Task[str]], ends: Counter[str]) -> set[asyncio.Task[str]]:
        """Those still under way when one has ended, or another message has come."""
        woken = asyncio.create_task(self._woken.wait())
        try:
            done, _ = await asyncio.wait(
                {*under_way, woken} if len(under_way) < AT_ONCE else under_way, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            woken.cancel()
        ended = under_way & done
        ends.update(task.result() for task in ended)
        return under_way - ended

    async def _send(self, text: QueuedText) -> str:
        message, log = text.message, _log.bind(key=text.message.key, session=text.message.session, attempts=text.attempts)
        now = self._clock()
        if now - message.created_at > TIME_TO_LIVE:
            log.warning("text_failed", reason="expired")
            await self._until_done(lambda: self._outbox.failed(message.key, "expired", now))
            return "refused"
        try:
            async with asyncio.timeout(self._patience):
                sent = await self._sender.send(message)
        except SendFailed as error:
            return await self._refused(text, error)
        except Exception as error:  # whatever it is, the network may have the message, and the next one must still go out
            log.error("text_unknown", reason=type(error).__name__)
            await self._until_done(lambda: self._outbox.unknown(message.key, self._clock()))
            return "unknown"
        log.info("text_sent")
        await self._until_done(lambda: self._outbox.sent(message.key, sent.receipt, self._clock()))
        return "sent"

    async def _refused(self, text: QueuedText, error: SendFailed) -> str:
        key, now, reason = text.message.key, self._clock(), str(error)
        due_at = now + pause_after(text.attempts)
        if error.temporary and due_at - text.message.created_at <= TIME_TO_LIVE:
            _log.warning("text_refused", key=key, reason=reason, attempts=text.attempts)
            await self._until_done(lambda: self._outbox.again(key, reason, now, due_at))
        else:
            _log.error("text_failed", key=key, reason=reason, attempts=text.attempts)
            await self._until_done(lambda: self._outbox.failed(key, reason, now))
        return "refused"

    async def _forget(self) -> None:
        now = self._clock()
        if self._forgotten is None or now - self._forgotten >= FORGET_EVERY:
            await self._outbox.forget(now - KEPT)
            self._forgotten = now

    async def _settle(self) -> None:
        if left := await self._outbox.interrupted(self._clock()):
            _log.error("texts_unknown", count=left)

    async def _until_done(self, note: Callable[[], Awaitable[None]]) -> None:
        """Write down what has happened, however long the database is away: forgotten, it would be `unknown` after the next start."""
        attempts = 1
        while True:
            try:
                await note()
            except OutboxFailed as error:
                _log.error("outbox_failed", reason=str(error))
                await self._sleep(pause_after(attempts).total_seconds())
                attempts += 1
            else:
                return

    async def _pause(self) -> float:
        due = await self._outbox.next_due()
        if due is None:
            return LOOK_EVERY
        return min(max((due - self._clock()).total_seconds(), 0.0), LOOK_EVERY)
