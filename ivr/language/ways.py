"""The ways a call can take through a flow: what is known where, which circles are silent, what follows a hang-up."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from ivr.core.flow import (
    ACTIONS,
    Asks,
    Branch,
    Call,
    ChecksHours,
    Collect,
    Flow,
    Goto,
    HangsUp,
    LookUp,
    Menu,
    Node,
    ReadsList,
    Return,
    SendsText,
    Set,
    Target,
    TransfersCall,
    targets,
)
from ivr.language.problems import Problem

ALWAYS_KNOWN = frozenset(("call", "language"))


def assigned(node: Node) -> frozenset[str]:
    """The values that a node sets."""
    match node:
        case LookUp() | Collect() | ChecksHours():
            return frozenset((node.variable,))
        case Call():
            return frozenset((node.variable,)) if node.variable is not None else frozenset()
        case Set():
            return frozenset(node.assignments)
        case _:
            return frozenset()


def subflow_of(node: Target) -> str:
    """The sub-flow a node belongs to; "" for the line itself."""
    return node.rpartition("/")[0]


def known_values(flow: Flow) -> dict[Target, frozenset[str]]:
    """For each node a call can come to, the values that are surely known there: those set on every way to it."""
    return _Known(flow).everywhere()


class _Known:
    def __init__(self, flow: Flow) -> None:
        self._flow = flow
        self._waiting = [flow.start, *([flow.limits.crowded] if flow.limits.crowded is not None else [])]
        self._known: dict[Target, frozenset[str]] = dict.fromkeys(self._waiting, ALWAYS_KNOWN)
        self._anywhere = tuple(target for target in flow.universals.values() if target not in ACTIONS)
        self._calls: dict[str, list[Call]] = {}
        self._ends: dict[str, list[Target]] = {}
        for node in flow.nodes.values():
            if isinstance(node, Call):
                self._calls.setdefault(subflow_of(node.start), []).append(node)
            elif isinstance(node, Return):
                self._ends.setdefault(subflow_of(node.name), []).append(node.name)

    def everywhere(self) -> dict[Target, frozenset[str]]:
        """Go on until nothing changes; what is known at a node only ever shrinks, so it ends."""
        while self._waiting:
            name = self._waiting.pop()
            self._leave(self._flow.nodes[name], self._known[name])
        return self._known

    def _leave(self, node: Node, before: frozenset[str]) -> None:
        flow = self._flow
        after = before | assigned(node)
        match node:
            case Call():
                inside = f"{subflow_of(node.start)}/"
                self._arrive(node.start, frozenset(name for name in before if not name.startswith(inside)) | node.arguments.keys())
                self._come_back(subflow_of(node.start))
            case Return():
                self._come_back(subflow_of(node.name))
            case LookUp():
                self._arrive(node.then, after)
                for target in (node.failed, *([node.not_found] if node.not_found else [])):
                    self._arrive(target, before)
            case Collect():
                self._arrive(node.then, after)
                self._arrive(node.retry.exhausted, before)
            case ChecksHours():
                self._arrive(node.open, before)
                self._arrive(node.closed, after)
                self._arrive(node.holiday, after)
            case _:
                for target in targets(node):
                    self._arrive(target, after)
        if isinstance(node, Asks):
            for target in self._anywhere:
                self._arrive(target, before)
            if flow.limits.exceeded is not None:
                self._arrive(flow.limits.exceeded, before)
        self._arrive(flow.on_failure, before)
        if flow.on_hangup is not None:
            self._arrive(flow.on_hangup, before)

    def _arrive(self, target: Target, values: frozenset[str]) -> None:
        joined = self._known.get(target, values) & values
        if self._known.get(target) != joined:
            self._known[target] = joined
            self._waiting.append(target)

    def _come_back(self, subflow: str) -> None:
        """After a sub-flow, what was known before it is known, and what it returned."""
        ends = any(end in self._known for end in self._ends.get(subflow, ()))
        for call in self._calls.get(subflow, ()):
            if ends and call.name in self._known:
                self._arrive(call.then, self._known[call.name] | assigned(call))


def check_calls(flow: Flow, problems: list[Problem]) -> None:
    """No sub-flow calls itself: it would come back one time too few."""
    called: dict[str, list[str]] = {}
    first: dict[tuple[str, str], Node] = {}
    for node in flow.nodes.values():
        if isinstance(node, Call):
            caller, callee = subflow_of(node.name), subflow_of(node.start)
            called.setdefault(caller, []).append(callee)
            called.setdefault(callee, [])
            first.setdefault((caller, callee), node)
    for circle in _circles(called):
        around = " → ".join((*circle, circle[0]))
        mark = first[circle[-1], circle[0]].mark
        problems.append(Problem(mark, "endless-call", f"sub-flow '{circle[0]}' would call itself: {around}; go on with 'goto' instead"))


def check_silent_loops(flow: Flow, problems: list[Problem]) -> None:
    """No circle can be gone round without the caller doing something; a counter (`set` and `branch`) may end one."""
    returning = _returning_in_silence(flow)
    counters = {name for name, node in flow.nodes.items() if isinstance(node, Set) and node.assignments}
    ways = {name: _silent_ways(node, returning) for name, node in flow.nodes.items()}
    without_counters = {name: [one for one in ways[name] if one not in counters] for name in ways if name not in counters}
    circles = [*_circles(without_counters)]
    for circle in _circles(ways):
        if counters & set(circle) and not any(isinstance(flow.nodes[name], Branch) for name in circle):
            circles.append(circle)
    for circle in circles:
        begin = min(range(len(circle)), key=lambda place: flow.nodes[circle[place]].mark.line)
        circle = circle[begin:] + circle[:begin]
        sentence = f"a caller who stays silent would go round for ever: {' → '.join((*circle, circle[0]))}"
        problems.append(Problem(flow.nodes[circle[0]].mark, "silent-loop", sentence))


def _silent_ways(node: Node, returning: frozenset[Target]) -> tuple[Target, ...]:
    """Where a call goes from a node if the caller does nothing."""
    match node:
        case Menu() | Collect():
            return (node.retry.exhausted,)
        case ReadsList():
            return (node.empty, node.then, node.retry.exhausted)
        case Call():
            return (node.start, node.then) if node.start in returning else (node.start,)
        case _:
            return targets(node)


def _returning_in_silence(flow: Flow) -> frozenset[Target]:
    """The starts of the sub-flows that come back although the caller does nothing."""
    starts = {node.start for node in flow.nodes.values() if isinstance(node, Call)}
    returning = frozenset[Target]()
    while more := {start for start in starts - returning if _returns(flow, start, returning)}:
        returning |= more
    return returning


def _returns(flow: Flow, start: Target, returning: frozenset[Target]) -> bool:
    waiting, seen = [start], set[Target]()
    while waiting:
        name = waiting.pop()
        if name in seen or subflow_of(name) != subflow_of(start):
            continue
        seen.add(name)
        if isinstance(flow.nodes[name], Return):
            return True
        waiting.extend(_silent_ways(flow.nodes[name], returning))
    return False


def _circles(ways: Mapping[str, Iterable[str]]) -> Iterator[list[str]]:
    """One circle for each way that closes one, found depth first without recursion."""
    done: set[str] = set()
    for start in ways:
        if start in done:
            continue
        path = {start: iter(ways[start])}
        while path:
            name = next(reversed(path))
            target = next(path[name], None)
            if target is None:
                done.add(name)
                del path[name]
            elif target in path:
                names = list(path)
                yield names[names.index(target) :]
            elif target not in done:
                path[target] = iter(ways[target])


def check_after_hangup(flow: Flow, problems: list[Problem]) -> None:
    """Once the caller is gone, nothing speaks, listens or transfers. A look-up that fails then ends the call."""
    waiting, seen = ([flow.on_hangup] if flow.on_hangup else []), set[Target]()
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        node = flow.nodes[name]
        match node:
            case LookUp():
                waiting.extend((node.then, *([node.not_found] if node.not_found else [])))
            case Branch() | ChecksHours() | Set() | SendsText() | Goto() | Call() | Return() | HangsUp(prompts=()):
                waiting.extend(targets(node))
            case _:
                what = "transfers the call" if isinstance(node, TransfersCall) else "speaks or listens"
                sentence = f"node '{name}' {what}, but it follows 'on_hangup': the caller is gone"
                problems.append(Problem(node.mark, "silent-only", sentence))
