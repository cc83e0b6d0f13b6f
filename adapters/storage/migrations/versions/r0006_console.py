"""The people at the desk: accounts, tries to sign in, sessions, and what is written down of what they did.

The database guards the last by itself: a fact is neither changed nor deleted.
"""

from __future__ import annotations

from alembic import op

from adapters.storage.migrations.dialects import keep, refuse, run

revision, down_revision = "0006", "0005"

TABLES = (
    """
    CREATE TABLE account (
        name TEXT PRIMARY KEY, role TEXT NOT NULL CHECK (role IN ('agent', 'supervisor', 'operator', 'admin')),
        password TEXT NOT NULL, created_at {moment} NOT NULL, closed {boolean} NOT NULL DEFAULT {no}
    ){keyed}
    """,
    "CREATE TABLE sign_in_try (name TEXT PRIMARY KEY, tries INTEGER NOT NULL, last_at {moment} NOT NULL){keyed}",
    """
    CREATE TABLE desk_session (
        key TEXT PRIMARY KEY, name TEXT NOT NULL REFERENCES account, begun_at {moment} NOT NULL, seen_at {moment} NOT NULL
    ){keyed}
    """,
    """
    CREATE TABLE desk_fact (
        seq {big} PRIMARY KEY, at {moment} NOT NULL, actor TEXT NOT NULL, action TEXT NOT NULL, subject TEXT NOT NULL,
        address TEXT NOT NULL, hash {bytes} NOT NULL
    )
    """,
)


def upgrade() -> None:
    """Both databases alike."""
    connection = op.get_bind()
    run(connection, *TABLES)
    keep(connection, "desk_fact")
    refuse(connection, "desk_fact_is_not_changed", "BEFORE UPDATE", "desk_fact", "TRUE", "desk_fact rows are not changed")
