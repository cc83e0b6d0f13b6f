"""The promise statement as people read it: which days, summed up by line, topic and day, and in per cent."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ivr.calls.ports import Statement, StatementLine
from ivr.calls.times import LINE_ZONE

LONGEST = 366  # days in one statement
STANDINGS = ("kept", "open", "overdue")


@dataclass(frozen=True, slots=True)
class Days:
    """From the first day to the last, in the line's zone."""

    first: dt.date
    last: dt.date

    @property
    def since(self) -> dt.datetime:
        """The moment when the first begins."""
        return dt.datetime.combine(self.first, dt.time(), LINE_ZONE)

    @property
    def until(self) -> dt.datetime:
        """The moment when the last is over."""
        return dt.datetime.combine(self.last + dt.timedelta(days=1), dt.time(), LINE_ZONE)


def quick_days(today: dt.date) -> Mapping[str, Days]:
    """What people ask for most."""
    yesterday = today - dt.timedelta(days=1)
    return {"today": Days(today, today), "yesterday": Days(yesterday, yesterday), "this_month": Days(today.replace(day=1), today)}


def days_from(first: str, last: str, today: dt.date) -> Days | None:
    """The days that somebody typed (2026-03-05); this month without any. None when they are none, turned round, or too many."""
    try:
        days = Days(
            dt.date.fromisoformat(first) if first else today.replace(day=1),
            dt.date.fromisoformat(last) if last else today,
        )
    except ValueError:
        return None
    return days if dt.timedelta(0) <= days.last - days.first < dt.timedelta(days=LONGEST) else None


@dataclass(frozen=True, slots=True)
class Sum:
    """The promises of one line, topic or day."""

    name: str
    promised: int
    kept: int
    open: int
    overdue: int
    late: int  # of the kept: later than promised


def summed(lines: Sequence[StatementLine], name_of: Callable[[StatementLine], str]) -> tuple[Sum, ...]:
    """Summed up by what `name_of` says, in order of that."""
    groups: dict[str, list[StatementLine]] = {}
    for line in lines:
        groups.setdefault(name_of(line), []).append(line)
    return tuple(_sum(name, group) for name, group in sorted(groups.items()))


def by_line(statement: Statement) -> tuple[Sum, ...]:
    """By the number that was dialled."""
    return summed(statement.lines, lambda line: line.dialled)


def by_topic(statement: Statement) -> tuple[Sum, ...]:
    """By what callers called about."""
    return summed(statement.lines, lambda line: line.topic)


def by_day(statement: Statement) -> tuple[Sum, ...]:
    """By the day of the first call."""
    return summed(statement.lines, lambda line: line.created_at.astimezone(LINE_ZONE).date().isoformat())


def late_ones(statement: Statement) -> tuple[StatementLine, ...]:
    """Those that had to wait longer than promised: first the ones that still wait, each by when it was due."""
    late = (line for line in statement.lines if line.late)
    return tuple(sorted(late, key=lambda line: (line.standing != "overdue", line.due_at)))


def percent(part: int, whole: int) -> str:
    """A share as it is written: 99.5 %."""
    return f"{100 * part / whole:.1f} %" if whole else "-"


def _sum(name: str, lines: Sequence[StatementLine]) -> Sum:
    kept, waiting, overdue = (sum(line.standing == standing for line in lines) for standing in STANDINGS)
    late = sum(line.late and line.standing == "kept" for line in lines)
    return Sum(name, len(lines), kept, waiting, overdue, late)
