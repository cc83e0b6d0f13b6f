"""A console to test: a real gate on a real database, a telephone that reaches nobody, and browsers that keep their cookies."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import re
from collections.abc import AsyncIterator, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from starlette.testclient import TestClient

from adapters.backoffice.embedded import EmbeddedBackOffice
from adapters.console.app import make_app, make_pages
from adapters.console.passwords import Argon2Passwords
from adapters.console.ports import BoardPages, Caller, Console
from adapters.storage.accounts import SqlAccountStore
from adapters.storage.outbox import SqlTextOutbox
from adapters.storage.tickets import SqlTicketStore
from adapters.storage.transcripts import SqlTranscriptStore
from ivr.bootstrap.board import LedgerStatements, LineWatcher
from ivr.bootstrap.desk_pages import JournalPaths
from ivr.bootstrap.flow_pictures import PublishedLines
from ivr.bootstrap.programs import programs_side
from ivr.bootstrap.seats import SeatsOfPeople
from ivr.config import Settings
from ivr.desk.callbacks import CallbackDesk
from ivr.desk.gate import Gate
from ivr.desk.people import Role
from ivr.desk.supervising import Supervision

HOST, SOCKET = "http://127.0.0.1:10086", "ws://127.0.0.1:10086"
PHONE_KEY = "the-key-of-the-phone"
PASSWORD = "correct-horse-7"
NOON = dt.datetime(2026, 3, 5, 12, 0, tzinfo=dt.UTC)


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> dt.datetime:
        return self.now

    def pass_(self, **time: float) -> None:
        self.now += dt.timedelta(**time)


@dataclass
class QuietTelephone:
    """A line on which every call does the same; `allowed` are the callers of those that may be placed."""

    socket: str = "ws://127.0.0.1:9/nowhere/ws"
    facts: tuple[Mapping[str, object], ...] = ()
    allowed: list[str] = field(default_factory=list)
    numbers: tuple[str, ...] = ("13900001008",)  # that are rung

    def lines(self) -> Sequence[str]:
        return ("1008611", "2000")

    def callers(self) -> Sequence[Caller]:
        return (Caller("13900001008", "普通账户", "an ordinary account"), Caller("", "隐藏号码", "withholds the number"))

    def rung(self) -> Collection[str]:
        return self.numbers

    def allow(self, caller: str) -> str:
        self.allowed.append(caller)
        return f"{len(self.allowed):032d}"

    async def watch(self, call: str) -> AsyncIterator[Mapping[str, object]]:
        if call <= f"{len(self.allowed):032d}":
            for fact in self.facts:
                yield fact


@dataclass
class Desk:
    """The console, what stands behind it, and its browsers."""

    console: Console
    store: SqlAccountStore
    gate: Gate
    clock: Clock
    telephone: QuietTelephone
    tickets: SqlTicketStore
    settings: Settings
    words: SqlTranscriptStore

    def __post_init__(self) -> None:
        self.app = make_app(self.console)
        self.pages = make_pages(self.console)

    def browser(self, **headers: str) -> Browser:
        return Browser(self, headers)

    def program(self, token: str) -> TestClient:
        """A program that shows that token, and keeps no cookies."""
        client = TestClient(self.app, base_url=HOST, follow_redirects=False, raise_server_exceptions=False)
        client.headers["authorization"] = f"Bearer {token}"
        return client


class Browser:
    """One browser: it keeps cookies, follows nothing by itself, and has the token of the page that it saw last."""

    def __init__(self, desk: Desk, headers: Mapping[str, str]) -> None:
        self.client = TestClient(desk.app, base_url=HOST, follow_redirects=False, raise_server_exceptions=False)
        self.client.headers.update({"accept": "text/html", **headers})
        self.token = ""

    def open(self, path: str) -> tuple[int, str]:
        """Status and text of a page."""
        answer = self.client.get(path)
        if found := re.search(r'name="csrf" value="([0-9a-f]{64})"|data-token="([0-9a-f]{64})"', answer.text):
            self.token = found[1] or found[2]
        return answer.status_code, answer.text

    def send(self, path: str, **fields: str) -> tuple[int, str]:
        """Status of a form that the last page sends, and where it leads or what it says."""
        answer = self.client.post(path, data={"csrf": self.token, **fields})
        return answer.status_code, answer.headers.get("location", answer.text)

    def sign_in(self, name: str, password: str = PASSWORD) -> int:
        self.open("/sign-in")
        status, _ = self.send("/sign-in", name=name, password=password)
        self.open("/account")
        return status

    def show_phone_key(self) -> None:
        assert self.client.get(f"/phone/{PHONE_KEY}").headers["location"] == "/phone"


@contextlib.contextmanager
def desk(
    folder: Path, telephone: QuietTelephone | None = None, ami_port: int = 9, most_an_hour: int = 0, database: str = ""
) -> Iterator[Desk]:
    """A desk with nobody at it, on a line whose Asterisk is away unless told where. `database` is the address of a PostgreSQL."""
    settings = Settings.from_environment(
        {
            "IVR_VAR": str(folder),
            "IVR_AMI_PORT": str(ami_port),
            "IVR_RECOGNISER": "none",
            "IVR_MIN_FREE_MB": "0",
            "IVR_WEBHOOKS_PRIVATE": "1",
            "IVR_DATABASE": database,
        }
    )
    key = settings.secrets / "data_key"
    tickets = SqlTicketStore.open(settings.store, key, settings.recordings, most_an_hour=most_an_hour)
    clock, store = Clock(), SqlAccountStore(tickets.database, tickets.key)
    gate = Gate(store, Argon2Passwords(memory_kib=8, passes=1), clock)
    phone = telephone or QuietTelephone()
    board = board_of(settings, tickets, clock)
    api = programs_side(settings, tickets, store, clock)
    office = EmbeddedBackOffice(settings.var / "backoffice.db", clock)
    office.seed()
    words = SqlTranscriptStore(tickets.database, tickets.key, settings.recordings)
    callbacks = CallbackDesk(tickets, store, clock, JournalPaths(settings.var / "journal"), office, words, longest_watch=0.1)
    try:
        console = Console(
            gate, phone, board, callbacks, SeatsOfPeople(settings, store), 10086, b"s" * 32, PHONE_KEY, api, ("desk.example",)
        )
        yield Desk(console, store, gate, clock, phone, tickets, settings, words)
    finally:
        office.close()
        tickets.close()


def board_of(settings: Settings, tickets: SqlTicketStore, clock: Clock) -> BoardPages:
    """The pages of supervisors and operators on a line that is not running, at the time of the test."""
    watch, ledger = LineWatcher(settings, tickets, clock), LedgerStatements(settings, tickets)
    desk = Supervision(tickets, tickets, tickets, watch, ledger, SqlTextOutbox(tickets.database, tickets.key), clock)
    return BoardPages(desk, PublishedLines(settings, clock))


async def people(gate: Gate) -> None:
    """One person of each role, named after it."""
    for role in Role:
        await gate.add(role.value, role, PASSWORD, "test")


def between(page: str, begin: str, end: str) -> str:
    """That part of a page."""
    return page.partition(begin)[2].partition(end)[0]


def focusable(part: str) -> list[str]:
    """The tags of what the keyboard can come to."""
    return re.findall(r'<(?:a|button|summary|select|textarea|input(?! type="hidden"))\b[^>]*>', part)


def of_person(there: Desk, name: str, role: Role = Role.AGENT) -> TestClient:
    """The program of a new person."""
    asyncio.run(there.gate.add(name, role, PASSWORD, "test"))
    return there.program(asyncio.run(there.console.api.tokens.add(f"{name}.crm", "test", person=name)))


def of_role(there: Desk, role: Role) -> TestClient:
    """A program of its own."""
    return there.program(asyncio.run(there.console.api.tokens.add(f"{role}.crm", "test", role=role)))
