"""How long a caller waits: for the first voice after dialling, and for the next prompt after a key, beside a plain dialplan.

    python -m tests.asterisk.latency [calls]

The engine's line and its native twin (the same audio played by dialplan alone) are called in turn in one run. The line's audio is not
transcoded, so a prompt is recognised by its first 20 ms, byte by byte, and its time is that of the packet.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from adapters.backoffice.embedded import EmbeddedBackOffice
from adapters.speech.pack_voice import PackVoice, read_packs
from adapters.telephony.sip_caller import SipCaller
from adapters.telephony.sip_leg import SipLeg
from ivr.bootstrap.engine import load_flows, now
from ivr.bootstrap.first_call import CALLER
from ivr.bootstrap.line import Line
from ivr.config import Settings
from ivr.core.commands import AskDigits, Lookup
from ivr.core.events import CallStarted, DigitsEntered, LookupAnswered
from ivr.core.interpreter import advance
from ivr.core.state import CallState
from ivr.language.prompts import LANGUAGES
from tests.adapters.telephony.asterisk_line import asterisk_program, settings_for

TWIN = "1008612"
FRAME = 160


@dataclass(frozen=True, slots=True)
class Waits:
    """Seconds, one figure a call."""

    first_voice: tuple[float, ...]
    next_prompt: tuple[float, ...]


async def prompts_of(settings: Settings) -> tuple[bytes, bytes]:
    """The audio of the greeting with its menu, and of what follows a 1, for the sample caller."""
    flow = load_flows(settings)["1008611"]
    office = EmbeddedBackOffice(settings.var / "twin.db", now)
    office.seed()
    voice = PackVoice(read_packs(settings.home / "prompts" / "audio", LANGUAGES), settings.var / "twin")
    step = advance(flow, CallState(), CallStarted(now(), "twin", CALLER, "1008611"))
    assert isinstance(step.command, Lookup)
    answer = await office.look_up(step.command.name, step.command.arguments)
    greeted = advance(flow, step.state, LookupAnswered(now(), answer))
    told = advance(flow, greeted.state, DigitsEntered(now(), "1"))
    assert isinstance(greeted.command, AskDigits)
    assert isinstance(told.command, AskDigits)
    files = [await voice.file_for(command.utterance) for command in (greeted.command, told.command)]
    voice.close()
    office.close()
    return files[0].read_bytes(), files[1].read_bytes()


async def time_of(leg: SipLeg, prompt: bytes, after: float) -> float:
    """When the prompt's first 20 ms came."""
    first = prompt[:FRAME]
    seen = 0
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        for heard in leg.timeline[seen:]:
            if heard.at > after and heard.alaw == first:
                return heard.at
        seen = len(leg.timeline)
        await leg.wait_voice(after=leg.timeline[-1].at if leg.timeline else 0.0, timeout=dt.timedelta(seconds=15))
    raise AssertionError("the prompt was not heard")


async def one_call(settings: Settings, number: str, greeting: bytes, following: bytes) -> tuple[float, float]:
    """The two waits of one call."""
    async with SipCaller(settings.host, settings.sip_port, caller_id=CALLER) as phone:
        leg = await phone.call(number)
        voice = await time_of(leg, greeting, 0.0)
        while time.monotonic() < voice + 0.5:  # somewhere in the prompt, as callers press
            await leg.wait_voice(after=leg.timeline[-1].at)
        await leg.send_keys("1")
        released = leg.keys[-1].released_at
        prompt = await time_of(leg, following, released)
        await leg.hang_up()
        return voice - leg.invited_at, prompt - released


async def measure(var: Path, calls: int) -> tuple[Waits, Waits]:
    """The engine's waits and the twin's, call by call in turn."""
    settings = settings_for(var)
    settings.var.mkdir(parents=True, exist_ok=True)
    greeting, following = await prompts_of(settings)
    twin = settings.var / "twin" / "greeting.alaw"
    twin.write_bytes(greeting)
    engine_waits: list[tuple[float, float]] = []
    twin_waits: list[tuple[float, float]] = []
    async with Line(settings, asterisk=asterisk_program(), twin=twin.with_suffix("")):
        await one_call(settings, "1008611", greeting, following)  # makes the files and warms both
        await one_call(settings, TWIN, greeting, greeting)
        for _ in range(calls):
            engine_waits.append(await one_call(settings, "1008611", greeting, following))
            twin_waits.append(await one_call(settings, TWIN, greeting, greeting))
    return _waits(engine_waits), _waits(twin_waits)


def _waits(pairs: Sequence[tuple[float, float]]) -> Waits:
    return Waits(tuple(first for first, _ in pairs), tuple(second for _, second in pairs))


def percentile(values: Sequence[float], share: float) -> float:
    """The value that `share` of them do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def report(engine: Waits, twin: Waits) -> str:
    """The figures as a table, milliseconds."""
    rows = [f"{len(engine.first_voice)} calls each, in turn          engine p50 / p99     dialplan p50 / p99    ratio of medians"]
    for name, ours, theirs in (
        ("INVITE to first voice", engine.first_voice, twin.first_voice),
        ("key released to next prompt", engine.next_prompt, twin.next_prompt),
    ):
        figures = [f"{percentile(values, 0.5) * 1000:7.1f} / {percentile(values, 0.99) * 1000:7.1f} ms" for values in (ours, theirs)]
        ratio = statistics.median(ours) / max(1e-4, statistics.median(theirs))
        rows.append(f"{name:<34}{figures[0]}  {figures[1]}   {ratio:.2f}")
    return "\n".join(rows)


def main() -> None:
    """Measure and print."""
    calls = int(sys.argv[1]) if len(sys.argv) > 1 else 50
    with tempfile.TemporaryDirectory() as folder:
        print(report(*asyncio.run(measure(Path(folder), calls))))


if __name__ == "__main__":
    main()
