"""`ivr run` as a person runs it: it says what it does, and Ctrl-C leaves nothing behind."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ivr.bootstrap.first_call import expected_balance, says
from ivr.config import Settings
from tests.adapters.telephony.asterisk_line import asterisk_program, settings_for, until
from tests.asterisk.latency import measure, report
from tests.conftest import HOME

pytestmark = [pytest.mark.asterisk]


def processes_of(var: Path) -> list[str]:
    """The command lines and environments of processes that belong to the line below `var`."""
    found = []
    for process in Path("/proc").iterdir():
        if not process.name.isdigit() or int(process.name) == os.getpid():
            continue
        try:
            told = (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
        except OSError:
            continue
        if str(var).encode() in told:
            found.append(told.split(b"\0")[0].decode())
    return found


def run_line(settings: Settings, *options: str) -> subprocess.Popen[str]:
    """`ivr run`, as in a terminal."""
    environment = {
        **os.environ,
        "PYTHONPATH": str(HOME),
        "IVR_HOME": str(settings.home),
        "IVR_VAR": str(settings.var),
        "IVR_ASTERISK": str(asterisk_program()),
        "IVR_SIP_PORT": str(settings.sip_port),
        "IVR_AGI_PORT": str(settings.agi_port),
        "IVR_AMI_PORT": str(settings.ami_port),
        "IVR_EARS_PORT": str(settings.ears_port),
        "IVR_WS_PORT": str(settings.ws_port),
        "IVR_CONSOLE_PORT": str(settings.console_port),
        "PYTHONUNBUFFERED": "1",
    }
    return subprocess.Popen(
        [sys.executable, "-m", "ivr.cli", "run", *options], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
    )


def said_until(running: subprocess.Popen[str], words: str) -> list[str]:
    """What it prints, up to the line with these words."""
    assert running.stdout is not None
    said = []
    for text in running.stdout:
        said.append(text)
        if words in text:
            break
    return said


def test_ctrl_c_leaves_no_process_behind(tmp_path: Path):
    settings = settings_for(tmp_path / "line")
    begun = time.monotonic()
    with run_line(settings) as running:
        said = said_until(running, "calling 1008611")
        up_after = time.monotonic() - begun
        running.send_signal(signal.SIGINT)
        assert running.stdout is not None
        said += running.stdout.readlines()
        status = running.wait(timeout=30)

    told = "".join(said)
    assert f"answers at sip:1008611@127.0.0.1:{settings.sip_port}" in told
    assert (
        told.index(f"telephone: http://127.0.0.1:{settings.console_port}/phone/") < told.index("console:   http") < told.index("answers at")
    )
    assert (
        "in another terminal, before the commands below: "
        f"export IVR_SIP_PORT={settings.sip_port} IVR_CONSOLE_PORT={settings.console_port}\n" in said
    )
    assert told.count("sign in as admin, password ") == 1
    assert "the voice: recordings; texts without one: pyttsx3\n" in said
    assert said[-1] == "stopped: Asterisk, the engine and the console have ended\n"
    assert status in (0, 1)
    assert processes_of(settings.var) == []
    print(f"up after {up_after:.1f} s")


def test_the_last_words_tell_what_to_do_next_in_the_order_in_which_it_makes_sense(tmp_path: Path):
    settings = settings_for(tmp_path / "line")
    with run_line(settings, "--no-call") as running:
        said = said_until(running, "README.md tells the rest")
        running.send_signal(signal.SIGINT)
        running.communicate(timeout=30)

    next_steps = said[said.index("the line stays up until Ctrl-C. What to do next:\n") :]
    console, ivr = f"http://127.0.0.1:{settings.console_port}", f"IVR_VAR={settings.var} .venv/bin/ivr"
    assert len(next_steps) <= 9
    assert [line[:14].strip() for line in next_steps if line[0].isdigit()] == ["1 hear it", "2 be an agent", "3 watch", "4 change it"]
    told = "".join(next_steps)
    assert f"{console}/phone/" in told
    assert f'{ivr} call 1008611 --keys "2 5" --message\n' in told
    assert f"{ivr} console users add ann --role agent  prints a password for {console}/desk\n" in told
    assert f"{ivr} console users add bea --role supervisor  prints one for {console}/board\n" in told


def test_a_line_that_is_killed_leaves_no_process_that_is_in_the_way_of_the_next(tmp_path: Path):
    settings = settings_for(tmp_path / "line")
    with run_line(settings) as running:
        said_until(running, "calling 1008611")
        running.kill()

    asyncio.run(until(lambda: processes_of(settings.var) == [], 30))


def test_the_first_publication_is_good_news_and_a_draft_with_errors_is_not(tmp_path: Path):
    home = tmp_path / "home"
    shutil.copytree(HOME / "flows", home / "flows")
    for folder in ("prompts", "asterisk_conf"):
        (home / folder).symlink_to(HOME / folder)
    (home / "flows" / "3000.yaml").write_text("selfline: 1\nline: [", encoding="utf-8")
    settings = dataclasses.replace(settings_for(tmp_path / "line"), home=home)

    with run_line(settings) as running:
        said = said_until(running, "answers at")
        running.send_signal(signal.SIGINT)
        running.communicate(timeout=30)

    assert "published for the first time, as they lie in flows/: 10086, 1008611\n" in said
    assert [line for line in said if line.startswith("!")] == ["! flows/3000.yaml has errors and is left out (ivr lint flows/3000.yaml)\n"]


@pytest.mark.parametrize(
    ("heard", "right"),
    [
        ("您的账户余额是三十五元六角二分,本月还剩流量", True),
        ("您的账户与额事三十五圆六角二分", True),
        ("您的账户余额是三十五元六交二分", True),  # one near-sound of eight syllables
        ("您的账户余额是五十三元", False),
        ("", False),
    ],
)
def test_a_balance_is_heard_by_its_sounds(heard: str, right: bool):
    assert says(heard, expected_balance()) is right


def test_a_few_calls_give_both_waits_beside_the_dialplan(tmp_path: Path):
    """The small version of `make bench`; figures are reported, not judged."""
    engine, twin = asyncio.run(measure(tmp_path / "line", 3))

    assert len(engine.first_voice) == len(twin.first_voice) == 3
    assert all(wait > 0 for wait in (*engine.first_voice, *engine.next_prompt, *twin.first_voice))
    print(report(engine, twin))
