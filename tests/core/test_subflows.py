"""What a sub-flow is given, what it keeps to itself, and what it returns."""

from __future__ import annotations

from decimal import Decimal

from ivr.core.commands import Lookup
from tests.core.phone import Phone, compiled

SUBFLOWS = """subflows:
  ask:
    start: form
    takes: {what: text, times: number}
    nodes:
      form: {collect: <<Key {{ what | text }}.>>, as: entry, length: 2, then: count, exhausted: end}
      count: {set: {times: times + 1}, then: look}
      look: {lookup: account, with: {number: entry}, not_found: end, failed: end, then: end}
      end: {return: {times: times, long: times > 2}}
"""
TWICE = compiled(
    """
  hello: {set: {entry: 5}, then: first}
  first: {call: ask, with: {what: '"a"', times: 1}, as: one, then: second}
  second: {call: ask, with: {what: '"b"', times: one.times}, as: two, then: tell}
  tell: {say: <<{{ one.times | number }} {{ two.times | number }} {{ entry | number }}>>, then: check}
  check:
    branch:
      - {when: two.long, then: long}
      - {else: bye}
  long: {say: <<long>>, then: bye}
""",
    subflows=SUBFLOWS,
)


def keyed_twice() -> Phone:
    return Phone(TWICE).presses("11").is_answered(None).presses("22").is_answered(None)


def test_a_sub_flow_is_given_values_and_returns_others():
    assert Phone(TWICE).hears == "Key <text a> ."
    assert Phone(TWICE).presses("11").is_answered(None).hears == "Key <text b> ."

    assert keyed_twice().hears == "<number 2>  <number 3>  <number 5> long Goodbye."


def test_a_value_of_the_same_name_in_a_sub_flow_is_another_one():
    phone = Phone(TWICE).presses("11")

    assert phone.state.variables["entry"] == 5
    assert phone.state.variables["ask/entry"] == "11"
    assert isinstance(phone.command, Lookup)
    assert phone.command.arguments == {"number": "11"}


def test_an_argument_may_be_changed_inside_without_changing_what_was_handed_over():
    assert keyed_twice().state.variables["one"] == {"times": Decimal(2), "long": False}


def test_menus_of_a_sub_flow_have_its_own_defaults_and_the_rest_from_the_file():
    flow = compiled(
        """
  hello: {call: ask, then: bye}
""",
        "start: hello\ndefaults: {tries: 4, timeout: 7s, noinput: <<Hello?>>, exhausted: sorry}".replace("<<Hello?>>", "noinput"),
        "subflows:\n  ask:\n    start: menu\n    defaults: {tries: 1, exhausted: end}\n    nodes:\n"
        "      menu: {menu: <<Menu.>>, choices: {1: end}}\n      end: {return: }\n",
    )
    phone = Phone(flow)

    assert phone.asked.first_timeout.total_seconds() == 7
    assert phone.is_silent().hears == "Goodbye."
