"""The brake on calling back: so many calls in an hour and no more, until the hour is over or a supervisor lets it go on."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

HOUR = dt.timedelta(hours=1)


def paused_until(dialled: Iterable[dt.datetime], most: int, at: dt.datetime, resumed_at: dt.datetime | None = None) -> dt.datetime | None:
    """When the next call back may be dialled, if there were `most` within the hour before `at`; None when one may be dialled now.

    The calls up to `resumed_at`, when a supervisor let it go on, count no more. `most` 0 is no limit.
    """
    since = at - HOUR if resumed_at is None else max(at - HOUR, resumed_at)
    lately = sorted(one for one in dialled if since < one <= at)
    return lately[-most] + HOUR if 0 < most <= len(lately) else None
