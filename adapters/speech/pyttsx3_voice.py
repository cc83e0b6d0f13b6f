"""The voice that is always there: espeak-ng through pyttsx3, for texts nobody has recorded.

pyttsx3 keeps one pending text per process, prints to standard output and blocks without a limit, so each text is said by a process
of its own under a deadline. The Mandarin voice is chosen by its full name: the one that plain `zh` selects reads Chinese
characters by English letter rules.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
import wave
from pathlib import Path
from typing import Final

import numpy as np

from adapters.speech import audio
from adapters.speech.audio import Samples
from ivr.errors import VoiceFailed

_ESPEAK_VOICES: Final = {"zh-CN": "sit/cmn-latn-pinyin", "en-US": "gmw/en-us"}
_WORDS_PER_MINUTE: Final = 150
_MOST_RUNS: Final = 4
_SHORTEST = 0.10  # seconds
_QUIETEST = 0.003  # RMS of speech, full scale


class Pyttsx3Voice:
    """Says any text in Mandarin and English; a short one in about half a second. Blocking: call it in a thread.

    A text is said until two runs agree: about once in a thousand runs on a busy machine, pyttsx3 2.99 loses the speed.
    """

    version = f"pyttsx3 espeak-ng {_WORDS_PER_MINUTE}"

    def __init__(self, deadline: float = 5.0) -> None:
        self._deadline = deadline

    def say(self, text: str, language: str) -> bytes:
        """The text as a-law, trimmed and at the level of the line. Raises VoiceFailed."""
        voice = _ESPEAK_VOICES.get(language)
        if voice is None:
            raise VoiceFailed(f"the fall-back voice does not speak {language}; it speaks {' and '.join(_ESPEAK_VOICES)}")
        if not text.strip():
            raise VoiceFailed("there is nothing to say in an empty text")
        ends = time.monotonic() + self._deadline
        said: set[bytes] = set()
        while len(said) < _MOST_RUNS:
            alaw = self._said_once(text, voice, ends - time.monotonic())
            if alaw in said:
                return alaw
            said.add(alaw)
        raise VoiceFailed(f"the fall-back voice said something else each time for {text!r}")

    def _said_once(self, text: str, voice: str, seconds: float) -> bytes:
        with tempfile.TemporaryDirectory(prefix="ivr-voice-") as folder:
            path = Path(folder) / "said.wav"
            self._run(text, voice, path, seconds)
            return audio.to_alaw(_speech(path, text))

    def _run(self, text: str, voice: str, path: Path, seconds: float) -> None:
        worker = [sys.executable, "-m", "adapters.speech.pyttsx3_worker", voice, str(_WORDS_PER_MINUTE), str(path)]
        try:
            done = subprocess.run(worker, input=text.encode(), capture_output=True, timeout=max(0.0, seconds), check=False)  # noqa: S603
        except subprocess.TimeoutExpired:
            raise VoiceFailed(f"the fall-back voice said nothing within {self._deadline:g} s for {text!r}") from None
        if done.returncode != 0:
            why = done.stderr.decode(errors="replace").strip().splitlines() or [f"its process ended with {done.returncode}"]
            raise VoiceFailed(f"the fall-back voice cannot say {text!r}: {why[-1]}")


def _speech(path: Path, text: str) -> Samples:
    """What is in the file, at 8 kHz; checked, because espeak-ng writes an empty file without complaint."""
    try:
        with wave.open(str(path)) as file:
            rate = file.getframerate()
            loud = np.frombuffer(file.readframes(file.getnframes()), dtype="<i2").astype(np.float32) / np.float32(32768)
    except (OSError, wave.Error, EOFError) as error:
        raise VoiceFailed(f"the fall-back voice wrote no audio for {text!r}: {error}") from error
    speech = audio.trimmed(audio.to_telephone(loud, rate), audio.RATE)
    if len(speech) < _SHORTEST * audio.RATE or audio.level(speech) < _QUIETEST:
        raise VoiceFailed(f"the fall-back voice was silent for {text!r}")
    return audio.levelled(speech)
