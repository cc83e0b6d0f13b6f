"""The tables as SQLAlchemy sees them. They never leave this folder; how they came to be is in `migrations`."""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Dialect,
    Float,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    TypeDecorator,
    text,
)
from sqlalchemy.dialects.postgresql import TIMESTAMP
from sqlalchemy.types import TypeEngine

metadata = MetaData()


class Moment(TypeDecorator[dt.datetime]):
    """An aware datetime; in SQLite as text in UTC, of fixed width so that text order is time order."""

    impl = String
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(TIMESTAMP(timezone=True) if dialect.name == "postgresql" else String())

    def process_bind_param(self, value: dt.datetime | None, dialect: Dialect) -> Any:
        if value is None or dialect.name == "postgresql":
            return value
        return value.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")

    def process_result_value(self, value: Any, dialect: Dialect) -> dt.datetime | None:
        if value is None:
            return None
        return dt.datetime.fromisoformat(value) if isinstance(value, str) else value.astimezone(dt.UTC)


data_key = Table("data_key", metadata, Column("proof", LargeBinary))

call = Table(
    "call",
    metadata,
    Column("session", String, primary_key=True),
    Column("caller_hmac", LargeBinary),
    Column("caller_enc", LargeBinary),
    Column("dialled", String),
    Column("channel", String),
    Column("begun_at", Moment),
)

ticket = Table(
    "ticket",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("reference", String),
    Column("caller_hmac", LargeBinary),
    Column("caller_enc", LargeBinary),
    Column("dialled", String),
    Column("topic", String),
    Column("language", String),
    Column("trust", Integer),
    Column("state", String),
    Column("priority", Integer),
    Column("created_at", Moment),  # of the first call
    Column("not_before", Moment),
    Column("due_at", Moment),
    Column("hard_due_at", Moment),
    Column("escalation", Integer),  # which clocks have run out and been told: 1 the business one, 2 the day
    Column("assignee", String),
    Column("claim_token", BigInteger),
    Column("claim_key", String),  # of the request that claimed it, so that the request can be made twice
    Column("heard", Integer),
    Column("lease_until", Moment),
    Column("attempts", Integer),
    Column("resolved_at", Moment),
    Column("erased_at", Moment),
)

ACTIVE = text("ticket.state NOT IN ('resolved', 'closed_unreachable', 'abandoned')")
WAITING = text("ticket.state IN ('open', 'retry_wait', 'escalated')")
HELD = text("ticket.state IN ('claimed', 'dialing', 'talking')")
UNANSWERED = text("ticket.state IN ('open', 'claimed', 'dialing', 'talking', 'retry_wait', 'escalated')")
LIVE = text("attempt.state IN ('planned', 'sent', 'ringing', 'bridged', 'unknown')")
# ... in the words of the indexes: with values that are bound later, PostgreSQL could not know that an index fits.

attempt = Table(
    "attempt",
    metadata,
    Column("ticket_id", BigInteger, primary_key=True),
    Column("no", Integer, primary_key=True),
    Column("channel_id", String),
    Column("claim_token", BigInteger),
    Column("agent", String),
    Column("state", String),
    Column("outcome", String),
    Column("cause", String),
    Column("begun_at", Moment),
    Column("ended_at", Moment),
    Column("day", String),
    Column("part", String),
    Column("bridged_ms", Integer),
)

unanswered = Table(
    "unanswered",
    metadata,
    Column("session", String, primary_key=True),
    Column("ticket_id", BigInteger),
    Column("at", Moment),
    Column("kind", String),
)

message = Table(
    "message",
    metadata,
    Column("key", String, primary_key=True),
    Column("session", String),
    Column("node", String),
    Column("count", Integer),
    Column("ticket_id", BigInteger),
    Column("topic", String),
    Column("language", String),
    Column("trust", Integer),
    Column("state", String),
    Column("recording", String),
    Column("size", BigInteger),
    Column("samples", BigInteger),
    Column("sha256", String),
    Column("partial", Boolean),
    Column("begun_at", Moment),
    Column("recorded_at", Moment),
    Column("reason", String),
    Column("sealed", Boolean),  # the recording lies encrypted
    Column("purge", String),
    Column("purged_at", Moment),
)

resolution = Table(
    "resolution",
    metadata,
    Column("ticket_id", BigInteger, primary_key=True),
    Column("agent", String),
    Column("note_enc", LargeBinary),
    Column("at", Moment),
    Column("outcome", String),
    Column("by_exception", Boolean),  # no call of selfline's own shows that the caller was answered: for a supervisor to sample
    Column("attempt_no", Integer),
    Column("text_key", String),
)

ticket_event = Table(
    "ticket_event",
    metadata,
    Column("ticket_id", BigInteger, primary_key=True),
    Column("seq", Integer, primary_key=True),
    Column("at", Moment),
    Column("actor", String),
    Column("kind", String),
    Column("body", String),
    Column("hash", LargeBinary),
)

text_message = Table(
    "text_message",
    metadata,
    Column("key", String, primary_key=True),
    Column("session", String),
    Column("to_enc", LargeBinary),
    Column("text_enc", LargeBinary),
    Column("language", String),
    Column("state", String),
    Column("attempts", Integer),
    Column("created_at", Moment),
    Column("due_at", Moment),
    Column("changed_at", Moment),
    Column("reason", String),
    Column("receipt", String),
)

caller = Table(
    "caller",
    metadata,
    Column("hmac", LargeBinary, primary_key=True),
    Column("language", String),  # "" when only the manner was chosen
    Column("slower", Integer),
    Column("louder", Integer),
    Column("updated_at", Moment),
)

transcript = Table(
    "transcript",
    metadata,
    Column("key", String, primary_key=True),
    Column("state", String),
    Column("attempts", Integer),
    Column("due_at", Moment),
    Column("changed_at", Moment),
    Column("reason", String),
    Column("text_enc", LargeBinary),
    Column("language", String),
    Column("confidence", Float),
    Column("engine", String),
)
