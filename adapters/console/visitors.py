"""Who asks: the cookies of a browser, the person behind them, and the token that only our own pages have for their forms."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass, field

from starlette.requests import HTTPConnection
from starlette.responses import Response

from adapters.console.ports import Console
from ivr.desk.people import Session

_YEAR = 365 * 24 * 3600


@dataclass(frozen=True, slots=True)
class Visitor:
    """One browser. `session` is there when a person has signed in, `phone` when it has shown the key of the telephone."""

    session: Session | None
    phone: bool
    form_token: str = field(repr=False)
    address: str
    new_visit: str = field(default="", repr=False)  # a cookie to be set, for a browser that is here for the first time

    @property
    def name(self) -> str:
        """How the visitor is called in what is written down."""
        return self.session.name if self.session is not None else "guest"


class Cookies:
    """The names of our cookies on this connection. Over https they cannot be set by anybody but this very host."""

    def __init__(self, connection: HTTPConnection, port: int) -> None:
        self.secure = connection.url.scheme in ("https", "wss")
        before = "__Host-" if self.secure else ""
        self.session, self.phone, self.visit, self.language = (
            f"{before}selfline-{name}-{port}" for name in ("session", "phone", "visit", "language")
        )

    def set(self, response: Response, name: str, value: str, seconds: int | None = None) -> None:
        """Set one, out of reach of scripts and of other sites."""
        response.set_cookie(name, value, max_age=seconds, httponly=True, samesite="lax", secure=self.secure, path="/")

    def remember(self, response: Response, name: str, value: str) -> None:
        """Set one that outlives the browser."""
        self.set(response, name, value, _YEAR)

    def forget(self, response: Response, name: str) -> None:
        """Take one away."""
        response.delete_cookie(name, path="/", httponly=True, samesite="lax", secure=self.secure)


async def visitor_of(connection: HTTPConnection, console: Console, *, active: bool = True) -> Visitor:
    """Who asks. `active`: a person does, not a page that looks by itself. Raises StoreFailed."""
    names = Cookies(connection, console.port)
    token = connection.cookies.get(names.session, "")
    session = await console.gate.session(token, active=active) if token else None
    shown = connection.cookies.get(names.phone, "")
    phone = bool(console.phone_key) and hmac.compare_digest(shown.encode(), console.phone_key.encode())
    visit = connection.cookies.get(names.visit, "")
    new_visit = "" if 20 <= len(visit) <= 64 else secrets.token_urlsafe(24)
    bound_to = f"{new_visit or visit} {token if session is not None else ''}"
    form_token = hmac.new(console.form_secret, bound_to.encode(), hashlib.sha256).hexdigest()
    address = connection.client.host if connection.client is not None else ""
    return Visitor(session, phone, form_token, address, new_visit)
