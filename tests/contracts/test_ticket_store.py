"""What every TicketStore does, in memory, in SQLite and in PostgreSQL alike."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from adapters.memory import MemoryTicketStore
from adapters.storage.tickets import SqlTicketStore
from ivr.calls.ports import TicketState, TicketStore, UnansweredCall, UnansweredKind
from ivr.calls.tickets import LEASE
from ivr.errors import UnknownTicket
from tests.contracts.stories import CALLER, MINUTE, NOON, facts, intent
from tests.databases import KINDS, new_database


@pytest.fixture(params=["memory", *KINDS])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[TicketStore]:
    if request.param == "memory":
        yield MemoryTicketStore()
        return
    sql = SqlTicketStore.open(new_database(request.param, tmp_path), tmp_path / "secrets" / "data_key", Path("/recordings"), exclusive=True)
    yield sql
    sql.close()


def test_a_message_opens_a_ticket_with_all_an_agent_needs(store: TicketStore):
    async def story() -> None:
        await store.begin(intent())
        reference = await store.capture(intent(), facts(intent()), NOON + MINUTE)

        [ticket] = await store.tickets()

        assert ticket.reference == reference
        assert len(reference) == 6
        assert reference.isdigit()
        assert (ticket.state, ticket.topic, ticket.language, ticket.caller_id) == (TicketState.OPEN, "billing", "zh-CN", CALLER)
        assert (ticket.dialled, ticket.created_at, ticket.due_at) == ("1008611", NOON, NOON + dt.timedelta(hours=2))
        assert (ticket.assignee, ticket.claim_token, ticket.note, ticket.resolved_at) == (None, 0, None, None)
        [message] = ticket.messages
        assert (message.key, message.path, message.seconds) == (intent().message_key, facts(intent()).path, 4.0)
        assert (message.partial, message.recorded_at) == (False, NOON + MINUTE)
        assert await store.ticket(reference) == ticket

    asyncio.run(story())


def test_a_message_that_is_begun_is_no_ticket_yet(store: TicketStore):
    async def story() -> None:
        await store.begin(intent())
        await store.begin(intent())

        assert await store.tickets() == ()
        assert await store.capturing() == (intent(),)
        [ticket] = await store.tickets(include_ended=True)
        assert ticket.state is TicketState.CAPTURING

    asyncio.run(story())


def test_capturing_twice_answers_the_same_and_changes_nothing(store: TicketStore):
    async def story() -> None:
        first = await store.capture(intent(), facts(intent()), NOON)
        before = await store.tickets(include_ended=True)

        second = await store.capture(intent(), facts(intent(), b"other"), NOON + MINUTE)

        assert second == first
        assert await store.tickets(include_ended=True) == before

    asyncio.run(story())


def test_a_second_call_on_the_same_topic_is_attached_under_the_same_reference(store: TicketStore):
    async def story() -> None:
        first, second = intent("a"), intent("b", at=NOON + MINUTE)
        await store.begin(first)
        reference = await store.capture(first, facts(first), NOON)
        await store.begin(second)

        assert await store.capture(second, facts(second), NOON + MINUTE) == reference

        [ticket] = await store.tickets()
        assert [message.key for message in ticket.messages] == ["a/message/1", "b/message/1"]

    asyncio.run(story())


def test_two_messages_of_one_caller_begun_at_once_share_a_ticket_even_when_one_comes_to_nothing(store: TicketStore):
    async def story() -> None:
        first, second = intent("a"), intent("b")
        await store.begin(first)
        await store.begin(second)

        await store.abandon(first, "too_short", NOON)
        reference = await store.capture(second, facts(second), NOON)

        [ticket] = await store.tickets(include_ended=True)
        assert (ticket.reference, ticket.state, len(ticket.messages)) == (reference, TicketState.OPEN, 1)

    asyncio.run(story())


@pytest.mark.parametrize("other", [{"topic": "roaming"}, {"caller": "13900001001"}])
def test_another_topic_or_another_caller_is_another_ticket(store: TicketStore, other: dict[str, str]):
    async def story() -> None:
        first, second = intent("a"), intent("b", **other)  # type: ignore[arg-type]
        await store.capture(first, facts(first), NOON)
        await store.capture(second, facts(second), NOON)

        assert len(await store.tickets()) == 2

    asyncio.run(story())


def test_callers_who_withhold_their_number_are_never_taken_for_one_another(store: TicketStore):
    async def story() -> None:
        for session in "ab":
            await store.capture(intent(session, caller=""), facts(intent(session, caller="")), NOON)

        assert [ticket.caller_id for ticket in await store.tickets()] == ["", ""]

    asyncio.run(story())


def test_an_abandoned_message_is_kept_and_counted(store: TicketStore):
    async def story() -> None:
        await store.begin(intent())
        await store.abandon(intent(), "too_short", NOON)
        await store.abandon(intent("b", caller="13900001001"), "no_recording", NOON)

        assert await store.capturing() == ()
        assert await store.tickets() == ()
        states = [ticket.state for ticket in await store.tickets(include_ended=True)]
        assert states == [TicketState.ABANDONED, TicketState.ABANDONED]

    asyncio.run(story())


def test_a_captured_message_cannot_be_abandoned_but_an_abandoned_one_can_still_be_captured(store: TicketStore):
    async def story() -> None:
        await store.begin(intent())
        await store.abandon(intent(), "no_recording", NOON)
        reference = await store.capture(intent(), facts(intent()), NOON)
        await store.abandon(intent(), "too_short", NOON)

        [ticket] = await store.tickets(include_ended=True)
        assert (ticket.reference, ticket.state, len(ticket.messages)) == (reference, TicketState.OPEN, 1)

    asyncio.run(story())


def test_a_message_of_a_resolved_ticket_opens_a_new_one(store: TicketStore):
    async def story() -> None:
        first, second = intent("a"), intent("b")
        reference = await store.capture(first, facts(first), NOON)
        claimed = await store.claim(reference, "li", NOON)
        assert claimed is not None
        await store.begin(second)
        await store.resolve(reference, "li", claimed.claim_token, "called back", NOON)

        other = await store.capture(second, facts(second), NOON)

        assert other != reference
        assert [ticket.reference for ticket in await store.tickets()] == [other]

    asyncio.run(story())


def test_a_claim_is_one_agents_and_the_resolution_ends_it(store: TicketStore):
    async def story() -> None:
        reference = await store.capture(intent(), facts(intent()), NOON)

        claimed = await store.claim(reference, "li", NOON)

        assert claimed is not None
        assert (claimed.state, claimed.assignee, claimed.claim_token) == (TicketState.CLAIMED, "li", 1)
        assert await store.claim(reference, "wang", NOON) is None
        assert not await store.resolve(reference, "wang", 1, "mine", NOON)
        assert not await store.resolve(reference, "li", 0, "stale", NOON)
        assert await store.resolve(reference, "li", 1, "he is content", NOON + MINUTE)
        assert await store.resolve(reference, "li", 1, "he is content", NOON + MINUTE)
        assert await store.tickets() == ()
        ended = await store.ticket(reference)
        assert ended is not None
        assert (ended.state, ended.note, ended.resolved_at) == (TicketState.RESOLVED, "he is content", NOON + MINUTE)
        assert await store.claim(reference, "li", NOON) is None

    asyncio.run(story())


def test_a_released_ticket_goes_back_and_the_old_token_is_worth_nothing(store: TicketStore):
    async def story() -> None:
        reference = await store.capture(intent(), facts(intent()), NOON)
        await store.claim(reference, "li", NOON)

        assert await store.release(reference, "li", 1, NOON)
        assert not await store.release(reference, "li", 1, NOON)

        again = await store.claim(reference, "wang", NOON)
        assert again is not None
        assert again.claim_token == 2
        assert not await store.resolve(reference, "li", 1, "late", NOON)

    asyncio.run(story())


def test_a_claim_that_has_run_out_returns_to_the_queue(store: TicketStore):
    async def story() -> None:
        reference = await store.capture(intent(), facts(intent()), NOON)
        await store.claim(reference, "li", NOON)

        assert await store.return_expired(NOON + LEASE - MINUTE) == 0
        assert await store.return_expired(NOON + LEASE) == 1

        ticket = await store.ticket(reference)
        assert ticket is not None
        assert (ticket.state, ticket.assignee) == (TicketState.OPEN, None)

    asyncio.run(story())


def test_a_claim_that_has_run_out_can_be_taken_over_and_one_that_is_renewed_cannot(store: TicketStore):
    async def story() -> None:
        reference = await store.capture(intent(), facts(intent()), NOON)
        await store.claim(reference, "li", NOON)
        renewed = await store.claim(reference, "li", NOON + MINUTE)
        assert renewed is not None
        assert renewed.claim_token == 1

        assert await store.claim(reference, "wang", NOON + LEASE) is None
        taken = await store.claim(reference, "wang", NOON + LEASE + MINUTE)

        assert taken is not None
        assert (taken.assignee, taken.claim_token) == ("wang", 2)

    asyncio.run(story())


def test_a_ticket_with_a_message_nobody_has_heard_cannot_be_resolved(store: TicketStore):
    async def story() -> None:
        first, second = intent("a"), intent("b")
        reference = await store.capture(first, facts(first), NOON)
        await store.claim(reference, "li", NOON)
        await store.capture(second, facts(second), NOON)

        assert not await store.resolve(reference, "li", 1, "called back", NOON)
        await store.claim(reference, "li", NOON)
        assert await store.resolve(reference, "li", 1, "called back", NOON)

    asyncio.run(story())


def test_the_next_due_comes_first(store: TicketStore):
    async def story() -> None:
        late, early = intent("a", at=NOON + MINUTE), intent("b", caller="13900001001", at=NOON)
        await store.capture(late, facts(late), NOON)
        await store.capture(early, facts(early), NOON)

        assert [ticket.caller_id for ticket in await store.tickets()] == ["13900001001", CALLER]

    asyncio.run(story())


def test_recordings_are_accounted_for_from_the_beginning(store: TicketStore):
    async def story() -> None:
        captured, begun, gone = intent("a"), intent("b"), intent("c")
        found = facts(intent("d"))
        await store.capture(captured, facts(captured), NOON)
        await store.begin(begun)
        await store.abandon(gone, "too_short", NOON, found)
        names = {facts(captured).path.name, facts(begun).path.name, found.path.name, "stranger.alaw"}

        assert await store.accounted(names) == names - {"stranger.alaw"}

    asyncio.run(story())


def test_one_recording_makes_one_message_whatever_key_it_comes_under(store: TicketStore):
    async def story() -> None:
        one = facts(intent("a"))
        reference = await store.capture(intent("a"), one, NOON)

        assert await store.capture(intent("found", caller=""), one, NOON) == reference
        assert len(await store.tickets(include_ended=True)) == 1

    asyncio.run(story())


@pytest.mark.parametrize(
    "act",
    [
        lambda store: store.claim("999999", "li", NOON),
        lambda store: store.release("999999", "li", 1, NOON),
        lambda store: store.resolve("999999", "li", 1, "", NOON),
    ],
)
def test_a_reference_that_does_not_exist_is_the_users_error(store: TicketStore, act: Callable[[TicketStore], object]):
    with pytest.raises(UnknownTicket, match="there is no ticket '999999'"):
        asyncio.run(act(store))  # type: ignore[arg-type]
    assert asyncio.run(store.ticket("999999")) is None


# --- calls that nobody answered ---------------------------------------------------------------------------------


def unanswered(session: str = "a", caller: str = CALLER, kind: UnansweredKind = UnansweredKind.ABANDONED) -> UnansweredCall:
    return UnansweredCall(session, kind, caller, "10086", "zh-CN", NOON, "person")


def test_a_call_that_nobody_answered_is_a_ticket_once(store: TicketStore):
    async def story() -> None:
        reference = await store.record_unanswered(unanswered(), NOON)
        assert reference is not None
        assert await store.record_unanswered(unanswered(), NOON + MINUTE) == reference

        [ticket] = await store.tickets(include_ended=True)
        assert (ticket.reference, ticket.state, ticket.topic, ticket.messages) == (reference, TicketState.OPEN, "person", ())
        assert (ticket.caller_id, ticket.dialled, ticket.created_at, ticket.priority) == (CALLER, "10086", NOON, 100)
        assert [(call.session, call.kind) for call in ticket.calls] == [("a", UnansweredKind.ABANDONED)]
        claimed = await store.claim(reference, "li", NOON)
        assert claimed is not None
        assert await store.resolve(reference, "li", 1, "called back", NOON)

    asyncio.run(story())


def test_a_caller_who_tries_again_is_called_back_once(store: TicketStore):
    async def story() -> None:
        first = await store.record_unanswered(unanswered("a"), NOON)

        assert await store.record_unanswered(unanswered("b", kind=UnansweredKind.NO_ANSWER), NOON) == first

        [ticket] = await store.tickets()
        assert ([call.session for call in ticket.calls], ticket.priority) == (["a", "b"], 95)

    asyncio.run(story())


def test_a_caller_who_waits_for_a_call_back_already_has_nothing_new_to_wait_for(store: TicketStore):
    async def story() -> None:
        message = intent("a")
        reference = await store.capture(message, facts(message), NOON)

        assert await store.record_unanswered(unanswered("b"), NOON) == reference

        [ticket] = await store.tickets()
        assert (len(ticket.messages), len(ticket.calls), ticket.priority) == (1, 1, 95)

    asyncio.run(story())


def test_a_message_that_was_begun_in_a_call_that_nobody_answered_becomes_a_ticket(store: TicketStore):
    async def story() -> None:
        begun = intent("a", topic="person")
        await store.begin(begun)

        reference = await store.record_unanswered(unanswered("a"), NOON)
        await store.abandon(begun, "too_short", NOON)

        [ticket] = await store.tickets(include_ended=True)
        assert (ticket.reference, ticket.state) == (reference, TicketState.OPEN)

    asyncio.run(story())


def test_nobody_can_call_back_a_caller_without_a_number_who_is_counted_all_the_same(store: TicketStore):
    async def story() -> None:
        assert await store.record_unanswered(unanswered("a", caller=""), NOON) is None
        assert await store.record_unanswered(unanswered("a", caller=""), NOON) is None

        assert await store.tickets() == ()
        [ticket] = await store.tickets(include_ended=True)
        assert (ticket.state, len(ticket.calls)) == (TicketState.ABANDONED, 1)

    asyncio.run(story())
