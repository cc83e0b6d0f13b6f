"""How callers want to be spoken to, beside the language that they chose. A caller may have chosen the one and not the other."""

from __future__ import annotations

from alembic import op

revision, down_revision = "0005", "0004"


def upgrade() -> None:
    """Both databases alike."""
    for name in ("slower", "louder"):
        op.execute(f"ALTER TABLE caller ADD COLUMN {name} INTEGER NOT NULL DEFAULT 0 CHECK ({name} IN (0, 1))")
