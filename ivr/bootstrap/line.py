"""The whole line on one machine: Asterisk and the engine, each in a process of its own, started, watched and stopped together."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from adapters.telephony.asterisk_process import AsteriskProcess, find_asterisk
from ivr.bootstrap.engine import now, prepare_sounds
from ivr.bootstrap.publishing import publish_first
from ivr.config import Settings
from ivr.errors import SettingsError

START_PATIENCE = 15.0  # seconds until an engine that does not answer is given up
STOP_PATIENCE = 5.0
RESTART_AFTER = 0.5
HUNG_AFTER = 8.0

Tell = Callable[[str], None]


class EngineProcess:
    """The engine as a child process, its log in `<var>/log/engine.log`."""

    def __init__(self, settings: Settings, environment: Mapping[str, str] | None = None) -> None:
        self._settings = settings
        self._environment = {**os.environ, **_as_environment(settings), **(environment or {})}
        self._process: asyncio.subprocess.Process | None = None

    @property
    def log(self) -> Path:
        """What the engine writes on standard error."""
        return self._settings.var / "log" / "engine.log"

    @property
    def pid(self) -> int | None:
        """The engine's process, while it runs."""
        return self._process.pid if self._process is not None and self._process.returncode is None else None

    async def start(self) -> None:
        """Start, and return when calls are taken. Raises SettingsError with the engine's own words when it ends."""
        self.log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self.log.open("ab") as file:
            begin = file.tell()
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "ivr.cli", "serve"),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                env=self._environment,
                cwd=self._settings.home,
                start_new_session=True,
            )
        try:
            async with asyncio.timeout(START_PATIENCE):
                while self._process.returncode is None and b'"engine_ready"' not in self._written(begin):  # noqa: ASYNC110 - a file tells nobody
                    await asyncio.sleep(0.02)
        except TimeoutError:
            await self.stop()
            raise SettingsError(f"the engine took no calls within {START_PATIENCE:.0f} s; see {self.log}") from None
        if self._process.returncode is not None:
            said = self._written(begin).decode("utf-8", "replace").strip()
            raise SettingsError(said.removeprefix("ivr: ") or f"the engine ended with status {self._process.returncode}")

    async def wait_ended(self) -> int:
        """Its exit status, once it has ended. An engine that shows no life for eight seconds is ended here."""
        assert self._process is not None
        ended = asyncio.ensure_future(self._process.wait())
        try:
            while not (await asyncio.wait((ended,), timeout=1.0))[0]:
                if self._seconds_without_life() > HUNG_AFTER:
                    self._process.kill()
            return ended.result()
        finally:
            ended.cancel()

    def _seconds_without_life(self) -> float:
        try:
            return time.time() - self._settings.heartbeat.stat().st_mtime
        except FileNotFoundError:
            return 0.0

    async def stop(self) -> None:
        """Tell it to finish, wait a little, then make it."""
        if self._process is None or self._process.returncode is not None:
            return
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGKILL):  # the second signal: do not wait for calls
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(number)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._process.wait(), 1.0 if number is signal.SIGTERM else STOP_PATIENCE)
                return

    async def kill(self) -> None:
        """SIGKILL, as a crash would."""
        assert self._process is not None
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()

    def _written(self, begin: int) -> bytes:
        with self.log.open("rb") as file:
            file.seek(begin)
            return file.read()


class Line:
    """Asterisk and the engine. `async with Line(settings)` brings both up; `watch` brings the engine back when it dies."""

    def __init__(
        self,
        settings: Settings,
        *,
        asterisk: Path | None = None,
        twin: Path | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.settings = settings
        self._program = asterisk
        self.engine = EngineProcess(settings, environment)
        self._twin = twin
        self._asterisk: AsteriskProcess | None = None
        self._place: int | None = None  # the lock file, open

    @property
    def asterisk(self) -> AsteriskProcess:
        """The running Asterisk."""
        assert self._asterisk is not None
        return self._asterisk

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.stop()

    async def start(self, *, engine: bool = True, tell: Tell = lambda sentence: None) -> None:
        """Bring the line up, with a first publication where there was none.

        Raises SettingsError or another UserError, with nothing left running."""
        self._take_place()
        try:
            publish_first(self.settings, now, tell)
            prepare_sounds(self.settings)
            self._asterisk = AsteriskProcess(self.settings, self._program or find_asterisk(self.settings), twin=self._twin)
            await self._asterisk.start()
            starting = [self._asterisk.wait_ready(), *([self.engine.start()] if engine else [])]
            for failure in await asyncio.gather(*starting, return_exceptions=True):
                if failure is not None:
                    raise failure
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Take the line down."""
        await self.engine.stop()
        if self._asterisk is not None:
            await self._asterisk.stop()
        if self._place is not None:
            os.close(self._place)
            self._place = None

    def _take_place(self) -> None:
        """One line a folder: a second one would write over the configuration and logs of the first."""
        try:
            self.settings.var.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._place = os.open(self.settings.var / "line.lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise SettingsError(f"cannot write in {self.settings.var}: {error.strerror}; see IVR_VAR") from error
        try:
            fcntl.flock(self._place, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._place)
            self._place = None
            raise SettingsError(
                f"a line is running in {self.settings.var} already; stop it, or give a second one a folder and ports of its own"
                " (docs/operations.md, Two lines on one machine)"
            ) from None

    async def watch(self, tell: Tell) -> None:
        """Bring the engine back whenever it ends; returns when Asterisk has ended. Cancel it before `stop`."""
        asterisk = asyncio.create_task(self.asterisk.wait_ended())
        try:
            while not asterisk.done():
                engine = asyncio.create_task(self.engine.wait_ended())
                await asyncio.wait((asterisk, engine), return_when=asyncio.FIRST_COMPLETED)
                if engine.done() and not asterisk.done():
                    tell(f"the engine ended with status {engine.result()}; starting it again (see {self.engine.log})")
                    await asyncio.sleep(RESTART_AFTER)
                    try:
                        await self.engine.start()
                    except SettingsError as error:
                        tell(f"the engine does not start: {error}")
                        await asyncio.sleep(STOP_PATIENCE)
                else:
                    engine.cancel()
            tell(f"Asterisk ended with status {asterisk.result()}; see {self.asterisk.log}")
        finally:
            asterisk.cancel()


def _as_environment(settings: Settings) -> Mapping[str, str]:
    return {
        "IVR_HOME": str(settings.home),
        "IVR_VAR": str(settings.var),
        "IVR_HOST": settings.host,
        "IVR_SIP_PORT": str(settings.sip_port),
        "IVR_RTP_FIRST_PORT": str(settings.rtp_first_port),
        "IVR_RTP_LAST_PORT": str(settings.rtp_last_port),
        "IVR_AGI_PORT": str(settings.agi_port),
        "IVR_AMI_PORT": str(settings.ami_port),
        "IVR_FLOW": settings.flow,
        "IVR_MIN_FREE_MB": str(settings.min_free_bytes // 1024**2),
        "IVR_TRANSCRIBER": settings.transcriber,
        "IVR_VOSK_MODELS": ";".join(f"{language}={folder}" for language, folder in settings.vosk_models.items()),
        "IVR_VOICES": "" if settings.voices is None else ",".join(settings.voices) or "none",
        "IVR_PIPER_VOICES": ";".join(f"{language}={path}" for language, path in settings.piper_voices.items()),
        "PYTHONPATH": str(settings.home),
    }
