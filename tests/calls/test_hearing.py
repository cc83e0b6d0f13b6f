"""What a recogniser wrote, as the flow understands it."""

from __future__ import annotations

import pytest

from ivr.calls.hearing import interpretation
from ivr.core.commands import Grammar


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("my balance", "my balance"),
        ("My balance.", "my balance"),
        ("balance", None),
        ("one eight double four", "1844"),
        ("it's 1 8 4 4", "1844"),
        ("one two three four five", None),  # one too many
        ("twenty", None),
        ("", None),
    ],
)
def test_phrases_and_digits_are_understood_and_nothing_else(text: str, meaning: str | None):
    assert interpretation(Grammar("en-US", ("my balance", "a person"), digits=4), text) == meaning


def test_digits_are_nothing_where_only_phrases_may_be_said():
    assert interpretation(Grammar("zh-CN", ("查话费",)), "一二三") is None
