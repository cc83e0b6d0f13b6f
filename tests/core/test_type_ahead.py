"""Keys pressed before they are asked for: none is lost, none leaks into a password."""

from __future__ import annotations

from ivr.core.commands import AskDigits, Lookup, Play, TakeMessage
from ivr.core.notes import InputRejected
from tests.core.phone import Phone, compiled

UNIVERSALS = 'start: hello\nuniversals: {"*": back, "9": repeat, "0": person}'
FLOW = compiled(
    """
  hello: {lookup: account, with: {number: call.caller_id}, comfort: <<One moment.>>, not_found: bye, failed: failed, then: tell}
  tell: {say: <<You have {{ account.balance | money }}.>>, then: main}
  failed: {say: <<Not now.>>, then: main}
  main: {menu: <<Main.>>, choices: {1: prices, 2: second, 3: ask, 4: pin, 5: message, 6: again}, nomatch: <<What?>>, exhausted: bye}
  again: {lookup: bundles, with: {number: call.caller_id}, then: main}
  prices: {say: <<Free.>>, then: main}
  second: {menu: <<Second.>>, choices: {1: third, 2: main}, exhausted: bye}
  third: {menu: <<Third.>>, choices: {1: main}, exhausted: bye}
  ask: {collect: <<Number?>>, as: n, min: 2, max: 4, then: told, exhausted: bye}
  told: {say: <<{{ n | digits }}!>>, then: main}
  pin: {collect: <<Password?>>, as: pin, length: 4, secret: true, then: main, exhausted: bye}
  message: {message: <<Speak.>>, topic: t, kept: <<Kept.>>, saved: <<Saved.>>, too_short: <<Short.>>, not_kept: <<Full.>>, then: main}
  person: {transfer: agents, announce: <<Connecting.>>, then: bye, unanswered: bye}
""",
    UNIVERSALS,
)
ACCOUNT = {"balance": 5}


def ahead(keys: str) -> Phone:
    return Phone(FLOW).is_answered(ACCOUNT, keys)


def test_a_key_during_a_look_up_skips_the_prompts_and_chooses():
    phone = ahead("2")

    assert phone.hears == "Second."


def test_several_keys_choose_in_several_menus():
    assert ahead("211").hears == "Main."
    assert ahead("221").hears == "Free. Main."


def test_keys_of_a_failed_look_up_count_too():
    assert Phone(FLOW).meets_failure(keys="2").hears == "Second."


def test_keys_are_kept_over_a_further_look_up():
    phone = ahead("6")
    assert isinstance(phone.command, Lookup)

    assert phone.is_answered({}, "2").hears == "Second."


def test_a_key_that_cuts_a_prompt_short_before_a_look_up_is_kept():
    flow = compiled(
        "\n  hello: {say: <<Hi.>>, then: look}\n"
        "  look: {lookup: bundles, with: {number: call.caller_id}, then: main}\n"
        "  main: {menu: <<Main.>>, choices: {1: bye, 2: bye}, exhausted: bye}\n"
    )
    phone = Phone(flow)
    assert isinstance(phone.command, Play)

    phone.listens("2")
    assert isinstance(phone.command, Lookup)
    assert phone.is_answered({}).hears == "Goodbye."


def test_keys_ahead_skip_what_would_be_played_before_a_look_up():
    assert isinstance(ahead("16").command, Lookup)


def test_a_wrong_key_ahead_is_apologised_for_and_the_rest_is_dropped():
    phone = ahead("72")

    assert phone.hears == "What? Main."
    assert phone.step.notes[-1] == InputRejected("main", "nomatch", 1)
    assert phone.state.keys == ""


def test_nine_ahead_repeats_what_would_have_been_heard():
    assert ahead("9").hears == "You have <money 5.00> . Main."


def test_keys_after_a_repeat_or_a_back_without_history_are_not_lost():
    assert ahead("92").hears == "Second."
    assert ahead("*2").hears == "Second."


def test_star_ahead_goes_back():
    assert ahead("2*").hears == "Main."


def test_a_whole_entry_ahead_fills_a_form():
    assert ahead("31234").hears == "<digits 1234> ! Main."
    assert ahead("312#2").hears == "Second."


def test_the_beginning_of_an_entry_ahead_waits_in_silence_for_the_rest():
    phone = ahead("312")
    assert phone.hears == ""
    assert (phone.asked.max_digits, phone.asked.first_timeout) == (2, phone.asked.digit_timeout)

    assert phone.presses("3", terminated=True).hears == "<digits 123> ! Main."


def test_the_beginning_of_an_entry_ahead_may_be_all_of_it():
    assert ahead("312").is_silent().hears == "<digits 12> ! Main."


def test_hash_ends_an_entry_of_which_one_digit_is_missing():
    phone = ahead("3123")
    assert phone.asked.max_digits == 1

    assert phone.presses("#").hears == "<digits 123> ! Main."


def test_a_digit_ahead_of_a_form_begins_an_entry_even_if_it_works_everywhere():
    phone = ahead("30")
    assert phone.hears == ""
    assert phone.presses("12", terminated=True).hears == "<digits 012> ! Main."


def test_a_universal_digit_ahead_of_a_form_counts_when_nothing_follows():
    assert ahead("30").is_silent().hears == "Connecting."


def test_star_ahead_of_a_form_goes_back_at_once():
    assert ahead("3*").hears == "Main."
    assert ahead("3*2").hears == "Second."


def test_a_lone_hash_ahead_of_a_form_is_refused():
    assert ahead("3#").hears == "Number?"


def test_nine_in_a_form_with_more_keys_behind_it_goes_on_with_them():
    flow = compiled("\n  hello: {collect: <<N?>>, as: n, length: 2, then: bye, exhausted: bye}\n", 'start: hello\nuniversals: {"*": back}')
    phone = Phone(flow).presses("5")

    assert phone.hears == "N?"


def test_a_password_is_never_taken_from_keys_ahead():
    phone = ahead("41234")

    assert phone.hears == "Password?"
    assert phone.asked.secret
    assert phone.state.keys == ""


def test_keys_during_the_invitation_start_the_recording_and_are_dropped():
    phone = ahead("5")
    assert isinstance(phone.command, Play)

    phone.listens("1")
    assert isinstance(phone.command, TakeMessage)
    assert phone.state.keys == ""


def test_no_more_keys_are_kept_than_anybody_means():
    phone = Phone(FLOW).is_answered(ACCOUNT, "9" * 5000)

    assert isinstance(phone.command, AskDigits)


def test_a_say_without_barge_in_is_heard_whole_and_the_keys_wait():
    flow = compiled(
        "\n  hello: {lookup: bundles, with: {number: call.caller_id}, then: law}\n"
        "  law: {say: <<By law.>>, barge_in: false, then: main}\n"
        "  main: {menu: <<Main.>>, choices: {1: other}, exhausted: bye}\n"
        "  other: {say: <<Other.>>, then: bye}\n"
    )
    phone = Phone(flow).is_answered({}, "1")
    assert phone.hears == "By law."
    assert isinstance(phone.command, Play)
    assert phone.command.barge_in is False

    assert phone.listens().hears == "Other. Goodbye."
