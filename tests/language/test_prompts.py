"""Prompt texts: what may stand in them, and how mistakes in a prompts file are told."""

from __future__ import annotations

import pytest

from ivr.core.flow import Slot
from ivr.core.values import Kind, Text
from ivr.language.prompts import read_catalogue, read_prompts


def test_a_text_is_split_where_values_are_spoken():
    texts, problems = read_prompts(
        "balance: \"余额{{ account.balance | money }}，{{ account.plan == null || true ? 'a' : 'b' | text }}\"\n", "p.yaml"
    )

    assert problems == ()
    before, slot, comma, last = texts["balance"].pieces
    assert (before, comma) == (Text("余额"), Text("，"))
    assert isinstance(slot, Slot)
    assert (slot.expression.text, slot.kind) == ("account.balance", Kind.MONEY)
    assert isinstance(last, Slot)
    assert last.expression.text == "account.plan == null || true ? 'a' : 'b'"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("- a\n", "p.yaml:1:1: error: a prompts file must be a mapping of names to texts  [wrong-type]"),
        ("", "p.yaml:1:1: error: the file is empty  [yaml]"),
        ("Hello: 您好\n", "p.yaml:1:1: error: 'Hello' is not a prompt name: small letters, digits and _ only  [bad-value]"),
        ("hello: [您好]\n", "p.yaml:1:8: error: prompt 'hello' must be a text  [wrong-type]"),
        ("hello:\n", "p.yaml:1:7: error: prompt 'hello' must be a text  [wrong-type]"),
        ('hello: " "\n', "p.yaml:1:8: error: a prompt must say something  [bad-template]"),
        (
            'hello: "  您有2条"\n',
            "p.yaml:1:13: error: digits are not read aloud; write the number in words, or speak a value  [bad-template]",
        ),
        ("hello: a\nhello: b\n", "p.yaml:2:1: error: 'hello' stands here a second time; the first is in line 1  [duplicate-key]"),
        ("hello: 余额{{ size(a }}\n", "p.yaml:1:13: error: say how 'size(a' is spoken, for example {{ size(a | money }}  [bad-template]"),
        (
            "hello: 余额{{ sise(a) | number }}\n",
            "p.yaml:1:13: error: in 'sise(a)': there is no function 'sise'; did you mean 'size'?  [bad-template]",
        ),
        ("hello: a }} b\n", "p.yaml:1:8: error: '{{' and '}}' must come in pairs  [bad-template]"),
        ("hello: {{ a | bool }}\n", "p.yaml:1:8: error: prompt 'hello' must be a text  [wrong-type]"),
    ],
)
def test_a_mistake_in_a_prompts_file_is_told_with_its_place(text: str, problem: str):
    assert problem in [str(one) for one in read_prompts(text, "p.yaml")[1]]


def test_a_catalogue_knows_all_names_of_all_languages():
    catalogue, problems = read_catalogue(
        [("zh-CN", "a: 好\nb: 好\n", "zh.yaml"), ("en-US", "a: Good\nc: Good\n", "en.yaml"), ("xx", "[]", "xx.yaml")]
    )

    assert catalogue.names() == ("a", "b", "c")
    assert [str(problem) for problem in problems] == [
        "xx.yaml:1:1: error: a prompts file must be a mapping of names to texts  [wrong-type]"
    ]
