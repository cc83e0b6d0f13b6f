"""Who can register as a number that is called back in the browser: the console, and no telephone by SIP as it comes over the network."""

from __future__ import annotations

import asyncio
import dataclasses
import socket
from pathlib import Path

import pytest
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

from adapters.telephony.asterisk_config import secret
from adapters.telephony.asterisk_process import AsteriskProcess
from ivr.config import BROWSER, Settings
from tests.adapters.telephony.asterisk_line import asterisk_program, settings_for

pytestmark = pytest.mark.asterisk

CUSTOMER = "13900001008"
OURS = "X-Selfline-Way: browser\r\n"


def register(way: str, sender: str, user: str, more: str = "") -> str:
    """A registration over UDP or WebSocket (WS)."""
    return (
        f"REGISTER sip:selfline.invalid SIP/2.0\r\nVia: SIP/2.0/{way} 127.0.0.1:5999;branch=z9hG4bK{sender}{user};rport\r\n"
        f"{more}From: <sip:{sender}@selfline.invalid>;tag=1\r\nTo: <sip:{user}@selfline.invalid>\r\n"
        f"Call-ID: {sender}-{user}\r\nCSeq: 1 REGISTER\r\nContact: <sip:x@127.0.0.1:5999>\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
    )


def over_udp(settings: Settings, source: str, message: str) -> str:
    """The first line of the answer to a datagram from that address."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as telephone:
        telephone.bind((source, 0))
        telephone.settimeout(5)
        telephone.sendto(message.encode(), (settings.host, settings.sip_port))
        return telephone.recv(4096).decode().split("\r\n")[0]


async def over_websocket(settings: Settings, message: str) -> str:
    """The same by the way that only the console knows."""
    way = f"ws://127.0.0.1:{settings.ws_port}/{secret(settings, 'browser')}/ws"
    async with connect(way, subprotocols=[Subprotocol("sip")], compression=None) as asterisk:
        await asterisk.send(message)
        return str(await asterisk.recv()).split("\r\n")[0]


@pytest.mark.parametrize(("trunk", "answer"), [(BROWSER, "SIP/2.0 200 OK"), ("carrier", "SIP/2.0 403 Forbidden")])
def test_a_page_registers_over_the_consoles_way_as_long_as_there_is_no_trunk(tmp_path: Path, trunk: str, answer: str):
    async def story() -> list[str]:
        settings = dataclasses.replace(settings_for(tmp_path), trunk=trunk)
        customers = (CUSTOMER,) if trunk == BROWSER else ()
        async with AsteriskProcess(settings, asterisk_program(), customers=customers):
            ours = await over_websocket(settings, register("WS", CUSTOMER, CUSTOMER, OURS))
            others = [
                await asyncio.to_thread(over_udp, settings, source, register("UDP", sender, CUSTOMER, more))
                for source, sender, more in (
                    ("127.0.0.1", CUSTOMER, ""),
                    ("127.0.0.2", BROWSER, ""),
                    ("127.0.0.2", CUSTOMER, OURS),
                )
            ]
        return [ours, *others]

    ours, *others = asyncio.run(story())

    assert ours == answer
    assert [other for other in others if " 200 " in other] == []
