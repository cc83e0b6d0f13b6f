"""Opening hours: is somebody there at that moment, why not, and when again?

What counts, the strongest first: an extra opening by the hour, a make-up working day, a holiday or other closure, the hours of the week.
The hours of the week hold by the clock on the wall: an hour that summer time repeats is open twice, one that it leaves out never comes.
"""

from __future__ import annotations

import datetime as dt
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

HORIZON = dt.timedelta(days=370)  # how far ahead one looks: every yearly opening comes within it
MIDNIGHT = dt.time(0)
_SECOND = dt.timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Span:
    """Open hours within a day, `ends` not included; 00:00 as an end is the end of the day."""

    begins: dt.time
    ends: dt.time

    def has(self, clock: dt.time) -> bool:
        """Whether the clock on the wall stands within."""
        return self.begins <= clock and (clock < self.ends or self.ends == MIDNIGHT)


@dataclass(frozen=True, slots=True)
class Period:
    """Something of a calendar, `ends` not included. Dates are whole days; a time without a zone is one of the schedule's zone."""

    begins: dt.date | dt.datetime
    ends: dt.date | dt.datetime
    name: str = ""

    @property
    def whole_days(self) -> bool:
        """Whether it takes days and not hours."""
        return not isinstance(self.begins, dt.datetime)


@dataclass(frozen=True, slots=True)
class Open:
    """Somebody is there."""


@dataclass(frozen=True, slots=True)
class Closed:
    """Nobody is there. `holiday` names the closure of that moment, be it that the week has no hours then either."""

    holiday: str | None = None


@dataclass(frozen=True, slots=True)
class Schedule:
    """When somebody is there.

    `week` has the spans of each weekday (Monday is 0). `open` has make-up working days (whole days, with the hours of weekday `workday`)
    and extra openings by the hour. A span never runs past midnight: what does belongs to the next day.
    """

    week: Mapping[int, tuple[Span, ...]]
    zone: str = "Asia/Shanghai"
    closed: tuple[Period, ...] = ()
    open: tuple[Period, ...] = ()
    workday: int | None = None  # None: the first of the week that has hours
    _zone: ZoneInfo = field(init=False, repr=False, compare=False)
    _closed: _Stretches = field(init=False, repr=False, compare=False)
    _working: _Stretches = field(init=False, repr=False, compare=False)
    _extra: _Stretches = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        zone = ZoneInfo(self.zone)
        object.__setattr__(self, "_zone", zone)
        object.__setattr__(self, "_closed", _Stretches.of(self.closed, zone))
        object.__setattr__(self, "_working", _Stretches.of((one for one in self.open if one.whole_days), zone))
        object.__setattr__(self, "_extra", _Stretches.of((one for one in self.open if not one.whole_days), zone))

    @property
    def make_up_hours(self) -> tuple[Span, ...]:
        """The hours of a make-up working day."""
        workday = next((day for day in range(7) if self.week.get(day)), 0) if self.workday is None else self.workday
        return self.week.get(workday, ())


def state_at(schedule: Schedule, at: dt.datetime) -> Open | Closed:
    """How things stand at a moment."""
    if schedule._extra.name_at(at) is not None:
        return Open()
    local = at.astimezone(schedule._zone)
    holiday = None
    if schedule._working.name_at(at) is not None:
        spans = schedule.make_up_hours
    elif (holiday := schedule._closed.name_at(at)) is not None:
        spans = ()
    else:
        spans = schedule.week.get(local.weekday(), ())
    return Open() if any(span.has(local.time()) for span in spans) else Closed(holiday)


def is_open(schedule: Schedule, at: dt.datetime) -> bool:
    """Whether somebody is there."""
    return isinstance(state_at(schedule, at), Open)


def holiday_at(schedule: Schedule, at: dt.datetime) -> str | None:
    """The name of the holiday or closure that it is closed for; "" for one without a name."""
    state = state_at(schedule, at)
    return state.holiday if isinstance(state, Closed) else None


def opens_next(schedule: Schedule, at: dt.datetime) -> dt.datetime | None:
    """The next moment at which it opens, in the schedule's zone; None when there is none within `HORIZON`. Open now, it closes before."""
    return _next_change(schedule, at, to_open=True)


def closes_next(schedule: Schedule, at: dt.datetime) -> dt.datetime | None:
    """The next moment at which it closes, in the schedule's zone; None when there is none within `HORIZON`. Closed now, it opens before."""
    return _next_change(schedule, at, to_open=False)


def _next_change(schedule: Schedule, at: dt.datetime, *, to_open: bool) -> dt.datetime | None:
    last = is_open(schedule, at)
    at = at.astimezone(dt.UTC)
    for moment in _moments(schedule, at):
        now = is_open(schedule, moment)
        if now != last and now == to_open:
            return moment.astimezone(schedule._zone)
        last = now
    return None


def _moments(schedule: Schedule, after: dt.datetime) -> Iterator[dt.datetime]:
    """Every moment at which anything can change, in order, in UTC."""
    zone = schedule._zone
    first = after.astimezone(zone).date()
    make_up = schedule.make_up_hours
    for day in (first + dt.timedelta(days=number) for number in range(HORIZON.days + 1)):
        begins, ends = _instant(day, zone), _instant(day + dt.timedelta(days=1), zone)
        spans = (*schedule.week.get(day.weekday(), ()), *make_up)
        clocks = {clock for span in spans for clock in (span.begins, span.ends)}
        moments = {begins}
        moments.update(dt.datetime.combine(day, clock, zone).replace(fold=fold).astimezone(dt.UTC) for clock in clocks for fold in (0, 1))
        if begins.astimezone(zone).utcoffset() != ends.astimezone(zone).utcoffset():
            moments.add(_jump(begins, ends, zone))
        for stretches in (schedule._closed, schedule._working, schedule._extra):
            moments.update(stretches.edges(begins, ends))
        yield from sorted(moment for moment in moments if after < moment <= after + HORIZON and begins <= moment < ends)


def _jump(begins: dt.datetime, ends: dt.datetime, zone: ZoneInfo) -> dt.datetime:
    """The moment between two at which the clock on the wall is put on or back."""
    before = begins.astimezone(zone).utcoffset()
    while ends - begins > _SECOND:
        middle = begins + (ends - begins) // 2
        if middle.astimezone(zone).utcoffset() == before:
            begins = middle
        else:
            ends = middle
    return ends.replace(microsecond=0)


def _instant(when: dt.date | dt.datetime, zone: ZoneInfo) -> dt.datetime:
    """In UTC: a day is where it begins, a time without a zone one of this zone."""
    if not isinstance(when, dt.datetime):
        when = dt.datetime.combine(when, MIDNIGHT)
    return (when if when.tzinfo else when.replace(tzinfo=zone)).astimezone(dt.UTC)


@dataclass(frozen=True, slots=True)
class _Stretches:
    """Named stretches of time in UTC, in order and apart from one another, so that a moment is found in ten thousand of them at once."""

    begins: tuple[dt.datetime, ...]
    ends: tuple[dt.datetime, ...]
    names: tuple[str, ...]

    @classmethod
    def of(cls, periods: Iterable[Period], zone: ZoneInfo) -> _Stretches:
        """Where two overlap, the one that began first keeps its name."""
        found: list[tuple[dt.datetime, dt.datetime, str]] = []
        instants = ((_instant(one.begins, zone), _instant(one.ends, zone), one.name) for one in periods)
        for begins, ends, name in sorted(instants, key=lambda one: one[0]):
            begins = max(begins, found[-1][1]) if found else begins
            if begins < ends:
                found.append((begins, ends, name))
        return cls(tuple(one[0] for one in found), tuple(one[1] for one in found), tuple(one[2] for one in found))

    def name_at(self, at: dt.datetime) -> str | None:
        """The name of the stretch that a moment lies in; None when in none."""
        place = bisect_right(self.begins, at) - 1
        return self.names[place] if place >= 0 and at < self.ends[place] else None

    def edges(self, begins: dt.datetime, ends: dt.datetime) -> Iterator[dt.datetime]:
        """Where stretches begin or end between two moments; the first edge may lie before them."""
        for place in range(max(bisect_right(self.begins, begins) - 1, 0), len(self.begins)):
            if self.begins[place] >= ends:
                return
            yield self.begins[place]
            yield self.ends[place]
