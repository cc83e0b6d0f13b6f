"""AEAP as messages: what Asterisk 22 sends, what it is answered, and that nothing else is read."""

from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.speech.aeap_protocol import (
    GetRequest,
    NotAeap,
    Response,
    Result,
    SetRequest,
    Setup,
    accept_setup,
    answer_get,
    answer_set,
    parse,
    set_results,
)

SETUP = '{"codecs":[{"name":"slin"}],"version":"0.1.0","id":"8f","request":"setup"}'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (SETUP, Setup("8f", ("slin",))),
        ('{"request":"set","id":"8f","params":{"grammar":"a-0-1"}}', SetRequest("8f", {"grammar": "a-0-1"})),
        ('{"request":"get","id":"8f","params":["results"]}', GetRequest("8f", ("results",))),
        ('{"response":"set","id":"8f"}', Response("8f")),
        ('{"response":"set","id":"8f","error_msg":"unable to handle results"}', Response("8f", "unable to handle results")),
    ],
)
def test_what_asterisk_says_is_understood(text, message):
    assert parse(text) == message


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "[]",
        "not json",
        "[" * 100_000,
        "{}",
        '{"request":"setup","id":"8f"}',
        '{"request":"setup","id":8,"codecs":[]}',
        '{"request":"setup","id":"8f","codecs":[{}]}',
        '{"request":"set","id":"8f","params":{"grammar":5}}',
        '{"request":"dance","id":"8f"}',
        json.dumps({"request": "set", "id": "8f", "params": {"grammar": "x" * 20_000}}),
    ],
)
def test_what_is_not_aeap_is_refused_without_being_repeated(text):
    with pytest.raises(NotAeap) as refused:
        parse(text)

    assert len(text) < 6 or text not in str(refused.value)


@given(
    st.text(max_size=200)
    | st.recursive(st.none() | st.text() | st.integers(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)).map(json.dumps)
)
def test_any_text_is_read_or_refused(text):
    with contextlib.suppress(NotAeap):
        parse(text)


def test_the_setup_is_answered_with_the_one_codec_that_we_take():
    assert json.loads(accept_setup(Setup("8f", ("ulaw", "slin")))) == {"response": "setup", "id": "8f", "codecs": [{"name": "slin"}]}
    with pytest.raises(NotAeap, match=r"aeap\.conf"):
        accept_setup(Setup("8f", ("ulaw",)))


def test_requests_are_answered_under_their_id():
    assert json.loads(answer_set(SetRequest("8f", {}))) == {"response": "set", "id": "8f"}
    assert json.loads(answer_get(GetRequest("8f", ("results",)))) == {"response": "get", "id": "8f", "params": {"results": []}}
    assert json.loads(answer_get(GetRequest("8f", ("weather",)))) == {"response": "get", "id": "8f", "params": {"weather": ""}}


def test_the_best_result_comes_last_because_asterisk_turns_the_order_round():
    message = json.loads(set_results("8f", (Result("p1", 800), Result("p0", 150))))

    assert (message["request"], message["id"]) == ("set", "8f")
    assert [(one["text"], one["score"], one["best"]) for one in message["params"]["results"]] == [("p0", 150, 1), ("p1", 800, 0)]
