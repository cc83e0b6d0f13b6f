"""sqlmap against every parameter of the console and of its programs' side that reaches the database: `make sqlmap`.

A real console, served over HTTP, with tickets in it. Exit status 1 when sqlmap finds a way in, or when anything breaks under it.
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

CLEAN = ("do not appear to be injectable", "all tested parameters do not appear")
FOUND = ("identified the following injection point", "is vulnerable")


@dataclass(frozen=True)
class Target:
    """One request. Places to try are the parameters named, and what has a star."""

    name: str
    path: str
    parameters: str = ""
    body: str = ""
    headers: dict[str, str] = field(default_factory=dict)


class Counting:
    """Around the app: how many answers there were, and how many of them told of something broken."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self.statuses: Counter[int] = Counter()
        self.broken: list[str] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                self.statuses[message["status"]] += 1
                if message["status"] >= 500:
                    self.broken.append(f"{message['status']} {scope['method']} {scope['path']}?{scope['query_string'].decode()}")
            await send(message)

        await self._app(scope, receive, counted)


def main(level: str = "1", risk: str = "1") -> int:
    """Try everything; what came of it is printed."""
    if shutil.which("sqlmap") is None:
        print("sqlmap is missing; ask for: apt-get install sqlmap", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as folder, desk(Path(folder) / "var") as there:
        asyncio.run(people(there.gate))
        counting = Counting(make_app(replace(there.console, api=replace(there.console.api, pace=Pace(there.clock, 60, 10**7)))))
        with served(counting) as address:
            results = [_try(target, address, folder, level, risk) for target in targets(there)]
        lost = asyncio.run(there.tickets.audit(there.clock.now))
    clean = sum(results)
    print(f"{len(results)} requests tried at level {level}, risk {risk}: {clean} clean, {len(counting.broken)} answers broken")
    print("answers by status:", ", ".join(f"{status} {number}" for status, number in sorted(counting.statuses.items())))
    for one in (*counting.broken[:20], *lost):
        print(f"  {one}")
    return 0 if clean == len(results) and not counting.broken and not lost else 1


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


def _try(target: Target, address: str, folder: str, level: str, risk: str) -> bool:
    options = [
        "--batch",
        "--disable-coloring",
        "--level",
        level,
        "--risk",
        risk,
        "--dbms",
        "sqlite",
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
    clean = any(word in done.stdout for word in CLEAN) and not any(word in done.stdout for word in FOUND)
    print(f"{target.name:<20}  {'clean' if clean else 'LOOK AT THIS'}", flush=True)
    if not clean:
        print(done.stdout[-3000:])
    return clean


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
