"""How loud a recording is to a listener, in LUFS (ITU-R BS.1770-4), and how loud the line may speak.

Every recording is levelled to -20 dB of active speech (`audio.levelled`); heard with the ears of the standard, that is -21.5 LUFS for
both voices. What is further from it than the tolerance is not used.

Measured by pyloudnorm when recordings are made and in tests; a running line reads the figure in the manifest. The standard measures
blocks of 400 ms, and many fragments of values are shorter: such a one is measured as if it were said again and again until it
fills half a second, so that neither silence nor its shortness counts.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final

import numpy as np

from adapters.speech.audio import RATE, Samples

TELEPHONE_LUFS: Final = -21.5
TOLERANCE: Final = 3.0  # LU: a voice with sharp peaks stays a little softer, so that nothing clips
_SHORTEST: Final = 0.5  # seconds
_SILENT: Final = -70.0  # LUFS: the standard's own threshold


@lru_cache(maxsize=4)
def _meter(rate: int) -> Any:
    import pyloudnorm

    return pyloudnorm.Meter(rate)


def loudness(samples: Samples, rate: int = RATE) -> float:
    """LUFS; -70 for silence and for nothing."""
    if len(samples) == 0 or not samples.any():
        return _SILENT
    times = -(-round(_SHORTEST * rate) // len(samples))
    return max(_SILENT, float(_meter(rate).integrated_loudness(np.tile(samples.astype(np.float64), times))))
