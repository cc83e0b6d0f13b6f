"""Waiting for a person in the dialplan's own words: GOSUB transfer agents 1 <seconds to ring>,<seconds to wait>,<language>."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from adapters.telephony.asterisk_config import secret
from adapters.telephony.rtp import is_audible
from adapters.telephony.seats import password_of, telephone_of
from adapters.telephony.sip_agent import SipAgent
from adapters.telephony.sip_caller import SipCaller
from ivr.config import Settings
from tests.adapters.telephony.asterisk_line import Engine, Session, line, tone, until

pytestmark = pytest.mark.asterisk


class Waiting:
    """An engine whose callers all wait for a person; how each wait ended, in the order of the ends."""

    def __init__(self, seconds: int = 60) -> None:
        self._seconds = seconds
        self.ended: list[str] = []

    async def __call__(self, session: Session) -> None:
        said = await session.ask(f'GOSUB transfer agents 1 "20,{self._seconds},zh-cn"')
        if said.startswith("100 "):
            await session.answer()
        said = await session.ask("GET VARIABLE IVR_TRANSFER")
        self.ended.append(said.partition("(")[2].rstrip(")"))
        await session.ask("SET VARIABLE IVR_DONE 1")


def seat(settings: Settings, number: int) -> SipAgent:
    """Somebody's telephone, which registers."""
    user = telephone_of(number)
    return SipAgent(settings.host, settings.sip_port, user=user, password=password_of(secret(settings, "agent"), user))


@contextlib.asynccontextmanager
async def queue(var: Path, waiting: Waiting) -> AsyncIterator[tuple[Settings, SipCaller]]:
    async with line(var) as (settings, _), Engine(settings.agi_port, waiting), SipCaller("127.0.0.1", settings.sip_port) as phone:
        for name, seconds in (("queue_next", 0.3), ("queue_callback", 0.5)):
            (settings.sounds / "zh-CN" / f"{name}.alaw").write_bytes(tone(seconds))
        yield settings, phone


def test_where_no_telephone_is_there_nobody_waits(tmp_path: Path) -> None:
    async def call() -> list[str]:
        waiting = Waiting()
        async with queue(tmp_path, waiting) as (_, phone):
            leg = await phone.call("1008611")
            await leg.wait_ended(dt.timedelta(seconds=3))
            return waiting.ended

    assert asyncio.run(call()) == ["nobody"]


def test_one_agent_and_three_callers(tmp_path: Path) -> None:
    """The first talks; the second waits and would rather be called back; the third waits until the agent is free."""

    async def call() -> tuple[list[str], bytes]:
        waiting = Waiting()
        async with queue(tmp_path, waiting) as (settings, phone), seat(settings, 1) as agent:
            first = await phone.call("1008611")
            person = await agent.answer()
            person.say(tone(0.5, hertz=300))
            await first.wait_voice(after=person.answered_at)
            first.say(tone(0.5, hertz=500))
            await person.wait_voice()

            second = await phone.call("1008611")
            await second.wait_voice()
            await second.send_keys("2")  # which means nothing here
            await second.send_keys("1")
            await second.wait_ended(dt.timedelta(seconds=20))

            third = await phone.call("1008611")
            await third.wait_voice()
            await person.hang_up()
            await until(lambda: len(waiting.ended) == 2, seconds=20)
            person = await agent.answer(dt.timedelta(seconds=40))
            person.say(tone(0.5, hertz=300))
            await third.wait_voice(after=person.answered_at)
            await third.hang_up()
            await until(lambda: len(waiting.ended) == 3, seconds=20)
            return waiting.ended, second.audio

    ended, audio = asyncio.run(call())

    assert ended[:2] == ["callback", "answered"]
    assert is_audible(audio)


def test_nobody_waits_on_when_the_last_telephone_goes(tmp_path: Path) -> None:
    async def call() -> list[str]:
        waiting = Waiting()
        async with queue(tmp_path, waiting) as (settings, phone):
            async with seat(settings, 1) as agent:
                await phone.call("1008611")
                await agent.answer()
                second = await phone.call("1008611")
                await second.wait_voice()
            await second.wait_ended(dt.timedelta(seconds=20))
            return waiting.ended

    assert sorted(asyncio.run(call())) == ["answered", "nobody"]


def test_who_has_waited_too_long_comes_back(tmp_path: Path) -> None:
    async def call() -> list[str]:
        waiting = Waiting(seconds=3)
        async with queue(tmp_path, waiting) as (settings, phone), seat(settings, 1) as agent:
            first = await phone.call("1008611")
            await agent.answer()
            second = await phone.call("1008611")
            await second.wait_ended(dt.timedelta(seconds=20))
            await first.hang_up()
            return waiting.ended

    assert asyncio.run(call())[0] == "busy"
