"""YAML composed, not constructed: plain text, lists and mappings, each with its place. Nothing in the text can make an object.

Refused with a sentence: aliases and anchors, tags, more than one document, depth over 40, more than 1 MiB or 30,000 values, duplicate keys.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Protocol

import yaml

from ivr.core.marks import Mark
from ivr.language.problems import Problem

MAX_BYTES = 1024 * 1024
MAX_DEPTH = 40
MAX_VALUES = 30_000  # ten thousand lines and more: a thousand nodes, written at length
MAX_PROBLEMS = 20  # of this kind: the rest would say the same
_LOADER: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_NOT_PRINTABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufffe\uffff]")
_HINTS = {
    "found character that cannot start any token": "a tab, @, ` or % cannot begin a text; indent with spaces, or put the text in quotes",
    "mapping values are not allowed in this context": "this ':' cannot stand here: a text with ': ' in it needs quotes, keys of a mapping "
    "must line up, and the line before may lack its ':'",
    "could not find expected ':'": "a line here is not 'key: value'",
    "did not find expected key": "what stands here fits neither the key before it nor its indentation",
    "did not find expected '-' indicator": "what stands here is not in line with the '-' of the list before it",
    "did not find expected ',' or '}'": "a { is not closed, or a comma is missing, or a text with ', ' or ': ' in it needs quotes",
    "did not find expected ',' or ']'": "a [ is not closed, or a comma is missing",
    "found unexpected end of stream": "a quote or a bracket is not closed",
    "did not find expected node content": "something is missing here, or a text needs quotes",
}


_UNCLOSED = ("found unexpected end of stream", "did not find expected ',' or '}'", "did not find expected ',' or ']'")


class _Place(Protocol):
    line: int
    column: int


@dataclass(frozen=True, slots=True)
class ScalarSource:
    """A piece of text. `quoted` tells "5" from 5, "" from nothing; `verbatim`: it stands in one line as it is, without escapes."""

    text: str
    mark: Mark
    quoted: bool
    verbatim: bool = False

    @property
    def is_null(self) -> bool:
        """YAML 1.2's null: nothing, ~ or null."""
        return not self.quoted and self.text in ("", "~", "null")

    def at(self, offset: int) -> Mark:
        """The place of one character of the text, where that can be told; else where the text begins."""
        return Mark(self.mark.path, self.mark.line, self.mark.column + self.quoted + offset) if self.verbatim else self.mark


@dataclass(frozen=True, slots=True)
class ListSource:
    """A list."""

    items: tuple[Source, ...]
    mark: Mark


@dataclass(frozen=True, slots=True)
class MappingSource:
    """A mapping whose keys are texts."""

    entries: tuple[tuple[ScalarSource, Source], ...]
    mark: Mark


Source = ScalarSource | ListSource | MappingSource


def read_yaml(text: str, path: str) -> tuple[Source | None, tuple[Problem, ...]]:
    """The document, or None and why."""
    start = Mark(path, 1, 1)
    if len(text.encode("utf-8", "surrogatepass")) > MAX_BYTES:
        return None, (Problem(start, "yaml-limit", "the file is larger than 1 MiB"),)
    if bad := _NOT_PRINTABLE.search(text):
        line = text.count("\n", 0, bad.start()) + 1
        column = bad.start() - text.rfind("\n", 0, bad.start())
        return None, (Problem(Mark(path, line, column), "yaml", f"a control character (U+{ord(bad[0]):04X}) cannot stand in a text file"),)
    problems: list[Problem] = []
    try:
        _check_events(text, path, problems)
        if problems:
            return None, tuple(problems[:MAX_PROBLEMS])
        root = yaml.compose(text, Loader=_LOADER)
    except yaml.MarkedYAMLError as error:
        return None, (_yaml_problem(error, path),)
    except yaml.YAMLError as error:  # pragma: no cover  (for another version of PyYAML: this one gives a place with every error)
        return None, (Problem(start, "yaml", f"this is not YAML: {str(error).splitlines()[0]}"),)
    if root is None:
        return None, (Problem(start, "yaml", "the file is empty"),)
    source = _convert(root, path, problems)
    return source, tuple(problems)


def _mark(path: str, mark: _Place | None) -> Mark:
    return Mark(path, mark.line + 1, mark.column + 1) if mark else Mark(path, 1, 1)


def _yaml_problem(error: yaml.MarkedYAMLError, path: str) -> Problem:
    said = error.problem or error.context or "it cannot be read"
    mark = _mark(path, (said in _UNCLOSED and error.context_mark) or error.problem_mark)
    return Problem(mark, "yaml", f"this is not YAML: {_HINTS.get(said, said)}")


def _check_events(text: str, path: str, problems: list[Problem]) -> None:
    depth = documents = values = 0
    for event in yaml.parse(text, Loader=_LOADER):
        mark = _mark(path, event.start_mark)
        if isinstance(event, yaml.AliasEvent):
            problems.append(Problem(mark, "yaml-limit", "aliases (*name) are not used in flows; write the value out"))
        elif isinstance(event, yaml.NodeEvent) and event.anchor is not None:
            problems.append(Problem(mark, "yaml-limit", "anchors (&name) are not used in flows; write the value out"))
        elif isinstance(event, yaml.ScalarEvent | yaml.CollectionStartEvent) and event.tag is not None:
            problems.append(Problem(mark, "yaml-limit", f"tags ({event.tag}) are not used in flows"))
        if isinstance(event, yaml.DocumentStartEvent):
            documents += 1
            if documents == 2:
                problems.append(Problem(mark, "yaml", "a file holds one document; a second one begins here"))
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:
            problems.append(Problem(mark, "yaml-limit", f"the text is nested more than {MAX_DEPTH} deep"))
            return
        values += isinstance(event, yaml.NodeEvent)
        if values > MAX_VALUES:
            problems.append(Problem(mark, "yaml-limit", f"the file has more than {MAX_VALUES} values; split it"))
        if values > MAX_VALUES or len(problems) >= MAX_PROBLEMS:
            return


def _convert(node: yaml.Node, path: str, problems: list[Problem]) -> Source:
    mark = _mark(path, node.start_mark)
    if isinstance(node, yaml.ScalarNode):
        quoted = bool(node.style)
        first, last = node.start_mark, node.end_mark
        verbatim = first.line == last.line and last.column - first.column == len(node.value) + 2 * quoted
        return ScalarSource(node.value, mark, quoted, verbatim)
    if isinstance(node, yaml.SequenceNode):
        return ListSource(tuple(_convert(item, path, problems) for item in node.value), mark)
    assert isinstance(node, yaml.MappingNode)
    entries: list[tuple[ScalarSource, Source]] = []
    seen: dict[str, Mark] = {}
    for key_node, value_node in node.value:
        key = _convert(key_node, path, problems)
        value = _convert(value_node, path, problems)
        if not isinstance(key, ScalarSource):
            problems.append(Problem(key.mark, "wrong-type", "a key must be a plain text"))
        elif key.text in seen:
            first = seen[key.text]
            problems.append(
                Problem(key.mark, "duplicate-key", f"'{key.text}' stands here a second time; the first is in line {first.line}")
            )
        else:
            seen[key.text] = key.mark
            entries.append((key, value))
    return MappingSource(tuple(entries), mark)
