"""Opening hours in a flow: what is read, and every message word for word."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

import pytest

from ivr.core.schedule import Schedule, Span, is_open
from ivr.language.hours import read_hours
from ivr.language.problems import Problem
from ivr.language.source import read_yaml

HOLIDAY = "BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART:20261001\nSUMMARY:国庆节\nEND:VEVENT\nEND:VCALENDAR\n"
FILES = {
    "c/rest.ics": HOLIDAY,
    "work.ics": HOLIDAY.replace("20261001", "20261010"),
    "bad.ics": HOLIDAY.replace("20261001", "2026"),
}


def read(text: str) -> tuple[Mapping[str, Schedule], list[str]]:
    source, _ = read_yaml(text, "f.yaml")
    assert source is not None
    problems: list[Problem] = []
    found = read_hours(source, lambda name: (f"flows/{name}", FILES[name]) if name in FILES else None, problems)
    return found, [str(problem) for problem in problems]


def desk(text: str) -> Schedule:
    found, problems = read(f"desk: {{{text}}}")
    assert problems == []
    return found["desk"]


def span(begins: str, ends: str) -> Span:
    return Span(dt.time.fromisoformat(begins), dt.time.fromisoformat(ends))


def test_a_week_is_read_day_by_day():
    schedule = desk("week: {mon-wed: [14:00-18:00, 8:30-12:00], sat: 09:00-12:00}")

    office = (span("08:30", "12:00"), span("14:00", "18:00"))
    assert schedule.week == {0: office, 1: office, 2: office, 5: (span("09:00", "12:00"),)}
    assert schedule.zone == "Asia/Shanghai"
    assert schedule.make_up_hours == office


def test_every_day_and_days_over_the_weekend_are_written_short():
    assert desk("week: {daily: 00:00-24:00}").week == dict.fromkeys(range(7), (span("00:00", "00:00"),))
    assert sorted(desk("week: {fri-mon: 09:00-12:00}").week) == [0, 4, 5, 6]


def test_hours_past_midnight_are_parted_between_the_days():
    schedule = desk("week: {fri: 22:00-02:00, sun: 23:00-01:00}")

    assert schedule.week == {
        0: (span("00:00", "01:00"),),
        4: (span("22:00", "00:00"),),
        5: (span("00:00", "02:00"),),
        6: (span("23:00", "00:00"),),
    }


def test_calendars_close_and_open():
    schedule = desk(
        "week: {mon-fri: 09:00-17:00, sun: 10:00-11:00}, holidays: [c/rest.ics], working_days: work.ics, "
        "make_up_hours: sun, zone: Asia/Tokyo"
    )

    def open_at(text: str) -> bool:
        return is_open(schedule, dt.datetime.fromisoformat(f"{text}+09:00"))

    assert not open_at("2026-10-01T10:00")
    assert open_at("2026-10-02T09:00")
    assert open_at("2026-10-10T10:59")
    assert not open_at("2026-10-10T09:00")


WEEK = "week: {mon: 09:00-12:00}"
BESIDE = "is no calendar beside the flow; write a path such as calendars/holidays.ics  [bad-value]"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[]", "1:1: error: 'hours' must be a mapping (key: value), not a list  [wrong-type]"),
        ("desk: 5", "1:7: error: hours 'desk' must be a mapping (key: value), not '5'  [wrong-type]"),
        ("a b: {%}", "1:1: error: 'a b' is not a name: letters, digits and _ only, no digit first  [bad-value]"),
        ("desk: {}", "1:7: error: hours 'desk' needs 'week'  [missing-key]"),
        ("desk: {%, zones: 5}", "1:34: error: hours 'desk' has no key 'zones'; did you mean 'zone'?  [unknown-key]"),
        ("desk: {week: {}}", "1:8: error: a week needs hours on one day at least, such as 'mon-fri: 09:00-17:00'  [bad-value]"),
        ("desk: {week: 09:00-12:00}", "1:14: error: 'week' must be a mapping (key: value), not '09:00-12:00'  [wrong-type]"),
        (
            "desk: {week: {mno: 09:00-12:00}}",
            "1:15: error: 'mno' is no day of the week; write mon, mon-fri or daily; did you mean 'mon'?  [bad-value]",
        ),
        ("desk: {week: {mon-fry: 09:00-12:00}}", "1:15: error: 'mon-fry' is no day of the week; write mon, mon-fri or daily  [bad-value]"),
        ("desk: {week: {daily: 09:00-12:00, mon: 13:00-14:00}}", "1:35: error: 'mon' has mon, which 'daily' has already  [bad-value]"),
        ("desk: {week: {mon: 9-12}}", "1:20: error: hours are written 08:30-12:00, not '9-12'  [bad-value]"),
        ("desk: {week: {mon: }}", "1:20: error: hours are written 08:30-12:00, not nothing  [bad-value]"),
        ("desk: {week: {mon: 09:00-25:00}}", "1:20: error: '09:00-25:00' has a time that no clock shows  [bad-value]"),
        (
            "desk: {week: {mon: 09:00-09:00}}",
            "1:20: error: '09:00-09:00' is over as it begins; a whole day is written 00:00-24:00  [bad-value]",
        ),
        ("desk: {week: {mon: [09:00-12:00, 11:00-24:00]}}", "1:8: error: on mon, 09:00-12:00 and 11:00-24:00 overlap  [bad-value]"),
        ("desk: {%, zone: Asia/Shanghi}", "1:40: error: there is no time zone 'Asia/Shanghi'; did you mean 'Asia/Shanghai'?  [bad-value]"),
        ("desk: {%, zone: ../etc}", "1:40: error: there is no time zone '../etc'  [bad-value]"),
        ("desk: {%, make_up_hours: monday}", "1:49: error: 'make_up_hours' cannot be 'monday'; did you mean 'mon'?  [bad-value]"),
        ("desk: {%, make_up_hours: tue}", "1:34: error: 'tue' has no hours that a make-up day could have  [bad-value]"),
        ("desk: {%, holidays: x.ics}", "1:44: error: there is no file 'x.ics' beside the flow  [unknown-file]"),
        ("desk: {%, holidays: ../x.ics}", f"1:44: error: '../x.ics' {BESIDE}"),
        ("desk: {%, holidays: /x.ics}", f"1:44: error: '/x.ics' {BESIDE}"),
        ("desk: {%, holidays: x.txt}", f"1:44: error: 'x.txt' {BESIDE}"),
        ("desk: {%, holidays: {}}", "1:44: error: 'holidays' must be a calendar file or a list of them, not a mapping  [wrong-type]"),
        ("desk: {%, holidays: [work.ics, work.ics]}", "1:55: error: 'work.ics' is named twice  [bad-value]"),
        (
            "desk: {%, holidays: [" + ", ".join(["work.ics"] * 11) + "]}",
            "1:44: error: 'holidays' may name 10 calendars at most  [yaml-limit]",
        ),
    ],
)
def test_what_is_wrong_is_told_in_its_place(text: str, sentence: str):
    assert read(text.replace("%", WEEK))[1] == [f"f.yaml:{sentence}"]


def test_a_problem_within_a_calendar_is_told_there_and_once():
    _, problems = read("one: {week: {mon: 09:00-12:00}, holidays: bad.ics}\ntwo: {week: {mon: 09:00-12:00}, holidays: bad.ics}\n")

    assert problems == ["flows/bad.ics:3:1: error: DTSTART has no such date or time: '2026'  [calendar]"]


def test_a_flow_has_twenty_opening_hours_at_most():
    text = "".join(f"desk{number}: {{{WEEK}}}\n" for number in range(21))

    assert read(text) == ({}, ["f.yaml:1:1: error: a flow may have 20 opening hours at most; this one has 21  [yaml-limit]"])
