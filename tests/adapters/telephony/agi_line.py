"""What the tests of the channel and the server share: a voice that has its files, a fixed clock, and a whole call from ring to end."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

from adapters.telephony.agi_channel import AgiChannel
from adapters.telephony.agi_listening import AgiListening
from adapters.telephony.agi_request import IncomingCall
from adapters.telephony.agi_verbs import Roots
from adapters.telephony.fastagi_server import FastAgiServer, Limits
from ivr.calls.ports import Part
from ivr.core.values import Text, Utterance
from ivr.errors import VoiceFailed
from tests.adapters.telephony.fake_asterisk import FakeCall

NOON = dt.datetime(2026, 3, 2, 12, 0, tzinfo=dt.UTC)
Result = TypeVar("Result")


def noon() -> dt.datetime:
    return NOON


def say(text: str) -> Utterance:
    return Utterance("en-US", (Text(text),))


class FileVoice:
    """Says a text by a file named after it, a tenth of a second long; a text with `|` in it in parts.

    What comes after a `|` is made when `more` says so.
    """

    def __init__(self, folder: Path, more: Callable[[], Awaitable[None]] | None = None) -> None:
        self.folder = folder
        self._more = more

    async def begin(self, utterance: Utterance) -> Part:
        first, *rest = "".join(part.text for part in utterance.parts if isinstance(part, Text)).split("|")
        if not first and self._more is not None:
            await self._more()
            first, *rest = rest
        return self._part(first, rest)

    async def file_for(self, utterance: Utterance) -> Path:
        return self._file("".join(part.text for part in utterance.parts if isinstance(part, Text)))

    def _part(self, text: str, rest: list[str]) -> Part:
        async def go_on() -> Part:
            if self._more is not None:
                await self._more()
            return self._part(rest[0], rest[1:])

        return Part(self._file(text), go_on if rest else None)

    def _file(self, text: str) -> Path:
        if text == "unspeakable":
            raise VoiceFailed("no engine says this")
        file = self.folder / f"{text}.alaw"
        if text != "lost":
            file.write_bytes(b"\xd5" * 800)
        return file


def roots(folder: Path) -> Roots:
    return Roots(PurePosixPath(folder), PurePosixPath(folder))


def run(work: Coroutine[Any, Any, Result], seconds: float = 20.0) -> Result:
    """Run it with a deadline: a hang is a failure, not a long test."""

    async def bounded() -> Result:
        async with asyncio.timeout(seconds):
            return await work

    return asyncio.run(bounded())


def a_server(
    folder: Path,
    handler: Callable[[IncomingCall, AgiChannel], Awaitable[None]],
    *,
    token: str | None = None,
    limits: Limits | None = None,
    port: int = 0,
    host: str = "127.0.0.1",
    peers: tuple[str, ...] = (),
    more: Callable[[], Awaitable[None]] | None = None,
    listening: AgiListening | None = None,
) -> FastAgiServer:
    return FastAgiServer(
        host,
        port,
        token=token,
        handler=handler,
        knows_flow=lambda flow: flow == "main",
        roots=roots(folder),
        voice=FileVoice(folder, more),
        clock=noon,
        peers=peers,
        limits=limits,
        listening=listening,
    )


def a_call(
    folder: Path,
    call: FakeCall,
    body: Callable[[AgiChannel], Awaitable[Result]],
    *,
    finished: bool = True,
    more: Callable[[], Awaitable[None]] | None = None,
) -> Result:
    """Let the fake Asterisk call a server whose handler is `body`; what the body returned, or the exception it met.

    `more`: see FileVoice.
    """
    outcome: asyncio.Future[Result]

    async def handler(_incoming: IncomingCall, channel: AgiChannel) -> None:
        try:
            outcome.set_result(await body(channel))
        except BaseException as error:
            outcome.set_exception(error)
            raise

    async def ring() -> Result:
        nonlocal outcome
        outcome = asyncio.get_running_loop().create_future()
        server = a_server(folder, handler, more=more)
        await server.start()
        await call.ring(server.port)
        await server.close_and_drain(5.0 if finished else 0.0)
        return await outcome

    return run(ring())
