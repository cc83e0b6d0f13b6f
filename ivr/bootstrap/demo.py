"""The first call: the line is brought up, called by a real telephone of ours, and what that caller heard is told step by step."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import signal
import tempfile
import time
import wave
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from adapters.backoffice.embedded import EmbeddedBackOffice
from adapters.backoffice.subscribers import SUBSCRIBERS
from adapters.speech import audio
from adapters.speech.ears import Ears, EarsMissing
from adapters.speech.listening import distance, syllables
from adapters.speech.pack_voice import read_packs
from adapters.telephony.sip_caller import SipCaller
from adapters.telephony.sip_leg import SipLeg
from ivr.bootstrap.desk import at_desk_now
from ivr.bootstrap.engine import load_flows, now
from ivr.bootstrap.line import Line
from ivr.config import Settings
from ivr.core.commands import AskDigits, Play
from ivr.core.events import CallStarted, DigitsEntered, LookupAnswered
from ivr.core.interpreter import advance
from ivr.core.state import CallState
from ivr.core.values import Kind, SpokenValue
from ivr.speech import words
from ivr.tools.flowtest import transcript_of

CALLER = "13900001008"
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
    """The whole call: its parts, all of its audio, and the ticket that came of it (None when none did)."""

    parts: tuple[Part, ...]
    audio: bytes
    reference: str | None


async def run_line(settings: Settings, tell: Tell, *, once: bool = False) -> int:
    """Bring the line up, make the first call, and stay until Ctrl-C (or not, with `once`); the exit status."""
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    for signal_ in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(signal_, told.set)
    begun = time.monotonic()
    tell("starting Asterisk and the engine …")
    line = Line(settings)
    await line.start()
    watch = asyncio.create_task(line.watch(lambda sentence: tell(f"! {sentence}")))
    try:
        number = f"sip:{settings.flow}@{settings.host}:{settings.sip_port}"
        tell(f"the line is up after {time.monotonic() - begun:.1f} s and answers at {number}")
        first = asyncio.create_task(first_call(settings, tell))
        stop = asyncio.create_task(told.wait())
        await asyncio.wait((first, stop, watch), return_when=asyncio.FIRST_COMPLETED)
        status = 1
        if first.done():
            status = 0 if first.result() else 1
        first.cancel()
        if once or told.is_set():
            return status
        tell("")
        tell(f"the line stays up. Dial {number} with a softphone on this machine (no account, G.711), as one of the")
        tell("sample subscribers 13900001001 and up: adapters/backoffice/README.md tells who they are.")
        tell("tickets:  .venv/bin/ivr tickets list      then  .venv/bin/ivr tickets claim REFERENCE")
        tell("stop:     Ctrl-C")
        await asyncio.wait((stop, watch), return_when=asyncio.FIRST_COMPLETED)
        return 0 if told.is_set() else 1
    finally:
        watch.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await watch
        await line.stop()
        tell("stopped: Asterisk and the engine have ended")


async def first_call(settings: Settings, tell: Tell) -> bool:
    """Call, tell what happened, and answer whether the right balance was heard."""
    tell("")
    tell(f"calling {settings.flow} as {CALLER}: a real SIP call with audio both ways; this takes about half a minute …")
    call = await place_call(settings)
    path = settings.var / "calls" / f"first-call-{now():%Y%m%d-%H%M%S}.wav"
    await asyncio.to_thread(save_wave, path, call.audio)
    ears = await asyncio.to_thread(_ears)
    expected = expected_balance()
    right = False
    for part in call.parts:
        tell(f"{part.after:5.1f} s  caller {part.did}")
        if part.said:
            tell(f"         line   {part.said}")
        if part.heard and ears is not None:
            heard = await asyncio.to_thread(ears.hear, part.heard, "zh-CN")
            right = right or says(heard, expected)
            tell(f"         heard  {heard}")
    if ears is not None:
        tell("         (heard: what a recogniser that does not know the text made of the audio, up to where the caller pressed a key)")
    if call.reference is not None:
        tell(f"ticket {call.reference} was made: .venv/bin/ivr tickets show {call.reference}")
    else:
        tell("no ticket was made, though a message was left: something is wrong")
    tell(f"the audio, as the caller heard it: {path}")
    if ears is None:
        tell("nobody listened: the recogniser of the `listen` extra is not installed (make install-listen)")
        return False
    tell(f"the balance is {expected}: " + ("heard right" if right else "NOT heard"))
    return right and call.reference is not None


def _ears() -> Ears | None:
    try:
        return Ears()
    except EarsMissing:
        return None


def expected_balance() -> str:
    """The sample caller's balance in words."""
    person = next(person for person in SUBSCRIBERS if person.number == CALLER)
    return words(SpokenValue(Kind.MONEY, person.balance), "zh-CN")


def says(heard: str, expected: str) -> bool:
    """Whether the syllables of `expected` stand in what was heard, one after the other; one of five may be a near-sound."""
    wanted, said = syllables(expected, "zh-CN"), syllables(heard, "zh-CN")
    slack = len(wanted) // 5
    return any(distance(said[at : at + len(wanted)], wanted) <= slack for at in range(max(1, len(said) - len(wanted) + 1)))


async def place_call(settings: Settings, *, patient: bool = False) -> FirstCall:
    """Call the line: hear the balance, press 2, hear the usage, press 5, leave a message, hang up in the middle of it.

    A `patient` caller hears the menus to their end; others press as soon as they have heard what they called for.
    """
    before = await _references(settings)
    says = await line_says(settings, ("2", "5"))
    async with SipCaller(settings.host, settings.sip_port, caller_id=CALLER) as phone:
        leg = await phone.call(settings.flow)
        parts = [await _hear(leg, "dials", says[0], None if patient else 10.0)]
        await leg.send_keys("2")
        parts.append(await _hear(leg, "presses 2 (usage)", says[1], None if patient else 12.0))
        await leg.send_keys("5")
        parts.append(await _hear(leg, "presses 5 (leave a message)", says[2], None))
        leg.say(message())
        await leg.wait_said()
        parts.append(Part("speaks, and hangs up in the middle of the recording", "", b"", _since_answer(leg)))
        await leg.hang_up()
    reference = await _new_reference(settings, before)
    return FirstCall(tuple(parts), leg.audio, reference)


async def line_says(settings: Settings, keys: tuple[str, ...]) -> list[str]:
    """What the line says to the sample caller, at first and after each key: the flow run without a telephone."""
    flow = load_flows(settings)[settings.flow]
    with tempfile.TemporaryDirectory() as folder:
        office = EmbeddedBackOffice(Path(folder) / "backoffice.db", now)
        office.seed()
        answer = await office.look_up("account", {"number": CALLER})
        office.close()
    step = advance(flow, CallState(), CallStarted(now(), "first-call", CALLER, settings.flow))
    step = advance(flow, step.state, LookupAnswered(now(), answer))
    said = []
    for key in (*keys, ""):
        assert isinstance(step.command, AskDigits | Play)
        said.append(transcript_of(step.command.utterance))
        if key:
            step = advance(flow, step.state, DigitsEntered(now(), key))
    return said


async def _hear(leg: SipLeg, did: str, says: str, seconds: float | None) -> Part:
    """Listen until the line falls silent, or for so many seconds, counted in the frames that we send."""
    after = _since_answer(leg)
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


def message() -> bytes:
    """Something to leave as a message: a few of the line's own recordings, said by the caller."""
    pack = read_packs(Settings.from_environment({}).home / "prompts" / "audio", ("zh-CN",))["zh-CN"]
    pieces = [recording.path.read_bytes() for recording in list(pack.recordings.values()) if 1.0 < recording.seconds < 4.0][:3]
    return b"".join(piece + audio.silence(0.2) for piece in pieces)


async def _references(settings: Settings) -> dict[str, int]:
    if not settings.database.exists():
        return {}
    lines = await at_desk_now(settings, lambda desk: desk.list())
    return {line.reference: line.messages for line in lines}


async def _new_reference(settings: Settings, before: dict[str, int]) -> str | None:
    """The ticket that has gained a message; the engine needs a moment after the hang-up."""
    for _ in range(50):
        for reference, messages in (await _references(settings)).items():
            if before.get(reference, 0) < messages:
                return reference
        await asyncio.sleep(0.1)
    return None


def save_wave(path: Path, alaw: bytes) -> None:
    """Telephone audio as a WAV file that any player opens."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    samples = np.clip(audio.from_alaw(alaw) * 32767, -32768, 32767).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(audio.RATE)
        file.writeframes(samples.tobytes())
