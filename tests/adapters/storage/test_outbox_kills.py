"""Engines killed at random while they queue and send text messages: none is lost, and the network is given none twice.

IVR_KILLS sets how many engines die; the default is small enough for every run.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections import Counter
from multiprocessing.synchronize import Event
from pathlib import Path

import pytest

from adapters.memory import FixedClock
from adapters.sms.file_sender import FileTextSender
from adapters.storage.outbox import SqlTextOutbox
from ivr.calls.ports import QueuedText, Sent, TextMessage, TextState
from ivr.calls.texts import TextService
from ivr.errors import OutboxFailed
from tests.adapters.storage.lines import KILLS, Site, kill_at_random
from tests.contracts.stories import CALLER, NOON
from tests.contracts.test_text_outbox import text

ENOUGH = 1000


class Network(FileTextSender):
    """A network that takes its time, so that engines die while it has a message in its hands."""

    async def send(self, message: TextMessage) -> Sent:
        await asyncio.sleep(0.002)
        sent = await super().send(message)
        await asyncio.sleep(0.002)
        return sent


def engine(site: Site, life: int, ready: Event) -> None:
    """Queues and sends until it is killed; notes each message that it was told is safe."""
    store = site.store()
    service = TextService(SqlTextOutbox(store.database, store.key), Network(site.root / "network", FixedClock(NOON)), FixedClock(NOON))

    async def queue() -> None:
        for number in range(ENOUGH):
            message = TextMessage(f"{life}-{number}/send/1", CALLER, "您好", "zh-CN", f"{life}-{number}", NOON)
            await service.queue(message)
            with site.promises.open("a") as file:
                file.write(f"{message.key}\n")
            ready.set()

    async def work() -> None:
        await asyncio.gather(queue(), service.run())

    asyncio.run(work())


def test_no_message_is_lost_and_none_is_given_to_the_network_twice_however_engines_die(tmp_path: Path):
    site = Site(tmp_path)
    for _ in kill_at_random(engine, site):
        pass

    kept = {text.message.key: text for text in finished(site)}
    network = Counter(json.loads(line)["key"] for line in (site.root / "network").read_text(encoding="utf-8").splitlines())
    safe = set(site.promises.read_text().split())
    assert len(safe) >= KILLS
    assert safe <= kept.keys()
    assert set(network.values()) == {1}
    assert {key for key, text in kept.items() if text.state is TextState.SENT} <= network.keys()
    assert {text.state for text in kept.values()} <= {TextState.SENT, TextState.UNKNOWN}
    assert network.keys() <= kept.keys()


def finished(site: Site) -> tuple[QueuedText, ...]:
    """What the outbox has once a last engine has sent all that is left."""
    store = site.store()
    outbox = SqlTextOutbox(store.database, store.key)

    async def work() -> tuple[QueuedText, ...]:
        await outbox.interrupted(NOON)
        await TextService(outbox, Network(site.root / "network", FixedClock(NOON)), FixedClock(NOON)).send_due()
        return await outbox.texts(KILLS * ENOUGH)

    try:
        return asyncio.run(work())
    finally:
        store.close()


def test_a_database_that_is_locked_or_gone_is_told_as_an_outbox_that_failed(tmp_path: Path):
    site = Site(tmp_path)
    store = site.store(busy_milliseconds=50)
    outbox = SqlTextOutbox(store.database, store.key)
    lock = sqlite3.connect(site.database, isolation_level=None)
    lock.execute("BEGIN IMMEDIATE")

    with pytest.raises(OutboxFailed):
        asyncio.run(outbox.queue(text()))
    lock.close()
    asyncio.run(outbox.queue(text()))
    store.close()
    with pytest.raises(OutboxFailed):
        asyncio.run(outbox.texts(1))


def test_neither_numbers_nor_words_can_be_read_in_the_database_without_its_key(tmp_path: Path):
    site = Site(tmp_path)
    store = site.store()
    outbox = SqlTextOutbox(store.database, store.key)

    asyncio.run(outbox.queue(text()))

    store.close()
    content = site.database.read_bytes()
    assert text().session.encode() in content
    assert CALLER.encode() not in content
    assert "余额".encode() not in content
