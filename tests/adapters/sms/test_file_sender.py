"""The network of a demo: one line of JSON for each text message."""

from __future__ import annotations

import asyncio
import json
import os
import resource
from pathlib import Path

import pytest

from adapters.memory import FixedClock
from adapters.sms.file_sender import FileTextSender
from ivr.calls.ports import Sent
from ivr.errors import SendFailed
from tests.contracts.stories import CALLER, NOON
from tests.contracts.test_text_outbox import text


def test_a_message_is_a_line_for_its_owner_only_with_the_number_masked(tmp_path: Path):
    path = tmp_path / "sms" / "sent.jsonl"
    sender = FileTextSender(path, FixedClock(NOON))

    first, second = asyncio.run(sender.send(text())), asyncio.run(sender.send(text(2)))

    lines = path.read_text(encoding="utf-8").splitlines()
    assert json.loads(lines[0]) == {
        "at": "2026-03-05T12:00:00.000+08:00",
        "to": "139****1008",
        "text": "您的账户余额35.62元。",
        "language": "zh-CN",
        "key": text().key,
    }
    assert len(lines) == 2
    assert first == Sent("file-0")
    assert second == Sent(f"file-{len(lines[0].encode()) + 1}")
    assert CALLER not in path.read_text(encoding="utf-8")
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_a_file_that_cannot_be_written_is_tried_again_later(tmp_path: Path):
    (tmp_path / "sms").write_text("a file where the folder should be")
    sender = FileTextSender(tmp_path / "sms" / "sent.jsonl", FixedClock(NOON))

    with pytest.raises(SendFailed) as failed:
        asyncio.run(sender.send(text()))

    assert failed.value.temporary
    assert str(failed.value) == "file: File exists"


def test_a_disk_that_takes_a_part_only_has_not_taken_the_message(tmp_path: Path):
    """A file may have 100 bytes here; the kernel writes as many and no more, as on a full disk."""
    path = tmp_path / "sent.jsonl"
    child = os.fork()
    if child == 0:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
        try:
            FileTextSender(path, FixedClock(NOON))._append(b"x" * 97 + b"\n")
            FileTextSender(path, FixedClock(NOON))._append(b"yyyyy\n")
        except SendFailed as error:
            os._exit(7 if error.temporary else 8)
        os._exit(9)

    _, status = os.waitpid(child, 0)

    assert os.waitstatus_to_exitcode(status) == 7
    assert path.read_bytes() == b"x" * 97 + b"\n"


def test_a_device_without_space_refuses_for_now():
    with pytest.raises(SendFailed) as failed:
        asyncio.run(FileTextSender(Path("/dev/full"), FixedClock(NOON)).send(text()))

    assert (failed.value.temporary, str(failed.value)) == (True, "file: No space left on device")
