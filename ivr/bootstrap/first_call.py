"""The first call: a real telephone of ours dials the line, presses keys, leaves a message, and tells what it does as it does it."""

from __future__ import annotations

import asyncio
import datetime as dt
import tempfile
import time
import wave
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from adapters.backoffice.embedded import EmbeddedBackOffice
from adapters.backoffice.subscribers import SUBSCRIBERS
from adapters.speech import audio
from adapters.speech.listening import distance, syllables
from adapters.telephony.sip_caller import SipCaller
from adapters.telephony.sip_leg import SipLeg
from ivr.bootstrap.desk import at_desk_now
from ivr.bootstrap.engine import now
from ivr.bootstrap.serving import flow_of_version
from ivr.config import Settings
from ivr.core.values import Kind, SpokenValue, Value
from ivr.errors import BackOfficeFailed
from ivr.speech import words
from ivr.tools.simulate import TryOut

CALLER = "13900001008"
KNOWN_FLOW = "1008611"  # whose menu the first caller knows; elsewhere it only listens
KEYS = (("2", "usage"), ("5", "leave a message"))
PATIENCE = (10.0, 12.0)  # seconds that a caller in a hurry listens before each key
QUIET = dt.timedelta(seconds=1.2)

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of the call: what the caller did, and what was heard after it."""

    did: str
    said: str  # what the line says now, to its end
    heard: bytes  # what was heard of it
    after: float  # seconds from the answer to the beginning of the stretch


@dataclass(frozen=True, slots=True)
class FirstCall:
    """The whole call: its parts, all of its audio, and the ticket that holds its message (None when there is none)."""

    parts: tuple[Part, ...]
    audio: bytes
    reference: str | None
    added: bool = False  # the ticket was there before; the message was added to it


def expected_balance() -> str:
    """The sample caller's balance in words."""
    person = next(person for person in SUBSCRIBERS if person.number == CALLER)
    return words(SpokenValue(Kind.MONEY, person.balance), "zh-CN")


def says(heard: str, expected: str) -> bool:
    """Whether the syllables of `expected` stand in what was heard, one after the other; one of five may be a near-sound."""
    wanted, said = syllables(expected, "zh-CN"), syllables(heard, "zh-CN")
    slack = len(wanted) // 5
    return any(distance(said[at : at + len(wanted)], wanted) <= slack for at in range(max(1, len(said) - len(wanted) + 1)))


async def place_call(settings: Settings, tell: Tell, *, patient: bool = False) -> FirstCall:
    """Call the line: hear the balance, press 2, hear the usage, press 5, leave a message, hang up in the middle of it.

    A `patient` caller hears the menus to their end; others press as soon as they have heard what they called for. To a flow that
    it does not know the caller only listens.
    """
    keys = KEYS if settings.flow == KNOWN_FLOW else ()
    before = await _messages(settings)
    line_says = await asyncio.to_thread(_line_says, settings, tuple(key for key, _ in keys))
    async with SipCaller(settings.host, settings.sip_port, caller_id=CALLER) as phone:
        leg = await phone.call(settings.flow)
        parts = [await _hear(leg, "dials", line_says[0], None if patient or not keys else PATIENCE[0], tell)]
        for index, (key, meaning) in enumerate(keys):
            await leg.send_keys(key)
            last = index == len(keys) - 1
            seconds = None if patient or last else PATIENCE[1]
            parts.append(await _hear(leg, f"presses {key} ({meaning})", line_says[index + 1], seconds, tell))
        if keys:
            after = _since_answer(leg)
            tell(f"{after:5.1f} s  caller speaks, and hangs up in the middle of the recording")
            leg.say(message())
            await leg.wait_said()
            parts.append(Part("speaks, and hangs up in the middle of the recording", "", b"", after))
        else:
            tell(f"{_since_answer(leg):5.1f} s  caller hangs up")
        await leg.hang_up()
    reference = await _reference_with_more(settings, before) if keys else None
    return FirstCall(tuple(parts), leg.audio, reference, added=reference in before)


def message() -> bytes:
    """Something to leave as a message, said by somebody who is not the line: see docs/prompts.md."""
    return (Settings.from_environment({}).home / "prompts" / "samples" / "message.zh-CN.alaw").read_bytes()


def save_wave(path: Path, alaw: bytes) -> None:
    """Telephone audio as a WAV file that any player opens."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    samples = np.clip(audio.from_alaw(alaw) * 32767, -32768, 32767).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(audio.RATE)
        file.writeframes(samples.tobytes())


def answers_of(look_up: Callable[[str, Mapping[str, Value]], Awaitable[Value]]) -> Callable[[str, Mapping[str, Value]], Value]:
    """A back office as a plain function, for where no loop runs; LookupError for what it cannot answer."""

    async def ask(name: str, arguments: Mapping[str, Value]) -> Value:
        return await look_up(name, arguments)

    def answer(name: str, arguments: Mapping[str, Value]) -> Value:
        try:
            return asyncio.run(ask(name, arguments))
        except BackOfficeFailed as error:
            raise LookupError(name) from error

    return answer


def _line_says(settings: Settings, keys: tuple[str, ...]) -> list[str]:
    """What the line says to the sample caller, at first and after each key: the flow tried out without a telephone."""
    with tempfile.TemporaryDirectory() as folder:
        office = EmbeddedBackOffice(Path(folder) / "backoffice.db", now)
        office.seed()
        try:
            call = TryOut(flow_of_version(settings, settings.flow, CALLER), CALLER, answers_of(office.look_up), now)
            screens = [call.begin(), *(call.do(key) for key in keys)]
        finally:
            office.close()
    return [" ".join(screen.said) for screen in screens]


async def _hear(leg: SipLeg, did: str, says: str, seconds: float | None, tell: Tell) -> Part:
    """Listen until the line falls silent, or for so many seconds, counted in the frames that we send."""
    after = _since_answer(leg)
    tell(f"{after:5.1f} s  caller {did}")
    tell(f"         line   {says}")
    if seconds is None:
        return Part(did, says, await leg.hear(until_silent=QUIET), after)
    begin = len(leg.audio)
    leg.say(audio.silence(seconds))
    await leg.wait_said()
    heard = leg.audio[begin:]
    leg.forget_heard()
    return Part(did, says, heard, after)


def _since_answer(leg: SipLeg) -> float:
    return time.monotonic() - leg.answered_at


async def _messages(settings: Settings) -> dict[str, int]:
    """How many messages each waiting ticket has."""
    if not settings.database_address and not settings.database.exists():
        return {}
    lines = await at_desk_now(settings, lambda desk: desk.list())
    return {line.reference: line.messages for line in lines}


async def _reference_with_more(settings: Settings, before: dict[str, int]) -> str | None:
    """The ticket that has gained a message; the engine needs a moment after the hang-up."""
    for _ in range(50):
        for reference, messages in (await _messages(settings)).items():
            if before.get(reference, 0) < messages:
                return reference
        await asyncio.sleep(0.1)
    return None
