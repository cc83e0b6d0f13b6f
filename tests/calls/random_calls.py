"""Calls as chance has them, through a flow that has everything, and through one that asks for secrets: for what must hold of any call."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from ivr.calls.journal import entry
from ivr.calls.sealing import Sealing
from ivr.core.commands import AskDigits, Command, Lookup, Play, SendText, TakeMessage, Transfer
from ivr.core.events import (
    BUSY,
    CALLBACK,
    NOBODY,
    CallerHungUp,
    CallStarted,
    CommandFailed,
    DigitsEntered,
    Event,
    LookupAnswered,
    MessageKept,
    MessageNotKept,
    NothingHeard,
    PromptPlayed,
    Released,
    TextQueued,
    TransferEnded,
)
from ivr.core.flow import Flow
from ivr.core.interpreter import Step, advance
from ivr.core.state import CallState
from tests.core.phone import compiled
from tests.core.test_properties import ANSWERS, CALLER, KEYS, PIN, SECRETIVE, spoken

__all__ = ["CALLER", "EVERYTHING", "NIGHT", "PIN", "SECRETIVE", "SESSION", "Happened", "a_call", "journal_of"]

SESSION = "70e1558d-60fb-43b1-868d-1ee334875400"
NIGHT = dt.datetime(2026, 3, 6, 17, 50, tzinfo=ZoneInfo("Asia/Shanghai"))
EVERYTHING = compiled(
    """
  hello: {lookup: account, with: {number: call.caller_id}, not_found: leave, failed: leave, retries: 2, then: tell, milestone: asked}
  tell: {say: <<{{ account.balance | money }}, {{ account.data_left | volume }}, {{ account.minutes_left | duration }}.>>, then: main}
  main:
    menu: <<Main.>>
    choices:
      1: {then: bundles, say: <<bundles>>}
      2: {then: desk, say: {en-US: [the desk, a person], zh-CN: [人工台, 人工]}}
      3: text
      4: {then: other, say: <<language>>}
      5: pin
      6: number
      77: person
    nomatch: <<What?>>
    exhausted: leave
  bundles: {lookup: bundles, with: {number: call.caller_id}, then: read}
  read:
    read: bundles.items
    as: bundle
    each: <<{{ bundle.name | text }} has {{ bundle.left | volume }} until {{ bundle.expires | date }}.>>
    page: 1
    spoken: true
    more: <<More?>>
    last: <<All.>>
    empty: main
    then: main
    exhausted: leave
  desk: {hours: desk, open: person, closed: closed}
  closed: {say: <<We open on {{ desk.opens_on | date }} at {{ desk.opens_at | time }}.>>, then: leave, outcome: put_off}
  text: {sms: <<You have {{ account.balance | money }}.>>, failed: leave, then: main}
  other: {branch: [{when: 'language == "en-US"', then: chinese}, {else: english}]}
  chinese: {set: {language: zh-CN}, then: main}
  english: {set: {language: en-US}, then: main}
  pin: {collect: <<Your password?>>, as: pin, min: 4, max: 8, secret: true, then: check, exhausted: leave}
  check: {lookup: account, with: {number: pin}, as: checked, not_found: main, failed: main, then: main}
  number: {call: ask, as: asked, then: told}
  told: {say: <<{{ asked.number | digits }}.>>, then: main, outcome: told}
  person:
    transfer: agents
    announce: <<Wait.>>
    wait: 5min
    callback: bye
    kept: <<Number {{ ticket.reference | digits }}.>>
    saved: <<Saved.>>
    busy: leave
    then: bye
    unanswered: leave
  leave:
    message: <<Speak.>>
    topic: t
    kept: <<{{ ticket.reference | digits }}>>
    saved: <<B.>>
    too_short: <<C.>>
    not_kept: <<D.>>
    then: bye
  long: {say: <<That was long.>>, then: bye}
""",
    """start: hello
remember_language: true
milestones: [asked]
outcomes: [put_off, told]
limits: {duration: 10min, tries: 6, exceeded: long, calls: 3, crowded: leave}
hours: {desk: {week: {mon-fri: 09:00-18:00}}}
speech: {did_you_mean: <<Do you mean {{ heard | text }}?>>, use_keys: <<Use the keys.>>}
universals: {"*": back, "9": {then: repeat, say: <<repeat>>}, "0": person}""",
    """
subflows:
  ask:
    start: number
    nodes:
      number:
        collect: <<Which number?>>
        as: number
        min: 3
        max: 11
        spoken: true
        confirm: <<{{ number | digits }}?>>
        then: end
        exhausted: /leave
      end: {return: {number: number}}
""",
)


@dataclass(frozen=True)
class Happened:
    """One step of a call: the command that was asked for, what happened, and what came of it."""

    asked: Command | None
    event: Event
    step: Step


def a_call(flow: Flow, draw: st.DrawFn, longest: int = 30) -> list[Happened]:
    """A call that may break off, as an engine does that is ended."""
    at = NIGHT
    event: Event = CallStarted(
        at, SESSION, draw(st.sampled_from([CALLER, "", "075512345678"])), "1008611", draw(st.sampled_from(["", "zh-CN"])), draw(_RARELY)
    )
    happened = [Happened(None, event, advance(flow, CallState(), event))]
    for _ in range(draw(st.integers(1, longest))):
        step = happened[-1].step
        if step.command is None:
            break
        at += dt.timedelta(seconds=draw(st.sampled_from([0, 1, 3, 3, 3, 300])), milliseconds=draw(st.sampled_from([0, 250])))
        event = replace(_answer(step.command, draw), at=at)
        happened.append(Happened(step.command, event, advance(flow, step.state, event)))
    return happened


def journal_of(flow: Flow, happened: list[Happened]) -> tuple[list[Mapping[str, object]], list[Mapping[str, object]]]:
    """What the driver gives the journal of that call, entries and what is to be sealed, as it is read back from JSON."""
    sealing = Sealing(flow)
    entries = [entry(one.event, one.asked, one.step) for one in happened]
    sealed = [sealing.seal(one.event, one.asked, one.step) for one in happened]
    return json.loads(json.dumps(entries)), json.loads(json.dumps(sealed))


_RARELY = st.integers(0, 19).map(lambda number: number == 0)


def _answer(command: Command, draw: st.DrawFn) -> Event:
    at = NIGHT
    if draw(_RARELY):
        return draw(st.sampled_from([CallerHungUp(at), CommandFailed(at, "audio")]))
    match command:
        case Play(barge_in=barge_in):
            return PromptPlayed(at, draw(KEYS) if barge_in else "")
        case AskDigits(secret=True, max_digits=longest):
            digits = draw(st.sampled_from([PIN[:longest], PIN[:2], PIN[0], "9", "0", "*", "12*4", "0000", ""]))
            return draw(st.sampled_from([DigitsEntered(at, digits), DigitsEntered(at, digits, terminated=True), NothingHeard(at)]))
        case AskDigits(max_digits=longest):
            alphabet = "0123456789*#" if longest == 1 else "0123456789*"
            likely = st.sampled_from("123456") if longest < 3 else st.sampled_from(["13800001111", "12345", "77"[:longest]])
            digits = draw(st.one_of(st.text(alphabet, min_size=1, max_size=longest), likely, likely, likely))
            keyed = DigitsEntered(at, digits)
            said = spoken(command, draw)
            return draw(st.sampled_from([keyed, keyed, keyed, replace(keyed, terminated=True), NothingHeard(at), *said]))
        case Lookup(name=name):
            if draw(st.integers(0, 5)) == 0:
                return draw(
                    st.sampled_from([LookupAnswered(at, None), CommandFailed(at, "deadline", "1"), CommandFailed(at, "back_office")])
                )
            return LookupAnswered(at, draw(ANSWERS[name]), draw(st.one_of(st.just(""), st.just(""), KEYS)))
        case SendText():
            return draw(st.sampled_from([TextQueued(at), TextQueued(at, draw(KEYS)), CommandFailed(at, "outbox")]))
        case TakeMessage():
            ended = [MessageKept(at, "481625", draw(st.booleans())), MessageKept(at, None), MessageNotKept(at, "too_short", draw(_RARELY))]
            return draw(st.sampled_from(ended))
        case Transfer():
            asked = [TransferEnded(at, False, CALLBACK, reference) for reference in ("481625", None)]
            ended = [TransferEnded(at, True), *(TransferEnded(at, False, reason) for reason in ("", BUSY, NOBODY))]
            return draw(st.sampled_from([*ended, *(asked if command.wait is not None else [])]))
        case _:
            return Released(at)
