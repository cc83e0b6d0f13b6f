"""Which calls Asterisk still has, asked over its manager interface (AMI) with the asterisk-ami client.

The dialplan puts the session's UUID into the channel's account code, which every channel listing carries. The action is `Status`, for
which `write=call` is enough (`CoreShowChannels` wants `reporting`). The client library is kept on a short leash: a new client for each
question, no events, its futures unused (they hang on a lost connection), its thread's errors caught, and anything short of the complete
list is "no answer".
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import threading
import time

import structlog
from asterisk.ami import Action, AMIClient

from ivr.errors import SettingsError

MAX_VALUE = 1000  # bytes; Asterisk rejects lines over 1,024
MAX_CHANNELS = 20_000

_CONTROL = re.compile("[\x00-\x1f\x7f\x85\u2028\u2029\ud800-\udfff]")
_SESSION = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")

_log = structlog.get_logger(__name__)


class AmiLiveCalls:
    """The port `LiveCalls`: None whenever Asterisk's answer is not certain, so that no live call is taken for a dead one."""

    def __init__(self, host: str, port: int, username: str, secret: str, *, deadline: float = 5.0) -> None:
        for name, value in (("user", username), ("secret", secret), ("host", host)):
            if not value or _CONTROL.search(value) or len(value.encode()) >= MAX_VALUE:
                raise SettingsError(f"the AMI {name} must be 1 to {MAX_VALUE - 1} bytes without control characters")
        self._address = (host, port)
        self._username = username
        self._secret = secret
        self._deadline = deadline
        self._one_at_a_time = asyncio.Lock()

    async def live_sessions(self) -> frozenset[str] | None:
        """Session ids of the channels that are up; None when Asterisk does not answer, or not completely."""
        async with self._one_at_a_time:
            return await asyncio.to_thread(self._ask)

    def _ask(self) -> frozenset[str] | None:
        ends = time.monotonic() + self._deadline
        question = _Question(self._address, self._username, self._secret, self._deadline)
        try:
            question.connect()
            question.answered.wait(max(0.0, ends - time.monotonic()))
        except OSError as error:
            question.complaint = f"no connection: {error.strerror or error}"
        finally:
            question.hang_up()
        if question.answer is None:
            _log.warning("ami_no_answer", detail=question.complaint)
        return question.answer


class _Question(AMIClient):  # type: ignore[misc]  # the library has no types
    """One log-in, one `Status`, one answer; everything after `connect` happens in the library's own thread."""

    def __init__(self, address: tuple[str, int], username: str, secret: str, timeout: float) -> None:
        super().__init__(address=address[0], port=address[1], timeout=timeout)
        self.add_listener(on_connect=self._log_in, on_response=self._on_response, on_disconnect=self._on_disconnect)
        self._login = Action("Login", {"Username": username, "Secret": secret, "Events": "off", "ActionID": "login"})
        self._sessions: set[str] = set()
        self._listed = 0
        self.answered = threading.Event()
        self.answer: frozenset[str] | None = None
        self.complaint = "no answer in time"

    def listen(self) -> None:
        """The library's thread. It lets an odd greeting, a time-out or a closed socket out as an exception."""
        try:
            super().listen()
        except Exception as error:
            self._give_up(f"connection lost: {type(error).__name__}")

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
        """Read listings ourselves: the library splits lines at every kind of line break and lets a later header replace an earlier one."""
        lines = pack.split("\r\n")
        if lines[0] == "Event: Status":
            self._listed += 1
            code = next((line.removeprefix("AccountCode: ") for line in lines if line.startswith("AccountCode: ")), "")
            if _SESSION.fullmatch(code):
                self._sessions.add(code)
            if self._listed > MAX_CHANNELS:
                self._give_up("the list has no end")
        elif lines[0] == "Event: StatusComplete":
            self._complete(lines)
        elif lines[0].startswith("Response: "):
            super().fire_recv_pack(pack)

    def _complete(self, lines: list[str]) -> None:
        if "EventList: Complete" not in lines or f"ListItems: {self._listed}" not in lines:
            self._give_up("the list is not complete")
            return
        self.answer = frozenset(self._sessions)
        self.answered.set()

    def _log_in(self, **_: object) -> None:
        self.send(self._login)

    def _on_response(self, *, response: object, **_: object) -> None:
        status = str(getattr(response, "status", "")).lower()
        action = getattr(response, "keys", {}).get("ActionID")
        if status != "success":
            self._give_up(f"{action} refused")
        elif action == "login":
            self.send(Action("Status", {"ActionID": "status"}))

    def _on_disconnect(self, **_: object) -> None:
        self._give_up("connection closed")

    def _give_up(self, complaint: str) -> None:
        if not self.answered.is_set():
            self.complaint = complaint
            self.answered.set()
