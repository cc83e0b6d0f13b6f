"""What an agent can do about a call back, in SQLite and in PostgreSQL alike."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from adapters.memory import FixedClock
from adapters.storage.tickets import SqlTicketStore
from ivr.calls.ports import Attempt, AttemptOutcome, AttemptState, Refused, TicketState
from ivr.calls.tickets import (
    CallUnderWay,
    Claimed,
    Closed,
    Ended,
    HandedOver,
    NothingToSettle,
    NotYours,
    Settled,
    TicketDesk,
)
from tests.contracts.stories import CALLER, MINUTE, NOON, SESSION, facts, intent
from tests.databases import KINDS, new_database

SECOND = dt.timedelta(seconds=1)


@dataclass
class Office:
    """A desk at noon, with one ticket that nobody has yet."""

    store: SqlTicketStore
    clock: FixedClock
    desk: TicketDesk
    reference: str

    async def lost_call(self) -> Attempt:
        """Li's call back that the line lost sight of."""
        await self.desk.claim(self.reference, "li")
        attempt = await self.desk.call(self.reference, "li")
        assert isinstance(attempt, Attempt)
        assert await self.store.attempt_went_on(attempt.channel_id, AttemptState.SENT, self.clock())
        assert await self.store.attempt_went_on(attempt.channel_id, AttemptState.UNKNOWN, self.clock())
        return attempt

    async def state(self) -> TicketState:
        return (await self.desk.show(self.reference)).line.state


@pytest.fixture(params=KINDS)
def office(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Office]:
    store = SqlTicketStore.open(new_database(request.param, tmp_path), tmp_path / "secrets" / "data_key", tmp_path, exclusive=True)
    clock = FixedClock(NOON)
    yield Office(store, clock, TicketDesk(store, clock), asyncio.run(store.capture(intent(), facts(intent()), NOON)))
    store.close()


def test_the_next_ticket_is_taken_and_called_once_however_often_that_is_asked_for(office: Office):
    async def story() -> None:
        assert await office.desk.call(office.reference, "li") == NotYours(office.reference, None)
        taken = await office.desk.next("li")
        assert isinstance(taken, Claimed)
        assert taken.ticket.caller == CALLER
        assert await office.desk.next("wang") is None

        first, again = await office.desk.call(office.reference, "li"), await office.desk.call(office.reference, "li")

        assert isinstance(first, Attempt)
        assert first == again
        assert await office.desk.call(office.reference, "wang") == NotYours(office.reference, "li")
        await office.store.attempt_went_on(first.channel_id, AttemptState.SENT, NOON)
        late = await office.desk.call(office.reference, "li")
        assert isinstance(late, Attempt)
        assert (late.channel_id, late.state) == (first.channel_id, AttemptState.SENT)
        [live] = await office.store.live_attempts()
        assert (live.attempt, live.reference, live.caller_id, live.token, live.held) == (late, office.reference, CALLER, 1, True)
        assert CALLER not in repr(live)

    asyncio.run(story())


def test_a_call_back_that_no_engine_begins_is_not_made_any_more(office: Office):
    async def story() -> None:
        await office.desk.claim(office.reference, "li")
        assert await office.desk.progress(office.reference) is None
        begun = await office.desk.call(office.reference, "li")
        office.clock.move(29 * SECOND)
        assert await office.desk.progress(office.reference) == begun

        office.clock.move(SECOND)
        last = await office.desk.progress(office.reference)

        assert last is not None
        assert (last.state, last.outcome, last.cause) == (AttemptState.ENDED, AttemptOutcome.NOT_PLACED, "engine_away")
        assert not await office.store.attempt_went_on(last.channel_id, AttemptState.SENT, office.clock())
        assert await office.state() is TicketState.CLAIMED
        assert await office.store.live_attempts() == ()

    asyncio.run(story())


def test_an_attempt_that_is_on_its_way_is_not_ended_as_one_that_was_never_begun(office: Office):
    async def story() -> None:
        await office.desk.claim(office.reference, "li")
        begun = await office.desk.call(office.reference, "li")
        assert isinstance(begun, Attempt)
        await office.store.attempt_went_on(begun.channel_id, AttemptState.SENT, NOON)
        planned = AttemptState.PLANNED

        assert not await office.store.attempt_ended(begun.channel_id, AttemptOutcome.NOT_PLACED, NOON, cause="engine_away", still=planned)

        office.clock.move(MINUTE)
        last = await office.desk.progress(office.reference)
        assert last is not None
        assert last.state is AttemptState.SENT

    asyncio.run(story())


def test_nothing_dials_before_somebody_has_said_how_a_lost_call_ended(office: Office):
    async def story() -> None:
        await office.lost_call()
        assert await office.desk.call(office.reference, "li") == Refused("unsettled")
        assert await office.desk.settle(office.reference, "wang", AttemptOutcome.BUSY) == NotYours(office.reference, "li")

        settled = await office.desk.settle(office.reference, "li", AttemptOutcome.NO_ANSWER)

        assert isinstance(settled, Settled)
        assert (settled.ticket.line.state, settled.ticket.attempts[-1].cause) == (TicketState.RETRY_WAIT, "told")
        assert await office.desk.settle(office.reference, "li", AttemptOutcome.BUSY) == NotYours(office.reference, None)
        await office.desk.claim(office.reference, "li")
        assert await office.desk.settle(office.reference, "li", AttemptOutcome.BUSY) == NothingToSettle(office.reference)
        assert isinstance(await office.desk.call(office.reference, "li"), Attempt)

    asyncio.run(story())


def test_who_says_that_they_talked_closes_the_ticket_as_an_exception(office: Office):
    async def story() -> None:
        await office.lost_call()

        settled = await office.desk.settle(office.reference, "li", AttemptOutcome.ANSWERED)

        assert isinstance(settled, Settled)
        assert (settled.ticket.line.state, settled.ticket.line.assignee) == (TicketState.CLAIMED, "li")
        assert await office.desk.close(office.reference, "li", "he is content") == Closed(office.reference)
        assert await office.desk.settle(office.reference, "li", AttemptOutcome.BUSY) == Ended(office.reference, TicketState.RESOLVED)
        assert await office.desk.call(office.reference, "li") == Ended(office.reference, TicketState.RESOLVED)

    asyncio.run(story())


def test_the_next_agent_settles_the_lost_call_of_one_who_is_gone(office: Office):
    async def story() -> None:
        await office.lost_call()
        office.clock.move(31 * MINUTE)
        await office.store.return_expired(office.clock())
        await office.desk.claim(office.reference, "wang")
        assert await office.desk.call(office.reference, "wang") == Refused("unsettled")

        assert isinstance(await office.desk.settle(office.reference, "wang", AttemptOutcome.NOT_PLACED), Settled)

        assert isinstance(await office.desk.call(office.reference, "wang"), Attempt)

    asyncio.run(story())


def test_only_the_agent_can_tell_that_a_voice_mail_answers(office: Office):
    async def story() -> None:
        await office.desk.claim(office.reference, "li")
        attempt = await office.desk.call(office.reference, "li")
        assert isinstance(attempt, Attempt)
        await office.store.attempt_went_on(attempt.channel_id, AttemptState.SENT, NOON)
        await office.store.attempt_went_on(attempt.channel_id, AttemptState.BRIDGED, NOON)
        assert await office.desk.settle(office.reference, "li", AttemptOutcome.BUSY) == NothingToSettle(office.reference)

        settled = await office.desk.settle(office.reference, "li", AttemptOutcome.VOICEMAIL)

        assert isinstance(settled, Settled)
        assert settled.ticket.line.state is TicketState.RETRY_WAIT
        assert not await office.store.attempt_ended(attempt.channel_id, AttemptOutcome.ANSWERED, NOON, bridged=MINUTE)

    asyncio.run(story())


def test_a_ticket_is_held_and_handed_over_by_who_has_it(office: Office):
    async def story() -> None:
        assert await office.desk.hand_over(office.reference, "li", "wang") == NotYours(office.reference, None)
        await office.desk.claim(office.reference, "li")
        office.clock.move(29 * MINUTE)
        assert await office.desk.hold(office.reference, "li")
        assert not await office.desk.hold(office.reference, "wang")
        office.clock.move(29 * MINUTE)
        assert await office.store.return_expired(office.clock()) == 0

        await office.desk.call(office.reference, "li")
        assert await office.desk.hand_over(office.reference, "li", "wang") == CallUnderWay(office.reference)
        office.clock.move(MINUTE)
        await office.desk.progress(office.reference)
        assert await office.desk.hand_over(office.reference, "li", "wang") == HandedOver(office.reference, "wang")
        assert await office.desk.hand_over(office.reference, "li", "zhao") == NotYours(office.reference, "wang")
        assert await office.desk.close(office.reference, "wang", "he is content") == Closed(office.reference)
        assert await office.desk.hand_over(office.reference, "wang", "li") == Ended(office.reference, TicketState.RESOLVED)

    asyncio.run(story())


def test_nobody_is_called_while_they_talk_or_at_night(office: Office):
    async def story() -> None:
        await office.desk.claim(office.reference, "li")
        attempt = await office.desk.call(office.reference, "li")
        assert isinstance(attempt, Attempt)
        await office.store.attempt_went_on(attempt.channel_id, AttemptState.SENT, NOON)
        await office.store.attempt_went_on(attempt.channel_id, AttemptState.BRIDGED, NOON)
        assert await office.desk.call(office.reference, "li") == Refused("not_yours")
        await office.store.attempt_ended(attempt.channel_id, AttemptOutcome.DROPPED, NOON, bridged=SECOND)
        office.clock.move(dt.timedelta(hours=10))
        await office.desk.claim(office.reference, "li")

        assert await office.desk.call(office.reference, "li") == Refused("hours")
        assert SESSION not in repr(attempt)

    asyncio.run(story())
