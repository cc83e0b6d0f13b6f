"""Numbers become words, texts become prompts of a fit length, patterns become rows of keys."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.language.prompts import MAX_LENGTH
from ivr.language.source import MappingSource, ScalarSource, read_yaml
from ivr.tools.importing.patterns import MAX_ROWS, TooMany, rows_of
from ivr.tools.importing.texts import digit_file, in_pieces, in_words, keys_named, stand_in, stem_of, without_templates
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
        (
            "call 415-555-0134 now",
            "en-US",
            "call four one five, five five five, zero one three four now",
            ("415-555-0134 = four one five, five five five, zero one three four",),
        ),
        ("in 2024", "en-US", "in two zero two four", ("2024 = two zero two four",)),
        ("at 10:30", "en-US", "at ten thirty", ("10:30 = ten thirty",)),
        ("9:00-17:30", "en-US", "nine o'clock to five thirty p.m.", ("9:00 = nine o'clock", "17:30 = five thirty p.m.")),
        ("9:05 am or 10:00 P.M.", "en-US", "nine oh five am or ten P.M.", ("9:05 = nine oh five", "10:00 = ten")),
        ("00:00 or 24:00", "en-US", "midnight or midnight", ("00:00 = midnight", "24:00 = midnight")),
        ("16:9", "en-US", "one six:nine", ("16 = one six", "9 = nine")),
        ("上午10:30", "zh-CN", "上午十点半", ("10:30 = 十点半",)),
        ("2：00～14:05", "zh-CN", "两点到十四点零五分", ("2：00 = 两点", "14:05 = 十四点零五分")),
        ("热线400-820-8820", "zh-CN", "热线四零零，八二零，八八二零", ("400-820-8820 = 四零零，八二零，八八二零",)),
        ("请拨10086", "zh-CN", "请拨幺零零八六", ("10086 = 幺零零八六",)),
    ],
)
def test_numbers_are_written_as_they_are_spoken(text: str, language: str, words: str, doubtful: tuple[str, ...]):
    written, looked_at = in_words(text, language)

    assert written == words
    assert tuple(f"{number} = {said}" for number, said in looked_at) == doubtful


@pytest.mark.parametrize(
    ("text", "named", "words"),
    [
        ("预订请按1，其他请按2。", None, "预订请按一，其他请按二。"),
        ("For English, press 1. 中文请按2。", None, "For English, press one. 中文请按二。"),
        ("For English, press 1. 中文请按2。", "en-US", "For English, press one. 中文请按二。"),
        ("Press 1 for 中文", None, "Press one for 中文"),
        ("查IBM话费请按1，APP", None, "查IBM话费请按一，APP"),
        ("1, 2", "zh-CN", "一, 二"),
        ("1, 2", None, "one, two"),
        ("{x}1次，{x}2", None, "一次，二"),
    ],
)
def test_numbers_are_written_in_the_language_of_their_clause(text: str, named: str | None, words: str):
    written, _, _ = without_templates(text, re.compile(r"\{(x)\}"), lambda name: None, "en-US", named)

    assert written == words


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
