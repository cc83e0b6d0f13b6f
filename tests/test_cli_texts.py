"""`ivr sms` and `ivr callers` as operators use them."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from adapters.storage.callers import SqlCallerMemory
from adapters.storage.outbox import SqlTextOutbox
from adapters.storage.tickets import SqlTicketStore
from ivr.calls.ports import Choices
from tests.contracts.stories import CALLER, MINUTE, NOON
from tests.contracts.test_text_outbox import text
from tests.test_cli import ivr


@pytest.fixture
def var(tmp_path: Path) -> Path:
    """A line that has sent one text message, could not send another, and knows a caller."""
    store = SqlTicketStore.open(tmp_path / "selfline.db", tmp_path / "secrets" / "data_key", tmp_path)
    outbox, callers = SqlTextOutbox(store.database, store.key), SqlCallerMemory(store.database, store.key)

    async def past() -> None:
        await callers.remember(CALLER, Choices("en-US", slower=True), NOON)
        for count in (1, 2):
            await outbox.queue(text(count))
            await outbox.take(NOON)
        await outbox.sent(text(1).key, "r1", NOON + MINUTE)
        await outbox.failed(text(2).key, "barred", NOON + MINUTE)

    asyncio.run(past())
    store.close()
    return tmp_path


def test_what_was_sent_is_listed_without_numbers_and_words(var: Path):
    listed = ivr("sms", "list", IVR_VAR=str(var))

    assert listed.returncode == 0
    assert listed.stdout.splitlines() == [
        "queued (Shanghai)    to            state    tries  node                  call      why",
        "2026-03-05 12:00:00  139****1008   failed       1  send                  11111111  barred",
        "2026-03-05 12:00:00  139****1008   sent         1  send                  11111111",
    ]


def test_a_program_gets_the_same_as_json(var: Path):
    listed = json.loads(ivr("sms", "list", "--format", "json", "--limit", "1", IVR_VAR=str(var)).stdout)

    assert listed == [
        {
            "session": text().session,
            "node": "send",
            "count": 2,
            "to": "139****1008",
            "language": "zh-CN",
            "state": "failed",
            "attempts": 1,
            "created_at": "2026-03-05T12:00:00+08:00",
            "changed_at": "2026-03-05T12:01:00+08:00",
            "reason": "barred",
            "receipt": "",
        }
    ]


def test_a_caller_is_forgotten(var: Path):
    forgotten = [ivr("callers", "forget", CALLER, IVR_VAR=str(var)) for _ in range(2)]

    assert [(one.returncode, one.stdout) for one in forgotten] == [
        (0, "forgotten  已删除\n"),
        (0, "nothing was remembered of that number  没有该号码的记录\n"),
    ]


def test_where_no_line_has_run_there_is_nothing_to_list(tmp_path: Path):
    listed = ivr("sms", "list", IVR_VAR=str(tmp_path))

    assert listed.returncode == 1
    assert listed.stderr.startswith(f"ivr: there is no database at {tmp_path}/selfline.db yet: start the line first")
