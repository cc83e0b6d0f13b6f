"""Real calls on the drawing: how often each way was taken, where callers left, and what is not shown."""

from __future__ import annotations

import datetime as dt
import re
import shutil
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ivr.core.events import CallerHungUp, CallStarted, CommandFailed, DigitsEntered, Event, LookupAnswered, MessageKept, PromptPlayed
from ivr.core.flow import Flow
from ivr.core.interpreter import advance
from ivr.core.state import CallState
from ivr.tools.coverage import Passage
from ivr.tools.graph_formats import to_dot, to_mermaid, to_text
from ivr.tools.traffic import Traffic, drawn
from tests.calls.random_calls import CALLER, EVERYTHING, NIGHT, SECRETIVE, SESSION, a_call
from tests.tools.test_retold import ACCOUNT

STARTED = CallStarted(NIGHT, SESSION, CALLER, "1008611")
GONE = CallerHungUp(NIGHT + dt.timedelta(seconds=9))


def passages(flow: Flow, *events: Event) -> list[Passage]:
    state, found = CallState(), []
    for event in events:
        step = advance(flow, state, event)
        found.append(Passage(state, event, step))
        state = step.state
    return found


@pytest.fixture
def traffic(quick_line: Flow) -> Traffic:
    """Twelve callers who were served, one who left in the look-up, one with a message, one whose call broke off, and others."""
    found = Traffic()
    for _ in range(12):
        found.add(quick_line, passages(quick_line, STARTED, LookupAnswered(NIGHT, ACCOUNT), DigitsEntered(NIGHT, "1"), GONE))
    found.add(quick_line, passages(quick_line, STARTED, GONE))
    kept = MessageKept(NIGHT, "481625", hung_up=True)
    found.add(quick_line, passages(quick_line, STARTED, CommandFailed(NIGHT, "deadline"), PromptPlayed(NIGHT), kept))
    found.add(quick_line, passages(quick_line, STARTED, LookupAnswered(NIGHT, ACCOUNT)))
    found.left_out["of 1008611@2"] = 1
    return found


def test_ways_boxes_and_legend_tell_what_calls_did(quick_line: Flow, traffic: Traffic):
    drawing = drawn(quick_line, traffic, ["since yesterday"])

    boxes = {box.name: box for box in drawing.clusters[""]}
    assert {arrow.label for arrow in drawing.arrows if arrow.source == "main"} == {
        "1 “查话费” ×12", "2 “查流量”", "3 “查账单”", "4 “英语服务”", "5 “我要留言”", "3 tries",
    }  # fmt: skip
    assert (boxes["look_up"].count, boxes["usage"].count) == (15, 0)
    assert boxes["look_up"].ended == ("1 left without an answer",)
    assert boxes["main"].ended == ("12 served", "1 broken off")
    assert boxes["leave"].ended == ("1 with a ticket",)
    assert [arrow.label for arrow in boxes["say_balance"].back] == ["×12"]
    assert drawing.legend[-3:] == (
        "15 calls, 12 served, 1 broken off, 1 left without an answer, 1 with a ticket",
        "since yesterday",
        "not shown: 1 call of 1008611@2",
    )
    assert drawing.calls == 15


def test_every_format_tells_it(quick_line: Flow, traffic: Traffic):
    drawing = drawn(quick_line, traffic)

    dot, mermaid, text = to_dot(drawing), to_mermaid(drawing), to_text(drawing)

    assert "<b>1</b></font> “查话费” ×12</td>" in dot
    assert 'color="#b91c1c"><b>■ 1 left without an answer</b>' in dot
    assert 'color="#374151"><b>■ 12 served</b>' in dot
    assert re.search(r'"usage" \[label=.*style="filled,dashed"', dot)
    assert re.search(r'"main" -> "balance" \[.*penwidth=5.0', dot)
    assert '|"1 “查话费” ×12"| n_balance' in mermaid
    assert "<b>■ 12 served</b>" in mermaid
    assert re.search(r"n_usage\{\{.*:::untaken", mermaid)
    assert re.search(r"^main ×25 +menu ", text, re.MULTILINE)
    assert "    ■ 12 served\n    ■ 1 broken off\n" in text
    assert re.search(r"^    1 “查话费” ×12 +→ balance$", text, re.MULTILINE)


@pytest.mark.skipif(shutil.which("dot") is None, reason="Graphviz is not installed")
def test_graphviz_draws_it_without_a_complaint(quick_line: Flow, traffic: Traffic):
    made = subprocess.run(["dot", "-Tsvg"], input=to_dot(drawn(quick_line, traffic)), capture_output=True, text=True, check=True)

    assert made.stderr == ""


@given(st.data())
@settings(max_examples=40, deadline=None)
def test_every_call_is_counted_once_and_ends_somewhere(quick_line: Flow, data: st.DataObject):
    flow = data.draw(st.sampled_from([quick_line, SECRETIVE, EVERYTHING]))
    found, calls = Traffic(), data.draw(st.integers(1, 3))
    for _ in range(calls):
        before = CallState()
        steps = []
        for one in a_call(flow, data.draw, 12):
            steps.append(Passage(before, one.event, one.step))
            before = one.step.state
        found.add(flow, steps)

    drawing = drawn(flow, found)

    assert sum(sum(ends.values()) for ends in found.ends.values()) == found.calls == calls
    shown = [box for inside in drawing.clusters.values() for box in inside]
    assert sum(int(line.split()[0]) for box in shown for line in box.ended) == calls
