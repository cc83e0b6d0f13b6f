"""Fifty agents in a storm: each has the list open, with its feed, and beside it claims and closes as fast as the console answers.

    python -m tests.adapters.console.storm [CLAIMS [TICKETS]]        (make storm)

The console is a process of its own, on SQLite and then on PostgreSQL, with 5,000 tickets that wait. Every agent is a browser as the console
sees one: signed in, with cookies, a feed that says that something has changed, and a list that is then asked for once more. What is told:
claims a second, how long a claim and a refreshed list took, and the console's processor time for a claim, all that it caused included.
"""

from __future__ import annotations

import asyncio
import dataclasses
import datetime as dt
import os
import re
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode

from sqlalchemy import Connection, Table, insert, text

from adapters.storage import tables as t
from ivr.bootstrap.line import CONSOLE, ServiceProcess
from ivr.bootstrap.people import at_gate
from ivr.bootstrap.stores import open_store
from ivr.calls.times import LINE_ZONE
from ivr.config import Settings
from ivr.desk.gate import Gate
from ivr.desk.people import Account, AccountStore, Role
from tests.adapters.telephony.asterisk_line import settings_for
from tests.contracts.stories import SPEECH
from tests.databases import KINDS, new_database

AGENTS = 50
PASSWORD = "correct-horse-7"
HOUR = dt.timedelta(hours=1)
TICK = os.sysconf("SC_CLK_TCK")


@dataclass
class Answer:
    """What the console answered."""

    status: int
    headers: dict[str, str]
    text: str = ""


@dataclass
class Measured:
    """What the agents saw, in seconds; `cpu` is the console's processor time."""

    claims: list[float] = field(default_factory=list)
    closes: list[float] = field(default_factory=list)
    lists: list[float] = field(default_factory=list)
    took: float = 0.0
    cpu: float = 0.0

    def __str__(self) -> str:
        done = len(self.claims)
        told = (("claim", self.claims), ("close", self.closes), ("list refreshed", self.lists))
        times = "; ".join(f"{name} {_at(of, 0.5):.0f} / {_at(of, 0.99):.0f} ms" for name, of in told)
        lists = f"{len(self.lists)} lists, {len(self.lists) / self.took:.0f} a second"
        cpu = f"{1000 * self.cpu / done:.0f} ms of the console's processor time a claim ({100 * self.cpu / self.took:.0f} % of a core)"
        return f"{done} claims, {done / self.took:.1f} a second; {lists}; p50 / p99: {times}; {cpu}"


class Browser:
    """One agent's browser: its cookies, and a connection for one request at a time."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.cookies: dict[str, str] = {}
        self.token = ""

    def tab(self) -> Tab:
        """A tab, which asks by itself."""
        return Tab(self)

    async def sign_in(self, name: str) -> None:
        tab = self.tab()
        await tab.open("/sign-in")
        assert (await tab.send("/sign-in", name=name, password=PASSWORD)).status == 303
        await tab.open("/desk")


class Tab:
    """A connection that is kept."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def open(self, path: str, **headers: str) -> Answer:
        """A page, and the token for its forms."""
        answer = await self._ask("GET", path, headers, b"")
        if found := re.search(r'name="csrf" value="([0-9a-f]{64})"', answer.text):
            self._browser.token = found[1]
        return answer

    async def send(self, path: str, **fields: str) -> Answer:
        """A form."""
        body = urlencode({"csrf": self._browser.token, **fields}).encode()
        return await self._ask("POST", path, {"Content-Type": "application/x-www-form-urlencoded"}, body)

    async def feed(self) -> AsyncIterator[str]:
        """The lines of a feed until the console ends it."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self._browser.port)
        try:
            writer.write(self._head("GET", "/desk/live", {}, 0))
            answer = await self._begin(reader)
            assert answer.status == 200, answer
            while line := await reader.readline():
                if line.startswith(b"data:"):
                    yield line.decode()
        finally:
            writer.close()

    async def _ask(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Answer:
        for _ in range(2):  # the console closes what was idle for a while
            reader, writer = self._streams or await asyncio.open_connection("127.0.0.1", self._browser.port)
            fresh, self._streams = self._streams is None, (reader, writer)
            try:
                writer.write(self._head(method, path, headers, len(body)) + body)
                answer = await self._begin(reader)
                answer.text = (await reader.readexactly(int(answer.headers.get("content-length", 0)))).decode()
            except (ConnectionError, asyncio.IncompleteReadError):
                self._streams = None
                assert not fresh
                continue
            assert answer.status < 400, (path, answer)
            return answer
        raise AssertionError("no answer")

    def _head(self, method: str, path: str, headers: dict[str, str], length: int) -> bytes:
        all_headers = {
            "Host": f"127.0.0.1:{self._browser.port}",
            "Accept": "text/html",
            "Cookie": "; ".join(f"{name}={value}" for name, value in self._browser.cookies.items()),
            "Content-Length": str(length),
            **headers,
        }
        lines = "".join(f"{name}: {value}\r\n" for name, value in all_headers.items())
        return f"{method} {path} HTTP/1.1\r\n{lines}\r\n".encode()

    async def _begin(self, reader: asyncio.StreamReader) -> Answer:
        lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers: dict[str, str] = {}
        for line in filter(None, lines[1:]):
            name, _, value = line.partition(": ")
            headers[name.lower()] = value
            if name.lower() == "set-cookie":
                cookie, _, kept = value.partition(";")[0].partition("=")
                self._browser.cookies[cookie] = kept
        return Answer(int(lines[0].split()[1]), headers)


async def watch(browser: Browser, seen: Measured) -> None:
    """The list that is open: it is asked for anew when something has changed, once at a time, as htmx does."""
    changed = asyncio.Event()

    async def follow() -> None:
        while True:
            async for _ in browser.tab().feed():
                changed.set()

    async def refresh() -> None:
        tab = browser.tab()
        while True:
            await changed.wait()
            changed.clear()
            begun = time.perf_counter()
            await tab.open("/desk?show=waiting", **{"X-Background": "1", "HX-Request": "true"})
            seen.lists.append(time.perf_counter() - begun)

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(follow())
        tasks.create_task(refresh())


async def work(browser: Browser, claims: int, seen: Measured) -> None:
    """Take the next, look at it, close it, and see the list again."""
    tab = browser.tab()
    for _ in range(claims):
        begun = time.perf_counter()
        where = (await tab.send("/desk/next")).headers["location"]
        seen.claims.append(time.perf_counter() - begun)
        assert where.startswith("/tickets/"), where
        await tab.open(where)
        begun = time.perf_counter()
        done = await tab.send(f"{where}/close", note="已告知", outcome="answered")
        seen.closes.append(time.perf_counter() - begun)
        assert done.headers["location"] == "/desk?told=closed", done
        await tab.open("/desk?told=closed")


async def storm(settings: Settings, claims: int) -> Measured:
    """All agents at once, on a console that is started for them."""
    console = ServiceProcess(CONSOLE, settings)
    await console.start()
    assert console.pid is not None
    seen = Measured()
    try:
        browsers = [Browser(settings.console_port) for _ in range(AGENTS)]
        for number, browser in enumerate(browsers):
            await browser.sign_in(_name(number))
        watching = [asyncio.create_task(watch(browser, seen)) for browser in browsers]
        while len(seen.lists) < AGENTS:
            await asyncio.sleep(0.1)
            _must_run(watching)
        await asyncio.sleep(2)
        seen.lists.clear()
        begun, cpu = time.perf_counter(), _cpu(console.pid)
        await asyncio.gather(*(work(browser, claims // AGENTS, seen) for browser in browsers))
        seen.took, seen.cpu = time.perf_counter() - begun, _cpu(console.pid) - cpu
        _must_run(watching)
        for task in watching:
            task.cancel()
        await asyncio.gather(*watching, return_exceptions=True)
    finally:
        await console.stop()
    return seen


def prepare(settings: Settings, tickets: int) -> None:
    """The people, and tickets that wait: a call and a message each."""
    at_gate(settings, _add_people)
    store = open_store(settings)
    try:
        settings.recordings.mkdir(parents=True)
        store.database.at_once(lambda connection: _fill(connection, settings, store.key.encrypt("13900001008"), tickets))
    finally:
        store.close()


async def _add_people(gate: Gate, store: AccountStore) -> None:
    await gate.add(_name(0), Role.AGENT, PASSWORD, "test")
    first = await store.account(_name(0))
    assert first is not None
    for number in range(1, AGENTS):
        await store.add(Account(_name(number), Role.AGENT, first.password, first.created_at))


def _fill(connection: Connection, settings: Settings, number: bytes, tickets: int) -> None:
    """By no way of ours: taking each message, with all that makes it safe, would take minutes."""
    now = dt.datetime.now(LINE_ZONE)
    rows: dict[Table, list[dict[str, object]]] = {t.call: [], t.ticket: [], t.ticket_event: [], t.message: []}
    for place in range(1, tickets + 1):
        begun = now - dt.timedelta(minutes=50) + dt.timedelta(minutes=40) * place / tickets
        mac, name, of = place.to_bytes(32), f"call-{place}", {"topic": "callback", "language": "zh-CN", "trust": 0}
        call = {"caller_hmac": mac, "caller_enc": number, "dialled": "1008611"}
        times = {"created_at": begun, "not_before": begun, "due_at": begun + 2 * HOUR, "hard_due_at": begun + 24 * HOUR}
        counts = {"priority": 100, "escalation": 0, "claim_token": 0, "heard": 0, "attempts": 0}
        event = {"ticket_id": place, "seq": 1, "at": begun, "actor": "engine", "kind": "opened", "body": "{}", "hash": mac}
        kept = {"recording": f"{name}.alaw", "size": len(SPEECH), "samples": len(SPEECH), "sha256": "0" * 64, "partial": False}
        (settings.recordings / f"{name}.alaw").write_bytes(SPEECH)
        rows[t.call].append({**call, "session": name, "channel": "line", "begun_at": begun})
        rows[t.ticket].append({**call, **of, **times, **counts, "id": place, "reference": str(100_000 + place), "state": "open"})
        rows[t.ticket_event].append(event)
        rows[t.message].append(
            {**of, **kept, "key": f"{name}/leave/1", "session": name, "node": "leave", "count": 1, "ticket_id": place, "state": "captured"}
            | {"begun_at": begun, "recorded_at": begun, "sealed": False}
        )
    for table, new in rows.items():
        connection.execute(insert(table), new)
    connection.execute(text("ANALYZE"))


def _name(number: int) -> str:
    return f"agent{number:02}"


def _cpu(pid: int) -> float:
    """Processor time that a process has used, in seconds."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def _at(times: list[float], share: float) -> float:
    """That part of the times is not longer, in milliseconds."""
    ordered = sorted(times)
    return 1000 * ordered[min(int(len(ordered) * share), len(ordered) - 1)]


def _must_run(watching: list[asyncio.Task[None]]) -> None:
    for task in watching:
        if task.done():
            task.result()


def main(claims: int = 500, tickets: int = 5000) -> None:
    """Both databases, one after the other."""
    for kind in KINDS:
        with tempfile.TemporaryDirectory(prefix="selfline-storm-") as folder:
            var = Path(folder)
            settings = dataclasses.replace(settings_for(var), calling_hours=(dt.time(0), dt.time.max))
            if kind != "sqlite":
                settings = dataclasses.replace(settings, database_address=str(new_database(kind, var)))
            prepare(settings, tickets)
            sys.stdout.write(f"{kind}, {AGENTS} agents, {tickets} tickets: {asyncio.run(storm(settings, claims))}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
