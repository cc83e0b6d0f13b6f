"""A caller presses 0: through to a person who has registered, or to the message when nobody answers."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from adapters.telephony.asterisk_config import secret
from adapters.telephony.seats import password_of
from adapters.telephony.sip_agent import SipAgent
from adapters.telephony.sip_caller import SipCaller
from ivr.bootstrap.line import Line
from ivr.config import Settings
from tests.adapters.telephony.asterisk_line import asterisk_program, settings_for, tone, until

pytestmark = [pytest.mark.asterisk]


def disposition(settings: Settings) -> str | None:
    """How the last call ended, as its journal tells."""
    files = sorted((settings.var / "journal").glob("*"))
    lines = [json.loads(line) for file in files for line in file.read_text(encoding="utf-8").splitlines()]
    return lines[-1].get("disposition") if lines else None


@pytest.mark.parametrize("first_to_hang_up", ["caller", "person"])
def test_a_caller_who_talked_to_a_person_was_transferred(tmp_path: Path, first_to_hang_up: str):
    async def scenario() -> str | None:
        settings = settings_for(tmp_path)
        async with (
            Line(settings, asterisk=asterisk_program()),
            SipAgent(settings.host, settings.sip_port, user="seat-01", password=password_of(secret(settings, "agent"), "seat-01")) as agent,
            SipCaller(settings.host, settings.sip_port, caller_id="13900001010") as phone,
        ):
            leg = await phone.call("1008611")
            await leg.wait_voice()
            await leg.send_keys("0")
            person = await agent.answer()
            person.say(tone(0.5, hertz=300))
            await person.wait_said()
            await (leg if first_to_hang_up == "caller" else person).hang_up()
            await until(lambda: disposition(settings) is not None, seconds=15)
            return disposition(settings)

    assert asyncio.run(scenario()) == "transferred"
