"""A flow made ready to be proved: which values its conditions can tell apart, and which are still of interest at which node.

A condition whose parts each ask one thing about one value (`account.balance < 0 && !account.suspended`) is decided by witnesses, exactly.
Any other (`account.data_used > account.data_total / 2`) is taken to hold or not, as it may please: more calls are then looked at than
can happen, never fewer, and each such assumption is told. The same goes for a calculation that can fail.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from decimal import Decimal
from itertools import count
from typing import TypeVar

from ivr.core.expressions import Binary, Choice, Expression, Field, Function, Literal, Many, Name, Term, Unary, names, parts_of
from ivr.core.flow import (
    Branch,
    Collect,
    Flow,
    LookUp,
    Node,
    Set,
    Slot,
    Target,
)
from ivr.core.values import Kind, LookupSignature, Record, Scalar, Type, Value
from ivr.tools.liveness import FREE, Known, expressions_of, live_values, slots_of
from ivr.tools.witnesses import Answer, Decisions, Path, Question, Witnessed, path_of, reads, simple, witnesses

T = TypeVar("T")
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


def abstract(flow: Flow, signatures: Mapping[str, LookupSignature]) -> Abstraction:
    """Make a flow ready to be proved."""
    return _Reading(flow, signatures).abstraction()


class _Reading:
    def __init__(self, flow: Flow, signatures: Mapping[str, LookupSignature]) -> None:
        self._flow = flow
        self._signatures = {
            node.lookup: signatures[node.lookup] for node in flow.nodes.values() if isinstance(node, LookUp) and node.lookup in signatures
        }
        self._assignments = [
            (name, value) for node in flow.nodes.values() if isinstance(node, Set) for name, value in node.assignments.items()
        ]
        self._from_outside, self._calculated = self._provenance()
        self._questions: dict[Origin, list[Question]] = {}
        self._spoken: set[Origin] = set()
        self._assumed: dict[str, str] = {}
        self._choices: dict[Path, tuple[Value, ...]] = {}
        self._serial = count()
        self._unsearchable: set[Origin] = set()

    def abstraction(self) -> Abstraction:
        for node in self._flow.nodes.values():
            for expression in expressions_of(node):
                self._ask(expression.root)
            for slot in slots_of(node):
                self._spoken.update(self._origins(path_of(slot.expression.root) or ()))
        lookups = {name: self._witnessed(name, signature) for name, signature in self._signatures.items()}
        entries = {node.name: self._entries(node) for node in self._flow.nodes.values() if isinstance(node, Collect)}
        callers, dialled = self._called("caller_id", "13900001008"), self._called("dialled", self._flow.name)
        flow = replace(self._flow, nodes={name: self._loosened(node) for name, node in self._flow.nodes.items()})
        bools = Record({path[0]: Scalar(Kind.BOOL) for path in self._choices})
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
        )

    # --- where values come from ---

    def _provenance(self) -> tuple[frozenset[str], frozenset[str]]:
        """The variables that hold something from outside, and those of them that are calculated from it rather than copied."""
        outside = {"call", "ticket"} | {node.variable for node in self._flow.nodes.values() if isinstance(node, LookUp | Collect)}
        calculated: set[str] = set()
        while True:
            self._from_outside, self._calculated = frozenset(outside), frozenset(calculated)
            for name, value in self._assignments:
                path = path_of(value.root)
                if path is not None and path[0] in outside:
                    outside.add(name)
                    calculated |= {name} if path[0] in calculated else set()
                elif path is None and self._parts(value.root) is None:
                    outside.add(name)
                    calculated.add(name)
            for name, value in self._assignments:  # what is sometimes a copy and sometimes reckoned from itself is calculated
                if name in outside and path_of(value.root) is None and names(value.root) & outside:
                    calculated.add(name)
            if self._from_outside == frozenset(outside) and self._calculated == frozenset(calculated):
                return self._from_outside, self._calculated

    def _origins(self, path: Path) -> frozenset[Origin]:
        """Where the value at a path came from, through copies."""
        found: set[Origin] = set()
        waiting, seen = [path] if path else [], set[Path]()
        while waiting:
            at = waiting.pop()
            if at in seen or len(seen) > 100:
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
            for name, value in self._assignments:
                copied = path_of(value.root)
                if name == root and copied is not None:
                    waiting.append(copied + rest)
        return frozenset(found)

    # --- what is asked about them ---

    def _parts(self, term: Term) -> tuple[Question, ...] | None:
        """The questions that decide a term; None when they do not."""
        outside = {path for path in reads(term) if path[0] in self._from_outside}
        if not outside:
            return ()
        if any(path[0] in self._calculated for path in outside):
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
        found = witnesses(type_, self._questions.get(origin, ()), spoken=origin in self._spoken, lengths=lengths)
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
        for name in {name for name, _ in self._assignments} - self._from_outside:
            values = [value.root for other, value in self._assignments if other == name]
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
        if isinstance(node, Branch):
            return replace(node, arms=tuple((self._condition(node, one), target) for one, target in node.arms))
        if isinstance(node, LookUp):
            loosened = replace(node, arguments={name: self._calculation(node, one) for name, one in node.arguments.items()})
            return replace(loosened, comfort=self._spoken_loosely(node, node.comfort))
        if isinstance(node, Set):
            return replace(node, assignments={name: self._calculation(node, one) for name, one in node.assignments.items()})
        if any(self._unsure(slot) for slot in slots_of(node)):
            changed = self._spoken_loosely(node, node)
            assert isinstance(changed, type(node))
            return changed
        return node

    def _condition(self, node: Branch, condition: Expression) -> Expression:
        questions = self._parts(condition.root)
        known = questions is not None and not any(self._origins(one.path) & self._unsearchable for one in questions)
        if known:
            return condition
        return replace(condition, root=self._either(f"{condition.mark or node.mark}: '{condition.text}' may hold or not", condition))

    def _either(self, assumption: str, expression: Expression) -> Field:
        name = f"c{next(self._serial)}"
        self._assumed[name] = assumption
        self._choices[(name,)] = (True, False, None) if self._can_fail(expression.root) else (True, False)
        return Field(Name(FREE, 0), name, 0)

    def _calculation(self, node: Node, expression: Expression) -> Expression:
        root = expression.root
        outside = any(name in self._from_outside for name in names(root))
        if path_of(root) is not None or not outside or not self._can_fail(root):
            return expression
        return replace(expression, root=self._or_fails(node, expression))

    def _or_fails(self, node: Node, expression: Expression) -> Term:
        name = f"c{next(self._serial)}"
        self._assumed[name] = f"{expression.mark or node.mark}: '{expression.text}' may fail or not"
        self._choices[(name,)] = (True, False)
        return Choice(Field(Name(FREE, 0), name, 0), expression.root, Unary("-", Literal(None, None, 0), 0), 0)

    def _unsure(self, slot: Slot) -> bool:
        """Whether a value may turn out to be nothing that can be said."""
        root = slot.expression.root
        path = path_of(root)
        if not any(name in self._from_outside for name in names(root)) or (path is not None and path[0] not in self._calculated):
            return False
        return slot.kind is Kind.VOLUME or path is not None or self._can_fail(root)

    def _spoken_loosely(self, node: Node, thing: T) -> T:
        def change(slot: Slot) -> Slot:
            if not self._unsure(slot):
                return slot
            return replace(slot, expression=replace(slot.expression, root=self._or_fails(node, slot.expression)))

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
