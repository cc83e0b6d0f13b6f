"""The audit of the disk: does the database have all that the spool has, and does the spool wait for nothing that could be done?

The database is held against itself elsewhere (the store's own audit). Any sentence is a failure to look into.
"""

from __future__ import annotations

import asyncio
import datetime as dt

from ivr.calls.ports import Spool, TicketStore

SURELY_DONE = dt.timedelta(minutes=10)  # longer than any message, and than the recovery takes


async def audit_disk(store: TicketStore, spool: Spool, at: dt.datetime) -> tuple[str, ...]:
    """What is wrong, one sentence each. Raises StoreFailed, SpoolFailed."""
    intents = await asyncio.to_thread(spool.intents)
    found = [one for one in await asyncio.to_thread(spool.recordings) if one.changed_at + SURELY_DONE < at]
    known = await store.accounted([one.path.name for one in found])
    waiting = [f"the message {one.message_key} waits on disk and is in no ticket" for one in intents if one.begun_at + SURELY_DONE < at]
    lonely = [f"the recording {one.path.name} belongs to no message" for one in found if one.path.name not in known]
    return (*waiting, *lonely)
