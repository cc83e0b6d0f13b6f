"""What a recogniser wrote, as the flow understands it: a phrase of the grammar as it stands there, or a row of digits."""

from __future__ import annotations

import re

from ivr.core.commands import Grammar
from ivr.speech.heard import digits_heard

_BETWEEN = re.compile(r"[\s，。！？、；：,.!?;:'’\"“”-]+")


def interpretation(grammar: Grammar, text: str) -> str | None:
    """What these words mean at a question; None when the grammar has nothing like them."""
    said = _bare(text)
    if (phrase := next((phrase for phrase in grammar.phrases if _bare(phrase) == said), None)) is not None:
        return phrase
    return digits_heard(text, grammar.language, range(1, grammar.digits + 1)) if grammar.digits else None


def _bare(text: str) -> str:
    return _BETWEEN.sub("", text).casefold()
