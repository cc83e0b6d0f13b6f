"""Forty hostile INVITEs against a real Asterisk: none may change who the engine believes is calling."""

from __future__ import annotations

import asyncio
import datetime as dt
import re
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest

from adapters.telephony.sip_caller import CallRefused, CallUnanswered, SipCaller
from tests.adapters.telephony.asterisk_line import Engine, Session, line

pytestmark = pytest.mark.asterisk

HONEST = "13900001001"
VICTIM = "13900009999"
HOSTILE = (
    f"{HONEST}%0Aagi_callerid:%20{VICTIM}",
    f"{HONEST}%0D%0Aagi_callerid:%20{VICTIM}",
    f"{HONEST}%0A%0A200%20result=1%20({VICTIM})",
    f"{HONEST}%00{VICTIM}",
    f"{HONEST}%22%20%26%20caller={VICTIM}",
    f"{VICTIM}&caller={VICTIM}%23,x)",
    f"{HONEST}%24%7BSHELL(id)%7D%24%7BIVR_SID%7D{VICTIM}",
    "%E5%BC%A0%E4%B8%89" + "9" * 400,
)
PLACES = ("from", "request", "display", "contact", "asserted")
VOLATILE = {"agi_request", "agi_network_script", "agi_channel", "agi_uniqueid", "agi_accountcode", "agi_threadid"}


def invite(phone: SipCaller, place: str, text: str) -> bytes:
    """One INVITE with the text in that place; everything else is honest."""
    match place:
        case "from":
            return phone.compose_invite("1008611", user=text)
        case "request":
            return phone.compose_invite("1008611" + text.removeprefix(HONEST))
        case "display":
            return phone.compose_invite("1008611", display_name=f"张三 {text}")
        case "contact":
            return phone.compose_invite("1008611", contact=text)
        case _:
            asserted = [f'P-Asserted-Identity: "{text}" <sip:{text}@127.0.0.1>', f"Remote-Party-ID: <sip:{text}@127.0.0.1>;party=calling"]
            return phone.compose_invite("1008611", extra=[*asserted, f"Diversion: <sip:{text}@127.0.0.1>;reason=unconditional"])


async def look(session: Session) -> None:
    await session.look_for_surplus()
    await session.ask("SET VARIABLE IVR_DONE 1")


def query_of(session: Session) -> dict[str, str]:
    (request,) = [value for name, value in session.environment if name == "agi_request"]
    pairs = parse_qsl(urlsplit(request).query.replace("+", "%2B"), keep_blank_values=True)
    assert len(pairs) == len(dict(pairs))
    return dict(pairs)


def test_forty_hostile_invites_never_change_the_caller(tmp_path: Path) -> None:
    async def corpus() -> dict[str, str]:
        ends = {}
        async with (
            line(tmp_path) as (settings, _),
            Engine(settings.agi_port, look) as engine,
            SipCaller("127.0.0.1", settings.sip_port, caller_id=HONEST) as phone,
        ):
            leg = await phone.call("1008611")
            assert await leg.wait_ended() == "line"
            (honest,) = engine.sessions
            assert query_of(honest).items() >= {"caller": HONEST, "dialled": "1008611"}.items()
            for place in PLACES:
                for number, text in enumerate(HOSTILE):
                    before = len(engine.sessions)
                    try:
                        leg = await phone.raw_invite(invite(phone, place, text), ring=dt.timedelta(seconds=1))
                        await leg.wait_ended()
                        end = "answered"
                    except CallRefused as refusal:
                        end = str(refusal.status)
                    except CallUnanswered:
                        end = "ignored"
                    ends[f"{place} {number}"] = end
                    for session in engine.sessions[before:]:
                        must_be_the_same_call(honest, session)
            assert await (await phone.call("1008611")).wait_ended() == "line"  # Asterisk still takes calls
        return ends

    ends = asyncio.run(corpus())

    assert len(ends) == 40
    # A NUL ends the text inside Asterisk: what comes after it is never seen, the call is an honest one.
    suspicious = {name for name in ends if name.startswith(("from", "request")) and name not in ("from 3", "request 3")}
    assert {name for name in suspicious if ends[name] == "answered"} == set()


def must_be_the_same_call(honest: Session, session: Session) -> None:
    """The engine is told exactly what it is told of an honest call, and nothing after it."""
    assert [name for name, _ in session.environment] == [name for name, _ in honest.environment]
    kept = [(name, value) for name, value in session.environment if name not in VOLATILE]
    assert kept == [(name, value) for name, value in honest.environment if name not in VOLATILE]
    assert session.surplus == ""
    assert VICTIM not in str(session.environment)
    query = query_of(session)
    assert query["caller"] == HONEST
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", query["sid"])


@pytest.mark.parametrize(("user", "caller"), [("anonymous", ""), ("+8613900001001", "+8613900001001"), ("9" * 32, "9" * 32)])
def test_honest_caller_ids_of_other_forms_are_taken(tmp_path: Path, user: str, caller: str) -> None:
    async def call() -> Session:
        async with line(tmp_path) as (settings, _), Engine(settings.agi_port, look) as engine:
            async with SipCaller("127.0.0.1", settings.sip_port, caller_id=user) as phone:
                await (await phone.call("1008611")).wait_ended()
            return engine.sessions[0]

    session = asyncio.run(call())

    assert query_of(session)["caller"] == caller


@pytest.mark.parametrize("number", ["1008612", "10086", "s", "h", "agents", "1008611x", "2"])
def test_a_number_that_is_none_of_ours_gets_404(tmp_path: Path, number: str) -> None:
    async def call() -> int:
        async with line(tmp_path) as (settings, _), SipCaller("127.0.0.1", settings.sip_port) as phone:
            with pytest.raises(CallRefused) as refusal:
                await phone.call(number)
            return refusal.value.status

    assert asyncio.run(call()) == 404
