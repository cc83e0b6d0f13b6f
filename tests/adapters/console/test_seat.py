"""The telephones of one's own seat, up to where Asterisk begins: whose they are, what is told of them, what their SIP may be."""

from __future__ import annotations

import asyncio
import contextlib
import re
from concurrent.futures import CancelledError
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.websockets import WebSocketDisconnect
from websockets.asyncio.server import ServerConnection, serve

from adapters.console.seat import of_seat
from adapters.console.sip_messages import LONGEST_MESSAGE
from adapters.telephony.asterisk_config import secret
from adapters.telephony.seats import password_of
from ivr.desk.people import Action
from tests.adapters.console.desk import HOST, SOCKET, Desk, desk, people
from tests.adapters.telephony.test_ami_live_calls import FakeManager
from tests.adapters.telephony.test_ami_queue import PARAMETERS, START, all_seats, member
from tests.contracts.stories import facts, intent

USER = "seat-01-web"


def sip(
    first: str, *, sender: str = f"<sip:{USER}@selfline.invalid>;tag=a", to: str = f"<sip:{USER}@selfline.invalid>", more: str = ""
) -> str:
    return f"{first}\r\nVia: SIP/2.0/WSS x.invalid;branch=z9hG4bK1\r\nFrom: {sender}\r\nTo: {to}\r\n{more}Call-ID: 1\r\n\r\n"


def waiting(there: Desk) -> str:
    """A caller who is to be called back; the reference of the ticket."""
    of = intent("waiting", caller="13900001008")
    return asyncio.run(there.tickets.capture(of, facts(of), there.clock.now))


REGISTER = "REGISTER sip:selfline.invalid SIP/2.0"
BYE = "BYE sip:asterisk@127.0.0.1 SIP/2.0"


@pytest.mark.parametrize(
    "message",
    [
        sip(REGISTER),
        sip(REGISTER, sender=f"sip:{USER}@selfline.invalid;tag=a", to=f"sip:{USER}@selfline.invalid"),
        sip(BYE, sender="<sip:x1y2@x.invalid>;tag=a", to="<sip:037110086@127.0.0.1>;tag=b"),
        sip("ACK sip:a@b SIP/2.0", to="<sip:a@b>;tag=c"),
        "SIP/2.0 180 Ringing\r\nFrom: <sip:a@b>\r\nTo: <sip:c@d>\r\n\r\n",
    ],
)
def test_a_registration_of_ones_own_and_what_belongs_to_a_call_go_through_as_they_are(message: str):
    assert of_seat(message, USER) == message


@pytest.mark.parametrize(
    "message",
    [
        sip(REGISTER, sender="<sip:seat-02-web@selfline.invalid>;tag=a"),
        sip(REGISTER, to="<sip:seat-02-web@selfline.invalid>"),
        sip(REGISTER, to=f'"{USER}" <sip:seat-02-web@selfline.invalid>'),
        sip(REGISTER, to="<sip:seat-01@selfline.invalid>"),
        sip(REGISTER, to="<sip:seat-01-webx@selfline.invalid>"),
        sip(REGISTER, more="To: <sip:seat-02-web@selfline.invalid>\r\n"),
        sip(REGISTER, more="t: <sip:seat-02-web@selfline.invalid>\r\n"),
        sip(REGISTER, more="F : <sip:seat-02-web@selfline.invalid>\r\n"),
        sip(REGISTER, to=f"<sip:{USER}@selfline.invalid>, <sip:seat-02-web@selfline.invalid>"),
        sip(REGISTER, more="X-Selfline-Way: browser\r\n"),
        sip(BYE, to="<sip:a@b>;tag=c", more="x-selfline-call: 1\r\n"),
        sip(REGISTER, more="Subject: \0\r\n"),
        sip("INVITE sip:1008611@selfline.invalid SIP/2.0"),
        sip("INVITE sip:1008611@selfline.invalid SIP/2.0", to="<sip:a@b>;tag=c"),
        sip("MESSAGE sip:a@b SIP/2.0"),
        sip("SUBSCRIBE sip:a@b SIP/2.0"),
        sip("REFER sip:a@b SIP/2.0", to="<sip:a@b>;tag=c"),
        sip(BYE, to="<sip:a@b>"),
        sip("OPTIONS sip:a@b SIP/2.0"),
        sip("OPTIONS sip:a@b SIP/2.0", to="<sip:a@b;tag=c>"),
        "hello",
        "",
        "REGISTER sip:a SIP/2.0\r\n\r\n",
        sip(REGISTER, more=f"Subject: {'x' * LONGEST_MESSAGE}\r\n"),
    ],
)
def test_another_seat_and_whatever_begins_something_does_not(message: str):
    with pytest.raises(ValueError, match=r"SIP|seat|another telephone|begins|from one"):
        of_seat(message, USER)


@given(st.text(max_size=200), st.sampled_from([REGISTER, BYE, "INVITE sip:a@b SIP/2.0", ""]))
def test_whatever_is_sent_is_let_through_unchanged_or_not_at_all(text: str, first: str):
    message = f"{first}\r\n{text}" if first else text
    try:
        assert of_seat(message, USER) == message
    except ValueError:
        assert not message.startswith("SIP/2.0 200 OK\r\n")


def test_the_page_of_a_telephone_that_rings_is_told_which_ticket_of_ones_own_it_is_about(there: Desk):
    reference = waiting(there)
    mine, other = there.browser(), there.browser()
    mine.sign_in("agent")
    other.sign_in("supervisor")
    nothing = mine.open("/desk/telephone/ticket")[1].strip()
    ticket = asyncio.run(there.tickets.claim(reference, "agent", there.clock.now))
    assert ticket is not None
    asyncio.run(there.tickets.begin_attempt(reference, "agent", ticket.claim_token, there.clock.now))

    told = mine.open("/desk/telephone/ticket")[1]

    assert nothing == ""
    assert f'href="/tickets/{reference}"' in told
    assert "139****1008" in told
    assert "13900001008" not in told
    assert other.open("/desk/telephone/ticket")[1].strip() == ""


def test_who_answers_callers_is_told_what_their_own_telephones_register_with_and_that_is_written_down(there: Desk):
    browser = there.browser()
    browser.sign_in("agent")

    web = browser.client.post("/desk/telephone", headers={"x-csrf-token": browser.token}).json()
    _, shown = browser.send("/account/telephone")

    seat = asyncio.run(there.store.seat_of("agent"))
    key = secret(there.settings, "agent")
    assert web == {"user": f"seat-{seat:02d}-web", "password": password_of(key, f"seat-{seat:02d}-web")}
    assert password_of(key, f"seat-{seat:02d}") in shown
    told = [fact.subject for fact in asyncio.run(there.store.facts()) if fact.action is Action.TELEPHONE_TOLD]
    assert told == [f"seat-{seat:02d}", f"seat-{seat:02d}-web"]
    assert "password" not in browser.open("/desk/telephone")[1].replace("password_", "")
    assert web["password"] not in browser.open("/account")[1]


def test_who_answers_callers_finds_the_telephone_from_the_first_page_and_from_the_account(there: Desk):
    agent, operator = there.browser(), there.browser()
    agent.sign_in("agent")
    operator.sign_in("operator")

    home, account = agent.open("/")[1], agent.open("/account")[1]

    assert "上线后，转人工的来电和您发起的回电都会在这里振铃。" in home
    assert "桌上的 SIP 话机或软电话要注册信息；网页里的话机什么都不用设置：" in account
    for page in (home, account):
        assert 'href="/desk/telephone"' in re.sub(r"<header>.*</header>", "", page, flags=re.DOTALL)
    assert "/desk/telephone" not in operator.open("/")[1] + operator.open("/account")[1]


def test_without_a_free_seat_there_is_nothing_to_tell(there: Desk):
    browser = there.browser()
    browser.sign_in("agent")
    asyncio.run(there.store._database.write(lambda connection: connection.exec_driver_sql("UPDATE account SET seat = NULL")))

    assert browser.send("/account/telephone")[0] == 404
    assert "您没有坐席话机。" in browser.open("/desk")[1]
    ticket = browser.open(f"/tickets/{waiting(there)}")[1]
    assert "您没有坐席话机。" in ticket
    assert 'data-key="t"' not in ticket
    with (
        pytest.raises(WebSocketDisconnect) as closed,
        browser.client.websocket_connect(f"{SOCKET}/desk/sip", subprotocols=["sip"], headers={"origin": HOST}),
    ):
        pass
    assert closed.value.code == 1008


@pytest.mark.parametrize(
    ("status", "told", "text"),
    [
        ("5", "away", "您的话机未上线，回拨前请先上线。"),
        ("1", "free", "您的话机在线，回拨时它先振铃。"),
        ("2", "busy", "您的话机正在振铃或通话中。"),
        ("", "unknown", "现在看不到您的话机是否在线。"),
    ],
)
def test_the_desk_tells_whether_ones_own_telephone_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: str, told: str, text: str
):
    """The agent has seat 1; the supervisor talks on seat 2."""
    monkeypatch.setattr("ivr.bootstrap.seats.ASTERISK_ANSWERS", 20.0)  # a busy machine is no silent Asterisk
    members = [member("seat 01", status), member("seat 02", "2")] if status else [member("seat 02", "2")]
    with FakeManager(START, PARAMETERS, *members, all_seats(1 + len(members))) as asterisk, desk(tmp_path, ami_port=asterisk.port) as there:
        asyncio.run(people(there.gate))
        browser = there.browser()
        browser.sign_in("agent")

        reference = waiting(there)
        pages = [browser.open("/desk")[1], browser.open(f"/tickets/{reference}")[1]]
        browser.send(f"/tickets/{reference}/claim")
        pages.append(browser.open(f"/tickets/{reference}")[1])

    for page in pages:
        assert f'data-seat="{told}"' in page
        assert text in page
        assert 'href="/desk/telephone" target="selfline-telephone" data-key="t"' in page


def test_an_asterisk_that_is_away_or_hangs_keeps_nobody_from_the_desk(tmp_path: Path):
    """It takes the connection and says nothing; a test that waited for it would not end."""
    for asterisk in (FakeManager(mute=True), FakeManager(greeting=b"nonsense\r\n")):
        with asterisk, desk(tmp_path / str(asterisk.port), ami_port=asterisk.port) as there:
            asyncio.run(people(there.gate))
            browser = there.browser()
            browser.sign_in("agent")

            status, page = browser.open("/desk")

        assert (status, 'data-seat="unknown"' in page) == (200, True)


def test_who_signs_out_takes_the_telephone_along(there: Desk):
    async def asterisk(connection: ServerConnection) -> None:
        async for _ in connection:
            await connection.send("SIP/2.0 200 OK\r\n\r\n")

    async def story() -> None:
        async with serve(asterisk, "127.0.0.1", 0, subprotocols=["sip"]) as server:  # type: ignore[list-item]
            there.telephone.socket = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/x/ws"
            await asyncio.to_thread(talk)

    def talk() -> None:
        seat = asyncio.run(there.store.seat_of("agent"))
        browser = there.browser()
        browser.sign_in("agent")
        gone = False
        with (
            browser.client,  # one loop for the socket and for the page that signs out
            contextlib.suppress(CancelledError),
            browser.client.websocket_connect(f"{SOCKET}/desk/sip", subprotocols=["sip"], headers={"origin": HOST}) as socket,
        ):
            socket.send_text(sip(REGISTER).replace(USER, f"seat-{seat:02d}-web"))
            assert socket.receive_text().startswith("SIP/2.0 200")
            assert browser.send("/sign-out") == (303, "/sign-in")
            with pytest.raises(WebSocketDisconnect):
                socket.receive_text()
            gone = True
        assert gone

    asyncio.run(story())


def test_the_socket_hands_on_what_is_of_the_seat_and_ends_at_the_rest(there: Desk):
    heard: list[str] = []

    async def asterisk(connection: ServerConnection) -> None:
        async for message in connection:
            heard.append(str(message))
            await connection.send("SIP/2.0 200 OK\r\n\r\n")

    async def story() -> None:
        async with serve(asterisk, "127.0.0.1", 0, subprotocols=["sip"]) as server:  # type: ignore[list-item]
            there.telephone.socket = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/x/ws"
            await asyncio.to_thread(talk)

    def talk() -> None:
        seat = asyncio.run(there.store.seat_of("agent"))
        mine = sip(REGISTER).replace(USER, f"seat-{seat:02d}-web")
        other = sip(REGISTER).replace(USER, "seat-59-web")
        browser = there.browser()
        browser.sign_in("agent")
        ended = False
        headers = {"origin": HOST}
        with (
            contextlib.suppress(CancelledError),  # of what has closed its socket, and has not quite come to its end
            browser.client.websocket_connect(f"{SOCKET}/desk/sip", subprotocols=["sip"], headers=headers) as socket,
        ):
            socket.send_text(mine)
            assert socket.receive_text().startswith("SIP/2.0 200")
            socket.send_text(other)
            with pytest.raises(WebSocketDisconnect):
                socket.receive_text()
            ended = True
        assert (heard, ended) == ([mine], True)

    asyncio.run(story())
