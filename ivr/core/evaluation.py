"""The values of expressions, in a call. No loop, no call out, no number without a bound."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation, localcontext

from ivr.core.expressions import (
    MAX_LENGTH,
    Binary,
    Choice,
    Expression,
    Field,
    Function,
    Literal,
    Many,
    Name,
    Term,
    Unary,
)
from ivr.core.values import Value

_LIMIT = Decimal(10) ** 18


class EvaluationFailed(Exception):
    """An expression that is well typed could not be evaluated: a null field, a division by zero, a number out of range."""


def evaluate(expression: Expression, variables: Mapping[str, Value]) -> Value:
    """The expression's value. Raises EvaluationFailed for a null in the way, a division by zero or a number out of range."""
    with localcontext() as exact:
        exact.prec = 28
        return _value(expression.root, variables)


def _value(term: Term, variables: Mapping[str, Value]) -> Value:
    match term:
        case Literal(value=value):
            return value
        case Name(name=name):
            if name not in variables:
                raise EvaluationFailed(f"{name} has no value yet")
            return variables[name]
        case Field(of=of, name=name):
            record = _value(of, variables)
            if not isinstance(record, Mapping) or name not in record:
                raise EvaluationFailed(f".{name} of nothing")
            return record[name]
        case Many(items=items):
            return tuple(_value(item, variables) for item in items)
        case Unary(operator="!", operand=operand):
            return not _truth(_value(operand, variables))
        case Unary(operand=operand):
            return -_number(_value(operand, variables))
        case Binary(operator="&&" | "||"):
            return _decide(term, variables)
        case Binary(operator=operator, left=left, right=right):
            return _operate(operator, _value(left, variables), _value(right, variables))
        case Choice(condition=condition, yes=yes, no=no):
            return _value(yes if _truth(_value(condition, variables)) else no, variables)
        case Function(name=name, arguments=arguments):
            return _call(name, [_value(argument, variables) for argument in arguments])


def _decide(term: Binary, variables: Mapping[str, Value]) -> bool:
    """`&&` and `||` as CEL has them: a side that settles the matter does so even when the other one fails."""
    settles = term.operator == "||"
    try:
        if _truth(_value(term.left, variables)) is settles:
            return settles
    except EvaluationFailed:
        if _truth(_value(term.right, variables)) is settles:
            return settles
        raise
    return _truth(_value(term.right, variables))


def holds(expression: Expression, variables: Mapping[str, Value]) -> bool:
    """Whether a condition is true. Raises EvaluationFailed as `evaluate` does, and for a null."""
    return _truth(evaluate(expression, variables))


def _truth(value: Value) -> bool:
    if not isinstance(value, bool):
        raise EvaluationFailed("a condition was neither true nor false")
    return value


def _number(value: Value) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise EvaluationFailed("a number was needed")
    return Decimal(value)


def _operate(operator: str, left: Value, right: Value) -> Value:
    match operator:
        case "==":
            return left == right
        case "!=":
            return left != right
        case "in":
            return isinstance(right, tuple) and left in right
        case "<" | "<=" | ">" | ">=":
            return _compare(operator, left, right)
        case "+" if isinstance(left, str) and isinstance(right, str):
            if len(left) + len(right) > MAX_LENGTH:
                raise EvaluationFailed("a text grew too long")
            return left + right
        case _:
            return _calculate(operator, _number(left), _number(right))


def _compare(operator: str, left: Value, right: Value) -> bool:
    match left, right:
        case (int() | Decimal(), int() | Decimal()):
            order = (left > right) - (left < right)
        case (dt.date(), dt.date()):
            order = (left > right) - (left < right)
        case (dt.time(), dt.time()):
            order = (left > right) - (left < right)
        case (dt.timedelta(), dt.timedelta()):
            order = (left > right) - (left < right)
        case _:
            raise EvaluationFailed("null cannot be compared")
    return {"<": order < 0, "<=": order <= 0, ">": order > 0, ">=": order >= 0}[operator]


def _calculate(operator: str, left: Decimal, right: Decimal) -> Decimal:
    try:
        match operator:
            case "+":
                result = left + right
            case "-":
                result = left - right
            case "*":
                result = left * right
            case "/":
                result = left / right
            case _:
                result = left % right
    except (InvalidOperation, ZeroDivisionError) as error:
        raise EvaluationFailed("a division without an answer") from error
    if abs(result) > _LIMIT:
        raise EvaluationFailed("a number out of range")
    return result


def _call(name: str, arguments: list[Value]) -> Value:
    first = arguments[0]
    if name == "size":
        if not isinstance(first, tuple | str):
            raise EvaluationFailed("null cannot be counted")
        return Decimal(len(first))
    second = arguments[1]
    if not isinstance(first, str) or not isinstance(second, str):
        raise EvaluationFailed("null cannot be searched")
    return {"startsWith": first.startswith(second), "endsWith": first.endswith(second), "contains": second in first}[name]
