"""No answer of a back office reaches a caller unless it has the declared shape and values that can be spoken."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.calls.answers import conform
from ivr.core.values import Kind, ListOf, LookupSignature, Record, Scalar
from ivr.errors import BackOfficeFailed


def signature(kind: Kind, *, optional: bool = False) -> LookupSignature:
    return LookupSignature("look", {}, Record({"it": Scalar(kind, optional=optional)}))


GOOD = [
    (Kind.TEXT, "畅享套餐"),
    (Kind.NUMBER, 3),
    (Kind.NUMBER, Decimal("2.5")),
    (Kind.MONEY, Decimal("-12.50")),
    (Kind.DIGITS, "13900001008"),
    (Kind.VOLUME, 0),
    (Kind.DURATION, dt.timedelta(minutes=75)),
    (Kind.DATE, dt.date(2026, 3, 5)),
    (Kind.MONTH, dt.date(2026, 3, 1)),
    (Kind.TIME, dt.time(14, 5)),
    (Kind.BOOL, False),
]

BAD = [
    (Kind.TEXT, "x" * 201, "is not a text"),
    (Kind.TEXT, "a\nb", "is not a text"),
    (Kind.TEXT, 5, "is not a text"),
    (Kind.NUMBER, True, "is not a number"),
    (Kind.NUMBER, 1.5, "is not a number"),
    (Kind.NUMBER, 10**13, "is out of range"),
    (Kind.MONEY, Decimal("NaN"), "is not a money"),
    (Kind.MONEY, Decimal("sNaN"), "is not a money"),
    (Kind.MONEY, Decimal("Infinity"), "is not a money"),
    (Kind.MONEY, Decimal("1e999"), "is out of range"),
    (Kind.MONEY, Decimal("0.005"), "has a part of a fen"),
    (Kind.MONEY, 35.62, "is not a money"),
    (Kind.MONEY, 35, "is not a money"),
    (Kind.MONEY, "35.62", "is not a money"),
    (Kind.DIGITS, "１３", "is not a digits"),
    (Kind.DIGITS, "", "is not a digits"),
    (Kind.DIGITS, "1" * 33, "is not a digits"),
    (Kind.VOLUME, -1, "is out of range"),
    (Kind.VOLUME, 10**16, "is out of range"),
    (Kind.VOLUME, True, "is not a volume"),
    (Kind.DURATION, dt.timedelta(seconds=-1), "is out of range"),
    (Kind.DURATION, 75, "is not a duration"),
    (Kind.DATE, dt.datetime(2026, 3, 5, tzinfo=dt.UTC), "is not a date"),
    (Kind.DATE, dt.date(1, 1, 1), "is out of range"),
    (Kind.MONTH, dt.date(2026, 3, 5), "is not the first of a month"),
    (Kind.TIME, dt.time(14, 5, tzinfo=dt.UTC), "is not a time"),
    (Kind.BOOL, 1, "is not a bool"),
]


@pytest.mark.parametrize(("kind", "value"), GOOD)
def test_values_of_their_kind_pass_unchanged(kind: Kind, value: object):
    assert conform(signature(kind), {"it": value}) == {"it": value}


@pytest.mark.parametrize(("kind", "value", "complaint"), BAD)
def test_anything_else_is_refused_by_name_and_without_its_value(kind: Kind, value: object, complaint: str):
    with pytest.raises(BackOfficeFailed) as refusal:
        conform(signature(kind), {"it": value})

    assert str(refusal.value) == f"look.it {complaint}"


@given(
    st.sampled_from(list(Kind)),
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(), st.decimals(), st.text(), st.binary(), st.dates(), st.datetimes(),
        st.times(), st.timedeltas(), st.lists(st.integers()), st.dictionaries(st.text(), st.integers()),
    ),
)  # fmt: skip
def test_any_object_passes_as_it_is_or_is_refused(kind: Kind, value: object):
    try:
        answer = conform(signature(kind), {"it": value})
    except BackOfficeFailed:
        return
    assert answer == {"it": value}


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [
        (None, "look may not be missing"),
        ([], "look is not a record"),
        ({}, "look.it is missing"),
        ({"it": 1, "more": 2}, "look has a field that is not declared"),
        ({"it": None}, "look.it may not be null"),
    ],
)
def test_records_have_exactly_their_fields(answer: object, complaint: str):
    with pytest.raises(BackOfficeFailed, match=complaint):
        conform(signature(Kind.NUMBER), answer)


def test_null_passes_where_it_was_declared():
    assert conform(signature(Kind.NUMBER, optional=True), {"it": None}) == {"it": None}
    assert conform(LookupSignature("look", {}, Record({}), not_found=True), None) is None


def test_lists_become_tuples_and_have_an_end():
    items = LookupSignature("look", {}, Record({"items": ListOf(Record({"n": Scalar(Kind.NUMBER)}, optional=True))}))

    assert conform(items, {"items": [{"n": 1}, None]}) == {"items": ({"n": 1}, None)}
    with pytest.raises(BackOfficeFailed, match=r"look.items\[1\].n is not a number"):
        conform(items, {"items": [{"n": 1}, {"n": "x"}]})
    with pytest.raises(BackOfficeFailed, match=r"look.items has more than 100 items"):
        conform(items, {"items": [{"n": 1}] * 101})
    with pytest.raises(BackOfficeFailed, match=r"look.items is not a list"):
        conform(items, {"items": "text"})


def test_money_is_told_to_the_fen():
    answer = conform(signature(Kind.MONEY), {"it": Decimal("35.620")})

    assert str(answer) == str({"it": Decimal("35.62")})
