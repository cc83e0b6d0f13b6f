"""Programs: tokens, promises of other desks, answers to requests that may be made twice, webhooks and what they are still to be told.

What happens to a ticket is put down for each webhook in the transaction in which it happens, by the database itself: whoever writes the
event, whatever dies afterwards, it is delivered. A delivery does not refer to its webhook by a foreign key: whoever removes a webhook must
not stand in the way of who keeps a promise.
"""

from __future__ import annotations

from alembic import op
from sqlalchemy import Connection

from adapters.storage.migrations.dialects import keep, run

revision, down_revision = "0008", "0007"

TABLES = (
    """
    CREATE TABLE token (
        name TEXT PRIMARY KEY, key TEXT UNIQUE NOT NULL, person TEXT REFERENCES account,
        role TEXT CHECK (role IN ('agent', 'supervisor', 'operator', 'admin')),
        created_at {moment} NOT NULL, revoked_at {moment}, CHECK ((person IS NULL) <> (role IS NULL))
    ){keyed}
    """,
    """
    CREATE TABLE program_answer (
        token TEXT NOT NULL, key TEXT NOT NULL, request TEXT NOT NULL, at {moment} NOT NULL, status INTEGER, answer_enc {bytes},
        PRIMARY KEY (token, key)
    ){keyed}
    """,
    "CREATE INDEX program_answer_age ON program_answer (at)",
    """
    CREATE TABLE webhook (
        id {identity}, address TEXT NOT NULL, style TEXT NOT NULL CHECK (style IN ('selfline', 'tmf621')), kinds TEXT NOT NULL,
        secret_enc {bytes} NOT NULL, owner TEXT NOT NULL, created_at {moment} NOT NULL,
        tries INTEGER NOT NULL DEFAULT 0, not_before {moment} NOT NULL, failing_since {moment}, reason TEXT NOT NULL DEFAULT '',
        disabled_at {moment}
    )
    """,
    """
    CREATE TABLE webhook_delivery (
        id {identity}, webhook_id {big} NOT NULL, ticket_id {big} NOT NULL, seq INTEGER NOT NULL, at {moment} NOT NULL
    )
    """,
    "CREATE INDEX webhook_delivery_next ON webhook_delivery (webhook_id, id)",
)

KINDS = "CHECK (kind IN ('abandoned', 'no_answer', 'busy', 'failed', 'promised'))"

UNANSWERED = (
    f"""
    CREATE TABLE unanswered_made_anew (
        session TEXT PRIMARY KEY REFERENCES call, ticket_id INTEGER NOT NULL REFERENCES ticket, at TEXT NOT NULL,
        kind TEXT NOT NULL {KINDS}
    ) WITHOUT ROWID
    """,
    "INSERT INTO unanswered_made_anew (session, ticket_id, at, kind) SELECT session, ticket_id, at, kind FROM unanswered",
    "DROP TABLE unanswered",
    "ALTER TABLE unanswered_made_anew RENAME TO unanswered",
    "CREATE INDEX unanswered_of_ticket ON unanswered (ticket_id)",
)

PUT_DOWN = (
    "INSERT INTO webhook_delivery (webhook_id, ticket_id, seq, at)"
    " SELECT webhook.id, NEW.ticket_id, NEW.seq, NEW.at FROM webhook WHERE webhook.disabled_at IS NULL"
)


def upgrade() -> None:
    """Both databases alike."""
    connection = op.get_bind()
    run(connection, *TABLES)
    _let_others_promise(connection)
    _put_down_for_webhooks(connection)


def _let_others_promise(connection: Connection) -> None:
    """A ticket may begin with a promise that was made elsewhere. SQLite cannot change a CHECK; the table's index and rule go with it."""
    if connection.dialect.name == "sqlite":
        run(connection, *UNANSWERED)
        keep(connection, "unanswered")
        return
    connection.exec_driver_sql("ALTER TABLE unanswered DROP CONSTRAINT unanswered_kind_check")
    connection.exec_driver_sql(f"ALTER TABLE unanswered ADD CONSTRAINT unanswered_kind_check {KINDS}")


def _put_down_for_webhooks(connection: Connection) -> None:
    name = "ticket_event_is_put_down_for_webhooks"
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(f"CREATE TRIGGER {name} AFTER INSERT ON ticket_event BEGIN {PUT_DOWN}; END")
        return
    connection.exec_driver_sql(
        f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $rule$ BEGIN {PUT_DOWN}; RETURN NULL; END $rule$"
    )
    connection.exec_driver_sql(f"CREATE TRIGGER {name} AFTER INSERT ON ticket_event FOR EACH ROW EXECUTE FUNCTION {name}()")
