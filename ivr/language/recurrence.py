"""Rules of repetition (RFC 5545, 3.3.10): on which days does something come again?

dateutil has this too, but it walks on to the year 9999 when a rule can never come true (FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30 takes
seconds), and a calendar comes from outside. Here every day looked at is counted. Closures come by the day, so nothing repeats by the hour.
"""

from __future__ import annotations

import calendar
import datetime as dt
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from icalendar.prop import vRecur

MAX_LENGTH = 500  # of a rule's text
MAX_INTERVAL = 1000
_PARTS = ("FREQ", "INTERVAL", "COUNT", "UNTIL", "BYMONTH", "BYMONTHDAY", "BYYEARDAY", "BYDAY", "BYSETPOS", "WKST")
_WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
_BOUNDS = {"BYMONTH": 12, "BYMONTHDAY": 31, "BYYEARDAY": 366, "BYSETPOS": 366}
_BY_DAY = re.compile(r"([+-]?[0-9]{1,2})?(MO|TU|WE|TH|FR|SA|SU)")


@dataclass(frozen=True, slots=True)
class Rule:
    """What repeats how. Empty sets say nothing; a weekday's number is 0 when it means every one."""

    frequency: str
    interval: int = 1
    count: int | None = None
    until: dt.date | dt.datetime | None = None
    months: frozenset[int] = frozenset()
    month_days: frozenset[int] = frozenset()
    year_days: frozenset[int] = frozenset()
    weekdays: frozenset[tuple[int, int]] = frozenset()  # (number, weekday), Monday is 0
    positions: frozenset[int] = frozenset()
    week_start: int = 0


@dataclass(slots=True)
class Budget:
    """How many days may still be looked at; below zero it is spent, and what came of it is not whole."""

    left: int

    def allows(self, days: int) -> bool:
        """Take so many days from it."""
        self.left -= days
        return self.left >= 0


def read_rule(text: str) -> Rule | str:
    """The rule, or a sentence about what is wrong with it."""
    names = [part.partition("=")[0].upper() for part in text.split(";")]
    if len(text) > MAX_LENGTH or len(set(names)) < len(names):
        return f"the rule is longer than {MAX_LENGTH} characters" if len(text) > MAX_LENGTH else "the rule says something twice"
    if "FREQ" not in names or "=" not in text:
        return "the rule has no FREQ, which says whether it repeats daily, weekly, monthly or yearly"
    for name in names:
        if name not in _PARTS:
            return f"'{name[:40]}' in a rule is not understood here; days may be told by {', '.join(_PARTS[4:8])} and BYSETPOS"
    try:
        parts = vRecur.from_ical(text)
    except ValueError:
        return f"the rule '{text[:80]}' cannot be read"
    frequency = str(parts["FREQ"][0]) if parts.get("FREQ") else "nothing"
    if frequency not in ("DAILY", "WEEKLY", "MONTHLY", "YEARLY"):
        return f"a rule repeats DAILY, WEEKLY, MONTHLY or YEARLY here, not {frequency}"
    sets: dict[str, frozenset[int]] = {}
    for name, most in _BOUNDS.items():
        numbers = [str(number) for number in parts.get(name, ())]
        if not all(re.fullmatch(r"[+-]?[0-9]{1,3}", number) and 0 < abs(int(number)) <= most for number in numbers):
            return f"{name} cannot be '{','.join(numbers)[:40]}'"
        sets[name] = frozenset(int(number) for number in numbers)
    if any(month < 0 for month in sets["BYMONTH"]):
        return "BYMONTH counts from 1 to 12"
    days = [_BY_DAY.fullmatch(str(day).upper()) for day in parts.get("BYDAY", ())]
    weekdays = frozenset((int(day[1] or 0), _WEEKDAYS.index(day[2])) for day in days if day)
    if any(number for number, _ in weekdays) and frequency not in ("MONTHLY", "YEARLY"):
        return f"a numbered weekday in BYDAY needs FREQ=MONTHLY or YEARLY, not {frequency}"
    if sets["BYYEARDAY"] and frequency != "YEARLY":
        return f"BYYEARDAY needs FREQ=YEARLY, not {frequency}"
    interval, count = (int(parts[name][0]) if parts.get(name) else None for name in ("INTERVAL", "COUNT"))
    if interval is not None and not 1 <= interval <= MAX_INTERVAL:
        return f"INTERVAL must be from 1 to {MAX_INTERVAL}, not {interval}"
    if count is not None and count < 1:
        return f"COUNT must be 1 or more, not {count}"
    until = parts["UNTIL"][0] if parts.get("UNTIL") else None
    if until is not None and not isinstance(until, dt.date):
        return f"the rule '{text[:80]}' cannot be read"
    start = str(parts["WKST"][0]) if parts.get("WKST") else "MO"
    return Rule(
        frequency,
        interval or 1,
        count,
        until,
        sets["BYMONTH"],
        sets["BYMONTHDAY"],
        sets["BYYEARDAY"],
        weekdays,
        sets["BYSETPOS"],
        _WEEKDAYS.index(start),
    )


def days_of(rule: Rule, first: dt.date, last: dt.date, budget: Budget) -> Iterator[dt.date]:
    """The days it comes on, from the first one to the last, in order. COUNT counts here; UNTIL, which may be a time of day, does not."""
    rule = _completed(rule, first)
    left = rule.count
    for candidates in _periods(rule, first, last):
        if not budget.allows(1 + len(candidates)):
            return
        days = [day for day in candidates if _fits(rule, day)]
        if rule.positions:
            days = [day for place, day in enumerate(days) if place + 1 in rule.positions or place - len(days) in rule.positions]
        for day in days:
            if first <= day <= last:
                yield day
                left = None if left is None else left - 1
                if left == 0:
                    return


def _completed(rule: Rule, first: dt.date) -> Rule:
    """What the rule leaves open is as on the first day."""
    if rule.month_days or rule.year_days or rule.weekdays:
        return rule
    match rule.frequency:
        case "YEARLY":
            return replace(rule, months=rule.months or frozenset({first.month}), month_days=frozenset({first.day}))
        case "MONTHLY":
            return replace(rule, month_days=frozenset({first.day}))
        case "WEEKLY":
            return replace(rule, weekdays=frozenset({(0, first.weekday())}))
    return rule


def _periods(rule: Rule, first: dt.date, last: dt.date) -> Iterator[list[dt.date]]:
    """Day by day, week by week, ..., those days that may be meant."""
    match rule.frequency:
        case "DAILY":
            for ordinal in range(first.toordinal(), last.toordinal() + 1, rule.interval):
                yield [dt.date.fromordinal(ordinal)]
        case "WEEKLY":
            begin = first.toordinal() - (first.weekday() - rule.week_start) % 7
            for ordinal in range(begin, last.toordinal() + 1, 7 * rule.interval):
                yield [dt.date.fromordinal(ordinal + day) for day in range(7)]
        case "MONTHLY":
            for number in range(first.year * 12 + first.month - 1, last.year * 12 + last.month, rule.interval):
                year, month = divmod(number, 12)
                yield _month(rule, year, month + 1) if not rule.months or month + 1 in rule.months else []
        case _:
            for year in range(first.year, last.year + 1, rule.interval):
                yield [day for month in sorted(rule.months or range(1, 13)) for day in _month(rule, year, month)]


def _month(rule: Rule, year: int, month: int) -> list[dt.date]:
    length = calendar.monthrange(year, month)[1]
    days = {day if day > 0 else length + 1 + day for day in rule.month_days} if rule.month_days else range(1, length + 1)
    return [dt.date(year, month, day) for day in sorted(days) if 1 <= day <= length]


def _fits(rule: Rule, day: dt.date) -> bool:
    length = calendar.monthrange(day.year, day.month)[1]
    if rule.months and day.month not in rule.months:
        return False
    if rule.month_days and not rule.month_days & {day.day, day.day - length - 1}:
        return False
    of_year, year_length = day.timetuple().tm_yday, 366 if calendar.isleap(day.year) else 365
    if rule.year_days and not rule.year_days & {of_year, of_year - year_length - 1}:
        return False
    if not rule.weekdays:
        return True
    if rule.frequency == "YEARLY" and not rule.months:
        place, of = of_year, year_length
    else:
        place, of = day.day, length
    numbers = (0, (place - 1) // 7 + 1, -((of - place) // 7 + 1))
    return any((number, day.weekday()) in rule.weekdays for number in numbers)
