"""Which recordings a line needs: every fixed piece of its prompts and every fragment of the values it speaks."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

import yaml

from ivr.calls.utterances import Piece, pieces_of_text
from ivr.errors import UserError
from ivr.speech import inventory

_PLACEHOLDER = re.compile(r"\{\{.*?\}\}", re.DOTALL)


def catalogue(yaml_text: str, path: str) -> dict[str, str]:
    """The prompts of one language, id to text, from the text of `prompts/<language>.yaml`. Raises UserError naming `path`."""
    try:
        loaded = yaml.safe_load(yaml_text)
    except yaml.YAMLError as error:
        raise UserError(f"{path} is not YAML: {error}") from error
    if not isinstance(loaded, dict):
        raise UserError(f"{path} must be a mapping of prompt ids to texts")
    for name, text in loaded.items():
        if not isinstance(name, str) or not isinstance(text, str):
            raise UserError(f"{path}: the prompt {name!r} must be a text")
    return loaded


def is_fixed(text: str) -> bool:
    """Whether a prompt is said the same way every time, so that Asterisk could play it without us."""
    return _PLACEHOLDER.search(text) is None


def fixed_pieces(text: str) -> tuple[str, ...]:
    """The pieces of one prompt that are recorded as they stand: what lies between its placeholders."""
    found = [item.text for between in _PLACEHOLDER.split(text) for item in pieces_of_text(between) if isinstance(item, Piece)]
    return tuple(dict.fromkeys(found))


def needed(texts: Iterable[str], language: str) -> tuple[str, ...]:
    """Every piece that must be recorded for these prompts in this language, each once, in a stable order."""
    fixed = {piece for text in texts for piece in fixed_pieces(text)}
    return tuple(sorted(fixed | set(inventory(language))))


def needed_by_language(prompts: Mapping[str, Mapping[str, str]]) -> dict[str, tuple[str, ...]]:
    """The same for all languages: language to (prompt id to text) becomes language to pieces."""
    return {language: needed(texts.values(), language) for language, texts in prompts.items()}
