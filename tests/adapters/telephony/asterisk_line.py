"""A real Asterisk on ports of its own, and an engine that does what a test tells it."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import math
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from adapters.telephony.asterisk_process import AsteriskProcess, find_asterisk
from ivr.config import Settings
from ivr.errors import SettingsError

Script = Callable[["Session"], Awaitable[None]]


def settings_for(var: Path) -> Settings:
    """Settings for a line below `var`, on ports that nobody uses. Nobody transcribes or listens there unless a test wants it."""
    sip, ami, agi, ears, ws, console = (_free_port(kind) for kind in (socket.SOCK_DGRAM, *5 * (socket.SOCK_STREAM,)))
    rtp = 30_000 + (os.getpid() * 64 + sip) % 20_000 // 2 * 2
    settings = Settings.from_environment({"IVR_TRANSCRIBER": "none", "IVR_RECOGNISER": "none"})
    ports = {"sip_port": sip, "ami_port": ami, "agi_port": agi, "ears_port": ears, "ws_port": ws, "console_port": console}
    return dataclasses.replace(settings, var=var, rtp_first_port=rtp, rtp_last_port=rtp + 63, min_free_bytes=1024, **ports)


def asterisk_program() -> Path:
    """The Asterisk of this checkout. Without one the test fails: `make test` brings it, so its absence is a fault."""
    try:
        return find_asterisk(Settings.from_environment(os.environ))
    except SettingsError as reason:
        pytest.fail(str(reason))


@contextlib.asynccontextmanager
async def line(var: Path, twin: Path | None = None) -> AsyncIterator[tuple[Settings, AsteriskProcess]]:
    """A running Asterisk with rescue prompts: tones of 1.0 s (apology), 0.6 s (saved) and 0.4 s (full)."""
    settings = settings_for(var)
    prompts = settings.sounds / "zh-CN"
    prompts.mkdir(parents=True)
    for name, seconds in (("rescue_apology", 1.0), ("rescue_saved", 0.6), ("rescue_full", 0.4)):
        (prompts / f"{name}.alaw").write_bytes(tone(seconds))
    async with AsteriskProcess(settings, asterisk_program(), twin=twin) as asterisk:
        yield settings, asterisk


def tone(seconds: float, hertz: float = 440.0) -> bytes:
    """A tone in a-law."""
    return bytes(_alaw(int(9000 * math.sin(2 * math.pi * hertz * n / 8000))) for n in range(int(seconds * 8000)))


def _alaw(sample: int) -> int:
    """ITU-T G.711, written out: the tests do not lean on the code they test."""
    sign, size = (0x80, sample >> 4) if sample >= 0 else (0x00, (-sample - 1) >> 4)
    exponent = max(0, size.bit_length() - 5)
    mantissa = (size >> 1) & 0x0F if exponent == 0 else (size >> exponent) & 0x0F
    return (sign | exponent << 4 | mantissa) ^ 0x55


def _free_port(kind: socket.SocketKind) -> int:
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Session:
    """One call at the engine's end: its environment as it came, line by line, and commands."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self.environment: list[tuple[str, str]] = []
        self.surplus = ""

    async def read_environment(self) -> None:
        while (text := (await self._reader.readline()).decode("utf-8", "replace").rstrip("\n")) != "":
            name, _, value = text.partition(": ")
            self.environment.append((name, value))

    async def ask(self, command: str) -> str:
        """Give a command; its answer, or "" when Asterisk has gone."""
        self.tell(command)
        return await self.answer()

    async def answer(self) -> str:
        """The next line, whatever it is."""
        return (await self._reader.readline()).decode().rstrip("\n")

    def tell(self, command: str) -> None:
        """Give a command and do not wait."""
        self._writer.write(f"{command}\n".encode())

    async def look_for_surplus(self) -> None:
        """What came after the environment without being asked for."""
        with contextlib.suppress(TimeoutError):
            self.surplus = (await asyncio.wait_for(self._reader.readline(), 0.05)).decode("utf-8", "replace")

    def die(self) -> None:
        """As an engine that is killed: the connection is reset."""
        self._writer.transport.abort()


class Engine:
    """A FastAGI server that runs one script for every call, and keeps the sessions."""

    def __init__(self, port: int, script: Script) -> None:
        self._port = port
        self._script = script
        self.sessions: list[Session] = []

    async def __aenter__(self) -> Engine:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self._port)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        session = Session(reader, writer)
        try:
            await session.read_environment()
            self.sessions.append(session)
            await self._script(session)
        except ConnectionError:
            pass
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()


async def until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    """Wait for something in another process, which cannot tell us."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.02)
