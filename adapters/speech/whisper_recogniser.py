"""Whisper hears a menu's phrases without having been told a grammar: it is asked how well each of them fits what was said.

Left to write down what it hears, Whisper base makes near-sounds of short telephone phrases, and takes a second. Asked instead for the
probability of each phrase's tokens, given the audio, it errs far less and answers sooner: the audio is encoded once, with as much
silence as it needs and not the half minute that Whisper is used to, and each phrase costs one pass of the decoder. Phrases that are
likelier by themselves would win by that: so what counts is how much likelier each becomes than it is for silence. A phrase that does
not become likelier was not said.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from functools import lru_cache
from threading import Lock
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from adapters.speech import audio
from adapters.speech.ears import unspoken_tokens
from ivr.calls.listening import MOST_HYPOTHESES
from ivr.core.commands import Grammar
from ivr.core.events import Hypothesis
from ivr.speech.heard import digits_heard

_LENGTHS: Final = (300, 400, 600, 1000, 1600)  # of 10 ms, to which audio is filled up
_AROUND: Final = 0.1  # seconds of silence before and after
_LEAST: Final = 1e-9
# A phrase gains 0.6 and more per token over silence when it is said, 0.3 and less when something else is (40 Mandarin and 40 English
# utterances, without noise and at 10 dB): nothing of the grammar stands between, as a rival of all phrases.
_RIVAL: Final = 0.45
_SHARPNESS: Final = 4.0
_LEAST_SHARE: Final = 0.1  # of the probability; with less it is not worth a question
_DIGITS_SURE: Final = 0.9  # confidence of digits that were written down, times the probability that Whisper gives them
_LEAST_FOR_DIGITS: Final = 600  # without silence behind them, it says them over and over
_MOST_TOKENS: Final = 60

_DIGITS: Final = {"zh": "一二三四五六七八九零。", "en": " One two three four five six seven eight nine zero."}
_HOMOPHONES: Final = str.maketrans({"要": "幺"})  # nobody who says digits says the other

Array = NDArray[np.float32]


class WhisperRecogniser:
    """Ears for one language, over a model that several share."""

    def __init__(self, model: Any, language: str) -> None:
        from faster_whisper.tokenizer import Tokenizer

        self._model = model
        self._tokenizer: Any = Tokenizer(model.hf_tokenizer, True, task="transcribe", language=language.partition("-")[0])
        self._start = [*self._tokenizer.sot_sequence, self._tokenizer.no_timestamps]
        self._spaced = not language.startswith(("zh", "yue"))
        spoken = _DIGITS.get(language.partition("-")[0], "")
        self._after_digits = [self._tokenizer.sot_prev, *self._tokenizer.encode(spoken)] if spoken else []
        self._unspoken = [-1, *unspoken_tokens(model.hf_tokenizer)]
        self._lock = Lock()
        self._for_silence = lru_cache(maxsize=256)(self._scores_of_silence)

    def begin(self, grammar: Grammar) -> WhisperDecoding:
        """Listen for these phrases or digits. What they score for silence is found out now, before the caller speaks."""
        if grammar.phrases:
            for length in (_LEAST_FOR_DIGITS,) if grammar.digits else _LENGTHS[:2]:
                self.silence(grammar.phrases, length)
        return WhisperDecoding(self, grammar)

    def unknown_words(self, phrases: Iterable[str]) -> list[str]:
        """None: whatever can be written can be asked for."""
        return []

    def encode(self, samples: audio.Samples, least: int = 0) -> tuple[Any, int]:
        """The audio as the decoder takes it, and its length, of at least so many times 10 ms."""
        quiet = np.zeros(round(_AROUND * 2 * audio.RATE), dtype=np.float32)
        wide = np.concatenate([quiet, audio.doubled(samples), quiet])[: _LENGTHS[-1] * 160]
        features = self._model.feature_extractor(wide)[:, : _LENGTHS[-1]]
        length = next(length for length in _LENGTHS if length >= max(least, features.shape[1]))
        filled = np.full((features.shape[0], length), features.min(), dtype=np.float32)
        filled[:, : features.shape[1]] = features
        return np.array(self._model.model.encode(_view(filled[None]), to_cpu=True)), length

    def gains(self, encoded: Any, length: int, phrases: tuple[str, ...]) -> list[float]:
        """How much likelier a token of each phrase is for this audio than for silence, in natural logarithms, on average."""
        said = self._scores(encoded, length, phrases)
        return [float(np.mean(mine - none)) for mine, none in zip(said, self.silence(phrases, length), strict=True)]

    def write(self, encoded: Any) -> tuple[str, float]:
        """The digits that were said, in words, and how probable a token is on average. Whoever has just heard digits hears them better."""
        found = self._model.model.generate(
            _view(encoded),
            [[*self._after_digits, *self._start]],
            beam_size=5,
            no_repeat_ngram_size=5,
            max_length=len(self._after_digits) + _MOST_TOKENS,
            suppress_tokens=self._unspoken,
            return_scores=True,
        )[0]
        written = self._tokenizer.decode(found.sequences_ids[0]).strip()
        return _without_homophones(written), math.exp(min(0.0, found.scores[0]))

    def silence(self, phrases: tuple[str, ...], length: int) -> Sequence[Array]:
        """What the phrases score when nothing is said."""
        with self._lock:  # two who ask at once should not both find it out
            return self._for_silence(phrases, length)

    def _scores_of_silence(self, phrases: tuple[str, ...], length: int) -> Sequence[Array]:
        seconds = (length - 1) / 100 - 2 * _AROUND
        encoded, _ = self.encode(np.zeros(round(seconds * audio.RATE), dtype=np.float32))
        return self._scores(encoded, length, phrases)

    def _written(self, phrase: str) -> str:
        """As Whisper would write it: an English sentence begins with a blank and a capital, and ends with a full stop."""
        return f" {phrase[:1].upper()}{phrase[1:]}." if self._spaced else phrase

    def _scores(self, encoded: Any, length: int, phrases: tuple[str, ...]) -> Sequence[Array]:
        """The logarithm of the probability of each phrase's tokens, its end included."""
        tokens = [[*self._tokenizer.encode(self._written(phrase)), self._tokenizer.eot] for phrase in phrases]
        repeated = _view(np.repeat(encoded, len(phrases), axis=0))
        aligned = self._model.model.align(repeated, self._start, tokens, [length] * len(phrases), median_filter_width=7)
        return [np.log(np.maximum(np.array(one.text_token_probs, dtype=np.float32), _LEAST)) for one in aligned]


class WhisperDecoding:
    """One utterance: kept until its end, and understood then."""

    def __init__(self, recogniser: WhisperRecogniser, grammar: Grammar) -> None:
        self._recogniser = recogniser
        self._grammar = grammar
        self._pcm = bytearray()

    def feed(self, pcm: bytes) -> None:
        """A piece of it."""
        self._pcm += pcm

    def finish(self) -> tuple[Hypothesis, ...] | None:
        """What it may have been, with shares of the probability."""
        samples = np.frombuffer(bytes(self._pcm), dtype="<i2").astype(np.float32) / np.float32(32768)
        encoded, length = self._recogniser.encode(samples, _LEAST_FOR_DIGITS if self._grammar.digits else 0)
        found: list[Hypothesis] = []
        if self._grammar.phrases:
            gains = self._recogniser.gains(encoded, length, self._grammar.phrases)
            found += (Hypothesis(text, share) for text, share in zip(self._grammar.phrases, shares(gains), strict=True))
        if self._grammar.digits:
            found += self._digits(encoded, max((one.confidence for one in found), default=0.0))
        kept = sorted((one for one in found if one.confidence >= _LEAST_SHARE), key=lambda one: -one.confidence)[:MOST_HYPOTHESES]
        return tuple(kept)

    def _digits(self, encoded: Any, taken: float) -> list[Hypothesis]:
        """The digits that it may be; a phrase that fits has its share already."""
        written, probability = self._recogniser.write(encoded)
        digits = digits_heard(written, self._grammar.language, range(1, self._grammar.digits + 1))
        if digits is None:
            return []
        return [Hypothesis(digits, _DIGITS_SURE * probability * (1.0 - taken))]


def _without_homophones(text: str) -> str:
    return text.translate(_HOMOPHONES)


def shares(gains: Sequence[float]) -> list[float]:
    """The probability of each phrase among all of them and nothing of the kind."""
    weights = [math.exp(min(50.0, _SHARPNESS * gain)) for gain in gains]
    whole = sum(weights) + math.exp(_SHARPNESS * _RIVAL)
    return [weight / whole for weight in weights]


def _view(array: Any) -> Any:
    import ctranslate2

    return ctranslate2.StorageView.from_array(np.ascontiguousarray(array, dtype=np.float32))
