"""The console put together: the people of the desk, the telephone in the browser and its live trace, served until told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import os
import socket
import threading
from collections import OrderedDict
from collections.abc import AsyncIterator, Collection, Mapping, Sequence

import structlog
import uvicorn
from starlette.types import ASGIApp

from adapters.console.app import make_app
from adapters.console.ports import Caller, Console, WayOut
from adapters.console.sip_messages import LONGEST_MESSAGE
from adapters.storage.journal_tail import JournalTail
from adapters.storage.tickets import SqlTicketStore
from adapters.storage.versions import VersionStore
from adapters.telephony.asterisk_config import secret
from adapters.telephony.browser_calls import BrowserCalls
from ivr.bootstrap.board import board_pages
from ivr.bootstrap.desk_pages import callback_desk
from ivr.bootstrap.engine import now
from ivr.bootstrap.logs import configure_logging
from ivr.bootstrap.people import people
from ivr.bootstrap.programs import programs_side, sender
from ivr.bootstrap.samples import callers, rung_in_browser
from ivr.bootstrap.seats import SeatsOfPeople
from ivr.bootstrap.stores import open_store
from ivr.config import BROWSER, Settings
from ivr.errors import SettingsError
from ivr.tools.trace import Kind, Trace

LOOK_EVERY = 0.1  # seconds; a file tells nobody that it has grown
PLACED_WITHIN = 60.0  # seconds after which a call that was asked for is not waited for any more
LONGEST_WATCH = 3600.0
CONNECTIONS = 6  # that a browser opens to one host; a list, a ticket and a telephone that are open keep one each
OTHERS = 40  # browsers beside those of the seats
REMEMBERED = 200  # calls whose trace can be had again

_log = structlog.get_logger("console")


class LineTelephone:
    """The port Telephone on the line that runs here."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._calls = BrowserCalls(settings.browser_calls)
        self._watched: OrderedDict[str, _Watched] = OrderedDict()

    @property
    def socket(self) -> str:
        return f"ws://127.0.0.1:{self._settings.ws_port}/{secret(self._settings, 'browser')}/ws"

    def lines(self) -> Sequence[str]:
        own = self._settings.flow
        published = [line for line in VersionStore(self._settings.versions).lines() if line.isdecimal() and line != own]
        return (own, *published)

    def callers(self) -> Sequence[Caller]:
        return callers()

    def rung(self) -> Collection[str]:
        return rung_in_browser(self._settings)

    def allow(self, caller: str) -> str:
        tail = JournalTail(self._settings.var / "journal")  # the call's entries come after this moment
        call = self._calls.write_down(caller)
        self._watched[call] = _Watched(tail)
        while len(self._watched) > REMEMBERED:
            self._watched.popitem(last=False)
        return call

    async def watch(self, call: str) -> AsyncIterator[Mapping[str, object]]:
        watched = self._watched.get(call)
        if watched is None:
            return
        loop = asyncio.get_running_loop()
        begun, told = loop.time(), 0
        while not watched.session and loop.time() - begun < PLACED_WITHIN:
            watched.session = await asyncio.to_thread(self._calls.session, call)
            await asyncio.sleep(LOOK_EVERY)
        while watched.session and loop.time() - begun < LONGEST_WATCH:
            await asyncio.to_thread(watched.look)
            while told < len(watched.facts):
                yield watched.facts[told]
                told += 1
            if watched.over:
                return
            await asyncio.sleep(LOOK_EVERY)


class _Watched:
    """One call as far as it has been told."""

    def __init__(self, tail: JournalTail) -> None:
        self.session = ""
        self.facts: list[Mapping[str, object]] = []
        self.over = False
        self._tail = tail
        self._trace = Trace()
        self._looking = threading.Lock()

    def look(self) -> None:
        """See what is new; in a thread, which is not cut short when whoever watches goes away."""
        with self._looking:
            for entry in self._tail.entries(self.session):
                for fact in self._trace.facts(entry):
                    self.facts.append(dataclasses.asdict(fact))
                    self.over = self.over or fact.kind is Kind.OVER


def address(settings: Settings, path: str = "/") -> str:
    """Where a browser on this machine finds the console."""
    everywhere = settings.console_host in ("", "0.0.0.0", "::")  # noqa: S104 - asked, not bound
    host = "127.0.0.1" if everywhere else settings.console_host
    return f"http://{f'[{host}]' if ':' in host else host}:{settings.console_port}{path}"


def phone_address(settings: Settings) -> str:
    """The link that opens the telephone without signing in. It holds until `var/secrets/phone` is deleted and the console started again."""
    return address(settings, f"/phone/{secret(settings, 'phone')[:20]}")


def serve_console(settings: Settings) -> None:
    """Serve until SIGTERM or Ctrl-C. Raises SettingsError when the port is taken."""
    configure_logging()
    asyncio.run(_serve(settings))


async def _serve(settings: Settings) -> None:
    with _listening(settings) as listener:
        async with people(settings) as (gate, accounts), desk_store(settings) as store:
            console = Console(
                gate,
                LineTelephone(settings),
                board_pages(settings, store),
                callback_desk(settings, store, accounts),
                SeatsOfPeople(settings, accounts),
                settings.console_port,
                secret(settings, "console").encode(),
                secret(settings, "phone")[:20],
                programs_side(settings, store, accounts, now),
                (settings.console_host, *settings.console_names),
                calls_out=WayOut.NOWHERE if not settings.trunk else WayOut.BROWSER if settings.trunk == BROWSER else WayOut.TRUNK,
            )
            settings.console_heartbeat.touch()
            beside = [asyncio.create_task(_beat(settings)), asyncio.create_task(sender(settings, store, now).run(), name="webhooks")]
            for task in beside:
                task.add_done_callback(_tell_of_its_end)
            try:
                await _Server(_config(make_app(console), CONNECTIONS * (settings.seats + OTHERS))).serve(sockets=[listener])
            finally:
                for task in beside:
                    task.cancel()


@contextlib.asynccontextmanager
async def desk_store(settings: Settings) -> AsyncIterator[SqlTicketStore]:
    """The tickets, over a way of their own: what takes a while to read keeps nobody from signing in."""
    store = await asyncio.to_thread(open_store, settings)
    try:
        yield store
    finally:
        store.close()


async def _beat(settings: Settings) -> None:
    """Show that the loop turns: who watches the console may end one that hangs."""
    while True:
        settings.console_heartbeat.touch()
        await asyncio.sleep(1.0)


def _tell_of_its_end(task: asyncio.Task[None]) -> None:
    """What runs beside the pages runs as long as they do; anything else is a bug, and nobody would know."""
    if not task.cancelled():
        _log.error("console_task_ended", task=task.get_name(), exc_info=task.exception())


class _Server(uvicorn.Server):
    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        _log.info("console_ready")


def _config(app: ASGIApp, most: int) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        log_config=None,
        access_log=False,  # addresses have keys in them
        server_header=False,
        lifespan="off",
        ws="websockets-sansio",
        ws_max_size=LONGEST_MESSAGE,
        limit_concurrency=most,
        timeout_graceful_shutdown=2,
        proxy_headers=True,
        forwarded_allow_ips="127.0.0.1",  # of a web server on this machine that speaks https
    )


def _listening(settings: Settings) -> socket.socket:
    host, port = settings.console_host, settings.console_port
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET, backlog=128)
    except OSError as error:
        raise SettingsError(
            f"the console cannot have TCP port {port} of {host}: {os.strerror(error.errno or 0)}; see IVR_CONSOLE_HOST and IVR_CONSOLE_PORT"
        ) from error
