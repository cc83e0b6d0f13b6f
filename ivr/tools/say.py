"""How would the line say this? Parses a value as one types it at a command line and gives its words."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal

from ivr.core.values import Kind, SpokenValue, Value
from ivr.errors import UserError
from ivr.speech import LANGUAGES, listed, words

_DECIMAL = re.compile(r"[+-]?[0-9]{1,40}(?:\.[0-9]{1,40})?")
_DIGITS = re.compile(r"[0-9]+")
_VOLUME = re.compile(r"(?P<amount>[0-9]{1,12}(?:\.[0-9]{1,12})?) ?(?P<unit>[KMGT]?B)", re.IGNORECASE)
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_MONTH = re.compile(r"[0-9]{4}-[0-9]{2}")
_TIME = re.compile(r"[0-9]{2}:[0-9]{2}")
_DURATION = re.compile(r"(?=.)(?:(?P<hours>[0-9]{1,9})h)?(?:(?P<minutes>[0-9]{1,9})min)?(?:(?P<seconds>[0-9]{1,9})s)?")
_BYTES = {"B": 1, "KB": 1024, "MB": 1024**2, "GB": 1024**3, "TB": 1024**4}


def say(kind: str, value: str, language: str, today: dt.date) -> str:
    """The words for a value, such as 两万 for ("number", "20000", "zh-CN", ...).

    A date in the year of `today` is said without its year. Raises UserError, with a sentence that tells what to write
    instead, for an unknown kind or language and for a value that cannot be read or said.
    """
    if kind not in _READERS:
        raise UserError(f"there is no kind of value called {kind!r}; the kinds are {_and([*_READERS])}")
    if language not in LANGUAGES:
        raise UserError(f"there are no words for values in {language!r}; the languages are {_and(LANGUAGES)}")
    reads, name, example = _READERS[kind]
    try:
        read = reads(value)
    except ValueError:
        raise UserError(f"{value!r} is not {name}; write it like {example}") from None
    try:
        return words(SpokenValue(Kind(kind), read, today), language)
    except ValueError as error:
        raise UserError(f"{error}") from error


def _decimal(text: str) -> Decimal:
    return Decimal(_matched(_DECIMAL, text)[0])


def _digits(text: str) -> str:
    return _matched(_DIGITS, text)[0]


def _volume(text: str) -> int:
    """Bytes, rounded half up: 2.53 GB are no whole number of them."""
    match = _matched(_VOLUME, text)
    size = Decimal(match["amount"]) * _BYTES[match["unit"].upper()]
    return int(size.quantize(Decimal(1), ROUND_HALF_UP))


def _date(text: str) -> dt.date:
    return dt.date.fromisoformat(_matched(_DATE, text)[0])


def _month(text: str) -> dt.date:
    return dt.date.fromisoformat(_matched(_MONTH, text)[0] + "-01")


def _time(text: str) -> dt.time:
    return dt.time.fromisoformat(_matched(_TIME, text)[0])


def _duration(text: str) -> dt.timedelta:
    parts = {unit: int(amount) for unit, amount in _matched(_DURATION, text).groupdict(default="0").items()}
    return dt.timedelta(**parts)


def _and(names: Sequence[str]) -> str:
    return listed(names, "en-US")


def _matched(pattern: re.Pattern[str], text: str) -> re.Match[str]:
    match = pattern.fullmatch(text.strip())
    if match is None:
        raise ValueError("not of that form")
    return match


_READERS: Mapping[str, tuple[Callable[[str], Value], str, str]] = {
    Kind.NUMBER: (_decimal, "a number", "20000 or -2.5"),
    Kind.MONEY: (_decimal, "an amount of money", "35.62"),
    Kind.DIGITS: (_digits, "a string of digits", "13900001008"),
    Kind.VOLUME: (_volume, "a volume", "2.5GB, 512MB, 30KB, 1TB or 800B"),
    Kind.DATE: (_date, "a date", "2026-03-05"),
    Kind.MONTH: (_month, "a month", "2026-03"),
    Kind.TIME: (_time, "a time", "14:05"),
    Kind.DURATION: (_duration, "a duration", "75min, 90s, 2h or 1h30min"),
    Kind.ORDINAL: (_decimal, "an ordinal", "3"),
    Kind.COUNT: (_decimal, "a count", "2"),
}
"""How a value of each kind is read, what it is called, and what to write. A Kind is its own text, so a plain str finds it."""
