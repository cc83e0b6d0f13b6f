"""Recordings for browsers: a-law as 16-bit WAV, which every browser plays, in the parts that it asks for; and the outline that is drawn."""

from __future__ import annotations

import re
import struct

import numpy as np
from numpy.typing import NDArray
from starlette.responses import Response

from ivr.calls.capture import BYTES_PER_SECOND

PEAKS = 240
_RANGE = re.compile(r"bytes=(\d{0,12})-(\d{0,12})")


def _decode_table() -> NDArray[np.int16]:
    """The sample for each octet of G.711 a-law."""
    octet = np.arange(256) ^ 0x55
    segment, mantissa = (octet >> 4) & 7, octet & 0x0F
    size = np.where(segment == 0, (mantissa << 4) + 8, ((mantissa << 4) + 0x108) << np.maximum(segment - 1, 0))
    return np.where(octet & 0x80, size, -size).astype(np.int16)


_DECODED = _decode_table()


def wav(alaw: bytes) -> bytes:
    """The audio as a WAV file of 16-bit samples."""
    samples = _DECODED[np.frombuffer(alaw, dtype=np.uint8)].astype("<i2").tobytes()
    form = struct.pack("<HHIIHH", 1, 1, BYTES_PER_SECOND, 2 * BYTES_PER_SECOND, 2, 16)
    chunks = b"fmt " + struct.pack("<I", len(form)) + form + b"data" + struct.pack("<I", len(samples)) + samples
    return b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WAVE" + chunks


def peaks(alaw: bytes, number: int = PEAKS) -> list[float]:
    """How loud it is along the way, 0 to 1, against its loudest moment."""
    loud = np.abs(_DECODED[np.frombuffer(alaw, dtype=np.uint8)].astype(np.int32))
    if not len(loud):
        return []
    highest = np.array([part.max() for part in np.array_split(loud, min(number, len(loud)))])
    return [round(float(peak), 3) for peak in highest / max(int(highest.max()), 1024)]


def begins(asked: str) -> int:
    """Where the part begins that a Range header asks for; 0 without one."""
    found = _RANGE.fullmatch(asked)
    return int(found[1]) if found and found[1] else 0


def in_parts(data: bytes, asked: str, kind: str) -> Response:
    """All of it, or the part that a Range header asks for (RFC 9110, 14.2); a header that is none is passed over."""
    headers = {"Accept-Ranges": "bytes", "Cache-Control": "no-store", "Content-Disposition": "inline"}
    found = _RANGE.fullmatch(asked)
    if found is None or not (found[1] or found[2]):
        return Response(data, media_type=kind, headers=headers)
    first, last = (int(found[1]), int(found[2] or len(data) - 1)) if found[1] else (max(len(data) - int(found[2]), 0), len(data) - 1)
    last = min(last, len(data) - 1)
    if first > last:
        return Response(status_code=416, headers={**headers, "Content-Range": f"bytes */{len(data)}"})
    return Response(data[first : last + 1], 206, {**headers, "Content-Range": f"bytes {first}-{last}/{len(data)}"}, kind)
