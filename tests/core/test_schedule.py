"""Opening hours: the week, holidays, make-up working days, half days, and clocks that are put on and back."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ivr.core.schedule import HORIZON, Closed, Open, Period, Schedule, Span, closes_next, holiday_at, is_open, opens_next, state_at

SHANGHAI = ZoneInfo("Asia/Shanghai")
NEW_YORK = ZoneInfo("America/New_York")
BERLIN = ZoneInfo("Europe/Berlin")
NOON, SIX = dt.time(12), dt.time(18)
OFFICE = (Span(dt.time(8, 30), NOON), Span(dt.time(14), SIX))
WEEK = dict.fromkeys(range(5), OFFICE)
NATIONAL_DAY = Period(dt.date(2026, 10, 1), dt.date(2026, 10, 8), "国庆节")
MAKE_UP = Period(dt.date(2026, 10, 10), dt.date(2026, 10, 11), "国庆节班")


def at(text: str, zone: ZoneInfo = SHANGHAI) -> dt.datetime:
    return wall(text).replace(tzinfo=zone)


def wall(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text)


@pytest.mark.parametrize(
    ("moment", "open_then"),
    [
        ("2026-09-28T08:29:59", False), ("2026-09-28T08:30", True), ("2026-09-28T11:59:59.999999", True), ("2026-09-28T12:00", False),
        ("2026-09-28T14:00", True), ("2026-09-28T18:00", False), ("2026-09-27T10:00", False),
    ],
)  # fmt: skip
def test_a_span_has_its_first_moment_and_not_its_last(moment: str, open_then: bool):
    assert is_open(Schedule(WEEK), at(moment)) is open_then


def test_a_moment_may_be_told_in_any_zone():
    monday_in_shanghai = dt.datetime(2026, 9, 27, 20, 30, tzinfo=NEW_YORK)

    assert is_open(Schedule(WEEK), monday_in_shanghai)


def test_midnight_as_an_end_is_the_end_of_the_day():
    night = Schedule({4: (Span(dt.time(22), dt.time(0)),), 5: (Span(dt.time(0), dt.time(2)),)})

    assert is_open(night, at("2026-10-02T23:59:59"))
    assert is_open(night, at("2026-10-03T00:00"))
    assert closes_next(night, at("2026-10-02T23:00")) == at("2026-10-03T02:00")


def test_a_holiday_closes_and_has_a_name():
    schedule = Schedule(WEEK, closed=(NATIONAL_DAY,))

    assert state_at(schedule, at("2026-10-01T10:00")) == Closed("国庆节")
    assert opens_next(schedule, at("2026-10-01T10:00")) == at("2026-10-08T08:30")
    assert holiday_at(schedule, at("2026-10-08T07:00")) is None


def test_a_sunday_within_a_holiday_is_of_the_holiday():
    schedule = Schedule(WEEK, closed=(NATIONAL_DAY,))

    assert holiday_at(schedule, at("2026-10-04T10:00")) == "国庆节"


def test_a_make_up_saturday_has_the_hours_of_the_first_weekday_that_has_any():
    schedule = Schedule({2: OFFICE}, open=(MAKE_UP,))

    assert is_open(schedule, at("2026-10-10T08:30"))
    assert state_at(schedule, at("2026-10-10T13:00")) == Closed(None)
    assert opens_next(schedule, at("2026-10-09T10:00")) == at("2026-10-10T08:30")


def test_a_make_up_day_may_have_the_hours_of_another_weekday():
    schedule = Schedule({**WEEK, 5: (Span(dt.time(9), NOON),)}, open=(MAKE_UP,), workday=5)

    assert not is_open(schedule, at("2026-10-10T08:30"))
    assert is_open(schedule, at("2026-10-10T09:00"))


def test_a_make_up_day_beats_a_holiday():
    schedule = Schedule(WEEK, closed=(Period(dt.date(2026, 10, 1), dt.date(2026, 10, 31), "rest"),), open=(MAKE_UP,))

    assert state_at(schedule, at("2026-10-10T10:00")) == Open()
    assert state_at(schedule, at("2026-10-10T13:00")) == Closed(None)
    assert state_at(schedule, at("2026-10-12T10:00")) == Closed("rest")


def test_an_extra_opening_beats_everything():
    evening = Period(wall("2026-10-01T19:00"), wall("2026-10-01T21:00"), "")
    schedule = Schedule(WEEK, closed=(NATIONAL_DAY,), open=(evening,))

    assert is_open(schedule, at("2026-10-01T19:00"))
    assert opens_next(schedule, at("2026-10-01T10:00")) == at("2026-10-01T19:00")
    assert closes_next(schedule, at("2026-10-01T20:00")) == at("2026-10-01T21:00")


def test_a_half_day_takes_only_its_hours_away():
    new_years_eve = Period(wall("2026-02-13T12:00"), wall("2026-02-14T00:00"), "除夕")
    schedule = Schedule(WEEK, closed=(new_years_eve,))

    assert is_open(schedule, at("2026-02-13T11:00"))
    assert state_at(schedule, at("2026-02-13T15:00")) == Closed("除夕")


def test_a_closure_told_in_another_zone_is_of_the_same_moments():
    there = Period(dt.datetime(2026, 9, 28, 9, tzinfo=BERLIN), dt.datetime(2026, 9, 28, 10, tzinfo=BERLIN), "outage")
    schedule = Schedule(WEEK, closed=(there,))

    assert holiday_at(schedule, at("2026-09-28T15:00")) == "outage"
    assert holiday_at(schedule, at("2026-09-28T16:00")) is None


def test_of_two_closures_the_one_that_began_first_names_the_time_they_share():
    days = [dt.date(2026, 10, day) for day in range(1, 10)]
    schedule = Schedule(
        WEEK, closed=(Period(days[2], days[6], "later"), Period(days[0], days[4], "first"), Period(days[1], days[2], "inner"))
    )

    assert [holiday_at(schedule, at(f"2026-10-0{day}T09:00")) for day in range(1, 8)] == ["first"] * 4 + ["later"] * 2 + [None]


def test_what_never_opens_says_so():
    assert opens_next(Schedule({}), at("2026-10-01T10:00")) is None
    assert opens_next(Schedule({}, open=(MAKE_UP,)), at("2026-10-01T10:00")) is None
    assert closes_next(Schedule({}), at("2026-10-01T10:00")) is None


def test_what_never_closes_says_so():
    always = Schedule({day: (Span(dt.time(0), dt.time(0)),) for day in range(7)})

    assert is_open(always, at("2026-10-01T10:00"))
    assert closes_next(always, at("2026-10-01T10:00")) is None
    assert opens_next(always, at("2026-10-01T10:00")) is None


def test_an_opening_a_year_ahead_is_found_and_one_beyond_it_is_not():
    once = Schedule({}, open=(Period(wall("2027-10-01T09:00"), wall("2027-10-01T10:00")),))

    assert opens_next(once, at("2026-10-01T10:00")) == at("2027-10-01T09:00")
    assert opens_next(once, at("2026-09-20T10:00")) is None


# --- summer time ---

EARLY = {6: (Span(dt.time(1, 30), dt.time(2, 30)),)}  # Sundays, when both zones change


@pytest.mark.parametrize(
    ("zone", "sunday", "opens", "closes"),
    [
        ("Europe/Berlin", "2026-03-29", "01:30+01:00", "03:00+02:00"),  # 02:00 to 03:00 never comes
        ("America/New_York", "2026-03-08", "01:30-05:00", "03:00-04:00"),
        ("Asia/Shanghai", "2026-03-29", "01:30+08:00", "02:30+08:00"),
    ],
)
def test_an_hour_that_is_left_out_is_not_waited_for(zone: str, sunday: str, opens: str, closes: str):
    schedule = Schedule(EARLY, zone)
    before = at(f"{sunday}T00:00", ZoneInfo(zone))

    opened = opens_next(schedule, before)
    closed = closes_next(schedule, before)

    assert opened is not None
    assert closed is not None
    assert (opened.isoformat(), closed.isoformat()) == (f"{sunday}T{opens[:5]}:00{opens[5:]}", f"{sunday}T{closes[:5]}:00{closes[5:]}")


def test_an_opening_within_the_hour_that_is_left_out_comes_with_its_end():
    schedule = Schedule({6: (Span(dt.time(2, 30), dt.time(5)),)}, "Europe/Berlin")

    opened = opens_next(schedule, at("2026-03-29T00:00", BERLIN))

    assert opened is not None
    assert opened.isoformat() == "2026-03-29T03:00:00+02:00"


@pytest.mark.parametrize(
    ("zone", "sunday", "offsets"),
    [("Europe/Berlin", "2026-10-25", ("+02:00", "+01:00")), ("America/New_York", "2026-11-01", ("-04:00", "-05:00"))],
)
def test_an_hour_that_comes_twice_is_open_twice(zone: str, sunday: str, offsets: tuple[str, str]):
    hour = "02" if zone == "Europe/Berlin" else "01"
    schedule = Schedule({6: (Span(dt.time(int(hour)), dt.time(int(hour), 30)),)}, zone)
    moments = []

    moment = at(f"{sunday}T00:00", ZoneInfo(zone))
    for _ in range(2):
        opened = opens_next(schedule, moment)
        assert opened is not None
        closed = closes_next(schedule, opened)
        assert closed is not None
        moments += [opened.isoformat(), closed.isoformat()]
        moment = closed

    assert moments == [f"{sunday}T{hour}:{minute}:00{offset}" for offset in offsets for minute in ("00", "30")]


def test_a_holiday_has_the_whole_of_a_day_of_25_hours():
    schedule = Schedule(
        {day: (Span(dt.time(0), dt.time(0)),) for day in range(7)},
        "Europe/Berlin",
        (Period(dt.date(2026, 10, 25), dt.date(2026, 10, 26), "x"),),
    )

    opened = opens_next(schedule, at("2026-10-25T00:00", BERLIN))

    assert opened == at("2026-10-26T00:00", BERLIN)
    assert opened is not None
    assert opened.astimezone(dt.UTC) - at("2026-10-25T00:00", BERLIN).astimezone(dt.UTC) == dt.timedelta(hours=25)


# --- against a walk, minute by minute ---

CHANGES = {  # weeks in which the clocks change, and one in Shanghai
    "Asia/Shanghai": (dt.datetime(2026, 9, 28, tzinfo=dt.UTC),),
    "Europe/Berlin": (dt.datetime(2026, 3, 27, tzinfo=dt.UTC), dt.datetime(2026, 10, 23, tzinfo=dt.UTC)),
    "America/New_York": (dt.datetime(2026, 3, 6, tzinfo=dt.UTC), dt.datetime(2026, 10, 30, tzinfo=dt.UTC)),
    "America/Santiago": (dt.datetime(2026, 9, 4, tzinfo=dt.UTC), dt.datetime(2026, 4, 3, tzinfo=dt.UTC)),  # at midnight
}
MINUTES = 4 * 24 * 60
clocks = st.integers(0, 95).map(lambda quarter: dt.time(quarter // 4, quarter % 4 * 15))


@st.composite
def spans(draw: st.DrawFn) -> Span:
    begins, ends = sorted(draw(st.lists(clocks, min_size=2, max_size=2, unique=True)))
    return Span(begins, draw(st.sampled_from([ends, dt.time(0)])))


@st.composite
def schedules(draw: st.DrawFn) -> tuple[Schedule, dt.datetime]:
    zone = draw(st.sampled_from(sorted(CHANGES)))
    start = draw(st.sampled_from(CHANGES[zone]))
    week = draw(st.dictionaries(st.integers(0, 6), st.lists(spans(), max_size=2).map(tuple)))

    def period() -> Period:
        day = start.date() + dt.timedelta(days=draw(st.integers(-1, 4)))
        if draw(st.booleans()):
            return Period(day, day + dt.timedelta(days=draw(st.integers(1, 3))), draw(st.sampled_from(["a", "b"])))
        tzinfo = draw(st.sampled_from([None, dt.UTC]))
        begins = dt.datetime.combine(day, draw(clocks), tzinfo)
        return Period(begins, begins + dt.timedelta(minutes=15 * draw(st.integers(1, 60))), "c")

    closed, opened = (tuple(period() for _ in range(draw(st.integers(0, 3)))) for _ in range(2))
    schedule = Schedule(week, zone, closed, opened, draw(st.sampled_from([None, *range(7)])))
    return schedule, start + dt.timedelta(minutes=draw(st.integers(0, 2 * 24 * 60)), seconds=draw(st.sampled_from([0, 30])))


def walk(schedule: Schedule, begins: dt.datetime, *, to_open: bool) -> dt.datetime | None:
    """The first whole minute at which it has turned open, or closed: minute by minute, with no idea of what a schedule is made of."""
    last = is_open(schedule, begins)
    minute = begins.replace(second=0)
    for _ in range(MINUTES):
        minute += dt.timedelta(minutes=1)
        now = is_open(schedule, minute)
        if now != last and now == to_open:
            return minute
        last = now
    return None


@settings(max_examples=60, deadline=None)
@given(schedules(), st.booleans())
def test_the_next_change_is_the_one_that_a_walk_minute_by_minute_finds(case: tuple[Schedule, dt.datetime], to_open: bool):
    schedule, start = case

    found = (opens_next if to_open else closes_next)(schedule, start)
    walked = walk(schedule, start, to_open=to_open)

    if walked is None:
        assert found is None or found > start + dt.timedelta(minutes=MINUTES - 1)
    else:
        assert found is not None
        assert found.timestamp() == walked.timestamp()  # Python calls no hour that comes twice equal to one told in another zone
    assert found is None or (is_open(schedule, found) is to_open and start < found <= start + HORIZON)


@settings(max_examples=60, deadline=None)
@given(schedules())
def test_a_holiday_closes_and_what_is_open_has_none(case: tuple[Schedule, dt.datetime]):
    schedule, moment = case

    if holiday_at(schedule, moment) is not None:
        assert not is_open(schedule, moment)
    if is_open(schedule, moment):
        assert holiday_at(schedule, moment) is None
