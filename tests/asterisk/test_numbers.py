"""A newcomer's own flow: saved under its number it is dialled by that number, beside the shipped one; a broken draft harms neither."""

from __future__ import annotations

import asyncio
import dataclasses
import datetime as dt
from pathlib import Path

import pytest

from adapters.telephony.sip_caller import CallRefused, SipCaller
from ivr.bootstrap.engine import load_flows
from ivr.bootstrap.first_call import place_call
from ivr.bootstrap.line import Line
from ivr.config import Settings
from ivr.errors import SettingsError
from tests.adapters.telephony.asterisk_line import asterisk_program, settings_for
from tests.conftest import HOME
from tests.test_docs import README_FLOW

pytestmark = [pytest.mark.asterisk]


@pytest.fixture
def own_line(tmp_path: Path) -> Settings:
    """A project folder with the shipped flow, the README's menu as 2000, and a broken draft as 3000."""
    home = tmp_path / "home"
    (home / "flows").mkdir(parents=True)
    for name in ("adapters", "asterisk_conf", "ivr", "prompts"):
        (home / name).symlink_to(HOME / name)
    (home / "flows" / "1008611.yaml").write_text((HOME / "flows" / "1008611.yaml").read_text(encoding="utf-8"), encoding="utf-8")
    (home / "flows" / "2000.yaml").write_text(README_FLOW, encoding="utf-8")
    (home / "flows" / "3000.yaml").write_text("selfline: 1\nline: [", encoding="utf-8")
    return dataclasses.replace(settings_for(tmp_path / "var"), home=home)


def test_every_number_with_a_flow_is_answered_and_no_other(own_line: Settings):
    async def scenario() -> tuple[bytes, bytes, int]:
        async with (
            Line(own_line, asterisk=asterisk_program()),
            SipCaller(own_line.host, own_line.sip_port, caller_id="13900001008") as phone,
        ):
            heard = []
            for number in ("2000", "1008611"):
                leg = await phone.call(number)
                await leg.wait_voice()
                heard.append(leg.audio)
                await leg.hang_up()
            with pytest.raises(CallRefused) as refused:
                await phone.call("4000")
            return heard[0], heard[1], refused.value.status

    own, shipped, status = asyncio.run(scenario())

    assert own
    assert shipped
    assert status == 404


def test_a_broken_draft_is_named_and_left_out(own_line: Settings):
    told: list[str] = []

    flows = load_flows(own_line, told.append)

    assert sorted(flows) == ["1008611", "2000"]
    assert told == ["flows/3000.yaml has errors and is left out (ivr lint flows/3000.yaml)"]


def test_the_first_call_only_listens_to_a_flow_that_it_does_not_know(own_line: Settings):
    settings = dataclasses.replace(own_line, flow="2000")
    told: list[str] = []

    async def scenario() -> int:
        async with Line(settings, asterisk=asterisk_program()):
            async with asyncio.timeout(dt.timedelta(seconds=60).total_seconds()):
                call = await place_call(settings, told.append)
        return len(call.audio)

    assert asyncio.run(scenario()) > 8000
    assert told[0].endswith("caller dials")
    assert "查询话费请按一，留言请按二。" in told[1]
    assert told[-1].endswith("caller hangs up")


def test_a_second_line_in_the_same_folder_is_refused_before_it_writes_anything(own_line: Settings):
    async def scenario() -> tuple[str, str]:
        async with Line(own_line, asterisk=asterisk_program()) as line:
            before = line.asterisk.log.read_text(encoding="utf-8")
            with pytest.raises(SettingsError) as refused:
                await Line(own_line, asterisk=asterisk_program()).start()
            assert line.asterisk.log.read_text(encoding="utf-8").startswith(before)
            return str(refused.value), str(own_line.var)

    sentence, var = asyncio.run(scenario())

    assert sentence.startswith(f"a line is running in {var} already; stop it, or give a second one a folder and ports of its own")
