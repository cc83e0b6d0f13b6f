"""What a caller makes of the shipped recordings: a recogniser that knows nothing of the text writes down what it hears.

A small sample runs with every test run. `make listen` (IVR_LISTEN=1000) hears every prompt and a thousand read-outs a language, and fewer
of the neural voice's whole sentences and of the fall-back voice, and prints the table of docs/measurements.md.
"""

from __future__ import annotations

import contextlib
import os
import random
import re
import sys
from functools import lru_cache
from itertools import pairwise

import pytest

from adapters.speech import audio
from adapters.speech.ears import Ears
from adapters.speech.faults import fault_of
from adapters.speech.listening import longest_gap
from adapters.speech.loudness import loudness
from adapters.speech.pack import read_pack
from adapters.speech.pack_check import check
from adapters.speech.pyttsx3_voice import pyttsx3_voice
from ivr.calls.utterances import Piece, pieces_of
from ivr.core.values import Utterance
from ivr.tools.prompts import fixed_prompts, names, needed
from tests.conftest import CATALOGUE, HOME
from tests.listening.trial import AROUND, COUNTED, Say, Trial, by, heard, joined, prompts, read_outs, whole_sentences

PACK = HOME / "prompts" / "audio"
COUNT = int(os.environ.get("IVR_LISTEN", "0"))
NEAR = 1200  # samples: the end of what comes before a seam, the beginning of what follows
IN_TURN = 6  # kinds of values: a small sample has one of each
# The most that is let pass. A small sample of a recogniser's guesses varies.
ALLOWED_PROMPTS = {"zh-CN": 0.05 if COUNT else 0.12, "en-US": 0.03 if COUNT else 0.06}
ALLOWED_READ_OUTS = {"zh-CN": 0.04 if COUNT else 0.12, "en-US": 0.03 if COUNT else 0.12}
NUMBERS = {"zh-CN": 0.97, "en-US": 0.97}


def test_every_recording_that_the_line_needs_is_shipped_and_whole() -> None:
    assert check(needed(CATALOGUE), PACK, names(CATALOGUE)) == ()


@pytest.mark.parametrize("language", sorted(AROUND))
def test_recordings_are_equally_loud_and_begin_and_end_at_once(language: str) -> None:
    """So that they can be joined without steps and gaps; and the manifest tells the truth about their loudness."""
    for recording in read_pack(PACK, language).recordings.values():
        content = recording.path.read_bytes()
        samples = audio.from_alaw(content)
        assert fault_of(content, recording.lufs) == "", recording.text
        assert loudness(samples) == pytest.approx(recording.lufs, abs=0.06), recording.text
        assert len(audio.trimmed(samples, audio.RATE)) >= len(samples) - 0.25 * audio.RATE, recording.text


@pytest.mark.parametrize("language", sorted(AROUND))
def test_no_gap_is_heard_where_recordings_touch(language: str) -> None:
    """40 ms are one dropped packet and more: what is spoken as one must sound as one."""
    pack = read_pack(PACK, language)
    seams = {pair for case in read_outs(language, 600) for pair in pairwise(pieces_of(Utterance(language, case.parts)))}

    for one, other in seams:
        if isinstance(one, Piece) and isinstance(other, Piece):
            before, after = pack.find(one.text), pack.find(other.text)
            assert before is not None
            assert after is not None
            seam = audio.joined([before.path.read_bytes()[-NEAR:], after.path.read_bytes()[:NEAR]])
            assert longest_gap(seam) <= 0.040, (one, other)


PART_OF_A_SENTENCE = re.compile(r"number_\d+|queue_(place|place_end)")  # which Asterisk joins, and nobody hears alone


@pytest.mark.listening
@pytest.mark.parametrize("language", sorted(AROUND))
def test_prompts_are_understood_through_a_telephone(language: str) -> None:
    texts = {name: text for name, text in fixed_prompts(CATALOGUE)[language].items() if not PART_OF_A_SENTENCE.fullmatch(name)}
    sample = sorted(texts) if COUNT else sorted(random.Random(1).sample(sorted(texts), 4))

    trial = tried(Trial(language, "shipped, joined"), [texts[name] for name in sample], joined(read_pack(PACK, language)), 0)

    assert trial.together().error_rate <= ALLOWED_PROMPTS[language]


@pytest.mark.listening
@pytest.mark.parametrize("language", sorted(AROUND))
def test_values_joined_from_recordings_are_understood_through_a_telephone(language: str) -> None:
    trial = tried(Trial(language, "shipped, joined"), [], joined(read_pack(PACK, language)), COUNT or 2 * IN_TURN)

    assert trial.together().error_rate <= ALLOWED_READ_OUTS[language]
    if COUNT:
        assert trial.together(COUNTED).numbers_right >= NUMBERS[language]


@pytest.mark.listening
@pytest.mark.skipif(not COUNT, reason="a comparison of voices, not a promise: make listen")
@pytest.mark.parametrize("language", sorted(AROUND))
def test_the_other_voices_are_heard_for_comparison(language: str) -> None:
    texts = list(fixed_prompts(CATALOGUE)[language].values())
    whole = tried(Trial(language, "neural, whole sentences"), texts, whole_sentences(language, HOME / "var" / "voices"), COUNT // 10)
    with contextlib.closing(pyttsx3_voice()) as engine:
        robot = tried(Trial(language, "pyttsx3"), texts[:10], by(engine, language), COUNT // 20)

    assert whole.together().error_rate < robot.together().error_rate


@lru_cache(maxsize=1)
def shared_ears() -> Ears:
    """One recogniser for all tests: it takes seconds to make."""
    return Ears()


def tried(trial: Trial, texts: list[str], say: Say, values: int) -> Trial:
    """Heard and printed."""
    pytest.importorskip("faster_whisper", reason="the `listen` extra is not installed")
    heard(trial, [*prompts(texts), *read_outs(trial.language, values)], say, shared_ears(), print)
    print(*trial.rows(), sep="\n")
    sys.stdout.flush()
    return trial
