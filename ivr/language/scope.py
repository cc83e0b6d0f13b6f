"""What a parse function needs beside its mapping: the names of its scope, the prompts, the look-ups, and readers for these."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from ivr.core.expressions import Expression, ExpressionError, parse
from ivr.core.flow import Node, Prompt, Prompts, Slot
from ivr.core.flow import Timing as Times
from ivr.core.marks import Mark
from ivr.core.renaming import renamed
from ivr.core.schedule import Schedule
from ivr.core.values import LookupSignature, Scalar, Text
from ivr.language.problems import MAX_HINTS, Problem, did_you_mean
from ivr.language.prompts import Catalogue, PromptText, read_template
from ivr.language.reader import Reader, kind_of
from ivr.language.source import ListSource, MappingSource, ScalarSource, Source

ALWAYS_KNOWN = ("call", "ticket", "language")  # values that the line itself sets, in sub-flows too
_PROMPT_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")


@dataclass(frozen=True, slots=True)
class Defaults:
    """What every menu and form has unless it says otherwise."""

    timing: Times
    tries: int
    noinput: tuple[Prompts, ...] = ()
    nomatch: tuple[Prompts, ...] = ()
    exhausted: str | None = None


def target_name(prefix: str, text: str) -> str:
    """The full name of a target written in a scope. A sub-flow is entered by `call` only, so other slashes name nothing."""
    if text.startswith("/"):
        prefix, text = "", text[1:]
    return prefix + text.replace("/", "\\")


@dataclass(frozen=True, slots=True)
class Subflow:
    """What a `call` must know of a sub-flow: its first node and what it takes. What is `unsound` has been told to be wrong."""

    start: str
    takes: Mapping[str, Scalar]
    unsound: frozenset[str]


@dataclass(slots=True)
class Whole:
    """What belongs to the whole flow: what its head declares, and what its nodes add to it."""

    languages: tuple[str, ...]
    languages_unsure: bool  # one of them was misspelt, so nothing is said of missing or undeclared ones
    catalogue: Catalogue
    signatures: Mapping[str, LookupSignature]
    subflows: Mapping[str, Subflow]
    schedules: Mapping[str, Schedule | None]  # None: told to be wrong already
    milestones: tuple[str, ...]
    outcomes: tuple[str, ...]
    on_failure: str
    problems: list[Problem]
    spoken_at: list[Mark] = field(default_factory=list)  # where something may be said
    targets: list[tuple[str, Mark]] = field(default_factory=list)
    more_nodes: list[Node] = field(default_factory=list)  # which one node of the file stands for
    unsure: set[str] = field(default_factory=set)  # values of which nothing is said
    milestones_at: dict[str, str] = field(default_factory=dict)
    outcomes_at: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Scope:
    """What a parse function needs beside its mapping."""

    name: str  # of the node, with its sub-flow
    prefix: str  # "" or "subflow/"
    defaults: Defaults
    whole: Whole
    _renamed: Mapping[str, str] = field(default_factory=dict)  # names that are known in a part of the node only

    @property
    def problems(self) -> list[Problem]:
        """What is wrong so far."""
        return self.whole.problems

    def own(self, name: str) -> str:
        """The full name of a value of this scope. What the line itself sets is known everywhere."""
        return name if name in ALWAYS_KNOWN or not self.prefix else self.prefix + name

    def knowing(self, name: str, stands_for: str) -> Scope:
        """The same scope, in which `name` is a value of its own."""
        return replace(self, _renamed={**self._renamed, name: stands_for})

    def _full(self, name: str) -> str:
        return self._renamed.get(name) or self.own(name)

    def problem(self, mark: Mark, code: str, sentence: str) -> None:
        """Report."""
        self.problems.append(Problem(mark, code, sentence))

    def target(self, reader: Reader, key: str, *, required: bool | None = None) -> str | None:
        """A node's name under a key."""
        source = reader.source(key, required=required)
        if isinstance(source, ScalarSource) and not source.is_null:
            return self.go(source)
        if source is not None:
            self.problem(source.mark, "wrong-type", f"'{key}' must name a node, not {kind_of(source)}")
        return None

    def go(self, source: ScalarSource) -> str:
        """A target: a node of this scope, or, written with a leading /, of the line itself."""
        name = target_name(self.prefix, source.text)
        self.whole.targets.append((name, source.mark))
        return name

    def prompts(self, reader: Reader, key: str, *, required: bool | None = None, written: bool = False) -> Prompts:
        """One prompt or a list of prompts."""
        source = reader.source(key, required=required)
        if isinstance(source, ListSource) and not source.items:
            self.problem(source.mark, "bad-value", f"'{key}' needs at least one prompt")
        return () if source is None else self.read_prompts(source, written=written)

    def tapered(self, reader: Reader, key: str, default: tuple[Prompts, ...]) -> tuple[Prompts, ...]:
        """What is heard at the first, second, ... failure."""
        source = reader.source(key)
        if source is None:
            return default
        return tuple(map(self.read_prompts, source.items)) if isinstance(source, ListSource) else (self.read_prompts(source),)

    def read_prompts(self, source: Source, *, written: bool = False) -> Prompts:
        """A prompt's name, a text, a mapping of texts by language, or a list of these. In what is `written`, digits may stand."""
        sources = source.items if isinstance(source, ListSource) else (source,)
        return tuple(prompt for one in sources if (prompt := self._prompt(one, written)) is not None)

    def _prompt(self, source: Source, written: bool) -> Prompt | None:
        if isinstance(source, ScalarSource) and not source.is_null:
            if _PROMPT_NAME.fullmatch(source.text):
                return self._shared(source)
            return self._of_the_flow({self.whole.languages[0]: (source.mark, source)}, source.mark, written)
        if isinstance(source, MappingSource) and source.entries:
            return self._of_the_flow({key.text: (key.mark, value) for key, value in source.entries}, source.mark, written)
        self.problem(source.mark, "wrong-type", "a prompt is a name from the prompts files, a text, or texts by language")
        return None

    def _shared(self, source: ScalarSource) -> Prompt | None:
        name = source.text
        texts = {language: self.whole.catalogue.texts.get(language, {}).get(name) for language in self.whole.languages}
        missing = [language for language, text in texts.items() if text is None]
        if len(missing) == len(texts):
            hint = did_you_mean(name, self.whole.catalogue.names()) if len(self.problems) < MAX_HINTS else ""
            self.problem(source.mark, "unknown-prompt", f"no prompt is named '{name}'{hint}")
            return None
        if missing:
            self.problem(source.mark, "missing-language", f"prompt '{name}' has no text in {', '.join(missing)}")
            return None
        return self._finish(name, {language: text for language, text in texts.items() if text}, source.mark)

    def _of_the_flow(self, texts: Mapping[str, tuple[Mark, Source]], mark: Mark, written: bool) -> Prompt | None:
        read: dict[str, PromptText] = {}
        for language, (place, source) in texts.items():
            if language not in self.whole.languages and self.whole.languages_unsure:
                continue
            if language not in self.whole.languages:
                hint = did_you_mean(language, self.whole.languages)
                self.problem(place, "unknown-language", f"the flow does not speak '{language}'{hint}")
            elif not isinstance(source, ScalarSource) or source.is_null:
                self.problem(source.mark, "wrong-type", "a prompt must be a text")
            elif template := read_template(source, self.problems, written=written):
                read[language] = template
        missing = [language for language in self.whole.languages if language not in texts]
        if missing:
            self.problem(mark, "missing-language", f"this prompt has no text in {', '.join(missing)}")
        return self._finish(f"{self.name}@{mark.line}", read, mark) if len(read) == len(self.whole.languages) else None

    def _finish(self, name: str, texts: Mapping[str, PromptText], mark: Mark) -> Prompt:
        return Prompt(name, {language: tuple(map(self._piece, text.pieces)) for language, text in texts.items()}, mark)

    def _piece(self, piece: Text | Slot) -> Text | Slot:
        return replace(piece, expression=renamed(piece.expression, self._full)) if isinstance(piece, Slot) else piece

    def expression(self, source: Source) -> Expression | None:
        """An expression under a key."""
        if not isinstance(source, ScalarSource) or (source.is_null and source.text != "null"):
            hint = "; one with [ ] or { } needs quotes" if not isinstance(source, ScalarSource) else ""
            self.problem(source.mark, "wrong-type", f"an expression must stand here, not {kind_of(source)}{hint}")
            return None
        offset = len(source.text) - len(source.text.lstrip())
        try:
            return renamed(parse(source.text, source.at(offset), verbatim=source.verbatim), self._full)
        except ExpressionError as error:
            hint = did_you_mean(error.name, error.known) if error.name else ""
            self.problem(source.at(offset + error.offset), "bad-expression", f"in '{source.text.strip()[:80]}': {error}{hint}")
            return None
