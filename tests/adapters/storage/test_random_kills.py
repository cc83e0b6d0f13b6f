"""Engines killed at random while they take messages five at a time: no promise is lost, no message is there twice.

IVR_KILLS sets how many engines die; the default is small enough for every run.
"""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
from collections import Counter
from multiprocessing.synchronize import Event
from pathlib import Path

import pytest

from adapters.memory import FixedClock
from ivr.calls.capture import MessageCapture
from ivr.calls.ports import TicketState
from ivr.core.events import MessageKept
from tests.adapters.storage.lines import KILLS, LATER, TAKE, RecordingLine, Site, kill_at_random
from tests.contracts.stories import NOON, SPEECH, intent
from tests.databases import KINDS

AT_ONCE = 5


def engine(site: Site, life: int, ready: Event) -> None:
    """Takes messages until it is killed; speaks each promise into the file of promises."""
    store = site.store()
    capture = MessageCapture(store, site.spool(), FixedClock(NOON), 0)

    async def caller(number: int) -> None:
        turn = 0
        while True:
            turn += 1
            session = f"{life}-{number}-{turn}"
            of = intent(session, caller=f"1390{life:03}{number}{turn:03}")
            answer = await capture.take(RecordingLine(site.recordings), of, TAKE)
            assert isinstance(answer, MessageKept)
            with site.promises.open("a") as file:
                file.write(f"{session}\n")
            ready.set()

    async def work() -> None:
        await asyncio.gather(*(caller(number) for number in range(AT_ONCE)))

    asyncio.run(work())


@pytest.mark.parametrize("kind", KINDS)
def test_no_promise_is_lost_and_no_message_is_there_twice_however_engines_die(tmp_path: Path, kind: str):
    site = Site(tmp_path, kind)
    for _ in kill_at_random(engine, site):
        assert site.recover().complete

    store = site.store()
    tickets = asyncio.run(store.tickets(include_ended=True))
    audit = asyncio.run(store.audit(LATER))
    store.close()
    messages = Counter(message.key for ticket in tickets for message in ticket.messages)
    promised = {f"{session}/message/1" for session in site.promises.read_text().split()}
    assert len(promised) >= KILLS
    assert promised <= messages.keys()
    assert set(messages.values()) == {1}
    whole = {path.name for path in site.recordings.iterdir() if path.stat().st_size == len(SPEECH)}
    kept = {message.path.name for ticket in tickets if ticket.state is TicketState.OPEN for message in ticket.messages}
    assert whole <= kept
    assert audit == ()
    assert site.spool().intents() == ()


ONE_PROMISE = """
import sys
from pathlib import Path
from tests.adapters.storage.lines import Site
Site(Path(sys.argv[1])).take()
"""


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
def test_everything_is_on_the_disk_before_the_promise_is_spoken(tmp_path: Path):
    """What a power cut would show: the order of the system calls of one message."""
    trace = tmp_path / "trace"
    calls = "trace=openat,link,fsync,fdatasync"
    strace = ["strace", "-f", "-y", "-e", calls, "-o", str(trace), sys.executable, "-c", ONE_PROMISE, str(tmp_path)]
    root = Path(__file__).parents[3]
    done = subprocess.run(strace, cwd=root, capture_output=True, text=True, check=False, timeout=120)
    if "ptrace" in done.stderr:
        pytest.skip("processes cannot be traced here")
    assert done.returncode == 0, done.stderr

    lines = [line.split(" ", 1)[1].strip() for line in trace.read_text().splitlines() if "+++" not in line]
    steps = [step for line in lines if (step := _step(line))]

    beep, promise = steps.index("recording opened"), steps.index("promise spoken")
    assert "intent named" in steps[:beep]
    assert "intents synced" in steps[steps.index("intent named") : beep]
    assert "database synced" in steps[steps.index("intent named") : beep]
    assert "recording synced" in steps[beep:promise]
    assert "database synced" in steps[beep:promise]
    assert steps.index("recording synced") < len(steps[:promise]) - steps[:promise][::-1].index("database synced")


def _step(line: str) -> str | None:
    match line.partition("(")[0]:
        case "link" if "/intents/" in line:
            return "intent named"
        case "openat" if "/recordings/" in line and "O_CREAT" in line:
            return "recording opened"
        case "openat" if '/promises"' in line:
            return "promise spoken"
        case "fsync" if "/recordings/" in line:
            return "recording synced"
        case "fsync" if "/intents>" in line:
            return "intents synced"
        case "fdatasync" if "selfline.db-wal" in line:
            return "database synced"
    return None
