"""The telephone in the browser, up to where Asterisk begins: the calls it may place, its SIP, its trace."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.websockets import WebSocketDisconnect
from websockets.asyncio.server import ServerConnection, serve
from websockets.utils import accept_key

from adapters.console.phone import MOST_CALLS, Pace, _events, marked
from adapters.console.sip_messages import LONGEST_MESSAGE
from ivr.desk.people import Action
from tests.adapters.console.desk import HOST, PHONE_KEY, SOCKET, Browser, Desk

OURS = {"origin": HOST}
INVITE = "INVITE sip:1008611@selfline.invalid SIP/2.0\r\nFrom: <sip:browser@selfline.invalid>\r\nTo: <sip:1008611@selfline.invalid>\r\n\r\n"


def telephone(desk: Desk) -> Browser:
    browser = desk.browser()
    browser.show_phone_key()
    browser.open("/phone")
    return browser


def test_the_link_opens_the_telephone_and_nothing_else(there: Desk):
    browser = telephone(there)

    status, text = browser.open("/phone")

    assert status == 200
    assert "<option>2000</option>" in text
    assert '<option value="13900001008">13900001008 普通账户</option>' in text
    assert browser.open("/facts")[0] == 303


@pytest.mark.parametrize("key", ["wrong", PHONE_KEY + "x", PHONE_KEY[:-1], "ü"])
def test_a_wrong_link_opens_nothing_and_says_where_the_right_one_is(there: Desk, key: str):
    browser = there.browser()

    assert browser.open(f"/phone/{key}")[0] == 401
    status, text = browser.open("/phone")
    assert status == 401
    assert "请打开 make run 打印的电话链接" in text


def test_a_call_is_allowed_for_a_caller_of_the_list_and_written_down(there: Desk):
    browser = telephone(there)

    answer = browser.client.post("/phone/calls", data={"caller": "13900001008"}, headers={"x-csrf-token": browser.token})

    assert answer.json() == {"call": f"{1:032d}", "trace": f"/phone/calls/{1:032d}/trace"}
    assert there.telephone.allowed == ["13900001008"]
    (fact,) = [fact for fact in asyncio.run(there.store.facts()) if fact.action is Action.CALLED]
    assert (fact.actor, fact.subject) == ("guest", "")


@pytest.mark.parametrize("caller", ["13812345678", "110", "13900001008 ", "../x", "\n"])
def test_nobody_calls_as_somebody_who_is_not_on_the_list(there: Desk, caller: str):
    browser = telephone(there)

    assert browser.client.post("/phone/calls", data={"caller": caller}, headers={"x-csrf-token": browser.token}).status_code == 400
    assert there.telephone.allowed == []


def test_a_page_of_another_origin_places_no_call_even_from_a_browser_that_may(there: Desk):
    browser = telephone(there)
    foreign = {"origin": "http://evil.example", "sec-fetch-site": "cross-site"}

    with_token = browser.client.post("/phone/calls", data={"caller": ""}, headers={"x-csrf-token": browser.token, **foreign})
    without = browser.client.post("/phone/calls", data={"caller": ""})
    sockets = [_refusal(browser, headers) for headers in ({"origin": "http://evil.example"}, {})]

    assert (with_token.status_code, without.status_code) == (403, 403)
    assert sockets == [1008, 1008]
    assert there.telephone.allowed == []


def test_so_many_calls_a_minute_and_no_more(there: Desk):
    pace = Pace()

    assert [pace.lets_through(at) for at in range(MOST_CALLS + 1)] == [True] * MOST_CALLS + [False]
    assert pace.lets_through(60.0)


def test_the_page_is_told_when_asterisk_is_away(there: Desk):
    assert _refusal(telephone(there), OURS) == 1011


def _refusal(browser: Browser, headers: Mapping[str, str]) -> int:
    with (
        pytest.raises(WebSocketDisconnect) as closed,
        browser.client.websocket_connect(f"{SOCKET}/phone/sip", subprotocols=["sip"], headers=dict(headers)) as socket,
    ):
        socket.receive_text()
    return closed.value.code


def through(there: Desk, message: str) -> tuple[str, list[str]]:
    """What the page hears when it sends that to an Asterisk that tries everything ("" when its way is closed), and what Asterisk hears."""
    heard: list[str] = []

    async def asterisk(connection: ServerConnection) -> None:
        async for one in connection:
            heard.append(str(one))
            await connection.send("SIP/2.0 100 Trying\r\n\r\n")

    async def call() -> str:
        async with serve(asterisk, "127.0.0.1", 0, subprotocols=["sip"]) as server:  # type: ignore[list-item]
            port = next(iter(server.sockets)).getsockname()[1]
            there.telephone.socket = f"ws://127.0.0.1:{port}/secret/ws"
            return await asyncio.to_thread(talk, telephone(there))

    def talk(browser: Browser) -> str:
        with browser.client.websocket_connect(f"{SOCKET}/phone/sip", subprotocols=["sip"], headers=OURS) as socket:
            socket.send_text("\r\n\r\n")  # keeps the way open, and is not handed on
            socket.send_text(message)
            try:
                return socket.receive_text()
            except WebSocketDisconnect:
                return ""

    return asyncio.run(call()), heard


def test_sip_goes_on_with_our_mark_and_comes_back_as_it_is(there: Desk):
    answer, heard = through(there, INVITE)

    assert answer == "SIP/2.0 100 Trying\r\n\r\n"
    assert heard == [INVITE.replace("SIP/2.0\r\n", "SIP/2.0\r\nX-Selfline-Way: browser\r\n")]


def test_no_way_stays_open_when_the_page_goes_while_asterisk_says_nothing(there: Desk):
    """An Asterisk that hangs: it does not answer the goodbye, and the console is cut off while it waits for that."""
    ended = asyncio.Event()

    async def asterisk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked = await reader.readuntil(b"\r\n\r\n")
        key = re.search(rb"(?i)sec-websocket-key: (\S+)", asked)
        assert key is not None
        answer = (
            "HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Protocol: sip\r\nSec-WebSocket-Accept: "
        )
        writer.write(f"{answer}{accept_key(key[1].decode())}\r\n\r\n".encode())
        with contextlib.suppress(ConnectionResetError):
            await reader.read()  # to the end of the way
        writer.close()
        ended.set()

    async def call() -> None:
        async with await asyncio.start_server(asterisk, "127.0.0.1", 0) as server:
            there.telephone.socket = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/secret/ws"
            await asyncio.to_thread(talk, telephone(there))
            await ended.wait()

    def talk(browser: Browser) -> None:
        with browser.client.websocket_connect(f"{SOCKET}/phone/sip", subprotocols=["sip"], headers=OURS):
            pass

    asyncio.run(asyncio.wait_for(call(), 10))


def test_on_a_line_with_a_trunk_no_page_registers_as_one_of_its_customers(there: Desk):
    message = registration("<sip:13900001008@x>", "<sip:13900001008@x>")
    waits, heard = through(there, message)
    there.telephone.numbers = ()

    refused, nothing = through(there, message)

    assert (waits, len(heard)) == ("SIP/2.0 100 Trying\r\n\r\n", 1)
    assert (refused, nothing) == ("", [])
    assert 'data-rung=""' in telephone(there).open("/phone")[1]
    assert 'id="rung"' not in telephone(there).open("/phone")[1]


def test_what_is_no_part_of_a_call_ends_the_way(there: Desk):
    too_long = "x" * (LONGEST_MESSAGE + 1) + "\r\n"
    for message in (too_long, "GET / HTTP/1.1\r\n\r\n", "INVITE sip:1 SIP/2.0", "INVITE sip:1 2 SIP/2.0\r\n"):
        with pytest.raises(ValueError, match="no SIP"):
            marked(message)


def registration(sender: str, user: str, more: str = "") -> str:
    return f"REGISTER sip:selfline.invalid SIP/2.0\r\nTo: {user}\r\nFrom: {sender};tag=1\r\n{more}\r\n"


@pytest.mark.parametrize("written", ["<sip:13900001008@selfline.invalid>", "sip:13900001008@selfline.invalid"])
def test_a_page_registers_as_a_number_that_is_called_back_in_the_browser(written: str):
    message = registration(written, written)

    assert marked(message, {"13900001008"}).startswith("REGISTER sip:selfline.invalid SIP/2.0\r\nX-Selfline-Way: browser\r\n")
    with pytest.raises(ValueError, match="nobody who is called back here"):
        marked(message)  # a line with a trunk: a page must not take a customer's call


@pytest.mark.parametrize(
    "message",
    [
        registration("<sip:13900001008@x>", "<sip:13900001009@x>"),
        registration("<sip:13900001009@x>", "<sip:13900001008@x>"),
        registration("<sip:13900001009@x>", "<sip:13900001009@x>"),
        registration("<sip:seat-01@x>", "<sip:seat-01@x>"),
        registration("<sip:13900001008@x>", "<sip:13900001008@x>", "t: <sip:seat-01@x>\r\n"),
        registration("13900001008", "13900001008"),
        "REGISTER sip:selfline.invalid SIP/2.0\r\n\r\n",
    ],
)
def test_nobody_registers_as_somebody_else(message: str):
    with pytest.raises(ValueError, match=r"nobody who is called back here|another telephone|from one and to one"):
        marked(message, {"13900001008"})


@pytest.mark.parametrize("sender", ["<sip:callers@x>", "<sip:carrier@x>", "<sip:seat-01@x>", "<sip:13900001008@x>", "browser"])
def test_nobody_calls_under_a_name_that_asterisk_knows_as_somebody_else(sender: str):
    call = "{} sip:1008611@x SIP/2.0\r\nFrom: {};tag=1\r\nTo: <sip:1008611@x{}\r\n\r\n"

    for of_no_call in (">", ";tag=2>", '>;x=";tag=2"'):
        with pytest.raises(ValueError, match="another telephone"):
            marked(call.format("INVITE", sender, of_no_call), {"13900001008"})
    assert marked(call.format("BYE", sender, ">;tag=2"))  # of a call that there is


def test_the_page_is_told_whether_it_is_called_back(there: Desk):
    assert 'data-rung="13900001008"' in telephone(there).open("/phone")[1]


@given(st.text(max_size=200), st.text(max_size=50))
def test_no_request_goes_on_without_our_mark_as_its_first_header(before: str, after: str):
    try:
        sent = marked(f"{before}\r\n{after}")
    except ValueError:
        return
    lines = sent.split("\r\n")
    assert lines[1] == "X-Selfline-Way: browser" or lines[0].startswith("SIP/2.0 ")


def test_the_trace_is_told_fact_by_fact_and_whoever_comes_back_hears_what_they_missed(there: Desk):
    there.telephone.facts = ({"zh": "用户按 2"}, {"zh": "结束"})
    there.telephone.allow("")
    browser = telephone(there)

    whole = browser.client.get(f"/phone/calls/{1:032d}/trace")
    rest = browser.client.get(f"/phone/calls/{1:032d}/trace", headers={"Last-Event-ID": "1"})
    nothing = browser.client.get(f"/phone/calls/{9:032d}/trace")

    assert whole.headers["content-type"].startswith("text/event-stream")
    first = 'id: 1\ndata: {"zh": "用户按 2"}\n\n'
    assert whole.text == f'retry: 1000\n\n{first}id: 2\ndata: {{"zh": "结束"}}\n\nevent: over\ndata: {{}}\n\n'
    assert rest.text == whole.text.replace(first, "")
    assert nothing.text == "retry: 1000\n\nevent: over\ndata: {}\n\n"


def test_a_line_of_the_trace_cannot_forge_another():
    async def facts() -> AsyncIterator[Mapping[str, object]]:
        yield {"said": "\n\nevent: over\ndata: {}\n\n"}

    async def told() -> list[str]:
        return [event async for event in _events(facts(), 0)]

    _, fact, _ = asyncio.run(told())

    assert fact == 'id: 1\ndata: {"said": "\\n\\nevent: over\\ndata: {}\\n\\n"}\n\n'
