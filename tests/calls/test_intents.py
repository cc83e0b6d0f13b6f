"""A message intent on disk: what is written is read again, and nothing else is."""

from __future__ import annotations

import datetime as dt
import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.calls.intents import intent_from_json, intent_to_json, recording_name
from ivr.calls.ports import MessageIntent

SESSION = "0f8fad5b-d9cb-469f-a165-70867728950e"
BEGUN = dt.datetime(2025, 3, 4, 9, 30, tzinfo=dt.timezone(dt.timedelta(hours=8)))
INTENT = MessageIntent(SESSION, "message", 1, "13900001001", "1008611", "billing", "zh-CN", BEGUN, "line-1741051800.4")

texts = st.text(max_size=40)
times = st.datetimes(timezones=st.just(dt.UTC))


@given(st.builds(MessageIntent, texts, texts, st.integers(1, 99), texts, texts, texts, texts, times, texts))
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
        *(json.dumps(json.loads(intent_to_json(INTENT)) | wrong) for wrong in ({"count": 0}, {"count": True}, {"count": "1"}, {"more": 1})),
        *(
            json.dumps(json.loads(intent_to_json(INTENT)) | wrong)
            for wrong in ({"begun_at": "2025-03-04T09:30:00"}, {"begun_at": 1}, {"node": None})
        ),
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        intent_from_json(text)
