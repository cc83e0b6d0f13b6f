"""What makes a recording unfit for callers: silence, clipping, a wrong level, too great a length."""

from __future__ import annotations

from typing import Final

import numpy as np

from adapters.speech import audio
from adapters.speech.audio import Samples
from adapters.speech.loudness import TELEPHONE_LUFS, TOLERANCE

LONGEST: Final = 20.0  # seconds that a caller may be spoken to in one breath
SHORTEST: Final = 0.08
_FULL_SCALE: Final = 0.98
_CLIPPED: Final = 3  # samples at full scale that follow each other
_SILENT: Final = 0.003  # RMS of speech


def fault_of(alaw: bytes, lufs: float) -> str:
    """What is wrong with a recording of this loudness, as the end of a sentence that begins with the recording; nothing when it is fit."""
    samples, seconds = audio.from_alaw(alaw), len(alaw) / audio.RATE
    if seconds < SHORTEST or audio.level(samples) < _SILENT:
        return "is silent"
    if seconds > LONGEST:
        return f"is {seconds:.1f} s long, and {LONGEST:g} s is the most: make two sentences of it"
    if is_clipped(samples):
        return "is clipped"
    if abs(lufs - TELEPHONE_LUFS) > TOLERANCE:
        kind, bound = ("quiet", TELEPHONE_LUFS - TOLERANCE) if lufs < TELEPHONE_LUFS else ("loud", TELEPHONE_LUFS + TOLERANCE)
        return f"is too {kind}: {lufs:.1f} LUFS, and {bound:g} LUFS is the {'least' if kind == 'quiet' else 'most'}"
    return ""


def is_clipped(samples: Samples) -> bool:
    """Whether its peaks were cut off: several samples in a row at full scale."""
    cut = (np.abs(samples) >= _FULL_SCALE).astype(np.int8)
    return bool(len(cut) >= _CLIPPED and (np.convolve(cut, np.ones(_CLIPPED, dtype=np.int8), mode="valid") == _CLIPPED).any())
