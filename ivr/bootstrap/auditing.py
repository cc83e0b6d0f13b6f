"""The whole audit: the database against itself, against the disk, and against what callers were told."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Mapping

from adapters.storage.figures import promises
from adapters.storage.spool import FileSpool
from adapters.storage.tickets import SqlTicketStore
from ivr.calls.auditing import audit_disk
from ivr.calls.times import LINE_ZONE
from ivr.config import Settings

LOOKED_BACK = dt.timedelta(days=2)
ON_ITS_WAY = dt.timedelta(minutes=1)  # a promise of this moment may not be written everywhere yet


async def audit_all(settings: Settings, store: SqlTicketStore, spool: FileSpool, at: dt.datetime) -> tuple[str, ...]:
    """What is wrong, a sentence each; empty when all is well. Raises StoreFailed, SpoolFailed."""
    since, until = at - LOOKED_BACK, at - ON_ITS_WAY
    told = await asyncio.to_thread(promised_calls, settings, since, until)
    missing = (await store.statement(since, until, at, told)).missing
    return (
        *await store.audit(at),
        *await audit_disk(store, spool, at),
        *(f"{one} was promised a call back and has no ticket" for one in missing),
    )


def promised_calls(settings: Settings, since: dt.datetime, until: dt.datetime) -> Mapping[str, str]:
    """The calls in which a call back was promised, and what to call them if they are missing."""
    told = promises(settings.var / "journal", since, until)
    spool = FileSpool(settings.spool)
    waiting = {intent.session for intent in spool.intents()} | {call.session for call in spool.noted_calls()}
    return {
        session: f"call {session[:8]} of {at.astimezone(LINE_ZONE):%Y-%m-%d %H:%M}"
        + (", which waits on disk" if session in waiting else "")
        for session, at in told.items()
    }
