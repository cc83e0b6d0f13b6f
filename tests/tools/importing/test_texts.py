"""Numbers become words, texts become prompts of a fit length, patterns become rows of keys."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.language.prompts import MAX_LENGTH
from ivr.language.source import MappingSource, ScalarSource, read_yaml
from ivr.tools.importing.patterns import MAX_ROWS, TooMany, rows_of
from ivr.tools.importing.texts import digit_file, in_pieces, in_words, keys_named, stand_in, stem_of
from ivr.tools.importing.writing import text_of


@pytest.mark.parametrize(
    ("text", "language", "words", "doubtful"),
    [
        ("Press 1.", "en-US", "Press one.", ()),
        ("Press 1, 2 or 10", "en-US", "Press one, two or ten", ()),
        ("the 2nd floor, 21st street", "en-US", "the second floor, twenty-first street", ()),
        ("press # or *", "en-US", "press pound or star", ()),
        ("按1，按#键，按*号键", "zh-CN", "按一，按井号键，按星号键", ()),
        ("２４小时", "zh-CN", "二十四小时", ()),
        ("call 415-555-0134 now", "en-US", "call four one five, five five five, zero one three four now", ("415-555-0134",)),
        ("in 2024", "en-US", "in two zero two four", ("2024",)),
        ("at 9:30", "en-US", "at nine:three zero", ("9", "30")),
        ("热线400-820-8820", "zh-CN", "热线四零零，八二零，八八二零", ("400-820-8820",)),
        ("请拨10086", "zh-CN", "请拨幺零零八六", ("10086",)),
    ],
)
def test_numbers_are_written_as_they_are_spoken(text: str, language: str, words: str, doubtful: tuple[str, ...]):
    assert in_words(text, language) == (words, doubtful)


@given(st.text(), st.sampled_from(("en-US", "zh-CN")))
def test_no_digit_is_left_in_any_text(text: str, language: str):
    words, _ = in_words(text, language)

    assert not any(character in "0123456789０１２３４５６７８９" for character in words)


@given(st.text(st.characters(blacklist_categories=("Zs", "Zl", "Zp", "Cc", "Cs")), max_size=2000))
def test_pieces_of_a_text_are_short_and_lose_nothing(text: str):
    pieces = in_pieces(text)

    assert all(0 < len(piece) <= MAX_LENGTH for piece in pieces)
    assert "".join(pieces).replace(" ", "") == text.replace(" ", "")


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("For sales, press one. For support, press two or three. Press the star key.", ["1", "2", "3", "*"]),
        ("Please enter four digits. Press one-hundred.", []),
        ("查话费请按一，人工请拨零，返回请按星号键。", ["1", "0", "*"]),
        ("按十分钟计费", []),
    ],
)
def test_the_keys_that_a_text_names_are_found(text: str, keys: list[str]):
    assert keys_named(text) == keys


def test_a_stand_in_is_named_after_its_file():
    assert stand_in("https://cdn.example.com/a/Welcome%20all.mp3?x=1", "en-US") == "Text of Welcome all."
    assert stand_in("ivr/ivr-option 1.wav", "zh-CN") == "“ivr-option 一”的文字。"
    assert stem_of("http://[") == "["
    assert digit_file("digits/7.wav") == "7"
    assert digit_file("x/7.wav") is None


@pytest.mark.parametrize(
    ("pattern", "rows"),
    [
        ("^(10[01][0-9])$", [str(row) for row in range(1000, 1020)]),
        ("^1$", ["1"]),
        ("^(1|2[3-4])$", ["1", "23", "24"]),
        (r"^9\d$", [f"9{key}" for key in range(10)]),
        ("^12?$", ["1", "12"]),
        (r"^\*[12]$", ["*1", "*2"]),
        ("^[^2-9]$", ["0", "1", "*"]),
        ("^(?:12){2}$", ["1212"]),
        ("^7{1,3}$", ["7", "77", "777"]),
    ],
)
def test_patterns_are_written_out(pattern: str, rows: list[str]):
    assert [row.keys for row in rows_of(pattern)] == rows


def test_what_a_group_stands_for_is_filled_in():
    assert [row.filled_in("to $2 of $1") for row in rows_of("^(1(2|3))$")] == ["to 2 of 12", "to 3 of 13"]


REFUSED = (
    *("", "1", "^1", "^.*$", "^1+$", r"^\d{3}$", "^(1$", "^[1$", "^1)$", "^a$", r"^\w$", "^1{,}$", "^1{99999}$"),
    *("^(((((((((1*)*)*)*)*)*)*)*)*$", "^" + "(" * 200 + "$", "^$1$", "^[0-9]{9}$"),
)


@pytest.mark.parametrize("pattern", REFUSED)
def test_patterns_for_too_many_rows_are_refused(pattern: str):
    with pytest.raises(TooMany):
        rows_of(pattern)


@given(st.text("0123456789[]()-^$|?{},\\d.*+:#", max_size=40))
def test_any_pattern_is_written_out_or_refused(pattern: str):
    try:
        rows = rows_of(f"^{pattern}$")
    except TooMany:
        return
    assert len(rows) <= MAX_ROWS


@given(st.text(st.characters(blacklist_categories=("Cs", "Cc", "Zl", "Zp"), blacklist_characters="\ufeff\ufffe\uffff"), min_size=1))
def test_any_text_is_written_so_that_it_is_read_as_it_was(text: str):
    source, problems = read_yaml(f"{{en: {text_of(text)}}}\n", "x.yaml")

    assert problems == ()
    assert isinstance(source, MappingSource)
    assert isinstance(source.entries[0][1], ScalarSource)
    assert (source.entries[0][1].text, source.entries[0][1].is_null) == (text, False)
