"""What travels between a line and its ears: tokens, and files named by what is in them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.calls.listening import grammar_name, grammar_of, grammar_text, hypothesis_of, score_of, token_of
from ivr.core.commands import Grammar
from ivr.core.events import Hypothesis

MENU = Grammar("zh-CN", ("查询话费", "人工服务"))
ACCOUNT = Grammar("zh-CN", ("重听",), digits=6)


@pytest.mark.parametrize(
    ("grammar", "text", "token"),
    [(MENU, "查询话费", "p0"), (MENU, "人工服务", "p1"), (ACCOUNT, "重听", "p0"), (ACCOUNT, "018544", "d018544")],
)
def test_what_was_heard_travels_as_a_token(grammar, text, token):
    heard = Hypothesis(text, 0.853)

    assert token_of(grammar, heard) == token
    assert hypothesis_of(grammar, token, score_of(heard)) == heard


@pytest.mark.parametrize(("grammar", "text"), [(MENU, "查询"), (MENU, "1"), (ACCOUNT, "0185441"), (ACCOUNT, "٣"), (ACCOUNT, "")])
def test_what_the_grammar_does_not_have_has_no_token(grammar, text):
    with pytest.raises(ValueError, match="a phrase of the grammar"):
        token_of(grammar, Hypothesis(text, 1.0))


@pytest.mark.parametrize("token", ["p2", "p", "p-1", "p00000", "d1", "x1", "", "begun", "nomatch", "p1 "])
def test_a_token_of_nobodys_means_nothing(token):
    assert hypothesis_of(MENU, token, 500) is None


@pytest.mark.parametrize("score", [-1, 1001])
def test_a_score_that_is_no_share_means_nothing(score):
    assert hypothesis_of(MENU, "p1", score) is None


@given(st.floats(allow_nan=False))
def test_a_confidence_travels_as_a_number_from_0_to_1000(confidence):
    assert 0 <= score_of(Hypothesis("x", confidence)) <= 1000


@given(st.builds(Grammar, st.text(max_size=9), st.lists(st.text(max_size=9), max_size=5).map(tuple), st.integers(0, 32)))
def test_a_grammar_survives_its_file(grammar):
    text = grammar_text(grammar)

    assert grammar_of(grammar_name(text), text) == grammar
    assert len(grammar_name(text)) == 40


@pytest.mark.parametrize("text", [b"{}", b"[]", b"not json", b'{"language": 1, "phrases": [], "digits": 0}', b"\xff"])
def test_a_file_that_holds_no_grammar_is_refused(text):
    with pytest.raises(ValueError):
        grammar_of(grammar_name(text), text)


def test_a_file_that_was_changed_is_refused():
    text = grammar_text(MENU)

    with pytest.raises(ValueError, match="does not have the name"):
        grammar_of(grammar_name(text), text + b" ")
