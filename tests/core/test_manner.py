"""Callers' comfort: slower and louder on request, as long as they want it."""

from __future__ import annotations

import pytest

from ivr.core.events import CallStarted
from ivr.core.notes import MannerChosen
from ivr.core.values import Manner
from tests.core.phone import NOON, Phone, compiled

FLOW = compiled(
    """
  main: {menu: <<Main.>>, choices: {1: prices, 2: up}, exhausted: bye}
  prices: {say: <<All is free.>>, then: main}
  up: {lookup: account, with: {number: call.caller_id}, comfort: <<Wait.>>, not_found: bye, then: main}
""",
    'start: main\nuniversals: {"7": slower, "8": louder, "9": repeat}',
)


@pytest.fixture
def phone() -> Phone:
    return Phone(FLOW).presses("1")


def test_slower_says_everything_since_the_last_key_again_slower(phone: Phone):
    phone.presses("7")

    assert phone.hears == "All is free. Main."
    assert phone.asked.utterance.manner == Manner(slower=True)
    assert MannerChosen("main", slower=True, louder=False) in phone.step.notes


def test_louder_comes_on_top_and_both_last(phone: Phone):
    phone.presses("7").presses("8").presses("1")

    assert phone.hears == "All is free. Main."
    assert phone.asked.utterance.manner == Manner(slower=True, louder=True)


def test_a_second_time_undoes_it(phone: Phone):
    phone.presses("7").presses("8").presses("7")

    assert phone.asked.utterance.manner == Manner(louder=True)


def test_what_is_heard_while_waiting_is_so_too(phone: Phone):
    phone.presses("7").presses("2")

    assert phone.looked_up.comfort is not None
    assert phone.looked_up.comfort.manner == Manner(slower=True)


def test_a_caller_who_comes_back_is_spoken_to_as_they_wanted():
    phone = Phone(FLOW).happens_first(CallStarted(NOON, "session", "13900001008", "test", slower=True))

    assert phone.asked.utterance.manner == Manner(slower=True)


def test_a_line_that_does_not_offer_it_remembers_none():
    flow = compiled("\n  main: {menu: <<Main.>>, choices: {1: bye}, exhausted: bye}\n", "start: main")

    phone = Phone(flow).happens_first(CallStarted(NOON, "session", "13900001008", "test", slower=True))

    assert phone.asked.utterance.manner == Manner()
