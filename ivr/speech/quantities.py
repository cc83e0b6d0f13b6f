"""What is to be said, before any language: checked, rounded and taken apart.

Everything that all languages share is decided here: which values can be said at all, how many decimals survive, which
unit suits a volume, when minutes become hours. Every function raises ValueError with a sentence for whoever passed the
value; the sentence never repeats a text or a digit string, which may be private.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Context, Decimal
from enum import Enum
from itertools import pairwise

from ivr.core.values import Value

PAUSE = ","
"""The fragment that is silence: a short pause, between groups of digits for example. It is never in an inventory."""

Wording = Sequence[str]
"""Fragments in the order in which they are said."""

LIMIT = 10**12  # numbers and amounts are nearer to zero than this
MAX_DECIMALS = 6
MAX_DIGITS = 32

_CONTEXT = Context(prec=40)  # more than 12 + 6 digits, whatever the caller's decimal context says
_SERVICE_NUMBER = "10086"  # never torn apart


@dataclass(frozen=True, slots=True)
class Number:
    """A decimal number: its sign, the whole part, and the decimals as digits without trailing zeros ("" when whole)."""

    negative: bool
    whole: int
    decimals: str = ""


@dataclass(frozen=True, slots=True)
class Money:
    """An amount in yuan, jiao (tenths) and fen (hundredths). No amount at all is not negative."""

    negative: bool
    yuan: int
    jiao: int
    fen: int


class Unit(Enum):
    """A unit of data volume; its value is its size in bytes."""

    KILOBYTES = 1024
    MEGABYTES = 1024**2
    GIGABYTES = 1024**3
    TERABYTES = 1024**4


@dataclass(frozen=True, slots=True)
class Volume:
    """So many of a unit: from 1 to 999.99, or 0 megabytes."""

    amount: Number
    unit: Unit


@dataclass(frozen=True, slots=True)
class Duration:
    """Whole hours, or minutes and seconds below an hour's worth of detail: `hours` is 0 unless the others are."""

    hours: int = 0
    minutes: int = 0
    seconds: int = 0


@dataclass(frozen=True, slots=True)
class Day:
    """A day of the calendar; `says_year` tells whether the year is worth saying."""

    year: int
    month: int
    day: int
    says_year: bool


def text(value: Value) -> str:
    """The text itself."""
    if not isinstance(value, str):
        raise ValueError(f"a text is spoken from a str, not from {_kind_of(value)}")
    return value


def number(value: Value) -> Number:
    """At most 6 decimals that count, and nearer to zero than 10^12."""
    amount = _decimal("a number", value)
    if not _fits(amount, MAX_DECIMALS):
        raise ValueError(f"a number is spoken with at most {MAX_DECIMALS} decimals, so {amount} has to be rounded first")
    whole, _, decimals = format(amount.copy_abs(), f".{MAX_DECIMALS}f").partition(".")
    return Number(amount < 0, int(whole), decimals.rstrip("0"))


def ordinal(value: Value) -> int:
    """A place in a row: whole, from the first on."""
    place = _whole("an ordinal", value)
    if place < 1:
        raise ValueError(f"an ordinal begins with the first, so {place} cannot be spoken as one")
    return place


def count(value: Value) -> int:
    """So many of something: whole, and not negative."""
    many = _whole("a count", value)
    if many < 0:
        raise ValueError(f"a count cannot be less than nothing, so {many} cannot be spoken as one")
    return many


def money(value: Value) -> Money:
    """To the fen, and nearer to zero than 10^12 yuan."""
    amount = _decimal("an amount of money", value)
    if not _fits(amount, 2):
        raise ValueError(f"an amount of money is spoken to the fen, so {amount} has to be rounded to two decimals first")
    yuan, _, cents = format(amount.copy_abs(), ".2f").partition(".")
    return Money(amount < 0, int(yuan), int(cents[0]), int(cents[1]))


def digit_groups(value: Value) -> tuple[str, ...]:
    """The digits in the groups in which they are read: up to five together, more in threes and fours, longer groups last.

    An 11-digit mobile comes in 3-4-4, a 6-digit reference in 3-3, a bank card of 16 in 4-4-4-4. A number that begins with
    10086 keeps that together.
    """
    if not isinstance(value, str):
        raise ValueError(f"digits are spoken from a str, not from {_kind_of(value)}")
    if not (value.isascii() and value.isdigit() and len(value) <= MAX_DIGITS):
        raise ValueError(f"digits are spoken from a str of 1 to {MAX_DIGITS} characters 0 to 9, and this one is not")
    if len(value) <= 5:
        return (value,)
    if value.startswith(_SERVICE_NUMBER) and len(value) < 11:
        return (_SERVICE_NUMBER, *digit_groups(value[len(_SERVICE_NUMBER) :]))
    count = -(-len(value) // 4)
    cuts = [len(value) * place // count for place in range(count + 1)]
    return tuple(value[start:end] for start, end in pairwise(cuts))


def volume(value: Value) -> Volume:
    """Bytes in the unit in which 1 to 999 of them are said: 1000 MB is already the better part of 1 GB.

    Said with two decimals at most, and only where they are exact to the byte: 1.25 GB stays, because someone wrote it
    that way. A measured volume is rounded half up, to tenths of a gigabyte or terabyte and to whole megabytes or
    kilobytes. Kilobytes are always whole. A little is never said to be nothing: a single byte is 1 KB.
    """
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(f"a volume is spoken from an int, its bytes, not from {_kind_of(value)}")
    if value < 0:
        raise ValueError(f"a volume cannot be less than nothing, so {value} bytes cannot be spoken")
    if value == 0:
        return Volume(Number(False, 0), Unit.MEGABYTES)
    for unit in Unit:
        hundredths = max(_hundredths(value, unit), 100)
        if hundredths < 1000 * 100:
            whole, rest = divmod(hundredths, 100)
            return Volume(Number(False, whole, f"{rest:02}".rstrip("0")), unit)
    raise ValueError("a volume of 1000 TB or more cannot be spoken")


def _hundredths(value: int, unit: Unit) -> int:
    """How many hundredths of the unit are said."""
    exact = _divided(value * 100, unit.value)
    match unit:
        case Unit.KILOBYTES:
            return _divided(value, unit.value) * 100
        case _ if _divided(exact * unit.value, 100) == value:
            return exact
        case Unit.MEGABYTES:
            return _divided(value, unit.value) * 100
        case _:
            return _divided(value * 10, unit.value) * 10


def duration(value: Value) -> Duration:
    """Whole hours as hours; anything else in minutes, as calls are charged: 75 minutes are not an hour and a quarter.

    Seconds count only below ten minutes; above, minutes are rounded half up (and may become a whole hour).
    """
    if not isinstance(value, dt.timedelta):
        raise ValueError(f"a duration is spoken from a timedelta, not from {_kind_of(value)}")
    if value < dt.timedelta(0):
        raise ValueError("a duration cannot be negative")
    seconds = _divided(value // dt.timedelta(microseconds=1), 1_000_000)
    if seconds < 10 * 60:
        return Duration(minutes=seconds // 60, seconds=seconds % 60)
    minutes = _divided(seconds, 60)
    return Duration(minutes=minutes) if minutes % 60 else Duration(hours=minutes // 60)


def day(value: Value, today: dt.date | None) -> Day:
    """A date, and whether its year has to be said: not when today lies in the same year."""
    if not isinstance(value, dt.date):
        raise ValueError(f"a date is spoken from a datetime.date, not from {_kind_of(value)}")
    return Day(value.year, value.month, value.day, says_year=today is None or today.year != value.year)


def time(value: Value) -> dt.time:
    """A time of day."""
    if not isinstance(value, dt.time):
        raise ValueError(f"a time is spoken from a datetime.time, not from {_kind_of(value)}")
    return value


def _decimal(what: str, value: Value) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise ValueError(f"{what} is spoken from an int or a Decimal, not from {_kind_of(value)}")
    amount = Decimal(value)
    if not amount.is_finite():
        raise ValueError(f"{what} has to be finite, and {amount} is not")
    if amount.copy_abs() >= LIMIT:
        raise ValueError(f"{what} is spoken below a million million, and {amount} is not")
    return amount


def _whole(what: str, value: Value) -> int:
    amount = _decimal(what, value)
    if not _fits(amount, 0):
        raise ValueError(f"{what} is whole, and {amount} is not")
    return int(amount)


def _fits(amount: Decimal, decimals: int) -> bool:
    return amount == amount.quantize(Decimal(1).scaleb(-decimals), context=_CONTEXT)


def _divided(value: int, divisor: int) -> int:
    """The quotient, rounded half up."""
    return (2 * value + divisor) // (2 * divisor)


def _kind_of(value: object) -> str:
    name = type(value).__name__
    return "nothing" if value is None else f"{'an' if name[0] in 'aeiou' else 'a'} {name}"
