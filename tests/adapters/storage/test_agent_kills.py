"""Desks that die while agents claim, dial and close, at each step and at random: no ticket is lost, answered twice or half-way anywhere."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from multiprocessing.synchronize import Event
from pathlib import Path

import pytest

from adapters.storage import attempts, claims
from adapters.storage.tickets import SqlTicketStore
from ivr.calls.ports import AttemptOutcome, AttemptState, Refused, Ticket, TicketState
from tests.adapters.storage.lines import Site, kill_at_random
from tests.adapters.storage.test_promise import die_at, in_process
from tests.contracts.stories import MINUTE, NOON, SPEECH, dial, facts, intent
from tests.databases import KINDS

AGENTS, TICKETS = 4, 40
LATER = NOON + 40 * MINUTE  # every lease has run out
CLAIMING = ("claim_uncommitted", "claim_committed")
DIALLING = ("attempt_uncommitted", "attempt_committed", "outcome_uncommitted", "outcome_committed")


def leave(site: Site, count: int) -> list[str]:
    store = site.store(exclusive=False)
    site.spool()

    async def story() -> list[str]:
        references = []
        for number in range(count):
            of = intent(f"s{number}", caller=f"1390{number:07}")
            found = facts(of, folder=site.recordings)
            found.path.write_bytes(SPEECH)
            references.append(await store.capture(of, found, NOON))
        return references

    try:
        return asyncio.run(story())
    finally:
        store.close()


async def answer(store: SqlTicketStore, ticket: Ticket, agent: str) -> bool:
    """Call back, talk for a minute, close."""
    attempt = await store.begin_attempt(ticket.reference, agent, ticket.claim_token, NOON)
    if isinstance(attempt, Refused):  # an attempt whose end nobody knows: the agent asks, and says that nobody answered
        await store.attempt_ended(ticket.attempts[-1].channel_id, AttemptOutcome.NOT_PLACED, NOON)
        attempt = await store.begin_attempt(ticket.reference, agent, ticket.claim_token, NOON)
        assert not isinstance(attempt, Refused)
    assert await store.attempt_went_on(attempt.channel_id, AttemptState.SENT, NOON)
    assert await store.attempt_went_on(attempt.channel_id, AttemptState.BRIDGED, NOON)
    assert await store.attempt_ended(attempt.channel_id, AttemptOutcome.ANSWERED, NOON, bridged=MINUTE)
    return await store.resolve(ticket.reference, agent, ticket.claim_token, "answered", NOON)


def desk(site: Site, life: int, ready: Event) -> None:
    """Agents work until the desk is killed; each answer is written down once it is known."""
    store = site.store(exclusive=False)

    async def agent(number: int) -> None:
        name = f"agent{life}-{number}"
        while ticket := await store.claim_next(name, NOON):
            if await answer(store, ticket, name):
                with site.promises.open("a") as file:
                    file.write(f"{ticket.reference}\n")
            ready.set()

    async def work() -> None:
        await asyncio.gather(*(agent(number) for number in range(AGENTS)))
        ready.set()
        await asyncio.Event().wait()

    asyncio.run(work())


@pytest.mark.parametrize("kind", KINDS)
def test_however_desks_die_no_ticket_is_lost_or_answered_twice(tmp_path: Path, kind: str):
    site = Site(tmp_path, kind)
    references = leave(site, TICKETS)
    for _ in kill_at_random(desk, site):
        store = site.store()
        asyncio.run(store.return_expired(LATER))
        audit = asyncio.run(store.audit(NOON))
        store.close()
        assert audit == ()

    store = site.store()
    tickets = {ticket.reference: ticket for ticket in asyncio.run(store.tickets(include_ended=True))}
    store.close()
    told = site.promises.read_text().split()
    assert len(told) == len(set(told))
    assert sorted(tickets) == sorted(references)
    assert {tickets[reference].state for reference in told} == {TicketState.RESOLVED}
    for ticket in tickets.values():
        talks = [attempt for attempt in ticket.attempts if attempt.outcome is AttemptOutcome.ANSWERED]
        assert ticket.state in (TicketState.RESOLVED, TicketState.OPEN)
        assert len(talks) >= (ticket.state is TicketState.RESOLVED)


def work_until(site: Site, point: str, how: str, reference: str) -> Callable[[], None]:
    def desk() -> None:
        store = site.store(die_at(point), exclusive=False)

        async def story() -> None:
            ticket = await (store.claim_next("li", NOON) if how == "next" else store.claim(reference, "li", NOON))
            assert ticket is not None
            await answer(store, ticket, "li")

        asyncio.run(story())

    return desk


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("how", "point"),
    [*(("next", point) for point in (*claims.FAILPOINTS, *attempts.FAILPOINTS)), *(("given", point) for point in CLAIMING)],
)
def test_a_desk_that_dies_at_one_step_leaves_that_step_whole_or_undone(tmp_path: Path, kind: str, how: str, point: str):
    site = Site(tmp_path, kind)
    [reference] = leave(site, 1)

    assert in_process(work_until(site, point, how, reference)) == -signal.SIGKILL

    store = site.store()
    [ticket] = asyncio.run(store.tickets(include_ended=True))
    assert (ticket.state, len(ticket.attempts)) == {
        "claim_uncommitted": (TicketState.OPEN, 0),
        "claim_committed": (TicketState.CLAIMED, 0),
        "attempt_uncommitted": (TicketState.CLAIMED, 0),
        "attempt_committed": (TicketState.DIALING, 1),
        "outcome_uncommitted": (TicketState.TALKING, 1),
        "outcome_committed": (TicketState.TALKING, 1),
        "resolve_uncommitted": (TicketState.TALKING, 1),
        "resolve_committed": (TicketState.RESOLVED, 1),
    }[point]
    assert asyncio.run(store.audit(NOON)) == ()
    asyncio.run(store.return_expired(LATER))
    if ticket.state is not TicketState.RESOLVED:
        again = asyncio.run(store.claim(reference, "wang", LATER))
        assert again is not None
        assert asyncio.run(answer_later(store, again))
    assert asyncio.run(store.audit(LATER)) == ()
    store.close()


async def answer_later(store: SqlTicketStore, ticket: Ticket) -> bool:
    """Another agent takes over; what nobody knew the end of is settled first."""
    if ticket.attempts and ticket.attempts[-1].state is AttemptState.UNKNOWN:
        assert await store.begin_attempt(ticket.reference, "wang", ticket.claim_token, LATER) == Refused("unsettled")
        await store.attempt_ended(ticket.attempts[-1].channel_id, AttemptOutcome.NO_ANSWER, LATER)
    attempt = await dial(store, ticket.reference, LATER, talk=True)
    await store.attempt_ended(attempt.channel_id, AttemptOutcome.ANSWERED, LATER, bridged=MINUTE)
    return await store.resolve(ticket.reference, "wang", ticket.claim_token, "answered", LATER)


def test_the_failpoints_are_those_at_which_a_test_dies():
    assert set(DIALLING) == set(attempts.FAILPOINTS)
    assert {*CLAIMING, "resolve_uncommitted", "resolve_committed"} == set(claims.FAILPOINTS)
