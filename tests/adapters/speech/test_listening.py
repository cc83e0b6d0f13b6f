"""Comparing what was heard with what was meant."""

from __future__ import annotations

import numpy as np
import pytest

from adapters.speech import audio
from adapters.speech.listening import LATER, distance, error_rate, heard_with, longest_gap, numbers_right, spoken_stretches, syllables


def test_mandarin_is_compared_by_sound_without_tones() -> None:
    """A homophone was heard rightly, whatever character stands for it."""
    pytest.importorskip("pypinyin")

    assert syllables("按九，请稍候。", "zh-CN") == ["an", "jiu", "qing", "shao", "hou"]
    assert error_rate("按酒请稍后", "按九，请稍候。", "zh-CN") == 0.0
    assert error_rate("二点五个鸡", "二点五个G", "zh-CN") == 0.0


def test_english_is_compared_word_by_word() -> None:
    assert syllables("Thirty-five yuan, at 2 p.m.", "en-US") == ["thirty", "five", "yuan", "at", "pm"]
    assert error_rate("Thirty five you and oh one", "thirty-five yuan oh one", "en-US") == 0.0
    assert error_rate("thirty nine yuan", "Thirty-five yuan.", "en-US") == pytest.approx(1 / 3)


def test_distance_counts_what_is_left_out_put_in_or_changed() -> None:
    assert distance("abc", "abc") == 0
    assert distance("", "abc") == 3
    assert distance("axbc", "abd") == 2


def test_a_call_is_cut_at_its_silences() -> None:
    """A short breath does not end a stretch; a caller's turn does."""
    word = audio.to_alaw((0.3 * np.sin(np.arange(4000))).astype(np.float32))
    call = audio.silence(1.0) + word + audio.silence(0.2) + word + audio.silence(2.0) + word + audio.silence(0.5)

    stretches = list(spoken_stretches(call))

    assert [round(begins, 1) for begins, _ in stretches] == [0.9, 4.1]
    assert [round(len(piece) / audio.RATE, 1) for _, piece in stretches] == [1.4, 0.7]
    assert list(spoken_stretches(audio.silence(1.0))) == []


class HardOfHearing:
    """Understands what it hears when it begins so many samples after the beginning of the recording."""

    def __init__(self, whole: int, begins: int) -> None:
        self.whole, self.begins, self.listened = whole, begins, 0

    def hear(self, alaw: bytes, language: str) -> str:
        self.listened += 1
        return "七点五个G" if self.whole - len(alaw) == self.begins else "吸点五个劲"


def test_what_was_misheard_is_listened_to_again_from_a_little_later() -> None:
    spoken = audio.to_alaw((0.3 * np.sin(np.arange(8000))).astype(np.float32))
    ears = HardOfHearing(8000, 2 * LATER)

    assert heard_with(ears, spoken, "zh-CN", lambda text: "七" in text) == "七点五个G"
    assert ears.listened == 3

    assert heard_with(ears, spoken, "zh-CN", lambda text: "三" in text) == "吸点五个劲"


@pytest.mark.parametrize(
    ("heard", "meant", "language", "right"),
    [
        ("三十元六角二分", "三十五元六角二分", "zh-CN", (4, 5)),
        ("您的手里边好是七一四三零零", "您的受理编号是七幺四三零零", "zh-CN", (6, 6)),
        ("您的受理编号是七要四三零零", "您的受理编号是七幺四三零零", "zh-CN", (6, 6)),
        ("西四零零零", "七四零零零零", "zh-CN", (4, 6)),
        ("thirty five you and sixty", "thirty-five yuan sixty-two", "en-US", (3, 4)),
        ("March first", "March fifth", "en-US", (0, 1)),
    ],
)
def test_the_digits_and_scale_words_that_came_through_are_counted(heard: str, meant: str, language: str, right: tuple[int, int]) -> None:
    """Who writes 一 for 幺 has understood it."""
    pytest.importorskip("pypinyin")

    assert numbers_right(heard, meant, language) == right


def test_the_longest_silence_between_sounds_is_measured() -> None:
    """What is before the first and after the last sound is none."""
    sound, quiet = b"\x34\xb4" * 200, audio.silence(0.055)

    assert longest_gap(audio.silence(1.0) + sound + audio.silence(0.020) + sound + quiet + sound + audio.silence(1.0)) == pytest.approx(
        0.055
    )
    assert longest_gap(sound) == 0.0
    assert longest_gap(quiet) == 0.0
