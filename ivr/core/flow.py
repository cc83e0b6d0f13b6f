"""A flow: the compiled menu tree. One frozen class per node type; every node keeps the place in the YAML it came from."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from ivr.core.expressions import Expression
from ivr.core.marks import Mark as Mark
from ivr.core.schedule import Schedule
from ivr.core.values import Kind, Text, Type

Target = str  # the name of a node; inside a sub-flow it is "subflow/node"
BACK, REPEAT, SLOWER, LOUDER = "back", "repeat", "slower", "louder"
ACTIONS = (BACK, REPEAT, SLOWER, LOUDER)  # what a universal key can do besides going to a node


@dataclass(frozen=True, slots=True)
class Slot:
    """The place of a value inside a prompt, and how it is spoken."""

    expression: Expression
    kind: Kind


@dataclass(frozen=True, slots=True)
class Prompt:
    """What is said in each language, by one name. `mark` is where the flow names it."""

    name: str
    pieces: Mapping[str, tuple[Text | Slot, ...]]
    mark: Mark | None = field(default=None, compare=False)


Prompts = tuple[Prompt, ...]
Phrases = Mapping[str, Mapping[str, str]]  # language -> what may be said, as the flow writes it -> the key that it stands for
NO_PHRASES: Phrases = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Retry:
    """How often a caller may be silent or wrong, and what they hear: the nth failure of a kind plays the nth text, the last one again."""

    tries: int
    noinput: tuple[Prompts, ...]
    nomatch: tuple[Prompts, ...]
    exhausted: Target


@dataclass(frozen=True, slots=True)
class Timing:
    """`timeout`: the silence allowed before the first key; `digit_timeout`: between keys."""

    timeout: dt.timedelta
    digit_timeout: dt.timedelta


@dataclass(frozen=True, slots=True)
class Say:
    """Says something and goes on. Without barge-in, keys neither stop it nor count."""

    name: str
    mark: Mark
    prompts: Prompts
    then: Target
    barge_in: bool


@dataclass(frozen=True, slots=True)
class Menu:
    """Offers choices. `again` is the shorter text that is heard after a failed try."""

    name: str
    mark: Mark
    prompts: Prompts
    again: Prompts
    choices: Mapping[str, Target]
    barge_in: bool
    timing: Timing
    retry: Retry
    phrases: Phrases = field(default_factory=dict)
    asks_back: bool = True  # whether a phrase that was heard unsurely is asked about; it is not where the question is one of yes and no


@dataclass(frozen=True, slots=True)
class Collect:
    """Asks for a row of digits and keeps it in a variable. Where they may be `spoken`, what is heard is read back by the node after it."""

    name: str
    mark: Mark
    prompts: Prompts
    again: Prompts
    variable: str
    min_digits: int
    max_digits: int
    secret: bool
    barge_in: bool
    then: Target
    timing: Timing
    retry: Retry
    spoken: bool = False


@dataclass(frozen=True, slots=True)
class PageKeys:
    """The keys that turn the pages of a list."""

    forward: str
    backward: str
    stop: str


@dataclass(frozen=True, slots=True)
class ReadsList:
    """Reads a list page by page: `each` for every item (known there as `variable`), then `more`, or `last` on the last page.

    A list that fits on one page is said in one breath with what follows, and asks nothing.
    """

    name: str
    mark: Mark
    items: Expression
    variable: str
    each: Prompts
    page_size: int
    more: Prompts
    last: Prompts
    keys: PageKeys
    empty: Target
    then: Target
    timing: Timing
    retry: Retry
    phrases: Phrases = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LookUp:
    """Asks the back office and keeps the answer in a variable. What fails is tried `retries` times more, after growing pauses."""

    name: str
    mark: Mark
    lookup: str
    arguments: Mapping[str, Expression]
    variable: str
    deadline: dt.timedelta
    retries: int
    backoff: dt.timedelta
    comfort: Prompts
    then: Target
    not_found: Target | None
    failed: Target


@dataclass(frozen=True, slots=True)
class Branch:
    """Goes to the first arm whose condition holds, else to `otherwise`."""

    name: str
    mark: Mark
    arms: tuple[tuple[Expression, Target], ...]
    otherwise: Target


@dataclass(frozen=True, slots=True)
class ChecksHours:
    """Goes by the clock and the calendar. Where it is closed, `variable` tells when it opens next: opens_on, opens_at."""

    name: str
    mark: Mark
    hours: str
    schedule: Schedule
    variable: str
    open: Target
    closed: Target
    holiday: Target


@dataclass(frozen=True, slots=True)
class Set:
    """Gives variables values, or changes the language."""

    name: str
    mark: Mark
    assignments: Mapping[str, Expression]
    language: str | None
    then: Target


@dataclass(frozen=True, slots=True)
class TakesMessage:
    """Records a message that becomes a callback ticket. `kept` may speak ticket.reference; `saved` is for when there is none yet."""

    name: str
    mark: Mark
    prompts: Prompts
    topic: str
    max_length: dt.timedelta
    final_silence: dt.timedelta
    kept: Prompts
    saved: Prompts
    too_short: Prompts
    not_kept: Prompts
    then: Target


@dataclass(frozen=True, slots=True)
class SendsText:
    """Sends a text message to a number. Nothing is said; a message that cannot even be queued goes to `failed`."""

    name: str
    mark: Mark
    text: Prompts
    to: Expression
    then: Target
    failed: Target


@dataclass(frozen=True, slots=True)
class Goto:
    """Goes on elsewhere."""

    name: str
    mark: Mark
    then: Target


@dataclass(frozen=True, slots=True)
class Call:
    """Enters a sub-flow with arguments and comes back to `then`, with what it returned in `variable` if that is wanted."""

    name: str
    mark: Mark
    start: Target
    arguments: Mapping[str, Expression]
    variable: str | None
    then: Target


@dataclass(frozen=True, slots=True)
class Return:
    """Leaves a sub-flow with its results."""

    name: str
    mark: Mark
    results: Mapping[str, Expression]


@dataclass(frozen=True, slots=True)
class Queueing:
    """How callers wait while everybody is talking: so long at most. Key 1 leaves the queue for `callback`, with the place kept: `kept`
    may speak ticket.reference; `saved` is for when there is none yet."""

    wait: dt.timedelta
    callback: Target
    kept: Prompts
    saved: Prompts


@dataclass(frozen=True, slots=True)
class TransfersCall:
    """Hands the call to a person. `then` follows a talk that took place, `unanswered` one that did not, unless `busy` or `nobody` does."""

    name: str
    mark: Mark
    prompts: Prompts
    destination: str
    ring_time: dt.timedelta
    then: Target
    unanswered: Target
    busy: Target | None = None
    nobody: Target | None = None
    queueing: Queueing | None = None

    @property
    def callback(self) -> Target | None:
        """Where the call goes when the caller would rather be called back."""
        return self.queueing.callback if self.queueing is not None else None


@dataclass(frozen=True, slots=True)
class HangsUp:
    """Says its prompts and ends the call."""

    name: str
    mark: Mark
    prompts: Prompts


Node = (
    Say
    | Menu
    | Collect
    | ReadsList
    | LookUp
    | Branch
    | ChecksHours
    | Set
    | SendsText
    | TakesMessage
    | Goto
    | Call
    | Return
    | TransfersCall
    | HangsUp
)
Asks = Menu | Collect | ReadsList
"""The nodes at which a caller is asked something."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much one call may be. Past `duration`, or with `tries` failures in all, it goes to `exceeded` once, where the caller would be
    asked next. A call that comes while `calls` others are on the line begins at `crowded`."""

    duration: dt.timedelta | None = None
    tries: int | None = None
    exceeded: Target | None = None
    calls: int | None = None
    crowded: Target | None = None


@dataclass(frozen=True, slots=True)
class Speech:
    """How the line listens. What is heard with a confidence of `sure` or more counts as if its key had been pressed; below `unsure`
    it counts as nomatch; between, `did_you_mean` asks, with what was `heard`, and `yes` or `no` answers. `use_keys` is for when nobody
    listens.
    """

    sure: float
    unsure: float
    did_you_mean: Prompts
    use_keys: Prompts
    yes: str
    no: str
    answers: Phrases  # what is said for `yes` and `no`


@dataclass(frozen=True, slots=True)
class Flow:
    """A whole line. `universals` are keys that work in every menu and form: one of ACTIONS or a node's name.

    A value of a sub-flow is named "subflow/name", and a sub-flow knows no other values than its own, `call`, `ticket` and `language`.
    """

    name: str
    mark: Mark
    languages: tuple[str, ...]
    start: Target
    nodes: Mapping[str, Node]
    universals: Mapping[str, Target]
    on_failure: Target
    on_hangup: Target | None
    variables: Mapping[str, Type]
    milestones: Mapping[Target, str] = field(default_factory=dict)  # reached when a call comes to the node
    outcomes: Mapping[Target, str] = field(default_factory=dict)  # the last one that a call came to is the call's
    limits: Limits = Limits()
    remembers_language: bool = False  # a caller who comes back hears the language they chose
    speech: Speech | None = None  # None: nothing can be said, only keyed
    universal_phrases: Phrases = field(default_factory=dict)


def targets(node: Node) -> tuple[Target, ...]:
    """Where a call can go from a node, in the order a reader meets them; universals, failure and hang-up not counted."""
    match node:
        case Say() | Set() | TakesMessage() | Goto():
            found = [node.then]
        case Menu():
            found = [*node.choices.values(), node.retry.exhausted]
        case Collect():
            found = [node.then, node.retry.exhausted]
        case ReadsList():
            found = [node.empty, node.then, node.retry.exhausted]
        case ChecksHours():
            found = [node.open, node.closed, node.holiday]
        case SendsText():
            found = [node.then, node.failed]
        case LookUp():
            found = [node.then, *([node.not_found] if node.not_found else []), node.failed]
        case Branch():
            found = [*(target for _, target in node.arms), node.otherwise]
        case Call():
            found = [node.start, node.then]
        case TransfersCall():
            found = [node.then, node.unanswered, *(one for one in (node.busy, node.nobody, node.callback) if one)]
        case Return() | HangsUp():
            found = []
    return tuple(dict.fromkeys(found))


def prompts_of(node: Node) -> Prompts:
    """Every prompt a node can play; the words of a text message are not played."""
    match node:
        case Say() | HangsUp():
            return node.prompts
        case TransfersCall():
            return node.prompts if node.queueing is None else (*node.prompts, *node.queueing.kept, *node.queueing.saved)
        case Menu() | Collect():
            tapered = [prompt for step in (*node.retry.noinput, *node.retry.nomatch) for prompt in step]
            return (*node.prompts, *node.again, *tapered)
        case ReadsList():
            tapered = [prompt for step in (*node.retry.noinput, *node.retry.nomatch) for prompt in step]
            return (*node.each, *node.more, *node.last, *tapered)
        case LookUp():
            return node.comfort
        case TakesMessage():
            return (*node.prompts, *node.kept, *node.saved, *node.too_short, *node.not_kept)
        case Branch() | ChecksHours() | Set() | SendsText() | Goto() | Call() | Return():
            return ()


def promises_of(node: Node) -> Prompts:
    """The prompts with which a node promises a call back: played only when its ticket is safe."""
    match node:
        case TakesMessage() | TransfersCall(queueing=Queueing()):
            promise = node if isinstance(node, TakesMessage) else node.queueing
            return (*promise.kept, *promise.saved) if promise is not None else ()
        case _:
            return ()


def prompts_of_flow(flow: Flow) -> Prompts:
    """Every prompt a call can hear: those of the nodes, and those with which the line asks what was said."""
    of_nodes = tuple(prompt for node in flow.nodes.values() for prompt in prompts_of(node))
    return of_nodes if flow.speech is None else (*of_nodes, *flow.speech.did_you_mean, *flow.speech.use_keys)


def phrases_of(flow: Flow) -> Mapping[str, tuple[str, ...]]:
    """Everything that may be said on the line, by language, each phrase once."""
    sets = [phrases_at(node) for node in flow.nodes.values() if isinstance(node, Asks)]
    sets += [flow.universal_phrases, *([flow.speech.answers] if flow.speech else [])]
    return {language: tuple(dict.fromkeys(phrase for one in sets for phrase in one.get(language, ()))) for language in flow.languages}


def names_of_choices(flow: Flow) -> Mapping[str, tuple[str, ...]]:
    """What the line may say itself of phrases, by language: the first of each choice, when it asks whether that was meant."""
    sets = [node.phrases for node in flow.nodes.values() if isinstance(node, Menu) and node.asks_back] + [flow.universal_phrases]
    found: dict[str, dict[str, None]] = {language: {} for language in flow.languages}
    for phrases in sets:
        for language, meanings in phrases.items():
            found[language].update(dict.fromkeys(name for key in meanings.values() if (name := said_for(meanings, key)) is not None))
    return {language: tuple(names) for language, names in found.items()}


def keys_at(node: Asks) -> tuple[str, ...]:
    """The keys that mean something of their own at a question."""
    match node:
        case Menu():
            return tuple(node.choices)
        case ReadsList():
            return (node.keys.forward, node.keys.backward, node.keys.stop)
        case Collect():
            return ()


def phrases_at(node: Asks) -> Phrases:
    """What may be said at a question beside what may be said everywhere."""
    return NO_PHRASES if isinstance(node, Collect) else node.phrases


def said_for(phrases: Mapping[str, str], key: str) -> str | None:
    """What the line calls a key when it asks whether that was meant: the first of its phrases."""
    return next((phrase for phrase, meant in phrases.items() if meant == key), None)
