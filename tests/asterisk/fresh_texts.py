"""How long a caller waits for an answer that holds a text nobody has said before: calls to a real Asterisk, timed by their audio packets.

    python -m tests.asterisk.fresh_texts [calls] [folder of the neural voice]

Each call presses a key and hears a fresh text, after a recorded beginning or at the very beginning.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import itertools
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from adapters.speech.neural_voice import missing_of_neural, neural_voice
from adapters.speech.pack_voice import PackVoice, read_packs
from adapters.speech.pyttsx3_voice import pyttsx3_voice
from adapters.speech.synthesis import Synthesiser
from adapters.telephony.agi_channel import AgiChannel
from adapters.telephony.agi_request import IncomingCall
from adapters.telephony.agi_verbs import Roots
from adapters.telephony.fastagi_server import FastAgiServer
from adapters.telephony.sip_caller import SipCaller
from ivr.bootstrap.engine import now
from ivr.calls.ports import Part
from ivr.config import Settings
from ivr.core.commands import AskDigits, Play, Release
from ivr.core.values import Kind, SpokenValue, Text, Utterance
from ivr.language.prompts import LANGUAGES
from tests.adapters.telephony.asterisk_line import line
from tests.asterisk.latency import percentile
from tests.conftest import HOME

MEANWHILE = {"zh-CN": "正在为您查询，请稍候。"}  # recorded, as are
BEGINNING, END = Text("您的账户余额是"), Text("。没有听到您的按键。")
PACKET = 0.02
CALLERS = 13900000000
_WORDS = ("上海 北京 广州 郑州 包裹 快递 明天 后天 早晨 中午 到达 出发 司机 门口 电梯 超市 学校 医院 公园 车站 已经 正在 准备 等候").split()  # noqa: SIM905 - a line a person can read


@dataclass(frozen=True, slots=True)
class Waited:
    """One call, in seconds: from the key to the first audio, and the longest silence from there to the end."""

    first_audio: float
    longest_silence: float
    seconds: float
    began_at: float  # time.monotonic() of the first audio


def fresh_texts(seed: int) -> Callable[[], SpokenValue]:
    """Sentences that nobody has recorded, never the same twice."""
    chance, numbers = random.Random(seed), itertools.count()
    told: set[str] = set()

    def next_text() -> SpokenValue:
        for _ in numbers:
            text = "".join(chance.sample(_WORDS, 5))
            if text not in told:
                told.add(text)
                return SpokenValue(Kind.TEXT, text)
        raise AssertionError("there are no more")

    return next_text


class Voices:
    """The port `Voice`: each utterance is said by the voice that it is given to."""

    def __init__(self, voices: Mapping[Utterance, PackVoice]) -> None:
        self._voices = voices

    async def begin(self, utterance: Utterance) -> Part:
        return await self._voices[utterance].begin(utterance)

    async def file_for(self, utterance: Utterance) -> Path:
        return await self._voices[utterance].file_for(utterance)


async def calls(settings: Settings, told: Mapping[Utterance, PackVoice], *, at_once: bool = False) -> list[Waited]:
    """Call once for each utterance, one after the other or all at once."""
    utterances = tuple(told)
    silent = AskDigits(Utterance("zh-CN", ()), 1, dt.timedelta(seconds=30), dt.timedelta(seconds=1))

    async def answer(call: IncomingCall, channel: AgiChannel) -> None:
        await channel.perform(silent)
        await channel.perform(Play(utterances[int(call.caller_id) - CALLERS]))
        await channel.perform(Release())

    server = FastAgiServer(
        "127.0.0.1",
        settings.agi_port,
        token=(settings.secrets / "agi_token").read_text().strip(),
        handler=answer,
        knows_flow=lambda flow: flow == settings.flow,
        roots=Roots(PurePosixPath(settings.sounds), PurePosixPath(settings.recordings)),
        voice=Voices(told),
        clock=now,
    )
    await server.start()
    try:
        if at_once:
            return await asyncio.gather(*(_one_call(settings, number) for number in range(len(utterances))))
        return [await _one_call(settings, number) for number in range(len(utterances))]
    finally:
        await server.close_and_drain(5.0)


async def _one_call(settings: Settings, number: int) -> Waited:
    async with SipCaller("127.0.0.1", settings.sip_port, caller_id=str(CALLERS + number)) as phone:
        leg = await phone.call(settings.flow)
        await asyncio.sleep(0.3)
        await leg.send_keys("1")
        released = leg.keys[-1].released_at
        await leg.wait_ended(dt.timedelta(seconds=60))
        ended = time.monotonic()
        voiced = [heard.at for heard in leg.timeline if heard.audible and heard.at > released]
        assert voiced, "nothing was heard"
        silences = [after - before - PACKET for before, after in itertools.pairwise([*voiced, ended])]
        return Waited(voiced[0] - released, max(silences), voiced[-1] - voiced[0], voiced[0])


async def measure(var: Path, count: int, engines: Sequence[Synthesiser], *, recorded_beginning: bool) -> list[Waited]:
    """The waits of so many callers, each with a text of their own."""
    texts = fresh_texts(1)
    before = (BEGINNING,) if recorded_beginning else ()
    utterances = [Utterance("zh-CN", (*before, texts(), END)) for _ in range(count)]
    async with line(var) as (settings, _):
        voice = PackVoice(read_packs(HOME / "prompts" / "audio", LANGUAGES), settings.sounds, engines, meanwhile=MEANWHILE)
        for engine in engines:
            await asyncio.wrap_future(engine.say("一", "zh-CN"))
        try:
            return await calls(settings, dict.fromkeys(utterances, voice))
        finally:
            await asyncio.to_thread(voice.close)


def report(name: str, waits: Sequence[Waited]) -> str:
    """A row of the table."""
    first = [wait.first_audio * 1000 for wait in waits]
    silent = [wait.longest_silence * 1000 for wait in waits]
    return (
        f"{name:<44}{percentile(first, 0.5):7.0f} / {percentile(first, 0.95):5.0f} ms"
        f"     {percentile(silent, 0.5):7.0f} / {percentile(silent, 0.95):5.0f} / {max(silent):5.0f} ms"
        f"     {statistics.median(wait.seconds for wait in waits):5.1f} s"
    )


def main() -> None:
    """Measure and print."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 30
    print(f"{count} calls each                              key to first audio p50/p95   longest silence p50/p95/most    heard for")
    for name, neural in (("pyttsx3", False), ("neural, pyttsx3", True)):
        if neural and (len(sys.argv) < 3 or (why := missing_of_neural(Path(sys.argv[2])))):
            print(why if len(sys.argv) > 2 else "the neural voice is left out: name the folder of its voices")
            continue
        for beginning in (True, False):
            engines = [*([neural_voice(Path(sys.argv[2]))] if neural else []), pyttsx3_voice()]
            with tempfile.TemporaryDirectory() as folder:
                waits = asyncio.run(measure(Path(folder) / "var", count, engines, recorded_beginning=beginning))
            print(report(f"{name}; {'a recorded beginning' if beginning else 'the text first'}", waits), flush=True)


if __name__ == "__main__":
    main()
