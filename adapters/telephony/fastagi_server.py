"""The FastAGI server: Asterisk calls it once per call, and it hands each call that proves to be one to the application.

FastAGI has no authentication and carries text that callers choose, so a connection has to earn its call: an environment within two seconds
and 16 KiB, a URL of exactly our form with the token in it, and a random number that Asterisk must be able to repeat (otherwise replies
are planted or out of step). Whatever fails leaves `IVR_DONE` unset, and the dialplan rescues the caller.
"""

from __future__ import annotations

import asyncio
import errno
import hmac
import ipaddress
import secrets
import socket
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import structlog

from adapters.telephony.agi_channel import AgiChannel
from adapters.telephony.agi_connection import AgiConnection
from adapters.telephony.agi_listening import AgiListening
from adapters.telephony.agi_protocol import SET, Environment, Reply
from adapters.telephony.agi_request import IncomingCall, read_request
from adapters.telephony.agi_verbs import GetVariable, Roots, SetVariable, Variable
from ivr.calls.ports import Clock, Voice
from ivr.errors import ChannelFailed, ProtocolError, SettingsError

BACKLOG = 4096
HANDSHAKE = 5.0  # seconds

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Handler = Callable[[IncomingCall, AgiChannel], Awaitable[None]]

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Limits:
    """How much one server takes on. A connection beyond `pending` pushes out the one that has kept us waiting longest."""

    environment_seconds: float = 2.0
    pending: int = 512  # connections without an environment yet
    calls: int = 4000
    calls_per_peer: int = 4000


class FastAgiServer:
    """Listens on `host`:`port` and awaits `handler(call, channel)` for each call to a flow that `knows_flow`.

    `token`: what the AGI URL must carry; required when `host` is not loopback, together with `peers`, the networks that may connect.
    """

    def __init__(
        self,
        host: str,
        port: int,
        *,
        token: str | None,
        handler: Handler,
        knows_flow: Callable[[str], bool],
        roots: Roots,
        voice: Voice,
        clock: Clock,
        listening: AgiListening | None = None,
        peers: Sequence[str] = (),
        limits: Limits | None = None,
    ) -> None:
        self._host, self._port, self._token = host, port, token
        self._handler, self._knows_flow = handler, knows_flow
        self._roots, self._voice, self._clock, self._listening = roots, voice, clock, listening
        self._peers = _networks(peers)
        self._limits = limits or Limits()
        self._server: asyncio.Server | None = None
        self._pending: dict[AgiConnection, asyncio.TimerHandle] = {}  # in order of arrival
        self._calls: dict[asyncio.Task[None], AgiConnection] = {}
        self._per_peer: Counter[str] = Counter()
        if not _is_loopback(host) and not (token and peers):
            raise SettingsError(f"FastAGI on {host} needs a token and a list of the peers that may connect: only loopback goes without")

    @property
    def port(self) -> int:
        """The port it listens on, also when the setting was 0."""
        assert self._server is not None
        return int(self._server.sockets[0].getsockname()[1])

    @property
    def live_calls(self) -> int:
        """Calls under way."""
        return len(self._calls)

    @property
    def pending_connections(self) -> int:
        """Connections that have not yet said which call they are."""
        return len(self._pending)

    async def start(self) -> None:
        """Listen. Raises SettingsError when the port is taken."""
        try:
            self._server = await asyncio.get_running_loop().create_server(self._connection, self._host, self._port, backlog=BACKLOG)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise SettingsError(
                    f"port {self._port} on {self._host} is in use by another program; set IVR_AGI_PORT to a free one"
                ) from error
            raise SettingsError(
                f"cannot listen on {self._host} port {self._port}: {error.strerror}; see IVR_HOST and IVR_AGI_PORT"
            ) from error

    async def close_and_drain(self, timeout: float) -> int:
        """Take no more calls and wait for those under way, at most `timeout` seconds; the number of calls that had to be cut off.

        Asterisk finds the port closed and rescues new callers; those cut off are rescued too.
        """
        if self._server:
            self._server.close()
        for connection in tuple(self._pending):
            connection.close()
        if self._calls:
            await asyncio.wait(self._calls, timeout=timeout)
        left = dict(self._calls)
        for task, connection in left.items():
            connection.close()
            task.cancel()
        if left:
            await asyncio.wait(left)
        return len(left)

    # --- connections ----------------------------------------------------------------------------------------------

    def _connection(self) -> AgiConnection:
        return AgiConnection(self._roots, on_made=self._made, on_ready=self._ready, on_lost=self._lost)

    def _made(self, connection: AgiConnection) -> None:
        if self._peers and not _is_in(_peer(connection), self._peers):
            _log.warning("agi_refused", reason="peer", peer=_peer(connection))
            connection.close()
            return
        _keep_alive(connection.transport.get_extra_info("socket"))
        if len(self._pending) >= self._limits.pending:
            oldest = next(iter(self._pending))
            self._pending.pop(oldest).cancel()
            oldest.close()
        late = asyncio.get_running_loop().call_later(self._limits.environment_seconds, self._no_environment, connection)
        self._pending[connection] = late

    def _no_environment(self, connection: AgiConnection) -> None:
        _log.warning("agi_refused", reason="no environment in time", peer=_peer(connection))
        connection.close()

    def _lost(self, connection: AgiConnection) -> None:
        if late := self._pending.pop(connection, None):
            late.cancel()
            if connection.failure:
                _log.warning("agi_refused", reason="protocol_error", detail=str(connection.failure), peer=_peer(connection))

    def _ready(self, connection: AgiConnection, environment: Environment) -> None:
        if late := self._pending.pop(connection, None):
            late.cancel()
        peer = _peer(connection)
        try:
            call, token = read_request(environment)
        except ProtocolError as error:
            self._refuse(connection, "request", detail=str(error))
            return
        if self._token and not hmac.compare_digest(token.encode(), self._token.encode()):
            self._refuse(connection, "token", call)
        elif len(self._calls) >= self._limits.calls or self._per_peer[peer] >= self._limits.calls_per_peer:
            self._refuse(connection, "too many calls", call)
        elif not self._knows_flow(call.flow):
            self._refuse(connection, "unknown flow", call, detail=call.flow)
        else:
            task = asyncio.get_running_loop().create_task(self._serve(call, connection))
            self._calls[task] = connection
            self._per_peer[peer] += 1
            task.add_done_callback(lambda done: self._served(done, peer))

    def _served(self, task: asyncio.Task[None], peer: str) -> None:
        del self._calls[task]
        self._per_peer[peer] -= 1
        if not self._per_peer[peer]:
            del self._per_peer[peer]

    def _refuse(self, connection: AgiConnection, reason: str, call: IncomingCall | None = None, detail: str = "") -> None:
        caller = call.masked_caller if call else ""
        session = call.session if call else ""
        _log.warning("agi_refused", reason=reason, detail=detail, peer=_peer(connection), session=session, caller=caller)
        connection.say_failure()

    # --- calls ----------------------------------------------------------------------------------------------------

    async def _serve(self, call: IncomingCall, connection: AgiConnection) -> None:
        log = _log.bind(session=call.session, caller=call.masked_caller)
        try:
            if not await _in_step(connection):
                return  # the connection ended: a call that was over before it began
            channel = AgiChannel(connection, voice=self._voice, clock=self._clock, listening=self._listening)
            await self._handler(call, channel)
            await channel.finish()
        except ProtocolError as error:
            log.error("call_ended", reason="protocol_error", detail=str(error))
        except ChannelFailed as error:
            log.error("call_ended", reason="channel_failed", detail=str(error))
        except Exception:
            log.exception("call_ended", reason="engine_error")
        finally:
            connection.close()


async def _in_step(connection: AgiConnection) -> bool:
    """Whether the far end answers the commands we give, and nothing else; False when it has gone. Raises ProtocolError."""
    nonce = secrets.token_hex(16)
    for verb, expected in ((SetVariable(Variable.NONCE, nonce), SET), (GetVariable(Variable.NONCE), Reply(200, "1", nonce))):
        reply = await connection.ask(verb, HANDSHAKE)
        if reply is None:
            return False
        if reply != expected:
            raise ProtocolError("the far end cannot repeat a number it was told")
    return True


def _networks(peers: Sequence[str]) -> tuple[Network, ...]:
    try:
        return tuple(ipaddress.ip_network(peer) for peer in peers)
    except ValueError as error:
        raise SettingsError(f"the peers that may connect must be networks like 10.0.0.0/24: {error}") from error


def _is_in(peer: str, networks: tuple[Network, ...]) -> bool:
    return bool(peer) and any(ipaddress.ip_address(peer) in network for network in networks)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _peer(connection: AgiConnection) -> str:
    name = connection.transport.get_extra_info("peername")
    return str(name[0]) if name else ""


def _keep_alive(sock: socket.socket) -> None:
    """Notice within 15 to 25 seconds that the other machine is gone; each reply at once."""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in (("TCP_KEEPIDLE", 10), ("TCP_KEEPINTVL", 5), ("TCP_KEEPCNT", 3), ("TCP_USER_TIMEOUT", 15_000)):
        if hasattr(socket, option):
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)
