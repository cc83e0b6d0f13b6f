"""A telephone that is rung stays registered for as long as it is there."""

from __future__ import annotations

import asyncio

from adapters.telephony.sip_agent import SipAgent
from adapters.telephony.sip_messages import SipMessage, parse, response_to


class Registrar(asyncio.DatagramProtocol):
    """Takes every registration."""

    def __init__(self) -> None:
        self.asked: list[SipMessage] = []
        self.again = asyncio.Event()

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str | object, int]) -> None:
        message = parse(data)
        self.asked.append(message)
        self._transport.sendto(response_to(message, "200 OK", tag="registrar").encode(), addr)
        if len(self.asked) == 3:
            self.again.set()


def test_it_registers_again_before_it_is_forgotten_and_says_when_it_goes():
    async def story() -> list[str]:
        loop = asyncio.get_running_loop()
        transport, registrar = await loop.create_datagram_endpoint(Registrar, local_addr=("127.0.0.1", 0))
        port = transport.get_extra_info("sockname")[1]
        async with SipAgent("127.0.0.1", port, user="seat-01", password="a-fictitious-one", registered_for=0.1):
            await asyncio.wait_for(registrar.again.wait(), 10)
        transport.close()
        return [message.header("expires") for message in registrar.asked if message.method == "REGISTER"]

    told = asyncio.run(story())

    assert len(told) >= 4
    assert told[-1] == "0"
