"""A caller and a real Asterisk, and no engine, or one that dies."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
from pathlib import Path

import pytest

from adapters.telephony.rtp import is_audible
from adapters.telephony.sip_caller import SipCaller
from adapters.telephony.sip_leg import SipLeg
from ivr.calls.intents import intent_from_json, recording_name
from ivr.calls.ports import MessageIntent
from ivr.config import Settings
from tests.adapters.telephony.asterisk_line import Engine, Session, line, tone, until

pytestmark = pytest.mark.asterisk

HALF_A_SECOND = dt.timedelta(seconds=0.5)


def intents_in(settings: Settings) -> list[MessageIntent]:
    return [intent_from_json(path.read_text()) for path in (settings.spool / "intents").glob("*.json")]


def recording_of(settings: Settings, intent: MessageIntent) -> Path:
    return settings.recordings / f"{recording_name(intent)}.alaw"


def seconds_of_voice(audio: bytes) -> float:
    return sum(is_audible(audio[at : at + 160]) for at in range(0, len(audio), 160)) * 0.02


async def beep(leg: SipLeg) -> None:
    """Hear the apology, then the beep."""
    heard = await leg.hear(until_silent=dt.timedelta(seconds=0.9))
    assert seconds_of_voice(heard) == pytest.approx(1.2, abs=0.1)


def test_without_an_engine_the_message_is_kept_whole_and_the_caller_is_told(tmp_path: Path) -> None:
    async def call() -> None:
        async with line(tmp_path) as (settings, asterisk), SipCaller("127.0.0.1", settings.sip_port, caller_id="13900001001") as phone:
            leg = await phone.call("1008611")
            assert await leg.wait_voice() - leg.invited_at < 3
            await beep(leg)

            leg.say(tone(4.0))
            promise = await leg.hear(until_silent=HALF_A_SECOND)

            assert await leg.wait_ended() == "line"
            assert seconds_of_voice(promise) == pytest.approx(0.6, abs=0.1)
            (intent,) = intents_in(settings)
            assert (intent.caller_id, intent.dialled, intent.node, intent.topic) == ("13900001001", "1008611", "rescue", "rescue")
            recording = recording_of(settings, intent)
            assert seconds_of_voice(recording.read_bytes()) == pytest.approx(4.0, abs=0.1)
            assert recording.stat().st_mode & 0o777 == 0o600
            assert "13900001001" not in asterisk.log.read_text()

    asyncio.run(call())


def test_a_caller_who_hangs_up_in_the_middle_leaves_what_was_said(tmp_path: Path) -> None:
    async def call() -> None:
        async with line(tmp_path) as (settings, _), SipCaller("127.0.0.1", settings.sip_port) as phone:
            leg = await phone.call("1008611")
            await beep(leg)
            leg.say(tone(3.0))
            await leg.wait_said()
            await leg.hang_up()

            (intent,) = intents_in(settings)
            recording = recording_of(settings, intent)
            await until(lambda: recording.exists() and recording.stat().st_size >= 24_000)

            assert seconds_of_voice(recording.read_bytes()) == pytest.approx(3.0, abs=0.1)

    asyncio.run(call())


def test_when_not_even_the_script_runs_the_dialplan_keeps_the_message_in_the_same_format(tmp_path: Path) -> None:
    async def call() -> None:
        async with line(tmp_path) as (settings, _), SipCaller("127.0.0.1", settings.sip_port, caller_id="+8613900001002") as phone:
            (settings.asterisk / "rescue").write_text("#!/bin/sh\nexit 1\n")

            leg = await phone.call("1008611")
            await beep(leg)
            leg.say(tone(3.0))
            promise = await leg.hear(until_silent=HALF_A_SECOND)

            assert await leg.wait_ended() == "line"
            assert seconds_of_voice(promise) == pytest.approx(0.6, abs=0.1)
            (intent,) = intents_in(settings)
            assert (intent.caller_id, intent.node, intent.count) == ("+8613900001002", "rescue", 1)
            assert seconds_of_voice(recording_of(settings, intent).read_bytes()) == pytest.approx(3.0, abs=0.1)

    asyncio.run(call())


def test_an_engine_that_dies_while_it_records_does_not_make_the_caller_say_it_again(tmp_path: Path) -> None:
    async def record_and_die(session: Session) -> None:
        await session.ask("SET VARIABLE IVR_MESSAGE half-said")
        session.tell(f'RECORD FILE {tmp_path}/spool/recordings/half-said alaw "#" 60000 BEEP s=2')
        await until(lambda: (tmp_path / "spool" / "recordings" / "half-said.alaw").exists())
        session.die()

    async def call() -> None:
        async with line(tmp_path) as (settings, _), SipCaller("127.0.0.1", settings.sip_port) as phone:
            async with Engine(settings.agi_port, record_and_die):
                leg = await phone.call("1008611")
                await leg.hear(until_silent=HALF_A_SECOND)
                leg.say(tone(4.0))
                promise = await leg.hear(until_silent=HALF_A_SECOND)

                assert await leg.wait_ended() == "line"
            assert seconds_of_voice(promise) == pytest.approx(0.6, abs=0.1)
            assert seconds_of_voice((settings.recordings / "half-said.alaw").read_bytes()) == pytest.approx(4.0, abs=0.1)
            assert intents_in(settings) == []

    asyncio.run(call())


def test_an_engine_that_dies_in_a_menu_leaves_the_caller_to_the_rescue(tmp_path: Path) -> None:
    async def menu_and_die(session: Session) -> None:
        session.tell('GET DATA "" 10000 1')
        session.die()

    async def call() -> None:
        async with (
            line(tmp_path) as (settings, _),
            SipCaller("127.0.0.1", settings.sip_port) as phone,
            Engine(settings.agi_port, menu_and_die),
        ):
            leg = await phone.call("1008611")
            assert await leg.wait_voice() - leg.answered_at < 3
            await leg.hang_up()

    asyncio.run(call())


def test_a_call_that_the_engine_has_ended_is_not_rescued(tmp_path: Path) -> None:
    async def finish(session: Session) -> None:
        await session.ask("SET VARIABLE IVR_DONE 1")

    async def call() -> None:
        async with line(tmp_path) as (settings, _), SipCaller("127.0.0.1", settings.sip_port) as phone:
            async with Engine(settings.agi_port, finish):
                leg = await phone.call("1008611")
                assert await leg.wait_ended() == "line"
            assert seconds_of_voice(leg.audio) == 0
            assert intents_in(settings) == []

    asyncio.run(call())


def test_a_full_disk_is_admitted_and_nothing_is_promised(tmp_path: Path) -> None:
    async def call() -> None:
        async with line(tmp_path) as (settings, _), SipCaller("127.0.0.1", settings.sip_port) as phone:
            script = settings.asterisk / "rescue"
            script.write_text(script.read_text().replace(f"{settings.sounds} 1024", f"{settings.sounds} {1 << 60}"))

            leg = await phone.call("1008611")

            assert await leg.wait_ended() == "line"
            assert seconds_of_voice(leg.audio) == pytest.approx(1.4, abs=0.1)  # apology and rescue_full, no beep
            assert intents_in(settings) == []

    asyncio.run(call())


def test_the_intent_of_the_dialplan_and_of_the_script_have_the_same_keys(tmp_path: Path) -> None:
    async def call(*, script: bool) -> set[str]:
        var = tmp_path / ("a" if script else "b")
        async with line(var) as (settings, _), SipCaller("127.0.0.1", settings.sip_port) as phone:
            if not script:
                (settings.asterisk / "rescue").write_text("#!/bin/sh\nexit 1\n")
            await phone.call("1008611")
            await until(lambda: any((settings.spool / "intents").glob("*.json")))
            (path,) = (settings.spool / "intents").glob("*.json")
            await until(lambda: path.read_text() != "")
            return set(json.loads(path.read_text()))

    assert asyncio.run(call(script=True)) == asyncio.run(call(script=False))
