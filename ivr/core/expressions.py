"""Conditions and values in a flow: a small, typed subset of CEL (Common Expression Language), parsed and checked when a flow is loaded.

    account.balance < 0 && !account.suspended          account.plan in ["A", "B"] ? 1 : 2          size(bundles.items) > 0

An expression cannot run anything, loop, or take more than a bounded time: it has literals, fields, operators and the four
functions size, startsWith, endsWith and contains. Differences from CEL: numbers are exact decimals of one type, money and volumes
calculate with plain numbers (but not with each other), comparisons do not chain, a null in the way is a failure, and there are no
indexes, macros, maps, bytes or regular expressions. Source: the CEL language definition.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal, InvalidOperation, localcontext

from ivr.core.marks import Mark
from ivr.core.values import Kind, ListOf, Record, Scalar, Type, Value

MAX_LENGTH = 500
MAX_DEPTH = 40
MAX_DIGITS = 18  # of a number that is written out
KEYWORDS = ("true", "false", "null", "in")
_LIMIT = Decimal(10) ** 18


class ExpressionError(Exception):
    """An expression is wrong. `offset` counts characters from its start."""

    def __init__(self, sentence: str, offset: int = 0, name: str = "", known: tuple[str, ...] = ()) -> None:
        super().__init__(sentence)
        self.offset = offset
        self.name = name  # the misspelt name, when that is the trouble
        self.known = known  # the names that would have been right


class EvaluationFailed(Exception):
    """An expression that is well typed could not be evaluated: a null field, a division by zero, a number out of range."""


@dataclass(frozen=True, slots=True)
class Literal:
    """A constant."""

    value: Value
    type: Type | None  # None for null
    offset: int


@dataclass(frozen=True, slots=True)
class Name:
    """A variable."""

    name: str
    offset: int


@dataclass(frozen=True, slots=True)
class Field:
    """`of.name`."""

    of: Term
    name: str
    offset: int


@dataclass(frozen=True, slots=True)
class Many:
    """A list in brackets."""

    items: tuple[Term, ...]
    offset: int


@dataclass(frozen=True, slots=True)
class Unary:
    """`!x` or `-x`."""

    operator: str
    operand: Term
    offset: int


@dataclass(frozen=True, slots=True)
class Binary:
    """`left operator right`."""

    operator: str
    left: Term
    right: Term
    offset: int


@dataclass(frozen=True, slots=True)
class Choice:
    """`condition ? yes : no`."""

    condition: Term
    yes: Term
    no: Term
    offset: int


@dataclass(frozen=True, slots=True)
class Function:
    """`size(x)` or `text.startsWith(x)`."""

    name: str
    arguments: tuple[Term, ...]
    offset: int


Term = Literal | Name | Field | Many | Unary | Binary | Choice | Function


@dataclass(frozen=True, slots=True)
class Expression:
    """A parsed expression, the text it came from, and where that text stands."""

    text: str
    root: Term
    mark: Mark | None = field(default=None, compare=False)
    verbatim: bool = field(default=False, compare=False)  # it stands there in one line, as it is

    def at(self, offset: int) -> Mark | None:
        """The place of one of its characters, where that can be told; else where it begins."""
        return replace(self.mark, column=self.mark.column + offset) if self.mark and self.verbatim else self.mark


# --- parsing ------------------------------------------------------------------------------------------------------

_TOKEN = re.compile(
    r"""\s*(?:
      (?P<number>[0-9]+(?:\.[0-9]+)?)
    | (?P<name>[A-Za-z_][A-Za-z0-9_]*)
    | (?P<string>"(?:[^"\\\n]|\\["\\'nt])*"|'(?:[^'\\\n]|\\["\\'nt])*')
    | (?P<operator>&&|\|\||==|!=|<=|>=|[<>!+\-*/%?:.,()\[\]])
    )""",
    re.VERBOSE,
)
_ESCAPES = {"n": "\n", "t": "\t"}
_PRECEDENCE = {"||": 1, "&&": 2, "==": 3, "!=": 3, "<": 3, "<=": 3, ">": 3, ">=": 3, "in": 3, "+": 4, "-": 4, "*": 5, "/": 5, "%": 5}
_COMPARISON = _PRECEDENCE["=="]
_ENGLISH = {"and": "&&", "or": "||", "not": "!", "is": "=="}
_METHODS = ("startsWith", "endsWith", "contains")


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    offset: int


def _tokens(text: str) -> list[_Token]:
    if len(text) > MAX_LENGTH:
        raise ExpressionError(f"an expression may have {MAX_LENGTH} characters at most; this one has {len(text)}")
    found: list[_Token] = []
    position, end = 0, len(text.rstrip())
    while position < end:
        match = _TOKEN.match(text, position)
        if match is None:
            offset = position + len(text[position:]) - len(text[position:].lstrip())
            raise ExpressionError(_unreadable(text[offset:]), offset)
        kind = match.lastgroup or ""
        found.append(_Token(kind, match[kind], match.start(kind)))
        position = match.end()
    found.append(_Token("end", "", len(text)))
    return found


def _unreadable(rest: str) -> str:
    match rest[0]:
        case '"' | "'":
            end = rest.find(rest[0], 1)
            return "a text in quotes does not end" if end < 0 else "in a text, a backslash stands before a quote, a backslash, n or t only"
        case "=":
            return "'=' cannot stand here; to compare, write '=='"
        case "&" | "|":
            return f"'{rest[0]}' cannot stand here; write '{rest[0] * 2}'"
        case sign:
            return f"'{sign}' cannot stand here"


class _Parser:
    def __init__(self, text: str) -> None:
        self._tokens = _tokens(text)
        self._next = 0
        self._depth = 0

    def whole(self) -> Term:
        term = self._choice()
        if self._peek().kind != "end":
            raise self._unexpected()
        return term

    def _peek(self) -> _Token:
        return self._tokens[self._next]

    def _take(self) -> _Token:
        token = self._tokens[self._next]
        self._next += 1
        return token

    def _is(self, text: str) -> bool:
        token = self._peek()
        return token.text == text and token.kind in ("operator", "name")

    def _expect(self, text: str) -> None:
        if not self._is(text):
            raise self._unexpected(f", where '{text}' was expected")
        self._take()

    def _unexpected(self, where: str = "") -> ExpressionError:
        token = self._peek()
        what = "the expression ends too early" if token.kind == "end" else f"'{token.text}' cannot stand here"
        if token.text in _ENGLISH and token.kind == "name":
            where = f"; write '{_ENGLISH[token.text]}'"
        return ExpressionError(what + where, token.offset)

    def _choice(self) -> Term:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise ExpressionError(f"an expression may be nested {MAX_DEPTH} deep at most", self._peek().offset)
        condition = self._binary(1)
        if self._is("?"):
            offset = self._take().offset
            yes = self._choice()
            self._expect(":")
            condition = Choice(condition, yes, self._choice(), offset)
        self._depth -= 1
        return condition

    def _binary(self, lowest: int) -> Term:
        left = self._unary()
        while self._peek().kind in ("operator", "name") and _PRECEDENCE.get(self._peek().text, 0) >= lowest:
            operator = self._take()
            left = Binary(operator.text, left, self._binary(_PRECEDENCE[operator.text] + 1), operator.offset)
            if _PRECEDENCE[operator.text] == _COMPARISON == _PRECEDENCE.get(self._peek().text):
                raise ExpressionError("comparisons do not chain; write for example 'a < b && b < c'", self._peek().offset)
        return left

    def _unary(self) -> Term:
        if self._is("!") or self._is("-"):
            operator = self._take()
            self._depth += 1
            if self._depth > MAX_DEPTH:
                raise ExpressionError(f"an expression may be nested {MAX_DEPTH} deep at most", operator.offset)
            operand = self._unary()
            self._depth -= 1
            return Unary(operator.text, operand, operator.offset)
        return self._fields(self._primary())

    def _fields(self, term: Term) -> Term:
        while self._is("."):
            self._take()
            token = self._peek()
            if token.kind != "name":
                raise self._unexpected(", where the name of a field was expected")
            self._take()
            if self._is("("):
                if token.text not in _METHODS:
                    raise ExpressionError(f"there is no function '{token.text}'", token.offset, token.text, _METHODS)
                self._take()
                term = Function(token.text, (term, self._choice()), token.offset)
                self._expect(")")
            else:
                term = Field(term, token.text, token.offset)
        return term

    def _primary(self) -> Term:
        token = self._peek()
        if token.kind == "number":
            self._take()
            if len(token.text) > MAX_DIGITS:
                raise ExpressionError(f"a number may have {MAX_DIGITS} digits at most", token.offset)
            return Literal(Decimal(token.text), Scalar(Kind.NUMBER), token.offset)
        if token.kind == "string":
            self._take()
            plain = re.sub(r"\\(.)", lambda found: _ESCAPES.get(found[1], found[1]), token.text[1:-1])
            return Literal(plain, Scalar(Kind.TEXT), token.offset)
        if token.kind == "name":
            return self._named(self._take())
        if self._is("("):
            self._take()
            inner = self._choice()
            self._expect(")")
            return inner
        if self._is("["):
            return self._list(self._take())
        raise self._unexpected()

    def _named(self, token: _Token) -> Term:
        if token.text in ("true", "false"):
            return Literal(token.text == "true", Scalar(Kind.BOOL), token.offset)
        if token.text == "null":
            return Literal(None, None, token.offset)
        if token.text == "in":
            raise ExpressionError("'in' cannot stand here", token.offset)
        if not self._is("("):
            return Name(token.text, token.offset)
        if token.text != "size":
            raise ExpressionError(f"there is no function '{token.text}'", token.offset, token.text, ("size", *_METHODS))
        self._take()
        argument = self._choice()
        self._expect(")")
        return Function("size", (argument,), token.offset)

    def _list(self, bracket: _Token) -> Term:
        items: list[Term] = []
        while not self._is("]"):
            items.append(self._choice())
            if not self._is("]"):
                self._expect(",")
        self._take()
        return Many(tuple(items), bracket.offset)


def parse(text: str, mark: Mark | None = None, *, verbatim: bool = False) -> Expression:
    """Read an expression. Raises ExpressionError with the place of the first mistake, counted after any leading spaces."""
    text = text.strip()
    return Expression(text, _Parser(text).whole(), mark, verbatim)


def names(term: Term) -> frozenset[str]:
    """The variables an expression reads."""
    if isinstance(term, Name):
        return frozenset((term.name,))
    return frozenset[str]().union(*(names(part) for part in _parts(term)))


def _parts(term: Term) -> tuple[Term, ...]:
    match term:
        case Literal() | Name():
            return ()
        case Field(of=of):
            return (of,)
        case Many(items=parts) | Function(arguments=parts):
            return parts
        case Unary(operand=operand):
            return (operand,)
        case Binary(left=left, right=right):
            return (left, right)
        case Choice(condition=condition, yes=yes, no=no):
            return (condition, yes, no)


# --- types --------------------------------------------------------------------------------------------------------

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
            return frozenset[str]().union(*(_secrets(part, variables) for part in _parts(term)))


# --- evaluation ---------------------------------------------------------------------------------------------------


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
        case Binary(operator="&&", left=left, right=right):
            return _truth(_value(left, variables)) and _truth(_value(right, variables))
        case Binary(operator="||", left=left, right=right):
            return _truth(_value(left, variables)) or _truth(_value(right, variables))
        case Binary(operator=operator, left=left, right=right):
            return _operate(operator, _value(left, variables), _value(right, variables))
        case Choice(condition=condition, yes=yes, no=no):
            return _value(yes if _truth(_value(condition, variables)) else no, variables)
        case Function(name=name, arguments=arguments):
            return _call(name, [_value(argument, variables) for argument in arguments])


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
