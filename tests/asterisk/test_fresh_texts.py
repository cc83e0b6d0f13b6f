"""What a caller of a real Asterisk hears when an answer holds a text that nobody has recorded, and when engines are broken."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from adapters.speech.engine_pool import EnginePool, Limits
from adapters.speech.pack_voice import PackVoice, read_packs
from adapters.speech.pyttsx3_voice import pyttsx3_voice
from adapters.speech.synthesis import Synthesiser
from ivr.core.values import Utterance
from ivr.language.prompts import LANGUAGES
from tests.adapters.speech.voices import FAULTS, engine
from tests.adapters.telephony.asterisk_line import line
from tests.asterisk.fresh_texts import BEGINNING, END, MEANWHILE, Waited, calls, fresh_texts, measure, report
from tests.conftest import HOME

pytestmark = pytest.mark.asterisk

MOST_SILENCE = 3.0  # seconds: what the product promises
TAKES_ITS_TIME = "time.sleep(1.5); (marks / 'made').write_text(str(time.monotonic())); wav(path, seconds=1)"


BROKEN = ("hangs", "crashes", "writes 100 MB", "writes 0 bytes", "has a wrong rate")

TEXTS = fresh_texts(7)


async def heard(var: Path, told: Sequence[tuple[Sequence[Synthesiser], Utterance]]) -> list[Waited]:
    """Calls at the same time, each to a line with engines of its own."""
    packs = read_packs(HOME / "prompts" / "audio", LANGUAGES)
    for engines, _ in told:
        for one in engines:
            one.warm()  # as those of a line that has been up for a while
    async with line(var) as (settings, _):
        voices = [PackVoice(packs, settings.sounds, engines, meanwhile=MEANWHILE) for engines, _ in told]
        try:
            return await calls(settings, {utterance: voice for (_, utterance), voice in zip(told, voices, strict=True)}, at_once=True)
        finally:
            await asyncio.gather(*(asyncio.to_thread(voice.close) for voice in voices))


def a_balance() -> Utterance:
    """A recorded beginning, a text that nobody has said before, a recorded end."""
    return Utterance("zh-CN", (BEGINNING, TEXTS(), END))


def slow_engine(folder: Path) -> EnginePool:
    return engine(folder, TAKES_ITS_TIME, limits=Limits(saying=60))


def test_what_is_there_is_heard_before_the_text_is_made_and_the_text_follows(tmp_path: Path) -> None:
    """A recorded beginning, or, when the text comes first, the prompt that asks for a moment."""
    after, first = asyncio.run(
        heard(
            tmp_path / "var",
            [
                ([slow_engine(tmp_path / "after")], a_balance()),
                ([slow_engine(tmp_path / "first")], Utterance("zh-CN", (TEXTS(),))),
            ],
        )
    )

    for waited, folder in ((after, "after"), (first, "first")):
        made_at = float((tmp_path / folder / "made").read_text())
        assert waited.began_at < made_at
        assert waited.began_at + waited.seconds > made_at + 0.5
        assert waited.longest_silence < MOST_SILENCE


def test_whatever_the_best_engine_does_the_next_one_is_heard_within_three_seconds_of_silence(tmp_path: Path) -> None:
    limits = Limits(saying=5.0, pause=60)
    told = [([engine(tmp_path / fault, FAULTS[fault], limits=limits), pyttsx3_voice()], a_balance()) for fault in BROKEN]

    waits = asyncio.run(heard(tmp_path / "var", told))

    for fault, waited in zip(BROKEN, waits, strict=True):
        print(f"{fault:<18} first audio {waited.first_audio * 1000:4.0f} ms, longest silence {waited.longest_silence:.2f} s")
        assert waited.longest_silence < MOST_SILENCE, fault
        assert waited.seconds > 4, fault  # the recorded beginning and end alone last three and a half


def test_without_any_engine_that_works_the_recorded_part_is_heard(tmp_path: Path) -> None:
    broken = [engine(tmp_path / name, FAULTS["hangs"], name=name, limits=Limits(saying=5.0)) for name in ("one", "two")]

    [waited] = asyncio.run(heard(tmp_path / "var", [(broken, a_balance())]))

    assert waited.longest_silence < MOST_SILENCE
    assert waited.seconds > 2


def test_fresh_texts_are_measured(tmp_path: Path) -> None:
    """The figures are those of `python -m tests.asterisk.fresh_texts`; here it is held that there are any."""
    waits = asyncio.run(measure(tmp_path / "var", 2, [pyttsx3_voice()], recorded_beginning=False))

    print(report("pyttsx3; the text first", waits))
    assert all(waited.longest_silence < MOST_SILENCE for waited in waits)
