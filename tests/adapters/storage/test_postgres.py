"""What happens when PostgreSQL is busy, read-only, restarted, gone or somebody else's: nothing is lost, and nobody waits for long."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.memory import FixedClock, MemoryLiveCalls
from adapters.storage.postgres import PostgresDatabase, address_of
from adapters.storage.tickets import SqlTicketStore
from ivr.calls.recovery import Recovery
from ivr.core.events import MessageKept
from ivr.errors import SettingsError, StoreFailed, UserError
from tests.adapters.storage.lines import LATER, Site
from tests.contracts.stories import CALLER, NOON, facts, intent
from tests.databases import Plain, Server, server


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path, "postgresql")


@pytest.fixture
def store(site: Site) -> Iterator[SqlTicketStore]:
    opened = site.store()
    yield opened
    opened.close()


@pytest.fixture
def plain(site: Site) -> Iterator[Plain]:
    opened = Plain(site.database)
    yield opened
    opened.close()


def recover(site: Site, store: SqlTicketStore) -> tuple[str, ...]:
    return asyncio.run(Recovery(store, site.spool(), MemoryLiveCalls(), FixedClock(LATER)).scan()).adopted


def test_while_a_table_is_locked_messages_are_kept_on_disk_and_then_recovered(site: Site, store: SqlTicketStore, plain: Plain):
    plain.execute("BEGIN")
    plain.execute("LOCK TABLE ticket")

    answer = site.take(store=store)

    assert answer == MessageKept(NOON, None)
    plain.execute("ROLLBACK")
    assert len(recover(site, store)) == 1
    assert asyncio.run(store.audit(LATER)) == ()


def test_a_server_that_takes_only_reading_is_told_as_what_it_is(site: Site, store: SqlTicketStore, plain: Plain):
    """As a stand-by in the middle of a fail-over does."""
    [(name,)] = plain.execute("SELECT current_database()")
    plain.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    plain.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()")

    with pytest.raises(StoreFailed, match="is read-only: a stand-by, or a server in the middle of a fail-over"):
        asyncio.run(store.begin(intent()))
    answer = site.take(store=store)
    plain.execute("SET default_transaction_read_only = off")
    plain.execute(f"ALTER DATABASE {name} RESET default_transaction_read_only")
    plain.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()")

    assert answer == MessageKept(NOON, None)
    assert len(recover(site, store)) == 1


def test_connections_that_were_cut_off_are_made_anew_and_the_work_is_done_again(site: Site, store: SqlTicketStore, plain: Plain):
    async def story() -> None:
        await asyncio.gather(*(store.tickets() for _ in range(4)))  # several connections stand
        plain.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        reference = await store.capture(intent(), facts(intent()), NOON)
        assert [ticket.reference for ticket in await store.tickets()] == [reference]

    asyncio.run(story())


def test_two_transactions_that_wait_for_each_other_are_both_done(store: SqlTicketStore):
    """One of them is chosen by the server to be the victim, and is done again."""

    async def story() -> None:
        first, second = (intent(name, caller=f"1390000200{name}") for name in "12")
        ids = {}
        for of in (first, second):
            reference = await store.capture(of, facts(of), NOON)
            ids[of.session] = reference
        meeting = asyncio.Barrier(2)
        loop = asyncio.get_running_loop()
        met = 0

        def both(one: str, other: str):  # type: ignore[no-untyped-def]
            def work(connection):  # type: ignore[no-untyped-def]
                nonlocal met
                store.locked_by_reference(connection, ids[one])
                if met < 2:
                    met += 1
                    asyncio.run_coroutine_threadsafe(meeting.wait(), loop).result(10)
                store.locked_by_reference(connection, ids[other])
                return one

            return work

        done = await asyncio.gather(store.database.write(both("1", "2")), store.database.write(both("2", "1")))

        assert done == ["1", "2"]

    asyncio.run(story())


def test_a_second_engine_on_the_same_database_refuses_to_start(site: Site, store: SqlTicketStore):
    with pytest.raises(UserError, match=rf"is in use by another engine \(selfline, process {os.getpid()}\)"):
        site.store()
    site.store(exclusive=False).close()


def test_an_engine_whose_lock_another_one_has_taken_meanwhile_writes_no_more(site: Site, store: SqlTicketStore, plain: Plain):
    """Its connections broke; before it could come back, a second engine was started."""
    plain.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()")
    second = site.store()

    with pytest.raises(StoreFailed, match="is in use by another engine"):
        asyncio.run(store.begin(intent()))

    second.close()
    asyncio.run(store.begin(intent()))


def test_a_lost_key_is_not_replaced_by_a_new_one(site: Site):
    site.store().close()
    (site.root / "secrets" / "data_key").unlink()

    with pytest.raises(UserError, match=r"data_key is missing; without it the database .* cannot be read: restore it"):
        site.store()


@pytest.mark.parametrize(
    ("address", "sentence"),
    [
        (
            "mysql://me:secret@there/lines",
            "IVR_DATABASE must be the address of a PostgreSQL database, such as postgresql+psycopg://selfline@localhost/selfline, "
            "not one of mysql",
        ),
        (
            "postgresql://me:secret@there",
            "IVR_DATABASE must be the address of a PostgreSQL database, such as postgresql+psycopg://selfline@localhost/selfline; "
            "this one names no database",
        ),
        (
            "var/selfline.db",
            "IVR_DATABASE must be the address of a PostgreSQL database, such as postgresql+psycopg://selfline@localhost/selfline",
        ),
    ],
)
def test_an_address_that_is_none_is_told_without_its_password(address: str, sentence: str):
    with pytest.raises(SettingsError) as refusal:
        address_of(address)

    assert str(refusal.value) == sentence


def test_a_server_that_is_not_there_is_told_by_name_and_without_password(tmp_path: Path):
    with pytest.raises(UserError) as refusal:
        PostgresDatabase(f"postgresql://me:secret@/lines?host={tmp_path}")

    assert str(refusal.value).startswith("cannot use the database postgresql://localhost/lines: ")
    assert "secret" not in str(refusal.value)


def test_a_database_of_a_later_selfline_is_refused(site: Site, plain: Plain):
    plain.execute("UPDATE alembic_version SET version_num = '0099'")

    with pytest.raises(UserError, match=r"was written by a later selfline \(its schema is 0099"):
        site.store()


def test_no_callers_number_is_in_the_database_or_in_what_it_says(site: Site, store: SqlTicketStore, plain: Plain):
    site.take(store=store)
    [ticket] = asyncio.run(store.tickets())
    asyncio.run(store.claim(ticket.reference, "li", NOON))
    asyncio.run(store.resolve(ticket.reference, "li", 1, f"called {CALLER} back", NOON))

    rows = [row for table in ("call", "ticket", "message", "resolution", "ticket_event") for row in plain.execute(f"SELECT * FROM {table}")]
    plain.execute("DROP TABLE message CASCADE")
    with pytest.raises(StoreFailed) as failure:
        asyncio.run(store.begin(intent("b")))

    assert len(rows) >= 8
    assert CALLER not in repr(rows)
    assert CALLER.encode() not in b"".join(value for row in rows for value in row if isinstance(value, bytes))
    assert CALLER not in str(failure.value)


def test_after_a_crash_of_the_server_every_promise_is_there(tmp_path: Path):
    """A server of its own, with fsync: it is killed and started again between messages, and while it is down."""
    own = Server(server().programs)
    own.stop()
    own.configure("fsync = on")
    own.start()
    site = Site(tmp_path)
    site.database = own.address(own.new_database("template1"))  # type: ignore[assignment]
    store = site.store()
    answers = [site.take(of=intent("a", caller="13900002001"), store=store)]
    own.stop("immediate")
    answers.append(site.take(of=intent("b", caller="13900002002"), store=store))
    own.start()
    answers.append(site.take(of=intent("c", caller="13900002003"), store=store))

    adopted = recover(site, store)
    tickets = asyncio.run(store.tickets())
    audit = asyncio.run(store.audit(LATER))
    store.close()
    own.close()

    references = [answer.reference for answer in answers if isinstance(answer, MessageKept)]
    assert [reference is None for reference in references] == [False, True, False]
    assert len(adopted) == 1
    assert {ticket.caller_id for ticket in tickets} == {"13900002001", "13900002002", "13900002003"}
    assert audit == ()
