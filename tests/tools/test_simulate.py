"""Trying a flow out in the terminal: what is said, the way through the flow, steps back and look-ups that answer otherwise."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal

import pytest

from adapters.backoffice.signatures import SIGNATURES
from ivr.core.flow import Flow
from ivr.core.values import Value
from ivr.tools.conversations import NOON
from ivr.tools.simulate import HELP, Circumstances, NotUnderstood, TryOut
from tests.tools.everything import everything

ACCOUNT: Mapping[str, Value] = {
    "number": "13900001008", "language": "zh-CN", "balance": Decimal("35.62"), "suspended": False, "senior": False, "plan": "A",
    "has_data": False, "unlimited": False, "data_left": 0, "data_total": 0, "data_used": 0,
    "minutes_left": dt.timedelta(0), "minutes_used": dt.timedelta(0),
}  # fmt: skip


def answers(name: str, arguments: Mapping[str, Value]) -> Value:
    if name != "account":
        raise LookupError(name)
    return ACCOUNT


@pytest.fixture
def tried(quick_line: Flow) -> TryOut:
    return TryOut(quick_line, "13900001008", answers, lambda: NOON)


def test_a_call_begins_with_what_the_line_says_and_the_way_there(tried: TryOut):
    screen = tried.begin()

    assert screen.said[0].startswith("您好，欢迎致电自助查询专线。您的账户余额是三十五元六角二分")
    assert screen.way[0].startswith("look_up  flows/1008611.yaml:")
    assert "  else → greet" in screen.way
    assert screen.ask == HELP["speech"]


def test_several_keys_are_pressed_one_after_the_other(tried: TryOut):
    tried.begin()

    screen = tried.do("21")

    assert screen.said[-1].startswith("您的账户余额是三十五元六角二分。")


def test_a_step_back_leads_to_the_state_before(tried: TryOut):
    tried.begin()
    tried.do("5")

    back = tried.do("back")

    assert back.way == ("back at main",)
    assert tried.do("1").said[0].startswith("您的账户余额是三十五元六角二分。")


def test_silence_is_an_empty_line(tried: TryOut):
    tried.begin()

    assert tried.do("").said[0].startswith("没有听到您的按键。")


def test_a_look_up_can_be_made_to_fail(tried: TryOut):
    tried.begin()
    tried.do("what bill not_found")

    assert tried.do("3").said[0].startswith("抱歉，没有查到账单。")


def test_a_message_is_left_and_promised(tried: TryOut):
    tried.begin()
    tried.do("5")

    screen = tried.do("leave")

    assert "您的受理编号是四八幺六二五" in screen.said[0]
    assert screen.way[-1] == "the call is over: ticket_opened"
    assert tried.over


def test_nobody_answers_and_a_message_is_offered(tried: TryOut):
    tried.begin()
    tried.do("0")

    assert tried.do("no").ask == HELP["message"]


@pytest.mark.parametrize(
    ("before", "typed", "why"),
    [
        ("", "zzz", "'zzz' is no key, and nothing that can be typed here"),
        ("", "bakc", "'bakc' is no key, and nothing that can be typed here; did you mean 'back'?"),
        ("", "leave", "there is no message to leave here"),
        ("", "yes", "nobody is being called here who could answer"),
        ("", "later", "say how much: later 10min"),
        ("", "what account", "say what is to happen: what account failed"),
        ("", "1" * 65, "at most 64 keys at once"),
        ("", "back", "the call begins here"),
        ("5", "1", "the line asks for no key here"),
        ("5", "", "the line asks for no key here"),
        ("5", "leaf", "'leaf' is nothing that can be typed here; did you mean 'leave'?"),
        ("0", "leave", "there is no message to leave here"),
    ],
)
def test_what_cannot_be_done_now_is_answered_with_the_reason(tried: TryOut, before: str, typed: str, why: str):
    tried.begin()
    if before:
        tried.do(before)

    with pytest.raises(NotUnderstood) as refused:
        tried.do(typed)

    assert str(refused.value) == why


def test_hanging_up_ends_the_call(tried: TryOut):
    tried.begin()

    assert tried.do("hang").way[-1] == "the call is over: self_served"


def trial(**circumstances: object) -> TryOut:
    """A call to the line that uses everything."""
    return TryOut(everything(), "13900001008", answers, lambda: NOON, SIGNATURES, Circumstances(**circumstances))  # type: ignore[arg-type]


def test_a_look_up_answers_what_it_is_told_to():
    tried = trial()
    tried.begin()
    told = tried.do("what bundles {count: 1, items: [{name: A, left: 1GB}]}")

    screen = tried.do("1")

    assert told.way == ("look-up bundles: {count: 1, items: [{name: A, left: 1GB}]}",)
    assert screen.said[0].startswith("A, one gigabyte left. A text message is on its way.")
    assert screen.texts == ("You have 1 bundles.",)
    assert screen.utterances[0].language == "en-US"
    assert "  page 1 of 1" in screen.way


def test_a_text_message_can_be_made_to_fail():
    tried = trial()
    tried.begin()
    tried.do("what bundles {items: [{name: A}]}")
    tried.do("what sms failed")

    screen = tried.do("1")

    assert screen.said[-1].endswith("Sorry.")
    assert screen.texts == ()


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ("what bundle failed", "the back office has no look-up 'bundle'; did you mean 'bundles'?"),
        ("what bundles {cuont: 1}", "look-up 'bundles' answers no 'cuont'; did you mean 'count'?"),
        ("what bundles maybe", "an answer is a mapping of fields, 'not_found', 'failed' or 'deadline'"),
        ("what sms sometimes", "what sms failed|as_usual"),
        ("later soon", "'soon' is not a duration; write for example: later 10min"),
    ],
)
def test_what_cannot_be_supposed_is_told(typed: str, sentence: str):
    tried = trial()
    tried.begin()

    with pytest.raises(NotUnderstood) as refused:
        tried.do(typed)

    assert str(refused.value) == sentence


def test_time_passes_and_comes_back_with_a_step_back():
    tried = trial()
    tried.begin()

    told = tried.do("later 10min")
    too_long = tried.do("")
    tried.do("back")

    assert told.way == ("it is 2026-03-05 12:10:00 now",)
    assert "  too long → long" in too_long.way
    assert tried.do("").said[0].startswith("For your bundles")


def test_a_crowded_line_begins_where_crowded_calls_do():
    assert trial(crowded=True).begin().said == ("All lines are busy.",)
