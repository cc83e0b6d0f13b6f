"""The types of expressions: found, and held against each other, when a flow is loaded."""

from __future__ import annotations

from collections.abc import Mapping

from ivr.core.expressions import (
    Binary,
    Choice,
    Expression,
    ExpressionError,
    Field,
    Function,
    Literal,
    Many,
    Name,
    Term,
    Unary,
    parts_of,
)
from ivr.core.values import Kind, ListOf, Record, Scalar, Type

_NUMBERS = frozenset((Kind.NUMBER, Kind.MONEY, Kind.VOLUME))
_TEXTS = frozenset((Kind.TEXT, Kind.DIGITS))
_DATES = frozenset((Kind.DATE, Kind.MONTH))
BOOLEAN = Scalar(Kind.BOOL)


_IN_WORDS = {
    Kind.TEXT: "a text",
    Kind.NUMBER: "a number",
    Kind.MONEY: "money",
    Kind.DIGITS: "digits",
    Kind.VOLUME: "a volume",
    Kind.DURATION: "a duration",
    Kind.DATE: "a date",
    Kind.MONTH: "a month",
    Kind.TIME: "a time",
    Kind.BOOL: "true or false",
    Kind.ORDINAL: "an ordinal",
    Kind.COUNT: "a count",
}


def describe(type_: Type | None) -> str:
    """A type in words for a message: "money", "a list", "a record"."""
    match type_:
        case None:
            return "null"
        case Scalar(kind=kind):
            return _IN_WORDS[kind]
        case ListOf():
            return "a list"
        case Record():
            return "a record"


def _group(type_: Type | None) -> object:
    match type_:
        case Scalar(kind=kind):
            return next((group for group in (_NUMBERS, _TEXTS, _DATES) if kind in group), kind)
        case _:
            return type_


def _alike(one: Type | None, other: Type | None) -> bool:
    """Whether two things can be compared: of one group, and not an amount of money beside a volume."""
    if isinstance(one, Scalar) and isinstance(other, Scalar) and {one.kind, other.kind} == {Kind.MONEY, Kind.VOLUME}:
        return False
    return _group(one) == _group(other)


def _optional(type_: Type | None) -> bool:
    return type_ is None or (not isinstance(type_, ListOf) and type_.optional)


def same_type(one: Type | None, other: Type | None) -> bool:
    """Whether a variable of one type may also hold the other: the same kind, or the same fields."""
    if isinstance(one, Scalar) and isinstance(other, Scalar):
        return one.kind is other.kind
    return one == other


def type_of(expression: Expression, variables: Mapping[str, Type]) -> Type | None:
    """The expression's type (None for a bare null). Raises ExpressionError where types do not fit."""
    return _type(expression.root, variables)


def _type(term: Term, variables: Mapping[str, Type]) -> Type | None:
    match term:
        case Literal(type=type_):
            return type_
        case Name(name=name, offset=offset):
            if name not in variables:
                raise ExpressionError(f"nothing here is named '{name}'", offset, name, tuple(variables))
            return variables[name]
        case Field(of=of, name=name, offset=offset):
            return _type_of_field(_type(of, variables), name, offset)
        case Many(items=items):
            return _type_of_list(items, variables)
        case Unary(operator=operator, operand=operand, offset=offset):
            return _type_of_unary(operator, _type(operand, variables), offset)
        case Binary(operator=operator, left=left, right=right, offset=offset):
            return _type_of_binary(operator, _type(left, variables), _type(right, variables), offset)
        case Choice(condition=condition, yes=yes, no=no, offset=offset):
            _require(_type(condition, variables), Kind.BOOL, "the condition before '?'", offset)
            one, other = _type(yes, variables), _type(no, variables)
            if not _alike(one, other):
                raise ExpressionError(f"both sides of ':' must be of one type, not {describe(one)} and {describe(other)}", offset)
            return _joined(one, other)
        case Function(name=name, arguments=arguments, offset=offset):
            return _type_of_function(name, [_type(argument, variables) for argument in arguments], offset)


def _joined(one: Type | None, other: Type | None) -> Type | None:
    """The type of something that is one or the other: money or a number is money, a text or digits a text."""
    if isinstance(one, Scalar) and isinstance(other, Scalar):
        plain = (Kind.NUMBER, Kind.DIGITS, Kind.MONTH)
        return Scalar(other.kind if one.kind in plain else one.kind, one.optional or other.optional, one.secret or other.secret)
    return one


def _require(type_: Type | None, kind: Kind, what: str, offset: int, hint: str = "") -> None:
    if not isinstance(type_, Scalar) or _group(type_) != _group(Scalar(kind)):
        raise ExpressionError(f"{what} must be {describe(Scalar(kind))}, not {describe(type_)}{hint}", offset)


def _type_of_field(of: Type | None, name: str, offset: int) -> Type:
    if not isinstance(of, Record):
        raise ExpressionError(f"{describe(of)} has no fields, so '.{name}' cannot follow it", offset)
    if name not in of.fields:
        raise ExpressionError(f"there is no field '{name}'", offset, name, tuple(of.fields))
    return of.fields[name]


def _type_of_list(items: tuple[Term, ...], variables: Mapping[str, Type]) -> Type:
    types = [_type(item, variables) for item in items]
    if not types or types[0] is None:
        raise ExpressionError("a list in an expression needs at least one item, and no null", items[0].offset if items else 0)
    for item, type_ in zip(items, types, strict=True):
        if not _alike(type_, types[0]):
            raise ExpressionError(f"the items of a list must be of one type, not {describe(types[0])} and {describe(type_)}", item.offset)
    return ListOf(types[0])


def _type_of_unary(operator: str, operand: Type | None, offset: int) -> Type:
    hint = "; to deny a comparison, write !(a == b)" if operator == "!" else ""
    _require(operand, Kind.BOOL if operator == "!" else Kind.NUMBER, f"what follows '{operator}'", offset, hint)
    assert isinstance(operand, Scalar)
    return Scalar(operand.kind)


def _type_of_binary(operator: str, left: Type | None, right: Type | None, offset: int) -> Type:
    unlike = ExpressionError(f"'{operator}' cannot compare {describe(left)} with {describe(right)}", offset)
    if operator in ("&&", "||"):
        _require(left, Kind.BOOL, f"the left of '{operator}'", offset)
        _require(right, Kind.BOOL, f"the right of '{operator}'", offset)
        return BOOLEAN
    if operator in ("==", "!="):
        if left is None or right is None:
            if not (_optional(left) and _optional(right)):
                raise ExpressionError(f"{describe(right if left is None else left)} is never null here", offset)
        elif not _alike(left, right) or not isinstance(left, Scalar):
            raise unlike
        return BOOLEAN
    if operator == "in":
        if not isinstance(right, ListOf):
            raise ExpressionError(f"'in' needs a list on its right, not {describe(right)}", offset)
        if not isinstance(left, Scalar) or not _alike(left, right.item):
            raise ExpressionError(f"'in' cannot look for {describe(left)} where each item is {describe(right.item)}", offset)
        return BOOLEAN
    if operator in ("<", "<=", ">", ">="):
        if not _alike(left, right) or not isinstance(left, Scalar):
            raise unlike
        if left.kind is Kind.BOOL or left.kind in _TEXTS:
            raise ExpressionError(f"'{operator}' puts numbers, dates, times and durations in order, not {describe(left)}", offset)
        return BOOLEAN
    if operator == "+" and _group(left) == _TEXTS == _group(right):
        return Scalar(Kind.TEXT)
    _require(left, Kind.NUMBER, f"the left of '{operator}'", offset)
    _require(right, Kind.NUMBER, f"the right of '{operator}'", offset)
    assert isinstance(left, Scalar)
    assert isinstance(right, Scalar)
    return Scalar(_calculated(operator, left.kind, right.kind, offset))


def _calculated(operator: str, left: Kind, right: Kind, offset: int) -> Kind:
    """The kind of a result: money plus money is money, money times three is money, money by money is a number."""
    if operator == "/" and left is right:
        return Kind.NUMBER
    if Kind.NUMBER in (left, right) and not (operator == "/" and left is Kind.NUMBER):
        return right if left is Kind.NUMBER else left
    if left is right and operator != "*":
        return left
    raise ExpressionError(f"'{operator}' cannot stand between {_IN_WORDS[left]} and {_IN_WORDS[right]}", offset)


def _type_of_function(name: str, types: list[Type | None], offset: int) -> Type:
    if name == "size":
        if not isinstance(types[0], ListOf) and _group(types[0]) != _TEXTS:
            raise ExpressionError(f"size() counts a list or a text, not {describe(types[0])}", offset)
        return Scalar(Kind.NUMBER)
    _require(types[0], Kind.TEXT, f"what stands before .{name}()", offset)
    _require(types[1], Kind.TEXT, f"what .{name}() looks for", offset)
    return BOOLEAN


def secrets_in(expression: Expression, variables: Mapping[str, Type]) -> frozenset[str]:
    """The secret variables and fields that a well-typed expression reads."""
    return _secrets(expression.root, variables)


def _secrets(term: Term, variables: Mapping[str, Type]) -> frozenset[str]:
    match term:
        case Name(name=name) | Field(name=name):
            type_ = _type(term, variables)
            own = frozenset((name,)) if isinstance(type_, Scalar) and type_.secret else frozenset[str]()
            return own | (_secrets(term.of, variables) if isinstance(term, Field) else frozenset())
        case _:
            return frozenset[str]().union(*(_secrets(part, variables) for part in parts_of(term)))
