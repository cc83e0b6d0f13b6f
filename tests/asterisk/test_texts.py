"""What a line does beside the call, on a real Asterisk: texts that arrive, a language that is remembered, and a line that is full."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from adapters.storage.journal import read_journal
from adapters.telephony.sip_caller import SipCaller
from adapters.telephony.sip_leg import SipLeg
from ivr.bootstrap.line import Line
from ivr.bootstrap.texts import forget_caller, latest_texts
from ivr.calls.ports import TextState
from ivr.config import Settings
from tests.adapters.telephony.asterisk_line import asterisk_program, settings_for, until
from tests.asterisk.sounds import hears, sound_of
from tests.conftest import HOME

pytestmark = [pytest.mark.asterisk]

CALLER = "13900001008"
FLOW = """\
selfline: 1
line: "2000"
languages: [zh-CN, en-US]
start: look_up
on_failure: bye
on_hangup: farewell
remember_language: true
limits: {calls: 1, crowded: full}
nodes:
  look_up: {lookup: account, with: {number: call.caller_id}, comfort: one_moment, not_found: bye, failed: bye, then: main}
  main: {menu: connecting, choices: {1: send, 2: english}, noinput: connecting, nomatch: connecting, exhausted: bye}
  english: {set: {language: en-US}, then: main}
  send:
    sms: {zh-CN: "您的账户余额{{ account.balance | money }}。", en-US: "Your balance is {{ account.balance | money }}."}
    then: bye
  farewell: {sms: {zh-CN: "感谢致电2000。", en-US: "Thank you for calling 2000."}, then: gone}
  gone: {hangup: }
  full: {say: all_busy, then: bye}
  bye: {hangup: goodbye}
"""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A project folder with the line 2000."""
    home = tmp_path / "home"
    (home / "flows").mkdir(parents=True)
    for name in ("adapters", "asterisk_conf", "ivr", "prompts"):
        (home / name).symlink_to(HOME / name)
    (home / "flows" / "2000.yaml").write_text(FLOW, encoding="utf-8")
    return dataclasses.replace(settings_for(tmp_path / "var"), home=home, flow="2000")


@contextlib.asynccontextmanager
async def call(settings: Settings, caller_id: str = CALLER) -> AsyncIterator[SipLeg]:
    async with SipCaller(settings.host, settings.sip_port, caller_id=caller_id) as phone:
        leg = await phone.call("2000")
        yield leg
        await leg.hang_up()


def sent(settings: Settings) -> list[dict[str, str]]:
    return [json.loads(line) for line in settings.texts.read_text(encoding="utf-8").splitlines()] if settings.texts.exists() else []


def test_a_caller_is_texted_and_hears_their_own_language_in_the_next_call(settings: Settings):
    async def scenario() -> None:
        async with Line(settings, asterisk=asterisk_program()):
            async with call(settings) as leg:
                await hears(leg, "connecting", "zh-CN")
                await leg.send_keys("2")
                await hears(leg, "connecting", "en-US")
            await until(lambda: len(sent(settings)) == 1)  # it was sent after the hang-up, in the language chosen
            async with call(settings) as leg:
                await hears(leg, "connecting", "en-US")
                assert sound_of("connecting", "zh-CN") not in leg.audio
                await leg.send_keys("1")
                await hears(leg, "goodbye", "en-US")
                await leg.wait_ended()
            await until(lambda: len(sent(settings)) == 2)
            async with call(settings, "13900001009") as leg:  # somebody else
                await hears(leg, "connecting", "zh-CN")

    asyncio.run(scenario())

    told = sent(settings)[:2]
    assert [text["text"] for text in told] == ["Thank you for calling 2000.", "Your balance is 35.62 yuan."]
    assert {text["to"] for text in told} == {"139****1008"}
    assert settings.texts.stat().st_mode & 0o777 == 0o600
    lines = latest_texts(settings, 10)
    assert {line.state for line in lines[1:]} == {TextState.SENT}
    assert [line.node for line in lines[1:]] == ["send", "farewell"]
    written = "".join(path.read_text(encoding="utf-8") for path in (*settings.var.glob("log/*.log"), *settings.var.glob("journal/*")))
    assert "35.62" not in written
    assert CALLER not in written
    assert CALLER.encode() not in settings.database.read_bytes()
    assert list(read_journal(settings.var / "journal", lines[1].session))
    assert forget_caller(settings, CALLER)
    assert not forget_caller(settings, CALLER)


def test_a_full_line_says_so_and_takes_calls_again_when_one_is_over(settings: Settings):
    async def scenario() -> None:
        async with Line(settings, asterisk=asterisk_program()):
            async with call(settings) as first:
                await hears(first, "connecting", "zh-CN")
                async with call(settings, "13900001009") as second:
                    await hears(second, "all_busy", "zh-CN")
                    assert sound_of("connecting", "zh-CN") not in second.audio
                    await second.wait_ended()
                async with call(settings, "13900001009") as second:
                    await hears(second, "all_busy", "zh-CN")
            await until(lambda: len(sent(settings)) >= 1)
            async with call(settings, "13900001009") as third:
                await hears(third, "connecting", "zh-CN")

    asyncio.run(scenario())
