"""The tables as SQLAlchemy sees them. They never leave this folder; how they came to be is in `migrations`."""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import Boolean, Column, Dialect, Float, Integer, LargeBinary, MetaData, String, Table, TypeDecorator

metadata = MetaData()


class Moment(TypeDecorator[dt.datetime]):
    """An aware datetime as text in UTC, of fixed width so that text order is time order."""

    impl = String
    cache_ok = True

    def process_bind_param(self, value: dt.datetime | None, dialect: Dialect) -> str | None:
        return None if value is None else value.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")

    def process_result_value(self, value: Any, dialect: Dialect) -> dt.datetime | None:
        return None if value is None else dt.datetime.fromisoformat(value)


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
    Column("id", Integer, primary_key=True),
    Column("reference", String),
    Column("caller_hmac", LargeBinary),
    Column("caller_enc", LargeBinary),
    Column("dialled", String),
    Column("topic", String),
    Column("language", String),
    Column("state", String),
    Column("created_at", Moment),
    Column("due_at", Moment),
    Column("assignee", String),
    Column("claim_token", Integer),
    Column("heard", Integer),
    Column("lease_until", Moment),
    Column("resolved_at", Moment),
)

message = Table(
    "message",
    metadata,
    Column("key", String, primary_key=True),
    Column("session", String),
    Column("node", String),
    Column("count", Integer),
    Column("ticket_id", Integer),
    Column("topic", String),
    Column("language", String),
    Column("state", String),
    Column("recording", String),
    Column("size", Integer),
    Column("samples", Integer),
    Column("sha256", String),
    Column("partial", Boolean),
    Column("begun_at", Moment),
    Column("recorded_at", Moment),
    Column("reason", String),
)

resolution = Table(
    "resolution",
    metadata,
    Column("ticket_id", Integer, primary_key=True),
    Column("agent", String),
    Column("note_enc", LargeBinary),
    Column("at", Moment),
)

ticket_event = Table(
    "ticket_event",
    metadata,
    Column("ticket_id", Integer, primary_key=True),
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
    Column("language", String),
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
