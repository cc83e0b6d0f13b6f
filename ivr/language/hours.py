"""Opening hours as a flow writes them: the week, the calendars, and what is wrong with either."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping
from itertools import pairwise
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from ivr.core.schedule import MIDNIGHT, Period, Schedule, Span
from ivr.language.calendars import Calendar, read_calendar
from ivr.language.grammar import Form, Key, Takes
from ivr.language.problems import Problem, did_you_mean
from ivr.language.reader import Reader, bad_name, kind_of
from ivr.language.source import ListSource, MappingSource, ScalarSource, Source

ReadFile = Callable[[str], tuple[str, str] | None]
"""A file beside the flow by its name: the path to show and the text, or None when there is none."""

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAILY = "daily"
MAX_SCHEDULES = 20
MAX_FILES = 10
_SPAN = re.compile(r"([0-9]{1,2}):([0-9]{2})-([0-9]{1,2}):([0-9]{2})")
_FILE = re.compile(r"(?!/)(?!.*//)[^\\:\x00-\x1f]{1,200}\.ics")

HOURS = Form(
    "opening hours",
    "When somebody is there. A make-up working day beats a holiday, a holiday the week; an event with a time opens or closes that "
    "part of a day.",
    (
        Key(
            "week",
            Takes.WEEK,
            "The hours of each day of the week.",
            "{mon-fri: [08:30-12:00, 14:00-18:00], sat: 09:00-12:00}",
            required=True,
        ),
        Key("zone", Takes.ZONE, "The time zone of the hours.", "Asia/Shanghai", default="Asia/Shanghai"),
        Key("holidays", Takes.FILES, "When it is closed. Days marked （班） are make-up working days.", "calendars/cn-2026.ics"),
        Key("working_days", Takes.FILES, "Make-up working days, and extra openings where an event has a time.", "calendars/make-up.ics"),
        Key("make_up_hours", Takes.WEEKDAY, "Whose hours a make-up day has; the first day of the week that has any, unless given.", "mon"),
    ),
    """\
hours:
  desk:
    week: {mon-fri: [08:30-12:00, 14:00-18:00], sat-sun: 09:00-12:00}
""",
)


def read_hours(source: Source, read_file: ReadFile, problems: list[Problem]) -> Mapping[str, Schedule]:
    """The schedules under `hours`, by name. One with problems is there all the same, as far as it can be read."""
    if not isinstance(source, MappingSource):
        problems.append(Problem(source.mark, "wrong-type", f"'hours' must be a mapping (key: value), not {kind_of(source)}"))
        return {}
    if len(source.entries) > MAX_SCHEDULES:
        problems.append(
            Problem(source.mark, "yaml-limit", f"a flow may have {MAX_SCHEDULES} opening hours at most; this one has {len(source.entries)}")
        )
        return {}
    files = _Files(read_file, problems)
    schedules = {}
    for name, one in source.entries:
        if sentence := bad_name(name.text):
            problems.append(Problem(name.mark, "bad-value", sentence))
        schedules[name.text] = _schedule(Reader(one, f"hours '{name.text[:40]}'", problems, form=HOURS), files)
    return schedules


def _schedule(reader: Reader, files: _Files) -> Schedule:
    week = _week(reader)
    zone = _zone(reader)
    make_up = reader.one_of("make_up_hours", DAYS)
    if make_up is not None and week and not week.get(DAYS.index(make_up)):
        reader.problem(reader.key_mark("make_up_hours"), "bad-value", f"'{make_up}' has no hours that a make-up day could have")
    holidays = [files.calendar(one, opening=False) for one in _file_names(reader, "holidays")]
    working = [files.calendar(one, opening=True) for one in _file_names(reader, "working_days")]
    reader.done()
    both = (*holidays, *working)
    closed: tuple[Period, ...] = tuple(one for calendar in both for one in calendar.closed)
    opened: tuple[Period, ...] = tuple(one for calendar in both for one in calendar.open)
    return Schedule(week, zone, closed, opened, None if make_up is None else DAYS.index(make_up))


# --- the week ---


def _week(reader: Reader) -> dict[int, tuple[Span, ...]]:
    found: dict[int, list[Span]] = {}
    named: dict[int, str] = {}
    entries = reader.mapping("week")
    if not entries and isinstance(reader.source("week"), MappingSource):
        reader.problem(reader.key_mark("week"), "bad-value", "a week needs hours on one day at least, such as 'mon-fri: 09:00-17:00'")
    for text, (key, source) in entries.items():
        days = _days(text)
        if days is None:
            hint = did_you_mean(text, (*DAYS, DAILY)) if "-" not in text else ""
            reader.problem(key.mark, "bad-value", f"'{text[:40]}' is no day of the week; write mon, mon-fri or daily{hint}")
            continue
        if twice := [day for day in days if day in named]:
            reader.problem(key.mark, "bad-value", f"'{text}' has {DAYS[twice[0]]}, which '{named[twice[0]]}' has already")
            continue
        named.update(dict.fromkeys(days, text))
        for span in source.items if isinstance(source, ListSource) else (source,):
            _add(reader, days, span, found)
    week = {}
    for day, spans in sorted(found.items()):
        ordered = sorted(spans, key=lambda one: one.begins)
        week[day] = tuple(ordered)
        for first, second in pairwise(ordered):
            if first.ends == MIDNIGHT or second.begins < first.ends:
                sentence = f"on {DAYS[day]}, {_written(first)} and {_written(second)} overlap"
                reader.problem(reader.key_mark("week"), "bad-value", sentence)
                break
    return week


def _days(text: str) -> tuple[int, ...] | None:
    """The days that a key of the week means; None when it means none. fri-mon goes over the weekend."""
    if text == DAILY:
        return tuple(range(7))
    first, dash, last = text.partition("-")
    if first not in DAYS or (dash and last not in DAYS):
        return None
    begins = DAYS.index(first)
    return tuple((begins + day) % 7 for day in range((DAYS.index(last) - begins) % 7 + 1 if dash else 1))


def _add(reader: Reader, days: tuple[int, ...], source: Source, week: dict[int, list[Span]]) -> None:
    match = _SPAN.fullmatch(source.text) if isinstance(source, ScalarSource) else None
    if match is None:
        reader.problem(source.mark, "bad-value", f"hours are written 08:30-12:00, not {kind_of(source)}")
        return
    begins, ends = (_clock(match[place], match[place + 1]) for place in (1, 3))
    if begins is None or ends is None or match[1] == "24":
        reader.problem(source.mark, "bad-value", f"'{match[0]}' has a time that no clock shows")
        return
    if begins == ends and begins != MIDNIGHT:
        reader.problem(source.mark, "bad-value", f"'{match[0]}' is over as it begins; a whole day is written 00:00-24:00")
        return
    for day in days:
        if begins < ends or ends == MIDNIGHT:
            week.setdefault(day, []).append(Span(begins, ends))
        else:  # past midnight
            week.setdefault(day, []).append(Span(begins, MIDNIGHT))
            week.setdefault((day + 1) % 7, []).append(Span(MIDNIGHT, ends))


def _clock(hour: str, minute: str) -> dt.time | None:
    if (hour, minute) == ("24", "00"):
        return MIDNIGHT
    return dt.time(int(hour), int(minute)) if int(hour) < 24 and int(minute) < 60 else None


def _written(span: Span) -> str:
    return f"{span.begins:%H:%M}-{'24:00' if span.ends == MIDNIGHT else format(span.ends, '%H:%M')}"


# --- zone and calendars ---


def _zone(reader: Reader) -> str:
    source = reader.text("zone")
    default = HOURS["zone"].default
    if source is None:
        return default
    try:
        ZoneInfo(source.text)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        hint = did_you_mean(source.text[:60], sorted(available_timezones()))
        reader.problem(source.mark, "bad-value", f"there is no time zone '{source.text[:60]}'{hint}")
        return default
    return source.text


def _file_names(reader: Reader, key: str) -> list[ScalarSource]:
    source = reader.source(key)
    if source is None:
        return []
    items = source.items if isinstance(source, ListSource) else (source,)
    if len(items) > MAX_FILES:
        reader.problem(source.mark, "yaml-limit", f"'{key}' may name {MAX_FILES} calendars at most")
        return []
    names: list[ScalarSource] = []
    for item in items:
        if not isinstance(item, ScalarSource) or item.is_null:
            reader.problem(item.mark, "wrong-type", f"'{key}' must be a calendar file or a list of them, not {kind_of(item)}")
        elif not _FILE.fullmatch(item.text) or ".." in item.text.split("/"):
            sentence = f"'{item.text[:60]}' is no calendar beside the flow; write a path such as calendars/holidays.ics"
            reader.problem(item.mark, "bad-value", sentence)
        elif item.text in [one.text for one in names]:
            reader.problem(item.mark, "bad-value", f"'{item.text[:60]}' is named twice")
        else:
            names.append(item)
    return names


class _Files:
    """The calendars of a flow, each read once."""

    def __init__(self, read_file: ReadFile, problems: list[Problem]) -> None:
        self._read_file = read_file
        self._problems = problems
        self._read: dict[tuple[str, bool], Calendar] = {}

    def calendar(self, name: ScalarSource, *, opening: bool) -> Calendar:
        """What a file says; nothing when there is none."""
        key = name.text, opening
        if key not in self._read:
            file = self._read_file(name.text)
            found: tuple[Problem, ...] = ()
            calendar = Calendar()
            if file is None:
                self._problems.append(Problem(name.mark, "unknown-file", f"there is no file '{name.text}' beside the flow"))
            else:
                calendar, found = read_calendar(file[1], file[0], opening=opening)
            self._read[key] = calendar
            self._problems.extend(found)
        return self._read[key]
