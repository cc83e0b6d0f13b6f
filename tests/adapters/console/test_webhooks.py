"""Webhooks over real connections: what a receiver gets, how it knows from whom, and where nothing is ever sent."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import datetime as dt
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
import structlog

from adapters.console.api.tmf import in_their_words
from adapters.console.posting import HttpPoster, is_public
from adapters.storage.webhooks import SqlWebhookStore
from ivr.desk.webhooks import DISABLED_AFTER, GIVEN_UP_AFTER, Sender, Webhook, in_our_words, pause_after
from ivr.errors import UserError
from tests.adapters.console.desk import NOON, Desk
from tests.adapters.console.test_api import CALLER, MASKED, message

ADDRESS = "https://crm.example/selfline"


@dataclass
class Receiver:
    """An HTTP server that keeps what it gets, and answers what it is told to."""

    answers: list[bytes] = field(default_factory=list)
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    address: str = ""
    host: str = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}
        self.got.append((headers, await reader.readexactly(int(headers["content-length"]))))
        writer.write(self.answers.pop(0) if self.answers else answer(204))
        await writer.drain()
        writer.close()


def answer(status: int, *headers: str) -> bytes:
    return "\r\n".join((f"HTTP/1.1 {status} Word", *headers, "Content-Length: 0", "Connection: close", "", "")).encode()


@contextlib.asynccontextmanager
async def receiving(*answers: bytes) -> AsyncIterator[Receiver]:
    receiver = Receiver(list(answers))
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    receiver.host = f"localhost:{port}"
    receiver.address = f"http://{receiver.host}/in?from=selfline"
    async with server:
        yield receiver


def sender(there: Desk) -> tuple[Sender, SqlWebhookStore]:
    store = SqlWebhookStore(there.tickets.database, there.tickets.key)
    renderings = {"selfline": in_our_words, "tmf621": in_their_words}
    return Sender(store, there.tickets, HttpPoster(allow_private=True), renderings, there.clock), store


def verified(secret: str, headers: dict[str, str], body: bytes) -> bool:
    """As a receiver does it who has read Standard Webhooks and not our code."""
    key = base64.b64decode(secret[len("whsec_") :])
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    return f"v1,{expected}" in headers["webhook-signature"].split(" ")


def test_a_receiver_gets_what_happened_signed_and_without_the_number(there: Desk):
    async def story() -> None:
        async with receiving() as receiver:
            made = await there.console.api.webhooks.add(receiver.address, "admin")
            sends, _ = sender(there)
            reference = await asyncio.to_thread(message, there)
            while await sends.send_next():
                pass

            assert [json.loads(body)["type"] for _, body in receiver.got] == ["ticket.opened", "ticket.message_added"]
            headers, body = receiver.got[0]
            assert verified(made.secret, headers, body)
            assert not verified(made.secret, headers, body + b" ")
            assert headers["host"] == receiver.host
            assert headers["webhook-id"] == f"msg_{reference}_1"
            assert headers["webhook-timestamp"] == str(int(NOON.timestamp()))
            assert json.loads(body)["data"]["caller"] == MASKED
            assert all(CALLER not in told.decode() for _, told in receiver.got)

    asyncio.run(story())


def test_another_desk_gets_events_of_its_own_standard(there: Desk):
    async def story() -> None:
        async with receiving() as receiver:
            await there.console.api.webhooks.add(receiver.address, "desk", ("ticket.opened", "ticket.claimed"), "tmf621")
            sends, _ = sender(there)
            reference = await asyncio.to_thread(message, there)
            await there.tickets.claim(reference, "ann", NOON)
            while await sends.send_next():
                pass

            told = [json.loads(body) for _, body in receiver.got]
            assert [one["eventType"] for one in told] == ["TroubleTicketCreateEvent", "TroubleTicketStatusChangeEvent"]
            assert told[1]["event"]["troubleTicket"]["id"] == reference
            assert told[1]["event"]["troubleTicket"]["status"] == "inProgress"
            assert told[0]["eventId"] != told[1]["eventId"]

    asyncio.run(story())


@pytest.mark.parametrize("status", [500, 302, 404])
def test_what_is_not_taken_comes_again_later_under_the_same_id(there: Desk, status: int):
    async def story() -> None:
        async with receiving(answer(status, "Location: http://127.0.0.1:9/")) as receiver:
            await there.console.api.webhooks.add(receiver.address, "admin", ("ticket.opened",))
            sends, store = sender(there)
            await asyncio.to_thread(message, there)

            assert await sends.send_next()
            assert not await sends.send_next()  # not yet
            there.clock.pass_(seconds=5)
            assert (await store.webhooks())[0].reason == f"answered {status}"
            assert await sends.send_next()

            ids = [headers["webhook-id"] for headers, _ in receiver.got]
            assert len(ids) == 2
            assert len(set(ids)) == 1
            assert (await store.webhooks())[0].failing_since is None

    asyncio.run(story())


def test_a_receiver_that_is_gone_is_told_nothing_any_more(there: Desk):
    async def story() -> None:
        async with receiving(answer(410)) as receiver:
            await there.console.api.webhooks.add(receiver.address, "admin")
            sends, store = sender(there)
            await asyncio.to_thread(message, there)
            with structlog.testing.capture_logs() as logged:
                await sends.send_next()

            assert not await sends.send_next()
            assert (await store.webhooks())[0].disabled_at == NOON
            assert logged == [{"webhook": 1, "reason": "gone", "event": "webhook_disabled", "log_level": "error"}]

    asyncio.run(story())


def test_one_that_takes_nothing_for_days_is_given_up_thing_by_thing_and_then_for_good(there: Desk):
    async def story() -> None:
        async with receiving(*(answer(503) for _ in range(100))) as receiver:
            await there.console.api.webhooks.add(receiver.address, "admin", ("ticket.opened",))
            sends, store = sender(there)
            await asyncio.to_thread(message, there)
            await sends.send_next()
            there.clock.pass_(seconds=GIVEN_UP_AFTER.total_seconds())
            await sends.send_next()
            after_a_day = (await store.webhooks())[0]
            there.clock.pass_(seconds=(DISABLED_AFTER - GIVEN_UP_AFTER).total_seconds())
            await asyncio.to_thread(message, there, "s2", caller="13900001009", at=there.clock.now)
            await sends.send_next()

            assert (after_a_day.waiting, after_a_day.disabled_at) == (1, None)  # what it did not ask for, dropped when looked at next
            assert (await store.webhooks())[0].disabled_at == there.clock.now

    asyncio.run(story())


def test_the_pauses_grow_to_an_hour():
    pauses = [pause_after(tries) / dt.timedelta(seconds=1) for tries in (0, 1, 2, 9, 10, 1_000_000)]

    assert pauses == [5, 10, 20, 2560, 3600, 3600]


def test_nothing_is_sent_where_it_may_not_go():
    """Not even when the name led elsewhere when the webhook was added."""

    async def story() -> None:
        async with receiving() as receiver:
            refusals = [
                await HttpPoster().post(address, {}, b"{}")
                for address in (
                    receiver.address,
                    receiver.address.replace("http", "https"),
                    "https://[::ffff:127.0.0.1]/",
                    "https://169.254.169.254/",
                )
            ]
            assert receiver.got == []
            assert refusals == [
                "an address begins with https:// (IVR_WEBHOOKS_PRIVATE=1 allows others)",
                "its name leads to an address that is not of the public internet",
                "that address is not of the public internet (IVR_WEBHOOKS_PRIVATE=1 allows it)",
                "that address is not of the public internet (IVR_WEBHOOKS_PRIVATE=1 allows it)",
            ]

    asyncio.run(story())


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1", "255.255.255.255",
     "::1", "::", "fe80::1%eth0", "fc00::1", "ff02::1", "::ffff:10.0.0.1", "2002:7f00:1::", "64:ff9b::a00:1"],
)  # fmt: skip
def test_these_addresses_are_not_public(address: str):
    assert not is_public(address)


@pytest.mark.parametrize("address", ["1.1.1.1", "2606:4700:4700::1111", "64:ff9b::101:101"])
def test_these_are(address: str):
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    ["ftp://a.example/", "https://", "https://ann:secret@a.example/", "https://a.example/#x", "a.example", "https://a.example:99999/"],
)
def test_an_address_that_nothing_can_be_sent_to_is_refused_at_once(there: Desk, address: str):
    with pytest.raises(UserError):
        asyncio.run(there.console.api.webhooks.add(address, "admin"))


def test_there_are_no_events_but_those_that_there_are(there: Desk):
    with pytest.raises(UserError, match=r"there is no event ticket\.lost; there are ticket\.call_ended, "):
        asyncio.run(there.console.api.webhooks.add(ADDRESS, "admin", ("ticket.lost",)))


def test_nobody_waits_for_a_receiver_that_says_nothing(there: Desk):
    """It has five seconds; here it hangs up at once, which is as good as silence."""

    async def story() -> None:
        async with receiving(b"") as receiver:
            hook = Webhook(receiver.address, "selfline", (), "whsec_c2VjcmV0", "admin", NOON)
            assert await HttpPoster(allow_private=True).post(hook.address, {}, b"{}") == "not reached: RemoteProtocolError"
        assert await HttpPoster(allow_private=True).post(receiver.address, {}, b"{}") == "not reached: ConnectError"
        assert await HttpPoster(allow_private=True).post("http://no-such-name.invalid/", {}, b"{}") == "the name is not known"

    asyncio.run(story())
