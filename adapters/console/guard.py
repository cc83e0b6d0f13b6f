"""Who may ask for what. An endpoint says so with `@allow(RULE)`; one that does not cannot be added, so nothing is open by oversight.

The rule is looked at before anything of the request is read, and so is, for every request that changes something, that it comes from one
of our own pages.
"""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit

from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.requests import HTTPConnection, Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, WebSocketRoute
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket

from adapters.console.ports import Console
from adapters.console.visitors import Visitor, visitor_of
from ivr.desk.people import Role

SAFE = ("GET", "HEAD")
Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Rule:
    """Whom an endpoint is for: people of these roles; with `phone`, whoever has the key of the telephone; with `anyone`, all."""

    name: str
    roles: frozenset[Role] = field(default_factory=frozenset)
    phone: bool = False
    anyone: bool = False
    form: bool = True  # a request that changes something has the token of our own page
    active: bool = True  # asking shows that a person is there
    token: bool = False  # for programs, which show a token and no cookie

    def lets_in(self, visitor: Visitor) -> bool:
        """Whether it is for this visitor."""
        return self.anyone or (self.phone and visitor.phone) or (visitor.session is not None and visitor.session.role in self.roles)


PUBLIC = Rule("public", anyone=True)
BROWSER_REPORTS = Rule("reports", anyone=True, form=False, active=False)  # the browser itself sends them
STAFF = Rule("staff", frozenset(Role))
TELEPHONE = Rule("telephone", frozenset(Role), phone=True)
TELEPHONE_FEED = Rule("telephone feed", frozenset(Role), phone=True, active=False)


def only(*roles: Role) -> Rule:
    """A rule for some roles."""
    return Rule(" ".join(sorted(roles)), frozenset(roles))


def programs(*roles: Role) -> Rule:
    """A rule for programs whose token is one of these roles. Browsers send no token by themselves, so no form of another site gets in."""
    return Rule(f"programs: {' '.join(sorted(roles))}", frozenset(roles), form=False, token=True)


class Denied(Exception):
    """The visitor may not. `status` is 401 for one who may have to sign in, else 403; `text` says why, in the words of `texts`.

    With 429, `seconds` says when to try again.
    """

    def __init__(self, status: int, text: str, seconds: int = 0) -> None:
        super().__init__(text)
        self.status = status
        self.text = text
        self.seconds = seconds


def allow(rule: Rule) -> Callable[[Endpoint], Endpoint]:
    """Say whom an endpoint is for."""

    def mark(endpoint: Endpoint) -> Endpoint:
        endpoint.rule = rule  # type: ignore[attr-defined]
        return endpoint

    return mark


def rule_of(endpoint: Callable[..., Any]) -> Rule:
    """Whom it is for. Raises TypeError when it does not say."""
    rule = getattr(endpoint, "rule", None)
    if not isinstance(rule, Rule):
        raise TypeError(f"the endpoint {endpoint.__name__} does not say whom it is for; see adapters.console.guard.allow")
    return rule


class GuardedRoute(APIRoute):
    """A route that lets nobody by whom its endpoint is not for."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        self.rule = rule_of(endpoint)
        super().__init__(path, endpoint, **options)

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The endpoint behind its guard."""
        handle, rule = self.behind_the_guard(), self.rule

        async def guarded(request: Request) -> Response:
            console: Console = request.app.state.console
            if rule.token:
                await _must_have_token(request, rule, console)
                return await handle(request)
            by_itself = "x-background" in request.headers  # a page that looks again every few seconds: nobody need be there
            visitor = await visitor_of(request, console, active=rule.active and not by_itself)
            request.state.visitor = visitor
            if not rule.lets_in(visitor):
                return _turned_away(request, rule, visitor)
            if request.method not in SAFE and rule.form:
                await _must_be_ours(request, visitor)
            return await handle(request)

        return guarded

    def behind_the_guard(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """What the guard lets a request through to."""
        return super().get_route_handler()


class GuardedSocket(WebSocketRoute):
    """The same for a WebSocket, which pages of other sites may open as well: so it must come from one of ours."""

    def __init__(self, path: str, endpoint: Callable[[WebSocket], Awaitable[None]]) -> None:
        self.rule = rule = rule_of(endpoint)

        async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
            socket = WebSocket(scope, receive, send)
            visitor = await visitor_of(socket, socket.app.state.console, active=rule.active)
            if not rule.lets_in(visitor) or not _same_origin(socket):
                await socket.close(1008)  # before it is accepted: the browser sees 403
                return
            socket.state.visitor = visitor
            await endpoint(socket)

        super().__init__(path, endpoint)
        self.app = guarded


def must_be_guarded(app: FastAPI) -> FastAPI:
    """The same app. Raises TypeError when anything can be asked for that has no rule."""
    for route in app.routes:
        if not isinstance(route, GuardedRoute | GuardedSocket):
            raise TypeError(f"{_path_of(route)} can be asked for and has no rule")
    return app


def visitor(request: HTTPConnection) -> Visitor:
    """Whom the guard has let in."""
    found: Visitor = request.state.visitor
    return found


def _turned_away(request: Request, rule: Rule, visitor: Visitor) -> Response:
    if visitor.session is None and request.method in SAFE and not rule.phone and "text/html" in request.headers.get("accept", ""):
        return RedirectResponse(f"/sign-in?next={quote(request.url.path)}", 303)
    if visitor.session is None:
        raise Denied(401, "phone_closed" if rule.phone else "not_allowed")
    raise Denied(403, "not_allowed")


async def _must_have_token(request: Request, rule: Rule, console: Console) -> None:
    """Raises Denied unless a program shows a token for it, and does not ask too often."""
    scheme, _, shown = request.headers.get("authorization", "").partition(" ")
    session = await console.api.tokens.session(shown.strip()) if scheme.lower() == "bearer" else None
    if session is None:
        raise Denied(401, "no_token")
    if seconds := console.api.pace.wait(session.key):
        raise Denied(429, "too_many", seconds)
    address = request.client.host if request.client is not None else ""
    request.state.visitor = visitor = Visitor(session, phone=False, form_token="", address=address)
    if not rule.lets_in(visitor):
        raise Denied(403, "not_for_token")


async def _must_be_ours(request: Request, visitor: Visitor) -> None:
    """Raises Denied unless one of our own pages has sent it: the browser says so, and the page has the token."""
    told = request.headers.get("x-csrf-token", "")
    if not told and "form" in request.headers.get("content-type", ""):
        told = str((await request.form()).get("csrf", ""))
    if not _same_origin(request) or not hmac.compare_digest(told.encode(), visitor.form_token.encode()):
        raise Denied(403, "bad_form")


def _same_origin(connection: HTTPConnection) -> bool:
    """Whether the browser says that the page is of this very host. What is no browser may say nothing, and needs the token all the same."""
    if connection.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        return False
    origin = connection.headers.get("origin")
    if origin is None:
        return not isinstance(connection, WebSocket)
    return urlsplit(origin).netloc == connection.headers.get("host", "")


def _path_of(route: BaseRoute) -> str:
    return str(getattr(route, "path", route))
