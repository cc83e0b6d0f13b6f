"""Taking a message: what is kept, what is said of it, and in which order."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Callable
from dataclasses import replace

import pytest

from adapters.memory import FixedClock, MemorySpool, MemoryTicketStore
from ivr.calls.capture import SHORTEST_MESSAGE, MessageCapture
from ivr.calls.ports import Held, LineCommand, LineEvent, MessageFacts, MessageIntent, Recorded, TicketState
from ivr.core.commands import TakeMessage
from ivr.core.events import CallerHungUp, CommandFailed, MessageKept, MessageNotKept
from ivr.core.values import Utterance
from ivr.errors import ChannelFailed, SpoolFailed, StoreFailed
from tests.contracts.stories import NOON, SPEECH, intent

TAKE = TakeMessage("message", 1, "billing", "zh-CN", dt.timedelta(seconds=180), dt.timedelta(seconds=5))
MEBIBYTE = 1 << 20


class Line:
    """Records what the caller says into the spool in memory; `said` None is a line that cannot record."""

    def __init__(self, spool: MemorySpool, said: bytes | None, *, samples: int | None = None, hung_up: bool = False) -> None:
        self._spool = spool
        self._said = said
        self._samples = samples
        self._hung_up = hung_up
        self.recorded: list[str] = []
        self.asked: list[tuple[dt.timedelta, dt.timedelta]] = []
        self.meanwhile: Callable[[], None] = lambda: None

    async def record(self, name: str, max_length: dt.timedelta, final_silence: dt.timedelta) -> Recorded:
        self.recorded.append(name)
        self.asked.append((max_length, final_silence))
        self.meanwhile()
        if self._said is None:
            raise ChannelFailed("the line cannot record")
        self._spool.files[self._spool.recording_path(intent()).with_name(f"{name}.alaw")] = self._said
        return Recorded(len(self._said) if self._samples is None else self._samples, self._hung_up)

    async def perform(self, command: LineCommand) -> LineEvent:
        return CallerHungUp(NOON)

    async def hold(self, work: asyncio.Future[object], comfort: Utterance | None, comfort_after: dt.timedelta) -> Held:
        return Held("", hung_up=False)


class AwayStore(MemoryTicketStore):
    """A store whose database is away."""

    async def begin(self, intent: MessageIntent) -> None:
        raise StoreFailed("away")

    async def capture(self, intent: MessageIntent, facts: MessageFacts, at: dt.datetime) -> str:
        raise StoreFailed("away")

    async def abandon(self, intent: MessageIntent, reason: str, at: dt.datetime, facts: MessageFacts | None = None) -> None:
        raise StoreFailed("away")


class SilentStore(MemoryTicketStore):
    """A store whose database does not answer."""

    async def begin(self, intent: MessageIntent) -> None:
        await asyncio.Event().wait()

    async def capture(self, intent: MessageIntent, facts: MessageFacts, at: dt.datetime) -> str:
        await asyncio.Event().wait()
        return ""


class BrokenSpool(MemorySpool):
    """A spool that refuses what is named in `broken`."""

    broken: tuple[str, ...] = ()

    def write_intent(self, intent: MessageIntent) -> None:
        if "intent" in self.broken:
            raise SpoolFailed("cannot write")
        super().write_intent(intent)

    def write_facts(self, intent: MessageIntent, facts: MessageFacts) -> None:
        if "facts" in self.broken:
            raise SpoolFailed("cannot write")
        super().write_facts(intent, facts)

    def intent_done(self, intent: MessageIntent) -> None:
        if "done" in self.broken:
            raise SpoolFailed("cannot rename")
        super().intent_done(intent)


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(NOON)


@pytest.fixture
def spool(clock: FixedClock) -> BrokenSpool:
    return BrokenSpool(clock)


@pytest.fixture
def store() -> MemoryTicketStore:
    return MemoryTicketStore()


def taker(store: MemoryTicketStore, spool: MemorySpool, **more: object) -> MessageCapture:
    return MessageCapture(store, spool, FixedClock(NOON), MEBIBYTE, **more)  # type: ignore[arg-type]


def take(capture: MessageCapture, line: Line) -> MessageKept | MessageNotKept | CommandFailed:
    return asyncio.run(capture.take(line, intent(), TAKE))


@pytest.mark.parametrize("hung_up", [False, True])
def test_a_message_is_kept_and_its_reference_told(store: MemoryTicketStore, spool: BrokenSpool, hung_up: bool):
    line = Line(spool, SPEECH, hung_up=hung_up)

    answer = take(taker(store, spool), line)

    [ticket] = asyncio.run(store.tickets())
    assert answer == MessageKept(NOON, ticket.reference, hung_up=hung_up)
    assert line.recorded == [spool.recording_name(intent())]
    assert line.asked == [(TAKE.max_length, TAKE.final_silence)]
    assert [(message.seconds, message.partial) for message in ticket.messages] == [(4.0, False)]
    assert spool.intents() == ()


def test_the_steps_are_taken_in_the_order_that_makes_the_promise(store: MemoryTicketStore, spool: BrokenSpool):
    steps: list[str] = []
    line = Line(spool, SPEECH)
    line.meanwhile = lambda: steps.append("beep")

    take(taker(store, spool, failpoint=steps.append), line)

    assert steps == ["start", "intent_kept", "begun", "beep", "recorded", "settled", "captured", "intent_done"]


def test_nothing_is_recorded_when_the_disk_is_nearly_full(store: MemoryTicketStore, spool: BrokenSpool):
    spool.free = MEBIBYTE - 1
    line = Line(spool, SPEECH)

    assert take(taker(store, spool), line) == MessageNotKept(NOON, "disk_full")
    assert (line.recorded, spool.intents()) == ([], ())


def test_nothing_is_recorded_when_the_intent_cannot_be_written(store: MemoryTicketStore, spool: BrokenSpool):
    spool.broken = ("intent",)
    line = Line(spool, SPEECH)

    assert take(taker(store, spool), line) == MessageNotKept(NOON, "not_begun")
    assert line.recorded == []


@pytest.mark.parametrize("hung_up", [False, True])
def test_under_two_seconds_is_no_message(store: MemoryTicketStore, spool: BrokenSpool, hung_up: bool):
    answer = take(taker(store, spool), Line(spool, b"\xd5" * (SHORTEST_MESSAGE - 1), hung_up=hung_up))

    assert answer == MessageNotKept(NOON, "too_short", hung_up=hung_up)
    assert [ticket.state for ticket in asyncio.run(store.tickets(include_ended=True))] == [TicketState.ABANDONED]
    assert spool.intents() == ()


def test_two_seconds_are_one(store: MemoryTicketStore, spool: BrokenSpool):
    assert isinstance(take(taker(store, spool), Line(spool, b"\xd5" * SHORTEST_MESSAGE, hung_up=True)), MessageKept)


def test_what_lies_on_the_disk_counts_when_the_line_lost_count(store: MemoryTicketStore, spool: BrokenSpool):
    answer = take(taker(store, spool), Line(spool, SPEECH, samples=0, hung_up=True))

    assert isinstance(answer, MessageKept)


def test_a_recording_shorter_than_reported_is_kept_and_flagged(store: MemoryTicketStore, spool: BrokenSpool):
    answer = take(taker(store, spool), Line(spool, SPEECH[:100], samples=len(SPEECH)))

    assert isinstance(answer, MessageKept)
    [ticket] = asyncio.run(store.tickets())
    assert [message.partial for message in ticket.messages] == [True]


@pytest.mark.parametrize("away", [AwayStore, SilentStore])
def test_without_a_database_the_promise_stands_on_the_disk(spool: BrokenSpool, away: type[MemoryTicketStore]):
    capture = taker(away(), spool, store_deadline=dt.timedelta(milliseconds=10))

    assert take(capture, Line(spool, SPEECH, hung_up=True)) == MessageKept(NOON, None, hung_up=True)
    assert spool.intents() == (intent(),)
    assert spool.facts(intent()) == spool.settle(spool.recording_path(intent()), len(SPEECH))


def test_without_a_database_a_short_message_is_left_to_the_recovery(spool: BrokenSpool):
    assert take(taker(AwayStore(), spool), Line(spool, b"")) == MessageNotKept(NOON, "too_short")
    assert spool.intents() == (intent(),)


@pytest.mark.parametrize(("on_disk", "answer"), [(SPEECH, MessageKept(NOON, None)), (SPEECH[:100], MessageNotKept(NOON, "storage"))])
def test_without_a_database_and_without_a_note_only_audio_that_speaks_for_itself_is_promised(
    spool: BrokenSpool, on_disk: bytes, answer: MessageKept | MessageNotKept
):
    spool.broken = ("facts",)

    assert take(taker(AwayStore(), spool), Line(spool, on_disk, samples=len(SPEECH))) == answer


def test_an_intent_that_cannot_be_put_away_spoils_nothing(store: MemoryTicketStore, spool: BrokenSpool):
    spool.broken = ("done",)

    answer = take(taker(store, spool), Line(spool, SPEECH))

    assert isinstance(answer, MessageKept)
    assert answer.reference is not None
    assert spool.intents() == (intent(),)


def test_a_line_that_cannot_record_fails_the_command_and_leaves_the_intent(store: MemoryTicketStore, spool: BrokenSpool):
    assert take(taker(store, spool), Line(spool, None)) == CommandFailed(NOON, "recording")
    assert spool.intents() == (intent(),)
    assert asyncio.run(store.capturing()) == (intent(),)


def test_a_message_under_a_key_that_is_taken_is_recorded_beside_the_other(store: MemoryTicketStore, spool: BrokenSpool):
    line = Line(spool, SPEECH)
    capture = taker(store, spool)

    first, second = take(capture, line), take(capture, line)

    assert len(set(line.recorded)) == 2
    assert isinstance(first, MessageKept)
    assert isinstance(second, MessageKept)
    assert first.reference == second.reference
    [ticket] = asyncio.run(store.tickets())
    assert [message.key for message in ticket.messages] == [intent().message_key, replace(intent(), count=2).message_key]


def test_a_message_is_busy_only_while_it_is_taken(store: MemoryTicketStore, spool: BrokenSpool):
    capture = taker(store, spool)
    during: list[set[str]] = []
    line = Line(spool, SPEECH)
    line.meanwhile = lambda: during.append(set(capture.busy))

    take(capture, line)

    assert during == [{intent().message_key}]
    assert capture.busy == set()


def test_an_engine_that_is_stopped_in_the_middle_leaves_the_message_to_the_recovery(store: MemoryTicketStore, spool: BrokenSpool):
    class EndlessLine(Line):
        async def record(self, name: str, max_length: dt.timedelta, final_silence: dt.timedelta) -> Recorded:
            recording.set()
            await asyncio.Event().wait()
            raise AssertionError

    recording = asyncio.Event()
    capture = taker(store, spool)

    async def story() -> None:
        call = asyncio.create_task(capture.take(EndlessLine(spool, SPEECH), intent(), TAKE))
        await recording.wait()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call

    asyncio.run(story())
    assert spool.intents() == (intent(),)
    assert capture.busy == set()
