"""What programs send and get, as the description has it."""

from __future__ import annotations

import datetime as dt
import re
from typing import Annotated, Any

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, WithJsonSchema

from ivr.calls.ports import Attempt, AttemptOutcome, AttemptState, Outcome, Ticket, TicketState, UnansweredKind
from ivr.calls.tickets import SHORTEST_TALK, mask
from ivr.calls.times import LINE_ZONE
from ivr.desk.people import Account, Action, Fact, Role
from ivr.desk.programs import Shown
from ivr.desk.webhooks import TYPES, Webhook

assert dt.timedelta(seconds=10) == SHORTEST_TALK  # as the descriptions below say

Word = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f\x7f]+$")]
Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]{0,31}$")]
Note = Annotated[str, StringConstraints(min_length=1, max_length=4000, pattern=r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]+$")]


def _must_look_like(pattern: str, example: str) -> BeforeValidator:
    """Text that begins otherwise is none: a number would be taken for seconds since 1970."""

    def look(sent: object) -> object:
        if isinstance(sent, str) and not re.match(pattern, sent, re.ASCII):
            raise ValueError(f"it looks like {example}")
        return sent

    return BeforeValidator(look)


Day = Annotated[dt.date, _must_look_like(r"\d{4}-\d\d-\d\d\Z", "2026-03-05")]
Moment = Annotated[AwareDatetime, _must_look_like(r"\d{4}-\d\d-\d\d[Tt ]", "2026-03-05T20:00:00+08:00")]


def _must_be_event(name: str) -> str:
    if name not in TYPES.values():
        raise ValueError("there is no such event")
    return name


EventName = Annotated[str, AfterValidator(_must_be_event), WithJsonSchema({"type": "string", "enum": sorted(set(TYPES.values()))})]


class Sent(BaseModel):
    """What programs send has nothing in it that is not described."""

    model_config = ConfigDict(extra="forbid")


class WithToken(Sent):
    """A change of a ticket that one holds."""

    claim_token: int = Field(ge=0, lt=2**53, description="That of the claim; a later claim has another.", examples=[3])


class HandOver(WithToken):
    """Somebody else goes on with it."""

    to: Name = Field(description="The account of the agent.", examples=["ben"])


class Reassign(Sent):
    """A supervisor gives it to somebody."""

    to: Name = Field(description="The account of the agent.", examples=["ben"])


class Settle(WithToken):
    """What came of a call back that the line has lost sight of."""

    outcome: AttemptOutcome = Field(description="As the agent knows it.")


class Close(WithToken):
    """The caller has been answered."""

    note: Note = Field(description="What the caller was told.", examples=["套餐已更改,下月生效"])
    outcome: Outcome = Field(default=Outcome.ANSWERED, description="What came of it. `unreachable` is for supervisors, with proof.")


class MessageTold(BaseModel):
    """A recorded message."""

    number: int = Field(description="For `/messages/{number}/audio`.")
    recorded_at: dt.datetime
    seconds: float
    partial: bool = Field(description="Cut short by a crash.")
    purged: bool = Field(description="Removed: its time to be kept is over.")
    transcript: str | None = Field(description="By a machine; the recording is the truth. For who has the ticket, and for supervisors.")
    confidence: float | None


class CallTold(BaseModel):
    """A call that nobody answered."""

    at: dt.datetime
    kind: UnansweredKind


class AttemptTold(BaseModel):
    """An attempt to call back."""

    number: int
    agent: str
    state: AttemptState
    outcome: AttemptOutcome | None
    cause: str
    begun_at: dt.datetime
    ended_at: dt.datetime | None
    talked_seconds: float | None


class TicketTold(BaseModel):
    """A ticket in a list. The caller is masked."""

    reference: str = Field(description="What the caller was told.", examples=["482913"])
    state: TicketState
    topic: str
    language: str
    line: str = Field(description="The number that was called.", examples=["1008611"])
    caller: str = Field(description="Masked, except in `GET /tickets/{reference}` and after a claim, for who has the ticket.")
    created_at: dt.datetime
    due_at: dt.datetime
    hard_due_at: dt.datetime | None
    not_before: dt.datetime | None
    escalated: bool
    priority: int = Field(description="The lesser, the sooner.")
    assignee: str | None
    lease_until: dt.datetime | None
    messages: int
    attempts: int
    outcome: str | None
    resolved_at: dt.datetime | None


class TicketWhole(TicketTold):
    """A ticket with all there is to know for a call back."""

    claim_token: int | None = Field(description="For who has the ticket: to be shown with each change.")
    note: str | None
    recordings: list[MessageTold]
    calls: list[CallTold]
    tries: list[AttemptTold]


class TicketPage(BaseModel):
    """Some tickets."""

    tickets: list[TicketTold]
    next: str | None = Field(description="For `after`; null on the last page.")


class EventTold(BaseModel):
    """One entry of a ticket's history."""

    at: dt.datetime
    by: str
    kind: str
    about: dict[str, object]


class StatementLineTold(BaseModel):
    """One promise."""

    reference: str
    standing: str = Field(examples=["kept", "open", "overdue"])
    state: TicketState
    topic: str
    line: str
    created_at: dt.datetime
    due_at: dt.datetime
    resolved_at: dt.datetime | None
    late: bool
    outcome: str
    attempts: int
    without_talk: bool = Field(description="closed, and no call of the line's own shows that the caller was talked to")


class StatementTold(BaseModel):
    """Every promise of a time: promised = kept + open + overdue + missing."""

    model_config = ConfigDict(populate_by_name=True)

    since: dt.date = Field(alias="from")
    to: dt.date
    promised: int
    kept: int
    open: int
    overdue: int
    missing: list[str]
    abandoned: int
    calls: dict[str, int]
    tickets: list[StatementLineTold]


class AccountTold(BaseModel):
    """A person at the desk."""

    name: str
    role: Role
    created_at: dt.datetime
    closed: bool


class FactTold(BaseModel):
    """What somebody did."""

    at: dt.datetime
    actor: str
    action: Action
    subject: str
    address: str


class WebhookWanted(Sent):
    """Where to tell what happens."""

    address: str = Field(min_length=8, max_length=500, pattern=r"^https?://[\x21-\x7e]+$", examples=["https://crm.example/selfline"])
    events: list[EventName] = Field(default=[], max_length=30, description="None for all.", examples=[["ticket.opened", "ticket.resolved"]])


class WebhookTold(BaseModel):
    """A webhook, without its secret."""

    id: int
    address: str
    style: str
    events: list[str]
    owner: str
    created_at: dt.datetime
    waiting: int = Field(description="How much it has still to be told.")
    failing_since: dt.datetime | None
    reason: str
    disabled_at: dt.datetime | None


class WebhookMade(WebhookTold):
    """A new one."""

    secret: str = Field(description="Told this once. Signatures are made with it, after Standard Webhooks.", examples=["whsec_..."])


def ticket_told(ticket: Ticket) -> TicketTold:
    """A ticket as it is listed."""
    return TicketTold(**_told(ticket, mask(ticket.caller_id)))


def ticket_whole(shown: Shown) -> TicketWhole:
    """A ticket as this one may see it."""
    ticket = shown.ticket
    recordings = []
    for number, message in enumerate(ticket.messages, start=1):
        words = shown.words.get(message.key)
        heard = None if words is None else words.heard
        recordings.append(
            MessageTold(
                number=number,
                recorded_at=_here(message.recorded_at),
                seconds=message.seconds,
                partial=message.partial,
                purged=message.purged,
                transcript=None if heard is None else heard.text,
                confidence=None if heard is None else heard.confidence,
            )
        )
    return TicketWhole(
        **_told(ticket, ticket.caller_id if shown.mine else mask(ticket.caller_id)),
        claim_token=ticket.claim_token if shown.mine else None,
        note=ticket.note,
        recordings=recordings,
        calls=[CallTold(at=_here(call.begun_at), kind=call.kind) for call in ticket.calls],
        tries=[attempt_told(attempt) for attempt in ticket.attempts],
    )


def attempt_told(attempt: Attempt) -> AttemptTold:
    """An attempt."""
    return AttemptTold(
        number=attempt.number,
        agent=attempt.agent,
        state=attempt.state,
        outcome=attempt.outcome,
        cause=attempt.cause,
        begun_at=_here(attempt.begun_at),
        ended_at=_maybe(attempt.ended_at),
        talked_seconds=None if attempt.bridged is None else attempt.bridged.total_seconds(),
    )


def account_told(account: Account) -> AccountTold:
    """A person, without the password."""
    return AccountTold(name=account.name, role=account.role, created_at=_here(account.created_at), closed=account.closed)


def fact_told(fact: Fact) -> FactTold:
    """A fact."""
    return FactTold(at=_here(fact.at), actor=fact.actor, action=fact.action, subject=fact.subject, address=fact.address)


def webhook_told(webhook: Webhook) -> dict[str, object]:
    """A webhook, without its secret."""
    return {
        "id": webhook.id,
        "address": webhook.address,
        "style": webhook.style,
        "events": list(webhook.kinds),
        "owner": webhook.owner,
        "created_at": _here(webhook.created_at),
        "waiting": webhook.waiting,
        "failing_since": _maybe(webhook.failing_since),
        "reason": webhook.reason,
        "disabled_at": _maybe(webhook.disabled_at),
    }


def _told(ticket: Ticket, caller: str) -> dict[str, Any]:
    return {
        "reference": ticket.reference,
        "state": ticket.state,
        "topic": ticket.topic,
        "language": ticket.language,
        "line": ticket.dialled,
        "caller": caller,
        "created_at": _here(ticket.created_at),
        "due_at": _here(ticket.due_at),
        "hard_due_at": _maybe(ticket.hard_due_at),
        "not_before": _maybe(ticket.not_before),
        "escalated": ticket.escalated,
        "priority": ticket.priority,
        "assignee": ticket.assignee,
        "lease_until": _maybe(ticket.lease_until),
        "messages": len(ticket.messages),
        "attempts": len(ticket.attempts),
        "outcome": ticket.outcome,
        "resolved_at": _maybe(ticket.resolved_at),
    }


def _here(at: dt.datetime) -> dt.datetime:
    return at.astimezone(LINE_ZONE)


def _maybe(at: dt.datetime | None) -> dt.datetime | None:
    return None if at is None else _here(at)
