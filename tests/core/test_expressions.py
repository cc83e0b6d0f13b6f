"""Conditions and values: what can be written, what type it has, what it is worth, and how mistakes are told."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest

from ivr.core.evaluation import EvaluationFailed, evaluate, holds
from ivr.core.expression_types import describe, same_type, secrets_in, type_of
from ivr.core.expressions import MAX_LENGTH, Binary, Expression, ExpressionError, Name, Unary, names, parse
from ivr.core.marks import Mark
from ivr.core.values import Kind, ListOf, Record, Scalar, Type, Value

TYPES: dict[str, Type] = {
    "balance": Scalar(Kind.MONEY),
    "left": Scalar(Kind.VOLUME),
    "count": Scalar(Kind.NUMBER),
    "plan": Scalar(Kind.TEXT),
    "number": Scalar(Kind.DIGITS),
    "senior": Scalar(Kind.BOOL),
    "day": Scalar(Kind.DATE),
    "month": Scalar(Kind.MONTH),
    "hour": Scalar(Kind.TIME),
    "talk": Scalar(Kind.DURATION),
    "maybe": Scalar(Kind.MONEY, optional=True),
    "maybe_true": Scalar(Kind.BOOL, optional=True),
    "maybe_text": Scalar(Kind.TEXT, optional=True),
    "maybe_record": Record({"x": Scalar(Kind.NUMBER)}, optional=True),
    "pin": Scalar(Kind.DIGITS, secret=True),
    "account": Record({"balance": Scalar(Kind.MONEY), "code": Scalar(Kind.DIGITS, secret=True), "in": Scalar(Kind.BOOL)}),
    "plans": ListOf(Scalar(Kind.TEXT)),
}
VALUES: dict[str, Value] = {
    "balance": Decimal("-3.50"),
    "left": 2048,
    "count": 3,
    "plan": "Plan A",
    "number": "10086",
    "senior": True,
    "day": dt.date(2026, 3, 5),
    "month": dt.date(2026, 3, 1),
    "hour": dt.time(8, 30),
    "talk": dt.timedelta(minutes=90),
    "maybe": None,
    "maybe_true": None,
    "maybe_text": None,
    "maybe_record": None,
    "pin": "123456",
    "account": {"balance": Decimal(12), "code": "42", "in": True},
    "plans": ("A", "B"),
}
WRONG_ESCAPE = r"in a text, a backslash stands before a quote, a backslash, n, t or the code of a character, as in \u4f59"


@pytest.mark.parametrize(
    ("text", "type_", "value"),
    [
        ("1", "a number", Decimal(1)),
        ("1.50", "a number", Decimal("1.5")),
        ("true", "true or false", True),
        ("null", "null", None),
        ('"a"', "a text", "a"),
        (r'"a\"b\\c\n\t\'\`\?"', "a text", "a\"b\\c\n\t'`?"),
        (r"'\u4f59\x61\U0001F600\141'", "a text", "余a😀a"),
        ("'余额'", "a text", "余额"),
        ("  count ", "a number", 3),
        ("account.balance", "money", Decimal(12)),
        ("account.in", "true or false", True),
        # precedence, from the loosest to the tightest
        ("1 + 2 * 3", "a number", Decimal(7)),
        ("(1 + 2) * 3", "a number", Decimal(9)),
        ("10 - 4 - 3", "a number", Decimal(3)),
        ("12 / 4 / 3", "a number", Decimal(1)),
        ("7 % 4 * 2", "a number", Decimal(6)),
        ("-2 + 3", "a number", Decimal(1)),
        ("2 - -3", "a number", Decimal(5)),
        ("- -3", "a number", Decimal(3)),
        ("-account.balance", "money", Decimal(-12)),
        ("1 + 1 == 2", "true or false", True),
        ("1 < 2 == true", None, None),
        ("(1 < 2) == true", "true or false", True),
        ("!senior == senior", "true or false", False),
        ("!(senior == senior)", "true or false", False),
        ("!!senior", "true or false", True),
        ("true || false && false", "true or false", True),
        ("(true || false) && false", "true or false", False),
        ("false && true || true", "true or false", True),
        ("true ? 1 : false ? 2 : 3", "a number", Decimal(1)),
        ("false ? 1 : false ? 2 : 3", "a number", Decimal(3)),
        ("count > 2 ? balance : 0", "money", Decimal("-3.50")),
        ("count > 2 ? 0 : balance", "money", Decimal(0)),
        ("senior ? number : plan", "a text", "10086"),
        ("senior ? day : month", "a date", dt.date(2026, 3, 5)),
        ("senior ? account : account", "a record", VALUES["account"]),
        ("senior ? null : null", "null", None),
        # comparing
        ("balance < 0", "true or false", True),
        ("balance >= -3.5", "true or false", True),
        ("balance <= -3.6", "true or false", False),
        ("left > 1024", "true or false", True),
        ("left == 2048.0", "true or false", True),
        ("plan != 'Plan B'", "true or false", True),
        ('number == "10086"', "true or false", True),
        ("day > month", "true or false", True),
        ("hour >= hour", "true or false", True),
        ("talk < talk", "true or false", False),
        ("maybe == null", "true or false", True),
        ("null != maybe", "true or false", False),
        ("maybe_record == null", "true or false", True),
        ("maybe == null || maybe > 0", "true or false", True),
        ("maybe != null && maybe > 0", "true or false", False),
        ('plan in ["Plan A", number]', "true or false", True),
        ("count in [1, 2, balance]", "true or false", False),
        ('"A" in plans', "true or false", True),
        # calculating
        ("balance + 1", "money", Decimal("-2.50")),
        ("2 * balance", "money", Decimal("-7.00")),
        ("balance / 2", "money", Decimal("-1.75")),
        ("balance / balance", "a number", Decimal(1)),
        ("left - left", "a volume", Decimal(0)),
        ("left % 1000", "a volume", Decimal(48)),
        ('number + "#" + plan', "a text", "10086#Plan A"),
        # functions
        ("size(plans)", "a number", Decimal(2)),
        ("size(plan)", "a number", Decimal(6)),
        ("plan.size() + plans.size()", "a number", Decimal(8)),
        ('plan.startsWith("Plan")', "true or false", True),
        ('plan.endsWith("B")', "true or false", False),
        ('number.contains("008")', "true or false", True),
    ],
)
def test_what_an_expression_is_and_is_worth(text: str, type_: str | None, value: Value):
    if type_ is None:
        with pytest.raises(ExpressionError, match="comparisons do not chain"):
            parse(text)
        return
    expression = parse(text)

    assert describe(type_of(expression, TYPES)) == type_
    assert evaluate(expression, VALUES) == value


def test_a_minus_or_a_not_binds_to_what_follows_it_only():
    assert parse("!a == b").root == Binary("==", Unary("!", Name("a", 1), 0), Name("b", 6), 3)
    assert parse("-a + b").root == Binary("+", Unary("-", Name("a", 1), 0), Name("b", 5), 3)


@pytest.mark.parametrize(
    ("text", "sentence", "offset"),
    [
        ("", "the expression ends too early", 0),
        ("1 +", "the expression ends too early", 3),
        ("(1", "the expression ends too early, where ')' was expected", 2),
        ("1 2", "'2' cannot stand here", 2),
        ("a ? 1", "the expression ends too early, where ':' was expected", 5),
        ("[1 2]", "'2' cannot stand here, where ',' was expected", 3),
        ("a.", "the expression ends too early, where the name of a field was expected", 2),
        ("a[0]", "'[' cannot stand here", 1),
        ("in", "'in' cannot stand here", 0),
        ("a = 1", "'=' cannot stand here; to compare, write '=='", 2),
        ("a & b", "'&' cannot stand here; write '&&'", 2),
        ("a | b", "'|' cannot stand here; write '||'", 2),
        ("a or b", "'or' cannot stand here; write '||'", 2),
        ("a $ b", "'$' cannot stand here", 2),
        ("a ；b", "'；' cannot stand here", 2),
        ('"abc', "a text in quotes does not end", 0),
        (r'"\d"', WRONG_ESCAPE, 1),
        (r"'a\u12'", WRONG_ESCAPE, 2),
        (r"'\ud800'", WRONG_ESCAPE, 1),
        (r"'\U00110000'", WRONG_ESCAPE, 1),
        (r"'ab\x07'", WRONG_ESCAPE, 3),
        (r"'\r'", WRONG_ESCAPE, 1),
        ("'a\nb'", "a text in quotes does not end", 0),
        ("1 < 2 < 3", "comparisons do not chain; write for example 'a < b && b < c'", 6),
        ("length(a)", "there is no function 'length'", 0),
        ("a.upper()", "there is no function 'upper'", 2),
        ("has(a.b)", "there is no function 'has'; to ask whether there is a value, write x != null", 0),
        ("contains(a)", "there is no function 'contains'", 0),
        ("a.size(b)", "'b' cannot stand here, where ')' was expected", 7),
        ("size(a", "the expression ends too early, where ')' was expected", 6),
        ('a.contains("b"', "the expression ends too early, where ')' was expected", 14),
        ("1234567890123456789", "a number may have 18 digits at most", 0),
        ("(" * 41 + ")" * 41, "an expression may be nested 40 deep at most", 40),
        ("!" * 41 + "a", "an expression may be nested 40 deep at most", 39),
        ("+".join("a" * 102), "an expression may have 100 operators at most", 201),
        ("a" + ".b" * 101, "an expression may have 100 operators at most", 201),
        ("a" * 501, f"an expression may have {MAX_LENGTH} characters at most; this one has 501", 0),
        ("٣ > 1", "'٣' cannot stand here", 0),
    ],
)
def test_what_cannot_be_read_is_told_with_its_place(text: str, sentence: str, offset: int):
    with pytest.raises(ExpressionError) as caught:
        parse(text)

    assert (str(caught.value), caught.value.offset) == (sentence, offset)


@pytest.mark.parametrize(
    ("text", "sentence", "offset"),
    [
        ("nobody", "nothing here is named 'nobody'", 0),
        ("account.nothing", "there is no field 'nothing'", 8),
        ("balance.fen", "money has no fields, so '.fen' cannot follow it", 8),
        ("null.x", "null has no fields, so '.x' cannot follow it", 5),
        ("plans.x", "a list has no fields, so '.x' cannot follow it", 6),
        ("!balance", "what follows '!' must be true or false, not money; to deny a comparison, write !(a == b)", 0),
        ("-plan", "what follows '-' must be a number, not a text", 0),
        ("-null", "what follows '-' must be a number, not null", 0),
        ("senior && 1", "the right of '&&' must be true or false, not a number", 7),
        ("1 || senior", "the left of '||' must be true or false, not a number", 2),
        ("balance == plan", "'==' cannot compare money with a text", 8),
        ("account == account", "'==' cannot compare a record with a record", 8),
        ("balance < left", "'<' cannot compare money with a volume", 8),
        ("balance == null", "money is never null here", 8),
        ("plans == null", "a list is never null here", 6),
        ("plan < plan", "'<' puts numbers, dates, times and durations in order, not a text", 5),
        ("senior < senior", "'<' puts numbers, dates, times and durations in order, not true or false", 7),
        ("account > account", "'>' cannot compare a record with a record", 8),
        ("day < hour", "'<' cannot compare a date with a time", 4),
        ("null < 1", "'<' cannot compare null with a number", 5),
        ("plan in plan", "'in' needs a list on its right, not a text", 5),
        ("count in plans", "'in' cannot look for a number where each item is a text", 6),
        ("null in plans", "'in' cannot look for null where each item is a text", 5),
        ("1 in []", "a list in an expression needs at least one item, and no null", 0),
        ("1 in [null]", "a list in an expression needs at least one item, and no null", 6),
        ("1 in [1, plan]", "the items of a list must be of one type, not a number and a text", 9),
        ("plan + 1", "the left of '+' must be a number, not a text", 5),
        ("1 + plan", "the right of '+' must be a number, not a text", 2),
        ("day - day", "the left of '-' must be a number, not a date", 4),
        ("balance + left", "'+' cannot stand between money and a volume", 8),
        ("balance * balance", "'*' cannot stand between money and money", 8),
        ("1 / balance", "'/' cannot stand between a number and money", 2),
        ("senior ? 1 : plan", "both sides of ':' must be of one type, not a number and a text", 7),
        ("count ? 1 : 2", "the condition before '?' must be true or false, not a number", 6),
        ("size(count)", "size() counts a list or a text, not a number", 0),
        ("count.contains('1')", "what stands before .contains() must be a text, not a number", 6),
        ("plan.contains(1)", "what .contains() looks for must be a text, not a number", 5),
    ],
)
def test_types_that_do_not_fit_are_told_with_their_place(text: str, sentence: str, offset: int):
    with pytest.raises(ExpressionError) as caught:
        type_of(parse(text), TYPES)

    assert (str(caught.value), caught.value.offset) == (sentence, offset)


def test_a_misspelt_name_comes_with_those_that_would_have_been_right():
    with pytest.raises(ExpressionError) as caught:
        type_of(parse("account.balanc"), TYPES)

    assert (caught.value.name, caught.value.known) == ("balanc", ("balance", "code", "in"))


@pytest.mark.parametrize(
    "text",
    [
        "1 / 0",
        "1 % 0",
        "0 / 0",
        "maybe > 0",
        "maybe + 1",
        "-maybe",
        "!maybe_true",
        "maybe_true && true",
        "true && maybe_true",
        "false || maybe_true",
        "maybe_true ? 1 : 2",
        "maybe_record.x",
        "size(maybe_text)",
        'maybe_text.contains("a")',
        'plan.contains(maybe_text)',
        "999999999999999999 * 999999999999999999",
        "999999999999999999 % 0.000000000000001",
        "unset",
    ],
)  # fmt: skip
def test_what_has_no_answer_is_a_failure_and_nothing_else(text: str):
    with pytest.raises(EvaluationFailed):
        evaluate(parse(text), VALUES)


def test_a_text_cannot_grow_for_ever():
    with pytest.raises(EvaluationFailed, match="grew too long"):
        evaluate(parse("a + a"), {"a": "x" * 300})


def test_a_condition_that_is_null_neither_holds_nor_fails_to_hold():
    assert holds(parse("senior"), VALUES)
    with pytest.raises(EvaluationFailed):
        holds(parse("maybe_true"), VALUES)


def test_and_and_or_look_no_further_than_they_must():
    assert evaluate(parse("false && 1 / 0 > 0"), {}) is False
    assert evaluate(parse("true || 1 / 0 > 0"), {}) is True


def test_a_side_that_settles_the_matter_does_so_even_when_the_other_fails():
    assert evaluate(parse("1 / 0 > 0 && false"), {}) is False
    assert evaluate(parse("1 / 0 > 0 || true"), {}) is True
    for undecided in ("1 / 0 > 0 && true", "1 / 0 > 0 || false", "1 / 0 > 0 && 1 / 0 > 0", "true && 1 / 0 > 0"):
        with pytest.raises(EvaluationFailed):
            evaluate(parse(undecided), {})


def test_the_longest_chain_can_be_walked_printed_and_compared():
    """Whoever works on expressions may recurse: no text makes a tree too high for that."""
    longest = "+".join("a" * 101)

    expression = parse(longest)

    assert evaluate(expression, {"a": Decimal(1)}) == 101
    assert repr(expression).count("Binary") == 100
    assert expression == parse(longest)
    assert hash(expression) == hash(parse(longest))


def test_the_names_an_expression_reads():
    assert names(parse('a.b + size(c) > (d ? -e : 1) || !f && g in [h, "i"] || j.startsWith(k)').root) == frozenset("acdefghjk")


@pytest.mark.parametrize(
    ("text", "secrets"),
    [
        ("pin", {"pin"}),
        ("account.code", {"code"}),
        ('plan + (senior ? pin : "")', {"pin"}),
        ("account.balance", set()),
        ("size(pin)", {"pin"}),
    ],
)
def test_secrets_are_found_wherever_they_hide(text: str, secrets: set[str]):
    assert secrets_in(parse(text), TYPES) == secrets


def test_types_that_one_name_may_hold():
    assert same_type(Scalar(Kind.MONEY), Scalar(Kind.MONEY, optional=True))
    assert not same_type(Scalar(Kind.MONEY), Scalar(Kind.NUMBER))
    assert same_type(ListOf(Scalar(Kind.TEXT)), ListOf(Scalar(Kind.TEXT)))
    assert not same_type(TYPES["account"], TYPES["maybe_record"])


def test_an_expression_knows_its_place_where_that_can_be_told():
    mark = Mark("f.yaml", 3, 10)

    assert parse("a + b", mark, verbatim=True).at(4) == Mark("f.yaml", 3, 14)
    assert parse("a + b", mark).at(4) == mark
    assert parse("a + b").at(4) is None
    assert parse("a", mark) == Expression("a", Name("a", 0))
