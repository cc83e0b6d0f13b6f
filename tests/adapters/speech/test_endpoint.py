"""Where speech begins and ends, on real phrases, in silence and in noise."""

from __future__ import annotations

import numpy as np
import pytest

from adapters.speech import audio
from adapters.speech.endpoint import DIGITS_PAUSE, FRAME, FRAME_SECONDS, LONGEST, PAUSE, Endpointer, Turn
from tests.said import as_pcm, clips, noisy

MANDARIN = [clip for clip in clips("zh-CN") if clip.in_grammar]


def turns(samples: audio.Samples, pause: float = PAUSE) -> list[tuple[float, Turn]]:
    """When something happened, in seconds, and what."""
    endpointer, pcm = Endpointer(pause), as_pcm(samples)
    heard = (
        (place / FRAME * FRAME_SECONDS, endpointer.hear(pcm[place : place + FRAME])) for place in range(0, len(pcm) - FRAME + 1, FRAME)
    )
    return [(at, turn) for at, turn in heard if turn is not Turn.NOTHING]


def with_silence(clip: bytes, snr_db: float | None, around: float = 1.2) -> audio.Samples:
    return noisy(clip, snr_db, seed=1, around=around)


@pytest.mark.parametrize("snr_db", [None, 20, 10])
def test_a_phrase_begins_within_a_third_of_a_second_and_ends_after_the_pause(snr_db):
    for clip in MANDARIN:
        length = len(clip.alaw) / audio.RATE

        (began, first), (ended, second) = turns(with_silence(clip.alaw, snr_db))

        assert (first, second) == (Turn.BEGUN, Turn.ENDED), clip.text
        assert 1.2 <= began <= 1.2 + 0.36, clip.text
        assert 1.2 + length + PAUSE - 0.45 <= ended <= 1.2 + length + PAUSE + 0.15, clip.text


@pytest.mark.parametrize("level_db", [-75, -55, -40, -25])
def test_noise_that_goes_on_is_nobody(level_db):
    noise = np.random.default_rng(5).normal(size=8000 * 8) * 10 ** (level_db / 20)

    assert turns(noise.astype(np.float32)) == []


def test_a_click_is_nobody():
    samples = np.zeros(8000 * 2, dtype=np.float32)
    samples[8000:8240] = 0.5

    assert turns(samples) == []


def test_the_pause_between_two_phrases_ends_the_first():
    one, two = MANDARIN[0].alaw, MANDARIN[4].alaw
    said = audio.from_alaw(audio.silence(0.5) + one + audio.silence(0.6) + two + audio.silence(0.8))

    assert [turn for _, turn in turns(said)] == [Turn.BEGUN, Turn.ENDED] * 2
    assert [turn for _, turn in turns(said, DIGITS_PAUSE)] == [Turn.BEGUN]


def test_whoever_never_stops_is_listened_to_for_so_long_and_no_longer():
    without_end = audio.from_alaw((MANDARIN[0].alaw + MANDARIN[4].alaw) * 12)

    (began, _), (ended, turn), *_ = turns(without_end)

    assert turn is Turn.ENDED
    assert ended - began == pytest.approx(LONGEST, abs=0.05)
