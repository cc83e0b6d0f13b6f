"""iCalendar as text (RFC 5545, 3.1 and 3.6): folded lines, components, names of time zones. Only what bears on days is kept."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from icalendar.parser import Contentline
from icalendar.timezone import tzp

from ivr.core.marks import Mark
from ivr.language.problems import Problem

MAX_EVENTS = 2_000
_MAX_LINES = 500  # of one event, that matter
_MAX_LINE = 50_000
_MAX_DEPTH = 10
_OF_EVENTS = frozenset(
    {
        "DTSTART",
        "DTEND",
        "DURATION",
        "RRULE",
        "RDATE",
        "EXDATE",
        "RECURRENCE-ID",
        "SUMMARY",
        "STATUS",
        "UID",
        "SEQUENCE",
        "X-APPLE-SPECIAL-DAY",
    }
)
_OF_ZONES = frozenset({"TZID", "X-LIC-LOCATION", "TZOFFSETTO"})
_OFFSET = re.compile(r"([+-])([01][0-9]|2[0-3])([0-5][0-9])([0-5][0-9])?")


class Problems:
    """What is wrong with one file."""

    def __init__(self, path: str) -> None:
        self.start = Mark(path, 1, 1)
        self.found: list[Problem] = []

    def wrong(self, mark: Mark, sentence: str) -> None:
        """Something that must be mended."""
        self.found.append(Problem(mark, "calendar", _printable(sentence)))

    def warn(self, mark: Mark, sentence: str) -> None:
        """Something that may not be meant so."""
        self.found.append(Problem(mark, "calendar", _printable(sentence), "warning"))


@dataclass(frozen=True, slots=True)
class Line:
    """One content line, unfolded."""

    text: str
    mark: Mark

    @property
    def name(self) -> str:
        return self.text[:80].partition(":")[0].partition(";")[0].strip().upper()


@dataclass(frozen=True, slots=True)
class Property:
    """A content line taken apart."""

    name: str
    value: str
    zone_name: str
    mark: Mark


@dataclass(slots=True)
class Component:
    """The lines of an event or of a time zone, those that matter."""

    mark: Mark
    lines: list[Line] = field(default_factory=list)


def components(text: str, problems: Problems) -> tuple[list[Component], list[Component]]:
    """The events and the time zones."""
    events: list[Component] = []
    zones: list[Component] = []
    stack: list[tuple[str, Mark]] = []
    for line in _unfolded(text, problems.start.path):
        name = line.name
        if name not in ("BEGIN", "END"):
            if not stack:
                problems.wrong(line.mark, "this is no calendar: BEGIN:VCALENDAR should stand here")
                break
            inside = [one for one, _ in stack]
            if inside[1:] == ["VEVENT"] and name in _OF_EVENTS:
                events[-1].lines.append(line)
                if len(events[-1].lines) > _MAX_LINES:
                    problems.wrong(line.mark, f"the event has more than {_MAX_LINES} lines that tell days")
                    break
            elif inside[1:2] == ["VTIMEZONE"] and name in _OF_ZONES:
                zones[-1].lines.append(line)
            continue
        what = line.text.partition(":")[2].strip().upper()
        if name == "BEGIN":
            if not stack and what != "VCALENDAR":
                problems.wrong(line.mark, "this is no calendar: BEGIN:VCALENDAR should stand here")
                break
            stack.append((what, line.mark))
            if what in ("VEVENT", "VTIMEZONE") and len(stack) == 2:
                (events if what == "VEVENT" else zones).append(Component(line.mark))
            if len(stack) > _MAX_DEPTH or len(events) + len(zones) > MAX_EVENTS:
                many = f"the calendar has more than {MAX_EVENTS} events"
                problems.wrong(
                    line.mark, many if len(stack) <= _MAX_DEPTH else f"components stand more than {_MAX_DEPTH} deep in one another"
                )
                break
        elif not stack or stack.pop()[0] != what:
            problems.wrong(line.mark, f"'END:{what[:40]}' ends nothing that has begun")
            break
    else:
        if stack:
            what, mark = stack[-1]
            problems.wrong(mark, f"the calendar breaks off: this {what[:40]} has no end")
        elif not text.strip("\ufeff \r\n\t"):
            problems.wrong(problems.start, "the file is empty")
    return events, zones


def taken_apart(line: Line, problems: Problems) -> Property | None:
    """A content line by its parts; None when it has none, and then that has been told."""
    if len(line.text) > _MAX_LINE:
        problems.wrong(line.mark, f"this {line.name} is longer than {_MAX_LINE} characters")
        return None
    try:
        name, parameters, value = Contentline(line.text).parts()
        zone_name = parameters.get("TZID", "")
    except ValueError:
        problems.wrong(line.mark, f"this {line.name[:40]} cannot be read")
        return None
    return Property(name.upper(), str(value), zone_name if isinstance(zone_name, str) else "", line.mark)


class TimeZones:
    """The zones a file names."""

    def __init__(self, described: list[Component], problems: Problems) -> None:
        self.problems = problems
        self._zones: dict[str, dt.tzinfo | None] = {}
        self._read(described)

    def _read(self, zones: list[Component]) -> None:
        """The zones a file describes. One that is known by its name needs no description, and one with a single offset is that offset."""
        for zone in zones:
            found: dict[str, set[str]] = {}
            for line in zone.lines:
                if (one := taken_apart(line, self.problems)) is not None:
                    found.setdefault(one.name, set()).add(one.value)
            offsets = [_OFFSET.fullmatch(text) for text in found.get("TZOFFSETTO", ())]
            for name in found.get("TZID", ()):
                known = _known_zone(name)
                for location in found.get("X-LIC-LOCATION", ()):
                    known = known or _known_zone(location)
                if known is None and len(offsets) == 1 and (offset := offsets[0]):
                    ahead = dt.timedelta(hours=int(offset[2]), minutes=int(offset[3]), seconds=int(offset[4] or 0))
                    known = dt.timezone(ahead if offset[1] == "+" else -ahead)
                self._zones[name] = known

    def zone(self, name: str, mark: Mark) -> dt.tzinfo | None:
        """The zone of that name; None when there is none, and then that has been told."""
        if name not in self._zones:
            self._zones[name] = _known_zone(name)
        if self._zones[name] is None:
            self.problems.wrong(mark, f"the time zone '{name[:40]}' is not known here; use a name such as Asia/Shanghai")
        return self._zones[name]


def _unfolded(text: str, path: str) -> Iterator[Line]:
    """Content lines: one that begins with a space or a tab goes on with the line before."""
    pieces: list[str] = []
    begun = 1
    for number, line in enumerate(text.removeprefix("\ufeff").split("\n"), 1):
        line = line.removesuffix("\r")
        if line[:1] in (" ", "\t") and pieces:
            pieces.append(line[1:])
            continue
        if pieces:
            yield Line("".join(pieces), Mark(path, begun, 1))
        pieces, begun = ([line] if line.strip() else []), number
    if pieces:
        yield Line("".join(pieces), Mark(path, begun, 1))


def _printable(text: str) -> str:
    return "".join(sign if sign.isprintable() else "?" for sign in text)


def _known_zone(name: str) -> dt.tzinfo | None:
    """A zone of the IANA's list, also by Windows' name for it."""
    if re.fullmatch(r"[A-Za-z0-9 _+/.()&-]{1,60}", name) is None:
        return None
    try:
        zone = tzp.timezone(name)
    except (ValueError, LookupError, OSError):
        return None
    return zone if isinstance(zone, ZoneInfo) else None
