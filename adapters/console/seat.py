"""The telephones of one's own seat: the one in the page, which registers through this console, and what any SIP telephone registers with.

The SIP of the one in the page goes through the console for the same reason as that of the telephone for trying the line. Here the console
sees to it besides that the page registers as the seat of who has signed in, and begins no call: it is rung.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections import defaultdict
from collections.abc import Iterator

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.websockets import WebSocket, WebSocketDisconnect

from adapters.console.guard import Denied, GuardedRoute, allow, only, visitor
from adapters.console.pages import page
from adapters.console.phone import hand_through
from adapters.console.ports import Console, Registration
from adapters.console.sip_messages import begins, opened, registers
from ivr.desk.people import ANSWERING, Action, Session

router = APIRouter(route_class=GuardedRoute)

ANSWERERS = only(*ANSWERING)
LOOK_AGAIN = 30.0  # seconds; an account that was closed loses its telephone


class Telephones:
    """The telephones that are open in pages. Who signs out takes theirs along; who only falls idle may be in a talk, and keeps it."""

    def __init__(self) -> None:
        self._open: dict[str, set[asyncio.Event]] = defaultdict(set)

    @contextlib.contextmanager
    def of(self, session: str) -> Iterator[asyncio.Event]:
        """Keep one open; the event tells that its session was signed out."""
        left = asyncio.Event()
        self._open[session].add(left)
        try:
            yield left
        finally:
            self._open[session].discard(left)
            if not self._open[session]:
                del self._open[session]

    def signed_out(self, session: str) -> None:
        """That session is over."""
        for left in self._open.get(session, ()):
            left.set()


_REQUEST = re.compile(r"(REGISTER|ACK|BYE|CANCEL|UPDATE|INFO|OPTIONS|PRACK) sips?:\S{1,200} SIP/2\.0")
_OURS = re.compile(r"^x-selfline", re.IGNORECASE | re.MULTILINE)


@router.get("/desk/telephone")
@allow(ANSWERERS)
async def telephone(request: Request) -> Response:
    """The telephone, on a page of its own, so that a talk goes on while others are looked at."""
    return page(request, "telephone.html")


@router.get("/desk/telephone/ticket")
@allow(ANSWERERS)
async def about(request: Request) -> Response:
    """What the telephone rings for, when it is a call back of one's own; nothing else is known of a call."""
    console: Console = request.app.state.console
    return page(request, "seat_ticket.html", ticket=await console.desk.called_now(visitor(request).name))


@router.post("/desk/telephone")
@allow(ANSWERERS)
async def register(request: Request) -> Response:
    """What the telephone in the page registers with."""
    own = await _told(request, web=True)
    return JSONResponse({"user": own.user, "password": own.password})


@router.post("/account/telephone")
@allow(ANSWERERS)
async def seat(request: Request) -> Response:
    """What a SIP telephone registers with."""
    return page(request, "seat.html", own=await _told(request, web=False))


@allow(ANSWERERS)
async def sip(socket: WebSocket) -> None:
    """SIP over WebSocket between the telephone in the page and Asterisk."""
    console: Console = socket.app.state.console
    telephones: Telephones = socket.app.state.telephones
    session = _session(socket)
    own = await console.seats.registration(session.name, web=True)
    if own is None:
        await socket.close(1008)
        return
    user = own.user
    with telephones.of(session.key) as left:
        ways: list[asyncio.Task[object]] = [
            asyncio.create_task(hand_through(socket, lambda message: of_seat(message, user))),
            asyncio.create_task(_gone(console, session.name, user)),
            asyncio.create_task(left.wait()),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
    with contextlib.suppress(RuntimeError, WebSocketDisconnect):  # it was closed already
        await socket.close()


async def _gone(console: Console, name: str, user: str) -> None:
    """Returns when the seat is not that person's any more."""
    own: Registration | None
    while (own := await console.seats.registration(name, web=True)) is not None and own.user == user:  # noqa: ASYNC110 - a database tells nobody
        await asyncio.sleep(LOOK_AGAIN)


def of_seat(message: str, user: str) -> str:
    """The same SIP message, if it is of that seat's telephone: a registration of its own, or part of a call. Raises ValueError."""
    first, rest = opened(message)
    if _OURS.search(rest):
        raise ValueError("no SIP")
    if first.startswith("SIP/2.0 "):
        return message
    request = _REQUEST.fullmatch(first)
    if request is None:
        raise ValueError("no SIP")
    if request[1] == "REGISTER":
        if registers(rest) != user:
            raise ValueError("another seat")
    elif request[1] != "CANCEL" and begins(rest):
        raise ValueError("this telephone is rung, and begins nothing")
    return message


async def _told(request: Request, *, web: bool) -> Registration:
    """What is told of a telephone is written down first."""
    console: Console = request.app.state.console
    who = visitor(request)
    own = await console.seats.registration(who.name, web=web)
    if own is None:
        raise Denied(404, "no_seat")
    await console.gate.write_down(who.name, Action.TELEPHONE_TOLD, own.user, who.address)
    return own


def _session(socket: WebSocket) -> Session:
    session = visitor(socket).session
    assert session is not None
    return session
