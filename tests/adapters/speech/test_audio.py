"""Telephone audio: the code of the line, levels, silences and joins."""

from __future__ import annotations

import numpy as np
import pytest

from adapters.speech import audio
from adapters.speech.listening import longest_gap


def tone(frequency: float, seconds: float, rate: int = audio.RATE, amplitude: float = 0.3) -> audio.Samples:
    return (amplitude * np.sin(2 * np.pi * frequency * np.arange(round(seconds * rate)) / rate)).astype(np.float32)


def silent(seconds: float, rate: int = audio.RATE) -> audio.Samples:
    return np.zeros(round(seconds * rate), dtype=np.float32)


@pytest.mark.parametrize(
    ("linear", "octet"),
    [
        (0, 0xD5),
        (-1, 0x55),
        (15, 0xD5),
        (16, 0xD4),
        (-16, 0x55),
        (-17, 0x54),
        (1000, 0xFA),
        (-1000, 0x7A),
        (8031, 0x8A),
        (-8031, 0x0A),
        (32767, 0xAA),
        (-32768, 0x2A),
    ],
)
def test_samples_become_the_octets_of_g711(linear: int, octet: int) -> None:
    """Zero is 0xD5, full scale 0xAA and 0x2A: the even bits of an a-law octet are inverted on the line."""
    assert audio.to_alaw(np.array([linear / 32768], dtype=np.float32)) == bytes([octet])


@pytest.mark.parametrize(("octet", "linear"), [(0xD5, 8), (0x55, -8), (0xAA, 32256), (0x2A, -32256), (0xD4, 24), (0x80, 5504)])
def test_octets_become_the_middle_of_their_step(octet: int, linear: int) -> None:
    assert audio.from_alaw(bytes([octet]))[0] * 32768 == linear


def test_decoding_and_encoding_again_changes_nothing() -> None:
    """So a recording that is joined loses nothing, except where it melts into its neighbour."""
    every_octet = bytes(range(256))

    assert audio.to_alaw(audio.from_alaw(every_octet)) == every_octet


def test_what_is_too_loud_is_clipped_and_never_wraps_around() -> None:
    assert audio.to_alaw(np.array([1.7, -1.7], dtype=np.float32)) == bytes([0xAA, 0x2A])


def test_silence_around_speech_is_trimmed_and_soft_beginnings_stay() -> None:
    clip = np.concatenate([silent(0.4), tone(300, 0.5), silent(0.6)])

    trimmed = audio.trimmed(clip, audio.RATE, lead=0.010, tail=0.020)

    assert 0.52 <= len(trimmed) / audio.RATE <= 0.55


def test_a_pause_within_speech_is_not_trimmed() -> None:
    clip = np.concatenate([tone(300, 0.3), silent(0.3), tone(300, 0.3)])

    assert len(audio.trimmed(clip, audio.RATE)) == len(clip)


def test_nothing_is_left_of_silence() -> None:
    assert len(audio.trimmed(silent(0.5), audio.RATE)) == 0


def test_two_recordings_of_different_loudness_come_out_equal() -> None:
    """What counts is how loud the speech is, not how much silence the clip has."""
    quiet = np.concatenate([silent(0.5), tone(400, 0.3, amplitude=0.02)])
    loud = np.concatenate([tone(400, 1.0, amplitude=0.6), silent(0.1)])

    levels = [audio.level(audio.levelled(clip)) for clip in (quiet, loud)]

    assert levels == pytest.approx([audio.SPEECH_LEVEL] * 2, rel=0.05)


def test_levelling_never_clips() -> None:
    """A click among soft speech would be driven into clipping; the speech stays softer instead."""
    clip = tone(400, 0.5, amplitude=0.01)
    clip[100] = 0.9

    assert float(np.abs(audio.levelled(clip, target=0.3)).max()) <= audio.PEAK_LEVEL + 1e-6


@pytest.mark.parametrize("rate", [22_050, 24_000])
def test_speech_is_brought_to_the_rate_and_band_of_the_telephone(rate: int) -> None:
    """1 kHz stays as it is; 6 kHz, which 8,000 samples a second cannot carry, disappears and does not come back as 2 kHz."""
    heard = audio.to_telephone(tone(1000, 1.0, rate), rate)
    gone = audio.to_telephone(tone(6000, 1.0, rate), rate)

    assert len(heard) == pytest.approx(1.2 * audio.RATE, abs=2)  # a tenth of silence at either end
    assert audio.level(heard) == pytest.approx(0.3 / np.sqrt(2), rel=0.02)
    assert float(np.abs(gone[1600:-1600]).max()) < 0.001


def test_recordings_that_touch_melt_into_each_other_without_a_click() -> None:
    """The seam is no rougher than the recordings themselves."""
    one, other = tone(200, 0.2), tone(310, 0.2)
    pieces = [audio.to_alaw(audio.faded(clip, audio.RATE, 0.005, 0.010)) for clip in (one, other)]

    whole = audio.from_alaw(audio.joined(pieces))

    seam = slice(len(one) - 100, len(one) + 100)
    steepest = max(float(np.abs(np.diff(clip)).max()) for clip in (one, other))
    assert len(whole) == len(one) + len(other) - 80
    assert float(np.abs(np.diff(whole[seam])).max()) <= steepest * 1.1


@pytest.mark.parametrize(("tail", "lead"), [(0.040, 0.030), (0.100, 0.0), (0.0, 0.100), (0.010, 0.005)])
def test_silence_at_a_seam_is_cut_to_what_may_stay(tail: float, lead: float) -> None:
    """Recordings that were said alone keep some silence around them; two of them in a row must not sound like two."""
    one = audio.to_alaw(np.concatenate([tone(300, 0.2), silent(tail)]))
    other = audio.to_alaw(np.concatenate([silent(lead), tone(300, 0.2)]))

    whole = audio.joined([one, other])

    assert longest_gap(whole) <= audio.SEAM + 0.002
    assert len(whole) / audio.RATE == pytest.approx(0.4 + min(tail + lead - 0.010, audio.SEAM), abs=0.003)


def test_a_pause_between_recordings_is_as_long_as_asked_and_truly_silent() -> None:
    word = audio.to_alaw(tone(300, 0.1))

    whole = audio.joined([word, 0.25, word])

    assert whole == word + audio.silence(0.25) + word


def test_a_recording_shorter_than_the_crossfade_does_not_break_the_join() -> None:
    word, click = audio.to_alaw(tone(300, 0.1)), audio.to_alaw(tone(300, 0.004))

    assert len(audio.joined([word, click, word])) == len(word) * 2


def test_nothing_joined_is_nothing() -> None:
    assert audio.joined([]) == b""
    assert audio.silence(0.02) == b"\xd5" * 160
