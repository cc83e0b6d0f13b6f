"""How often one may ask: so many at once, and so many a minute after that. The time is passed in."""

from __future__ import annotations

import datetime as dt
import math
from collections import OrderedDict

from ivr.desk.gate import Clock

_REMEMBERED = 1000  # of those who ask, the latest


class Pace:
    """Each has `burst` questions at once, and gets `a_minute` back."""

    def __init__(self, clock: Clock, a_minute: int, burst: int) -> None:
        self._clock = clock
        self._each = dt.timedelta(minutes=1) / a_minute
        self._burst = burst
        self._free_at: OrderedDict[str, dt.datetime] = OrderedDict()

    def wait(self, who: str) -> int:
        """How many seconds to wait before asking; 0 to ask now, which counts."""
        now = self._clock()
        spent_until = max(self._free_at.get(who, now), now) + self._each
        too_early = spent_until - now - self._each * self._burst
        if too_early > dt.timedelta(0):
            return max(math.ceil(too_early.total_seconds()), 1)
        self._free_at[who] = spent_until
        self._free_at.move_to_end(who)
        while len(self._free_at) > _REMEMBERED:
            self._free_at.popitem(last=False)
        return 0
