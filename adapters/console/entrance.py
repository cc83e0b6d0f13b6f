"""The entrance: signing in and out, the first page, one's own account; and what browsers report."""

from __future__ import annotations

import json
import re

import structlog
from fastapi import APIRouter, Form
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from adapters.console.guard import BROWSER_REPORTS, PUBLIC, STAFF, Denied, GuardedRoute, allow, only, visitor
from adapters.console.pages import asset, assets, page
from adapters.console.ports import Console
from adapters.console.visitors import Cookies
from ivr.desk.gate import LockedOut, Refused, SignedIn
from ivr.desk.people import Role

log = structlog.get_logger("console")
router = APIRouter(route_class=GuardedRoute)

_OWN_PATH = re.compile(r"/(?:[a-z][a-z0-9-]*(?:/[a-z0-9-]+)*)?")  # nothing that leads to another host
_MOST_REPORTS = 100


@router.get("/")
@allow(STAFF)
async def home(request: Request) -> Response:
    """What there is."""
    console: Console = request.app.state.console
    return page(request, "home.html", agents=await console.desk.has_agents())


@router.get("/sign-in")
@allow(PUBLIC)
async def sign_in_form(request: Request, next: str = "/") -> Response:
    """Who are you?"""
    if visitor(request).session is not None:
        return RedirectResponse(_own(next), 303)
    return page(request, "sign_in.html", next=_own(next), trouble="")


@router.post("/sign-in")
@allow(PUBLIC)
async def sign_in(request: Request, name: str = Form(""), password: str = Form(""), next: str = Form("/")) -> Response:
    """Let a person in, under a new session."""
    console: Console = request.app.state.console
    match await console.gate.sign_in(name, password, visitor(request).address):
        case SignedIn(token=token):
            answer = RedirectResponse(_own(next), 303)
            names = Cookies(request, console.port)
            names.set(answer, names.session, token)
            return answer
        case Refused():
            return page(request, "sign_in.html", 401, next=_own(next), trouble="refused")
        case LockedOut():
            return page(request, "sign_in.html", 429, next=_own(next), trouble="locked_out")


@router.post("/sign-out")
@allow(STAFF)
async def sign_out(request: Request) -> Response:
    """Until next time."""
    console: Console = request.app.state.console
    who = visitor(request)
    assert who.session is not None
    await console.gate.sign_out(who.session, who.address)
    request.app.state.telephones.signed_out(who.session.key)
    return _signed_out(request)


@router.get("/account")
@allow(STAFF)
async def account(request: Request) -> Response:
    """Who I am here."""
    return page(request, "account.html", trouble="")


@router.post("/account/password")
@allow(STAFF)
async def change_password(request: Request, old: str = Form(""), new: str = Form("")) -> Response:
    """Another password; whoever is signed in with the old one is not any more."""
    console: Console = request.app.state.console
    who = visitor(request)
    assert who.session is not None
    if trouble := await console.gate.change_password(who.session, old, new, who.address):
        return page(request, "account.html", 400, trouble=trouble)
    return _signed_out(request)


@router.get("/facts")
@allow(only(Role.ADMIN, Role.SUPERVISOR))
async def facts(request: Request) -> Response:
    """What has been written down, the newest first."""
    console: Console = request.app.state.console
    return page(request, "facts.html", facts=await console.gate.facts())


@router.get("/assets/{name}")
@allow(PUBLIC)
async def assets_(request: Request, name: str) -> Response:
    """Scripts, styles and images, all of this console's own."""
    if name not in assets():
        raise Denied(404, "not_found")
    return asset(name)


@router.post("/csp-report")
@allow(BROWSER_REPORTS)
async def csp_report(request: Request) -> Response:
    """A browser says that a page tried what its policy forbids: an attack, or a mistake of ours."""
    try:
        report = json.loads(await request.body())["csp-report"]
        directive, blocked = str(report["effective-directive"]), str(report["blocked-uri"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return Response(status_code=204)
    state = request.app.state
    state.reports += 1
    if state.reports <= _MOST_REPORTS:
        log.warning("csp_report", directive=directive[:100], blocked=blocked[:200])
    return Response(status_code=204)


def _signed_out(request: Request) -> Response:
    names = Cookies(request, request.app.state.console.port)
    answer = RedirectResponse("/sign-in", 303)
    names.forget(answer, names.session)
    return answer


def _own(path: str) -> str:
    """Where to go on: within this console, whatever a link says."""
    return path if _OWN_PATH.fullmatch(path) else "/"
