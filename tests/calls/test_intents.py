"""A message intent on disk: what is written is read again, and nothing else is."""

from __future__ import annotations

import datetime as dt
import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.calls.intents import call_from_json, call_to_json, intent_from_json, intent_to_json, recording_name
from ivr.calls.ports import MessageIntent, UnansweredCall, UnansweredKind

SESSION = "0f8fad5b-d9cb-469f-a165-70867728950e"
BEGUN = dt.datetime(2025, 3, 4, 9, 30, tzinfo=dt.timezone(dt.timedelta(hours=8)))
INTENT = MessageIntent(SESSION, "message", 1, "13900001001", "1008611", "billing", "zh-CN", BEGUN, "line-1741051800.4")

texts = st.text(max_size=40)
times = st.datetimes(timezones=st.just(dt.UTC))


@given(st.builds(MessageIntent, texts, texts, st.integers(1, 99), texts, texts, texts, texts, times, texts, st.integers(0, 2)))
def test_what_is_written_is_read_again_and_has_a_name_that_is_a_token(intent: MessageIntent) -> None:
    assert intent_from_json(intent_to_json(intent)) == intent
    assert intent_to_json(intent).count("\n") == 1
    assert re.fullmatch("[a-z0-9_-]{1,64}", recording_name(intent))


def test_the_name_is_of_the_message_key_and_a_first_rescue_is_one_the_dialplan_can_write() -> None:
    other = MessageIntent(SESSION, "message", 2, "13900001001", "1008611", "billing", "zh-CN", BEGUN)
    rescue = MessageIntent(SESSION, "rescue", 1, "13900001001", "1008611", "rescue", "zh-CN", BEGUN)

    assert recording_name(INTENT) != recording_name(other)
    assert len(recording_name(INTENT)) == 40
    assert recording_name(rescue) == f"rescue-{SESSION}"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        "null",
        *(
            json.dumps(json.loads(intent_to_json(INTENT)) | wrong)
            for wrong in ({"count": 0}, {"count": True}, {"count": "1"}, {"trust": 3}, {"trust": True}, {"more": 1})
        ),
        *(
            json.dumps(json.loads(intent_to_json(INTENT)) | wrong)
            for wrong in ({"begun_at": "2025-03-04T09:30:00"}, {"begun_at": 1}, {"node": None})
        ),
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        intent_from_json(text)


calls = st.builds(UnansweredCall, texts, st.sampled_from(UnansweredKind), texts, texts, texts, times, texts, st.integers(0, 2), texts)


@given(calls)
def test_the_note_of_a_call_is_read_again(call: UnansweredCall) -> None:
    assert call_from_json(call_to_json(call)) == call
    assert call_to_json(call).count("\n") == 1


NOTE = UnansweredCall(SESSION, UnansweredKind.FAILED, "13900001001", "1008611", "zh-CN", BEGUN)


@pytest.mark.parametrize(
    "wrong", [{"kind": "happy"}, {"trust": 3}, {"trust": True}, {"begun_at": "2025-03-04T09:30:00"}, {"more": 1}, {"topic": 1}]
)
def test_another_note_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        call_from_json(json.dumps(json.loads(call_to_json(NOTE)) | wrong))
