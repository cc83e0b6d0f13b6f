"""Press or say: what a caller may say in place of a key, how sure the line must be, and what it does when nobody can listen."""

from __future__ import annotations

import pytest

from ivr.core.commands import Grammar
from ivr.core.events import Hypothesis, SpeechHeard, SpeechUnavailable
from ivr.core.notes import ChoiceMade, InputRejected, ListeningFailed, PhraseHeard, ValueCollected
from ivr.errors import UnexpectedEvent
from tests.core.phone import NOON, Phone, compiled

HEAD = """start: main
universals:
  "9": {then: repeat, say: {en-US: repeat, zh-CN: 重听}}
  "0": {then: person, say: {en-US: operator, zh-CN: 人工}}
speech:
  sure: 0.8
  unsure: 0.5
  did_you_mean: {en-US: "Do you mean {{ heard | text }}?", zh-CN: "您是说{{ heard | text }}吗？"}
  use_keys: <<Use the keys.>>
defaults: {nomatch: <<I do not understand.>>, noinput: <<Are you there?>>, exhausted: bye}
"""
FLOW = compiled(
    """
  main:
    menu: <<Prices or data.>>
    again: <<Again.>>
    choices:
      1: {then: prices, say: {en-US: [prices, the price], zh-CN: [价格]}}
      2: {then: data, say: {en-US: [data], zh-CN: [流量]}}
      3: account
      12: bye
  prices: {say: <<All is free.>>, then: main}
  data: {say: <<No data.>>, then: main}
  account:
    collect: <<Your account.>>
    as: account
    min: 3
    max: 6
    spoken: true
    confirm: {en-US: "{{ account | digits }}, right?", zh-CN: "{{ account | digits }}，对吗？"}
    then: secret
  secret: {collect: <<Your password.>>, as: pin, length: 4, secret: true, then: pages}
  pages: {lookup: bundles, with: {number: call.caller_id}, as: bundles, not_found: bye, then: read}
  read:
    read: bundles.items
    each: {en-US: "{{ item.name | text }}.", zh-CN: "{{ item.name | text }}。"}
    page: 1
    more: <<More?>>
    last: <<That is all.>>
    spoken: true
    then: bye
  person: {transfer: agents, then: bye, unanswered: bye}
""",
    HEAD,
)


def says(phone: Phone, *heard: tuple[str, float]) -> Phone:
    return phone.happens(SpeechHeard(NOON, tuple(Hypothesis(text, confidence) for text, confidence in heard)))


@pytest.fixture
def phone() -> Phone:
    return Phone(FLOW)


@pytest.fixture
def asked_back(phone: Phone) -> Phone:
    return says(phone, ("the price", 0.7), ("data", 0.6), ("operator", 0.55), ("repeat", 0.2))


def test_a_menu_listens_for_its_phrases_and_for_those_that_work_everywhere(phone: Phone):
    assert phone.asked.grammar == Grammar("en-US", ("prices", "the price", "data", "repeat", "operator"))


def test_a_phrase_that_is_heard_surely_does_what_its_key_does(phone: Phone):
    says(phone, ("the price", 0.8))

    assert phone.hears == "All is free. Prices or data."
    assert phone.step.notes[:2] == (
        PhraseHeard("main", "the price", "1", 0.8, sure=True),
        ChoiceMade("main", "1", "prices", universal=False),
    )


def test_the_best_hypothesis_counts_in_whatever_order_they_come(phone: Phone):
    says(phone, ("data", 0.85), ("prices", 0.95))

    assert phone.hears == "All is free. Prices or data."


def test_a_phrase_that_works_everywhere_does_what_its_key_does(phone: Phone):
    says(phone, ("repeat", 0.9))

    assert phone.hears == "Prices or data."


def test_what_is_heard_too_unsurely_is_a_nomatch(phone: Phone):
    says(phone, ("prices", 0.49))

    assert phone.hears == "I do not understand. Again."
    assert InputRejected("main", "nomatch", 1) in phone.step.notes


def test_what_fits_nothing_is_a_nomatch(phone: Phone):
    assert says(phone).hears == "I do not understand. Again."


def test_between_sure_and_unsure_the_caller_is_asked_by_the_first_phrase_of_the_choice(asked_back: Phone):
    assert asked_back.hears == "Do you mean <text prices> ?"
    assert asked_back.asked.max_digits == 1
    assert asked_back.asked.grammar is not None
    assert asked_back.asked.grammar.phrases[:2] == ("yes", "yeah")
    assert asked_back.step.notes == (PhraseHeard("main", "the price", "1", 0.7, sure=False),)


@pytest.mark.parametrize("how", ["pressed", "said", "said unclearly"])
def test_yes_takes_the_choice(asked_back: Phone, how: str):
    _ = asked_back.presses("1") if how == "pressed" else says(asked_back, ("right", 0.95 if how == "said" else 0.5))

    assert asked_back.hears == "All is free. Prices or data."
    assert asked_back.state.offered == ()


def test_no_offers_what_was_heard_next_best_and_then_asks_anew(asked_back: Phone):
    second = asked_back.presses("2").hears
    third = says(asked_back, ("no", 0.9)).hears

    assert (second, third) == ("Do you mean <text data> ?", "I do not understand. Again.")
    assert asked_back.state.offered == ()


def test_the_second_offer_can_be_taken(asked_back: Phone):
    asked_back.presses("2").presses("1")

    assert asked_back.hears == "No data. Prices or data."


def test_silence_to_the_question_back_is_silence(asked_back: Phone):
    assert asked_back.is_silent().hears == "Are you there? Again."


def test_keys_that_work_everywhere_work_when_asked_back(asked_back: Phone):
    asked_back.presses("0")

    assert asked_back.state.node == "person"


def test_a_wrong_key_to_the_question_back_is_a_nomatch(asked_back: Phone):
    assert asked_back.presses("7").hears == "I do not understand. Again."


def test_an_unclear_phrase_that_works_everywhere_is_asked_back_too(phone: Phone):
    assert says(phone, ("operator", 0.6)).hears == "Do you mean <text operator> ?"
    assert phone.presses("1").state.node == "person"


def test_keys_count_as_ever_where_the_line_listens(phone: Phone):
    assert phone.presses("2").hears == "No data. Prices or data."


def test_a_row_of_keys_that_was_begun_ahead_is_ended_with_keys(phone: Phone):
    phone.presses("1").happens(SpeechUnavailable(NOON, "full", keys="1"))

    assert phone.state.partial == "1"
    assert phone.asked.grammar is None


def test_digits_may_be_said_and_are_read_back(phone: Phone):
    phone.presses("3")
    grammar = phone.asked.grammar
    says(phone, ("1234", 0.6))

    assert grammar == Grammar("en-US", ("repeat", "operator"), digits=6)
    assert phone.hears == "<digits 1234> , right?"
    assert phone.step.notes[0] == ValueCollected("account", 4)


def test_digits_that_are_too_few_or_heard_too_unsurely_are_a_nomatch(phone: Phone):
    assert says(phone.presses("3"), ("12", 0.9)).hears == "I do not understand. Your account."
    assert says(phone, ("1234", 0.4)).hears == "I do not understand. Your account."


def test_what_was_read_back_is_confirmed_or_denied_by_voice_and_not_asked_back_again(phone: Phone):
    denied = says(says(phone.presses("3"), ("1234", 0.9)), ("no", 0.6)).hears
    says(says(phone, ("1235", 0.9)), ("correct", 0.6))

    assert denied == "Your account."
    assert phone.hears == "Your password."


def test_nobody_listens_to_a_secret(phone: Phone):
    says(says(phone.presses("3"), ("1234", 0.9)), ("yes", 0.9))

    assert phone.asked.secret
    assert phone.asked.grammar is None
    with pytest.raises(UnexpectedEvent):
        says(phone, ("1234", 0.9))


def test_the_pages_of_a_list_are_turned_by_voice(phone: Phone):
    says(says(phone.presses("3"), ("1234", 0.9)), ("yes", 0.9))
    phone.presses("1234").is_answered({"items": ({"name": "A", "left": 1}, {"name": "B", "left": 1})})

    turned = says(phone, ("next page", 0.6)).hears

    assert turned == "<text B> . That is all."
    assert says(phone, ("stop", 0.9)).state.node == "bye"


def test_the_grammar_is_in_the_language_of_the_call():
    flow = compiled(
        "\n  main: {set: {language: zh-CN}, then: ask}\n"
        "  ask: {menu: <<Yes?>>, choices: {1: {then: bye, say: {en-US: balance, zh-CN: 话费}}}}\n"
        "  person: {hangup: }\n",
        HEAD,
    )

    assert Phone(flow).asked.grammar == Grammar("zh-CN", ("话费", "重听", "人工"))


def test_without_a_listener_the_caller_is_told_to_use_the_keys_and_asked_the_same_once_more(phone: Phone):
    phone.is_silent().happens(SpeechUnavailable(NOON, "full"))

    assert phone.hears == "Use the keys. Are you there? Again."
    assert phone.asked.grammar is None
    assert phone.step.notes == (ListeningFailed("main", "full"),)


@pytest.mark.parametrize("reason", ["none", "language"])
def test_where_the_line_has_no_recogniser_the_caller_hears_nothing_of_it(phone: Phone, reason: str):
    phone.happens(SpeechUnavailable(NOON, reason))

    assert phone.hears == "Prices or data."
    assert phone.asked.grammar is None


def test_where_only_another_language_is_heard_the_line_listens_in_that():
    flow = compiled(
        "\n  main: {menu: <<Main.>>, choices: {1: {then: other, say: <<other>>}}}\n"
        "  other: {set: {language: zh-CN}, then: main}\n  person: {hangup: }\n",
        HEAD,
    )
    phone = Phone(flow).happens(SpeechUnavailable(NOON, "language"))

    english, mandarin = phone.asked.grammar, phone.presses("1").asked.grammar

    assert english is None
    assert mandarin is not None
    assert mandarin.language == "zh-CN"


def test_from_then_on_only_keys_count(phone: Phone):
    phone.happens(SpeechUnavailable(NOON, "gone")).presses("1")

    assert phone.hears == "All is free. Prices or data."
    assert phone.asked.grammar is None
    with pytest.raises(UnexpectedEvent):
        says(phone, ("data", 0.9))


def test_keys_pressed_before_the_listener_failed_count(phone: Phone):
    phone.happens(SpeechUnavailable(NOON, "gone", keys="2"))

    assert phone.hears == "No data. Prices or data."


def test_a_question_back_is_asked_again_for_keys_when_the_listener_fails(asked_back: Phone):
    asked_back.happens(SpeechUnavailable(NOON, "gone"))

    assert asked_back.hears == "Use the keys. Do you mean <text prices> ?"
    assert asked_back.presses("1").hears == "All is free. Prices or data."


def test_keys_pressed_before_the_listener_failed_answer_the_question_back(asked_back: Phone):
    assert asked_back.happens(SpeechUnavailable(NOON, "gone", keys="1")).hears == "All is free. Prices or data."


def test_a_key_of_a_menu_is_not_taken_over_by_a_phrase_that_works_everywhere():
    flow = compiled(
        "\n  main: {menu: <<Nine ends.>>, choices: {9: {then: bye, say: {en-US: end, zh-CN: 结束}}}}\n  person: {hangup: }\n", HEAD
    )

    assert Phone(flow).asked.grammar == Grammar("en-US", ("end", "operator"))
    assert says(Phone(flow), ("end", 0.9)).state.node == "bye"


def test_a_line_without_phrases_does_not_listen():
    phone = Phone(compiled("\n  main: {menu: <<Yes?>>, choices: {1: bye}, exhausted: bye}\n", "start: main"))

    assert phone.asked.grammar is None
    with pytest.raises(UnexpectedEvent):
        phone.happens(SpeechUnavailable(NOON, "full"))
