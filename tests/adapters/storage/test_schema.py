"""The tables that the code thinks of are the tables that the migrations make, and the database is as durable as it says."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from adapters.storage.database import Database
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
        assert connection.execute("SELECT version FROM schema_version").fetchall() == [(1,), (2,)]
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
