"""The rescue script as Asterisk runs it: a process of its own that hears AGI on stdin and speaks it on stdout."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ivr.calls.intents import intent_from_json, recording_name

HOME = Path(__file__).resolve().parents[3]
SESSION = "0f8fad5b-d9cb-469f-a165-70867728950e"
CALLER = "13900001001"
ENVIRONMENT = f"agi_request: rescue\nagi_uniqueid: line-1700000000.7\nagi_callerid: {CALLER}\n\n"
OK = "200 result=0\n"


def recorded(samples: int) -> str:
    return f"200 result=0 (timeout) endpos={samples}\n"


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    for folder in ("intents", "recordings"):
        (tmp_path / folder).mkdir()
    return tmp_path


def rescue(spool: Path, *replies: str, min_free: int = 0) -> tuple[int, list[str]]:
    """Run it against the replies of an Asterisk; its status, and the commands it gave."""
    words = [sys.executable, "-m", "adapters.telephony.rescue", str(spool), "/sounds", str(min_free), SESSION, CALLER, "1008611"]
    done = subprocess.run(words, input=ENVIRONMENT + "".join(replies), capture_output=True, text=True, cwd=HOME, check=False)
    assert done.stderr == ""  # pyst2 would print the caller's number
    return done.returncode, done.stdout.splitlines()


def record_command(spool: Path, name: str) -> str:
    return f'RECORD FILE "{spool}/recordings/{name}" alaw "#" 180000 BEEP s=5'


def test_the_intent_is_written_before_the_beep_and_never_over_an_earlier_message(spool: Path) -> None:
    (spool / "recordings" / f"rescue-{SESSION}.alaw").write_bytes(b"\xd5" * 20_000)

    status, commands = rescue(spool, recorded(0), OK, OK, OK)

    (path,) = (spool / "intents").glob("*.json")
    intent = intent_from_json(path.read_text())
    assert (intent.session, intent.node, intent.count, intent.caller_id) == (SESSION, "rescue", 2, CALLER)
    assert (intent.dialled, intent.topic, intent.language, intent.channel) == ("1008611", "rescue", "zh-CN", "line-1700000000.7")
    assert path.name == f"{recording_name(intent)}.json"
    assert path.stat().st_mode & 0o777 == 0o600
    assert (status, commands) == (0, [record_command(spool, recording_name(intent)), "NOOP", "SET VARIABLE RESCUE_DONE 1"])


def test_a_message_that_the_disk_has_cut_short_is_not_called_saved(spool: Path) -> None:
    status, commands = rescue(spool, recorded(40_000), OK, OK, OK)

    assert (status, commands[2:]) == (0, ['STREAM FILE "/sounds/zh-CN/rescue_full" ""', "SET VARIABLE RESCUE_DONE 1"])


def test_a_full_disk_is_admitted_and_nothing_is_recorded(spool: Path) -> None:
    status, commands = rescue(spool, OK, OK, min_free=1 << 60)

    assert (status, commands) == (0, ['STREAM FILE "/sounds/zh-CN/rescue_full" ""', "SET VARIABLE RESCUE_DONE 1"])
    assert list((spool / "intents").iterdir()) == []


def test_a_caller_who_hangs_up_while_speaking_is_no_error(spool: Path) -> None:
    status, commands = rescue(spool, "200 result=-1 (hangup) endpos=40000\n")

    assert status == 0
    assert commands == [record_command(spool, f"rescue-{SESSION}")]
    assert (spool / "intents" / f"rescue-{SESSION}.json").exists()


@pytest.mark.parametrize("reply", ["", "510 Invalid or unknown command\n", "nonsense\n", "200 result=-1\n"])
def test_whatever_it_cannot_do_is_left_to_the_dialplan(spool: Path, reply: str) -> None:
    status, commands = rescue(spool, reply)

    assert status == 1
    assert "SET VARIABLE RESCUE_DONE 1" not in commands


@pytest.mark.skipif(os.getuid() == 0, reason="root may write anywhere")
def test_a_spool_that_cannot_be_written_is_left_to_the_dialplan(spool: Path) -> None:
    (spool / "intents").chmod(0o500)

    assert rescue(spool) == (1, [])


def test_it_starts_before_the_caller_notices(spool: Path) -> None:
    """0.2 s on an idle machine; a busy one is given time."""
    begun = time.monotonic()
    rescue(spool, OK, OK, min_free=1 << 60)

    assert time.monotonic() - begun < 2
