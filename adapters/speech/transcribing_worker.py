"""The process that transcribes: `python -m adapters.speech.transcribing_worker whisper`, or `vosk zh-CN=/folder ...`.

It takes what calls leave: the lowest priority, and the first place when memory runs out. A question is a JSON line on standard input
(recording, language), an answer one on standard output. It ends with the process that asks, also in the middle of a recording. What
callers said is in the answers alone: neither in a log, nor on standard error, nor in a core file.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import resource
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Protocol, TextIO

from ivr.calls.ports import Transcript

LONGEST: Final = 600 * 8_000  # bytes of a recording that are heard: ten minutes
LOWEST_PRIORITY: Final = 19


class Recogniser(Protocol):
    """What answers the questions."""

    def hear(self, alaw: bytes, language: str) -> Transcript:
        """What is said in it."""


def main(arguments: Sequence[str]) -> int:
    """Answer questions until there are no more; the exit status."""
    _step_back()
    answers = _quiet()
    try:
        recogniser = _recogniser(arguments)
    except Exception as error:  # whatever it is, nothing can be transcribed, and the engine says so
        _tell(answers, broken=f"{type(error).__name__}: {error}")
        return 1
    _tell(answers, ready=arguments[0])
    questions: queue.SimpleQueue[str] = queue.SimpleQueue()
    threading.Thread(target=_read, args=(questions,), daemon=True).start()
    while True:
        _tell(answers, **_answer(recogniser, json.loads(questions.get())))


def _recogniser(arguments: Sequence[str]) -> Recogniser:
    name, *models = arguments
    if name == "vosk":
        from adapters.speech.vosk_transcriber import VoskTranscriber

        return VoskTranscriber({language: Path(folder) for language, _, folder in (model.partition("=") for model in models)})
    from adapters.speech.whisper_transcriber import WhisperTranscriber

    return WhisperTranscriber()


def _answer(recogniser: Recogniser, question: dict[str, str]) -> dict[str, object]:
    try:
        with Path(question["recording"]).open("rb") as file:
            alaw = file.read(LONGEST)
        heard = recogniser.hear(alaw, question["language"])
    except FileNotFoundError:
        return {"failed": "recording_missing"}
    except Exception as error:  # its words may be those of the caller: only its kind is told
        return {"failed": type(error).__name__}
    return {"text": heard.text, "language": heard.language, "confidence": heard.confidence, "engine": heard.engine}


def _step_back() -> None:
    os.nice(LOWEST_PRIORITY)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with contextlib.suppress(OSError):  # not every system has it
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")


def _quiet() -> TextIO:
    """Standard output as the way for answers; what libraries print goes nowhere."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    return answers


def _read(questions: queue.SimpleQueue[str]) -> None:
    for line in sys.stdin:
        questions.put(line)
    os._exit(0)  # whoever asked is gone: nobody wants the answer


def _tell(answers: TextIO, **answer: object) -> None:
    answers.write(json.dumps(answer) + "\n")
    answers.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
