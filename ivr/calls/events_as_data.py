"""Events as plain data and back, exactly: what a journal keeps so that a call can be run again.

The rule of the notation: an object is a mapping with its own keys; an array is anything else that JSON has no word for, its kind first:
`["decimal", "35.62"]`, `["date", "2026-03-05"]`, `["list", 1, 2]`. So no value can be taken for another one.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import fields
from decimal import Decimal, InvalidOperation
from typing import Any, get_args
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from ivr.core.events import Event, Hypothesis
from ivr.core.values import Value

_EVENTS: Mapping[str, type[Event]] = {one.__name__: one for one in get_args(Event)}


class Unreadable(ValueError):
    """Data that is no event, or one of another version. Its text says what is wrong."""


def event_data(event: Event) -> Mapping[str, object]:
    """An event as JSON can carry it."""
    return {"type": type(event).__name__} | {one.name: value_data(getattr(event, one.name)) for one in fields(event)}


def event_from(data: Mapping[str, Any]) -> Event:
    """The event again. Raises Unreadable."""
    known = _EVENTS.get(str(data.get("type")))
    if known is None:
        raise Unreadable(f"there is no event {data.get('type')!r}")
    try:
        return known(**{name: value_from(value) for name, value in data.items() if name != "type"})
    except TypeError as error:
        raise Unreadable(f"an event {known.__name__} of another version: {error}") from None


def value_data(value: Value | dt.datetime | Hypothesis) -> object:
    """A value as JSON can carry it."""
    match value:
        case Hypothesis():
            return ["hypothesis", value.text, value.confidence]
        case None | bool() | int() | str():
            return value
        case Decimal():
            return ["decimal", str(value)]
        case dt.datetime():
            return ["datetime", value.isoformat(), value.tzinfo.key if isinstance(value.tzinfo, ZoneInfo) else None]
        case dt.date():
            return ["date", value.isoformat()]
        case dt.time():
            return ["time", value.isoformat()]
        case dt.timedelta():
            return ["timedelta", value.days, value.seconds, value.microseconds]
        case tuple() | list():
            return ["list", *(value_data(item) for item in value)]
        case Mapping():
            return {key: value_data(item) for key, item in value.items()}
    return ["unknown", type(value).__name__]  # no call is to end because of what its back office said


def value_from(data: Any) -> Any:
    """The value again. Raises Unreadable."""
    try:
        match data:
            case None | bool() | int() | str():
                return data
            case dict():
                return {key: value_from(item) for key, item in data.items()}
            case ["decimal", str(text)]:
                return Decimal(text)
            case ["datetime", str(text), zone]:
                moment = dt.datetime.fromisoformat(text)
                return moment.astimezone(ZoneInfo(zone)) if zone else moment
            case ["date", str(text)]:
                return dt.date.fromisoformat(text)
            case ["time", str(text)]:
                return dt.time.fromisoformat(text)
            case ["timedelta", days, seconds, microseconds]:
                return dt.timedelta(days, seconds, microseconds)
            case ["hypothesis", str(text), (float() | int()) as confidence]:
                return Hypothesis(text, confidence)
            case ["list", *items]:
                return tuple(value_from(item) for item in items)
    except Unreadable:
        raise
    except (ValueError, TypeError, InvalidOperation, ZoneInfoNotFoundError, OverflowError) as error:
        raise Unreadable(f"no value: {error}") from None
    raise Unreadable(f"no value of a kind {data[0]!r}" if isinstance(data, list) and data else f"no value: {type(data).__name__}")
