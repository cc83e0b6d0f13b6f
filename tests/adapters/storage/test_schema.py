"""The tables that the code thinks of are those that the migrations make, on both databases, and both guard the promise by themselves."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import inspect

from adapters.memory import FixedClock
from adapters.storage import (
    accounts,  # noqa: F401 - its tables are among those of `metadata`
    migrations,
)
from adapters.storage.outbox import SqlTextOutbox
from adapters.storage.tables import metadata
from adapters.storage.tickets import SqlTicketStore, open_database
from adapters.storage.transcripts import SqlTranscriptStore
from ivr.calls.ports import TicketState
from ivr.calls.tickets import Closed, TicketDesk
from tests.contracts.stories import MINUTE, NOON, SPEECH, bring_to
from tests.databases import KINDS, Plain, new_database, server

OLD = Path(__file__).with_name("made_by_the_first_selfline.sql")
OLD_KEY = b"selfline test data key, 32 bytes"


@pytest.fixture(params=KINDS)
def where(request: pytest.FixtureRequest, tmp_path: Path) -> Path | str:
    """A database that has been migrated."""
    place = new_database(request.param, tmp_path)
    open_database(place).close()
    return place


@pytest.fixture
def plain(where: Path | str) -> Iterator[Plain]:
    opened = Plain(where)
    yield opened
    opened.close()


def open_store(where: Path | str, root: Path) -> SqlTicketStore:
    return SqlTicketStore.open(where, root / "secrets" / "data_key", root / "recordings")


def test_the_migrated_database_has_the_columns_that_the_code_uses(where: Path | str):
    database = open_database(where)
    made = database.at_once(
        lambda connection: {
            table: {column["name"] for column in inspect(connection).get_columns(table)} for table in inspect(connection).get_table_names()
        }
    )
    database.close()
    del made["alembic_version"]

    assert made == {table.name: {column.name for column in table.columns} for table in metadata.tables.values()}


def test_the_revisions_are_those_of_alembic():
    config = Config()
    config.set_main_option("script_location", str(migrations.FOLDER))
    known = ScriptDirectory.from_config(config)

    assert [script.revision for script in known.walk_revisions()][::-1] == list(migrations.REVISIONS)
    assert known.get_heads() == [migrations.LATEST]


def test_migrating_twice_changes_nothing(where: Path | str, plain: Plain):
    open_database(where).close()

    assert plain.execute("SELECT version_num FROM alembic_version") == [(migrations.LATEST,)]


@pytest.mark.parametrize("kind", KINDS)
def test_programs_that_start_at_once_bring_the_database_up_to_date_together(tmp_path: Path, kind: str):
    place = tmp_path / "selfline.db" if kind == "sqlite" else server().address(server().new_database())
    problems: list[Exception] = []
    together = threading.Barrier(6)

    def start() -> None:
        together.wait()
        try:
            open_database(place).close()
        except Exception as error:
            problems.append(error)

    threads = [threading.Thread(target=start) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert problems == []
    plain = Plain(place)
    assert plain.execute("SELECT version_num FROM alembic_version") == [(migrations.LATEST,)]
    plain.close()


def test_a_database_of_the_first_selfline_is_brought_up_to_date_with_its_tickets(tmp_path: Path):
    """Made by the code of that time: four tickets with messages (one of them claimed, one resolved), one abandoned, one begun."""
    with sqlite3.connect(tmp_path / "selfline.db") as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.executescript(OLD.read_text(encoding="utf-8"))
    recordings = [name for (name,) in connection.execute("SELECT recording FROM message WHERE state = 'captured'")]
    connection.close()
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "data_key").write_bytes(OLD_KEY)
    (tmp_path / "recordings").mkdir()
    for name in recordings:
        (tmp_path / "recordings" / name).write_bytes(SPEECH)

    store = open_store(tmp_path / "selfline.db", tmp_path)
    tickets = {ticket.caller_id: ticket for ticket in asyncio.run(store.tickets(include_ended=True))}

    assert {caller[-1]: ticket.state for caller, ticket in tickets.items()} == {
        "0": TicketState.OPEN,
        "1": TicketState.CLAIMED,
        "2": TicketState.RESOLVED,
        "3": TicketState.OPEN,
        "4": TicketState.ABANDONED,
        "5": TicketState.CAPTURING,
    }
    waiting = tickets["13900002000"]
    assert [message.key for message in waiting.messages] == ["open/message/1", "more/message/1"]
    assert (waiting.trust, waiting.priority, waiting.not_before) == (0, 100, NOON)
    assert waiting.hard_due_at is not None
    assert waiting.hard_due_at - waiting.created_at == 24 * 60 * MINUTE
    assert (tickets["13900002002"].note, tickets["13900002002"].outcome) == ("he is content", "answered")
    assert len(asyncio.run(store.capturing())) == 1
    assert [text.message.text for text in asyncio.run(SqlTextOutbox(store.database, store.key).texts(10))] == ["您好"]
    claimed = tickets["13900002001"].reference
    assert asyncio.run(TicketDesk(store, FixedClock(NOON)).close(claimed, "li", "told her")) == Closed(claimed)
    assert asyncio.run(store.audit(NOON + MINUTE)) == ()
    store.close()


MOVES = {
    "capturing": {"open", "abandoned"},
    "abandoned": {"open"},
    "open": {"claimed", "escalated"},
    "claimed": {"open", "escalated", "dialing"},
    "dialing": {"talking", "retry_wait", "claimed", "open", "escalated"},
    "talking": {"retry_wait", "open", "escalated"},
    "retry_wait": {"claimed", "escalated"},
    "escalated": {"claimed"},
    "resolved": set(),
    "closed_unreachable": set(),
}


@pytest.mark.parametrize("state", TicketState)
def test_no_program_moves_a_ticket_but_along_its_life(where: Path | str, plain: Plain, tmp_path: Path, state: TicketState):
    """Whatever program writes: every other state is tried by plain SQL. None is resolved so: that takes a resolution first."""
    store = open_store(where, tmp_path)
    reference = asyncio.run(bring_to(store, state, SqlTextOutbox(store.database, store.key)))
    store.close()
    some_time = "'2026-03-05T04:00:00.000000Z'"

    def refusal(to: str) -> str:
        lease = some_time if to in ("claimed", "dialing", "talking") else "NULL"
        resolved = some_time if to in ("resolved", "closed_unreachable") else "NULL"
        token = "claim_token + 1" if to == "claimed" and state != "dialing" else "claim_token"
        return plain.refusal(
            f"UPDATE ticket SET state = '{to}', lease_until = {lease}, resolved_at = {resolved}, assignee = 'li', claim_token = {token} "
            f"WHERE reference = '{reference}'"
        )

    allowed = {to.value for to in TicketState if to is not state and refusal(to) == ""}

    assert allowed == MOVES[state]


@pytest.mark.parametrize(
    ("state", "statement", "sentence"),
    [
        ("open", "DELETE FROM ticket", "ticket rows are kept"),
        ("open", "DELETE FROM message", "message rows are kept"),
        ("open", "DELETE FROM call", "call rows are kept"),
        ("open", "DELETE FROM ticket_event", "ticket_event rows are kept"),
        ("retry_wait", "DELETE FROM attempt", "attempt rows are kept"),
        ("resolved", "DELETE FROM resolution", "resolution rows are kept"),
        ("resolved", "UPDATE resolution SET agent = 'wang'", "a resolution is written once"),
        ("open", "UPDATE ticket_event SET kind = 'x'", "ticket events are written once"),
        ("open", "UPDATE message SET state = 'abandoned', recorded_at = NULL", "a captured message stays captured"),
        (
            "claimed",
            "UPDATE ticket SET state = 'resolved', lease_until = NULL, resolved_at = created_at",
            "a resolved ticket has a resolution, and that a call or an exception",
        ),
        (
            "retry_wait",
            "UPDATE ticket SET state = 'closed_unreachable', resolved_at = created_at",
            "unreachable means three attempts in two parts of the day on two days, and a text message",
        ),
        ("claimed", "UPDATE ticket SET claim_token = 0", "a claim has a token of its own"),
        ("open", "UPDATE ticket SET state = 'claimed', assignee = 'li', lease_until = due_at", "a claim has a token of its own"),
        ("dialing", "UPDATE attempt SET claim_token = 7", "an attempt cannot go there from here"),
        ("retry_wait", "UPDATE attempt SET outcome = 'answered', bridged_ms = 60000", "an attempt cannot go there from here"),
        (
            "open",
            "INSERT INTO attempt (ticket_id, no, channel_id, claim_token, agent, state, begun_at, day, part) "
            "SELECT id, 1, 'cb', 0, 'li', 'planned', created_at, '2026-03-05', 'morning' FROM ticket",
            "an attempt begins as planned, under the claim of that moment",
        ),
        (
            "open",
            "INSERT INTO ticket (id, reference, caller_hmac, caller_enc, dialled, topic, language, state, created_at, not_before, due_at,"
            " hard_due_at, resolved_at) SELECT 99, '000001', caller_hmac, caller_enc, dialled, 'other', language, 'resolved', created_at,"
            " not_before, due_at, hard_due_at, due_at FROM ticket",
            "a ticket begins as capturing, open or abandoned",
        ),
    ],
)
def test_the_database_itself_refuses_to_break_a_promise(
    where: Path | str, plain: Plain, tmp_path: Path, state: str, statement: str, sentence: str
):
    store = open_store(where, tmp_path)
    asyncio.run(bring_to(store, TicketState(state), SqlTextOutbox(store.database, store.key)))
    store.close()

    assert plain.refusal(statement) == sentence


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO ticket (id, reference, caller_hmac, caller_enc, dialled, topic, language, state, created_at, not_before, due_at,"
        " hard_due_at) SELECT 99, '000001', caller_hmac, caller_enc, dialled, topic, language, 'open', created_at, not_before, due_at,"
        " hard_due_at FROM ticket",
        "UPDATE ticket SET state = 'claimed', assignee = 'li', claim_token = 1",
        "UPDATE ticket SET trust = 3",
        "UPDATE ticket SET state = 'somewhere'",
        "INSERT INTO message SELECT * FROM message",
    ],
)
def test_what_no_trigger_needs_to_guard_a_constraint_does(where: Path | str, plain: Plain, tmp_path: Path, statement: str):
    """A second open ticket of one caller, topic and trust; a claim without a lease; a trust or a state that there is not."""
    store = open_store(where, tmp_path)
    asyncio.run(bring_to(store, TicketState.OPEN, SqlTextOutbox(store.database, store.key)))
    store.close()

    assert plain.refusal(statement)


def test_postgresql_is_not_emptied_either(tmp_path: Path):
    place = new_database("postgresql", tmp_path)
    plain = Plain(place)

    assert plain.refusal("TRUNCATE ticket CASCADE") in ("ticket rows are kept", "message rows are kept", "attempt rows are kept")
    plain.close()


def test_no_program_can_queue_again_what_may_have_been_sent_nor_lose_what_waits(plain: Plain):
    """The database guards this by itself, whatever program writes to it."""
    noon = "'2026-03-05T04:00:00.000000Z'"
    no_bytes = "x'00'" if "sqlite" in str(type(plain._connection)) else "'\\x00'::bytea"
    row = f"('k', 's', {no_bytes}, {no_bytes}, 'zh-CN', '%s', 0, {noon}, {noon}, {noon}, '', '')"

    assert plain.refusal(f"INSERT INTO text_message VALUES {row % 'sent'}") == "a text message begins as queued"
    plain.execute(f"INSERT INTO text_message VALUES {row % 'queued'}")
    assert plain.refusal("DELETE FROM text_message") == "a text message on its way is kept"
    assert plain.refusal("UPDATE text_message SET state = 'sent'") == "a text message cannot go there from here"
    for state in ("sending", "unknown"):
        plain.execute(f"UPDATE text_message SET state = '{state}'")
    assert plain.refusal("UPDATE text_message SET state = 'queued'") == "a text message cannot go there from here"
    plain.execute("DELETE FROM text_message")


def test_what_becomes_of_a_message_becomes_of_its_transcript(where: Path | str, plain: Plain, tmp_path: Path):
    """Messages are kept, today. Whoever comes to delete one deletes what it says."""
    store = open_store(where, tmp_path)
    asyncio.run(bring_to(store, TicketState.OPEN, SqlTextOutbox(store.database, store.key)))
    transcripts = SqlTranscriptStore(store.database, store.key, tmp_path)
    assert asyncio.run(transcripts.take(NOON, None))
    store.close()
    [(key,)] = plain.execute("SELECT key FROM transcript")

    plain.execute("DROP TRIGGER message_is_kept" + ("" if isinstance(where, Path) else " ON message"))
    plain.execute("DELETE FROM message")

    assert key
    assert plain.execute("SELECT count(*) FROM transcript") == [(0,)]


def test_what_is_committed_is_synced_to_the_disk(tmp_path: Path):
    database = open_database(tmp_path / "selfline.db")

    settings = database.at_once(
        lambda connection: [
            connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in ("journal_mode", "synchronous", "foreign_keys")
        ]
    )
    database.close()

    assert settings == ["wal", 2, 1]  # 2 is FULL
    assert (tmp_path / "selfline.db").stat().st_mode & 0o777 == 0o600


def test_what_postgresql_commits_is_on_its_disk_and_nobody_waits_for_ever(tmp_path: Path):
    database = open_database(new_database("postgresql", tmp_path))

    names = ("synchronous_commit", "lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout", "transaction_isolation")
    settings = database.at_once(lambda connection: [connection.exec_driver_sql(f"SHOW {name}").scalar() for name in names])
    database.close()

    assert settings == ["on", "900ms", "1s", "10s", "read committed"]
