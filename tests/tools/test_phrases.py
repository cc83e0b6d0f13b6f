"""Phrases that a recogniser could never hear are problems of the flow, at the place where they may be said."""

from __future__ import annotations

from collections.abc import Sequence

from ivr.language.problems import CODES
from ivr.tools.phrases import unheard
from tests.tools.test_speech import FLOW

KNOWN = "查话费号 重听"


def unknown_words(language: str, phrases: Sequence[str]) -> Sequence[str]:
    return [character for phrase in phrases for character in phrase if character not in KNOWN]


def test_a_line_whose_words_are_known_has_no_problem():
    assert unheard(FLOW, lambda language, phrases: []) == ()


def test_a_phrase_with_an_unknown_word_is_told_with_its_place():
    problems = unheard(FLOW, lambda language, phrases: [word for word in unknown_words(language, phrases) if word != "是"] or ["号"])

    assert [str(one) for one in problems if "查号" in one.sentence] == [
        "flows/2000.yaml:10:3: error: node 'main': '查号' can never be heard: the recogniser for zh-CN does not know the word 号  [unheard]"
    ]


def test_a_phrase_that_works_everywhere_is_told_at_the_head():
    problems = unheard(FLOW, lambda language, phrases: ["重听"] if "重听" in phrases else [])

    assert [str(one) for one in problems] == [
        "flows/2000.yaml:1:1: error: 'universals': '重听' can never be heard: the recogniser for zh-CN does not know it  [unheard]"
    ]


def test_the_code_says_its_cause_and_its_cure():
    assert "recogniser" in CODES["unheard"].cause
