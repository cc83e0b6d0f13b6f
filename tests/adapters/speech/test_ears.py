"""What the ears of the listening test hand on of what their recogniser writes."""

from __future__ import annotations

import pytest

from adapters.speech.ears import without_echo


@pytest.mark.parametrize(
    ("written", "handed_on"),
    [
        ("本月还剩流量二点五个G。 请用简体中文写出来。", "本月还剩流量二点五个G。"),
        ("以下是普通话的句子，请用简体中文写出来。", ""),
        ("请用简體中文写来。", ""),
        ("请用简体中文写出来。 以下是普通话的句子，请用简", ""),
        ("请用简单的话告诉我", "请用简单的话告诉我"),
        ("您的余额是三十五元", "您的余额是三十五元"),
        ("please press one", "please press one"),
    ],
)
def test_the_recogniser_s_own_instructions_are_not_what_was_heard(written: str, handed_on: str):
    assert without_echo(written) == handed_on
