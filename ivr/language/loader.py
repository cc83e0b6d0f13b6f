"""The way in: a flow's text becomes a flow, or every problem it has at once."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from ivr.core.flow import ACTIONS, Flow, HangsUp, Limits, Node, Phrases, Speech, Timing
from ivr.core.marks import Mark
from ivr.core.schedule import Schedule
from ivr.core.values import TYPES, Kind, LookupSignature, Scalar
from ivr.language import forms
from ivr.language.checks import check
from ivr.language.hours import read_hours
from ivr.language.nodes import KEY, different_keys, read_node
from ivr.language.problems import MAX_HINTS, Problem, did_you_mean, in_order
from ivr.language.prompts import LANGUAGES, Catalogue
from ivr.language.reader import Reader, bad_name, duration, kind_of
from ivr.language.scope import ALWAYS_KNOWN, Defaults, Scope, Subflow, Whole, target_name
from ivr.language.source import ListSource, MappingSource, ScalarSource, Source, read_yaml
from ivr.language.spoken import YES_AND_NO, Phrasebook, known_words

VERSION = "1"
MAX_NODES = 1000
MAX_INCLUDED = 50
_NODE_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
_LINE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,31}")
_HIDDEN = "secret "

Files = Callable[[str], tuple[str, str] | None]
"""The files beside a flow: for a name as the flow writes it, the path as people read it and the text; None when there is no such file."""


def no_files(name: str) -> tuple[str, str] | None:
    """There are no files beside the flow."""
    return None


@dataclass(frozen=True, slots=True)
class Loaded:
    """What came of loading: a flow when there is no error. Warnings do not stop it."""

    flow: Flow | None
    problems: tuple[Problem, ...]


def load_flow(text: str, path: str, catalogue: Catalogue, signatures: Mapping[str, LookupSignature], files: Files = no_files) -> Loaded:
    """Compile a flow. Never raises for anything that the text may hold."""
    root, found = read_yaml(text, path)
    problems = list(found)
    draft = _read_flow(root, catalogue, signatures, problems, files) if root is not None else None
    flow = None
    if draft is not None:
        flow, more = check(draft.flow, signatures, draft.parameters, draft.unsure)
        broken = any(problem.severity == "error" for problem in problems)
        problems.extend(problem for problem in more if not (broken and problem.code == "unreachable"))
    wrong = any(problem.severity == "error" for problem in problems)
    return Loaded(None if wrong else flow, in_order(problems))


@dataclass(frozen=True, slots=True)
class _Draft:
    """A flow in which every target exists, if need be as a node that ends the call, so that the rest can be checked all the same."""

    flow: Flow
    parameters: Mapping[str, Scalar]  # what sub-flows take, by full name
    unsure: frozenset[str]  # values that the missing nodes would have set


def _read_flow(
    root: Source, catalogue: Catalogue, signatures: Mapping[str, LookupSignature], problems: list[Problem], files: Files
) -> _Draft | None:
    reader = Reader(root, "a flow", problems, form=forms.FLOW)
    if not reader.readable:
        return None
    if reader.keys and set(reader.keys) <= set(forms.SHARED) and reader.has("subflows"):
        reader.problem(
            root.mark, "missing-key", "this is a shared file, which has only sub-flows; it is checked with the flows that include it"
        )
        return None
    reader.one_of("selfline", (VERSION,))
    line = reader.text("line")
    if line is not None and _LINE_NAME.fullmatch(line.text) is None:
        reader.problem(line.mark, "bad-value", f"'{line.text[:40]}' cannot name a line: up to 32 letters, digits, - and _")
    languages = _languages(reader)
    on_failure = reader.text("on_failure")
    on_hangup = reader.text("on_hangup")
    start = reader.text("start")
    subflows = _subflows(reader, files)
    whole = Whole(
        languages=languages,
        languages_unsure=any(problem.code == "unknown-language" for problem in problems),
        catalogue=catalogue,
        signatures=signatures,
        subflows={name: _subflow(name, source, problems) for name, (_, source) in subflows.items()},
        schedules=_schedules(reader, files),
        milestones=reader.words("milestones"),
        outcomes=reader.words("outcomes"),
        on_failure=target_name("", on_failure.text) if on_failure else "",
        problems=problems,
    )
    whole.targets += [(target_name("", source.text), source.mark) for source in (start, on_failure, on_hangup) if source]
    remembers_language = reader.boolean("remember_language")
    limits = _limits(reader, whole)
    universals, universal_phrases = _universals(reader, whole)
    speech = _speech(reader, whole)
    plain = Defaults(Timing(*(_plain_duration(name) for name in ("timeout", "digit_timeout"))), int(forms.DEFAULTS["tries"].default))
    defaults = _defaults(reader, Scope("defaults", "", plain, whole))
    nodes: dict[str, Node | None] = {}
    _read_nodes(reader, "", nodes, lambda name, prefix: Scope(name, prefix, defaults, whole))
    for name, (key, source) in subflows.items():
        _check_name(key, problems, "sub-flow")
        inner = Reader(source, f"sub-flow '{name}'", problems, form=forms.SUBFLOW)
        inner.pass_over("takes")
        if begin := inner.text("start"):
            whole.targets.append((whole.subflows[name].start, begin.mark))
        nearer = _defaults(inner, Scope(f"{name}/defaults", f"{name}/", defaults, whole)) if inner.has("defaults") else defaults
        inner.pass_over("defaults")
        _read_nodes(inner, f"{name}/", nodes, lambda node, prefix, given=nearer: Scope(node, prefix, given, whole))  # type: ignore[misc]
        inner.done()
    reader.done()
    if len(nodes) > MAX_NODES:
        reader.problem(reader.key_mark("nodes"), "yaml-limit", f"a flow may have {MAX_NODES} nodes at most; this one has {len(nodes)}")
        return None
    if nodes:
        everywhere = frozenset(source.mark for source in _leading(reader.mapping("universals")))
        _check_targets(whole.targets, nodes, tuple(subflows), everywhere, problems)
    if start is None or on_failure is None:
        return None
    if whole.spoken_at and not reader.has("speech"):
        sentence = "what may be said needs 'speech' at the head of the flow: what is asked when the line is not sure, or cannot listen"
        reader.problem(whole.spoken_at[0], "missing-key", sentence)
    starts = [one.start for one in whole.subflows.values()]
    all_nodes: dict[str, Node] = {name: node or HangsUp(name, root.mark, ()) for name, node in nodes.items()}
    all_nodes |= {name: HangsUp(name, root.mark, ()) for name in (*starts, *(name for name, _ in whole.targets)) if name not in nodes}
    broken = {name for name, node in nodes.items() if node is None}
    flow = Flow(
        name=line.text if line else "",
        mark=root.mark,
        languages=languages,
        start=target_name("", start.text),
        nodes=_with_more(all_nodes, whole.more_nodes),
        universals=universals,
        on_failure=whole.on_failure,
        on_hangup=target_name("", on_hangup.text) if on_hangup else None,
        variables={},
        milestones=whole.milestones_at,
        outcomes=whole.outcomes_at,
        limits=limits,
        remembers_language=remembers_language,
        speech=speech,
        universal_phrases=universal_phrases,
    )
    parameters = {f"{name}/{given}": type_ for name, subflow in whole.subflows.items() for given, type_ in subflow.takes.items()}
    unsound = {f"{name}/{given}" for name, subflow in whole.subflows.items() for given in subflow.unsound}
    return _Draft(flow, parameters, _would_set(reader, subflows, broken) | unsound | whole.unsure)


def _with_more(nodes: Mapping[str, Node], more: Iterable[Node]) -> dict[str, Node]:
    """The nodes that a node stands for beside itself, each right after it."""
    beside = {node.name.rpartition(".")[0]: node for node in more}
    found: dict[str, Node] = {}
    for name, node in nodes.items():
        found[name] = node
        if name in beside:
            found[beside[name].name] = beside[name]
    return found


# --- the head ---


_Sources = dict[str, tuple[ScalarSource, Source]]


def _subflows(reader: Reader, files: Files) -> _Sources:
    """The flow's own sub-flows and those of the files it shares with others."""
    found: _Sources = dict(reader.mapping("subflows"))
    names = reader.texts("include")
    if len(names) > MAX_INCLUDED:
        reader.problem(reader.key_mark("include"), "yaml-limit", f"a flow may include {MAX_INCLUDED} files at most")
    for name in names[:MAX_INCLUDED]:
        file = files(name.text)
        if file is None:
            reader.problem(name.mark, "unknown-file", f"there is no file '{name.text}' beside the flow")
            continue
        path, text = file
        root, problems = read_yaml(text, path)
        reader.problems.extend(problems)
        if root is None:
            continue
        shared = Reader(root, "a shared file", reader.problems, form=forms.SHARED)
        shared.one_of("selfline", (VERSION,))
        for key, entry in shared.mapping("subflows").items():
            if key in found:
                first = found[key][0].mark
                reader.problem(entry[0].mark, "duplicate-key", f"a sub-flow '{key}' is there already, from {first.path}:{first.line}")
            else:
                found[key] = entry
        if shared.readable:
            shared.done()
    return found


def _subflow(name: str, source: Source, problems: list[Problem]) -> Subflow:
    """Where a sub-flow begins and what it takes; the rest is read once all sub-flows are known."""
    quiet = Reader(source, "", [])
    start = quiet.text("start")
    takes: dict[str, Scalar] = {}
    unsound: set[str] = set()
    if quiet.has("takes"):
        reader = Reader(source, f"sub-flow '{name}'", problems)
        for parameter, (key, kind) in reader.mapping("takes").items():
            if sentence := bad_name(parameter, ALWAYS_KNOWN):
                reader.problem(key.mark, "bad-value", sentence)
                unsound.add(parameter)
            elif type_ := _kind(reader, kind):
                takes[parameter] = type_
            else:
                unsound.add(parameter)
    return Subflow(target_name(f"{name}/", start.text.removeprefix("/") if start else ""), takes, frozenset(unsound))


def _kind(reader: Reader, source: Source) -> Scalar | None:
    if not isinstance(source, ScalarSource) or source.is_null:
        reader.problem(source.mark, "wrong-type", f"a kind of value must stand here, not {kind_of(source)}")
        return None
    text = source.text
    word = text.removeprefix(_HIDDEN)
    if word not in TYPES:
        known = tuple(kind.value for kind in TYPES)
        reader.problem(source.mark, "bad-value", f"there is no kind of value '{text[:40]}'{did_you_mean(word, known)}")
        return None
    return Scalar(Kind(word), secret=text != word)


def _schedules(reader: Reader, files: Files) -> dict[str, Schedule | None]:
    source = reader.source("hours")
    if source is None:
        return {}
    named = [key.text for key, _ in source.entries] if isinstance(source, MappingSource) else []
    return {**dict.fromkeys(named), **read_hours(source, files, reader.problems)}


def _limits(reader: Reader, whole: Whole) -> Limits:
    source = reader.source("limits")
    if source is None:
        return Limits()
    inner = Reader(source, "'limits'", reader.problems, form=forms.LIMITS)
    scope = Scope("limits", "", Defaults(Timing(dt.timedelta(0), dt.timedelta(0)), 0), whole)
    duration = inner.duration("duration", dt.timedelta(hours=24))
    tries, calls = inner.integer("tries", 1), inner.integer("calls", 1)
    exceeded, crowded = scope.target(inner, "exceeded"), scope.target(inner, "crowded")
    for limits, then in ((("duration", "tries"), "exceeded"), (("calls",), "crowded")):
        needed = [key for key in limits if inner.has(key)]
        if needed and not inner.has(then):
            reader.problem(inner.key_mark(needed[0]), "missing-key", f"'limits' needs '{then}': where a call goes past '{needed[0]}'")
        if inner.has(then) and not needed:
            named = " or ".join(f"'{key}'" for key in limits)
            reader.problem(inner.key_mark(then), "missing-key", f"'limits' has '{then}' but no {named}")
    if inner.readable:
        inner.done()
    return Limits(
        duration if inner.has("duration") else None,
        tries if inner.has("tries") else None,
        exceeded,
        calls if inner.has("calls") else None,
        crowded,
    )


def _plain_duration(key: str) -> dt.timedelta:
    found = duration(forms.DEFAULTS[key].default)
    assert found is not None
    return found


def _would_set(reader: Reader, subflows: Mapping[str, tuple[ScalarSource, Source]], broken: set[str]) -> frozenset[str]:
    """The values that nodes would set if they could be read."""
    scopes = [("", reader)] + [(f"{name}/", Reader(source, "", [])) for name, (_, source) in subflows.items()]
    found: set[str] = set()
    for prefix, scope in scopes:
        nodes = scope.source("nodes")
        for name, source in nodes.entries if isinstance(nodes, MappingSource) else ():
            if prefix + name.text in broken and isinstance(source, MappingSource):
                for key, value in source.entries:
                    if key.text in ("as", "lookup", "hours") and isinstance(value, ScalarSource):
                        found.add(prefix + value.text)
                    elif key.text == "set" and isinstance(value, MappingSource):
                        found.update(prefix + one.text for one, _ in value.entries)
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


def _universals(reader: Reader, whole: Whole) -> tuple[dict[str, str], Phrases]:
    universals: dict[str, str] = {}
    book = Phrasebook(whole.languages, reader.problems, whole.languages_unsure)
    for key, (name, source) in reader.mapping("universals").items():
        if KEY.fullmatch(key) is None or len(key) != 1:
            reader.problem(name.mark, "bad-value", f"'{key}' is not a key: write one of 0-9, * and #")
        elif isinstance(source, ListSource) or (isinstance(source, ScalarSource) and source.is_null):
            reader.problem(source.mark, "wrong-type", f"universal {key} must be 'back', 'repeat', 'slower', 'louder' or a node")
        elif (target := book.choice(key, source)) is not None:
            universals[key] = target.text
            if target.text not in ACTIONS:
                universals[key] = target_name("", target.text)
                whole.targets.append((universals[key], target.mark))
    whole.spoken_at += [book.first] if book.first else []
    return universals, book.phrases


def _leading(choices: Mapping[str, tuple[ScalarSource, Source]]) -> Iterator[Source]:
    """What stands where a key leads, in a mapping of its own or not."""
    for _, source in choices.values():
        yield from (value for key, value in source.entries if key.text == "then") if isinstance(source, MappingSource) else (source,)


def _speech(reader: Reader, whole: Whole) -> Speech | None:
    source = reader.source("speech")
    if source is None:
        return None
    inner = Reader(source, "'speech'", reader.problems, form=forms.SPEECH)
    if not inner.readable:
        return None
    scope = Scope("speech", "", Defaults(Timing(dt.timedelta(0), dt.timedelta(0)), 0), whole)
    sure, unsure = inner.share("sure"), inner.share("unsure")
    if unsure > sure:
        reader.problem(inner.key_mark("unsure"), "bad-value", f"'unsure' ({unsure:g}) is more than 'sure' ({sure:g})")
    did_you_mean, use_keys = scope.prompts(inner, "did_you_mean"), scope.prompts(inner, "use_keys")
    yes, no = different_keys(inner, scope, "yes", "no")
    inner.done()
    return Speech(sure, unsure, did_you_mean, use_keys, yes, no, known_words(YES_AND_NO, whole.languages, (yes, no)))


def _defaults(reader: Reader, scope: Scope) -> Defaults:
    """What is said under `defaults`, and for the rest what the scope had before."""
    before = scope.defaults
    source = reader.source("defaults") or MappingSource((), reader.mark)
    inner = Reader(source, "'defaults'", reader.problems, form=forms.DEFAULTS)
    timing = Timing(inner.duration("timeout", before.timing.timeout), inner.duration("digit_timeout", before.timing.digit_timeout))
    tries = inner.integer("tries", before.tries)
    noinput, nomatch = scope.tapered(inner, "noinput", before.noinput), scope.tapered(inner, "nomatch", before.nomatch)
    exhausted = scope.target(inner, "exhausted") or before.exhausted
    inner.done()
    return Defaults(timing, tries, noinput, nomatch, exhausted)


def _read_nodes(reader: Reader, prefix: str, nodes: dict[str, Node | None], scope: Callable[[str, str], Scope]) -> None:
    entries = reader.mapping("nodes")
    if not entries and isinstance(reader.source("nodes"), MappingSource):
        reader.problem(reader.key_mark("nodes"), "bad-value", f"{reader.what} needs at least one node")
    for name, (key, source) in entries.items():
        _check_name(key, reader.problems, "node")
        nodes[prefix + name] = read_node(source, scope(prefix + name, prefix), key.mark)


def _check_name(key: ScalarSource, problems: list[Problem], what: str) -> None:
    if _NODE_NAME.fullmatch(key.text) is None or key.text in ACTIONS:
        letters, taken = "small letters, digits and _ only, a letter first", "'back', 'repeat', 'slower' or 'louder'"
        sentence = f"'{key.text}' cannot name a {what}: {letters}, and not {taken}"
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
                known = [*(ACTIONS if mark in everywhere else ()), *scopes.get(prefix, [])]
                hint = did_you_mean(written, known) if len(problems) < MAX_HINTS else ""
            where = f" in sub-flow '{prefix}'" if slash else ""
            problems.append(Problem(mark, "unknown-target", f"no node named '{written}'{where}{hint}"))
