"""What callers say becomes values again: row by row as people say it, any value there and back, and what other libraries make of it."""

from __future__ import annotations

import doctest
import re
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import cn2an
import num2words
import pytest
from hypothesis import given
from hypothesis import strategies as st
from text_to_num import text2num

import ivr.speech.heard
from ivr.core.values import Kind, SpokenValue
from ivr.speech import LANGUAGES, heard, words
from ivr.speech.heard import amount_heard, digits_heard, number_heard
from tests.speech.test_spoken_oracles import cldr
from tests.speech.test_spoken_properties import amounts, digit_strings, in_every_language, numbers, relaxed, said, signs, wholes
from tests.speech.test_spoken_values import documented

FUNCTIONS: dict[str, Callable[[str, str], object]] = {"digits": digits_heard, "number": number_heard, "amount": amount_heard}
TABLE = [
    [cell.strip() for cell in line.split("|")]
    for line in Path(__file__).with_name("heard.txt").read_text(encoding="utf-8").splitlines()
    if line and not line.startswith("#")
]
HESITATIONS = {"zh-CN": ("", "嗯，", "呃", "啊、"), "en-US": ("", "um, ", "uh ", "well, "), "yue": ("", "嗯，", "啊、", "咁，")}
AFTERWARDS = {"zh-CN": ("", "。", "吧", "，谢谢"), "en-US": ("", ".", " please", ", thank you."), "yue": ("", "。", "啦", "，唔該")}
# Characters of which numbers are made, and others: most texts of them mean nothing, and some a number.
LETTERS = {
    "zh-CN": "零一二两三五十百千万亿点负元块角毛分半个幺05.，嗯不多 ",
    "yue": "零一二兩三五十百千萬億點負元蚊角毫分半個廿05.，嗯唔幾 ",
}
WORDS = (
    *("zero", "one", "two", "five", "oh", "double", "ten", "twenty", "hundred", "thousand", "million", "and", "a", "point", "minus"),
    *("yuan", "fen", "jiao", "half", "5", "35", "3,500", "um", "not"),
)
mumblings = {
    **{language: st.text(letters, max_size=12) for language, letters in LETTERS.items()},
    "en-US": st.lists(st.sampled_from(WORDS), max_size=8).map(" ".join),
}


@pytest.mark.parametrize(("language", "function", "text", "value"), TABLE, ids=[" ".join(row[:3]) for row in TABLE])
def test_a_caller_is_understood_or_asked_again(language: str, function: str, text: str, value: str):
    """heard.txt is the specification; each row was written by hand."""
    understood = FUNCTIONS[function](text, language)

    expected = None if value == "-" else value if function == "digits" else Decimal(value)
    assert understood == expected


def test_the_table_has_enough_of_everything():
    for language in LANGUAGES:
        rows = [(function, value) for of, function, _, value in TABLE if of == language]
        assert {function for function, value in rows if value != "-"} == set(FUNCTIONS)
        assert {function for function, value in rows if value == "-"} == set(FUNCTIONS)


def test_the_examples_of_the_documentation_hold():
    assert doctest.testmod(ivr.speech.heard).failed == 0


def test_the_table_of_the_documentation_holds():
    """docs/spoken-values.md, "What is heard"."""
    rows = documented("What is heard")
    assert len(rows) >= 20
    for function, language, text, value in rows:
        understood = FUNCTIONS[function](text, language)
        assert value.startswith("none: ") if understood is None else value == str(understood)


def test_all_languages_that_are_spoken_are_heard():
    assert heard.LANGUAGES == LANGUAGES


def test_an_unknown_language_is_refused_with_the_known_ones():
    for function in FUNCTIONS.values():
        with pytest.raises(ValueError, match=r"values cannot be heard in 'fr-FR'; the known languages are zh-CN, en-US and yue"):
            function("un", "fr-FR")


def test_digits_of_another_length_than_was_asked_for_are_none():
    """A form knows how many it wants; eleven of twelve digits are a misunderstanding."""
    assert digits_heard("一二三四", "zh-CN", (4,)) == "1234"
    assert digits_heard("一二三四", "zh-CN", range(4, 7)) == "1234"
    assert digits_heard("一二三", "zh-CN", (4,)) is None
    assert digits_heard("一二三四五", "zh-CN", (4,)) is None
    assert digits_heard("", "zh-CN", (0,)) is None
    assert digits_heard("一" * 33, "zh-CN", (33,)) is None


# --- any value, there and back ---


@st.composite
def surroundings(draw: st.DrawFn, language: str) -> str:
    return draw(st.sampled_from(HESITATIONS[language])) + "{}" + draw(st.sampled_from(AFTERWARDS[language]))


@in_every_language
@given(value=digit_strings, data=st.data())
@relaxed
def test_digits_come_back(language: str, value: str, data: st.DataObject):
    around = data.draw(surroundings(language))

    assert digits_heard(around.format(said(Kind.DIGITS, value, language)), language) == value
    assert digits_heard(around.format(value), language) == value


@in_every_language
@given(value=numbers, data=st.data())
@relaxed
def test_numbers_come_back(language: str, value: Decimal, data: st.DataObject):
    around = data.draw(surroundings(language))

    assert number_heard(around.format(said(Kind.NUMBER, value, language)), language) == value


@in_every_language
@given(value=amounts, data=st.data())
@relaxed
def test_amounts_come_back(language: str, value: Decimal, data: st.DataObject):
    around = data.draw(surroundings(language))

    assert amount_heard(around.format(said(Kind.MONEY, value, language)), language) == value


@in_every_language
@given(value=wholes)
@relaxed
def test_a_count_is_heard_as_a_number(language: str, value: int):
    assert number_heard(said(Kind.COUNT, value, language), language) == value


@in_every_language
@given(value=amounts)
@relaxed
def test_amounts_are_understood_from_figures(language: str, value: Decimal):
    """As recognisers like to write them."""
    figures = f"{value.copy_abs():,.2f}"

    assert amount_heard(figures, language) == value.copy_abs()
    assert amount_heard(f"{figures} yuan" if language == "en-US" else f"{figures}元", language) == value.copy_abs()


@given(value=amounts)
@relaxed
def test_the_script_and_the_two_of_the_recogniser_do_not_matter(value: Decimal):
    spoken = said(Kind.MONEY, value, "zh-CN")
    traditional = spoken.translate(str.maketrans("两万亿点负费", "兩萬億點負費"))

    for written in (traditional, spoken.replace("两", "二"), " ".join(spoken), spoken.replace("元", "块").replace("角", "毛")):
        assert amount_heard(written, "zh-CN") == value
        assert amount_heard(written, "yue") == value


# --- what nobody said ---


@in_every_language
@given(text=st.text(max_size=20))
@relaxed
def test_any_text_is_a_value_or_none(language: str, text: str):
    """Never an exception: it could tell a secret."""
    digits, number, amount = (function(text, language) for function in FUNCTIONS.values())

    assert digits is None or re.fullmatch("[0-9]{1,32}", str(digits))
    assert number is None or isinstance(number, Decimal)
    assert amount is None or isinstance(amount, Decimal)


@in_every_language
@given(data=st.data())
@relaxed
def test_what_is_heard_can_be_said_and_heard_again(language: str, data: st.DataObject):
    """Whatever a mumbling is taken for, it is within what the line can say."""
    text = data.draw(mumblings[language])
    number, amount, digits = number_heard(text, language), amount_heard(text, language), digits_heard(text, language)

    if number is not None:
        assert number_heard(words(SpokenValue(Kind.NUMBER, number), language), language) == number
    if amount is not None:
        assert amount_heard(words(SpokenValue(Kind.MONEY, amount), language), language) == amount
    if digits is not None:
        assert digits_heard(words(SpokenValue(Kind.DIGITS, digits), language), language) == digits


@in_every_language
@given(value=numbers, data=st.data())
@relaxed
def test_a_number_with_a_word_too_many_is_not_taken_for_another(language: str, value: Decimal, data: st.DataObject):
    """A denial, a doubt or a second thought anywhere in it makes it none."""
    gap = " " if language == "en-US" else ""
    spoken = said(Kind.NUMBER, value, language)
    tokens = spoken.split(" ") if gap else list(spoken)
    place = data.draw(st.integers(0, len(tokens)))
    doubt = data.draw(st.sampled_from(("not", "maybe", "or") if gap else ("不", "多", "或者", "几")))

    assert number_heard(gap.join([*tokens[:place], doubt, *tokens[place:]]), language) is None


@pytest.mark.parametrize("token", ["一", "零", "一百", "嗯", "one ", "1,", ".", " "])
def test_an_answer_without_end_is_none(token: str):
    for language in LANGUAGES:
        assert [function(token * 100_000, language) for function in FUNCTIONS.values()] == [None, None, None]


# --- what other libraries say is understood, and what they understand is what we do ---


@in_every_language
@given(value=wholes)
@relaxed
def test_what_cldr_says_is_understood(language: str, value: int):
    """It has no 零 before a 万 of less than a thousand, and without it a word may be missing: the one thing not understood."""
    short_wan = language != "en-US" and value >= 10**8 and 0 < value // 10**4 % 10**4 < 1000

    assert number_heard(cldr(value, language), language) == (None if short_wan else value)


@given(value=wholes)
@relaxed
def test_what_num2words_says_is_understood(value: int):
    """With its "and" and its commas."""
    assert number_heard(num2words.num2words(value), "en-US") == value


@given(value=wholes, sign=signs)
@relaxed
def test_what_cn2an_says_is_understood(value: int, sign: int):
    """In words and as on a cheque. Of 100,005,000 it says 一亿五千, which may be 150 million, and is none here."""
    ambiguous = value >= 10**8 and value // 10**4 % 10**4 == 0 and value % 10**4 >= 1000
    expected = None if ambiguous else sign * value

    assert number_heard(cn2an.an2cn(sign * value, "low"), "zh-CN") == expected
    assert number_heard(cn2an.an2cn(sign * value, "up"), "zh-CN") == expected


@given(value=wholes)
@relaxed
def test_cn2an_understands_numbers_as_we_do(value: int):
    """But for 亿零, which is nothing special to it."""
    spoken = said(Kind.NUMBER, value, "zh-CN")

    assert cn2an.cn2an(spoken.replace("两", "二"), "normal") == number_heard(spoken, "zh-CN")


@given(value=wholes)
@relaxed
def test_text2num_understands_numbers_as_we_do(value: int):
    spoken = said(Kind.NUMBER, value, "en-US")

    assert text2num(spoken, "en") == number_heard(spoken, "en-US")


def cn2an_hears(text: str) -> object:
    return cn2an.cn2an(text, "smart")


def text2num_hears(text: str) -> object:
    return text2num(text, "en")


# Where another library understands something, and here a caller is asked again.
GUESSES = [
    ("a place that is missing may have been lost: 一千五百十?", "zh-CN", cn2an_hears, "一千五十", 1050),
    ("figures in a row are digits, or an estimate: three or four", "zh-CN", cn2an_hears, "三四", 34),
    ("how many hundred may have been lost", "en-US", text2num_hears, "hundred", 100),
    ("this is no way to say a billion", "en-US", text2num_hears, "one thousand million", 10**9),
]


@pytest.mark.parametrize(("language", "library", "text", "value"), [row[1:] for row in GUESSES], ids=[row[0] for row in GUESSES])
def test_nothing_is_guessed_where_others_guess(language: str, library: Callable[[str], object], text: str, value: int):
    assert library(text) == value
    assert number_heard(text, language) is None
