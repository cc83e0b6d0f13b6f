"""SIP over WebSocket against a real Asterisk: what the console lets through becomes a call, once, and nothing else does."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import secrets
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Subprotocol

from adapters.telephony.asterisk_config import secret
from adapters.telephony.browser_calls import BrowserCalls
from ivr.config import Settings
from tests.adapters.telephony.asterisk_line import Engine, Session, line, until

pytestmark = pytest.mark.asterisk

WAY = "X-Selfline-Way: browser\r\n"
OFFER = (
    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 8 126\r\nc=IN IP4 127.0.0.1\r\n"
    "a=ice-ufrag:abcd\r\na=ice-pwd:abcdefghijklmnopqrstuvwx\r\na=setup:actpass\r\na=mid:0\r\na=sendrecv\r\na=rtcp-mux\r\n"
    f"a=fingerprint:sha-256 {':'.join(['AB'] * 32)}\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:126 telephone-event/8000\r\n"
)


async def done(session: Session) -> None:
    await session.ask("SET VARIABLE IVR_DONE 1")


@contextlib.asynccontextmanager
async def way(settings: Settings) -> AsyncIterator[ClientConnection]:
    """The way to Asterisk that only the console knows."""
    address = f"ws://127.0.0.1:{settings.ws_port}/{secret(settings, 'browser')}/ws"
    async with connect(address, subprotocols=[Subprotocol("sip")], proxy=None, close_timeout=1) as socket:
        yield socket


async def invite(socket: ClientConnection, call: str, *, headers: str = WAY, user: str = "browser", number: str = "1008611") -> int:
    """Call; the final status."""
    branch, tag, call_id = (secrets.token_hex(6) for _ in range(3))
    await socket.send(
        f"INVITE sip:{number}@selfline.invalid SIP/2.0\r\n{headers}"
        f"Via: SIP/2.0/WS x.invalid;branch=z9hG4bK{branch}\r\nMax-Forwards: 69\r\nFrom: <sip:{user}@selfline.invalid>;tag={tag}\r\n"
        f"To: <sip:{number}@selfline.invalid>\r\nCall-ID: {call_id}\r\nCSeq: 1 INVITE\r\nContact: <sip:x@x.invalid;transport=ws>\r\n"
        f"{f'X-Selfline-Call: {call}' if call else 'Subject: none'}\r\n"
        f"Content-Type: application/sdp\r\nContent-Length: {len(OFFER)}\r\n\r\n{OFFER}"
    )
    async with asyncio.timeout(10):
        while (found := re.match(r"SIP/2\.0 (\d+)", str(await socket.recv()))) is None or int(found[1]) < 200:
            pass
    return int(found[1])


def test_a_call_that_the_console_wrote_down_is_placed_once_as_the_caller_it_named(tmp_path: Path) -> None:
    async def story() -> None:
        async with line(tmp_path) as (settings, _), Engine(settings.agi_port, done) as engine, way(settings) as socket:
            calls = BrowserCalls(settings.browser_calls)
            known, withheld = calls.write_down("13900001008"), calls.write_down("")

            statuses = [await invite(socket, known), await invite(socket, known), await invite(socket, withheld, user="13812345678")]
            await until(lambda: len(engine.sessions) == 2)

            assert statuses == [200, 403, 200]
            told = [dict(session.environment) for session in engine.sessions]
            assert {(one["agi_callerid"], one["agi_accountcode"]) for one in told} == {  # Asterisk begins both at once
                ("13900001008", calls.session(known)),
                ("unknown", calls.session(withheld)),
            }
            assert all(re.fullmatch(r"[0-9a-f-]{36}", calls.session(one)) for one in (known, withheld))

    asyncio.run(story())


def test_a_call_that_nobody_wrote_down_is_refused_whatever_it_says(tmp_path: Path) -> None:
    async def story() -> None:
        async with line(tmp_path) as (settings, asterisk), Engine(settings.agi_port, done) as engine, way(settings) as socket:
            call = BrowserCalls(settings.browser_calls).write_down("13900001008")
            hostile = ("", "0" * 32, call[:31], f"../phone/{call}", call.upper(), "${SHELL(id)}", f"{call}0", "*" * 32)

            assert [await invite(socket, one) for one in hostile] == [403] * len(hostile)
            assert await invite(socket, call, number="1008611,s,1") == 404
            assert engine.sessions == []
            assert "res_srtp.so" in await asterisk.command("module show like res_srtp")

    asyncio.run(story())


def test_nobody_else_finds_the_way(tmp_path: Path) -> None:
    """Neither another program nor a page of another site knows the secret in its path."""

    async def story() -> list[int]:
        statuses = []
        async with line(tmp_path) as (settings, _):
            for path in ("ws", "httpstatus", "static/x", f"{'0' * 48}/ws"):
                with pytest.raises(InvalidStatus) as refused:
                    async with connect(f"ws://127.0.0.1:{settings.ws_port}/{path}", subprotocols=[Subprotocol("sip")], proxy=None):
                        pass
                statuses.append(refused.value.response.status_code)
        return statuses

    assert asyncio.run(story()) == [404] * 4


def test_an_agents_name_over_the_way_of_the_browser_must_prove_itself(tmp_path: Path) -> None:
    async def story() -> int:
        async with line(tmp_path) as (settings, _), way(settings) as socket:
            return await invite(socket, "", user="seat-01-web")

    assert asyncio.run(story()) == 401


def test_calls_that_are_old_are_forgotten(tmp_path: Path) -> None:
    calls = BrowserCalls(tmp_path / "phone")
    unused, placed, young = calls.write_down("1"), calls.write_down("2"), calls.write_down("3")
    (tmp_path / "phone" / f"{placed}.session").write_text("70e1558d-60fb-43b1-868d-1ee334875400\n")
    for path in (tmp_path / "phone").iterdir():
        if not path.name.startswith(young):
            os.utime(path, (path.stat().st_mtime - 130,) * 2)

    calls.write_down("4")

    left = {path.name for path in (tmp_path / "phone").iterdir()}
    assert f"{unused}.caller" not in left
    assert {f"{placed}.caller", f"{placed}.session", f"{young}.caller"} <= left
    assert calls.session(placed) == "70e1558d-60fb-43b1-868d-1ee334875400"
    assert [calls.session(one) for one in (young, "", "../x", "x" * 32)] == [""] * 4
