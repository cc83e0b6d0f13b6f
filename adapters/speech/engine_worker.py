"""The process in which an engine speaks: `python -m adapters.speech.engine_worker pyttsx3|neural|piper ...`.

One line of JSON a request on standard input (text, language, path of the WAV file to write, seconds), one line an answer on what was
standard output; what libraries print goes nowhere. It ends when its standard input does, and the system's alarm ends it when a
text takes far too long, whoever is left to notice.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, TextIO

from adapters.speech.audio import Samples
from adapters.speech.synthesis import write_speech
from ivr.errors import VoiceFailed

_NICE = 5  # the calls come first, and pyttsx3, which takes a moment and is the last resort


class Speaker(Protocol):
    """An engine within its process."""

    def say(self, text: str, language: str) -> tuple[Samples, int]:
        """Speech and its rate. Raises VoiceFailed for a text that it cannot say."""


def speaker_for(name: str, arguments: Sequence[str]) -> Speaker:
    """The engine of that name, loaded. Raises VoiceFailed."""
    match name:
        case "pyttsx3":
            from adapters.speech.pyttsx3_voice import Pyttsx3Speaker

            return Pyttsx3Speaker()
        case "neural":
            from adapters.speech.neural_voice import NeuralSpeaker

            return NeuralSpeaker(Path(arguments[0]))
        case "piper":
            from adapters.speech.piper_voice import PiperSpeaker

            return PiperSpeaker(dict(argument.split("=", 1) for argument in arguments))
        case _:
            raise VoiceFailed(f"there is no engine {name}")


def main(name: str, arguments: Sequence[str]) -> int:
    """Load the engine, say that it is ready, and serve; the exit status."""
    answers = _take_standard_output()
    if name != "pyttsx3":
        os.nice(_NICE)
    try:
        speaker = speaker_for(name, arguments)
    except VoiceFailed as error:
        _answer(answers, failed=str(error))
        return 1
    _answer(answers, ready=True)
    for line in sys.stdin.buffer:
        request = json.loads(line)
        signal.alarm(int(request["seconds"]) + 2)
        try:
            samples, rate = speaker.say(request["text"], request["language"])
            write_speech(Path(request["path"]), samples, rate)
            _answer(answers, said=len(samples) / rate)
        except VoiceFailed as error:
            _answer(answers, cannot=str(error))
        signal.alarm(0)
    return 0


def _take_standard_output() -> TextIO:
    """Standard output for the answers alone: pyttsx3, for one, prints to it."""
    kept = os.fdopen(os.dup(1), "w", encoding="utf-8")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.close(nowhere)
    return kept


def _answer(answers: TextIO, **told: object) -> None:
    answers.write(json.dumps(told) + "\n")
    answers.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
