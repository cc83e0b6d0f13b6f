"""The calls that are up, as the journal tells of them."""

from __future__ import annotations

import datetime as dt

import pytest

from ivr.calls.live import LONGEST_CALL, CallsUp
from ivr.core.events import CallStarted, DigitsEntered, Event, LookupAnswered, PromptPlayed
from ivr.core.flow import Flow
from ivr.tools.conversations import NOON
from tests.tools.test_retold import ACCOUNT
from tests.tools.test_why import journal_of

MINUTE = dt.timedelta(minutes=1)


def entries(flow: Flow, session: str, at: dt.datetime, *then: Event, version: str = "1008611@1") -> list[dict[str, object]]:
    started = CallStarted(at, session, "13900001008", "1008611"), LookupAnswered(at, ACCOUNT)
    told = [{"session": session, **entry} for entry in journal_of(flow, *started, *then)]
    return [{**told[0], "version": version}, *told[1:]]


def test_a_call_is_up_from_its_first_entry_to_its_last_one(quick_line: Flow):
    calls = CallsUp()

    calls.see(entries(quick_line, "a", NOON, DigitsEntered(NOON, "5")))
    (call,) = calls.up({"1008611@1": 1})
    calls.see([{"session": "a", "at": NOON.isoformat(), "disposition": "abandoned"}])

    assert (call.caller, call.line, call.version, call.language, call.node) == ("*******1008", "1008611", "1008611@1", "zh-CN", "leave")
    assert not call.with_person
    assert calls.up({"1008611@1": 1}) == ()


def test_who_waits_for_a_person_or_talks_to_one_is_marked(quick_line: Flow):
    calls = CallsUp()

    calls.see(entries(quick_line, "a", NOON, DigitsEntered(NOON, "0"), PromptPlayed(NOON)))

    assert [call.with_person for call in calls.up({"1008611@1": 1})] == [True]


def test_of_more_calls_than_the_engine_has_the_later_ones_are_up_the_longest_first(quick_line: Flow):
    calls = CallsUp()
    for number, session in enumerate("abc"):
        calls.see(entries(quick_line, session, NOON + number * MINUTE))
    calls.see(entries(quick_line, "d", NOON, version="1008611@2"))

    assert [call.session for call in calls.up({"1008611@1": 2})] == ["b", "c"]
    assert [call.session for call in calls.up({"1008611@1": 9, "1008611@2": 1})] == ["a", "d", "b", "c"]
    assert calls.up({}) == ()


def test_a_call_of_which_nothing_is_heard_for_hours_is_forgotten(quick_line: Flow):
    calls = CallsUp()
    calls.see(entries(quick_line, "a", NOON))

    calls.forget(NOON + LONGEST_CALL)
    assert len(calls.calls) == 1
    calls.forget(NOON + LONGEST_CALL + MINUTE)
    assert calls.calls == {}


@pytest.mark.parametrize(
    "entry", [{}, {"session": "a"}, {"session": "a", "at": "noon"}, {"session": "a", "at": None}, {"session": "b", "at": NOON.isoformat()}]
)
def test_what_cannot_be_read_or_began_before_is_passed_by(entry: dict[str, object]):
    calls = CallsUp()

    calls.see([entry])

    assert calls.calls == {}
