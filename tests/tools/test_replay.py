"""A call that was journaled goes the same way again; what a changed flow does otherwise is told; no secret was kept for it."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.storage.journal import JsonLinesJournal, read_journal, unseal
from adapters.storage.keys import DataKey
from ivr.calls.events_as_data import Unreadable, event_data, event_from, value_data, value_from
from ivr.calls.journal import entry
from ivr.calls.sealing import Sealing, unsealed
from ivr.core.events import CallerHungUp, CallStarted, DigitsEntered, Event, LookupAnswered, NothingHeard, PromptPlayed
from ivr.core.flow import Flow
from ivr.core.interpreter import advance
from ivr.core.state import CallState
from ivr.core.values import Value
from ivr.tools.replay import PastCall, past_call, replay, report
from tests.calls.random_calls import CALLER, EVERYTHING, NIGHT, PIN, SECRETIVE, SESSION, Happened, a_call, journal_of
from tests.conftest import HOME, load
from tests.core.generated import flows
from tests.core.test_properties import ANY_EVENT

KEY = DataKey(bytes(range(32)))
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.text(),
    st.decimals(allow_nan=False),
    st.dates(),
    st.times(),
    st.timedeltas(),
)
VALUES: st.SearchStrategy[Value] = st.recursive(
    SCALARS, lambda inner: st.one_of(st.lists(inner, max_size=3).map(tuple), st.dictionaries(st.text(), inner, max_size=3)), max_leaves=8
)


def written(flow: Flow, data: st.DataObject) -> tuple[PastCall, list[Mapping[str, object]]]:
    entries, sealed = journal_of(flow, a_call(flow, data.draw))
    return past_call(SESSION, entries, sealed), sealed


# --- events as data ---


def same(one: object, other: object) -> bool:
    """Equal, and of the same kinds all the way down: 1, 1.0 and True are three things."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, tuple) and isinstance(other, tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return type(one) is type(other) and one == other and str(one) == str(other)


@given(VALUES)
@settings(max_examples=300)
def test_a_value_is_read_back_exactly(value: Value):
    assert same(value_from(json.loads(json.dumps(value_data(value)))), value)


@given(st.one_of(ANY_EVENT, st.builds(LookupAnswered, st.just(NIGHT), VALUES, st.just("12"))))
@settings(max_examples=200)
def test_an_event_is_read_back_exactly(event: Event):
    assert event_from(json.loads(json.dumps(event_data(event)))) == event


def test_a_moment_keeps_its_zone():
    read = value_from(json.loads(json.dumps(value_data(NIGHT))))

    assert (read, read.tzinfo) == (NIGHT, ZoneInfo("Asia/Shanghai"))


@pytest.mark.parametrize(
    "data",
    [["decimal", "x"], ["decimal", 5], ["song", 1], [], ["date", "2026-13-01"], ["datetime", "2026-01-01T00:00:00+00:00", "No/Where"], 1.5],
)
def test_what_is_no_value_is_refused(data: object):
    with pytest.raises(Unreadable, match=r"^no value"):
        value_from(data)


def test_what_no_value_should_be_is_written_all_the_same_and_refused_when_read():
    written_anyway = value_data({"balance": 0.5})  # type: ignore[dict-item]

    assert written_anyway == {"balance": ["unknown", "float"]}
    with pytest.raises(Unreadable, match=r"^no value of a kind 'unknown'$"):
        value_from(written_anyway)


def test_an_event_of_another_version_is_refused():
    with pytest.raises(Unreadable, match=r"^there is no event 'CallerSang'$"):
        event_from({"type": "CallerSang"})
    with pytest.raises(Unreadable, match=r"^an event NothingHeard of another version: .*'song'"):
        event_from({"type": "NothingHeard", "at": None, "song": 1})


# --- any call ---


@given(st.data())
@settings(max_examples=100, deadline=None)
def test_any_call_goes_the_same_way_again(quick_line: Flow, data: st.DataObject):
    flow = data.draw(st.one_of(st.sampled_from([quick_line, SECRETIVE, EVERYTHING]), flows()))
    happened = a_call(flow, data.draw)
    entries, sealed = journal_of(flow, happened)

    replayed = replay(flow, past_call(SESSION, entries, sealed))

    assert replayed.difference is None
    assert [passage.step.notes for passage in replayed.passages] == [one.step.notes for one in happened]
    for passage, one in zip(replayed.passages, happened, strict=True):
        assert type(passage.step.command) is type(one.step.command)
        assert passage.step.state.disposition == one.step.state.disposition


@given(st.data())
@settings(max_examples=100, deadline=None)
def test_no_secret_digit_is_kept_not_even_sealed(data: st.DataObject):
    flow = data.draw(st.one_of(st.sampled_from([SECRETIVE, EVERYTHING]), flows()))
    happened = a_call(flow, data.draw)

    entries, sealed = journal_of(flow, happened)

    events = unsealed(sealed)
    for one, event in zip(happened, events, strict=True):
        if isinstance(event, DigitsEntered) and getattr(one.asked, "secret", False) and len(event.digits) > 1:
            assert set(event.digits) <= set("0*#")
    assert not any(PIN[:4] in json.dumps(line) for line in (*entries, *sealed))


def test_keys_pressed_ahead_are_told_once_they_are_used_and_never_when_a_secret_form_takes_them():
    """17351: 1 is a choice of the menu, 7351 would have been the password."""
    flow = load(
        """selfline: 1
line: t
languages: [en-US]
start: hello
on_failure: bye
defaults: {exhausted: bye}
nodes:
  hello: {say: {en-US: Hello.}, barge_in: true, then: wait}
  wait: {lookup: account, with: {number: call.caller_id}, not_found: bye, failed: bye, then: main}
  main: {menu: {en-US: Main.}, choices: {1: pin}}
  pin: {collect: {en-US: Password?}, as: pin, length: 4, secret: true, then: bye}
  bye: {hangup: }
"""
    ).flow
    assert flow is not None
    events: list[Event] = [
        CallStarted(NIGHT, SESSION, CALLER, "t"),
        PromptPlayed(NIGHT, "1"),
        LookupAnswered(NIGHT, {"balance": 1}, "7351"),
    ]
    sealing, state, asked, sealed, entries = Sealing(flow), CallState(), None, [], []
    for event in events:
        step = advance(flow, state, event)
        sealed.append(sealing.seal(event, asked, step))
        entries.append(entry(event, asked, step))
        state, asked = step.state, step.command

    assert sealed[1]["event"]["keys"] == "0"
    assert sealed[2]["event"]["keys"] == "0000"
    assert sealed[2]["keys"] == [[1, 0, "1"]]
    assert [getattr(event, "keys", "") for event in unsealed(sealed)] == ["", "1", "0000"]
    assert replay(flow, past_call(SESSION, entries, json.loads(json.dumps(sealed)))).difference is None


# --- a journal file ---


@given(st.data())
@settings(max_examples=20, deadline=None)
def test_a_call_is_read_back_from_its_file_with_the_key_and_only_with_it(
    quick_line: Flow, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
):
    folder = tmp_path_factory.mktemp("journal")
    happened = a_call(quick_line, data.draw)
    entries, sealed = journal_of(quick_line, happened)
    journal = JsonLinesJournal(folder, KEY)
    for line, inside in zip(entries, sealed, strict=True):
        journal.write(SESSION, line, inside)
    journal.close()

    read = list(read_journal(folder, SESSION))

    assert [unseal(line, KEY) for line in read] == sealed
    assert [unseal(line, DataKey(bytes(32))) for line in read] == [None] * len(sealed)
    assert all(CALLER not in path.read_text() for path in folder.iterdir())
    assert replay(quick_line, past_call(SESSION, read, [unseal(line, KEY) for line in read])).difference is None


def test_a_journal_without_a_key_is_readable_and_seals_nothing(tmp_path: Path):
    journal = JsonLinesJournal(tmp_path)
    journal.write("a", {"step": 1}, {"n": 0})
    journal.close()

    assert list(read_journal(tmp_path, "a")) == [{"session": "a", "step": 1}]


def test_what_cannot_be_sealed_costs_the_replay_and_not_the_entry(tmp_path: Path):
    journal = JsonLinesJournal(tmp_path, KEY)
    journal.write("a", {"step": 1}, {"n": object()})
    journal.close()

    assert list(read_journal(tmp_path, "a")) == [{"session": "a", "step": 1}]
    assert unseal({"sealed": "no base64!"}, KEY) is None


@pytest.mark.parametrize("lost", [0, 1, 2])
def test_a_call_with_a_gap_is_not_run_again(quick_line: Flow, lost: int):
    entries, sealed = a_plain_call(quick_line)
    del entries[lost], sealed[lost]

    with pytest.raises(Unreadable, match=rf"^entry {lost + 1} is missing"):
        past_call(SESSION, entries, sealed)


def test_a_call_that_was_not_sealed_is_not_run_again(quick_line: Flow):
    entries, _ = a_plain_call(quick_line)

    with pytest.raises(Unreadable, match=r"^its entries were written without the data key, or with another one$"):
        past_call(SESSION, entries, [None] * len(entries))


# --- a changed flow ---

ACCOUNT = {
    "number": CALLER, "language": "zh-CN", "balance": 35, "suspended": False, "senior": False, "plan": "p", "has_data": False,
    "unlimited": False, "data_left": 0, "data_total": 0, "data_used": 0, "minutes_left": dt.timedelta(0), "minutes_used": dt.timedelta(0),
}  # fmt: skip


def a_plain_call(flow: Flow, *more: Event) -> tuple[list[Mapping[str, object]], list[Mapping[str, object]]]:
    events = (
        CallStarted(NIGHT, SESSION, CALLER, "1008611"),
        LookupAnswered(NIGHT + dt.timedelta(seconds=1), ACCOUNT),
        DigitsEntered(NIGHT + dt.timedelta(seconds=8), "2"),
        NothingHeard(NIGHT + dt.timedelta(seconds=20)),
        *more,
    )
    sealing, state, asked = Sealing(flow), CallState(), None
    entries, sealed = [], []
    for event in events:
        step = advance(flow, state, event)
        entries.append(entry(event, asked, step))
        sealed.append(sealing.seal(event, asked, step))
        state, asked = step.state, step.command
    return json.loads(json.dumps(entries)), json.loads(json.dumps(sealed))


def changed(old: str, new: str) -> Flow:
    text = (HOME / "flows" / "1008611.yaml").read_text(encoding="utf-8")
    assert old in text
    flow = load(text.replace(old, new), "flows/changed.yaml").flow
    assert flow is not None
    return flow


def told(flow: Flow, call: PastCall) -> list[str]:
    return list(report(replay(flow, call)))


def test_a_key_that_leads_elsewhere_now_is_told_with_both_ways(quick_line: Flow):
    call = past_call(SESSION, *a_plain_call(quick_line))
    main, usage = (quick_line.nodes[name].mark.line for name in ("main", "usage"))

    lines = told(changed("2: {then: usage", "2: {then: bill"), call)

    assert lines[:8] == [
        f"call {SESSION} of 2026-03-06 17:50, 4 entries",
        "its end is not in the journal: it is under way, or the engine was ended",
        f"differs at entry 3, 17:50:08, 8.0 s into the call, flows/changed.yaml:{main}",
        "  the caller enters 2",
        "  then:",
        f"    key 2 is a choice: usage  (flows/changed.yaml:{main})",
        f"    → usage                flows/1008611.yaml:{usage}",
        f"    because nothing else held: say_no_data  (flows/1008611.yaml:{usage})",
    ]
    assert f"    key 2 is a choice: bill  (flows/changed.yaml:{main})" in lines[lines.index("  now:") :]
    assert "    looks up bill" in lines


def test_a_word_that_is_new_is_told_with_what_the_caller_heard_then(quick_line: Flow):
    call = past_call(SESSION, *a_plain_call(quick_line))

    lines = told(changed("quick_balance: {say: quick_balance_only", "quick_balance: {say: balance"), call)

    assert lines[2].startswith("differs at entry 2, 17:50:01, 1.0 s into the call, ")
    assert any("三十五元，您没有订购流量套餐" in line for line in lines[lines.index("  then:") : lines.index("  now:")])


def test_a_timeout_that_was_changed_is_told(quick_line: Flow):
    call = past_call(SESSION, *a_plain_call(quick_line))

    lines = told(changed("timeout: 5s", "timeout: 7s"), call)

    assert any("first timeout 5.0" in line for line in lines[lines.index("  then:") : lines.index("  now:")])
    assert any("first timeout 7.0" in line for line in lines[lines.index("  now:") :])


def test_a_comment_more_changes_no_call(quick_line: Flow):
    call = past_call(SESSION, *a_plain_call(quick_line))

    assert told(changed("  # --- the menu ---", "  # --- the menu ---\n  # with more to say\n"), call)[-1] == (
        "the same with flows/changed.yaml: every step, every word, every value"
    )


def test_another_disposition_at_the_end_is_a_difference(quick_line: Flow):
    entries, sealed = a_plain_call(quick_line, CallerHungUp(NIGHT + dt.timedelta(seconds=30)))
    end = {"at": NIGHT.isoformat(), "disposition": "abandoned"}
    call = past_call(SESSION, [*entries, end], [*sealed, None])

    lines = told(quick_line, call)

    assert lines[-4:] == ["  then:", "    over: abandoned", "  now:", "    over: self_served"]
    assert told(quick_line, replace(call, end=end | {"broken": "ChannelFailed"}))[1:] == [
        "it was broken off: ChannelFailed",
        "the same with flows/1008611.yaml: every step, every word, every value",
    ]


def test_that_secrets_are_noughts_is_said_beside_a_difference():
    event = CallStarted(NIGHT, SESSION, CALLER, "1008611")
    call = past_call(SESSION, *journal_of(SECRETIVE, [Happened(None, event, advance(SECRETIVE, CallState(), event))]))

    lines = told(replace(SECRETIVE, start="main"), call)

    assert lines[-1].startswith("  (secret entries are not kept: noughts stand for them")
