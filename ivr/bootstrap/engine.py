"""The engine: lines, back office, voice, tickets and recovery, put together and served over FastAGI until it is told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import os
import signal
import time
from collections.abc import Callable, Mapping
from pathlib import PurePosixPath
from zoneinfo import ZoneInfo

import structlog
import uvloop

from adapters.backoffice.embedded import EmbeddedBackOffice
from adapters.backoffice.faulty import FaultyBackOffice
from adapters.backoffice.signatures import SIGNATURES
from adapters.sms.file_sender import FileTextSender
from adapters.speech.pack import Pack
from adapters.speech.pack_voice import PackVoice, read_packs
from adapters.storage.accounts import SqlAccountStore
from adapters.storage.callers import SqlCallerMemory
from adapters.storage.journal import JsonLinesJournal
from adapters.storage.keys import read_data_key
from adapters.storage.outbox import SqlTextOutbox
from adapters.storage.spool import FileSpool
from adapters.storage.versions import VersionStore
from adapters.telephony.agi_channel import AgiChannel
from adapters.telephony.agi_listening import AgiListening
from adapters.telephony.agi_request import IncomingCall
from adapters.telephony.agi_verbs import Roots
from adapters.telephony.ami import AmiDialler, AmiLiveCalls, Manager
from adapters.telephony.asterisk_config import secret
from adapters.telephony.callback_notes import CallbackNotes
from adapters.telephony.ears_link import EarsLink
from adapters.telephony.fastagi_server import FastAgiServer
from ivr.bootstrap.auditing import audit_all
from ivr.bootstrap.logs import configure_logging
from ivr.bootstrap.publishing import publish_first
from ivr.bootstrap.samples import rung_in_browser
from ivr.bootstrap.serving import ServedLines
from ivr.bootstrap.sounds import Whisper, published_home
from ivr.bootstrap.stores import open_store
from ivr.bootstrap.transcribing import make_transcripts
from ivr.bootstrap.voices import make_voice, voice_names
from ivr.calls.callbacks import Callbacks, Rules
from ivr.calls.callers import KnownCallers
from ivr.calls.capture import MessageCapture
from ivr.calls.driver import Services, run_call
from ivr.calls.number_plan import NumberPlan
from ivr.calls.ports import NO_CHOICES, BackOffice
from ivr.calls.recovery import Recovery
from ivr.calls.texts import TextService
from ivr.calls.times import LINE_ZONE, due_at
from ivr.calls.unanswered import UnansweredCalls
from ivr.config import BROWSER, Settings
from ivr.core.events import CallStarted
from ivr.core.flow import LOUDER, SLOWER, Flow
from ivr.errors import SettingsError, StoreFailed, UserError
from ivr.language.prompts import LANGUAGES, Catalogue
from ivr.tools.lint import fixed_texts, lint, read_prompts

ZONE = ZoneInfo("Asia/Shanghai")
RECOVERY_EVERY = 30.0  # seconds
SWEEP_EVERY = 10.0  # between two looks at the clocks of tickets
AUDIT_EVERY = 3600.0
UNHEARD = dt.timedelta(hours=1)  # so long a recording stays in the clear for those who transcribe it
FOLLOW_EVERY = 0.25  # between two looks at what has been published
WAKE_EVERY = 2.0
DRAIN = 120.0  # seconds that calls have to finish when the engine is told to stop
AMI_USER = "selfline"
CALLBACK = "callback"  # not a line: what the dialplan calls an agent's telephone that was picked up for a call back
LOOPBACK = "127.0.0.1"  # Asterisk and its engine live on one machine

_log = structlog.get_logger("engine")


def now() -> dt.datetime:
    """The time in the line's zone."""
    return dt.datetime.now(ZONE)


def load_flows(settings: Settings, tell: Callable[[str], None] | None = None) -> Mapping[str, Flow]:
    """The flows under flows/, by the number they answer; those with errors are told and left out.

    Raises UserError with every problem of the line's own flow.
    """
    paths = sorted((settings.home / "flows").glob("*.yaml"))
    if settings.flow not in (path.stem for path in paths):
        known = ", ".join(path.stem for path in paths) or "none"
        raise SettingsError(f"IVR_FLOW is {settings.flow!r}, but there is no flows/{settings.flow}.yaml; there are: {known}")
    flows: dict[str, Flow] = {}
    for path in paths:
        linted = lint((path,), settings.home, SIGNATURES)
        if not linted.errors:
            flows[path.stem] = linted.flows[str(path)]
        elif path.stem == settings.flow:
            raise UserError("\n".join(map(str, linted.errors)))
        elif tell is not None:
            tell(f"flows/{path.name} has errors and is left out (ivr lint flows/{path.name})")
    return flows


def read_catalogue(settings: Settings) -> Catalogue:
    """The shared prompts. Raises UserError with every problem."""
    catalogue, problems = read_prompts(settings.home)
    if problems:
        raise UserError("\n".join(map(str, problems)))
    return catalogue


def tell_unrecorded(voice: PackVoice, name: str, flow: Flow) -> None:
    """Name the texts that nobody has recorded in the log: the fall-back voice says them."""
    for language, texts in fixed_texts(flow).items():
        for text in voice.missing(texts, language):
            _log.warning("text_not_recorded", flow=name, language=language, text=text, cure="make prompts")


def make_back_office(settings: Settings) -> BackOffice:
    """The embedded back office with its sample subscribers; IVR_BACKOFFICE_DELAY_MS makes it slow, to try what a caller hears then."""
    office = EmbeddedBackOffice(settings.var / "backoffice.db", now)
    office.seed()
    delay = os.environ.get("IVR_BACKOFFICE_DELAY_MS", "")
    return FaultyBackOffice(office, delay=dt.timedelta(milliseconds=int(delay))) if delay.isdigit() else office


class Engine:
    """Everything one engine process holds. `start` and `stop` it, or `serve` until a signal comes."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        publish_first(
            settings,
            now,
            tell=lambda sentence: _log.info("first_publication", told=sentence),
            warn=lambda sentence: _log.warning("first_publication", told=sentence),
        )
        settings.var.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._versions = VersionStore(settings.versions)
        self._recordings = _Recordings(settings)
        self._voice = make_voice(settings, self._recordings.read(), settings.sounds, published_home(settings))
        self._lines = ServedLines(self._versions, lambda served: tell_unrecorded(self._voice, served.version.name, served.flow))
        self._lines.refresh()
        if not self._lines.answers(settings.flow):
            raise UserError("\n".join(self._lines.refusals(settings.flow)) or f"{settings.flow} cannot be answered; see ivr versions")
        self._spool = FileSpool(settings.spool)
        self._store = open_store(settings, exclusive=True, due=self._due)
        self._journal = JsonLinesJournal(settings.var / "journal", read_data_key(settings.secrets / "data_key"))
        live = AmiLiveCalls(LOOPBACK, settings.ami_port, AMI_USER, secret(settings, "ami"))
        capture = MessageCapture(self._store, self._spool, now, settings.min_free_bytes)
        self._unanswered = unanswered = UnansweredCalls(self._store, self._spool, now)
        self._recovery = Recovery(self._store, self._spool, live, now, capture.busy, unanswered.busy)
        self._callers = KnownCallers(SqlCallerMemory(self._store.database, self._store.key))
        outbox = SqlTextOutbox(self._store.database, self._store.key)
        self._texts = TextService(outbox, FileTextSender(settings.texts, now), now)
        self._transcripts = make_transcripts(settings, self._store, now)
        office = make_back_office(settings)
        self._services = Services(office, capture, self._journal, now, self._texts, self._callers, unanswered=unanswered)
        has_ears = settings.recogniser != "none"
        self._ears = EarsLink(settings.ears_port, secret(settings, "ears_token"), settings.grammars) if has_ears else None
        self._server = FastAgiServer(
            LOOPBACK,
            settings.agi_port,
            token=secret(settings, "agi_token"),
            handler=self._answer,
            knows_flow=lambda name: name == CALLBACK or self._lines.answers(name),
            roots=Roots(PurePosixPath(settings.sounds), PurePosixPath(settings.recordings)),
            voice=self._voice,
            clock=now,
            listening=AgiListening(self._ears, settings.sounds) if self._ears else None,
        )
        self._callbacks = self._make_callbacks()
        self._paused = False
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Take calls. Raises SettingsError when the port is taken."""
        await self._server.start()
        self._settings.heartbeat.touch()
        await self._tell_live({})
        self._tasks = [
            asyncio.create_task(task)
            for task in (
                self._recover(),
                self._sweep(),
                self._beat(),
                self._follow(),
                self._wake_ears(),
                self._texts.run(),
                self._callbacks.run(),
            )
        ]
        if self._transcripts is not None:
            self._tasks.append(asyncio.create_task(self._transcripts.run()))
        voices = ["recordings", *voice_names(self._settings)]
        _log.info("engine_ready", port=self._server.port, lines=sorted(self._lines.lines()), voices=voices)
        self._voice.warm()

    async def stop(self, drain: float = DRAIN) -> None:
        """Take no new calls, let those under way finish, and close everything."""
        left = await self._server.close_and_drain(drain)
        await self._texts.stop()
        await self._callers.settle()
        await self._unanswered.settle()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        with contextlib.suppress(UserError):  # a full disk: whoever reads it sees that the engine's heart beats no more
            self._versions.tell_live(None)
        self._voice.close()
        self._store.close()
        self._journal.close()
        _log.info("engine_stopped", calls_cut_off=left)

    def _make_callbacks(self) -> Callbacks:
        settings = self._settings
        manager = Manager(LOOPBACK, settings.ami_port, AMI_USER, secret(settings, "ami"))
        rules = Rules(
            NumberPlan(settings.number_plan, settings.own_numbers),
            self._lines.lines,
            settings.trunk,
            next(iter(settings.own_numbers), ""),
            settings.calling_hours,
            settings.seats,
            reached=rung_in_browser(settings) if settings.trunk == BROWSER else None,
        )
        return Callbacks(
            self._store,
            AmiDialler(manager),
            CallbackNotes(settings.callbacks),
            SqlAccountStore(self._store.database, self._store.key, settings.seats),
            rules,
            Whisper(settings),
            now,
        )

    async def _answer(self, call: IncomingCall, channel: AgiChannel) -> None:
        if call.flow == CALLBACK:
            await self._callbacks.picked_up(call.dialled, channel)
            return
        with structlog.contextvars.bound_contextvars(session=call.session):
            served = self._lines.choose(call.flow, call.caller_id, call.session)
            name = served.version.name
            _log.info("call_started", flow=name, caller=call.masked_caller)
            most = served.flow.limits.calls
            crowded = most is not None and self._lines.under_way(call.flow) >= most
            self._lines.begun(served.version)
            try:
                known = await self._callers.recall(call.caller_id) if _remembers(served.flow) else NO_CHOICES
                started = CallStarted(
                    now(), call.session, call.caller_id, call.dialled, known.language, crowded, known.slower, known.louder
                )
                disposition = await run_call(served.flow, channel, self._services, started, call.unique_id, name)
            finally:
                self._lines.over(served.version)
                if self._transcripts is not None:
                    self._transcripts.look()
            _log.info("call_over", flow=name, disposition=disposition.value)

    async def _beat(self) -> None:
        """Show that the loop turns: who watches the engine may end one that hangs, which frees its callers for the rescue."""
        while True:
            self._settings.heartbeat.touch()
            await asyncio.sleep(1.0)

    async def _follow(self) -> None:
        """Take what is published while calls go on; say what answers, and how many calls are under way on what."""
        told: Mapping[str, object] = {}
        while True:
            await asyncio.sleep(FOLLOW_EVERY)
            try:
                await asyncio.to_thread(self._refresh)
                told = await self._tell_live(told)
            except Exception:  # calls go on as before, and the next look comes
                _log.exception("publication_not_taken")

    async def _wake_ears(self) -> None:
        """Ask for the languages in which the lines listen: the ears load a model when they are first asked for it, also after a crash."""
        while self._ears is not None:
            languages = {language for flow in self._lines.lines().values() if flow.speech is not None for language in flow.languages}
            for language in sorted(languages):
                await self._ears.deaf(language)
            await asyncio.sleep(WAKE_EVERY)

    def _refresh(self) -> None:
        if self._recordings.changed():
            self._voice.use(self._recordings.read())
        self._lines.refresh()

    async def _tell_live(self, told: Mapping[str, object]) -> Mapping[str, object]:
        """For `ivr versions` and those who publish; written when it has changed."""
        now_told = self._lines.told()
        if now_told != told:
            await asyncio.to_thread(self._versions.tell_live, now_told)
        return now_told

    async def _recover(self) -> None:
        audited = 0.0
        while True:
            waiting = 0
            try:
                waiting = await self._scan()
                await self._keep_house()
                if time.monotonic() - audited >= AUDIT_EVERY or not audited:
                    audited = time.monotonic()
                    for finding in await audit_all(self._settings, self._store, self._spool, now()):
                        _log.error("audit", finding=finding)
            except Exception:  # the promise must outlive a bug in one scan: it is logged, and the next scan comes
                _log.exception("recovery_failed")
            # A message that waits for the end of its call is looked at soon again.
            await asyncio.sleep(2.0 if waiting else RECOVERY_EVERY)

    def _due(self, dialled: str, at: dt.datetime) -> dt.datetime:
        """When a caller of that line must have been called back: in its opening hours, where it has one set of them."""
        return due_at(at, self._lines.hours(dialled))

    async def _sweep(self) -> None:
        """Tickets come back from agents who are gone, and those that nobody answers in time are told of."""
        while True:
            await asyncio.sleep(SWEEP_EVERY)
            try:
                await self._store.return_expired(now())
                for late in await self._store.escalate_due(now()):
                    _log.error("ticket_overdue", reference=late.reference, clock=late.clock, due_at=late.due_at.isoformat())
                await self._tell_pause()
            except StoreFailed as error:
                _log.warning("sweep_failed", reason=str(error))
            except Exception:  # the promise must outlive a bug in one sweep
                _log.exception("sweep_failed")

    async def _tell_pause(self) -> None:
        """That calling back is paused, and that it goes on: once each."""
        until = await self._store.calls_paused_until(now())
        if until is not None and not self._paused:
            most = self._settings.callbacks_an_hour
            ends = f"{until.astimezone(LINE_ZONE):%H:%M}"
            told = f"{most} calls back within an hour (IVR_CALLBACKS_AN_HOUR): none before {ends}, or a supervisor resumes them"
            _log.error("calls_back_paused", until=until.isoformat(), told=told)
        elif until is None and self._paused:
            _log.info("calls_back_go_on")
        self._paused = until is not None

    async def _keep_house(self) -> None:
        """Recordings become private, and go when their time is over."""
        try:
            if self._settings.seal_recordings:
                await self._store.seal_recordings(now(), UNHEARD if self._transcripts else dt.timedelta(0))
            if self._settings.keep_days and (purged := await self._store.purge(now() - dt.timedelta(days=self._settings.keep_days), now())):
                _log.info("recordings_purged", recordings=purged)
        except StoreFailed as error:
            _log.warning("housekeeping_failed", reason=str(error))

    async def _scan(self) -> int:
        report = await self._recovery.scan()
        if report.adopted or report.quarantined or report.abandoned or report.unanswered or not report.complete:
            _log.warning(
                "messages_recovered",
                adopted=len(report.adopted),
                quarantined=len(report.quarantined),
                abandoned=report.abandoned,
                unanswered=report.unanswered,
                complete=report.complete,
            )
        return report.waiting


def _remembers(flow: Flow) -> bool:
    """Whether a line does anything with what is known of a caller."""
    return flow.remembers_language or not {SLOWER, LOUDER}.isdisjoint(flow.universals.values())


class _Recordings:
    """The shipped recordings, and whether others have been made since they were read."""

    def __init__(self, settings: Settings) -> None:
        self._folder = settings.home / "prompts" / "audio"
        self._stamps: tuple[int, ...] = ()

    def read(self) -> Mapping[str, Pack]:
        """The recordings by language. Raises VoiceFailed for a manifest that cannot be read."""
        self._stamps = self._now()
        return read_packs(self._folder, LANGUAGES)

    def changed(self) -> bool:
        """Whether it is time to read them again."""
        return self._now() != self._stamps

    def _now(self) -> tuple[int, ...]:
        manifests = (self._folder / language / "manifest.json" for language in LANGUAGES)
        return tuple(path.stat().st_mtime_ns if path.exists() else 0 for path in manifests)


async def _serve(settings: Settings) -> None:
    engine = Engine(settings)
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told.set)
    await engine.start()
    await told.wait()
    # A second signal does not wait for the calls.
    again = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, again.set)
    stopping = asyncio.create_task(engine.stop())
    impatient = asyncio.create_task(again.wait())
    await asyncio.wait((stopping, impatient), return_when=asyncio.FIRST_COMPLETED)
    if not stopping.done():
        stopping.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await stopping
    impatient.cancel()


def serve(settings: Settings) -> None:
    """Run the engine until SIGTERM or Ctrl-C."""
    configure_logging()
    uvloop.run(_serve(settings))
