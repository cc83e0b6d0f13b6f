"""What Asterisk is asked and told over its manager interface (AMI), by the asterisk-ami client: which calls live, who waits, to call back.

The dialplan puts the session's UUID into the channel's account code, which every channel listing carries; calls back are named by their
channel id. The listing is `Status`, for which `write=call` is enough (`CoreShowChannels` wants `reporting`); `QueueSummary` and
`QueueStatus` take no right at all. The client library is kept on a short leash: a new client for each errand, no events, its futures unused
(they hang on a lost connection), its thread's errors caught, and anything short of the complete answer is none. What an order says is made
of numbers: no text of anybody gets into it.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import re
import socket
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

import structlog
from asterisk.ami import Action, AMIClient

from ivr.calls.ports import Placed
from ivr.desk.board import QueueNow
from ivr.desk.seats import SeatNow
from ivr.errors import SettingsError

MAX_VALUE = 1000  # bytes; Asterisk rejects lines over 1,024
MAX_CHANNELS = 20_000
PICKED_UP_WITHIN = 60_000  # milliseconds; the dialplan gives up before

_CONTROL = re.compile("[\x00-\x1f\x7f\x85\u2028\u2029\ud800-\udfff]")
_COUNT = re.compile(r"[0-9]{1,9}")
_SESSION = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_CALL_BACK = re.compile(r"cb-([0-9]{1,18}-[0-9]{1,9})")
_SEAT = re.compile(r"seat ([0-9]{2})")
_CALL_BACK_CHANNEL = re.compile(r"(cb-[0-9]{1,18}-[0-9]{1,9})(?:;[12])?")

# What Asterisk calls the state of a member's telephones (AST_DEVICE_STATE). One that is not in here is none that rings.
_STATES = {"1": SeatNow.FREE, "2": SeatNow.BUSY, "3": SeatNow.BUSY, "6": SeatNow.BUSY, "7": SeatNow.BUSY, "8": SeatNow.BUSY}

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Manager:
    """How to reach Asterisk's manager interface. Raises SettingsError for what cannot be said in it."""

    host: str
    port: int
    username: str
    secret: str = field(repr=False)
    deadline: float = 5.0

    def __post_init__(self) -> None:
        for name, value in (("user", self.username), ("secret", self.secret), ("host", self.host)):
            if not value or _CONTROL.search(value) or len(value.encode()) >= MAX_VALUE:
                raise SettingsError(f"the AMI {name} must be 1 to {MAX_VALUE - 1} bytes without control characters")


class AmiLiveCalls:
    """The port `LiveCalls`: None whenever Asterisk's answer is not certain, so that no live call is taken for a dead one."""

    def __init__(self, host: str, port: int, username: str, secret: str, *, deadline: float = 5.0) -> None:
        self._manager = Manager(host, port, username, secret, deadline)
        self._one_at_a_time = asyncio.Lock()

    async def live_sessions(self) -> frozenset[str] | None:
        """Session ids of the channels that are up; None when Asterisk does not answer, or not completely."""
        async with self._one_at_a_time:
            listing = _Listing(self._manager)
            return frozenset(listing.sessions) if await asyncio.to_thread(listing.run) else None


class AmiQueue:
    """The queue of those who wait for a person: None whenever Asterisk's answer is not certain. A silence is logged once, not each time."""

    def __init__(self, manager: Manager, name: str) -> None:
        self._manager = manager
        self._name = name
        self._silent = False

    async def now(self) -> QueueNow | None:
        """How many wait, and for how many telephones; None when Asterisk does not answer, or not completely."""
        summary = _Summary(self._manager, self._name)
        return summary.queue if await self._answered(summary) else None

    async def seats(self) -> Mapping[int, SeatNow] | None:
        """How the telephones of each seat are, by its number; None when Asterisk does not answer, or not completely."""
        members = _Members(self._manager, self._name)
        return members.seats if await self._answered(members) else None

    async def _answered(self, question: _List) -> bool:
        self._silent = not await asyncio.to_thread(question.run, known_silent=self._silent)
        return not self._silent


class AmiDialler:
    """The port `Dialler`."""

    def __init__(self, manager: Manager) -> None:
        self._manager = manager

    async def place(self, channel_id: str, seat: int) -> Placed:
        """Ring the telephones of a seat. Raises ValueError for what is no call back and no seat."""
        order = _Order(self._manager, channel_id, seat)
        await asyncio.to_thread(order.run)
        return order.placed

    async def live_channels(self) -> frozenset[str] | None:
        """The calls back that are up; None when Asterisk does not answer, or not completely."""
        listing = _Listing(self._manager)
        return frozenset(listing.calls_back) if await asyncio.to_thread(listing.run) else None


class _Errand(AMIClient):  # type: ignore[misc]  # the library has no types
    """One log-in and one action; everything after `connect` happens in the library's own thread."""

    def __init__(self, manager: Manager, action: Action) -> None:
        super().__init__(address=manager.host, port=manager.port, timeout=manager.deadline)
        self.add_listener(on_connect=self._log_in, on_response=self._on_response, on_disconnect=self._on_disconnect)
        self._action = action
        self._login = Action("Login", {"Username": manager.username, "Secret": manager.secret, "Events": "off", "ActionID": "login"})
        self._deadline = manager.deadline
        self._answered = threading.Event()
        self._complaint = "no answer in time"
        self.done = False

    def run(self, *, known_silent: bool = False) -> bool:
        """Go, and return when it is done, or is not going to be. That Asterisk is away is no news when that is known."""
        ends = time.monotonic() + self._deadline
        try:
            self.connect()
            self._answered.wait(max(0.0, ends - time.monotonic()))
        except OSError as error:
            self._complaint = f"no connection: {error.strerror or error}"
        finally:
            self.hang_up()
        if not self.done and not known_silent:
            _log.warning("ami_no_answer", detail=self._complaint)
        return self.done

    def listen(self) -> None:
        """The library's thread. It lets an odd greeting, a time-out or a closed socket out as an exception."""
        try:
            super().listen()
        except Exception as error:
            self.give_up(f"connection lost: {type(error).__name__}")

    def hang_up(self) -> None:
        """Close the connection; the thread wakes at once and ends."""
        if self.finished is not None:
            self.finished.set()
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)
            self._socket.close()
        if self._thread is not None:
            self._thread.join(1.0)

    def fire_recv_pack(self, pack: str) -> None:
        """Read events ourselves: the library splits lines at every kind of line break and lets a later header replace an earlier one."""
        lines = pack.split("\r\n")
        if lines[0].startswith("Event: "):
            self.event(lines)
        elif lines[0].startswith("Response: "):
            super().fire_recv_pack(pack)

    def event(self, lines: list[str]) -> None:
        """Something that Asterisk tells."""

    def accepted(self) -> None:
        """The action is, by its first answer."""

    def sending(self) -> None:
        """The action is about to be sent."""

    def succeed(self) -> None:
        """All is known that was asked for."""
        if not self._answered.is_set():
            self.done = True
            self._answered.set()

    def give_up(self, complaint: str) -> None:
        """It is not going to be known."""
        if not self._answered.is_set():
            self._complaint = complaint
            self._answered.set()

    def _log_in(self, **_: object) -> None:
        self.send(self._login)

    def _on_response(self, *, response: object, **_: object) -> None:
        status = str(getattr(response, "status", "")).lower()
        action = getattr(response, "keys", {}).get("ActionID")
        if status != "success":
            self.refused(str(action))
        elif action == "login":
            self.sending()
            self.send(self._action)
        else:
            self.accepted()

    def refused(self, action: str) -> None:
        """Asterisk says no to the log-in or the action."""
        self.give_up(f"{action} refused")

    def _on_disconnect(self, **_: object) -> None:
        self.give_up("connection closed")


class _List(_Errand):
    """A question that is answered by a list: an event for each entry, named like the action if not otherwise, and one that counts them."""

    def __init__(self, manager: Manager, action: Action, *events: str) -> None:
        super().__init__(manager, action)
        self._events = events or (action.name,)
        self._listed = 0

    def event(self, lines: list[str]) -> None:
        name = self._action.name
        if lines[0].removeprefix("Event: ") in self._events:
            self._listed += 1
            self.entry(lines)
            if self._listed > MAX_CHANNELS:
                self.give_up("the list has no end")
        elif lines[0] == f"Event: {name}Complete":
            if "EventList: Complete" in lines and f"ListItems: {self._listed}" in lines:
                self.succeed()
            else:
                self.give_up("the list is not complete")

    def entry(self, lines: list[str]) -> None:
        """One of the list."""


class _Listing(_List):
    """Which channels there are: their sessions, and their names if they are calls back."""

    def __init__(self, manager: Manager) -> None:
        super().__init__(manager, Action("Status", {"ActionID": "status"}))
        self.sessions: set[str] = set()
        self.calls_back: set[str] = set()

    def entry(self, lines: list[str]) -> None:
        if _SESSION.fullmatch(code := _header(lines, "AccountCode")):
            self.sessions.add(code)
        if called_back := _CALL_BACK_CHANNEL.fullmatch(_header(lines, "Uniqueid")):
            self.calls_back.add(called_back[1])


class _Summary(_List):
    """How one queue is: a list of one."""

    def __init__(self, manager: Manager, queue: str) -> None:
        super().__init__(manager, Action("QueueSummary", {"ActionID": "queue", "Queue": queue}))
        self._name = queue
        self.queue: QueueNow | None = None

    def entry(self, lines: list[str]) -> None:
        counts = [_header(lines, name) for name in ("Callers", "LongestHoldTime", "Available", "LoggedIn")]
        if _header(lines, "Queue") != self._name or not all(map(_COUNT.fullmatch, counts)):
            self.give_up("no summary of that queue")
            return
        waiting, longest, free, seats = map(int, counts)
        self.queue = QueueNow(waiting, dt.timedelta(seconds=longest), free, seats)

    def succeed(self) -> None:
        if self.queue is None:
            self.give_up("there is no such queue")
        else:
            super().succeed()


class _Members(_List):
    """How the seats of one queue are. Who waits in it is listed beside, and looked away from."""

    def __init__(self, manager: Manager, queue: str) -> None:
        action = Action("QueueStatus", {"ActionID": "seats", "Queue": queue})
        super().__init__(manager, action, "QueueParams", "QueueMember", "QueueEntry")
        self.seats: dict[int, SeatNow] = {}

    def entry(self, lines: list[str]) -> None:
        if lines[0] == "Event: QueueMember" and (seat := _SEAT.fullmatch(_header(lines, "Name"))):
            self.seats[int(seat[1])] = _STATES.get(_header(lines, "Status"), SeatNow.AWAY)


class _Order(_Errand):
    """Call back: the seat's telephones ring, and who picks up enters the dialplan's context `callback`."""

    def __init__(self, manager: Manager, channel_id: str, seat: int) -> None:
        attempt = _CALL_BACK.fullmatch(channel_id)
        if attempt is None or not 1 <= seat <= 99:
            raise ValueError("a call back is named cb-<ticket>-<number>, and a seat is 1 to 99")
        originate = {
            "ActionID": "originate",
            "Channel": f"Local/{seat:02d}@callback-agent/n",
            "Context": "callback",
            "Exten": "s",
            "Priority": "1",
            "Timeout": str(PICKED_UP_WITHIN),
            "ChannelId": channel_id,
            "Variable": f"__IVR_ATTEMPT={attempt[1]}",
            "Async": "true",
        }
        super().__init__(manager, Action("Originate", originate))
        self.placed = Placed.NOT_PLACED

    def sending(self) -> None:
        self.placed = Placed.UNCERTAIN

    def accepted(self) -> None:
        self.placed = Placed.PLACED
        self.succeed()

    def refused(self, action: str) -> None:
        self.placed = Placed.NOT_PLACED
        super().refused(action)


def _header(lines: list[str], name: str) -> str:
    """The first header of that name: a caller's text may hold more of them."""
    return next((line.removeprefix(f"{name}: ") for line in lines if line.startswith(f"{name}: ")), "")
