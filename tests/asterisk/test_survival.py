"""Whatever dies, the caller hears something within three seconds and a message that was left becomes one ticket with all of its audio."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest

from adapters.speech import audio
from adapters.telephony.sip_caller import SipCaller
from adapters.telephony.sip_leg import SipLeg
from ivr.bootstrap.first_call import message
from ivr.bootstrap.line import Line, keep_up
from ivr.calls.ports import UnansweredKind
from ivr.calls.tickets import TicketDetails
from ivr.config import Settings
from tests.adapters.telephony.asterisk_line import asterisk_program, settings_for, until
from tests.asterisk.conftest import tickets
from tests.asterisk.latency import time_of

pytestmark = [pytest.mark.asterisk]

RESCUE_WITHIN = 3.0  # seconds of silence that a caller may meet
BEEP_ENDS = 0.4


@contextlib.asynccontextmanager
async def line(var: Path, environment: Mapping[str, str] | None = None) -> AsyncIterator[Line]:
    made = Line(settings_for(var), asterisk=asterisk_program(), environment=environment)
    await made.start()
    try:
        yield made
    finally:
        await made.stop()


@contextlib.asynccontextmanager
async def call(settings: Settings) -> AsyncIterator[SipLeg]:
    async with SipCaller(settings.host, settings.sip_port, caller_id="13900001008") as phone:
        yield await phone.call("1008611")


def apology(settings: Settings) -> bytes:
    return (settings.sounds / "zh-CN" / "rescue_apology.alaw").read_bytes()


async def leave_message_with_rescue(leg: SipLeg, settings: Settings, since: float) -> float:
    """Hear the apology, speak after the beep, hang up; how long the caller was left without a word."""
    heard = await time_of(leg, apology(settings), since)
    await pause_in_call(leg, len(apology(settings)) / 8000 + 1.0)
    leg.say(message())
    await leg.wait_said()
    await leg.hang_up()
    return heard - since


async def pause_in_call(leg: SipLeg, seconds: float) -> None:
    """Let that much of the call go by, counted in the frames of audio that we send ourselves."""
    leg.say(audio.silence(seconds))
    await leg.wait_said()


async def tickets_in_the_end(settings: Settings, *, messages: bool = True) -> tuple[TicketDetails, ...]:
    """Wait for a ticket, with its message, which the recovery may have to find first."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        found = await tickets(settings)
        if found and all(one.messages for one in found if messages):
            return found
        await asyncio.sleep(0.2)
    return await tickets(settings)


def assert_one_ticket_with(found: tuple[TicketDetails, ...], seconds: float) -> None:
    assert len(found) == 1, found
    [kept] = found[0].messages
    assert kept.seconds >= seconds - 0.3, f"{kept.seconds} s of {seconds} s"
    assert kept.path.stat().st_size == pytest.approx(kept.seconds * 8000, abs=8000)


def test_an_engine_killed_in_a_menu_is_replaced_by_the_rescue(tmp_path: Path):
    async def scenario() -> tuple[float, tuple[TicketDetails, ...]]:
        async with line(tmp_path) as up:
            async with call(up.settings) as leg:
                await leg.wait_voice()
                killed = time.monotonic()
                await up.engine.kill()
                silent = await leave_message_with_rescue(leg, up.settings, killed)
            await up.engine.start()
            return silent, await tickets_in_the_end(up.settings)

    silent, found = asyncio.run(scenario())

    assert silent < RESCUE_WITHIN
    assert_one_ticket_with(found, len(message()) / 8000)


def test_an_engine_killed_in_a_look_up_is_replaced_by_the_rescue(tmp_path: Path):
    async def scenario() -> tuple[float, tuple[TicketDetails, ...]]:
        async with line(tmp_path, {"IVR_BACKOFFICE_DELAY_MS": "3500"}) as up:
            async with call(up.settings) as leg:
                await pause_in_call(leg, 0.5)
                killed = time.monotonic()
                await up.engine.kill()
                silent = await leave_message_with_rescue(leg, up.settings, killed)
            await up.engine.start()
            return silent, await tickets_in_the_end(up.settings)

    silent, found = asyncio.run(scenario())

    assert silent < RESCUE_WITHIN
    assert_one_ticket_with(found, len(message()) / 8000)


def test_an_engine_killed_in_a_recording_loses_none_of_it(tmp_path: Path):
    async def scenario() -> tuple[TicketDetails, ...]:
        async with line(tmp_path) as up:
            async with call(up.settings) as leg:
                await leg.wait_voice()
                await leg.send_keys("5")
                await leg.hear()
                leg.say(message())
                await pause_until_recording(up.settings)
                await up.engine.kill()
                await leg.wait_said()
                await leg.hang_up()
            await up.engine.start()
            return await tickets_in_the_end(up.settings)

    found = asyncio.run(scenario())

    assert_one_ticket_with(found, len(message()) / 8000)


async def pause_until_recording(settings: Settings) -> None:
    """Until Asterisk has begun to write the message."""
    async with asyncio.timeout(10):
        while not any(settings.recordings.iterdir()):  # noqa: ASYNC110 - a folder tells nobody
            await asyncio.sleep(0.05)


def test_without_any_engine_a_message_is_still_taken(tmp_path: Path):
    async def scenario() -> tuple[float, tuple[TicketDetails, ...]]:
        up = Line(settings_for(tmp_path), asterisk=asterisk_program())
        await up.start(engine=False)
        try:
            async with call(up.settings) as leg:
                silent = await leave_message_with_rescue(leg, up.settings, leg.answered_at)
            await up.engine.start()
            return silent, await tickets_in_the_end(up.settings)
        finally:
            await up.stop()

    silent, found = asyncio.run(scenario())

    assert silent < RESCUE_WITHIN
    assert_one_ticket_with(found, len(message()) / 8000)


def test_a_slow_back_office_is_bridged_by_a_comfort_prompt_and_keys_are_kept(tmp_path: Path):
    """The key pressed during the look-up answers the menu that comes after it."""

    async def scenario() -> str:
        async with line(tmp_path, {"IVR_BACKOFFICE_DELAY_MS": "2500"}) as up, call(up.settings) as leg:
            comfort = (up.settings.sounds / "zh-CN" / "one_moment.alaw").read_bytes()
            waited = await time_of(leg, comfort, leg.answered_at) - leg.answered_at
            assert 0.9 < waited < 2.0
            await leg.send_keys("5")
            await leg.hear()
            leg.say(message())
            await leg.wait_said()
            await leg.hang_up()
            found = await tickets_in_the_end(up.settings)
            return found[0].line.topic

    assert asyncio.run(scenario()) == "callback"


def test_a_hung_engine_is_ended_and_its_caller_rescued(tmp_path: Path):
    """Asterisk waits for a silent engine for ever; the watch does not."""

    async def scenario() -> tuple[float, list[str]]:
        told: list[str] = []
        async with line(tmp_path) as up:
            watch = asyncio.create_task(up.watch(told.append))
            async with call(up.settings) as leg:
                await leg.wait_voice()
                assert up.engine.pid is not None
                hung = time.monotonic()
                os.kill(up.engine.pid, signal.SIGSTOP)
                await leg.send_keys("1")  # the prompt stops, and nobody answers
                rescued = await time_of(leg, apology(up.settings), hung) - hung
                await until(lambda: bool(told))
            watch.cancel()
        return rescued, told

    rescued, told = asyncio.run(scenario())

    assert rescued < 12.0
    assert told[0].startswith("the engine ended with status -9; starting it again")


def test_the_watch_goes_on_when_the_system_refuses_a_new_process(monkeypatch: pytest.MonkeyPatch):
    """One start that fails, for want of memory say, is told and tried again."""
    starts: list[str] = []
    told: list[str] = []

    class Service:
        called, log = "the engine", "engine.log"

        async def wait_ended(self) -> int:
            if len(starts) > 1:
                await asyncio.Event().wait()
            return -9

        async def start(self) -> None:
            starts.append("start")
            if len(starts) == 1:
                raise OSError("Cannot allocate memory")

    async def scenario() -> None:
        monkeypatch.setattr("ivr.bootstrap.line.RESTART_AFTER", 0.0)
        monkeypatch.setattr("ivr.bootstrap.line.STOP_PATIENCE", 0.0)
        keeping = asyncio.create_task(keep_up(Service(), told.append))  # type: ignore[arg-type]
        await until(lambda: len(starts) == 2)
        keeping.cancel()

    asyncio.run(scenario())

    assert told[:2] == [
        "the engine ended with status -9; starting it again (see engine.log)",
        "the engine does not start: Cannot allocate memory",
    ]


def test_without_room_on_the_disk_the_caller_is_told_that_and_is_called_back(tmp_path: Path):
    """No beep, no recording, no promise: only the truth. The number is known all the same."""

    async def scenario() -> tuple[int, list[str], tuple[TicketDetails, ...]]:
        async with line(tmp_path, {"IVR_MIN_FREE_MB": "999999999"}) as up, call(up.settings) as leg:
            told = (up.settings.sounds / "zh-CN" / "message_not_kept.alaw").read_bytes()
            await leg.wait_voice()
            pressed = time.monotonic()
            await leg.send_keys("5")
            await time_of(leg, told, pressed)
            await leg.wait_ended()
            return (
                len(told),
                [path.name for path in up.settings.recordings.iterdir()],
                await tickets_in_the_end(up.settings, messages=False),
            )

    told, recordings, found = asyncio.run(scenario())

    assert told > 8000
    assert recordings == []
    [ticket] = found
    assert ([call.kind for call in ticket.calls], ticket.messages) == ([UnansweredKind.FAILED], ())
