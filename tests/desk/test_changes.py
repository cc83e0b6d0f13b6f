"""What has changed is told to all who watch, by one look for all of them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping

import pytest

from ivr.desk.changes import EVERYTHING, REMEMBERED, Changes
from ivr.errors import StoreFailed

PATIENCE = 20.0  # seconds


class Tickets:
    """Stamps that a test changes; each look is counted in `looked`, and `away` makes the database fail."""

    def __init__(self, **stamps: str) -> None:
        self.stamps = stamps
        self.looked: asyncio.Queue[int] = asyncio.Queue()
        self.looks = 0
        self.away = False

    async def look(self) -> Mapping[str, str]:
        self.looks += 1
        self.looked.put_nowait(self.looks)
        if self.away:
            raise StoreFailed("away")
        return dict(self.stamps)


Told = asyncio.Queue[frozenset[str]]


@contextlib.asynccontextmanager
async def watcher(changes: Changes) -> AsyncIterator[Told]:
    """What one who watches is told."""
    told: Told = asyncio.Queue()

    async def follow() -> None:
        async for changed in changes.watch():
            told.put_nowait(changed)

    async with asyncio.timeout(PATIENCE):
        watching = asyncio.create_task(follow())
        yield told
        watching.cancel()


def test_whoever_watches_is_told_which_tickets_changed_came_and_went():
    async def story() -> list[frozenset[str]]:
        tickets = Tickets(one="open/1", two="open/1")
        async with watcher(Changes(tickets.look, every=0.02)) as told:
            found = [await told.get()]
            await tickets.looked.get()
            tickets.stamps = {"one": "claimed/2", "two": "open/1", "three": "open/1"}
            found.append(await told.get())
            tickets.stamps = {"two": "open/1", "three": "open/1"}
            return [*found, await told.get()]

    assert asyncio.run(story()) == [EVERYTHING, frozenset({"one", "three"}), frozenset({"one"})]


def test_many_who_watch_cost_no_more_looks_than_one():
    async def story() -> tuple[int, set[frozenset[str]]]:
        tickets = Tickets()
        changes = Changes(tickets.look, every=3600)
        async with contextlib.AsyncExitStack() as stack:
            all_told = [await stack.enter_async_context(watcher(changes)) for _ in range(50)]
            assert {await told.get() for told in all_told} == {EVERYTHING}
            await tickets.looked.get()
            tickets.stamps = {"one": "open/1"}
            changes.soon()
            changed = {await told.get() for told in all_told}
            return tickets.looks, changed

    looks, told = asyncio.run(story())

    assert looks == 2  # one at first, and one because somebody has said that there is something new
    assert told == {frozenset({"one"})}


@pytest.mark.parametrize(("look_takes", "rest"), [(0.1, 0.4), (0.25, 1.0), (0.5, 1.0)], ids=["a fifth", "still a fifth", "a third"])
def test_in_a_storm_of_changes_looks_rest_four_times_as_long_as_they_take_and_a_second_at_most(
    look_takes: float, rest: float, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("ivr.desk.changes._TICK", 0.0)
    at, step, lasts = 0.0, 0.01, 60.0

    async def story() -> tuple[int, int]:
        async def look() -> Mapping[str, str]:
            nonlocal at
            at += look_takes
            return await tickets.look()

        def timer() -> float:
            nonlocal at
            at += step
            tickets.stamps = {"one": f"open/{at}"}
            changes.soon()  # somebody changes something all the time
            return at

        tickets = Tickets()
        changes = Changes(look, timer=timer, longest=lasts)
        told = [changed async for changed in changes.watch()]
        return tickets.looks, len(told)

    looks, told = asyncio.run(asyncio.wait_for(story(), PATIENCE))

    assert lasts / ((look_takes + rest) * 1.2) <= looks <= lasts / (look_takes + rest) + 1
    assert told == looks  # "everything" at first, then each look but the one that is compared with nothing


def test_a_database_that_is_away_ends_nobodys_watch():
    async def story() -> frozenset[str]:
        tickets = Tickets()
        async with watcher(Changes(tickets.look, every=0.02)) as told:
            await told.get()
            await tickets.looked.get()
            tickets.away = True
            tickets.looked = asyncio.Queue()
            for _ in range(2):
                await tickets.looked.get()
            tickets.away, tickets.stamps = False, {"one": "open/1"}
            return await told.get()

    assert asyncio.run(story()) == frozenset({"one"})


def test_who_has_missed_more_than_is_remembered_is_told_that_all_may_have_changed():
    async def story() -> frozenset[str]:
        tickets = Tickets()
        changes = Changes(tickets.look, every=0.0)
        slow = changes.watch()
        await anext(slow)
        async with watcher(changes) as quick:
            await quick.get()
            await tickets.looked.get()
            for number in range(REMEMBERED + 1):
                tickets.stamps = {"one": f"open/{number}"}
                await quick.get()
            return await anext(slow)

    assert asyncio.run(story()) == EVERYTHING


def test_a_watch_ends_by_itself_so_that_who_watches_is_known_anew():
    async def story() -> list[frozenset[str]]:
        changes = Changes(Tickets().look, every=0.01, longest=0.05)
        async with asyncio.timeout(PATIENCE):
            return [changed async for changed in changes.watch()]

    assert asyncio.run(story()) == [EVERYTHING]
