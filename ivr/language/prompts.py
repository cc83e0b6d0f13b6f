"""Prompt texts: fixed words with `{{ value | kind }}` where something is spoken from the caller's account.

A prompts file (`prompts/<language>.yaml`) maps prompt names to texts; a flow may have prompts of its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ivr.core.expressions import ExpressionError, parse
from ivr.core.flow import Slot
from ivr.core.marks import Mark
from ivr.core.values import Kind, Text
from ivr.language.problems import Problem, did_you_mean
from ivr.language.source import MappingSource, ScalarSource, read_yaml

SPOKEN_KINDS = tuple(kind for kind in Kind if kind is not Kind.BOOL)
LANGUAGES = ("zh-CN", "en-US")
MAX_LENGTH = 500
_PIECE = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
_FILTER = re.compile(r"(?<!\|)\|(?!\|)")  # a single bar; || is "or"


@dataclass(frozen=True, slots=True)
class PromptText:
    """One prompt in one language, read but not yet checked against any flow's values."""

    pieces: tuple[Text | Slot, ...]
    mark: Mark


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The shared prompts: language -> name -> text."""

    texts: Mapping[str, Mapping[str, PromptText]]

    def names(self) -> tuple[str, ...]:
        """All prompt names, in any language."""
        return tuple(sorted({name for texts in self.texts.values() for name in texts}))


def read_template(source: ScalarSource, problems: list[Problem], *, written: bool = False) -> PromptText | None:
    """Split a text at its `{{ }}`; None when something is wrong with it. Digits may stand only in what is `written`, not spoken."""
    text, mark = source.text.strip(), source.mark
    offset = source.text.find(text)
    if not text:
        problems.append(Problem(mark, "bad-template", "a prompt must say something"))
        return None
    if len(text) > MAX_LENGTH:
        problems.append(Problem(mark, "bad-template", f"a prompt may have {MAX_LENGTH} characters at most; split it"))
        return None
    pieces: list[Text | Slot] = []
    wrong = False
    for index, part in enumerate(_PIECE.split(text)):
        if index % 2:
            slot = _slot(part, source, offset + 2, problems)
            offset += 4
            wrong = wrong or slot is None
            pieces.extend([slot] if slot else [])
        elif "{{" in part or "}}" in part:
            problems.append(Problem(mark, "bad-template", "'{{' and '}}' must come in pairs"))
            wrong = True
        elif part:
            if not written and (digit := re.search(r"[0-9０-９]", part)):
                place = source.at(offset + digit.start())
                problems.append(Problem(place, "bad-template", "digits are not read aloud; write the number in words, or speak a value"))
                wrong = True
            pieces.append(Text(part))
        offset += len(part)
    return None if wrong else PromptText(tuple(pieces), mark)


def _slot(text: str, source: ScalarSource, offset: int, problems: list[Problem]) -> Slot | None:
    offset += len(text) - len(text.lstrip())
    mark = source.at(offset)
    expression, *filters = _FILTER.split(text)
    if len(filters) != 1:
        said = expression.strip() or "account.balance"
        problems.append(Problem(mark, "bad-template", f"say how '{text.strip()}' is spoken, for example {{{{ {said} | money }}}}"))
        return None
    name = filters[0].strip()
    if name not in SPOKEN_KINDS:
        problems.append(Problem(mark, "bad-template", f"nothing is spoken as '{name}'{did_you_mean(name, SPOKEN_KINDS)}"))
        return None
    try:
        return Slot(parse(expression, mark, verbatim=source.verbatim), Kind(name))
    except ExpressionError as error:
        hint = did_you_mean(error.name, error.known) if error.name else ""
        problems.append(Problem(source.at(offset + error.offset), "bad-template", f"in '{expression.strip()}': {error}{hint}"))
        return None


def read_prompts(text: str, path: str) -> tuple[dict[str, PromptText], tuple[Problem, ...]]:
    """One prompts file."""
    root, found = read_yaml(text, path)
    problems = list(found)
    if root is None:
        return {}, tuple(problems)
    if not isinstance(root, MappingSource):
        return {}, (Problem(root.mark, "wrong-type", "a prompts file must be a mapping of names to texts"),)
    texts: dict[str, PromptText] = {}
    for key, value in root.entries:
        if re.fullmatch(r"[a-z][a-z0-9_]{0,63}", key.text) is None:
            problems.append(Problem(key.mark, "bad-value", f"'{key.text}' is not a prompt name: small letters, digits and _ only"))
        elif not isinstance(value, ScalarSource) or value.is_null:
            problems.append(Problem(value.mark, "wrong-type", f"prompt '{key.text}' must be a text"))
        elif prompt := read_template(value, problems):
            texts[key.text] = prompt
    return texts, tuple(problems)


def read_catalogue(files: Iterable[tuple[str, str, str]]) -> tuple[Catalogue, tuple[Problem, ...]]:
    """All prompts files, as (language, text, path)."""
    texts: dict[str, dict[str, PromptText]] = {}
    problems: list[Problem] = []
    for language, text, path in files:
        read, found = read_prompts(text, path)
        texts[language] = read
        problems.extend(found)
    return Catalogue(texts), tuple(problems)
