"""One FastAGI connection: the codec on a socket, and one command at a time with a deadline.

Nothing here knows what a command is for. Whatever goes wrong is remembered and ends the session; a caller who hangs up, or a far end
that closes the connection, is not an error.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import cast

from adapters.telephony.agi_protocol import CLOSED, HANGUP_NOTICE, NEED_DATA, AgiCodec, Environment, Reply
from adapters.telephony.agi_verbs import Roots, Verb
from ivr.errors import ChannelFailed

AFTER_HANGUP = 2.0  # seconds Asterisk has to answer the command that a hang-up interrupted


class AgiConnection(asyncio.Protocol):
    """A connection from Asterisk. `on_ready` is called once, with the environment; `on_lost` once, when the connection has ended."""

    def __init__(
        self,
        roots: Roots,
        *,
        on_made: Callable[[AgiConnection], None],
        on_ready: Callable[[AgiConnection, Environment], None],
        on_lost: Callable[[AgiConnection], None],
    ) -> None:
        self._codec = AgiCodec(roots)
        self._on_made = on_made
        self._on_ready = on_ready
        self._on_lost = on_lost
        self._transport: asyncio.Transport | None = None
        self._waiter: asyncio.Future[Reply | None] | None = None
        self._deadline: asyncio.TimerHandle | None = None
        self.hung_up = False  # the caller has gone; variables can still be set
        self.closed = False  # nothing can be said any more
        self.failure: ChannelFailed | None = None

    @property
    def transport(self) -> asyncio.Transport:
        """The socket's transport; there is one from the first callback on."""
        assert self._transport is not None
        return self._transport

    async def ask(self, verb: Verb, patience: float) -> Reply | None:
        """Say it and wait for the reply, at most `patience` seconds; None when the connection has ended.

        Raises ProtocolError when the far end lies and ChannelFailed when the time is over; the session is over then.
        """
        if self.failure:
            raise self.failure
        if self.closed:
            return None
        if self._waiter:
            raise ChannelFailed("two commands at once")
        try:
            line = self._codec.send(verb)
        except ChannelFailed as error:
            self.fail(error)
            raise
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[Reply | None] = loop.create_future()
        self._waiter = waiter
        self._deadline = loop.call_later(min(patience, AFTER_HANGUP) if self.hung_up else patience, self._too_late, type(verb).__name__)
        self.transport.write(line)
        try:
            return await waiter
        finally:
            self._waiter = None
            self._deadline.cancel()

    def say_failure(self) -> None:
        """Tell Asterisk that the script failed (AGISTATUS=FAILURE), and close."""
        if not self.closed and not self.failure:
            self.transport.write(b"failure\n")
        self.close()

    def close(self) -> None:
        """End the connection after what has been written."""
        if not self.closed:
            self.closed = True
            self.transport.close()
            self._answer(None)

    def fail(self, error: ChannelFailed) -> None:
        """End the connection at once, and the command under way with this error."""
        if self.failure or self.closed:
            return
        self.failure = error
        if self._waiter and not self._waiter.done():
            self._waiter.set_exception(error)
        self.transport.abort()

    # --- called by the event loop ---------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._on_made(self)

    def data_received(self, data: bytes) -> None:
        self._codec.receive_data(data)
        self._drain()

    def eof_received(self) -> None:
        self._codec.receive_data(b"")
        self._drain()

    def connection_lost(self, _error: Exception | None) -> None:
        self.closed = True
        self._answer(None)
        self._on_lost(self)

    def _drain(self) -> None:
        try:
            while not self.failure and not self.closed and (event := self._codec.next_event()) is not NEED_DATA:
                if isinstance(event, Reply):
                    self._answer(event)
                elif event is HANGUP_NOTICE:
                    self._notice()
                elif event is CLOSED:
                    self.close()
                    return
                else:
                    assert isinstance(event, Environment)
                    self._on_ready(self, event)
        except ChannelFailed as error:
            self.fail(error)

    def _notice(self) -> None:
        """The caller hung up. The command under way is still answered, and soon."""
        self.hung_up = True
        if self._waiter and self._deadline:
            self._deadline.cancel()
            self._deadline = asyncio.get_running_loop().call_later(AFTER_HANGUP, self.close)

    def _answer(self, reply: Reply | None) -> None:
        if self._waiter and not self._waiter.done():
            self._waiter.set_result(reply)

    def _too_late(self, command: str) -> None:
        if self.hung_up:
            self.close()
        else:
            self.fail(ChannelFailed(f"Asterisk did not finish {command} in time"))
