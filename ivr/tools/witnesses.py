"""Values that stand for all values, when a flow is proved.

A flow tells two values apart only through its conditions. So of each value that comes from outside (a field of a look-up's answer, the
digits of a form, the caller's number) one witness is tried for each way that the conditions which read it can come out, and no more.
An answer decides its fields one at a time, when they are read: what is never asked about need not be tried.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise

from ivr.core.evaluation import EvaluationFailed, evaluate
from ivr.core.expressions import Binary, Choice, Expression, Field, Function, Literal, Many, Name, Term, Unary, parts_of
from ivr.core.values import Kind, ListOf, Record, Scalar, Type, Value

Path = tuple[str, ...]
CANARY = "97531864209753186420975318642097"  # the digits of every secret; whatever repeats four of them has let it out
REFERENCE = "481625"
_MIDNIGHT, _TODAY = dt.time(0), dt.date(2026, 3, 5)
MAX_WITNESSES = 400
_FILL = 64  # characters of the longest text that is tried
MAX_ITEMS = 2000  # of a list that is tried
MANY_PAGES = 3  # a list of more is read like one of three: it has a first page, one between, and a last one
ITEM = "[]"  # in a path, for each item of a list
_SAMPLES: Mapping[Kind, Value] = {
    Kind.TEXT: "x" * 6, Kind.DIGITS: "5" * 6, Kind.NUMBER: Decimal(1), Kind.MONEY: Decimal(1), Kind.VOLUME: 1024, Kind.BOOL: False,
    Kind.DURATION: dt.timedelta(minutes=1), Kind.DATE: _TODAY, Kind.MONTH: _TODAY.replace(day=1), Kind.TIME: dt.time(12),
    Kind.ORDINAL: Decimal(1), Kind.COUNT: Decimal(1),
}  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Decisions:
    """What has been decided about one answer so far. `serial` tells the answers of one call apart."""

    source: str
    serial: int
    values: Mapping[Path, Value]


class Undecided(Exception):
    """A field was read about which nothing is decided yet: each of `choices` must be tried."""

    def __init__(self, decisions: Decisions, path: Path, choices: tuple[Value, ...]) -> None:
        super().__init__(f"{decisions.source}.{'.'.join(path)}")
        self.decisions = decisions
        self.path = path
        self.choices = choices


@dataclass(frozen=True, slots=True)
class Witnessed:
    """What can be decided about the answers of one source: for each of its fields, the witnesses."""

    type: Record
    values: Mapping[Path, tuple[Value, ...]]


class Answer(Mapping[str, Value]):
    """An answer, or a record within one, whose fields are decided when they are read. Raises Undecided where there is a choice."""

    __slots__ = ("_type", "_witnessed", "decisions", "prefix")

    def __init__(self, witnessed: Witnessed, decisions: Decisions, prefix: Path = (), type_: Record | None = None) -> None:
        self._witnessed = witnessed
        self._type = type_ or witnessed.type
        self.decisions = decisions
        self.prefix = prefix

    def __getitem__(self, name: str) -> Value:
        field, path = self._type.fields[name], (*self.prefix, name)
        if path in self.decisions.values:
            value = self.decisions.values[path]
        else:
            choices = self._witnessed.values[path]
            if len(choices) > 1:
                raise Undecided(self.decisions, path, choices)
            value = choices[0]
        return Answer(self._witnessed, self.decisions, path, field) if isinstance(field, Record) and value is not None else value

    def __iter__(self) -> Iterator[str]:
        return iter(self._type.fields)

    def __len__(self) -> int:
        return len(self._type.fields)

    def __contains__(self, name: object) -> bool:
        return name in self._type.fields

    def decided(self, decisions: Decisions) -> Answer:
        """The same with more decided."""
        return Answer(self._witnessed, decisions, self.prefix, self._type)

    def whole(self, decided: Mapping[Path, Value]) -> Mapping[str, Value]:
        """A plain answer: what was decided, and where nothing was, the first witness."""
        return _plain(self._witnessed, self._type, self.prefix, decided)


class Sample(Mapping[str, Value]):
    """An item of a list, as one of many: everything in it can be said. Two samples are never compared."""

    __slots__ = ("_fields",)

    def __init__(self, fields: Mapping[str, Value]) -> None:
        self._fields = fields

    def __getitem__(self, name: str) -> Value:
        return self._fields[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._fields)

    def __len__(self) -> int:
        return len(self._fields)

    __hash__ = object.__hash__


def sample(type_: Type) -> Value:
    """Something of a type that can be said."""
    match type_:
        case Record():
            return Sample({name: sample(field) for name, field in type_.fields.items()})
        case ListOf():
            return ()
        case Scalar(kind=Kind.TEXT | Kind.DIGITS, secret=True):
            return CANARY[:6]
        case Scalar(kind=kind):
            return _SAMPLES[kind]


def _plain(witnessed: Witnessed, type_: Record, prefix: Path, decided: Mapping[Path, Value]) -> Mapping[str, Value]:
    found: dict[str, Value] = {}
    for name, field in type_.fields.items():
        path = (*prefix, name)
        value = decided.get(path, witnessed.values[path][0])
        found[name] = _plain(witnessed, field, path, decided) if isinstance(field, Record) and value is not None else value
    return found


# --- what can be asked about a value ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Question:
    """A part of a condition that reads one value from outside, at `path`, and nothing else that varies."""

    path: Path
    term: Term


def path_of(term: Term) -> Path | None:
    """The variable and fields that a term names, if it is nothing but a name."""
    match term:
        case Name(name=name):
            return (name,)
        case Field(of=of, name=name):
            found = path_of(of)
            return None if found is None else (*found, name)
        case _:
            return None


def reads(term: Term) -> frozenset[Path]:
    """The variables and fields that a term reads."""
    path = path_of(term)
    return frozenset((path,)) if path is not None else frozenset[Path]().union(*(reads(part) for part in parts_of(term)))


def simple(term: Term, path: Path) -> bool:
    """Whether a term asks one thing about one value, against something written out: `account.balance < 0`, `size(pin) == 4`."""
    match term:
        case Binary(operator="in", left=left, right=right):
            return _measured(left) == path and not reads(right)
        case Binary(operator="==" | "!=" | "<" | "<=" | ">" | ">=", left=left, right=right):
            return (_measured(left) == path and not reads(right)) or (_measured(right) == path and not reads(left))
        case Function(name="startsWith" | "endsWith" | "contains", arguments=(text, Literal())):
            return path_of(text) == path
        case _:
            return False


def _measured(term: Term) -> Path | None:
    return path_of(term.arguments[0]) if isinstance(term, Function) and term.name == "size" else path_of(term)


def answered(question: Question, value: Value) -> bool | None:
    """How a question comes out for a value; None when it cannot be answered."""
    try:
        found = evaluate(Expression("", _with(question.term, question.path, value)), {})
    except EvaluationFailed:
        return None
    return found if isinstance(found, bool) else None


def _with(term: Term, path: Path, value: Value) -> Term:
    if path_of(term) == path:
        return Literal(value, None, 0)
    match term:
        case Binary():
            return Binary(term.operator, _with(term.left, path, value), _with(term.right, path, value), 0)
        case Unary():
            return Unary(term.operator, _with(term.operand, path, value), 0)
        case Function():
            return Function(term.name, tuple(_with(one, path, value) for one in term.arguments), 0)
        case Many():
            return Many(tuple(_with(one, path, value) for one in term.items), 0)
        case Choice():
            return Choice(_with(term.condition, path, value), _with(term.yes, path, value), _with(term.no, path, value), 0)
        case _:
            return term


# --- witnesses ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Witnesses:
    """One value for each way the questions about it can come out. `complete`: surely for each way that any value can."""

    values: tuple[Value, ...]
    complete: bool


def witnesses(
    type_: Type, questions: Iterable[Question], *, spoken: bool = False, lengths: range | None = None, pages: frozenset[int] = frozenset()
) -> Witnesses:
    """Witnesses for a value. `spoken`: an empty text matters, as it cannot be said. `lengths`: those of a form's entry. `pages`: the
    sizes of the pages in which a list is read."""
    asked = tuple(dict.fromkeys(questions))
    if isinstance(type_, Record):
        return Witnesses(("record", None) if type_.optional else ("record",), complete=True)
    found: dict[tuple[tuple[bool | None, ...], bool, bool, object], Value] = {}
    for value in _candidates(type_, asked, lengths, pages):
        ways = tuple(answered(question, value) for question in asked)
        turned = tuple(min(-(-len(value) // size), MANY_PAGES) for size in pages) if isinstance(value, tuple) else ()
        found.setdefault((ways, value is None, spoken and value == "", turned), value)
    distinct = {ways for ways, *_ in found}
    searched = [one for one in asked if isinstance(one.term, Function)]
    within = all(size < (MAX_ITEMS if isinstance(type_, ListOf) else _FILL) for size in _sizes(asked))
    return Witnesses(tuple(found.values()), complete=within and (not searched or len(distinct) >= 2 ** len(asked)))


def _sizes(asked: Iterable[Question]) -> list[int]:
    return [int(one) for question in asked if _of_size(question.term) for one in _constants(question.term) if isinstance(one, Decimal)]


def _candidates(
    type_: Scalar | ListOf, asked: tuple[Question, ...], lengths: range | None, pages: frozenset[int] = frozenset()
) -> Iterator[Value]:
    constants = [constant for question in asked for constant in _constants(question.term)]
    sizes = _sizes(asked)
    if isinstance(type_, ListOf):
        ends = {size * many for size in pages for many in range(1, MANY_PAGES)}
        near = {size + step for size in (*sizes, *ends) for step in (-1, 0, 1)}
        item = sample(type_.item)
        yield from ((item,) * size for size in sorted({0, 1, *near} if pages else {0, *near}) if 0 <= size <= MAX_ITEMS)
        return
    match type_.kind:
        case Kind.BOOL:
            yield from (False, True)
        case Kind.TEXT | Kind.DIGITS:
            yield from _texts(type_, asked, sizes, lengths)
        case Kind.NUMBER | Kind.MONEY:
            yield from _numbers([one for one in constants if isinstance(one, Decimal)], Decimal("0.01" if type_.kind is Kind.MONEY else 1))
        case Kind.VOLUME:
            numbers = _numbers([one for one in constants if isinstance(one, Decimal)], Decimal(1))
            yield from dict.fromkeys(int(one) for one in numbers if one >= 0)
        case kind:
            some: Mapping[Kind, Value] = {Kind.DURATION: dt.timedelta(0), Kind.DATE: _TODAY, Kind.TIME: _MIDNIGHT}
            yield some.get(kind, _TODAY.replace(day=1))
    if type_.optional:
        yield None


def _numbers(constants: list[Decimal], step: Decimal) -> Iterator[Decimal]:
    """Nought, each number that something is compared with, and what lies on either side and between."""
    yield Decimal(0)
    points = sorted(set(constants))
    yield from (near for point in points for near in (point, point - step, point + step))
    yield from ((one + other) / 2 for one, other in pairwise(points))


def _texts(type_: Scalar, asked: tuple[Question, ...], sizes: list[int], lengths: range | None) -> Iterator[str]:
    digits = type_.kind is Kind.DIGITS
    fill = CANARY if type_.secret else "5" * _FILL if digits else "x" * _FILL
    parts: dict[str, list[str]] = {"startsWith": [""], "contains": [""], "endsWith": [""]}
    equal: list[str] = []
    for question in asked:
        written = [one for one in _constants(question.term) if isinstance(one, str)]
        if isinstance(question.term, Function):
            parts[question.term.name] += written
        else:
            equal += written
    middles = dict.fromkeys(
        start + inner + end for start in parts["startsWith"] for inner in parts["contains"] for end in parts["endsWith"]
    )
    wanted = list(lengths) if lengths is not None else sorted({near for size in sizes for near in (size - 1, size, size + 1) if near >= 0})
    found = [fill[: lengths.start] if lengths is not None else "" if not type_.secret else fill[:6], *equal, fill[:6]]
    for text in [*middles][:MAX_WITNESSES]:
        found.append(text)
        found += [(text + fill)[:size] for size in wanted]
        found += [(fill + text)[-size:] for size in wanted if size]
    found += [text + fill[:1] for text in middles if text] + [fill[:1] + text for text in middles if text]
    for text in dict.fromkeys(found):
        if (not digits or text == "" or (text.isascii() and text.isdigit())) and (lengths is None or len(text) in lengths):
            yield text


def _constants(term: Term) -> Iterator[Value]:
    """The values written out in a question."""
    if not reads(term):
        try:
            value = evaluate(Expression("", term), {})
        except EvaluationFailed:
            return
        yield from value if isinstance(value, tuple) else (value,)
    elif path_of(term) is None:
        for part in parts_of(term):
            yield from _constants(part)


def _of_size(term: Term) -> bool:
    return isinstance(term, Binary) and any(isinstance(side, Function) and side.name == "size" for side in (term.left, term.right))
