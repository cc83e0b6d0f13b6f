"""When callers are called back: by when, from which hour on, and when again after nobody was reached."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from ivr.calls.ports import AttemptOutcome
from ivr.core.schedule import Schedule, closes_next, is_open, opens_next

LINE_ZONE = dt.timezone(dt.timedelta(hours=8), "CST")  # Asia/Shanghai, which has known no summer time since 1991
CallingHours = tuple[dt.time, dt.time]
CALLING_HOURS = (dt.time(8), dt.time(21))
DUE_WITHIN = dt.timedelta(hours=2)
HARD_DUE_WITHIN = dt.timedelta(hours=24)
NEXT_MORNING = dt.time(10)
RETRIES = (dt.timedelta(minutes=15), dt.timedelta(hours=2))  # after that, in the next part of the day
BUSY_RETRY = dt.timedelta(minutes=5)  # once


def due_at(created: dt.datetime, hours: Schedule | None = None) -> dt.datetime:
    """When the caller must have been called back: two hours later, or at the next 10:00 if that is no hour to ring people up.

    With opening hours, only hours that are open count. Both the promise and the call must lie within 08:00-21:00 of the line's zone.
    """
    opening, closing = CALLING_HOURS
    if hours is not None and (worked := _working(created, DUE_WITHIN, hours)) is not None:
        due = worked.astimezone(LINE_ZONE)
        return due if opening <= due.time() <= closing else _morning(due)
    local = created.astimezone(LINE_ZONE)
    due = local + DUE_WITHIN
    if due.date() == local.date() and opening <= local.time() and due.time() <= closing:
        return due
    return _morning(local)


def _morning(local: dt.datetime) -> dt.datetime:
    """The next 10:00 after a night."""
    morning = local.replace(hour=NEXT_MORNING.hour, minute=0, second=0, microsecond=0)
    return morning if local.time() < CALLING_HOURS[0] else morning + dt.timedelta(days=1)


def _working(at: dt.datetime, left: dt.timedelta, hours: Schedule) -> dt.datetime | None:
    """The moment when so much open time has passed; None when it never opens for so long."""
    while True:
        if not is_open(hours, at):
            opens = opens_next(hours, at)
            if opens is None:
                return None
            at = opens
        closes = closes_next(hours, at)
        if closes is None or closes - at >= left:
            return at + left
        left -= closes - at
        at = closes


def callable_from(at: dt.datetime, hours: CallingHours = CALLING_HOURS) -> dt.datetime:
    """The first moment from then on at which people may be rung up, in the line's zone."""
    local = at.astimezone(LINE_ZONE)
    opening, closing = hours
    if opening <= local.time() < closing:
        return at
    morning = local.replace(hour=opening.hour, minute=opening.minute, second=0, microsecond=0)
    return morning if local.time() < opening else morning + dt.timedelta(days=1)


def tomorrow(at: dt.datetime, hours: CallingHours = CALLING_HOURS) -> dt.datetime:
    """The first moment of the next day, in the line's zone, at which people may be rung up."""
    night = at.astimezone(LINE_ZONE).replace(hour=0, minute=0, second=0, microsecond=0)
    return callable_from(night + dt.timedelta(days=1), hours)


def part_of_day(at: dt.datetime) -> str:
    """morning, afternoon or evening in the line's zone: who is not there in one may be in another."""
    hour = at.astimezone(LINE_ZONE).hour
    return "morning" if hour < 12 else "afternoon" if hour < 18 else "evening"


def retry_at(at: dt.datetime, outcomes: Sequence[AttemptOutcome], hours: CallingHours = CALLING_HOURS) -> dt.datetime:
    """When to try again after attempts that reached nobody, the last one just now: soon, later, then in the next part of the day."""
    if outcomes and outcomes[-1] is AttemptOutcome.BUSY and outcomes.count(AttemptOutcome.BUSY) == 1:
        return callable_from(at + BUSY_RETRY, hours)
    if len(outcomes) <= len(RETRIES):
        return callable_from(at + RETRIES[max(len(outcomes) - 1, 0)], hours)
    local = at.astimezone(LINE_ZONE)
    for hour in (12, 18):
        if local.hour < hour:
            return local.replace(hour=hour, minute=0, second=0, microsecond=0)
    return _morning(local)
