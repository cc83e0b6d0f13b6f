"""Whole-flow checks: does every way lead somewhere, is every value known where it is used, is every type right?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from ivr.core.expressions import BOOLEAN, Expression, ExpressionError, describe, names, type_of
from ivr.core.flow import (
    BACK,
    REPEAT,
    Branch,
    Call,
    Collect,
    Flow,
    Goto,
    HangsUp,
    LookUp,
    Mark,
    Menu,
    Node,
    Prompts,
    Return,
    Set,
    Slot,
    TakesMessage,
    Target,
    TransfersCall,
    prompts_of,
    targets,
)
from ivr.core.values import Kind, LookupSignature, Record, Scalar, Type
from ivr.language.problems import Problem, did_you_mean

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
    """An expression in a node, where, and what it must be: a kind to speak, a type to pass, or a condition."""

    expression: Expression
    spoken: Kind | None = None
    wanted: Scalar | None = None
    after_ticket: bool = False
    argument: bool = False


def check(flow: Flow, signatures: Mapping[str, LookupSignature]) -> tuple[Flow, tuple[Problem, ...]]:
    """The flow with its variables' types, and all problems."""
    problems: list[Problem] = []
    typed = _variables(flow, signatures, problems)
    for node in flow.nodes.values():
        if isinstance(node, LookUp):
            _check_lookup(node, signatures, problems)
    for reachable, known in _known(flow, typed).items():
        _check_uses(flow.nodes[reachable], typed, known, problems)
    reached = _reached(flow)
    for name, node in flow.nodes.items():
        if name not in reached:
            problems.append(Problem(node.mark, "unreachable", f"no call can come to node '{name}'", "warning"))
    _check_silent_loops(flow, problems)
    _check_after_hangup(flow, problems)
    checked = Flow(flow.name, flow.mark, flow.languages, flow.start, flow.nodes, flow.universals, flow.on_failure, flow.on_hangup, typed)
    return checked, tuple(problems)


# --- values -------------------------------------------------------------------------------------------------------


def _assigned(node: Node) -> tuple[str, ...]:
    match node:
        case LookUp() | Collect():
            return (node.variable,)
        case Set():
            return tuple(node.assignments)
        case _:
            return ()


def _variables(flow: Flow, signatures: Mapping[str, LookupSignature], problems: list[Problem]) -> dict[str, Type]:
    found: dict[str, Type] = {"call": CALL, "ticket": TICKET, "language": Scalar(Kind.TEXT)}
    first: dict[str, Mark] = {}

    def declare(name: str, type_: Type, mark: Mark) -> None:
        if name in ("call", "ticket", "language"):
            problems.append(Problem(mark, "bad-value", f"'{name}' is set by the line itself; choose another name"))
        elif name in found and found[name] != type_:
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
    for _ in assignments:  # an assignment may read what another one assigns: as many rounds as there are links in the longest chain
        for node, name, value in assignments:
            if names(value.root) <= found.keys() and name not in found:
                try:
                    type_ = type_of(value, found)
                except ExpressionError:
                    continue  # reported where the node's uses are checked
                if type_ is not None:
                    declare(name, type_, node.mark)
    for node, name, value in assignments:
        if name in found and names(value.root) <= found.keys():
            try:
                type_ = type_of(value, found)
            except ExpressionError:
                continue
            if type_ is None or (describe(type_) != describe(found[name])):
                sentence = f"'{name}' holds {describe(found[name])}, and cannot become {describe(type_)}"
                problems.append(Problem(node.mark, "bad-expression", sentence))
    return found


def _uses(node: Node) -> Iterator[_Use]:
    if isinstance(node, TakesMessage):
        yield from _slots((*node.prompts, *node.saved, *node.too_short, *node.not_kept))
        yield from _slots(node.kept, after_ticket=True)
        return
    yield from _slots(prompts_of(node))
    if isinstance(node, Branch):
        yield from (_Use(condition, wanted=BOOLEAN) for condition, _ in node.arms)
    elif isinstance(node, Set):
        yield from map(_Use, node.assignments.values())
    elif isinstance(node, LookUp):
        yield from (_Use(argument, argument=True) for argument in node.arguments.values())


def _slots(prompts: Prompts, *, after_ticket: bool = False) -> Iterator[_Use]:
    seen: set[tuple[str, Kind]] = set()
    for prompt in prompts:
        for pieces in prompt.pieces.values():
            for piece in pieces:
                if isinstance(piece, Slot) and (piece.expression.text, piece.kind) not in seen:
                    seen.add((piece.expression.text, piece.kind))
                    yield _Use(piece.expression, spoken=piece.kind, after_ticket=after_ticket)


def _check_uses(node: Node, typed: Mapping[str, Type], known: frozenset[str], problems: list[Problem]) -> None:
    for use in _uses(node):
        read = names(use.expression.root)
        sentence = _wrong_type(use, typed)
        if sentence is not None:
            code = sentence[0]
            problems.append(Problem(node.mark, code, f"node '{node.name}': {sentence[1]}"))
            continue
        for name in sorted(read):
            type_ = typed.get(name)
            if isinstance(type_, Scalar) and type_.secret and not use.argument and not isinstance(node, Branch):
                problems.append(Problem(node.mark, "secret-spoken", f"node '{node.name}': '{name}' is secret; only a look-up may have it"))
            if name not in known and not (use.after_ticket and name == "ticket"):
                sentence_ = f"node '{node.name}': '{name}' may not be known here; a way leads here that does not set it"
                problems.append(Problem(node.mark, "maybe-unset", sentence_))


def _wrong_type(use: _Use, typed: Mapping[str, Type]) -> tuple[str, str] | None:
    text = use.expression.text
    try:
        type_ = type_of(use.expression, typed)
    except ExpressionError as error:
        code = "unknown-name" if error.name else "bad-expression"
        hint = did_you_mean(error.name, [name for name in error.known if name != "ticket"]) if error.name else ""
        return code, f"in '{text}': {error}{hint}"
    if use.wanted is not None and type_ != use.wanted and not (isinstance(type_, Scalar) and type_.kind is use.wanted.kind):
        return "bad-expression", f"'{text}' is {describe(type_)}, and a condition must be true or false"
    if use.spoken is not None and (not isinstance(type_, Scalar) or type_.kind not in _SPEAKABLE[use.spoken]):
        return "bad-template", f"'{text}' is {describe(type_)}, which cannot be spoken as {use.spoken.value}"
    return None


def _check_lookup(node: LookUp, signatures: Mapping[str, LookupSignature], problems: list[Problem]) -> None:
    if node.lookup not in signatures:
        hint = did_you_mean(node.lookup, tuple(signatures))
        problems.append(Problem(node.mark, "unknown-lookup", f"the back office has no look-up '{node.lookup}'{hint}"))
        return
    signature = signatures[node.lookup]
    for name in signature.arguments.keys() - node.arguments.keys():
        problems.append(Problem(node.mark, "missing-key", f"look-up '{node.lookup}' needs '{name}' under 'with'"))
    for name in node.arguments.keys() - signature.arguments.keys():
        hint = did_you_mean(name, tuple(signature.arguments))
        problems.append(Problem(node.mark, "unknown-key", f"look-up '{node.lookup}' takes no '{name}'{hint}"))
    if signature.not_found and node.not_found is None:
        sentence = f"look-up '{node.lookup}' may find nothing; say where the call goes then with 'not_found'"
        problems.append(Problem(node.mark, "missing-key", sentence))


# --- ways ---------------------------------------------------------------------------------------------------------


def _universal_targets(flow: Flow) -> tuple[Target, ...]:
    return tuple(target for target in flow.universals.values() if target not in (BACK, REPEAT))


def _ways(flow: Flow, node: Node) -> tuple[Target, ...]:
    """Where a call can go from a node, universals included; failure and hang-up, which come from everywhere, not."""
    extra = _universal_targets(flow) if isinstance(node, Menu | Collect) else ()
    return (*targets(node), *extra)


def _reached(flow: Flow) -> set[Target]:
    reached: set[Target] = set()
    waiting = [flow.start, flow.on_failure, *([flow.on_hangup] if flow.on_hangup else [])]
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            waiting.extend(_ways(flow, flow.nodes[name]))
    return reached


def _known(flow: Flow, typed: Mapping[str, Type]) -> dict[Target, frozenset[str]]:
    """For each node a call can come to, the values that are surely known there: those set on every way to it."""
    everything = frozenset(typed) - {"ticket"}
    known: dict[Target, frozenset[str]] = {flow.start: frozenset(("call", "language"))}
    waiting = [flow.start]

    def arrive(target: Target, values: frozenset[str]) -> None:
        joined = known.get(target, everything | {"ticket"}) & values
        if known.get(target) != joined:
            known[target] = joined
            waiting.append(target)

    while waiting:
        name = waiting.pop()
        node = flow.nodes[name]
        after = known[name] | frozenset(_assigned(node))
        for target in _ways(flow, node):
            unset = target in _fails(flow, node)
            arrive(target, known[name] if unset else after)
        arrive(flow.on_failure, known[name])
        if flow.on_hangup is not None:
            arrive(flow.on_hangup, known[name])
    return known


def _fails(flow: Flow, node: Node) -> tuple[Target, ...]:
    """The ways out of a node on which it has not set its value."""
    match node:
        case LookUp():
            return (*([node.not_found] if node.not_found else []), node.failed)
        case Collect():
            return (node.retry.exhausted, *_universal_targets(flow))
        case _:
            return ()


def _without_caller(node: Node) -> tuple[Target, ...]:
    return (node.retry.exhausted,) if isinstance(node, Menu | Collect) else targets(node)


def _check_silent_loops(flow: Flow, problems: list[Problem]) -> None:
    for circle in _circles({name: _without_caller(node) for name, node in flow.nodes.items()}):
        first = min(circle, key=lambda name: (flow.nodes[name].mark.line, name))
        if not any(isinstance(flow.nodes[name], Set) for name in circle):  # a counter may end the loop
            round_trip = " → ".join((*circle, circle[0]))
            sentence = f"a caller who stays silent would go round for ever: {round_trip}"
            problems.append(Problem(flow.nodes[first].mark, "silent-loop", sentence))


def _circles(ways: Mapping[Target, Iterable[Target]]) -> Iterator[list[Target]]:
    """One circle for each node that closes one, found depth first without recursion."""
    done: set[Target] = set()
    for start in ways:
        path: list[Target] = []
        stack: list[tuple[Target, Iterator[Target]]] = []
        if start not in done:
            path.append(start)
            stack.append((start, iter(ways[start])))
        while stack:
            name, rest = stack[-1]
            target = next(rest, None)
            if target is None:
                done.add(name)
                stack.pop()
                path.pop()
            elif target in path:
                yield path[path.index(target) :]
            elif target not in done:
                path.append(target)
                stack.append((target, iter(ways[target])))


def _check_after_hangup(flow: Flow, problems: list[Problem]) -> None:
    waiting, seen = ([flow.on_hangup] if flow.on_hangup else []), set[Target]()
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        node = flow.nodes[name]
        if isinstance(node, LookUp | Branch | Set | Goto | Call | Return) or (isinstance(node, HangsUp) and not node.prompts):
            waiting.extend(targets(node))
        else:
            what = "transfers the call" if isinstance(node, TransfersCall) else "speaks or listens"
            sentence = f"node '{name}' {what}, but it follows 'on_hangup': the caller is gone"
            problems.append(Problem(node.mark, "silent-only", sentence))
