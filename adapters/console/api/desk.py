"""What else programs can ask for: the statement, the people, what was written down, and webhooks."""

from __future__ import annotations

import datetime as dt
from typing import Annotated

from fastapi import APIRouter, Path, Query
from starlette.requests import Request
from starlette.responses import Response

from adapters.console.api import models as m
from adapters.console.api.problems import Problem, responses
from adapters.console.api.route import ONCE, SECURED, ProgramRoute, api_of, program
from adapters.console.guard import allow, programs
from ivr.calls.ports import Statement, StatementLine
from ivr.calls.times import LINE_ZONE
from ivr.desk.people import Role
from ivr.desk.statements import LONGEST, Days
from ivr.errors import UserError

router = APIRouter(prefix="/api/v1", route_class=ProgramRoute)

REPORTS = programs(Role.SUPERVISOR, Role.ADMIN)
ADMINS = programs(Role.ADMIN)


@router.get("/statement", responses=responses(), dependencies=SECURED, tags=["statement"])
@allow(REPORTS)
async def statement(
    request: Request,
    since: Annotated[m.Day, Query(alias="from", description="The first day, in Shanghai.")],
    to: Annotated[m.Day, Query(description="The last day.")],
) -> m.StatementTold:
    """Every promise of a time, and what became of it. `missing` names calls in which one was made and that have no ticket."""
    if not 1970 < since.year <= to.year < 9000 or not 0 <= (to - since).days < LONGEST:
        raise Problem(422, "out_of_range", "`to` is the same day as `from` or a later one, within a year")
    api = api_of(request)
    return _statement(since, to, await api.statements.statement(Days(since, to), api.clock()))


@router.get("/accounts", responses=responses(), dependencies=SECURED, tags=["people"])
@allow(ADMINS)
async def list_accounts(request: Request) -> list[m.AccountTold]:
    """Who may sign in, and as what."""
    return [m.account_told(one) for one in await api_of(request).people.accounts()]


@router.get("/facts", responses=responses(), dependencies=SECURED, tags=["people"])
@allow(REPORTS)
async def list_facts(request: Request, limit: Annotated[int, Query(ge=1, le=1000)] = 200) -> list[m.FactTold]:
    """What has been written down of people and programs, the newest first."""
    return [m.fact_told(one) for one in await api_of(request).people.facts(limit)]


@router.get("/webhooks", responses=responses(), dependencies=SECURED, tags=["webhooks"])
@allow(ADMINS)
async def list_webhooks(request: Request) -> list[m.WebhookTold]:
    """Who is told what happens to tickets, and how far they have been told."""
    return [m.WebhookTold.model_validate(m.webhook_told(one)) for one in await api_of(request).webhooks.webhooks()]


@router.post("/webhooks", responses=responses(), status_code=201, dependencies=ONCE, tags=["webhooks"])
@allow(ADMINS)
async def add_webhook(request: Request, sent: m.WebhookWanted) -> m.WebhookMade:
    """Tell an address what happens from now on, signed with a secret that is told here and never again."""
    try:
        made = await api_of(request).webhooks.add(sent.address, program(request).name, sent.events)
    except UserError as error:
        raise Problem(422, "no_webhook", str(error)) from error
    return m.WebhookMade.model_validate({**m.webhook_told(made), "secret": made.secret})


@router.delete("/webhooks/{id}", responses=responses(404), status_code=204, dependencies=ONCE, tags=["webhooks"])
@allow(ADMINS)
async def remove_webhook(request: Request, id: Annotated[int, Path(ge=1, lt=2**53)]) -> Response:
    """It is told nothing any more, also not what it has not been told yet."""
    if not await api_of(request).webhooks.remove(id, program(request).name):
        raise Problem(404, "not_found", f"there is no webhook {id}")
    return Response(status_code=204)


def _statement(since: dt.date, to: dt.date, made: Statement) -> m.StatementTold:
    told = {
        "from": since,
        "to": to,
        "promised": made.promised,
        **{standing: made.count(standing) for standing in ("kept", "open", "overdue")},
        "missing": list(made.missing),
        "abandoned": made.abandoned,
        "calls": dict(made.calls),
        "tickets": [_line(line) for line in made.lines],
    }
    return m.StatementTold.model_validate(told)


def _line(line: StatementLine) -> m.StatementLineTold:
    return m.StatementLineTold(
        reference=line.reference,
        standing=line.standing,
        state=line.state,
        topic=line.topic,
        line=line.dialled,
        created_at=line.created_at.astimezone(LINE_ZONE),
        due_at=line.due_at.astimezone(LINE_ZONE),
        resolved_at=None if line.resolved_at is None else line.resolved_at.astimezone(LINE_ZONE),
        late=line.late,
        outcome=line.outcome,
        attempts=line.attempts,
        without_talk=line.without_talk,
    )
