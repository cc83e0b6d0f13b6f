"""vosk writes down messages, with a model for each language that the operator has put on the machine (`IVR_VOSK_MODELS`).

Runs in the process of `transcribing_worker`, never beside calls. The model is always named by its folder: left to itself, vosk would
fetch one from the network.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

from adapters.speech import audio
from ivr.calls.ports import Transcript

ENGINE: Final = "vosk"
_RATE: Final = 16_000  # which every model takes
_CHUNK: Final = 8_000  # bytes; vosk looks for the end of a sentence after each
_NO_WORDS: Final = ("<unk>", "[unk]")  # something was said that is not in the vocabulary
_BETWEEN_CHARACTERS: Final = re.compile(r"(?<=[\u3400-\u9fff]) (?=[\u3400-\u9fff])")


class VoskTranscriber:
    """Hears the languages it has a model for. Making it loads them all, which takes about two seconds each.

    Raises whatever vosk raises when a folder has no model that it can use.
    """

    def __init__(self, models: Mapping[str, Path]) -> None:
        import vosk

        vosk.SetLogLevel(-1)
        self._vosk: Any = vosk
        self._models: dict[str, Any] = {language: vosk.Model(model_path=str(folder)) for language, folder in models.items()}

    def hear(self, alaw: bytes, language: str) -> Transcript:
        """What is said in it, in that language. Raises KeyError for one without a model."""
        words = [word for word in self._words(alaw, language) if word["word"].lower() not in _NO_WORDS]
        text = _BETWEEN_CHARACTERS.sub("", " ".join(word["word"] for word in words))
        confidence = sum(word["conf"] for word in words) / len(words) if words else 0.0
        return Transcript(text, language, confidence, ENGINE)

    def _words(self, alaw: bytes, language: str) -> Iterator[Mapping[str, Any]]:
        recogniser = self._vosk.KaldiRecognizer(self._models[language], _RATE)
        recogniser.SetWords(True)
        samples = np.clip(audio.doubled(audio.from_alaw(alaw)) * 32767, -32768, 32767).astype("<i2").tobytes()
        for first in range(0, len(samples), _CHUNK):
            if recogniser.AcceptWaveform(samples[first : first + _CHUNK]):
                yield from json.loads(recogniser.Result()).get("result", ())
        yield from json.loads(recogniser.FinalResult()).get("result", ())
