"""Trouble tickets of the TM Forum (TMF621 v4.0.0) for other desks: ours in their words, and a call back that was promised elsewhere.

What of it is meant, and how, is in docs/api.md. A state of ours has one status there; a status has the states that it stands for.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any
from urllib.parse import parse_qsl

from fastapi import APIRouter, Depends, Path, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from adapters.console.api.models import Moment, Note, Word
from adapters.console.api.problems import Problem, refused, responses
from adapters.console.api.route import ONCE, SECURED, ProgramRoute, api_of, program
from adapters.console.api.seen import AFTER_CHANGE, SEEN, OneTicket, Reference, described, token_of
from adapters.console.api.tickets import DESK, SUPERVISORS, must_be_near
from adapters.console.guard import allow, programs, visitor
from ivr.calls.ports import HELD, Outcome, Ticket, TicketState, UnansweredKind
from ivr.calls.tickets import mask
from ivr.desk.elsewhere import Promised
from ivr.desk.people import Role, Session
from ivr.desk.programs import Refusal, Shown, Wanted
from ivr.desk.webhooks import TYPES, Delivery, told_moment
from ivr.errors import UserError

BASE = "/tmf-api/troubleTicket/v4"
router = APIRouter(prefix=BASE, route_class=ProgramRoute, tags=["tmf621"])

TROUBLE_TICKET = OneTicket(lambda shown: trouble_ticket(shown.ticket, mine=shown.mine, whole=True), f"{BASE}/troubleTicket/")
AsSeen = Annotated[Shown | None, Depends(TROUBLE_TICKET.as_seen)]
LISTENERS = programs(Role.SUPERVISOR, Role.ADMIN)
CUSTOMER, AGENT = "customer", "agent"
TYPE = "TroubleTicket"


class Status(StrEnum):
    """TroubleTicketStatusType."""

    ACKNOWLEDGED = "acknowledged"
    REJECTED = "rejected"
    PENDING = "pending"
    HELD = "held"
    IN_PROGRESS = "inProgress"
    CANCELLED = "cancelled"
    CLOSED = "closed"
    RESOLVED = "resolved"


STATUSES: Mapping[TicketState, Status] = {
    TicketState.OPEN: Status.ACKNOWLEDGED,
    TicketState.ESCALATED: Status.ACKNOWLEDGED,  # late, which priority and severity tell
    TicketState.CLAIMED: Status.IN_PROGRESS,
    TicketState.DIALING: Status.IN_PROGRESS,
    TicketState.TALKING: Status.IN_PROGRESS,
    TicketState.RETRY_WAIT: Status.PENDING,
    TicketState.RESOLVED: Status.RESOLVED,
    TicketState.CLOSED_UNREACHABLE: Status.CLOSED,
    TicketState.ABANDONED: Status.CANCELLED,
}
CREATED, CHANGED, ATTRIBUTE = "TroubleTicketCreateEvent", "TroubleTicketStatusChangeEvent", "TroubleTicketAttributeValueChangeEvent"
_ATTRIBUTES = ("ticket.message_added", "ticket.called_again", "ticket.handed_over", "ticket.overdue", "ticket.erased")
EVENTS: Mapping[str, str] = {
    type_: CREATED if type_ == "ticket.opened" else ATTRIBUTE if type_ in _ATTRIBUTES else CHANGED for type_ in TYPES.values()
}


class _Theirs(BaseModel):
    """They may send more than is meant here; it is not looked at."""

    model_config = ConfigDict(populate_by_name=True)


class RelatedParty(_Theirs):
    """The customer, whose `id` is the number; or the agent."""

    id: Annotated[str, Field(min_length=1, max_length=64)]
    role: str | None = None
    name: str | None = None
    referred_type: str | None = Field(default=None, alias="@referredType")


class TheirNote(_Theirs):
    """What somebody has written."""

    text: Note
    author: str | None = None
    date: dt.datetime | None = None


class Channel(_Theirs):
    """Where it came from: the number that was called."""

    id: str | None = None
    name: str | None = None


class TroubleTicket(_Theirs):
    """A ticket in their words."""

    id: str
    href: str
    name: str | None = None
    description: str | None = None
    ticket_type: str | None = Field(default=None, alias="ticketType", description="Our topic.")
    severity: str | None = None
    priority: str | None = None
    status: Status | None = None
    status_change_reason: str | None = Field(default=None, alias="statusChangeReason", description="What came of it.")
    creation_date: dt.datetime | None = Field(default=None, alias="creationDate")
    requested_resolution_date: dt.datetime | None = Field(default=None, alias="requestedResolutionDate", description="When it is due.")
    expected_resolution_date: dt.datetime | None = Field(default=None, alias="expectedResolutionDate", description="A day at the latest.")
    resolution_date: dt.datetime | None = Field(default=None, alias="resolutionDate")
    external_id: str | None = Field(default=None, alias="externalId")
    channel: Channel | None = None
    related_party: list[RelatedParty] | None = Field(default=None, alias="relatedParty")
    note: list[TheirNote] | None = None
    type: str = Field(default=TYPE, alias="@type")


class TroubleTicketCreate(_Theirs):
    """A call back that was promised elsewhere."""

    description: Annotated[str, Field(min_length=1, max_length=4000, description="Required by TMF621, and not kept: see docs/api.md.")]
    severity: Annotated[str, Field(min_length=1, max_length=64, description="Required by TMF621, and not kept.")]
    ticket_type: Word = Field(alias="ticketType", description="The topic.", examples=["bill"])
    external_id: Word = Field(alias="externalId", description="What you call it. Told twice, it is one.", examples=["CRM-4711"])
    related_party: list[RelatedParty] = Field(
        alias="relatedParty",
        min_length=1,
        max_length=10,
        description="One with the role `customer`, whose `id` is the number to call.",
        examples=[[{"id": "13900001008", "role": "customer"}]],
    )


class TroubleTicketUpdate(_Theirs):
    """What may be changed: the status, and with `resolved` a note."""

    status: Status
    status_change_reason: Outcome | None = Field(default=None, alias="statusChangeReason", description="With `resolved`: what came of it.")
    note: list[TheirNote] = Field(default=[], max_length=10, description="With `resolved`: what the caller was told.")


class EventSubscriptionInput(_Theirs):
    """Where to send events."""

    callback: str = Field(min_length=8, max_length=500, pattern=r"^https?://[\x21-\x7e]+$", examples=["https://desk.example/listener"])
    query: str | None = Field(default=None, max_length=300, examples=[f"eventType={CHANGED}"])


class EventSubscription(_Theirs):
    """A listener."""

    id: str
    callback: str
    query: str | None = None


@router.get("/troubleTicket", response_model=list[TroubleTicket], responses=responses(), dependencies=SECURED)
@allow(DESK)
async def list_trouble_tickets(
    request: Request,
    fields: Annotated[str | None, Query(max_length=500, description="Which attributes, with commas between.")] = None,
    offset: Annotated[int, Query(ge=0, le=1_000_000)] = 0,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    status: Annotated[Status | None, Query()] = None,
    ticket_type: Annotated[Word | None, Query(alias="ticketType")] = None,
    created_after: Annotated[Moment | None, Query(alias="creationDate.gt")] = None,
    created_before: Annotated[Moment | None, Query(alias="creationDate.lt")] = None,
) -> Response:
    """Tickets, by the time of the first call. `X-Total-Count` tells how many there are in all."""
    for moment in (created_after, created_before):
        must_be_near(moment)
    states = tuple(state for state, theirs in STATUSES.items() if status in (None, theirs))
    api = api_of(request)
    since = None if created_after is None else created_after + dt.timedelta(microseconds=1)
    wanted = Wanted(states, ticket_type, created_since=since, created_before=created_before, order="created_at", skip=offset, limit=limit)
    found = (await api.tickets.page(wanted))[0] if states else []
    total = await api.tickets.count(wanted) if states else 0
    told = [_chosen(trouble_ticket(ticket, mine=False), fields) for ticket in found]
    return JSONResponse(told, headers={"X-Total-Count": str(total), "X-Result-Count": str(len(told))})


@router.get("/troubleTicket/{reference}", response_model=TroubleTicket, responses=SEEN, dependencies=[*SECURED, Depends(described)])
@allow(DESK)
async def show_trouble_ticket(
    request: Request, reference: Reference, fields: Annotated[str | None, Query(max_length=500)] = None
) -> Response:
    """One ticket. That it was looked at is written down."""
    shown = await api_of(request).tickets.look(program(request), reference, visitor(request).address)
    return TROUBLE_TICKET.answer(request, shown, lambda told: _chosen(told, fields))


@router.post("/troubleTicket", response_model=TroubleTicket, status_code=201, responses=responses(), dependencies=ONCE)
@allow(SUPERVISORS)
async def create_trouble_ticket(request: Request, sent: TroubleTicketCreate) -> Response:
    """A call back that another desk has promised becomes a ticket here; one that the caller waits for already is that one."""
    api, who = api_of(request), program(request)
    customers = [party.id for party in sent.related_party if party.role == CUSTOMER]
    if len(customers) != 1:
        raise Problem(422, "no_customer", "name one related party with the role `customer`, whose id is the number to call")
    reference = await api.elsewhere.promise(who, Promised(sent.external_id, customers[0], sent.ticket_type, "zh-CN"))
    if isinstance(reference, Refusal):
        raise refused(reference)
    shown = await api.tickets.look(who, reference, visitor(request).address)
    answer = TROUBLE_TICKET.after(shown, 201)
    answer.headers["Location"] = answer.headers["Content-Location"]
    return answer


@router.patch("/troubleTicket/{reference}", response_model=TroubleTicket, responses=AFTER_CHANGE, dependencies=ONCE)
@allow(DESK)
async def change_trouble_ticket(request: Request, reference: Reference, sent: TroubleTicketUpdate, seen: AsSeen) -> Response:
    """`inProgress` claims it, `resolved` closes it with a note, `acknowledged` gives it back. Other changes are this line's own."""
    shown = await _changed(request, reference, sent, seen)
    if isinstance(shown, Refusal):
        raise refused(shown)
    return TROUBLE_TICKET.after(shown)


@router.post("/hub", response_model=EventSubscription, status_code=201, responses=responses(), dependencies=ONCE)
@allow(LISTENERS)
async def register_listener(request: Request, sent: EventSubscriptionInput) -> Response:
    """Send events to a callback from now on. The header `Webhook-Secret` of the answer has the secret of the signatures, this once."""
    kinds = [type_ for type_, event in EVENTS.items() if event in _events_of(sent.query)]
    try:
        made = await api_of(request).webhooks.add(sent.callback, program(request).name, kinds, "tmf621")
    except UserError as error:
        raise Problem(422, "no_webhook", str(error)) from error
    told = EventSubscription(id=str(made.id), callback=made.address, query=sent.query)
    headers = {"Location": f"{BASE}/hub/{made.id}", "Webhook-Secret": made.secret}
    return JSONResponse(told.model_dump(by_alias=True, exclude_none=True), 201, headers)


@router.delete("/hub/{id}", status_code=204, responses=responses(404), dependencies=ONCE)
@allow(LISTENERS)
async def remove_listener(request: Request, id: Annotated[int, Path(ge=1, lt=2**53)]) -> Response:
    """Send it nothing any more. A supervisor's program removes what it registered itself."""
    webhooks, who = api_of(request).webhooks, program(request)
    theirs = [one for one in await webhooks.webhooks() if one.id == id and one.style == "tmf621" and _may_remove(who, one.owner)]
    if not theirs or not await webhooks.remove(id, who.name):
        raise Problem(404, "not_found", f"there is no listener {id}")
    return Response(status_code=204)


def _may_remove(who: Session, owner: str) -> bool:
    return who.role is Role.ADMIN or who.name == owner


def _events_of(query: str | None) -> set[str]:
    """Which events a listener wants: eventType=A,B or eventType=A&eventType=B. Raises Problem."""
    if not query:
        return {CREATED, CHANGED, ATTRIBUTE}
    pairs = parse_qsl(query, keep_blank_values=True)
    wanted = {one for name, value in pairs if name == "eventType" for one in value.split(",")}
    if not wanted or wanted - {CREATED, CHANGED, ATTRIBUTE} or any(name != "eventType" for name, _ in pairs):
        raise Problem(422, "no_webhook", f"a query looks like eventType={CREATED},{CHANGED},{ATTRIBUTE}")
    return wanted


async def _changed(request: Request, reference: str, sent: TroubleTicketUpdate, seen: Shown | None) -> Shown | Refusal:
    tickets, who, address = api_of(request).tickets, program(request), visitor(request).address
    shown = await tickets.look(who, reference, address)
    token = (seen or shown).ticket.claim_token
    if sent.status is Status.IN_PROGRESS:
        return await tickets.claim(who, reference, address, token_of(seen))
    if sent.status is Status.ACKNOWLEDGED:
        return await tickets.release(who, reference, token)
    if sent.status is Status.RESOLVED:
        words, outcome = "\n".join(note.text for note in sent.note), sent.status_change_reason or Outcome.ANSWERED
        if not words.strip():
            return Refusal("note_missing", "say in a note what the caller was told")
        return await tickets.close(who, reference, token, words, outcome)
    return Refusal("not_by_programs", f"a program cannot make a ticket {sent.status.value}: the line does so itself")


def trouble_ticket(ticket: Ticket, *, mine: bool, whole: bool = False) -> dict[str, Any]:
    """A ticket in their words; `whole`, with the note it was closed with."""
    customer = ticket.caller_id if mine else mask(ticket.caller_id) or "*"
    parties = [{"id": customer, "role": CUSTOMER, "@referredType": "Individual"}]
    if ticket.assignee is not None and ticket.state in HELD:
        parties.append({"id": ticket.assignee, "role": AGENT, "@referredType": "Individual"})
    closed = _moment(ticket.resolved_at)
    told = {
        "id": ticket.reference,
        "href": f"{BASE}/troubleTicket/{ticket.reference}",
        "name": f"callback {ticket.reference}",
        "description": f"A caller of {ticket.dialled} is to be called back: {ticket.topic}",
        "ticketType": ticket.topic,
        "severity": "Critical" if ticket.escalated else "Minor",
        "priority": "1" if ticket.escalated else "2",
        "status": STATUSES.get(ticket.state),
        "statusChangeReason": ticket.outcome,
        "creationDate": _moment(ticket.created_at),
        "requestedResolutionDate": _moment(ticket.due_at),
        "expectedResolutionDate": _moment(ticket.hard_due_at),
        "resolutionDate": closed,
        "externalId": _external_id(ticket),
        "channel": {"id": ticket.dialled, "name": "telephone"},
        "relatedParty": parties,
        "note": [{"text": ticket.note, "author": ticket.assignee, "date": closed}] if ticket.note and whole else None,
        "@type": TYPE,
    }
    return {name: value for name, value in told.items() if value is not None}


def _moment(at: dt.datetime | None) -> str | None:
    return None if at is None else told_moment(at)


def in_their_words(delivery: Delivery, ticket: Ticket) -> Mapping[str, object]:
    """What happened, as an event of TMF621, with the ticket as it is now."""
    moment = told_moment(delivery.event.at)
    return {
        "eventId": delivery.key,
        "eventTime": moment,
        "eventType": EVENTS[TYPES[delivery.event.kind]],
        "timeOcurred": moment,  # so spelled there
        "title": TYPES[delivery.event.kind],
        "domain": "troubleTicket",
        "event": {"troubleTicket": trouble_ticket(ticket, mine=False)},
    }


def _external_id(ticket: Ticket) -> str | None:
    """What the desk calls it that promised the call."""
    promised = [call.session for call in ticket.calls if call.kind is UnansweredKind.PROMISED]
    return promised[0].split("/", 2)[2] if promised else None


def _chosen(told: dict[str, Any], fields: str | None) -> dict[str, Any]:
    """Only the attributes that were asked for, with the name of the thing."""
    if not fields:
        return told
    names = {"id", "href", "@type", *(name.strip() for name in fields.split(","))}
    return {name: value for name, value in told.items() if name in names}
