"""Piper, where a site has a voice for it: an .onnx file and its .onnx.json, one for each language, named in IVR_PIPER_VOICES.

The package piper-tts (GPL-3.0, the `piper` extra) is loaded in a process of its own and nowhere else.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from adapters.speech.audio import Samples
from adapters.speech.engine_pool import EnginePool, Limits
from ivr.errors import VoiceFailed


def piper_voice(voices: Mapping[str, Path], limits: Limits | None = None) -> EnginePool:
    """Piper with a voice file for each language, in one process."""
    command = (sys.executable, "-m", "adapters.speech.engine_worker", "piper", *(f"{language}={path}" for language, path in voices.items()))
    versions = {language: f"piper {path.name} {_stamp(path)}" for language, path in voices.items()}
    return EnginePool("piper", command, versions, limits or Limits(waiting=6, saying=15.0, a_character=0.3))


def missing_of_piper(voices: Mapping[str, Path]) -> str | None:
    """What Piper lacks, a sentence; None when it can speak."""
    if not voices:
        return "piper needs a voice: IVR_PIPER_VOICES=en-US=/path/to/voice.onnx"
    for path in voices.values():
        for file in (path, path.with_name(f"{path.name}.json")):
            if not file.is_file():
                return f"IVR_PIPER_VOICES names a voice whose {file} is not there"
    if importlib.util.find_spec("piper") is None:
        return "piper needs the package piper-tts: pip install 'selfline[piper]'"
    return None


class PiperSpeaker:
    """Piper within its process. A voice says a sentence at a time, each with its own pause after it."""

    def __init__(self, paths: Mapping[str, str]) -> None:
        try:
            from piper import PiperVoice

            self._voices: dict[str, Any] = {language: PiperVoice.load(path) for language, path in paths.items()}
        except ImportError as error:
            raise VoiceFailed("piper needs the package piper-tts: pip install 'selfline[piper]'") from error
        except Exception as error:  # a file of somebody else's, read by a library of somebody else's
            raise VoiceFailed(f"a voice of Piper cannot be loaded: {error}") from error

    def say(self, text: str, language: str) -> tuple[Samples, int]:
        """See `engine_worker.Speaker`."""
        chunks = list(self._voices[language].synthesize(text))
        if not chunks:
            raise VoiceFailed("Piper found nothing to say in it")
        pause = np.zeros(chunks[0].sample_rate // 4, dtype=np.float32)
        parts = [part for chunk in chunks for part in (np.asarray(chunk.audio_float_array, dtype=np.float32), pause)]
        return np.concatenate(parts), int(chunks[0].sample_rate)


def _stamp(path: Path) -> str:
    """Changes when another voice is put in its place."""
    try:
        found = path.stat()
    except OSError:
        return "missing"
    return f"{found.st_size}-{found.st_mtime_ns}"
