"""`ivr console` as an operator uses it: the people, and a console that is started by itself."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import hmac
import json
import os
import queue
import re
import signal
import socket
import subprocess
import sys
import threading
import urllib.request
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from click.testing import CliRunner

from ivr.bootstrap.line import CONSOLE, ServiceProcess
from ivr.cli import verbs
from tests.adapters.telephony.asterisk_line import settings_for
from tests.conftest import HOME
from tests.test_cli import ivr


def console(var: Path, *arguments: str) -> tuple[int, str]:
    """The verb in this process: its status, and what it printed or the error that it ended with."""
    done = CliRunner(env={"IVR_VAR": str(var)}).invoke(verbs, ["console", *arguments])
    return done.exit_code, done.output or str(done.exception)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_people_are_added_given_passwords_closed_and_opened(tmp_path: Path):
    added = console(tmp_path, "users", "add", "ann", "--role", "agent")
    again = console(tmp_path, "users", "add", "ann", "--role", "admin")
    bad = console(tmp_path, "users", "add", "Ann Lee", "--role", "agent")
    seat = console(tmp_path, "users", "seat", "ann")
    changed = console(tmp_path, "users", "passwd", "ann")
    closed = console(tmp_path, "users", "close", "ann")
    no_seat = console(tmp_path, "users", "seat", "ann")
    listed = console(tmp_path, "users", "list", "--format", "json")
    opened = console(tmp_path, "users", "open", "ann")
    shown = console(tmp_path, "users", "list")
    unknown = console(tmp_path, "users", "passwd", "bob")

    assert added[0] == 0
    assert re.match(r"ann may sign in as agent, password (?:[a-z2-9]{5}-){3}[a-z2-9]{5} \(told this once\)\n", added[1])
    assert again == (1, "there is an account ann already")
    assert bad[0] == 1
    assert re.fullmatch(r"server    127\.0\.0\.1:\d+\nuser      seat-01\npassword  [0-9a-f]{24}\n", seat[1])
    assert no_seat == (1, "ann has no seat: agents and supervisors have one, as long as there are free ones (IVR_SEATS)")
    assert changed[1].startswith("the password of ann is changed: ")
    assert closed == (0, "ann may not sign in any more\n")
    (ann,) = json.loads(listed[1])
    assert (ann["name"], ann["role"], ann["closed"]) == ("ann", "agent", True)
    assert "password" not in ann
    assert ann["seat"] is None
    assert re.fullmatch(r"ann +agent +\d{4}-\d\d-\d\d  seat 1\n", shown[1])
    assert opened[0] == 0
    assert opened[1].splitlines()[0] == "ann may sign in again"
    assert opened[1].splitlines()[2].startswith("telephone  seat 1: ")
    assert unknown == (1, "there is no account bob")
    assert console(tmp_path, "audit") == (0, "nothing has been changed  记录完整\n")


def test_who_adds_a_person_is_told_where_they_sign_in_and_where_their_telephone_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("IVR_SEATS", "1")

    agent = console(tmp_path, "users", "add", "ann", "--role", "agent")
    no_seat = console(tmp_path, "users", "add", "bo", "--role", "supervisor")
    operator = console(tmp_path, "users", "add", "olga", "--role", "operator")

    assert agent[1].splitlines()[1:] == [
        "sign in    http://127.0.0.1:10086/desk",
        "telephone  seat 1: in the page, under 坐席话机 My telephone, with nothing to set up;",
        "           what a SIP telephone registers with: ivr console users seat ann",
    ]
    assert no_seat[1].splitlines()[1:] == [
        "sign in    http://127.0.0.1:10086/desk",
        "telephone  none: all seats are taken (IVR_SEATS=1)",
    ]
    assert operator[1].splitlines()[1:] == ["sign in    http://127.0.0.1:10086/"]
    assert re.search(r"^password  [0-9a-f]{24}$", console(tmp_path, "users", "seat", "ann")[1], re.MULTILINE)


def test_a_console_by_itself_tells_its_addresses_and_the_first_password_once(tmp_path: Path):
    port = free_port()
    environment = {
        **os.environ,
        "PYTHONPATH": str(HOME),
        "PYTHONUNBUFFERED": "1",
        "IVR_VAR": str(tmp_path),
        "IVR_CONSOLE_PORT": str(port),
    }

    def start() -> list[str]:
        """What it says until its page can be opened; then it is ended."""
        with subprocess.Popen(
            [sys.executable, "-m", "ivr.cli", "console"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
        ) as running:
            assert running.stdout is not None
            said = []
            try:
                for text in running.stdout:
                    said.append(text)
                    if "console_ready" in text:
                        break
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/sign-in", timeout=10) as page:
                    assert "登录" in page.read().decode()
                taken = ivr("console", "--quiet", IVR_VAR=str(tmp_path), IVR_CONSOLE_PORT=str(port))
            finally:
                running.send_signal(signal.SIGTERM)
            said += running.stdout.readlines()
            assert taken.stderr == (
                f"ivr: the console cannot have TCP port {port} of 127.0.0.1: Address already in use;"
                " see IVR_CONSOLE_HOST and IVR_CONSOLE_PORT\n"
            )
        return said

    first, second = start(), start()

    assert re.fullmatch(rf"telephone: http://127\.0\.0\.1:{port}/phone/[0-9a-f]{{20}}\n", first[0])
    assert first[1] == f"console:   http://127.0.0.1:{port}/\n"
    assert first[2].startswith("sign in as admin, password ")
    assert second[:2] == first[:2]
    assert "password" not in "".join(second)
    assert console(tmp_path, "link") == (0, first[0].removeprefix("telephone: ").replace(f":{port}", ":10086"))


def test_a_console_has_room_for_every_seat_with_all_its_tabs_open(tmp_path: Path):
    settings = replace(settings_for(tmp_path), seats=60)

    async def story() -> bytes:
        running = ServiceProcess(CONSOLE, settings)
        await running.start()
        try:
            async with contextlib.AsyncExitStack() as stack:
                for _ in range(60 * 5):
                    _, writer = await asyncio.open_connection("127.0.0.1", settings.console_port)
                    stack.callback(writer.close)
                reader, writer = await asyncio.open_connection("127.0.0.1", settings.console_port)
                stack.callback(writer.close)
                writer.write(f"GET /sign-in HTTP/1.1\r\nHost: 127.0.0.1:{settings.console_port}\r\n\r\n".encode())
                return await reader.readline()
        finally:
            await running.stop()

    assert asyncio.run(story()) == b"HTTP/1.1 200 OK\r\n"


def test_who_asks_for_tokens_and_webhooks_where_there_are_none_is_told_so(tmp_path: Path):
    console(tmp_path, "users", "add", "ann", "--role", "agent")

    assert console(tmp_path, "tokens", "list") == (0, "no tokens yet  还没有令牌\n")
    assert console(tmp_path, "webhooks", "list") == (0, "no webhooks yet  还没有通知地址\n")


def test_tokens_are_made_listed_and_revoked(tmp_path: Path):
    console(tmp_path, "users", "add", "ann", "--role", "agent")

    made = console(tmp_path, "tokens", "add", "crm", "--for", "ann")
    of_role = console(tmp_path, "tokens", "add", "wall", "--role", "supervisor")
    neither = console(tmp_path, "tokens", "add", "x")
    again = console(tmp_path, "tokens", "add", "crm", "--role", "agent")
    revoked = console(tmp_path, "tokens", "revoke", "crm")
    listed = console(tmp_path, "tokens", "list")[1]
    known = json.loads(console(tmp_path, "tokens", "list", "--format", "json")[1])

    assert re.fullmatch(r"crm shows this token \(told this once\): slf_[A-Za-z0-9_-]{43}\n", made[1])
    assert of_role[0] == 0
    assert neither == (1, "a token is for a role or for a person: say one of the two")
    assert again == (1, "there is or was a token crm already; take another name")
    assert revoked == (0, "the token crm opens nothing any more\n")
    assert [line.split() for line in listed.splitlines()] == [
        ["crm", "for", "ann", listed.split()[3], "revoked"],
        ["wall", "supervisor", listed.split()[-1]],
    ]
    assert [(one["name"], one["for"], one["role"], one["revoked_at"] is None) for one in known] == [
        ("crm", "ann", None, False),
        ("wall", None, "supervisor", True),
    ]
    assert console(tmp_path, "tokens", "revoke", "crm") == (1, "there is no token crm to revoke")


def test_webhooks_are_added_listed_and_removed(tmp_path: Path):
    console(tmp_path, "users", "add", "ann", "--role", "agent")

    made = console(tmp_path, "webhooks", "add", "https://crm.example/in", "--event", "ticket.opened")
    private = console(tmp_path, "webhooks", "add", "https://10.0.0.1/in")
    unknown = console(tmp_path, "webhooks", "add", "https://crm.example/in", "--event", "ticket.lost")
    listed = console(tmp_path, "webhooks", "list")[1]
    known = json.loads(console(tmp_path, "webhooks", "list", "--format", "json")[1])

    assert re.fullmatch(r"webhook 1 tells https://crm\.example/in; secret whsec_[A-Za-z0-9+/]{43}= \(told this once\)\n", made[1])
    assert private == (1, "that address is not of the public internet (IVR_WEBHOOKS_PRIVATE=1 allows it)")
    assert unknown[1].startswith("there is no event ticket.lost; there are ticket.call_ended, ")
    assert listed.split() == ["1", "fine", "0", "waiting", "https://crm.example/in"]
    assert (known[0]["events"], known[0]["waiting"]) == (["ticket.opened"], 0)
    assert console(tmp_path, "webhooks", "remove", "1") == (0, "webhook 1 is told nothing any more\n")
    assert console(tmp_path, "webhooks", "remove", "1")[0] == 1


def test_another_desk_promises_a_call_and_the_console_tells_a_third_system(tmp_path: Path):
    """The whole way over the network: a token, a promise, a ticket, a signed event."""
    told: queue.Queue[tuple[str, dict[str, str], bytes]] = queue.Queue()

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            told.put((self.path, {name.lower(): value for name, value in self.headers.items()}, body))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *arguments: object) -> None:
            """Nothing to say."""

    receiver = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=receiver.serve_forever, daemon=True).start()
    port = free_port()
    here = {"IVR_VAR": str(tmp_path), "IVR_CONSOLE_PORT": str(port), "IVR_WEBHOOKS_PRIVATE": "1"}
    environment = {**os.environ, "PYTHONPATH": str(HOME), "PYTHONUNBUFFERED": "1", **here}
    console(tmp_path, "users", "add", "ann", "--role", "agent")
    token = console(tmp_path, "tokens", "add", "shop", "--role", "supervisor")[1].split()[-1]
    added = ivr("console", "webhooks", "add", f"http://127.0.0.1:{receiver.server_port}/in", "--event", "ticket.opened", **here).stdout
    secret = re.search(r"whsec_\S+", added)
    assert secret is not None
    promise = {
        "description": "wants to know why the bill is so high",
        "severity": "Minor",
        "ticketType": "bill",
        "externalId": "CRM-1",
        "relatedParty": [{"id": "13900001008", "role": "customer"}],
    }
    asked = urllib.request.Request(
        f"http://127.0.0.1:{port}/tmf-api/troubleTicket/v4/troubleTicket",
        json.dumps(promise).encode(),
        {"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
    )
    with subprocess.Popen(
        [sys.executable, "-m", "ivr.cli", "console"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
    ) as running:
        assert running.stdout is not None
        try:
            while "console_ready" not in (line := running.stdout.readline()):
                assert line, "the console has ended"
            with urllib.request.urlopen(asked, timeout=30) as answer:
                reference = json.load(answer)["id"]
            path, headers, body = told.get(timeout=60)
        finally:
            running.send_signal(signal.SIGTERM)
            said = running.stdout.read()
            receiver.shutdown()
            receiver.server_close()

    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    key = base64.b64decode(secret[0].removeprefix("whsec_"))
    assert (path, json.loads(body)["type"], json.loads(body)["data"]["reference"]) == ("/in", "ticket.opened", reference)
    assert headers["webhook-signature"] == "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    assert ivr("tickets", "list", **here).stdout.count(reference) == 1
    assert "13900001008" not in body.decode() + said
    assert token not in said
