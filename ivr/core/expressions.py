"""Conditions and values in a flow: a small, typed subset of CEL (Common Expression Language), parsed and checked when a flow is loaded.

    account.balance < 0 && !account.suspended          account.plan in ["A", "B"] ? 1 : 2          size(bundles.items) > 0

An expression cannot run anything, loop, or take more than a bounded time: it has literals, fields, operators and the four
functions size, startsWith, endsWith and contains. Differences from CEL: numbers are exact decimals of one type, money and volumes
calculate with plain numbers (but not with each other), comparisons do not chain, a null in the way is a failure, and there are no
indexes, macros, maps, bytes or regular expressions. docs/expressions.md lists them all, and tests/core/test_cel.py holds the list
against the published conformance cases. Source: the CEL language definition, 0.24.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from decimal import Decimal

from ivr.core.marks import Mark
from ivr.core.values import Kind, Scalar, Type, Value

MAX_LENGTH = 500
MAX_DEPTH = 40
MAX_OPERATORS = 100  # dots included: whoever walks an expression may recurse
MAX_DIGITS = 18  # of a number that is written out
KEYWORDS = ("true", "false", "null", "in")


class ExpressionError(Exception):
    """An expression is wrong. `offset` counts characters from its start."""

    def __init__(self, sentence: str, offset: int = 0, name: str = "", known: tuple[str, ...] = ()) -> None:
        super().__init__(sentence)
        self.offset = offset
        self.name = name  # the misspelt name, when that is the trouble
        self.known = known  # the names that would have been right


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
    | (?P<string>"(?:[^"\\\r\n]|\\[^\r\n])*"|'(?:[^'\\\r\n]|\\[^\r\n])*')
    | (?P<operator>&&|\|\||==|!=|<=|>=|[<>!+\-*/%?:.,()\[\]])
    )""",
    re.VERBOSE,
)
_ESCAPE = re.compile(r"\\(?:([nt\"'`?\\])|x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-3][0-7]{2})|)")
_ESCAPED = {"n": "\n", "t": "\t"}
_PRECEDENCE = {"||": 1, "&&": 2, "==": 3, "!=": 3, "<": 3, "<=": 3, ">": 3, ">=": 3, "in": 3, "+": 4, "-": 4, "*": 5, "/": 5, "%": 5}
_COMPARISON = _PRECEDENCE["=="]
_ENGLISH = {"and": "&&", "or": "||", "not": "!", "is": "=="}
_METHODS = ("startsWith", "endsWith", "contains", "size")
_INSTEAD = {"has": "; to ask whether there is a value, write x != null"}


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
            return "a text in quotes does not end"
        case "=":
            return "'=' cannot stand here; to compare, write '=='"
        case "&" | "|":
            return f"'{rest[0]}' cannot stand here; write '{rest[0] * 2}'"
        case sign:
            return f"'{sign}' cannot stand here"


def _unescaped(text: str, offset: int) -> str:
    """What a text in quotes stands for. No control character but a new line and a tab: none can be said."""

    def character(found: re.Match[str]) -> str:
        sign, *codes, octal = found.groups()
        if sign is not None:
            return _ESCAPED.get(sign, sign)
        code = int(octal, 8) if octal else int("".join(code or "" for code in codes) or "0", 16)
        if code < 0x20 or 0x7F <= code < 0xA0 or 0xD800 <= code < 0xE000 or code > 0x10FFFF:
            sentence = "in a text, a backslash stands before a quote, a backslash, n, t or the code of a character, as in \\u4f59"
            raise ExpressionError(sentence, offset + found.start())
        return chr(code)

    return _ESCAPE.sub(character, text)


class _Parser:
    def __init__(self, text: str) -> None:
        self._tokens = _tokens(text)
        self._next = 0
        self._depth = 0
        self._operators = 0

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

    def _operator(self) -> _Token:
        self._operators += 1
        if self._operators > MAX_OPERATORS:
            raise ExpressionError(f"an expression may have {MAX_OPERATORS} operators at most", self._peek().offset)
        return self._take()

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
            operator = self._operator()
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
            self._operator()
            token = self._peek()
            if token.kind != "name":
                raise self._unexpected(", where the name of a field was expected")
            self._take()
            if self._is("("):
                if token.text not in _METHODS:
                    raise _no_function(token)
                self._take()
                arguments = (term,) if token.text == "size" else (term, self._choice())
                self._expect(")")
                term = Function(token.text, arguments, token.offset)
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
            return Literal(_unescaped(token.text[1:-1], token.offset + 1), Scalar(Kind.TEXT), token.offset)
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
            raise _no_function(token)
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


def _no_function(token: _Token) -> ExpressionError:
    return ExpressionError(f"there is no function '{token.text}'{_INSTEAD.get(token.text, '')}", token.offset, token.text, _METHODS)


def parse(text: str, mark: Mark | None = None, *, verbatim: bool = False) -> Expression:
    """Read an expression. Raises ExpressionError with the place of the first mistake, counted after any leading spaces."""
    text = text.strip()
    return Expression(text, _Parser(text).whole(), mark, verbatim)


def names(term: Term) -> frozenset[str]:
    """The variables an expression reads."""
    if isinstance(term, Name):
        return frozenset((term.name,))
    return frozenset[str]().union(*(names(part) for part in parts_of(term)))


def parts_of(term: Term) -> tuple[Term, ...]:
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
