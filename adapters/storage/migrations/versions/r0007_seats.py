"""Seats: who answers callers has a number, and with it telephones. No two people have the same."""

from __future__ import annotations

from alembic import op

from adapters.storage.migrations.dialects import run

revision, down_revision = "0007", "0006"

STATEMENTS = (
    "ALTER TABLE account ADD COLUMN seat INTEGER CHECK (seat > 0)",
    """
    UPDATE account SET seat = (SELECT count(*) FROM account other WHERE other.name <= account.name AND other.closed = {no}
                               AND other.role IN ('agent', 'supervisor'))
    WHERE closed = {no} AND role IN ('agent', 'supervisor')
    """,
    "CREATE UNIQUE INDEX account_seat ON account (seat) WHERE seat IS NOT NULL",
)


def upgrade() -> None:
    """Both databases alike."""
    run(op.get_bind(), *STATEMENTS)
