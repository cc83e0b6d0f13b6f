"""What every AccountStore keeps, and that many at once do not get past the count of tries."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from adapters.storage.accounts import SqlAccountStore
from adapters.storage.keys import DataKey
from adapters.storage.tickets import open_database
from ivr.desk.people import Account, Action, Fact, Role, Session
from tests.databases import KINDS, Plain, new_database

NOON = dt.datetime(2026, 3, 5, 12, 0, tzinfo=dt.UTC)
LOCK = dt.timedelta(minutes=15)
ANN = Account("ann", Role.AGENT, "hash", NOON)
SESSION = Session("key", "ann", Role.AGENT, NOON, NOON)


@pytest.fixture(params=KINDS)
def where(request: pytest.FixtureRequest, tmp_path: Path) -> Path | str:
    return new_database(request.param, tmp_path)


@pytest.fixture
def store(where: Path | str) -> Iterator[SqlAccountStore]:
    database = open_database(where)
    yield SqlAccountStore(database, DataKey(b"k" * 32), seats=3)
    database.close()


def test_an_account_is_added_once(store: SqlAccountStore):
    async def story() -> None:
        assert await store.add(ANN)
        assert not await store.add(Account("ann", Role.ADMIN, "other", NOON))
        assert await store.account("ann") == replace(ANN, seat=1)
        assert await store.account("bob") is None
        assert list(await store.accounts()) == [replace(ANN, seat=1)]
        assert not await store.set_password("bob", "hash")
        assert not await store.set_closed("bob", True)

    asyncio.run(story())


def test_who_answers_callers_has_the_lowest_seat_that_is_free_and_gives_it_back(store: SqlAccountStore):
    async def story() -> None:
        roles = {"ann": Role.AGENT, "bob": Role.OPERATOR, "cai": Role.SUPERVISOR, "dai": Role.AGENT, "eve": Role.AGENT}
        for name, role in roles.items():
            assert await store.add(Account(name, role, "hash", NOON))
        assert [await store.seat_of(name) for name in roles] == [1, None, 2, 3, None]
        await store.set_closed("ann", True)
        assert await store.seat_of("ann") is None
        await store.set_closed("eve", True)
        await store.set_closed("eve", False)
        await store.set_closed("ann", False)
        assert [await store.seat_of(name) for name in roles] == [None, None, 2, 3, 1]
        assert await store.seat_of("nobody") is None
        await store.set_closed("bob", False)
        assert await store.seat_of("bob") is None

    asyncio.run(story())


def test_a_session_is_of_an_open_account_and_has_its_role_of_now(store: SqlAccountStore):
    async def story() -> None:
        await store.add(ANN)
        await store.open_session(SESSION)
        assert await store.session("key") == SESSION
        later = NOON + dt.timedelta(minutes=1)
        await store.seen("key", later)
        await store.seen("key", NOON)  # of a slower request
        assert await store.session("key") == Session("key", "ann", Role.AGENT, NOON, later)
        await store.set_closed("ann", True)
        await store.set_closed("ann", False)
        assert await store.session("key") is None
        await store.open_session(SESSION)
        await store.set_password("ann", "new")
        assert await store.session("key") is None
        await store.open_session(SESSION)
        await store.end_session("key")
        assert await store.session("key") is None

    asyncio.run(story())


def test_a_hundred_tries_at_once_are_not_more_than_ten(store: SqlAccountStore):
    async def story() -> list[bool]:
        return await asyncio.gather(*(store.try_sign_in("ann", NOON, 10, LOCK) for _ in range(100)))

    assert sum(asyncio.run(story())) == 10


def test_a_lock_lasts_from_the_last_try_and_the_right_password_forgets_them(store: SqlAccountStore):
    async def tries(count: int, at: dt.datetime) -> list[bool]:
        return [await store.try_sign_in("ann", at, 3, LOCK) for _ in range(count)]

    async def story() -> None:
        assert await tries(4, NOON) == [True, True, True, False]
        assert await tries(1, NOON + LOCK - dt.timedelta(seconds=1)) == [False]
        assert await tries(4, NOON + LOCK) == [True, True, True, False]
        await store.tries_forgotten("ann")
        assert await tries(4, NOON + LOCK) == [True, True, True, False]
        assert await store.try_sign_in("bob", NOON, 3, LOCK)

    asyncio.run(story())


def test_facts_are_kept_in_order_and_by_many_at_once(store: SqlAccountStore):
    async def story() -> None:
        for number in range(5):
            await store.write_down(Fact(NOON, "ann", Action.LOOKED_AT, f"ticket {number}", "here"))
        assert [fact.subject for fact in await store.facts(3)] == ["ticket 4", "ticket 3", "ticket 2"]
        await asyncio.gather(*(store.write_down(Fact(NOON, "bob", Action.LOOKED_AT, f"ticket {number}")) for number in range(40)))
        assert len(await store.facts()) == 45
        assert await store.audit() == ()

    asyncio.run(story())


def test_a_fact_that_is_changed_or_taken_out_is_noticed(where: Path | str, store: SqlAccountStore):
    async def story() -> None:
        for number in range(5):
            await store.write_down(Fact(NOON, "ann", Action.LOOKED_AT, f"ticket {number}", "here"))

    asyncio.run(story())
    plain = Plain(where)
    on = "" if isinstance(where, Path) else " ON desk_fact"

    assert plain.refusal("DELETE FROM desk_fact") == "desk_fact rows are kept"
    assert plain.refusal("UPDATE desk_fact SET actor = 'bob'") == "desk_fact rows are not changed"
    plain.execute(f"DROP TRIGGER desk_fact_is_not_changed{on}")
    plain.execute("UPDATE desk_fact SET subject = 'nothing' WHERE seq = 3")
    assert asyncio.run(store.audit()) == ("what is written down at the desk has been changed at 3",)
    plain.execute(f"DROP TRIGGER desk_fact_is_kept{on}")
    plain.execute("DELETE FROM desk_fact WHERE seq = 3")
    assert asyncio.run(store.audit()) == ("facts written down at the desk have been taken out after 2",)
    plain.close()
