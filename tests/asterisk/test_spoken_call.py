"""A whole line is talked to in Mandarin: what a caller says over the prompt leads where its key would, and without ears the keys do.

The recogniser is Whisper, with what `make run` installs and no model of the operator's.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import os
import signal
import time
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import pytest

from adapters.speech import audio
from adapters.telephony.asterisk_config import secret
from adapters.telephony.ears_link import EarsLink
from adapters.telephony.sip_caller import SipCaller
from adapters.telephony.sip_leg import SipLeg
from ivr.bootstrap.calls import story
from ivr.bootstrap.line import Line
from ivr.errors import ChannelFailed
from tests.adapters.telephony.asterisk_line import asterisk_program, settings_for
from tests.asterisk.conftest import Bench
from tests.conftest import HOME
from tests.said import clip

pytestmark = [pytest.mark.asterisk]

CALLS = 3

FLOW = """\
selfline: 1
line: "2000"
languages: [zh-CN]
start: main
on_failure: bye
speech: {did_you_mean: "您是说{{ heard | text }}吗？", use_keys: 请用按键选择。}
nodes:
  main:
    menu: 查询话费请按一，查询流量请按二，人工服务请按三，也可以直接说出来。
    choices:
      1: {then: balance, say: {zh-CN: [查询话费]}}
      2: {then: data, say: {zh-CN: [查询流量]}}
      3: {then: person, say: {zh-CN: [人工服务]}}
    noinput: 没有听到您的选择。
    nomatch: 抱歉，没有这个选项。
    exhausted: bye
  balance: {say: 您的余额是十元。, then: bye}
  data: {say: 您的流量还有很多。, then: bye}
  person: {say: 请稍候。, then: bye}
  bye: {hangup: 再见。}
"""


@pytest.fixture(scope="module")
def spoken(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """A line whose menu can be spoken to, as 2000, once its ears are ready."""
    home = tmp_path_factory.mktemp("home")
    (home / "flows").mkdir()
    for name in ("adapters", "asterisk_conf", "ivr", "prompts"):
        (home / name).symlink_to(HOME / name)
    (home / "flows" / "2000.yaml").write_text(FLOW, encoding="utf-8")
    settings = dataclasses.replace(settings_for(tmp_path_factory.mktemp("var")), home=home, flow="2000", recogniser="whisper")
    with asyncio.Runner() as runner:
        line = Line(settings, asterisk=asterisk_program())
        runner.run(line.start())
        try:
            runner.run(ready(line))
            yield Bench(line, runner)
        finally:
            runner.run(line.stop())


async def ready(line: Line) -> None:
    link = EarsLink(line.settings.ears_port, secret(line.settings, "ears_token"), line.settings.grammars)
    async with asyncio.timeout(60):
        while await link.deaf("zh-CN"):  # noqa: ASYNC110 - another process tells nobody
            await asyncio.sleep(0.1)


def call(bench: Bench, act: Callable[[SipLeg], Coroutine[Any, Any, None]]) -> str:
    """Call the line; the story of the call as `ivr why` tells it. Ears that are late, on a busy machine, get another call."""

    async def scenario() -> None:
        async with asyncio.timeout(60), SipCaller("127.0.0.1", bench.settings.sip_port, caller_id="13900001007") as phone:
            leg = await phone.call("2000")
            await leg.wait_voice()
            await act(leg)
            with contextlib.suppress(ChannelFailed):
                await leg.wait_ended()

    for _ in range(CALLS):
        bench.do(scenario())
        told = "\n".join(story(bench.settings, None))
        if "nobody can listen: deadline" not in told:
            break
    return told


def test_a_choice_is_said_over_the_prompt_and_the_call_goes_there(spoken):
    async def act(leg: SipLeg) -> None:
        leg.say(audio.silence(0.5) + clip("zh-CN", "查询流量").alaw)

    told = call(spoken, act)

    assert "the caller says '查询流量'" in told, told
    assert "→ data" in told


def test_what_no_choice_is_called_is_answered_as_a_wrong_key(spoken):
    async def act(leg: SipLeg) -> None:
        leg.say(audio.silence(0.5) + clip("zh-CN", "我想订一张去北京的火车票").alaw)
        await leg.wait_said()
        await leg.wait_voice(after=time.monotonic())  # the prompt has stopped long ago: this is the answer
        await leg.send_keys("3")

    told = call(spoken, act)

    assert "nomatch, 1 so far" in told
    assert "key 3 is a choice: person" in told


def test_without_ears_the_caller_is_asked_to_use_the_keys_and_they_work(spoken):
    assert spoken.line.ears is not None
    os.kill(spoken.line.ears.pid or 0, signal.SIGKILL)

    told = call(spoken, lambda leg: leg.send_keys("1"))

    assert "nobody can listen: gone" in told
    assert "says   请用按键选择。" in told
    assert "key 1 is a choice: balance" in told
