"""Many who ask at once are served by one reading, and nobody by one that began before they asked."""

from __future__ import annotations

import asyncio

import pytest

from ivr.desk.together import Together
from ivr.errors import StoreFailed

PATIENCE = 20.0  # seconds


class Book:
    """What is read: each reading waits until it is let go, and finds what stood there when it began."""

    def __init__(self) -> None:
        self.word = "first"
        self.begun: asyncio.Queue[str] = asyncio.Queue()
        self.let_go = asyncio.Semaphore(0)
        self.away = False
        self.readings = 0

    async def read(self) -> str:
        self.readings += 1
        found = self.word
        self.begun.put_nowait(found)
        await self.let_go.acquire()
        if self.away:
            raise StoreFailed("away")
        return found


def test_fifty_who_ask_while_one_reads_share_the_next_reading_and_see_what_is_new():
    async def story() -> tuple[str, set[str], int]:
        book = Book()
        ask = Together(book.read)
        early = asyncio.create_task(ask())
        await book.begun.get()
        book.word = "second"
        late = [asyncio.create_task(ask()) for _ in range(50)]
        book.let_go.release()
        first = await early
        await book.begun.get()
        book.let_go.release()
        return first, set(await asyncio.gather(*late)), book.readings

    assert asyncio.run(asyncio.wait_for(story(), PATIENCE)) == ("first", {"second"}, 2)


def test_who_asks_after_a_reading_reads_anew():
    async def story() -> tuple[str, str]:
        book = Book()
        ask = Together(book.read)
        book.let_go.release()
        first = await ask()
        book.word = "second"
        book.let_go.release()
        return first, await ask()

    assert asyncio.run(asyncio.wait_for(story(), PATIENCE)) == ("first", "second")


def test_a_reading_that_fails_fails_for_all_who_wait_for_it_and_for_nobody_else():
    async def story() -> tuple[list[str | BaseException], str]:
        book = Book()
        ask = Together(book.read)
        book.away = True
        book.let_go.release()
        failed = await asyncio.gather(ask(), ask(), return_exceptions=True)
        book.away = False
        book.let_go.release()
        return failed, await ask()

    failed, after = asyncio.run(asyncio.wait_for(story(), PATIENCE))

    assert [str(one) for one in failed] == ["away", "away"]
    assert all(isinstance(one, StoreFailed) for one in failed)
    assert after == "first"


def test_who_goes_away_takes_the_reading_from_nobody():
    async def story() -> str:
        book = Book()
        ask = Together(book.read)
        gone, here = asyncio.create_task(ask()), asyncio.create_task(ask())
        await book.begun.get()
        gone.cancel()
        with pytest.raises(asyncio.CancelledError):
            await gone
        book.let_go.release()
        return await here

    assert asyncio.run(asyncio.wait_for(story(), PATIENCE)) == "first"
