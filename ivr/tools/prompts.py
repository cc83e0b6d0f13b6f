"""Which recordings a line needs: every fixed piece of its prompts, and every fragment of the values it speaks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ivr.calls.utterances import Piece, pieces_of_text
from ivr.core.flow import Flow, Slot, names_of_choices, prompts_of_flow
from ivr.core.values import Text
from ivr.language.prompts import Catalogue
from ivr.speech import LANGUAGES, inventory

Template = Sequence[Text | Slot]


def needed(catalogue: Catalogue, flows: Iterable[Flow] = ()) -> dict[str, tuple[str, ...]]:
    """Every piece that must be recorded, by language: each once and in a stable order. Flows add the prompts of their own."""
    templates: dict[str, list[Template]] = {
        language: [prompt.pieces for prompt in texts.values()] for language, texts in catalogue.texts.items()
    }
    for flow in flows:
        for prompt in prompts_of_flow(flow):
            for language, template in prompt.pieces.items():
                templates.setdefault(language, []).append(template)
        for language, names in names_of_choices(flow).items():
            templates.setdefault(language, []).extend((Text(name),) for name in names)
    return {language: recordings(of_language, language) for language, of_language in templates.items()}


def recordings(templates: Iterable[Template], language: str) -> tuple[str, ...]:
    """The pieces of these templates and the inventory of the language, sorted."""
    fixed = {piece for template in templates for piece in fixed_pieces(template)}
    return tuple(sorted(fixed | set(inventory(language) if language in LANGUAGES else ())))


def fixed_pieces(template: Template) -> tuple[str, ...]:
    """What is recorded of one prompt: the words between its values."""
    words = (pieces_of_text(part.text) for part in template if isinstance(part, Text))
    return tuple(dict.fromkeys(item.text for items in words for item in items if isinstance(item, Piece)))


def names(catalogue: Catalogue) -> dict[str, dict[str, str]]:
    """What a person records, language to name to text: `goodbye`, or the parts of a longer prompt, `main_menu.1` and `main_menu.2`.

    Fragments of values have their own text for a name.
    """
    found: dict[str, dict[str, str]] = {}
    for language, texts in catalogue.texts.items():
        named = found.setdefault(language, {})
        for name, prompt in texts.items():
            pieces = fixed_pieces(prompt.pieces)
            named.update({name: pieces[0]} if len(pieces) == 1 else {f"{name}.{place}": piece for place, piece in enumerate(pieces, 1)})
        named.update({fragment: fragment for fragment in inventory(language)} if language in LANGUAGES else {})
    return found


def fixed_prompts(catalogue: Catalogue) -> dict[str, dict[str, str]]:
    """The prompts that are the same in every call, language to name to text: those that Asterisk can play without us."""
    return {
        language: {
            name: "".join(part.text for part in prompt.pieces if isinstance(part, Text))
            for name, prompt in texts.items()
            if all(isinstance(part, Text) for part in prompt.pieces)
        }
        for language, texts in catalogue.texts.items()
    }
