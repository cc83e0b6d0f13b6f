"""The telephone in the browser: its page, the calls it may place, the way of its SIP to Asterisk, and the live trace.

A page asks for a call before it places it, and is given a name for it that is known to nobody else. With that name the dialplan knows who
calls, and the page follows what the call does. The SIP goes through this console, so that Asterisk's WebSocket stays closed to browsers:
a page of any site could open that one.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import json
import re
from collections import deque
from collections.abc import AsyncIterator, Callable, Collection, Mapping

import structlog
from fastapi import APIRouter, Form
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response, StreamingResponse
from starlette.websockets import WebSocket, WebSocketDisconnect
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException
from websockets.typing import Subprotocol

from adapters.console.guard import PUBLIC, TELEPHONE, TELEPHONE_FEED, Denied, GuardedRoute, allow, visitor
from adapters.console.pages import page
from adapters.console.ports import Console
from adapters.console.sip_messages import LONGEST_MESSAGE, begins, opened, registers, sender
from adapters.console.visitors import Cookies
from ivr.desk.people import Action

log = structlog.get_logger("console")
router = APIRouter(route_class=GuardedRoute)

MOST_CALLS = 30  # a minute, by all telephones of this console
MOST_SOCKETS = 40  # a page that waits for calls back keeps one, and a call another
KEEP_ALIVE = 15.0  # seconds; whatever stands between does not take a silent feed for a dead one
_REQUEST = re.compile(r"(?:INVITE|ACK|BYE|CANCEL|UPDATE|INFO|OPTIONS|PRACK) sips?:\S{1,200} SIP/2\.0")  # what a call is made of
_REGISTER = re.compile(r"REGISTER sips?:\S{1,200} SIP/2\.0")
CALLING = "browser"  # the user as which a page calls; whose number it calls from, the console tells
_WAY = "X-Selfline-Way: browser"  # by which Asterisk knows what comes through here; see asterisk_conf/pjsip.conf


@router.get("/phone")
@allow(TELEPHONE)
async def phone(request: Request) -> Response:
    """The telephone and the trace."""
    telephone = request.app.state.console.telephone
    return page(request, "phone.html", lines=telephone.lines(), callers=telephone.callers(), rung=telephone.rung())


@router.post("/phone/calls")
@allow(TELEPHONE)
async def new_call(request: Request, caller: str = Form("")) -> Response:
    """Let this browser place one call."""
    console: Console = request.app.state.console
    if caller not in {one.number for one in console.telephone.callers()}:
        raise Denied(400, "failed")
    if not request.app.state.pace.lets_through(asyncio.get_running_loop().time()):
        return JSONResponse({"trouble": "busy"}, 429)
    call = await asyncio.to_thread(console.telephone.allow, caller)
    who = visitor(request)
    await console.gate.write_down(who.name, Action.CALLED, "", who.address)
    return JSONResponse({"call": call, "trace": f"/phone/calls/{call}/trace"})


@router.get("/phone/calls/{call}/trace")
@allow(TELEPHONE_FEED)
async def trace(request: Request, call: str) -> Response:
    """What the call does, as server-sent events. A browser that comes back is told what it has missed."""
    console: Console = request.app.state.console
    last = request.headers.get("last-event-id", "")
    seen = int(last) if last.isascii() and last.isdecimal() and len(last) < 9 else 0
    feed = _events(console.telephone.watch(call), seen)
    return StreamingResponse(feed, media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})


@router.get("/phone/{key}")
@allow(PUBLIC)
async def enter(request: Request, key: str) -> Response:
    """The link that `make run` prints: who has it may use the telephone."""
    console: Console = request.app.state.console
    if not console.phone_key or not hmac.compare_digest(key.encode(), console.phone_key.encode()):
        raise Denied(401, "phone_closed")
    names = Cookies(request, console.port)
    answer = RedirectResponse("/phone", 303)
    names.remember(answer, names.phone, key)
    return answer


@allow(TELEPHONE)
async def sip(socket: WebSocket) -> None:
    """SIP over WebSocket, handed on to Asterisk and back, with a header that tells Asterisk whence it came."""
    if socket.app.state.sockets >= MOST_SOCKETS:
        await socket.close(1013)
        return
    socket.app.state.sockets += 1
    rung = socket.app.state.console.telephone.rung()
    try:
        await hand_through(socket, lambda message: marked(message, rung))
    finally:
        socket.app.state.sockets -= 1


async def hand_through(socket: WebSocket, check: Callable[[str], str]) -> None:
    """Hand on what comes, as `check` lets it through (it raises ValueError for what it does not), until either end has gone."""
    console: Console = socket.app.state.console
    try:
        asterisk = await connect(
            console.telephone.socket,
            subprotocols=[Subprotocol("sip")],
            max_size=4 * LONGEST_MESSAGE,
            compression=None,
            proxy=None,
            open_timeout=5,
            close_timeout=1,
        )
        try:
            await socket.accept(subprotocol="sip")
            await _hand_on(socket, asterisk, check)
        finally:
            try:
                await asterisk.close()
            finally:
                asterisk.transport.abort()  # nothing stays open, though it be cut off while it says goodbye
    except (OSError, WebSocketException, TimeoutError) as error:
        log.warning("asterisk_socket", reason=type(error).__name__)
        with contextlib.suppress(RuntimeError, WebSocketDisconnect):
            await socket.close(1011)


class Pace:
    """So many calls a minute and no more."""

    def __init__(self, most: int = MOST_CALLS) -> None:
        self._latest: deque[float] = deque(maxlen=most)

    def lets_through(self, now: float) -> bool:
        """Whether another one may be placed now."""
        if len(self._latest) == self._latest.maxlen and now - self._latest[0] < 60:
            return False
        self._latest.append(now)
        return True


def marked(message: str, rung: Collection[str] = ()) -> str:
    """A SIP message with our header as its first, if it is a request. Raises ValueError for what is no SIP.

    A registration is let through for the numbers that may be `rung` here.
    """
    first, rest = opened(message)
    if first.startswith("SIP/2.0 "):
        return message
    if _REGISTER.fullmatch(first):
        if registers(rest) not in rung:
            raise ValueError("nobody who is called back here")
    elif not _REQUEST.fullmatch(first):
        raise ValueError("no SIP")
    elif begins(rest) and sender(rest) != CALLING:
        raise ValueError("another telephone")  # Asterisk takes who calls for what it knows under that name
    return f"{first}\r\n{_WAY}\r\n{rest}"


async def _hand_on(socket: WebSocket, asterisk: ClientConnection, check: Callable[[str], str]) -> None:
    """Both ways until either ends."""
    ways = [asyncio.create_task(way) for way in (_to_asterisk(socket, asterisk, check), _to_browser(socket, asterisk))]
    try:
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)
    with contextlib.suppress(RuntimeError, WebSocketDisconnect):
        await socket.close()


async def _to_asterisk(socket: WebSocket, asterisk: ClientConnection, check: Callable[[str], str]) -> None:
    with contextlib.suppress(WebSocketDisconnect, WebSocketException, ValueError, KeyError):
        while True:
            message = await socket.receive_text()
            if message.strip("\r\n"):  # else it only keeps the way open
                await asterisk.send(check(message))


async def _to_browser(socket: WebSocket, asterisk: ClientConnection) -> None:
    with contextlib.suppress(WebSocketException, RuntimeError, WebSocketDisconnect):
        async for message in asterisk:
            await socket.send_text(message if isinstance(message, str) else message.decode("utf-8", "replace"))


async def _events(facts: AsyncIterator[Mapping[str, object]], seen: int) -> AsyncIterator[str]:
    """The facts after those seen as server-sent events, with a sign of life in between."""
    number = 0
    waiting: asyncio.Future[Mapping[str, object]] = asyncio.ensure_future(anext(facts))
    yield "retry: 1000\n\n"
    try:
        while True:
            done, _ = await asyncio.wait((waiting,), timeout=KEEP_ALIVE)
            if not done:
                yield ": still here\n\n"
                continue
            try:
                fact = waiting.result()
            except StopAsyncIteration:
                yield "event: over\ndata: {}\n\n"
                return
            number += 1
            if number > seen:
                yield f"id: {number}\ndata: {json.dumps(fact, ensure_ascii=False)}\n\n"
            waiting = asyncio.ensure_future(anext(facts))
    finally:
        waiting.cancel()
