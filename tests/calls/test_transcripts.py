"""Messages are transcribed in the background: what comes of good and bad recordings, and that nothing ever waits for it."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import structlog

from adapters.memory import FixedClock, MemorySpool, MemoryTicketStore, MemoryTranscriber, MemoryTranscriptStore
from ivr.calls.capture import MessageCapture
from ivr.calls.ports import MessageTranscript, Transcript, TranscriptState, UnheardMessage
from ivr.calls.tickets import TicketDesk
from ivr.calls.transcripts import AFTER_TROUBLE, MOST_ATTEMPTS, Hearing, TranscriptService, lease, patience, pause_after
from ivr.core.events import MessageKept
from ivr.errors import StoreFailed, TranscriberAway, TranscriberFailed
from tests.calls.test_capture import TAKE, Line
from tests.contracts.stories import CALLER, MINUTE, NOON, SPEECH, facts, intent

WORDS = Transcript("我的密码是一二三四五六，请回电。", "zh-CN", 0.83, "fake")
CRASHED = TranscriberFailed("crashed")


class World:
    """Tickets with messages, somebody who transcribes, and a clock."""

    def __init__(self, *answers: Transcript | Exception, transcriber: MemoryTranscriber | None = None) -> None:
        self.clock = FixedClock(NOON)
        self.tickets = MemoryTicketStore()
        self.store = MemoryTranscriptStore(self.tickets)
        self.transcriber = transcriber or MemoryTranscriber(*answers or (WORDS,))
        self.service = TranscriptService(self.store, self.transcriber, self.clock)

    def left(self, *sessions: str) -> World:
        for session in sessions or ("a",):
            of = intent(session, caller=f"{CALLER[:-1]}{len(session)}")
            asyncio.run(self.tickets.capture(of, facts(of), self.clock.now))
        return self

    def hears(self) -> Hearing:
        return asyncio.run(self.service.hear_due())

    def transcript(self, session: str = "a") -> MessageTranscript | None:
        key = intent(session).message_key
        return asyncio.run(self.store.transcripts([key])).get(key)


def test_messages_are_heard_one_after_the_other_and_then_the_recogniser_rests():
    world = World().left("a", "bb", "ccc")

    assert world.hears() == Hearing(heard=3)

    assert world.transcript("bb") == MessageTranscript(TranscriptState.HEARD, 1, NOON, WORDS)
    assert [path for path, *_ in world.transcriber.asked] == [facts(intent(session)).path for session in ("a", "bb", "ccc")]
    assert {(language, seconds) for _, language, seconds in world.transcriber.asked} == {("zh-CN", patience(4.0))}
    assert not world.transcriber.awake
    assert world.hears() == Hearing()


def test_a_recording_that_cannot_be_heard_is_tried_four_times_after_growing_pauses_and_then_left_to_ears():
    world = World(CRASHED).left()
    tried: list[int] = []

    for minute in range(2 * 60):
        world.clock.now = NOON + minute * MINUTE
        if world.hears() != Hearing():
            tried.append(minute)

    assert tried == [0, 1, 6, 31]
    assert world.transcript() == MessageTranscript(TranscriptState.FAILED, MOST_ATTEMPTS, NOON + 31 * MINUTE, None, "crashed")


def test_a_bad_recording_does_not_keep_the_others_waiting():
    world = World(CRASHED, WORDS).left("a", "bb")

    assert world.hears() == Hearing(heard=1, again=1)

    world.clock.move(MINUTE)
    assert world.hears() == Hearing(heard=1)
    assert world.transcript("a") == MessageTranscript(TranscriptState.HEARD, 2, NOON + MINUTE, WORDS)


def test_a_recording_with_which_the_engine_dies_every_time_is_given_up():
    """Each attempt is counted before it begins, and the next engine goes on counting."""

    class Killer(MemoryTranscriber):
        async def hear(self, recording: Path, language: str, patience: float) -> Transcript:
            raise KeyboardInterrupt

    world = World(transcriber=Killer(WORDS)).left()
    deaths = 0
    for _ in range(10):
        try:
            world.hears()
        except KeyboardInterrupt:
            deaths += 1
            world.service = TranscriptService(world.store, world.transcriber, world.clock)
        world.clock.move(lease(4.0))

    assert deaths == MOST_ATTEMPTS
    assert world.transcript() == MessageTranscript(
        TranscriptState.FAILED, MOST_ATTEMPTS + 1, NOON + MOST_ATTEMPTS * lease(4.0), None, "interrupted"
    )


def test_a_recogniser_that_does_not_start_costs_no_message_an_attempt():
    class Away(MemoryTranscriber):
        async def wake(self) -> None:
            raise TranscriberAway("ImportError: no such library")

    world = World(transcriber=Away(WORDS)).left()

    with pytest.raises(TranscriberAway):
        world.hears()

    assert world.transcript() is None


def test_only_languages_that_the_recogniser_understands_are_asked_of_it():
    world = World(transcriber=MemoryTranscriber(WORDS, languages={"en-US"})).left()

    assert world.hears() == Hearing()

    assert world.transcriber.asked == []


def test_what_a_recogniser_writes_is_words_and_nothing_else():
    world = World(Transcript("请\x1b[2J回\u202e电\n\n 谢谢 ", "zh-CN", 1.2, "fake")).left()

    world.hears()

    assert world.transcript() == MessageTranscript(TranscriptState.HEARD, 1, NOON, Transcript("请 [2J回 电 谢谢", "zh-CN", 1.0, "fake"))


def test_pauses_grow_and_patience_grows_with_the_recording():
    assert [pause_after(attempts) / MINUTE for attempts in (1, 2, 3)] == [1, 5, 25]
    assert [patience(0), patience(180)] == [60, 420]
    assert lease(180) == dt.timedelta(seconds=450)


@contextlib.asynccontextmanager
async def running(service: TranscriptService) -> AsyncIterator[None]:
    task = asyncio.create_task(service.run())
    try:
        async with asyncio.timeout(5):
            yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


class Telling(MemoryTranscriptStore):
    """Tells when a transcript is there."""

    def __init__(self, tickets: MemoryTicketStore) -> None:
        super().__init__(tickets)
        self.told = asyncio.Event()

    async def keep(self, message: UnheardMessage, transcript: Transcript, at: dt.datetime) -> None:
        await super().keep(message, transcript, at)
        self.told.set()


def test_a_message_is_heard_as_soon_as_its_call_is_over_and_what_was_left_before_at_the_start():
    async def story() -> list[str]:
        world = World()
        store = Telling(world.tickets)
        service = TranscriptService(store, world.transcriber, world.clock)
        await world.tickets.capture(intent("a"), facts(intent("a")), NOON)
        async with running(service):
            await store.told.wait()
            store.told.clear()
            await world.tickets.capture(intent("b"), facts(intent("b")), NOON)
            service.look()
            await store.told.wait()
        return sorted(await store.transcripts(["a/message/1", "b/message/1"]))

    assert asyncio.run(story()) == ["a/message/1", "b/message/1"]


def test_a_recogniser_that_is_away_is_told_once_and_tried_again_every_ten_minutes():
    class AwayForAWhile(MemoryTranscriber):
        def __init__(self) -> None:
            super().__init__(WORDS)
            self.times = 3

        async def wake(self) -> None:
            self.times -= 1
            if self.times >= 0:
                raise TranscriberAway("ImportError")

    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    async def story() -> None:
        world = World()
        store = Telling(world.tickets)
        await world.tickets.capture(intent("a"), facts(intent("a")), NOON)
        async with running(TranscriptService(store, AwayForAWhile(), world.clock, sleep=sleep)):
            await store.told.wait()

    with structlog.testing.capture_logs() as logs:
        asyncio.run(story())

    assert slept == [AFTER_TROUBLE] * 3
    assert [log["event"] for log in logs] == ["transcriber_away", "message_transcribed"]


def test_the_loop_outlives_a_database_that_is_away_and_a_bug():
    class Troubled(Telling):
        def __init__(self, tickets: MemoryTicketStore) -> None:
            super().__init__(tickets)
            self.troubles: list[Exception] = [RuntimeError("a bug"), StoreFailed("away")]
            self.met = asyncio.Event()

        async def take(self, at: dt.datetime, languages: object) -> UnheardMessage | None:
            if self.troubles:
                self.met.set()
                raise self.troubles.pop(0)
            return await super().take(at, None)

    async def at_once(seconds: float) -> None:
        assert seconds == AFTER_TROUBLE

    async def story() -> None:
        world = World()
        store = Troubled(world.tickets)
        await world.tickets.capture(intent("a"), facts(intent("a")), NOON)
        service = TranscriptService(store, world.transcriber, world.clock, sleep=at_once)
        async with running(service):
            await store.met.wait()
            while not store.told.is_set():
                service.look()
                await asyncio.sleep(0)

    asyncio.run(story())


def test_a_recogniser_that_hangs_delays_no_ticket_and_who_claims_it_sees_that_it_is_being_heard():
    class Hanging(MemoryTranscriber):
        def __init__(self) -> None:
            super().__init__(WORDS)
            self.hangs = asyncio.Event()

        async def hear(self, recording: Path, language: str, patience: float) -> Transcript:
            self.hangs.set()
            await asyncio.Event().wait()
            raise AssertionError

    async def story() -> None:
        world, hanging = World(), Hanging()
        spool = MemorySpool(world.clock)
        capture = MessageCapture(world.tickets, spool, world.clock, 0)
        async with running(TranscriptService(world.store, hanging, world.clock)):
            await world.tickets.capture(intent("a"), facts(intent("a")), NOON)
            await hanging.hangs.wait()

            kept = await capture.take(Line(spool, SPEECH, hung_up=True), intent("b"), TAKE)

            assert isinstance(kept, MessageKept)
            assert kept.reference is not None
            desk = TicketDesk(world.tickets, world.clock, world.store)
            shown = (await desk.show(kept.reference)).messages
            assert [message.transcript and message.transcript.state for message in shown] == [TranscriptState.WAITING, None]

    asyncio.run(story())


def test_no_word_of_a_caller_is_in_the_log():
    world = World(CRASHED, WORDS).left("a", "bb")

    with structlog.testing.capture_logs() as logs:
        world.hears()

    assert [log["event"] for log in logs] == ["transcript_tried", "message_transcribed"]
    assert "密码" not in repr(logs)
    assert logs[1]["confidence"] == 0.83


def test_a_ticket_is_shown_with_its_transcripts_and_without_when_they_cannot_be_read():
    class Away(MemoryTranscriptStore):
        async def transcripts(self, keys: object) -> dict[str, MessageTranscript]:
            raise StoreFailed("away")

    world = World().left()
    world.hears()
    [line] = asyncio.run(TicketDesk(world.tickets, world.clock).list())

    def shown(store: MemoryTranscriptStore | None) -> MessageTranscript | None:
        [message] = asyncio.run(TicketDesk(world.tickets, world.clock, store).show(line.reference)).messages
        return message.transcript

    assert shown(world.store) == world.transcript()
    assert shown(Away(world.tickets)) is None
    assert shown(None) is None
