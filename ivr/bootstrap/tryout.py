"""A flow tried out in the terminal, with the sample subscribers behind it."""

from __future__ import annotations

import contextlib
import datetime as dt
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from adapters.backoffice.embedded import EmbeddedBackOffice
from adapters.backoffice.signatures import SIGNATURES
from ivr.bootstrap.conversations import flow_of
from ivr.bootstrap.engine import now
from ivr.bootstrap.first_call import answers_of
from ivr.bootstrap.loudspeaker import Loudspeaker
from ivr.errors import UserError, VoiceFailed
from ivr.tools.conversations import moment
from ivr.tools.simulate import Circumstances as Circumstances
from ivr.tools.simulate import NotUnderstood, Screen, TryOut

Tell = Callable[[str], None]
Listen = Callable[[], str | None]


@dataclass(frozen=True, slots=True)
class Trial:
    """What a call is tried out with: who calls, when ("" for now), in what circumstances, and whether it is heard."""

    caller: str
    at: str = ""
    circumstances: Circumstances | None = None
    audio: bool = False


def try_flow(path: Path, home: Path, trial: Trial, tell: Tell, listen: Listen) -> None:
    """Talk until the call is over, or `listen` gives None or "quit". Raises UserError for a flow with errors."""
    clock = _clock(trial.at)
    flow = flow_of(path, home)
    language = trial.circumstances.language if trial.circumstances else ""
    if language not in ("", *flow.languages):
        raise UserError(f"the flow does not speak {language}; it speaks {', '.join(flow.languages)}")
    with contextlib.ExitStack() as stack:
        loudspeaker = stack.enter_context(Loudspeaker(home)) if trial.audio else None
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        office = EmbeddedBackOffice(Path(folder) / "backoffice.db", clock)
        stack.callback(office.close)
        office.seed()
        call = TryOut(flow, trial.caller, answers_of(office.look_up), clock, SIGNATURES, trial.circumstances)
        _talk(call, tell, listen, loudspeaker)


def _clock(at: str) -> Callable[[], dt.datetime]:
    """The time that runs from a moment on. Raises UserError for what is none."""
    if not at:
        return now
    begins, started = moment(at), now()
    if begins is None:
        raise UserError(f"'{at}' is not a moment; write for example 2026-03-05T12:00")
    return lambda: begins + (now() - started)


def _talk(call: TryOut, tell: Tell, listen: Listen, loudspeaker: Loudspeaker | None) -> None:
    _show(call.begin(), tell, loudspeaker)
    explained: set[str] = set()  # what can be typed is told once, and to whoever asks or errs
    while not call.over:
        if call.help not in explained:
            explained.add(call.help)
            tell(f"  ({call.help})")
        typed = listen()
        if typed is None or typed.strip() in ("quit", "exit"):
            return
        if typed.strip() in ("?", "help"):
            explained.clear()
            continue
        try:
            _show(call.do(typed.strip()), tell, loudspeaker)
        except NotUnderstood as why:
            tell(f"  ? {why}")
            explained.clear()
    if loudspeaker is not None:
        loudspeaker.finish()


def _show(screen: Screen, tell: Tell, loudspeaker: Loudspeaker | None) -> None:
    for step in screen.way:
        tell(f"    · {step}")
    for text in screen.texts:
        tell(f"✉ {text}")
    for said in screen.said:
        tell(f"☎ {said}")
    if loudspeaker is not None:
        try:
            loudspeaker.say(screen.utterances)
        except VoiceFailed as error:
            tell(f"  ! {error}")
