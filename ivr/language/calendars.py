"""Calendar files (iCalendar, RFC 5545): the holidays that close a line, and the days and hours that open it.

Everything an export may hold is taken (folded lines, alarms, Windows' names of time zones), and only what bears on days is read.
China's calendars mark their days: （休） or X-APPLE-SPECIAL-DAY:WORK-HOLIDAY is a holiday, （班）, 补班 or ALTERNATE-WORKDAY
a make-up working day. In a calendar that marks its holidays, what has no mark (元宵节, for one) is a custom and closes nothing.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass

from ivr.core.schedule import Period
from ivr.language.calendar_events import MAX_PROBLEMS, Event, EventReader, Moment, comparable, day_of
from ivr.language.calendar_text import Problems, TimeZones, components
from ivr.language.problems import Problem
from ivr.language.recurrence import Budget, days_of

MAX_BYTES = 1024 * 1024
MAX_LINES = 100_000
MAX_OCCURRENCES = 10_000
MAX_DAYS = 100_000  # looked at, for all rules together
LAST_DAY = dt.date(2050, 12, 31)  # rules without an end are followed to here, and for twenty years after the last event at least


@dataclass(frozen=True, slots=True)
class Calendar:
    """What a file says. `open` are make-up working days, and extra openings where there is a time."""

    closed: tuple[Period, ...] = ()
    open: tuple[Period, ...] = ()


def read_calendar(text: str, path: str, *, opening: bool = False) -> tuple[Calendar, tuple[Problem, ...]]:
    """A calendar and what is wrong with it. With `opening` it is one of openings: what is not marked as a holiday opens."""
    problems = Problems(path)
    if len(text) > MAX_BYTES or len(text.encode("utf-8", "surrogatepass")) > MAX_BYTES:
        problems.wrong(problems.start, "the calendar is larger than 1 MiB")
        return Calendar(), tuple(problems.found)
    if text.count("\n") > MAX_LINES:
        problems.wrong(problems.start, f"the calendar has more than {MAX_LINES} lines")
        return Calendar(), tuple(problems.found)
    components_found, zones = components(text, problems)
    if problems.found:
        return Calendar(), tuple(problems.found)
    reader = EventReader(TimeZones(zones, problems), problems)
    events = [event for one in components_found if (event := reader.read(one)) is not None]
    if not components_found:
        problems.warn(problems.start, "the calendar has no events")
    calendar = _calendar(events, opening, problems)
    return calendar, tuple(sorted(problems.found, key=lambda one: one.severity)[:MAX_PROBLEMS])  # errors first


def _calendar(events: list[Event], opening: bool, problems: Problems) -> Calendar:
    events = _in_force(events)
    replaced = {(event.uid, event.replaces) for event in events if event.uid and event.replaces is not None}
    if not opening:
        events = _without_customs(events, problems)
    budget = Budget(MAX_DAYS)
    last = _last_day(events)
    nameless = False
    closed: list[Period] = []
    opened: list[Period] = []
    for event in events:
        if event.cancelled:
            continue
        opens = event.works or (opening and not event.rests)
        if not (event.name or opens or nameless):
            nameless = True
            problems.warn(event.mark, "the event has no name (SUMMARY), so callers cannot be told what it is closed for")
        for begins, ends in _occurrences(event, last, budget):
            instead = {(event.uid, comparable(begins)), (event.uid, day_of(begins))} & replaced
            if not instead or event.replaces is not None:
                (opened if opens else closed).append(Period(begins, ends, event.name))
        if budget.left < 0:
            problems.wrong(event.mark, "the rules of this calendar are too much to follow; end this one with UNTIL or COUNT")
            break
        if len(closed) + len(opened) > MAX_OCCURRENCES:
            problems.wrong(event.mark, f"the calendar has more than {MAX_OCCURRENCES} days; end this event's rule with UNTIL or COUNT")
            break
    return Calendar(tuple(closed[:MAX_OCCURRENCES]), tuple(opened[:MAX_OCCURRENCES]))


def _in_force(events: list[Event]) -> list[Event]:
    """Of the versions of one event, the latest. Events that share a UID by mistake say nothing of versions, and all count."""
    latest: dict[tuple[str, Moment | None], int] = {}
    for event in events:
        latest[event.uid, event.replaces] = max(event.sequence, latest.get((event.uid, event.replaces), 0))
    return [event for event in events if not event.uid or event.sequence == latest[event.uid, event.replaces]]


def _without_customs(events: list[Event], problems: Problems) -> list[Event]:
    """Where holidays are marked, what has no mark is left out, and that is told once."""
    customs = [event for event in events if not event.rests and not event.works]
    if not customs or len(customs) == len(events) or not any(event.rests for event in events):
        return events
    others = f" and {len(customs) - 1} more" if len(customs) > 1 else ""
    problems.warn(
        customs[0].mark, f"this calendar marks its holidays with （休）; what has no mark closes nothing: '{customs[0].name}'{others}"
    )
    return [event for event in events if event.rests or event.works]


def _occurrences(event: Event, last: dt.date, budget: Budget) -> Iterator[tuple[Moment, Moment]]:
    """When an event takes place: its first time unless a rule says otherwise, and each time only once."""
    length = event.length
    found: dict[Moment, tuple[Moment, Moment]] = {}
    if not event.rules:
        found[comparable(event.begins)] = event.begins, event.ends
    for rule in event.rules:
        for day in days_of(rule, day_of(event.begins), last, budget):
            begins: Moment = event.begins.replace(day.year, day.month, day.day)
            if rule.until is not None and _is_after(begins, rule.until):
                break
            found.setdefault(comparable(begins), (begins, begins + length))
            if len(found) > MAX_OCCURRENCES:
                break
    for begins, ends in event.added:
        found.setdefault(comparable(begins), (begins, begins + length if ends is None else ends))
    for key, (begins, ends) in found.items():
        if key not in event.left_out and day_of(begins) not in event.left_out:
            yield begins, ends


def _is_after(begins: Moment, until: Moment) -> bool:
    """Whether a rule has ended; an UNTIL that is a day takes the whole day in, one without a zone is of the event's own."""
    if not isinstance(until, dt.datetime) or not isinstance(begins, dt.datetime):
        return day_of(begins) > day_of(until)
    if until.tzinfo is None or begins.tzinfo is None:
        return begins.replace(tzinfo=None) > until.replace(tzinfo=None)
    return begins > until


def _last_day(events: list[Event]) -> dt.date:
    starts = max((day_of(event.begins) for event in events), default=LAST_DAY)
    return max(LAST_DAY, starts.replace(year=starts.year + 20, month=12, day=31))
