"""Opening hours for those who draw and test a line: a moment for each state they can be in, and the week in a line."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from functools import lru_cache
from itertools import groupby
from zoneinfo import ZoneInfo

from ivr.core.schedule import Period, Schedule, Span, closes_next, holiday_at, is_open, opens_next
from ivr.tools.conversations import NOON

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_NEAR = 14  # days that are tried first, at hours that a designer would think of
_HOURS = (12, 10, 15, 20, 3)
_CHANGES = 60  # openings and closings that are tried then


def moments_of(schedule: Schedule) -> Mapping[str, dt.datetime]:
    """For each state that the hours can be in (open, closed, holiday), a moment at which they are, the soonest that is easily found."""
    return _moments_of(tuple(sorted(schedule.week.items())), schedule.zone, schedule.closed, schedule.open, schedule.workday)


@lru_cache(maxsize=64)
def _moments_of(
    week: tuple[tuple[int, tuple[Span, ...]], ...],
    zone: str,
    closed: tuple[Period, ...],
    opened: tuple[Period, ...],
    workday: int | None,
) -> Mapping[str, dt.datetime]:
    """By what a schedule is made of, since a whole year is looked through for a state that never comes."""
    schedule = Schedule(dict(week), zone, closed, opened, workday)
    found: dict[str, dt.datetime] = {}
    states = {"open", "closed", *(["holiday"] if closed else [])}
    for moment in _candidates(schedule):
        found.setdefault(state_of(schedule, moment), moment)
        if found.keys() == states:
            break
    return found if "open" in found else {}  # hours that never open are a failure, not a state


def state_of(schedule: Schedule, at: dt.datetime) -> str:
    """open, closed or holiday, as the core decides it."""
    if is_open(schedule, at):
        return "open"
    return "closed" if holiday_at(schedule, at) is None else "holiday"


def written_moment(at: dt.datetime) -> str:
    """A moment as a conversation writes it: in the usual callers' time without a zone."""
    return at.replace(tzinfo=None).isoformat(timespec="minutes") if at.utcoffset() == NOON.utcoffset() else at.isoformat(timespec="minutes")


def written_duration(time: dt.timedelta) -> str:
    """A duration as a flow writes it: `10min`."""
    seconds = time.total_seconds()
    for unit, size in (("h", 3600), ("min", 60)):
        if seconds >= size and seconds % size == 0:
            return f"{seconds / size:g}{unit}"
    return f"{seconds:g}s"


def week_in_words(schedule: Schedule) -> str:
    """The hours of the week in a line: `mon-fri 08:30-12:00 14:00-18:00, sat 09:00-12:00`."""
    days = [(day, " ".join(_span(span) for span in schedule.week.get(day, ()))) for day in range(7)]
    told = []
    for hours, group in groupby(days, key=lambda one: one[1]):
        names = [_DAYS[day] for day, _ in group]
        if hours:
            told.append(f"{'daily' if len(names) == 7 else names[0] if len(names) == 1 else f'{names[0]}-{names[-1]}'} {hours}")
    return ", ".join(told) or "never by the week"


def _span(span: Span) -> str:
    ends = "24:00" if span.ends == dt.time(0) else f"{span.ends:%H:%M}"
    return f"{span.begins:%H:%M}-{ends}"


def _candidates(schedule: Schedule) -> Iterator[dt.datetime]:
    noon = NOON.replace(hour=12, tzinfo=ZoneInfo(schedule.zone))
    for hour in _HOURS:
        yield from ((noon + dt.timedelta(days=day)).replace(hour=hour) for day in range(_NEAR))
    for period in schedule.closed:
        yield from _within(period, noon)
    for next_change in (opens_next, closes_next):
        at: dt.datetime | None = noon
        for _ in range(_CHANGES):
            at = next_change(schedule, at) if at else None
            if at:
                yield at


def _within(period: Period, noon: dt.datetime) -> Iterator[dt.datetime]:
    begins = period.begins
    if isinstance(begins, dt.datetime):
        yield begins if begins.tzinfo else begins.replace(tzinfo=noon.tzinfo)
    else:
        yield dt.datetime.combine(begins, dt.time(12), noon.tzinfo)
