"""When somebody begins to speak, and when they have finished: decided frame by frame, before anybody knows what was said.

A frame of 20 ms is speech when WebRTC's detector says so and it is louder than the line's own noise. Six of ten such frames are a
beginning, which stops the prompt; the end is a pause. The pause is longer where digits are said one by one: people look at the next one.
"""

from __future__ import annotations

from collections import deque
from enum import Enum, auto
from typing import Final

import numpy as np

FRAME: Final = 320  # bytes: 20 ms of 16-bit samples, 8,000 a second
FRAME_SECONDS: Final = 0.02
PAUSE: Final = 0.5  # seconds after a phrase
DIGITS_PAUSE: Final = 1.0
LONGEST: Final = 15.0  # seconds that anybody is listened to
_STRICTEST: Final = 3  # of WebRTC's four
_WINDOW: Final = 10
_BEGIN: Final = 6
_FLOOR: Final = -50.0  # dB full scale: what is softer is nobody
_ABOVE_NOISE: Final = 5.0  # dB
_RISE: Final = 0.06  # dB a frame: how fast a line is believed to have become noisier


class Turn(Enum):
    """What a frame changes."""

    NOTHING = auto()
    BEGUN = auto()
    ENDED = auto()


class Endpointer:
    """Hears one stretch after another of one caller. `speaking` tells whether we are inside one."""

    def __init__(self, pause: float = PAUSE) -> None:
        import webrtcvad

        self._detector = webrtcvad.Vad(_STRICTEST)
        self._pause = round(pause / FRAME_SECONDS)
        self._noise: float | None = None
        self._recent: deque[bool] = deque(maxlen=_WINDOW)
        self._frames = 0  # of this stretch
        self._quiet = 0  # frames since the last speech
        self.speaking = False

    @property
    def stirring(self) -> bool:
        """Whether somebody may be beginning to speak."""
        return any(self._recent)

    @property
    def quiet_seconds(self) -> float:
        """How long ago the last frame of speech was."""
        return self._quiet * FRAME_SECONDS

    def hear(self, frame: bytes) -> Turn:
        """The next 20 ms."""
        speech = self._is_speech(frame)
        self._quiet = 0 if speech else self._quiet + 1
        self._recent.append(speech)
        if not self.speaking:
            if sum(self._recent) < _BEGIN:
                return Turn.NOTHING
            self.speaking, self._frames = True, 0
            return Turn.BEGUN
        self._frames += 1
        if self._quiet < self._pause and self._frames * FRAME_SECONDS < LONGEST:
            return Turn.NOTHING
        self.speaking = False
        self._recent.clear()
        return Turn.ENDED

    def _is_speech(self, frame: bytes) -> bool:
        samples = np.frombuffer(frame, dtype="<i2").astype(np.float32) / 32768
        level = 10 * float(np.log10(np.mean(samples * samples) + 1e-10))
        noise = max(level, -80.0) if self._noise is None else min(max(level, -80.0), self._noise + _RISE)
        self._noise = noise
        loud = level > max(_FLOOR, noise + _ABOVE_NOISE)
        return loud and bool(self._detector.is_speech(frame, 8000))
