"""Whisper as a recogniser of phrases, in Mandarin and English, and of Mandarin digits."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import pytest

from adapters.speech.ears import whisper_model
from adapters.speech.whisper_recogniser import WhisperRecogniser, shares
from ivr.core.commands import Grammar
from ivr.core.events import Hypothesis
from tests.said import Clip, as_pcm, clip, clips, noisy, phrases


@lru_cache
def model() -> Any:
    return whisper_model(threads=2)


@lru_cache
def recogniser(language: str) -> WhisperRecogniser:
    return WhisperRecogniser(model(), language)


def heard(language: str, said: Clip, grammar: Grammar, snr_db: float | None = None) -> tuple[Hypothesis, ...]:
    decoding = recogniser(language).begin(grammar)
    pcm = as_pcm(noisy(said.alaw, snr_db, 3))
    for place in range(0, len(pcm), 3200):
        decoding.feed(pcm[place : place + 3200])
    return decoding.finish() or ()


@pytest.mark.parametrize(("language", "snr_db", "allowed"), [("zh-CN", None, 0), ("zh-CN", 10, 1), ("en-US", None, 2)])
def test_the_phrase_that_was_said_is_the_best_and_sure(language, snr_db, allowed):
    """All of them in Mandarin; in English, the two of `no` are heard badly."""
    menu = Grammar(language, phrases(language))
    wrong = []

    for said in clips(language)[::2] if snr_db else clips(language):
        found = heard(language, said, menu, snr_db) if said.in_grammar else ()
        if said.in_grammar and (not found or found[0].text != said.text or found[0].confidence < 0.5):
            wrong.append(said.text)

    assert len(wrong) <= allowed, wrong


@pytest.mark.parametrize("language", ["zh-CN", "en-US"])
def test_what_the_grammar_does_not_have_is_unsure_or_nothing(language):
    menu = Grammar(language, phrases(language))

    for said in clips(language):
        if not said.in_grammar:
            assert all(hypothesis.confidence < 0.55 for hypothesis in heard(language, said, menu)), said.text


def test_digits_that_are_said_one_by_one_are_heard():
    grammar = Grammar("zh-CN", ("返回上一层",), digits=8)

    assert heard("zh-CN", clip("zh-CN", "三二零九"), grammar)[0].text == "3209"
    assert heard("zh-CN", clip("zh-CN", "返回上一层"), grammar)[0].text == "返回上一层"


def test_more_digits_than_are_asked_for_are_not_digits():
    assert all(found.text == "重听" for found in heard("zh-CN", clip("zh-CN", "三二零九"), Grammar("zh-CN", ("重听",), digits=3)))


def test_silence_fits_nothing():
    decoding = recogniser("zh-CN").begin(Grammar("zh-CN", phrases("zh-CN")))
    decoding.feed(bytes(16_000))

    assert all(hypothesis.confidence < 0.3 for hypothesis in decoding.finish() or ())


def test_shares_count_nothing_as_a_rival_of_all_phrases():
    assert shares([5.0, 0.0]) == pytest.approx([1.0, 0.0], abs=0.01)
    assert shares([0.45]) == pytest.approx([0.5])
    assert sum(shares([0.0] * 10)) < 0.65
    assert shares([1e9])[0] <= 1.0


def test_any_word_can_be_asked_for():
    assert recogniser("zh-CN").unknown_words(["饕餮"]) == []
