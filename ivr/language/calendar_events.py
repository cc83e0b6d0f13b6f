"""The events of a calendar: when each begins and ends, how it comes again, and whether it is a holiday or a working day."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from dataclasses import dataclass

from icalendar.prop import vDDDTypes, vDuration

from ivr.core.marks import Mark
from ivr.language.calendar_text import Component, Problems, Property, TimeZones, taken_apart
from ivr.language.recurrence import Rule, read_rule

MAX_PROBLEMS = 20
MAX_DAYS_NAMED = 10_000
YEARS = range(1900, 2200)
_MAX_NAME = 80
_TIME = re.compile(r"[0-9]{8}(T[0-9]{6}Z?)?")
_DURATION = re.compile(r"\+?P(?:[0-9]{1,4}W|(?=[0-9T])(?:[0-9]{1,4}D)?(?:T(?=[0-9])(?:[0-9]{1,5}H)?(?:[0-9]{1,6}M)?(?:[0-9]{1,7}S)?)?)")
_WORKS = re.compile(r"班\s*$|[（(]\s*班\s*[）)]|补班|调休上班")
_RESTS = re.compile(r"[（(]\s*(?:休|休假|休息|休息日|放假)\s*[）)]")
_MARKED = re.compile(r"\s*[（(]\s*(?:班|休|休假|休息|休息日|放假)\s*[）)]\s*")

Moment = dt.date | dt.datetime


@dataclass(frozen=True, slots=True)
class Event:
    """What an event says of days."""

    mark: Mark
    begins: Moment
    ends: Moment
    name: str
    works: bool
    rests: bool
    cancelled: bool
    uid: str
    sequence: int
    replaces: Moment | None
    rules: tuple[Rule, ...]
    added: tuple[tuple[Moment, Moment | None], ...]
    left_out: frozenset[Moment]

    @property
    def length(self) -> dt.timedelta:
        """By its own clock."""
        if isinstance(self.begins, dt.datetime) and isinstance(self.ends, dt.datetime):
            return self.ends - self.begins
        return day_of(self.ends) - day_of(self.begins)


class EventReader:
    """Reads the events of one file."""

    def __init__(self, zones: TimeZones, problems: Problems) -> None:
        self.zones = zones
        self.problems = problems
        self._named = 0

    def _moment(self, text: str, one: Property) -> Moment | None:
        """A date or a time, in the zone that is told with it."""
        try:
            value = vDDDTypes.from_ical(text) if _TIME.fullmatch(text) else None
        except ValueError:
            value = None
        if not isinstance(value, dt.date):
            self.problems.wrong(one.mark, f"{one.name} has no such date or time: '{text[:40]}'")
            return None
        if value.year not in YEARS:
            self.problems.wrong(one.mark, f"{one.name} lies outside the years {YEARS[0]} to {YEARS[-1]}: '{text}'")
            return None
        if not isinstance(value, dt.datetime):
            return value
        if text.endswith("Z"):
            return value.replace(tzinfo=dt.UTC)
        if not one.zone_name:
            return value
        zone = self.zones.zone(one.zone_name, one.mark)
        return value.replace(tzinfo=zone) if zone else None

    def read(self, component: Component) -> Event | None:
        """What an event says; None when it says nothing certain, and then that has been told."""
        before = len(self.problems.found)
        if before >= MAX_PROBLEMS:
            return None
        given: dict[str, Property] = {}
        many: dict[str, list[Property]] = {"RRULE": [], "RDATE": [], "EXDATE": []}
        for line in component.lines:
            one = taken_apart(line, self.problems)
            if one is None:
                continue
            if one.name in many:
                many[one.name].append(one)
            elif one.name in given:
                self.problems.wrong(one.mark, f"an event has one {one.name}; this is a second one")
            else:
                given[one.name] = one
        begins = self._moment(given["DTSTART"].value, given["DTSTART"]) if "DTSTART" in given else None
        if "DTSTART" not in given:
            self.problems.wrong(component.mark, "an event needs DTSTART, the day or time it begins")
        ends = self._end(begins, given) if begins is not None else None
        replaces = self._moment(given["RECURRENCE-ID"].value, given["RECURRENCE-ID"]) if "RECURRENCE-ID" in given else None
        rules = tuple(rule for one in many["RRULE"] if (rule := self._rule(one)) is not None)
        added = tuple(self._moments(many["RDATE"]))
        if begins is not None and any(isinstance(moment, dt.datetime) != isinstance(begins, dt.datetime) for moment, _ in added):
            self.problems.wrong(many["RDATE"][0].mark, "RDATE and DTSTART must both be days, or both be times")
        left_out = frozenset(comparable(moment) for moment, _ in self._moments(many["EXDATE"]))
        value = {name: one.value.strip() for name, one in given.items()}
        special, summary = value.get("X-APPLE-SPECIAL-DAY", "").upper(), value.get("SUMMARY", "")
        name = " ".join(_MARKED.sub("", summary).split())[:_MAX_NAME]
        if not name.isprintable():
            self.problems.wrong(given["SUMMARY"].mark, "the event's name has control characters in it")
        if begins is None or ends is None or len(self.problems.found) > before:
            return None
        sequence = value.get("SEQUENCE", "0")
        return Event(
            mark=component.mark,
            begins=begins,
            ends=ends,
            name=name,
            works=special == "ALTERNATE-WORKDAY" or _WORKS.search(summary) is not None,
            rests=special == "WORK-HOLIDAY" or _RESTS.search(summary) is not None,
            cancelled=value.get("STATUS", "").upper() == "CANCELLED",
            uid=value.get("UID", ""),
            sequence=int(sequence) if re.fullmatch("[0-9]{1,9}", sequence) else 0,
            replaces=None if replaces is None else comparable(replaces),
            rules=rules,
            added=added,
            left_out=left_out,
        )

    def _end(self, begins: Moment, given: dict[str, Property]) -> Moment | None:
        """Where an event ends: a day that says nothing of it ends with the day."""
        mark = given["DTSTART"].mark
        timed = isinstance(begins, dt.datetime)
        if "DTEND" in given:
            mark = given["DTEND"].mark
            told = self._moment(given["DTEND"].value, given["DTEND"])
            if told is None:
                return None
            if isinstance(told, dt.datetime) != timed or _aware(told) != _aware(begins):
                self.problems.wrong(mark, "DTSTART and DTEND must both be days, both be times with a zone, or both be times without one")
                return None
            if isinstance(told, dt.datetime) and isinstance(begins, dt.datetime) and begins.tzinfo is not None:
                told = told.astimezone(begins.tzinfo)
            ends = told
        elif "DURATION" in given:
            mark = given["DURATION"].mark
            text = given["DURATION"].value.strip()
            length = vDuration.from_ical(text) if _DURATION.fullmatch(text) else None
            if length is None:
                self.problems.wrong(mark, f"DURATION cannot be '{text[:40]}'; it is written P1D, PT4H or PT30M")
                return None
            ends = begins + length
        elif timed:
            self.problems.wrong(mark, "the event has no end: it has a time, and so it needs DTEND or DURATION")
            return None
        else:
            ends = begins
        if ends == begins and not timed:
            ends = begins + dt.timedelta(days=1)  # RFC 5545 has it so without DTEND; many write the same day as the end
        if ends <= begins:
            self.problems.wrong(mark, "the event ends before it begins, or with its beginning")
            return None
        return ends

    def _rule(self, one: Property) -> Rule | None:
        rule = read_rule(one.value.strip())
        if isinstance(rule, str):
            self.problems.wrong(one.mark, rule)
            return None
        return rule

    def _moments(self, properties: list[Property]) -> Iterator[tuple[Moment, Moment | None]]:
        """Days, times, or periods with their ends."""
        texts = [(text.strip(), one) for one in properties for text in one.value.split(",")]
        self._named += len(texts)
        if self._named > MAX_DAYS_NAMED and texts:
            self.problems.wrong(properties[0].mark, f"the events name more than {MAX_DAYS_NAMED} days one by one; use rules")
            return
        for text, one in texts:
            begin, slash, end = text.partition("/")
            begins = self._moment(begin, one)
            if begins is None:
                if len(self.problems.found) >= MAX_PROBLEMS:
                    return
                continue
            if not slash:
                yield begins, None
                continue
            ends = begins + vDuration.from_ical(end) if _DURATION.fullmatch(end) else self._moment(end, one)
            timed = isinstance(begins, dt.datetime) and isinstance(ends, dt.datetime) and _aware(ends) == _aware(begins)
            if ends is None or not timed or ends <= begins:
                self.problems.wrong(one.mark, f"{one.name} has no such period: '{text[:60]}'")
                return
            yield begins, ends


def _aware(moment: Moment) -> bool:
    return isinstance(moment, dt.datetime) and moment.tzinfo is not None


def day_of(moment: Moment) -> dt.date:
    """Its day, by its own clock."""
    return moment.date() if isinstance(moment, dt.datetime) else moment


def comparable(moment: Moment) -> Moment:
    """The same for the same moment, whatever zone it is told in."""
    return moment.astimezone(dt.UTC) if isinstance(moment, dt.datetime) and moment.tzinfo is not None else moment
