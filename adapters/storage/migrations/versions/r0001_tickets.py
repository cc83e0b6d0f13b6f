"""Calls, messages, tickets, their resolutions and their history.

The database guards the promise by itself: nothing of it can be deleted, a ticket moves only along its life, a resolved one has a
resolution, and a caller has one active ticket per topic. PostgreSQL was not known yet: its tables begin in 0004.
"""

from __future__ import annotations

from alembic import op

revision, down_revision = "0001", None

_KEPT = ("call", "message", "ticket", "resolution", "ticket_event")


def _no_delete(table: str) -> str:
    return f"CREATE TRIGGER {table}_is_kept BEFORE DELETE ON {table} BEGIN SELECT RAISE(ABORT, '{table} rows are kept'); END"


STATEMENTS: tuple[str, ...] = (
    """
    CREATE TABLE data_key (proof BLOB NOT NULL)
    """,
    """
    CREATE TABLE call (
        session TEXT PRIMARY KEY, caller_hmac BLOB NOT NULL, caller_enc BLOB NOT NULL, dialled TEXT NOT NULL,
        channel TEXT NOT NULL, begun_at TEXT NOT NULL
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE ticket (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        reference TEXT UNIQUE NOT NULL,
        caller_hmac BLOB NOT NULL, caller_enc BLOB NOT NULL, dialled TEXT NOT NULL,
        topic TEXT NOT NULL, language TEXT NOT NULL,
        state TEXT NOT NULL CHECK (state IN ('capturing', 'open', 'claimed', 'resolved', 'abandoned')),
        created_at TEXT NOT NULL, due_at TEXT NOT NULL,
        assignee TEXT, claim_token INTEGER NOT NULL DEFAULT 0, heard INTEGER NOT NULL DEFAULT 0, lease_until TEXT, resolved_at TEXT,
        CHECK ((state = 'claimed') = (lease_until IS NOT NULL)),
        CHECK (state <> 'claimed' OR assignee IS NOT NULL),
        CHECK ((state = 'resolved') = (resolved_at IS NOT NULL))
    )
    """,
    """
    CREATE UNIQUE INDEX ticket_one_active ON ticket (caller_hmac, topic) WHERE state IN ('capturing', 'open', 'claimed')
    """,
    """
    CREATE INDEX ticket_due ON ticket (due_at, id) WHERE state IN ('open', 'claimed')
    """,
    """
    CREATE TABLE message (
        key TEXT PRIMARY KEY, session TEXT NOT NULL REFERENCES call, node TEXT NOT NULL, count INTEGER NOT NULL CHECK (count > 0),
        ticket_id INTEGER NOT NULL REFERENCES ticket, topic TEXT NOT NULL, language TEXT NOT NULL,
        state TEXT NOT NULL CHECK (state IN ('capturing', 'captured', 'abandoned')),
        recording TEXT UNIQUE NOT NULL, size INTEGER, samples INTEGER, sha256 TEXT, partial INTEGER NOT NULL DEFAULT 0,
        begun_at TEXT NOT NULL, recorded_at TEXT, reason TEXT,
        CHECK ((state = 'captured') = (recorded_at IS NOT NULL)),
        CHECK (state <> 'captured' OR (size IS NOT NULL AND sha256 IS NOT NULL))
    ) WITHOUT ROWID
    """,
    """
    CREATE INDEX message_of_ticket ON message (ticket_id)
    """,
    """
    CREATE INDEX message_capturing ON message (state) WHERE state = 'capturing'
    """,
    """
    CREATE TABLE resolution (
        ticket_id INTEGER PRIMARY KEY REFERENCES ticket, agent TEXT NOT NULL, note_enc BLOB NOT NULL, at TEXT NOT NULL
    )
    """,
    """
    CREATE TABLE ticket_event (
        ticket_id INTEGER NOT NULL REFERENCES ticket, seq INTEGER NOT NULL, at TEXT NOT NULL, actor TEXT NOT NULL, kind TEXT NOT NULL,
        body TEXT NOT NULL, hash BLOB NOT NULL, PRIMARY KEY (ticket_id, seq)
    ) WITHOUT ROWID
    """,
    *(_no_delete(table) for table in _KEPT),
    """
    CREATE TRIGGER ticket_event_is_written_once BEFORE UPDATE ON ticket_event
    BEGIN SELECT RAISE(ABORT, 'ticket events are written once'); END
    """,
    """
    CREATE TRIGGER resolution_is_written_once BEFORE UPDATE ON resolution
    BEGIN SELECT RAISE(ABORT, 'a resolution is written once'); END
    """,
    """
    CREATE TRIGGER ticket_moves_along_its_life BEFORE UPDATE OF state ON ticket
    WHEN NEW.state <> OLD.state AND (OLD.state, NEW.state) NOT IN (VALUES
        ('capturing', 'open'), ('capturing', 'abandoned'), ('abandoned', 'open'),
        ('open', 'claimed'), ('claimed', 'open'), ('claimed', 'resolved'))
    BEGIN SELECT RAISE(ABORT, 'a ticket cannot go there from here'); END
    """,
    """
    CREATE TRIGGER ticket_resolved_has_a_resolution BEFORE UPDATE OF state ON ticket
    WHEN NEW.state = 'resolved' AND NOT EXISTS (SELECT 1 FROM resolution WHERE ticket_id = NEW.id)
    BEGIN SELECT RAISE(ABORT, 'a resolved ticket has a resolution'); END
    """,
    """
    CREATE TRIGGER ticket_is_not_born_resolved BEFORE INSERT ON ticket
    WHEN NEW.state NOT IN ('capturing', 'open', 'abandoned')
    BEGIN SELECT RAISE(ABORT, 'a ticket begins as capturing, open or abandoned'); END
    """,
    """
    CREATE TRIGGER message_captured_stays_captured BEFORE UPDATE OF state ON message
    WHEN OLD.state = 'captured' AND NEW.state <> 'captured'
    BEGIN SELECT RAISE(ABORT, 'a captured message stays captured'); END
    """,
)


def upgrade() -> None:
    """SQLite only."""
    connection = op.get_bind()
    if connection.dialect.name == "sqlite":
        for statement in STATEMENTS:
            connection.exec_driver_sql(statement)
