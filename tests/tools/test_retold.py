"""A real call becomes a conversation that holds, whatever the call was, and tells nobody's number."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.backoffice.signatures import SIGNATURES
from ivr.core.events import (
    CallerHungUp,
    CallStarted,
    CommandFailed,
    DigitsEntered,
    Event,
    LookupAnswered,
    MessageKept,
    NothingHeard,
    PromptPlayed,
    TextQueued,
)
from ivr.core.flow import Flow
from ivr.core.interpreter import advance
from ivr.core.state import CallState
from ivr.core.values import Value
from ivr.tools.answers import answers_in, duration_in_words, volume_in_words
from ivr.tools.conversations import read_script
from ivr.tools.flowtest import Outcome, run
from ivr.tools.replay import PastCall, past_call
from ivr.tools.retold import conversation_of
from tests.calls.random_calls import CALLER, EVERYTHING, NIGHT, SECRETIVE, SESSION, Happened, a_call, journal_of
from tests.core.generated import flows
from tests.core.phone import compiled


def nobody(name: str, arguments: Mapping[str, Value]) -> Value:
    raise LookupError(name)


def held(flow: Flow, text: str) -> Outcome:
    script, problems = read_script(text, "flows/tests/call.yaml", SIGNATURES)
    assert script is not None, (problems, text)
    [conversation] = script.conversations
    return run(flow, conversation, nobody)


def call_of(flow: Flow, *events: Event) -> PastCall:
    state, asked, happened = CallState(), None, []
    for number, event in enumerate(events):
        step = advance(flow, state, event)
        happened.append(Happened(asked, event, step))
        state, asked = step.state, step.command
        assert number == len(events) - 1 or asked is not None
    return past_call(SESSION, *journal_of(flow, happened))


def retold(flow: Flow, *events: Event) -> str:
    text = conversation_of(flow, call_of(flow, *events), SIGNATURES, "../t.yaml")
    assert held(flow, text).problem is None, (held(flow, text).problem, text)
    return text


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_any_call_becomes_a_conversation_that_holds(quick_line: Flow, data: st.DataObject):
    flow = data.draw(st.one_of(st.sampled_from([quick_line, SECRETIVE, EVERYTHING]), flows()))
    happened = a_call(flow, data.draw, 15)
    call = past_call(SESSION, *journal_of(flow, happened))

    text = conversation_of(flow, call, SIGNATURES, "../t.yaml")

    outcome = held(flow, text)
    assert outcome.problem is None, (outcome.problem, text)
    assert CALLER not in text
    assert "075512345678" not in text


ACCOUNT = {
    "number": CALLER, "language": "zh-CN", "balance": Decimal("35.62"), "suspended": False, "senior": False, "plan": "for " + CALLER,
    "has_data": True, "unlimited": False, "data_left": 5 * 2**29, "data_total": 2**33, "data_used": 2**31,
    "minutes_left": dt.timedelta(minutes=75), "minutes_used": dt.timedelta(minutes=125),
}  # fmt: skip


def later(seconds: float) -> dt.datetime:
    return NIGHT + dt.timedelta(seconds=seconds)


def test_what_the_caller_did_and_heard_is_in_it(quick_line: Flow):
    text = retold(
        quick_line,
        CallStarted(NIGHT, SESSION, CALLER, "1008611"),
        LookupAnswered(later(1), ACCOUNT),
        DigitsEntered(later(12), "2"),
        NothingHeard(later(30)),
        DigitsEntered(later(33), "5"),
        PromptPlayed(later(36)),
        MessageKept(later(46), "481625", hung_up=True),
    )

    assert text == (
        """\
flow: "../t.yaml"
conversations:
  - name: "A call of 2026-03-06 17:50"
    # made from call 70e1558d; numbers are samples, secret entries noughts
    caller: "13900000001"
    at: 2026-03-06T17:50:00+08:00
    back_office:
      account: {number: "13900000001", language: "zh-CN", balance: 35.62, suspended: false, senior: false, plan: "for 13900000001", """
        """has_data: true, unlimited: false, data_left: 2.5GB, data_total: 8GB, data_used: 2GB, """
        """minutes_left: 75min, minutes_used: 125min}
    steps:
      - hears: "您好，欢迎致电自助查询专线。您的账户余额是三十五元六角二分，本月还剩流量二点五个G。查话费请按一，"""
        """查流量和通话请按二，查账单请按三，英语服务请按四，留言请按五。重听请按九，人工服务请按零。"
      - press: "2"
      - hears: "本月已用流量两个G，还剩二点五个G。已用通话一百二十五分钟，还剩七十五分钟。查话费请按一，"""
        """查流量和通话请按二，查账单请按三，英语服务请按四，留言请按五。重听请按九，人工服务请按零。"
      - silence
      - hears: "没有听到您的按键。话费请按一，流量和通话请按二，账单请按三，英语请按四，留言请按五。"
      - press: "5"
      - hears: "请在提示音后留言，说完请按井号键，或直接挂机。"
      - hang_up
    ticket: callback
    disposition: ticket_opened
    milestones: [balance_told, usage_told]
    outcome: wants_person
"""
    )


def test_numbers_that_are_typed_and_answered_are_the_same_sample_everywhere():
    flow = compiled(
        """
  hello: {collect: <<Number?>>, as: number, min: 3, max: 11, then: ask, exhausted: bye}
  ask: {lookup: account, with: {number: number}, not_found: bye, failed: bye, then: tell}
  tell: {say: <<{{ account.number | digits }} and {{ number | digits }}.>>, then: hello}
"""
    )
    other = "13711112222"

    text = retold(
        flow,
        CallStarted(NIGHT, SESSION, CALLER, "test"),
        DigitsEntered(later(3), other),
        LookupAnswered(later(4), ACCOUNT | {"number": other}),
        CallerHungUp(later(9)),
    )

    assert other not in text
    assert '- press: "13900000002"' in text
    assert 'number: "13900000002"' in text
    assert (
        "one three nine, zero zero zero zero, zero zero zero two and one three nine, zero zero zero zero, zero zero zero two. Number?"
        in text
    )


def test_what_is_new_to_calls_is_told_too():
    """A remembered language, a look-up that fails at first, time that passes, a text message, milestones and outcomes."""
    flow = compiled(
        """
  hello: {lookup: account, with: {number: call.caller_id}, retries: 2, not_found: bye, failed: ask, then: text}
  ask: {menu: <<Again?>>, choices: {1: hello}, tries: 9, exhausted: bye}
  text: {sms: <<Your balance: {{ account.balance | money }}.>>, failed: bye, then: main, milestone: written}
  main: {menu: <<Main.>>, choices: {1: hours}, exhausted: bye}
  hours: {hours: desk, open: ask, closed: closed}
  closed: {say: <<Closed.>>, then: main, outcome: put_off}
""",
        "start: hello\nremember_language: true\nmilestones: [written]\noutcomes: [put_off]\nhours: {desk: {week: {mon-fri: 09:00-18:00}}}",
    )

    text = retold(
        flow,
        CallStarted(NIGHT, SESSION, CALLER, "test", "zh-CN"),
        CommandFailed(later(2), "back_office"),
        DigitsEntered(later(5), "1"),
        LookupAnswered(later(6), ACCOUNT),
        TextQueued(later(7)),
        DigitsEntered(later(900), "1"),
        CallerHungUp(later(910)),
    )

    assert 'language: "zh-CN"' in text
    assert "account: [failed, failed, failed, {number:" in text
    assert '- sms: "中Your balance: 35.62元' in text
    assert '- later: 893s\n      - press: "1"\n      - hears: "中Closed.中Main."\n      - hang_up\n' in text
    assert text.endswith("ticket: none\n    disposition: failed\n    milestones: [written]\n    outcome: put_off\n")
    assert "not to be said" not in text


def test_a_key_pressed_during_a_prompt_is_pressed_at_the_next_menu(quick_line: Flow):
    text = retold(
        quick_line,
        CallStarted(NIGHT, SESSION, "", "1008611"),
        LookupAnswered(later(1), ACCOUNT, "1"),
        CallerHungUp(later(9)),
    )

    assert 'caller: ""' in text
    assert '- press: "1"' in text
    assert "not to be said" not in text


def test_what_a_conversation_has_no_word_for_ends_it_with_a_remark(quick_line: Flow):
    text = retold(quick_line, CallStarted(NIGHT, SESSION, CALLER, "1008611"), CallerHungUp(later(1)))

    assert "# not to be said in a conversation: the caller hung up during a look-up" in text
    assert "# it goes on otherwise than the call did after 'look_up': a conversation cannot say all of what happened" in text
    assert "disposition" not in text


def test_a_flow_that_has_changed_since_is_told(quick_line: Flow):
    call = call_of(quick_line, CallStarted(NIGHT, SESSION, CALLER, "1008611"), CommandFailed(later(4), "deadline"), PromptPlayed(later(9)))
    flow = compiled("\n  hello: {menu: <<Main.>>, choices: {1: bye}, exhausted: bye}\n")

    text = conversation_of(flow, call, SIGNATURES, "../t.yaml")

    assert held(flow, text).problem is None
    assert "# the flow has changed since: after entry 1 it goes another way than the call did" in text


def test_what_is_made_can_be_read_back_with_any_text_in_it(quick_line: Flow):
    odd = 'tab\t, nul\x00, line\u2028, \x85, emoji \U0001f600, quote " and \\'

    text = retold(
        quick_line,
        CallStarted(NIGHT, SESSION, CALLER, "1008611"),
        LookupAnswered(later(1), ACCOUNT | {"plan": odd}),
        CallerHungUp(later(9)),
    )

    script, _ = read_script(text, "t.yaml", SIGNATURES)
    assert script is not None
    assert script.conversations[0].answers["account"]["plan"] == odd  # type: ignore[index,call-overload]
    assert json.dumps(odd) not in text


@given(st.integers(0, 2**50))
def test_a_volume_is_read_as_it_was_written(size: int):
    answer, problems = answers_in(f"{{data_left: {volume_in_words(size)}}}", SIGNATURES["account"])

    assert (problems, answer["data_left"]) == ((), size)


@given(st.integers(0, 10**9).map(lambda seconds: dt.timedelta(seconds=seconds)))
def test_a_duration_is_read_as_it_was_written(time: dt.timedelta):
    answer, problems = answers_in(f"{{minutes_left: {duration_in_words(time)}}}", SIGNATURES["account"])

    assert (problems, answer["minutes_left"]) == ((), time)


def test_volumes_and_durations_are_written_in_the_largest_unit_that_fits():
    sizes = (0, 1000, 1536, 1024**2, 5 * 1024**3 // 2, 1024**4)

    assert [volume_in_words(size) for size in sizes] == ["0B", "1000B", "1.5KB", "1MB", "2.5GB", "1TB"]
    assert [duration_in_words(dt.timedelta(seconds=seconds)) for seconds in (0, 61, 4500, 7200)] == ["0s", "61s", "75min", "2h"]
