"""A call told as it happens, in both languages."""

from __future__ import annotations

import dataclasses
import datetime as dt
import inspect
import re

import pytest

from ivr.core import events, notes
from ivr.core.events import CallerHungUp, CallStarted, DigitsEntered, LookupAnswered, MessageKept, PromptPlayed
from ivr.tools.conversations import NOON
from ivr.tools.sentences import event_told, note_told
from ivr.tools.trace import Fact, Kind, Trace
from tests.conftest import load
from tests.tools.test_why import SESSION, journal_of

FLOW = """selfline: 1
line: "1008611"
languages: [zh-CN]
start: look_up
on_failure: bye
nodes:
  look_up: {lookup: account, with: {number: call.caller_id}, not_found: bye, then: m}
  m: {menu: "您的余额是{{ account.balance | money }}。留言请按一。", choices: {1: leave}, noinput: "没有按键。", exhausted: bye}
  leave: {message: "请留言。", topic: callback, kept: "已记录。", saved: "已保存。", too_short: "太短。", not_kept: "未保存。", then: bye}
  bye: {hangup: "再见。"}
"""


def facts_of(*happened: events.Event) -> list[Fact]:
    loaded = load(FLOW)
    assert loaded.flow is not None, loaded.problems
    trace = Trace()
    return [fact for entry in journal_of(loaded.flow, *happened) for fact in trace.facts(entry)]


def later(milliseconds: int) -> dt.datetime:
    return NOON + dt.timedelta(milliseconds=milliseconds)


def test_a_call_is_told_node_by_node_with_its_places_and_what_was_said_and_pressed():
    account = {"balance": 35}

    told = facts_of(
        CallStarted(NOON, SESSION, "13900001008", "1008611"),
        LookupAnswered(later(137), account),
        DigitsEntered(later(4137), "1"),
        PromptPlayed(later(6000)),
        MessageKept(later(9000), "481625"),
        PromptPlayed(later(12000)),
    )

    assert [(fact.after, fact.kind, fact.zh, fact.place, fact.said) for fact in told if fact.kind is not Kind.REASON][:11] == [
        (0.0, Kind.CALL, "*******1008 拨打 1008611", "", ""),
        (0.0, Kind.NODE, "look_up", "flows/test.yaml:7", ""),
        (0.0, Kind.LINE, "查询 account", "flows/test.yaml:7", ""),
        (0.137, Kind.ANSWER, "后台已答复", "flows/test.yaml:7", ""),
        (0.137, Kind.NODE, "m", "flows/test.yaml:8", ""),
        (0.137, Kind.SAYS, "播报", "flows/test.yaml:8", "您的余额是〔金额〕。留言请按一。"),
        (4.137, Kind.CALLER, "用户按 1", "flows/test.yaml:8", ""),
        (4.137, Kind.NODE, "leave", "flows/test.yaml:9", ""),
        (4.137, Kind.SAYS, "播报", "flows/test.yaml:9", "请留言。"),
        (6.0, Kind.LINE, "播报完毕", "flows/test.yaml:9", ""),
        (6.0, Kind.LINE, "请用户留言（callback）", "flows/test.yaml:9", ""),
    ]
    assert [fact.milliseconds for fact in told if fact.milliseconds is not None] == [137]
    assert ("留言已保存，工单 481625", "a message is kept: ticket 481625") in [(fact.zh, fact.en) for fact in told]


def test_the_end_is_told_and_so_is_a_hang_up():
    trace = Trace()
    entries = [
        {"at": NOON.isoformat(), "event": {"type": "CallerHungUp"}, "notes": [], "command": None},
        {"at": later(500).isoformat(), "disposition": "abandoned"},
    ]

    told = [(fact.after, fact.kind, fact.zh, fact.en) for entry in entries for fact in trace.facts(entry)]

    assert told == [
        (0.0, Kind.CALLER, "用户挂机", "the caller hangs up"),
        (0.5, Kind.OVER, "结束：未得到答复", "over: left without an answer"),
    ]


@pytest.mark.parametrize("entry", [{}, {"at": "yesterday"}, {"at": None}, {"at": NOON.isoformat(), "event": None, "notes": None}])
def test_an_entry_that_cannot_be_read_is_no_fault(entry: dict[str, object]):
    assert all(fact.said == "" for fact in Trace().facts(entry))


@pytest.mark.parametrize("module", [events, notes], ids=["events", "notes"])
def test_every_event_and_every_note_has_words_in_mandarin(module: object):
    tell = event_told if module is events else note_told
    kinds = [
        kind
        for name, kind in inspect.getmembers(module, inspect.isclass)
        if dataclasses.is_dataclass(kind) and kind.__module__ == module.__name__ and name not in ("NodeEntered", "Hypothesis")  # type: ignore[attr-defined]
    ]

    told = {kind.__name__: tell({"type": kind.__name__}).zh for kind in kinds}

    assert [name for name, text in told.items() if not re.search(r"[\u4e00-\u9fff]", text)] == []


def test_no_value_of_the_back_office_and_no_number_is_in_the_trace():
    told = facts_of(CallStarted(NOON, SESSION, "13900001008", "1008611"), LookupAnswered(later(5), {"balance": 35}), CallerHungUp(later(9)))

    text = repr(told)
    assert "13900001008" not in text
    assert "三十五" not in text
