"""The audio of one call, as a telephone has it: what is heard and when, what is said, which keys are pressed."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import secrets
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Self

from adapters.telephony import rtp
from adapters.telephony.sip_messages import KEYS, PCMA, PCMU, media_in
from ivr.errors import ChannelFailed

_FRAME_SECONDS = 0.02
_LONGEST_JUMP = 16_000  # samples: a timestamp that leaps further from the clock is a new stream


@dataclass(frozen=True, slots=True)
class Heard:
    """A packet of audio and when it came (time.monotonic)."""

    at: float
    sequence: int
    position: int  # in samples, from the first packet
    alaw: bytes = field(repr=False)
    audible: bool  # whether somebody speaks in it


@dataclass(frozen=True, slots=True)
class KeyPressed:
    """A key, when its first packet left, and when the first that says that it is released (time.monotonic; 0 until then)."""

    at: float
    key: str = field(repr=False)
    released_at: float = 0.0


class SipLeg:
    """One call. Made by SipCaller.

    `timeline` is every packet heard; `keys` every key pressed; `invited_at` and `answered_at` are time.monotonic().
    """

    def __init__(self) -> None:
        self.timeline: list[Heard] = []
        self.keys: list[KeyPressed] = []
        self.invited_at = 0.0
        self.answered_at = 0.0
        self.codec = PCMA
        self.ended_by: str | None = None  # "line" or "caller"
        self._ended = asyncio.Event()
        self._news = asyncio.Event()
        self._transport: asyncio.DatagramTransport | None = None
        self._peer: tuple[str, int] | None = None
        self._key_type: int | None = KEYS
        self._clock: asyncio.Task[None] | None = None
        self._hang_up: Callable[[], Awaitable[None]] | None = None
        self._sequence = secrets.randbelow(30_000)
        self._timestamp = secrets.randbelow(1 << 30)
        self._source = secrets.randbits(32)
        self._saying = bytearray()
        self._pressing: deque[tuple[str, asyncio.Future[None]]] = deque()
        self._said = asyncio.Event()
        self._origin: tuple[int, float] | None = None
        self._heard_until = 0  # what `hear` has given out, in samples
        self._mark = 0.0
        self._last_voice = 0.0

    @classmethod
    async def open(cls, host: str) -> Self:
        """A leg with a port of its own for audio, not yet connected."""
        leg = cls()
        leg._transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(lambda: _Wire(leg), local_addr=(host, 0))
        return leg

    # --- for the caller of the line ---------------------------------------------------------------------------------

    @property
    def audio(self) -> bytes:
        """All that was heard, as a-law; what was lost or not sent is silence."""
        return self._audio(0)

    async def hear(self, until_silent: dt.timedelta = dt.timedelta(seconds=1.5), timeout: dt.timedelta = dt.timedelta(seconds=60)) -> bytes:
        """Wait for a voice and then for silence of that length, or the end of the call; what was heard since the last time.

        Raises ChannelFailed when nothing, or no end of it, is heard in time.
        """
        mark, start = self._mark, self._heard_until
        try:
            async with asyncio.timeout(timeout.total_seconds()):
                while not self._ended.is_set():
                    voice = self._last_voice
                    left = voice + until_silent.total_seconds() - time.monotonic() if voice > mark else None
                    if left is not None and left <= 0:
                        break
                    self._news.clear()
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(self._news.wait(), left)
        except TimeoutError:
            what = "is still talking" if self._last_voice > mark else "says nothing"
            raise ChannelFailed(f"the line {what} after {timeout.total_seconds():.0f} s") from None
        self.forget_heard()
        return self._audio(start)

    def forget_heard(self) -> None:
        """The next `hear` begins here."""
        self._mark = time.monotonic()
        self._heard_until = max((heard.position + len(heard.alaw) for heard in self.timeline), default=0)

    async def wait_voice(self, after: float = 0.0, timeout: dt.timedelta = dt.timedelta(seconds=30)) -> float:
        """When (time.monotonic) the first audible packet after that moment came. Raises ChannelFailed."""
        try:
            async with asyncio.timeout(timeout.total_seconds()):
                while True:
                    for heard in self.timeline:
                        if heard.at > after and heard.audible:
                            return heard.at
                    if self._ended.is_set():
                        raise ChannelFailed("the call ended before anybody spoke")
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            raise ChannelFailed(f"the line says nothing for {timeout.total_seconds():.0f} s") from None

    async def send_keys(self, keys: str, *, pause: dt.timedelta = dt.timedelta(milliseconds=100)) -> None:
        """Press keys (RFC 4733), 100 ms each; returns when the last is released."""
        for index, key in enumerate(keys):
            if index:
                await asyncio.sleep(pause.total_seconds())
            self._must_be_up()
            pressed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._pressing.append((key, pressed))
            await pressed

    def say(self, alaw: bytes) -> None:
        """Speak: a-law, after whatever is still being said."""
        self._must_be_up()
        self._said.clear()
        self._saying += alaw

    async def wait_said(self) -> None:
        """Until all of it has been spoken, or the call is over."""
        if not self._ended.is_set():
            await self._said.wait()

    async def hang_up(self) -> None:
        """End the call. Nothing happens when it is over already."""
        if self._ended.is_set() or self._hang_up is None:
            return
        hang_up = self._hang_up
        self.ended("caller")
        await hang_up()

    def vanish(self) -> None:
        """End the call as a dead battery does: no BYE, no more audio."""
        self.ended("caller")

    async def wait_ended(self, timeout: dt.timedelta = dt.timedelta(seconds=30)) -> str:
        """Until the call is over: "line" or "caller" ended it. Raises ChannelFailed when it goes on."""
        try:
            await asyncio.wait_for(self._ended.wait(), timeout.total_seconds())
        except TimeoutError:
            raise ChannelFailed(f"the call goes on after {timeout.total_seconds():.0f} s") from None
        return self.ended_by or ""

    # --- for SipCaller ----------------------------------------------------------------------------------------------

    @property
    def port(self) -> int:
        """Where audio is awaited."""
        assert self._transport is not None
        return int(self._transport.get_extra_info("sockname")[1])

    def invited(self) -> None:
        """The INVITE leaves."""
        self.invited_at = time.monotonic()

    def answered(self, session: bytes, hang_up: Callable[[], Awaitable[None]]) -> None:
        """The far end has answered, and wants audio as `session` says. From here on a packet leaves every 20 ms."""
        self.answered_at = time.monotonic()
        media = media_in(session)
        self._peer, self.codec, self._key_type, self._hang_up = (media.host, media.port), media.codec, media.keys, hang_up
        self._clock = asyncio.create_task(self._send_on_time())

    def ended(self, by: str) -> None:
        """The call is over."""
        if not self._ended.is_set():
            self.ended_by = by
        self.close()

    def close(self) -> None:
        """No more audio, either way."""
        self._ended.set()
        self._news.set()
        self._said.set()
        if self._clock is not None:
            self._clock.cancel()
        while self._pressing:
            _, pressed = self._pressing.popleft()
            if not pressed.done():
                pressed.set_exception(ChannelFailed("the call is over"))
        if self._transport is not None:
            self._transport.close()

    def received(self, datagram: bytes) -> None:
        """A packet of audio, or of something else, which is not heard."""
        now = time.monotonic()
        packet = rtp.parse(datagram)
        if packet is None or packet.payload_type not in (PCMA, PCMU):
            return
        alaw = packet.payload if packet.payload_type == PCMA else rtp.ulaw_to_alaw(packet.payload)
        audible = rtp.is_audible(alaw)
        if audible:
            self._last_voice = now
        self.timeline.append(Heard(now, packet.sequence, self._position(packet.timestamp, now), alaw, audible))
        self._news.set()

    # --- inside -----------------------------------------------------------------------------------------------------

    def _must_be_up(self) -> None:
        if self._ended.is_set() or self._clock is None:
            raise ChannelFailed("the call is over")

    def _position(self, timestamp: int, now: float) -> int:
        """Where a packet belongs: by its timestamp, unless that has leapt away from the clock."""
        if self._origin is None:
            self._origin = (timestamp, now)
        by_stamp = (timestamp - self._origin[0]) & 0xFFFFFFFF
        by_clock = int((now - self._origin[1]) * 8000)
        if abs(by_stamp - by_clock) > _LONGEST_JUMP:
            position = max(by_clock, max((heard.position + len(heard.alaw) for heard in self.timeline[-50:]), default=0))
            self._origin = ((timestamp - position) & 0xFFFFFFFF, now - position / 8000)
            return position
        return by_stamp

    def _audio(self, start: int) -> bytes:
        end = max((heard.position + len(heard.alaw) for heard in self.timeline), default=0)
        audio = bytearray(rtp.SILENCE[:1] * max(0, end - start))
        for heard in self.timeline:
            if heard.position >= start:
                audio[heard.position - start : heard.position - start + len(heard.alaw)] = heard.alaw
        return bytes(audio)

    async def _send_on_time(self) -> None:
        due = time.monotonic()
        while True:
            if self._pressing:
                due = await self._press(due)
                continue
            frame = bytes(self._saying[: rtp.FRAME])
            del self._saying[: rtp.FRAME]
            if not self._saying:
                self._said.set()
            frame = frame.ljust(rtp.FRAME, rtp.SILENCE[:1])
            self._send(self.codec, frame if self.codec == PCMA else rtp.alaw_to_ulaw(frame), self._timestamp)
            self._timestamp += rtp.FRAME
            due = await _sleep_until(due + _FRAME_SECONDS)

    async def _press(self, due: float) -> float:
        key, pressed = self._pressing.popleft()
        stamp = self._timestamp
        self.keys.append(KeyPressed(time.monotonic(), key))
        try:
            for index, payload in enumerate(rtp.key_payloads(key)):
                if rtp.is_released(payload) and not self.keys[-1].released_at:
                    self.keys[-1] = replace(self.keys[-1], released_at=time.monotonic())
                self._send(KEYS if self._key_type is None else self._key_type, payload, stamp, marker=index == 0)
                self._timestamp += rtp.FRAME
                due = await _sleep_until(due + _FRAME_SECONDS)
        finally:  # a line that hangs up at a key's first packet has heard the key
            if not pressed.done():
                pressed.set_result(None)
        return due

    def _send(self, payload_type: int, payload: bytes, timestamp: int, *, marker: bool = False) -> None:
        if self._transport is None or self._transport.is_closing() or self._peer is None:
            return
        packet = rtp.RtpPacket(payload_type, self._sequence, timestamp, self._source, payload, marker)
        self._transport.sendto(packet.encode(), self._peer)
        self._sequence += 1


class _Wire(asyncio.DatagramProtocol):
    def __init__(self, leg: SipLeg) -> None:
        self._leg = leg

    def datagram_received(self, data: bytes, addr: tuple[str | object, int]) -> None:
        self._leg.received(data)


async def _sleep_until(due: float) -> float:
    await asyncio.sleep(max(0.0, due - time.monotonic()))
    return due
