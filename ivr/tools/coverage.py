"""Coverage: which edges of a flow the conversations have been through, which they have not, and how to get there.

It reads the steps of the interpreter, so whatever drives a call can be counted: a conversation test, or a journal of real calls.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from ivr.core.flow import Flow, Mark
from ivr.tools.advice import untaken, way_to, ways_into
from ivr.tools.edges import Edge, Kind, edges_of, place_of
from ivr.tools.taken import Passage as Passage
from ivr.tools.taken import edges_taken


@dataclass(frozen=True, slots=True)
class Missing:
    """An edge that nobody went through. `str()` gives `path:line:column: what never happened: how it would`."""

    edge: Edge
    mark: Mark
    sentence: str

    def __str__(self) -> str:
        return f"{self.mark}: {self.sentence}"


@dataclass(frozen=True, slots=True)
class Coverage:
    """How often each edge of a flow was taken; `counts` has every edge that counts, in the order of the file."""

    flow: Flow
    counts: Mapping[Edge, int]

    @property
    def percent(self) -> float:
        """Of all edges. Only a flow with nothing missing has 100."""
        return _percent(self.counts.values())

    def kinds(self) -> Iterator[tuple[Kind, int, int]]:
        """Each kind of edge that the flow has: how many were taken, of how many."""
        for kind in Kind:
            counts = [count for edge, count in self.counts.items() if edge.kind is kind]
            if counts:
                yield kind, sum(count > 0 for count in counts), len(counts)

    def missing(self) -> tuple[Missing, ...]:
        """What nobody went through, with the way there."""
        into = ways_into(self.flow)
        return tuple(
            Missing(edge, place_of(self.flow, edge), f"{untaken(self.flow, edge)}: {way_to(self.flow, edge, into)}")
            for edge, count in self.counts.items()
            if not count
        )


def cover(flow: Flow, calls: Iterable[Iterable[Passage]]) -> Coverage:
    """Count the edges that these calls went through."""
    taken = travelled(flow, calls)
    return Coverage(flow, {edge: taken[edge] for edge in edges_of(flow) if edge.kind is not Kind.THEN})


def travelled(flow: Flow, calls: Iterable[Iterable[Passage]]) -> Counter[Edge]:
    """How often these calls took each edge, those that are drawn but not counted included."""
    taken: Counter[Edge] = Counter()
    for call in calls:
        taken.update(edges_taken(flow, call))
    return taken


def report(coverage: Coverage) -> Iterator[str]:
    """The lines to print: a row for each kind, then what is missing."""
    counts = coverage.counts.values()
    rows = [*((kind.value, taken, of) for kind, taken, of in coverage.kinds()), ("all", sum(count > 0 for count in counts), len(counts))]
    yield f"coverage of {coverage.flow.mark.path}"
    for title, taken, of in rows:
        yield f"    {title:<16}{taken:>4} of {of:<4}{100 * taken // of:>4} %"
    yield from map(str, coverage.missing())


def _percent(counts: Iterable[int]) -> float:
    known = list(counts)
    return 100 * sum(count > 0 for count in known) / len(known) if known else 100.0
