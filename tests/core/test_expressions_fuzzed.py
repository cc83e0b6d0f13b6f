"""Expressions that nobody wrote: each has the value that a second, independent calculation gives it, and costs what its length allows.

The second calculation works on fractions and rounds by itself; it shares nothing with the evaluator but the language's definition. Work is
counted in calls, not in seconds: reading is linear in the text, checking and evaluating look at each term at most once.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from math import trunc
from types import CodeType, FrameType
from typing import TypeVar

from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from ivr.core import evaluation, expression_types, expressions
from ivr.core.evaluation import EvaluationFailed, evaluate
from ivr.core.expression_types import type_of
from ivr.core.expressions import MAX_LENGTH, Expression, ExpressionError, Term, parse, parts_of
from ivr.core.values import Kind, ListOf, Scalar, Type, Value

T = TypeVar("T")
TYPES: dict[str, Type] = {
    "n": Scalar(Kind.NUMBER),
    "none": Scalar(Kind.NUMBER, optional=True),
    "yes": Scalar(Kind.BOOL),
    "word": Scalar(Kind.TEXT),
    "words": ListOf(Scalar(Kind.TEXT)),
}
VALUES: dict[str, Value] = {"n": Decimal("-3.5"), "none": None, "yes": True, "word": "Aé余", "words": ("A", "")}


# --- a second calculation ---


class NoAnswer(Exception):
    """There is none."""


@dataclass(frozen=True)
class Written:
    """An expression as a text, how tightly it holds together (7: whatever stands beside it), and a second way to calculate it."""

    text: str
    tightness: int
    worth: Callable[[], object]

    def within(self, tightness: int) -> str:
        return self.text if self.tightness >= tightness else f"({self.text})"


def rounded(exact: Fraction) -> Fraction:
    """To 28 significant figures, halves to the even one; beyond 10^18 there is no answer."""
    if abs(exact) > 10**18 and abs(exact) > 10**18 * (1 + Fraction(1, 10**27)):
        raise NoAnswer
    if exact == 0:
        return exact
    figures = len(str(abs(exact.numerator))) - len(str(exact.denominator))  # before the point, or one too many
    unit = Fraction(10) ** (figures - 28 + (abs(exact) >= Fraction(10) ** figures))
    return round(exact / unit) * unit


def remainder(left: Fraction, right: Fraction) -> Fraction:
    if right == 0 or abs(left / right) >= 10**28:
        raise NoAnswer
    return left - right * trunc(left / right)


def divided(left: Fraction, right: Fraction) -> Fraction:
    if right == 0:
        raise NoAnswer
    return left / right


CALCULATIONS: dict[str, tuple[int, Callable[[Fraction, Fraction], Fraction]]] = {
    "+": (4, lambda left, right: left + right),
    "-": (4, lambda left, right: left - right),
    "*": (5, lambda left, right: left * right),
    "/": (5, divided),
    "%": (5, remainder),
}
COMPARISONS: dict[str, Callable[[Fraction, Fraction], bool]] = {
    "<": lambda left, right: left < right,
    "<=": lambda left, right: left <= right,
    ">": lambda left, right: left > right,
    ">=": lambda left, right: left >= right,
}


def both(left: Written, right: Written, sign: str, tightness: int, worth: Callable[[object, object], object]) -> Written:
    chains = tightness == 3  # which comparisons do not
    text = f"{left.within(tightness + chains)} {sign} {right.within(tightness + 1)}"
    return Written(text, tightness, lambda: worth(left.worth(), right.worth()))


def calculated(left: Written, sign: str, right: Written) -> Written:
    tightness, exact = CALCULATIONS[sign]

    def worth(one: object, other: object) -> Fraction:
        if not isinstance(one, Fraction) or not isinstance(other, Fraction):
            raise NoAnswer
        return rounded(exact(one, other))

    return both(left, right, sign, tightness, worth)


def compared(left: Written, sign: str, right: Written) -> Written:
    def worth(one: object, other: object) -> bool:
        if not isinstance(one, Fraction) or not isinstance(other, Fraction):
            raise NoAnswer
        return COMPARISONS[sign](one, other)

    return both(left, right, sign, 3, worth)


def settled(left: Written, sign: str, right: Written) -> Written:
    def worth() -> bool:
        found: list[object] = []
        for side in (left, right):
            try:
                found.append(side.worth())
            except NoAnswer:
                found.append(None)
        if (sign == "||") in found:
            return sign == "||"
        if None in found:
            raise NoAnswer
        return sign == "&&"

    tightness = {"||": 1, "&&": 2}[sign]
    return Written(f"{left.within(tightness)} {sign} {right.within(tightness + 1)}", tightness, worth)


def chosen(condition: Written, yes: Written, no: Written) -> Written:
    return Written(f"{condition.within(1)} ? {yes.text} : {no.text}", 0, lambda: (yes if condition.worth() else no).worth())


def minus(operand: Written) -> Written:
    def worth() -> Fraction:
        value = operand.worth()
        if not isinstance(value, Fraction):
            raise NoAnswer
        return -value

    return Written(f"-{operand.within(6)}", 6, worth)


def joined(left: Written, right: Written) -> Written:
    def worth(one: object, other: object) -> str:
        whole = str(one) + str(other)
        if len(whole) > MAX_LENGTH:
            raise NoAnswer
        return whole

    return both(left, right, "+", 4, worth)


def constant(text: str, value: object) -> Written:
    return Written(text, 7, lambda: value)


def searched(text: Written, name: str, part: Written) -> Written:
    def worth() -> bool:
        whole, wanted = str(text.worth()), str(part.worth())
        return {"startsWith": whole.find(wanted) == 0, "endsWith": whole[len(whole) - len(wanted) :] == wanted and len(whole) >= len(wanted), "contains": whole.find(wanted) >= 0}[name]  # fmt: skip  # noqa: E501

    return Written(f"{text.within(7)}.{name}({part.text})", 7, worth)


def sized(text: Written, method: bool) -> Written:
    return Written(f"{text.within(7)}.size()" if method else f"size({text.text})", 7, lambda: Fraction(len(str(text.worth()))))


def quoted(text: str) -> Written:
    return constant('"' + "".join(sign if sign.isalnum() else f"\\u{ord(sign):04x}" for sign in text) + '"', text)


FIGURES = st.sampled_from(["0", "1", "2", "3", "7", "0.1", "0.5", "2.50", "10", "0.000001", "999999999999999999", "0.1234567890123456"])
Strategy = st.SearchStrategy[Written]
NUMBER: Strategy = st.one_of(
    FIGURES.map(lambda one: constant(one, Fraction(one))), st.sampled_from([constant("n", Fraction("-3.5")), constant("none", None)])
)
TRUTH: Strategy = st.sampled_from([constant("true", True), constant("false", False), constant("yes", True)])
TEXT: Strategy = st.one_of(st.text("aAé余", max_size=3).map(quoted), st.just(constant("word", "Aé余")))


def higher(number: Strategy, truth: Strategy, text: Strategy) -> tuple[Strategy, Strategy, Strategy]:
    """What can be made of these."""
    numbers = st.one_of(
        number,
        st.builds(calculated, number, st.sampled_from(list(CALCULATIONS)), number),
        st.builds(minus, number),
        st.builds(chosen, truth, number, number),
        st.builds(sized, text, st.booleans()),
    )
    truths = st.one_of(
        truth,
        st.builds(compared, number, st.sampled_from(list(COMPARISONS)), number),
        st.builds(settled, truth, st.sampled_from(["&&", "||"]), truth),
        st.builds(both, number, number, st.just("=="), st.just(3), st.just(lambda one, other: one == other)),
        st.builds(both, text, text, st.just("!="), st.just(3), st.just(lambda one, other: one != other)),
        truth.map(lambda one: Written(f"!{one.within(6)}", 6, lambda: not one.worth())),
        st.builds(chosen, truth, truth, truth),
        st.builds(searched, text, st.sampled_from(["startsWith", "endsWith", "contains"]), text),
        st.builds(
            lambda one, two: Written(f'{one.within(4)} in [{two.text}, "A",]', 3, lambda: one.worth() in (two.worth(), "A")), text, text
        ),
    )
    return numbers, truths, st.one_of(text, st.builds(joined, text, text), st.builds(chosen, truth, text, text))


for _ in range(4):
    NUMBER, TRUTH, TEXT = higher(NUMBER, TRUTH, TEXT)


@given(st.sampled_from([NUMBER, NUMBER, TRUTH, TEXT]).flatmap(lambda kind: kind))
@settings(max_examples=2500, deadline=None)
def test_an_expression_is_worth_what_a_second_calculation_says(written: Written):
    try:
        expression = parse(written.text)
    except ExpressionError as error:
        assume("at most" not in str(error))
        raise
    type_of(expression, TYPES)

    try:
        wanted = written.worth()
    except NoAnswer:
        wanted = NoAnswer
    try:
        value = evaluate(expression, VALUES)
    except EvaluationFailed:
        assert wanted is NoAnswer
    else:
        found = Fraction(value) if isinstance(value, Decimal) else value
        assert (found, type(found)) == (wanted, type(wanted))


# --- work ---


def counting(what: Callable[[], T], code: CodeType | None = None) -> tuple[T, int]:
    """What comes of it, and how often Python functions were called for it (or the one with this code)."""
    calls = 0

    def count(frame: FrameType, event: str, _: object) -> None:
        nonlocal calls
        calls += event == "call" and (frame.f_code is code if code else "/ivr/core/" in frame.f_code.co_filename)

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        found = what()
    finally:
        sys.setprofile(before)
    return found, calls


def tried(what: Callable[[], T]) -> T | None:
    try:
        return what()
    except (ExpressionError, EvaluationFailed):
        return None


def terms(term: Term) -> int:
    return 1 + sum(terms(part) for part in parts_of(term))


SIGNS = (
    """( ) [ ] , ? : ! - . + * / % == != < <= > >= && || in & ' " \\ \\u 1 0.5 "a" null true n none yes word words size( .contains( \n"""
)
PIECES = st.sampled_from([*SIGNS.split(" "), " ", "　", "9" * 18, "()" * 9])
ANYTHING = st.one_of(
    st.text(max_size=600),
    st.lists(PIECES, max_size=80).map("".join),
    st.builds(lambda piece, times, end: piece * times + end, PIECES, st.integers(1, MAX_LENGTH), PIECES),
    st.one_of(NUMBER, TRUTH, TEXT).map(lambda written: written.text),
)


@given(ANYTHING)
@example("yes && " * 71 + "yes")
@example("1 / 0 > 0 || " * 30 + "yes")
@example("((((((((" * 5 + "n" + "))))))))" * 5)
@example('word.contains("' + "\\u4f59" * 70 + '")')
@example("word.startsWith(" * 31)
@settings(max_examples=250, deadline=None)
def test_no_text_costs_more_than_its_length_allows(text: str):
    expression, reading = counting(lambda: tried(lambda: parse(text)))

    assert reading <= 40 * (min(len(text), MAX_LENGTH) + 1)
    if isinstance(expression, Expression):
        size = terms(expression.root)
        assert size <= MAX_LENGTH
        _, checked = counting(lambda: tried(lambda: type_of(expression, TYPES)), expression_types._type.__code__)
        _, evaluated = counting(lambda: tried(lambda: evaluate(expression, VALUES)), evaluation._value.__code__)
        assert checked <= size
        assert evaluated <= size


def test_the_language_has_no_word_that_runs_anything():
    """Whatever is called is one of four functions, and whatever is read was declared."""
    for text in ("__import__('os')", "open('x')", "n.__class__", "eval('1')", "print(1)", "word.format(n)", "word.matches('(a+)+')"):
        assert tried(lambda text=text: type_of(parse(text), TYPES)) is None
    assert sorted(expressions._METHODS) == ["contains", "endsWith", "size", "startsWith"]
