"""Whether a process of the line hangs, or the machine is only too busy for everybody."""

from __future__ import annotations

from ivr.bootstrap.line import Pulse


def looks(pulse: Pulse, *looks: tuple[float | None, float, float]) -> list[bool]:
    return [pulse.hung(beat, at, late) for beat, at, late in looks]


def test_who_shows_no_life_for_too_long_hangs():
    assert looks(Pulse(1.4), (100.0, 100.2, 0.0), (100.0, 101.3, 0.0), (100.0, 101.5, 0.0)) == [False, False, True]


def test_who_shows_life_now_and_then_does_not():
    assert looks(Pulse(1.4), (100.0, 101.0, 0.0), (101.2, 102.2, 0.0), (102.4, 103.7, 0.0)) == [False, False, False]


def test_a_process_that_has_not_begun_to_show_life_is_waited_for():
    assert looks(Pulse(1.4), (None, 100.0, 0.0), (None, 109.0, 0.0)) == [False, False]


def test_a_machine_on_which_whoever_looks_is_late_too_is_busy_and_the_process_does_not_hang():
    assert looks(Pulse(1.4), (100.0, 100.2, 0.0), (100.0, 101.6, 1.2), (100.0, 103.1, 1.3)) == [False, False, False]


def test_yet_the_time_in_which_it_was_looked_at_on_time_counts_and_lateness_of_before_is_forgotten():
    busy_then_hung = ((100.0, 100.2, 0.0), (100.0, 101.6, 1.2), (100.0, 102.5, 0.0), (100.0, 102.7, 0.0))
    assert looks(Pulse(1.4), *busy_then_hung) == [False, False, False, True]
    assert looks(Pulse(1.4), (100.0, 103.0, 2.0), (103.1, 103.2, 2.0), (103.1, 104.6, 0.0)) == [True, False, True]
