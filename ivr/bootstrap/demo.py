"""`ivr run`: the line is brought up, called once by a telephone of ours, and left running; what happens is told in plain words."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import time
from collections.abc import Mapping

from adapters.speech.ears import Ears, EarsMissing
from adapters.speech.listening import hear_sentences, heard_with
from adapters.storage.versions import VersionStore
from adapters.telephony.asterisk_config import secret
from adapters.telephony.ears_link import EarsLink
from ivr.bootstrap.console import address, phone_address
from ivr.bootstrap.engine import now
from ivr.bootstrap.first_call import KNOWN_FLOW, FirstCall, Tell, expected_balance, place_call, save_wave, says
from ivr.bootstrap.line import Line
from ivr.bootstrap.people import FIRST_ADMIN
from ivr.bootstrap.serving import flow_of_version
from ivr.bootstrap.versions import unpublished
from ivr.bootstrap.voices import tell_voices
from ivr.config import BROWSER, Settings
from ivr.errors import SelflineError

EARS_PATIENCE = 15.0  # seconds
ADDRESSES = (
    ("IVR_HOST", "host"),
    ("IVR_SIP_PORT", "sip_port"),
    ("IVR_CONSOLE_HOST", "console_host"),
    ("IVR_CONSOLE_PORT", "console_port"),
)  # what commands beside the line must know of it
LOOK_EVERY = 2.0  # seconds between two looks for edited flows


async def run_line(settings: Settings, tell: Tell, *, once: bool = False, call: bool = True) -> int:
    """Bring the line up, make the first call (or not), and stay until Ctrl-C (or not, with `once`); the exit status."""
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    for signal_ in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(signal_, told.set)
    begun = time.monotonic()
    tell("starting Asterisk, the engine and the console …")
    line = Line(settings, console=True)

    def warn(sentence: str) -> None:
        tell(f"! {sentence}")

    await line.start(tell=tell, warn=warn)
    watch = asyncio.create_task(line.watch(warn))
    edits = asyncio.create_task(tell_edits(settings, warn))
    try:
        tell(f"telephone: {phone_address(settings)}  hear the line in your browser")
        password = f"  sign in as {FIRST_ADMIN}, password {line.first_password} (told this once)" if line.first_password else ""
        tell(f"console:   {address(settings)}{password}")
        tell(f"the line is up after {time.monotonic() - begun:.1f} s and answers at {_address(settings)}")
        if changed := _changed(settings):
            tell(f"in another terminal, before the commands below: export {changed}")
        tell(tell_voices(settings))
        stop = asyncio.create_task(told.wait())
        status = 0
        if call or once:
            first = asyncio.create_task(_first_call(settings, tell))
            await asyncio.wait((first, stop, watch), return_when=asyncio.FIRST_COMPLETED)
            status = 0 if first.done() and first.result() else 1
            first.cancel()
        if once or told.is_set():
            return status
        _tell_what_next(settings, tell)
        await asyncio.wait((stop, watch), return_when=asyncio.FIRST_COMPLETED)
        return 0 if told.is_set() else 1
    finally:
        for task in (watch, edits):
            task.cancel()
        await asyncio.gather(watch, edits, return_exceptions=True)
        await line.stop()
        tell("stopped: Asterisk, the engine and the console have ended")


async def tell_edits(settings: Settings, warn: Tell, every: float = LOOK_EVERY) -> None:
    """Say, once each, which flows are not what callers meet, now and whenever somebody has edited one; with the cure."""
    known: Mapping[str, int] | None = None
    before = await asyncio.to_thread(_stamps, settings)
    told: tuple[str, ...] = ()
    while True:
        stamps = await asyncio.to_thread(_stamps, settings)
        if stamps == before and stamps != known:  # not in the middle of somebody's saving
            known = stamps
            sentences = await asyncio.to_thread(unpublished, settings)
            for sentence in sentences:
                if sentence not in told:
                    warn(sentence)
            told = sentences
        before = stamps
        await asyncio.sleep(every)


def _stamps(settings: Settings) -> Mapping[str, int]:
    """Something that changes when a flow, a text or a version does."""
    patterns = ((settings.home, "flows/**/*"), (settings.home, "prompts/*.yaml"), (settings.versions, "*/current.json"))
    found = {}
    for folder, pattern in patterns:
        for path in folder.glob(pattern):
            with contextlib.suppress(FileNotFoundError):
                found[str(path)] = path.stat().st_mtime_ns
    return found


def _address(settings: Settings) -> str:
    return f"sip:{settings.flow}@{settings.host}:{settings.sip_port}"


def _changed(settings: Settings) -> str:
    """Where the line is not where other commands look for it, as a shell is told."""
    usual = Settings(home=settings.home, var=settings.var)
    return " ".join(f"{name}={getattr(settings, field)}" for name, field in ADDRESSES if getattr(settings, field) != getattr(usual, field))


def _ivr(settings: Settings) -> str:
    """The command as it must be typed to mean this line."""
    elsewhere = settings.var != settings.home / "var"
    return f"IVR_VAR={settings.var} .venv/bin/ivr" if elsewhere else ".venv/bin/ivr"


def _tell_what_next(settings: Settings, tell: Tell) -> None:
    ivr, others = _ivr(settings), [line for line in VersionStore(settings.versions).lines() if line != settings.flow]
    also = f", or {', '.join(others)}" if others else ""
    tell("")
    tell("the line stays up until Ctrl-C. What to do next:")
    tell(f"1 hear it      {phone_address(settings)}  dial {settings.flow}{also}")
    tell(f'               or without a browser: {ivr} call {settings.flow} --keys "2 5" --message')
    tell(f"2 be an agent  {ivr} console users add ann --role agent  prints a password for {address(settings, '/desk')}")
    if settings.trunk == BROWSER:
        tell("               n takes the next caller, t opens your telephone, d calls back: the one of step 1 rings (no trunk yet)")
    tell(f"3 watch        {ivr} console users add bea --role supervisor  prints one for {address(settings, '/board')}")
    tell(f"               {ivr} why  tells why the last call went the way it did")
    tell(f"4 change it    edit a file under flows/, then {ivr} publish")
    tell("README.md tells the rest: softphones, tickets at the command line, how to write a flow")


async def _first_call(settings: Settings, tell: Tell) -> bool:
    """Make the first call and judge it. The line outlives whatever becomes of it."""
    tell("")
    tell(f"calling {settings.flow} as 13900001008: a real SIP call with audio both ways …")
    try:
        await _ears_open(settings)
        call = await place_call(settings, tell)
        path = settings.var / "calls" / f"first-call-{now():%Y%m%d-%H%M%S}.wav"
        await asyncio.to_thread(save_wave, path, call.audio)
        _tell_ticket(settings, call, tell)
        tell(f"the audio, as the caller heard it: {path}")
        return await _listen(settings, call, tell)
    except SelflineError as error:
        tell(f"the first call did not go as it should: {error}")
        return False


async def _ears_open(settings: Settings) -> None:
    """Wait until callers can be listened to in the line's language: a model is loaded after the start, and a first call comes at once."""
    flow = flow_of_version(settings, settings.flow, "")
    if flow.speech is None or settings.recogniser == "none":
        return
    link = EarsLink(settings.ears_port, secret(settings, "ears_token"), settings.grammars)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(EARS_PATIENCE):
            while await link.deaf(flow.languages[0]) in ("loading", "gone", "deadline"):  # noqa: ASYNC110 - another process tells nobody
                await asyncio.sleep(0.1)


def _tell_ticket(settings: Settings, call: FirstCall, tell: Tell) -> None:
    if call.reference is not None:
        what = "the message was added to the ticket {0} of an earlier call" if call.added else "the message became ticket {0}"
        tell(f"{what.format(call.reference)}: {_ivr(settings)} tickets show {call.reference}")
    elif settings.flow == KNOWN_FLOW:
        tell("no ticket was made, though a message was left: something is wrong")


async def _listen(settings: Settings, call: FirstCall, tell: Tell) -> bool:
    """Have a recogniser that knows nothing of the text hear the call; whether the balance was heard, where there is one."""
    try:
        ears = await asyncio.to_thread(Ears)
    except EarsMissing as error:
        tell(f"nobody listened: {error}")
        return False
    tell("what a recogniser that does not know the text heard of it (it writes by ear: other characters, the same sounds):")
    expected = expected_balance()
    first, *others = call.parts

    def enough(text: str) -> bool:
        return settings.flow != KNOWN_FLOW or says(text, expected)

    heard = [await asyncio.to_thread(heard_with, ears, first.heard, "zh-CN", enough)]
    heard += [await asyncio.to_thread(hear_sentences, ears, part.heard, "zh-CN") for part in others]
    for part, text in zip(call.parts, heard, strict=True):
        if text:
            tell(f"{part.after:5.1f} s  {text}")
    if settings.flow != KNOWN_FLOW:
        return any(heard)
    right = any(says(text, expected) for text in heard)
    tell(f"the balance is {expected}: " + ("heard right" if right else "NOT heard"))
    return right and call.reference is not None
