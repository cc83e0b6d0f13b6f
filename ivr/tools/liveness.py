"""What a call may still read from each node on: two calls that differ in nothing else can be looked at as one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from ivr.core.expressions import Expression
from ivr.core.flow import (
    ACTIONS,
    BACK,
    Asks,
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
    prompts_of,
    targets,
)
from ivr.language.ways import assigned, subflow_of
from ivr.tools.witnesses import Path, reads

FREE = "?"  # the name of what decides conditions that the witnesses do not; no flow can name it
Known = tuple[tuple[str, frozenset[Path] | None], ...]  # variables of interest; the fields of interest of each, None for all of it


def slots_of(node: Node) -> Iterator[Slot]:
    """The values that a node can speak or write."""
    for prompt in (*prompts_of(node), *(node.text if isinstance(node, SendsText) else ())):
        for pieces in prompt.pieces.values():
            yield from (piece for piece in pieces if isinstance(piece, Slot))


def expressions_of(node: Node) -> Iterator[Expression]:
    """Everything that a node evaluates."""
    yield from (slot.expression for slot in slots_of(node))
    match node:
        case Branch():
            yield from (condition for condition, _ in node.arms)
        case Set():
            yield from node.assignments.values()
        case LookUp() | Call():
            yield from node.arguments.values()
        case Return():
            yield from node.results.values()
        case ReadsList():
            yield node.items
        case SendsText():
            yield node.to


def live_values(flow: Flow) -> dict[Target, Known]:
    """For each node, what may still be read from there on. It may name too much, never too little."""
    ways = {name: list(_ways(flow, node)) for name, node in flow.nodes.items()}
    before: dict[Target, set[tuple[Target, frozenset[str]]]] = {name: set() for name in flow.nodes}
    for name, found in ways.items():
        for target, killed in found:
            before[target].add((name, killed))
    if BACK in flow.universals.values():
        _add_ways_back(flow, ways, before)
    live = {name: {path for one in expressions_of(node) for path in reads(one.root)} for name, node in flow.nodes.items()}
    waiting = list(flow.nodes)
    while waiting:
        name = waiting.pop()
        for earlier, killed in before[name]:
            more = {path for path in live[name] if path[0] not in killed} - live[earlier]
            if more:
                live[earlier] |= more
                waiting.append(earlier)
    return {name: _known(paths) for name, paths in live.items()}


def _ways(flow: Flow, node: Node) -> Iterator[tuple[Target, frozenset[str]]]:
    """Where a call can go from a node, and what is set anew on the way."""
    nothing = frozenset[str]()
    match node:
        case LookUp():
            yield node.then, assigned(node)
            yield from ((target, nothing) for target in (node.not_found, node.failed) if target is not None)
        case Collect():
            yield node.then, assigned(node)
            yield node.retry.exhausted, nothing
        case Set():
            yield node.then, assigned(node) | ({"language"} if node.language else nothing)
        case Return():
            calls = (one for one in flow.nodes.values() if isinstance(one, Call) and subflow_of(one.start) == subflow_of(node.name))
            yield from ((one.then, assigned(one)) for one in calls)
        case Call():
            yield node.start, frozenset(node.arguments)
            yield node.then, nothing  # what it returns, or what was there before
        case ChecksHours():
            yield node.open, nothing
            yield from ((target, assigned(node)) for target in (node.closed, node.holiday))
        case _:
            yield from ((target, nothing) for target in targets(node))
    if isinstance(node, Asks):
        yield from ((target, nothing) for target in flow.universals.values() if target not in ACTIONS)
        if flow.limits.exceeded is not None:
            yield flow.limits.exceeded, nothing
    yield flow.on_failure, nothing
    if flow.on_hangup is not None:
        yield flow.on_hangup, nothing


def _add_ways_back(
    flow: Flow,
    ways: Mapping[Target, Iterable[tuple[Target, frozenset[str]]]],
    before: Mapping[Target, set[tuple[Target, frozenset[str]]]],
) -> None:
    """From each menu, form or list, back to every one that may have been passed before it."""
    places = [name for name, node in flow.nodes.items() if isinstance(node, Asks)]
    for place in places:
        waiting, seen = [place], set[Target]()
        while waiting:
            name = waiting.pop()
            if name not in seen:
                seen.add(name)
                waiting.extend(target for target, _ in ways[name])
        for later in places:
            if later in seen:
                before[place].add((later, frozenset()))


def _known(paths: Iterable[Path]) -> Known:
    found: dict[str, set[Path]] = {}
    for path in paths:
        found.setdefault(path[0], set()).add(path[1:])
    return tuple((name, None if () in rest else frozenset(rest)) for name, rest in sorted(found.items()) if name != FREE)
