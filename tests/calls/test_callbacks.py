"""Calling back: when it is placed, what is made of the notes, what the agent is asked, and that the number is given out once."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from adapters.memory import FixedClock, MemoryAgentLine, MemoryCallNotes, MemoryDialler, MemorySeats
from adapters.storage.tickets import SqlTicketStore
from ivr.calls.callbacks import Callbacks, Ended, Rules, end_of
from ivr.calls.number_plan import NumberPlan
from ivr.calls.ports import Attempt, AttemptOutcome, AttemptState, CallNote, LineEvent, NoteKind, Placed, TicketState
from ivr.calls.tickets import TicketDesk
from ivr.config import NUMBER_PLAN
from ivr.core.events import CallerHungUp, CommandFailed, DigitsEntered, NothingHeard
from ivr.core.values import Text, Utterance
from ivr.errors import StoreFailed
from tests.contracts.stories import CALLER, MINUTE, NOON, facts, intent

SECOND = dt.timedelta(seconds=1)
YES, NO, SILENCE = DigitsEntered(NOON, "1"), DigitsEntered(NOON, "2"), NothingHeard(NOON)
CHANNEL = "cb-1-1"


@dataclass
class Office:
    """An engine at noon that may dial, and tickets that agents have claimed."""

    store: SqlTicketStore
    clock: FixedClock = field(default_factory=lambda: FixedClock(NOON))
    dialler: MemoryDialler = field(default_factory=MemoryDialler)
    notes: MemoryCallNotes = field(default_factory=MemoryCallNotes)

    def __post_init__(self) -> None:
        self.desk = TicketDesk(self.store, self.clock)
        self.engine = self.new_engine()

    def new_engine(self, **rules: object) -> Callbacks:
        seats = MemorySeats({"li": 1, "wang": 2})
        own = Rules(**{"plan": NumberPlan(NUMBER_PLAN), "trunk": "mobile", "shown": "037110086", **rules})  # type: ignore[arg-type]
        return Callbacks(self.store, self.dialler, self.notes, seats, own, whisper, self.clock)

    async def planned(self, agent: str = "li", caller: str = CALLER, session: str = "a") -> str:
        """A ticket whose agent has just asked to call back."""
        of = intent(session, caller=caller)
        reference = await self.store.capture(of, facts(of), NOON)
        await self.desk.claim(reference, agent)
        assert isinstance(await self.desk.call(reference, agent), Attempt)
        return reference

    async def sent(self) -> str:
        """The same, and the agent's telephone rings."""
        reference = await self.planned()
        await self.engine.step()
        assert await self.state(reference) is AttemptState.SENT
        return reference

    async def ringing(self) -> str:
        """The same, and the agent has asked to be put through."""
        reference = await self.sent()
        await self.engine.picked_up(CHANNEL, MemoryAgentLine([YES]))
        self.note(NoteKind.PICKED_UP)
        self.note(NoteKind.DIALS)
        return reference

    def note(self, kind: NoteKind, status: str = "", cause: int = 0) -> None:
        self.notes.note(CHANNEL, self.clock(), kind, status, cause)

    async def last(self, reference: str) -> Attempt:
        return (await self.desk.show(reference)).attempts[-1]

    async def state(self, reference: str) -> AttemptState:
        return (await self.last(reference)).state

    async def came_to(self, reference: str) -> tuple[AttemptOutcome | None, str, TicketState]:
        last = await self.last(reference)
        return last.outcome, last.cause, (await self.desk.show(reference)).line.state


def whisper(language: str, reference: str, topic: str) -> Utterance:
    return Utterance(language, (Text(reference), Text(topic)))


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    store = SqlTicketStore.open(tmp_path / "selfline.db", tmp_path / "secrets" / "data_key", tmp_path, exclusive=True)
    yield Office(store)
    store.close()


# --- placing ------------------------------------------------------------------------------------------------------


def test_what_is_planned_is_placed_once_at_the_agents_seat(office: Office):
    async def story() -> None:
        reference = await office.sent()
        await office.engine.step()
        await office.new_engine().step()

        assert office.dialler.calls == [(CHANNEL, 1)]
        assert await office.state(reference) is AttemptState.SENT

    asyncio.run(story())


@pytest.mark.parametrize(
    ("caller", "rules", "later", "cause"),
    [
        (CALLER, {"trunk": ""}, SECOND, "no_trunk"),
        (CALLER, {"trunk": "browser", "reached": {"13900001009"}}, SECOND, "no_trunk"),
        ("0044207946000", {}, SECOND, "number_plan"),
        ("037110086", {"plan": NumberPlan(NUMBER_PLAN, ["037110086"])}, SECOND, "number_plan"),
        (CALLER, {"own": lambda: {CALLER}}, SECOND, "number_plan"),
        (CALLER, {"hours": (dt.time(8), dt.time(12, 0, 1))}, SECOND, "hours"),
        (CALLER, {}, 30 * SECOND, "engine_away"),
    ],
)
def test_what_may_not_be_dialled_is_not_placed(office: Office, caller: str, rules: dict[str, object], later: dt.timedelta, cause: str):
    async def story() -> None:
        reference = await office.planned(caller=caller)
        office.clock.move(later)

        await office.new_engine(**rules).step()

        assert await office.came_to(reference) == (AttemptOutcome.NOT_PLACED, cause, TicketState.CLAIMED)
        assert office.dialler.calls == []

    asyncio.run(story())


def test_an_agent_without_a_seat_has_no_telephone(office: Office):
    async def story() -> None:
        reference = await office.planned(agent="zhao")

        await office.engine.step()

        assert await office.came_to(reference) == (AttemptOutcome.AGENT_FAILED, "no_telephone", TicketState.CLAIMED)
        assert office.dialler.calls == []

    asyncio.run(story())


def test_an_agent_has_one_call_at_a_time_and_the_line_places_one_a_second(office: Office):
    async def story() -> None:
        await office.planned("li")
        second = await office.planned("li", "13900001009", "b")
        third = await office.planned("wang", "13900001010", "c")

        await office.engine.step()
        assert [seat for _, seat in office.dialler.calls] == [1]
        assert await office.came_to(second) == (AttemptOutcome.NOT_PLACED, "agent_busy", TicketState.CLAIMED)
        assert await office.state(third) is AttemptState.PLANNED
        office.clock.move(SECOND)
        await office.engine.step()

        assert [seat for _, seat in office.dialler.calls] == [1, 2]

    asyncio.run(story())


def test_without_asterisk_nothing_is_placed_and_without_its_answer_it_is_followed(office: Office):
    async def story() -> None:
        office.dialler.placed = Placed.NOT_PLACED
        reference = await office.planned()
        await office.engine.step()
        assert await office.came_to(reference) == (AttemptOutcome.NOT_PLACED, "asterisk_away", TicketState.CLAIMED)

        office.dialler.placed = Placed.UNCERTAIN
        office.clock.move(SECOND)
        await office.desk.call(reference, "li")
        await office.engine.step()
        assert await office.state(reference) is AttemptState.SENT

    asyncio.run(story())


# --- the agent's telephone ------------------------------------------------------------------------------------------


def test_the_agent_who_presses_1_is_put_through_once(office: Office):
    async def story() -> None:
        reference = await office.sent()
        line, again = MemoryAgentLine([SILENCE, YES]), MemoryAgentLine([YES])

        await office.engine.picked_up(CHANNEL, line)
        await office.engine.picked_up(CHANNEL, again)

        assert line.told == (CALLER, "037110086", "zh-CN")
        assert (again.told, again.released) == (None, True)
        assert await office.state(reference) is AttemptState.RINGING
        assert CALLER not in repr(line.asked)

    asyncio.run(story())


def test_two_who_pick_up_at_once_are_put_through_once(office: Office):
    async def story() -> None:
        await office.sent()
        lines = [MemoryAgentLine([YES]) for _ in range(5)]

        await asyncio.gather(*(office.engine.picked_up(CHANNEL, line) for line in lines))

        assert sum(line.told is not None for line in lines) == 1

    asyncio.run(story())


@pytest.mark.parametrize(
    ("answers", "cause"),
    [
        ([NO], "not_confirmed"),
        ([SILENCE, SILENCE], "not_confirmed"),
        ([CallerHungUp(NOON)], "hung_up"),
        ([CommandFailed(NOON, "audio")], "line_failed"),
    ],
)
def test_an_agent_who_does_not_press_1_is_not_put_through(office: Office, answers: list[LineEvent], cause: str):
    async def story() -> None:
        reference = await office.sent()
        line = MemoryAgentLine(answers)

        await office.engine.picked_up(CHANNEL, line)

        assert (line.told, line.released) == (None, True)
        assert await office.came_to(reference) == (AttemptOutcome.AGENT_FAILED, cause, TicketState.CLAIMED)

    asyncio.run(story())


def test_a_claim_that_was_lost_while_the_agent_listened_gives_out_no_number(office: Office):
    async def story() -> None:
        reference = await office.sent()

        class Slow(MemoryAgentLine):
            async def perform(self, command):  # type: ignore[no-untyped-def]
                office.clock.move(31 * MINUTE)
                await office.store.return_expired(office.clock())
                return await super().perform(command)

        line = Slow([YES])
        await office.engine.picked_up(CHANNEL, line)

        assert (line.told, line.released) == (None, True)
        assert await office.state(reference) is AttemptState.UNKNOWN
        office.dialler.up = ()
        await office.engine.step()
        assert await office.state(reference) is AttemptState.UNKNOWN, "without notes, somebody has to say"

    asyncio.run(story())


def test_a_call_of_which_nothing_is_known_is_put_through_to_nobody(office: Office):
    line = MemoryAgentLine([YES])

    asyncio.run(office.engine.picked_up("cb-7-1", line))

    assert (line.told, line.released) == (None, True)


# --- following ------------------------------------------------------------------------------------------------------


def test_a_talk_is_followed_to_its_end_and_the_claim_holds_meanwhile(office: Office):
    async def story() -> None:
        reference = await office.ringing()
        office.note(NoteKind.ANSWERED)
        office.note(NoteKind.BRIDGED)
        await office.engine.step()
        assert await office.state(reference) is AttemptState.BRIDGED
        office.dialler.up = {CHANNEL}
        for _ in range(45):
            office.clock.move(MINUTE)
            await office.engine.step()
            assert await office.store.return_expired(office.clock()) == 0

        office.note(NoteKind.END, "ANSWER", 16)
        await office.engine.step()

        assert await office.came_to(reference) == (AttemptOutcome.ANSWERED, "16", TicketState.TALKING)
        assert (await office.last(reference)).bridged == 45 * MINUTE
        assert office.notes.read(CHANNEL) == ()

    asyncio.run(story())


def test_an_engine_that_is_started_again_reads_on(office: Office):
    async def story() -> None:
        reference = await office.ringing()
        office.note(NoteKind.END, "BUSY", 17)

        await office.new_engine().step()

        assert await office.came_to(reference) == (AttemptOutcome.BUSY, "17", TicketState.RETRY_WAIT)
        assert len(office.dialler.calls) == 1

    asyncio.run(story())


def test_a_call_that_is_gone_before_anything_was_dialled_was_not_placed(office: Office):
    async def story() -> None:
        reference = await office.sent()
        office.clock.move(9 * SECOND)
        await office.engine.step()
        assert await office.state(reference) is AttemptState.SENT
        office.clock.move(SECOND)

        await office.engine.step()

        assert await office.came_to(reference) == (AttemptOutcome.NOT_PLACED, "line_died", TicketState.CLAIMED)
        late = MemoryAgentLine([YES])
        await office.engine.picked_up(CHANNEL, late)
        assert late.told is None, "an order that Asterisk carries out later leads to nobody"

    asyncio.run(story())


@pytest.mark.parametrize("noted", [True, False])
def test_a_call_that_is_gone_after_the_number_was_given_out_is_unknown_and_not_made_again(office: Office, noted: bool):
    async def story() -> None:
        reference = await office.ringing()
        if not noted:
            office.notes.done(CHANNEL)
        office.clock.move(10 * SECOND)
        office.dialler.up = None
        await office.engine.step()
        assert await office.state(reference) is AttemptState.RINGING, "Asterisk does not answer: nothing is known"
        office.dialler.up = ()
        office.clock.move(5 * SECOND)

        await office.engine.step()
        await office.engine.step()

        assert await office.state(reference) is AttemptState.UNKNOWN
        assert len(office.dialler.calls) == 1
        asked = office.dialler.asked
        office.clock.move(MINUTE)
        await office.engine.step()
        assert office.dialler.asked == asked, "Asterisk is not asked about it any more"

    asyncio.run(story())


def test_the_engine_outlives_a_database_that_is_away_and_a_bug(office: Office, monkeypatch: pytest.MonkeyPatch):
    async def story() -> None:
        monkeypatch.setattr("ivr.calls.callbacks.LOOK_EVERY", 0.001)
        troubles = [StoreFailed("away"), ZeroDivisionError()]
        placed = asyncio.Event()

        class Troubled(MemorySeats):
            async def seat_of(self, name: str) -> int | None:
                if troubles:
                    raise troubles.pop()
                placed.set()
                return await super().seat_of(name)

        await office.planned()
        seats, rules = Troubled({"li": 1}), Rules(NumberPlan(NUMBER_PLAN), trunk="mobile")
        engine = Callbacks(office.store, office.dialler, office.notes, seats, rules, whisper, office.clock)
        running = asyncio.create_task(engine.run())
        await asyncio.wait_for(placed.wait(), 10)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    asyncio.run(story())


AT = dt.datetime(2026, 3, 5, 4, 0, tzinfo=dt.UTC)


def noted(*words: str) -> list[CallNote]:
    """One a second: "end BUSY 17"."""
    notes = []
    for second, line in enumerate(words):
        kind, *more = line.split()
        notes.append(CallNote(AT + second * SECOND, NoteKind(kind), more[0] if more else "", int(more[1]) if more else 0))
    return notes


@pytest.mark.parametrize(
    ("notes", "ended"),
    [
        ([], None),
        (["rings"], None),
        (["rings", "picked_up", "dials", "answered", "bridged"], None),
        (["rings", "agent NOTELEPHONE 0"], Ended(AttemptOutcome.AGENT_FAILED, "no_telephone")),
        (["rings", "agent BUSY 17"], Ended(AttemptOutcome.AGENT_FAILED, "busy")),
        (["rings", "agent NOANSWER 19"], Ended(AttemptOutcome.AGENT_FAILED, "no_answer")),
        (["rings", "agent CHANUNAVAIL 20"], Ended(AttemptOutcome.AGENT_FAILED, "chanunavail")),
        (["rings", "picked_up", "end AGENT 16"], Ended(AttemptOutcome.AGENT_FAILED, "hung_up")),
        (["rings", "picked_up", "end NOENGINE 0"], Ended(AttemptOutcome.NOT_PLACED, "engine_away")),
        (["rings", "picked_up", "end NOTRUNK 0"], Ended(AttemptOutcome.NOT_PLACED, "no_trunk")),
        (["rings", "picked_up", "end NOPAGE 0"], Ended(AttemptOutcome.NOT_PLACED, "no_page")),
        (["picked_up", "dials", "end BUSY 17"], Ended(AttemptOutcome.BUSY, "17")),
        (["picked_up", "dials", "end NOANSWER 0"], Ended(AttemptOutcome.NO_ANSWER, "0")),
        (["picked_up", "dials", "end CHANUNAVAIL 21"], Ended(AttemptOutcome.REJECTED, "21")),
        (["picked_up", "dials", "end CHANUNAVAIL 1"], Ended(AttemptOutcome.INVALID_NUMBER, "1")),
        (["picked_up", "dials", "end CONGESTION 34"], Ended(AttemptOutcome.UNREACHABLE, "34")),
        (["picked_up", "dials", "end AGENTCANCEL 16"], Ended(AttemptOutcome.NO_ANSWER, "agent_hung_up")),
        (["picked_up", "dials", "answered", "end ANSWER 16"], Ended(AttemptOutcome.DROPPED, "16")),
        (["picked_up", "dials", "answered", "bridged", "end ANSWER 16"], Ended(AttemptOutcome.ANSWERED, "16", SECOND)),
        (["picked_up", "dials", "answered", "bridged", "end AGENTANSWER 16"], Ended(AttemptOutcome.ANSWERED, "16", SECOND)),
        (["dials", "answered", "bridged", "left LOST 44", "end AGENTANSWER 16"], Ended(AttemptOutcome.ANSWERED, "agent_lost", SECOND)),
        (["dials", "answered", "left LOST 44", "bridged", "end ANSWER 16"], Ended(AttemptOutcome.ANSWERED, "agent_lost")),
        (["picked_up", "dials", "answered", "left LOST 44", "end AGENTANSWER 16"], Ended(AttemptOutcome.DROPPED, "agent_lost")),
        (["picked_up", "left LOST 44", "end AGENT 16"], Ended(AttemptOutcome.AGENT_FAILED, "hung_up")),
    ],
)
def test_how_a_call_ended_is_read_in_its_notes(notes: list[str], ended: Ended | None):
    assert end_of(noted(*notes)) == ended
