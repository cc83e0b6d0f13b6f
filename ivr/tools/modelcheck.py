"""Proving a flow: seven things that hold in every call it can have, or the shortest call in which one does not.

All reachable states are explored with the real interpreter (`exploring`), under witnesses for all values (`witnesses`, `abstraction`).
A refutation is that call, as a conversation to save among the tests, with the nodes on the way.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from ivr.core import interpreter
from ivr.core.flow import Flow
from ivr.core.state import Phase
from ivr.core.values import LookupSignature
from ivr.tools import endings
from ivr.tools.abstraction import abstract
from ivr.tools.exploring import Advance, Search
from ivr.tools.refutations import Refutation, Refuter
from ivr.tools.watching import Watcher

MAX_STATES = 20_000
HELP_WITHIN = 3  # menus


class Verdict(StrEnum):
    """What came of trying to prove something. Undecided: nothing against it was found before the search was cut short."""

    PROVED = "proved"
    REFUTED = "refuted"
    UNDECIDED = "undecided"


SENTENCES: Mapping[str, str] = {
    "no-dead-end": "Wherever a caller is, the call can still come to a good end, and whatever happens the line goes on.",
    "no-endless-loop": "A caller who stays silent is never sent round for ever: the line ends the call by itself.",
    "help-in-reach": f"Wherever a caller is asked something, a person or a message is at most {HELP_WITHIN} menus away.",
    "promise-has-ticket": "A caller hears that the message is kept, or its reference, only when its ticket is safe.",
    "secret-stays-secret": "What a caller types in a secret form is never spoken and never written to the journal.",
    "never-gives-up": "No call breaks off because of the flow; only when the line itself keeps failing does selfline give a call up.",
    "silent-after-hangup": "After the caller has hung up, the line speaks, listens, records and transfers no more.",
}


@dataclass(frozen=True, slots=True)
class Property:
    """One thing that should hold in every call, and what came of it. `detail`: a figure worth knowing, when it is proved."""

    name: str
    sentence: str
    verdict: Verdict
    detail: str = ""
    refutation: Refutation | None = None


@dataclass(frozen=True, slots=True)
class Proof:
    """What came of exploring a flow. `assumed`: conditions taken to hold or not, whatever the values, so that no call was missed."""

    flow: str
    states: int
    steps: int
    complete: bool
    assumed: tuple[str, ...]
    properties: tuple[Property, ...]

    @property
    def proved(self) -> bool:
        """Everything holds."""
        return all(one.verdict is Verdict.PROVED for one in self.properties)


def prove(
    flow: Flow,
    signatures: Mapping[str, LookupSignature],
    *,
    script: str = "",
    limit: int = MAX_STATES,
    advance: Advance = interpreter.advance,
) -> Proof:
    """Explore a flow. `script` is how a conversation names the flow's file; `advance` is there for tests of the prover."""
    known = abstract(flow, signatures)
    watch = Watcher(known, flow, advance)
    search = Search(known, advance, watch, limit)
    search.run()
    refuter = Refuter(flow, known, search, watch, advance, script or f"../{flow.name}.yaml")
    refutations = {name: refuter.of_step(finding) for name, finding in search.findings.items()}
    details: dict[str, str] = {}
    if search.complete:
        _judge_endings(search, refuter, refutations, details)
    properties = [_property(name, sentence, refutations, details, complete=search.complete) for name, sentence in SENTENCES.items()]
    return Proof(
        flow.name, len(search.seen), search.steps, search.complete, tuple(dict.fromkeys(known.assumed.values())), tuple(properties)
    )


def _property(name: str, sentence: str, refutations: Mapping[str, Refutation], details: Mapping[str, str], *, complete: bool) -> Property:
    if name in refutations:
        return Property(name, sentence, Verdict.REFUTED, refutation=refutations[name])
    return Property(name, sentence, Verdict.PROVED if complete else Verdict.UNDECIDED, details.get(name, ""))


def _judge_endings(search: Search, refuter: Refuter, refutations: dict[str, Refutation], details: dict[str, str]) -> None:
    """The properties of whole calls, once every state is known."""
    seen = search.seen
    trap = endings.without_good_end(seen)
    if trap is not None and "no-dead-end" not in refutations:
        problem = "from here on the call can only end by hanging up"
        refutations["no-dead-end"] = refuter.of_way("no-dead-end", trap, (), problem, ("line_ends",))
    circle = endings.silent_circle(seen)
    if circle is not None:
        start, way = circle
        where = seen[start].state.node
        problem = f"silence leads from '{where}' back to '{where}', for ever"
        refutations["no-endless-loop"] = refuter.of_way("no-endless-loop", start, way, problem, ("line_ends",))
    else:
        details["no-endless-loop"] = f"at most {endings.longest_silence(seen)} turns of the line"
    menus = endings.menus_to_help(seen)
    asked = [number for number, one in enumerate(seen) if endings.needs_help(one)]
    far = [number for number in asked if menus[number] > HELP_WITHIN]
    if far:
        refutations["help-in-reach"] = _helpless(search, refuter, menus, far)
    else:
        most = int(max((menus[number] for number in asked), default=0))
        details["help-in-reach"] = f"at most {most} menu{'s' * (most != 1)} away"


def _helpless(search: Search, refuter: Refuter, menus: Sequence[float], far: Sequence[int]) -> Refutation:
    """The nearest menu from which help is too far; if it is at no menu, how a caller is sent away before the first."""
    seen = search.seen
    nearest = min(far, key=lambda number: (seen[number].state.phase is Phase.NEW, seen[number].cost, number))
    if seen[nearest].state.phase is Phase.NEW:
        way = endings.helpless_way(seen, menus, nearest)
        return refuter.of_way("help-in-reach", nearest, way, "the call ends before the caller can come to a person or a message", ())
    away = menus[nearest]
    what = "neither a person nor a message can be reached" if away == endings.NEVER else f"help is {away} menus away"
    return refuter.of_way("help-in-reach", nearest, (), f"from here on {what}, whatever the caller does", ())
