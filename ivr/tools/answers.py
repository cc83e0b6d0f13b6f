"""What a look-up answers, as conversations and `ivr try` write it: a mapping of fields, `not_found`, `failed` or `deadline`, or a list.

Fields that are left out are zero, empty or false. Of several answers, each try takes the next one, and the last one stays.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from ivr.core.expression_types import describe
from ivr.core.values import Kind, ListOf, LookupSignature, Record, Scalar, Type, Value
from ivr.language.problems import Problem, did_you_mean
from ivr.language.reader import kind_of
from ivr.language.source import ListSource, MappingSource, ScalarSource, Source, read_yaml

SOME_DAY = dt.date(2026, 3, 5)  # a date that was left out
OTHERWISE = ("not_found", "failed", "deadline")
_VOLUME = re.compile(r"(\d+(?:\.\d+)?)(B|KB|MB|GB|TB)")
_DURATION = re.compile(r"(\d+)(s|min|h)")
_UNITS = ("B", "KB", "MB", "GB", "TB")
_SECONDS = {"h": 3600, "min": 60, "s": 1}


@dataclass(frozen=True, slots=True)
class Failure:
    """What a look-up does instead of answering: `failed` or `deadline`."""

    reason: str


@dataclass(frozen=True, slots=True)
class InTurn:
    """What several tries of a look-up come to; the last one stays."""

    answers: tuple[Value | Failure, ...]


def read_answers(source: Source, signature: LookupSignature, problems: list[Problem]) -> Value | Failure | InTurn:
    """One answer, or a list of them."""
    if isinstance(source, ListSource):
        if not source.items:
            problems.append(Problem(source.mark, "bad-value", "a list of answers needs one at least"))
        return InTurn(tuple(read_answer(item, signature, problems) for item in source.items))
    return read_answer(source, signature, problems)


def answers_in(text: str, signature: LookupSignature) -> tuple[Value | Failure | InTurn, tuple[Problem, ...]]:
    """What stands in a text, and what is wrong with it."""
    source, found = read_yaml(text, "what")
    problems = list(found)
    return (None if source is None else read_answers(source, signature, problems)), tuple(problems)


def read_answer(source: Source, signature: LookupSignature, problems: list[Problem]) -> Value | Failure:
    """One answer."""
    if isinstance(source, ScalarSource) and source.text in OTHERWISE:
        return None if source.text == "not_found" else Failure(source.text)
    if not isinstance(source, MappingSource):
        problems.append(Problem(source.mark, "wrong-type", "an answer is a mapping of fields, 'not_found', 'failed' or 'deadline'"))
        return None
    return _read_record(source, signature.answer, f"look-up '{signature.name}' answers", problems)


def _read_record(source: MappingSource, type_: Record, what: str, problems: list[Problem]) -> Mapping[str, Value]:
    """Fields that are left out are empty."""
    found: dict[str, Value] = {name: _nothing(field_type) for name, field_type in type_.fields.items()}
    for key, value in source.entries:
        field_type = type_.fields.get(key.text)
        if field_type is None:
            hint = did_you_mean(key.text, tuple(type_.fields))
            problems.append(Problem(key.mark, "unknown-key", f"{what} no '{key.text}'{hint}"))
        else:
            found[key.text] = _read_value(value, field_type, f"'{key.text}' has", problems)
    return found


def _read_value(source: Source, type_: Type, what: str, problems: list[Problem]) -> Value:
    match type_, source:
        case Record(), MappingSource():
            return _read_record(source, type_, what, problems)
        case ListOf(), ListSource():
            return tuple(_read_value(item, type_.item, f"an item of {what.removesuffix(' has')} has", problems) for item in source.items)
        case Scalar(optional=True), ScalarSource(is_null=True):
            return None
        case Scalar(kind=kind), ScalarSource():
            try:
                return _value(kind, source.text)
            except (ValueError, InvalidOperation):
                problems.append(Problem(source.mark, "bad-value", f"'{source.text}' is not of the kind {kind.value}"))
        case _:
            problems.append(Problem(source.mark, "wrong-type", f"{describe(type_)} must stand here, not {kind_of(source)}"))
    return _nothing(type_)


def _nothing(type_: Type) -> Value:
    if isinstance(type_, ListOf):
        return ()
    if type_.optional:
        return None
    if isinstance(type_, Record):
        return {name: _nothing(field_type) for name, field_type in type_.fields.items()}
    empty: Mapping[Kind, Value] = {
        Kind.TEXT: "", Kind.DIGITS: "", Kind.BOOL: False, Kind.NUMBER: Decimal(0), Kind.MONEY: Decimal(0), Kind.VOLUME: 0,
        Kind.DURATION: dt.timedelta(0), Kind.DATE: SOME_DAY, Kind.MONTH: SOME_DAY.replace(day=1), Kind.TIME: dt.time(0),
    }  # fmt: skip
    return empty[type_.kind]


def _value(kind: Kind, text: str) -> Value:
    match kind:
        case Kind.TEXT | Kind.DIGITS:
            return text
        case Kind.BOOL if text in ("true", "false"):
            return text == "true"
        case Kind.NUMBER | Kind.MONEY:
            return Decimal(text)
        case Kind.VOLUME if match := _VOLUME.fullmatch(text):
            return int(Decimal(match[1]) * 1024 ** _UNITS.index(match[2]))
        case Kind.DURATION if match := _DURATION.fullmatch(text):
            return dt.timedelta(seconds=int(match[1]) * _SECONDS[match[2]])
        case Kind.DATE:
            return dt.date.fromisoformat(text)
        case Kind.MONTH:
            return dt.date.fromisoformat(text + "-01")
        case Kind.TIME:
            return dt.time.fromisoformat(text)
        case _:
            raise ValueError(text)


def volume_in_words(size: int) -> str:
    """A volume as an answer writes it, in the largest unit that needs no more than two decimals: 2.5GB."""
    for power in range(len(_UNITS) - 1, 0, -1):
        unit = 1024**power
        if size >= unit and size * 100 % unit == 0:
            whole, hundredths = divmod(size * 100 // unit, 100)
            return f"{whole}.{hundredths:02}".rstrip("0").rstrip(".") + _UNITS[power]
    return f"{size}B"


def duration_in_words(time: dt.timedelta) -> str:
    """A duration of whole seconds as an answer writes it, in the largest unit that it is whole in: 75min."""
    seconds = time // dt.timedelta(seconds=1)
    unit = next(unit for unit, size in _SECONDS.items() if size == 1 or (seconds and seconds % size == 0))
    return f"{seconds // _SECONDS[unit]}{unit}"
