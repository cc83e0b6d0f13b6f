"""The moments that a call can come to the opening hours of a flow, for the proof: one for each way in which they can stand together.

A call asks the clock only where it enters an `hours` node. Until then its moment is left open (`WHENEVER`), and there each of the moments
is tried, whatever was tried before: time passes.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from math import prod

from ivr.core.flow import ChecksHours, Flow
from ivr.core.schedule import MIDNIGHT, Period, Schedule, _Stretches, holiday_at, is_open, opens_next
from ivr.tools.conversations import NOON
from ivr.tools.witnesses import Decisions, Undecided

CLOCK = "?clock"  # what decides moments; nothing in a flow can be named so
LATE = ("late",)  # a limit of the whole call is reached
WHENEVER = NOON.replace(microsecond=1)
MAX_MOMENTS = 20_000
_NEAR = 15  # days that are looked at from an ordinary one on: all weekdays, twice
_LONG = dt.timedelta(days=300)  # a closure after which hours may seem never to open again
_AFTER = 8  # days that are looked at in each period of a calendar: all weekdays

States = tuple[str, ...]  # of each of the flow's hours: open, closed, holiday or never


@dataclass(frozen=True, slots=True)
class _AnyTime(_Stretches):
    """The extra openings of hours of which nothing is known until a moment is chosen."""

    choices: tuple[dt.datetime, ...] = ()

    def name_at(self, at: dt.datetime) -> str | None:
        if at == WHENEVER:
            raise Undecided(Decisions(CLOCK, 0, {}), (), self.choices)
        return _Stretches.name_at(self, at)


class Moments:
    """The hours of a flow and the moments that tell their states apart. `complete`: all moments that may matter were looked at."""

    def __init__(self, flow: Flow) -> None:
        nodes = [node for node in flow.nodes.values() if isinstance(node, ChecksHours)]
        self._schedules = list({id(node.schedule): node.schedule for node in nodes}.values())
        self._most = prod(3 if one.closed else 2 for one in self._schedules)
        if any(_may_be_never(one) for one in self._schedules):
            self._most = MAX_MOMENTS
        self.complete = True
        found: dict[States, dt.datetime] = {}
        for number, moment in enumerate(self._interesting(WHENEVER) if nodes else ()):
            if number >= MAX_MOMENTS:
                self.complete = False
                break
            found.setdefault(self.states(moment), moment)
            if len(found) == self._most:
                break
        self.choices = tuple(found.values())

    def loosened(self, node: ChecksHours) -> ChecksHours:
        """A node that asks for a moment when it is entered."""
        schedule = replace(node.schedule)
        extra = node.schedule._extra
        known = {one.name: getattr(extra, one.name) for one in fields(_Stretches)}
        object.__setattr__(schedule, "_extra", _AnyTime(**known, choices=self.choices))
        return replace(node, schedule=schedule)

    def states(self, at: dt.datetime) -> States:
        """How the hours stand at a moment."""
        return tuple(_state(schedule, at) for schedule in self._schedules)

    def from_then_on(self, at: dt.datetime, states: States) -> dt.datetime | None:
        """The next moment at which the hours stand like that."""
        if self.states(at) == states:
            return at
        moments = (moment for number, moment in zip(range(MAX_MOMENTS), self._interesting(at), strict=False) if moment > at)
        return min((moment for moment in moments if self.states(moment) == states), default=None)

    def _interesting(self, near: dt.datetime) -> Iterator[dt.datetime]:
        """Moments at which anything can be new: where something begins or ends on days that are unlike."""
        yield from (NOON,) if near == WHENEVER else ()
        seen: set[dt.datetime] = set()
        for day in self._days(near.date()):
            for schedule in self._schedules:
                for moment in _changes(schedule, day):
                    if moment not in seen:
                        seen.add(moment)
                        yield moment

    def _days(self, near: dt.date) -> Iterator[dt.date]:
        days = dict.fromkeys(near + dt.timedelta(days=number) for number in range(-1, _NEAR))
        periods = [one for schedule in self._schedules for one in (*schedule.closed, *schedule.open)]
        for period in periods:
            first, last = _day(period.begins), _day(period.ends)
            days.update(dict.fromkeys(first + dt.timedelta(days=number) for number in range(-1, _AFTER)))
            days.update(dict.fromkeys(last + dt.timedelta(days=number) for number in range(-1, _AFTER)))
        yield from days


def _state(schedule: Schedule, at: dt.datetime) -> str:
    if is_open(schedule, at):
        return "open"
    if _may_be_never(schedule) and opens_next(schedule, at) is None:
        return "never"
    return "closed" if holiday_at(schedule, at) is None else "holiday"


def _may_be_never(schedule: Schedule) -> bool:
    """Whether it is worth looking for the next opening: there is one every week but in a long closure."""
    return not any(schedule.week.values()) or any(_length(one) >= _LONG for one in schedule.closed) or len(schedule.closed) > 200


def _length(period: Period) -> dt.timedelta:
    return _day(period.ends) - _day(period.begins)


def _changes(schedule: Schedule, day: dt.date) -> Iterator[dt.datetime]:
    zone = schedule._zone
    clocks: set[dt.time] = {MIDNIGHT, dt.time(12)}
    for span in (*schedule.week.get(day.weekday(), ()), *schedule.make_up_hours):
        clocks |= {span.begins, span.ends}
    for clock in sorted(clocks):
        yield dt.datetime.combine(day, clock, zone)
    for period in _on(day, (*schedule.closed, *schedule.open)):
        for when in (period.begins, period.ends):
            if isinstance(when, dt.datetime):
                yield when if when.tzinfo else when.replace(tzinfo=zone)


def _on(day: dt.date, periods: Sequence[Period]) -> Iterable[Period]:
    a_day = dt.timedelta(days=1)
    return (one for one in periods if min(abs(_day(one.begins) - day), abs(_day(one.ends) - day)) <= a_day)


def _day(when: dt.date | dt.datetime) -> dt.date:
    return when.date() if isinstance(when, dt.datetime) else when
