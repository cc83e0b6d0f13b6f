"""The telephone of the tests, its bytes first, then against a far end of a few lines, then against a real Asterisk."""

from __future__ import annotations

import asyncio
import datetime as dt
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.telephony import rtp
from adapters.telephony.sip_caller import CallRefused, CallUnanswered, SipCaller
from adapters.telephony.sip_leg import SipLeg
from adapters.telephony.sip_messages import PCMA, PCMU, Media, NotSip, SipMessage, media_in, parse, response_to, sdp, uri_in
from ivr.errors import ChannelFailed
from tests.adapters.telephony.asterisk_line import Engine, Session, line, tone

HALF_A_SECOND = dt.timedelta(seconds=0.5)

# --- bytes ------------------------------------------------------------------------------------------------------


def test_a_response_is_read_with_its_compact_and_repeated_headers() -> None:
    message = parse(
        b"SIP/2.0 183 Session Progress\r\nv: SIP/2.0/UDP a;branch=1\r\nVia: SIP/2.0/UDP b\r\nf: <sip:x@a>;tag=1\r\n"
        b"t: <sip:y@b>;tag=2\r\ni: abc\r\nCSeq: 7 INVITE\r\nl: 4\r\n\r\nbody"
    )

    assert (message.status, message.reason, message.method, message.sequence) == (183, "Session Progress", "INVITE", 7)
    assert message.all("via") == ("SIP/2.0/UDP a;branch=1", "SIP/2.0/UDP b")
    assert (message.header("call-id"), message.header("contact"), message.body) == ("abc", "", b"body")


@pytest.mark.parametrize("datagram", [b"", b"\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n", b"INVITE sip:a SIP/2.0\r\nCall-ID\r\n\r\n"])
def test_what_is_not_sip_is_not_read(datagram: bytes) -> None:
    with pytest.raises(NotSip):
        parse(datagram)


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(datagram: bytes) -> None:
    for start in (b"", b"SIP/2.0 200 OK\r\nCall-ID: a\r\nCSeq: 1 BYE\r\n"):
        try:
            parse(start + datagram)
        except NotSip:
            continue


def test_an_offer_can_be_read_by_a_far_end() -> None:
    assert media_in(sdp("127.0.0.1", 4000)) == Media("127.0.0.1", 4000, PCMA, 101)
    assert media_in(sdp("127.0.0.1", 4000, (PCMU,))).codec == PCMU
    with pytest.raises(NotSip):
        media_in(b"v=0\r\nm=video 1 RTP/AVP 96\r\n")


def test_the_address_is_found_with_and_without_brackets() -> None:
    assert uri_in('"A, B" <sip:a@b;lr>;tag=1') == "sip:a@b;lr"
    assert uri_in("sip:a@b;tag=1") == "sip:a@b"


@given(st.binary(min_size=1, max_size=200), st.integers(0, 0xFFFF), st.integers(0, 0xFFFFFFFF))
def test_a_packet_survives_the_wire(payload: bytes, sequence: int, timestamp: int) -> None:
    packet = rtp.RtpPacket(PCMA, sequence, timestamp, 77, payload, marker=True)

    assert rtp.parse(packet.encode()) == packet


@given(st.binary(max_size=40))
def test_any_datagram_is_a_packet_or_none(datagram: bytes) -> None:
    packet = rtp.parse(datagram)

    assert packet is None or packet.payload in datagram


def test_a_key_is_held_for_a_tenth_of_a_second_and_released_three_times() -> None:
    payloads = list(rtp.key_payloads("#"))

    assert [payload.hex() for payload in payloads] == [
        *("0b0a00a0", "0b0a0140", "0b0a01e0", "0b0a0280", "0b0a0320"),
        *("0b8a0320",) * 3,
    ]


def test_a_law_and_mu_law_are_each_others_nearest() -> None:
    """There and back a quiet sample may come out as its neighbour; a loud one is off by one step in sixteen at most."""
    original, returned = tone(0.1), rtp.ulaw_to_alaw(rtp.alaw_to_ulaw(tone(0.1)))

    assert all(abs((a ^ 0x55) - (b ^ 0x55)) <= 1 for a, b in zip(original, returned, strict=True))
    assert rtp.loudness(rtp.SILENCE) == 0
    assert rtp.loudness(bytes(range(256))) == 32_256
    assert not rtp.is_audible(b"\xd5\x55\xd4\x54" * 40)


# --- a far end of a few lines -----------------------------------------------------------------------------------


class FarEnd(asyncio.DatagramProtocol):
    """Answers as it is told: a function from a request to the responses to send."""

    def __init__(self, answer: Callable[[SipMessage], list[SipMessage]]) -> None:
        self._answer = answer
        self.heard: list[SipMessage] = []
        self.news = asyncio.Event()

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        self.transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str | object, int]) -> None:
        request = parse(data)
        self.heard.append(request)
        self.news.set()
        if request.status is None:
            for response in self._answer(request):
                self.transport.sendto(response.encode(), addr)

    def methods(self) -> list[str]:
        return [message.method for message in self.heard]

    async def wait_for(self, method: str) -> SipMessage:
        async with asyncio.timeout(5):
            while method not in self.methods():
                self.news.clear()
                await self.news.wait()
        return next(message for message in self.heard if message.method == method)


@asynccontextmanager
async def far_end(answer: Callable[[SipMessage], list[SipMessage]]) -> AsyncIterator[tuple[FarEnd, SipCaller]]:
    transport, end = await asyncio.get_running_loop().create_datagram_endpoint(lambda: FarEnd(answer), local_addr=("127.0.0.1", 0))
    async with SipCaller("127.0.0.1", transport.get_extra_info("sockname")[1]) as phone:
        yield end, phone
    transport.close()


def answering(request: SipMessage) -> list[SipMessage]:
    if request.method == "ACK":
        return []
    body = sdp("127.0.0.1", 9) if request.method == "INVITE" else b""
    return [response_to(request, "200 OK", tag="far", contact="<sip:line@127.0.0.1:5999>", sdp=body)]


def test_a_refusal_is_acknowledged_and_told() -> None:
    async def call() -> list[str]:
        async with far_end(lambda request: [response_to(request, "486 Busy Here", tag="x")] if request.method == "INVITE" else []) as (
            end,
            phone,
        ):
            with pytest.raises(CallRefused, match="the call was refused: 486 Busy Here"):
                await phone.call("1")
            ack = await end.wait_for("ACK")
            assert ack.header("via") == end.heard[0].header("via")
            assert ack.header("to").endswith("tag=x")
            return end.methods()

    assert asyncio.run(call()) == ["INVITE", "ACK"]


def test_an_invite_is_repeated_until_somebody_says_something() -> None:
    async def call() -> list[str]:
        async with far_end(lambda request: answering(request) if request.method != "INVITE" or next(deaf, None) is None else []) as (
            end,
            phone,
        ):
            leg = await phone.call("1")
            await leg.hang_up()
            return end.methods()

    deaf = iter([1, 2])

    assert asyncio.run(call()) == ["INVITE", "INVITE", "INVITE", "ACK", "BYE"]


def test_a_call_that_nobody_answers_is_cancelled() -> None:
    def ringing(request: SipMessage) -> list[SipMessage]:
        if request.method == "CANCEL":
            invite = SipMessage("", (*(pair for pair in request.headers if pair[0] != "cseq"), ("CSeq", "1 INVITE")))
            return [response_to(request, "200 OK"), response_to(invite, "487 Request Terminated", tag="x")]
        return [response_to(request, "180 Ringing", tag="x")] if request.method == "INVITE" else []

    async def call() -> list[str]:
        async with far_end(ringing) as (end, phone):
            with pytest.raises(CallUnanswered, match="nobody answered within"):
                await phone.call("1", ring=dt.timedelta(seconds=0.1))
            await end.wait_for("ACK")
            return end.methods()

    assert asyncio.run(call()) == ["INVITE", "CANCEL", "ACK"]


def test_a_repeated_answer_is_acknowledged_again_and_a_bye_ends_the_leg() -> None:
    async def call() -> tuple[list[str], str]:
        async with far_end(lambda request: answering(request) * (2 if request.method == "INVITE" else 1)) as (end, phone):
            leg = await phone.call("1")
            await end.wait_for("ACK")
            invite = end.heard[0]
            bye = (("Via", "SIP/2.0/UDP 127.0.0.1:1;branch=z9hG4bKx"), ("From", "<sip:line@a>;tag=far"), ("To", invite.header("from")))
            request = SipMessage("BYE sip:me SIP/2.0", (*bye, ("Call-ID", invite.header("call-id")), ("CSeq", "1 BYE")))
            end.transport.sendto(request.encode(), phone.local)
            ended = await leg.wait_ended()
            await end.wait_for("BYE")
            with pytest.raises(ChannelFailed, match="the call is over"):
                leg.say(b"")
            return end.methods(), ended

    methods, ended = asyncio.run(call())

    assert ended == "line"
    assert methods == ["INVITE", "ACK", "ACK", "BYE"]


def test_packets_are_put_where_their_time_is_and_losses_are_silence() -> None:
    async def hear() -> SipLeg:
        leg = await SipLeg.open("127.0.0.1")
        for sequence, timestamp in ((1, 1000), (3, 1320), (2, 1160), (5, 1640)):
            leg.received(rtp.RtpPacket(PCMA, sequence, timestamp, 1, bytes([sequence]) * 160).encode())
        leg.close()
        return leg

    leg = asyncio.run(hear())

    assert leg.audio == b"".join(bytes([value]) * 160 for value in (1, 2, 3, 0xD5, 5))
    assert [heard.sequence for heard in leg.timeline] == [1, 3, 2, 5]


# --- a real Asterisk --------------------------------------------------------------------------------------------


@pytest.mark.asterisk
@pytest.mark.parametrize("codec", [PCMA, PCMU])
def test_what_is_played_is_what_is_heard_in_time(tmp_path: Path, codec: int) -> None:
    async def play(session: Session) -> None:
        await session.ask(f'STREAM FILE {tmp_path}/var/sounds/chime ""')
        await session.ask("SET VARIABLE IVR_DONE 1")

    async def call() -> SipLeg:
        async with line(tmp_path / "var") as (settings, _), Engine(settings.agi_port, play):
            (settings.sounds / "chime.alaw").write_bytes(tone(1.0))
            async with SipCaller("127.0.0.1", settings.sip_port, codecs=(codec,)) as phone:
                leg = await phone.call("1008611")
                await leg.wait_ended()
                return leg

    leg = asyncio.run(call())

    assert leg.codec == codec
    chime = tone(1.0)[100:7900] if codec == PCMA else rtp.ulaw_to_alaw(rtp.alaw_to_ulaw(tone(1.0)))[100:7900]
    assert chime in leg.audio  # bit for bit: nothing is lost, doubled or late
    gaps = [later.at - earlier.at for earlier, later in zip(leg.timeline, leg.timeline[1:], strict=False)]
    assert max(gaps) < 0.2
    assert leg.timeline[0].at - leg.answered_at < 1


@pytest.mark.asterisk
def test_every_key_arrives_once_and_in_order(tmp_path: Path) -> None:
    heard: list[str] = []

    async def collect(session: Session) -> None:
        heard.append(await session.ask(f'GET DATA "{tmp_path}/sounds/long" 3000 11'))
        await session.ask("SET VARIABLE IVR_DONE 1")

    async def call() -> None:
        async with line(tmp_path) as (settings, _), Engine(settings.agi_port, collect):
            (settings.sounds / "long.alaw").write_bytes(tone(8.0))
            async with SipCaller("127.0.0.1", settings.sip_port) as phone:
                leg = await phone.call("1008611")
                await leg.wait_voice()
                await leg.send_keys("13900001001")
                await leg.wait_ended()
                assert [press.key for press in leg.keys] == list("13900001001")

    asyncio.run(call())

    assert heard == ["200 result=13900001001"]


@pytest.mark.asterisk
def test_hearing_ends_with_the_silence_after_the_voice(tmp_path: Path) -> None:
    async def greet(session: Session) -> None:
        await session.ask(f'GET DATA "{tmp_path}/sounds/greeting" 20000 1')
        await session.ask(f'STREAM FILE {tmp_path}/sounds/thanks ""')
        await session.ask("SET VARIABLE IVR_DONE 1")

    async def call() -> None:
        async with line(tmp_path) as (settings, _), Engine(settings.agi_port, greet):
            (settings.sounds / "greeting.alaw").write_bytes(tone(1.0))
            (settings.sounds / "thanks.alaw").write_bytes(tone(0.5))
            async with SipCaller("127.0.0.1", settings.sip_port) as phone:
                leg = await phone.call("1008611")
                begun = time.monotonic()
                greeting = await leg.hear(until_silent=HALF_A_SECOND)
                assert 1.4 < time.monotonic() - begun < 2.5
                await leg.send_keys("1")
                thanks = await leg.hear(until_silent=HALF_A_SECOND)
                assert len(greeting) == pytest.approx(12_000, abs=2400)
                assert 4000 <= len(thanks) < 10_000
                with pytest.raises(ChannelFailed):
                    await leg.send_keys("1")

    asyncio.run(call())


@pytest.mark.asterisk
def test_a_line_that_says_nothing_is_a_failure_with_a_sentence(tmp_path: Path) -> None:
    async def silence(session: Session) -> None:
        await session.ask('GET DATA "" 20000 1')

    async def call() -> None:
        async with (
            line(tmp_path) as (settings, _),
            Engine(settings.agi_port, silence),
            SipCaller("127.0.0.1", settings.sip_port) as phone,
        ):
            leg = await phone.call("1008611")
            with pytest.raises(ChannelFailed, match="the line says nothing after 1 s"):
                await leg.hear(timeout=dt.timedelta(seconds=1))

    asyncio.run(call())
