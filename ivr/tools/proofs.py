"""A proof as people and programs read it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ivr.tools.modelcheck import Proof, Property, Verdict
from ivr.tools.refutations import Refutation


def lines_of(path: str, proof: Proof) -> Iterator[str]:
    """What to print about a flow."""
    yield f"{path}: {proof.states:,} states, {proof.steps:,} steps"
    if not proof.complete:
        yield "  the search was cut short: there are more states than it may look at, so what is not refuted is not proved either;"
        yield "  parts of the flow as lines of their own, and counting with 'set' only as far as a 'branch' asks, make fewer states"
    for one in proof.properties:
        yield f"  {one.verdict.value:<9} {one.name}: {one.sentence}{f' ({one.detail})' if one.detail else ''}"
        if one.refutation is not None:
            yield from (f"            {line}" for line in _refuted(one.refutation))
    for assumption in proof.assumed:
        yield f"  assumed   {assumption}"


def _refuted(refutation: Refutation) -> Iterator[str]:
    yield refutation.problem
    if not refutation.happens:
        yield "this call may not really happen: it hangs on what was assumed"
    yield "the way there:"
    yield from (f"  {place.mark} {place.node}" for place in refutation.places)
    yield "as a conversation, to save under flows/tests/:"
    yield from (f"  {line}" for line in refutation.conversation.splitlines())


def data_of(path: str, proof: Proof) -> Mapping[str, object]:
    """The same for programs."""
    return {
        "flow": path,
        "proved": proof.proved,
        "complete": proof.complete,
        "states": proof.states,
        "steps": proof.steps,
        "assumed": list(proof.assumed),
        "properties": [_property(one) for one in proof.properties],
    }


def _property(one: Property) -> Mapping[str, object]:
    found: dict[str, object] = {"name": one.name, "sentence": one.sentence, "verdict": one.verdict.value, "detail": one.detail}
    if one.verdict is Verdict.REFUTED and one.refutation is not None:
        found["refutation"] = {
            "problem": one.refutation.problem,
            "happens": one.refutation.happens,
            "steps": list(one.refutation.steps),
            "untold": list(one.refutation.untold),
            "way": [{"node": place.node, "at": str(place.mark)} for place in one.refutation.places],
            "conversation": one.refutation.conversation,
        }
    return found
