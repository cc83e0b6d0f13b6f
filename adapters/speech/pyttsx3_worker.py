"""The process that runs pyttsx3 once: `python -m adapters.speech.pyttsx3_worker VOICE WORDS_PER_MINUTE FILE`, the text on standard input.

It ends with 0 when the file is written, else with a sentence on standard error.
"""

from __future__ import annotations

import sys


def main(voice: str, words_per_minute: int, path: str, text: str) -> str | None:
    """Say the text into the file; None, or what went wrong."""
    try:
        import pyttsx3
        from pyttsx3.drivers import _espeak

        engine = pyttsx3.init("espeak")
    except Exception as error:
        return f"espeak-ng cannot be loaded ({error}); install the packages espeak-ng and libespeak-ng1"
    if voice not in {known.id for known in engine.getProperty("voices")}:
        return f"espeak-ng has no voice {voice}"
    engine.setProperty("voice", voice)
    engine.setProperty("rate", words_per_minute)
    engine.proxy.setBusy(False)  # sets both now; pyttsx3 2.99 would do it in its loop, and cancel espeak-ng's own thread at that:
    _espeak.Synchronize()  # once in 500 texts on busy cores it spoke at another speed
    engine.save_to_file(text, path)
    engine.runAndWait()
    spoken_by = engine.getProperty("voice")
    if spoken_by != voice:  # it falls back to English without a word
        return f"espeak-ng spoke with the voice {spoken_by} and not with {voice}"
    return None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.stdin.buffer.read().decode("utf-8")))
