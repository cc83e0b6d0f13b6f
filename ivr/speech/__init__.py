"""Spoken language as pure functions: what a person says for a number, an amount, a date.

A synthesiser must never be handed digits: it reads 20000 as 二万, or in English. So every value becomes words here, per
language, by the rules people follow, and what is said comes as the sequence of recorded fragments to join:

    >>> from decimal import Decimal
    >>> from ivr.core.values import Kind, SpokenValue
    >>> balance = SpokenValue(Kind.MONEY, Decimal("1005.30"))
    >>> words(balance, "zh-CN")
    '一千零五元三角'
    >>> fragments(balance, "zh-CN")
    ('一千', '零', '五元', '三角')
    >>> words(balance, "en-US")
    'one thousand five yuan thirty'

    >>> words(balance, "yue")
    '一千零五元三角'
    >>> words(SpokenValue(Kind.ORDINAL, 21), "en-US"), words(SpokenValue(Kind.ORDINAL, 21), "yue")
    ('twenty-first', '第二十一')

`inventory` lists all fragments there are, so that a voice can render them ahead of time and a line can speak any value
without a synthesiser. `listed` and `counted` put words of your own together:

    >>> listed(["calls", "data", "messages"], "en-US"), listed(["通话", "流量", "短信"], "zh-CN")
    ('calls, data and messages', '通话、流量和短信')
    >>> counted(2, ("message", "messages"), "en-US"), counted(2, ("条短信",), "zh-CN"), counted(2, ("條短訊",), "yue")
    ('two messages', '两条短信', '兩條短訊')

The way back, from what a caller said to a value, is `ivr.speech.heard`; values in figures, as text messages have them, are
`ivr.speech.written`. Nothing here reads a clock, a file or a setting.

What can be said, and what raises ValueError with a sentence for the person who passed it:

    number    int or Decimal, at most 6 decimals, nearer to zero than 10^12
    ordinal   int or whole Decimal from 1 on: a place in a row (第三, third)
    count     int or whole Decimal from 0 on: a number before what is counted (两条, where a number is 二)
    money     int or Decimal in yuan, no finer than a fen, nearer to zero than 10^12; negative is a debt
    digits    str of 1 to 32 characters 0-9, in groups of two to four (an 11-digit mobile in 3-4-4);
              telephone numbers, accounts, ticket references
    volume    int, bytes, from 0 up to 1000 TB (1 GB = 1024 MB); see `quantities.volume` for the unit and the rounding
    duration  datetime.timedelta, not negative; see `quantities.duration` for hours, minutes and seconds
    date      datetime.date; the year is left out when it is the year of `today`
    month     datetime.date, always with its year
    time      datetime.time, to the minute (seconds are dropped)
    text      str, said as it is written: one fragment, of course not in the inventory

A further language is a module with the functions of `_Speaker` and a line in `_SPEAKERS`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Protocol

from ivr.core.values import Kind, SpokenValue
from ivr.speech import en_us, quantities, yue, zh_cn
from ivr.speech.quantities import PAUSE, Day, Duration, Money, Number, Volume, Wording

__all__ = ["LANGUAGES", "PAUSE", "counted", "fragments", "inventory", "listed", "words"]


class _Speaker(Protocol):
    """What the module of one language offers: the wording of each quantity, and all the fragments it can use."""

    @property
    def INVENTORY(self) -> frozenset[str]: ...
    @property
    def FORMS(self) -> tuple[str, ...]: ...
    def number(self, value: Number) -> Wording: ...
    def ordinal(self, value: int) -> Wording: ...
    def count(self, value: int) -> Wording: ...
    def money(self, value: Money) -> Wording: ...
    def digits(self, groups: tuple[str, ...]) -> Wording: ...
    def volume(self, value: Volume) -> Wording: ...
    def duration(self, value: Duration) -> Wording: ...
    def date(self, value: Day) -> Wording: ...
    def month(self, year: int, month: int) -> Wording: ...
    def time(self, hour: int, minute: int) -> Wording: ...
    def join(self, wording: Wording) -> str: ...
    def listed(self, items: Sequence[str]) -> str: ...


_SPEAKERS: Mapping[str, _Speaker] = {"zh-CN": zh_cn.SPEAKER, "en-US": en_us, "yue": yue.SPEAKER}

LANGUAGES: tuple[str, ...] = tuple(_SPEAKERS)
"""The languages that have words for values, as BCP 47 tags. Cantonese (`yue`) has words only: no voice yet, and no prompts."""


def fragments(value: SpokenValue, language: str) -> tuple[str, ...]:
    """What is said, as the fragments to play one after the other. Never empty.

    Each is in `inventory(language)`, except PAUSE (","): a short silence between groups of digits, and in English before
    a year. A `text` is one fragment, the text itself. Raises ValueError when the value is not of its kind or cannot be
    said, and when the language is unknown.
    """
    return tuple(_wording(value, _speaker(language)))


def words(value: SpokenValue, language: str) -> str:
    """What is said, as it would be written: no spaces and no pauses in Chinese; in English spaces, and commas for pauses.

    Raises ValueError like `fragments`.
    """
    speaker = _speaker(language)
    wording = _wording(value, speaker)
    return wording[0] if value.kind is Kind.TEXT else speaker.join(wording)


def inventory(language: str) -> tuple[str, ...]:
    """Every fragment that `fragments` can return for a value that is not a text, sorted. PAUSE is not among them.

    Each is a unit that people say in one breath (三十五元, 两百, 下午两点; "thirty-five", "two hundred"), so that joined
    recordings sound natural.
    """
    return tuple(sorted(_speaker(language).INVENTORY))


def listed(items: Sequence[str], language: str) -> str:
    """Several things in a row: A; A and B; A, B and C. Raises ValueError for an empty list and an unknown language."""
    speaker = _speaker(language)
    if not items:
        raise ValueError("a list of nothing cannot be spoken; say in a sentence of your own that there is none")
    return speaker.listed(items)


def counted(count: int, forms: tuple[str, ...], language: str) -> str:
    """So many things: two messages, 两条短信.

    In English a thing has two forms, one and many; in Chinese there is a single one, which begins with its measure word. Of
    nothing the words are zero messages, 零条短信. Raises ValueError for another number of forms, a negative count, and an
    unknown language.
    """
    speaker = _speaker(language)
    if len(forms) != len(speaker.FORMS):
        expected = f"{len(speaker.FORMS)} form{'s' if len(speaker.FORMS) > 1 else ''} ({', '.join(speaker.FORMS)})"
        raise ValueError(f"what is counted in {language} has {expected}, not {len(forms)}")
    many = quantities.count(count)
    return speaker.join([*speaker.count(many), forms[0] if many == 1 else forms[-1]])


def _speaker(language: str) -> _Speaker:
    if language not in _SPEAKERS:
        raise ValueError(f"values cannot be spoken in {language!r}; the known languages are {listed(LANGUAGES, 'en-US')}")
    return _SPEAKERS[language]


def _wording(spoken: SpokenValue, speaker: _Speaker) -> Wording:
    value = spoken.value
    match spoken.kind:
        case Kind.TEXT:
            return [quantities.text(value)]
        case Kind.NUMBER:
            return speaker.number(quantities.number(value))
        case Kind.ORDINAL:
            return speaker.ordinal(quantities.ordinal(value))
        case Kind.COUNT:
            return speaker.count(quantities.count(value))
        case Kind.MONEY:
            return speaker.money(quantities.money(value))
        case Kind.DIGITS:
            return speaker.digits(quantities.digit_groups(value))
        case Kind.VOLUME:
            return speaker.volume(quantities.volume(value))
        case Kind.DURATION:
            return speaker.duration(quantities.duration(value))
        case Kind.DATE:
            return speaker.date(quantities.day(value, spoken.today))
        case Kind.MONTH:
            month = quantities.day(value, today=None)
            return speaker.month(month.year, month.month)
        case Kind.TIME:
            time: dt.time = quantities.time(value)
            return speaker.time(time.hour, time.minute)
        case Kind.BOOL:  # pragma: no branch - mypy knows that no kind is left
            raise ValueError("a bool is never spoken; choose between two texts instead")
