"""Putting a caller through to a person, in the dialplan's own words: GOSUB transfer agents 1 <seconds>."""

from __future__ import annotations

import asyncio
import datetime as dt
from pathlib import Path

import pytest

from adapters.telephony.asterisk_config import secret
from adapters.telephony.rtp import is_audible
from adapters.telephony.seats import password_of
from adapters.telephony.sip_agent import SipAgent
from adapters.telephony.sip_caller import SipCaller
from ivr.errors import ChannelFailed
from tests.adapters.telephony.asterisk_line import Engine, Session, line, tone

pytestmark = pytest.mark.asterisk


class Transfer:
    """An engine that transfers every call and notes what Asterisk says."""

    def __init__(self, seconds: int) -> None:
        self._seconds = seconds
        self.said: list[str] = []
        self.over = asyncio.Event()

    async def __call__(self, session: Session) -> None:
        self.said.append(await session.ask(f"GOSUB transfer agents 1 {self._seconds}"))
        if self.said[-1].startswith("100 "):
            self.said.append(await session.answer())
        self.said.append(await session.ask("GET VARIABLE IVR_TRANSFER"))
        await session.ask("SET VARIABLE IVR_DONE 1")
        self.over.set()


def test_without_an_agent_the_caller_comes_back_at_once(tmp_path: Path) -> None:
    async def call() -> list[str]:
        transfer = Transfer(seconds=10)
        async with line(tmp_path) as (settings, _), Engine(settings.agi_port, transfer), SipCaller("127.0.0.1", settings.sip_port) as phone:
            leg = await phone.call("1008611")
            await leg.wait_ended(dt.timedelta(seconds=3))
            return transfer.said

    assert asyncio.run(call())[-1] == "200 result=1 (nobody)"


def test_an_agent_who_does_not_pick_up_is_heard_ringing_and_the_caller_comes_back(tmp_path: Path) -> None:
    async def call() -> tuple[list[str], bytes]:
        transfer = Transfer(seconds=2)
        async with (
            line(tmp_path) as (settings, _),
            Engine(settings.agi_port, transfer),
            SipAgent("127.0.0.1", settings.sip_port, user="seat-01", password=password_of(secret(settings, "agent"), "seat-01")) as agent,
            SipCaller("127.0.0.1", settings.sip_port) as phone,
        ):
            leg = await phone.call("1008611")
            await agent.rung.wait()
            await leg.wait_ended(dt.timedelta(seconds=8))
            return transfer.said, leg.audio

    said, audio = asyncio.run(call())

    assert said[-1] == "200 result=1 (unanswered)"
    assert is_audible(audio)


def test_an_agent_who_picks_up_and_the_caller_hear_each_other(tmp_path: Path) -> None:
    async def call() -> list[str]:
        transfer = Transfer(seconds=10)
        async with (
            line(tmp_path) as (settings, _),
            Engine(settings.agi_port, transfer),
            SipAgent("127.0.0.1", settings.sip_port, user="seat-01", password=password_of(secret(settings, "agent"), "seat-01")) as agent,
            SipCaller("127.0.0.1", settings.sip_port) as phone,
        ):
            caller = await phone.call("1008611")
            person = await agent.answer()
            person.say(tone(0.5, hertz=300))
            await caller.wait_voice(after=person.answered_at)
            caller.say(tone(0.5, hertz=500))
            await person.wait_voice()
            await person.hang_up()
            async with asyncio.timeout(5):
                await transfer.over.wait()
            return transfer.said

    said = asyncio.run(call())

    assert said[-1] == "200 result=1 (answered)"


def test_a_telephone_with_a_wrong_secret_does_not_become_an_agent(tmp_path: Path) -> None:
    async def call() -> None:
        async with line(tmp_path) as (settings, _):
            with pytest.raises(ChannelFailed, match="the line does not register seat-01: 401"):
                async with SipAgent("127.0.0.1", settings.sip_port, user="seat-01", password="guessed"):
                    pass

    asyncio.run(call())
