"""The steps by which the database came to its present shape, numbered; each is applied once, in order, in one transaction.

A step that has been released is never changed: the next change is the next number.
"""

from __future__ import annotations

from sqlalchemy import Connection, text

from adapters.storage.migrations import m0001_tickets, m0002_texts_and_callers, m0003_transcripts
from ivr.errors import UserError

STEPS: tuple[tuple[str, ...], ...] = (m0001_tickets.STATEMENTS, m0002_texts_and_callers.STATEMENTS, m0003_transcripts.STATEMENTS)
LATEST = len(STEPS)


def migrate(connection: Connection, database: str) -> None:
    """Bring the database to the latest step. Raises UserError when it is of a later selfline than this one."""
    connection.exec_driver_sql("CREATE TABLE IF NOT EXISTS schema_version (version INTEGER NOT NULL)")
    version = connection.scalar(text("SELECT max(version) FROM schema_version")) or 0
    if version > LATEST:
        raise UserError(f"{database} was written by a later selfline (its schema is {version}, this one knows {LATEST})")
    for number, statements in enumerate(STEPS[version:], start=version + 1):
        for statement in statements:
            connection.exec_driver_sql(statement)
        connection.execute(text("INSERT INTO schema_version (version) VALUES (:number)"), {"number": number})
