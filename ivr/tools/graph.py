"""A flow as a drawing: boxes, arrows, and a legend for what holds everywhere. `graph_formats` writes it as Mermaid, Graphviz or text.

What makes a drawing of a telephone line unreadable are the arrows that every menu has, and those that lead back. So universals, failures
and a common way out of exhausted tries are told once, in the legend, and a way back to an earlier node is a word in the box it starts from.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from ivr.core.flow import (
    BACK,
    LOUDER,
    REPEAT,
    SLOWER,
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
    Say,
    SendsText,
    Set,
    TakesMessage,
    Target,
    TransfersCall,
    said_for,
)
from ivr.tools.edges import ELSE, THEN, Edge, Kind, edges_from, edges_of, subflow_of
from ivr.tools.graph_words import first_words, hours_in_words, limits_in_words

COMMON = 3  # so many menus and forms with one way out of exhausted tries have it told in the legend
SHAPES: Mapping[type[Node], str] = {
    Say: "say", Menu: "menu", Collect: "form", LookUp: "lookup", Branch: "branch", Set: "set", TakesMessage: "message", Goto: "goto",
    Call: "call", Return: "return", TransfersCall: "transfer", HangsUp: "hangup",
    ReadsList: "list", ChecksHours: "hours", SendsText: "text",
}  # fmt: skip
_LABELS = {
    (Kind.LOOKUP, THEN): "found", (Kind.LOOKUP, "not_found"): "not found", (Kind.LOOKUP, "failed"): "failed",
    (Kind.TRANSFER, THEN): "answered", (Kind.TRANSFER, "unanswered"): "unanswered", (Kind.TRANSFER, "callback"): "asks for a call back",
    (Kind.TRANSFER, "busy"): "everybody is talking", (Kind.TRANSFER, "nobody"): "nobody is there",
    (Kind.THEN, THEN): "", (Kind.THEN, "call"): "enters",
    (Kind.RETURN, THEN): "then", (Kind.TEXT, THEN): "",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Arrow:
    """From one box to another. `mood`: way, else, trouble, or inside (into a sub-flow). `taken` is None without an overlay."""

    source: Target
    target: Target
    label: str
    mood: str = "way"
    taken: bool | None = None
    count: int = 0  # how often it was taken


@dataclass(frozen=True, slots=True)
class Box:
    """A node: what it does in a word (`shape`), its first words, where it is written, and the ways that are not drawn as arrows."""

    name: Target
    shape: str
    words: str
    place: str
    badges: tuple[str, ...] = ()  # how a call comes here from everywhere
    back: tuple[Arrow, ...] = ()
    taken: bool | None = None
    missing: tuple[str, ...] = ()  # what no conversation has tried here, and no arrow shows
    count: int = 0  # how often a call came here
    ended: tuple[str, ...] = ()  # in a drawing of traffic: how calls ended here
    counted: tuple[str, ...] = ()  # the milestone and the outcome that a call reaches here

    @property
    def title(self) -> str:
        """The name as it is written in its own scope."""
        return self.name.rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class Drawing:
    """A whole line. `clusters` has the boxes of each sub-flow, those of the line itself under ""."""

    title: str
    start: Target
    clusters: Mapping[str, tuple[Box, ...]]
    arrows: tuple[Arrow, ...]
    legend: tuple[str, ...]
    overlaid: bool = False
    calls: int | None = None  # in a drawing of traffic: how many it shows
    files: Mapping[str, str] = field(default_factory=dict)  # where the sub-flows are that stand in a file of their own


def draw(flow: Flow, taken: Mapping[Edge, int] | None = None) -> Drawing:
    """The drawing, in the flow's first language. With `taken` (how often each edge was), it shows where calls have been and where not."""
    pencil = _Pencil(flow, taken)
    clusters: dict[str, list[Box]] = {"": []}
    for node in flow.nodes.values():
        clusters.setdefault(subflow_of(node.name), []).append(pencil.box(node))
    arrows = tuple(arrow for node in flow.nodes.values() for arrow in pencil.arrows[node.name] if not pencil.leads_back(arrow))
    title = f"{flow.name}  ({flow.mark.path})"
    boxes = {name: tuple(found) for name, found in clusters.items()}
    files = {subflow_of(node.name): node.mark.path for node in flow.nodes.values() if node.mark.path != flow.mark.path}
    return Drawing(title, flow.start, boxes, arrows, tuple(pencil.legend()), taken is not None, files=files)


@dataclass(slots=True)
class _Pencil:
    flow: Flow
    taken: Mapping[Edge, int] | None
    arrows: dict[Target, tuple[Arrow, ...]] = field(init=False)
    _exhausted: Target | None = field(init=False)
    _back: set[tuple[Target, Target]] = field(init=False)

    def __post_init__(self) -> None:
        asking = [node.retry.exhausted for node in self.flow.nodes.values() if isinstance(node, Asks)]
        self._exhausted = next((target for target in asking if asking.count(target) >= COMMON), None)
        self.arrows = {node.name: tuple(self._arrows_from(node)) for node in self.flow.nodes.values()}
        self._back = set(_ways_back(self.flow, self.arrows))

    def leads_back(self, arrow: Arrow) -> bool:
        return (arrow.source, arrow.target) in self._back

    def box(self, node: Node) -> Box:
        back = tuple(arrow for arrow in self.arrows[node.name] if self.leads_back(arrow))
        badges = [f"{key} everywhere" for key, action in self.flow.universals.items() if action == node.name]
        badges += ["when something fails"] if node.name == self.flow.on_failure else []
        badges += ["after hanging up"] if node.name == self.flow.on_hangup else []
        badges += ["after too many tries"] if node.name == self._exhausted else []
        badges += ["past the limits"] if node.name == self.flow.limits.exceeded else []
        badges += ["when the line is crowded"] if node.name == self.flow.limits.crowded else []
        counts = (("milestone", self.flow.milestones), ("outcome", self.flow.outcomes))
        return Box(
            node.name,
            SHAPES[type(node)],
            first_words(self.flow, node),
            f"{node.mark.path}:{node.mark.line}",
            tuple(badges),
            back,
            self._was_taken(Edge(Kind.NODE, node.name, "")),
            tuple(self._missing(node)),
            self._times(Edge(Kind.NODE, node.name, "")),
            counted=tuple(f"{what} {names[node.name]}" for what, names in counts if node.name in names),
        )

    def legend(self) -> Iterator[str]:
        flow = self.flow
        words = {BACK: "goes back", REPEAT: "repeats", SLOWER: "speaks slower", LOUDER: "speaks louder"}
        keys = [f"{key} {words.get(action, f'→ {action}')}" for key, action in flow.universals.items()]
        if keys:
            yield f"in every menu: {',  '.join(keys)}"
        yield f"when something fails → {flow.on_failure}"
        if self._exhausted:
            yield f"after too many tries → {self._exhausted}"
        if flow.on_hangup:
            yield f"after hanging up → {flow.on_hangup}"
        yield from limits_in_words(flow)
        yield from hours_in_words(flow)
        if self.taken is not None:
            counted = [edge for edge in edges_of(flow) if edge.kind is not Kind.THEN]
            been = sum(self.taken.get(edge, 0) > 0 for edge in counted)
            yield f"green ✓: conversations have been there; grey ✗: not yet  ({been} of {len(counted)} edges)"
            untried = [edge.label for edge in counted if edge.kind is Kind.UNIVERSAL and not self.taken.get(edge, 0)]
            if untried:
                yield f"never pressed: {', '.join(untried)}"

    def _was_taken(self, edge: Edge) -> bool | None:
        return None if self.taken is None else self.taken.get(edge, 0) > 0

    def _times(self, edge: Edge) -> int:
        return 0 if self.taken is None else self.taken.get(edge, 0)

    def _missing(self, node: Node) -> Iterator[str]:
        """Edges that no arrow shows and no conversation took, at a node that some conversation came to."""
        if self._was_taken(Edge(Kind.NODE, node.name, "")):
            for edge in edges_from(self.flow, node):
                if (edge.target is None or not self._drawn(edge)) and not self._was_taken(edge):
                    yield edge.label

    def _drawn(self, edge: Edge) -> bool:
        if edge.kind is Kind.EXHAUSTED:
            return edge.target != self._exhausted
        if edge.kind is Kind.CHOICE and edge.target == edge.node:
            return False  # turning the pages of a list
        return not (edge.kind in (Kind.LOOKUP, Kind.TEXT) and edge.label == "failed" and edge.target == self.flow.on_failure)

    def _arrows_from(self, node: Node) -> Iterator[Arrow]:
        """One arrow for each target; ways that share it share the arrow."""
        found: dict[tuple[Target, str], list[Edge]] = {}
        for edge in edges_from(self.flow, node):
            if edge.target is not None and self._drawn(edge):
                found.setdefault((edge.target, _mood(edge)), []).append(edge)
        for (target, mood), edges in found.items():
            label = ", ".join(text for edge in edges if (text := _label(node, edge)))
            taken = None if self.taken is None else any(self._was_taken(edge) for edge in edges)
            yield Arrow(node.name, target, label, mood, taken, sum(self._times(edge) for edge in edges if edge.kind is not Kind.SPOKEN))


def _mood(edge: Edge) -> str:
    match edge.kind, edge.label:
        case Kind.EXHAUSTED, _:
            return "trouble"
        case (Kind.LOOKUP, "failed" | "not_found") | (Kind.TEXT, "failed"):
            return "trouble"
        case Kind.TRANSFER, "unanswered":
            return "trouble"
        case (Kind.BRANCH, "else") | (Kind.HOURS, "closed" | "holiday") | (Kind.LIST, "empty"):
            return "else"
        case Kind.THEN, "call":
            return "inside"
        case _:
            return "way"


def _label(node: Node, edge: Edge) -> str:
    match edge.kind, node:
        case Kind.EXHAUSTED, (Menu() | Collect() | ReadsList()):
            return f"{node.retry.tries} tries"
        case Kind.ENTRY, Collect():
            digits = f"{node.min_digits}" if node.min_digits == node.max_digits else f"{node.min_digits}-{node.max_digits}"
            return f"{digits} digits"
        case Kind.CHOICE, Menu(asks_back=True):
            names = (said_for(meanings, edge.label) for meanings in node.phrases.values())
            return next((f"{edge.label} “{name}”" for name in names if name), edge.label)
        case Kind.SPOKEN, Menu():
            return ""  # told with its key
        case Kind.SPOKEN, _:
            return "spoken"
        case Kind.BRANCH, _:
            return ELSE if edge.label == ELSE else edge.label
        case _:
            return _LABELS.get((edge.kind, edge.label), edge.label)


def _ways_back(flow: Flow, arrows: Mapping[Target, tuple[Arrow, ...]]) -> Iterator[tuple[Target, Target]]:
    """Arrows to a node that the call has come through to get here: found by walking the flow once, depth first."""
    entered: set[Target] = set()
    starts = [flow.start, *(action for action in flow.universals.values() if action in flow.nodes), flow.on_failure, *flow.nodes]
    for start in starts:
        way: list[tuple[Target, Iterator[Arrow]]] = []
        if start not in entered:
            entered.add(start)
            way.append((start, iter(arrows[start])))
        while way:
            arrow = next(way[-1][1], None)
            if arrow is None:
                way.pop()
            elif any(name == arrow.target for name, _ in way):
                yield arrow.source, arrow.target
            elif arrow.target not in entered:
                entered.add(arrow.target)
                way.append((arrow.target, iter(arrows[arrow.target])))
