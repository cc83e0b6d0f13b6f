"""The FastAGI server: who gets a call, who does not, and how it goes when there are too many of them."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections.abc import AsyncIterator

import pytest
import structlog

from adapters.telephony.agi_channel import AgiChannel
from adapters.telephony.agi_request import IncomingCall
from adapters.telephony.fastagi_server import FastAgiServer, Limits
from ivr.core.commands import Play, Release
from ivr.core.events import Released
from ivr.errors import SettingsError
from tests.adapters.telephony.agi_line import NOON, a_server, run, say
from tests.adapters.telephony.fake_asterisk import HANGUP, SESSION, FakeCall, environment

TOKEN = "t0ken-of-this-test"
GOOD = f"main?sid={SESSION}&caller=13900000001&dialled=1008611"


class Line:
    """A handler that says hello and releases, and remembers its calls."""

    def __init__(self) -> None:
        self.calls: list[IncomingCall] = []
        self.events: list[object] = []

    async def __call__(self, call: IncomingCall, channel: AgiChannel) -> None:
        self.calls.append(call)
        await channel.perform(Play(say("hello")))
        self.events.append(await channel.perform(Release()))


@contextlib.asynccontextmanager
async def serving(server: FastAgiServer) -> AsyncIterator[FastAgiServer]:
    await server.start()
    try:
        yield server
    finally:
        await server.close_and_drain(5.0)


async def until(condition) -> None:
    """Wait for a condition of the server's own making."""
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110  # the server has no event for its counters, and needs none
            await asyncio.sleep(0)


def rung(tmp_path, call: FakeCall, **options) -> tuple[Line, list]:
    """Let the call ring at a server with a `Line`; the line, and what was logged."""
    line = Line()

    async def work() -> None:
        async with serving(a_server(tmp_path, line, **options)) as server:
            await call.ring(server.port)

    with structlog.testing.capture_logs() as logs:
        run(work())
    return line, logs


def test_a_call_is_handed_over_with_what_its_url_says(tmp_path):
    call = FakeCall(lines=environment(f"{GOOD}&token={TOKEN}"))

    line, logs = rung(tmp_path, call, token=TOKEN)

    assert line.calls == [IncomingCall(SESSION, "main", "13900000001", "1008611", "selfline-1700000000.1", "zh")]
    assert line.events == [Released(NOON)]
    assert call.done
    assert logs == []


def test_a_number_is_taken_from_the_url_and_not_from_what_the_caller_sends(tmp_path):
    line, _ = rung(tmp_path, FakeCall(lines=environment(agi_callerid="10086", agi_calleridname="Bank")))

    assert line.calls[0].caller_id == "13900000001"


@pytest.mark.parametrize(
    "script",
    [
        "",
        "main",
        "main?",
        "main?sid=1&caller=1&dialled=1",
        f"main?sid={SESSION.upper()}&caller=1&dialled=1",
        f"main?sid={SESSION}&caller=1",
        f"main?sid={SESSION}&caller=1&dialled=1&dialled=2",
        f"main?sid={SESSION}&caller=1&dialled=1&admin=1",
        f"main?sid={SESSION}&caller=1%0A&dialled=1",
        f"main?sid={SESSION}&caller=alice&dialled=1",
        f"main?sid={SESSION}&caller={'1' * 33}&dialled=1",
        f"main?sid={SESSION}&caller=1&dialled=1/2",
        f"../main?sid={SESSION}&caller=1&dialled=1",
        f"MAIN?sid={SESSION}&caller=1&dialled=1",
        f"main?sid={SESSION}&caller=1&dialled=1&token=a b",
    ],
)
def test_a_url_of_another_form_is_refused_and_the_dialplan_is_told(tmp_path, script):
    call = FakeCall(lines=environment(script))

    line, logs = rung(tmp_path, call)

    assert line.calls == []
    assert call.failed
    assert [(entry["event"], entry["reason"]) for entry in logs] == [("agi_refused", "request")]


def test_a_request_and_a_script_that_differ_are_refused(tmp_path):
    call = FakeCall(lines=environment(GOOD, agi_request="agi://127.0.0.1/other"))

    assert rung(tmp_path, call)[0].calls == []
    assert call.failed


@pytest.mark.parametrize("given", ["", "&token=", "&token=wrong", f"&token={TOKEN}x"])
def test_a_wrong_token_is_refused_within_a_tenth_of_a_second_and_the_log_masks_the_number(tmp_path, given):
    call = FakeCall(lines=environment(GOOD + given))
    begun = time.monotonic()

    line, logs = rung(tmp_path, call, token=TOKEN)

    assert time.monotonic() - begun < 1.0  # with the server's start and end
    assert line.calls == []
    assert [(entry["reason"], entry["caller"], entry["session"]) for entry in logs] == [("token", "139****0001", SESSION)]
    assert "13900000001" not in str(logs)
    assert TOKEN not in str(logs)


def test_an_unknown_flow_is_a_failure_for_the_dialplan(tmp_path):
    call = FakeCall(lines=environment(f"other?sid={SESSION}&caller=&dialled="))

    line, logs = rung(tmp_path, call)

    assert line.calls == []
    assert call.failed
    assert logs[0]["reason"] == "unknown flow"


@pytest.mark.parametrize(
    ("lines", "planted"),
    [
        ([*environment(), "agi_callerid: 10086"], b""),
        ([*environment(), "agi_balance: 0"], b""),
        ([*environment(), "", "200 result=49"], b""),
        (environment(), b"200 result=1\n"),
        (environment(), b"200 result=1\n200 result=1 (x)\n"),
        (environment(), b"2"),
        (environment(), b"agi_callerid: 10086\n"),
        (environment(agi_calleridname="x" * 5000), b""),
        (environment(agi_calleridname="x\ry"), b""),
    ],
)
def test_what_a_caller_can_plant_through_a_header_gets_no_call(tmp_path, lines, planted):
    call = FakeCall(lines=lines, planted=planted)

    line, logs = rung(tmp_path, call)

    assert line.calls == []
    assert not call.done
    assert {entry.get("reason") for entry in logs} == {"protocol_error"}


@pytest.mark.parametrize(
    "forged",
    [
        lambda words: b"200 result=1 (0123)\n" if words[0] == "GET" else None,
        lambda words: b"200 result=0\n" if words[0] == "GET" else None,
        lambda words: b"200 result=0\n" if words[0] == "SET" else None,
        lambda words: b"200 result=1 (x)\n" if words[0] == "SET" else None,
        lambda words: b"200 result=1\n200 result=1\n" if words[0] == "SET" else None,
        lambda words: b"511 dead\n" if words[0] == "SET" else None,
    ],
)
def test_who_cannot_repeat_our_number_gets_no_call(tmp_path, forged):
    call = FakeCall(answer=forged)

    line, logs = rung(tmp_path, call)

    assert line.calls == []
    assert [entry["reason"] for entry in logs] == ["protocol_error"]


def test_a_caller_who_hangs_up_during_the_handshake_is_a_call_all_the_same(tmp_path):
    call = FakeCall(planted=b"HANGUP\n")

    line, _ = rung(tmp_path, call)

    assert len(line.calls) == 1
    assert call.done


def test_a_handler_that_breaks_is_logged_and_leaves_the_caller_to_the_rescue(tmp_path):
    async def handler(_call: IncomingCall, _channel: AgiChannel) -> None:
        raise KeyError("a bug of ours")

    call = FakeCall()

    async def work() -> None:
        async with serving(a_server(tmp_path, handler)) as server:
            await call.ring(server.port)

    with structlog.testing.capture_logs() as logs:
        run(work())

    assert not call.done
    assert [(entry["event"], entry["reason"]) for entry in logs] == [("call_ended", "engine_error")]


def test_a_connection_that_says_nothing_is_closed_in_time(tmp_path):
    async def work() -> None:
        async with serving(a_server(tmp_path, Line(), limits=Limits(environment_seconds=0.05))) as server:
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.write(b"agi_network: yes\n")
            assert await reader.read() == b""
            writer.close()
            await until(lambda: server.pending_connections == 0)

    run(work())


def test_connecting_and_closing_costs_nothing_and_says_nothing(tmp_path):
    """Health checks do this all day."""
    line = Line()

    async def work() -> None:
        async with serving(a_server(tmp_path, line)) as server:
            for _ in range(50):
                _, writer = await asyncio.open_connection("127.0.0.1", server.port)
                writer.close()
                await writer.wait_closed()
            await until(lambda: server.pending_connections == 0)
            await FakeCall().ring(server.port)

    with structlog.testing.capture_logs() as logs:
        run(work())

    assert len(line.calls) == 1
    assert logs == []


def test_a_thousand_idle_connections_do_not_keep_a_caller_waiting(tmp_path):
    """The oldest make room, so the number of open connections stays bounded."""
    line, call = Line(), FakeCall()

    async def work() -> float:
        async with serving(a_server(tmp_path, line, limits=Limits(pending=100))) as server:
            idle = []
            for _ in range(1000):
                connection = socket.create_connection(("127.0.0.1", server.port))
                connection.send(b"agi_network: yes\n")
                idle.append(connection)
            await until(lambda: server.pending_connections == 100)
            begun = time.monotonic()
            await call.ring(server.port)
            waited = time.monotonic() - begun
            assert server.pending_connections <= 100
            for connection in idle:
                connection.close()
            await until(lambda: server.pending_connections == 0)
        return waited

    assert run(work()) < 2.0
    assert call.done


@pytest.mark.parametrize("limits", [Limits(calls=1), Limits(calls_per_peer=1)])
def test_a_call_too_many_is_refused_and_the_next_one_is_taken(tmp_path, limits):
    async def work() -> tuple[FakeCall, FakeCall]:
        enough = asyncio.Event()

        async def handler(_call: IncomingCall, channel: AgiChannel) -> None:
            await enough.wait()
            await channel.perform(Release())

        async with serving(a_server(tmp_path, handler, limits=limits)) as server:
            first = asyncio.create_task(FakeCall().ring(server.port))
            await until(lambda: server.live_calls == 1)
            refused, taken = FakeCall(), FakeCall()
            await refused.ring(server.port)
            enough.set()
            await first
            await until(lambda: server.live_calls == 0)
            await taken.ring(server.port)
        return refused, taken

    refused, taken = run(work())

    assert refused.failed
    assert taken.done


def test_draining_waits_for_calls_under_way_and_takes_no_more(tmp_path):
    async def work() -> tuple[int, FakeCall]:
        enough = asyncio.Event()

        async def handler(_call: IncomingCall, channel: AgiChannel) -> None:
            await enough.wait()
            await channel.perform(Release())

        server = a_server(tmp_path, handler)
        await server.start()
        port, call = server.port, FakeCall()
        ringing = asyncio.create_task(call.ring(port))
        await until(lambda: server.live_calls == 1)
        draining = asyncio.create_task(server.close_and_drain(5.0))
        await asyncio.sleep(0)
        with pytest.raises(ConnectionRefusedError):
            await FakeCall().ring(port)
        enough.set()
        await ringing
        return await draining, call

    cut_off, call = run(work())

    assert cut_off == 0
    assert call.done


def test_a_call_that_outlasts_the_drain_is_cut_off_and_left_to_the_rescue(tmp_path):
    async def work() -> tuple[int, FakeCall]:
        async def handler(_call: IncomingCall, _channel: AgiChannel) -> None:
            await asyncio.Event().wait()

        server = a_server(tmp_path, handler)
        await server.start()
        call = FakeCall()
        ringing = asyncio.create_task(call.ring(server.port))
        await until(lambda: server.live_calls == 1)
        cut_off = await server.close_and_drain(0.01)
        await ringing
        return cut_off, call

    cut_off, call = run(work())

    assert cut_off == 1
    assert not call.done


def test_a_peer_outside_the_allowed_networks_gets_nothing(tmp_path):
    line, logs = rung(tmp_path, FakeCall(), peers=("10.0.0.0/24",))

    assert line.calls == []
    assert [entry["reason"] for entry in logs] == ["peer"]


def test_the_caller_may_hang_up_before_the_engine_releases(tmp_path):
    call = FakeCall([HANGUP])

    rung(tmp_path, call)

    assert call.done


def test_a_port_in_use_is_a_sentence_with_the_setting_to_change(tmp_path):
    async def work() -> None:
        async with serving(a_server(tmp_path, Line())) as server:
            with pytest.raises(SettingsError) as caught:
                await a_server(tmp_path, Line(), port=server.port).start()
            assert str(caught.value) == (f"port {server.port} on 127.0.0.1 is in use by another program; set IVR_AGI_PORT to a free one")

    run(work())


@pytest.mark.parametrize("host", ["0.0.0.0", "10.0.0.1", "line.example"])
@pytest.mark.parametrize(("token", "peers"), [(None, ()), ("", ("10.0.0.0/24",)), (None, ("10.0.0.0/24",)), (TOKEN, ())])
def test_an_address_that_others_can_reach_needs_a_token_and_a_list_of_peers(tmp_path, host, token, peers):
    with pytest.raises(SettingsError) as caught:
        a_server(tmp_path, Line(), host=host, token=token, peers=peers)

    assert str(caught.value) == f"FastAGI on {host} needs a token and a list of the peers that may connect: only loopback goes without"
