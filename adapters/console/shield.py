"""What holds for every answer and every question: under which names the console is asked, how long a question may be, and the headers.

A page loads scripts, styles, images and data from this console and nowhere else, holds no script of its own, and is shown in no frame.
Who makes a browser believe that a foreign name is this machine gets no answer.
"""

from __future__ import annotations

import re
from collections.abc import MutableMapping
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocketClose

HERE = ("127.0.0.1", "localhost", "::1")
LONGEST_BODY = 64 * 1024
PLAYER_STYLE = "sha256-fF0LBso7Nz75zaFRDBUefBDvPe19hjaiDnnc8lt+2Js="
# ... the one style that the waveform player brings, at the height that desk.js gives it
_HOST = re.compile(r"(?:(?P<name>[A-Za-z0-9.-]+)|\[(?P<address>[0-9a-fA-F:]+)\])(?::[0-9]{1,5})?")

_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "microphone=(self), camera=(), geolocation=(), payment=(), usb=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


def policy(host: str, *, secure: bool) -> str:
    """The Content Security Policy. The WebSocket is named because not every browser counts it to 'self'."""
    return "; ".join(
        (
            "default-src 'self'",
            f"style-src 'self' '{PLAYER_STYLE}'",
            f"connect-src 'self' {'wss' if secure else 'ws'}://{host}",
            "media-src 'self' blob:",
            "base-uri 'none'",
            "form-action 'self'",
            "frame-ancestors 'none'",
            "object-src 'none'",
            "report-uri /csp-report",
        )
    )


class Shield:
    """Around the whole app. `names` are those of this console, beside those of this machine."""

    def __init__(self, app: ASGIApp, names: tuple[str, ...]) -> None:
        self._app = app
        self._names = {name.lower() for name in (*HERE, *names)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if _name_of(host) not in self._names:
            await self._unknown_name(scope)(scope, receive, send)
            return
        if scope["type"] == "websocket":
            await self._app(scope, receive, send)
            return
        length = headers.get("content-length", "0")
        if "transfer-encoding" in headers or not length.isdecimal():
            await PlainTextResponse("say how long it is\n", 411)(scope, receive, send)
            return
        if int(length) > LONGEST_BODY:
            await PlainTextResponse("too long\n", 413)(scope, receive, send)
            return
        await self._app(scope, receive, self._with_headers(scope, host, send))

    def _unknown_name(self, scope: Scope) -> ASGIApp:
        if scope["type"] == "websocket":
            return WebSocketClose(1008)
        return PlainTextResponse("this console has another name; see IVR_CONSOLE_NAMES in docs/operations.md\n", 421)

    @staticmethod
    def _with_headers(scope: MutableMapping[str, Any], host: str, send: Send) -> Send:
        secure = scope["scheme"] == "https"

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
                headers["Content-Security-Policy"] = policy(host, secure=secure)
                headers.setdefault("Cache-Control", "no-store")
                if secure:
                    headers["Strict-Transport-Security"] = "max-age=31536000"
            await send(message)

        return sending


def _name_of(host: str) -> str:
    """The name of a Host header, without its port; "" when it is none."""
    found = _HOST.fullmatch(host)
    return (found["name"] or found["address"]).lower() if found else ""
