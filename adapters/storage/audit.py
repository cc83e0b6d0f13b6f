"""The audit: is every promise in the database kept whole? Any sentence it returns is a failure to look into.

It reads the database and the recordings, changes nothing, and may run beside live calls.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from sqlalchemy import Connection, select

from adapters.storage import tables as t
from adapters.storage.keys import DataKey
from ivr.calls.ports import TicketState

GRACE = dt.timedelta(seconds=60)

_LAST_EVENTS = {
    TicketState.CAPTURING: {"begun", "message_abandoned"},
    TicketState.OPEN: {"opened", "message_kept", "message_abandoned", "released", "lease_ran_out"},
    TicketState.CLAIMED: {"claimed", "claim_renewed", "message_kept", "message_abandoned"},
    TicketState.RESOLVED: {"resolved", "message_abandoned"},
    TicketState.ABANDONED: {"abandoned"},
}


def audit(connection: Connection, key: DataKey, recordings: Path, at: dt.datetime) -> tuple[str, ...]:
    """What is wrong, one sentence each; empty when all is well."""
    return (*_messages(connection, recordings), *_tickets(connection, at), *_history(connection, key))


def _messages(connection: Connection, recordings: Path) -> Iterator[str]:
    for row in connection.execute(select(t.message).where(t.message.c.state == "captured")).all():
        path = recordings / row.recording
        size = path.stat().st_size if path.exists() else 0
        if size != row.size:
            yield f"the recording {row.recording} has {size} bytes instead of {row.size}"
        if row.samples is not None and row.size < row.samples and not row.partial:
            yield f"the recording {row.recording} is shorter than it was and not flagged as partial"


def _tickets(connection: Connection, at: dt.datetime) -> Iterator[str]:
    with_message = set(connection.scalars(select(t.message.c.ticket_id).where(t.message.c.state == "captured")))
    resolved = set(connection.scalars(select(t.resolution.c.ticket_id)))
    for row in connection.execute(select(t.ticket)).all():
        if row.state in (TicketState.OPEN, TicketState.CLAIMED, TicketState.RESOLVED) and row.id not in with_message:
            yield f"ticket {row.reference} is {row.state} and has no message"
        if row.state == TicketState.ABANDONED and row.id in with_message:
            yield f"ticket {row.reference} is abandoned and has a message"
        if row.lease_until is not None and row.lease_until + GRACE < at:
            yield f"ticket {row.reference} is held by a claim that has run out"
        if (row.state == TicketState.RESOLVED) != (row.id in resolved):
            yield f"ticket {row.reference} is {row.state} and its resolution says otherwise"


def _history(connection: Connection, key: DataKey) -> Iterator[str]:
    states = {row.id: (row.reference, row.state) for row in connection.execute(select(t.ticket)).all()}
    events = connection.execute(select(t.ticket_event).order_by(t.ticket_event.c.ticket_id, t.ticket_event.c.seq)).all()
    told: set[int] = set()
    for ticket_id, history in groupby(events, key=lambda event: event.ticket_id):
        reference, state = states.get(ticket_id, ("of nobody", None))
        told.add(ticket_id)
        previous, last = b"", ""
        for number, event in enumerate(history, start=1):
            text = event_text(ticket_id, event.seq, event.at, event.actor, event.kind, event.body)
            if event.seq != number or key.link(previous, text) != event.hash:
                yield f"the history of ticket {reference} has been changed at event {number}"
                break
            previous, last = event.hash, event.kind
        else:
            if state is not None and last not in _LAST_EVENTS[TicketState(state)]:
                yield f"the history of ticket {reference} ends with {last!r}, but the ticket is {state}"
    for ticket_id in states.keys() - told:
        yield f"ticket {states[ticket_id][0]} has no history"


def event_text(ticket_id: int, seq: int, at: dt.datetime, actor: str, kind: str, body: str) -> str:
    """What of an event goes into its hash."""
    return "\x1f".join((str(ticket_id), str(seq), at.astimezone(dt.UTC).isoformat(), actor, kind, body))
