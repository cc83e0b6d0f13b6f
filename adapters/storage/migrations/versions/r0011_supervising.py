"""What supervisors found when they looked at closures, and the indexes by which the board is read every second.

A look is kept for good. Only the words in it can go, with the caller's data.
"""

from __future__ import annotations

from alembic import op

from adapters.storage.migrations.dialects import keep, refuse, run

revision, down_revision = "0011", "0008"

UNANSWERED = "('open', 'claimed', 'dialing', 'talking', 'retry_wait', 'escalated')"

TABLES = (
    """
    CREATE TABLE closure_look (
        ticket_id {big} NOT NULL REFERENCES ticket, no INTEGER NOT NULL CHECK (no > 0), at {moment} NOT NULL, supervisor TEXT NOT NULL,
        verdict TEXT NOT NULL CHECK (verdict IN ('right', 'wrong')), note_enc {bytes} NOT NULL, PRIMARY KEY (ticket_id, no)
    ){keyed}
    """,
    f"CREATE INDEX ticket_states ON ticket (state) WHERE state IN {UNANSWERED}",
    f"CREATE INDEX ticket_oldest ON ticket (created_at) WHERE state IN {UNANSWERED}",
    f"CREATE INDEX ticket_due_hard ON ticket (hard_due_at, id) WHERE state IN {UNANSWERED}",
    "CREATE INDEX ticket_day ON ticket (created_at, state, due_at, hard_due_at)",
    "CREATE INDEX resolution_at ON resolution (at)",
    "CREATE INDEX attempt_day ON attempt (day)",
    "CREATE INDEX ticket_event_claims ON ticket_event (at) WHERE kind IN ('claimed', 'handed_over', 'released', 'lease_ran_out')",
)
CHANGED = "NEW.ticket_id <> OLD.ticket_id OR NEW.no <> OLD.no OR NEW.at <> OLD.at OR NEW.supervisor <> OLD.supervisor"


def upgrade() -> None:
    """Both databases alike."""
    connection = op.get_bind()
    run(connection, *TABLES)
    keep(connection, "closure_look")
    changed = f"{CHANGED} OR NEW.verdict <> OLD.verdict"
    refuse(connection, "closure_look_is_not_changed", "BEFORE UPDATE", "closure_look", changed, "closure_look rows are not changed")
