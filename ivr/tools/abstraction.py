"""A flow made ready to be proved: which values its conditions can tell apart, and which are still of interest at which node.

A condition whose parts each ask one thing about one value (`account.balance < 0 && !account.suspended`) is decided by witnesses, exactly.
Any other (`account.data_used > account.data_total / 2`) is taken to hold or not, as it may please: more calls are then looked at than
can happen, never fewer, and each such assumption is told. The same goes for a calculation that can fail.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from decimal import Decimal
from itertools import count
from typing import TypeVar

from ivr.core.expression_types import type_of
from ivr.core.expressions import Binary, Choice, Expression, ExpressionError, Field, Function, Literal, Many, Name, Term, Unary, parts_of
from ivr.core.flow import (
    Branch,
    Call,
    ChecksHours,
    Collect,
    Flow,
    LookUp,
    Node,
    ReadsList,
    Return,
    SendsText,
    Set,
    Slot,
    Target,
)
from ivr.core.values import Kind, LookupSignature, Record, Scalar, Type, Value
from ivr.language.ways import subflow_of
from ivr.tools.liveness import FREE, Known, expressions_of, live_values, slots_of
from ivr.tools.moments import CLOCK, MAX_MOMENTS, Moments
from ivr.tools.witnesses import (
    ITEM,
    MANY_PAGES,
    Answer,
    Decisions,
    Path,
    Question,
    Witnessed,
    path_of,
    reads,
    sample,
    simple,
    witnesses,
)

T = TypeVar("T")
TRIES = "?tries"  # the name of an assumption
MOST_TRIES = 4  # of a whole call, up to which failed tries are counted: each multiplies the states
Origin = tuple[str, Path]  # a source of values (a look-up, a form, the call) and a path within it


@dataclass(frozen=True, slots=True)
class Abstraction:
    """What the search needs to know about a flow."""

    flow: Flow  # as it was, but for the conditions that are assumed to come out either way
    assumed: Mapping[str, str]  # what is assumed, by the name of the choice in it
    lookups: Mapping[str, Witnessed]
    not_found: frozenset[str]  # the look-ups that may answer so
    entries: Mapping[Target, tuple[str, ...]]  # for each form
    callers: tuple[str, ...]
    dialled: tuple[str, ...]
    live: Mapping[Target, Known]
    counters: Mapping[str, Decimal]  # variables that only grow, and beyond what no condition tells them apart
    free: Answer
    moments: Moments
    items: Mapping[str, frozenset[Origin]]  # for each choice that is about items of lists, where what cannot be said then comes from
    tries: int | None  # of the whole call; None when they are not limited, or not counted


def abstract(flow: Flow, signatures: Mapping[str, LookupSignature]) -> Abstraction:
    """Make a flow ready to be proved."""
    return _Reading(flow, signatures).abstraction()


class _Reading:
    def __init__(self, flow: Flow, signatures: Mapping[str, LookupSignature]) -> None:
        self._flow = flow
        self._signatures = {
            node.lookup: signatures[node.lookup] for node in flow.nodes.values() if isinstance(node, LookUp) and node.lookup in signatures
        }
        self._assignments = list(_assignments(flow))
        self._from_outside, self._calculated = self._provenance()
        self._questions: dict[Origin, list[Question]] = {}
        self._spoken: set[Origin] = set()
        self._assumed: dict[str, str] = {}
        self._choices: dict[Path, tuple[Value, ...]] = {}
        self._serial = count()
        self._unsearchable: set[Origin] = set()
        self._pages: dict[Origin, set[int]] = {}
        self._items: dict[str, frozenset[Origin]] = {}
        self._moments = Moments(flow)

    def abstraction(self) -> Abstraction:
        for node in self._flow.nodes.values():
            for expression in expressions_of(node):
                self._ask(expression.root)
            for slot in slots_of(node):
                self._spoken.update(origin for path in reads(slot.expression.root) for origin in self._origins(path))
            if isinstance(node, SendsText):
                self._spoken.update(self._origins(path_of(node.to.root) or ()))
            elif isinstance(node, ReadsList):
                for origin in self._origins(path_of(node.items.root) or ()):
                    self._pages.setdefault(origin, set()).add(node.page_size)
        lookups = {name: self._witnessed(name, signature) for name, signature in self._signatures.items()}
        entries = {node.name: self._entries(node) for node in self._flow.nodes.values() if isinstance(node, Collect)}
        callers, dialled = self._called("caller_id", "13900001008"), self._called("dialled", self._flow.name)
        flow = replace(self._flow, nodes={name: self._loosened(node) for name, node in self._flow.nodes.items()})
        bools = Record({path[0]: Scalar(Kind.BOOL) for path in self._choices})
        tries = self._tries()
        if not self._moments.complete:
            self._assumed[CLOCK] = f"the opening hours stand together in no other way than at the first {MAX_MOMENTS:,} moments"
        return Abstraction(
            flow=flow,
            assumed=self._assumed,
            lookups=lookups,
            not_found=frozenset(name for name, signature in self._signatures.items() if signature.not_found),
            entries=entries,
            callers=callers,
            dialled=dialled,
            live=live_values(flow),
            counters=self._counters(),
            free=Answer(Witnessed(bools, self._choices), Decisions(FREE, 0, {})),
            moments=self._moments,
            items=self._items,
            tries=tries,
        )

    def _tries(self) -> int | None:
        tries = self._flow.limits.tries
        if tries is not None and tries > MOST_TRIES:
            self._assumed[TRIES] = f"the limit of {tries} tries in one call may be reached at any failed try"
            return None
        return tries

    # --- where values come from ---

    def _provenance(self) -> tuple[frozenset[Path], frozenset[Path]]:
        """Where there is something from outside, and those places where it is calculated from it rather than copied."""
        nodes = self._flow.nodes.values()
        outside: set[Path] = {("call",), ("ticket",)}
        outside |= {(node.variable,) for node in nodes if isinstance(node, LookUp | Collect | ChecksHours)}
        calculated: set[Path] = set()
        while True:
            self._from_outside, self._calculated = frozenset(outside), frozenset(calculated)
            for place, value, _ in self._assignments:
                path = path_of(value.root)
                if path is not None and self._is_outside(path):
                    outside.add(place)
                    calculated |= {place} if self._is_calculated(path) else set()
                elif path is None and self._parts(value.root) is None:
                    outside.add(place)
                    calculated.add(place)
            for place, value, _ in self._assignments:  # what is sometimes a copy and sometimes reckoned from itself is calculated
                if place in outside and path_of(value.root) is None and any(self._is_outside(path) for path in reads(value.root)):
                    calculated.add(place)
            if self._from_outside == frozenset(outside) and self._calculated == frozenset(calculated):
                return self._from_outside, self._calculated

    def _is_outside(self, path: Path) -> bool:
        return any(_touch(path, place) for place in self._from_outside)

    def _is_calculated(self, path: Path) -> bool:
        return any(_touch(path, place) for place in self._calculated)

    def _reads_outside(self, term: Term) -> bool:
        return any(self._is_outside(path) for path in reads(term))

    def _origins(self, path: Path) -> frozenset[Origin]:
        """Where the value at a path came from, through copies, sub-flows and lists."""
        found: set[Origin] = set()
        waiting, seen = [path] if path else [], set[Path]()
        while waiting:
            at = waiting.pop()
            if at in seen or len(seen) > 1000:
                continue
            seen.add(at)
            root, rest = at[0], at[1:]
            if root in ("call", "ticket"):
                found.add((root, rest))
            for node in self._flow.nodes.values():
                if isinstance(node, LookUp) and node.variable == root:
                    found.add((node.lookup, rest))
                elif isinstance(node, Collect) and node.variable == root:
                    found.add((node.name, rest))
                elif isinstance(node, ChecksHours) and node.variable == root:
                    found.add((CLOCK, rest))
            for place, value, more in self._assignments:
                copied = path_of(value.root)
                if copied is not None and _touch(at, place):
                    waiting.append(copied + more + at[len(place) :])
        return frozenset(found)

    def _of_the_clock(self, path: Path) -> bool:
        return any(source == CLOCK for source, _ in self._origins(path))

    # --- what is asked about them ---

    def _parts(self, term: Term) -> tuple[Question, ...] | None:
        """The questions that decide a term; None when they do not."""
        outside = {path for path in reads(term) if self._is_outside(path)}
        if not outside:
            return ()
        if any(self._is_calculated(path) or self._of_the_clock(path) for path in outside):
            return None
        path = path_of(term)
        if path is not None:
            type_ = _type_at(self._flow.variables, path)
            return (Question(path, term),) if isinstance(type_, Scalar) and type_.kind is Kind.BOOL else None
        if len(outside) == 1 and simple(term, next(iter(outside))):
            return (Question(next(iter(outside)), term),)
        if isinstance(term, Function):
            return None
        found: list[Question] = []
        for part in parts_of(term):
            questions = self._parts(part)
            if questions is None:
                return None
            found += questions
        return tuple(found)

    def _ask(self, term: Term) -> None:
        for question in self._parts(term) or ():
            for origin in self._origins(question.path):
                self._questions.setdefault(origin, []).append(question)

    def _witnesses(self, origin: Origin, type_: Type, lengths: range | None = None) -> tuple[Value, ...]:
        pages = frozenset(self._pages.get(origin, ()))
        found = witnesses(type_, self._questions.get(origin, ()), spoken=origin in self._spoken, lengths=lengths, pages=pages)
        if not found.complete:
            self._unsearchable.add(origin)
        return found.values

    def _witnessed(self, name: str, signature: LookupSignature) -> Witnessed:
        values: dict[Path, tuple[Value, ...]] = {}

        def visit(record: Record, prefix: Path) -> None:
            for key, field in record.fields.items():
                values[(*prefix, key)] = self._witnesses((name, (*prefix, key)), field)
                if isinstance(field, Record):
                    visit(field, (*prefix, key))

        visit(signature.answer, ())
        return Witnessed(signature.answer, values)

    def _entries(self, node: Collect) -> tuple[str, ...]:
        lengths = range(node.min_digits, node.max_digits + 1)
        return tuple(str(one) for one in self._witnesses((node.name, ()), Scalar(Kind.DIGITS, secret=node.secret), lengths))

    def _called(self, name: str, usual: str) -> tuple[str, ...]:
        origin = ("call", (name,))
        questions = self._questions.get(origin, ())
        if not questions and origin not in self._spoken:
            return (usual,)
        return tuple(dict.fromkeys((usual, *map(str, self._witnesses(origin, Scalar(Kind.DIGITS))))))

    def _counters(self) -> dict[str, Decimal]:
        """Variables that are numbers written out and grow by numbers written out, and are compared with numbers written out only."""
        grown: dict[str, Decimal] = {}
        highest = max(
            (_highest(expression.root) for node in self._flow.nodes.values() for expression in expressions_of(node)), default=Decimal(0)
        )
        places = {place for place, _, _ in self._assignments if not self._is_outside(place)}
        for name in {place[0] for place in places if len(place) == 1}:
            values = [value.root for place, value, _ in self._assignments if place == (name,)]
            if all(isinstance(root, Literal) or _grows(root, name) for root in values) and any(_grows(root, name) for root in values):
                others = [
                    expression.root
                    for node in self._flow.nodes.values()
                    for expression in expressions_of(node)
                    if not (isinstance(node, Set) and node.assignments.get(name) is expression)
                ]
                if all(_only_compared(root, name) for root in others):
                    grown[name] = highest + 1
        return grown

    # --- assumptions ---

    def _loosened(self, node: Node) -> Node:
        """A node in which what the witnesses do not decide comes out either way."""
        match node:
            case Branch():
                return replace(node, arms=tuple((self._condition(node, one), target) for one, target in node.arms))
            case ChecksHours():
                return self._moments.loosened(node)
            case LookUp():
                return replace(node, arguments=self._calculations(node, node.arguments), comfort=self._spoken_loosely(node, node.comfort))
            case Set():
                return replace(node, assignments=self._calculations(node, node.assignments))
            case Call():
                return replace(node, arguments=self._calculations(node, node.arguments))
            case Return():
                return replace(node, results=self._calculations(node, node.results))
            case SendsText():
                return replace(node, text=self._spoken_loosely(node, node.text), to=self._recipient(node))
            case ReadsList():
                items = self._listed(node)
                changed = self._spoken_loosely(node, node)
                assert isinstance(changed, ReadsList)
                return replace(changed, items=items)
            case _ if any(self._unsure(slot) for slot in slots_of(node)):
                spoken = self._spoken_loosely(node, node)
                assert isinstance(spoken, type(node))
                return spoken
            case _:
                return node

    def _recipient(self, node: SendsText) -> Expression:
        """A number that is calculated may be empty."""
        path = path_of(node.to.root)
        if not self._reads_outside(node.to.root) or (path is not None and not self._is_calculated(path)):
            return node.to
        name = self._choice(f"{node.to.mark or node.mark}: '{node.to.text}' may be empty or not", (True, False))
        number, nothing = Literal("13900001008", None, 0), Literal("", None, 0)
        return replace(node.to, root=Choice(Field(Name(FREE, 0), name, 0), number, nothing, 0))

    def _listed(self, node: ReadsList) -> Expression:
        """A list that is not plainly one of the look-ups' may have as many pages as it likes."""
        path = path_of(node.items.root)
        known = path is not None and not self._is_calculated(path)
        if not self._reads_outside(node.items.root) or known:
            return node.items
        item = sample(self._flow.variables.get(node.variable, Scalar(Kind.TEXT)))
        sizes = [0, *(node.page_size * pages + 1 for pages in range(MANY_PAGES))]
        lists: tuple[Value, ...] = tuple((item,) * size for size in sizes)
        nothing = (None,) if self._can_fail(node.items.root) else ()
        name = self._choice(f"{node.items.mark or node.mark}: '{node.items.text}' may have any number of pages", (*lists, *nothing))
        return replace(node.items, root=Field(Name(FREE, 0), name, 0))

    def _condition(self, node: Branch, condition: Expression) -> Expression:
        questions = self._parts(condition.root)
        known = questions is not None and not any(self._origins(one.path) & self._unsearchable for one in questions)
        if known:
            return condition
        return replace(condition, root=self._either(f"{condition.mark or node.mark}: '{condition.text}' may hold or not", condition))

    def _choice(self, assumption: str, choices: tuple[Value, ...]) -> str:
        """The name of something that comes out as it likes, whenever it is read."""
        name = f"c{next(self._serial)}"
        self._choices[(name,)] = choices
        if assumption:
            self._assumed[name] = assumption
        return name

    def _either(self, assumption: str, expression: Expression) -> Field:
        choices = (True, False, None) if self._can_fail(expression.root) else (True, False)
        return Field(Name(FREE, 0), self._choice(assumption, choices), 0)

    def _calculations(self, node: Node, expressions: Mapping[str, Expression]) -> dict[str, Expression]:
        return {name: self._calculation(node, one) for name, one in expressions.items()}

    def _calculation(self, node: Node, expression: Expression) -> Expression:
        root = expression.root
        if path_of(root) is not None or not self._reads_outside(root) or not self._can_fail(root):
            return expression
        return replace(expression, root=self._or_fails(node, expression))

    def _or_fails(self, node: Node, expression: Expression, kind: Kind | None = None) -> Term:
        """What is calculated, or a failure. Its value is one that can be said, as nothing that is decided hangs on it."""
        root = expression.root
        name = self._choice(f"{expression.mark or node.mark}: '{expression.text}' may fail or not", (True, False))
        value = root if path_of(root) is not None else self._harmless(expression, kind)
        return Choice(Field(Name(FREE, 0), name, 0), value, Unary("-", Literal(None, None, 0), 0), 0)

    def _harmless(self, expression: Expression, kind: Kind | None) -> Term:
        if any(getattr(_type_at(self._flow.variables, path), "secret", False) for path in reads(expression.root)):
            return expression.root
        try:
            type_ = Scalar(kind) if kind is not None else type_of(expression, self._flow.variables)
        except ExpressionError:
            return expression.root
        return Literal(sample(type_), None, 0) if type_ is not None else expression.root

    def _unsure(self, slot: Slot) -> bool:
        """Whether a value may turn out to be nothing that can be said."""
        root = slot.expression.root
        if not self._reads_outside(root):
            return False
        if slot.kind in (Kind.ORDINAL, Kind.COUNT):  # a number may be broken or negative, wherever it comes from
            return True
        if any(ITEM in rest for path in reads(root) for _, rest in self._origins(path)):
            return slot.kind in (Kind.TEXT, Kind.DIGITS, Kind.VOLUME) or self._can_fail(root)
        path = path_of(root)
        if path is not None and (not self._is_calculated(path) or self._of_the_clock(path)):
            return False
        return slot.kind is Kind.VOLUME or path is not None or self._can_fail(root)

    def _of_items(self, slot: Slot) -> frozenset[Origin]:
        """Where the field of a list's item comes from that a slot speaks as it is: each item may have it or not, which is no assumption."""
        path = path_of(slot.expression.root)
        if path is None or self._is_calculated(path):
            return frozenset()
        return frozenset((source, rest) for source, rest in self._origins(path) if ITEM in rest and source in self._signatures)

    def _spoken_loosely(self, node: Node, thing: T) -> T:
        def change(slot: Slot) -> Slot:
            if not self._unsure(slot):
                return slot
            root = self._or_fails(node, slot.expression, slot.kind)
            origins = self._of_items(slot)
            if origins and isinstance(root, Choice) and isinstance(root.condition, Field):
                self._items[root.condition.name] = origins
                del self._assumed[root.condition.name]
            return replace(slot, expression=replace(slot.expression, root=root))

        return _changed(thing, change)

    def _can_fail(self, term: Term) -> bool:
        match term:
            case Binary(operator="/" | "%", left=left, right=right):
                return not (isinstance(right, Literal) and right.value != 0) or self._can_fail(left)
            case Name() | Field():
                path = path_of(term)
                return path is not None and any(
                    getattr(_type_at(self._flow.variables, path[:end]), "optional", False) for end in range(1, len(path) + 1)
                )
            case Binary() | Unary() | Choice() | Function() | Many():
                return any(self._can_fail(part) for part in parts_of(term))
            case _:
                return False


def _changed(thing: T, change: Callable[[Slot], Slot]) -> T:
    """A node or prompt with its slots changed."""
    if isinstance(thing, Slot):
        return change(thing)  # type: ignore[return-value]  # a slot for a slot
    if isinstance(thing, tuple):
        return tuple(_changed(one, change) for one in thing)  # type: ignore[return-value]  # a tuple for a tuple
    if isinstance(thing, Mapping):
        return {key: _changed(one, change) for key, one in thing.items()}  # type: ignore[return-value]  # a mapping for a mapping
    if is_dataclass(thing) and type(thing).__module__ == Slot.__module__:
        return replace(thing, **{one.name: _changed(getattr(thing, one.name), change) for one in fields(thing)})  # type: ignore[type-var]
    return thing


def _touch(one: Path, other: Path) -> bool:
    """Whether one path leads to the other, or the other to it."""
    return one[: len(other)] == other or other[: len(one)] == one


def _assignments(flow: Flow) -> Iterator[tuple[Path, Expression, Path]]:
    """Each place that is given a value, the value, and what of it: the whole, or each item."""
    ends: dict[str, list[Return]] = {}
    for node in flow.nodes.values():
        if isinstance(node, Return):
            ends.setdefault(subflow_of(node.name), []).append(node)
    for node in flow.nodes.values():
        match node:
            case Set():
                yield from (((name,), value, ()) for name, value in node.assignments.items())
            case ReadsList():
                yield (node.variable,), node.items, (ITEM,)
            case Call():
                yield from (((name,), value, ()) for name, value in node.arguments.items())
                for end in ends.get(subflow_of(node.start), ()) if node.variable is not None else ():
                    yield from (((node.variable or "", name), value, ()) for name, value in end.results.items())


# --- what a node reads --------------------------------------------------------------------------------------------


def _type_at(variables: Mapping[str, Type], path: Path) -> Type | None:
    type_ = variables.get(path[0])
    for name in path[1:]:
        type_ = type_.fields.get(name) if isinstance(type_, Record) else None
    return type_


def _grows(term: Term, name: str) -> bool:
    match term:
        case Binary(operator="+", left=Name(name=same), right=Literal(value=Decimal())) if same == name:
            return True
        case _:
            return False


def _highest(term: Term) -> Decimal:
    if isinstance(term, Literal):
        return term.value if isinstance(term.value, Decimal) else Decimal(0)
    return max((_highest(part) for part in parts_of(term)), default=Decimal(0))


def _only_compared(term: Term, name: str) -> bool:
    match term:
        case Binary(operator="==" | "!=" | "<" | "<=" | ">" | ">=", left=Name(name=same), right=Literal()) if same == name:
            return True
        case Name(name=same):
            return same != name
        case _:
            return all(_only_compared(part, name) for part in parts_of(term))
