"""Asterisk as a child of the line: its configuration written, itself started, asked and stopped.

Everything Asterisk reads and writes lies below `settings.var`, so it needs no root and leaves the machine's own alone. The
templates in asterisk_conf/ are filled in anew at every start; a `pjsip_local.conf` beside the filled-in ones is kept.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import errno
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Collection
from pathlib import Path
from types import TracebackType
from typing import Self

from adapters.telephony.asterisk_config import Rendered, render
from ivr.config import Settings
from ivr.errors import ChannelFailed, SettingsError

PATIENCE = 20.0  # seconds until a starting Asterisk is given up; it takes about one
_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True)


def find_asterisk(settings: Settings) -> Path:
    """The Asterisk that asterisk_conf/install.py finds; nothing is fetched. Raises SettingsError."""
    finder = [sys.executable, str(settings.home / "asterisk_conf" / "install.py"), "--find"]
    environment = {**os.environ, "IVR_VAR": str(settings.var)}
    found = subprocess.run(finder, capture_output=True, text=True, env=environment, check=False)  # noqa: S603 - our own file
    if found.returncode != 0:
        raise SettingsError(found.stderr.strip() or "asterisk_conf/install.py cannot be run")
    return Path(found.stdout.strip())


class AsteriskProcess:
    """One Asterisk. `async with AsteriskProcess(settings, asterisk)` starts it, waits until it takes calls, and stops it.

    `twin` is an audio file of the line (without its suffix): with it, the number 1008612 answers with that file from
    plain dialplan, so that the engine's latency can be measured beside Asterisk's own.
    """

    def __init__(self, settings: Settings, asterisk: Path, *, twin: Path | None = None, customers: Collection[str] = ()) -> None:
        self._settings = settings
        self._asterisk = asterisk
        self._twin = twin
        self._customers = customers
        self._process: asyncio.subprocess.Process | None = None
        self._rendered: Rendered | None = None

    async def __aenter__(self) -> Self:
        await self.start()
        try:
            await self.wait_ready()
        except BaseException:
            await self.stop()
            raise
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.stop()

    @property
    def pid(self) -> int | None:
        """Asterisk's process, while it runs."""
        return self._process.pid if self._process is not None and self._process.returncode is None else None

    @property
    def log(self) -> Path:
        """Asterisk's own notices, warnings and errors."""
        return self._settings.asterisk / "log" / "messages.log"

    async def start(self) -> None:
        """Write the configuration and start. Raises SettingsError when a folder cannot be written or a port is taken."""
        try:
            self._rendered = await asyncio.to_thread(render, self._settings, self._asterisk, self._twin, self._customers)
            if self.log.exists():
                self.log.replace(self.log.with_name("messages.log.1"))  # the log of the run before, and what it died of
        except OSError as error:
            raise SettingsError(f"IVR_VAR is {self._settings.var}, where Asterisk cannot be set up: {error.strerror or error}") from error
        for port in self._ports():
            port.must_be_free()
        output = self._settings.asterisk / "log" / "output.log"
        with output.open("wb") as file:
            self._process = await asyncio.create_subprocess_exec(
                *(str(self._asterisk), "-f", "-C", str(self._rendered.main)),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                cwd=self._settings.asterisk,
                start_new_session=True,  # a Ctrl-C at the terminal is for the engine, which then stops Asterisk
                preexec_fn=end_with_parent,
            )

    async def wait_ready(self) -> None:
        """Return when calls are taken. Raises SettingsError when Asterisk ends, or is not ready in time."""
        process, rendered = self._started()
        try:
            async with asyncio.timeout(PATIENCE):
                while not rendered.control.exists() and process.returncode is None:  # noqa: ASYNC110 - a file tells nobody
                    await asyncio.sleep(0.02)
                while process.returncode is None:
                    with contextlib.suppress(ChannelFailed):  # the socket is there a moment before anyone listens
                        if "fully booted" in await self.command("core waitfullybooted"):
                            break
                    await asyncio.sleep(0.02)
        except TimeoutError:
            raise SettingsError(f"Asterisk was not ready after {PATIENCE:.0f} s{self._last_words()}") from None
        if process.returncode is not None:
            raise SettingsError(f"Asterisk ended at once with status {process.returncode}{self._last_words()}")
        for port in self._ports():
            port.must_be_taken()

    async def command(self, line: str) -> str:
        """What Asterisk's console answers, such as to `core show channels`. Raises ChannelFailed when there is none."""
        _, rendered = self._started()
        console = await asyncio.create_subprocess_exec(
            *(str(self._asterisk), "-C", str(rendered.main), "-rx", line),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        try:
            async with asyncio.timeout(PATIENCE):
                answer, _ = await console.communicate()
        except BaseException as error:
            with contextlib.suppress(ProcessLookupError):
                console.kill()
            await console.wait()
            if isinstance(error, TimeoutError):
                raise ChannelFailed(f"Asterisk does not answer {line!r}") from None
            raise
        if console.returncode != 0:
            raise ChannelFailed(f"Asterisk's console cannot be reached: {answer.decode(errors='replace').strip()}")
        return answer.decode(errors="replace")

    async def stop(self, patience: float = 5.0) -> None:
        """End the calls and Asterisk; after `patience` seconds, by force. Nothing happens when it does not run."""
        process = self._process
        if process is None or process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            await asyncio.wait_for(process.wait(), patience)
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()

    async def kill(self) -> None:
        """End it as a crash would: at once, without a word to anyone."""
        process, _ = self._started()
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()

    async def wait_ended(self) -> int:
        """Wait until Asterisk ends by itself, which it never should; its exit status."""
        process, _ = self._started()
        return await process.wait()

    def _started(self) -> tuple[asyncio.subprocess.Process, Rendered]:
        if self._process is None or self._rendered is None:
            raise ChannelFailed("Asterisk has not been started")
        return self._process, self._rendered

    def _ports(self) -> tuple[_Port, ...]:
        settings = self._settings
        return (
            _Port("IVR_SIP_PORT", socket.SOCK_DGRAM, settings.host, settings.sip_port),
            _Port("IVR_AMI_PORT", socket.SOCK_STREAM, "127.0.0.1", settings.ami_port),
            _Port("IVR_WS_PORT", socket.SOCK_STREAM, "127.0.0.1", settings.ws_port),
        )

    def _last_words(self) -> str:
        """The end of what it printed or logged, for the person who has to find out."""
        for path in (self.log, self._settings.asterisk / "log" / "output.log"):
            with contextlib.suppress(OSError):
                lines = [line for line in path.read_text(errors="replace").splitlines() if "ERROR" in line or path.name == "output.log"]
                if lines:
                    return f"; its last words: {lines[-1].strip()}"
        return ""


class _Port:
    """A port that Asterisk is to have. Asterisk goes on without one that is taken, deaf: so it is looked at here."""

    def __init__(self, setting: str, kind: socket.SocketKind, host: str, port: int) -> None:
        self._setting, self._kind, self._host, self._port = setting, kind, host, port

    def must_be_free(self) -> None:
        """Raises SettingsError, which names the setting."""
        name = "UDP" if self._kind == socket.SOCK_DGRAM else "TCP"
        reason = self._refusal()
        if reason is None:
            return
        if reason.errno == errno.EADDRINUSE:
            raise SettingsError(
                f"{name} port {self._port} of {self._host} is in use; end the program that has it, or set {self._setting} to another port"
                " (if it is another line, all of its ports are: docs/operations.md, Two lines on one machine)"
            )
        raise SettingsError(f"{name} port {self._port} of {self._host} cannot be used: {reason.strerror}; see IVR_HOST and {self._setting}")

    def must_be_taken(self) -> None:
        """Raises SettingsError: a running Asterisk without its port hears nobody."""
        if self._refusal() is None:
            raise SettingsError(f"Asterisk runs, but does not listen on port {self._port} of {self._host} ({self._setting})")

    def _refusal(self) -> OSError | None:
        with socket.socket(socket.AF_INET, self._kind) as probe:
            if self._kind == socket.SOCK_STREAM:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((self._host, self._port))
            except OSError as error:
                return error
        return None


def end_with_parent() -> None:
    """For `preexec_fn`: what a child writes is for this user only, and it is told to end when its parent has died, of whatever."""
    os.umask(0o077)
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
