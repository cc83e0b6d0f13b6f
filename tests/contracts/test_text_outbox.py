"""What every TextOutbox does, in memory, in SQLite and in PostgreSQL alike."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.memory import MemoryTextOutbox
from adapters.storage.outbox import SqlTextOutbox
from adapters.storage.tickets import SqlTicketStore
from ivr.calls.ports import QueuedText, TextMessage, TextOutbox, TextState
from tests.contracts.stories import CALLER, MINUTE, NOON, SESSION
from tests.databases import KINDS, new_database

SECOND = dt.timedelta(seconds=1)


def text(count: int = 1, *, at: dt.datetime = NOON, words: str = "您的账户余额35.62元。") -> TextMessage:
    return TextMessage(f"{SESSION}/send/{count}", CALLER, words, "zh-CN", SESSION, at)


@pytest.fixture(params=["memory", *KINDS])
def outbox(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[TextOutbox]:
    if request.param == "memory":
        yield MemoryTextOutbox()
        return
    store = SqlTicketStore.open(
        new_database(request.param, tmp_path), tmp_path / "secrets" / "data_key", Path("/recordings"), exclusive=True
    )
    yield SqlTextOutbox(store.database, store.key)
    store.close()


def test_a_message_is_taken_once_and_is_then_sent(outbox: TextOutbox):
    async def story() -> None:
        await outbox.queue(text())

        assert await outbox.take(NOON) == QueuedText(text(), TextState.SENDING, 1, NOON)
        assert await outbox.take(NOON) is None
        await outbox.sent(text().key, "receipt", NOON + SECOND)

        assert await outbox.texts(10) == (QueuedText(text(), TextState.SENT, 1, NOON + SECOND, "", "receipt"),)
        assert await outbox.next_due() is None

    asyncio.run(story())


def test_the_same_key_twice_is_one_message(outbox: TextOutbox):
    async def story() -> None:
        await outbox.queue(text())
        await outbox.queue(text(words="another"))
        await outbox.take(NOON)
        await outbox.queue(text())

        assert [one.message for one in await outbox.texts(10)] == [text()]
        assert await outbox.take(NOON + MINUTE) is None

    asyncio.run(story())


def test_a_refused_message_is_due_again_later(outbox: TextOutbox):
    async def story() -> None:
        await outbox.queue(text())
        await outbox.take(NOON)

        await outbox.again(text().key, "busy", NOON, NOON + MINUTE)

        assert await outbox.texts(10) == (QueuedText(text(), TextState.QUEUED, 1, NOON, "busy"),)
        assert await outbox.next_due() == NOON + MINUTE
        assert await outbox.take(NOON + MINUTE - SECOND) is None
        taken = await outbox.take(NOON + MINUTE)
        assert taken == QueuedText(text(), TextState.SENDING, 2, NOON + MINUTE)

    asyncio.run(story())


def test_who_has_waited_longest_is_first(outbox: TextOutbox):
    async def story() -> None:
        await outbox.queue(text(2, at=NOON + SECOND))
        await outbox.queue(text(1))
        await outbox.queue(text(3, at=NOON + MINUTE))

        assert await outbox.next_due() == NOON
        taken = [await outbox.take(NOON + SECOND) for _ in range(3)]

        assert [one.message.key[-1] if one else None for one in taken] == ["1", "2", None]
        assert [one.message.key[-1] for one in await outbox.texts(2)] == ["3", "2"]

    asyncio.run(story())


def test_only_a_message_that_is_being_sent_comes_to_an_end(outbox: TextOutbox):
    """A word that comes late or twice changes nothing."""

    async def story() -> None:
        await outbox.queue(text())
        await outbox.sent(text().key, "too early", NOON)
        await outbox.failed("nobody's", "why", NOON)
        await outbox.take(NOON)
        await outbox.unknown(text().key, NOON)
        await outbox.sent(text().key, "late", NOON + SECOND)
        await outbox.again(text().key, "late", NOON + SECOND, NOON)
        await outbox.failed(text().key, "late", NOON + SECOND)

        assert await outbox.texts(10) == (QueuedText(text(), TextState.UNKNOWN, 1, NOON),)
        assert await outbox.take(NOON + MINUTE) is None

    asyncio.run(story())


def test_what_was_being_sent_when_an_engine_died_is_unknown(outbox: TextOutbox):
    async def story() -> None:
        for count in (1, 2, 3):
            await outbox.queue(text(count))
        await outbox.take(NOON)
        await outbox.take(NOON)

        assert await outbox.interrupted(NOON + MINUTE) == 2
        assert await outbox.interrupted(NOON + MINUTE) == 0

        states = {one.message.key[-1]: one.state for one in await outbox.texts(10)}
        assert states == {"1": TextState.UNKNOWN, "2": TextState.UNKNOWN, "3": TextState.QUEUED}

    asyncio.run(story())


def test_only_what_came_to_its_end_long_ago_is_forgotten(outbox: TextOutbox):
    async def story() -> None:
        for count in (1, 2, 3, 4):
            await outbox.queue(text(count))
        for count in (1, 2, 3):
            await outbox.take(NOON)
            if count < 3:
                await outbox.failed(text(count).key, "refused", NOON + count * MINUTE)

        assert await outbox.forget(NOON + 2 * MINUTE) == 1

        assert [one.message.key[-1] for one in await outbox.texts(10)] == ["4", "3", "2"]

    asyncio.run(story())
