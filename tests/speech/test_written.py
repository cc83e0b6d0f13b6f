"""Values as text messages write them: row by row as people write them, and any value read back."""

from __future__ import annotations

import datetime as dt
import doctest
import re
from decimal import Decimal

import pytest
from hypothesis import given

import ivr.speech.written
from ivr.core.values import Kind, SpokenValue, Text, Utterance, Value
from ivr.speech import LANGUAGES, quantities
from ivr.speech.quantities import Number, Unit
from ivr.speech.written import written, written_value
from tests.speech.test_spoken_properties import amounts, days, digit_strings, durations, numbers, relaxed, times, volumes

MB, GB, TB = 1024**2, 1024**3, 1024**4
TODAY = dt.date(2026, 3, 9)

# What people write. It is 9 March 2026 throughout.
TABLE: list[tuple[Kind, Value, str, str]] = [
    # Money: always to the fen, as on a bill; a debt has a minus.
    (Kind.MONEY, Decimal("35.62"), "35.62元", "35.62 yuan"),
    (Kind.MONEY, Decimal("35.6"), "35.60元", "35.60 yuan"),
    (Kind.MONEY, Decimal("36.05"), "36.05元", "36.05 yuan"),
    (Kind.MONEY, 35, "35.00元", "35.00 yuan"),
    (Kind.MONEY, 0, "0.00元", "0.00 yuan"),
    (Kind.MONEY, Decimal("-0.00"), "0.00元", "0.00 yuan"),
    (Kind.MONEY, Decimal("0.01"), "0.01元", "0.01 yuan"),
    (Kind.MONEY, Decimal("0.50"), "0.50元", "0.50 yuan"),
    (Kind.MONEY, 1, "1.00元", "1.00 yuan"),
    (Kind.MONEY, Decimal("-20"), "-20.00元", "-20.00 yuan"),
    (Kind.MONEY, Decimal("-0.05"), "-0.05元", "-0.05 yuan"),
    (Kind.MONEY, Decimal("1005.30"), "1005.30元", "1005.30 yuan"),
    (Kind.MONEY, 120_000, "120000.00元", "120000.00 yuan"),
    (Kind.MONEY, Decimal("1E+3"), "1000.00元", "1000.00 yuan"),
    # Numbers as they are, without zeros that say nothing.
    (Kind.NUMBER, 0, "0", "0"),
    (Kind.NUMBER, 20_000, "20000", "20000"),
    (Kind.NUMBER, Decimal("-2.53"), "-2.53", "-2.53"),
    (Kind.NUMBER, Decimal("2.50"), "2.5", "2.5"),
    (Kind.NUMBER, Decimal("0.000001"), "0.000001", "0.000001"),
    # Digits as they are, without gaps: a phone makes a link of a number.
    (Kind.DIGITS, "13900001008", "13900001008", "13900001008"),
    (Kind.DIGITS, "007", "007", "007"),
    (Kind.DIGITS, "10086", "10086", "10086"),
    (Kind.DIGITS, "481625", "481625", "481625"),
    # Volumes in the unit in which they are spoken.
    (Kind.VOLUME, 0, "0MB", "0 MB"),
    (Kind.VOLUME, 1, "1KB", "1 KB"),
    (Kind.VOLUME, 512 * MB, "512MB", "512 MB"),
    (Kind.VOLUME, 5 * GB // 2, "2.5GB", "2.5 GB"),
    (Kind.VOLUME, 5 * GB // 4, "1.25GB", "1.25 GB"),
    (Kind.VOLUME, GB, "1GB", "1 GB"),
    (Kind.VOLUME, GB - 1, "1GB", "1 GB"),
    (Kind.VOLUME, 2 * TB, "2TB", "2 TB"),
    # Durations: minutes stay minutes, unless they are whole hours.
    (Kind.DURATION, dt.timedelta(minutes=86), "86分钟", "86 minutes"),
    (Kind.DURATION, dt.timedelta(minutes=1), "1分钟", "1 minute"),
    (Kind.DURATION, dt.timedelta(0), "0分钟", "0 minutes"),
    (Kind.DURATION, dt.timedelta(hours=1), "1小时", "1 hour"),
    (Kind.DURATION, dt.timedelta(hours=2), "2小时", "2 hours"),
    (Kind.DURATION, dt.timedelta(seconds=45), "45秒", "45 seconds"),
    (Kind.DURATION, dt.timedelta(seconds=1), "1秒", "1 second"),
    (Kind.DURATION, dt.timedelta(seconds=90), "1分30秒", "1 minute 30 seconds"),
    (Kind.DURATION, dt.timedelta(seconds=125), "2分5秒", "2 minutes 5 seconds"),
    (Kind.DURATION, dt.timedelta(minutes=10, seconds=30), "11分钟", "11 minutes"),
    # Dates always with their year; a message is read later.
    (Kind.DATE, dt.date(2026, 3, 5), "2026年3月5日", "5 March 2026"),
    (Kind.DATE, dt.date(2025, 12, 31), "2025年12月31日", "31 December 2025"),
    (Kind.DATE, dt.date(2026, 10, 1), "2026年10月1日", "1 October 2026"),
    (Kind.MONTH, dt.date(2026, 3, 1), "2026年3月", "March 2026"),
    (Kind.MONTH, dt.date(2025, 11, 1), "2025年11月", "November 2025"),
    # Times by the clock of 24 hours.
    (Kind.TIME, dt.time(8, 30), "8:30", "8:30"),
    (Kind.TIME, dt.time(0, 5), "0:05", "0:05"),
    (Kind.TIME, dt.time(14), "14:00", "14:00"),
    (Kind.TIME, dt.time(23, 59, 59), "23:59", "23:59"),
    # Ordinals and counts.
    (Kind.ORDINAL, 1, "第1", "1st"),
    (Kind.ORDINAL, 2, "第2", "2nd"),
    (Kind.ORDINAL, 3, "第3", "3rd"),
    (Kind.ORDINAL, 4, "第4", "4th"),
    (Kind.ORDINAL, 11, "第11", "11th"),
    (Kind.ORDINAL, 112, "第112", "112th"),
    (Kind.ORDINAL, 121, "第121", "121st"),
    (Kind.COUNT, 2, "2", "2"),
    (Kind.COUNT, Decimal("12.0"), "12", "12"),
    # Texts as they are.
    (Kind.TEXT, "畅享套餐 B", "畅享套餐 B", "畅享套餐 B"),
]


@pytest.mark.parametrize(("kind", "value", "chinese", "english"), TABLE, ids=[f"{kind} {value}" for kind, value, *_ in TABLE])
def test_a_value_is_written_as_people_write_it(kind: Kind, value: Value, chinese: str, english: str):
    assert written_value(SpokenValue(kind, value, TODAY), "zh-CN") == chinese
    assert written_value(SpokenValue(kind, value, TODAY), "en-US") == english


def test_cantonese_is_written_in_traditional_characters():
    values = (
        SpokenValue(Kind.MONEY, 35),
        SpokenValue(Kind.DURATION, dt.timedelta(hours=2)),
        SpokenValue(Kind.DURATION, dt.timedelta(minutes=5)),
    )

    assert [written_value(value, "yue") for value in values] == ["35.00元", "2小時", "5分鐘"]
    assert written_value(SpokenValue(Kind.DATE, dt.date(2026, 3, 5)), "yue") == "2026年3月5日"


def test_a_message_is_its_words_and_values_one_after_the_other():
    chinese = Utterance("zh-CN", (Text("您的账户余额"), SpokenValue(Kind.MONEY, 35), Text("。"), Text("详情请拨1008611。")))
    english = Utterance("en-US", (Text("Your balance is "), SpokenValue(Kind.MONEY, 35), Text(".")))

    assert written(chinese) == "您的账户余额35.00元。详情请拨1008611。"
    assert written(english) == "Your balance is 35.00 yuan."


def test_between_two_english_prompts_stands_a_space():
    digits = SpokenValue(Kind.DIGITS, "481625")
    parts = (Text("Hello."), Text("Thank you!"), digits, Text(" is your reference."), Text(" Goodbye."), Text("("), digits, Text(")"))

    assert written(Utterance("en-US", parts)) == "Hello. Thank you! 481625 is your reference. Goodbye. (481625)"


def test_nothing_is_written_as_nothing():
    assert written(Utterance("zh-CN", ())) == ""


def test_what_cannot_be_spoken_cannot_be_written():
    with pytest.raises(ValueError, match="a volume cannot be less than nothing"):
        written_value(SpokenValue(Kind.VOLUME, -1), "zh-CN")
    with pytest.raises(ValueError, match="a bool is never written"):
        written_value(SpokenValue(Kind.BOOL, True), "zh-CN")
    with pytest.raises(ValueError, match="values cannot be written in 'fr-FR'; the known languages are zh-CN, en-US and yue"):
        written_value(SpokenValue(Kind.NUMBER, 1), "fr-FR")


def test_all_languages_that_can_be_spoken_can_be_written():
    assert [written_value(SpokenValue(Kind.NUMBER, 1), language) for language in LANGUAGES] == ["1"] * len(LANGUAGES)


def test_the_examples_of_the_documentation_hold():
    assert doctest.testmod(ivr.speech.written).failed == 0


# --- any value, read back ---

in_every_language = pytest.mark.parametrize("language", LANGUAGES)
MONTHS = ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"]


def figures(kind: Kind, value: Value, language: str) -> list[str]:
    """The figures of what is written, without the units."""
    return re.findall(r"-?[0-9]+(?:\.[0-9]+)?", written_value(SpokenValue(kind, value), language))


@in_every_language
@given(value=amounts)
@relaxed
def test_any_amount_reads_back(language: str, value: Decimal):
    assert [Decimal(figure) for figure in figures(Kind.MONEY, value, language)] == [value]


@in_every_language
@given(value=numbers)
@relaxed
def test_any_number_reads_back(language: str, value: Decimal):
    assert [Decimal(figure) for figure in figures(Kind.NUMBER, value, language)] == [value]


@in_every_language
@given(value=digit_strings)
@relaxed
def test_any_digits_stand_as_they_are(language: str, value: str):
    assert written_value(SpokenValue(Kind.DIGITS, value), language) == value


@in_every_language
@given(value=volumes)
@relaxed
def test_any_volume_reads_back_to_what_is_spoken(language: str, value: int):
    told = re.fullmatch(r"([0-9]+)(?:\.([0-9]+))? ?([KMGT]B)", written_value(SpokenValue(Kind.VOLUME, value), language))

    assert told is not None
    spoken = quantities.volume(value)
    assert Number(False, int(told[1]), told[2] or "") == spoken.amount
    assert {"KB": Unit.KILOBYTES, "MB": Unit.MEGABYTES, "GB": Unit.GIGABYTES, "TB": Unit.TERABYTES}[told[3]] is spoken.unit


@in_every_language
@given(value=durations)
@relaxed
def test_any_duration_reads_back_to_what_is_spoken(language: str, value: dt.timedelta):
    told = written_value(SpokenValue(Kind.DURATION, value), language)

    units = {
        "小时": "hours",
        "小時": "hours",
        "分钟": "minutes",
        "分鐘": "minutes",
        "分": "minutes",
        "秒": "seconds",
        "hour": "hours",
        "minute": "minutes",
        "second": "seconds",
    }
    read = {units[unit.removesuffix("s")]: int(figure) for figure, unit in re.findall(r"([0-9]+) ?([a-z]+|小[时時]|分[钟鐘]|分|秒)", told)}
    assert quantities.Duration(**read) == quantities.duration(value)


@in_every_language
@given(value=days)
@relaxed
def test_any_day_and_month_read_back(language: str, value: dt.date):
    day, month = (written_value(SpokenValue(kind, value), language) for kind in (Kind.DATE, Kind.MONTH))

    if language != "en-US":
        assert [int(figure) for figure in re.findall("[0-9]+", day)] == [value.year, value.month, value.day]
        assert [int(figure) for figure in re.findall("[0-9]+", month)] == [value.year, value.month]
    else:
        number, name, year = day.split()
        assert dt.date(int(year), MONTHS.index(name) + 1, int(number)) == value
        assert month == f"{name} {year}"


@in_every_language
@given(value=times)
@relaxed
def test_any_time_reads_back(language: str, value: dt.time):
    hour, minute = written_value(SpokenValue(Kind.TIME, value), language).split(":")

    assert dt.time(int(hour), int(minute)) == value
