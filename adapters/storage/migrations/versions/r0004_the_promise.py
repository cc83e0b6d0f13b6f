"""The promise whole: attempts to call back, two clocks, trust, priority, calls that nobody answered, keeping and forgetting; PostgreSQL.

The database guards all of it by itself. Nothing of it can be deleted. A ticket moves only along its life, and its claim token never goes
back. A resolved one has a resolution with a call of ten seconds or an exception to that; one that is closed because nobody could be reached
has three attempts in two parts of the day on two days, and a text message that went out. A caller has one active ticket per topic and
trust. An attempt is made only under the claim of that moment, one at a time, and what came of it is written once.
"""

from __future__ import annotations

from alembic import op
from sqlalchemy import Connection

from adapters.storage.migrations.dialects import keep, refuse, run

revision, down_revision = "0004", "0003"

STATES = "'capturing', 'open', 'claimed', 'dialing', 'talking', 'retry_wait', 'escalated', 'resolved', 'closed_unreachable', 'abandoned'"
HELD = "('claimed', 'dialing', 'talking')"
WAITING = "('open', 'retry_wait', 'escalated')"
ENDED = "('resolved', 'closed_unreachable', 'abandoned')"

TICKET = f"""
CREATE TABLE ticket_made_anew (
    id {{identity}},
    reference TEXT UNIQUE NOT NULL,
    caller_hmac {{bytes}} NOT NULL, caller_enc {{bytes}} NOT NULL, dialled TEXT NOT NULL,
    topic TEXT NOT NULL, language TEXT NOT NULL,
    trust INTEGER NOT NULL DEFAULT 0 CHECK (trust BETWEEN 0 AND 2),
    state TEXT NOT NULL CHECK (state IN ({STATES})),
    priority INTEGER NOT NULL DEFAULT 100,
    created_at {{moment}} NOT NULL, not_before {{moment}} NOT NULL, due_at {{moment}} NOT NULL, hard_due_at {{moment}} NOT NULL,
    escalation INTEGER NOT NULL DEFAULT 0 CHECK (escalation BETWEEN 0 AND 3),
    assignee TEXT, claim_token {{big}} NOT NULL DEFAULT 0, claim_key TEXT UNIQUE, heard INTEGER NOT NULL DEFAULT 0, lease_until {{moment}},
    attempts INTEGER NOT NULL DEFAULT 0, resolved_at {{moment}}, erased_at {{moment}},
    CHECK ((state IN {HELD}) = (lease_until IS NOT NULL)),
    CHECK (state NOT IN {HELD} OR assignee IS NOT NULL),
    CHECK ((state IN ('resolved', 'closed_unreachable')) = (resolved_at IS NOT NULL))
)
"""

TICKET_INDEXES = (
    f"CREATE UNIQUE INDEX ticket_one_active ON ticket (caller_hmac, topic, trust) WHERE state NOT IN {ENDED}",
    f"CREATE INDEX ticket_ready ON ticket (priority, created_at, id) WHERE state IN {WAITING}",
    "CREATE INDEX ticket_due ON ticket (due_at, id) WHERE state IN ('open', 'claimed', 'dialing', 'talking', 'retry_wait', 'escalated')",
    f"CREATE INDEX ticket_leased ON ticket (lease_until) WHERE state IN {HELD}",
    "CREATE INDEX ticket_created ON ticket (created_at)",
    "CREATE INDEX ticket_caller ON ticket (caller_hmac)",
)

NEW_TABLES = (
    """
    CREATE TABLE attempt (
        ticket_id {big} NOT NULL REFERENCES ticket, no INTEGER NOT NULL CHECK (no > 0), channel_id TEXT UNIQUE NOT NULL,
        claim_token {big} NOT NULL, agent TEXT NOT NULL,
        state TEXT NOT NULL CHECK (state IN ('planned', 'sent', 'ringing', 'bridged', 'unknown', 'ended')),
        outcome TEXT CHECK (outcome IN ('answered', 'dropped', 'busy', 'no_answer', 'rejected', 'voicemail', 'unreachable',
                                        'invalid_number', 'agent_failed', 'not_placed')),
        cause TEXT, begun_at {moment} NOT NULL, ended_at {moment}, day TEXT NOT NULL, part TEXT NOT NULL, bridged_ms INTEGER,
        PRIMARY KEY (ticket_id, no),
        CHECK ((state = 'ended') = (outcome IS NOT NULL)),
        CHECK ((state = 'ended') = (ended_at IS NOT NULL))
    ){keyed}
    """,
    "CREATE UNIQUE INDEX attempt_one_live ON attempt (ticket_id) WHERE state IN ('planned', 'sent', 'ringing', 'bridged', 'unknown')",
    """
    CREATE TABLE unanswered (
        session TEXT PRIMARY KEY REFERENCES call, ticket_id {big} NOT NULL REFERENCES ticket, at {moment} NOT NULL,
        kind TEXT NOT NULL CHECK (kind IN ('abandoned', 'no_answer', 'busy', 'failed'))
    ){keyed}
    """,
    "CREATE INDEX unanswered_of_ticket ON unanswered (ticket_id)",
)

POSTGRES_TABLES = (
    "CREATE TABLE data_key (proof BYTEA NOT NULL)",
    """
    CREATE TABLE call (
        session TEXT PRIMARY KEY, caller_hmac BYTEA NOT NULL, caller_enc BYTEA NOT NULL, dialled TEXT NOT NULL,
        channel TEXT NOT NULL, begun_at TIMESTAMPTZ NOT NULL
    )
    """,
    TICKET.replace("ticket_made_anew", "ticket"),
    """
    CREATE TABLE message (
        key TEXT PRIMARY KEY, session TEXT NOT NULL REFERENCES call, node TEXT NOT NULL, count INTEGER NOT NULL CHECK (count > 0),
        ticket_id BIGINT NOT NULL REFERENCES ticket, topic TEXT NOT NULL, language TEXT NOT NULL,
        state TEXT NOT NULL CHECK (state IN ('capturing', 'captured', 'abandoned')),
        recording TEXT UNIQUE NOT NULL, size BIGINT, samples BIGINT, sha256 TEXT, partial BOOLEAN NOT NULL DEFAULT FALSE,
        begun_at TIMESTAMPTZ NOT NULL, recorded_at TIMESTAMPTZ, reason TEXT,
        CHECK ((state = 'captured') = (recorded_at IS NOT NULL)),
        CHECK (state <> 'captured' OR (size IS NOT NULL AND sha256 IS NOT NULL))
    )
    """,
    "CREATE INDEX message_of_ticket ON message (ticket_id)",
    "CREATE INDEX message_capturing ON message (state) WHERE state = 'capturing'",
    "CREATE TABLE resolution (ticket_id BIGINT PRIMARY KEY REFERENCES ticket, agent TEXT NOT NULL, note_enc BYTEA NOT NULL,"
    " at TIMESTAMPTZ NOT NULL)",
    """
    CREATE TABLE ticket_event (
        ticket_id BIGINT NOT NULL REFERENCES ticket, seq INTEGER NOT NULL, at TIMESTAMPTZ NOT NULL, actor TEXT NOT NULL,
        kind TEXT NOT NULL, body TEXT NOT NULL, hash BYTEA NOT NULL, PRIMARY KEY (ticket_id, seq)
    )
    """,
    """
    CREATE TABLE text_message (
        key TEXT PRIMARY KEY, session TEXT NOT NULL, to_enc BYTEA NOT NULL, text_enc BYTEA NOT NULL, language TEXT NOT NULL,
        state TEXT NOT NULL CHECK (state IN ('queued', 'sending', 'sent', 'failed', 'unknown')),
        attempts INTEGER NOT NULL DEFAULT 0 CHECK (attempts >= 0),
        created_at TIMESTAMPTZ NOT NULL, due_at TIMESTAMPTZ NOT NULL, changed_at TIMESTAMPTZ NOT NULL,
        reason TEXT NOT NULL, receipt TEXT NOT NULL
    )
    """,
    "CREATE INDEX text_message_due ON text_message (due_at, key) WHERE state = 'queued'",
    "CREATE INDEX text_message_created ON text_message (created_at)",
    """
    CREATE TABLE transcript (
        key TEXT PRIMARY KEY REFERENCES message ON DELETE CASCADE,
        state TEXT NOT NULL CHECK (state IN ('waiting', 'heard', 'failed')),
        attempts INTEGER NOT NULL CHECK (attempts > 0),
        due_at TIMESTAMPTZ NOT NULL, changed_at TIMESTAMPTZ NOT NULL, reason TEXT NOT NULL,
        text_enc BYTEA, language TEXT, confidence DOUBLE PRECISION, engine TEXT,
        CHECK ((state = 'heard') = (text_enc IS NOT NULL)),
        CHECK (state <> 'heard' OR (language IS NOT NULL AND confidence BETWEEN 0 AND 1 AND engine IS NOT NULL))
    )
    """,
    "CREATE TABLE caller (hmac BYTEA PRIMARY KEY, language TEXT NOT NULL, updated_at TIMESTAMPTZ NOT NULL)",
)

MORE_COLUMNS = (
    "ALTER TABLE message ADD COLUMN trust INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE message ADD COLUMN sealed {boolean} NOT NULL DEFAULT {no}",
    "ALTER TABLE message ADD COLUMN purge TEXT CHECK (purge IN ('purging', 'purged'))",
    "ALTER TABLE message ADD COLUMN purged_at {moment}",
    "ALTER TABLE resolution ADD COLUMN outcome TEXT NOT NULL DEFAULT 'answered'",
    "ALTER TABLE resolution ADD COLUMN by_exception {boolean} NOT NULL DEFAULT {yes}",
    "ALTER TABLE resolution ADD COLUMN attempt_no INTEGER",
    "ALTER TABLE resolution ADD COLUMN text_key TEXT",
)

# What came before kept two hours as the only clock; the second one is a day after the call.
COPIED = """
INSERT INTO ticket_made_anew (id, reference, caller_hmac, caller_enc, dialled, topic, language, state, created_at, not_before, due_at,
                              hard_due_at, assignee, claim_token, heard, lease_until, resolved_at)
SELECT id, reference, caller_hmac, caller_enc, dialled, topic, language, state, created_at, created_at, due_at,
       strftime('%Y-%m-%dT%H:%M:%S', created_at, '+1 day') || substr(created_at, 20), assignee, claim_token, heard, lease_until, resolved_at
FROM ticket
"""

MOVES = """
    ('capturing', 'open'), ('capturing', 'abandoned'), ('abandoned', 'open'),
    ('open', 'claimed'), ('open', 'escalated'),
    ('claimed', 'open'), ('claimed', 'escalated'), ('claimed', 'dialing'), ('claimed', 'resolved'),
    ('dialing', 'talking'), ('dialing', 'retry_wait'), ('dialing', 'claimed'), ('dialing', 'open'), ('dialing', 'escalated'),
    ('talking', 'resolved'), ('talking', 'retry_wait'), ('talking', 'open'), ('talking', 'escalated'),
    ('retry_wait', 'claimed'), ('retry_wait', 'escalated'), ('retry_wait', 'closed_unreachable'),
    ('escalated', 'claimed')"""

UNREACHED = "('busy', 'no_answer', 'rejected', 'voicemail', 'unreachable', 'invalid_number')"


def upgrade() -> None:
    """Both: SQLite is changed, PostgreSQL begins."""
    connection = op.get_bind()
    if connection.dialect.name == "sqlite":
        _make_tickets_anew(connection)
    else:
        run(connection, *POSTGRES_TABLES)
    run(connection, *TICKET_INDEXES, *NEW_TABLES, *MORE_COLUMNS)
    _guard_what_is_kept(connection)
    _guard_tickets(connection)
    _guard_attempts(connection)
    if connection.dialect.name == "postgresql":
        _guard_texts(connection)


def _make_tickets_anew(connection: Connection) -> None:
    """SQLite cannot change a CHECK. The table's triggers and indexes go with it."""
    run(connection, TICKET)
    connection.exec_driver_sql(COPIED)
    run(connection, "DROP TABLE ticket", "ALTER TABLE ticket_made_anew RENAME TO ticket", "DROP TRIGGER resolution_is_written_once")


def _guard_what_is_kept(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        keep(connection, "call", "message", "resolution", "ticket_event")
        refuse(
            connection,
            "ticket_event_is_written_once",
            "BEFORE UPDATE",
            "ticket_event",
            "TRUE",
            "ticket events are written once",
        )
        refuse(
            connection,
            "message_captured_stays_captured",
            "BEFORE UPDATE OF state",
            "message",
            "OLD.state = 'captured' AND NEW.state <> 'captured'",
            "a captured message stays captured",
        )
    keep(connection, "ticket", "attempt", "unanswered")
    refuse(
        connection,
        "resolution_is_written_once",  # only its words may be forgotten; the history has their hash
        "BEFORE UPDATE",
        "resolution",
        "NEW.ticket_id <> OLD.ticket_id OR NEW.agent <> OLD.agent OR NEW.at <> OLD.at OR NEW.outcome <> OLD.outcome"
        " OR NEW.by_exception <> OLD.by_exception OR coalesce(NEW.attempt_no, 0) <> coalesce(OLD.attempt_no, 0)",
        "a resolution is written once",
    )


def _guard_tickets(connection: Connection) -> None:
    refuse(
        connection,
        "ticket_moves_along_its_life",
        "BEFORE UPDATE OF state",
        "ticket",
        f"NEW.state <> OLD.state AND (OLD.state, NEW.state) NOT IN (VALUES {MOVES})",
        "a ticket cannot go there from here",
    )
    refuse(
        connection,
        "ticket_is_not_born_resolved",
        "BEFORE INSERT",
        "ticket",
        "NEW.state NOT IN ('capturing', 'open', 'abandoned')",
        "a ticket begins as capturing, open or abandoned",
    )
    refuse(
        connection,
        "ticket_claims_are_fenced",
        "BEFORE UPDATE",
        "ticket",
        "NEW.claim_token < OLD.claim_token OR (OLD.state NOT IN ('claimed', 'dialing', 'talking') AND NEW.state = 'claimed'"
        " AND NEW.claim_token <= OLD.claim_token)",
        "a claim has a token of its own",
    )
    refuse(
        connection,
        "ticket_resolved_has_a_resolution",
        "BEFORE UPDATE OF state",
        "ticket",
        "NEW.state = 'resolved' AND NOT EXISTS (SELECT 1 FROM resolution r WHERE r.ticket_id = NEW.id AND (r.by_exception OR EXISTS ("
        "SELECT 1 FROM attempt a WHERE a.ticket_id = r.ticket_id AND a.no = r.attempt_no AND a.outcome = 'answered'"
        " AND a.bridged_ms >= 10000)))",
        "a resolved ticket has a resolution, and that a call or an exception",
    )
    proof = (
        "NEW.state = 'closed_unreachable' AND NOT ("
        "(SELECT count(*) TRIED) >= 3 AND (SELECT count(DISTINCT a.day) TRIED) >= 2 AND (SELECT count(DISTINCT a.part) TRIED) >= 2"
        " AND EXISTS (SELECT 1 FROM resolution r JOIN text_message m ON m.key = r.text_key"
        " WHERE r.ticket_id = NEW.id AND m.state = 'sent'))"
    )
    refuse(
        connection,
        "ticket_unreachable_has_proof",
        "BEFORE UPDATE OF state",
        "ticket",
        proof.replace("TRIED", f"FROM attempt a WHERE a.ticket_id = NEW.id AND a.outcome IN {UNREACHED}"),
        "unreachable means three attempts in two parts of the day on two days, and a text message",
    )


def _guard_attempts(connection: Connection) -> None:
    refuse(
        connection,
        "attempt_is_made_under_a_claim",
        "BEFORE INSERT",
        "attempt",
        "NEW.state <> 'planned' OR NOT EXISTS (SELECT 1 FROM ticket WHERE id = NEW.ticket_id AND claim_token = NEW.claim_token"
        " AND state IN ('claimed', 'dialing'))",
        "an attempt begins as planned, under the claim of that moment",
    )
    refuse(
        connection,
        "attempt_is_written_once",
        "BEFORE UPDATE",
        "attempt",
        "OLD.state = 'ended' OR NEW.ticket_id <> OLD.ticket_id OR NEW.no <> OLD.no OR NEW.channel_id <> OLD.channel_id"
        " OR NEW.claim_token <> OLD.claim_token OR (NEW.state <> OLD.state AND (OLD.state, NEW.state) NOT IN (VALUES"
        " ('planned', 'sent'), ('sent', 'ringing'), ('sent', 'bridged'), ('ringing', 'bridged'),"
        " ('planned', 'unknown'), ('sent', 'unknown'), ('ringing', 'unknown'), ('bridged', 'unknown'),"
        " ('planned', 'ended'), ('sent', 'ended'), ('ringing', 'ended'), ('bridged', 'ended'), ('unknown', 'ended')))",
        "an attempt cannot go there from here",
    )


def _guard_texts(connection: Connection) -> None:
    """The rules of 0002, for PostgreSQL."""
    states = "('queued', 'sending'), ('sending', 'queued'), ('sending', 'sent'), ('sending', 'failed'), ('sending', 'unknown')"
    rules = (
        ("born_queued", "BEFORE INSERT", "NEW.state <> 'queued'", "a text message begins as queued"),
        (
            "moves_along_its_life",
            "BEFORE UPDATE OF state",
            f"NEW.state <> OLD.state AND (OLD.state, NEW.state) NOT IN (VALUES {states})",
            "a text message cannot go there from here",
        ),
        ("kept", "BEFORE DELETE", "OLD.state IN ('queued', 'sending')", "a text message on its way is kept"),
    )
    for name, when, condition, sentence in rules:
        refuse(connection, f"text_message_{name}", when, "text_message", condition, sentence)
