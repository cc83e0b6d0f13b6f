"""The neural voice in a process of its own. The real model speaks where it has been installed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.speech import audio
from adapters.speech.engine_pool import EnginePool, Limits
from adapters.speech.neural_voice import missing_of_neural, neural_voice
from ivr.errors import VoiceFailed
from tests.conftest import HOME

CACHE = HOME / "var" / "voices"
LACKS = missing_of_neural(CACHE)


@pytest.fixture(scope="module")
def voice() -> Iterator[EnginePool]:
    if LACKS:
        pytest.skip(LACKS)
    pool = neural_voice(CACHE, Limits(saying=120))
    yield pool
    pool.close()


@pytest.mark.parametrize(("language", "text"), [("zh-CN", "春节期间服务时间有变化。"), ("en-US", "Our opening hours have changed.")])
def test_any_text_is_said_at_the_level_of_the_line(voice: EnginePool, language: str, text: str) -> None:
    said = audio.from_alaw(voice.say(text, language).result(200))

    assert 1.0 < len(said) / audio.RATE < 6.0
    assert audio.level(said) == pytest.approx(audio.SPEECH_LEVEL, rel=0.3)


def test_letters_that_the_model_does_not_know_are_refused_and_the_engine_goes_on(voice: EnginePool) -> None:
    with pytest.raises(VoiceFailed, match=r"is not among its phonemes$"):
        voice.say("升级到5G", "zh-CN").result(200)

    assert voice.say("您好", "zh-CN").result(200)


def test_a_voice_that_has_not_been_fetched_is_told_with_the_cure_and_never_fetched_in_a_call(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lacks = missing_of_neural(tmp_path)
    assert lacks is not None
    assert lacks.endswith(": run make voice")
    pool = neural_voice(tmp_path, Limits(pause=60))

    with pytest.raises(VoiceFailed, match=r"^the voice neural is out of order$"):
        pool.say("您好", "zh-CN").result(60)

    assert lacks in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []
    pool.close()
