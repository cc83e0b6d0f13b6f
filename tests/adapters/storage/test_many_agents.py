"""Fifty agents take tickets from one queue at once: nobody has another's, the order is kept, and nobody waits for long.

IVR_TICKETS sets how many tickets there are; the default is small enough for every run.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import os
import sys
import time
from pathlib import Path

from adapters.storage.postgres import PostgresDatabase
from adapters.storage.tickets import SqlTicketStore
from tests.adapters.storage.lines import Site
from tests.contracts.stories import MINUTE, NOON, facts, intent

TICKETS = int(os.environ.get("IVR_TICKETS", "300"))
AGENTS = 50
WEEK = dt.timedelta(days=7)


def test_fifty_agents_share_a_queue_without_one_ticket_being_taken_twice(tmp_path: Path):
    site = Site(tmp_path, "postgresql")
    first = site.store(exclusive=False)
    database = PostgresDatabase(str(site.database), pool=AGENTS)
    store = SqlTicketStore(database, first.key, site.recordings)
    taken: list[tuple[str, str]] = []
    took: list[float] = []

    async def leave(number: int) -> str:
        of = intent(f"s{number}", caller=f"1390{number:07}", at=NOON + number * MINUTE / 60)
        return await store.capture(of, facts(of), NOON)

    async def agent(name: str) -> None:
        while True:
            begun = time.perf_counter()
            ticket = await store.claim_next(name, NOON + WEEK)
            took.append(time.perf_counter() - begun)
            if ticket is None:
                return
            taken.append((name, ticket.reference))

    async def story() -> list[str]:
        references: list[str] = []
        for begin in range(0, TICKETS, 100):
            references += await asyncio.gather(*(leave(number) for number in range(begin, min(begin + 100, TICKETS))))
        await asyncio.gather(*(agent(f"agent{number}") for number in range(AGENTS)))
        return references

    references = asyncio.run(story())
    first.close()
    store.close()

    rank = {reference: number for number, reference in enumerate(references)}
    assert sorted(reference for _, reference in taken) == sorted(references)
    for name in {name for name, _ in taken}:
        theirs = [rank[reference] for agent_name, reference in taken if agent_name == name]
        assert theirs == sorted(theirs)
    # Whoever takes a ticket passes over those only that another one is taking at that moment.
    assert all(rank[reference] < number + AGENTS for number, (_, reference) in enumerate(taken))
    took.sort()
    p50, p99 = took[len(took) // 2], took[int(len(took) * 0.99)]
    sys.stdout.write(f"{AGENTS} agents, {TICKETS} tickets: a claim took {p50 * 1000:.0f} ms (p50), {p99 * 1000:.0f} ms (p99)\n")
