"""One reading for all who look, and what is read off it."""

from __future__ import annotations

import asyncio
import datetime as dt

import pytest

from ivr.calls.ports import TicketState
from ivr.desk.board import Doing, HeldTicket, SharedReading, agents_now
from ivr.desk.people import Account, Role
from ivr.errors import StoreFailed

NOON = dt.datetime(2026, 3, 5, 12, 0, tzinfo=dt.UTC)
SECOND = dt.timedelta(seconds=1)


class Readings:
    """Counts how often it was read; `gate` is when a reading goes on."""

    def __init__(self) -> None:
        self.now = NOON
        self.read = 0
        self.fails = False
        self.gate: asyncio.Event | None = None

    def clock(self) -> dt.datetime:
        return self.now

    async def __call__(self, at: dt.datetime) -> int:
        self.read += 1
        if self.gate is not None:
            await self.gate.wait()
        if self.fails:
            raise StoreFailed("away")
        return self.read


def test_a_hundred_who_look_at_once_are_told_one_reading():
    async def story() -> None:
        readings = Readings()
        readings.gate = asyncio.Event()
        shared = SharedReading(readings, readings.clock)
        looks = [asyncio.ensure_future(shared.get()) for _ in range(100)]
        await asyncio.sleep(0)
        readings.gate.set()

        assert await asyncio.gather(*looks) == [1] * 100

    asyncio.run(story())


def test_who_goes_away_while_it_is_read_keeps_nobody_from_being_told():
    async def story() -> None:
        readings = Readings()
        readings.gate = asyncio.Event()
        shared = SharedReading(readings, readings.clock)
        first, second = (asyncio.ensure_future(shared.get()) for _ in range(2))
        await asyncio.sleep(0)
        first.cancel()
        readings.gate.set()

        assert await second == 2

    asyncio.run(story())


@pytest.mark.parametrize("passed", [SECOND, -SECOND])
def test_a_reading_is_old_after_a_second_and_when_the_clock_was_put_back(passed: dt.timedelta):
    async def story() -> None:
        readings = Readings()
        shared = SharedReading(readings, readings.clock)

        assert [await shared.get(), await shared.get()] == [1, 1]
        readings.now += passed
        assert await shared.get() == 2

    asyncio.run(story())


def test_a_reading_that_failed_is_tried_again():
    async def story() -> None:
        readings = Readings()
        readings.fails = True
        shared = SharedReading(readings, readings.clock)

        with pytest.raises(StoreFailed):
            await shared.get()
        readings.fails = False
        assert await shared.get() == 2

    asyncio.run(story())


def test_who_does_most_comes_first_and_whoever_holds_a_ticket_is_told_of():
    def account(name: str, role: Role, *, closed: bool = False, here: bool = True) -> tuple[str, tuple[Account, bool]]:
        return name, (Account(name, role, "", NOON, closed), here)

    def held(reference: str, agent: str, state: TicketState) -> HeldTicket:
        return HeldTicket(reference, agent, state, "billing", NOON)

    people = dict(
        [
            account("an", Role.AGENT),
            account("bo", Role.AGENT, here=False),
            account("cai", Role.AGENT),
            account("gone", Role.AGENT, closed=True),
            account("sue", Role.SUPERVISOR),
            account("otto", Role.OPERATOR),
        ]
    )
    tickets = [
        held("1", "cai", TicketState.CLAIMED),
        held("2", "cai", TicketState.TALKING),
        held("3", "sue", TicketState.DIALING),
        held("4", "somebody at the command line", TicketState.CLAIMED),
    ]

    told = agents_now(people, tickets)

    assert [(one.name, one.doing) for one in told] == [
        ("cai", Doing.TALKING),
        ("sue", Doing.DIALING),
        ("somebody at the command line", Doing.CLAIMED),
        ("an", Doing.IDLE),
        ("bo", Doing.AWAY),
    ]
    assert [ticket.reference for ticket in told[0].held] == ["1", "2"]
