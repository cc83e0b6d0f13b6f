"""The promise to call back: tickets, attempts and the statement, and the database that keeps them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from ivr.calls.ports.messages import Message, MessageFacts, MessageIntent, UnansweredCall


class TicketState(StrEnum):
    """The life of a callback ticket.

    capturing -> open | abandoned; open -> claimed -> dialing -> talking -> resolved. An attempt that reached nobody leads to retry_wait and
    from there to claimed again; a ticket that nobody answered in time becomes escalated, and is claimed from there. Lost or given back, a
    claim leads to open, or to escalated. With proof, retry_wait -> closed_unreachable.
    """

    CAPTURING = "capturing"
    OPEN = "open"
    CLAIMED = "claimed"
    DIALING = "dialing"
    TALKING = "talking"
    RETRY_WAIT = "retry_wait"
    ESCALATED = "escalated"
    RESOLVED = "resolved"
    CLOSED_UNREACHABLE = "closed_unreachable"
    ABANDONED = "abandoned"


WAITING = (TicketState.OPEN, TicketState.RETRY_WAIT, TicketState.ESCALATED)
HELD = (TicketState.CLAIMED, TicketState.DIALING, TicketState.TALKING)
UNANSWERED = (*WAITING, *HELD)
KEPT = (TicketState.RESOLVED, TicketState.CLOSED_UNREACHABLE)
ENDED = (*KEPT, TicketState.ABANDONED)


class AttemptState(StrEnum):
    """An attempt to call back: planned -> sent -> ringing -> bridged -> ended. One whose end nobody knows is unknown until it is told."""

    PLANNED = "planned"
    SENT = "sent"
    RINGING = "ringing"
    BRIDGED = "bridged"
    UNKNOWN = "unknown"
    ENDED = "ended"


class AttemptOutcome(StrEnum):
    """What came of an attempt."""

    ANSWERED = "answered"  # they talked, for ten seconds or more
    DROPPED = "dropped"  # they talked for less
    BUSY = "busy"
    NO_ANSWER = "no_answer"
    REJECTED = "rejected"
    VOICEMAIL = "voicemail"
    UNREACHABLE = "unreachable"  # switched off, no network
    INVALID_NUMBER = "invalid_number"
    AGENT_FAILED = "agent_failed"  # the agent's own telephone; the customer's has not rung
    NOT_PLACED = "not_placed"  # refused before anything rang


UNREACHED = (
    AttemptOutcome.BUSY,
    AttemptOutcome.NO_ANSWER,
    AttemptOutcome.REJECTED,
    AttemptOutcome.VOICEMAIL,
    AttemptOutcome.UNREACHABLE,
    AttemptOutcome.INVALID_NUMBER,
)
"""What shows, often enough, that a caller cannot be reached."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt to call back. `channel_id` is what its call is named in Asterisk, so that it is placed once."""

    number: int
    channel_id: str
    agent: str
    state: AttemptState
    begun_at: dt.datetime
    outcome: AttemptOutcome | None = None
    cause: str = ""  # what the network said
    ended_at: dt.datetime | None = None
    bridged: dt.timedelta | None = None


@dataclass(frozen=True, slots=True)
class LiveAttempt:
    """An attempt whose end is not known, with what it takes to make it. `held`: its claim is the one of now."""

    attempt: Attempt
    reference: str
    token: int
    topic: str
    language: str
    caller_id: str = field(repr=False)
    dialled: str
    held: bool


@dataclass(frozen=True, slots=True)
class Refused:
    """Why there is no attempt now.

    not_yours, hours (nobody is rung up at this one), unsettled (nobody knows how the last one ended), ticket_limit or number_limit (too
    many today), paused (too many by everybody within the hour).
    """

    reason: str


class Outcome(StrEnum):
    """What a ticket was closed with."""

    ANSWERED = "answered"  # the caller got an answer
    INFORMED = "informed"  # somebody else took it, or it was sent in writing
    NOT_NEEDED = "not_needed"  # the caller needs nothing any more
    WRONG_NUMBER = "wrong_number"  # whoever answers there did not call
    UNREACHABLE = "unreachable"  # with proof: nobody could be reached


@dataclass(frozen=True, slots=True)
class Escalation:
    """A ticket that nobody answered in time. `clock` is the one that ran out: business or day."""

    reference: str
    clock: str
    due_at: dt.datetime


@dataclass(frozen=True, slots=True)
class TicketEvent:
    """One entry of a ticket's history, which is a chain of hashes."""

    at: dt.datetime
    actor: str
    kind: str
    about: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Ticket:
    """A promise to call back. One open ticket per caller, topic and trust; later messages and calls are attached to it."""

    reference: str  # six digits, read to the caller
    state: TicketState
    topic: str
    language: str
    caller_id: str = field(repr=False)
    dialled: str
    created_at: dt.datetime
    due_at: dt.datetime
    assignee: str | None
    claim_token: int
    messages: tuple[Message, ...]
    note: str | None
    resolved_at: dt.datetime | None
    hard_due_at: dt.datetime | None = None  # a day after the first call; `due_at` keeps to business hours
    not_before: dt.datetime | None = None  # nobody is to be rung up earlier
    trust: int = 0
    priority: int = 100  # the lesser, the sooner
    escalated: bool = False
    heard: int = 0  # messages that were there when it was claimed
    lease_until: dt.datetime | None = None
    outcome: str | None = None
    calls: tuple[UnansweredCall, ...] = ()
    attempts: tuple[Attempt, ...] = ()
    erased: bool = False  # the caller is forgotten: no number, no words, no recording


@dataclass(frozen=True, slots=True)
class StatementLine:
    """A promise as the statement has it. `standing` is kept, open or overdue."""

    reference: str
    standing: str
    state: TicketState
    topic: str
    dialled: str
    created_at: dt.datetime
    due_at: dt.datetime
    resolved_at: dt.datetime | None
    outcome: str
    attempts: int
    without_talk: bool = False  # closed, and no call of the line's own shows that the caller was talked to

    @property
    def late(self) -> bool:
        """Whether the caller had to wait longer than promised."""
        return self.standing == "overdue" or (self.resolved_at is not None and self.resolved_at > self.due_at)


@dataclass(frozen=True, slots=True)
class Statement:
    """Every promise of a time, and what became of it: promised = kept + open + overdue + missing."""

    lines: tuple[StatementLine, ...]  # each promise that is in the database
    missing: tuple[str, ...]  # the calls in which a call back was promised, and which have none
    abandoned: int  # beside it: messages begun of which nothing came, and nothing was promised
    calls: Mapping[str, int]  # beside it: calls that nobody answered, by kind; each belongs to a ticket, unless the caller had no number

    @property
    def promised(self) -> int:
        """All of it."""
        return len(self.lines) + len(self.missing)

    def count(self, standing: str) -> int:
        """How many are kept, open or overdue."""
        return sum(line.standing == standing for line in self.lines)

    @property
    def without_talk(self) -> int:
        """How many of the kept were closed without a talk that the line has seen; a supervisor looks at each."""
        return sum(line.without_talk for line in self.lines)


class TicketStore(Protocol):
    """Tickets and their messages, in a database. Every method is one transaction and may be repeated with the same key.

    Every method raises StoreFailed when the database is away, locked or broken.
    """

    async def begin(self, intent: MessageIntent) -> None:
        """Write the call, message and ticket rows in state `capturing`. A second time changes nothing."""

    async def capture(self, intent: MessageIntent, facts: MessageFacts, at: dt.datetime) -> str:
        """The message is whole: open its ticket, or attach it to the caller's open one on that topic; the reference.

        Works without `begin` (the database may have been away before the beep), and a second time answers the same.
        """

    async def abandon(self, intent: MessageIntent, reason: str, at: dt.datetime, facts: MessageFacts | None = None) -> None:
        """No message came of it: kept and counted as `abandoned`. A captured message stays captured."""

    async def capturing(self) -> tuple[MessageIntent, ...]:
        """The messages whose recording has not been accounted for: what a crash leaves behind."""

    async def record_unanswered(self, call: UnansweredCall, at: dt.datetime) -> str | None:
        """A call that nobody answered becomes a ticket, or is attached to one the caller has open; its reference.

        None for a caller without a number, who cannot be called back: counted all the same. A second time changes nothing.
        """

    async def accounted(self, names: Collection[str]) -> frozenset[str]:
        """Those of these recordings, by file name, that belong to a message."""

    async def return_expired(self, at: dt.datetime) -> int:
        """Give claims whose lease has run out back to the queue; how many."""

    async def tickets(self, *, include_ended: bool = False) -> tuple[Ticket, ...]:
        """Open and claimed tickets, the next due first; with `include_ended`, all."""

    async def ticket(self, reference: str) -> Ticket | None:
        """One ticket, or None."""

    async def claim(
        self, reference: str, agent: str, at: dt.datetime, lease: dt.timedelta | None = None, token: int | None = None
    ) -> Ticket | None:
        """The ticket, now this agent's; None when another agent was faster or it has ended. Raises UnknownTicket.

        An agent who claims it again renews the lease under the same token, and has then seen every message on it. With a token, it is
        claimed only as long as that is the one of the last claim.
        """

    async def release(self, reference: str, agent: str, token: int, at: dt.datetime) -> bool:
        """Give it back to the queue; False when it is no longer this agent's."""

    async def resolve(
        self, reference: str, agent: str, token: int, note: str, at: dt.datetime, outcome: Outcome = Outcome.ANSWERED
    ) -> bool:
        """The caller has been answered; False when the ticket is no longer this agent's (fenced by `claim_token`).

        False too when a message has come in since the claim, which the agent has not heard, and while a call back is under way.
        """


class CallbackStore(TicketStore, Protocol):
    """What those who call back need beside it. Whatever changes a claimed ticket is fenced by its claim token."""

    async def queue(self, limit: int) -> tuple[Ticket, ...]:
        """The tickets that wait, in the order in which `claim_next` gives them out, those included that are not to be called yet."""

    async def history(self, reference: str) -> tuple[TicketEvent, ...]:
        """All that happened to a ticket. Raises UnknownTicket."""

    async def claim_next(self, agent: str, at: dt.datetime, lease: dt.timedelta | None = None) -> Ticket | None:
        """The ticket that is this agent's now: of those that may be called, by priority, then by the time of the first call."""

    async def renew(self, reference: str, agent: str, token: int, at: dt.datetime, lease: dt.timedelta | None = None) -> bool:
        """Hold it longer: the agent is still there. False when it is no longer this agent's."""

    async def hand_over(self, reference: str, agent: str, token: int, to: str, at: dt.datetime) -> bool:
        """Another agent has it from now on; False when it is not this agent's, or a call is under way."""

    async def reassign(self, reference: str, supervisor: str, to: str, at: dt.datetime, token: int | None = None) -> bool:
        """A supervisor gives it to an agent, whoever has it; False when it has ended, or a call is under way.

        With a token, False too when that is not the one of the claim any more.
        """

    async def escalate_due(self, at: dt.datetime) -> tuple[Escalation, ...]:
        """Mark the unanswered tickets whose clocks have run out, each once per clock; those that wait move up."""

    async def begin_attempt(self, reference: str, agent: str, token: int, at: dt.datetime) -> Attempt | Refused:
        """Plan a call back: `dialing`. The same attempt again while it is `planned`."""

    async def calls_paused_until(self, at: dt.datetime) -> dt.datetime | None:
        """When calling back goes on by itself, of which there was too much within the hour; None when it is not paused."""

    async def attempt_went_on(self, channel_id: str, state: AttemptState, at: dt.datetime) -> bool:
        """It was sent, rings, they talk (`talking`), or nobody knows (`unknown`). False when it had gone that far before.

        Who sends must have been told True.
        """

    async def live_attempts(self) -> tuple[LiveAttempt, ...]:
        """The attempts whose end is not known, the first planned first."""

    async def attempt_ended(
        self,
        channel_id: str,
        outcome: AttemptOutcome,
        at: dt.datetime,
        *,
        cause: str = "",
        bridged: dt.timedelta = dt.timedelta(0),
        still: AttemptState | None = None,
    ) -> bool:
        """What came of it; also of one that had become `unknown`. False when that was known before, or when it is not `still` there.

        Talked for ten seconds, the ticket stays `talking` until it is resolved. Not reached, it waits for the next try. When only the
        agent's telephone failed, it is `claimed` as before; when that was lost in the talk (`agent_lost`), it waits at the front.
        """

    async def statement(self, since: dt.datetime, until: dt.datetime, at: dt.datetime, promised: Mapping[str, str]) -> Statement:
        """Every promise of calls from `since` until before `until`, and how it stands.

        `promised` are sessions in which callers were told that they will be called back, by what is known of them elsewhere; those that
        have no ticket are named as that says.
        """

    async def close_unreachable(self, reference: str, supervisor: str, text_key: str, note: str, at: dt.datetime) -> bool:
        """Nobody could be reached: three attempts in two parts of the day on two days, and that text message sent. Else False."""
