"""Every endpoint times everybody: who gets in is written down here a second time, and an endpoint that is not written down fails."""

from __future__ import annotations

import asyncio

import pytest
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from adapters.console import app
from adapters.console.app import make_pages
from adapters.console.guard import GuardedRoute, GuardedSocket
from adapters.console.texts import TEXTS
from ivr.desk.people import Role
from tests.adapters.console.desk import HOST, SOCKET, Browser, Desk

NOBODY, PHONE, AGENT, SUPERVISOR, OPERATOR, ADMIN = EVERYBODY = ("nobody", "phone", "agent", "supervisor", "operator", "admin")
STAFF = {AGENT, SUPERVISOR, OPERATOR, ADMIN}

WHO_GETS_IN = {
    ("GET", "/"): STAFF,
    ("GET", "/sign-in"): set(EVERYBODY),
    ("POST", "/sign-in"): set(EVERYBODY),
    ("POST", "/sign-out"): STAFF,
    ("GET", "/account"): STAFF,
    ("POST", "/account/password"): STAFF,
    ("GET", "/facts"): {SUPERVISOR, ADMIN},
    ("GET", "/assets/{name}"): set(EVERYBODY),
    ("POST", "/csp-report"): set(EVERYBODY),
    ("GET", "/phone"): {PHONE} | STAFF,
    ("POST", "/phone/calls"): {PHONE} | STAFF,
    ("GET", "/phone/calls/{call}/trace"): {PHONE} | STAFF,
    ("GET", "/phone/{key}"): set(),  # whoever has the key; here it is a wrong one
    ("GET", "/board"): {SUPERVISOR, OPERATOR, ADMIN},
    ("POST", "/board/calls"): {SUPERVISOR, ADMIN},
    ("GET", "/board/tickets"): {SUPERVISOR, ADMIN},
    ("GET", "/board/tickets/{reference}"): {SUPERVISOR, ADMIN},
    ("POST", "/board/tickets/{reference}/agent"): {SUPERVISOR, ADMIN},
    ("POST", "/board/tickets/{reference}/unreachable"): {SUPERVISOR, ADMIN},
    ("GET", "/statement"): {SUPERVISOR, ADMIN},
    ("GET", "/agents"): {SUPERVISOR, ADMIN},
    ("GET", "/closures"): {SUPERVISOR, ADMIN},
    ("POST", "/closures/{reference}"): {SUPERVISOR, ADMIN},
    ("GET", "/closures/{reference}/messages/{number}"): {SUPERVISOR, ADMIN},
    ("GET", "/flows"): {SUPERVISOR, OPERATOR, ADMIN},
    ("GET", "/flows/{line}"): {SUPERVISOR, OPERATOR, ADMIN},
    ("GET", "/flows/{line}/{number}/picture"): {SUPERVISOR, OPERATOR, ADMIN},
    ("GET", "/people"): {ADMIN},
    ("POST", "/people"): {ADMIN},
    ("POST", "/people/{name}/password"): {ADMIN},
    ("POST", "/people/{name}/closed"): {ADMIN},
    ("WS", "/phone/sip"): {PHONE} | STAFF,
    ("GET", "/desk/telephone"): {AGENT, SUPERVISOR},
    ("GET", "/desk/telephone/ticket"): {AGENT, SUPERVISOR},
    ("POST", "/desk/telephone"): {AGENT, SUPERVISOR},
    ("POST", "/account/telephone"): {AGENT, SUPERVISOR},
    ("WS", "/desk/sip"): {AGENT, SUPERVISOR},
    ("GET", "/desk"): {AGENT, SUPERVISOR},
    ("GET", "/desk/live"): {AGENT, SUPERVISOR},
    ("POST", "/desk/next"): {AGENT, SUPERVISOR},
    ("GET", "/tickets/{reference}"): {AGENT, SUPERVISOR},
    ("GET", "/tickets/{reference}/calls/{session}"): {AGENT, SUPERVISOR},
    ("GET", "/tickets/{reference}/account"): {AGENT, SUPERVISOR},
    ("GET", "/tickets/{reference}/messages/{number}/audio"): {AGENT, SUPERVISOR},
    ("POST", "/tickets/{reference}/claim"): {AGENT, SUPERVISOR},
    ("POST", "/tickets/{reference}/hold"): {AGENT, SUPERVISOR},
    ("POST", "/tickets/{reference}/release"): {AGENT, SUPERVISOR},
    ("POST", "/tickets/{reference}/hand-over"): {AGENT, SUPERVISOR},
    ("POST", "/tickets/{reference}/call"): {AGENT, SUPERVISOR},
    ("POST", "/tickets/{reference}/settle"): {AGENT, SUPERVISOR},
    ("POST", "/tickets/{reference}/close"): {AGENT, SUPERVISOR},
    ("GET", "/sheets/statement.csv"): {SUPERVISOR, ADMIN},
    ("GET", "/sheets/tickets.csv"): {SUPERVISOR, ADMIN},
    ("GET", "/api"): set(EVERYBODY),
    ("GET", "/api/openapi.json"): set(EVERYBODY),
    ("GET", "/api/v1/tickets"): {AGENT, SUPERVISOR},
    ("GET", "/api/v1/queue"): {AGENT, SUPERVISOR},
    ("GET", "/api/v1/tickets/{reference}"): {AGENT, SUPERVISOR},
    ("GET", "/api/v1/tickets/{reference}/history"): {SUPERVISOR},
    ("GET", "/api/v1/tickets/{reference}/messages/{number}/audio"): {AGENT, SUPERVISOR},
    ("POST", "/api/v1/tickets/next"): {AGENT, SUPERVISOR},
    ("POST", "/api/v1/tickets/{reference}/claim"): {AGENT, SUPERVISOR},
    ("POST", "/api/v1/tickets/{reference}/renew"): {AGENT, SUPERVISOR},
    ("POST", "/api/v1/tickets/{reference}/release"): {AGENT, SUPERVISOR},
    ("POST", "/api/v1/tickets/{reference}/hand-over"): {AGENT, SUPERVISOR},
    ("POST", "/api/v1/tickets/{reference}/reassign"): {SUPERVISOR},
    ("POST", "/api/v1/tickets/{reference}/call"): {AGENT, SUPERVISOR},
    ("POST", "/api/v1/tickets/{reference}/settle"): {AGENT, SUPERVISOR},
    ("POST", "/api/v1/tickets/{reference}/close"): {AGENT, SUPERVISOR},
    ("GET", "/api/v1/statement"): {SUPERVISOR, ADMIN},
    ("GET", "/api/v1/accounts"): {ADMIN},
    ("GET", "/api/v1/facts"): {SUPERVISOR, ADMIN},
    ("GET", "/api/v1/webhooks"): {ADMIN},
    ("POST", "/api/v1/webhooks"): {ADMIN},
    ("DELETE", "/api/v1/webhooks/{id}"): {ADMIN},
    ("GET", "/tmf-api/troubleTicket/v4/troubleTicket"): {AGENT, SUPERVISOR},
    ("POST", "/tmf-api/troubleTicket/v4/troubleTicket"): {SUPERVISOR},
    ("GET", "/tmf-api/troubleTicket/v4/troubleTicket/{reference}"): {AGENT, SUPERVISOR},
    ("PATCH", "/tmf-api/troubleTicket/v4/troubleTicket/{reference}"): {AGENT, SUPERVISOR},
    ("POST", "/tmf-api/troubleTicket/v4/hub"): {SUPERVISOR, ADMIN},
    ("DELETE", "/tmf-api/troubleTicket/v4/hub/{id}"): {SUPERVISOR, ADMIN},
}
EXAMPLES = {
    "{name}": "console.css",
    "{call}": "0" * 32,
    "{key}": "wrong",
    "{reference}": "123456",
    "{number}": "1",
    "{session}": "x",
    "{id}": "1",
    "{line}": "1008611",
}
FOR_PROGRAMS = ("/api/v1/", "/tmf-api/")


def endpoints(desk: Desk) -> set[tuple[str, str]]:
    found = set()
    for route in desk.pages.routes:
        assert isinstance(route, GuardedRoute | GuardedSocket)
        methods = ("WS",) if isinstance(route, GuardedSocket) else tuple(sorted(route.methods or ()))
        found |= {(method, route.path) for method in methods}
    return found


def browser_of(desk: Desk, who: str) -> Browser:
    browser = desk.browser()
    if who == PHONE:
        browser.show_phone_key()
        browser.open("/phone")
    elif who != NOBODY:
        assert browser.sign_in(who) == 303
    else:
        browser.open("/sign-in")
    return browser


def program_of(desk: Desk, who: str) -> TestClient:
    """A program with a token of that role; with none that opens anything for nobody, and for who has the key of the telephone."""
    if who in (NOBODY, PHONE):
        return desk.program("slf_" + "0" * 43)
    return desk.program(asyncio.run(desk.console.api.tokens.add(f"for-{who}", "test", role=Role(who))))


def test_every_endpoint_is_written_down(there: Desk):
    assert endpoints(there) == set(WHO_GETS_IN)


@pytest.mark.parametrize("who", EVERYBODY)
def test_everybody_gets_where_they_may_and_nowhere_else(there: Desk, who: str):
    got_in = set()
    program = program_of(there, who)
    for method, path in WHO_GETS_IN:
        browser = browser_of(there, who)
        address = path
        for name, example in EXAMPLES.items():
            address = address.replace(name, example)
        if path.startswith(FOR_PROGRAMS):
            refused = program.request(method, address).status_code in (401, 403)
        elif method == "WS":
            refused = _socket_refusal(browser, address)
        else:
            sent = {"data": {"csrf": browser.token}} if method == "POST" else {}
            answer = browser.client.request(method, address, **sent)
            turned_away = answer.status_code in (401, 403) and any(TEXTS[key][0] in answer.text for key in ("not_allowed", "phone_closed"))
            refused = turned_away or answer.headers.get("location", "").startswith("/sign-in?next=")
            assert f'alert">{TEXTS["bad_form"][0]}' not in answer.text
        if not refused:
            got_in.add((method, path))

    assert got_in == {endpoint for endpoint, who_may in WHO_GETS_IN.items() if who in who_may}


@pytest.mark.parametrize("who", sorted(STAFF))
def test_a_browser_that_has_signed_in_is_no_program(there: Desk, who: str):
    """Else a page of another site could do with the cookie what a token is for."""
    browser = browser_of(there, who)
    for method, path in WHO_GETS_IN:
        if path.startswith(FOR_PROGRAMS):
            answer = browser.client.request(method, path, headers={"x-csrf-token": browser.token})
            assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")


@pytest.mark.parametrize("who", sorted(STAFF))
def test_a_token_opens_no_page(there: Desk, who: str):
    program = program_of(there, who)

    assert program.get("/account").status_code == 401
    assert program.post("/sign-out").status_code == 401


def _socket_refusal(browser: Browser, path: str) -> bool:
    """Whether it was closed before Asterisk was asked for; that one is away here, which says 1011."""
    try:
        with browser.client.websocket_connect(f"{SOCKET}{path}", subprotocols=["sip"], headers={"origin": HOST}):
            return False
    except WebSocketDisconnect as closed:
        return closed.code == 1008


def test_an_endpoint_without_a_rule_cannot_be_added():
    router = APIRouter(route_class=GuardedRoute)

    async def open_to_all(request: Request) -> Response:
        return Response()

    with pytest.raises(TypeError, match="the endpoint open_to_all does not say whom it is for"):
        router.get("/open")(open_to_all)


def test_a_console_with_a_route_that_has_no_guard_does_not_start(there: Desk, monkeypatch: pytest.MonkeyPatch):
    unguarded = APIRouter()
    unguarded.routes.append(Route("/open", lambda request: Response()))
    monkeypatch.setattr(app, "PARTS", (*app.PARTS, unguarded))

    with pytest.raises(TypeError, match="/open can be asked for and has no rule"):
        make_pages(there.console)
