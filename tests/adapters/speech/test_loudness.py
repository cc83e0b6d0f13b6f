"""Loudness as listeners feel it, in LUFS."""

from __future__ import annotations

import numpy as np
import pytest

from adapters.speech import audio
from adapters.speech.loudness import loudness


def tone(seconds: float, amplitude: float) -> audio.Samples:
    return (amplitude * np.sin(2 * np.pi * 997 * np.arange(round(seconds * 48_000)) / 48_000)).astype(np.float32)


@pytest.mark.parametrize("decibel", [-23.0, -33.0])
def test_the_standards_own_tone_has_the_loudness_that_the_standard_says(decibel: float) -> None:
    """ITU-R BS.2217: 997 Hz in one channel at 0 dB is -3.01 LUFS."""
    assert loudness(tone(2.0, 10 ** (decibel / 20)), 48_000) == pytest.approx(decibel - 3.01, abs=0.1)


@pytest.mark.parametrize("seconds", [0.1, 0.25, 0.4, 3.0])
def test_the_length_of_a_clip_is_not_its_loudness(seconds: float) -> None:
    """The standard measures 400 ms at least; a syllable is shorter and as loud."""
    assert loudness(tone(seconds, 0.1), 48_000) == pytest.approx(-23.0, abs=0.4)


def test_silence_and_nothing_are_as_quiet_as_the_standard_can_tell() -> None:
    assert loudness(np.zeros(8000, dtype=np.float32)) == -70.0
    assert loudness(np.zeros(0, dtype=np.float32)) == -70.0
