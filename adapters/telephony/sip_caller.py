"""A small real telephone: it calls the line over SIP, hears, speaks and presses keys, and measures when it heard what.

    async with SipCaller("127.0.0.1", 5060, caller_id="13900001001") as phone:
        leg = await phone.call("1008611")
        greeting = await leg.hear(until_silent=dt.timedelta(seconds=1.5))   # a-law, 8,000 bytes a second
        await leg.send_keys("2")
        await leg.hang_up()

It is what the tests, the benchmarks and a first try-out call with; not a softphone: no authentication, no encryption, UDP only.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import re
import secrets
import socket
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from adapters.telephony.sip_leg import SipLeg
from adapters.telephony.sip_messages import PCMA, PCMU, NotSip, SipMessage, parse, response_to, sdp, uri_in
from ivr.errors import ChannelFailed

_T1 = 0.5  # seconds, RFC 3261 §17.1.1.1
_RING = dt.timedelta(seconds=32)


class CallRefused(ChannelFailed):
    """The far end said no: `status` is its SIP status."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(f"the call was refused: {status} {reason}")
        self.status = status


class CallUnanswered(ChannelFailed):
    """Nobody said anything final in time."""


class SipCaller:
    """A telephone with one number and any number of calls."""

    def __init__(self, host: str, port: int, *, caller_id: str = "13900001001", codecs: Sequence[int] = (PCMA, PCMU)) -> None:
        self._peer = (host, port)
        self._caller_id = caller_id
        self._codecs = tuple(codecs)
        self._transport: asyncio.DatagramTransport | None = None
        self._local = ("127.0.0.1", 0)
        self._calls: dict[str, _Call] = {}

    async def __aenter__(self) -> Self:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.connect(self._peer)
            address = probe.getsockname()[0]
        self._transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(lambda: _Wire(self), local_addr=(address, 0))
        self._local = self._transport.get_extra_info("sockname")
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for call in tuple(self._calls.values()):
            if call.leg is not None:
                with contextlib.suppress(ChannelFailed):
                    await call.leg.hang_up()
        if self._transport is not None:
            self._transport.close()

    async def call(self, number: str, *, ring: dt.timedelta = _RING) -> SipLeg:
        """Call, and return when it is answered. Raises CallRefused, CallUnanswered. Cancelling it cancels the call."""
        leg = await SipLeg.open(self._local[0])
        invite = self.compose_invite(number, body=sdp(self._local[0], leg.port, self._codecs))
        return await self._invite(invite, leg, ring)

    async def raw_invite(self, payload: bytes, *, ring: dt.timedelta = _RING) -> SipLeg:
        """Send these very bytes as an INVITE, right or wrong; otherwise like `call`. What they offer is answered in silence."""
        return await self._invite(payload, await SipLeg.open(self._local[0]), ring)

    def compose_invite(
        self,
        number: str,
        *,
        user: str | None = None,
        display_name: str = "",
        contact: str | None = None,
        extra: Sequence[str] = (),
        body: bytes | None = None,
    ) -> bytes:
        """An INVITE to `number` from `user`. Nothing is escaped or checked: these are the places where hostile bytes go."""
        host, port = self._local
        caller = self._caller_id if user is None else user
        name = f'"{display_name}" ' if display_name else ""
        headers = [
            f"INVITE sip:{number}@{self._peer[0]}:{self._peer[1]} SIP/2.0",
            f"Via: SIP/2.0/UDP {host}:{port};branch=z9hG4bK{secrets.token_hex(8)};rport",
            "Max-Forwards: 70",
            f"From: {name}<sip:{caller}@{host}>;tag={secrets.token_hex(6)}",
            f"To: <sip:{number}@{self._peer[0]}>",
            f"Call-ID: {secrets.token_hex(12)}",
            "CSeq: 1 INVITE",
            f"Contact: <sip:{caller if contact is None else contact}@{host}:{port}>",
            "Allow: INVITE, ACK, BYE, CANCEL, OPTIONS",
            "User-Agent: selfline telephone",
            *extra,
            "Content-Type: application/sdp",
        ]
        offer = sdp(host, 9, self._codecs) if body is None else body
        return "\r\n".join([*headers, f"Content-Length: {len(offer)}", "", ""]).encode("utf-8", "surrogateescape") + offer

    async def _invite(self, payload: bytes, leg: SipLeg, ring: dt.timedelta) -> SipLeg:
        call = _Call(self, payload, leg)
        self._calls[call.key] = call
        try:
            async with asyncio.timeout(ring.total_seconds()):
                await call.ring()
        except BaseException as error:
            call.leg = None
            leg.close()
            await call.give_up()
            if isinstance(error, TimeoutError):
                raise CallUnanswered(f"nobody answered within {ring.total_seconds():.0f} s") from None
            raise
        return leg

    # --- called by calls and by the socket --------------------------------------------------------------------------

    @property
    def local(self) -> tuple[str, int]:
        """The address that SIP comes from."""
        return self._local[0], self._local[1]

    def send(self, data: bytes) -> None:
        """To the line."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.sendto(data, self._peer)

    def forget(self, key: str) -> None:
        """That call is over; what still comes of it is answered by nobody's call."""
        self._calls.pop(key, None)

    def received(self, datagram: bytes) -> None:
        """A SIP message from the line."""
        try:
            message = parse(datagram)
        except NotSip:
            return
        call = self._calls.get(message.header("call-id"))
        if call is not None:
            call.received(message)
        elif message.status is None and message.method != "ACK":
            known = "200 OK" if message.method in ("BYE", "OPTIONS") else "481 Call/Transaction Does Not Exist"
            self.send(response_to(message, known, tag=secrets.token_hex(6)).encode())


class _Wire(asyncio.DatagramProtocol):
    def __init__(self, caller: SipCaller) -> None:
        self._caller = caller

    def datagram_received(self, data: bytes, addr: tuple[str | object, int]) -> None:
        self._caller.received(data)


class _Call:
    """One INVITE and the dialogue that follows."""

    def __init__(self, phone: SipCaller, payload: bytes, leg: SipLeg) -> None:
        self._phone = phone
        self._payload = payload
        self.leg: SipLeg | None = leg
        self.key = _value(payload, "Call-ID")
        self._provisional = asyncio.Event()
        self._final: asyncio.Future[SipMessage] = asyncio.get_running_loop().create_future()
        self._remote_to = ""
        self._target = ""
        self._routes: tuple[str, ...] = ()
        self._sequence = int(_value(payload, "CSeq").split()[0])
        self._answers: dict[tuple[int, str], asyncio.Future[SipMessage]] = {}

    async def ring(self) -> None:
        """Send the INVITE until somebody says something, then wait for the last word. Raises CallRefused."""
        leg = self.leg
        assert leg is not None
        leg.invited()
        async with contextlib.AsyncExitStack() as stack:
            sender = asyncio.create_task(self._repeat(self._payload, self._provisional))
            stack.callback(sender.cancel)
            final = await asyncio.shield(self._final)
        if final.status is None or final.status >= 300:
            self._phone.forget(self.key)
            raise CallRefused(final.status or 0, final.reason)
        leg.answered(final.body, self._hang_up)

    async def give_up(self) -> None:
        """The caller does not want to wait any more: CANCEL what is ringing. An answer that comes too late is hung up on."""
        if not self._final.done() and self._provisional.is_set():
            self._phone.send(self._companion("CANCEL"))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(asyncio.shield(self._final), 2)
        if self._final.done() and not self._final.cancelled() and (self._final.result().status or 0) < 300:
            await self._hang_up()
        self._phone.forget(self.key)

    def received(self, message: SipMessage) -> None:
        """A message of this call."""
        if message.status is None:
            self._request(message)
        elif message.method == "INVITE":
            self._invite_answer(message)
        else:
            waiting = self._answers.get((message.sequence, message.method))
            if waiting is not None and not waiting.done() and message.status >= 200:
                waiting.set_result(message)

    def _invite_answer(self, message: SipMessage) -> None:
        self._provisional.set()
        status = message.status or 0
        if status < 200:
            return
        if status >= 300:
            self._phone.send(self._companion("ACK", to=message.header("to")))
        else:
            self._remote_to = message.header("to")
            self._target = uri_in(message.header("contact")) or self._target
            self._routes = tuple(reversed(message.all("record-route")))
            self._phone.send(self._in_dialogue("ACK", message.sequence))
        if not self._final.done():
            self._final.set_result(message)

    def _request(self, message: SipMessage) -> None:
        host, port = self._phone.local
        match message.method:
            case "ACK":
                return
            case "BYE":
                self._phone.send(response_to(message, "200 OK").encode())
                self._phone.forget(self.key)
                if self.leg is not None:
                    self.leg.ended("line")
            case "INVITE" | "UPDATE" if self.leg is not None:  # a refresh: the same again
                answer = sdp(host, self.leg.port, (self.leg.codec,))
                self._phone.send(response_to(message, "200 OK", contact=f"<sip:{host}:{port}>", sdp=answer).encode())
            case "OPTIONS" | "INFO":
                self._phone.send(response_to(message, "200 OK").encode())
            case _:
                self._phone.send(response_to(message, "501 Not Implemented").encode())

    async def _hang_up(self) -> None:
        """BYE, until it is answered. A far end that says nothing more has hung up as well."""
        self._sequence += 1
        key = (self._sequence, "BYE")
        answer = self._answers[key] = asyncio.get_running_loop().create_future()
        done = asyncio.Event()
        answer.add_done_callback(lambda _: done.set())
        sender = asyncio.create_task(self._repeat(self._in_dialogue("BYE", self._sequence), done))
        try:
            await asyncio.wait_for(answer, 4)
        except TimeoutError as error:
            raise ChannelFailed("the line does not answer a BYE") from error
        finally:
            sender.cancel()
            self._phone.forget(self.key)

    async def _repeat(self, data: bytes, until: asyncio.Event) -> None:
        """Send now, and after 0.5, 1, 2, 4 ... seconds, until there is an answer."""
        pause = _T1
        while True:
            self._phone.send(data)
            try:
                await asyncio.wait_for(until.wait(), pause)
            except TimeoutError:
                pause = min(pause * 2, 4)
            else:
                return

    def _companion(self, method: str, to: str = "") -> bytes:
        """The ACK of a refusal or the CANCEL: of the same transaction, so with the very Via, From and CSeq of the INVITE."""
        kept = [f"{name}: {_value(self._payload, name)}" for name in ("Via", "Max-Forwards", "From", "Call-ID")]
        to = to or _value(self._payload, "To")
        number = _value(self._payload, "CSeq").split()[0]
        request = self._payload.split(b"\r\n", 1)[0].decode("utf-8", "surrogateescape").removeprefix("INVITE ")
        lines = [f"{method} {request}", *kept, f"To: {to}", f"CSeq: {number} {method}", "Content-Length: 0", "", ""]
        return "\r\n".join(lines).encode("utf-8", "surrogateescape")

    def _in_dialogue(self, method: str, sequence: int) -> bytes:
        host, port = self._phone.local
        headers = [
            ("Via", f"SIP/2.0/UDP {host}:{port};branch=z9hG4bK{secrets.token_hex(8)};rport"),
            ("Max-Forwards", "70"),
            *(("Route", route) for route in self._routes),
            ("From", _value(self._payload, "From")),
            ("To", self._remote_to),
            ("Call-ID", self.key),
            ("CSeq", f"{sequence} {method}"),
        ]
        return SipMessage(f"{method} {self._target} SIP/2.0", tuple(headers)).encode()


def _value(payload: bytes, name: str) -> str:
    """The value of a header in bytes that need not be right otherwise."""
    found = re.search(rb"^" + name.encode() + rb":[ \t]*([^\r\n]*)", payload, re.MULTILINE)
    return found[1].decode("utf-8", "surrogateescape") if found else ""
