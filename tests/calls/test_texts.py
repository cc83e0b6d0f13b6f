"""Text messages from the outbox to the network: what is sent, what is tried again and when, and what must not be sent twice."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt

import pytest

from adapters.memory import FixedClock, MemoryTextOutbox, MemoryTextSender
from ivr.calls.ports import QueuedText, Sent, TextMessage, TextState
from ivr.calls.texts import AT_ONCE, TIME_TO_LIVE, Sending, TextService, is_mobile, pause_after, text_lines
from ivr.errors import OutboxFailed, SendFailed
from tests.contracts.stories import MINUTE, NOON
from tests.contracts.test_text_outbox import text

BUSY = SendFailed("busy", temporary=True)


class World:
    """An outbox, a network, and a clock; `slept` has the pauses that were made."""

    def __init__(self, *answers: Sent | Exception, outbox: MemoryTextOutbox | None = None) -> None:
        self.clock = FixedClock(NOON)
        self.outbox = outbox or MemoryTextOutbox()
        self.sender = MemoryTextSender(*answers)
        self.slept: list[float] = []
        self.service = TextService(self.outbox, self.sender, self.clock, sleep=self._sleep)

    async def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)

    def queued(self, *counts: int) -> World:
        for count in counts or (1,):
            asyncio.run(self.service.queue(text(count)))
        return self

    def sends(self) -> Sending:
        return asyncio.run(self.service.send_due())

    @property
    def kept(self) -> dict[str, QueuedText]:
        return {one.message.key[-1]: one for one in asyncio.run(self.outbox.texts(100))}


def test_a_message_is_sent_and_its_receipt_kept():
    world = World().queued(1, 2)

    assert world.sends() == Sending(sent=2)

    assert [message.text for message in world.sender.delivered] == ["您的账户余额35.62元。"] * 2
    assert world.kept["2"] == QueuedText(text(2), TextState.SENT, 1, NOON, "", "memory-2")
    assert world.sends() == Sending()


def test_what_the_network_refuses_for_now_is_tried_again_after_growing_pauses():
    world = World(BUSY, BUSY, BUSY).queued()
    tried: list[int] = []

    for second in range(60):
        world.clock.now = NOON + dt.timedelta(seconds=second)
        if world.sends() != Sending():
            tried.append(second)

    assert tried == [0, 5, 15, 35]
    assert (world.kept["1"].state, world.kept["1"].attempts) == (TextState.SENT, 4)


def test_pauses_end_at_ten_minutes():
    assert [pause_after(attempts).total_seconds() for attempts in (1, 2, 7, 8, 9999)] == [5, 10, 320, 600, 600]


def test_what_the_network_refuses_for_good_is_not_tried_again():
    world = World(SendFailed("barred", temporary=False)).queued()

    assert world.sends() == Sending(refused=1)

    world.clock.move(dt.timedelta(days=1))
    assert world.sends() == Sending()
    assert (world.kept["1"].state, world.kept["1"].reason) == (TextState.FAILED, "barred")


def test_after_a_day_a_message_has_lost_its_news():
    world = World(BUSY).queued(1, 2)

    world.clock.now = NOON + TIME_TO_LIVE
    world.sends()
    world.clock.now = NOON + TIME_TO_LIVE + MINUTE
    world.queued(3)
    world.sends()

    assert (world.kept["1"].state, world.kept["1"].reason) == (TextState.FAILED, "busy")
    assert world.kept["2"].state is TextState.SENT
    assert (world.kept["3"].state, world.kept["3"].reason) == (TextState.FAILED, "expired")
    assert len(world.sender.delivered) == 1


def test_whether_the_network_has_it_nobody_knows_and_nobody_sends_it_again():
    world = World(ConnectionResetError("in the middle of it")).queued(1, 2)

    assert world.sends() == Sending(sent=1, unknown=1)

    world.clock.move(dt.timedelta(hours=1))
    assert world.sends() == Sending()
    assert {count: one.state for count, one in world.kept.items()} == {"1": TextState.UNKNOWN, "2": TextState.SENT}


def test_a_network_that_does_not_answer_holds_up_nobody_for_long():
    class Silent(MemoryTextSender):
        async def send(self, message: TextMessage) -> Sent:
            await asyncio.Event().wait()
            raise AssertionError

    world = World().queued()
    service = TextService(world.outbox, Silent(), world.clock, patience=0.01)

    assert asyncio.run(service.send_due()) == Sending(unknown=1)
    assert world.kept["1"].state is TextState.UNKNOWN


def test_several_are_on_their_way_at_once_and_no_more():
    class Counting(MemoryTextSender):
        def __init__(self) -> None:
            super().__init__()
            self.under_way = 0
            self.most = 0

        async def send(self, message: TextMessage) -> Sent:
            self.under_way += 1
            self.most = max(self.most, self.under_way)
            await asyncio.sleep(0)
            self.under_way -= 1
            return await super().send(message)

    outbox, sender = MemoryTextOutbox(), Counting()
    service = TextService(outbox, sender, FixedClock(NOON))

    async def story() -> None:
        for count in range(30):
            await service.queue(text(count))
        await service.send_due()

    asyncio.run(story())
    assert (len(sender.delivered), sender.most) == (30, AT_ONCE)


class SometimesAway(MemoryTextOutbox):
    """A database that is away a few times before it takes down what was sent."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self.times = times

    async def sent(self, key: str, receipt: str, at: dt.datetime) -> None:
        if self.times:
            self.times -= 1
            raise OutboxFailed("away")
        await super().sent(key, receipt, at)


def test_that_a_message_was_sent_is_written_down_however_long_the_database_is_away():
    world = World(outbox=SometimesAway(3)).queued()

    assert world.sends() == Sending(sent=1)

    assert world.slept == [5, 10, 20]
    assert world.kept["1"].state is TextState.SENT


def test_a_database_that_is_away_is_told_to_who_queues_and_who_sends():
    class Away(MemoryTextOutbox):
        async def queue(self, message: TextMessage) -> None:
            raise OutboxFailed("away")

        async def take(self, at: dt.datetime) -> QueuedText | None:
            raise OutboxFailed("away")

    world = World(outbox=Away())

    with pytest.raises(OutboxFailed):
        world.queued()
    with pytest.raises(OutboxFailed):
        world.sends()


class Delivered(MemoryTextSender):
    """A network that tells when a message has arrived."""

    def __init__(self) -> None:
        super().__init__()
        self.arrived = asyncio.Event()

    async def send(self, message: TextMessage) -> Sent:
        sent = await super().send(message)
        self.arrived.set()
        return sent


@contextlib.asynccontextmanager
async def running(service: TextService):  # type: ignore[no-untyped-def]
    task = asyncio.create_task(service.run())
    try:
        yield
    finally:
        await service.stop()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def test_a_message_that_is_queued_is_sent_at_once_and_what_an_engine_left_behind_is_not_sent_again():
    async def story() -> list[str]:
        outbox, sender = MemoryTextOutbox(), Delivered()
        await outbox.queue(text(1))
        await outbox.take(NOON)  # and then the engine died
        service = TextService(outbox, sender, FixedClock(NOON))
        async with running(service), asyncio.timeout(5):
            await service.queue(text(2))
            await sender.arrived.wait()
            sender.arrived.clear()
            await service.queue(text(3))
            await sender.arrived.wait()
        states = {one.message.key[-1]: one.state for one in await outbox.texts(10)}
        assert states == {"1": TextState.UNKNOWN, "2": TextState.SENT, "3": TextState.SENT}
        return [message.key[-1] for message in sender.delivered]

    assert asyncio.run(story()) == ["2", "3"]


def test_what_came_to_its_end_a_month_ago_is_deleted():
    async def story() -> list[str]:
        outbox, sender, clock = MemoryTextOutbox(), Delivered(), FixedClock(NOON)
        await outbox.queue(text(1))
        await outbox.take(NOON)
        await outbox.sent(text(1).key, "r", NOON)
        clock.move(dt.timedelta(days=31))
        service = TextService(outbox, sender, clock)
        async with running(service), asyncio.timeout(5):
            for count in (2, 3):
                sender.arrived.clear()
                await service.queue(text(count, at=clock.now))
                await sender.arrived.wait()
        return [one.message.key[-1] for one in await outbox.texts(10)]

    assert asyncio.run(story()) == ["3", "2"]


def test_the_loop_outlives_a_database_that_is_away_and_a_bug():
    class Troubled(MemoryTextOutbox):
        def __init__(self) -> None:
            super().__init__()
            self.troubles: list[Exception] = [OutboxFailed("away"), RuntimeError("a bug")]
            self.met = asyncio.Event()

        async def take(self, at: dt.datetime) -> QueuedText | None:
            if self.troubles:
                self.met.set()
                raise self.troubles.pop(0)
            return await super().take(at)

    async def story() -> None:
        outbox, sender = Troubled(), Delivered()
        service = TextService(outbox, sender, FixedClock(NOON))
        async with running(service), asyncio.timeout(5):
            for count in (1, 2):
                await outbox.met.wait()
                outbox.met.clear()
                await service.queue(text(count))
            await sender.arrived.wait()

    asyncio.run(story())


def test_who_stops_waits_for_what_the_network_is_being_given_and_gives_it_no_more():
    class Slow(Delivered):
        def __init__(self) -> None:
            super().__init__()
            self.begun = asyncio.Event()
            self.may_end = asyncio.Event()

        async def send(self, message: TextMessage) -> Sent:
            self.begun.set()
            await self.may_end.wait()
            return await super().send(message)

    async def story() -> dict[str, TextState]:
        outbox, sender = MemoryTextOutbox(), Slow()
        service = TextService(outbox, sender, FixedClock(NOON))
        async with running(service), asyncio.timeout(5):
            await service.queue(text(1))
            await sender.begun.wait()
            stopping = asyncio.create_task(service.stop())
            await service.queue(text(2))
            sender.may_end.set()
            await stopping
            await service.stop(patience=0.01)  # twice is once
        return {one.message.key[-1]: one.state for one in await outbox.texts(10)}

    assert asyncio.run(story()) == {"1": TextState.SENT, "2": TextState.QUEUED}


def test_a_message_does_not_wait_for_another_that_hangs_nor_does_who_stops_for_long():
    class Hanging(Delivered):
        def __init__(self) -> None:
            super().__init__()
            self.hangs = asyncio.Event()

        async def send(self, message: TextMessage) -> Sent:
            if message.key.endswith("1"):
                self.hangs.set()
                await asyncio.Event().wait()
            return await super().send(message)

    async def story() -> dict[str, TextState]:
        outbox, sender = MemoryTextOutbox(), Hanging()
        service = TextService(outbox, sender, FixedClock(NOON))
        async with asyncio.timeout(5):
            run = asyncio.create_task(service.run())
            await service.queue(text(1))
            await sender.hangs.wait()
            await service.queue(text(2))
            await sender.arrived.wait()
            await service.stop(patience=0.01)
            run.cancel()
            await asyncio.gather(run, return_exceptions=True)
        return {one.message.key[-1]: one.state for one in await outbox.texts(10)}

    states = asyncio.run(story())
    assert states["1"] is TextState.SENDING  # which is `unknown` after the next start
    assert len(states) == 2


def test_operators_see_masked_numbers_and_no_words():
    world = World(BUSY).queued()
    world.sends()

    (line,) = text_lines(world.kept.values())

    assert (line.node, line.count, line.to, line.state, line.reason) == ("send", 1, "139****1008", TextState.QUEUED, "busy")
    assert "35.62" not in repr(line)
    assert "35.62" not in repr(world.kept)
    assert "13900001008" not in repr(world.kept)


@pytest.mark.parametrize("number", ["13900001008", "19912345678", "17000000000"])
def test_a_mobile_number_can_be_texted(number: str):
    assert is_mobile(number)


@pytest.mark.parametrize(
    "number", ["", "1008611", "12900001008", "02112345678", "+8613900001008", "139000010080", "1390000100", "13900001008\n", "1390000100８"]
)
def test_any_other_number_cannot(number: str):
    assert not is_mobile(number)
