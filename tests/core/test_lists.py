"""Lists that are read page by page, entries that are read back, prompts that are heard to their end."""

from __future__ import annotations

import pytest

from ivr.core.notes import ChoiceMade, PageTurned
from ivr.core.values import Value
from tests.core.phone import Phone, compiled

BUNDLES = compiled(
    """
  hello: {menu: <<Main.>>, choices: {1: look_up}, exhausted: bye}
  look_up: {lookup: bundles, with: {number: call.caller_id}, then: tell}
  tell:
    read: bundles.items
    as: bundle
    each: <<{{ bundle.name | text }} has {{ bundle.left | volume }}.>>
    page: 2
    more: <<More?>>
    last: <<That was all.>>
    nomatch: <<No such key.>>
    noinput: <<Are you there?>>
    exhausted: lost
    empty: none
    then: done
  none: {say: <<No bundles.>>, then: bye}
  done: {say: <<Thank you.>>, then: hello}
  lost: {say: <<Pity.>>, then: bye}
  help: {menu: <<Help.>>, choices: {1: hello}, exhausted: bye}
""",
    'start: hello\nuniversals: {"*": back, "9": repeat, "8": help}',
)


def items(count: int) -> Value:
    return {"count": count, "items": tuple({"name": "abcdefg"[number], "left": number, "expires": None} for number in range(count))}


def page_of(*names: str) -> str:
    return " ".join(f"<text {name}> has <volume {'abcdefg'.index(name)}> ." for name in names)


def reading(count: int) -> Phone:
    return Phone(BUNDLES).presses("1").is_answered(items(count))


def test_a_list_that_fits_on_a_page_is_said_in_one_breath_with_what_follows_and_asks_nothing():
    assert reading(2).hears == f"{page_of('a', 'b')} Thank you. Main."


def test_an_empty_list_has_a_way_of_its_own():
    phone = reading(0)

    assert phone.hears == "No bundles. Goodbye."


def test_a_longer_list_is_read_page_by_page_forward_and_back():
    phone = reading(5)

    assert phone.hears == f"{page_of('a', 'b')} More?"
    assert phone.asked.max_digits == 1
    assert phone.presses("1").hears == f"{page_of('c', 'd')} More?"
    assert phone.presses("1").hears == f"{page_of('e')} That was all."
    assert phone.presses("2").hears == f"{page_of('c', 'd')} More?"
    assert [note for note in phone.all_notes if isinstance(note, PageTurned)] == [
        PageTurned("tell", 1, 3),
        PageTurned("tell", 2, 3),
        PageTurned("tell", 3, 3),
        PageTurned("tell", 2, 3),
    ]


def test_a_caller_stops_wherever_they_like():
    phone = reading(5).presses("3")

    assert phone.hears == "Thank you. Main."
    assert ChoiceMade("tell", "3", "done", universal=False) in phone.all_notes


@pytest.mark.parametrize(("turns", "key"), [("", "2"), ("11", "1"), ("", "7")])
def test_a_key_that_turns_no_page_is_a_wrong_key_and_the_page_comes_again(turns: str, key: str):
    phone = reading(5)
    for turn in turns:
        phone.presses(turn)
    page = phone.hears

    assert phone.presses(key).hears == f"No such key. {page}"
    assert phone.state.nomatches == 1


def test_silence_repeats_the_page_until_the_tries_are_used_up():
    phone = reading(3).presses("1").is_silent()

    assert phone.hears == f"Are you there? {page_of('c')} That was all."
    assert phone.is_silent().is_silent().hears == "Pity. Goodbye."


def test_failures_are_counted_anew_on_each_page():
    phone = reading(5).is_silent().is_silent().presses("1")

    assert (phone.state.noinputs, phone.state.nomatches) == (0, 0)


def test_repeat_says_the_page_again_and_back_goes_to_the_menu_before():
    phone = reading(5).presses("1")

    assert phone.presses("9").hears == f"{page_of('c', 'd')} More?"
    assert phone.presses("*").hears == "Main."


def test_pages_are_turned_by_keys_pressed_ahead():
    phone = Phone(BUNDLES).presses("1").is_answered(items(6), keys="11")

    assert phone.hears == f"{page_of('e', 'f')} That was all."


def test_back_from_a_later_menu_reads_the_list_from_its_beginning():
    phone = reading(5).presses("1").presses("8")
    assert phone.hears == "Help."

    assert phone.presses("*").hears == f"{page_of('a', 'b')} More?"


# --- an entry that is read back ---

NUMBER = compiled(
    """
  hello:
    collect: <<Your number?>>
    as: number
    length: 4
    confirm: <<You keyed {{ number | digits }}. Right?>>
    then: told
    exhausted: bye
  told: {say: <<Kept {{ number | digits }}.>>, then: bye}
""",
    'start: hello\nuniversals: {"*": back}',
)


def test_an_entry_is_read_back_and_kept_when_it_is_right():
    phone = Phone(NUMBER).presses("1234")

    assert phone.hears == "You keyed <digits 1234> . Right?"
    assert phone.presses("1").hears == "Kept <digits 1234> . Goodbye."


@pytest.mark.parametrize("key", ["2", "*"])
def test_an_entry_that_is_not_right_is_asked_anew(key: str):
    phone = Phone(NUMBER).presses("1234").presses(key)

    assert phone.hears == "Your number?"
    assert phone.presses("5678").presses("1").hears == "Kept <digits 5678> . Goodbye."


# --- heard to the end ---

NOTICE = compiled(
    """
  hello: {menu: <<Main.>>, choices: {1: terms}, exhausted: bye}
  terms: {menu: <<Listen well.>>, barge_in: false, choices: {1: bye}, exhausted: bye}
"""
)


def test_a_menu_without_barge_in_is_heard_to_its_end_whatever_was_pressed_before():
    phone = Phone(NOTICE).presses("1")

    assert phone.hears == "Listen well."
    assert not phone.asked.barge_in
