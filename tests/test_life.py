"""What the line's watch takes for hung, and what it leaves alone because it is only slow."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from adapters.telephony.asterisk_config import secret
from adapters.telephony.ears_link import EarsLink
from ivr.bootstrap.life import Silence, Thread, threads_of
from ivr.bootstrap.line import EARS, ServiceProcess, keep_up
from tests.adapters.telephony.asterisk_line import settings_for, until

HOGS = 2


def test_silence_lasts_from_the_last_sign_of_life():
    silence = Silence(gap=1.0)

    assert [silence.after(at, sign, {}) for at, sign in ((10.0, 1), (10.5, 1), (11.0, 1), (11.5, 2), (12.0, 2))] == [0, 0.5, 1.0, 0, 0.5]


def test_a_process_that_has_waited_for_a_core_was_not_silent_meanwhile():
    silence = Silence(gap=1.0)
    silence.after(10.0, 1, {"loop": Thread(5, 3.0, wants=False), "decoder": Thread(5, 7.0, wants=True)})

    assert silence.after(11.0, 1, {"loop": Thread(5, 3.0, wants=False), "decoder": Thread(6, 8.0, wants=True)}) == 0.0
    assert silence.after(12.0, 1, {"loop": Thread(5, 3.0, wants=False), "decoder": Thread(7, 8.0, wants=False)}) == 1.0


def test_a_wait_counts_before_it_is_over_and_only_once():
    """The kernel adds it up when the thread gets its core, which may be long after the patience of the watch."""
    silence = Silence(gap=1.0)
    waiting = {"loop": Thread(5, 3.0, wants=True)}

    assert [silence.after(at, 1, waiting) for at in (10.0, 11.0, 12.0, 13.0)] == [0.0, 0.0, 0.0, 0.0]
    assert silence.after(14.0, 1, {"loop": Thread(6, 7.0, wants=True)}) == 0.0
    assert silence.after(15.0, 1, {"loop": Thread(6, 7.0, wants=False)}) == 1.0


def test_a_thread_that_turns_in_a_circle_is_silent():
    silence = Silence(gap=1.0)

    assert [silence.after(at, 1, {"loop": Thread(ran, 3.0, wants=True)}) for at, ran in ((10.0, 1), (11.0, 2), (12.0, 3))] == [0, 1, 2]


def test_a_machine_that_stood_still_is_not_held_against_a_process():
    silence = Silence(gap=0.5)
    silence.after(10.0, 1, {})

    assert silence.after(3610.0, 1, {}) == 0.5


def test_the_kernel_tells_of_every_thread_and_nothing_of_who_has_gone():
    myself = threads_of(os.getpid())[str(os.getpid())]

    assert myself.wants
    assert myself.ran > 0
    with subprocess.Popen(["true"]) as gone:
        pass
    assert threads_of(gone.pid) == {}


@contextlib.contextmanager
def starved(pid: int) -> Iterator[None]:
    """All threads of a process share one core with others, who come first."""
    core = min(os.sched_getaffinity(0))
    hogs = [subprocess.Popen(["sh", "-c", "while :; do :; done"], start_new_session=True) for _ in range(HOGS)]
    threads = [int(thread.name) for thread in Path(f"/proc/{pid}/task").glob("*")]
    cores = os.sched_getaffinity(pid)
    try:
        for process in (*(hog.pid for hog in hogs), *threads):
            os.sched_setaffinity(process, {core})
        for thread in threads:
            os.sched_setscheduler(thread, os.SCHED_IDLE, os.sched_param(0))
        with contextlib.suppress(FileNotFoundError):  # a kernel that shares out cores by session has a weight for each
            Path(f"/proc/{pid}/autogroup").write_text("19", encoding="ascii")
        yield
    finally:
        for hog in hogs:
            hog.kill()
            hog.wait()
        for thread in Path(f"/proc/{pid}/task").glob("*"):
            with contextlib.suppress(ProcessLookupError):
                os.sched_setaffinity(int(thread.name), cores)


def test_ears_that_are_starved_of_a_core_are_waited_for_and_hung_ones_are_not(tmp_path: Path):
    settings = dataclasses.replace(settings_for(tmp_path / "var"), recogniser="whisper")
    ears = ServiceProcess(EARS, settings)
    told: list[str] = []

    async def scenario() -> None:
        await ears.start()
        link = EarsLink(settings.ears_port, secret(settings, "ears_token"), settings.grammars)
        watch = asyncio.create_task(keep_up(ears, told.append))
        first = ears.pid
        assert first is not None

        def silent() -> float:
            return time.time() - settings.ears_heartbeat.stat().st_mtime

        try:
            assert await link.deaf("zh-CN") == "loading"
            with starved(first):
                await until(lambda: silent() > 1.5 * EARS.hung_after or bool(told), 60)
            async with asyncio.timeout(60):
                while await link.deaf("zh-CN"):  # noqa: ASYNC110 - another process tells nobody
                    await asyncio.sleep(0.05)
            assert (ears.pid, told) == (first, [])
            os.kill(first, signal.SIGSTOP)
            await until(lambda: bool(told))
            assert told[0].startswith("the ears ended with status -9; starting it again")
        finally:
            watch.cancel()
            await ears.stop()

    asyncio.run(scenario())
