"""What the telephones in pages send is one message, and nothing in it can be read in two ways: Asterisk reads it once more."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.console.phone import marked
from adapters.console.seat import of_seat
from adapters.console.sip_messages import opened, parties

NUMBER, SEAT = "13900001008", "seat-01-web"
CALL_OF_SOMEBODY_ELSE = (
    "INVITE sip:1008611@x SIP/2.0\r\nFrom: <sip:13812345678@x>;tag=2\r\nTo: <sip:1008611@x>\r\nContent-Length: 0\r\n\r\n"
)


def registration(user: str, more: str = "", body: str = "") -> str:
    return f"REGISTER sip:x SIP/2.0\r\nFrom: <sip:{user}@x>;tag=1\r\nTo: <sip:{user}@x>\r\n{more}\r\n{body}"


@pytest.mark.parametrize(
    ("more", "body"),
    [
        ("", ""),
        ("Content-Length: 0\r\n", ""),
        ("l : 6\r\n", "余额"),  # bytes, not letters
        ("Subject: 余额\r\n", ""),
    ],
)
def test_one_message_goes_through(more: str, body: str):
    message = registration(SEAT, more, body)

    assert of_seat(message, SEAT) == message


@pytest.mark.parametrize(
    ("more", "body"),
    [
        ("Content-Length: 0\r\n", CALL_OF_SOMEBODY_ELSE),
        ("", CALL_OF_SOMEBODY_ELSE),
        ("l: 0\r\n", CALL_OF_SOMEBODY_ELSE),
        (f"Content-Length: 0\r\nl: {len(CALL_OF_SOMEBODY_ELSE)}\r\n", CALL_OF_SOMEBODY_ELSE),
        (f"Content-Length: {len(CALL_OF_SOMEBODY_ELSE)}\r\nCONTENT-LENGTH: 0\r\n", CALL_OF_SOMEBODY_ELSE),
        (f"Content-Length: +{len(CALL_OF_SOMEBODY_ELSE)}\r\n", CALL_OF_SOMEBODY_ELSE),
        (f"Content-Length:\r\n {len(CALL_OF_SOMEBODY_ELSE)}\r\n", CALL_OF_SOMEBODY_ELSE),
        ("Content-Length: 9\r\n", ""),
        (f"X: y\n\n{CALL_OF_SOMEBODY_ELSE}X: y\r\n", ""),
        ("X: y\rTo: <sip:13900001009@x>\r\n", ""),
        ("X: y\nFrom: <sip:13900001009@x>\r\n", ""),
        ("X: y\r\n To: <sip:13900001009@x>\r\n", ""),
        ("X: y\rX-Selfline-Way: browser\r\n", ""),
        ("no header\r\n", ""),
        ("X: \0\r\n", ""),
    ],
)
def test_no_other_message_and_no_other_header_is_brought_in_by_one_that_may_pass(more: str, body: str):
    with pytest.raises(ValueError, match="SIP"):
        marked(registration(NUMBER, more, body), {NUMBER})
    with pytest.raises(ValueError, match="SIP"):
        of_seat(registration(SEAT, more, body), SEAT)


def test_answers_and_unfinished_messages_bring_in_nothing_either():
    for message in (
        f"SIP/2.0 200 OK\r\nCall-ID: 1\r\n\r\n{CALL_OF_SOMEBODY_ELSE}",
        "SIP/2.0 200 OK\nX: y\r\n\r\n",
        "SIP/2.0 200 OK\r\nCall-ID: 1\r\n",
    ):
        with pytest.raises(ValueError, match="SIP"):
            marked(message)
        with pytest.raises(ValueError, match="SIP"):
            of_seat(message, SEAT)


@given(st.text(alphabet="lT:o \t\r\n0<sip:9@x>", max_size=60))
def test_whatever_stands_between_the_headers_a_message_is_from_one_and_to_one_in_lines_that_end_in_one_way(more: str):
    try:
        _, rest = opened(registration(NUMBER, more))
        parties(rest)
    except ValueError:
        return
    assert rest.count("\n") == rest.count("\r") == rest.count("\r\n")
    assert len(re.findall(r"(?im)^to?[ \t]*:", rest)) == 1
