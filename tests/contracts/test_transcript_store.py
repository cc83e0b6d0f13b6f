"""What every TranscriptStore does, in memory, in SQLite and in PostgreSQL alike."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from adapters.memory import MemoryTicketStore, MemoryTranscriptStore
from adapters.storage.tickets import SqlTicketStore
from adapters.storage.transcripts import SqlTranscriptStore
from ivr.calls.ports import (
    MessageIntent,
    MessageTranscript,
    TicketStore,
    Transcript,
    TranscriptState,
    TranscriptStore,
    UnheardMessage,
)
from ivr.calls.transcripts import lease
from tests.contracts.stories import MINUTE, NOON, facts, intent
from tests.databases import KINDS, Plain, new_database

WORDS = Transcript("我的密码是一二三四五六，请回电。", "zh-CN", 0.83, "fake")
SECOND = dt.timedelta(seconds=1)
LEASE = lease(4.0)
ANY = None


@dataclass
class Stores:
    """Transcripts, and the tickets they belong to."""

    transcripts: TranscriptStore
    tickets: TicketStore
    database: Path | str | None = None

    async def left(self, of: MessageIntent, at: dt.datetime = NOON) -> str:
        """A message that has become a ticket; its reference."""
        return await self.tickets.capture(of, facts(of), at)


@pytest.fixture(params=["memory", *KINDS])
def stores(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stores]:
    if request.param == "memory":
        tickets = MemoryTicketStore()
        yield Stores(MemoryTranscriptStore(tickets), tickets)
        return
    path = new_database(request.param, tmp_path)
    sql = SqlTicketStore.open(path, tmp_path / "secrets" / "data_key", Path("/recordings"), exclusive=True)
    yield Stores(SqlTranscriptStore(sql.database, sql.key, Path("/recordings")), sql, path)
    sql.close()


def test_a_message_on_a_ticket_is_taken_and_its_words_are_kept(stores: Stores):
    async def story() -> None:
        await stores.left(intent())
        assert await stores.transcripts.next_due(ANY) == NOON

        taken = await stores.transcripts.take(NOON, ANY)

        assert taken == UnheardMessage(intent().message_key, facts(intent()).path, 4.0, "zh-CN", 1)
        await stores.transcripts.keep(taken, WORDS, NOON + SECOND)
        kept = await stores.transcripts.transcripts([intent().message_key, "another"])
        assert kept == {intent().message_key: MessageTranscript(TranscriptState.HEARD, 1, NOON + SECOND, WORDS)}
        assert await stores.transcripts.next_due(ANY) is None
        assert await stores.transcripts.take(NOON + LEASE, ANY) is None

    asyncio.run(story())


def test_what_is_no_message_yet_and_what_comes_later_is_not_taken(stores: Stores):
    async def story() -> None:
        await stores.tickets.begin(intent("a"))
        await stores.tickets.abandon(intent("b"), "too_short", NOON)
        await stores.left(intent("c"), NOON + MINUTE)

        assert await stores.transcripts.take(NOON, ANY) is None
        assert await stores.transcripts.next_due(ANY) == NOON + MINUTE
        taken = await stores.transcripts.take(NOON + MINUTE, ANY)
        assert taken is not None
        assert taken.key == "c/message/1"

    asyncio.run(story())


def test_the_ticket_that_is_due_next_comes_first(stores: Stores):
    async def story() -> None:
        for session, at, caller in (("late", NOON + MINUTE, "13900001001"), ("soon", NOON, "13900001002"), ("more", NOON, "13900001002")):
            await stores.left(intent(session, at=at, caller=caller), at + len(session) * SECOND + (session == "more") * SECOND)

        taken = [await stores.transcripts.take(NOON + 2 * MINUTE, ANY) for _ in range(4)]

        assert [one.key.partition("/")[0] if one else None for one in taken] == ["soon", "more", "late", None]

    asyncio.run(story())


def test_an_attempt_that_nobody_ends_is_followed_by_another_when_its_lease_is_over(stores: Stores):
    async def story() -> None:
        await stores.left(intent())
        await stores.transcripts.take(NOON, ANY)  # and then the engine died

        assert await stores.transcripts.take(NOON + LEASE - SECOND, ANY) is None
        assert await stores.transcripts.next_due(ANY) == NOON + LEASE
        again = await stores.transcripts.take(NOON + LEASE, ANY)
        assert again is not None
        assert again.attempts == 2

    asyncio.run(story())


def test_a_failed_attempt_is_due_again_with_its_reason_and_a_last_one_is_the_end(stores: Stores):
    async def story() -> None:
        await stores.left(intent())
        key = intent().message_key
        first = await stores.transcripts.take(NOON, ANY)
        assert first is not None
        await stores.transcripts.again(first, "crashed", NOON, NOON + MINUTE)

        assert await stores.transcripts.transcripts([key]) == {key: MessageTranscript(TranscriptState.WAITING, 1, NOON, None, "crashed")}
        assert await stores.transcripts.take(NOON + MINUTE - SECOND, ANY) is None
        second = await stores.transcripts.take(NOON + MINUTE, ANY)
        assert second is not None
        await stores.transcripts.failed(second, "too_slow", NOON + MINUTE)

        assert await stores.transcripts.transcripts([key]) == {
            key: MessageTranscript(TranscriptState.FAILED, 2, NOON + MINUTE, None, "too_slow")
        }
        assert await stores.transcripts.next_due(ANY) is None

    asyncio.run(story())


def test_what_is_said_of_an_earlier_attempt_or_of_what_was_heard_changes_nothing(stores: Stores):
    async def story() -> None:
        await stores.left(intent())
        key = intent().message_key
        first = await stores.transcripts.take(NOON, ANY)
        second = await stores.transcripts.take(NOON + LEASE, ANY)
        assert first is not None
        assert second is not None

        await stores.transcripts.failed(first, "late", NOON + LEASE)
        await stores.transcripts.again(first, "late", NOON + LEASE, NOON)
        await stores.transcripts.keep(second, WORDS, NOON + LEASE)
        await stores.transcripts.failed(second, "late", NOON + LEASE)
        await stores.transcripts.keep(second, Transcript("别的", "zh-CN", 0.1, "fake"), NOON + 2 * LEASE)

        assert await stores.transcripts.transcripts([key]) == {key: MessageTranscript(TranscriptState.HEARD, 2, NOON + LEASE, WORDS)}

    asyncio.run(story())


def test_a_recogniser_is_given_the_languages_it_understands(stores: Stores):
    async def story() -> None:
        await stores.left(intent())

        assert await stores.transcripts.next_due({"en-US"}) is None
        assert await stores.transcripts.take(NOON, {"en-US"}) is None
        assert await stores.transcripts.take(NOON, set()) is None
        assert await stores.transcripts.take(NOON, {"en-US", "zh-CN"}) is not None

    asyncio.run(story())


def test_a_ticket_that_has_been_answered_needs_no_transcript(stores: Stores):
    async def story() -> None:
        reference = await stores.left(intent())
        claimed = await stores.tickets.claim(reference, "ann", NOON)
        assert claimed is not None
        assert await stores.transcripts.next_due(ANY) == NOON  # who calls back reads it

        assert await stores.tickets.resolve(reference, "ann", claimed.claim_token, "called back", NOON)

        assert await stores.transcripts.next_due(ANY) is None
        assert await stores.transcripts.take(NOON, ANY) is None

    asyncio.run(story())


def test_what_a_caller_said_lies_in_the_database_encrypted(stores: Stores):
    async def story() -> None:
        await stores.left(intent())
        taken = await stores.transcripts.take(NOON, ANY)
        assert taken is not None
        await stores.transcripts.keep(taken, WORDS, NOON)

    asyncio.run(story())
    assert "密码" not in repr(asyncio.run(stores.transcripts.transcripts([intent().message_key])))
    if stores.database is not None:
        plain = Plain(stores.database)
        [row] = plain.execute("SELECT * FROM transcript")
        plain.close()
        assert not any("密码".encode() in value for value in row if isinstance(value, bytes))
        assert "密码" not in repr(row)
