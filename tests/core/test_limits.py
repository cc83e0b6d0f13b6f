"""How much one call may be; what a line counts; what a caller is remembered by."""

from __future__ import annotations

import datetime as dt

import pytest

from ivr.core.commands import SendText
from ivr.core.events import CallStarted, CommandFailed, DigitsEntered, NothingHeard, TextQueued
from ivr.core.interpreter import Step, advance
from ivr.core.notes import LanguageChosen, LimitExceeded, MilestoneReached, OutcomeReached
from ivr.core.state import CallState
from tests.core.phone import NOON, Phone, compiled, said

HEAD = """start: hello
limits: {duration: 10min, tries: 3, exceeded: enough, calls: 2, crowded: full}
milestones: [greeted, served]
outcomes: [contained, given_up]
remember_language: true"""
LINE = compiled(
    """
  hello: {menu: <<Main.>>, choices: {1: form, 2: chinese, 3: text}, exhausted: bye, tries: 9, milestone: greeted}
  form: {collect: <<Number?>>, as: number, length: 2, then: hello, exhausted: bye, milestone: served, outcome: contained}
  chinese: {set: {language: zh-CN}, then: hello}
  text: {sms: <<Number 1 is yours.>>, then: hello, failed: sorry}
  enough: {menu: <<That is enough.>>, choices: {1: hello}, exhausted: bye, outcome: given_up}
  full: {say: <<All lines are busy.>>, then: bye}
""",
    HEAD,
)


def started(**more: object) -> Step:
    return advance(LINE, CallState(), CallStarted(NOON, "session", "13900001008", "test", **more))  # type: ignore[arg-type]


def test_a_call_that_lasts_too_long_is_led_away_where_it_would_be_asked_next_and_only_once():
    late = NOON + dt.timedelta(minutes=10)

    step = advance(LINE, started().state, DigitsEntered(late, "1"))
    assert said(step.command.utterance) == "That is enough."  # type: ignore[union-attr]
    assert LimitExceeded("form", "duration", "enough") in step.notes

    step = advance(LINE, step.state, DigitsEntered(late, "1"))
    assert said(step.command.utterance) == "Main."  # type: ignore[union-attr]


def test_a_call_that_does_not_last_too_long_goes_on():
    step = advance(LINE, started().state, DigitsEntered(NOON + dt.timedelta(seconds=599), "1"))

    assert said(step.command.utterance) == "Number?"  # type: ignore[union-attr]


def test_silence_past_the_longest_call_is_led_away_too():
    step = advance(LINE, started().state, NothingHeard(NOON + dt.timedelta(minutes=11)))

    assert LimitExceeded("hello", "duration", "enough") in step.notes


def test_failures_count_over_all_menus_of_a_call():
    phone = Phone(LINE).is_silent().presses("1").is_silent()
    assert phone.hears == "Number?"

    phone.presses("7", terminated=True)

    assert phone.hears == "That is enough."
    assert LimitExceeded("form", "tries", "enough") in phone.step.notes


def test_a_call_that_comes_when_the_line_is_full_begins_elsewhere():
    step = started(crowded=True)

    assert said(step.command.utterance) == "All lines are busy. Goodbye."  # type: ignore[union-attr]
    assert LimitExceeded("", "calls", "full") in step.notes


def test_milestones_and_outcomes_are_noted_and_the_last_outcome_stays():
    phone = Phone(LINE).presses("1").presses("12")

    assert [note.milestone for note in phone.all_notes if isinstance(note, MilestoneReached)] == ["greeted", "served", "greeted"]
    assert [note for note in phone.all_notes if isinstance(note, OutcomeReached)] == [OutcomeReached("form", "contained")]
    assert phone.state.outcome == "contained"


@pytest.mark.parametrize(("remembered", "spoken"), [("zh-CN", "中Main."), ("en-US", "Main."), ("", "Main."), ("fr-FR", "Main.")])
def test_a_caller_hears_the_language_that_is_remembered_if_the_line_speaks_it(remembered: str, spoken: str):
    step = started(language=remembered)

    assert said(step.command.utterance) == spoken  # type: ignore[union-attr]
    assert step.state.variables["language"] == step.state.language


def test_a_language_that_was_chosen_is_noted():
    assert LanguageChosen("chinese", "zh-CN") in Phone(LINE).presses("2").all_notes


# --- text messages ---


def test_a_text_message_goes_to_the_caller_and_the_call_goes_on():
    phone = Phone(LINE).presses("3")

    assert isinstance(phone.command, SendText)
    assert (phone.command.node, phone.command.count, phone.command.to) == ("text", 1, "13900001008")
    assert said(phone.command.text) == "Number 1 is yours."
    assert phone.happens(TextQueued(NOON)).hears == "Main."


def test_a_text_message_that_cannot_be_queued_goes_another_way():
    assert Phone(LINE).presses("3").happens(CommandFailed(NOON, "outbox")).hears == "Sorry. Goodbye."


def test_a_withheld_number_gets_no_text_message():
    assert Phone(LINE, caller_id="").presses("3").hears == "Sorry. Goodbye."


def test_each_text_message_of_a_node_has_a_number_of_its_own():
    phone = Phone(LINE).presses("3").happens(TextQueued(NOON)).presses("3")

    assert isinstance(phone.command, SendText)
    assert phone.command.count == 2


def test_a_text_message_may_follow_a_hang_up():
    flow = compiled(
        """
  hello: {menu: <<Main.>>, choices: {1: bye}, exhausted: bye}
  text: {sms: <<Bye.>>, then: over}
  over: {hangup: }
""",
        "start: hello\non_hangup: text",
    )
    phone = Phone(flow).hangs_up()

    assert isinstance(phone.command, SendText)
    assert phone.happens(TextQueued(NOON)).command is None


@pytest.mark.parametrize(("remembered", "asked"), [("zh-CN", "中Main."), ("", "Language?"), ("fr-FR", "Language?")])
def test_who_is_remembered_need_not_be_asked_again(remembered: str, asked: str):
    flow = compiled(
        """
  hello: {branch: [{when: call.remembered, then: main}, {else: ask}]}
  ask: {menu: <<Language?>>, choices: {1: main}, exhausted: bye}
  main: {menu: <<Main.>>, choices: {1: bye}, exhausted: bye}
""",
        "start: hello\nremember_language: true",
    )

    step = advance(flow, CallState(), CallStarted(NOON, "session", "13900001008", "test", remembered))

    assert said(step.command.utterance) == asked  # type: ignore[union-attr]
