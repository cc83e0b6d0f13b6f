"""What other libraries say for the same values: Unicode's CLDR (by unicode-rbnf and Babel), cn2an and num2words.

Where they say otherwise on purpose, DISAGREEMENTS names it, and docs/spoken-values.md tells the reader.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import cn2an
import num2words
import pytest
from babel.lists import format_list
from hypothesis import given
from hypothesis import strategies as st
from unicode_rbnf import RbnfEngine

from ivr.core.values import Kind, SpokenValue, Value
from ivr.speech import inventory, listed, words
from tests.speech.test_spoken_properties import LIMIT, numbers, places, relaxed, said, wholes

CLDR = {language: RbnfEngine.for_language(theirs) for language, theirs in (("zh-CN", "zh"), ("en-US", "en"), ("yue", "yue"))}
BABEL = {"zh-CN": "zh_Hans_CN", "en-US": "en_US", "yue": "yue"}
in_every_language = pytest.mark.parametrize("language", sorted(CLDR))


def cldr(value: int | Decimal, language: str, rules: str = "") -> str:
    rules = rules or ("spellout-numbering" if language == "yue" else "spellout-cardinal")
    return CLDR[language].format_number(value, ruleset_names=[rules]).text


def cldr_cardinal(value: int, language: str) -> str:
    return cldr(value, language, "spellout-cardinal")


def cldr_before_a_unit(value: int, _language: str) -> str:
    """Its Mandarin has a set of rules with 两."""
    return cldr(value, "zh-CN", "spellout-cardinal-alternate2")


def cldr_ordinal(value: int, language: str) -> str:
    return cldr(value, language, "spellout-ordinal")


def babel_list(items: list[str], language: str) -> str:
    return str(format_list(items, locale=BABEL[language]))


def cheque(value: str, _language: str) -> str:
    """cn2an's amounts, as cheques have them, in everyday characters."""
    return cn2an.an2cn(value, "rmb").translate(str.maketrans("壹贰叁肆伍陆柒捌玖拾佰仟", "一二三四五六七八九十百千"))


def in_words(kind: Kind) -> Callable[[Any, str], str]:
    return lambda value, language: words(SpokenValue(kind, Decimal(value) if isinstance(value, str) else value), language)


Speaker = Callable[[Any, str], str]
number, ordinal, money = in_words(Kind.NUMBER), in_words(Kind.ORDINAL), in_words(Kind.MONEY)

# Each known disagreement: what it is, the library, the value, what it says there, and what we say.
DISAGREEMENTS: list[tuple[str, str, Speaker, Any, str, Speaker, str]] = [
    ("CLDR writes the zero inside a Chinese ordinal as 〇", "zh-CN", cldr_ordinal, 101, "第一百〇一", ordinal, "第一百零一"),
    ("CLDR says no 零 before a 万 of less than a thousand", "zh-CN", cldr, 100_010_000, "一亿一万", number, "一亿零一万"),
    ("and none in Cantonese", "yue", cldr, 100_010_000, "一億一萬", number, "一億零一萬"),
    ("CLDR has 廿 in its Cantonese cardinals, not in its numbering", "yue", cldr_cardinal, 25, "廿五", number, "二十五"),
    ("CLDR says 两 for a bare two, too, where it says it at all", "zh-CN", cldr_before_a_unit, 2, "两", number, "二"),
    ("and inside of a number", "zh-CN", cldr_before_a_unit, 100_020_000, "一亿两万", number, "一亿零二万"),
    ("unicode-rbnf leaves negative fractions out", "en-US", cldr, Decimal("-0.5"), "minus", number, "minus zero point five"),
    ("Babel has a comma before the last of a list", "en-US", babel_list, ["A", "B", "C"], "A, B, and C", listed, "A, B and C"),
    ("cn2an never says 两", "zh-CN", lambda value, _: cn2an.an2cn(value, "low"), 2200, "二千二百", number, "两千两百"),
    (
        *("cn2an says no 零 for a whole empty 万, and so 150 million", "zh-CN", lambda value, _: cn2an.an2cn(value, "low")),
        *(100_005_000, "一亿五千", number, "一亿零五千"),
    ),
    ("cn2an's cheques say 整 after whole yuan", "zh-CN", cheque, "36", "三十六元整", money, "三十六元"),
    ("cn2an's cheques begin ten with 一", "zh-CN", cheque, "10.50", "一十元五角", money, "十元五角"),
    ("num2words says and", "en-US", lambda value, _: num2words.num2words(value), 201, "two hundred and one", number, "two hundred one"),
    (
        *("num2words has commas between the thousands", "en-US", lambda value, _: num2words.num2words(value)),
        *(1200, "one thousand, two hundred", number, "one thousand two hundred"),
    ),
    (
        *("num2words joins the oh of a year", "en-US", lambda value, _: num2words.num2words(value, to="year")),
        *(1905, "nineteen oh-five", lambda year, _: words(SpokenValue(Kind.MONTH, dt.date(year, 3, 1)), "en-US")[6:], "nineteen oh five"),
    ),
]


@pytest.mark.parametrize(
    ("language", "theirs", "value", "they_say", "ours", "we_say"),
    [row[1:] for row in DISAGREEMENTS],
    ids=[row[0] for row in DISAGREEMENTS],
)
def test_a_known_disagreement_is_still_one(language: str, theirs: Speaker, value: Any, they_say: str, ours: Speaker, we_say: str):
    """Word for word: one that has been settled by a release of theirs should leave this table."""
    assert theirs(value, language) == they_say
    assert ours(value, language) == we_say


def with_the_zero_of_a_short_wan(value: int | Decimal, language: str, speak: Speaker) -> str:
    """What CLDR says; where it has no 零 before a 万 of less than a thousand, as it would say it if there was one more thousand of them."""
    if language == "en-US" or value < 10**8 or not 0 < value // 10**4 % 10**4 < 1000:
        return speak(value, language)
    return re.sub("([亿億])一千零?", r"\1零", speak(value + 10**7, language))


@in_every_language
@given(value=numbers)
@relaxed
def test_numbers_agree_with_cldr(language: str, value: int | Decimal):
    """But for 两, and for the zero of a short 万. Its package calculates with floats, which lose the decimals of great numbers."""
    value = value if value == int(value) else value % 10**9
    size = abs(Decimal(value))
    theirs = with_the_zero_of_a_short_wan(int(size) if size == int(size) else size, language, cldr)
    minus = {"zh-CN": "负", "en-US": "minus ", "yue": "負"}[language] if value < 0 else ""

    assert said(Kind.NUMBER, value, language).replace("两", "二") == minus + theirs


@given(value=st.integers(3, 10**8 - 1))
@relaxed
def test_mandarin_has_two_ways_to_say_two_as_cldr_has(value: int):
    """Up to 一亿, 两 stands where it stands in its rules for what comes before a unit."""
    assert said(Kind.COUNT, value, "zh-CN") == cldr_before_a_unit(value, "zh-CN")


@in_every_language
@given(value=places)
@relaxed
def test_ordinals_agree_with_cldr(language: str, value: int):
    """But for the 〇 of its Mandarin, and the zero of a short 万."""
    theirs = with_the_zero_of_a_short_wan(value, language, lambda *of: cldr_ordinal(*of).replace("〇", "零"))

    assert said(Kind.ORDINAL, value, language) == theirs


@in_every_language
@given(items=st.lists(st.text("ABC", min_size=1, max_size=3), min_size=1, max_size=6))
@relaxed
def test_lists_agree_with_cldr(language: str, items: list[str]):
    """But for the comma of its English before "and"."""
    assert listed(items, language) == babel_list(items, language).replace(", and ", " and ")


def test_cantonese_is_written_in_traditional_characters_throughout():
    """The frequent characters of Big5 come before C9 40, and simplified ones are none of them."""
    characters = set("".join(inventory("yue"))) - set("KGT")

    assert {character for character in characters if character.encode("big5") >= b"\xc9\x40"} == set()


def test_every_number_to_twenty_thousand_agrees_with_cldr():
    """The range in which Asterisk's own SayNumber is wrong 1,990 times in Mandarin."""
    for value in range(20_001):
        assert said(Kind.COUNT, value, "zh-CN") == cldr_before_a_unit(value, "zh-CN")
        assert said(Kind.NUMBER, value, "yue") == cldr(value, "yue")
        assert said(Kind.NUMBER, value, "en-US") == cldr(value, "en-US")


def as_cn2an_says(spoken: str) -> str:
    return spoken.replace("两", "二")


def with_the_zero_of_an_empty_wan(theirs: str, value: int) -> str:
    empty_wan = value >= 10**8 and value // 10**4 % 10**4 == 0 and value % 10**4 >= 1000
    return theirs.replace("亿", "亿零") if empty_wan else theirs


@given(value=wholes)
@relaxed
def test_chinese_numbers_agree_with_cn2an(value: int):
    """But for 两, and for the zero of an empty 万."""
    theirs = with_the_zero_of_an_empty_wan(cn2an.an2cn(value, "low"), value)

    assert as_cn2an_says(said(Kind.NUMBER, value, "zh-CN")) == theirs


@given(yuan=wholes, fen=st.integers(0, 99))
@relaxed
def test_chinese_amounts_agree_with_the_way_cheques_are_written(yuan: int, fen: int):
    """But for 两, for the zero of an empty 万, for 整, and for the 一 that a cheque writes before a leading 十 (一十元)."""
    theirs = with_the_zero_of_an_empty_wan(cheque(f"{yuan}.{fen:02}", "zh-CN").removesuffix("整"), yuan)

    ours = as_cn2an_says(said(Kind.MONEY, yuan + Decimal(fen) / 100, "zh-CN"))
    assert ours in (theirs, theirs.removeprefix("一") if theirs.startswith("一十") else theirs)


def without_and(spoken: str) -> str:
    return spoken.replace(",", "").replace(" and ", " ")


@given(value=wholes)
@relaxed
def test_english_numbers_agree_with_num2words(value: int):
    """But for "and" and its commas."""
    assert said(Kind.NUMBER, value, "en-US") == without_and(num2words.num2words(value))


@given(value=st.integers(1, LIMIT))
@relaxed
def test_english_ordinals_agree_with_num2words(value: int):
    """But for "and" and its commas."""
    assert said(Kind.ORDINAL, value, "en-US") == without_and(num2words.num2words(value, to="ordinal"))


@given(day=st.dates(dt.date(1100, 1, 1)))
@relaxed
def test_english_dates_agree_with_num2words(day: dt.date):
    """But for the "oh-five" of its years, and the "and" in "two thousand and five"."""
    year = without_and(num2words.num2words(day.year, to="year")).replace("oh-", "oh ")
    spoken: Value = day

    assert said(Kind.DATE, spoken, "en-US") == f"{day:%B} {num2words.num2words(day.day, to='ordinal')}, {year}"
