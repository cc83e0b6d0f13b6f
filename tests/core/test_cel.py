"""Expressions against the published conformance cases of CEL: the same answer, or a difference that is meant and written down.

The rule is mechanical. A case is ours when its names can be declared with our types, and its expression is read and fits those types.
Then it must give the published value, or stand in DIFFERENT with the reason. All others are refused when a flow is loaded, never answered
otherwise; OUTSIDE says what they are about.
"""

from __future__ import annotations

import re
from collections import Counter
from decimal import Decimal

import pytest

from ivr.core.evaluation import EvaluationFailed, evaluate
from ivr.core.expression_types import type_of
from ivr.core.expressions import Expression, ExpressionError, parse
from ivr.core.values import Kind, ListOf, Scalar, Type, Value
from tests.core.cel_cases import Case, Message, messages, only, published_cases, text

NO_NAN = "numbers are exact decimals: there is no infinity and no not-a-number, so a division by zero fails"
DIFFERENT = {
    "comparisons/eq_literal/not_eq_double_nan": NO_NAN,
    "comparisons/ne_literal/ne_double_nan": NO_NAN,
    "comparisons/ne_literal/not_ne_double_nan": NO_NAN,
    "fp_math/fp_math/divide_zero": NO_NAN,
    "fp_math/fp_math/mod_not_support": "there is one type of number, and all numbers have a remainder",
}

# What the cases outside are about: the first pattern that is found in "file | expression | declared types | our refusal".
OUTSIDE = {
    "extension libraries": r"^\w+_ext |^optionals |\bcel\.|\boptional",
    "protocol buffer messages and enumerations": r"^(?:enums|fields|wrappers|proto[23]|namespace|dynamic) |\w\{|message_type|wrapper",
    "macros": r"\b(?:all|exists|exists_one|existsOne|map|filter|transform\w*|has)\(",
    "bytes": r"""\b(?:[bB][rR]?|[rR][bB])['"]|\bbytes\b|BYTES""",
    "timestamps and durations made from texts": r"\b(?:timestamp|duration)\(|TIMESTAMP|DURATION",
    "maps": r"\{.*\| \{|map_type",
    "unsigned numbers": r"\d[uU]\b|\buint\b|UINT64",
    "conversions, and types as values": r"\b(?:int|double|string|bool|dyn|type)\(|\| \w+ \|.*nothing here is named '\w{3}|== type",
    "regular expressions": r"\.matches\(",
    "numbers written with an exponent, in base sixteen, or from the point on": r"\d[eE][-+]?\d|0x|(?<!\w)\.\d",
    "raw texts, and texts in three quotes": r"""[rR]['"]|'''|\"{3}""",
    "indexes": r"[\w\])]\[",
    "numbers of more than 18 digits": r"\d{19}",
    "control characters in a text": r"a backslash stands before",
    "texts put in order": r"in order, not a text",
    "true and false put in order": r"in order, not true or false",
    "empty lists, and nulls in lists": r"at least one item, and no null|not a (?:text|number) and null",
    "lists compared and joined": r"compare a list|not a list",
    "values of mixed or unfit types": r"must be|cannot compare (?:null|a text) with|has no fields|'null'",
    "names and functions that nobody has declared": r"nothing here is named|there is no function 'f",
}  # fmt: skip


def declared(message: Message) -> Type | None:
    """Our type for a published one."""
    kinds = {"INT64": Kind.NUMBER, "DOUBLE": Kind.NUMBER, "STRING": Kind.TEXT, "BOOL": Kind.BOOL}
    if "list_type" in message:
        item = declared(only(only(message, "list_type"), "elem_type"))
        return item and ListOf(item)
    kind = kinds.get(text(message, "primitive"))
    return kind and Scalar(kind)


def value_of(message: Message) -> Value:
    """A published value. Raises KeyError for one that we have not."""
    if "list_value" in message:
        return tuple(value_of(one) for one in messages(only(message, "list_value"), "values"))
    (kind,) = message
    word = text(message, kind)
    return {
        "int64_value": lambda: Decimal(word),
        "double_value": lambda: Decimal(word),
        "string_value": lambda: word,
        "bool_value": lambda: word == "true",
        "null_value": lambda: None,
    }[kind]()


def compiled(case: Case) -> Expression | ExpressionError:
    """The case's expression, if it is one of ours."""
    types = {name: declared(message) for name, message in case.types.items()}
    try:
        if any(type_ is None or not name.isidentifier() for name, type_ in types.items()):
            raise ExpressionError("a name is of a type that we have not")
        expression = parse(case.text)
        type_of(expression, {name: type_ for name, type_ in types.items() if type_ is not None})
    except ExpressionError as error:
        return error
    return expression


def agrees(case: Case, expression: Expression) -> bool:
    """Whether it comes out as published. A case without a value wants a failure."""
    if case.checked_only:
        return True
    try:
        found = evaluate(expression, {name: value_of(message) for name, message in case.bindings.items() if name in case.types})
    except EvaluationFailed:
        return case.value is None
    return case.value is not None and (found, isinstance(found, bool)) == (wanted := value_of(case.value), isinstance(wanted, bool))


@pytest.fixture(scope="module")
def cases() -> list[Case]:
    return published_cases()


def test_what_is_ours_comes_out_as_published_or_differs_on_purpose(cases: list[Case]):
    ours = [(case, found) for case in cases if isinstance(found := compiled(case), Expression)]

    different = {case.name for case, expression in ours if not agrees(case, expression)}

    assert different == set(DIFFERENT)
    assert (len(cases), len(ours)) == (2138, 202)


def test_what_is_not_ours_is_refused_with_a_sentence_and_is_known_by_what_it_is_about(cases: list[Case]):
    refused = [(case, found) for case in cases if isinstance(found := compiled(case), ExpressionError)]

    about = Counter(_about(case, error) for case, error in refused)

    assert {case.name: case.text for case, error in refused if _about(case, error) is None} == {}
    assert set(about) == set(OUTSIDE)
    print(*(f"{count:5} {what}" for what, count in about.most_common()), sep="\n")


def _about(case: Case, refusal: ExpressionError) -> str | None:
    whole = f"{case.file} | {case.text} | {case.types} | {refusal}"
    return next((what for what, pattern in OUTSIDE.items() if re.search(pattern, whole)), None)


@pytest.mark.parametrize(
    ("expression", "why"),
    [
        ("1 / 2 == 0.5", "there is one type of number: a division keeps what is behind the point (CEL: 0 for whole numbers)"),
        ("0.1 + 0.2 == 0.3", "numbers are exact decimals (CEL: 0.30000000000000004)"),
        ("1 == 1.0", "there is one type of number (CEL's checker refuses it)"),
        ("999999999999999999 * 2 > 0", "a number beyond 10^18 is a failure (CEL: beyond 2^63)"),
    ],
)
def test_where_we_differ_and_no_published_case_shows_it(expression: str, why: str):
    try:
        assert evaluate(parse(expression), {}) is True, why
    except EvaluationFailed:
        assert "10^18" in why
