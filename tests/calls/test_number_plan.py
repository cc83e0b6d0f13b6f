"""Who may be called back: held against libphonenumber's plan of China, and against numbers drawn at random."""

from __future__ import annotations

import itertools
import random
import re

import phonenumbers
import pytest
from phonenumbers import PhoneNumberType

from ivr.calls.number_plan import NumberPlan
from ivr.config import NUMBER_PLAN

PLAN = NumberPlan(NUMBER_PLAN, own=("037110086", "13900000000"))
ORDINARY = (PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE, PhoneNumberType.FIXED_LINE_OR_MOBILE)


def of_china(number: str) -> phonenumbers.PhoneNumber | None:
    try:
        return phonenumbers.parse(number, "CN")
    except phonenumbers.NumberParseException:
        return None


def table() -> list[str]:
    """500 numbers as callers may have them: of each kind that there is in China, and of other countries."""
    chance = random.Random(5)
    digits = lambda count: "".join(chance.choices("0123456789", k=count))  # noqa: E731
    mobiles = [f"1{second}{third}{digits(8)}" for second, third in itertools.product("3456789", "0123456789")]
    landlines = [f"0{area}{digits(8)}" for area in ("10", "21", "22", "27", "371", "379", "755", "769", "571", "28") for _ in range(8)]
    dear = [f"{prefix}{digits(6)}" for prefix in ("400", "800", "95", "96", "16", "12") for _ in range(10)]
    abroad = [f"{way}{country}{digits(9)}" for way in ("00", "+") for country in (1, 44, 7, 852, 886, 882, 979, 53) for _ in range(8)]
    written = [f"{way}86{number}" for way in ("+", "00") for number in mobiles[:40]] + [f"+86{number[1:]}" for number in landlines[:40]]
    short = [digits(length) for length in range(1, 9) for _ in range(4)]
    return [*mobiles, *landlines, *dear, *abroad, *written, *short][:500]


def test_what_is_dialled_is_an_ordinary_number_of_china():
    numbers = table()
    dialled = {number: PLAN.dialled(number) for number in numbers}

    assert len(numbers) >= 490
    assert sum(one is not None for one in dialled.values()) > 200
    for number, digits in dialled.items():
        known = of_china(number)
        foreign = known is not None and known.country_code != 86
        assert not (digits and foreign), number
        if digits is not None:
            assert phonenumbers.is_possible_number(of_china(digits)), number
    for number in numbers:
        known = of_china(number)
        if known is not None and known.country_code == 86 and phonenumbers.is_valid_number(known):
            kind = phonenumbers.number_type(known)
            if kind not in ORDINARY:
                assert dialled[number] is None, number


@pytest.mark.parametrize(
    ("number", "dialled"),
    [
        ("13900001008", "13900001008"),
        ("+8613900001008", "13900001008"),
        ("008613900001008", "13900001008"),
        ("037112345678", "037112345678"),
        ("+8637112345678", "037112345678"),
        ("+86037112345678", "037112345678"),
        ("+861012345678", "01012345678"),
        ("13900000000", None),  # the line's own
        ("+8613900000000", None),
        ("037110086", None),
        ("13490001008", None),  # a satellite
        ("17400001008", None),
        ("1390000100", None),
        ("139000010088", None),
        ("12345678901", None),
        ("0044207946000", None),
        ("+442079460000", None),
        ("004420794600", None),
        ("4001234567", None),
        ("16812345", None),
        ("10086", None),
        ("110", None),
        ("", None),
        ("+", None),
        ("+86", None),
        ("1390000１００８", None),  # digits of another script
        ("13900001008\n", None),
        ("13900001008;phone-context=x", None),
        ("1390000100*", None),
    ],
)
def test_each_number_is_dialled_as_it_should_be_or_not_at_all(number: str, dialled: str | None):
    assert PLAN.dialled(number) == dialled


def test_another_number_of_the_line_is_not_dialled_either():
    assert PLAN.dialled("037112345678", own=("037112345678",)) is None


def test_of_a_hundred_thousand_random_numbers_none_is_dialled_that_is_not_in_the_plan():
    chance = random.Random(11)
    plan = re.compile(r"1(?!349|740)[3-9][0-9]{9}|0[1-9][0-9]{1,2}[0-9]{7,8}")
    numbers = ("".join(chance.choices("0123456789+*#", weights=[9] * 10 + [1] * 3, k=chance.randint(1, 16))) for _ in range(100_000))

    dialled = [one for number in numbers if (one := PLAN.dialled(number)) is not None]

    assert len(dialled) > 500
    assert all(plan.fullmatch(one) for one in dialled)
    assert not {"037110086", "13900000000"} & set(dialled)


def test_a_site_has_a_plan_of_its_own():
    plan = NumberPlan([r"8\d{3}"])

    assert (plan.dialled("8123"), plan.dialled("13900001008")) == ("8123", None)
