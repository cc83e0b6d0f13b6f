"""Slower and louder: longer at the same pitch, stronger without clipping, and still understood."""

from __future__ import annotations

import numpy as np
import pytest

from adapters.speech import audio
from adapters.speech.ears import Ears
from adapters.speech.listening import error_rate
from adapters.speech.manner import TEMPO, in_manner
from adapters.speech.pack import read_pack
from ivr.core.values import Manner
from tests.conftest import HOME

SLOWER, LOUDER = Manner(slower=True), Manner(louder=True)


def tone(hertz: float, seconds: float) -> bytes:
    at = np.arange(round(seconds * audio.RATE)) / audio.RATE
    return audio.to_alaw((0.1 * np.sin(2 * np.pi * hertz * at)).astype(np.float32))


def pitch(alaw: bytes) -> float:
    samples = audio.from_alaw(alaw)
    return float(np.abs(np.fft.rfft(samples)).argmax() * audio.RATE / len(samples))


@pytest.fixture(scope="module")
def sentence() -> tuple[str, bytes]:
    pack = read_pack(HOME / "prompts" / "audio", "zh-CN")
    longest = max((one for one in pack.recordings.values() if one.text.startswith("您好")), key=lambda one: one.seconds)
    return longest.text, longest.path.read_bytes()


def test_as_usual_is_the_very_same():
    assert in_manner(b"\xd5" * 100, Manner()) == b"\xd5" * 100


def test_nothing_stays_nothing():
    assert in_manner(b"", Manner(slower=True, louder=True)) == b""


def test_slower_is_longer_at_the_same_pitch():
    slow = in_manner(tone(440, 2), SLOWER)

    assert len(slow) == pytest.approx(2 * audio.RATE / TEMPO, rel=0.03)
    assert pitch(slow) == pytest.approx(440, rel=0.02)


def test_louder_is_stronger_and_does_not_clip(sentence: tuple[str, bytes]):
    loud = audio.from_alaw(in_manner(sentence[1], LOUDER))

    assert audio.level(loud) > audio.level(audio.from_alaw(sentence[1])) * 10 ** (5 / 20)
    assert np.abs(loud).max() < 0.98
    assert len(loud) == pytest.approx(len(sentence[1]), rel=0.03)


def test_both_is_the_same_each_time(sentence: tuple[str, bytes]):
    both = Manner(slower=True, louder=True)

    assert in_manner(sentence[1], both) == in_manner(sentence[1], both)


def test_it_is_still_understood(sentence: tuple[str, bytes]):
    text, alaw = sentence

    heard = Ears().hear(in_manner(alaw, Manner(slower=True, louder=True)), "zh-CN")

    assert error_rate(heard, text, "zh-CN") <= 0.2
