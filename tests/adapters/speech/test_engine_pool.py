"""Engines in processes of their own: whatever they do, the line gets speech or is told at once that there is none."""

from __future__ import annotations

import os
import time
from concurrent.futures import wait
from pathlib import Path

import pytest

from adapters.speech import audio
from adapters.speech.engine_pool import EnginePool, Limits
from adapters.speech.synthesis import LONGEST_TEXT
from ivr.errors import VoiceFailed
from tests.adapters.speech.voices import FAULTS, QUICK, SOUND, asked, engine

ONCE_BROKEN = "wav(path) if (marks / 'broke').exists() else ((marks / 'broke').touch(), os._exit(139))"


def until(condition, seconds: float = 20.0) -> None:
    """Wait for another process, which tells nobody."""
    ends = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < ends, "it did not happen"
        time.sleep(0.02)


def processes_of(folder: Path) -> list[str]:
    """The processes that run the engine of this folder."""
    found = []
    for process in Path("/proc").iterdir():
        if process.name.isdigit() and process.name != str(os.getpid()):
            try:
                if str(folder / "engine.py").encode() in (process / "cmdline").read_bytes():
                    found.append(process.name)
            except OSError:
                continue
    return found


def refusal(pool: EnginePool, text: str) -> str:
    """Why it does not say this, now or later; "" when it does."""
    try:
        pool.say(text, "zh-CN").result(15)
    except VoiceFailed as error:
        return str(error)
    return ""


def refusal_at_once(pool: EnginePool) -> str:
    """Why it does not even take a text; "" when it does."""
    try:
        pool.say("您好", "zh-CN")
    except VoiceFailed as error:
        return str(error)
    return ""


def is_back(pool: EnginePool) -> bool:
    return not refusal(pool, "在吗")


def test_an_engine_says_texts_one_after_the_other_in_one_process(tmp_path: Path) -> None:
    pool = engine(tmp_path, SOUND)

    said = [pool.say(text, "zh-CN") for text in ("您好", "再见")]

    assert [audio.from_alaw(one.result(10)).size for one in said] == [4000, 4000]
    assert asked(tmp_path) == ["您好", "再见"]
    assert len(processes_of(tmp_path)) == 1
    pool.close()
    assert processes_of(tmp_path) == []


@pytest.mark.parametrize("fault", sorted(FAULTS))
def test_an_engine_that_fails_in_any_way_is_a_failure_of_the_voice_within_its_deadline_and_is_started_again(
    tmp_path: Path, fault: str
) -> None:
    pool = engine(tmp_path, FAULTS[fault], only="您好")
    began = time.monotonic()

    with pytest.raises(VoiceFailed):
        pool.say("您好", "zh-CN").result(15)

    assert time.monotonic() - began < QUICK.starting + QUICK.saying
    until(lambda: is_back(pool))
    pool.close()
    assert processes_of(tmp_path) == []


def test_what_an_engine_wrote_too_much_of_is_not_kept_on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And a file without end stops at 64 MB."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    pool = engine(tmp_path / "engine", FAULTS["writes 100 MB"])

    with pytest.raises(VoiceFailed):
        pool.say("您好", "zh-CN").result(15)
    pool.close()

    assert [path for path in tmp_path.iterdir() if path.name.startswith("ivr-voice-")] == []


def test_a_broken_engine_costs_one_caller_the_deadline_and_nobody_after_that(tmp_path: Path) -> None:
    """While it is started again, and until it has said a word to nobody, it refuses at once."""
    pool = engine(tmp_path, FAULTS["hangs"], limits=Limits(saying=0.5, a_character=0.0, pause=60))
    with pytest.raises(VoiceFailed, match=r"^it said nothing within 0.5 s$"):
        pool.say("您好", "zh-CN").result(10)

    for _ in range(20):
        with pytest.raises(VoiceFailed, match=r"^the voice faulty is out of order$"):
            pool.say("再见", "zh-CN")

    assert asked(tmp_path) == ["您好"]
    pool.close()


def test_an_engine_is_taken_back_when_it_has_said_a_word_to_nobody(tmp_path: Path) -> None:
    pool = engine(tmp_path, ONCE_BROKEN)
    with pytest.raises(VoiceFailed, match=r"^its process ended with 139$"):
        pool.say("您好", "zh-CN").result(10)

    until(lambda: is_back(pool))

    assert asked(tmp_path)[:2] == ["您好", "one"]  # en-US is the first of its languages
    pool.close()


def test_a_text_that_breaks_an_engine_twice_is_not_given_to_it_again(tmp_path: Path) -> None:
    """Or one announcement would take the voice from everybody, for ever."""
    pool = engine(tmp_path, "os.abort()", only="毒")
    for _ in range(2):
        with pytest.raises(VoiceFailed, match=r"^its process ended with -6$"):
            pool.say("毒", "zh-CN").result(10)
        until(lambda: is_back(pool))

    with pytest.raises(VoiceFailed, match=r"^the voice faulty has failed at this text before$"):
        pool.say("毒", "zh-CN")
    assert is_back(pool)
    pool.close()


def test_more_texts_than_may_wait_are_refused_at_once(tmp_path: Path) -> None:
    gate = tmp_path / "engine" / "gate"
    pool = engine(
        tmp_path / "engine",
        f"[time.sleep(0.01) for _ in iter(lambda: (marks / 'gate').exists(), True)]; {SOUND}",
        limits=Limits(waiting=2, saying=30),
    )
    first = pool.say("一", "zh-CN")
    until(lambda: asked(tmp_path / "engine") == ["一"])
    waiting = [pool.say(text, "zh-CN") for text in ("二", "三", "四")]

    with pytest.raises(VoiceFailed, match=r"^the voice faulty has too much to say$"):
        pool.say("五", "zh-CN")

    gate.touch()
    wait([first, *waiting], timeout=10)
    assert all(one.exception() is None for one in (first, *waiting))
    pool.close()


def test_an_engine_that_has_been_at_one_text_for_long_keeps_nobody_else_waiting(tmp_path: Path) -> None:
    """Long before its deadline: it may only be slow, but the next caller would not hear it in time either."""
    pool = engine(tmp_path, FAULTS["hangs"], only="长", limits=Limits(saying=60, slow=0.2))
    first = pool.say("长", "zh-CN")
    until(lambda: "takes its time" in refusal_at_once(pool))
    assert not first.done()
    pool.close()


def test_texts_that_wait_for_an_engine_that_breaks_fail_with_it(tmp_path: Path) -> None:
    pool = engine(tmp_path, "time.sleep(0.3); os.abort()", limits=Limits(pause=60))

    waiting = [pool.say(text, "zh-CN") for text in ("一", "二", "三")]

    assert [str(one.exception(10)) for one in waiting] == ["its process ended with -6", *["the voice faulty is out of order"] * 2]
    pool.close()


def test_one_of_two_workers_goes_on_while_the_other_is_broken(tmp_path: Path) -> None:
    pool = engine(tmp_path, FAULTS["hangs"], only="毒", limits=Limits(workers=2, saying=1, a_character=0, pause=60))
    poisoned = pool.say("毒", "zh-CN")

    assert pool.say("您好", "zh-CN").result(10)

    assert "said nothing" in str(poisoned.exception(10))
    assert pool.say("再见", "zh-CN").result(10)
    pool.close()


@pytest.mark.parametrize(
    ("begin", "why"),
    [
        ("answer(failed='its weights are missing'); sys.exit(1)", "its weights are missing"),
        ("sys.exit(3)", "its process ended with 3"),
        ("time.sleep(600)", "it said nothing within 0.5 s"),
        ("answer(hello=1)", "it did not say that it is ready"),
    ],
)
def test_an_engine_that_does_not_start_refuses_and_says_why_in_the_log(tmp_path: Path, begin: str, why: str, capsys) -> None:
    pool = engine(tmp_path, SOUND, begin=begin, limits=Limits(starting=0.5, pause=60))

    assert refusal(pool, "您好") == "the voice faulty is out of order"

    assert why in capsys.readouterr().out
    pool.close()


def test_a_program_that_is_not_there_is_an_engine_out_of_order(tmp_path: Path) -> None:
    pool = EnginePool("gone", (str(tmp_path / "nothing"),), {"zh-CN": "1"}, Limits(pause=60))

    assert refusal(pool, "您好") == "the voice gone is out of order"
    pool.close()


def test_an_engine_is_not_asked_for_what_it_cannot_know(tmp_path: Path) -> None:
    pool = engine(tmp_path, SOUND)

    for text, language, why in (
        ("Bonjour", "fr-FR", "the voice faulty does not speak fr-FR"),
        (" ", "zh-CN", "the voice faulty says 1 to 600 characters, not 1"),
        ("啊" * (LONGEST_TEXT + 1), "zh-CN", "the voice faulty says 1 to 600 characters, not 601"),
    ):
        with pytest.raises(VoiceFailed) as refused:
            pool.say(text, language)
        assert str(refused.value) == why
    assert processes_of(tmp_path) == []
    pool.close()


def test_after_the_end_nothing_is_said_and_what_was_being_said_has_failed(tmp_path: Path) -> None:
    pool = engine(tmp_path, FAULTS["hangs"], limits=Limits(saying=60))
    saying = [pool.say(text, "zh-CN") for text in ("一", "二")]
    until(lambda: asked(tmp_path) == ["一"])
    began = time.monotonic()

    pool.close()

    assert time.monotonic() - began < 5
    assert all(isinstance(one.exception(1), VoiceFailed) for one in saying)
    with pytest.raises(VoiceFailed, match=r"^the voice faulty is out of order$"):
        pool.say("三", "zh-CN")
