"""The steps by which the database came to its present shape: Alembic revisions under versions/, each applied once, in order.

A step that has been released is never changed: the next change is the next revision, and `LATEST` names it. To add one, write
`versions/r0005_what_it_is_for.py` after the pattern of the last; `dialects` has what is written differently for SQLite and PostgreSQL.
"""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, inspect, text

from ivr.errors import UserError

REVISIONS = ("0001", "0002", "0003", "0004", "0005", "0006", "0007", "0008", "0011", "0012")
LATEST = REVISIONS[-1]
FOLDER = Path(__file__).parent


def migrate(connection: Connection, database: str) -> bool:
    """Bring the database to the latest revision, in the transaction at hand; whether anything was to be done.

    Raises UserError when it is of a later selfline than this one.
    """
    known = inspect(connection)
    revision = connection.scalar(text("SELECT version_num FROM alembic_version")) if known.has_table("alembic_version") else None
    if revision == LATEST:
        return False
    numbered = 0
    if revision is None and known.has_table("schema_version"):  # before Alembic, steps were numbered
        numbered = connection.scalar(text("SELECT max(version) FROM schema_version")) or 0
    if numbered > 3 or (revision is not None and revision not in REVISIONS):
        raise UserError(f"{database} was written by a later selfline (its schema is {revision or numbered}, this one knows {LATEST})")
    _upgrade(connection, REVISIONS[numbered - 1] if numbered else None)
    return True


def _upgrade(connection: Connection, stands_at: str | None) -> None:
    from alembic import command  # it takes a while to load, and is seldom needed
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    config.attributes["connection"] = connection
    if stands_at is not None:
        command.stamp(config, stands_at)
        connection.execute(text("DROP TABLE schema_version"))
    command.upgrade(config, LATEST)
