"""Which version answers whom: rolling out, rolling back, and a trial in which every caller stays on one side."""

from __future__ import annotations

import pytest

from ivr.calls.versions import Service, Trial, tries

CALLERS = [f"1390000{number:04d}" for number in range(2000)]


def on_trial(share: int, number: int = 5) -> set[str]:
    return {caller for caller in CALLERS if tries("2000", Trial(number, share), caller, "session")}


@pytest.mark.parametrize(("share", "least", "most"), [(1, 8, 36), (10, 150, 250), (50, 910, 1090), (90, 1750, 1850), (100, 2000, 2000)])
def test_two_thousand_callers_are_divided_by_the_share(share: int, least: int, most: int):
    """Four standard deviations either way."""
    assert least <= len(on_trial(share)) <= most


def test_a_caller_stays_on_one_side_whatever_the_session_and_when_the_share_grows():
    ten = on_trial(10)

    assert ten == {caller for caller in CALLERS if tries("2000", Trial(5, 10), caller, "another session")}
    assert ten < on_trial(20) < on_trial(60)


def test_the_next_trial_is_for_other_callers():
    both = on_trial(10) & on_trial(10, number=6)

    assert len(both) < 50


def test_callers_who_withhold_their_number_are_divided_by_call():
    sessions = [f"{number:08x}-0000-4000-8000-000000000000" for number in range(2000)]

    tried = [session for session in sessions if tries("2000", Trial(5, 10), "", session)]

    assert 150 <= len(tried) <= 250


def test_a_rollout_remembers_the_way_back():
    service = Service(1).promoted(2).promoted(3)

    assert service == Service(3, None, (2, 1))
    assert service.rolled_back() == Service(2, None, (1,))
    assert Service(2, None, (1,)).rolled_back() == Service(1)
    assert Service(1).rolled_back() is None


def test_what_was_rolled_back_is_not_gone_back_to():
    """After 4 was taken back to 3, the way back from 5 leads to 3."""
    returned = Service(4, None, (3, 2)).rolled_back()
    assert returned is not None

    assert returned.promoted(5).rolled_back() == Service(3, None, (2,))


def test_a_rollback_ends_a_trial_first():
    trying = Service(3, None, (2,)).trying(4, 10)

    assert dict(trying.shares) == {3: 90, 4: 10}
    assert trying.rolled_back() == Service(3, None, (2,))
    assert trying.promoted(4) == Service(4, None, (3, 2))
    assert trying.promoted(3) == Service(3, None, (2,))


def test_a_rollback_to_a_number_goes_past_what_came_after_it():
    service = Service(5, None, (4, 3, 2, 1))

    assert service.returned_to(2) == Service(2, None, (1,))
    assert service.returned_to(7) == Service(7, None, (5, 4, 3, 2, 1))
