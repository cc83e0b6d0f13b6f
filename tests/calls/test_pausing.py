"""The brake on calling back, whatever agents and supervisors do."""

from __future__ import annotations

import datetime as dt

from hypothesis import given
from hypothesis import strategies as st

from ivr.calls.pausing import HOUR, paused_until
from tests.contracts.stories import MINUTE, NOON

SECONDS = st.integers(min_value=0, max_value=4 * 3600)
CALLS, RESUMES = "call", "resume"


def moment(seconds: int) -> dt.datetime:
    return NOON + dt.timedelta(seconds=seconds)


@given(st.integers(min_value=1, max_value=5), st.lists(st.tuples(SECONDS, st.sampled_from((CALLS, CALLS, CALLS, RESUMES))), max_size=60))
def test_there_are_never_more_calls_in_an_hour_unless_a_supervisor_has_let_them_go_on(most: int, wishes: list[tuple[int, str]]):
    dialled: list[dt.datetime] = []
    resumed: list[dt.datetime] = []
    for at, wish in sorted((moment(seconds), wish) for seconds, wish in wishes):
        if wish == RESUMES:
            resumed.append(at)
        elif paused_until(dialled, most, at, max(resumed, default=None)) is None:
            dialled.append(at)

    for last in dialled:
        since = max((one for one in resumed if one <= last), default=last - HOUR)
        assert sum(max(last - HOUR, since) < one <= last for one in dialled) <= most


@given(st.integers(min_value=1, max_value=5), st.lists(SECONDS, max_size=30), SECONDS)
def test_a_pause_is_over_when_it_says_and_not_before(most: int, calls: list[int], seconds: int):
    dialled, at = [moment(one) for one in calls if one <= seconds], moment(seconds)

    until = paused_until(dialled, most, at)

    if until is not None:
        assert at < until <= at + HOUR
        assert paused_until(dialled, most, until) is None
        assert paused_until(dialled, most, until - dt.timedelta(microseconds=1)) == until


@given(st.lists(SECONDS, max_size=30), SECONDS)
def test_without_a_limit_nothing_is_ever_paused(calls: list[int], seconds: int):
    assert paused_until(map(moment, calls), 0, moment(seconds)) is None


def test_what_was_dialled_before_a_supervisor_let_it_go_on_counts_no_more():
    dialled = [NOON, NOON + MINUTE]

    assert paused_until(dialled, 2, NOON + 2 * MINUTE) == NOON + HOUR
    dialled += [NOON + 3 * MINUTE, NOON + 4 * MINUTE]
    assert paused_until(dialled, 2, NOON + 5 * MINUTE, resumed_at=NOON + 2 * MINUTE) == NOON + 3 * MINUTE + HOUR
