"""Whole-flow checks: does every way lead somewhere, is every value known where it is used, is every type right?"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from ivr.core.expression_types import describe, same_type, secrets_in, type_of
from ivr.core.expressions import Expression, ExpressionError, Literal, names
from ivr.core.flow import (
    Branch,
    Collect,
    Flow,
    LookUp,
    Node,
    Prompts,
    Set,
    Slot,
    TakesMessage,
    prompts_of,
)
from ivr.core.marks import Mark
from ivr.core.values import Kind, LookupSignature, Record, Scalar, Type
from ivr.language.problems import MAX_HINTS, Problem, did_you_mean
from ivr.language.ways import check_after_hangup, check_calls, check_silent_loops, known_values

CALL = Record({"caller_id": Scalar(Kind.DIGITS), "dialled": Scalar(Kind.DIGITS)})
TICKET = Record({"reference": Scalar(Kind.DIGITS)})
_SPEAKABLE: Mapping[Kind, frozenset[Kind]] = {
    Kind.TEXT: frozenset((Kind.TEXT,)),
    Kind.NUMBER: frozenset((Kind.NUMBER,)),
    Kind.MONEY: frozenset((Kind.MONEY, Kind.NUMBER)),
    Kind.DIGITS: frozenset((Kind.DIGITS,)),
    Kind.VOLUME: frozenset((Kind.VOLUME,)),
    Kind.DURATION: frozenset((Kind.DURATION,)),
    Kind.DATE: frozenset((Kind.DATE,)),
    Kind.MONTH: frozenset((Kind.MONTH, Kind.DATE)),
    Kind.TIME: frozenset((Kind.TIME,)),
}


@dataclass(frozen=True, slots=True)
class _Use:
    """An expression in a node, where it stands, and what it must be: a kind to speak, an argument of a look-up, or a condition."""

    expression: Expression
    mark: Mark
    spoken: Kind | None = None
    condition: bool = False
    argument: Scalar | None = None
    after_ticket: bool = False


def check(flow: Flow, signatures: Mapping[str, LookupSignature], unsure: frozenset[str] = frozenset()) -> tuple[Flow, tuple[Problem, ...]]:
    """The flow with its variables' types, and all problems. Of `unsure` values, which unreadable nodes would set, nothing is said."""
    problems: list[Problem] = []
    unsure |= {node.variable for node in flow.nodes.values() if isinstance(node, LookUp) and node.lookup not in signatures}
    typed = _variables(flow, signatures, problems)
    unsure |= _depending(flow, unsure | _unsound(flow, typed)) - typed.keys()
    known = known_values(flow)
    for name, values in known.items():
        _check_uses(flow.nodes[name], signatures, typed, values, unsure, problems)
    for name, node in flow.nodes.items():
        if name not in known:
            problems.append(Problem(node.mark, "unreachable", f"no call can come to node '{name}'", "warning"))
    check_calls(flow, problems)
    check_silent_loops(flow, problems)
    check_after_hangup(flow, problems)
    checked = Flow(flow.name, flow.mark, flow.languages, flow.start, flow.nodes, flow.universals, flow.on_failure, flow.on_hangup, typed)
    return checked, tuple(problems)


# --- values -------------------------------------------------------------------------------------------------------


def _variables(flow: Flow, signatures: Mapping[str, LookupSignature], problems: list[Problem]) -> dict[str, Type]:
    found: dict[str, Type] = {"call": CALL, "ticket": TICKET, "language": Scalar(Kind.TEXT)}
    first: dict[str, Mark] = {}

    def declare(name: str, type_: Type, mark: Mark) -> None:
        if name in first and found[name] != type_:
            problems.append(Problem(mark, "bad-value", f"'{name}' already holds something of another type, from line {first[name].line}"))
        else:
            found.setdefault(name, type_)
            first.setdefault(name, mark)

    for node in flow.nodes.values():
        if isinstance(node, LookUp) and node.lookup in signatures:
            declare(node.variable, signatures[node.lookup].answer, node.mark)
        elif isinstance(node, Collect):
            declare(node.variable, Scalar(Kind.DIGITS, secret=node.secret), node.mark)
    assignments = [(node, name, value) for node in flow.nodes.values() if isinstance(node, Set) for name, value in node.assignments.items()]
    _infer(assignments, found, declare)
    for node, name, value in assignments:
        if not names(value.root) <= found.keys():
            continue  # reported where the node's uses are checked, as are types that do not fit
        try:
            type_ = type_of(value, found)
        except ExpressionError:
            continue
        if type_ is None:
            problems.append(Problem(value.mark or node.mark, "bad-expression", f"'{name}' cannot be set to null and nothing else"))
        elif name in found and not same_type(type_, found[name]):
            sentence = f"'{name}' holds {describe(found[name])}, and cannot become {describe(type_)}"
            problems.append(Problem(value.mark or node.mark, "bad-expression", sentence))
    return found


_Assignment = tuple[Node, str, Expression]
_Declare = Callable[[str, Type, Mark], None]


def _infer(assignments: Iterable[_Assignment], found: Mapping[str, Type], declare: _Declare) -> None:
    """Types of what `set` nodes assign. One may read what another assigns, so each is looked at once all it reads is known."""
    waiting: dict[str, list[_Assignment]] = {}
    ready = list(assignments)[::-1]
    while ready:
        node, name, value = ready.pop()
        unknown = [read for read in sorted(names(value.root)) if read not in found]
        if unknown:
            waiting.setdefault(unknown[0], []).append((node, name, value))
        elif name not in found:
            try:
                type_ = type_of(value, found)
            except ExpressionError:
                continue
            if type_ is not None:
                declare(name, type_, node.mark)
                ready.extend(waiting.pop(name, ()))


def _unsound(flow: Flow, typed: Mapping[str, Type]) -> frozenset[str]:
    """Values that got no type because of a mistake which is told where they are set."""
    made = [(name, names(value.root)) for node in flow.nodes.values() if isinstance(node, Set) for name, value in node.assignments.items()]
    known = typed.keys() | {name for name, _ in made}
    return frozenset(name for name, read in made if name not in typed and (read <= typed.keys() or not read <= known))


def _depending(flow: Flow, unsure: frozenset[str]) -> frozenset[str]:
    """What is made from values about which nothing is known."""
    made: dict[str, set[str]] = {}
    for node in flow.nodes.values():
        for name, value in node.assignments.items() if isinstance(node, Set) else ():
            for read in names(value.root):
                made.setdefault(read, set()).add(name)
    found, waiting = set(unsure), list(unsure)
    while waiting:
        more = made.get(waiting.pop(), set()) - found
        found |= more
        waiting.extend(more)
    return frozenset(found)


def _uses(node: Node, signatures: Mapping[str, LookupSignature]) -> Iterator[_Use]:
    if isinstance(node, TakesMessage):
        yield from _slots(node, (*node.prompts, *node.saved, *node.too_short, *node.not_kept))
        yield from _slots(node, node.kept, after_ticket=True)
        return
    yield from _slots(node, prompts_of(node))
    if isinstance(node, Branch):
        yield from (_Use(condition, condition.mark or node.mark, condition=True) for condition, _ in node.arms)
    elif isinstance(node, Set):
        yield from (_Use(value, value.mark or node.mark) for value in node.assignments.values())
    elif isinstance(node, LookUp) and node.lookup in signatures:
        wanted = signatures[node.lookup].arguments
        yield from (_Use(value, value.mark or node.mark, argument=wanted[name]) for name, value in node.arguments.items() if name in wanted)


def _slots(node: Node, prompts: Prompts, *, after_ticket: bool = False) -> Iterator[_Use]:
    """What prompts speak, each thing once. A prompt of the flow's own is marked where it stands, a shared one where it is named."""
    seen: set[tuple[str, Kind, Mark]] = set()
    for prompt in prompts:
        named = prompt.mark or node.mark
        for piece in (piece for pieces in prompt.pieces.values() for piece in pieces if isinstance(piece, Slot)):
            own = piece.expression.mark
            mark = own if own is not None and own.path == named.path else named
            if (piece.expression.text, piece.kind, mark) not in seen:
                seen.add((piece.expression.text, piece.kind, mark))
                yield _Use(piece.expression, mark, spoken=piece.kind, after_ticket=after_ticket)


def _check_uses(
    node: Node,
    signatures: Mapping[str, LookupSignature],
    typed: Mapping[str, Type],
    known: frozenset[str],
    unsure: frozenset[str],
    problems: list[Problem],
) -> None:
    for use in _uses(node, signatures):
        read = names(use.expression.root)
        if read & unsure:
            continue
        try:
            wrong = _wrong_type(use, type_of(use.expression, typed))
        except ExpressionError as error:
            problems.append(_misfit(node, use, error, hints=len(problems) < MAX_HINTS))
            continue
        if wrong is not None:
            problems.append(Problem(use.mark, wrong[0], f"node '{node.name}': {wrong[1]}"))
            continue
        if use.argument is None and not use.condition:
            for name in sorted(secrets_in(use.expression, typed)):
                problems.append(Problem(use.mark, "secret-spoken", f"node '{node.name}': '{name}' is secret; only a look-up may have it"))
        for name in sorted(read - known):
            if not (use.after_ticket and name == "ticket"):
                problems.append(Problem(use.mark, "maybe-unset", f"node '{node.name}': {_unset(name)}"))


def _unset(name: str) -> str:
    if name == "ticket":
        return "'ticket' is known in the prompts under 'kept' only, where there is one"
    return f"'{name}' may not be known here; a way leads here that does not set it"


def _misfit(node: Node, use: _Use, error: ExpressionError, *, hints: bool) -> Problem:
    """Types that do not fit, at the very word if the expression is the node's own."""
    place = use.expression.at(error.offset)
    mark = place if place is not None and use.mark == use.expression.mark else use.mark
    code = "unknown-name" if error.name else "bad-expression"
    hint = did_you_mean(error.name, [name for name in error.known if name != "ticket"]) if error.name and hints else ""
    if isinstance(node, Set) and error.name in node.assignments:
        hint = "; it needs a first value, set in a node before this one"
    return Problem(mark, code, f"node '{node.name}': in '{use.expression.text}': {error}{hint}")


def _wrong_type(use: _Use, type_: Type | None) -> tuple[str, str] | None:
    text = use.expression.text
    if use.condition and not (isinstance(type_, Scalar) and type_.kind is Kind.BOOL):
        return "bad-expression", f"'{text}' is {describe(type_)}, and a condition must be true or false"
    if use.argument is not None and not _may_be_passed(use, type_):
        return "bad-expression", f"'{text}' is {describe(type_)}, and the look-up needs {describe(use.argument)} here"
    if use.spoken is not None and (not isinstance(type_, Scalar) or type_.kind not in _SPEAKABLE[use.spoken]):
        return "bad-template", f"'{text}' is {describe(type_)}, which cannot be spoken as {use.spoken.value}"
    return None


def _may_be_passed(use: _Use, given: Type | None) -> bool:
    """Whether an argument is of the declared kind. A text written out may stand for digits: the back office holds it against its shape."""
    wanted = use.argument
    assert wanted is not None
    if given is None:
        return wanted.optional
    if not isinstance(given, Scalar) or (given.optional and not wanted.optional):
        return False
    written_out = isinstance(use.expression.root, Literal) and wanted.kind is Kind.DIGITS
    return given.kind is wanted.kind or (given.kind, wanted.kind) == (Kind.DIGITS, Kind.TEXT) or (written_out and given.kind is Kind.TEXT)
