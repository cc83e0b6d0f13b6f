"""Every kind of value in every language, row by row as people say it, and what cannot be said."""

from __future__ import annotations

import datetime as dt
import doctest
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

import ivr.speech
from ivr.core.values import Kind, SpokenValue, Value
from ivr.speech import LANGUAGES, PAUSE, counted, fragments, inventory, listed, words
from ivr.tools.say import say
from tests.conftest import HOME

TODAY = dt.date(2026, 3, 9)
TABLE = [
    [cell.strip() for cell in line.split("|")]
    for line in Path(__file__).with_name("spoken.txt").read_text(encoding="utf-8").splitlines()
    if line and not line.startswith("#")
]


@pytest.mark.parametrize(("kind", "value", "mandarin", "english", "cantonese"), TABLE, ids=[f"{kind} {value}" for kind, value, *_ in TABLE])
def test_a_value_is_said_as_people_say_it(kind: str, value: str, mandarin: str, english: str, cantonese: str):
    """spoken.txt is the specification; each row was written by hand."""
    assert say(kind, value, "zh-CN", TODAY) == mandarin
    assert say(kind, value, "en-US", TODAY) == english
    assert say(kind, value, "yue", TODAY) == cantonese


def test_the_table_of_the_documentation_holds():
    """docs/spoken-values.md, "What is said"; a cell that is empty is the one above."""
    rows = documented("What is said")
    assert len(rows) >= 15
    for kind, value, mandarin, english, cantonese in rows:
        assert [say(kind, value, language, TODAY) for language in ("zh-CN", "en-US", "yue")] == [mandarin, english, cantonese]


@pytest.mark.parametrize(
    ("items", "mandarin", "english", "cantonese"),
    [
        (["A"], "A", "A", "A"),
        (["A", "B"], "A和B", "A and B", "A同B"),
        (["A", "B", "C"], "A、B和C", "A, B and C", "A、B同C"),
        (["A", "B", "C", "D"], "A、B、C和D", "A, B, C and D", "A、B、C同D"),
    ],
)
def test_things_in_a_row_are_said_with_an_and_before_the_last(items: list[str], mandarin: str, english: str, cantonese: str):
    assert [listed(items, language) for language in ("zh-CN", "en-US", "yue")] == [mandarin, english, cantonese]


@pytest.mark.parametrize(
    ("count", "mandarin", "english", "cantonese"),
    [
        (0, "零条短信", "zero messages", "零條短訊"),
        (1, "一条短信", "one message", "一條短訊"),
        (2, "两条短信", "two messages", "兩條短訊"),
        (12, "十二条短信", "twelve messages", "十二條短訊"),
        (21, "二十一条短信", "twenty-one messages", "二十一條短訊"),
        (200, "两百条短信", "two hundred messages", "二百條短訊"),
    ],
)
def test_things_are_counted_in_the_form_that_fits_their_number(count: int, mandarin: str, english: str, cantonese: str):
    """One message, two messages; in Chinese a measure word, and 两 before it."""
    assert counted(count, ("条短信",), "zh-CN") == mandarin
    assert counted(count, ("message", "messages"), "en-US") == english
    assert counted(count, ("條短訊",), "yue") == cantonese


@pytest.mark.parametrize(
    ("refused", "sentence"),
    [
        (lambda: listed([], "en-US"), "a list of nothing cannot be spoken; say in a sentence of your own that there is none"),
        (lambda: counted(2, ("message",), "en-US"), "what is counted in en-US has 2 forms (one, many), not 1"),
        (lambda: counted(2, ("message", "messages"), "zh-CN"), "what is counted in zh-CN has 1 form (measure word and thing), not 2"),
        (lambda: counted(-1, ("条短信",), "zh-CN"), "a count cannot be less than nothing, so -1 cannot be spoken as one"),
    ],
)
def test_lists_and_counts_that_cannot_be_said_are_refused_with_a_sentence(refused: Callable[[], str], sentence: str):
    with pytest.raises(ValueError) as refusal:
        refused()

    assert str(refusal.value) == sentence


def documented(heading: str) -> list[list[str]]:
    """The rows of the table under a heading of docs/spoken-values.md."""
    page = (HOME / "docs" / "spoken-values.md").read_text(encoding="utf-8")
    lines = page.partition(f"## {heading}\n")[2].partition("\n## ")[0].splitlines()
    rows, above = [], ""
    for line in [line for line in lines if line.startswith("|")][2:]:
        first, *others = (cell.strip(" `") for cell in line.strip("|").split("|"))
        above = first or above
        rows.append([above, *others])
    return rows


def test_the_table_is_worth_its_name():
    """At least 300 values of a language, none of them twice."""
    assert len(TABLE) >= 300
    assert len({(kind, value) for kind, value, *_ in TABLE}) == len(TABLE)


def test_the_examples_of_the_documentation_hold():
    """The docstring of the package is what a library user reads first."""
    assert doctest.testmod(ivr.speech).failed == 0


@pytest.mark.parametrize(
    ("kind", "value", "language", "expected"),
    [
        (Kind.MONEY, Decimal("1005.30"), "zh-CN", ("一千", "零", "五元", "三角")),
        (Kind.MONEY, Decimal("35.62"), "zh-CN", ("三十五元", "六角二分")),
        (Kind.MONEY, Decimal("-200"), "zh-CN", ("欠费", "两百元")),
        (Kind.MONEY, 120_000, "zh-CN", ("十二", "万", "元")),
        (Kind.NUMBER, 20_000, "zh-CN", ("两万",)),
        (Kind.NUMBER, Decimal("-2.53"), "zh-CN", ("负", "二", "点五", "三")),
        (Kind.DIGITS, "13900001008", "zh-CN", ("幺三", "九", PAUSE, "零零", "零零", PAUSE, "幺零", "零八")),
        (Kind.DIGITS, "481625", "zh-CN", ("四八", PAUSE, "幺六", PAUSE, "二五")),
        (Kind.DIGITS, "10086", "zh-CN", ("幺零", "零八", "六")),
        (Kind.VOLUME, 2560 * 1024**2, "zh-CN", ("二", "点五个G")),
        (Kind.VOLUME, 2 * 1024**3, "zh-CN", ("两个G",)),
        (Kind.DURATION, dt.timedelta(minutes=75), "zh-CN", ("七十五", "分钟")),
        (Kind.DATE, dt.date(2031, 3, 5), "zh-CN", ("二零三一年", "三月", "五日")),
        (Kind.DATE, dt.date(1998, 3, 5), "zh-CN", ("一", "九", "九", "八年", "三月", "五日")),
        (Kind.TIME, dt.time(14, 5), "zh-CN", ("下午两点", "零五分")),
        (Kind.TEXT, "您好", "zh-CN", ("您好",)),
        (Kind.ORDINAL, 202, "zh-CN", ("第", "二百", "零", "二")),
        (Kind.COUNT, 2, "zh-CN", ("两",)),
        (Kind.MONEY, Decimal("2202.62"), "yue", ("二千", "二百", "零", "二元", "六角二分")),
        (Kind.NUMBER, 20_000, "yue", ("二萬",)),
        (Kind.VOLUME, 2560 * 1024**2, "yue", ("二", "點五個G")),
        (Kind.TIME, dt.time(14, 5), "yue", ("下午兩點", "零五分")),
        (Kind.ORDINAL, 121, "en-US", ("one hundred", "twenty-first")),
        (Kind.ORDINAL, 200, "en-US", ("two", "hundredth")),
        (Kind.MONEY, Decimal("235.62"), "en-US", ("two hundred", "thirty-five", "yuan", "sixty-two")),
        (Kind.DIGITS, "100861", "en-US", ("one", "zero", "zero", "eight", "six", PAUSE, "one")),
        (Kind.DATE, dt.date(2025, 3, 5), "en-US", ("March", "fifth", PAUSE, "twenty", "twenty-five")),
        (Kind.TIME, dt.time(14, 5), "en-US", ("two", "oh five", "p.m.")),
    ],
)
def test_words_come_in_the_units_that_are_recorded(kind: Kind, value: Value, language: str, expected: tuple[str, ...]):
    """A fragment is what people say in one breath, so that joined recordings sound natural."""
    assert fragments(SpokenValue(kind, value, TODAY), language) == expected


def test_a_text_is_said_as_it_is_written():
    """Even when it looks like a pause."""
    assert words(SpokenValue(Kind.TEXT, "Hello, you , there"), "en-US") == "Hello, you , there"
    assert words(SpokenValue(Kind.TEXT, ","), "zh-CN") == ","


def test_a_date_without_today_is_said_with_its_year():
    """Nobody knows which year the listener thinks of."""
    day = dt.date(2026, 3, 5)

    assert words(SpokenValue(Kind.DATE, day), "zh-CN") == "二零二六年三月五日"
    assert words(SpokenValue(Kind.DATE, day), "en-US") == "March fifth, twenty twenty-six"


def test_the_seconds_of_a_time_are_not_said():
    """Nor is its time zone."""
    assert words(SpokenValue(Kind.TIME, dt.time(14, 5, 59, tzinfo=dt.UTC)), "zh-CN") == "下午两点零五分"


@pytest.mark.parametrize(
    ("kind", "value", "sentence"),
    [
        (Kind.TEXT, 5, "a text is spoken from a str, not from an int"),
        (Kind.NUMBER, None, "a number is spoken from an int or a Decimal, not from nothing"),
        (Kind.NUMBER, True, "a number is spoken from an int or a Decimal, not from a bool"),
        (Kind.NUMBER, Decimal("NaN"), "a number has to be finite, and NaN is not"),
        (Kind.NUMBER, Decimal("-Infinity"), "a number has to be finite, and -Infinity is not"),
        (Kind.NUMBER, 10**12, "a number is spoken below a million million, and 1000000000000 is not"),
        (Kind.NUMBER, -(10**12), "a number is spoken below a million million, and -1000000000000 is not"),
        (Kind.NUMBER, Decimal("0.0000001"), "a number is spoken with at most 6 decimals, so 1E-7 has to be rounded first"),
        (Kind.ORDINAL, 0, "an ordinal begins with the first, so 0 cannot be spoken as one"),
        (Kind.ORDINAL, Decimal("1.5"), "an ordinal is whole, and 1.5 is not"),
        (Kind.ORDINAL, "3", "an ordinal is spoken from an int or a Decimal, not from a str"),
        (Kind.ORDINAL, 10**12, "an ordinal is spoken below a million million, and 1000000000000 is not"),
        (Kind.COUNT, -1, "a count cannot be less than nothing, so -1 cannot be spoken as one"),
        (Kind.COUNT, Decimal("2.5"), "a count is whole, and 2.5 is not"),
        (Kind.MONEY, "35", "an amount of money is spoken from an int or a Decimal, not from a str"),
        (Kind.MONEY, Decimal("0.005"), "an amount of money is spoken to the fen, so 0.005 has to be rounded to two decimals first"),
        (Kind.MONEY, Decimal("1E+12"), "an amount of money is spoken below a million million, and 1E+12 is not"),
        (Kind.DIGITS, 1008, "digits are spoken from a str, not from an int"),
        (Kind.DIGITS, "", "digits are spoken from a str of 1 to 32 characters 0 to 9, and this one is not"),
        (Kind.DIGITS, "12a4", "digits are spoken from a str of 1 to 32 characters 0 to 9, and this one is not"),
        (Kind.DIGITS, "１２３", "digits are spoken from a str of 1 to 32 characters 0 to 9, and this one is not"),
        (Kind.DIGITS, "1" * 33, "digits are spoken from a str of 1 to 32 characters 0 to 9, and this one is not"),
        (Kind.VOLUME, Decimal(5), "a volume is spoken from an int, its bytes, not from a Decimal"),
        (Kind.VOLUME, False, "a volume is spoken from an int, its bytes, not from a bool"),
        (Kind.VOLUME, -1, "a volume cannot be less than nothing, so -1 bytes cannot be spoken"),
        (Kind.VOLUME, 1000 * 1024**4, "a volume of 1000 TB or more cannot be spoken"),
        (Kind.DURATION, 75, "a duration is spoken from a timedelta, not from an int"),
        (Kind.DURATION, dt.timedelta(seconds=-1), "a duration cannot be negative"),
        (Kind.DATE, "2026-03-05", "a date is spoken from a datetime.date, not from a str"),
        (Kind.MONTH, dt.time(3), "a date is spoken from a datetime.date, not from a time"),
        (Kind.TIME, TODAY, "a time is spoken from a datetime.time, not from a date"),
        (Kind.BOOL, True, "a bool is never spoken; choose between two texts instead"),
    ],
)
@pytest.mark.parametrize("language", LANGUAGES)
def test_what_cannot_be_said_is_refused_with_a_sentence(kind: Kind, value: Value, sentence: str, language: str):
    """A value out of reach must not become wrong words."""
    with pytest.raises(ValueError) as refusal:
        fragments(SpokenValue(kind, value, TODAY), language)

    assert str(refusal.value) == sentence


def test_an_unknown_language_is_refused_with_the_known_ones():
    """For all functions alike."""
    for refused in (
        lambda: fragments(SpokenValue(Kind.NUMBER, 1), "nan"),
        lambda: words(SpokenValue(Kind.NUMBER, 1), "nan"),
        lambda: inventory("nan"),
        lambda: listed(["A"], "nan"),
        lambda: counted(1, ("A",), "nan"),
    ):
        with pytest.raises(ValueError) as refusal:
            refused()

        assert str(refusal.value) == "values cannot be spoken in 'nan'; the known languages are zh-CN, en-US and yue"


def test_the_inventory_is_complete_and_has_nothing_in_vain():
    """Each fragment costs a recording: all that some value needs are there, and no other."""
    whole = [*range(10_000), *(group * 10**4 for group in range(1, 1000)), *(group * 10**8 for group in range(1, 100)), 100_020_002]
    minutes = [dt.timedelta(seconds=seconds) for seconds in (*range(600), 660, 3600, 7200, 10_800)]
    years = [dt.date(year, 1, 1) for year in (*range(1990, 2050), 960, 2100, 3001)]
    days = [*years, *(TODAY + dt.timedelta(days=day) for day in range(365))]
    times = [dt.time(hour, minute) for hour in range(24) for minute in range(60)]
    volumes = [amount * size for size in (1024, 1024**2, 1024**3, 1024**4) for amount in (1, 2, 3, 110)]
    volumes += [tenths * 1024**3 // 10 for tenths in range(11, 20)]
    values = [
        *(SpokenValue(Kind.NUMBER, number) for number in (*whole, -1, *(Decimal(places) / 100 for places in range(100)))),
        *(SpokenValue(kind, number) for kind in (Kind.ORDINAL, Kind.COUNT) for number in whole if number),
        *(SpokenValue(Kind.MONEY, amount) for amount in (*whole, -1, *(Decimal(fen) / 100 for fen in range(1000)))),
        *(SpokenValue(Kind.DIGITS, str(number)) for number in (*range(10), 13900001008)),
        *(SpokenValue(Kind.DIGITS, f"{number:02}") for number in range(100)),
        *(SpokenValue(Kind.VOLUME, volume) for volume in volumes),
        *(SpokenValue(Kind.DURATION, duration) for duration in minutes),
        *(SpokenValue(kind, day) for kind in (Kind.DATE, Kind.MONTH) for day in days),
        *(SpokenValue(Kind.TIME, time) for time in times),
    ]

    for language in LANGUAGES:
        needed = {fragment for value in values for fragment in fragments(value, language)} - {PAUSE}
        assert sorted(needed) == list(inventory(language))


def test_the_inventory_stays_small_enough_to_record():
    """A few hundred: a change that multiplies it should be noticed."""
    assert {language: len(inventory(language)) for language in LANGUAGES} == {"zh-CN": 704, "en-US": 267, "yue": 699}
