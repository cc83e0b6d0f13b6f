"""Calls in a journal, written by the code that writes them for an engine."""

from __future__ import annotations

import datetime as dt

from adapters.storage.journal import JsonLinesJournal
from adapters.storage.keys import make_data_key, read_data_key
from ivr.bootstrap.calls import working_flow
from ivr.calls.journal import entry
from ivr.calls.sealing import Sealing
from ivr.config import Settings
from ivr.core.events import CallerHungUp, CallStarted, Event, LookupAnswered
from ivr.core.interpreter import advance
from ivr.core.state import CallState
from tests.calls.random_calls import CALLER
from tests.tools.test_retold import ACCOUNT


def write_call(
    settings: Settings, session: str, version: str, begun: dt.datetime, *events: Event, caller: str = CALLER, over: bool = True
) -> None:
    """What the engine writes of a call to 1008611 that gets its look-up answered; one that is not over has no end yet."""
    make_data_key(settings.secrets / "data_key")
    journal = JsonLinesJournal(settings.var / "journal", read_data_key(settings.secrets / "data_key"), clock=lambda: begun)
    flow = working_flow(settings, "1008611")
    sealing, state, asked = Sealing(flow), CallState(), None
    gone = (CallerHungUp(begun + dt.timedelta(minutes=1)),) if over else ()
    for event in (CallStarted(begun, session, caller, "1008611"), LookupAnswered(begun, ACCOUNT), *events, *gone):
        step = advance(flow, state, event)
        named = {"version": version} if version and asked is None else {}
        journal.write(session, {**named, **entry(event, asked, step)}, sealing.seal(event, asked, step))
        state, asked = step.state, step.command
    if over:
        last = {"at": begun.isoformat(), "disposition": state.disposition.value, **({"version": version} if version else {})}
        journal.write(session, last)
    journal.close()
