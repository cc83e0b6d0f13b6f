"""What callers say, as a-law: short phrases by the neural voice, in the languages of the recognisers under test.

`clips(language)` reads them. The Korean ones are for the decoder of vosk, whose only packaged model is Korean: no voice at hand speaks it,
so a Japanese one says the phonemes. `python -m tests.said.record` records them anew (the `voice` extra).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from adapters.speech import audio

HERE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Clip:
    """A phrase that somebody says, and whether it is one that the grammar of these tests has."""

    text: str
    alaw: bytes
    in_grammar: bool

    @property
    def pcm(self) -> bytes:
        """16-bit linear, 8,000 samples a second."""
        return as_pcm(audio.from_alaw(self.alaw))


def clips(language: str) -> list[Clip]:
    """All there are: zh-CN, en-US, ko."""
    index = json.loads((HERE / language / "index.json").read_text(encoding="utf-8"))
    return [Clip(one["text"], (HERE / language / one["file"]).read_bytes(), one["in_grammar"]) for one in index]


def phrases(language: str) -> tuple[str, ...]:
    """The grammar of these tests."""
    return tuple(dict.fromkeys(clip.text for clip in clips(language) if clip.in_grammar))


def clip(language: str, text: str) -> Clip:
    """The first of that text."""
    return next(clip for clip in clips(language) if clip.text == text)


def as_pcm(samples: audio.Samples) -> bytes:
    """Samples as Asterisk sends them to the ears."""
    return (np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes()


def noisy(alaw: bytes, snr_db: float | None, seed: int, around: float = 0.6) -> audio.Samples:
    """The clip with silence around it, and noise with the spectrum of speech, so many dB below the clip, over all of it."""
    quiet = np.zeros(round(around * audio.RATE), dtype=np.float32)
    samples = np.concatenate([quiet, audio.from_alaw(alaw), quiet])
    if snr_db is None:
        return samples
    noise = np.random.default_rng(seed).normal(size=len(samples))
    spectrum = np.fft.rfft(noise)
    hertz = np.fft.rfftfreq(len(samples), 1 / audio.RATE)
    shaped = np.fft.irfft(spectrum / (1 + (np.maximum(hertz, 100) / 500) ** 2) ** 0.5 * (hertz > 80), len(samples))
    gain = audio.level(audio.from_alaw(alaw)) * 10 ** (-snr_db / 20) / float(np.sqrt(np.mean(shaped**2)))
    return audio.from_alaw(audio.to_alaw((samples + gain * shaped).astype(np.float32)))
