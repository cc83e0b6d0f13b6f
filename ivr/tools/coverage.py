"""Coverage: which edges of a flow the conversations have been through, which they have not, and how to get there.

It reads the steps of the interpreter, so whatever drives a call can be counted: a conversation test, or a journal of real calls.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from ivr.core import notes as facts
from ivr.core.events import CallerHungUp, CommandFailed, Event, LookupAnswered, MessageKept, MessageNotKept, TransferEnded
from ivr.core.flow import BACK, REPEAT, Branch, Call, Collect, Flow, Goto, LookUp, Mark, Menu, Return, Say, Set, TakesMessage, Target
from ivr.core.interpreter import Step
from ivr.core.state import CallState, Phase
from ivr.tools.edges import ELSE, ON_FAILURE, THEN, Edge, Kind, edges_of, place_of, subflow_of, waits_as, wrong_entry


@dataclass(frozen=True, slots=True)
class Passage:
    """One step of a call: where it was, what happened, and what came of it."""

    before: CallState
    event: Event
    step: Step


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
        into = _ways_into(self.flow)
        return tuple(
            Missing(edge, place_of(self.flow, edge), f"{_untaken(self.flow, edge)}: {_way(self.flow, edge, into)}")
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


def edges_taken(flow: Flow, call: Iterable[Passage]) -> Iterator[Edge]:
    """The edges of one call, in the order it took them."""
    last: Target = ""
    for passage in call:
        yield from _by_event(flow, passage)
        for note in passage.step.notes:
            yield from _by_note(flow, note, last)
            if isinstance(note, facts.NodeEntered):
                last = note.node


def _by_event(flow: Flow, passage: Passage) -> Iterator[Edge]:
    """What the event itself decides, at the node where the call was."""
    before, event = passage.before, passage.event
    node = flow.nodes.get(before.node)
    hung_up = isinstance(event, CallerHungUp) or (isinstance(event, MessageKept | MessageNotKept) and event.hung_up)
    if hung_up and node is not None and before.phase is not Phase.SPEAKING and (kind := waits_as(node)):
        yield Edge(Kind.HANG_UP, "", kind)
    match event:
        case LookupAnswered(answer=None) if isinstance(node, LookUp):
            yield Edge(Kind.LOOKUP, node.name, "not_found" if node.not_found else "failed")
        case LookupAnswered():
            yield Edge(Kind.LOOKUP, before.node, THEN)
        case CommandFailed() if before.phase is Phase.LOOKING_UP:
            yield Edge(Kind.LOOKUP, before.node, "failed")
        case CommandFailed() if before.phase is not Phase.RELEASING:
            yield Edge(Kind.FAILURE, "", ON_FAILURE)
        case MessageKept(reference=reference):
            yield Edge(Kind.MESSAGE, before.node, "kept" if reference else "saved")
        case MessageNotKept(reason=reason):
            yield Edge(Kind.MESSAGE, before.node, "too_short" if reason == "too_short" else "not_kept")
        case TransferEnded(answered=answered):
            yield Edge(Kind.TRANSFER, before.node, THEN if answered else "unanswered")
        case _:
            pass


def _by_note(flow: Flow, note: facts.Note, last: Target) -> Iterator[Edge]:
    match note:
        case facts.NodeEntered(node=name):
            yield Edge(Kind.NODE, name, "")
            if last:
                yield from _between(flow, last, name)
        case facts.ChoiceMade(node=name, key=key, universal=universal):
            yield Edge(Kind.UNIVERSAL, "", key) if universal else Edge(Kind.CHOICE, name, key)
        case facts.ValueCollected(node=name):
            form = flow.nodes[name]
            assert isinstance(form, Collect)
            yield Edge(Kind.ENTRY, name, form.variable)
        case facts.InputRejected(node=name, reason=reason):
            yield Edge(Kind.NOINPUT if reason == "noinput" else Kind.NOMATCH, name, reason)
        case facts.TriesExhausted(node=name):
            yield Edge(Kind.EXHAUSTED, name, "exhausted")
        case facts.ConditionHeld(node=name, condition=condition):
            yield Edge(Kind.BRANCH, name, condition or ELSE)
        case facts.StepFailed(reason="expression"):
            yield Edge(Kind.FAILURE, "", ON_FAILURE)
        case facts.HoursChecked(node=name, state=state):
            yield Edge(Kind.HOURS, name, state)
        case facts.LimitExceeded(limit=limit):
            yield Edge(Kind.LIMIT, "", limit)
        case _:
            pass


def _between(flow: Flow, last: Target, name: Target) -> Iterator[Edge]:
    """The edge from a node to the one entered next, where no event decides: the only way on, or a sub-flow's way back."""
    match flow.nodes[last]:
        case (Say() | Set() | Goto() | TakesMessage()) as node if node.then == name:
            yield Edge(Kind.THEN, last, THEN)
        case Call(start=start) if start == name:
            yield Edge(Kind.THEN, last, "call")
        case Return():
            subflow = subflow_of(last)
            for caller in flow.nodes.values():  # two calls of one sub-flow that go on at the same node are taken for one
                if isinstance(caller, Call) and subflow_of(caller.start) == subflow and caller.then == name:
                    yield Edge(Kind.RETURN, caller.name, THEN)
        case _:
            pass


# --- sentences ---


def _untaken(flow: Flow, edge: Edge) -> str:
    """What has not happened."""
    match edge.kind:
        case Kind.NODE:
            return f"no call came to '{edge.node}'"
        case Kind.CHOICE:
            return f"nobody pressed {edge.label} at '{edge.node}'"
        case Kind.ENTRY:
            return f"nobody filled in '{edge.node}'"
        case Kind.NOINPUT:
            return f"nobody was silent at '{edge.node}'"
        case Kind.NOMATCH:
            return f"nobody pressed a wrong key at '{edge.node}'"
        case Kind.EXHAUSTED:
            return f"nobody used up the tries of '{edge.node}'"
        case Kind.UNIVERSAL:
            action = flow.universals[edge.label]
            return f"nobody pressed {edge.label} ({action if action in (BACK, REPEAT) else f'to {action}'})"
        case Kind.LOOKUP:
            how = {THEN: "was answered", "not_found": "found nothing", "failed": "failed"}[edge.label]
            return f"the look-up at '{edge.node}' never {how}"
        case Kind.BRANCH:
            return f"'{edge.node}' never came to its else" if edge.label == ELSE else f"at '{edge.node}', {edge.label} never decided"
        case Kind.MESSAGE:
            return f"no message at '{edge.node}' came to {edge.label}"
        case Kind.HOURS:
            return f"nobody called while '{edge.node}' was {'on ' if edge.label == 'holiday' else ''}{edge.label}"
        case Kind.LIST:
            return f"no list at '{edge.node}' was {'empty' if edge.label == 'empty' else 'of one page'}"
        case Kind.TEXT:
            return f"no text message at '{edge.node}' {'was sent' if edge.label == THEN else 'failed'}"
        case Kind.LIMIT:
            return f"no call exceeded the limit '{edge.label}'"
        case Kind.TRANSFER:
            return f"nobody {'talked to a person' if edge.label == THEN else 'remained unanswered'} at '{edge.node}'"
        case Kind.RETURN:
            return f"nobody came back from the sub-flow called at '{edge.node}'"
        case Kind.FAILURE:
            return "nothing failed (on_failure)"
        case Kind.HANG_UP:
            return f"nobody hung up at a {edge.label}"
        case Kind.THEN:
            return f"nobody went on from '{edge.node}'"


def _way(flow: Flow, edge: Edge, into: Mapping[Target, Edge]) -> str:
    """How a conversation gets there. A node is come to by the first edge that leads to it."""
    if edge.kind is not Kind.NODE:
        return _step(flow, edge)
    way = into.get(edge.node)
    if edge.node == flow.start or way is None:
        return "the call begins there" if edge.node == flow.start else "no edge leads there"
    if way.kind is Kind.THEN:
        return f"it follows '{way.node}'"
    return f"at '{way.node}', {_step(flow, way).removeprefix('there, ')}" if way.node else _step(flow, way)


def _ways_into(flow: Flow) -> Mapping[Target, Edge]:
    found: dict[Target, Edge] = {}
    for edge in edges_of(flow):
        if edge.target is not None and edge.kind is not Kind.NODE and edge.node != edge.target:
            found.setdefault(edge.target, edge)
    return found


def _step(flow: Flow, edge: Edge) -> str:
    """The step of a conversation that takes an edge."""
    node = flow.nodes.get(edge.node)
    match edge.kind, node:
        case Kind.CHOICE, _:
            return f'there, `press: "{edge.label}"`'
        case Kind.ENTRY, Collect():
            return f"there, `press` {node.min_digits} to {node.max_digits} digits"
        case Kind.NOINPUT, _:
            return "there, `silence`"
        case Kind.NOMATCH, (Menu() | Collect()):
            return f'there, `press: "{wrong_entry(flow, node)}"`'
        case Kind.EXHAUSTED, (Menu() | Collect()):
            return f"there, `silence`, {node.retry.tries} times"
        case Kind.UNIVERSAL, _:
            return f'at any menu without a choice {edge.label}, `press: "{edge.label}"`'
        case Kind.LOOKUP, LookUp():
            answer = {THEN: "{…}", "not_found": "not_found", "failed": "failed"}[edge.label]
            if edge.label == "failed" and node.not_found is None:
                answer = "failed or not_found"
            return f"`back_office: {{{node.lookup}: {answer}}}`"
        case Kind.BRANCH, Branch():
            return f"come there {_when(node, edge.label)}"
        case Kind.MESSAGE, _:
            steps = {"kept": "leave_message", "saved": "message_saved", "too_short": "leave_nothing", "not_kept": "message_fails"}
            return f"there, `{steps[edge.label]}`"
        case Kind.TRANSFER, _:
            return f"there, `{'answered' if edge.label == THEN else edge.label}`"
        case Kind.RETURN, Call():
            return f"come to a `return` of '{subflow_of(node.start)}'"
        case Kind.FAILURE, _:
            return "at any menu, `line_fails`"
        case Kind.HANG_UP, _:
            return "there, `hang_up`"
        case _:
            return f"come to '{edge.node}'"


def _when(node: Branch, label: str) -> str:
    earlier = [condition.text for condition, _ in node.arms]
    if label == ELSE:
        return f"with none of its conditions true: {', '.join(earlier)}"
    earlier = earlier[: earlier.index(label)]
    return f"with {label}" + (f" and not {', '.join(earlier)}" if earlier else "")


def _percent(counts: Iterable[int]) -> float:
    known = list(counts)
    return 100 * sum(count > 0 for count in known) / len(known) if known else 100.0
