"""RTP as bytes: audio packets, key presses, and how loud a packet is (RFC 3550, RFC 4733, ITU-T G.711)."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

FRAME = 160  # samples, and bytes, in 20 ms
SILENCE = b"\xd5" * FRAME  # a-law; +0
AUDIBLE = 768  # of 32,768: above comfort noise and the tails of words, below any word
_KEY_EVENTS = "0123456789*#ABCD"
_RELEASED = 0x80
_HEADER = struct.Struct("!BBHII")


@dataclass(frozen=True, slots=True)
class RtpPacket:
    """One packet."""

    payload_type: int
    sequence: int
    timestamp: int  # in samples
    source: int  # SSRC
    payload: bytes = field(repr=False)
    marker: bool = False

    def encode(self) -> bytes:
        """The bytes on the wire."""
        second = self.payload_type | (0x80 if self.marker else 0)
        return _HEADER.pack(0x80, second, self.sequence & 0xFFFF, self.timestamp & 0xFFFFFFFF, self.source) + self.payload


def parse(datagram: bytes) -> RtpPacket | None:
    """Read one packet; None when it is not RTP of version 2."""
    if len(datagram) < _HEADER.size:
        return None
    first, second, sequence, timestamp, source = _HEADER.unpack_from(datagram)
    if first >> 6 != 2:
        return None
    start = _HEADER.size + 4 * (first & 0x0F)
    if first & 0x10 and len(datagram) >= start + 4:
        start += 4 + 4 * int.from_bytes(datagram[start + 2 : start + 4], "big")
    end = len(datagram) - (datagram[-1] if first & 0x20 else 0)
    return RtpPacket(second & 0x7F, sequence, timestamp, source, datagram[start:end], marker=bool(second & 0x80))


def key_payloads(key: str, frames: int = 5) -> Iterator[bytes]:
    """A key press as its 20 ms packets, which share one timestamp: held for `frames`, then its end, three times over."""
    event = _KEY_EVENTS.index(key)
    for frame in range(1, frames + 1):
        yield struct.pack("!BBH", event, 10, frame * FRAME)
    for _ in range(3):
        yield struct.pack("!BBH", event, _RELEASED | 10, frames * FRAME)


def is_released(payload: bytes) -> bool:
    """Whether a packet of a key press says that the key is released."""
    return bool(payload[1] & _RELEASED)


def loudness(alaw: bytes) -> int:
    """The largest sample, of 32,768, in steps of 128."""
    return max(alaw.translate(_STEPS), default=0) << 7


def is_audible(alaw: bytes) -> bool:
    """Whether somebody speaks in it."""
    return loudness(alaw) >= AUDIBLE


def alaw_to_ulaw(audio: bytes) -> bytes:
    """Sample by sample, to the nearest."""
    return audio.translate(_ALAW_TO_ULAW)


def ulaw_to_alaw(audio: bytes) -> bytes:
    """Sample by sample, to the nearest."""
    return audio.translate(_ULAW_TO_ALAW)


def _alaw_sample(byte: int) -> int:
    byte ^= 0x55
    exponent, mantissa = (byte >> 4) & 7, byte & 0x0F
    size = (mantissa << 4) + 8 if exponent == 0 else ((mantissa << 4) + 0x108) << (exponent - 1)
    return size if byte & 0x80 else -size


def _ulaw_sample(byte: int) -> int:
    byte ^= 0xFF
    size = ((((byte & 0x0F) << 3) + 0x84) << ((byte >> 4) & 7)) - 0x84
    return -size if byte & 0x80 else size


def _nearest(samples: list[int], others: list[int]) -> bytes:
    return bytes(min(range(256), key=lambda code: (abs(others[code] - sample), code)) for sample in samples)


_ALAW = [_alaw_sample(byte) for byte in range(256)]
_ULAW = [_ulaw_sample(byte) for byte in range(256)]
_STEPS = bytes(abs(sample) >> 7 for sample in _ALAW)
_ALAW_TO_ULAW = _nearest(_ALAW, _ULAW)
_ULAW_TO_ALAW = _nearest(_ULAW, _ALAW)
