"""Text messages on their way, and what is remembered of callers.

The database guards one thing by itself: a message is handed to the network only after `sending` was written, and what may have been sent
already is never queued again. PostgreSQL was not known yet: its tables begin in 0004.
"""

from __future__ import annotations

from alembic import op

revision, down_revision = "0002", "0001"

STATEMENTS: tuple[str, ...] = (
    """
    CREATE TABLE text_message (
        key TEXT PRIMARY KEY, session TEXT NOT NULL, to_enc BLOB NOT NULL, text_enc BLOB NOT NULL, language TEXT NOT NULL,
        state TEXT NOT NULL CHECK (state IN ('queued', 'sending', 'sent', 'failed', 'unknown')),
        attempts INTEGER NOT NULL DEFAULT 0 CHECK (attempts >= 0),
        created_at TEXT NOT NULL, due_at TEXT NOT NULL, changed_at TEXT NOT NULL, reason TEXT NOT NULL, receipt TEXT NOT NULL
    ) WITHOUT ROWID
    """,
    """
    CREATE INDEX text_message_due ON text_message (due_at, key) WHERE state = 'queued'
    """,
    """
    CREATE INDEX text_message_created ON text_message (created_at)
    """,
    """
    CREATE TRIGGER text_message_is_born_queued BEFORE INSERT ON text_message
    WHEN NEW.state <> 'queued'
    BEGIN SELECT RAISE(ABORT, 'a text message begins as queued'); END
    """,
    """
    CREATE TRIGGER text_message_moves_along_its_life BEFORE UPDATE OF state ON text_message
    WHEN NEW.state <> OLD.state AND (OLD.state, NEW.state) NOT IN (VALUES
        ('queued', 'sending'), ('sending', 'queued'), ('sending', 'sent'), ('sending', 'failed'), ('sending', 'unknown'))
    BEGIN SELECT RAISE(ABORT, 'a text message cannot go there from here'); END
    """,
    """
    CREATE TRIGGER text_message_on_its_way_is_kept BEFORE DELETE ON text_message
    WHEN OLD.state IN ('queued', 'sending')
    BEGIN SELECT RAISE(ABORT, 'a text message on its way is kept'); END
    """,
    """
    CREATE TABLE caller (hmac BLOB PRIMARY KEY, language TEXT NOT NULL, updated_at TEXT NOT NULL) WITHOUT ROWID
    """,
)


def upgrade() -> None:
    """SQLite only."""
    connection = op.get_bind()
    if connection.dialect.name == "sqlite":
        for statement in STATEMENTS:
            connection.exec_driver_sql(statement)
