"""The tables that the code thinks of are the tables that the migrations make, and the database is as durable as it says."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from adapters.storage.database import Database
from adapters.storage.migrations import LATEST, m0001_tickets
from adapters.storage.tables import metadata


def test_the_migrated_database_has_the_columns_that_the_code_uses(tmp_path: Path):
    Database(tmp_path / "selfline.db").close()
    with sqlite3.connect(tmp_path / "selfline.db") as connection:
        made = {
            table: {row[1] for row in connection.execute(f"PRAGMA table_info({table})")}
            for (table,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
        }
    connection.close()
    del made["schema_version"]

    assert made == {table.name: {column.name for column in table.columns} for table in metadata.tables.values()}


def test_migrating_twice_changes_nothing(tmp_path: Path):
    Database(tmp_path / "selfline.db").close()
    Database(tmp_path / "selfline.db").close()
    with sqlite3.connect(tmp_path / "selfline.db") as connection:
        assert connection.execute("SELECT version FROM schema_version").fetchall() == [(step,) for step in range(1, LATEST + 1)]
    connection.close()


def test_a_database_of_the_first_selfline_is_brought_up_to_date_with_its_tickets(tmp_path: Path):
    path = tmp_path / "selfline.db"
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("CREATE TABLE schema_version (version INTEGER NOT NULL)")
        connection.execute("INSERT INTO schema_version VALUES (1)")
        for statement in m0001_tickets.STATEMENTS:
            connection.execute(statement)
        connection.execute("INSERT INTO call VALUES ('s', x'00', x'00', '1008611', '', '2026-03-05T04:00:00.000000Z')")
    connection.close()

    Database(path).close()

    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT version FROM schema_version").fetchall() == [(step,) for step in range(1, LATEST + 1)]
        assert connection.execute("SELECT session FROM call").fetchall() == [("s",)]
        assert connection.execute("SELECT count(*) FROM text_message").fetchone() == (0,)
        assert connection.execute("SELECT count(*) FROM transcript").fetchone() == (0,)
    connection.close()


def test_no_program_can_queue_again_what_may_have_been_sent_nor_lose_what_waits(tmp_path: Path):
    """The database guards this by itself, whatever program writes to it."""
    Database(tmp_path / "selfline.db").close()
    with sqlite3.connect(tmp_path / "selfline.db", isolation_level=None) as connection:
        row = "('k', 's', x'00', x'00', 'zh-CN', ?, 0, '', '', '', '', '')"

        def refused(statement: str, *values: str) -> str:
            with pytest.raises(sqlite3.IntegrityError) as error:
                connection.execute(statement, values)
            return str(error.value)

        assert refused(f"INSERT INTO text_message VALUES {row}", "sent") == "a text message begins as queued"
        connection.execute(f"INSERT INTO text_message VALUES {row}", ("queued",))
        assert refused("DELETE FROM text_message") == "a text message on its way is kept"
        assert refused("UPDATE text_message SET state = 'sent'") == "a text message cannot go there from here"
        for state in ("sending", "unknown"):
            connection.execute("UPDATE text_message SET state = ?", (state,))
        assert refused("UPDATE text_message SET state = 'queued'") == "a text message cannot go there from here"
        connection.execute("DELETE FROM text_message")
    connection.close()


def test_what_becomes_of_a_message_becomes_of_its_transcript(tmp_path: Path):
    """Messages are kept, today. Whoever comes to delete one deletes what it says."""
    path = tmp_path / "selfline.db"
    Database(path).close()
    with sqlite3.connect(path, isolation_level=None) as connection:
        connection.execute("PRAGMA foreign_keys=ON")
        connection.execute("INSERT INTO call VALUES ('s', x'00', x'00', '1008611', '', '')")
        ticket = "(1, '123456', x'00', x'00', '1008611', 'billing', 'zh-CN', 'open', '', '', NULL, 0, 0, NULL, NULL)"
        connection.execute(f"INSERT INTO ticket VALUES {ticket}")
        message = "('k', 's', 'leave', 1, 1, 'billing', 'zh-CN', 'captured', 'f', 1, 1, 'h', 0, '', '', NULL)"
        connection.execute(f"INSERT INTO message VALUES {message}")
        connection.execute("INSERT INTO transcript VALUES ('k', 'heard', 1, '', '', '', x'00', 'zh-CN', 0.9, 'e')")

        connection.execute("DROP TRIGGER message_is_kept")
        connection.execute("DELETE FROM message")

        assert connection.execute("SELECT count(*) FROM transcript").fetchone() == (0,)
    connection.close()


def test_what_is_committed_is_synced_to_the_disk(tmp_path: Path):
    database = Database(tmp_path / "selfline.db")

    settings = database.at_once(
        lambda connection: [
            connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in ("journal_mode", "synchronous", "foreign_keys")
        ]
    )
    database.close()

    assert settings == ["wal", 2, 1]  # 2 is FULL
    assert (tmp_path / "selfline.db").stat().st_mode & 0o777 == 0o600
