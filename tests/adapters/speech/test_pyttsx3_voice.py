"""The fall-back voice, on the real espeak-ng."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.speech import audio
from adapters.speech.engine_pool import EnginePool, Limits
from adapters.speech.pyttsx3_voice import missing_of_pyttsx3, pyttsx3_voice
from ivr.errors import VoiceFailed
from tests.adapters.speech.test_engine_pool import is_back, until

pytestmark = pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="espeak-ng is not installed")


@pytest.fixture(scope="module")
def voice() -> Iterator[EnginePool]:
    pool = pyttsx3_voice()
    yield pool
    pool.close()


@pytest.mark.parametrize(("language", "text"), [("zh-CN", "春节期间服务时间有变化"), ("en-US", "Our opening hours have changed")])
def test_any_text_is_said_at_the_level_of_the_line(voice: EnginePool, language: str, text: str) -> None:
    said = audio.from_alaw(voice.say(text, language).result(20))

    assert 1.0 < len(said) / audio.RATE < 6.0
    assert audio.level(said) == pytest.approx(audio.SPEECH_LEVEL, rel=0.3)


def test_the_same_text_is_whole_every_time(voice: EnginePool) -> None:
    """pyttsx3 may return while espeak-ng is still writing, and may cancel it while it sets the speed."""
    said = [voice.say("您好，请稍候", "zh-CN") for _ in range(8)]

    assert len({one.result(20) for one in said}) == 1


_BEHIND = """
import sys
from pyttsx3.drivers import _espeak
from adapters.speech.pyttsx3_worker import main
at_once, cancel = _espeak.SetParameter, _espeak.Cancel
_espeak.SetParameter = lambda *given: (given[1] == 150 and _espeak.Synth("one two three " * 200), at_once(*given))
_espeak.Cancel = lambda: (cancel(), print("cancelled", file=sys.stderr))
sys.exit(main("sit/cmn-latn-pinyin", 150, sys.argv[1], "您好，请稍候"))
"""


def test_espeak_is_not_cancelled_while_it_sets_the_speed(tmp_path: Path) -> None:
    """Its own thread sets it, and on busy cores that is late: here it has a long text to say before."""
    worker = [sys.executable, "-c", _BEHIND, str(tmp_path / "said.wav")]

    done = subprocess.run(worker, check=True, capture_output=True)

    assert done.stderr == b""


def test_a_voice_that_espeak_lacks_is_refused_and_not_replaced_by_english(tmp_path: Path) -> None:
    """espeak-ng itself would go on in English without a word."""
    worker = [sys.executable, "-m", "adapters.speech.pyttsx3_worker", "sit/nowhere", "150", str(tmp_path / "said.wav")]

    done = subprocess.run(worker, input="您好".encode(), capture_output=True, check=False)

    assert done.returncode == 1
    assert done.stderr.decode().strip() == "espeak-ng has no voice sit/nowhere"


def test_marks_without_words_are_a_failure_and_not_a_silent_file(voice: EnginePool) -> None:
    """And nothing that the engine could be blamed for: it goes on."""
    with pytest.raises(VoiceFailed, match=r"^it was silent$"):
        voice.say("。", "zh-CN").result(20)

    assert voice.say("您好", "zh-CN").result(20)


def test_other_languages_are_refused(voice: EnginePool) -> None:
    with pytest.raises(VoiceFailed, match=r"^the voice pyttsx3 does not speak fr-FR$"):
        voice.say("Bonjour", "fr-FR")


def test_it_is_known_to_be_there() -> None:
    assert missing_of_pyttsx3() is None


def workers_of(parent: int) -> list[int]:
    """The processes in which pyttsx3 waits for texts."""
    found = []
    for process in Path("/proc").iterdir():
        try:
            told = (process / "stat").read_text().rpartition(")")[2].split() if process.name.isdigit() else ["", "0"]
            if int(told[1]) == parent and b"engine_worker" in (process / "cmdline").read_bytes():
                found.append(int(process.name))
        except OSError:
            continue
    return found


def is_alive(process: int) -> bool:
    """Whether it runs; one that nobody has buried does not."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_a_real_worker_that_is_killed_or_hangs_is_replaced(number: int) -> None:
    pool = pyttsx3_voice(Limits(starting=20.0, saying=2.0, pause=0.05))
    before = set(workers_of(os.getpid()))
    assert pool.say("您好", "zh-CN").result(20)
    [mine] = set(workers_of(os.getpid())) - before

    os.kill(mine, number)

    until(lambda: is_back(pool))
    assert mine not in workers_of(os.getpid())
    pool.close()
    assert set(workers_of(os.getpid())) == before


def test_no_worker_outlives_a_line_that_is_killed() -> None:
    program = (
        "from adapters.speech.pyttsx3_voice import pyttsx3_voice\n"
        "pool = pyttsx3_voice()\npool.say('您好', 'zh-CN').result(20)\nprint('said', flush=True)\ninput()\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as line:
        assert line.stdout is not None
        assert line.stdout.readline() == "said\n"
        workers = workers_of(line.pid)
        assert workers

        line.kill()

    until(lambda: not any(map(is_alive, workers)))
