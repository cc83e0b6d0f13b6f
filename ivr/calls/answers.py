"""Does an answer of the back office have the declared shape, with values that a caller can be told? If not, it is refused.

A wrong amount spoken to a caller is worse than an apology. So a not-a-number, a balance of 1e999, an answer about another field, a text
of a megabyte: each ends in BackOfficeFailed, whose sentence names the field and never its value (it may be somebody's number).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Never, TypeGuard, assert_never

from ivr.core.values import Kind, ListOf, LookupSignature, Record, Scalar, Type, Value
from ivr.errors import BackOfficeFailed

MAX_TEXT = 200
MAX_DIGITS = 32
MAX_ITEMS = 100
MAX_NUMBER = 10**12
MAX_MONEY = Decimal(10**8)
MAX_VOLUME = 10**15
MAX_DURATION = dt.timedelta(days=3660)
FEN = Decimal("0.01")
FIRST_YEAR, LAST_YEAR = 1990, 2199


def conform(signature: LookupSignature, answer: object) -> Value:
    """The answer with exactly the declared fields, lists as tuples, money to the fen. Raises BackOfficeFailed.

    None stands for "no such thing" and passes only where the signature says `not_found`.
    """
    if answer is None:
        return None if signature.not_found else _refuse(signature.name, "may not be missing")
    return _record(signature.name, signature.answer, answer)


def conform_arguments(signature: LookupSignature, arguments: Mapping[str, Value]) -> Mapping[str, Value]:
    """The arguments of a look-up, held against its signature the same way."""
    return _fields(f"{signature.name}()", signature.arguments, arguments)


def _value(path: str, declared: Type, value: object) -> Value:
    match declared:
        case Scalar():
            return _scalar(path, declared, value)
        case Record():
            return None if value is None and declared.optional else _record(path, declared, value)
        case ListOf():
            return _list(path, declared, value)
        case _ as unknown:
            assert_never(unknown)


def _record(path: str, declared: Record, value: object) -> Mapping[str, Value]:
    if not isinstance(value, Mapping):
        _refuse(path, "is not a record")
    return _fields(path, declared.fields, value)


def _fields(path: str, declared: Mapping[str, Type], value: Mapping[str, object]) -> Mapping[str, Value]:
    if missing := sorted(declared.keys() - value.keys()):
        _refuse(f"{path}.{missing[0]}", "is missing")
    if len(value) > len(declared):
        _refuse(path, "has a field that is not declared")
    return {name: _value(f"{path}.{name}", kind, value[name]) for name, kind in declared.items()}


def _list(path: str, declared: ListOf, value: object) -> tuple[Value, ...]:
    if not isinstance(value, Sequence) or isinstance(value, str | bytes):
        _refuse(path, "is not a list")
    if len(value) > MAX_ITEMS:
        _refuse(path, f"has more than {MAX_ITEMS} items")
    return tuple(_value(f"{path}[{i}]", declared.item, item) for i, item in enumerate(value))


def _scalar(path: str, declared: Scalar, value: object) -> Value:
    if value is None:
        return None if declared.optional else _refuse(path, "may not be null")
    match declared.kind:
        case Kind.TEXT if isinstance(value, str) and len(value) <= MAX_TEXT and value.isprintable():
            return value
        case Kind.DIGITS if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= MAX_DIGITS:
            return value
        case Kind.BOOL if isinstance(value, bool):
            return value
        case Kind.NUMBER if _whole(value) or _finite(value):
            return value if -MAX_NUMBER <= value <= MAX_NUMBER else _refuse(path, "is out of range")
        case Kind.MONEY if _finite(value):
            return _money(path, value)
        case Kind.VOLUME if _whole(value):
            return value if 0 <= value <= MAX_VOLUME else _refuse(path, "is out of range")
        case Kind.DURATION if isinstance(value, dt.timedelta):
            return value if dt.timedelta(0) <= value <= MAX_DURATION else _refuse(path, "is out of range")
        case Kind.DATE | Kind.MONTH if isinstance(value, dt.date) and not isinstance(value, dt.datetime):
            return _date(path, declared.kind, value)
        case Kind.TIME if isinstance(value, dt.time) and value.tzinfo is None:
            return value
        case kind:
            return _refuse(path, f"is not a {kind}")


def _whole(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)


def _finite(value: object) -> TypeGuard[Decimal]:
    return isinstance(value, Decimal) and value.is_finite()


def _money(path: str, value: Decimal) -> Decimal:
    if abs(value) > MAX_MONEY:
        _refuse(path, "is out of range")
    in_fen = value.quantize(FEN)
    return in_fen if in_fen == value else _refuse(path, "has a part of a fen")


def _date(path: str, kind: Kind, value: dt.date) -> dt.date:
    if not FIRST_YEAR <= value.year <= LAST_YEAR:
        _refuse(path, "is out of range")
    if kind is Kind.MONTH and value.day != 1:
        _refuse(path, "is not the first of a month")
    return value


def _refuse(path: str, complaint: str) -> Never:
    raise BackOfficeFailed(f"{path} {complaint}")
