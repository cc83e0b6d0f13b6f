"""The recovery: what it adopts, what it leaves alone, and that it may be done twice."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

import pytest

from adapters.memory import FixedClock, MemoryLiveCalls, MemorySpool, MemoryTicketStore
from ivr.calls.ports import FoundRecording, MessageFacts, MessageIntent, TicketState, UnansweredCall, UnansweredKind
from ivr.calls.recovery import Recovery, RecoveryReport
from ivr.errors import SpoolFailed, StoreFailed
from tests.contracts.stories import CALLER, MINUTE, NOON, SESSION, SPEECH, facts, intent

SECOND = dt.timedelta(seconds=1)
RESCUE = Path("/memory", f"rescue-{SESSION}.alaw")


class World:
    """A spool, a store and an Asterisk that a crash has left behind, at noon."""

    def __init__(self) -> None:
        self.clock = FixedClock(NOON)
        self.spool = MemorySpool(self.clock)
        self.store = MemoryTicketStore()
        self.live = MemoryLiveCalls()
        self.busy: set[str] = set()
        self.calls: set[str] = set()

    def left(self, audio: bytes | None, of: MessageIntent | None = None) -> MessageIntent:
        """An intent and, unless None, its recording."""
        of = of or intent()
        self.spool.write_intent(of)
        if audio is not None:
            self.recorded(self.spool.recording_path(of), audio)
        return of

    def recorded(self, path: Path, audio: bytes = SPEECH) -> None:
        self.spool.files[path] = audio
        self.spool.changed_at[path] = self.clock.now

    def scan(self) -> RecoveryReport:
        """What a recovery that has just started finds."""
        return asyncio.run(Recovery(self.store, self.spool, self.live, self.clock, self.busy, self.calls).scan())

    def all(self) -> list[TicketState]:
        return [ticket.state for ticket in asyncio.run(self.store.tickets(include_ended=True))]


@pytest.fixture
def world() -> World:
    return World()


def test_a_message_whose_call_is_over_gets_its_ticket(world: World):
    world.left(SPEECH)

    report = world.scan()

    [ticket] = asyncio.run(world.store.tickets())
    assert report == RecoveryReport(adopted=(ticket.reference,))
    assert (ticket.caller_id, ticket.created_at, len(ticket.messages)) == (CALLER, NOON, 1)
    assert world.spool.intents() == ()


def test_doing_it_twice_is_doing_it_once(world: World):
    world.left(SPEECH)
    world.scan()
    before = asyncio.run(world.store.tickets())

    assert world.scan() == RecoveryReport()
    assert asyncio.run(world.store.tickets()) == before


def test_an_intent_left_by_a_death_after_the_commit_finds_all_done(world: World):
    world.left(SPEECH)
    reference = asyncio.run(world.store.capture(intent(), facts(intent()), NOON))

    assert world.scan().adopted == (reference,)
    assert len(asyncio.run(world.store.tickets())[0].messages) == 1


@pytest.mark.parametrize("audio", [None, b"", SPEECH[:15_999]])
def test_what_lasted_under_two_seconds_is_counted_as_abandoned(world: World, audio: bytes | None):
    world.left(audio)

    assert world.scan() == RecoveryReport(abandoned=1)
    assert world.all() == [TicketState.ABANDONED]
    assert world.spool.intents() == ()
    assert world.scan() == RecoveryReport()


def test_a_short_recording_that_was_promised_is_kept_as_it_was_noted(world: World):
    world.left(SPEECH[:100])
    world.spool.write_facts(intent(), replace(facts(intent(), SPEECH[:100]), samples=len(SPEECH), partial=True))

    assert len(world.scan().adopted) == 1
    assert asyncio.run(world.store.tickets())[0].messages[0].partial


@pytest.mark.parametrize(("size", "partial"), [(32_000, False), (32_768, True), (65_536, True), (16_080, False)])
def test_a_recording_that_ends_within_a_frame_was_cut_off(world: World, size: int, partial: bool):
    """Asterisk writes whole frames; what a crash leaves of it is whole buffers of 32 KiB."""
    world.left(b"\xd5" * size)
    world.scan()

    assert asyncio.run(world.store.tickets())[0].messages[0].partial == partial


def test_a_message_whose_call_is_live_is_left_alone_until_it_is_over(world: World):
    world.left(SPEECH)
    world.live.sessions = {SESSION}
    world.clock.move(dt.timedelta(hours=1))

    assert world.scan() == RecoveryReport(waiting=1)
    world.live.sessions = set()
    assert len(world.scan().adopted) == 1


def test_a_message_that_this_engine_is_taking_is_left_alone(world: World):
    world.left(SPEECH)
    world.busy.add(intent().message_key)

    assert world.scan() == RecoveryReport()
    assert world.spool.intents() == (intent(),)


def test_a_promised_message_need_not_wait_for_the_end_of_its_call(world: World):
    world.left(SPEECH)
    world.spool.write_facts(intent(), facts(intent()))
    world.live.sessions = {SESSION}

    assert len(world.scan().adopted) == 1


@pytest.mark.parametrize(
    ("begun", "changed", "over"),
    [
        (dt.timedelta(seconds=241), dt.timedelta(seconds=31), True),
        (dt.timedelta(seconds=240), dt.timedelta(seconds=31), False),
        (dt.timedelta(seconds=241), dt.timedelta(seconds=30), False),
        (dt.timedelta(hours=1), dt.timedelta(seconds=4), False),
        (-dt.timedelta(hours=1), -dt.timedelta(hours=1), True),  # the clock was set back
    ],
)
def test_without_asterisks_word_only_an_old_and_quiet_message_is_over(world: World, begun: dt.timedelta, changed: dt.timedelta, over: bool):
    left = world.left(SPEECH, intent(at=NOON - begun))
    world.spool.changed_at[world.spool.recording_path(left)] = NOON - changed
    world.live.sessions = None

    assert len(world.scan().adopted) == over


def test_a_row_whose_intent_is_gone_is_finished_too(world: World):
    asyncio.run(world.store.begin(intent()))
    world.recorded(world.spool.recording_path(intent()))

    assert len(world.scan().adopted) == 1
    assert asyncio.run(world.store.capturing()) == ()


def test_a_claim_that_has_run_out_goes_back(world: World):
    reference = asyncio.run(world.store.capture(intent(), facts(intent()), NOON))
    asyncio.run(world.store.claim(reference, "li", NOON))
    world.clock.move(31 * MINUTE)

    assert world.scan().returned == 1


# --- recordings without an intent -------------------------------------------------------------------------------


def test_a_recording_nobody_speaks_for_gets_a_ticket_of_an_unknown_caller(world: World):
    path = Path("/memory", "0" * 40 + ".alaw")
    world.recorded(path)
    assert world.scan() == RecoveryReport(waiting=1)
    world.clock.move(241 * SECOND)

    [reference] = world.scan().quarantined

    ticket = asyncio.run(world.store.ticket(reference))
    assert ticket is not None
    assert (ticket.caller_id, ticket.topic, ticket.messages[0].path) == ("", "unknown", path)
    assert world.scan() == RecoveryReport()
    assert path in world.spool.files


def test_two_such_recordings_are_two_tickets(world: World):
    for digit in "01":
        world.recorded(Path("/memory", digit * 40 + ".alaw"))
    world.clock.move(241 * SECOND)

    assert len(set(world.scan().quarantined)) == 2


def test_one_too_short_to_say_anything_is_accounted_for_and_kept(world: World):
    path = Path("/memory", "0" * 40 + ".alaw")
    world.recorded(path, b"")
    world.clock.move(241 * SECOND)

    assert world.scan() == RecoveryReport(abandoned=1)
    assert world.scan() == RecoveryReport()
    assert path in world.spool.files


def test_a_rescue_recording_waits_only_for_the_end_of_its_call(world: World):
    world.recorded(RESCUE)
    world.live.sessions = {SESSION}
    assert world.scan() == RecoveryReport(waiting=1)
    world.live.sessions = set()

    [reference] = world.scan().quarantined

    ticket = asyncio.run(world.store.ticket(reference))
    assert ticket is not None
    assert (ticket.topic, ticket.messages[0].key) == ("rescue", f"{SESSION}/rescue/1")


def test_a_rescue_with_its_intent_is_the_callers_own_ticket(world: World):
    rescued = intent(node="rescue", topic="rescue")
    world.spool.write_intent(rescued)
    world.recorded(RESCUE)

    [reference] = world.scan().adopted

    ticket = asyncio.run(world.store.ticket(reference))
    assert ticket is not None
    assert (ticket.caller_id, ticket.messages[0].path) == (CALLER, RESCUE)
    assert world.scan() == RecoveryReport()


def test_a_database_that_was_lost_is_rebuilt_from_what_is_done(world: World):
    world.left(SPEECH)
    world.scan()
    world.store = MemoryTicketStore()

    assert len(world.scan().adopted) == 1
    assert asyncio.run(world.store.tickets())[0].caller_id == CALLER


def test_intents_are_forgotten_a_week_after_they_are_done(world: World):
    world.left(SPEECH)
    world.scan()
    world.clock.move(dt.timedelta(days=7) + SECOND)
    world.scan()

    assert world.spool.done_intent(world.spool.recording_path(intent())) is None


# --- when things are away ---------------------------------------------------------------------------------------


class FailingStore(MemoryTicketStore):
    """Refuses the messages of these sessions."""

    poison: frozenset[str] = frozenset()

    async def capture(self, intent: MessageIntent, facts: MessageFacts, at: dt.datetime) -> str:
        if intent.session in self.poison:
            raise StoreFailed("refused")
        return await super().capture(intent, facts, at)


def test_one_message_that_cannot_be_finished_does_not_keep_the_others_waiting(world: World):
    world.store = FailingStore()
    world.store.poison = frozenset("a")
    for session in "abc":
        world.left(SPEECH, intent(session))

    report = world.scan()

    assert (len(report.adopted), report.complete) == (2, False)
    assert [left.session for left in world.spool.intents()] == ["a"]


def test_a_database_that_refuses_everything_is_not_asked_a_thousand_times(world: World):
    world.store = FailingStore()
    world.store.poison = frozenset("abcde")
    for session in "abcde":
        world.left(SPEECH, intent(session))
    world.left(SPEECH, intent("f", at=NOON + MINUTE))

    assert world.scan() == RecoveryReport(complete=False)
    assert len(world.spool.intents()) == 6


def test_a_database_that_is_away_ends_the_scan_quietly(world: World):
    class AwayStore(MemoryTicketStore):
        async def capturing(self) -> tuple[MessageIntent, ...]:
            raise StoreFailed("away")

    world.store = AwayStore()
    world.left(SPEECH)

    assert world.scan() == RecoveryReport(complete=False)


def test_a_recording_that_cannot_be_read_waits_for_the_next_scan(world: World):
    class BrokenSpool(MemorySpool):
        def settle(self, recording: Path, samples: int | None) -> MessageFacts:
            if recording == broken:
                raise SpoolFailed("input/output error")
            return super().settle(recording, samples)

    world.spool = BrokenSpool(world.clock)
    broken = world.spool.recording_path(intent("a"))
    for session in "ab":
        world.left(SPEECH, intent(session))

    report = world.scan()

    assert (len(report.adopted), report.complete) == (1, False)


def test_the_second_scan_looks_only_at_recordings_that_are_new(world: World):
    looked_past: list[set[str]] = []

    class WatchedSpool(MemorySpool):
        def recordings(self, known: Collection[str] = ()) -> tuple[FoundRecording, ...]:
            looked_past.append(set(known))
            return super().recordings(known)

    world.spool = WatchedSpool(world.clock)
    name = world.spool.recording_path(world.left(SPEECH)).name
    recovery = Recovery(world.store, world.spool, world.live, world.clock)
    for _ in range(3):
        asyncio.run(recovery.scan())

    assert looked_past == [set(), set(), {name}]


def test_two_scans_at_once_do_the_work_once(world: World):
    for number in range(5):
        world.left(SPEECH, intent(f"s{number}", caller=f"1390000200{number}"))
    recovery = Recovery(world.store, world.spool, world.live, world.clock)

    async def story() -> list[RecoveryReport]:
        return await asyncio.gather(recovery.scan(), recovery.scan())

    reports = asyncio.run(story())

    assert sorted(len(report.adopted) for report in reports) == [0, 5]
    assert len(asyncio.run(world.store.tickets())) == 5


def test_a_call_that_begins_during_the_scan_is_in_nobodys_hands_or_live(world: World):
    """The intents are read before Asterisk is asked: a call that begins in between is not adopted half-made."""

    class BusyLine(MemoryLiveCalls):
        async def live_sessions(self) -> frozenset[str] | None:
            live = await super().live_sessions()
            world.left(SPEECH[:100], intent("late"))  # its call was not there yet when Asterisk answered
            return live

    world.live = BusyLine()

    assert world.scan() == RecoveryReport()
    assert [left.session for left in world.spool.intents()] == ["late"]


# --- calls that nobody answered ---------------------------------------------------------------------------------


CUT_OFF = UnansweredCall(SESSION, UnansweredKind.FAILED, CALLER, "1008611", "zh-CN", NOON)


def test_a_call_that_its_engine_left_behind_is_a_ticket_when_asterisk_has_let_go_of_it(world: World):
    world.spool.note_call(CUT_OFF, durable=False)
    world.live = MemoryLiveCalls({SESSION})
    assert world.scan().unanswered == 0

    world.live = MemoryLiveCalls()
    assert world.scan().unanswered == 1

    [ticket] = asyncio.run(world.store.tickets())
    assert (ticket.caller_id, ticket.calls) == (CALLER, (CUT_OFF,))
    assert world.spool.noted_calls() == ()


def test_a_call_that_is_under_way_here_is_left_alone(world: World):
    world.spool.note_call(CUT_OFF, durable=False)
    world.calls.add(SESSION)

    assert world.scan().unanswered == 0
    assert world.spool.noted_calls() == (CUT_OFF,)


def test_when_asterisk_does_not_answer_a_call_is_over_after_an_hour(world: World):
    world.spool.note_call(CUT_OFF, durable=False)
    world.live = MemoryLiveCalls(None)

    world.clock.move(60 * MINUTE)
    assert world.scan().unanswered == 0
    world.clock.move(SECOND)
    assert world.scan().unanswered == 1


def test_a_message_that_the_rescue_took_in_a_call_that_broke_is_on_its_ticket(world: World):
    """The engine dies, the dialplan takes the message: one caller, one ticket."""
    world.spool.note_call(CUT_OFF, durable=False)
    world.left(SPEECH, intent(node="rescue", topic="rescue"))

    world.scan()

    [ticket] = asyncio.run(world.store.tickets())
    assert (len(ticket.messages), len(ticket.calls), ticket.priority) == (1, 1, 100)


def test_a_caller_whom_the_rescue_met_and_who_said_nothing_is_called_back(world: World):
    world.left(None, intent(node="rescue", topic="rescue"))

    report = world.scan()

    assert (report.unanswered, report.abandoned) == (1, 1)
    [ticket] = asyncio.run(world.store.tickets())
    assert (ticket.caller_id, ticket.messages, [call.kind for call in ticket.calls]) == (CALLER, (), [UnansweredKind.FAILED])
