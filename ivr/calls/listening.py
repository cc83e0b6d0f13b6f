"""Listening to callers: what a line asks of its ears, and the few words in which they answer.

Between Asterisk and the ears nothing travels that a caller said or may say, only tokens: a grammar is a file that both sides can read,
named by its own hash, and what was heard is the number of a phrase in it, or the digits, as keys would be.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Protocol

from ivr.core.commands import Grammar
from ivr.core.events import Hypothesis

MOST_HYPOTHESES = 3
_SCALE = 1000  # a confidence travels as a whole number
_PHRASE = re.compile(r"p([0-9]{1,4})", re.ASCII)
_DIGITS = re.compile(r"d([0-9]{1,32})", re.ASCII)


class Said(StrEnum):
    """What the ears say when it is not what a caller said."""

    BEGUN = "begun"  # somebody speaks: the prompt may stop
    NOMATCH = "nomatch"  # it was nothing that the grammar has
    SILENCE = "silence"  # nobody has spoken in time
    LATE = "late"  # it took too long to find out
    FAILED = "failed"  # it cannot be found out


class Decoding(Protocol):
    """One utterance on its way to words. Not for two threads at once."""

    def feed(self, pcm: bytes) -> None:
        """A piece of it: 16-bit linear, 8,000 samples a second."""

    def finish(self) -> tuple[Hypothesis, ...] | None:
        """What it may have been, the best first; () is nothing that the grammar has, None that nobody spoke at all."""


class Recogniser(Protocol):
    """Ears for one language. `begin` may be called from any thread, and decodings go on beside each other."""

    def begin(self, grammar: Grammar) -> Decoding:
        """Listen for these phrases or digits."""

    def unknown_words(self, phrases: Iterable[str]) -> list[str]:
        """The words of these phrases that could never be heard."""


# --- tokens -------------------------------------------------------------------------------------------------------


def token_of(grammar: Grammar, hypothesis: Hypothesis) -> str:
    """What stands for it between the ears and the engine. Raises ValueError for a text that the grammar does not have."""
    if hypothesis.text in grammar.phrases:
        return f"p{grammar.phrases.index(hypothesis.text)}"
    if grammar.digits and _DIGITS.fullmatch(f"d{hypothesis.text}") and len(hypothesis.text) <= grammar.digits:
        return f"d{hypothesis.text}"
    raise ValueError("a hypothesis must be a phrase of the grammar, or digits")


def score_of(hypothesis: Hypothesis) -> int:
    """Its confidence as it travels."""
    return round(min(max(hypothesis.confidence, 0.0), 1.0) * _SCALE)


def hypothesis_of(grammar: Grammar, token: str, score: int) -> Hypothesis | None:
    """What a token stands for; None when it stands for nothing here."""
    confidence = score / _SCALE
    if not 0.0 <= confidence <= 1.0:
        return None
    if (found := _PHRASE.fullmatch(token)) and int(found[1]) < len(grammar.phrases):
        return Hypothesis(grammar.phrases[int(found[1])], confidence)
    if (found := _DIGITS.fullmatch(token)) and len(found[1]) <= grammar.digits:
        return Hypothesis(found[1], confidence)
    return None


# --- grammars as files --------------------------------------------------------------------------------------------


def grammar_text(grammar: Grammar) -> bytes:
    """What stands in its file: always the same for the same grammar."""
    parts = {"language": grammar.language, "phrases": grammar.phrases, "digits": grammar.digits}
    return json.dumps(parts, ensure_ascii=False, sort_keys=True).encode()


def grammar_name(text: bytes) -> str:
    """The name of that file: its hash."""
    return hashlib.sha256(text).hexdigest()[:40]


def grammar_of(name: str, text: bytes) -> Grammar:
    """The grammar in a file of that name. Raises ValueError when it is another, or none."""
    if grammar_name(text) != name:
        raise ValueError("the file of a grammar does not have the name that belongs to it")
    match json.loads(text):
        case {"language": str(language), "phrases": [*phrases], "digits": int(digits)}:
            return Grammar(language, tuple(map(str, phrases)), digits)
        case _:
            raise ValueError("the file of a grammar holds none")


# --- who can hear what --------------------------------------------------------------------------------------------


class WordCheck(Protocol):
    """Looks at phrases before a line listens for them."""

    def __call__(self, language: str, phrases: Iterable[str]) -> list[str]:
        """The words that nobody there could ever hear; none when no recogniser of that language can be asked."""


Recognisers = Mapping[str, Recogniser]  # by language
