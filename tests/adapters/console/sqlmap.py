"""sqlmap against every parameter of the console and of its programs' side that reaches the database: `make sqlmap`.

A real console, served over HTTP, with tickets in it, on SQLite and then on PostgreSQL. Exit status 1 when sqlmap finds a way in, or when
anything breaks under it. Where passwords are typed, wrong ones are forgotten before each request, so that names and passwords are looked at
each time and not only until the account is locked.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from adapters.console.app import make_app
from ivr.desk.pace import Pace
from ivr.desk.people import Role
from tests.adapters.console.desk import Desk, desk, people
from tests.adapters.console.test_api import message
from tests.databases import KINDS, new_database

NOT_INJECTABLE = "does not seem to be injectable"  # said of each place, and sometimes of more
FOUND = ("identified the following injection point", "is vulnerable")
PASSWORDS = {"/sign-in": "agent", "/account/password": "supervisor"}  # whose wrong ones are forgotten


@dataclass(frozen=True)
class Target:
    """One request. Places to try are the parameters named, and what has a star."""

    name: str
    path: str
    parameters: str = ""
    body: str = ""
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def places(self) -> int:
        """How many places there are to try."""
        return len(self.parameters.split(",")) if self.parameters else sum(text.count("*") for text in (self.path, *self.headers.values()))


class Counting:
    """The app at no pace and with no lock-out: how many answers there were, and how many of them told of something broken."""

    def __init__(self, there: Desk) -> None:
        api = replace(there.console.api, pace=Pace(there.clock, 60, 10**7))
        self._app = make_app(replace(there.console, api=api))
        self._store = there.store
        self.statuses: Counter[int] = Counter()
        self.broken: list[str] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                self.statuses[message["status"]] += 1
                if message["status"] >= 500:
                    self.broken.append(f"{message['status']} {scope['method']} {scope['path']}?{scope['query_string'].decode()}")
            await send(message)

        if scope["path"] in PASSWORDS:
            await self._store.tries_forgotten(PASSWORDS[scope["path"]])
        await self._app(scope, receive, counted)


def main(level: str = "1", risk: str = "1", *kinds: str) -> int:
    """Try everything on these databases, or on each; what came of it is printed."""
    if shutil.which("sqlmap") is None:
        print("sqlmap is missing; ask for: apt-get install sqlmap", file=sys.stderr)
        return 2
    return max([attack(kind, level, risk) for kind in kinds or KINDS])


def attack(kind: str, level: str, risk: str) -> int:
    """Try everything on one database. 1 when there was a way in, or when anything broke."""
    with tempfile.TemporaryDirectory() as folder, desk(Path(folder) / "var", database=_address(kind, folder)) as there:
        asyncio.run(people(there.gate))
        counting = Counting(there)
        with served(counting) as address:
            all_of_it = targets(there)
            results = [_try(target, address, folder, kind, level, risk) for target in all_of_it]
        lost = asyncio.run(there.tickets.audit(there.clock.now))
    clean, places = sum(results), sum(target.places for target in all_of_it)
    print(f"{kind}, level {level}, risk {risk}: {clean} of {len(results)} requests clean, {places} places in them", end="; ")
    print(f"{counting.statuses.total()} answers, {len(counting.broken)} of them broken")
    print("answers by status:", ", ".join(f"{status} {number}" for status, number in sorted(counting.statuses.items())))
    for one in (*counting.broken[:20], *lost):
        print(f"  {one}")
    return 0 if clean == len(results) and not counting.broken and not lost else 1


def _address(kind: str, folder: str) -> str:
    """The address of a database of that kind; "" for that of the desk itself."""
    made = new_database(kind, Path(folder))
    return made if isinstance(made, str) else ""


@contextmanager
def served(app: ASGIApp) -> Iterator[str]:
    """The app at an address of this machine."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


def targets(there: Desk) -> list[Target]:
    """What is tried."""
    reference = message(there, topic="bill")
    tokens = there.console.api.tokens
    bearer = {role: {"Authorization": f"Bearer {asyncio.run(tokens.add(f'map-{role}', 'test', role=role))}"} for role in Role}
    chief, admin = bearer[Role.SUPERVISOR], bearer[Role.ADMIN]
    browser, boss = there.browser(), there.browser()
    browser.open("/sign-in")
    boss.sign_in("supervisor")
    signed_out, signed_in = ({"Cookie": "; ".join(f"{k}={v}" for k, v in one.client.cookies.items())} for one in (browser, boss))
    api, tmf = "/api/v1", "/tmf-api/troubleTicket/v4"
    closing = '{"claim_token": 1, "note": "x", "outcome": "answered"}'
    listening = '{"callback": "https://desk.example/in", "query": "eventType=TroubleTicketCreateEvent"}'
    theirs = "ticketType=bill&status=acknowledged&offset=0&fields=id"
    chief_sends, admin_sends = {**chief, "Content-Type": "application/json"}, {**admin, "Content-Type": "application/json"}
    filters = "topic=bill&line=1008611&assignee=ann&order=due_at&limit=5&state=open&created_since=2026-03-01T00:00:00Z"
    promised = {
        "description": "x",
        "severity": "Minor",
        "ticketType": "bill",
        "externalId": "1",
        "relatedParty": [{"id": "13900001008", "role": "customer"}],
    }
    return [
        Target("tickets, filtered", f"{api}/tickets?{filters}", "topic,line,assignee,order,limit,state,created_since", headers=chief),
        Target("tickets, next page", f"{api}/tickets?after=WyJkdWVfYXQiLCAiMSIsICIxIl0", "after", headers=chief),
        Target("queue", f"{api}/queue?limit=5", "limit", headers=chief),
        Target("one ticket", f"{api}/tickets/{reference}*", headers=chief),
        Target("its history", f"{api}/tickets/{reference}*/history", headers=chief),
        Target("its message", f"{api}/tickets/{reference}/messages/1*/audio", headers=chief),
        Target("claim", f"{api}/tickets/{reference}*/claim", body="{}", headers=chief_sends),
        Target("idempotency key", f"{api}/tickets/next", body="{}", headers={**chief_sends, "Idempotency-Key": "job*"}),
        Target("reassign", f"{api}/tickets/{reference}/reassign", "to", '{"to": "agent"}', chief_sends),
        Target("close", f"{api}/tickets/{reference}/close", "note,outcome", closing, chief_sends),
        Target("statement", f"{api}/statement?from=2026-03-01&to=2026-03-31", "from,to", headers=chief),
        Target("facts", f"{api}/facts?limit=5", "limit", headers=chief),
        Target("webhooks", f"{api}/webhooks", "address", '{"address": "https://crm.example/in"}', admin_sends),
        Target("webhook", f"{api}/webhooks/1*", headers=admin),
        Target("token", f"{api}/tickets", headers={"Authorization": "Bearer slf_x*"}),
        Target("trouble tickets", f"{tmf}/troubleTicket?{theirs}", "ticketType,status,offset,fields", headers=chief),
        Target("promise", f"{tmf}/troubleTicket", "externalId,ticketType,id", json.dumps(promised), chief_sends),
        Target("listener", f"{tmf}/hub", "query", listening, chief_sends),
        Target("signing in", "/sign-in", "name,password,next", f"csrf={browser.token}&name=agent&password=x&next=/", signed_out),
        Target("another password", "/account/password", "old,new", f"csrf={boss.token}&old=x&new=y", signed_in),
        Target("session", "/account", headers={"Cookie": "selfline-session-10086=*"}),
        Target("statement page", "/statement?from=2026-03-01&to=2026-03-31", "from,to", headers=signed_in),
        Target("closures page", "/closures?day=2026-03-05", "day", headers=signed_in),
        Target("ticket page", f"/board/tickets/{reference}*", headers=signed_in),
        Target("tickets table", "/sheets/tickets.csv?from=2026-03-01&to=2026-03-31", "from,to", headers=signed_in),
        Target("find a ticket", "/board/tickets?reference=123456", "reference", headers=signed_in),
        Target("another agent", f"/board/tickets/{reference}/agent", "agent", f"csrf={boss.token}&agent=agent", signed_in),
        Target("a closure", f"/closures/{reference}*", "", f"csrf={boss.token}&day=2026-03-05&verdict=good&note=x", signed_in),
        Target("desk", "/desk?show=mine&told=x", "show,told", headers=signed_in),
        Target("desk, one ticket", f"/tickets/{reference}*", headers=signed_in),
        Target("desk, claim", f"/tickets/{reference}*/claim", "", f"csrf={boss.token}", signed_in),
        Target("desk, hand over", f"/tickets/{reference}/hand-over", "to", f"csrf={boss.token}&to=agent", signed_in),
        Target("desk, close", f"/tickets/{reference}/close", "note,outcome", f"csrf={boss.token}&note=x&outcome=answered", signed_in),
    ]  # fmt: skip


def _try(target: Target, address: str, folder: str, kind: str, level: str, risk: str) -> bool:
    options = [
        "--batch",
        "--disable-coloring",
        "--level",
        level,
        "--risk",
        risk,
        "--dbms",
        kind,
        "--output-dir",
        folder,
        "--flush-session",
    ]
    options += ["--ignore-code", "*", "--skip-waf", "--answers", "redirect=N", "--time-sec", "3"]
    options += ["-p", target.parameters] if target.parameters else []
    options += ["--data", target.body] if target.body else []
    for name, value in target.headers.items():
        options += ["-H", f"{name}: {value}"]
    done = subprocess.run(["sqlmap", "-u", f"{address}{target.path}", *options], capture_output=True, text=True, timeout=1800, check=False)
    clean = done.stdout.count(NOT_INJECTABLE) >= target.places and not any(word in done.stdout for word in FOUND)
    print(f"{kind:<10}  {target.name:<20}  {'clean' if clean else 'LOOK AT THIS'}", flush=True)
    if not clean:
        print(done.stdout[-3000:])
    return clean


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
