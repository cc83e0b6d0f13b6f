"""The way in: a flow's text becomes a flow, or every problem it has at once."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ivr.core.flow import BACK, REPEAT, Flow, Mark, Node, Timing
from ivr.core.values import LookupSignature
from ivr.language.checks import check
from ivr.language.nodes import KEY, Defaults, Scope, read_node, target_name
from ivr.language.problems import Problem, did_you_mean, in_order
from ivr.language.prompts import LANGUAGES, Catalogue
from ivr.language.reader import Reader
from ivr.language.source import ScalarSource, Source, read_yaml

VERSION = "1"
ScopeMaker = Callable[[str, str], Scope]
_NODE_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")


@dataclass(frozen=True, slots=True)
class Loaded:
    """What came of loading: a flow when there is no error. Warnings do not stop it."""

    flow: Flow | None
    problems: tuple[Problem, ...]


def load_flow(text: str, path: str, catalogue: Catalogue, signatures: Mapping[str, LookupSignature]) -> Loaded:
    """Compile a flow. Never raises for anything that the text may hold."""
    root, found = read_yaml(text, path)
    problems = list(found)
    flow = None
    if root is not None:
        flow = _read_flow(root, path, catalogue, problems)
    if flow is not None and not any(problem.severity == "error" for problem in problems):
        flow, more = check(flow, signatures)
        problems.extend(more)
    wrong = any(problem.severity == "error" for problem in problems)
    return Loaded(None if wrong else flow, in_order(problems))


def _read_flow(root: Source, path: str, catalogue: Catalogue, problems: list[Problem]) -> Flow | None:
    reader = Reader(root, "a flow", problems)
    if not reader.readable:
        return None
    reader.one_of("selfline", (VERSION,), required=True)
    line = reader.text("line", required=True)
    languages = _languages(reader)
    on_failure = reader.text("on_failure", required=True)
    on_hangup = reader.text("on_hangup")
    start = reader.text("start", required=True)
    targets: list[tuple[str, Mark]] = [(target_name("", source.text), source.mark) for source in (start, on_failure, on_hangup) if source]
    universals = _universals(reader, targets)
    subflows = reader.mapping("subflows")
    starts = {name: f"{name}/{_start_of(source)}" for name, (_, source) in subflows.items()}

    def scope(name: str, prefix: str, defaults: Defaults) -> Scope:
        failure = on_failure.text if on_failure else ""
        return Scope(name, prefix, languages, catalogue, starts, defaults, failure, targets, problems, {})

    defaults = _defaults(reader, scope("defaults", "", Defaults(_TIMING)))
    nodes: dict[str, Node | None] = {}
    _read_nodes(reader, "", nodes, lambda name, prefix: scope(name, prefix, defaults))
    for name, (key, source) in subflows.items():
        _check_name(key, problems, "sub-flow")
        inner = Reader(source, f"sub-flow '{name}'", problems)
        if begin := inner.text("start", required=True):
            targets.append((target_name(f"{name}/", begin.text), begin.mark))
        _read_nodes(inner, f"{name}/", nodes, lambda node, prefix: scope(node, prefix, defaults))
        inner.done()
    reader.done()
    _check_targets(targets, nodes, problems)
    whole = {name: node for name, node in nodes.items() if node is not None}
    if line is None or start is None or on_failure is None or len(whole) != len(nodes):
        return None
    hangup = on_hangup.text if on_hangup else None
    return Flow(line.text, root.mark, languages, start.text, whole, universals, on_failure.text, hangup, {})


_TIMING = Timing(dt.timedelta(seconds=5), dt.timedelta(seconds=2))


def _languages(reader: Reader) -> tuple[str, ...]:
    languages: list[str] = []
    items = reader.items("languages", required=True)
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
                targets.append((target_name("", source.text), source.mark))
    return universals


def _defaults(reader: Reader, scope: Scope) -> Defaults:
    source = reader.source("defaults")
    if source is None:
        return Defaults(_TIMING)
    inner = Reader(source, "'defaults'", scope.problems)
    timing = Timing(inner.duration("timeout", _TIMING.timeout), inner.duration("digit_timeout", _TIMING.digit_timeout))
    tries = inner.integer("tries", 3, 1, 9)
    noinput, nomatch = scope.tapered(inner, "noinput", ()), scope.tapered(inner, "nomatch", ())
    exhausted = scope.target(inner, "exhausted")
    inner.done()
    return Defaults(timing, tries, noinput, nomatch, exhausted)


def _start_of(source: Source) -> str:
    found = Reader(source, "", []).text("start")
    return found.text if found else ""


def _read_nodes(reader: Reader, prefix: str, nodes: dict[str, Node | None], scope: ScopeMaker) -> None:
    entries = reader.mapping("nodes", required=True)
    if reader.readable and reader.has("nodes") and not entries:
        reader.problem(reader.key_mark("nodes"), "bad-value", f"{reader.what} needs at least one node")
    for name, (key, source) in entries.items():
        _check_name(key, reader.problems, "node")
        nodes[prefix + name] = read_node(source, scope(prefix + name, prefix))


def _check_name(key: ScalarSource, problems: list[Problem], what: str) -> None:
    if _NODE_NAME.fullmatch(key.text) is None or key.text in (BACK, REPEAT):
        sentence = f"'{key.text}' cannot name a {what}: small letters, digits and _ only, a letter first, and not 'back' or 'repeat'"
        problems.append(Problem(key.mark, "bad-value", sentence))


def _check_targets(targets: list[tuple[str, Mark]], nodes: Mapping[str, Node | None], problems: list[Problem]) -> None:
    for name, mark in targets:
        if name not in nodes:
            prefix, slash, short = name.rpartition("/")
            known = [node.rpartition("/")[2] for node in nodes if node.rpartition("/")[0] == prefix]
            where = f" in sub-flow '{prefix}'" if slash else ""
            short = short.replace("\\", "/")
            problems.append(Problem(mark, "unknown-target", f"no node named '{short}'{where}{did_you_mean(short, known)}"))
