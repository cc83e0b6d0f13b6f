"""A telephone that is rung: an agent's, which registers with the line (RFC 3261 §10, digest authentication), or one behind a trunk.

async with SipAgent("127.0.0.1", 5060, user="seat-01", password=...) as agent:
    leg = await agent.answer()
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import hashlib
import re
import secrets
from types import TracebackType
from typing import Self

from adapters.telephony.sip_leg import SipLeg
from adapters.telephony.sip_messages import NotSip, SipMessage, parse, response_to, sdp, uri_in
from ivr.errors import ChannelFailed

_PATIENCE = 4.0  # seconds for an answer, with one repetition a second
_REGISTERED_FOR = 600  # seconds, of which half may go by before it says again that it is there


class SipAgent:
    """A telephone that is rung. `rung` tells that a call is waiting for `answer` or `refuse`; `invites` are all there were.

    Without a password it does not register: it is where a trunk leads to.
    """

    def __init__(self, host: str, port: int, *, user: str, password: str = "", registered_for: float = _REGISTERED_FOR) -> None:
        self._peer = (host, port)
        self._user = user
        self._password = password
        self._registered_for = registered_for
        self._call_id = secrets.token_hex(12)
        self._sequence = 0
        self._answers: dict[tuple[str, int, str], asyncio.Future[SipMessage]] = {}
        self._ringing: asyncio.Queue[SipMessage] = asyncio.Queue()
        self._invites: dict[str, SipMessage] = {}
        self._legs: dict[str, SipLeg] = {}
        self._staying: asyncio.Task[None] | None = None
        self.rung = asyncio.Event()

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(lambda: _Wire(self), remote_addr=self._peer)
        self._host, self._port = self._transport.get_extra_info("sockname")[:2]
        try:
            if self._password:
                await self._register(self._registered_for)
                self._staying = asyncio.create_task(self._stay_registered())
        except BaseException:
            self._transport.close()
            raise
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._staying:
            self._staying.cancel()
        with contextlib.suppress(ChannelFailed):
            for leg in tuple(self._legs.values()):
                await leg.hang_up()
            if self._password:
                await self._register(0)
        self._transport.close()

    async def answer(self, timeout: dt.timedelta = dt.timedelta(seconds=30)) -> SipLeg:
        """Wait to be rung, and pick up. Raises ChannelFailed when nobody rings."""
        invite = await self._next_invite(timeout)
        leg = await SipLeg.open(self._host)
        self._legs[invite.header("call-id")] = leg
        taken = response_to(invite, "200 OK", tag=self._tag(invite), contact=self._contact(), sdp=sdp(self._host, leg.port))
        self._send(taken)
        leg.invited()
        leg.answered(invite.body, lambda: self._hang_up(invite))
        return leg

    async def refuse(self, status: str, timeout: dt.timedelta = dt.timedelta(seconds=30)) -> SipMessage:
        """Wait to be rung, and say why not: "486 Busy Here". Raises ChannelFailed when nobody rings."""
        invite = await self._next_invite(timeout)
        self._send(response_to(invite, status, tag=self._tag(invite)))
        return invite

    async def let_ring(self, timeout: dt.timedelta = dt.timedelta(seconds=30)) -> None:
        """Wait to be rung, and leave it ringing. Raises ChannelFailed when nobody rings."""
        await self._next_invite(timeout)

    async def _next_invite(self, timeout: dt.timedelta) -> SipMessage:
        try:
            return await asyncio.wait_for(self._ringing.get(), timeout.total_seconds())
        except TimeoutError:
            raise ChannelFailed(f"nobody rang for {timeout.total_seconds():.0f} s") from None

    @property
    def port(self) -> int:
        """Where it is rung."""
        return int(self._port)

    @property
    def invites(self) -> tuple[SipMessage, ...]:
        """Every call there was, answered or not."""
        return tuple(self._invites.values())

    def received(self, datagram: bytes) -> None:
        """A SIP message from the line."""
        try:
            message = parse(datagram)
        except NotSip:
            return
        call_id = message.header("call-id")
        if message.status is not None:
            waiting = self._answers.get((call_id, message.sequence, message.method))
            if waiting is not None and not waiting.done() and message.status >= 200:
                waiting.set_result(message)
            return
        match message.method:
            case "INVITE" if call_id not in self._invites:
                self._invites[call_id] = message
                self._send(response_to(message, "180 Ringing", tag=self._tag(message), contact=self._contact()))
                self._ringing.put_nowait(message)
                self.rung.set()
            case "BYE" | "CANCEL":
                self._send(response_to(message, "200 OK"))
                if call_id in self._legs:
                    self._legs[call_id].ended("line")
                elif message.method == "CANCEL" and call_id in self._invites:
                    invite = self._invites[call_id]
                    self._send(response_to(invite, "487 Request Terminated", tag=self._tag(invite)))
            case "OPTIONS":
                self._send(response_to(message, "200 OK", tag="agent"))

    async def _stay_registered(self) -> None:
        while True:
            await asyncio.sleep(self._registered_for / 2)
            with contextlib.suppress(ChannelFailed):  # the line may be away for a while
                await self._register(self._registered_for)

    async def _register(self, seconds: float) -> None:
        line = f"sip:{self._peer[0]}:{self._peer[1]}"
        extra = [("Contact", self._contact()), ("Expires", f"{seconds:.0f}")]
        me = f"<sip:{self._user}@{self._peer[0]}>"
        answer = await self._ask("REGISTER", line, self._call_id, f"{me};tag=agent", me, extra)
        if answer.status == 401:
            extra.append(("Authorization", self._proof(answer.header("www-authenticate"), line)))
            answer = await self._ask("REGISTER", line, self._call_id, f"{me};tag=agent", me, extra)
        if answer.status != 200:
            raise ChannelFailed(f"the line does not register {self._user}: {answer.status} {answer.reason}")

    def _proof(self, challenge: str, uri: str) -> str:
        asked = dict(re.findall(r'(\w+)="?([^",]+)"?', challenge))
        realm, nonce, count, own = asked.get("realm", ""), asked.get("nonce", ""), "00000001", secrets.token_hex(8)
        who = _md5(f"{self._user}:{realm}:{self._password}")
        digest = _md5(f"{who}:{nonce}:{count}:{own}:auth:{_md5(f'REGISTER:{uri}')}")
        return (
            f'Digest username="{self._user}", realm="{realm}", nonce="{nonce}", uri="{uri}", response="{digest}", algorithm=MD5, '
            f'cnonce="{own}", qop=auth, nc={count}, opaque="{asked.get("opaque", "")}"'
        )

    async def _hang_up(self, invite: SipMessage) -> None:
        call_id, target = invite.header("call-id"), uri_in(invite.header("contact"))
        self._legs.pop(call_id, None)
        await self._ask("BYE", target, call_id, f"{invite.header('to')};tag={self._tag(invite)}", invite.header("from"), [])

    async def _ask(self, method: str, uri: str, call_id: str, sender: str, to: str, extra: list[tuple[str, str]]) -> SipMessage:
        """Send a request until it is answered. Raises ChannelFailed."""
        self._sequence += 1
        via = f"SIP/2.0/UDP {self._host}:{self._port};branch=z9hG4bK{secrets.token_hex(8)};rport"
        headers = [("Via", via), ("Max-Forwards", "70"), ("From", sender), ("To", to), ("Call-ID", call_id)]
        request = SipMessage(f"{method} {uri} SIP/2.0", (*headers, ("CSeq", f"{self._sequence} {method}"), *extra))
        answer = self._answers[call_id, self._sequence, method] = asyncio.get_running_loop().create_future()
        for _ in range(int(_PATIENCE)):
            self._send(request)
            with contextlib.suppress(TimeoutError):
                return await asyncio.wait_for(asyncio.shield(answer), 1)
        raise ChannelFailed(f"the line does not answer {method}")

    def _send(self, message: SipMessage) -> None:
        self._transport.sendto(message.encode())

    def _tag(self, invite: SipMessage) -> str:
        return hashlib.sha256(invite.header("call-id").encode()).hexdigest()[:12]

    def _contact(self) -> str:
        return f"<sip:{self._user}@{self._host}:{self._port}>"


class _Wire(asyncio.DatagramProtocol):
    def __init__(self, agent: SipAgent) -> None:
        self._agent = agent

    def datagram_received(self, data: bytes, addr: tuple[str | object, int]) -> None:
        self._agent.received(data)


def _md5(text: str) -> str:
    """What digest authentication is made of; the secret is a random one of 192 bits."""
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
