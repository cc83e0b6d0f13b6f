"""The console as one application: its pages, its guard, its shield."""

from __future__ import annotations

import structlog
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp

from adapters.console import board, closures, desk, entrance, flows, people, phone, seat, sheets
from adapters.console.api import desk as api_desk
from adapters.console.api import document as api_document
from adapters.console.api import tickets as api_tickets
from adapters.console.api import tmf
from adapters.console.api.problems import Problem, answer_not_understood, answer_of, answer_to_http, answer_with_text, is_for_programs
from adapters.console.guard import Denied, GuardedRoute, GuardedSocket, must_be_guarded
from adapters.console.pages import page
from adapters.console.ports import Console
from adapters.console.shield import Shield
from adapters.console.shown import Notes, Outlines, Rows
from ivr.errors import StoreFailed, UnknownTicket

log = structlog.get_logger("console")
API = (api_tickets.router, api_desk.router, tmf.router, api_document.router)
PARTS = (
    entrance.router,
    phone.router,
    board.router,
    closures.router,
    flows.router,
    people.router,
    desk.router,
    seat.router,
    sheets.router,
    *API,
)


def make_app(console: Console) -> ASGIApp:
    """The whole of it, to be served. Raises TypeError when anything in it has no rule."""
    return Shield(make_pages(console), console.names)


def make_pages(console: Console) -> FastAPI:
    """The pages behind their guard, without the shield."""
    app = FastAPI(title="selfline", openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)
    app.state.console = console
    app.state.reports = app.state.sockets = 0
    app.state.pace = phone.Pace()
    app.state.telephones = seat.Telephones()
    app.state.notes = Notes()
    app.state.outlines = Outlines()
    app.state.rows = Rows()
    app.router.route_class = GuardedRoute
    for part in PARTS:
        app.router.routes.extend(part.routes)
    app.router.routes.append(GuardedSocket("/phone/sip", phone.sip))
    app.router.routes.append(GuardedSocket("/desk/sip", seat.sip))
    app.add_exception_handler(Denied, _denied)
    app.add_exception_handler(HTTPException, _http_trouble)
    app.add_exception_handler(RequestValidationError, _http_trouble)
    app.add_exception_handler(StoreFailed, _store_failed)
    app.add_exception_handler(Problem, _problem)
    app.add_exception_handler(UnknownTicket, _unknown_ticket)
    app.add_exception_handler(Exception, _bug)
    return must_be_guarded(app)


async def _denied(request: Request, error: Exception) -> Response:
    assert isinstance(error, Denied)
    if is_for_programs(request):
        return answer_with_text(error.status, error.text, error.seconds)
    return _trouble(request, error.status, error.text)


async def _http_trouble(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 422
    if is_for_programs(request):
        return answer_not_understood(error) if isinstance(error, RequestValidationError) else answer_to_http(error)
    return _trouble(request, status, "not_found" if status == 404 else "failed")


async def _problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)
    return answer_of(error.status, error.code, error.text, error.headers)


async def _unknown_ticket(request: Request, error: Exception) -> Response:
    return answer_of(404, "not_found", str(error)) if is_for_programs(request) else _trouble(request, 404, "not_found")


async def _store_failed(request: Request, error: Exception) -> Response:
    log.warning("store_failed", reason=str(error))
    return _trouble(request, 503, "store_failed")


async def _bug(request: Request, error: Exception) -> Response:
    return _trouble(request, 500, "failed")


def _trouble(request: Request, status: int, text: str) -> Response:
    """Why not: as a page for a person, in a word for a script, as a problem for a program."""
    if is_for_programs(request):
        return answer_with_text(status, text)
    if "text/html" in request.headers.get("accept", ""):
        return page(request, "trouble.html", status, text=text)
    return JSONResponse({"trouble": text}, status)
