"""The AGI codec: what Asterisk may say and when, and that everything else ends the session."""

from __future__ import annotations

import random
from collections.abc import Iterable
from itertools import cycle
from pathlib import PurePosixPath

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.telephony.agi_protocol import (
    CLOSED,
    HANGUP_NOTICE,
    KNOWN_VARIABLES,
    NEED_DATA,
    NEXT,
    AgiCodec,
    Environment,
    Recognised,
    Reply,
    State,
)
from adapters.telephony.agi_verbs import (
    GetData,
    GetOption,
    GetVariable,
    Gosub,
    Noop,
    RecordFile,
    Roots,
    SetVariable,
    SpeechCreate,
    SpeechDestroy,
    SpeechRecognize,
    SpeechSet,
    StreamFile,
    Variable,
    WaitForDigit,
)
from ivr.errors import ChannelFailed, ProtocolError
from tests.adapters.telephony.fake_asterisk import environment

ROOTS = Roots(PurePosixPath("/sounds"), PurePosixPath("/recordings"))
ENVIRONMENT = "".join(f"{line}\n" for line in (*environment(), "")).encode()
PLAY, ASK, CODE, KEY = StreamFile("a"), GetOption("a", "1", 1), GetData("a", 1, 4), WaitForDigit(1)
SET, GET = SetVariable(Variable.DONE, "1"), GetVariable(Variable.NONCE)
RECORD, GOSUB = RecordFile("a", 1, 1), Gosub("a", 1)
LISTEN = SpeechRecognize("a", 5)
USAGE = b"520-Invalid command syntax.  Proper usage follows:\n Usage: NOOP\n\tDoes nothing.\n520 End of proper usage.\n"


def started() -> AgiCodec:
    """A codec past its environment."""
    codec = AgiCodec(ROOTS)
    codec.receive_data(ENVIRONMENT)
    assert isinstance(codec.next_event(), Environment)
    return codec


def answer_to(verb, data: bytes):
    codec = started()
    codec.send(verb)
    codec.receive_data(data)
    return codec.next_event()


def drain(codec: AgiCodec) -> None:
    while codec.next_event() is not NEED_DATA:
        pass


def test_the_environment_is_read_to_its_blank_line():
    codec = AgiCodec(ROOTS)
    codec.receive_data(ENVIRONMENT)

    event = codec.next_event()

    assert isinstance(event, Environment)
    assert event.variables["agi_callerid"] == "13900000001"
    assert event.variables["agi_accountcode"] == ""
    assert set(event.variables) == KNOWN_VARIABLES
    assert codec.next_event() is NEED_DATA
    assert codec.state is State.IDLE


def test_an_environment_does_not_show_its_values():
    """They hold the caller's number and the token of the AGI URL."""
    codec = AgiCodec(ROOTS)
    codec.receive_data(ENVIRONMENT)

    assert repr(codec.next_event()) == "Environment()"


@pytest.mark.parametrize(
    ("verb", "line", "reply"),
    [
        (NOOP := Noop(), b"200 result=0", Reply(200, "0")),
        (PLAY, b"200 result=0 endpos=8000", Reply(200, "0", None, 8000)),
        (PLAY, b"200 result=-1 endpos=0", Reply(200, "-1", None, 0)),
        (ASK, b"200 result=42 endpos=1760", Reply(200, "42", None, 1760)),
        (KEY, b"200 result=49", Reply(200, "49")),
        (CODE, b"200 result=12", Reply(200, "12")),
        (CODE, b"200 result=12 (timeout)", Reply(200, "12", "timeout")),
        (CODE, b"200 result= (timeout)", Reply(200, "", "timeout")),
        (CODE, b"200 result=", Reply(200)),
        (CODE, b"200 result=1*A", Reply(200, "1*A")),
        (SET, b"200 result=1", Reply(200, "1")),
        (GET, b"200 result=1 (a (b) endpos=5)", Reply(200, "1", "a (b) endpos=5")),
        (GET, b"200 result=1 ()", Reply(200, "1", "")),
        (GET, b"200 result=0", Reply(200, "0")),
        (RECORD, b"200 result=-1 (hangup) endpos=9120", Reply(200, "-1", "hangup", 9120)),
        (RECORD, b"200 result=35 (dtmf) endpos=9120", Reply(200, "35", "dtmf", 9120)),
        (RECORD, b"200 result=-1 (writefile)", Reply(200, "-1", "writefile")),
        (GOSUB, b"100 result=0 Trying...\n200 result=0 Gosub complete", Reply(200, "0")),
        (GOSUB, b"100 result=0 Trying...\n200 result=0 Gosub complete (abnormal exit)", Reply(200, "0")),
        (GOSUB, b"200 result=-1 Gosub label not found", Reply(200, "-1")),
        (SpeechCreate(), b"200 result=1", Reply(200, "1")),
        (SpeechSet("a", 0, 1), b"200 result=0", Reply(200, "0")),
        (SpeechDestroy(), b"200 result=1", Reply(200, "1")),
        (LISTEN, b"200 result=0", Reply(200, "0")),
        (LISTEN, b"200 result=1 (digit) digit=# endpos=0", Reply(200, "#", "digit", 0, listened=True)),
        (LISTEN, b"200 result=1 (hangup) endpos=800", Reply(200, "1", "hangup", 800, listened=True)),
        (LISTEN, b"200 result=1 (timeout) endpos=0", Reply(200, "1", "timeout", 0, listened=True)),
        (LISTEN, b"200 result=1 (speech) endpos=0 results=0 ", Reply(200, "1", "speech", 0, listened=True)),
        (
            LISTEN,
            b'200 result=1 (speech) endpos=0 results=2 score0=850 text0="p1" grammar0=g score1=90 text1="d42" grammar1=g',
            Reply(200, "1", "speech", 0, (Recognised("p1", 850), Recognised("d42", 90)), listened=True),
        ),
        *(
            (LISTEN, b"200 result=1 (speech) endpos=0 results=" + garbage, Reply(200, "1", "garbage", 0, listened=True))
            for garbage in (
                b'1 score0=850 text0="(null)" grammar0=(null)',
                b'1 score0=850 text0="yes please" grammar0=g',
                b'1 score0=-5 text0="p1" grammar0=g',
                b'2 score0=850 text0="p1" grammar0=g',
                b'1 score1=850 text1="p1" grammar1=g',
                b'1 score0=850 text0="p1" grammar0=g 200 result=49',
                b'0 score0=850 text0="p1" grammar0=g',
            )
        ),
        (PLAY, b"510 Invalid or unknown command", Reply(510)),
        (PLAY, b"511 Command Not Permitted on a dead channel or intercept routine", Reply(511)),
        (PLAY, b"520 Invalid command syntax.  Proper usage not available.", Reply(520)),
        (PLAY, USAGE.rstrip(b"\n"), Reply(520)),
    ],
)
def test_each_reply_of_asterisk_is_understood(verb, line, reply):
    assert answer_to(verb, line + b"\n") == reply


@pytest.mark.parametrize(
    ("verb", "line"),
    [
        (PLAY, b"200 result=49"),
        (PLAY, b"200 result=1 (49) endpos=0"),
        (KEY, b"200 result=49 endpos=5"),
        (CODE, b"200 result=12 endpos=5"),
        (CODE, b"200 result=12 (hangup)"),
        (SET, b"200 result=0"),
        (GET, b"200 result=1"),
        (GET, b"200 result=0 (x)"),
        (RECORD, b"200 result=0"),
        (SpeechCreate(), b"200 result=2"),
        (SpeechSet("a", 0, 1), b"200 result=1 (x)"),
        (SpeechDestroy(), b"200 result=1 endpos=0"),
        (LISTEN, b"200 result=1"),
        (LISTEN, b"200 result=0 endpos=0"),
        (LISTEN, b"200 result=1 (digit) digit=12 endpos=0"),
        (LISTEN, b"200 result=1 (digit) endpos=0"),
        (LISTEN, b"200 result=1 (laughter) endpos=0"),
        (PLAY, b"200 result=1 (digit) digit=1 endpos=0"),
        (PLAY, b""),
        (PLAY, b"200"),
        (PLAY, b"200 result=x"),
        (PLAY, b"200 result=0 endpos=x"),
        (PLAY, b"201 result=0 endpos=0"),
        (PLAY, b"200 result=0\0 endpos=0"),
        (PLAY, b"200 result=0 endpos=0\r"),
        (PLAY, b" 200 result=0 endpos=0"),
        (PLAY, b"hangup"),
        (PLAY, "200 result=٣ endpos=0".encode()),
        (PLAY, b"x" * 5000),
        (PLAY, b"520-Usage\n" + b"x\n" * 9000),
        (PLAY, b"520-Usage\n\0"),
    ],
)
def test_a_reply_that_asterisk_would_not_give_ends_the_session(verb, line):
    with pytest.raises(ProtocolError):
        answer_to(verb, line + b"\n")


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"agi_request: a\nagi_request: b\n", "agi_request comes twice in the environment"),
        (b"agi_callerid: 1\nagi_channel: x\nagi_callerid: 2\n", "agi_callerid comes twice in the environment"),
        (b"agi_balance: 1\n", "an unknown line in the environment"),
        (b"AGI_request: 1\n", "an unknown line in the environment"),
        (b"agi_arg_0: x\n", "an unknown line in the environment"),
        (b"GET / HTTP/1.1\r\n", "control characters in the environment"),
        (b"GET / HTTP/1.1\n", "an unknown line in the environment"),
        (b"agi_callerid: 1\0\n", "control characters in the environment"),
        (b"agi_callerid: 1\r\n", "control characters in the environment"),
        (b"agi_callerid: " + b"1" * 4096, "a line is longer than 4096 bytes"),
        (b"".join(b"agi_arg_%d: %s\n" % (n, b"x" * 4000) for n in range(1, 6)), "the environment is larger than 16384 bytes"),
        (b"\n200 result=49\n", "surplus bytes in no command under way"),
        (b"\n2", "surplus bytes in no command under way"),
        (b"\nHANGUPS", "surplus bytes in no command under way"),
        (b"\n\n", "surplus bytes in no command under way"),
        (b"HANGUP\n" * 9, "too many hang-up notices"),
    ],
)
def test_an_environment_that_asterisk_would_not_send_ends_the_session(data, says):
    """A caller can plant lines through a SIP header: `%0A` in a user part becomes a line break."""
    codec = AgiCodec(ROOTS)
    codec.receive_data(data)

    with pytest.raises(ProtocolError) as caught:
        drain(codec)

    assert str(caught.value) == says


def test_arguments_of_the_agi_application_are_known_variables():
    codec = AgiCodec(ROOTS)
    codec.receive_data(b"agi_arg_1: a\nagi_arg_20: b\n\n")

    assert codec.next_event() == Environment({"agi_arg_1": "a", "agi_arg_20": "b"})


def test_a_failed_session_stays_failed():
    codec = started()
    codec.receive_data(b"200 result=1\n")

    for _ in range(3):
        with pytest.raises(ProtocolError):
            codec.next_event()
        codec.receive_data(ENVIRONMENT)
    with pytest.raises(ChannelFailed):
        codec.send(PLAY)


@pytest.mark.parametrize("data", [b"", ENVIRONMENT[:100], ENVIRONMENT])
def test_the_end_of_the_bytes_is_no_error_wherever_it_comes(data):
    codec = AgiCodec(ROOTS)
    codec.receive_data(data)
    codec.receive_data(b"")

    events = [codec.next_event() for _ in range(3)]

    assert events[-1] is CLOSED


def test_a_hang_up_notice_may_come_between_any_two_lines():
    codec = started()
    codec.receive_data(b"HANG")
    assert codec.next_event() is NEED_DATA
    codec.receive_data(b"UP\n")
    assert codec.next_event() is HANGUP_NOTICE

    codec.send(PLAY)
    codec.receive_data(b"HANGUP\n" + USAGE.replace(b"\tDoes", b"HANGUP\n\tDoes"))

    assert [codec.next_event() for _ in range(3)] == [HANGUP_NOTICE, HANGUP_NOTICE, Reply(520)]


def test_one_command_at_a_time():
    codec = started()
    codec.send(PLAY)

    with pytest.raises(ChannelFailed):
        codec.send(PLAY)


def test_a_command_is_not_sent_behind_surplus_bytes():
    codec = started()
    codec.receive_data(b"200 result=0 endpos=0\n")

    with pytest.raises(ProtocolError):
        codec.send(PLAY)


def test_every_state_of_the_table_can_be_left_by_the_end_of_the_bytes_and_reached():
    reached = {state for row in NEXT.values() for state in row.values()}

    assert set(NEXT) == set(State)
    assert reached == set(State) - {State.FAILED}
    assert all(State.CLOSED in row.values() for state, row in NEXT.items() if state is not State.FAILED)


# --- any bytes ----------------------------------------------------------------------------------------------------


VERBS = (SET, GET, PLAY, CODE, ASK, KEY, RECORD, GOSUB, LISTEN, LISTEN)
REPLIES = (
    b"200 result=1\n",
    b"200 result=1 (d41d8cd98f00b204)\n",
    b"200 result=0 endpos=8000\n",
    b"200 result=12 (timeout)\n",
    b"200 result=35 endpos=160\n",
    b"200 result=0\n",
    b"200 result=-1 (hangup) endpos=24000\n",
    b"100 result=0 Trying...\n200 result=0 Gosub complete\n",
    b"200 result=1 (digit) digit=5 endpos=0\n",
    b'200 result=1 (speech) endpos=0 results=1 score0=850 text0="p1" grammar0=g\n',
)
TRANSCRIPT = (ENVIRONMENT, *REPLIES, b"HANGUP\n")
PIECES = (*REPLIES, ENVIRONMENT, USAGE, b"HANGUP\n", b"\n", b"200 ", b"511 no\n", b"\0", b"\xff\xfe", b"agi_callerid: 1\n", b"x" * 4097)


def heard(turns: Iterable[bytes], *, one_at_a_time: bool = False) -> list[object]:
    """What a codec makes of a session in which a command follows each turn that leaves it idle; an error by its text, at the end."""
    codec, verbs, events = AgiCodec(ROOTS), cycle(VERBS), []
    try:
        for turn in (*turns, b""):
            for data in (turn[n : n + 1] for n in range(len(turn))) if one_at_a_time and turn else (turn,):
                codec.receive_data(data)
                while (event := codec.next_event()) is not NEED_DATA:
                    events.append(event)
                    if event is CLOSED:
                        return events
            if codec.state is State.IDLE:
                codec.send(next(verbs))
    except ProtocolError as error:
        events.append(str(error))
    return events


@settings(max_examples=150, deadline=None)
@given(st.lists(st.one_of(st.sampled_from(PIECES), st.binary(max_size=20)), max_size=12), st.integers(0, 9))
def test_bytes_mean_the_same_whole_and_one_at_a_time(pieces, begun):
    turns = [*TRANSCRIPT[:begun], *(piece for piece in pieces if piece)]

    assert heard(turns, one_at_a_time=True) == heard(turns)


def test_a_whole_session_is_understood():
    events = heard(TRANSCRIPT)

    assert [type(event) for event in events[: 1 + len(REPLIES)]] == [Environment] + [Reply] * len(REPLIES)
    assert events[1 + len(REPLIES) :] == [HANGUP_NOTICE, CLOSED]


def test_replies_that_come_before_their_commands_are_planted():
    assert heard([b"".join(TRANSCRIPT)])[1:] == ["surplus bytes in no command under way"]


def accident(chance: random.Random, turn: bytes) -> bytes:
    """A true turn of Asterisk's after some accidents."""
    data = bytearray(turn)
    for _ in range(chance.randrange(1, 3)):
        where = chance.randrange(len(data) + 1)
        match chance.randrange(5):
            case 0:
                data[where:where] = chance.choice(PIECES)
            case 1:
                del data[where : where + chance.randrange(1, 40)]
            case 2 if where < len(data):
                data[where] = chance.randrange(256)
            case 3:
                data[where:where] = chance.randbytes(chance.randrange(1, 8))
            case _:
                data += data[where : where + 60]
    return bytes(data)


def test_a_hundred_thousand_accidents_give_events_or_a_protocol_error_and_nothing_else():
    """About 15 seconds of transcripts with an accident in one turn, and of plain noise."""
    chance = random.Random(1008611)
    closed = failed = 0

    for _ in range(100_000):
        turns = [chance.randbytes(chance.randrange(1, 200))] if chance.random() < 0.1 else list(TRANSCRIPT)
        unlucky = chance.randrange(len(turns))
        turns[unlucky] = accident(chance, turns[unlucky])
        last = heard(turn for turn in turns if turn)[-1]
        assert last is CLOSED or isinstance(last, str)
        closed += last is CLOSED
        failed += last is not CLOSED

    assert min(closed, failed) > 500
