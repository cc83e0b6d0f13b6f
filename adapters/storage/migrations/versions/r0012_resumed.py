"""Whether calling back was resumed lately is asked with each call back once there are many: an index for it."""

from __future__ import annotations

from alembic import op

from adapters.storage.migrations.dialects import run

revision, down_revision = "0012", "0011"


def upgrade() -> None:
    """Both databases alike."""
    run(op.get_bind(), "CREATE INDEX desk_fact_action ON desk_fact (action, at)")
