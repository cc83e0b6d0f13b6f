"""Whatever the value: its words mean that value, and all of them are recorded. Independent judges read them back."""

from __future__ import annotations

import datetime as dt
import decimal
import re
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ivr.core.values import Kind, SpokenValue, Value
from ivr.speech import LANGUAGES, PAUSE, fragments, inventory, words
from tests.speech.spoken_reader import READERS, UNITS

LIMIT = 10**12 - 1
INVENTORIES = {language: set(inventory(language)) for language in LANGUAGES}

# Flat ranges hardly ever contain zeros in the middle, where the difficulties are; so numbers are also built digit by digit.
gappy = st.text("0000125", min_size=1, max_size=12).map(int)
wholes = st.one_of(st.integers(0, 10_000), st.integers(0, LIMIT), gappy)
places = wholes.map(lambda whole: whole or 1)
signs = st.sampled_from((1, -1))
decimals = st.integers(0, 10**6 - 1).map(lambda millionths: Decimal(millionths) / 10**6)
numbers = st.builds(lambda sign, whole, rest: sign * (whole + rest), signs, wholes, st.just(0) | decimals)
amounts = st.builds(lambda sign, yuan, fen: sign * (yuan + Decimal(fen) / 100), signs, wholes, st.integers(0, 99))
digit_strings = st.text("0123456789", min_size=1, max_size=32)
volumes = st.one_of(st.integers(0, 5000), st.integers(0, 1024**4), st.integers(0, 999 * 1024**4))
written_volumes = st.tuples(st.integers(100, 99_999), st.sampled_from(("MB", "GB", "TB")))  # hundredths of a unit
durations = st.timedeltas(dt.timedelta(0), dt.timedelta(hours=3)) | st.timedeltas(dt.timedelta(0), dt.timedelta(days=10**6))
days = st.dates() | st.dates(dt.date(1990, 1, 1), dt.date(2050, 12, 31))
times = st.builds(dt.time, st.integers(0, 23), st.integers(0, 59))

spoken_values = st.one_of(
    st.builds(SpokenValue, st.just(Kind.NUMBER), numbers),
    st.builds(SpokenValue, st.just(Kind.ORDINAL), places),
    st.builds(SpokenValue, st.just(Kind.COUNT), wholes),
    st.builds(SpokenValue, st.just(Kind.MONEY), amounts),
    st.builds(SpokenValue, st.just(Kind.DIGITS), digit_strings),
    st.builds(SpokenValue, st.just(Kind.VOLUME), volumes),
    st.builds(SpokenValue, st.just(Kind.DURATION), durations),
    st.builds(SpokenValue, st.just(Kind.DATE), days, st.none() | days),
    st.builds(SpokenValue, st.just(Kind.MONTH), days),
    st.builds(SpokenValue, st.just(Kind.TIME), times),
)
relaxed = settings(deadline=None)
in_every_language = pytest.mark.parametrize("language", LANGUAGES)


def said(kind: Kind, value: Value, language: str, today: dt.date | None = None) -> str:
    return words(SpokenValue(kind, value, today), language)


@in_every_language
@given(value=spoken_values)
@relaxed
def test_every_fragment_of_any_value_is_recorded(language: str, value: SpokenValue):
    """The line can speak any value without a synthesiser, and never starts or ends with a pause."""
    spoken = fragments(value, language)

    assert spoken
    assert set(spoken) <= INVENTORIES[language] | {PAUSE}
    assert PAUSE not in (spoken[0], spoken[-1])


@in_every_language
@given(value=spoken_values)
@relaxed
def test_words_are_the_fragments_joined(language: str, value: SpokenValue):
    """What is tested as words is what is played as fragments."""
    unpunctuated = words(value, language).replace(",", "")

    gap = " " if language == "en-US" else ""
    assert unpunctuated == gap.join(part for part in fragments(value, language) if part != PAUSE)


@in_every_language
@given(value=numbers)
@relaxed
def test_a_number_is_heard_as_itself(language: str, value: int | Decimal):
    """Read back by a listener who knows nothing of how the words were made."""
    assert READERS[language].number(said(Kind.NUMBER, value, language)) == value


@in_every_language
@given(value=amounts)
@relaxed
def test_an_amount_is_heard_as_itself(language: str, value: Decimal):
    """To the fen, with its sign."""
    assert READERS[language].money(said(Kind.MONEY, value, language)) == value


@in_every_language
@given(value=places)
@relaxed
def test_an_ordinal_is_heard_as_itself(language: str, value: int):
    """Every place in a row."""
    assert READERS[language].ordinal(said(Kind.ORDINAL, value, language)) == value


@in_every_language
@given(value=wholes)
@relaxed
def test_a_count_is_heard_as_itself(language: str, value: int):
    """And it is the number, but for the 两 of two things."""
    spoken = said(Kind.COUNT, value, language)

    assert READERS[language].number(spoken) == value
    assert spoken == said(Kind.NUMBER, value, language) or (value == 2 and spoken in "两兩")


@in_every_language
@given(value=digit_strings)
@relaxed
def test_digits_are_heard_as_themselves(language: str, value: str):
    """Leading zeros and all."""
    assert READERS[language].digits(said(Kind.DIGITS, value, language)) == value


@in_every_language
@given(value=digit_strings)
@relaxed
def test_no_group_of_digits_is_longer_than_people_can_hold(language: str, value: str):
    """Groups have two to four digits; up to five come together, and the service number 10086 keeps its five."""
    groups: list[list[str]] = [[]]
    for fragment in fragments(SpokenValue(Kind.DIGITS, value), language):
        if fragment == PAUSE:
            groups.append([])
        else:
            groups[-1] += re.findall("[零幺一二三四五六七八九]|[a-z]+", fragment)  # a fragment may be several digits

    sizes = [len(group) for group in groups]
    assert sum(sizes) == len(value)
    assert len(sizes) == 1 or value.startswith("10086") or set(sizes) <= {2, 3, 4}
    assert max(sizes) <= 5


@in_every_language
@given(value=volumes)
@relaxed
def test_a_volume_is_heard_within_its_rounding(language: str, value: int):
    """1 to 999 of a unit; half a tenth of a gigabyte or half a megabyte off at most, unless a unit is the least to be said."""
    amount, unit = READERS[language].volume(said(Kind.VOLUME, value, language))

    assert (amount == 0) == (value == 0)
    assert 1 <= amount < 1000 or value == 0
    step = UNITS[unit] / Decimal(10) if unit in ("GB", "TB") else UNITS[unit]
    assert abs(amount * UNITS[unit] - value) <= step / 2 or (amount == 1 and value < UNITS[unit])


@in_every_language
@given(written=written_volumes)
@relaxed
def test_a_volume_written_in_hundredths_is_heard_as_written(language: str, written: tuple[int, str]):
    """2.53 GB is no whole number of bytes, and still people hear 2.53 GB."""
    hundredths, unit = written
    size = (hundredths * UNITS[unit] + 50) // 100

    assert READERS[language].volume(said(Kind.VOLUME, size, language)) == (Decimal(hundredths) / 100, unit)


@in_every_language
@given(value=durations)
@relaxed
def test_a_duration_is_heard_within_its_rounding(language: str, value: dt.timedelta):
    """To the second below ten minutes, to the minute above."""
    heard = READERS[language].duration(said(Kind.DURATION, value, language))

    rounding = dt.timedelta(seconds=1) if value < dt.timedelta(minutes=10) else dt.timedelta(seconds=61)
    assert abs(heard - value) <= rounding / 2


@in_every_language
@given(value=days, today=st.none() | days)
@relaxed
def test_a_date_is_heard_as_itself(language: str, value: dt.date, today: dt.date | None):
    """With the year of today in mind."""
    heard = READERS[language].date(said(Kind.DATE, value, language, today), this_year=today.year if today else 0)

    assert heard == value


@in_every_language
@given(value=days)
@relaxed
def test_a_month_is_heard_as_itself(language: str, value: dt.date):
    """Always with its year."""
    assert READERS[language].month(said(Kind.MONTH, value, language)) == value.replace(day=1)


@in_every_language
def test_every_minute_of_the_day_is_heard_as_itself(language: str):
    """All 1440 of them."""
    for hour in range(24):
        for minute in range(60):
            time = dt.time(hour, minute)
            assert READERS[language].time(said(Kind.TIME, time, language)) == time


def test_rounding_does_not_depend_on_the_decimal_context_of_the_caller():
    """A library that lowers the precision of the thread changes no amount."""
    with decimal.localcontext(prec=3):
        spoken = said(Kind.MONEY, Decimal("123456789012.34"), "zh-CN")

    assert spoken == "一千两百三十四亿五千六百七十八万九千零一十二元三角四分"
