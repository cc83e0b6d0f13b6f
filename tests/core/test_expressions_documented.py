"""The page about expressions is true: every example in it gives what it says, and its limits are those that hold."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path

import pytest

from ivr.core.evaluation import EvaluationFailed, evaluate
from ivr.core.expression_types import type_of
from ivr.core.expressions import MAX_DEPTH, MAX_DIGITS, MAX_LENGTH, MAX_OPERATORS, ExpressionError, parse
from ivr.core.values import Kind, ListOf, Scalar, Type, Value

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "expressions.md").read_text(encoding="utf-8")
ROWS = [
    [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in PAGE.splitlines() if line.startswith("| ")
]
KINDS: dict[str, Type] = {
    "money": Scalar(Kind.MONEY),
    "a volume": Scalar(Kind.VOLUME),
    "a number": Scalar(Kind.NUMBER),
    "a text": Scalar(Kind.TEXT),
    "digits": Scalar(Kind.DIGITS),
    "true or false": Scalar(Kind.BOOL),
    "money, or null": Scalar(Kind.MONEY, optional=True),
    "a list of texts": ListOf(Scalar(Kind.TEXT)),
}
NAMED = [row for row in ROWS if len(row) == 3 and row[1] in KINDS]
TYPES = {name.strip("`"): KINDS[kind] for name, kind, _ in NAMED}
EXAMPLES = [(row[-2].strip("`"), row[-1].strip("`")) for row in ROWS if row[-2].startswith("`") and row[-1].startswith(("`", "fails"))]


def written(text: str) -> Value:
    return evaluate(parse(text), {})


VALUES: dict[str, Value] = {name.strip("`"): written(value.strip("`")) for name, _, value in NAMED}


def test_all_names_and_examples_are_found():
    assert len(TYPES) == 8
    assert len(EXAMPLES) == 25


@pytest.mark.parametrize(("expression", "gives"), EXAMPLES)
def test_an_example_gives_what_the_page_says(expression: str, gives: str):
    type_of(parse(expression), TYPES)

    if gives == "fails":
        with pytest.raises(EvaluationFailed):
            evaluate(parse(expression), VALUES)
    else:
        assert evaluate(parse(expression), VALUES) == written(gives)


@pytest.mark.parametrize(
    ("expression", "gives"),
    [("0.1 + 0.2", Decimal("0.3")), ("1 == 1.0", True), ("7.5 % 2", Decimal("1.5")), ("0 < count && count < 5", True), ('"\\u4f59"', "余")],
)
def test_what_is_said_between_the_tables_is_so(expression: str, gives: Value):
    assert expression.replace('"', "") in PAGE
    assert evaluate(parse(expression), VALUES) == gives


@pytest.mark.parametrize(
    "expression",
    ["balance * balance", "1 / balance", "balance + used", '1 == "1"', "1 < 2 == true", "plan < plan", "[]", ".5", "has(plan)"],
)
def test_what_is_said_to_be_refused_is_refused(expression: str):
    with pytest.raises(ExpressionError):
        type_of(parse(expression), TYPES)


def test_the_limits_are_those_that_hold():
    limits = {row[0]: row[1] for row in ROWS if len(row) == 2}

    assert limits["characters"] == str(MAX_LENGTH)
    assert limits["operators and dots"] == str(MAX_OPERATORS)
    assert limits["brackets, `!`, `-` and `? :` within each other"] == str(MAX_DEPTH)
    assert limits["figures of a number that is written out, the point included"] == str(MAX_DIGITS)
