"""vosk hears the phrases of a menu while they are spoken, with the model that the operator has put on the machine.

The grammar is given to the decoder, so that it decides between the phrases and nothing else. vosk drops words that its model does not
know without an error: `unknown_words` names them before a flow is published. Chinese has no spaces, so a phrase is cut into words of
the model. The model is always named by its folder: left to itself, vosk would fetch one from the network, or end the process.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

from ivr.calls.hearing import interpretation
from ivr.calls.listening import MOST_HYPOTHESES
from ivr.core.commands import Grammar
from ivr.core.events import Hypothesis
from ivr.speech.heard import digits_heard

RATE: Final = 8_000
_ANYTHING_ELSE: Final = "[unk]"
_LONGEST_WORD: Final = 8  # characters, where there are no spaces
_DIGITS: Final = {
    "zh": "零 幺 一 二 三 四 五 六 七 八 九",
    "yue": "零 一 二 三 四 五 六 七 八 九",
    "en": "zero oh one two three four five six seven eight nine",
}


class VoskRecogniser:
    """One language's ears. Making it loads the model, which takes about two seconds.

    Raises whatever vosk raises when the folder has no model that it can use.
    """

    def __init__(self, model: Path) -> None:
        import vosk

        vosk.SetLogLevel(-1)
        self._vosk: Any = vosk
        self._model: Any = vosk.Model(model_path=str(model))

    def begin(self, grammar: Grammar) -> VoskDecoding:
        """Listen for these phrases or digits."""
        phrases = [" ".join(words) for phrase in grammar.phrases if (words := self.words(phrase)) is not None]
        if grammar.digits:
            phrases += filter(self._knows, _DIGITS.get(grammar.language.partition("-")[0], "").split())
        if self._knows(_ANYTHING_ELSE):
            phrases.append(_ANYTHING_ELSE)
        recogniser = self._vosk.KaldiRecognizer(self._model, RATE, json.dumps(phrases, ensure_ascii=False))
        recogniser.SetMaxAlternatives(MOST_HYPOTHESES + 2)  # some are no phrases
        return VoskDecoding(recogniser, grammar)

    def unknown_words(self, phrases: Iterable[str]) -> list[str]:
        """The words of these phrases that the model does not have, each once."""
        pieces = [piece for phrase in phrases for piece in phrase.split() if self.words(piece) is None]
        return list(dict.fromkeys(pieces))

    def words(self, phrase: str) -> Sequence[str] | None:
        """The phrase as words of the model, as few as possible; None when it cannot be said with them."""
        said: list[str] = []
        for piece in phrase.lower().split():
            if self._knows(piece):
                said.append(piece)
            elif piece.isascii() or (parts := self._parts(piece)) is None:
                return None
            else:
                said += parts
        return said or None

    def _parts(self, piece: str) -> Sequence[str] | None:
        """A piece without spaces, cut into as few words as possible."""
        best: list[list[str] | None] = [[]]
        for end in range(1, len(piece) + 1):
            ways = [
                [*before, piece[start:end]]
                for start in range(max(0, end - _LONGEST_WORD), end)
                if (before := best[start]) is not None and self._knows(piece[start:end])
            ]
            best.append(min(ways, key=len, default=None))
        return best[-1]

    def _knows(self, word: str) -> bool:
        return int(self._model.vosk_model_find_word(word)) >= 0


class VoskDecoding:
    """One utterance."""

    def __init__(self, recogniser: Any, grammar: Grammar) -> None:
        self._recogniser = recogniser
        self._grammar = grammar

    def feed(self, pcm: bytes) -> None:
        """A piece of it. (Where vosk would end a sentence is of no interest: its end was heard by the endpointer.)"""
        self._recogniser.AcceptWaveform(pcm)

    def finish(self) -> tuple[Hypothesis, ...] | None:
        """What it may have been, with shares of the probability."""
        found = [(one["text"], float(one["confidence"])) for one in json.loads(self._recogniser.FinalResult()).get("alternatives", ())]
        spoken = [(text, score) for text, score in found if text]
        if not spoken:
            return None
        return _meanings(self._grammar, spoken)


def _meaning(grammar: Grammar, text: str) -> str | None:
    if (found := interpretation(grammar, text)) is None and grammar.digits:
        found = digits_heard(text, grammar.language, range(1, grammar.digits + 1))
    return found


def _meanings(grammar: Grammar, spoken: Sequence[tuple[str, float]]) -> tuple[Hypothesis, ...]:
    """The alternatives as phrases. vosk scores them in logarithms, so that their shares add up to one; no phrase has a share too."""
    best = max(score for _, score in spoken)
    whole = sum(math.exp(score - best) for _, score in spoken)
    shares: dict[str, float] = {}
    for text, score in spoken:
        meaning = None if _ANYTHING_ELSE in text else _meaning(grammar, text)
        if meaning is not None:
            shares[meaning] = shares.get(meaning, 0.0) + math.exp(score - best) / whole
    return tuple(Hypothesis(text, share) for text, share in sorted(shares.items(), key=lambda one: -one[1])[:MOST_HYPOTHESES])
