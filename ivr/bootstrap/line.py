"""The line on one machine: Asterisk, the engine and the console, each in a process of its own, started, watched and stopped together."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import fcntl
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from adapters.telephony.asterisk_process import AsteriskProcess, end_with_parent, find_asterisk
from ivr.bootstrap.engine import now
from ivr.bootstrap.life import Silence, threads_of
from ivr.bootstrap.people import prepare_desk
from ivr.bootstrap.publishing import publish_first
from ivr.bootstrap.samples import rung_in_browser
from ivr.bootstrap.sounds import prepare_sounds
from ivr.config import Settings
from ivr.errors import SettingsError

START_PATIENCE = 15.0  # seconds until an engine that does not answer is given up
STOP_PATIENCE = 5.0
RESTART_AFTER = 0.5
HUNG_AFTER = 8.0
EARS_HUNG_AFTER = 1.4  # seconds: a caller waits for them; with the second that Asterisk then takes it stays below three

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Service:
    """What a process of the line is called, by programs and by people, and how long it may show no life before it counts as hung."""

    name: str
    verb: str
    called: str
    ready: bytes
    hung_after: float


ENGINE = Service("engine", "serve", "the engine", b'"engine_ready"', HUNG_AFTER)
EARS = Service("ears", "ears", "the ears", b'"ears_ready"', EARS_HUNG_AFTER)
CONSOLE = Service("console", "console --quiet", "the console", b'"console_ready"', HUNG_AFTER)


class ServiceProcess:
    """A part of the line as a child process: `ivr <verb>`, its log in `<var>/log/<name>.log`, its signs of life in a file."""

    def __init__(self, service: Service, settings: Settings, environment: Mapping[str, str] | None = None) -> None:
        self._service = service
        self._settings = settings
        self._environment = {**os.environ, **_as_environment(settings), **(environment or {})}
        self._process: asyncio.subprocess.Process | None = None
        self._ready = False

    @property
    def called(self) -> str:
        """What people call it."""
        return self._service.called

    @property
    def log(self) -> Path:
        """What it writes on standard error."""
        return self._settings.var / "log" / f"{self._service.name}.log"

    @property
    def pid(self) -> int | None:
        """The process, while it runs."""
        return self._process.pid if self._process is not None and self._process.returncode is None else None

    @property
    def ready(self) -> bool:
        """Whether it runs and has said that it is ready."""
        return self._ready and self.pid is not None

    async def start(self) -> None:
        """Start, and return when it is ready. Raises SettingsError with its own words when it ends."""
        self._ready = False
        self.log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self.log.open("ab") as file:
            begin = file.tell()
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "ivr.cli", *self._service.verb.split()),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                env=self._environment,
                cwd=self._settings.home,
                start_new_session=True,
                preexec_fn=end_with_parent,
            )
        try:
            async with asyncio.timeout(START_PATIENCE):
                while self._process.returncode is None and self._service.ready not in self._written(begin):  # noqa: ASYNC110 - a file tells nobody
                    await asyncio.sleep(0.02)
        except TimeoutError:
            await self.stop()
            raise SettingsError(f"{self._service.called} not ready within {START_PATIENCE:.0f} s; see {self.log}") from None
        if self._process.returncode is not None:
            said = self._written(begin).decode("utf-8", "replace").strip()
            raise SettingsError(said.removeprefix("ivr: ") or f"{self._service.called} ended with status {self._process.returncode}")
        self._ready = True

    async def wait_ended(self) -> int:
        """Its exit status, once it has ended. One that shows no life for too long, though it had a core to do so, is ended here."""
        assert self._process is not None
        ended = asyncio.ensure_future(self._process.wait())
        every = self._service.hung_after / 8
        silence = Silence(gap=2 * every)
        try:
            while not (await asyncio.wait((ended,), timeout=every))[0]:
                seconds = silence.after(time.monotonic(), self._last_sign(), threads_of(self._process.pid))
                if seconds > self._service.hung_after:
                    with contextlib.suppress(ProcessLookupError):  # it has just ended by itself
                        self._process.kill()
            return ended.result()
        finally:
            ended.cancel()

    def _last_sign(self) -> int:
        try:
            return (self._settings.var / f"{self._service.name}.heartbeat").stat().st_mtime_ns
        except FileNotFoundError:
            return 0

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
        console: bool = False,
    ) -> None:
        self.settings = settings
        self._program = asterisk
        self.engine = ServiceProcess(ENGINE, settings, environment)
        self.ears = ServiceProcess(EARS, settings, environment) if settings.recogniser != "none" else None
        self.console = ServiceProcess(CONSOLE, settings, environment) if console else None
        self.first_password = ""  # of the first administrator, when this start has made one
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

    async def start(self, *, engine: bool = True, tell: Tell = lambda sentence: None, warn: Tell = lambda sentence: None) -> None:
        """Bring the line up, with a first publication where there was none.

        Raises SettingsError or another UserError, with nothing left running."""
        self._take_place()
        try:
            if self.console is not None:
                self.first_password = await asyncio.to_thread(prepare_desk, self.settings)
            publish_first(self.settings, now, tell, warn)
            prepare_sounds(self.settings)
            self._asterisk = AsteriskProcess(
                self.settings, self._program or find_asterisk(self.settings), twin=self._twin, customers=rung_in_browser(self.settings)
            )
            await self._asterisk.start()
            starting = [
                self._asterisk.wait_ready(),
                *([self.engine.start()] if engine else []),
                *([self.ears.start()] if self.ears else []),
                *([self.console.start()] if self.console else []),
            ]
            for failure in await asyncio.gather(*starting, return_exceptions=True):
                if failure is not None:
                    raise failure
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Take the line down."""
        if self.console is not None:
            await self.console.stop()
        await self.engine.stop()
        if self.ears is not None:
            await self.ears.stop()
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
        """Bring the engine, the ears and the console back whenever they end; returns when Asterisk has ended. Cancel it before `stop`."""
        services = [self.engine, *([self.ears] if self.ears else []), *([self.console] if self.console else [])]
        watching = [asyncio.create_task(keep_up(service, tell)) for service in services]
        try:
            status = await self.asterisk.wait_ended()
            tell(f"Asterisk ended with status {status}; see {self.asterisk.log}")
        finally:
            for task in watching:
                task.cancel()


async def keep_up(service: ServiceProcess, tell: Tell) -> None:
    """Start it again whenever it ends. Cancel it."""
    while True:
        status = await service.wait_ended()
        tell(f"{service.called} ended with status {status}; starting it again (see {service.log})")
        await asyncio.sleep(RESTART_AFTER)
        try:
            await service.start()
        except (SettingsError, OSError) as error:
            tell(f"{service.called} does not start: {error}")
            await asyncio.sleep(STOP_PATIENCE)


def _as_environment(settings: Settings) -> Mapping[str, str]:
    return {
        "IVR_HOME": str(settings.home),
        "IVR_VAR": str(settings.var),
        "IVR_DATABASE": settings.database_address,
        "IVR_HOST": settings.host,
        "IVR_SIP_PORT": str(settings.sip_port),
        "IVR_RTP_FIRST_PORT": str(settings.rtp_first_port),
        "IVR_RTP_LAST_PORT": str(settings.rtp_last_port),
        "IVR_AGI_PORT": str(settings.agi_port),
        "IVR_AMI_PORT": str(settings.ami_port),
        "IVR_WS_PORT": str(settings.ws_port),
        "IVR_CONSOLE_HOST": settings.console_host,
        "IVR_CONSOLE_PORT": str(settings.console_port),
        "IVR_CONSOLE_NAMES": " ".join(settings.console_names),
        "IVR_SEATS": str(settings.seats),
        "IVR_TRUNK": settings.trunk,
        "IVR_NUMBER_PLAN": " ".join(settings.number_plan),
        "IVR_OWN_NUMBERS": " ".join(settings.own_numbers),
        "IVR_CALLING_HOURS": "-".join("24:00" if time == dt.time.max else f"{time:%H:%M}" for time in settings.calling_hours),
        "IVR_CALLBACKS_AN_HOUR": str(settings.callbacks_an_hour),
        "IVR_FLOW": settings.flow,
        "IVR_MIN_FREE_MB": str(settings.min_free_bytes // 1024**2),
        "IVR_TRANSCRIBER": settings.transcriber,
        "IVR_EARS_PORT": str(settings.ears_port),
        "IVR_EARS_STREAMS": str(settings.ears_streams),
        "IVR_RECOGNISER": settings.recogniser,
        "IVR_VOSK_MODELS": ";".join(f"{language}={folder}" for language, folder in settings.vosk_models.items()),
        "IVR_VOICES": "" if settings.voices is None else ",".join(settings.voices) or "none",
        "IVR_PIPER_VOICES": ";".join(f"{language}={path}" for language, path in settings.piper_voices.items()),
        "PYTHONPATH": str(settings.home),
    }
