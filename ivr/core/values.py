"""What a flow can know, and how each thing is spoken: the kinds of values and the types made of them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum


class Kind(StrEnum):
    """A kind of value. The comment tells the Python object that carries it."""

    TEXT = "text"  # str, spoken as it is written
    NUMBER = "number"  # int or Decimal
    MONEY = "money"  # Decimal, in yuan; negative is a debt
    DIGITS = "digits"  # str of 0-9, read digit by digit
    VOLUME = "volume"  # int, bytes of mobile data (1 GB = 1024 MB)
    DURATION = "duration"  # datetime.timedelta
    DATE = "date"  # datetime.date
    MONTH = "month"  # datetime.date on the first of a billing month
    TIME = "time"  # datetime.time, to the minute
    BOOL = "bool"  # bool; never spoken
    ORDINAL = "ordinal"  # int or Decimal, whole: a number as a place in a row, third; a way to speak, not a type
    COUNT = "count"  # int or Decimal, whole: a number before what is counted, two messages; a way to speak, not a type


TYPES = tuple(kind for kind in Kind if kind not in (Kind.ORDINAL, Kind.COUNT))
"""The kinds that a value can be declared to be. The others are ways to speak a number."""


@dataclass(frozen=True, slots=True)
class Scalar:
    """A single value. An optional one may be null and must be tested before use; a secret one is never spoken or logged."""

    kind: Kind
    optional: bool = False
    secret: bool = False


@dataclass(frozen=True, slots=True)
class Record:
    """Named fields, each with its own type. An optional record may be null as a whole."""

    fields: Mapping[str, Type]
    optional: bool = False


@dataclass(frozen=True, slots=True)
class ListOf:
    """Any number of items of one type."""

    item: Type


Type = Scalar | Record | ListOf

Value = str | int | bool | Decimal | dt.date | dt.time | dt.timedelta | None | tuple["Value", ...] | Mapping[str, "Value"]


@dataclass(frozen=True, slots=True)
class LookupSignature:
    """What a back-office look-up takes and gives, declared by the back office and checked when a flow is loaded.

    `not_found` says that the look-up may answer "no such thing" (the port returns None).
    """

    name: str
    arguments: Mapping[str, Scalar]
    answer: Record
    not_found: bool = False


@dataclass(frozen=True, slots=True)
class Text:
    """A fixed piece of a prompt, in the words of its language."""

    text: str


@dataclass(frozen=True, slots=True)
class SpokenValue:
    """A value inside a prompt. `today` lets a date leave out the year it shares with the call."""

    kind: Kind
    value: Value = field(repr=False)
    today: dt.date | None = None


@dataclass(frozen=True, slots=True)
class Manner:
    """How the line speaks to this caller, who may ask for it: as it is recorded, slower, louder, or both."""

    slower: bool = False
    louder: bool = False


AS_USUAL = Manner()


@dataclass(frozen=True, slots=True)
class Utterance:
    """One turn of the line: everything the caller hears before it is their turn. It becomes one audio file."""

    language: str  # BCP 47: zh-CN, en-US
    parts: tuple[Text | SpokenValue, ...]
    manner: Manner = AS_USUAL
