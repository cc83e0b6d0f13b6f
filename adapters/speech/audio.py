"""Telephone audio as numbers: a-law, levels, silences and joins.

Samples are float32 between -1 and 1 unless a name says `alaw`: then they are bytes of G.711 a-law, 8,000 a second. A running line
needs nothing but numpy.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

RATE = 8_000
SILENCE = 0xD5  # the a-law octet of +0
SPEECH_LEVEL = 10 ** (-20 / 20)  # RMS of active speech, in full scale: what telephone announcements are levelled to
PEAK_LEVEL = 10 ** (-3 / 20)
SEAM = 0.020  # seconds of silence that may stay between two recordings that touch
_INAUDIBLE = 10 ** (-60 / 20)

Samples = NDArray[np.float32]


def _decode_table() -> Samples:
    """Every a-law octet's value, as in ITU-T G.711 table 1a, scaled from 16 bits."""
    octet = np.arange(256) ^ 0x55
    segment, mantissa = (octet & 0x70) >> 4, (octet & 0x0F) << 4
    magnitude = np.where(segment == 0, mantissa + 8, (mantissa + 0x108) << np.maximum(segment - 1, 0))
    return (np.where(octet & 0x80, magnitude, -magnitude) / 32768).astype(np.float32)


def _encode_table() -> NDArray[np.uint8]:
    """The octet for each 16-bit sample, indexed by the sample plus 32,768."""
    sample = np.arange(-32768, 32768) >> 3
    positive = sample >= 0
    magnitude = np.where(positive, sample, -sample - 1)
    segment = np.searchsorted([0x1F, 0x3F, 0x7F, 0xFF, 0x1FF, 0x3FF, 0x7FF, 0xFFF], magnitude)
    mantissa = (magnitude >> np.maximum(segment, 1)) & 0x0F
    return (((segment << 4) | mantissa) ^ np.where(positive, 0xD5, 0x55)).astype(np.uint8)


_DECODED = _decode_table()
_ENCODED = _encode_table()


def from_alaw(alaw: bytes) -> Samples:
    """Decode G.711 a-law."""
    return _DECODED[np.frombuffer(alaw, dtype=np.uint8)]


def to_alaw(samples: Samples) -> bytes:
    """Encode G.711 a-law; what is too loud is clipped. Decoding and encoding again changes nothing."""
    linear = np.clip(np.rint(samples * 32768), -32768, 32767).astype(np.int32)
    return _ENCODED[linear + 32768].tobytes()


def silence(seconds: float) -> bytes:
    """That much a-law silence."""
    return bytes([SILENCE]) * round(seconds * RATE)


def level(samples: Samples, rate: int = RATE) -> float:
    """RMS of the active speech: of the 10 ms frames within 25 dB of the loudest. 0.0 for silence."""
    energy = _frames(samples, rate, 0.010)
    loudest = float(energy.max(initial=0.0))
    active = energy[energy > loudest * 10 ** (-25 / 10)]
    return float(np.sqrt(active.mean())) if loudest > 0 else 0.0


def levelled(samples: Samples, rate: int = RATE, target: float = SPEECH_LEVEL) -> Samples:
    """The same speech at the level of the line, held below `PEAK_LEVEL` so that nothing clips."""
    present = level(samples, rate)
    if present == 0.0:
        return samples
    gain = min(target / present, PEAK_LEVEL / float(np.abs(samples).max()))
    return (samples * gain).astype(np.float32)


def trimmed(samples: Samples, rate: int, lead: float = 0.010, tail: float = 0.020, floor_db: float = -50.0) -> Samples:
    """Without the silence around it; `lead` and `tail` seconds of it stay, faded, so that soft consonants survive."""
    step = max(1, round(0.005 * rate))
    energy = _frames(samples, rate, 0.005)
    loud = np.flatnonzero(energy > float(energy.max(initial=0.0)) * 10 ** (floor_db / 10))
    if loud.size == 0:
        return samples[:0]
    first = max(0, int(loud[0]) * step - round(lead * rate))
    last = min(len(samples), (int(loud[-1]) + 1) * step + round(tail * rate))
    return faded(samples[first:last], rate, lead / 2, tail / 2)


def faded(samples: Samples, rate: int, rise: float, fall: float) -> Samples:
    """With its first and last moments brought up from and down to silence."""
    shaped = samples.copy()
    up, down = min(len(shaped), round(rise * rate)), min(len(shaped), round(fall * rate))
    shaped[:up] *= np.linspace(0, 1, up, endpoint=False, dtype=np.float32)
    shaped[len(shaped) - down :] *= np.linspace(1, 0, down, dtype=np.float32)
    return shaped


def to_telephone(samples: Samples, rate: int) -> Samples:
    """Resample to 8 kHz and leave what a telephone passes, about 200 to 3,700 Hz with soft edges.

    Done by cutting the spectrum, which is exact for a clip that begins and ends in silence.
    """
    if len(samples) < 2:
        return samples[:0]
    edge = np.zeros(rate // 10, dtype=np.float32)
    padded = np.concatenate([edge, samples, edge])
    length = round(len(padded) * RATE / rate)
    frequency = np.fft.rfftfreq(len(padded), 1 / rate)
    band = np.clip((frequency - 120) / 130, 0, 1) * np.clip((3850 - frequency) / 250, 0, 1)
    spectrum = (np.fft.rfft(padded) * band)[: length // 2 + 1]
    return (np.fft.irfft(spectrum, length) * (length / len(padded))).astype(np.float32)


def doubled(samples: Samples) -> Samples:
    """8 kHz to 16 kHz, by a spectrum twice as long."""
    if len(samples) == 0:
        return samples
    spectrum = np.fft.rfft(samples)
    wider = np.zeros(len(samples) + 1, dtype=spectrum.dtype)
    wider[: len(spectrum)] = spectrum
    return (np.fft.irfft(wider, 2 * len(samples)) * 2).astype(np.float32)


def joined(pieces: Sequence[bytes | float], crossfade: float = 0.010) -> bytes:
    """One a-law recording of a-law pieces and pauses (seconds).

    Pieces that touch melt into each other over `crossfade` seconds, and of the silence at their seam no more than `SEAM` stays: a value
    inside a sentence must not sound cut out.
    """
    overlap = round(crossfade * RATE)
    whole: list[Samples] = []
    touching = False
    for piece in pieces:
        if not isinstance(piece, bytes):
            whole.append(np.zeros(round(piece * RATE), dtype=np.float32))
            touching = False
            continue
        samples = from_alaw(piece)
        if touching:
            whole[-1], samples = _closed_up(whole[-1], samples, round(SEAM * RATE) + overlap)
        shared = min(overlap, len(whole[-1]), len(samples)) if touching else 0
        if shared:
            up = np.linspace(0, 1, shared, dtype=np.float32)
            before = whole[-1]
            whole[-1] = before[: len(before) - shared]
            whole.append(before[len(before) - shared :] * (1 - up) + samples[:shared] * up)
            samples = samples[shared:]
        whole.append(samples)
        touching = True
    return to_alaw(np.concatenate(whole)) if whole else b""


def _closed_up(before: Samples, after: Samples, most: int) -> tuple[Samples, Samples]:
    """Without what is more than `most` samples of silence between them: an equal share from either, as far as it goes."""
    sounds, begins = np.flatnonzero(np.abs(before) > _INAUDIBLE), np.flatnonzero(np.abs(after) > _INAUDIBLE)
    if not (sounds.size and begins.size):
        return before, after
    ending, beginning = len(before) - 1 - int(sounds[-1]), int(begins[0])
    excess = max(0, ending + beginning - most)
    front = min(beginning, max(excess // 2, excess - ending))
    return before[: len(before) - (excess - front)], after[front:]


def _frames(samples: Samples, rate: int, seconds: float) -> NDArray[np.float64]:
    """Mean energy of each frame; a last short frame counts as a whole one."""
    step = max(1, round(seconds * rate))
    padded = np.zeros(-(-len(samples) // step) * step)
    padded[: len(samples)] = samples
    return np.asarray((padded.reshape(-1, step) ** 2).mean(axis=1))
