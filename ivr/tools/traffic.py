"""Real calls on the drawing of their flow: how often each way was taken, and where the calls ended."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from ivr.core.flow import Flow, Target
from ivr.core.state import Disposition
from ivr.tools.coverage import Passage, travelled
from ivr.tools.edges import Edge, Kind
from ivr.tools.graph import Arrow, Box, Drawing, draw

_ENDED = {
    Disposition.ABANDONED: "left without an answer",
    Disposition.FAILED: "failed",
    Disposition.SELF_SERVED: "served",
    Disposition.TICKET_OPENED: "with a ticket",
    Disposition.TRANSFERRED: "after a person",
}
_BROKEN = "broken off"
BAD = (_ENDED[Disposition.ABANDONED], _ENDED[Disposition.FAILED], _BROKEN)  # what an owner of a line looks for


@dataclass(slots=True)
class Traffic:
    """What calls did on a flow. `left_out` counts those that are not in it, by the reason in words."""

    calls: int = 0
    taken: Counter[Edge] = field(default_factory=Counter)
    ends: dict[Target, Counter[str]] = field(default_factory=dict)
    left_out: Counter[str] = field(default_factory=Counter)

    def add(self, flow: Flow, passages: Sequence[Passage]) -> None:
        """Count one call."""
        self.calls += 1
        self.taken.update(travelled(flow, [passages]))
        node, how = _end(passages)
        self.ends.setdefault(node, Counter())[how] += 1


def drawn(flow: Flow, traffic: Traffic, told: Iterable[str] = ()) -> Drawing:
    """The drawing of a flow with its traffic; `told` are lines for the legend, such as since when."""
    drawing = draw(flow, traffic.taken)
    boxes = {name: tuple(_box(box, traffic) for box in inside) for name, inside in drawing.clusters.items()}
    arrows = tuple(_arrow(arrow) for arrow in drawing.arrows)
    legend = [line for line in drawing.legend if not line.startswith(("green ", "never pressed:"))]
    keys = [f"{edge.label} {_times(count)}" for edge, count in traffic.taken.items() if edge.kind is Kind.UNIVERSAL]
    legend += [f"pressed: {',  '.join(sorted(keys))}"] if keys else []
    ends: Counter[str] = sum(traffic.ends.values(), Counter())
    legend.append(f"{_calls(traffic.calls)}{''.join(f', {count:,} {how}' for how, count in ends.most_common())}")
    legend += told
    legend += [f"not shown: {_calls(count)} {reason}" for reason, count in sorted(traffic.left_out.items())]
    return replace(drawing, clusters=boxes, arrows=arrows, legend=tuple(legend), overlaid=False, calls=traffic.calls)


def _box(box: Box, traffic: Traffic) -> Box:
    ends = traffic.ends.get(box.name, Counter())
    told = tuple(f"{count:,} {how}" for how, count in ends.most_common())
    return replace(box, ended=told, back=tuple(_arrow(arrow) for arrow in box.back), missing=(), taken=None)


def _arrow(arrow: Arrow) -> Arrow:
    label = f"{arrow.label} {_times(arrow.count)}".strip() if arrow.count else arrow.label
    return replace(arrow, label=label, taken=None)


def _end(passages: Sequence[Passage]) -> tuple[Target, str]:
    """Where a call ended, and as what: at the node where the caller hung up, whatever was done silently after that."""
    last = passages[-1].step.state
    how = _ENDED[last.disposition] if last.over else _BROKEN
    for passage in passages:
        if passage.step.state.hung_up:
            return passage.before.node, how
    return last.node, how


def _times(count: int) -> str:
    return f"×{count:,}"


def _calls(count: int) -> str:
    return f"{count:,} call{'s' * (count != 1)}"


def is_bad(ended: str) -> bool:
    """Whether calls that ended so are worth a look."""
    return ended.partition(" ")[2] in BAD
