"""What every TokenStore and AnswerStore keeps, and pages of tickets, on both databases."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.storage.accounts import SqlAccountStore
from adapters.storage.keys import DataKey
from adapters.storage.tickets import SqlTicketStore, due_by_the_clock, open_database
from adapters.storage.tokens import SqlAnswerStore, SqlTokenStore
from ivr.calls.capture import no_failpoint
from ivr.calls.ports import TicketState, UnansweredCall, UnansweredKind
from ivr.calls.tickets import LEASE
from ivr.desk.answers import Answer, Begun
from ivr.desk.people import Account, Role
from ivr.desk.programs import ORDERS, Wanted, cursor, place
from ivr.desk.tokens import Token, Tokens
from ivr.errors import UserError
from tests.contracts.stories import MINUTE, NOON, facts, intent
from tests.databases import KINDS, new_database

KEY = DataKey(b"k" * 32)
LONG_AGO = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)


@pytest.fixture(params=KINDS)
def tickets(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SqlTicketStore]:
    database = open_database(new_database(request.param, tmp_path))
    yield SqlTicketStore(database, KEY, tmp_path, lease=LEASE, due=due_by_the_clock, failpoint=no_failpoint)
    database.close()


def test_a_token_has_the_role_of_its_person_of_now_or_its_own(tickets: SqlTicketStore):
    async def story() -> None:
        store, people = SqlTokenStore(tickets.database), SqlAccountStore(tickets.database, KEY)
        await people.add(Account("ann", Role.AGENT, "hash", NOON))
        assert await store.add(Token("crm", "k1", NOON, person="ann"))
        assert await store.add(Token("wall", "k2", NOON, role=Role.SUPERVISOR))
        assert not await store.add(Token("crm", "k3", NOON, role=Role.ADMIN))

        assert await store.token("k1") == Token("crm", "k1", NOON, "ann", Role.AGENT)
        assert await store.token("k2") == Token("wall", "k2", NOON, "", Role.SUPERVISOR)
        assert await store.token("k3") is None
        await people.set_closed("ann", True)
        assert await store.token("k1") is None
        await people.set_closed("ann", False)
        assert await store.revoke("crm", NOON + MINUTE)
        assert not await store.revoke("crm", NOON + MINUTE)
        assert await store.token("k1") is None
        assert [(one.name, one.revoked_at) for one in await store.tokens()] == [("crm", NOON + MINUTE), ("wall", None)]

    asyncio.run(story())


def test_what_is_kept_of_a_token_opens_nothing(tickets: SqlTicketStore):
    async def story() -> None:
        store, people = SqlTokenStore(tickets.database), SqlAccountStore(tickets.database, KEY)
        tokens = Tokens(store, people, lambda: NOON)
        secret = await tokens.add("crm", "test", role=Role.AGENT)
        kept = (await store.tokens())[0]

        assert secret not in repr(kept)
        assert kept.key not in repr(kept)
        found = await tokens.session(secret)
        assert found is not None
        assert (found.name, found.role) == ("program:crm", Role.AGENT)
        assert await tokens.session(kept.key) is None
        assert await tokens.session(secret[:-1] + ("a" if secret[-1] != "a" else "b")) is None
        for name, options in (("crm", {"role": Role.AGENT}), ("Crm", {"role": Role.AGENT}), ("x", {}), ("y", {"person": "nobody"})):
            with pytest.raises(UserError):
                await tokens.add(name, "test", **options)  # type: ignore[arg-type]
        with pytest.raises(UserError, match="there is no token nothing to revoke"):
            await tokens.revoke("nothing", "test")

    asyncio.run(story())


def test_one_of_many_requests_of_a_key_is_done_and_the_others_are_told(tickets: SqlTicketStore):
    async def story() -> None:
        store = SqlAnswerStore(tickets.database, KEY)
        begun = Begun("token", "job-1", "hash", NOON)

        async def begin(one: Begun, unfinished_before: dt.datetime = LONG_AGO) -> Answer | None:
            return await store.begin(one, forgotten_before=LONG_AGO, unfinished_before=unfinished_before)

        told = await asyncio.gather(*(begin(begun) for _ in range(5)))
        assert sorted(map(repr, told)) == sorted(map(repr, [None, *[Answer("hash", None, "")] * 4]))
        assert await begin(Begun("other token", "job-1", "hash", NOON)) is None

        await store.end(begun, 200, "13900001008")
        assert await begin(begun, NOON + MINUTE) == Answer("hash", 200, "13900001008")
        assert await store.begin(begun, forgotten_before=NOON + MINUTE, unfinished_before=LONG_AGO) is None  # forgotten, so done again
        assert await begin(begun, NOON + MINUTE) is None  # whoever did it has died
        await store.forget(begun)
        assert await begin(begun) is None

    asyncio.run(story())


@pytest.mark.parametrize("order", [*ORDERS, *(f"-{order}" for order in ORDERS)])
def test_pages_have_every_ticket_once_in_order(tickets: SqlTicketStore, order: str):
    async def story() -> None:
        for number in range(7):
            of = intent(f"s{number}", caller=f"1390000100{number}", at=NOON + (number // 3) * MINUTE)
            await tickets.capture(of, facts(of), NOON)
        whole = [one.reference for one in await tickets.page(Wanted(order=order))]

        seen, after = [], None
        while page := await tickets.page(Wanted(order=order, after=after, limit=2)):
            seen += [one.reference for one in page]
            after = place(order, cursor(order, page[-1]))

        assert seen == whole
        assert len(set(seen)) == 7
        assert await tickets.count(Wanted(order=order)) == 7
        assert [one.reference for one in await tickets.page(Wanted(order=order, skip=5))] == whole[5:]

    asyncio.run(story())


def test_a_promise_made_elsewhere_is_a_ticket_once(tickets: SqlTicketStore):
    async def story() -> None:
        call = UnansweredCall("elsewhere/crm/1", UnansweredKind.PROMISED, "13900001008", "1008611", "zh-CN", NOON, "bill")

        references = await asyncio.gather(*(tickets.record_unanswered(call, NOON) for _ in range(4)))
        found = await tickets.ticket(references[0] or "")

        assert len(set(references)) == 1
        assert found is not None
        assert (found.state, found.topic, [one.kind for one in found.calls]) == (TicketState.OPEN, "bill", [UnansweredKind.PROMISED])
        assert await tickets.audit(NOON) == ()

    asyncio.run(story())
