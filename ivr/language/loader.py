"""The way in: a flow's text becomes a flow, or every problem it has at once."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ivr.core.flow import BACK, REPEAT, Flow, HangsUp, Node, Timing
from ivr.core.marks import Mark
from ivr.core.values import LookupSignature
from ivr.language import forms
from ivr.language.checks import check
from ivr.language.nodes import KEY, read_node
from ivr.language.problems import MAX_HINTS, Problem, did_you_mean, in_order
from ivr.language.prompts import LANGUAGES, Catalogue
from ivr.language.reader import Reader
from ivr.language.scope import Defaults, Scope, target_name
from ivr.language.source import ListSource, MappingSource, ScalarSource, Source, read_yaml

VERSION = "1"
ScopeMaker = Callable[[str, str], Scope]
MAX_NODES = 1000
_NODE_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
_LINE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,31}")


@dataclass(frozen=True, slots=True)
class Loaded:
    """What came of loading: a flow when there is no error. Warnings do not stop it."""

    flow: Flow | None
    problems: tuple[Problem, ...]


def load_flow(text: str, path: str, catalogue: Catalogue, signatures: Mapping[str, LookupSignature]) -> Loaded:
    """Compile a flow. Never raises for anything that the text may hold."""
    root, found = read_yaml(text, path)
    problems = list(found)
    draft = _read_flow(root, catalogue, signatures, problems) if root is not None else None
    flow = None
    if draft is not None:
        flow, more = check(draft.flow, signatures, draft.unsure)
        broken = any(problem.severity == "error" for problem in problems)
        problems.extend(problem for problem in more if not (broken and problem.code == "unreachable"))
    wrong = any(problem.severity == "error" for problem in problems)
    return Loaded(None if wrong else flow, in_order(problems))


@dataclass(frozen=True, slots=True)
class _Draft:
    """A flow in which every target exists, if need be as a node that ends the call, so that the rest can be checked all the same."""

    flow: Flow
    unsure: frozenset[str]  # values that the missing nodes would have set


def _read_flow(root: Source, catalogue: Catalogue, signatures: Mapping[str, LookupSignature], problems: list[Problem]) -> _Draft | None:
    reader = Reader(root, "a flow", problems, form=forms.FLOW)
    if not reader.readable:
        return None
    reader.one_of("selfline", (VERSION,))
    line = reader.text("line")
    if line is not None and _LINE_NAME.fullmatch(line.text) is None:
        reader.problem(line.mark, "bad-value", f"'{line.text[:40]}' cannot name a line: up to 32 letters, digits, - and _")
    languages = _languages(reader)
    on_failure = reader.text("on_failure")
    on_hangup = reader.text("on_hangup")
    start = reader.text("start")
    targets: list[tuple[str, Mark]] = [(target_name("", source.text), source.mark) for source in (start, on_failure, on_hangup) if source]
    universals = _universals(reader, targets)
    subflows = reader.mapping("subflows")
    starts = {name: target_name(f"{name}/", _start_of(source).removeprefix("/")) for name, (_, source) in subflows.items()}

    def scope(name: str, prefix: str, defaults: Defaults) -> Scope:
        failure = target_name("", on_failure.text) if on_failure else ""
        return Scope(name, prefix, languages, catalogue, starts, defaults, failure, signatures, targets, problems)

    defaults = _defaults(reader, lambda given: scope("defaults", "", given))
    nodes: dict[str, Node | None] = {}
    _read_nodes(reader, "", nodes, lambda name, prefix: scope(name, prefix, defaults))
    for name, (key, source) in subflows.items():
        _check_name(key, problems, "sub-flow")
        inner = Reader(source, f"sub-flow '{name}'", problems, form=forms.SUBFLOW)
        if begin := inner.text("start"):
            targets.append((starts[name], begin.mark))
        _read_nodes(inner, f"{name}/", nodes, lambda node, prefix: scope(node, prefix, defaults))
        inner.done()
    reader.done()
    if len(nodes) > MAX_NODES:
        reader.problem(reader.key_mark("nodes"), "yaml-limit", f"a flow may have {MAX_NODES} nodes at most; this one has {len(nodes)}")
        return None
    if nodes:
        everywhere = frozenset(source.mark for _, source in reader.mapping("universals").values())
        _check_targets(targets, nodes, tuple(subflows), everywhere, problems)
    if start is None or on_failure is None:
        return None
    whole: dict[str, Node] = {name: node or HangsUp(name, root.mark, ()) for name, node in nodes.items()}
    whole |= {name: HangsUp(name, root.mark, ()) for name in (*starts.values(), *(name for name, _ in targets)) if name not in nodes}
    broken = {name for name, node in nodes.items() if node is None}
    hangup = target_name("", on_hangup.text) if on_hangup else None
    flow = Flow(
        name=line.text if line else "",
        mark=root.mark,
        languages=languages,
        start=target_name("", start.text),
        nodes=whole,
        universals=universals,
        on_failure=target_name("", on_failure.text),
        on_hangup=hangup,
        variables={},
    )
    return _Draft(flow, _would_set(reader, subflows, broken))


def _would_set(reader: Reader, subflows: Mapping[str, tuple[ScalarSource, Source]], broken: set[str]) -> frozenset[str]:
    """The values that nodes would set if they could be read."""
    scopes = [("", reader)] + [(f"{name}/", Reader(source, "", [])) for name, (_, source) in subflows.items()]
    found: set[str] = set()
    for prefix, scope in scopes:
        nodes = scope.source("nodes")
        for name, source in nodes.entries if isinstance(nodes, MappingSource) else ():
            if prefix + name.text in broken and isinstance(source, MappingSource):
                for key, value in source.entries:
                    if key.text in ("as", "lookup") and isinstance(value, ScalarSource):
                        found.add(value.text)
                    elif key.text == "set" and isinstance(value, MappingSource):
                        found.update(one.text for one, _ in value.entries)
    return frozenset(found)


def _languages(reader: Reader) -> tuple[str, ...]:
    languages: list[str] = []
    items = reader.items("languages")
    if not items and isinstance(reader.source("languages"), ListSource):
        reader.problem(reader.key_mark("languages"), "bad-value", "a flow speaks at least one language")
    for item in items:
        if not isinstance(item, ScalarSource) or item.text not in LANGUAGES:
            said = item.text if isinstance(item, ScalarSource) else "that"
            reader.problem(item.mark, "unknown-language", f"selfline does not speak '{said}'{did_you_mean(said, LANGUAGES)}")
        elif item.text in languages:
            reader.problem(item.mark, "bad-value", f"'{item.text}' is named twice")
        else:
            languages.append(item.text)
    return tuple(languages) or LANGUAGES[:1]


def _universals(reader: Reader, targets: list[tuple[str, Mark]]) -> dict[str, str]:
    universals: dict[str, str] = {}
    for key, (name, source) in reader.mapping("universals").items():
        if KEY.fullmatch(key) is None or len(key) != 1:
            reader.problem(name.mark, "bad-value", f"'{key}' is not a key: write one of 0-9, * and #")
        elif not isinstance(source, ScalarSource) or source.is_null:
            reader.problem(source.mark, "wrong-type", f"universal {key} must be 'back', 'repeat' or a node")
        else:
            universals[key] = source.text
            if source.text not in (BACK, REPEAT):
                universals[key] = target_name("", source.text)
                targets.append((universals[key], source.mark))
    return universals


def _defaults(reader: Reader, scope_with: Callable[[Defaults], Scope]) -> Defaults:
    source = reader.source("defaults") or MappingSource((), reader.mark)
    inner = Reader(source, "'defaults'", reader.problems, form=forms.DEFAULTS)
    timing = Timing(inner.duration("timeout"), inner.duration("digit_timeout"))
    tries = inner.integer("tries")
    scope = scope_with(Defaults(timing, tries))
    noinput, nomatch = scope.tapered(inner, "noinput", ()), scope.tapered(inner, "nomatch", ())
    exhausted = scope.target(inner, "exhausted")
    inner.done()
    return Defaults(timing, tries, noinput, nomatch, exhausted)


def _start_of(source: Source) -> str:
    found = Reader(source, "", []).text("start")
    return found.text if found else ""


def _read_nodes(reader: Reader, prefix: str, nodes: dict[str, Node | None], scope: ScopeMaker) -> None:
    entries = reader.mapping("nodes")
    if not entries and isinstance(reader.source("nodes"), MappingSource):
        reader.problem(reader.key_mark("nodes"), "bad-value", f"{reader.what} needs at least one node")
    for name, (key, source) in entries.items():
        _check_name(key, reader.problems, "node")
        nodes[prefix + name] = read_node(source, scope(prefix + name, prefix), key.mark)


def _check_name(key: ScalarSource, problems: list[Problem], what: str) -> None:
    if _NODE_NAME.fullmatch(key.text) is None or key.text in (BACK, REPEAT):
        sentence = f"'{key.text}' cannot name a {what}: small letters, digits and _ only, a letter first, and not 'back' or 'repeat'"
        problems.append(Problem(key.mark, "bad-value", sentence))


def _check_targets(
    targets: list[tuple[str, Mark]],
    nodes: Mapping[str, Node | None],
    subflows: tuple[str, ...],
    everywhere: frozenset[Mark],
    problems: list[Problem],
) -> None:
    scopes: dict[str, list[str]] = {}
    for node in nodes:
        prefix, _, short = node.rpartition("/")
        scopes.setdefault(prefix, []).append(short)
    for name, mark in dict.fromkeys(targets):
        if name not in nodes:
            prefix, slash, short = name.rpartition("/")
            written = short.replace("\\", "/")
            if written.partition("/")[0] in subflows and "/" in written:
                hint = f"; a sub-flow is entered at its start, with 'call: {written.partition('/')[0]}'"
            elif written in subflows:
                hint = f"; a sub-flow is entered with 'call: {written}'"
            elif slash and written in nodes:
                hint = f"; the line's own node is written '/{written}'"
            else:
                known = [*([BACK, REPEAT] if mark in everywhere else []), *scopes.get(prefix, [])]
                hint = did_you_mean(written, known) if len(problems) < MAX_HINTS else ""
            where = f" in sub-flow '{prefix}'" if slash else ""
            problems.append(Problem(mark, "unknown-target", f"no node named '{written}'{where}{hint}"))
