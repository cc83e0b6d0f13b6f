"""Tables to download, for supervisors: tickets and the promise statement, as a spreadsheet opens them."""

from __future__ import annotations

import datetime as dt

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from adapters.console.board import SUPERVISORS
from adapters.console.guard import Denied, GuardedRoute, allow, visitor
from adapters.console.ports import Console
from ivr.calls.times import LINE_ZONE
from ivr.desk.people import Action
from ivr.desk.sheets import statement_sheet, tickets_sheet
from ivr.desk.statements import Days, days_from

router = APIRouter(route_class=GuardedRoute)


@router.get("/sheets/statement.csv")
@allow(SUPERVISORS)
async def statement(request: Request, first: str = Query("", alias="from"), last: str = Query("", alias="to")) -> Response:
    """Every promise of some days."""
    console: Console = request.app.state.console
    days = _days(console.api.clock(), first, last)
    made = await console.api.statements.statement(days, console.api.clock())
    return _download("statement", days, statement_sheet(made))


@router.get("/sheets/tickets.csv")
@allow(SUPERVISORS)
async def tickets(request: Request, first: str = Query("", alias="from"), last: str = Query("", alias="to")) -> Response:
    """Every ticket of some days, once it is written down who takes them away."""
    console: Console = request.app.state.console
    who, days = visitor(request), _days(console.api.clock(), first, last)
    await console.gate.write_down(who.name, Action.EXPORTED, f"tickets of {days.first} to {days.last}", who.address)
    return _download("tickets", days, tickets_sheet(await console.api.tickets.of_days(days)))


def _days(now: dt.datetime, first: str, last: str) -> Days:
    """The days that were asked for; without any, this month. Raises Denied."""
    days = days_from(first, last, now.astimezone(LINE_ZONE).date())
    if days is None or not 1970 < days.first.year <= days.last.year < 9000:
        raise Denied(400, "wrong_days")
    return days


def _download(name: str, days: Days, table: str) -> Response:
    named = f'attachment; filename="{name}-{days.first}-{days.last}.csv"'
    return Response(table.encode(), media_type="text/csv; charset=utf-8", headers={"Content-Disposition": named})
