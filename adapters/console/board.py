"""The board, the statement and the agents, for supervisors; what an operator sees of the board is the line itself."""

from __future__ import annotations

import datetime as dt
from typing import Any

from fastapi import APIRouter, Form, Query
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from adapters.console.guard import Denied, GuardedRoute, allow, only, visitor
from adapters.console.pages import SHANGHAI, page
from adapters.console.ports import Console
from ivr.calls.ports import ENDED, Ticket
from ivr.calls.tickets import mask
from ivr.desk.people import Action, Role
from ivr.desk.statements import by_day, by_line, by_topic, days_from, late_ones, percent, quick_days
from ivr.desk.supervising import tried_enough
from ivr.errors import OutboxFailed

router = APIRouter(route_class=GuardedRoute)

SUPERVISORS = only(Role.SUPERVISOR, Role.ADMIN)
WATCHERS = only(Role.SUPERVISOR, Role.OPERATOR, Role.ADMIN)


@router.get("/board")
@allow(WATCHERS)
async def board(request: Request) -> Response:
    """What goes on at this moment."""
    console: Console = request.app.state.console
    who = visitor(request)
    assert who.session is not None
    now = await console.board.desk.board()
    return page(request, "board.html", board=now, whole=who.session.role is not Role.OPERATOR, percent=percent, **IN_WORDS)


@router.post("/board/calls")
@allow(SUPERVISORS)
async def resume_calls(request: Request) -> Response:
    """Calls back that are paused go on, and are counted anew."""
    console: Console = request.app.state.console
    who = visitor(request)
    if await console.board.desk.calls_paused():  # not from a page of before
        await console.gate.write_down(who.name, Action.CALLS_RESUMED, "", who.address)
    return RedirectResponse("/board", 303)


@router.get("/statement")
@allow(SUPERVISORS)
async def statement(request: Request, first: str = Query("", alias="from"), last: str = Query("", alias="to")) -> Response:
    """What became of every promise."""
    console: Console = request.app.state.console
    today = console.board.desk.today()
    quick = quick_days(today)
    days = days_from(first, last, today)
    if days is None:
        return page(request, "statement.html", 400, days=quick["this_month"], quick=quick, made=None)
    made = await console.board.desk.statement(days)
    sums = (("by_line", "line", by_line(made)), ("by_topic", "topic", by_topic(made)), ("by_day", "day", by_day(made)))
    shown: dict[str, Any] = {"made": made, "sums": sums, "late": late_ones(made), "percent": percent}
    return page(request, "statement.html", days=days, quick=quick, **shown, **IN_WORDS)


@router.get("/agents")
@allow(SUPERVISORS)
async def agents(request: Request) -> Response:
    """What each agent does, and has done today."""
    console: Console = request.app.state.console
    now = await console.board.desk.board()
    return page(request, "agents.html", agents=now.agents, days=await console.board.desk.agents(), at=now.at, **IN_WORDS)


# --- one ticket in a supervisor's hands ---


@router.get("/board/tickets")
@allow(SUPERVISORS)
async def find(request: Request, reference: str = "") -> Response:
    """By the number that the caller was told."""
    wanted = reference.strip()
    if not (wanted.isascii() and wanted.isdecimal() and len(wanted) <= 12):
        raise Denied(404, "no_such_ticket")
    return RedirectResponse(f"/board/tickets/{wanted}", 303)


@router.get("/board/tickets/{reference}")
@allow(SUPERVISORS)
async def supervise(request: Request, reference: str) -> Response:
    """A ticket, to be given to somebody or closed."""
    return await _ticket_page(request, reference)


@router.post("/board/tickets/{reference}/agent")
@allow(SUPERVISORS)
async def reassign(request: Request, reference: str, agent: str = Form("")) -> Response:
    """Give it to an agent."""
    console: Console = request.app.state.console
    trouble = await console.board.desk.reassign(await _known(console, reference), visitor(request).name, agent)
    return await _ticket_page(request, reference, trouble=trouble, done="" if trouble else "reassigned")


@router.post("/board/tickets/{reference}/unreachable")
@allow(SUPERVISORS)
async def close_unreachable(request: Request, reference: str, note: str = Form("")) -> Response:
    """Nobody could be reached."""
    console: Console = request.app.state.console
    try:
        trouble = await console.board.desk.close_unreachable(await _known(console, reference), visitor(request).name, note)
    except OutboxFailed:
        raise Denied(503, "store_failed") from None
    if trouble == "text_queued":
        return await _ticket_page(request, reference, done=trouble)
    return await _ticket_page(request, reference, trouble=trouble, done="" if trouble else "closed_unreachable")


async def _known(console: Console, reference: str) -> str:
    """The reference, if a ticket has it."""
    known = await console.board.desk.ticket(reference)
    if known is None:
        raise Denied(404, "no_such_ticket")
    return known.reference


async def _ticket_page(request: Request, reference: str, trouble: str = "", done: str = "") -> Response:
    console: Console = request.app.state.console
    ticket = await console.board.desk.ticket(reference)
    if ticket is None:
        raise Denied(404, "no_such_ticket")
    who = visitor(request)
    await console.gate.write_down(who.name, Action.LOOKED_AT, f"ticket {reference}", who.address)
    return page(
        request,
        "supervise.html",
        400 if trouble else 200,
        ticket=ticket,
        caller=mask(ticket.caller_id),
        due=_due(ticket),
        over=ticket.state in ENDED,
        tried=tried_enough(ticket),
        agents=await console.board.desk.answerers(),
        trouble=trouble,
        done=done,
        **IN_WORDS,
    )


def _due(ticket: Ticket) -> dt.datetime:
    return min(ticket.due_at, ticket.hard_due_at or ticket.due_at)


# --- words for times ---


def short_moment(at: dt.datetime) -> str:
    """A moment of these days: 03-05 14:30."""
    return f"{at.astimezone(SHANGHAI):%m-%d %H:%M}"


def in_minutes(time: dt.timedelta) -> str:
    """How long something lasts: 3:05, 1:00:00."""
    seconds = max(int(time.total_seconds()), 0)
    hours, minutes = divmod(seconds // 60, 60)
    return f"{hours}:{minutes:02}:{seconds % 60:02}" if hours else f"{minutes}:{seconds % 60:02}"


def gigabytes(size: int) -> str:
    """Room on a disk."""
    return f"{size / 1e9:.1f} GB"


IN_WORDS: dict[str, Any] = {"short": short_moment, "minutes": in_minutes, "gigabytes": gigabytes}
