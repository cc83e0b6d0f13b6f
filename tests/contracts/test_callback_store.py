"""What every CallbackStore does, in SQLite and in PostgreSQL alike: queues, clocks, claims handed on, attempts, and how tickets end."""

from __future__ import annotations

import asyncio
import dataclasses
import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.storage.accounts import SqlAccountStore
from adapters.storage.outbox import SqlTextOutbox
from adapters.storage.tickets import SqlTicketStore
from adapters.storage.transcripts import SqlTranscriptStore
from ivr.calls.ports import (
    Attempt,
    AttemptOutcome,
    AttemptState,
    Escalation,
    Outcome,
    Refused,
    TextOutbox,
    Ticket,
    TicketState,
    UnansweredCall,
    UnansweredKind,
)
from ivr.calls.tickets import AGENT_LOST
from ivr.calls.times import LINE_ZONE
from ivr.desk.people import Action, Fact
from ivr.errors import UnknownTicket
from tests.contracts.stories import CALLER, MINUTE, NOON, bring_to, dial, facts, intent, try_in_vain
from tests.databases import KINDS, new_database

HOUR = 60 * MINUTE
SECOND = dt.timedelta(seconds=1)


@pytest.fixture(params=KINDS)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SqlTicketStore]:
    sql = SqlTicketStore.open(new_database(request.param, tmp_path), tmp_path / "secrets" / "data_key", tmp_path, exclusive=True)
    yield sql
    sql.close()


@pytest.fixture(params=KINDS)
def careful(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SqlTicketStore]:
    """One that lets two people be called back in an hour."""
    key = tmp_path / "secrets" / "data_key"
    sql = SqlTicketStore.open(new_database(request.param, tmp_path), key, tmp_path, exclusive=True, most_an_hour=2)
    yield sql
    sql.close()


@pytest.fixture
def outbox(store: SqlTicketStore) -> TextOutbox:
    return SqlTextOutbox(store.database, store.key)


async def leave(store: SqlTicketStore, session: str, caller: str = CALLER, at: dt.datetime = NOON, **more: object) -> str:
    of = intent(session, caller=caller, at=at, **more)  # type: ignore[arg-type]
    return await store.capture(of, facts(of), at)


async def ticket_of(store: SqlTicketStore, reference: str) -> Ticket:
    ticket = await store.ticket(reference)
    assert ticket is not None
    return ticket


# --- who is next ------------------------------------------------------------------------------------------------


def test_the_next_ticket_is_that_of_the_first_call(store: SqlTicketStore):
    async def story() -> None:
        late = await leave(store, "a", "13900002001", NOON + MINUTE)
        early = await leave(store, "b", "13900002002", NOON)

        assert [ticket.reference for ticket in await store.queue(10)] == [early, late]
        first = await store.claim_next("li", NOON + HOUR)
        second = await store.claim_next("li", NOON + HOUR)

        assert first is not None
        assert second is not None
        assert (first.reference, second.reference) == (early, late)
        assert (first.state, first.assignee, first.claim_token) == (TicketState.CLAIMED, "li", 1)
        assert await store.claim_next("li", NOON + HOUR) is None

    asyncio.run(story())


def test_nobody_is_rung_up_at_night(store: SqlTicketStore):
    async def story() -> None:
        night = NOON.replace(hour=23)
        reference = await leave(store, "a", at=night)

        assert await store.claim_next("li", night + HOUR) is None
        await leave(store, "b", "13900002001", NOON)
        assert await store.claim_next("li", night) is None  # one that could have been called at noon
        assert await store.claim(reference, "li", night)
        assert await store.begin_attempt(reference, "li", 1, night) == Refused("hours")
        assert await store.release(reference, "li", 1, night)
        morning = [await store.claim_next("li", night + 9 * HOUR) for _ in range(2)]
        assert [ticket.not_before for ticket in morning if ticket] == [NOON, night + 9 * HOUR]

    asyncio.run(story())


def test_a_caller_who_calls_again_moves_up(store: SqlTicketStore):
    async def story() -> None:
        await leave(store, "a", "13900002001", NOON)
        again = await leave(store, "b", "13900002002", NOON + MINUTE)

        assert await leave(store, "c", "13900002002", NOON + 2 * MINUTE) == again

        assert (await store.queue(1))[0].reference == again
        assert (await ticket_of(store, again)).priority == 95
        assert [event.kind for event in await store.history(again)][-2:] == ["called_again", "message_kept"]

    asyncio.run(story())


def test_a_second_message_in_the_same_call_is_no_second_call(store: SqlTicketStore):
    async def story() -> None:
        reference = await leave(store, "a")
        await leave(store, "a", count=2)

        assert (await ticket_of(store, reference)).priority == 100

    asyncio.run(story())


@pytest.mark.parametrize("trust", [1, 2])
def test_a_caller_who_is_better_known_has_a_ticket_of_their_own(store: SqlTicketStore, trust: int):
    """Who forges a number adds nothing to the ticket of who has shown to be that person."""

    async def story() -> None:
        forged = await leave(store, "a")
        known = await leave(store, "b", trust=trust)

        assert forged != known
        assert (await ticket_of(store, known)).trust == trust
        await store.begin(intent("c", trust=trust))
        assert [one.trust for one in await store.capturing()] == [trust]

    asyncio.run(story())


# --- clocks -----------------------------------------------------------------------------------------------------


def test_what_nobody_answered_in_time_is_escalated_once_per_clock_and_moves_up(store: SqlTicketStore):
    async def story() -> None:
        reference = await leave(store, "a")

        assert await store.escalate_due(NOON + HOUR) == ()
        first = await store.escalate_due(NOON + 2 * HOUR)
        assert first == (Escalation(reference, "business", NOON + 2 * HOUR),)
        assert await store.escalate_due(NOON + 3 * HOUR) == ()
        assert await store.escalate_due(NOON + 24 * HOUR) == (Escalation(reference, "day", NOON + 24 * HOUR),)

        ticket = await ticket_of(store, reference)
        assert (ticket.state, ticket.escalated, ticket.priority) == (TicketState.ESCALATED, True, 60)
        assert await store.claim_next("li", NOON + 24 * HOUR)

    asyncio.run(story())


def test_a_claimed_ticket_stays_claimed_when_its_clock_runs_out_and_returns_as_escalated(store: SqlTicketStore):
    async def story() -> None:
        reference = await leave(store, "a")
        await store.claim(reference, "li", NOON + 2 * HOUR - MINUTE)

        assert len(await store.escalate_due(NOON + 2 * HOUR)) == 1
        assert (await ticket_of(store, reference)).state is TicketState.CLAIMED

        assert await store.release(reference, "li", 1, NOON + 2 * HOUR)
        assert (await ticket_of(store, reference)).state is TicketState.ESCALATED

    asyncio.run(story())


def test_many_are_escalated_in_one_go(store: SqlTicketStore):
    async def story() -> None:
        for number in range(205):
            await leave(store, f"s{number}", f"139000{number:05}")

        assert len(await store.escalate_due(NOON + 2 * HOUR)) == 205

    asyncio.run(story())


# --- holding ----------------------------------------------------------------------------------------------------


def test_a_claim_is_held_as_long_as_it_is_renewed(store: SqlTicketStore):
    async def story() -> None:
        reference = await leave(store, "a")
        claimed = await store.claim_next("li", NOON, lease=2 * MINUTE)
        assert claimed is not None

        assert await store.renew(reference, "li", 1, NOON + MINUTE, lease=2 * MINUTE)
        assert not await store.renew(reference, "li", 0, NOON + MINUTE)
        assert not await store.renew(reference, "wang", 1, NOON + MINUTE)
        assert await store.return_expired(NOON + 2 * MINUTE) == 0
        assert await store.return_expired(NOON + 3 * MINUTE) == 1

        assert not await store.renew(reference, "li", 1, NOON + 3 * MINUTE)
        ticket = await ticket_of(store, reference)
        assert (ticket.state, ticket.priority) == (TicketState.OPEN, 90)

    asyncio.run(story())


def test_a_ticket_is_handed_over_and_the_first_agents_token_is_worth_nothing(store: SqlTicketStore):
    async def story() -> None:
        reference = await leave(store, "a")
        await store.claim(reference, "li", NOON)

        assert not await store.hand_over(reference, "wang", 1, "wang", NOON)
        assert await store.hand_over(reference, "li", 1, "wang", NOON)
        assert await store.hand_over(reference, "li", 1, "wang", NOON)

        ticket = await ticket_of(store, reference)
        assert (ticket.state, ticket.assignee, ticket.claim_token) == (TicketState.CLAIMED, "wang", 2)
        assert not await store.resolve(reference, "li", 1, "mine", NOON)
        assert await store.resolve(reference, "wang", 2, "done", NOON)

    asyncio.run(story())


def test_a_supervisor_gives_a_ticket_to_whom_they_like(store: SqlTicketStore):
    async def story() -> None:
        reference = await leave(store, "a")

        assert await store.reassign(reference, "boss", "li", NOON)
        assert await store.reassign(reference, "boss", "wang", NOON)

        ticket = await ticket_of(store, reference)
        assert (ticket.assignee, ticket.claim_token) == ("wang", 2)
        assert [(event.actor, event.kind) for event in await store.history(reference)][-2:] == [
            ("boss", "claimed"),
            ("boss", "handed_over"),
        ]
        assert not await store.reassign(reference, "boss", "li", NOON, token=1)  # seen before it was wang's
        assert (await ticket_of(store, reference)).assignee == "wang"
        assert await store.reassign(reference, "boss", "li", NOON, token=2)
        assert await store.reassign(reference, "boss", "wang", NOON)
        await dial(store, reference, NOON)
        assert not await store.reassign(reference, "boss", "li", NOON)

    asyncio.run(story())


# --- calling back -----------------------------------------------------------------------------------------------


def test_a_call_back_that_was_answered_closes_the_ticket_with_its_proof(store: SqlTicketStore):
    async def story() -> None:
        reference = await leave(store, "a")
        await store.claim(reference, "li", NOON)

        attempt = await store.begin_attempt(reference, "li", 1, NOON)
        assert not isinstance(attempt, Refused)
        assert (attempt.number, attempt.state, attempt.agent) == (1, AttemptState.PLANNED, "li")
        assert attempt == await store.begin_attempt(reference, "li", 1, NOON)
        assert (await ticket_of(store, reference)).state is TicketState.DIALING
        for state in (AttemptState.SENT, AttemptState.RINGING, AttemptState.BRIDGED):
            assert await store.attempt_went_on(attempt.channel_id, state, NOON)
            assert not await store.attempt_went_on(attempt.channel_id, state, NOON)
        assert (await ticket_of(store, reference)).state is TicketState.TALKING
        assert not await store.resolve(reference, "li", 1, "too early", NOON)
        assert await store.attempt_ended(attempt.channel_id, AttemptOutcome.ANSWERED, NOON + MINUTE, bridged=MINUTE)
        assert (await ticket_of(store, reference)).state is TicketState.TALKING
        assert await store.resolve(reference, "li", 1, "explained the bill", NOON + 2 * MINUTE, Outcome.ANSWERED)

        ticket = await ticket_of(store, reference)
        assert (ticket.state, ticket.outcome, ticket.note) == (TicketState.RESOLVED, "answered", "explained the bill")
        [made] = ticket.attempts
        assert (made.outcome, made.bridged, made.ended_at) == (AttemptOutcome.ANSWERED, MINUTE, NOON + MINUTE)

    asyncio.run(story())


def test_only_one_who_sends_an_attempt_is_told_to(store: SqlTicketStore):
    async def story() -> None:
        reference = await leave(store, "a")
        await store.claim(reference, "li", NOON)
        attempt = await store.begin_attempt(reference, "li", 1, NOON)
        assert not isinstance(attempt, Refused)

        told = await asyncio.gather(*(store.attempt_went_on(attempt.channel_id, AttemptState.SENT, NOON) for _ in range(5)))

        assert sorted(told) == [False, False, False, False, True]
        assert await store.begin_attempt(reference, "li", 1, NOON) == Refused("unsettled")
        assert not await store.attempt_went_on("cb-0-0", AttemptState.SENT, NOON)

    asyncio.run(story())


def test_a_talk_of_less_than_ten_seconds_is_no_answer(store: SqlTicketStore):
    async def story() -> None:
        reference = await leave(store, "a")
        await store.claim(reference, "li", NOON)
        attempt = await dial(store, reference, NOON, talk=True)

        assert await store.attempt_ended(attempt.channel_id, AttemptOutcome.ANSWERED, NOON, bridged=9 * SECOND)

        ticket = await ticket_of(store, reference)
        assert (ticket.state, ticket.assignee, ticket.attempts[0].outcome) == (TicketState.RETRY_WAIT, None, AttemptOutcome.DROPPED)
        assert ticket.not_before == NOON + 15 * MINUTE

    asyncio.run(story())


@pytest.mark.parametrize("talked", [9, 600])
def test_a_caller_who_was_cut_off_comes_before_everybody_else(store: SqlTicketStore, talked: int):
    async def story() -> None:
        await leave(store, "somebody before")
        await store.escalate_due(NOON + 24 * HOUR)  # who waits too long has moved up
        reference = await leave(store, "a", topic="roaming")
        await store.claim(reference, "li", NOON)
        attempt = await dial(store, reference, NOON, talk=True)

        assert await store.attempt_ended(attempt.channel_id, AttemptOutcome.ANSWERED, NOON, cause=AGENT_LOST, bridged=talked * SECOND)

        ticket = await ticket_of(store, reference)
        assert (ticket.state, ticket.assignee) == (TicketState.OPEN, None)
        following = await store.claim_next("wang", NOON)
        assert following is not None
        assert following.reference == reference

    asyncio.run(story())


def test_who_was_cut_off_in_the_last_call_of_the_day_is_next_in_the_morning(store: SqlTicketStore):
    """Else the ticket would be next, could not be called, and would be next again."""

    async def story() -> None:
        reference = await leave(store, "a", topic="roaming")
        at = NOON
        for outcome, cause in ((AttemptOutcome.BUSY, "17"), (AttemptOutcome.BUSY, "17"), (AttemptOutcome.ANSWERED, AGENT_LOST)):
            await store.claim(reference, "li", at)
            attempt = await dial(store, reference, at, talk=outcome is AttemptOutcome.ANSWERED)
            await store.attempt_ended(attempt.channel_id, outcome, at, cause=cause, bridged=MINUTE)
            at += HOUR

        assert await store.claim_next("wang", at) is None
        ticket = await ticket_of(store, reference)
        assert ticket.not_before is not None
        assert ticket.not_before.astimezone(LINE_ZONE) == dt.datetime(2026, 3, 6, 8, tzinfo=LINE_ZONE)

    asyncio.run(story())


def test_a_claim_with_the_token_that_was_seen_is_refused_once_another_has_been_made(store: SqlTicketStore):
    async def story() -> None:
        reference = await leave(store, "a")
        seen = (await ticket_of(store, reference)).claim_token

        assert await store.claim(reference, "li", NOON, token=seen) is not None
        assert await store.claim(reference, "li", NOON, token=seen) is None

    asyncio.run(story())


@pytest.mark.parametrize(
    ("outcomes", "waits"),
    [
        (["no_answer"], 15),
        (["busy"], 5),
        (["busy", "busy"], 120),
        (["no_answer", "no_answer"], 120),
        (["no_answer", "busy"], 5),
        (["no_answer", "voicemail", "no_answer"], 20 * 60 - 3),  # three a day are enough: in the morning
    ],
)
def test_a_caller_who_was_not_reached_is_tried_again_later_and_later(store: SqlTicketStore, outcomes: list[str], waits: int):
    async def story() -> None:
        reference = await leave(store, "a")
        at = NOON
        for outcome in outcomes:
            await try_in_vain(store, reference, at, AttemptOutcome(outcome))
            at += MINUTE

        ticket = await ticket_of(store, reference)
        assert ticket.state is TicketState.RETRY_WAIT
        assert ticket.not_before is not None
        assert (ticket.not_before - at) // MINUTE in (waits, waits - 1)

    asyncio.run(story())


async def three_agents(store: SqlTicketStore) -> list[Refused | Attempt]:
    """They claim a ticket each, and ask for a call at the same moment."""
    references = [await leave(store, f"session {number}", caller=f"1390000100{number}") for number in range(3)]
    for number, reference in enumerate(references):
        await store.claim(reference, f"agent {number}", NOON)
    return await asyncio.gather(*(store.begin_attempt(one, f"agent {number}", 1, NOON) for number, one in enumerate(references)))


def test_when_too_many_have_been_called_within_an_hour_nobody_is_until_it_is_over(careful: SqlTicketStore):
    async def story() -> None:
        begun = await three_agents(careful)

        assert sorted(isinstance(one, Refused) for one in begun) == [False, False, True]
        assert Refused("paused") in begun
        assert await careful.calls_paused_until(NOON) == NOON + HOUR
        assert await careful.calls_paused_until(NOON + HOUR) is None

    asyncio.run(story())


def test_a_call_that_rang_at_nobodys_costs_nothing_and_is_not_counted(careful: SqlTicketStore):
    async def story() -> None:
        first, *_ = [one for one in await three_agents(careful) if not isinstance(one, Refused)]
        await careful.attempt_ended(first.channel_id, AttemptOutcome.AGENT_FAILED, NOON)

        assert await careful.calls_paused_until(NOON) is None

    asyncio.run(story())


def test_a_supervisor_lets_calls_back_go_on(careful: SqlTicketStore):
    async def story() -> None:
        begun = await three_agents(careful)
        refused = next(number for number, one in enumerate(begun) if isinstance(one, Refused))
        people = SqlAccountStore(careful.database, careful.key)

        await people.write_down(Fact(NOON + MINUTE, "wang", Action.CALLS_RESUMED))

        at = NOON + 2 * MINUTE
        assert await careful.calls_paused_until(at) is None
        reference = next(one.reference for one in await careful.tickets() if one.assignee == f"agent {refused}")
        assert not isinstance(await careful.begin_attempt(reference, f"agent {refused}", 1, at), Refused)

    asyncio.run(story())


def test_nobody_is_rung_up_more_than_three_times_a_day_for_one_ticket_nor_five_times_in_all(store: SqlTicketStore):
    async def story() -> None:
        billing, roaming = await leave(store, "a"), await leave(store, "b", topic="roaming")
        for _ in range(3):
            await try_in_vain(store, billing, NOON)
        await store.claim(billing, "li", NOON)
        assert await store.begin_attempt(billing, "li", 4, NOON) == Refused("ticket_limit")
        for _ in range(2):
            await try_in_vain(store, roaming, NOON)
        await store.claim(roaming, "li", NOON)

        assert await store.begin_attempt(roaming, "li", 3, NOON) == Refused("number_limit")
        tomorrow = NOON + 24 * HOUR
        await store.return_expired(tomorrow)
        again = await store.claim(billing, "li", tomorrow)
        assert again is not None
        assert not isinstance(await store.begin_attempt(billing, "li", again.claim_token, tomorrow), Refused)

    asyncio.run(story())


def test_an_agent_whose_own_telephone_failed_still_has_the_ticket(store: SqlTicketStore):
    async def story() -> None:
        reference = await leave(store, "a")
        await store.claim(reference, "li", NOON)
        attempt = await dial(store, reference, NOON)

        assert await store.attempt_ended(attempt.channel_id, AttemptOutcome.AGENT_FAILED, NOON)

        ticket = await ticket_of(store, reference)
        assert (ticket.state, ticket.assignee, ticket.claim_token) == (TicketState.CLAIMED, "li", 1)
        second = await dial(store, reference, NOON)
        assert second.number == 2

    asyncio.run(story())


def test_nobody_dials_without_the_claim(store: SqlTicketStore):
    async def story() -> None:
        reference = await leave(store, "a")
        claimed = await store.claim(reference, "li", NOON)
        assert claimed is not None
        assert claimed.lease_until is not None

        assert await store.begin_attempt(reference, "wang", 1, NOON) == Refused("not_yours")
        assert await store.begin_attempt(reference, "li", 0, NOON) == Refused("not_yours")
        assert await store.begin_attempt(reference, "li", 1, claimed.lease_until) == Refused("not_yours")

    asyncio.run(story())


def test_a_call_whose_agent_is_gone_is_unknown_and_not_made_again_before_somebody_has_said_how_it_ended(store: SqlTicketStore):
    async def story() -> None:
        reference = await leave(store, "a")
        claimed = await store.claim(reference, "li", NOON, lease=2 * MINUTE)
        assert claimed is not None
        attempt = await dial(store, reference, NOON)

        assert await store.return_expired(NOON + 2 * MINUTE) == 1
        ticket = await ticket_of(store, reference)
        assert (ticket.state, ticket.attempts[0].state) == (TicketState.OPEN, AttemptState.UNKNOWN)
        taken = await store.claim(reference, "wang", NOON + 3 * MINUTE)
        assert taken is not None
        assert await store.begin_attempt(reference, "wang", 2, NOON + 3 * MINUTE) == Refused("unsettled")
        assert not await store.release(reference, "wang", 2, NOON + 3 * MINUTE)

        assert await store.attempt_ended(attempt.channel_id, AttemptOutcome.NO_ANSWER, NOON + 4 * MINUTE, cause="cdr")
        assert not await store.attempt_ended(attempt.channel_id, AttemptOutcome.ANSWERED, NOON + 4 * MINUTE, bridged=HOUR)
        assert not isinstance(await store.begin_attempt(reference, "wang", 2, NOON + 4 * MINUTE), Refused)
        assert await store.audit(NOON + 5 * MINUTE) == (f"the recording {claimed.messages[0].path.name} has 0 bytes instead of 32000",)

    asyncio.run(story())


# --- ends -------------------------------------------------------------------------------------------------------


def test_unreachable_takes_three_attempts_in_two_parts_of_the_day_on_two_days_and_a_text_message(store: SqlTicketStore, outbox: TextOutbox):
    async def story() -> None:
        reference = await bring_to(store, TicketState.CLOSED_UNREACHABLE, outbox)
        ticket = await ticket_of(store, reference)
        assert (ticket.state, ticket.outcome, ticket.note) == (TicketState.CLOSED_UNREACHABLE, "unreachable", "three times in vain")

        other = await leave(store, "b", "13900002001")
        for hours in (0, 3, 24):
            assert not await store.close_unreachable(other, "boss", f"ticket/{reference}", "no", NOON + hours * HOUR)
            await try_in_vain(store, other, NOON + hours * HOUR)
        assert not await store.close_unreachable(other, "boss", f"ticket/{reference}", "one part of the day only", NOON + 24 * HOUR)
        await try_in_vain(store, other, NOON + 31 * HOUR)
        assert not await store.close_unreachable(other, "boss", "no such text", "no text", NOON + 32 * HOUR)
        assert await store.close_unreachable(other, "boss", f"ticket/{reference}", "tried everything", NOON + 32 * HOUR)

    asyncio.run(story())


def test_the_history_of_a_ticket_tells_who_did_what(store: SqlTicketStore):
    async def story() -> None:
        reference = await leave(store, "a")
        await try_in_vain(store, reference, NOON)

        told = [(event.actor, event.kind) for event in await store.history(reference)]

        assert told == [
            ("engine", "opened"),
            ("engine", "message_kept"),
            ("li", "claimed"),
            ("li", "attempt_planned"),
            ("li", "attempt_sent"),
            ("li", "attempt_ended"),
            ("engine", "retry_planned"),
        ]
        assert await store.verify() == ()
        with pytest.raises(UnknownTicket):
            await store.history("999999")

    asyncio.run(story())


# --- calls that nobody answered ---------------------------------------------------------------------------------


def unanswered(session: str, caller: str = CALLER, at: dt.datetime = NOON) -> UnansweredCall:
    return UnansweredCall(session, UnansweredKind.ABANDONED, caller, "10086", "zh-CN", at)


def test_a_message_of_the_same_call_belongs_to_the_ticket_of_the_call(store: SqlTicketStore):
    """The line broke, which is told first; the dialplan took the message."""

    async def story() -> None:
        reference = await store.record_unanswered(unanswered("a"), NOON)

        assert await leave(store, "a", topic="rescue") == reference
        assert (await ticket_of(store, reference or "")).priority == 100

    asyncio.run(story())


def test_a_call_back_that_was_promised_in_the_queue_is_not_missing(store: SqlTicketStore):
    async def story() -> None:
        call = dataclasses.replace(unanswered("f"), topic="callback")
        reference = await store.record_unanswered(call, NOON)

        statement = await store.statement(NOON - HOUR, NOON + HOUR, NOON, {call.session: "call x", "another": "call y"})

        assert [(line.reference, line.topic) for line in statement.lines] == [(reference, "callback")]
        assert statement.missing == ("call y",)

    asyncio.run(story())


def test_the_statement_sums_to_all_that_was_promised_and_names_what_is_missing(store: SqlTicketStore, outbox: TextOutbox):
    async def story() -> None:
        kept = await bring_to(store, TicketState.RESOLVED, outbox, "a")
        waiting = await leave(store, "b", "13900002001", NOON + 3 * HOUR)
        late = await leave(store, "c", "13900002002", NOON)
        await leave(store, "d", "13900002003", NOON + 24 * HOUR)  # another day's
        gone = intent("e", caller="13900002004")
        await store.begin(gone)
        await store.abandon(gone, "too_short", NOON)
        called = await store.record_unanswered(unanswered("f", "13900002005"), NOON)
        told = {"a": "call a", "b": "call b", "x": "call x"}

        statement = await store.statement(NOON - HOUR, NOON + 12 * HOUR, NOON + 4 * HOUR, told)

        assert {line.reference: line.standing for line in statement.lines} == {
            kept: "kept",
            waiting: "open",
            late: "overdue",
            called: "overdue",
        }
        assert statement.missing == ("call x",)
        assert statement.promised == 5 == len(statement.missing) + sum(statement.count(one) for one in ("kept", "open", "overdue"))
        assert (statement.abandoned, statement.calls) == (1, {"abandoned": 1})

    asyncio.run(story())


def test_the_statement_tells_how_many_of_the_kept_were_closed_without_a_talk(store: SqlTicketStore, outbox: TextOutbox):
    async def story() -> None:
        silent = await bring_to(store, TicketState.RESOLVED, outbox, "a")
        talked = await bring_to(store, TicketState.TALKING, outbox, "b")
        await store.attempt_ended("cb-2-1", AttemptOutcome.ANSWERED, NOON + MINUTE, bridged=MINUTE)
        ticket = await ticket_of(store, talked)
        assert await store.resolve(talked, "li", ticket.claim_token, "he is content", NOON + MINUTE)

        statement = await store.statement(NOON - HOUR, NOON + HOUR, NOON + HOUR, {})

        assert {line.reference: line.without_talk for line in statement.lines} == {silent: True, talked: False}
        assert (statement.count("kept"), statement.without_talk) == (2, 1)

    asyncio.run(story())


# --- what pages ask for -------------------------------------------------------------------------------------------


def test_tickets_are_listed_by_state_and_by_agent_in_the_order_of_the_queue(store: SqlTicketStore):
    async def story() -> None:
        early, late = await leave(store, "a", "13900002001"), await leave(store, "b", "13900002002", NOON + MINUTE)
        mine = await leave(store, "c", "13900002003")
        await store.claim(mine, "li", NOON)

        waiting = await store.listed((TicketState.OPEN,), 10)

        assert [ticket.reference for ticket in waiting] == [early, late]
        assert [ticket.reference for ticket in await store.listed((TicketState.OPEN,), 1)] == [early]
        assert [ticket.reference for ticket in await store.listed((TicketState.CLAIMED,), 10, "li")] == [mine]
        assert await store.listed((TicketState.CLAIMED,), 10, "wu") == ()
        assert await store.unanswered_by_state() == {TicketState.OPEN: 2, TicketState.CLAIMED: 1}

    asyncio.run(story())


def test_the_stamp_of_a_ticket_is_another_one_after_any_change_and_that_of_no_other(store: SqlTicketStore):
    async def story() -> None:
        quiet, reference = await leave(store, "a", "13900002001"), await leave(store, "b")
        words = SqlTranscriptStore(store.database, store.key, Path())
        stamps = [await store.stamps()]

        async def seen() -> None:
            stamps.append(await store.stamps())

        ticket = await store.claim(reference, "li", NOON)
        assert ticket is not None
        await seen()
        await leave(store, "c")
        await seen()
        attempt = await dial(store, reference, NOON)
        await seen()
        await store.attempt_went_on(attempt.channel_id, AttemptState.RINGING, NOON)
        await seen()
        await store.attempt_ended(attempt.channel_id, AttemptOutcome.AGENT_FAILED, NOON)
        await seen()
        message = await words.take(NOON + HOUR, None)
        while message is not None and not message.key.startswith("b/"):
            message = await words.take(NOON + HOUR, None)
        await seen()

        assert len({one[reference] for one in stamps}) == len(stamps)
        again = await store.claim(reference, "li", NOON)
        assert again is not None
        assert await store.resolve(reference, "li", again.claim_token, "done", NOON)
        assert set(await store.stamps()) == {quiet}

    asyncio.run(story())
