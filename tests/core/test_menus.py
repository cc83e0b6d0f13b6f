"""Menus and forms: what a caller hears after a wrong key, after silence, and with the keys that work everywhere."""

from __future__ import annotations

import datetime as dt

import pytest

from ivr.core.commands import AskDigits, Play, Release, Transfer
from ivr.core.flow import Flow
from ivr.core.notes import ChoiceMade, InputRejected, TriesExhausted, ValueCollected
from tests.core.phone import Phone, compiled

MENU = compiled(
    """
  hello: {say: <<Welcome.>>, then: main}
  main:
    menu: <<Main menu.>>
    again: <<Main, in short.>>
    choices: {1: prices, 2: more, 7: main}
    noinput: [<<Silence.>>, [<<Silence again.>>, <<Press one.>>]]
    nomatch: [<<No such key.>>]
    tries: 3
    timeout: 6s
    digit_timeout: 1s
    exhausted: bye
  prices: {say: <<All is free.>>, then: main}
  more:
    menu: <<More.>>
    choices: {1: deep, 2: main}
    exhausted: bye
  deep: {menu: <<Deep.>>, choices: {1: prices}, exhausted: bye}
  person: {transfer: agents, then: bye, unanswered: bye}
""",
    'start: hello\nuniversals: {"*": back, "9": repeat, "0": person}',
)


@pytest.fixture
def phone() -> Phone:
    return Phone(MENU)


def test_what_comes_before_a_menu_is_said_with_it_in_one_utterance(phone: Phone):
    assert phone.hears == "Welcome. Main menu."
    assert phone.asked == AskDigits(phone.asked.utterance, 1, dt.timedelta(seconds=6), dt.timedelta(seconds=1))


def test_a_choice_goes_where_it_says_and_its_answer_joins_the_next_menu(phone: Phone):
    phone.presses("1")

    assert phone.hears == "All is free. Main menu."
    assert ChoiceMade("main", "1", "prices", universal=False) in phone.step.notes


def test_silence_is_answered_more_helpfully_each_time(phone: Phone):
    first = phone.is_silent().hears
    second = phone.is_silent().hears

    assert (first, second) == ("Silence. Main, in short.", "Silence again. Press one. Main, in short.")
    assert phone.step.notes == (InputRejected("main", "noinput", 2),)


def test_the_last_apology_is_said_again_when_there_are_no_more(phone: Phone):
    assert phone.presses("5").hears == "No such key. Main, in short."
    assert phone.presses("5").hears == "No such key. Main, in short."


def test_silence_and_wrong_keys_are_counted_together_but_apologised_for_apart(phone: Phone):
    phone.is_silent()

    assert phone.presses("5").hears == "No such key. Main, in short."
    assert phone.is_silent().step.notes[:2] == (InputRejected("main", "noinput", 3), TriesExhausted("main", "bye"))
    assert isinstance(phone.command, Play)
    assert isinstance(phone.listens().command, Release)


def test_the_counters_begin_anew_when_the_menu_is_entered_again(phone: Phone):
    phone.is_silent().is_silent().presses("7")

    assert phone.is_silent().hears == "Silence. Main, in short."


def test_a_menu_without_a_short_text_repeats_the_long_one(phone: Phone):
    assert phone.presses("2").presses("5").hears == "More."


def test_nine_repeats_everything_since_the_last_key(phone: Phone):
    phone.presses("1")

    assert phone.presses("9").hears == "All is free. Main menu."
    assert phone.presses("9").hears == "All is free. Main menu."


def test_nine_after_a_wrong_key_repeats_what_was_heard_before_it(phone: Phone):
    phone.presses("1").presses("5")

    assert phone.presses("9").hears == "All is free. Main menu."


def test_star_goes_back_to_the_menu_before_and_from_there_to_the_one_before_that(phone: Phone):
    phone.presses("2").presses("1")
    assert phone.hears == "Deep."

    assert phone.presses("*").hears == "More."
    assert phone.presses("*").hears == "Main menu."


def test_star_in_the_first_menu_says_it_again(phone: Phone):
    assert phone.presses("*").hears == "Welcome. Main menu."


def test_coming_round_to_a_menu_shortens_the_way_back(phone: Phone):
    phone.presses("2").presses("2")
    assert phone.hears == "Main menu."

    assert phone.presses("*").hears == "Main menu."
    assert phone.state.history == ()


def test_zero_reaches_a_person_from_any_menu(phone: Phone):
    phone.presses("2").presses("0")

    assert phone.command == Transfer("agents", dt.timedelta(seconds=25))
    assert ChoiceMade("more", "0", "person", universal=True) in phone.step.notes


def test_a_menu_may_use_a_universal_key_for_itself():
    flow = compiled(
        '\n  hello: {menu: <<Hello.>>, choices: {"0": other}, exhausted: bye}\n  other: {say: <<Mine.>>, then: bye}\n', _UNIVERSALS
    )

    assert Phone(flow).presses("0").hears == "Mine. Goodbye."


_UNIVERSALS = 'start: hello\nuniversals: {"0": bye, "*": back, "9": repeat, "#": sorry}'


# --- longer keys ---

LONG = compiled(
    """
  hello: {say: <<Hi.>>, barge_in: false, then: rooms}
  rooms: {menu: <<Which room?>>, choices: {1: one, 12: twelve, 345: far, "#": lost}, exhausted: bye}
  one: {say: <<One.>>, then: rooms}
  twelve: {say: <<Twelve.>>, then: rooms}
  far: {say: <<Far.>>, then: rooms}
  lost: {say: <<Hash.>>, then: rooms}
""",
    'start: hello\nuniversals: {"*": back}',
)


@pytest.mark.parametrize(
    ("digits", "terminated", "heard"),
    [("1", True, "One."), ("1", False, "One."), ("12", False, "Twelve."), ("345", False, "Far."), ("", True, "Hash.")],
)
def test_a_choice_may_have_several_keys(digits: str, terminated: bool, heard: str):
    phone = Phone(LONG).listens()
    assert phone.asked.max_digits == 3

    assert phone.presses(digits, terminated=terminated).hears == f"{heard} Which room?"


def test_keys_ahead_that_may_go_on_wait_for_their_end():
    phone = Phone(LONG).listens("1")

    assert phone.hears == ""
    assert (phone.asked.max_digits, phone.asked.first_timeout) == (2, phone.asked.digit_timeout)
    assert phone.presses("2", terminated=True).hears == "Twelve. Which room?"


@pytest.mark.parametrize("ends", ["silence", "hash"])
def test_keys_ahead_that_do_not_go_on_are_taken_as_they_are(ends: str):
    phone = Phone(LONG).listens("34")
    assert phone.asked.max_digits == 1

    phone = phone.is_silent() if ends == "silence" else phone.presses("#")

    assert phone.hears == "Which room?"
    assert phone.step.notes == (InputRejected("rooms", "nomatch", 1),)


# --- forms ---

FORM = """
  hello: {say: <<Hi.>>, barge_in: false, then: ask}
  ask:
    collect: <<Your number, please.>>
    as: number
    min: 3
    max: 5
    nomatch: <<Three to five digits.>>
    then: tell
    exhausted: bye
  tell: {say: <<You said {{ number | digits }}.>>, then: bye}
"""


@pytest.fixture
def form() -> Flow:
    return compiled(FORM, _UNIVERSALS)


def test_a_form_keeps_the_entry_and_tells_only_its_length(form: Flow):
    phone = Phone(form).listens()
    assert (phone.asked.max_digits, phone.asked.secret) == (5, False)

    phone.presses("1234", terminated=True)

    assert phone.hears == "You said <digits 1234> . Goodbye."
    assert ValueCollected("ask", 4) in phone.step.notes


@pytest.mark.parametrize("digits", ["12", "12*45", "88"])
def test_an_entry_that_does_not_fit_is_refused(form: Flow, digits: str):
    assert Phone(form).listens().presses(digits, terminated=True).hears == "Three to five digits. Your number, please."


@pytest.mark.parametrize(
    ("digits", "terminated", "heard"), [("9", False, "Hi. Your number, please."), ("*", False, "Hi. Your number, please.")]
)
def test_universals_work_in_a_form(form: Flow, digits: str, terminated: bool, heard: str):
    assert Phone(form).listens().presses(digits, terminated=terminated).hears == heard


def test_a_lone_hash_in_a_form_is_a_key_like_any_other(form: Flow):
    assert Phone(form).listens().presses("", terminated=True).hears == "Sorry. Goodbye."


def test_silence_in_a_form_asks_again_and_gives_up_in_the_end(form: Flow):
    phone = Phone(form).listens().is_silent()
    assert phone.hears == "Your number, please."

    assert phone.is_silent().is_silent().hears == "Goodbye."


def test_star_goes_back_from_a_form_to_the_menu_before():
    flow = compiled(
        "\n  hello: {menu: <<Menu.>>, choices: {1: ask}, exhausted: bye}\n"
        "  ask: {collect: <<Number?>>, as: n, length: 2, then: tell, exhausted: bye}\n"
        "  tell: {menu: <<Told {{ n | digits }}.>>, choices: {1: bye}, exhausted: bye}\n",
        _UNIVERSALS,
    )
    phone = Phone(flow).presses("1").presses("12")
    assert phone.hears == "Told <digits 12> ."

    assert phone.presses("*").hears == "Number?"
    assert phone.presses("*").hears == "Menu."


def test_nine_in_a_form_typed_ahead_with_more_behind_it_loses_nothing():
    flow = compiled(
        "\n  hello: {lookup: bundles, with: {number: call.caller_id}, then: ask}\n"
        "  ask: {collect: <<Number?>>, as: n, length: 2, then: told, exhausted: bye}\n"
        "  told: {say: <<{{ n | digits }}!>>, then: bye}\n",
        'start: hello\nuniversals: {"*": repeat}',
    )

    assert Phone(flow).is_answered({}, "*42").hears == "<digits 42> ! Goodbye."
