"""What every WebhookStore keeps: whatever happens to a ticket is put down once for each webhook, and told in order until it is taken."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.storage.keys import DataKey
from adapters.storage.tickets import SqlTicketStore, due_by_the_clock, open_database
from adapters.storage.webhooks import SqlWebhookStore
from ivr.calls.capture import no_failpoint
from ivr.calls.tickets import LEASE as CLAIM
from ivr.desk.webhooks import LEASE, Delivery, Webhook
from tests.contracts.stories import MINUTE, NOON, facts, intent
from tests.databases import KINDS, new_database

KEY = DataKey(b"k" * 32)
HOOK = Webhook("https://crm.example/in", "selfline", (), "whsec_c2VjcmV0", "admin", NOON)
SECOND = dt.timedelta(seconds=1)


@pytest.fixture(params=KINDS)
def tickets(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SqlTicketStore]:
    database = open_database(new_database(request.param, tmp_path))
    yield SqlTicketStore(database, KEY, tmp_path, lease=CLAIM, due=due_by_the_clock, failpoint=no_failpoint)
    database.close()


@pytest.fixture
def store(tickets: SqlTicketStore) -> SqlWebhookStore:
    return SqlWebhookStore(tickets.database, KEY)


async def take_all(store: SqlWebhookStore, at: dt.datetime = NOON) -> list[Delivery]:
    taken = []
    while (delivery := await store.next_delivery(at, LEASE)) is not None:
        await store.delivered(delivery, at)
        taken.append(delivery)
    return taken


def test_what_happens_is_told_in_order_from_the_moment_of_adding_on(tickets: SqlTicketStore, store: SqlWebhookStore):
    async def story() -> None:
        before = await tickets.capture(intent("s1"), facts(intent("s1")), NOON)
        await store.add(HOOK)
        after = await tickets.capture(intent("s2", caller="13900001009"), facts(intent("s2")), NOON)
        claimed = await tickets.claim(before, "ann", NOON)
        assert claimed is not None
        await tickets.resolve(before, "ann", claimed.claim_token, "told", NOON)

        told = await take_all(store)

        assert [(one.reference, one.event.kind) for one in told] == [
            (after, "opened"), (after, "message_kept"), (before, "claimed"), (before, "resolved"),
        ]  # fmt: skip
        assert len({one.key for one in told}) == 4
        assert told[0].webhook.secret == HOOK.secret
        assert (await store.webhooks())[0].waiting == 0

    asyncio.run(story())


def test_what_is_undone_with_its_transaction_is_told_to_nobody(tickets: SqlTicketStore, store: SqlWebhookStore):
    """The event and what is put down of it are one: a crash before the commit leaves neither."""

    def dies(point: str) -> None:
        if point == "claim_uncommitted":
            raise RuntimeError(point)

    async def story() -> None:
        reference = await tickets.capture(intent("s1"), facts(intent("s1")), NOON)
        await store.add(HOOK)
        dying = SqlTicketStore(tickets.database, KEY, Path("/recordings"), lease=CLAIM, due=due_by_the_clock, failpoint=dies)
        with pytest.raises(RuntimeError):
            await dying.claim(reference, "ann", NOON)
        assert await take_all(store) == []

    asyncio.run(story())


def test_one_that_does_not_take_a_thing_hears_nothing_else_before(tickets: SqlTicketStore, store: SqlWebhookStore):
    async def story() -> None:
        await store.add(HOOK)
        other = await store.add(Webhook("https://other.example/", "tmf621", ("ticket.opened",), "whsec_b3RoZXI=", "boss", NOON))
        await tickets.capture(intent("s1"), facts(intent("s1")), NOON)

        first = await store.next_delivery(NOON, LEASE)
        assert first is not None
        assert first.webhook.address == HOOK.address
        await store.not_delivered(first, "answered 500", NOON, NOON + 5 * SECOND, give_up=False)
        meanwhile = await take_all(store, NOON + SECOND)
        again = await store.next_delivery(NOON + 5 * SECOND, LEASE)
        assert again is not None
        failing = (await store.webhooks())[0]
        await store.delivered(again, NOON + 5 * SECOND)

        assert [(one.webhook.id, one.event.kind) for one in meanwhile] == [(other, "opened")]
        assert (again.key, again.webhook.tries) == (first.key, 1)
        assert (failing.tries, failing.failing_since, failing.reason, failing.waiting) == (1, NOON, "answered 500", 2)
        assert [one.event.kind for one in await take_all(store, NOON + 5 * SECOND)] == ["message_kept"]
        assert (await store.webhooks())[0].failing_since is None

    asyncio.run(story())


def test_what_one_sends_another_does_not_until_it_must_have_died(tickets: SqlTicketStore, store: SqlWebhookStore):
    async def story() -> None:
        await store.add(HOOK)
        await tickets.capture(intent("s1"), facts(intent("s1")), NOON)

        taken = await asyncio.gather(*(store.next_delivery(NOON, LEASE) for _ in range(4)))
        later = await store.next_delivery(NOON + LEASE, LEASE)

        assert [one.event.kind for one in taken if one is not None] == ["opened"]
        assert later is not None
        assert later.event.kind == "opened"

    asyncio.run(story())


def test_one_that_is_given_up_disabled_or_removed_is_told_no_more(tickets: SqlTicketStore, store: SqlWebhookStore):
    async def story() -> None:
        kept, removed = await store.add(HOOK), await store.add(HOOK)
        reference = await tickets.capture(intent("s1"), facts(intent("s1")), NOON)
        assert await store.remove(removed)
        assert not await store.remove(removed)

        given_up = await store.next_delivery(NOON, LEASE)
        assert given_up is not None
        await store.not_delivered(given_up, "no answer within 5 s", NOON, NOON, give_up=True)
        next_ = await store.next_delivery(NOON, LEASE)
        assert next_ is not None
        await store.disable(kept, "gone", NOON + MINUTE)
        await tickets.claim(reference, "ann", NOON)

        assert (given_up.event.kind, next_.event.kind) == ("opened", "message_kept")
        assert await take_all(store, NOON + 2 * MINUTE) == []
        assert [(one.id, one.disabled_at, one.reason, one.waiting) for one in await store.webhooks()] == [(kept, NOON + MINUTE, "gone", 0)]

    asyncio.run(story())
