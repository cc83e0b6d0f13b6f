"""`ivr call`: a telephone of ours dials a line that runs, presses keys as a person would, and the call is told from the line's journal."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import re
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass

from adapters.storage.journal import read_calls
from adapters.telephony.sip_caller import CallRefused, CallUnanswered, SipCaller
from adapters.telephony.sip_leg import SipLeg
from ivr.bootstrap.calls import story
from ivr.bootstrap.engine import now
from ivr.bootstrap.first_call import message
from ivr.calls.journal import mask
from ivr.config import Settings
from ivr.errors import ChannelFailed, UserError

RING = dt.timedelta(seconds=5)  # Asterisk answers at once, or not at all
QUIET = dt.timedelta(seconds=1.2)  # silence after which it is the caller's turn
SLOW = dt.timedelta(seconds=4)  # a line that says nothing for so long says nothing more
BEGUN, ENDED = 3.0, 10.0  # seconds after a call until the journal has its beginning and its end
WITHHELD = "anonymous"

_REFUSES = 0.3  # seconds in which a machine tells that nobody is at a port
_NOT_FOUND = 404

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Dialling:
    """What a caller is going to do: whom to call as whom, the groups of keys, whether to say a message after them, for how long at most."""

    number: str
    groups: tuple[str, ...] = ()
    caller: str = "13900001008"
    seconds: float = 120.0
    message: bool = False

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[0-9]{1,32}", self.number):
            raise UserError(f"a line is dialled in digits, not as {self.number!r}")
        if self.caller != WITHHELD and not re.fullmatch(r"\+?[0-9]{1,31}", self.caller):
            raise UserError(f"a caller has a number, or is {WITHHELD!r}; {self.caller!r} is neither")
        for group in self.groups:
            if wrong := re.search(r"[^0-9*#]", group):
                raise UserError(f"{wrong[0]!r} is not on a telephone; keys are 0 to 9, * and #, with a blank where the caller listens")


async def call_line(settings: Settings, dialling: Dialling, tell: Tell) -> tuple[str, ...]:
    """Make the call, told as it goes, and return what `ivr why` tells of it. Raises UserError when there is no call to tell of."""
    begun = now()
    try:
        await asyncio.to_thread(_knock, settings)
        async with SipCaller(settings.host, settings.sip_port, caller_id=dialling.caller) as phone:
            leg = await phone.call(dialling.number, ring=RING)
            await _talk(leg, dialling, tell)
            await leg.hang_up()
    except CallRefused as refused:
        raise UserError(_refusal(settings, dialling.number, refused)) from None
    except CallUnanswered:
        raise UserError(f"nobody answers at {_address(settings)} within {RING.total_seconds():.0f} s") from None
    except OSError as error:
        raise UserError(f"cannot call {_address(settings)}: {error.strerror or error}") from None
    session = await _session_since(settings, dialling, begun)
    if session is None:
        raise UserError(
            f"the call is not in the journal of {settings.var}: the engine was away, or IVR_VAR is not the folder of the line that answered"
        )
    return await asyncio.to_thread(story, settings, session)


def _knock(settings: Settings) -> None:
    """Raises UserError when nobody is at the line's port. Two empty lines keep a connection alive and ask for nothing (RFC 5626 §4.4.1)."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.settimeout(_REFUSES)
        probe.connect((settings.host, settings.sip_port))
        try:
            probe.send(b"\r\n\r\n")
            probe.recv(64)
        except ConnectionRefusedError:
            raise UserError(
                f"no line runs at {_address(settings)}; start it with make run, or set IVR_SIP_PORT to the port of one that does"
            ) from None
        except TimeoutError:
            return


async def _talk(leg: SipLeg, dialling: Dialling, tell: Tell) -> None:
    """Listen, press a group of keys, listen again, until there are no more, the line hangs up, or the time is up; say the message."""
    left = list(dialling.groups)

    def told(sentence: str) -> None:
        tell(f"{time.monotonic() - leg.answered_at:6.1f} s  {sentence}")

    told("the line answers")
    try:
        async with asyncio.timeout(dialling.seconds):
            await _until_silent(leg)
            while left and leg.ended_by is None:
                with contextlib.suppress(ChannelFailed):  # the line hangs up in this very moment
                    await leg.send_keys(left[0])
                    told(f"the caller presses {left.pop(0)}")
                await _until_silent(leg)
            if dialling.message and leg.ended_by is None:
                told("the caller says a message")
                leg.say(await asyncio.to_thread(message))
                await leg.wait_said()
        told("the line hangs up" if leg.ended_by else "the caller hangs up")
    except TimeoutError:
        told(f"the call has lasted {dialling.seconds:g} s: the caller hangs up")
    if left:
        told(f"not pressed any more: {' '.join(left)}")


async def _until_silent(leg: SipLeg) -> None:
    """Until the line has said something and falls silent, says nothing at all for a while, or hangs up."""
    with contextlib.suppress(ChannelFailed):
        await leg.wait_voice(after=time.monotonic(), timeout=SLOW)
        await leg.hear(until_silent=QUIET, timeout=dt.timedelta(days=1))  # the call's own time is what ends it
    leg.forget_heard()


async def _session_since(settings: Settings, dialling: Dialling, begun: dt.datetime) -> str | None:
    """The session of the newest call of that caller to that number; the line needs a moment to write the end of it."""
    hung_up = time.monotonic()
    while True:
        found, over = await asyncio.to_thread(_newest, settings, dialling, begun)
        if over or time.monotonic() > hung_up + (ENDED if found else BEGUN):
            return found
        await asyncio.sleep(0.1)


def _newest(settings: Settings, dialling: Dialling, begun: dt.datetime) -> tuple[str | None, bool]:
    """A call since then, and whether its end is in the journal."""
    caller = "" if dialling.caller == WITHHELD else mask(dialling.caller)
    newest: tuple[dt.datetime, str, bool] | None = None
    for session, entries in read_calls(settings.var / "journal", begun.astimezone(dt.UTC).date()):
        event = entries[0].get("event") or {}
        if event.get("dialled") != dialling.number or (event.get("caller_id") or "") != caller:
            continue
        at = dt.datetime.fromisoformat(str(entries[0].get("at")))
        if at >= begun and (newest is None or at > newest[0]):
            newest = (at, session, "disposition" in entries[-1])
    return (newest[1], newest[2]) if newest else (None, False)


def _refusal(settings: Settings, number: str, refused: CallRefused) -> str:
    if refused.status != _NOT_FOUND:
        return f"{number} at {_address(settings)}: {refused}"
    flow = settings.home / "flows" / f"{number}.yaml"
    cure = f"publish flows/{number}.yaml" if flow.exists() else f"there is no flows/{number}.yaml either"
    return f"no line answers {number}; {cure}"


def _address(settings: Settings) -> str:
    return f"{settings.host}:{settings.sip_port}"
