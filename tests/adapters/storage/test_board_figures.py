"""What the board asks of the database: the figures are right, and each has an index, so that it can be asked every second.

`IVR_TICKETS=5000 python -m pytest -s` on this file tells how long it takes beside twenty times as many closed tickets.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import os
import random
import statistics
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, event, insert, text

from adapters.storage import tables as t
from adapters.storage.tickets import SqlTicketStore
from ivr.calls.ports import TicketState
from ivr.calls.times import LINE_ZONE
from ivr.desk.board import DUE_NEXT, day_of
from tests.contracts.stories import NOON
from tests.databases import KINDS, new_database

OPEN = int(os.environ.get("IVR_TICKETS", "200"))
CLOSED = 20 * OPEN
MINUTE = dt.timedelta(minutes=1)
TODAY = day_of(NOON, LINE_ZONE)


@pytest.fixture(params=KINDS)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SqlTicketStore]:
    """Tickets of a year, by no way of ours: the way of agents would take an hour."""
    sql = SqlTicketStore.open(new_database(request.param, tmp_path), tmp_path / "secrets" / "data_key", tmp_path)
    number = sql.key.encrypt("13900001008")
    try:
        sql.database.at_once(lambda connection: _fill(connection, number))
        yield sql
    finally:
        sql.close()


def _fill(connection: Connection, number: bytes) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(text("SET LOCAL statement_timeout = 0"))
    chance = random.Random(1)
    rows = [{**_row(place, chance), "caller_enc": number} for place in range(1, OPEN + CLOSED + 1)]
    for first in range(0, len(rows), 5000):
        connection.execute(insert(t.ticket), rows[first : first + 5000])
    closed = f"id > {OPEN}"
    connection.execute(
        text(f"UPDATE ticket SET state = 'claimed', assignee = 'li', lease_until = created_at, claim_token = 1 WHERE {closed}")
    )
    excepted = "TRUE" if connection.dialect.name == "postgresql" else "1"
    connection.execute(
        text(
            "INSERT INTO resolution (ticket_id, agent, note_enc, at, outcome, by_exception)"
            f" SELECT id, 'li', caller_enc, due_at, 'answered', {excepted} FROM ticket WHERE {closed}"
        )
    )
    connection.execute(text(f"UPDATE ticket SET state = 'resolved', resolved_at = due_at, lease_until = NULL WHERE {closed}"))
    connection.execute(text(f"UPDATE ticket SET state = 'escalated' WHERE id <= {OPEN // 10}"))
    connection.execute(text("ANALYZE"))


def _row(number: int, chance: random.Random) -> dict[str, Any]:
    waits = number <= OPEN
    created = NOON - chance.randrange(2 * 24 * 60 if waits else 365 * 24 * 60) * MINUTE
    due = created + chance.randrange(60, 30 * 60) * MINUTE
    return {
        "id": number,
        "reference": str(100_000 + number),
        "caller_hmac": number.to_bytes(32),
        "dialled": "1008611",
        "topic": chance.choice(["billing", "roaming"]),
        "language": "zh-CN",
        "trust": 0,
        "state": "open",
        "priority": 100,
        "created_at": created,
        "not_before": created,
        "due_at": due,
        "hard_due_at": created + 24 * 60 * MINUTE,
        "escalation": 0,
        "claim_token": 0,
        "heard": 0,
        "attempts": 0,
    }


def test_the_figures_are_those_that_counting_one_by_one_gives(store: SqlTicketStore):
    async def story() -> None:
        found = await store.figures(NOON, TODAY)
        ledger = await store.statement(TODAY, TODAY + dt.timedelta(days=1), NOON, {})
        since_ever = await store.statement(NOON - dt.timedelta(days=400), NOON + MINUTE, NOON, {})
        waiting = [line for line in since_ever.lines if line.standing != "kept"]

        assert found.states == {TicketState.OPEN: OPEN - OPEN // 10, TicketState.ESCALATED: OPEN // 10}
        assert found.unanswered == OPEN == len(waiting)
        assert found.overdue == since_ever.count("overdue") > 0
        assert found.oldest == min(line.created_at for line in waiting)
        expected = sorted(waiting, key=lambda line: (line.due_at, line.reference))[:DUE_NEXT]
        assert [one.due_at for one in found.due_next] == [line.due_at for line in expected]
        today = found.today
        assert (today.kept, today.open, today.overdue) == tuple(ledger.count(standing) for standing in ("kept", "open", "overdue"))
        assert today.promised == ledger.promised > 0

    asyncio.run(story())


@pytest.mark.parametrize("store", ["sqlite"], indirect=True)  # PostgreSQL goes through a small table as it likes; the indexes are the same
def test_nothing_that_the_board_asks_every_second_goes_through_all_tickets(store: SqlTicketStore):
    asked: list[tuple[str, Any]] = []
    engine = store.database._engine

    def note(connection: Connection, cursor: Any, statement: str, parameters: Any, context: Any, executemany: bool) -> None:
        asked.append((statement, parameters))

    event.listen(engine, "before_cursor_execute", note)

    async def story() -> None:
        await store.figures(NOON, TODAY)
        await store.held()

    asyncio.run(story())
    event.remove(engine, "before_cursor_execute", note)

    def plan(connection: Connection) -> list[str]:
        queries = [one for one in asked if one[0].startswith("SELECT") and "FROM ticket" in one[0]]
        assert len(queries) >= 7
        return [str(row[-1]) for query, values in queries for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {query}", values)]

    steps = store.database.at_once(plan)
    assert [step for step in steps if step.startswith("SCAN ticket") and "USING" not in step] == []


def test_how_long_the_board_takes_beside_the_queue(store: SqlTicketStore, capsys: pytest.CaptureFixture[str]):
    async def timed(work: Callable[[], Awaitable[object]]) -> list[float]:
        took = []
        for _ in range(50):
            begun = time.perf_counter()
            await work()
            took.append(1000 * (time.perf_counter() - begun))
        return sorted(took)

    async def story() -> None:
        for name, work in (
            ("the board's figures", lambda: store.figures(NOON, TODAY)),
            ("who holds what", store.held),
            ("the queue, 50 tickets", lambda: store.queue(50)),
            ("an agent's day", lambda: store.agents_of(TODAY, TODAY + dt.timedelta(days=1))),
            ("the closures of a day", lambda: store.closures(TODAY, TODAY + dt.timedelta(days=1))),
        ):
            took = await timed(work)
            with capsys.disabled():
                print(f"\n{store.database.name[:10]}  {name:<24} p50 {statistics.median(took):6.1f} ms  longest {took[-1]:6.1f} ms", end="")
            assert took[0] > 0

    asyncio.run(story())
