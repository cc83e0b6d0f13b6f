"""Making the pack: only what is missing is recorded, and what is wrong with a pack is told in sentences."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from adapters.speech import audio
from adapters.speech.audio import Samples
from adapters.speech.neural import RATE, lexicon
from adapters.speech.pack import read_pack
from adapters.speech.pack_build import build, check
from ivr.errors import VoiceFailed


class Whistler:
    """A speaker without a model: every text is a tone of a length that depends on it, between silences."""

    def __init__(self, language: str = "", cache: Path = Path()) -> None:
        self.carried: list[str] = []

    def say(self, text: str, speed: float) -> Samples:
        seconds = 0.1 + 0.05 * len(text)
        tone = np.sin(2 * np.pi * 440 * np.arange(round(seconds * RATE)) / RATE) * 0.2
        return np.concatenate([np.zeros(RATE // 2), tone, np.zeros(RATE // 2)]).astype(np.float32)

    def say_within(self, before: str, text: str, after: str, speed: float) -> Samples:
        self.carried.append(text)
        return self.say(text, speed)


def quietly(line: str) -> None:
    """Nobody watches."""


def test_only_what_is_missing_is_recorded(tmp_path: Path) -> None:
    build({"zh-CN": ["一千", "请按一。"]}, tmp_path, tmp_path, quietly, voice_for=Whistler)

    again = build({"zh-CN": ["一千", "请按一。", "两百"]}, tmp_path, tmp_path, quietly, voice_for=Whistler)

    assert again.recorded == ("两百",)
    assert again.kept == 2
    assert set(read_pack(tmp_path, "zh-CN").recordings) == {"一千", "请按一。", "两百"}


def test_what_nobody_needs_any_more_is_removed(tmp_path: Path) -> None:
    build({"zh-CN": ["一千", "两百"]}, tmp_path, tmp_path, quietly, voice_for=Whistler)

    report = build({"zh-CN": ["两百"]}, tmp_path, tmp_path, quietly, voice_for=Whistler)

    assert report.removed == ("一千",)
    assert [path.suffix for path in sorted((tmp_path / "zh-CN").iterdir())] == [".alaw", ".json"]


def test_a_damaged_recording_is_reported_and_recorded_again(tmp_path: Path) -> None:
    wanted = {"zh-CN": ["一千", "两百"]}
    build(wanted, tmp_path, tmp_path, quietly, voice_for=Whistler)
    read_pack(tmp_path, "zh-CN").recordings["两百"].path.write_bytes(b"")

    before = check(wanted, tmp_path)
    report = build(wanted, tmp_path, tmp_path, quietly, voice_for=Whistler)

    assert before == ("zh-CN: the recording of '两百' is damaged; run: ivr prompts build",)
    assert report.recorded == ("两百",)
    assert check(wanted, tmp_path) == ()


def test_what_has_not_been_recorded_is_reported(tmp_path: Path) -> None:
    assert check({"en-US": ["Goodbye."]}, tmp_path) == ("en-US: 'Goodbye.' has not been recorded; run: ivr prompts build",)


def test_a_second_build_from_nothing_gives_the_same_bytes(tmp_path: Path) -> None:
    for place in ("one", "other"):
        build({"zh-CN": ["一千", "请按一。"]}, tmp_path / place, tmp_path, quietly, voice_for=Whistler)

    files = [sorted((tmp_path / place / "zh-CN").iterdir()) for place in ("one", "other")]
    assert [path.name for path in files[0]] == [path.name for path in files[1]]
    assert [path.read_bytes() for path in files[0]] == [path.read_bytes() for path in files[1]]


def test_recordings_are_trimmed_and_at_the_level_of_the_line(tmp_path: Path) -> None:
    build({"zh-CN": ["一千"]}, tmp_path, tmp_path, quietly, voice_for=Whistler)

    recording = read_pack(tmp_path, "zh-CN").recordings["一千"]
    assert recording.seconds == pytest.approx(0.225, abs=0.02)
    assert audio.level(audio.from_alaw(recording.path.read_bytes())) == pytest.approx(audio.SPEECH_LEVEL, rel=0.1)


def test_fragments_are_cut_from_a_carrier_and_sentences_are_said_whole(tmp_path: Path) -> None:
    """A fragment said alone ends like a sentence, and sounds wrong in the middle of one."""
    speaker = Whistler()

    build({"zh-CN": ["一千", "请按一。"]}, tmp_path, tmp_path, quietly, voice_for=lambda language, cache: speaker)

    assert speaker.carried == ["一千"]


def test_silence_is_not_shipped_as_a_recording(tmp_path: Path) -> None:
    class Mute(Whistler):
        def say(self, text: str, speed: float) -> Samples:
            return np.zeros(RATE, dtype=np.float32)

    with pytest.raises(VoiceFailed, match=r"^the neural voice said nothing for '一千'$"):
        build({"zh-CN": ["一千"]}, tmp_path, tmp_path, quietly, voice_for=Mute)


def test_the_lexicon_says_what_dictionaries_get_wrong() -> None:
    """重听 is chóng tīng, to hear again; dictionaries offer zhòng."""
    assert lexicon("zh-CN")["重听"] == "chong2 ting1"
    assert lexicon("en-US") == {}
