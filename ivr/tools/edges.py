"""The edges of a flow: every way a call can go, each known by its kind, its node and a label. Coverage counts them, `graph` draws them.

Two kinds belong to the line and not to a node. A universal key does the same in every menu, so each key is one edge. What a caller
leaves by hanging up is safe or not by the kind of node, so there is one edge for menus, one for forms, one for messages, one for transfers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from ivr.core.events import BUSY, CALLBACK, NOBODY, TransferEnded
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
    Mark,
    Menu,
    Node,
    Phrases,
    ReadsList,
    Return,
    Say,
    SendsText,
    Set,
    TakesMessage,
    Target,
    TransfersCall,
    keys_at,
)
from ivr.core.matching import fits
from ivr.tools.opening import moments_of

KEYS = "1234567890*#"
ELSE = "else"
THEN = "then"
UNANSWERED = "unanswered"
ON_FAILURE = "on_failure"
USE_KEYS, DID_YOU_MEAN = "use_keys", "did_you_mean"


class Kind(StrEnum):
    """What kind of way an edge is; the value is its heading in a report."""

    NODE = "nodes"
    CHOICE = "choices"
    SPOKEN = "phrases"
    ENTRY = "entries"
    NOINPUT = "silences"
    NOMATCH = "wrong keys"
    EXHAUSTED = "exhausted"
    UNIVERSAL = "universal keys"
    LOOKUP = "look-ups"
    BRANCH = "branch arms"
    HOURS = "opening hours"
    LIST = "lists"
    TEXT = "text messages"
    MESSAGE = "messages"
    TRANSFER = "transfers"
    RETURN = "returns"
    FAILURE = "failures"
    HANG_UP = "hang-ups"
    SPEECH = "speech"
    LIMIT = "limits"
    THEN = "then"  # the only way on from a node; drawn, but not counted: it says no more than its two nodes


@dataclass(frozen=True, slots=True)
class Edge:
    """One way: `node` is "" for the line's own. `target` is where it leads, None where that depends on the call."""

    kind: Kind
    node: Target
    label: str
    target: Target | None = field(default=None, compare=False)


def edges_of(flow: Flow) -> tuple[Edge, ...]:
    """Every edge, each node's own in the order of the file, the line's own last; only those that a call can take."""
    found: dict[Edge, None] = {}
    for name, node in flow.nodes.items():
        found[Edge(Kind.NODE, name, "", name)] = None
        found.update(dict.fromkeys(edges_from(flow, node)))
    found.update(dict.fromkeys(_of_the_line(flow)))
    return tuple(found)


def edges_from(flow: Flow, node: Node) -> Iterator[Edge]:
    """The ways on from a node, in the order a reader meets them."""
    name = node.name
    match node:
        case Say() | Set() | Goto():
            yield Edge(Kind.THEN, name, THEN, node.then)
        case Menu():
            yield from (Edge(Kind.CHOICE, name, key, target) for key, target in node.choices.items())
            if node.asks_back:
                yield from (Edge(Kind.SPOKEN, name, key, node.choices[key]) for key in _spoken(node.phrases))
            yield from _mistakes(flow, node)
        case Collect():
            yield Edge(Kind.ENTRY, name, node.variable, node.then)
            if node.spoken:
                yield Edge(Kind.SPOKEN, name, node.variable, node.then)
            yield from _mistakes(flow, node)
        case ReadsList():
            yield Edge(Kind.CHOICE, name, node.keys.forward, name)
            yield Edge(Kind.CHOICE, name, node.keys.backward, name)
            yield Edge(Kind.CHOICE, name, node.keys.stop, node.then)
            yield Edge(Kind.LIST, name, "empty", node.empty)
            yield Edge(Kind.LIST, name, "one page", node.then)
            yield from _mistakes(flow, node)
        case ChecksHours():
            can_be = moments_of(node.schedule)
            where = {"open": node.open, "closed": node.closed, "holiday": node.holiday}
            yield from (Edge(Kind.HOURS, name, state, target) for state, target in where.items() if state in can_be)
        case SendsText():
            yield Edge(Kind.TEXT, name, THEN, node.then)
            yield Edge(Kind.TEXT, name, "failed", node.failed)
        case LookUp():
            yield Edge(Kind.LOOKUP, name, THEN, node.then)
            if node.not_found is not None:
                yield Edge(Kind.LOOKUP, name, "not_found", node.not_found)
            yield Edge(Kind.LOOKUP, name, "failed", node.failed)
        case Branch():
            yield from (Edge(Kind.BRANCH, name, condition.text, target) for condition, target in node.arms)
            yield Edge(Kind.BRANCH, name, ELSE, node.otherwise)
        case TakesMessage():
            yield from (Edge(Kind.MESSAGE, name, label) for label in ("kept", "saved", "too_short", "not_kept"))
            yield Edge(Kind.THEN, name, THEN, node.then)
        case TransfersCall():
            yield Edge(Kind.TRANSFER, name, THEN, node.then)
            yield Edge(Kind.TRANSFER, name, UNANSWERED, node.unanswered)
            others = {CALLBACK: node.callback, BUSY: node.busy, NOBODY: node.nobody}
            yield from (Edge(Kind.TRANSFER, name, reason, target) for reason, target in others.items() if target is not None)
        case Call():
            yield Edge(Kind.THEN, name, "call", node.start)
            if any(isinstance(one, Return) and subflow_of(one.name) == subflow_of(node.start) for one in flow.nodes.values()):
                yield Edge(Kind.RETURN, name, THEN, node.then)
        case Return() | HangsUp():
            pass


def _mistakes(flow: Flow, node: Asks) -> Iterator[Edge]:
    yield Edge(Kind.NOINPUT, node.name, "noinput")
    if wrong_entry(flow, node):
        yield Edge(Kind.NOMATCH, node.name, "nomatch")
    yield Edge(Kind.EXHAUSTED, node.name, "exhausted", node.retry.exhausted)


def _of_the_line(flow: Flow) -> Iterator[Edge]:
    asking = [node for node in flow.nodes.values() if isinstance(node, Asks)]
    for key, action in flow.universals.items():
        if any(not means_something(node, key) for node in asking):
            yield Edge(Kind.UNIVERSAL, "", key, None if action in ACTIONS else action)
    yield from (Edge(Kind.SPOKEN, "", key) for key in _spoken(flow.universal_phrases))
    if flow.speech is not None and asking:
        yield Edge(Kind.SPEECH, "", USE_KEYS)
        if flow.universal_phrases or any(isinstance(node, Menu) and node.asks_back and node.phrases for node in asking):
            yield Edge(Kind.SPEECH, "", DID_YOU_MEAN)
    waiting = dict.fromkeys(kind for node in flow.nodes.values() if (kind := waits_as(node)))
    yield from (Edge(Kind.HANG_UP, "", kind, flow.on_hangup) for kind in waiting)
    for limit, there, target in limits_of(flow):
        if there and (asking or limit == "calls"):
            yield Edge(Kind.LIMIT, "", limit, target)
    if waiting:
        yield Edge(Kind.FAILURE, "", ON_FAILURE, flow.on_failure)


def ended_as(node: TransfersCall, event: TransferEnded) -> str:
    """The label of the edge that a call takes after a transfer."""
    if event.answered:
        return THEN
    own = {CALLBACK: node.callback, BUSY: node.busy, NOBODY: node.nobody}.get(event.reason)
    return event.reason if own is not None else UNANSWERED


def limits_of(flow: Flow) -> tuple[tuple[str, bool, Target | None], ...]:
    """Each limit: its name, whether the flow has it, and where a call goes that exceeds it."""
    limits = flow.limits
    return (
        ("duration", limits.duration is not None, limits.exceeded),
        ("tries", limits.tries is not None, limits.exceeded),
        ("calls", limits.calls is not None, limits.crowded),
    )


def _spoken(phrases: Phrases) -> Iterator[str]:
    """The keys for which something may be said, in whatever language."""
    yield from dict.fromkeys(key for meanings in phrases.values() for key in meanings.values())


def wrong_entry(flow: Flow, node: Asks) -> str | None:
    """Keys that the node understands as nothing; None when there are none, because every key means something."""
    if isinstance(node, ReadsList):
        unused = (key for key in reversed(KEYS) if key not in (*keys_at(node), *flow.universals))
        return next(unused, node.keys.backward if node.keys.backward not in flow.universals else None)  # on the first page
    if isinstance(node, Menu):
        taken = {key[0] for key in node.choices} | set(flow.universals)
        free = [key for key in reversed(KEYS) if key not in taken and key != "#"] or [key for key in KEYS if key not in taken]
        return free[0] if free else next((key + "#" for key in node.choices if len(key) > 1 and key[0] not in node.choices), None)
    if node.max_digits > 1:
        return "1*" if node.max_digits == 2 else "1*1"
    return next((key for key in "*#" if key not in flow.universals), None)


def means_something(node: Asks, key: str) -> bool:
    """Whether a menu, form or list takes a key for its own, before it can be a universal one."""
    if isinstance(node, ReadsList):
        return key in keys_at(node)
    return key in node.choices if isinstance(node, Menu) else fits(key, node.min_digits, node.max_digits)


def waits_as(node: Node) -> str | None:
    """What a caller is at while the line waits for them at a node; None where it does not."""
    match node:
        case Menu():
            return "menu"
        case Collect():
            return "form"
        case ReadsList():
            return "list"
        case TakesMessage():
            return "message"
        case TransfersCall():
            return "transfer"
        case _:
            return None


def subflow_of(name: Target) -> str:
    """The sub-flow that a node belongs to, "" for the line itself."""
    return name.rpartition("/")[0]


def place_of(flow: Flow, edge: Edge) -> Mark:
    """Where the flow says so: the edge's node, or the flow's beginning for the line's own."""
    return flow.nodes[edge.node].mark if edge.node else flow.mark
