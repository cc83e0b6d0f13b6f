"""The people of the desk, for the administrator: who may sign in and as what. A password is shown once, to be handed over."""

from __future__ import annotations

from fastapi import APIRouter, Form
from starlette.requests import Request
from starlette.responses import Response

from adapters.console.board import IN_WORDS
from adapters.console.guard import Denied, GuardedRoute, allow, only, visitor
from adapters.console.pages import page
from adapters.console.ports import Console
from ivr.desk.gate import new_password
from ivr.desk.people import Role, trouble_with_name
from ivr.errors import UserError

router = APIRouter(route_class=GuardedRoute)
ADMINS = only(Role.ADMIN)


@router.get("/people")
@allow(ADMINS)
async def people(request: Request) -> Response:
    """Who may sign in."""
    return await _page(request)


@router.post("/people")
@allow(ADMINS)
async def add(request: Request, name: str = Form(""), role: str = Form("")) -> Response:
    """A new person."""
    console: Console = request.app.state.console
    name = name.strip().lower()
    if trouble_with_name(name):
        return await _page(request, trouble="wrong_name")
    if role not in set(Role):
        return await _page(request, trouble="wrong_role")
    password, who = new_password(), visitor(request)
    try:
        await console.gate.add(name, Role(role), password, who.name, who.address)
    except UserError:
        return await _page(request, trouble="name_taken")
    return await _page(request, told=(name, password))


@router.post("/people/{name}/password")
@allow(ADMINS)
async def set_password(request: Request, name: str) -> Response:
    """Another password, for somebody who has forgotten theirs; who was signed in with the old one is not any more."""
    console: Console = request.app.state.console
    password, who = new_password(), visitor(request)
    await _must_be_known(console, name)
    await console.gate.set_password(name, password, who.name, who.address)
    return await _page(request, told=(name, password))


@router.post("/people/{name}/closed")
@allow(ADMINS)
async def set_closed(request: Request, name: str, closed: str = Form("")) -> Response:
    """Close an account, or open it again."""
    console: Console = request.app.state.console
    who = visitor(request)
    await _must_be_known(console, name)
    if name == who.name:
        return await _page(request, trouble="not_yourself")
    await console.gate.set_closed(name, closed == "yes", who.name, who.address)
    return await _page(request)


async def _must_be_known(console: Console, name: str) -> None:
    if all(one.name != name for one in await console.gate.people()):
        raise Denied(404, "no_such_account")


async def _page(request: Request, trouble: str = "", told: tuple[str, str] | None = None) -> Response:
    console: Console = request.app.state.console
    shown = {"people": await console.gate.people(), "roles": list(Role), "trouble": trouble, "told": told}
    return page(request, "people.html", 400 if trouble else 200, **shown, **IN_WORDS)
