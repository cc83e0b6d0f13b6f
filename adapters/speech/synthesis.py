"""What every engine that can say any text is to the line: the port `Synthesiser`, and what its audio has to be.

An engine is somebody else's program: it may hang, crash, or leave something behind that is no speech. So its audio is looked at
before anything is read into memory, and what is not the speech that was asked for is refused.
"""

from __future__ import annotations

import wave
from collections.abc import Mapping
from concurrent.futures import Future
from pathlib import Path
from typing import Protocol

import numpy as np

from adapters.speech import audio
from adapters.speech.audio import Samples
from ivr.errors import VoiceFailed

SHORTEST = 0.10  # seconds of speech
A_CHARACTER = 1.0  # seconds, at most: 一 takes 0.3, W in English 0.6
QUIETEST = 0.003  # RMS of speech, full scale
LONGEST_TEXT = 600  # characters: two minutes
_HEADER = 4096  # bytes that a WAV file may have beside its samples


class Synthesiser(Protocol):
    """A voice that can say any text in its languages."""

    @property
    def name(self) -> str:
        """As in the setting IVR_VOICES."""

    @property
    def versions(self) -> Mapping[str, str]:
        """The languages it speaks; to each, what changes when the same text would sound different."""

    def say(self, text: str, language: str) -> Future[bytes]:
        """Begin to say it; later it is a-law at the level of the line, or VoiceFailed.

        Raises VoiceFailed at once when it has too much to say already, is out of order, or does not speak the language.
        """

    def warm(self) -> None:
        """Get ready in the background: the first text would wait for it."""

    def close(self) -> None:
        """End it; what it was saying has failed."""


class CannotSay(VoiceFailed):
    """The engine works, and this text is not for it."""


class SpeechRefused(VoiceFailed):
    """What an engine left behind is not the speech that was asked for."""


def longest(text: str) -> float:
    """Seconds that saying this text may take."""
    return 2.0 + A_CHARACTER * len(text)


def write_speech(path: Path, samples: Samples, rate: int) -> None:
    """Trimmed, at the level of the line and as 16-bit WAV of 8 kHz, which is what `read_speech` takes. Raises CannotSay for silence."""
    speech = audio.trimmed(audio.to_telephone(samples, rate), audio.RATE)
    if _is_silent(speech):
        raise CannotSay("it was silent")
    speech = audio.levelled(speech)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(audio.RATE)
        file.writeframes(np.clip(np.rint(speech * 32768), -32768, 32767).astype("<i2").tobytes())


def read_speech(path: Path, text: str) -> bytes:
    """The a-law of a WAV file that says the text. Raises SpeechRefused; a file that is too big is not read."""
    most = round(longest(text) * audio.RATE)
    try:
        if path.stat().st_size > 2 * most + _HEADER:
            raise SpeechRefused(f"{path.stat().st_size} bytes are too many for {len(text)} characters")
        with wave.open(str(path)) as file:
            found = (file.getframerate(), file.getnchannels(), file.getsampwidth())
            if found != (audio.RATE, 1, 2):
                raise SpeechRefused(f"{found[0]} Hz, {found[1]} channels and {8 * found[2]} bits are not 8000 Hz, 1 channel and 16 bits")
            loud = np.frombuffer(file.readframes(most), dtype="<i2").astype(np.float32) / np.float32(32768)
    except FileNotFoundError:
        raise SpeechRefused("nothing was written") from None
    except (OSError, wave.Error, EOFError, ValueError) as error:
        raise SpeechRefused(f"what was written is not audio: {error}") from error
    if _is_silent(loud):
        raise SpeechRefused("it was silent")
    return audio.to_alaw(loud)


def _is_silent(speech: Samples) -> bool:
    return len(speech) < SHORTEST * audio.RATE or audio.level(speech) < QUIETEST
