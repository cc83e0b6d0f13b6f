"""The audit: is every promise in the database kept whole? Any sentence it returns is a failure to look into.

It reads the database and the recordings, changes nothing, and may run beside live calls.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from sqlalchemy import Connection, func, select

from adapters.storage import tables as t
from adapters.storage.keys import SEALING, DataKey
from ivr.calls.ports import HELD, KEPT, AttemptOutcome, AttemptState, TicketState

GRACE = dt.timedelta(seconds=60)

_ANY_TIME = {"message_abandoned", "erased", "recording_sealed", "recording_purged", "attempt_ended"}
_WAITS = {"opened", "message_kept", "call_unanswered", "called_again", "released", "lease_ran_out"}
_CALLS = {"attempt_planned", "attempt_sent", "attempt_ringing", "attempt_bridged", "attempt_unknown"}
_ADDED = {"message_kept", "call_unanswered", "called_again", "overdue"}
_LAST_EVENTS = {
    TicketState.CAPTURING: {"begun"},
    TicketState.OPEN: _WAITS,
    TicketState.CLAIMED: {"claimed", "claim_renewed", "handed_over"} | _ADDED,
    TicketState.DIALING: _CALLS | _ADDED | {"claim_renewed"},
    TicketState.TALKING: _CALLS | _ADDED | {"claim_renewed"},
    TicketState.RETRY_WAIT: {"retry_planned", "message_kept", "call_unanswered", "called_again"},
    TicketState.ESCALATED: _WAITS | {"escalated"},
    TicketState.RESOLVED: {"resolved"},
    TicketState.CLOSED_UNREACHABLE: {"closed_unreachable"},
    TicketState.ABANDONED: {"abandoned"},
}


def audit(connection: Connection, key: DataKey, recordings: Path, at: dt.datetime) -> tuple[str, ...]:
    """What is wrong, one sentence each; empty when all is well."""
    return (
        *_messages(connection, recordings),
        *_tickets(connection, at),
        *_clocks(connection, at),
        *_attempts(connection),
        *_notes(connection, key),
        *_history(connection, key),
    )


def verify(connection: Connection, key: DataKey) -> tuple[str, ...]:
    """What of the history has been changed, one sentence each."""
    return tuple(_history(connection, key))


def _messages(connection: Connection, recordings: Path) -> Iterator[str]:
    for row in connection.execute(select(t.message).where(t.message.c.state == "captured")).all():
        path = recordings / (f"{row.recording}.sealed" if row.sealed else row.recording)
        size = path.stat().st_size if path.exists() else 0
        expected = 0 if row.purge == "purged" else row.size + (SEALING if row.sealed else 0)
        if size != expected and not (row.purge == "purging" and size == 0):
            yield f"the recording {row.recording} has {size} bytes instead of {expected}"
        if row.samples is not None and row.size < row.samples and not row.partial:
            yield f"the recording {row.recording} is shorter than it was and not flagged as partial"


def _tickets(connection: Connection, at: dt.datetime) -> Iterator[str]:
    with_message = set(connection.scalars(select(t.message.c.ticket_id).where(t.message.c.state == "captured")))
    with_call = set(connection.scalars(select(t.unanswered.c.ticket_id)))
    resolved = set(connection.scalars(select(t.resolution.c.ticket_id)))
    for row in connection.execute(select(t.ticket)).all():
        state = TicketState(row.state)
        if state not in (TicketState.CAPTURING, TicketState.ABANDONED) and row.id not in with_message | with_call:
            yield f"ticket {row.reference} is {row.state} and has no message"
        if state is TicketState.ABANDONED and row.id in with_message:
            yield f"ticket {row.reference} is abandoned and has a message"
        if state in HELD and row.lease_until + GRACE < at:
            yield f"ticket {row.reference} is held by a claim that has run out"
        if (state in KEPT) != (row.id in resolved):
            yield f"ticket {row.reference} is {row.state} and its resolution says otherwise"


def _clocks(connection: Connection, at: dt.datetime) -> Iterator[str]:
    for row in connection.execute(select(t.ticket).where(t.UNANSWERED)).all():
        for bit, clock, due in ((1, "business", row.due_at), (2, "day", row.hard_due_at)):
            if due + GRACE < at and not row.escalation & bit:
                yield f"ticket {row.reference} is overdue by its {clock} clock and nobody has been told"


def _attempts(connection: Connection) -> Iterator[str]:
    """A resolution stands on a call in which they talked, or is marked as an exception; only a ticket that is dialled is being called."""
    talked = {
        (row.ticket_id, row.no) for row in connection.execute(select(t.attempt).where(t.attempt.c.outcome == AttemptOutcome.ANSWERED)).all()
    }
    joined = select(t.resolution, t.ticket.c.reference, t.ticket.c.state).join_from(
        t.resolution, t.ticket, t.resolution.c.ticket_id == t.ticket.c.id
    )
    for row in connection.execute(joined).all():
        proven = row.by_exception or row.text_key or (row.ticket_id, row.attempt_no) in talked
        if not proven:
            yield f"ticket {row.reference} was closed without a call and without an exception"
    states = {row.id: row for row in connection.execute(select(t.ticket.c.id, t.ticket.c.reference, t.ticket.c.state)).all()}
    live = (AttemptState.PLANNED, AttemptState.SENT, AttemptState.RINGING, AttemptState.BRIDGED)
    for row in connection.execute(select(t.attempt).where(t.attempt.c.state.in_(live))).all():
        if states[row.ticket_id].state not in (TicketState.DIALING, TicketState.TALKING):
            yield f"ticket {states[row.ticket_id].reference} is being called and is {states[row.ticket_id].state}"
    by_ticket = select(t.attempt.c.ticket_id, func.count()).group_by(t.attempt.c.ticket_id)
    counted: dict[int, int] = {row[0]: row[1] for row in connection.execute(by_ticket)}
    for ticket_id, number in connection.execute(select(t.ticket.c.id, t.ticket.c.attempts).where(t.ticket.c.attempts > 0)):
        if counted.get(ticket_id, 0) != number:
            yield f"ticket {states[ticket_id].reference} has {counted.get(ticket_id, 0)} attempts instead of {number}"


def _notes(connection: Connection, key: DataKey) -> Iterator[str]:
    """The words with which a ticket was closed are those that the history has the hash of, as long as nobody had to forget them."""
    closed = t.ticket_event.c.kind.in_(("resolved", "closed_unreachable"))
    joined = (
        select(t.ticket.c.reference, t.resolution.c.note_enc, t.ticket_event.c.body)
        .join_from(t.ticket, t.resolution, t.resolution.c.ticket_id == t.ticket.c.id)
        .join(t.ticket_event, t.ticket_event.c.ticket_id == t.ticket.c.id)
        .where(closed, t.ticket.c.erased_at.is_(None))
    )
    for row in connection.execute(joined).all():
        told = json.loads(row.body).get("note")
        if told is not None and told != key.joinable(key.decrypt(row.note_enc)).hex():
            yield f"the note of ticket {row.reference} is not the one it was closed with"


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
            previous, last = event.hash, event.kind if event.kind not in _ANY_TIME else last
        else:
            if state is not None and last not in _LAST_EVENTS[TicketState(state)]:
                yield f"the history of ticket {reference} ends with {last!r}, but the ticket is {state}"
    for ticket_id in states.keys() - told:
        yield f"ticket {states[ticket_id][0]} has no history"


def event_text(ticket_id: int, seq: int, at: dt.datetime, actor: str, kind: str, body: str) -> str:
    """What of an event goes into its hash."""
    return "\x1f".join((str(ticket_id), str(seq), at.astimezone(dt.UTC).isoformat(), actor, kind, body))
