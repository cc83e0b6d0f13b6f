"""The voice that is always there: espeak-ng through pyttsx3, for texts nobody has recorded.

pyttsx3 keeps one pending text per process, prints to standard output and blocks without a limit, so each text is said in a process
of its own, forked from one that has loaded everything: 20 ms a text. The Mandarin voice is chosen by its full name: the one that
plain `zh` selects reads Chinese characters by English letter rules.
"""

from __future__ import annotations

import ctypes.util
import importlib.util
import os
import signal
import sys
import tempfile
import wave
from pathlib import Path
from typing import Final

import numpy as np

from adapters.speech.audio import Samples
from adapters.speech.engine_pool import EnginePool, Limits
from adapters.speech.pyttsx3_worker import main
from ivr.errors import VoiceFailed

_ESPEAK_VOICES: Final = {"zh-CN": "sit/cmn-latn-pinyin", "en-US": "gmw/en-us"}
_WORDS_PER_MINUTE: Final = 150
_LONGEST_RUN: Final = 10  # seconds, whoever is left to notice


def pyttsx3_voice(limits: Limits | None = None) -> EnginePool:
    """pyttsx3 in two processes, 30 MB each."""
    version = f"pyttsx3 espeak-ng {_WORDS_PER_MINUTE}"
    command = (sys.executable, "-m", "adapters.speech.engine_worker", "pyttsx3")
    return EnginePool("pyttsx3", command, dict.fromkeys(_ESPEAK_VOICES, version), limits or Limits(workers=2, starting=20.0))


def missing_of_pyttsx3() -> str | None:
    """What pyttsx3 lacks, a sentence; None when it can speak."""
    if importlib.util.find_spec("pyttsx3") is None:
        return "pyttsx3 needs its package: pip install pyttsx3"
    if ctypes.util.find_library("espeak-ng") is None and ctypes.util.find_library("espeak") is None:
        return "pyttsx3 needs the packages espeak-ng and libespeak-ng1"
    return None


class Pyttsx3Speaker:
    """pyttsx3 within its process."""

    def __init__(self) -> None:
        try:
            importlib.import_module("pyttsx3.drivers.espeak")  # what every text needs, once and for all
        except Exception as error:
            raise VoiceFailed(f"espeak-ng cannot be loaded ({error}); install the packages espeak-ng and libespeak-ng1") from error

    def say(self, text: str, language: str) -> tuple[Samples, int]:
        """See `engine_worker.Speaker`."""
        voice = _ESPEAK_VOICES[language]
        with tempfile.TemporaryDirectory(prefix="ivr-voice-") as folder:
            path = Path(folder) / "said.wav"
            _run(text, voice, path)
            return _speech(path)


def _run(text: str, voice: str, path: Path) -> None:
    """Say it into the file, in a process of its own."""
    process = os.fork()
    if not process:
        why: str | None = "it broke"
        try:
            signal.alarm(_LONGEST_RUN)
            why = main(voice, _WORDS_PER_MINUTE, str(path), text)
        finally:
            os._exit(0 if why is None else 1)
    _, status = os.waitpid(process, 0)
    if status:
        raise VoiceFailed("espeak-ng could not say it")


def _speech(path: Path) -> tuple[Samples, int]:
    """What is in the file, and its rate. espeak-ng writes an empty file without complaint."""
    try:
        with wave.open(str(path)) as file:
            loud = np.frombuffer(file.readframes(file.getnframes()), dtype="<i2").astype(np.float32) / np.float32(32768)
            return loud, file.getframerate()
    except (OSError, wave.Error, EOFError) as error:
        raise VoiceFailed(f"espeak-ng wrote no audio: {error}") from error
