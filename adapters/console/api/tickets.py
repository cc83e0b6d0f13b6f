"""Tickets for programs: /api/v1/tickets and the queue."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Literal, TypeVar

from fastapi import APIRouter, Depends, Path, Query
from starlette.requests import Request
from starlette.responses import Response

from adapters.console.api import models as m
from adapters.console.api.problems import Problem, refused, responses
from adapters.console.api.route import ONCE, SECURED, ProgramRoute, api_of, program
from adapters.console.api.seen import AFTER_CHANGE, SEEN, OneTicket, Reference, described, token_of
from adapters.console.guard import allow, programs, visitor
from ivr.calls.ports import UNANSWERED, TicketState
from ivr.desk.people import Role
from ivr.desk.programs import MOST, Refusal, Shown, Wanted, place

router = APIRouter(prefix="/api/v1", route_class=ProgramRoute, tags=["tickets"])

DESK = programs(Role.AGENT, Role.SUPERVISOR)
SUPERVISORS = programs(Role.SUPERVISOR)

TICKET = OneTicket(lambda shown: m.ticket_whole(shown).model_dump(mode="json"), "/api/v1/tickets/")
AsSeen = Annotated[Shown | None, Depends(TICKET.as_seen)]
CHANGES = [*ONCE, Depends(TICKET.as_seen)]

Order = Literal["due_at", "-due_at", "created_at", "-created_at", "priority", "-priority"]
Done = TypeVar("Done")


@router.get("/tickets", responses=responses(), dependencies=SECURED)
@allow(DESK)
async def list_tickets(
    request: Request,
    state: Annotated[list[TicketState], Query(description="One or more; without, all that are not answered yet.")] = [],  # noqa: B006
    topic: Annotated[m.Word | None, Query()] = None,
    line: Annotated[m.Word | None, Query(description="The number that was called.")] = None,
    assignee: Annotated[m.Word | None, Query()] = None,
    created_since: Annotated[m.Moment | None, Query()] = None,
    created_before: Annotated[m.Moment | None, Query()] = None,
    due_before: Annotated[m.Moment | None, Query()] = None,
    order: Annotated[Order, Query(description="A minus turns it round.")] = "due_at",
    after: Annotated[str | None, Query(max_length=200, description="`next` of the page before.")] = None,
    limit: Annotated[int, Query(ge=1, le=MOST)] = 50,
) -> m.TicketPage:
    """Tickets, a page at a time. A page goes on where the last one ended, whatever has happened in between."""
    try:
        begin = None if after is None else place(order, after)
    except ValueError as error:
        raise Problem(422, "no_cursor", str(error)) from error
    moments = {"created_since": created_since, "created_before": created_before, "due_before": due_before}
    for moment in moments.values():
        must_be_near(moment)
    filters = {"topic": topic, "line": line, "assignee": assignee}
    wanted = Wanted(tuple(state) or UNANSWERED, **filters, **moments, order=order, after=begin, limit=limit)  # type: ignore[arg-type]
    some, further = await api_of(request).tickets.page(wanted)
    return m.TicketPage(tickets=[m.ticket_told(ticket) for ticket in some], next=further or None)


@router.get("/queue", responses=responses(), dependencies=SECURED)
@allow(DESK)
async def list_queue(request: Request, limit: Annotated[int, Query(ge=1, le=MOST)] = 50) -> list[m.TicketTold]:
    """The tickets that wait, in the order in which `POST /tickets/next` gives them out; those too that may not be called yet."""
    return [m.ticket_told(ticket) for ticket in await api_of(request).tickets.queue(limit)]


@router.get("/tickets/{reference}", responses=SEEN, response_model=m.TicketWhole, dependencies=[*SECURED, Depends(described)])
@allow(DESK)
async def show_ticket(request: Request, reference: Reference) -> Response:
    """One ticket. The caller's number is whole for who has the ticket. That it was looked at is written down."""
    return TICKET.answer(request, await api_of(request).tickets.look(program(request), reference, visitor(request).address))


@router.get("/tickets/{reference}/history", responses=responses(404), dependencies=SECURED)
@allow(SUPERVISORS)
async def show_history(request: Request, reference: Reference) -> list[m.EventTold]:
    """All that happened to it, the oldest first."""
    events = await api_of(request).tickets.history(reference)
    told = [(event, {name: value for name, value in event.about.items() if name != "note"}) for event in events]
    return [m.EventTold(at=event.at, by=event.actor, kind=event.kind, about=about) for event, about in told]


@router.get(
    "/tickets/{reference}/messages/{number}/audio",
    responses={**responses(404, 409, 410), 200: {"description": "The message as WAV.", "content": {"audio/wav": {}}}},
    response_class=Response,
    dependencies=SECURED,
)
@allow(DESK)
async def hear_message(request: Request, reference: Reference, number: Annotated[int, Path(ge=1, le=10_000)]) -> Response:
    """A message, for who has the ticket and for supervisors. That it was heard is written down."""
    api = api_of(request)
    if refusal := await api.tickets.may_listen(program(request), reference, number, visitor(request).address):
        raise refused(refusal)
    audio = await api.recordings.wav(reference, number)
    named = {"Content-Disposition": f'attachment; filename="{reference}-{number}.wav"'}
    return Response(audio, media_type="audio/wav", headers=named)


@router.post(
    "/tickets/next",
    responses={**responses(), 200: AFTER_CHANGE[200], 204: {"description": "Nobody waits who may be called now."}},
    response_model=m.TicketWhole,
    dependencies=ONCE,
)
@allow(DESK)
async def claim_next(request: Request) -> Response:
    """Take the ticket that is next: by priority, then by the time of the first call."""
    taken = await api_of(request).tickets.next(program(request), visitor(request).address)
    return Response(status_code=204) if taken is None else TICKET.after(taken)


@router.post("/tickets/{reference}/claim", responses=AFTER_CHANGE, response_model=m.TicketWhole, dependencies=ONCE)
@allow(DESK)
async def claim(request: Request, reference: Reference, seen: AsSeen) -> Response:
    """Take a ticket, or claim one's own anew after another message has come in."""
    return _whole(await api_of(request).tickets.claim(program(request), reference, visitor(request).address, token_of(seen)))


@router.post("/tickets/{reference}/renew", responses=AFTER_CHANGE, response_model=m.TicketWhole, dependencies=CHANGES)
@allow(DESK)
async def renew(request: Request, reference: Reference, sent: m.WithToken) -> Response:
    """Hold it longer: a claim ends by itself after half an hour."""
    return _whole(await api_of(request).tickets.renew(program(request), reference, sent.claim_token))


@router.post("/tickets/{reference}/release", responses=AFTER_CHANGE, response_model=m.TicketWhole, dependencies=CHANGES)
@allow(DESK)
async def release(request: Request, reference: Reference, sent: m.WithToken) -> Response:
    """Give it back to the queue."""
    return _whole(await api_of(request).tickets.release(program(request), reference, sent.claim_token))


@router.post("/tickets/{reference}/hand-over", responses=AFTER_CHANGE, response_model=m.TicketWhole, dependencies=CHANGES)
@allow(DESK)
async def hand_over(request: Request, reference: Reference, sent: m.HandOver) -> Response:
    """Another agent goes on with it, under another claim token."""
    return _whole(await api_of(request).tickets.hand_over(program(request), reference, sent.claim_token, sent.to))


@router.post("/tickets/{reference}/reassign", responses=AFTER_CHANGE, response_model=m.TicketWhole, dependencies=CHANGES)
@allow(SUPERVISORS)
async def reassign(request: Request, reference: Reference, sent: m.Reassign, seen: AsSeen) -> Response:
    """Give it to an agent, whoever has it."""
    return _whole(await api_of(request).tickets.reassign(program(request), reference, sent.to, token_of(seen)))


@router.post("/tickets/{reference}/call", responses=responses(404, 409, 412), status_code=202, dependencies=CHANGES)
@allow(DESK)
async def call_back(request: Request, reference: Reference, sent: m.WithToken) -> m.AttemptTold:
    """Call back: the agent's telephone rings, then the caller's. The line does it; `GET /tickets/{reference}` tells what came of it."""
    return m.attempt_told(_done(await api_of(request).tickets.call(program(request), reference, sent.claim_token)))


@router.post("/tickets/{reference}/settle", responses=AFTER_CHANGE, response_model=m.TicketWhole, dependencies=CHANGES)
@allow(DESK)
async def settle(request: Request, reference: Reference, sent: m.Settle) -> Response:
    """Say how a call back ended whose end the line does not know (`unknown`). Nothing is dialled before: nobody is rung up twice."""
    return _whole(await api_of(request).tickets.settle(program(request), reference, sent.claim_token, sent.outcome))


@router.post("/tickets/{reference}/close", responses=AFTER_CHANGE, response_model=m.TicketWhole, dependencies=CHANGES)
@allow(DESK)
async def close(request: Request, reference: Reference, sent: m.Close) -> Response:
    """The caller has been answered. Without a call back of ten seconds it is an exception, for a supervisor to sample."""
    tickets = api_of(request).tickets
    return _whole(await tickets.close(program(request), reference, sent.claim_token, sent.note, sent.outcome))


def _done(result: Done | Refusal) -> Done:
    if isinstance(result, Refusal):
        raise refused(result)
    return result


def _whole(result: Shown | Refusal) -> Response:
    return TICKET.after(_done(result))


def must_be_near(moment: dt.datetime | None) -> None:
    """Moments at the ends of the calendar cannot be told in another zone. Raises Problem."""
    if moment is not None and not 1970 <= moment.year <= 9000:
        raise Problem(422, "out_of_range", "that moment is too far away")
