"""pyst2 as a second opinion: for replies that Asterisk really gives, its parser and ours read the same result and data.

pyst2 is not used for FastAGI (it takes `HANGUP` for a reply, prints everything it reads, and does not import its FastAGI server on
Python 3), but its reading of well-formed replies is twenty years old and independent of ours.
"""

from __future__ import annotations

import io
import signal
from collections.abc import Iterator
from pathlib import PurePosixPath

import pytest
from asterisk.agi import AGI, AGIAppError, AGIHangup, AGIInvalidCommand, AGIUsageError
from asterisk.ami import AMIClient
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.telephony.agi_protocol import AgiCodec, Reply
from adapters.telephony.agi_verbs import GetData, GetOption, GetVariable, Noop, RecordFile, Roots, Variable
from tests.adapters.telephony.fake_asterisk import environment

ENVIRONMENT = "".join(f"{line}\n" for line in (*environment(), ""))
ROOTS = Roots(PurePosixPath("/s"), PurePosixPath("/r"))


@pytest.fixture(autouse=True, scope="module")
def _own_hang_up_signal() -> Iterator[None]:
    """pyst2 takes SIGHUP for itself; give it back afterwards."""
    before = signal.getsignal(signal.SIGHUP)
    yield
    signal.signal(signal.SIGHUP, before)


def pyst2(reply: str) -> dict[str, tuple[str, str]]:
    agi = AGI(stdin=io.StringIO(ENVIRONMENT + reply), stdout=io.StringIO(), stderr=io.StringIO())
    return agi.execute("NOOP")


def ours(verb, reply: str) -> Reply:
    codec = AgiCodec(ROOTS)
    codec.receive_data(ENVIRONMENT.encode())
    codec.next_event()
    codec.send(verb)
    codec.receive_data(reply.encode())
    event = codec.next_event()
    assert isinstance(event, Reply)
    return event


def test_the_environment_is_read_alike():
    agi = AGI(stdin=io.StringIO(ENVIRONMENT), stdout=io.StringIO(), stderr=io.StringIO())
    codec = AgiCodec(ROOTS)
    codec.receive_data(ENVIRONMENT.encode())

    assert dict(codec.next_event().variables) == agi.env


WORDS = st.text(alphabet="abcXYZ0189 ,.-", max_size=20).map(str.strip)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from("0123456789*#"), st.integers(0, 10**9))
def test_keys_and_positions_are_read_alike(key, position):
    reply = f"200 result={ord(key)} endpos={position}\n"

    theirs, mine = pyst2(reply), ours(GetOption("a", "1", 1), reply)

    assert theirs["result"] == (mine.result, "")
    assert theirs["endpos"] == (str(mine.endpos), "")


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="0123456789*", min_size=1, max_size=12), st.booleans())
def test_digits_and_their_timeout_are_read_alike(digits, late):
    reply = f"200 result={digits}{' (timeout)' if late else ''}\n"

    mine = ours(GetData("a", 1, 12), reply)

    assert pyst2(reply)["result"] == (mine.result, mine.data or "")
    assert mine.timed_out == late


@settings(max_examples=300, deadline=None)
@given(WORDS.filter(lambda text: text != "hangup"))
def test_variables_are_read_alike(value):
    reply = f"200 result=1 ({value})\n"

    mine = ours(GetVariable(Variable.TRANSFER), reply)

    assert pyst2(reply)["result"] == (mine.result, mine.data)


def test_the_end_of_a_call_and_of_a_recording_is_read_alike():
    gone = "200 result=-1 (hangup) endpos=8000\n"

    with pytest.raises(AGIHangup):
        pyst2(gone)
    with pytest.raises(AGIAppError):
        pyst2("200 result=-1\n")

    assert ours(RecordFile("a", 1, 1), gone) == Reply(200, "-1", "hangup", 8000)
    assert ours(Noop(), "200 result=-1\n").says_gone


def test_refusals_are_read_alike():
    usage = "520-Invalid command syntax.  Proper usage follows:\n Usage: NOOP\n520 End of proper usage.\n"

    with pytest.raises(AGIInvalidCommand):
        pyst2("510 Invalid or unknown command\n")
    with pytest.raises(AGIUsageError):
        pyst2(usage)

    assert ours(Noop(), "510 Invalid or unknown command\n") == Reply(510)
    assert ours(Noop(), usage) == Reply(520)


def test_both_asterisk_packages_live_side_by_side():
    """pyst2 and asterisk-ami install the same top-level package."""
    assert AGI.__module__ == "asterisk.agi"
    assert AMIClient.__module__ == "asterisk.ami.client"
