"""The fall-back voice, on the real espeak-ng."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from adapters.speech import audio
from adapters.speech.pyttsx3_voice import Pyttsx3Voice
from ivr.errors import VoiceFailed

needs_espeak = pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="espeak-ng is not installed")


@needs_espeak
@pytest.mark.parametrize(("language", "text"), [("zh-CN", "春节期间服务时间有变化"), ("en-US", "Our opening hours have changed")])
def test_any_text_is_said_at_the_level_of_the_line(language: str, text: str) -> None:
    said = audio.from_alaw(Pyttsx3Voice().say(text, language))

    assert 1.0 < len(said) / audio.RATE < 6.0
    assert audio.level(said) == pytest.approx(audio.SPEECH_LEVEL, rel=0.3)


@needs_espeak
def test_the_same_text_is_whole_every_time() -> None:
    """pyttsx3 may return while espeak-ng is still writing, or forget the speed; the voice says a text until two runs agree."""
    voice = Pyttsx3Voice()

    assert len({len(voice.say("您好，请稍候", "zh-CN")) for _ in range(5)}) == 1


@needs_espeak
def test_a_voice_that_espeak_lacks_is_refused_and_not_replaced_by_english(tmp_path: Path) -> None:
    """espeak-ng itself would go on in English without a word."""
    worker = [sys.executable, "-m", "adapters.speech.pyttsx3_worker", "sit/nowhere", "150", str(tmp_path / "said.wav")]

    done = subprocess.run(worker, input="您好".encode(), capture_output=True, check=False)

    assert done.returncode == 1
    assert done.stderr.decode().strip() == "espeak-ng has no voice sit/nowhere"


@needs_espeak
def test_marks_without_words_are_a_failure_and_not_a_silent_file() -> None:
    with pytest.raises(VoiceFailed, match=r"^the fall-back voice was silent for '。'$"):
        Pyttsx3Voice().say("。", "zh-CN")


def test_a_voice_that_takes_too_long_is_stopped() -> None:
    with pytest.raises(VoiceFailed, match=r"^the fall-back voice said nothing within 0.001 s for '您好'$"):
        Pyttsx3Voice(deadline=0.001).say("您好", "zh-CN")


def test_other_languages_and_empty_texts_are_refused() -> None:
    with pytest.raises(VoiceFailed, match=r"^the fall-back voice does not speak fr-FR; it speaks zh-CN and en-US$"):
        Pyttsx3Voice().say("Bonjour", "fr-FR")
    with pytest.raises(VoiceFailed, match=r"^there is nothing to say in an empty text$"):
        Pyttsx3Voice().say(" ", "zh-CN")
