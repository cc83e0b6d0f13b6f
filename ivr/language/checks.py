"""Whole-flow checks: does every way lead somewhere, is every value known where it is used, is every type right?"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from ivr.core.expression_types import describe, same_type, secrets_in, type_of
from ivr.core.expressions import Expression, ExpressionError, Literal, names
from ivr.core.flow import (
    Branch,
    Call,
    ChecksHours,
    Collect,
    Flow,
    LookUp,
    Node,
    Prompts,
    Queueing,
    ReadsList,
    Return,
    SendsText,
    Set,
    Slot,
    TakesMessage,
    TransfersCall,
    prompts_of,
)
from ivr.core.marks import Mark
from ivr.core.values import Kind, ListOf, LookupSignature, Record, Scalar, Type
from ivr.language.problems import MAX_HINTS, Problem, did_you_mean
from ivr.language.scope import ALWAYS_KNOWN
from ivr.language.ways import check_after_hangup, check_calls, check_silent_loops, known_values, subflow_of

CALL = Record({"caller_id": Scalar(Kind.DIGITS), "dialled": Scalar(Kind.DIGITS), "remembered": Scalar(Kind.BOOL)})
TICKET = Record({"reference": Scalar(Kind.DIGITS)})
OPENS = Record({"opens_on": Scalar(Kind.DATE), "opens_at": Scalar(Kind.TIME)})
_SPEAKABLE: Mapping[Kind, frozenset[Kind]] = {
    Kind.TEXT: frozenset((Kind.TEXT,)),
    Kind.NUMBER: frozenset((Kind.NUMBER,)),
    Kind.MONEY: frozenset((Kind.MONEY, Kind.NUMBER)),
    Kind.DIGITS: frozenset((Kind.DIGITS,)),
    Kind.VOLUME: frozenset((Kind.VOLUME,)),
    Kind.DURATION: frozenset((Kind.DURATION,)),
    Kind.DATE: frozenset((Kind.DATE,)),
    Kind.MONTH: frozenset((Kind.MONTH, Kind.DATE)),
    Kind.TIME: frozenset((Kind.TIME,)),
    Kind.ORDINAL: frozenset((Kind.NUMBER,)),
    Kind.COUNT: frozenset((Kind.NUMBER,)),
}


@dataclass(frozen=True, slots=True)
class _Use:
    """An expression in a node, where it stands, and what it must be: of a kind to speak, an argument, a list or a condition."""

    expression: Expression
    mark: Mark
    spoken: Kind | None = None
    condition: bool = False
    argument: Scalar | None = None
    needs: str = ""
    listed: bool = False
    also_known: str = ""  # a value that is known here only


def check(
    flow: Flow,
    signatures: Mapping[str, LookupSignature],
    parameters: Mapping[str, Scalar] | None = None,
    unsure: frozenset[str] = frozenset(),
) -> tuple[Flow, tuple[Problem, ...]]:
    """The flow with its variables' types, and all problems. `parameters` is what sub-flows take, by full name.

    Of `unsure` values, which unreadable nodes would set, nothing is said.
    """
    problems: list[Problem] = []
    unsure |= {node.variable for node in flow.nodes.values() if isinstance(node, LookUp) and node.lookup not in signatures}
    typed = _variables(flow, signatures, parameters or {}, problems)
    unsure |= {node.variable for node in flow.nodes.values() if isinstance(node, Call) and node.variable is not None} - typed.keys()
    unsure |= _depending(flow, unsure | _unsound(flow, typed)) - typed.keys()
    known = known_values(flow)
    visible = _Visible(typed)
    for name, values in known.items():
        _check_uses(flow.nodes[name], _Around(signatures, parameters or {}, visible, values, unsure), problems)
    for name, node in flow.nodes.items():
        if name not in known and node.mark.path == flow.mark.path:  # of a shared file, not all need be used
            problems.append(Problem(node.mark, "unreachable", f"no call can come to node '{name}'", "warning"))
    _check_speech(flow, typed, problems)
    check_calls(flow, problems)
    check_silent_loops(flow, problems)
    check_after_hangup(flow, problems)
    return replace(flow, variables=typed), tuple(problems)


def short(name: str) -> str:
    """A value's name as the flow writes it."""
    return name.rpartition("/")[2].rpartition(".")[2]


class _Visible:
    """The values that a node may name: those of its sub-flow or of the line, and what the line itself sets."""

    def __init__(self, typed: Mapping[str, Type]) -> None:
        self.all = typed
        self._scopes: dict[str, dict[str, Type]] = {}
        for name, type_ in typed.items():
            self._scopes.setdefault(subflow_of(name), {})[name] = type_

    def at(self, node: Node) -> Mapping[str, Type]:
        own = self._scopes.get(subflow_of(node.name), {})
        item = node.variable if isinstance(node, ReadsList) else ""
        found = {name: type_ for name, type_ in own.items() if "." not in name or name == item}
        return found | {name: self.all[name] for name in ALWAYS_KNOWN}


@dataclass(frozen=True, slots=True)
class _Around:
    """What a node's expressions are held against."""

    signatures: Mapping[str, LookupSignature]
    parameters: Mapping[str, Scalar]
    visible: _Visible
    known: frozenset[str]
    unsure: frozenset[str]


# --- values -------------------------------------------------------------------------------------------------------


def _variables(
    flow: Flow, signatures: Mapping[str, LookupSignature], parameters: Mapping[str, Scalar], problems: list[Problem]
) -> dict[str, Type]:
    found: dict[str, Type] = {"call": CALL, "ticket": TICKET, "language": Scalar(Kind.TEXT), **parameters}
    first: dict[str, Mark] = {}

    def declare(name: str, type_: Type, mark: Mark) -> None:
        if name in first and found[name] != type_:
            since = first[name].line
            problems.append(Problem(mark, "bad-value", f"'{short(name)}' already holds something of another type, from line {since}"))
        else:
            found.setdefault(name, type_)
            first.setdefault(name, mark)

    for node in flow.nodes.values():
        if isinstance(node, LookUp) and node.lookup in signatures:
            declare(node.variable, signatures[node.lookup].answer, node.mark)
        elif isinstance(node, Collect):
            declare(node.variable, Scalar(Kind.DIGITS, secret=node.secret), node.mark)
        elif isinstance(node, ChecksHours):
            declare(node.variable, OPENS, node.mark)
    assignments = [(node, name, value) for node in flow.nodes.values() if isinstance(node, Set) for name, value in node.assignments.items()]
    returns: dict[str, list[Return]] = {}
    for node in flow.nodes.values():
        if isinstance(node, Return):
            returns.setdefault(subflow_of(node.name), []).append(node)
    waiting = [node for node in flow.nodes.values() if isinstance(node, Call) and node.variable is not None]
    _infer(assignments, found, declare)
    while more := _results(waiting, returns, found):  # what a sub-flow returns may depend on what another one did
        for call, result in more:
            waiting.remove(call)
            declare(call.variable or "", result, call.mark)
        _infer(assignments, found, declare)
    for node in flow.nodes.values():
        if isinstance(node, ReadsList) and (item := _item(node, found)) is not None:
            found[node.variable] = item
    _check_results(flow, returns, found, problems)
    for node, name, value in assignments:
        if not names(value.root) <= found.keys():
            continue  # reported where the node's uses are checked, as are types that do not fit
        try:
            type_ = type_of(value, found)
        except ExpressionError:
            continue
        if type_ is None:
            problems.append(Problem(value.mark or node.mark, "bad-expression", f"'{short(name)}' cannot be set to null and nothing else"))
        elif name in found and not same_type(type_, found[name]):
            sentence = f"'{short(name)}' holds {describe(found[name])}, and cannot become {describe(type_)}"
            problems.append(Problem(value.mark or node.mark, "bad-expression", sentence))
    return found


def _results(calls: Iterable[Call], returns: Mapping[str, list[Return]], found: Mapping[str, Type]) -> list[tuple[Call, Record]]:
    """The calls of which it is known by now what they return."""
    results = [(call, _returned(returns.get(subflow_of(call.start), ()), found)) for call in calls]
    return [(call, result) for call, result in results if result is not None]


def _returned(returns: Iterable[Return], found: Mapping[str, Type]) -> Record | None:
    """What a sub-flow returns, told by the first of its ends that can be typed."""
    for end in returns:
        if end.results and all(names(value.root) <= found.keys() for value in end.results.values()):
            try:
                types = {name: type_of(value, found) for name, value in end.results.items()}
            except ExpressionError:
                continue
            fields = {name: type_ for name, type_ in types.items() if type_ is not None}
            if len(fields) == len(types):
                return Record(fields)
    return None


def _item(node: ReadsList, found: Mapping[str, Type]) -> Type | None:
    if not names(node.items.root) <= found.keys():
        return None
    try:
        items = type_of(node.items, found)
    except ExpressionError:
        return None
    return items.item if isinstance(items, ListOf) else None


def _check_results(flow: Flow, returns: Mapping[str, list[Return]], found: Mapping[str, Type], problems: list[Problem]) -> None:
    """All ends of a sub-flow return the same, and whoever names the results gets some."""
    for name, ends in returns.items():
        for end in ends[1:]:
            if end.results.keys() != ends[0].results.keys():
                other = f"line {ends[0].mark.line} returns {_listed(ends[0].results)}"
                sentence = f"sub-flow '{name}' returns {_listed(end.results)} here, but {other}"
                problems.append(Problem(end.mark, "bad-value", sentence))
        first = _returned(ends, found)
        for end in ends:
            for result, value in end.results.items() if first is not None else ():
                wanted = first.fields.get(result) if first is not None else None
                given = _type_or_none(value, found)
                if wanted is not None and given is not None and not same_type(given, wanted):
                    sentence = f"result '{result}' is {describe(given)} here, but {describe(wanted)} where sub-flow '{name}' ends first"
                    problems.append(Problem(value.mark or end.mark, "bad-expression", sentence))
    for node in flow.nodes.values():
        if isinstance(node, Call) and node.variable is not None:
            ends = returns.get(subflow_of(node.start), [])
            if ends and not any(end.results for end in ends):
                sentence = f"sub-flow '{subflow_of(node.start)}' returns nothing that '{short(node.variable)}' could be"
                problems.append(Problem(node.mark, "bad-value", sentence))


def _type_or_none(value: Expression, found: Mapping[str, Type]) -> Type | None:
    try:
        return type_of(value, found) if names(value.root) <= found.keys() else None
    except ExpressionError:
        return None


def _listed(results: Mapping[str, Expression]) -> str:
    return ", ".join(f"'{name}'" for name in sorted(results)) or "nothing"


_Assignment = tuple[Node, str, Expression]
_Declare = Callable[[str, Type, Mark], None]


def _infer(assignments: Iterable[_Assignment], found: Mapping[str, Type], declare: _Declare) -> None:
    """Types of what `set` nodes assign. One may read what another assigns, so each is looked at once all it reads is known."""
    waiting: dict[str, list[_Assignment]] = {}
    ready = list(assignments)[::-1]
    while ready:
        node, name, value = ready.pop()
        unknown = [read for read in sorted(names(value.root)) if read not in found]
        if unknown:
            waiting.setdefault(unknown[0], []).append((node, name, value))
        elif name not in found:
            try:
                type_ = type_of(value, found)
            except ExpressionError:
                continue
            if type_ is not None:
                declare(name, type_, node.mark)
                ready.extend(waiting.pop(name, ()))


def _unsound(flow: Flow, typed: Mapping[str, Type]) -> frozenset[str]:
    """Values that got no type because of a mistake which is told where they are set."""
    made = [(name, names(value.root)) for node in flow.nodes.values() if isinstance(node, Set) for name, value in node.assignments.items()]
    known = typed.keys() | {name for name, _ in made}
    return frozenset(name for name, read in made if name not in typed and (read <= typed.keys() or not read <= known))


def _depending(flow: Flow, unsure: frozenset[str]) -> frozenset[str]:
    """What is made from values about which nothing is known."""
    made: dict[str, set[str]] = {}
    for node in flow.nodes.values():
        for name, value in node.assignments.items() if isinstance(node, Set) else ():
            for read in names(value.root):
                made.setdefault(read, set()).add(name)
    found, waiting = set(unsure), list(unsure)
    while waiting:
        more = made.get(waiting.pop(), set()) - found
        found |= more
        waiting.extend(more)
    return frozenset(found)


def _uses(node: Node, around: _Around) -> Iterator[_Use]:
    match node:
        case TakesMessage():
            yield from _slots(node, (*node.prompts, *node.saved, *node.too_short, *node.not_kept))
            yield from _slots(node, node.kept, also_known="ticket")
            return
        case TransfersCall(queueing=Queueing() as queueing):
            yield from _slots(node, (*node.prompts, *queueing.saved))
            yield from _slots(node, queueing.kept, also_known="ticket")
            return
        case ReadsList():
            yield _Use(node.items, node.items.mark or node.mark, listed=True)
            yield from _slots(node, node.each, also_known=node.variable)
            own = replace(node, each=())
            yield from _slots(node, prompts_of(own))
            return
        case SendsText():
            yield from _slots(node, node.text)
            yield _Use(node.to, node.to.mark or node.mark, argument=Scalar(Kind.DIGITS), needs="the message's number must be")
        case _:
            yield from _slots(node, prompts_of(node))
    match node:
        case Branch():
            yield from (_Use(condition, condition.mark or node.mark, condition=True) for condition, _ in node.arms)
        case Set():
            yield from (_Use(value, value.mark or node.mark) for value in node.assignments.values())
        case Return():
            yield from (_Use(value, value.mark or node.mark) for value in node.results.values())
        case LookUp() if node.lookup in around.signatures:
            yield from _arguments(node, node.arguments, around.signatures[node.lookup].arguments, "the look-up needs")
        case Call():
            yield from _arguments(node, node.arguments, around.parameters, f"sub-flow '{subflow_of(node.start)}' takes")
        case _:
            return


def _arguments(node: Node, given: Mapping[str, Expression], wanted: Mapping[str, Scalar], needs: str) -> Iterator[_Use]:
    for name, value in given.items():
        if name in wanted:
            yield _Use(value, value.mark or node.mark, argument=wanted[name], needs=needs)


def _slots(node: Node, prompts: Prompts, *, also_known: str = "") -> Iterator[_Use]:
    """What prompts speak, each thing once. A prompt of the flow's own is marked where it stands, a shared one where it is named."""
    seen: set[tuple[str, Kind, Mark]] = set()
    for prompt in prompts:
        named = prompt.mark or node.mark
        for piece in (piece for pieces in prompt.pieces.values() for piece in pieces if isinstance(piece, Slot)):
            own = piece.expression.mark
            mark = own if own is not None and own.path == named.path else named
            if (piece.expression.text, piece.kind, mark) not in seen:
                seen.add((piece.expression.text, piece.kind, mark))
                yield _Use(piece.expression, mark, spoken=piece.kind, also_known=also_known)


def _check_uses(node: Node, around: _Around, problems: list[Problem]) -> None:
    typed = around.visible.at(node)
    for use in _uses(node, around):
        read = names(use.expression.root)
        if read & around.unsure or (use.also_known and use.also_known in read and use.also_known not in typed):
            continue
        try:
            wrong = _wrong_type(use, type_of(use.expression, typed))
        except ExpressionError as error:
            problems.append(_misfit(node, use, error, around, hints=len(problems) < MAX_HINTS))
            continue
        if wrong is not None:
            problems.append(Problem(use.mark, wrong[0], f"node '{node.name}': {wrong[1]}"))
            continue
        if not use.condition and not use.listed and (use.argument is None or not (use.argument.secret or isinstance(node, LookUp))):
            for name in sorted(secrets_in(use.expression, typed)):
                cure = "'takes' must name it secret too" if isinstance(node, Call) else "only a look-up may have it"
                sentence = f"node '{node.name}': '{short(name)}' is secret; {cure}"
                problems.append(Problem(use.mark, "secret-spoken", sentence))
        for name in sorted(read - around.known - around.parameters.keys()):
            if name != use.also_known:
                problems.append(Problem(use.mark, "maybe-unset", f"node '{node.name}': {_unset(short(name))}"))


def _check_speech(flow: Flow, typed: Mapping[str, Type], problems: list[Problem]) -> None:
    """What the line asks about speech belongs to no node, so it knows what is heard, and what every call has."""
    if flow.speech is None:
        return
    always = {name: typed[name] for name in ("call", "language")}
    for prompts, known in ((flow.speech.did_you_mean, {**always, "heard": Scalar(Kind.TEXT)}), (flow.speech.use_keys, always)):
        for prompt in prompts:
            for slot in (piece for pieces in prompt.pieces.values() for piece in pieces if isinstance(piece, Slot)):
                use = _Use(slot.expression, prompt.mark or flow.mark, spoken=slot.kind)
                try:
                    wrong = _wrong_type(use, type_of(slot.expression, known))
                except ExpressionError as error:
                    hint = did_you_mean(error.name, error.known) if error.name else ""
                    wrong = ("unknown-name" if error.name else "bad-expression", f"in '{slot.expression.text}': {error}{hint}")
                if wrong is not None:
                    problems.append(Problem(use.mark, wrong[0], f"'speech': {wrong[1]}"))


def _unset(name: str) -> str:
    if name == "ticket":
        return "'ticket' is known in the prompts under 'kept' only, where there is one"
    return f"'{name}' may not be known here; a way leads here that does not set it"


def _misfit(node: Node, use: _Use, error: ExpressionError, around: _Around, *, hints: bool) -> Problem:
    """Types that do not fit, at the very word if the expression is the node's own."""
    place = use.expression.at(error.offset)
    mark = place if place is not None and use.mark == use.expression.mark else use.mark
    code = "unknown-name" if error.name else "bad-expression"
    name = short(error.name)
    hint = did_you_mean(name, [short(known) for known in error.known if known != "ticket"]) if error.name and hints else ""
    if isinstance(node, Set) and error.name in node.assignments:
        hint = "; it needs a first value, set in a node before this one"
    elif isinstance(node, ReadsList) and name == short(node.variable):
        hint = f"; '{name}' is known under 'each' only"
    elif subflow_of(error.name) and name in around.visible.all:
        hint = f"; the line's own '{name}' is handed over: name it under 'takes' here, and under 'with' at the call"
    sentence = str(error).replace(f"'{error.name}'", f"'{name}'") if error.name else str(error)
    return Problem(mark, code, f"node '{node.name}': in '{use.expression.text}': {sentence}{hint}")


def _wrong_type(use: _Use, type_: Type | None) -> tuple[str, str] | None:
    text = use.expression.text
    if use.condition and not (isinstance(type_, Scalar) and type_.kind is Kind.BOOL):
        return "bad-expression", f"'{text}' is {describe(type_)}, and a condition must be true or false"
    if use.listed and not isinstance(type_, ListOf):
        return "bad-expression", f"'{text}' is {describe(type_)}, and only a list can be read page by page"
    if use.argument is not None and not _may_be_passed(use, type_):
        return "bad-expression", f"'{text}' is {describe(type_)}, and {use.needs} {describe(use.argument)} here"
    if use.spoken is not None and (not isinstance(type_, Scalar) or type_.kind not in _SPEAKABLE[use.spoken]):
        return "bad-template", f"'{text}' is {describe(type_)}, which cannot be spoken as {use.spoken.value}"
    return None


def _may_be_passed(use: _Use, given: Type | None) -> bool:
    """Whether an argument is of the declared kind. A text written out may stand for digits: the back office holds it against its shape."""
    wanted = use.argument
    assert wanted is not None
    if given is None:
        return wanted.optional
    if not isinstance(given, Scalar) or (given.optional and not wanted.optional):
        return False
    written_out = isinstance(use.expression.root, Literal) and wanted.kind is Kind.DIGITS
    return given.kind is wanted.kind or (given.kind, wanted.kind) == (Kind.DIGITS, Kind.TEXT) or (written_out and given.kind is Kind.TEXT)
