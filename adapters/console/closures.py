"""Closures to sample: a supervisor looks at tickets that were closed, and writes down what they found."""

from __future__ import annotations

import asyncio
import datetime as dt

from fastapi import APIRouter, Form, Query
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from adapters.console.audio import in_parts, wav
from adapters.console.board import IN_WORDS, SUPERVISORS
from adapters.console.guard import Denied, GuardedRoute, allow, visitor
from adapters.console.pages import page
from adapters.console.ports import Console
from ivr.calls.tickets import mask
from ivr.desk.people import Action
from ivr.desk.sampling import Verdict
from ivr.errors import StoreFailed, UnknownTicket

router = APIRouter(route_class=GuardedRoute)


@router.get("/closures")
@allow(SUPERVISORS)
async def closures(request: Request, day: str = "", number: int = Query(1, alias="page")) -> Response:
    """Those of a day, which are always the same."""
    return await _page(request, day, number)


@router.post("/closures/{reference}")
@allow(SUPERVISORS)
async def judge(
    request: Request,
    reference: str,
    day: str = Form(""),
    number: int = Form(1, alias="page"),
    verdict: str = Form(""),
    note: str = Form(""),
) -> Response:
    """What a supervisor found."""
    console: Console = request.app.state.console
    who = visitor(request)
    if verdict not in set(Verdict):
        raise Denied(400, "failed")
    try:
        trouble = await console.board.desk.looked(reference, who.name, Verdict(verdict), note)
    except UnknownTicket:
        raise Denied(404, "no_such_ticket") from None
    if trouble:
        return await _page(request, day, number, trouble)
    await console.gate.write_down(who.name, Action.JUDGED, f"ticket {reference}: {verdict}", who.address)
    return RedirectResponse(f"/closures?day={_day(request, day).isoformat()}&page={number}#t{reference}", 303)


@router.get("/closures/{reference}/messages/{number}")
@allow(SUPERVISORS)
async def listen(request: Request, reference: str, number: int) -> Response:
    """What the caller has said, once it is written down who hears it."""
    console: Console = request.app.state.console
    who = visitor(request)
    ticket = await console.board.desk.ticket(reference)
    if ticket is None or not 1 <= number <= len(ticket.messages) or ticket.messages[number - 1].purged:
        raise Denied(404, "not_found")
    await console.gate.write_down(who.name, Action.LISTENED, f"ticket {reference}, message {number}", who.address)
    try:
        alaw = await console.board.desk.audio(reference, number)
    except StoreFailed:
        raise Denied(404, "not_found") from None
    return in_parts(await asyncio.to_thread(wav, alaw), request.headers.get("range", ""), "audio/wav")


async def _page(request: Request, day: str, number: int, trouble: str = "") -> Response:
    console: Console = request.app.state.console
    who = visitor(request)
    wanted = _day(request, day)
    found = await console.board.desk.sampled(wanted, number)
    if found.shown:
        whose = ", ".join(one.closure.reference for one in found.shown)
        await console.gate.write_down(who.name, Action.LOOKED_AT, f"closed tickets {whose}", who.address)
    return page(request, "closures.html", 400 if trouble else 200, day=wanted, found=found, trouble=trouble, mask=mask, **IN_WORDS)


def _day(request: Request, day: str) -> dt.date:
    console: Console = request.app.state.console
    try:
        return dt.date.fromisoformat(day) if day else console.board.desk.today()
    except ValueError:
        raise Denied(400, "wrong_day") from None
