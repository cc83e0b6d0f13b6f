"""Recordings that people make: a WAV file is checked, brought to the telephone's rate, band and level, and put into the pack.

The pack remembers who spoke and for which prompt. No build records over it; when the prompt's text changes, the voice of the line says
the new one until somebody has recorded that too.
"""

from __future__ import annotations

import wave
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from adapters.speech import audio
from adapters.speech.audio import Samples
from adapters.speech.faults import LONGEST, fault_of, is_clipped
from adapters.speech.loudness import loudness
from adapters.speech.pack import HUMAN, Recording, read_pack, sha256, write_manifest
from adapters.speech.pack_build import write_recording
from ivr.errors import VoiceFailed

_LOWEST_RATE = 8_000
_TYPES = {1: "u1", 2: "<i2", 4: "<i4"}


@dataclass(frozen=True, slots=True)
class Take:
    """What a person has recorded: for which prompt of which language, what was to be said, and by whom."""

    language: str
    name: str
    text: str
    who: str


def record(take: Take, wave_file: Path, folder: Path) -> Recording:
    """Put a WAV file into the pack in place of what was there. Raises VoiceFailed with a sentence for the person who recorded it."""
    samples, rate = read_wave(wave_file)
    if is_clipped(samples):
        raise VoiceFailed(f"{wave_file} is clipped: record it again with the microphone turned down")
    if len(samples) > 3 * LONGEST * rate:
        raise VoiceFailed(f"{wave_file} is {len(samples) / rate:.0f} s long, and a prompt has {LONGEST:g} s at most")
    speech = audio.trimmed(audio.to_telephone(samples, rate), audio.RATE, lead=0.030, tail=0.040, floor_db=-40.0)
    content = audio.to_alaw(audio.levelled(speech))
    lufs = loudness(audio.from_alaw(content))
    if fault := fault_of(content, lufs):
        raise VoiceFailed(f"{wave_file} {fault}")
    path = write_recording(folder / take.language, f"{take.language} {take.name} {sha256(content)}", content)
    made = Recording(take.text, path, sha256(content), len(content) / audio.RATE, HUMAN + take.who, "", lufs, take.name)
    pack = read_pack(folder, take.language)
    stay = [item for item in pack.recordings.values() if item.text != take.text and not _of(item, take.name)]
    write_manifest(folder, take.language, [*stay, made])
    for gone in set(pack.recordings.values()) - set(stay):
        if gone.path != path:
            gone.path.unlink(missing_ok=True)
    return made


def release(language: str, name: str, folder: Path) -> Recording:
    """Take a person's recording out of the pack; the next build says the text. Raises VoiceFailed when there is none."""
    pack = read_pack(folder, language)
    gone = next((item for item in pack.recordings.values() if _of(item, name)), None)
    if gone is None:
        known = sorted(item.name for item in pack.recordings.values() if item.human)
        have = f"there are recordings of {', '.join(known)}" if known else "there are none"
        raise VoiceFailed(f"nobody has recorded {name} in {language}; {have}")
    write_manifest(folder, language, [item for item in pack.recordings.values() if item is not gone])
    gone.path.unlink(missing_ok=True)
    return gone


def read_wave(path: Path) -> tuple[Samples, int]:
    """Samples and their rate; of several channels the mean. Raises VoiceFailed for what is no PCM WAV file of 8 kHz or more."""
    try:
        with wave.open(str(path)) as file:
            rate, channels, width = file.getframerate(), file.getnchannels(), file.getsampwidth()
            content = file.readframes(file.getnframes())
    except (OSError, wave.Error, EOFError) as error:
        raise VoiceFailed(f"{path} cannot be read as a WAV file: {error}") from error
    if rate < _LOWEST_RATE:
        raise VoiceFailed(f"{path} has {rate} samples a second, and a telephone needs {_LOWEST_RATE}")
    linear = _linear(content, width)
    if linear is None:
        raise VoiceFailed(f"{path} has {8 * width} bits a sample; save it with 16 or 24")
    whole = linear[: len(linear) // channels * channels].reshape(-1, channels)
    return whole.mean(axis=1).astype(np.float32), rate


def _linear(content: bytes, width: int) -> Samples | None:
    """PCM as numbers between -1 and 1."""
    if width == 3:
        octets = np.frombuffer(content[: len(content) // 3 * 3], dtype=np.uint8).reshape(-1, 3)
        padded = np.zeros((len(octets), 4), dtype=np.uint8)
        padded[:, 1:] = octets
        return (padded.view("<i4").ravel() / 2**31).astype(np.float32)
    if width not in _TYPES:
        return None
    numbers = np.frombuffer(content[: len(content) // width * width], dtype=_TYPES[width]).astype(np.float64)
    return ((numbers - 128) / 128 if width == 1 else numbers / 2 ** (8 * width - 1)).astype(np.float32)


def _of(item: Recording, name: str) -> bool:
    return item.human and item.name == name
