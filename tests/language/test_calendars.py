"""Calendar files: what closes, what opens, and what is wrong, word for word."""

from __future__ import annotations

import datetime as dt
import time
from zoneinfo import ZoneInfo

import pytest
from dateutil.rrule import rrulestr
from hypothesis import given, settings
from hypothesis import strategies as st

from ivr.core.schedule import Closed, Open, Period, Schedule, Span, state_at
from ivr.language.calendars import Calendar, read_calendar
from ivr.language.recurrence import Budget, Rule, days_of, read_rule
from tests.conftest import HOME

SHANGHAI = ZoneInfo("Asia/Shanghai")
CN_2026 = (HOME / "flows" / "calendars" / "cn-2026.ics").read_text(encoding="utf-8")


def event(*lines: str) -> str:
    return "\r\n".join(["BEGIN:VEVENT", *lines, "END:VEVENT\r\n"])


def file(*parts: str) -> str:
    return "BEGIN:VCALENDAR\r\n" + "".join(parts) + "END:VCALENDAR\r\n"


def sound(*parts: str, opening: bool = False) -> Calendar:
    calendar, problems = read_calendar(file(*parts), "c.ics", opening=opening)
    assert [str(problem) for problem in problems] == []
    return calendar


def told(text: str) -> list[str]:
    return [str(problem) for problem in read_calendar(text, "c.ics")[1]]


def day(text: str) -> dt.date:
    return dt.date.fromisoformat(text)


def starts(*lines: str) -> list[str]:
    return [period.begins.isoformat() for period in sound(event(*lines, "SUMMARY:x")).closed]


# --- China's holidays of 2026, as the State Council told them on 4 November 2025 ---

OFFICE = Schedule(
    dict.fromkeys(range(5), (Span(dt.time(9), dt.time(17)),)),
    closed=read_calendar(CN_2026, "cn-2026.ics")[0].closed,
    open=read_calendar(CN_2026, "cn-2026.ics")[0].open,
)


def test_the_shipped_calendar_has_no_problems():
    assert read_calendar(CN_2026, "cn-2026.ics")[1] == ()


@pytest.mark.parametrize(
    ("date", "state"),
    [
        ("2026-01-02", Closed("元旦")), ("2026-01-04", Open()), ("2026-02-14", Open()), ("2026-02-15", Closed("春节")),
        ("2026-02-23", Closed("春节")), ("2026-02-24", Open()), ("2026-02-28", Open()), ("2026-04-06", Closed("清明节")),
        ("2026-05-05", Closed("劳动节")), ("2026-05-09", Open()), ("2026-06-19", Closed("端午节")), ("2026-09-20", Open()),
        ("2026-09-25", Closed("中秋节")), ("2026-10-01", Closed("国庆节")), ("2026-10-07", Closed("国庆节")), ("2026-10-08", Open()),
        ("2026-10-10", Open()), ("2026-10-11", Closed(None)), ("2026-09-28", Open()),
    ],
)  # fmt: skip
def test_a_day_of_2026_in_china(date: str, state: Open | Closed):
    assert state_at(OFFICE, dt.datetime.fromisoformat(f"{date}T10:00").replace(tzinfo=SHANGHAI)) == state


def test_the_days_off_and_the_make_up_days_are_as_many_as_announced():
    calendar, _ = read_calendar(CN_2026, "cn-2026.ics")

    assert sum((period.ends - period.begins).days for period in calendar.closed) == 33
    assert len(calendar.open) == 6


# --- events ---


def test_a_day_without_an_end_is_one_day():
    expected = (Period(day("2026-10-01"), day("2026-10-02"), "x"),)

    assert sound(event("DTSTART;VALUE=DATE:20261001", "SUMMARY:x")).closed == expected
    assert sound(event("DTSTART;VALUE=DATE:20261001", "DTEND;VALUE=DATE:20261001", "SUMMARY:x")).closed == expected
    assert sound(event("DTSTART;VALUE=DATE:20261001", "DURATION:P1D", "SUMMARY:x")).closed == expected


def test_folded_lines_escapes_alarms_and_a_byte_order_mark_are_taken():
    text = file(event("DTSTART:20261001", "SUMM", " ARY:National\\, ", "\tDay", "BEGIN:VALARM", "SUMMARY:no", "END:VALARM"))

    calendar, problems = read_calendar("\ufeff" + text, "c.ics")

    assert problems == ()
    assert calendar.closed == (Period(day("2026-10-01"), day("2026-10-02"), "National, Day"),)


@pytest.mark.parametrize(
    "begins", ["DTSTART;TZID=Asia/Shanghai:20260213T120000", "DTSTART;TZID=China Standard Time:20260213T120000", "DTSTART:20260213T040000Z"]
)
def test_half_a_day_is_told_with_its_zone(begins: str):
    (period,) = sound(event(begins, "DURATION:PT12H", "SUMMARY:除夕")).closed

    assert period.begins == dt.datetime.fromisoformat("2026-02-13T12:00+08:00")
    assert period.ends == dt.datetime.fromisoformat("2026-02-14T00:00+08:00")


def test_a_time_without_a_zone_is_left_to_the_schedule():
    (period,) = sound(event("DTSTART:20260213T120000", "DTEND:20260213T180000", "SUMMARY:x")).closed

    assert isinstance(period.begins, dt.datetime)
    assert period.begins.tzinfo is None


def test_a_zone_of_the_files_own_with_one_offset_is_that_offset():
    zone = "BEGIN:VTIMEZONE\nTZID:Ours\nBEGIN:STANDARD\nDTSTART:16010101T000000\nTZOFFSETTO:+0530\nEND:STANDARD\nEND:VTIMEZONE\n"

    (period,) = sound(zone, event("DTSTART;TZID=Ours:20260101T090000", "DURATION:PT1H", "SUMMARY:x")).closed

    assert period.begins == dt.datetime.fromisoformat("2026-01-01T09:00+05:30")


@pytest.mark.parametrize(
    "lines",
    [
        ("SUMMARY:春节（班）",),
        ("SUMMARY:春节补班",),
        ("SUMMARY:国庆节 班",),
        ("SUMMARY:调休上班（周六）",),
        ("SUMMARY:x", "X-APPLE-SPECIAL-DAY:ALTERNATE-WORKDAY"),
    ],
)
def test_a_make_up_working_day_opens(lines: tuple[str, ...]):
    calendar = sound(event("DTSTART:20260214", *lines))

    assert calendar.closed == ()
    assert [period.begins for period in calendar.open] == [day("2026-02-14")]


def test_in_a_calendar_that_marks_its_holidays_the_rest_closes_nothing():
    text = file(
        event("DTSTART:20260216", "SUMMARY:春节（休）"),
        event("DTSTART:20260303", "SUMMARY:元宵节"),
        event("DTSTART:20260305", "SUMMARY:惊蛰"),
    )

    calendar, problems = read_calendar(text, "c.ics")

    assert [period.name for period in calendar.closed] == ["春节"]
    assert [str(problem) for problem in problems] == [
        "c.ics:6:1: warning: this calendar marks its holidays with （休）; what has no mark closes nothing: '元宵节' and 1 more  [calendar]"
    ]


def test_a_calendar_of_openings_opens_but_for_what_is_marked_as_a_holiday():
    calendar = sound(event("DTSTART:20260214", "SUMMARY:x"), event("DTSTART:20260215", "SUMMARY:春节（休）"), opening=True)

    assert [period.begins for period in calendar.open] == [day("2026-02-14")]
    assert [period.name for period in calendar.closed] == ["春节"]


# --- what comes again ---


def test_a_yearly_holiday_comes_each_year_to_the_middle_of_the_century():
    found = starts("DTSTART;VALUE=DATE:19491001", "RRULE:FREQ=YEARLY")

    assert (found[0], found[-1], len(found)) == ("1949-10-01", "2050-10-01", 102)


def test_thanksgiving_and_the_last_monday_are_found():
    rule = "RRULE:FREQ=YEARLY;BYMONTH=11;BYDAY=4TH;COUNT=2"

    assert starts("DTSTART:20261126", rule) == ["2026-11-26", "2027-11-25"]
    assert starts("DTSTART:20260525", "RRULE:FREQ=MONTHLY;BYDAY=-1MO;COUNT=3") == ["2026-05-25", "2026-06-29", "2026-07-27"]


def test_days_are_left_out_and_added():
    found = starts(
        "DTSTART:20260105", "RRULE:FREQ=WEEKLY;UNTIL=20260126", "EXDATE;VALUE=DATE:20260112", "RDATE;VALUE=DATE:20260114,20260105"
    )

    assert found == ["2026-01-05", "2026-01-19", "2026-01-26", "2026-01-14"]


def test_an_until_in_utc_ends_a_rule_of_another_zone_and_its_clock_stays():
    found = starts("DTSTART;TZID=Europe/Berlin:20261024T090000", "DURATION:PT1H", "RRULE:FREQ=DAILY;UNTIL=20261026T080000Z")

    assert found == ["2026-10-24T09:00:00+02:00", "2026-10-25T09:00:00+01:00", "2026-10-26T09:00:00+01:00"]


def test_one_time_may_be_moved_or_cancelled_and_a_whole_event_too():
    weekly = event("UID:1", "DTSTART:20260105", "RRULE:FREQ=WEEKLY;COUNT=3", "SUMMARY:x")
    moved = event("UID:1", "RECURRENCE-ID;VALUE=DATE:20260112", "DTSTART:20260113", "SUMMARY:moved")
    dropped = event("UID:1", "RECURRENCE-ID;VALUE=DATE:20260119", "DTSTART:20260119", "STATUS:CANCELLED", "SUMMARY:x")
    never = event("UID:2", "DTSTART:20260120", "STATUS:CANCELLED", "SUMMARY:x")

    found = sound(weekly, moved, dropped, never).closed

    assert [(period.begins.isoformat(), period.name) for period in found] == [("2026-01-05", "x"), ("2026-01-13", "moved")]


def test_of_two_versions_the_later_counts():
    found = sound(event("UID:1", "DTSTART:20260105", "SUMMARY:x"), event("UID:1", "SEQUENCE:1", "DTSTART:20260106", "SUMMARY:x")).closed

    assert [period.begins for period in found] == [day("2026-01-06")]


RULES = st.builds(
    lambda frequency, interval, parts: ";".join([f"FREQ={frequency}", f"INTERVAL={interval}", *parts]),
    st.sampled_from(["DAILY", "WEEKLY", "MONTHLY", "YEARLY"]),
    st.integers(1, 4),
    st.lists(
        st.sampled_from(["BYMONTH=2", "BYMONTH=1,11", "BYMONTHDAY=1,15,-1", "BYMONTHDAY=29", "BYDAY=MO,SU", "BYDAY=2TU,-1FR",
                         "BYYEARDAY=1,100,-1",
                         "BYSETPOS=1,-1", "COUNT=5", "WKST=SU"]),
        unique_by=lambda part: part.split("=")[0], max_size=3,
    ),
)  # fmt: skip


@settings(max_examples=100, deadline=None)
@given(RULES, st.dates(day("2020-01-01"), day("2028-12-31")))
def test_a_rule_gives_the_days_that_dateutil_gives(text: str, first: dt.date):
    rule = read_rule(text)
    last = first.replace(year=first.year + 6, day=1)

    if isinstance(rule, str) or (rule.positions and rule.frequency == "WEEKLY") or (rule.positions and text.count("BY") == 1):
        return  # dateutil begins the first week of BYSETPOS with the first day, and refuses BYSETPOS alone
    theirs = rrulestr(text, dtstart=dt.datetime.combine(first, dt.time()), cache=False)
    expected = []
    for moment in theirs.xafter(dt.datetime.combine(first, dt.time()), inc=True) if _comes_true(rule, first) else ():
        if moment.date() > last:
            break
        expected.append(moment.date())

    assert list(days_of(rule, first, last, Budget(100_000))) == expected


def _comes_true(rule: Rule, first: dt.date) -> bool:
    """Whether it comes at all: dateutil would look for it through eight thousand years."""
    return next(days_of(rule, first, first.replace(year=first.year + 60, day=1), Budget(10**6)), None) is not None


# --- what is wrong ---

RULE = ("DTSTART:20260101", "SUMMARY:x")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "c.ics:1:1: error: the file is empty"),
        ("hello", "c.ics:1:1: error: this is no calendar: BEGIN:VCALENDAR should stand here"),
        ("\0\xff\x01", "c.ics:1:1: error: this is no calendar: BEGIN:VCALENDAR should stand here"),
        ("BEGIN:VCALENDAR\nBEGIN:VEVENT\n", "c.ics:2:1: error: the calendar breaks off: this VEVENT has no end"),
        ("BEGIN:VCALENDAR\nEND:VEVENT\n", "c.ics:2:1: error: 'END:VEVENT' ends nothing that has begun"),
        (file(), "c.ics:1:1: warning: the calendar has no events"),
        (file(event("SUMMARY:x")), "c.ics:2:1: error: an event needs DTSTART, the day or time it begins"),
        (
            file(event("DTSTART:20260101")),
            "c.ics:2:1: warning: the event has no name (SUMMARY), so callers cannot be told what it is closed for",
        ),
        (file(event("DTSTART:20261301", "SUMMARY:x")), "c.ics:3:1: error: DTSTART has no such date or time: '20261301'"),
        (file(event("DTSTART:99990101", "SUMMARY:x")), "c.ics:3:1: error: DTSTART lies outside the years 1900 to 2199: '99990101'"),
        (
            file(event("DTSTART;TZID=Nowhere:20260101T090000", "DURATION:PT1H")),
            "c.ics:3:1: error: the time zone 'Nowhere' is not known here; use a name such as Asia/Shanghai",
        ),
        (
            file(event("DTSTART:20260101T090000", "SUMMARY:x")),
            "c.ics:3:1: error: the event has no end: it has a time, and so it needs DTEND or DURATION",
        ),
        (
            file(event("DTSTART:20260101", "DTEND:20251231", "SUMMARY:x")),
            "c.ics:4:1: error: the event ends before it begins, or with its beginning",
        ),
        (
            file(event("DTSTART:20260101", "DTEND:20260102T090000", "SUMMARY:x")),
            "c.ics:4:1: error: DTSTART and DTEND must both be days, both be times with a zone, or both be times without one",
        ),
        (
            file(event("DTSTART:20260101", "DURATION:P1Q", "SUMMARY:x")),
            "c.ics:4:1: error: DURATION cannot be 'P1Q'; it is written P1D, PT4H or PT30M",
        ),
        (file(event("DTSTART:20260101", "DTSTART:20260101")), "c.ics:4:1: error: an event has one DTSTART; this is a second one"),
        (
            file(event("DTSTART:20260101", "RDATE:20260101T090000/20260102", "SUMMARY:x")),
            "c.ics:4:1: error: RDATE has no such period: '20260101T090000/20260102'",
        ),
        (
            file(event("DTSTART:20260101", "RDATE:20260101T090000", "SUMMARY:x")),
            "c.ics:4:1: error: RDATE and DTSTART must both be days, or both be times",
        ),
        (file(event(*RULE, "RRULE:FREQ=SECONDLY")), "c.ics:5:1: error: a rule repeats DAILY, WEEKLY, MONTHLY or YEARLY here, not SECONDLY"),
        (
            file(event(*RULE, "RRULE:COUNT=3")),
            "c.ics:5:1: error: the rule has no FREQ, which says whether it repeats daily, weekly, monthly or yearly",
        ),
        (file(event(*RULE, "RRULE:FREQ=DAILY;INTERVAL=0")), "c.ics:5:1: error: INTERVAL must be from 1 to 1000, not 0"),
        (file(event(*RULE, "RRULE:FREQ=DAILY;COUNT=0")), "c.ics:5:1: error: COUNT must be 1 or more, not 0"),
        (file(event(*RULE, "RRULE:FREQ=DAILY;FREQ=DAILY")), "c.ics:5:1: error: the rule says something twice"),
        (file(event(*RULE, "RRULE:FREQ=YEARLY;BYMONTH=13")), "c.ics:5:1: error: BYMONTH cannot be '13'"),
        (
            file(event(*RULE, "RRULE:FREQ=DAILY;BYDAY=2MO")),
            "c.ics:5:1: error: a numbered weekday in BYDAY needs FREQ=MONTHLY or YEARLY, not DAILY",
        ),
        (
            file(event(*RULE, "RRULE:FREQ=DAILY;BYHOUR=9")),
            "c.ics:5:1: error: 'BYHOUR' in a rule is not understood here; "
            "days may be told by BYMONTH, BYMONTHDAY, BYYEARDAY, BYDAY and BYSETPOS",
        ),
        (file(event(*RULE, "RRULE:FREQ=DAILY;COUNT=x")), "c.ics:5:1: error: the rule 'FREQ=DAILY;COUNT=x' cannot be read"),
        (
            file(*[event(*RULE, "RRULE:FREQ=DAILY")] * 2),
            "c.ics:7:1: error: the calendar has more than 10000 days; end this event's rule with UNTIL or COUNT",
        ),
    ],
)
def test_what_is_wrong_is_told_at_its_line(text: str, sentence: str):
    assert told(text) == [f"{sentence}  [calendar]"]


NEVER = "RRULE:FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30"


@pytest.mark.parametrize(
    "text",
    [
        file(event("DTSTART:20260101", NEVER)),
        file(*[event("DTSTART:20260101", NEVER)] * 1900),
        file(*[event("DTSTART:20260101")] * 22_000),
        file(event("DTSTART:20260101", "EXDATE:" + ",".join(["20260101"] * 100_000))),
        file(event("DTSTART:20260101", "SUMMARY:x" + "\n " * 300_000)),
        file("X:\n" * 300_000),
        "BEGIN:VCALENDAR\n" * 60_000,
        "\0\x01\xff" * 100_000,
        "x" * 2**21,
    ],
    ids=["never", "never, often", "events", "exdates", "folds", "lines", "depth", "binary", "size"],
)
def test_a_file_made_to_hurt_takes_no_more_than_a_second(text: str):
    began = time.process_time()

    read_calendar(text, "c.ics")

    assert time.process_time() - began < 2.0  # a second alone on a machine


PIECES = st.sampled_from(
    ["DTSTART", "DTEND", "DURATION", "RRULE", "RDATE", "EXDATE", "RECURRENCE-ID", "SUMMARY", "UID:1", "SEQUENCE:",
     ";TZID=", ";VALUE=DATE", ":", ";", ",", "=",
     "20260101", "20260101T090000", "Z", "/", "PT1H", "P1W", "FREQ=YEARLY", "UNTIL=", "COUNT=", "BYDAY=", "1MO", "-",
     "\r\n", "\n ", '"', "\\", "班", "Asia/Shanghai",
     "BEGIN:VEVENT\n", "END:VEVENT\n", "BEGIN:VTIMEZONE\n", "END:VTIMEZONE\n", "TZID:x\n", "TZOFFSETTO:+9999\n", "\0", "\ud800", "^n", "%"]
)  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(st.lists(PIECES, max_size=30).map("".join), st.booleans())
def test_any_text_gives_a_calendar_or_sentences(text: str, opening: bool):
    for whole in (
        text,
        file(text),
        file(event(text)),
        file(event("DTSTART:20260101", text)),
        file(event("DTSTART:20260101", "RRULE:" + text)),
    ):
        calendar, problems = read_calendar(whole, "c.ics", opening=opening)

        assert all(problem.code == "calendar" and problem.mark.line > 0 and problem.sentence.isprintable() for problem in problems)
        Schedule({}, closed=calendar.closed, open=calendar.open)
