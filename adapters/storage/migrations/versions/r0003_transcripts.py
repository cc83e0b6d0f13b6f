"""Transcripts of messages. A message without a row here has not been tried yet; what becomes of a message becomes of its transcript.

PostgreSQL was not known yet: its tables begin in 0004.
"""

from __future__ import annotations

from alembic import op

revision, down_revision = "0003", "0002"

STATEMENTS: tuple[str, ...] = (
    """
    CREATE TABLE transcript (
        key TEXT PRIMARY KEY REFERENCES message ON DELETE CASCADE,
        state TEXT NOT NULL CHECK (state IN ('waiting', 'heard', 'failed')),
        attempts INTEGER NOT NULL CHECK (attempts > 0),
        due_at TEXT NOT NULL, changed_at TEXT NOT NULL, reason TEXT NOT NULL,
        text_enc BLOB, language TEXT, confidence REAL, engine TEXT,
        CHECK ((state = 'heard') = (text_enc IS NOT NULL)),
        CHECK (state <> 'heard' OR (language IS NOT NULL AND confidence BETWEEN 0 AND 1 AND engine IS NOT NULL))
    ) WITHOUT ROWID
    """,
)


def upgrade() -> None:
    """SQLite only."""
    connection = op.get_bind()
    if connection.dialect.name == "sqlite":
        for statement in STATEMENTS:
            connection.exec_driver_sql(statement)
