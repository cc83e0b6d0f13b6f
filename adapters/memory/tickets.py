"""Tickets in a dictionary, by the same rules as in the database."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from typing import Any

from ivr.calls.capture import BYTES_PER_SECOND
from ivr.calls.intents import recording_name
from ivr.calls.ports import (
    UNANSWERED,
    Message,
    MessageFacts,
    MessageIntent,
    Outcome,
    Ticket,
    TicketState,
    UnansweredCall,
)
from ivr.calls.tickets import LEASE, LEASE_LOST, REPEATED, UNANSWERED_TOPIC, new_reference
from ivr.calls.times import HARD_DUE_WITHIN, callable_from, due_at
from ivr.errors import UnknownTicket

ACTIVE = (TicketState.CAPTURING, *UNANSWERED)


@dataclass(slots=True)
class _Kept:
    """A message as the store has it."""

    intent: MessageIntent
    ticket: _Record
    state: TicketState
    recording: str
    message: Message | None = None


@dataclass(slots=True)
class _Record:
    """A ticket as the store has it."""

    ticket: Ticket
    identity: tuple[str, str, int]
    lease_until: dt.datetime | None = None
    heard: int = 0
    kept: list[Message] = field(default_factory=list)

    def change(self, **values: object) -> None:
        self.ticket = replace(self.ticket, **values)  # type: ignore[arg-type]


class MemoryTicketStore:
    """Tickets in a dictionary, by the same rules as in the database."""

    def __init__(self, lease: dt.timedelta = LEASE) -> None:
        self._lease = lease
        self._messages: dict[str, _Kept] = {}
        self._records: dict[str, _Record] = {}

    async def begin(self, intent: MessageIntent) -> None:
        if intent.message_key not in self._messages:
            self._begin(intent, f"{recording_name(intent)}.alaw")

    async def capture(self, intent: MessageIntent, facts: MessageFacts, at: dt.datetime) -> str:
        kept = self._find(intent, facts) or self._begin(intent, facts.path.name)
        if kept.state is TicketState.OPEN:
            return kept.ticket.ticket.reference
        if kept.ticket.ticket.state not in ACTIVE:
            ended = kept.ticket if kept.ticket.ticket.state is TicketState.ABANDONED else None
            kept.ticket = self._active(intent, intent.topic) or ended or self._ticket_for(intent)
        record = kept.ticket
        if record.ticket.state in (TicketState.CAPTURING, TicketState.ABANDONED):
            record.change(state=TicketState.OPEN, **_clocks(intent))
        else:
            self._move_up(record, intent.session, at)
        kept.state, kept.recording = TicketState.OPEN, facts.path.name
        kept.message = Message(kept.intent.message_key, facts.path, facts.size / BYTES_PER_SECOND, facts.partial, at)
        record.kept.append(kept.message)
        record.change(messages=tuple(record.kept))
        return record.ticket.reference

    async def abandon(self, intent: MessageIntent, reason: str, at: dt.datetime, facts: MessageFacts | None = None) -> None:
        recording = facts.path.name if facts else f"{recording_name(intent)}.alaw"
        kept = self._find(intent, facts) or self._begin(intent, recording)
        if kept.state is not TicketState.CAPTURING:
            return
        kept.state = TicketState.ABANDONED
        others = any(other.ticket is kept.ticket and other.state is TicketState.CAPTURING for other in self._messages.values())
        if kept.ticket.ticket.state is TicketState.CAPTURING and not others:
            kept.ticket.change(state=TicketState.ABANDONED)

    async def record_unanswered(self, call: UnansweredCall, at: dt.datetime) -> str | None:
        known = next((record for record in self._records.values() if any(one.session == call.session for one in record.ticket.calls)), None)
        if known:
            return None if known.ticket.state is TicketState.ABANDONED else known.ticket.reference
        if not call.caller_id:
            record = self._new_record(call, call.topic or UNANSWERED_TOPIC)
            record.change(state=TicketState.ABANDONED, calls=(call,))
            return None
        record = self._ticket_of_the_wish(call)
        if record.ticket.state in (TicketState.CAPTURING, TicketState.ABANDONED):
            record.change(state=TicketState.OPEN, **_clocks(call))
        else:
            self._move_up(record, call.session, at)
        record.change(calls=(*record.ticket.calls, call))
        return record.ticket.reference

    def _ticket_of_the_wish(self, call: UnansweredCall) -> _Record:
        """That of a message of the same call, any that the caller waits for already, or one of its own."""
        same_call = [kept.ticket for kept in self._messages.values() if kept.intent.session == call.session and kept.message]
        theirs = [record for record in self._records.values() if record.identity[::2] == _identity(call, "")[::2]]
        waiting = sorted(
            (record for record in theirs if record.ticket.state in UNANSWERED), key=lambda record: record.ticket.created_at, reverse=True
        )
        topic = call.topic or UNANSWERED_TOPIC
        return next(iter((*same_call, *waiting)), None) or self._active(call, topic) or self._new_record(call, topic)

    async def capturing(self) -> tuple[MessageIntent, ...]:
        return tuple(kept.intent for kept in self._messages.values() if kept.state is TicketState.CAPTURING)

    def message(self, key: str) -> Message:
        """The captured message of that key."""
        message = self._messages[key].message
        assert message is not None
        return message

    def language_of(self, key: str) -> str:
        """The language of the call in which that message was left."""
        return self._messages[key].intent.language

    async def accounted(self, names: Collection[str]) -> frozenset[str]:
        return frozenset(names) & {kept.recording for kept in self._messages.values()}

    async def return_expired(self, at: dt.datetime) -> int:
        expired = [record for record in self._records.values() if record.lease_until is not None and record.lease_until <= at]
        for record in expired:
            self._give_back(record, LEASE_LOST)
        return len(expired)

    async def tickets(self, *, include_ended: bool = False) -> tuple[Ticket, ...]:
        found = [record.ticket for record in self._records.values()]
        shown = [ticket for ticket in found if include_ended or ticket.state in UNANSWERED]
        return tuple(sorted(shown, key=lambda ticket: ticket.due_at))

    async def ticket(self, reference: str) -> Ticket | None:
        record = self._records.get(reference)
        return record.ticket if record else None

    async def claim(self, reference: str, agent: str, at: dt.datetime, lease: dt.timedelta | None = None) -> Ticket | None:
        record = self._record(reference)
        renewed = record.ticket.state is TicketState.CLAIMED and record.ticket.assignee == agent
        if not renewed and record.lease_until is not None and record.lease_until <= at:
            self._give_back(record, LEASE_LOST)
        if not renewed and record.ticket.state is not TicketState.OPEN:
            return None
        if not renewed:
            record.change(state=TicketState.CLAIMED, assignee=agent, claim_token=record.ticket.claim_token + 1)
        record.lease_until, record.heard = at + (lease or self._lease), len(record.kept)
        record.change(lease_until=record.lease_until)
        return record.ticket

    async def release(self, reference: str, agent: str, token: int, at: dt.datetime) -> bool:
        record = self._record(reference)
        if not _holds(record.ticket, agent, token):
            return False
        self._give_back(record)
        return True

    async def resolve(
        self, reference: str, agent: str, token: int, note: str, at: dt.datetime, outcome: Outcome = Outcome.ANSWERED
    ) -> bool:
        record = self._record(reference)
        if record.ticket.state is TicketState.RESOLVED:
            return (record.ticket.assignee, record.ticket.claim_token) == (agent, token)
        if not _holds(record.ticket, agent, token) or len(record.kept) > record.heard:
            return False
        record.change(state=TicketState.RESOLVED, note=note, outcome=outcome, resolved_at=at, lease_until=None)
        record.lease_until = None
        return True

    def _find(self, intent: MessageIntent, facts: MessageFacts | None) -> _Kept | None:
        if intent.message_key in self._messages:
            return self._messages[intent.message_key]
        same = [kept for kept in self._messages.values() if facts and kept.recording == facts.path.name]
        return same[0] if same else None

    def _begin(self, intent: MessageIntent, recording: str) -> _Kept:
        record = self._ticket_for(intent)
        kept = _Kept(intent, record, TicketState.CAPTURING, recording)
        self._messages[intent.message_key] = kept
        return kept

    def _ticket_for(self, intent: MessageIntent) -> _Record:
        """The ticket that a message belongs to: that of its own call's unanswered wish, the caller's open one, or a new one."""
        waiting = [record for record in self._records.values() if record.ticket.state in UNANSWERED]
        wished = [record for record in waiting if any(call.session == intent.session for call in record.ticket.calls)]
        return next(iter(wished), None) or self._active(intent, intent.topic) or self._new_record(intent, intent.topic)

    def _move_up(self, record: _Record, session: str, at: dt.datetime) -> None:
        """The caller has called again about it."""
        messages = {kept.intent.session for kept in self._messages.values() if kept.ticket is record and kept.message}
        calls = messages | {call.session for call in record.ticket.calls}
        if calls and session not in calls:
            assert record.ticket.not_before is not None
            sooner = min(record.ticket.not_before, callable_from(at))
            record.change(priority=max(record.ticket.priority + REPEATED, 0), not_before=sooner)

    def _active(self, call: MessageIntent | UnansweredCall, topic: str) -> _Record | None:
        same = [record for record in self._records.values() if record.identity == _identity(call, topic)]
        return next((record for record in same if record.ticket.state in ACTIVE), None)

    def _new_record(self, intent: MessageIntent | UnansweredCall, topic: str) -> _Record:
        tries = 0
        while (reference := new_reference(tries)) in self._records:
            tries += 1
        ticket = Ticket(
            reference=reference,
            state=TicketState.CAPTURING,
            topic=topic,
            language=intent.language,
            caller_id=intent.caller_id,
            dialled=intent.dialled,
            assignee=None,
            claim_token=0,
            messages=(),
            note=None,
            resolved_at=None,
            trust=intent.trust,
            **_clocks(intent),
        )
        self._records[reference] = _Record(ticket, _identity(intent, topic))
        return self._records[reference]

    def _record(self, reference: str) -> _Record:
        if reference not in self._records:
            raise UnknownTicket(f"there is no ticket {reference!r}")
        return self._records[reference]

    def _give_back(self, record: _Record, up: int = 0) -> None:
        record.change(state=TicketState.OPEN, assignee=None, lease_until=None, priority=max(record.ticket.priority + up, 0))
        record.lease_until = None


def _identity(call: MessageIntent | UnansweredCall, topic: str) -> tuple[str, str, int]:
    """Who is promised a call, on what. A caller who withholds the number is nobody else."""
    nobody = call.message_key if isinstance(call, MessageIntent) else call.session
    return call.caller_id or f"unknown {nobody}", topic, call.trust


def _clocks(call: MessageIntent | UnansweredCall) -> dict[str, Any]:
    return {
        "created_at": call.begun_at,
        "not_before": callable_from(call.begun_at),
        "due_at": due_at(call.begun_at),
        "hard_due_at": call.begun_at + HARD_DUE_WITHIN,
    }


def _holds(ticket: Ticket, agent: str, token: int) -> bool:
    return ticket.state is TicketState.CLAIMED and ticket.assignee == agent and ticket.claim_token == token
