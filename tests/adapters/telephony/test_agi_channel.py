"""The line over AGI: which commands it sends, and what it makes of Asterisk's answers."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from adapters.telephony.agi_channel import AgiChannel
from ivr.calls.ports import Held, LineCommand, LineEvent, Recorded
from ivr.core.commands import AskDigits, Play, Release, Transfer
from ivr.core.events import (
    BUSY,
    CALLBACK,
    NOBODY,
    CallerHungUp,
    CommandFailed,
    DigitsEntered,
    NothingHeard,
    PromptPlayed,
    Released,
    TransferEnded,
)
from ivr.core.values import Utterance
from ivr.errors import ChannelFailed
from tests.adapters.telephony.agi_line import NOON, a_call, say
from tests.adapters.telephony.fake_asterisk import EOF, HANGUP, SILENCE, FakeCall

SECOND = dt.timedelta(seconds=1)
MENU = AskDigits(say("menu"), max_digits=1, first_timeout=5 * SECOND, digit_timeout=2 * SECOND)
CODE = AskDigits(say("code"), max_digits=4, first_timeout=5 * SECOND, digit_timeout=2 * SECOND)
EVEN = AskDigits(say("code"), max_digits=4, first_timeout=3 * SECOND, digit_timeout=3 * SECOND)
SILENT = AskDigits(Utterance("en-US", ()), max_digits=1, first_timeout=SECOND, digit_timeout=SECOND)
AGENTS = Transfer("agents", ring_time=25 * SECOND)
QUEUE = Transfer("agents", ring_time=25 * SECOND, wait=300 * SECOND, language="en-US")


def perform(folder, command: LineCommand, *acts: str, call: FakeCall | None = None) -> tuple[LineEvent, FakeCall]:
    """The event a command answers with when the caller acts so, and the call as Asterisk saw it."""
    call = call or FakeCall(acts)

    async def body(channel: AgiChannel) -> LineEvent:
        return await channel.perform(command)

    return a_call(folder, call, body), call


@pytest.mark.parametrize(
    ("command", "acts", "event"),
    [
        (Play(say("hello")), "", PromptPlayed(NOON)),
        (Play(say("hello")), "7", PromptPlayed(NOON, "7")),
        (Play(say("hello")), "#", PromptPlayed(NOON, "#")),
        (Play(say("hello"), barge_in=False), "7", PromptPlayed(NOON)),
        (Play(Utterance("en-US", ())), "", PromptPlayed(NOON)),
        (MENU, "3", DigitsEntered(NOON, "3")),
        (MENU, "#", DigitsEntered(NOON, "#")),
        (MENU, "*", DigitsEntered(NOON, "*")),
        (MENU, "", NothingHeard(NOON)),
        (SILENT, "3", DigitsEntered(NOON, "3")),
        (SILENT, "", NothingHeard(NOON)),
        *(
            row
            for code in (CODE, EVEN)
            for row in (
                (code, "1234", DigitsEntered(NOON, "1234")),
                (code, "12#", DigitsEntered(NOON, "12", terminated=True)),
                (code, "1*#", DigitsEntered(NOON, "1*", terminated=True)),
                (code, "12", DigitsEntered(NOON, "12")),
                (code, "1#", DigitsEntered(NOON, "1", terminated=True)),
                (code, "1", DigitsEntered(NOON, "1")),
                (code, "#", DigitsEntered(NOON, "", terminated=True)),
                (code, "", NothingHeard(NOON)),
            )
        ),
        (AGENTS, "", TransferEnded(NOON, answered=True)),
        (Release(), "", Released(NOON)),
    ],
)
def test_each_command_answers_with_what_the_caller_did(tmp_path, command, acts, event):
    answered, _ = perform(tmp_path, command, *acts)

    assert answered == event


def test_a_menu_is_one_command_that_takes_all_twelve_keys(tmp_path):
    _, call = perform(tmp_path, MENU, "3")

    assert call.commands[2:] == [["GET", "OPTION", f"{tmp_path}/menu", "0123456789*#", "5000"]]


def test_digits_with_one_timeout_are_one_command(tmp_path):
    _, call = perform(tmp_path, EVEN, *"1234")

    assert call.commands[2:] == [["GET", "DATA", f"{tmp_path}/code", "3000", "4"]]


def test_digits_with_two_timeouts_ask_for_the_first_key_by_itself(tmp_path):
    """GET DATA would apply its one timeout to the first key and to the others."""
    _, call = perform(tmp_path, CODE, *"1234")

    assert call.commands[2:] == [
        ["GET", "OPTION", f"{tmp_path}/code", "0123456789*#", "5000"],
        ["GET", "DATA", "", "2000", "3"],
    ]


def test_a_question_that_cannot_be_interrupted_is_played_first_and_keys_before_its_end_are_dropped(tmp_path):
    ask = AskDigits(say("menu"), max_digits=1, first_timeout=5 * SECOND, digit_timeout=SECOND, barge_in=False)

    event, call = perform(tmp_path, ask, "4")

    assert event == DigitsEntered(NOON, "4")
    assert call.commands[2:] == [["STREAM", "FILE", f"{tmp_path}/menu", ""], ["WAIT", "FOR", "DIGIT", "5000"]]


def test_a_release_marks_the_session_as_done_before_it_hangs_up(tmp_path):
    _, call = perform(tmp_path, Release())

    assert call.commands[2:] == [["SET", "VARIABLE", "IVR_DONE", "1"], ["HANGUP"]]
    assert call.done


@pytest.mark.parametrize("command", [Play(say("hello")), MENU, SILENT, CODE, EVEN, AGENTS, Release()])
def test_a_hang_up_in_the_middle_of_any_command_is_an_event_and_the_session_is_marked_as_done(tmp_path, command):
    event, call = perform(tmp_path, command, HANGUP)

    assert event == CallerHungUp(NOON)
    assert call.done


@pytest.mark.parametrize("command", [Play(say("hello")), MENU, SILENT, CODE, EVEN, AGENTS, Release()])
def test_a_connection_that_ends_in_the_middle_of_any_command_is_a_hang_up(tmp_path, command):
    event, _ = perform(tmp_path, command, EOF)

    assert event == CallerHungUp(NOON)


@pytest.mark.parametrize("command", [MENU, CODE])
@pytest.mark.parametrize(("act", "event"), [(HANGUP, CallerHungUp(NOON)), ("#", None), (SILENCE, NothingHeard(NOON))])
def test_silence_is_believed_only_when_the_line_is_still_up(tmp_path, command, act, event):
    """GET OPTION answers a hang-up during its silence like silence; a key that comes just too late still counts."""
    answered, _ = perform(tmp_path, command, SILENCE, act)

    late_key = DigitsEntered(NOON, "#") if command is MENU else DigitsEntered(NOON, "", terminated=True)
    assert answered == (event or late_key)


@pytest.mark.parametrize("acts", [("1", HANGUP), ("1", "2", HANGUP)])
def test_a_hang_up_between_two_keys_is_a_hang_up(tmp_path, acts):
    event, _ = perform(tmp_path, CODE, *acts)

    assert event == CallerHungUp(NOON)


def test_after_a_hang_up_every_command_answers_at_once_and_asterisk_hears_only_that_it_is_done(tmp_path):
    call = FakeCall([HANGUP])

    async def body(channel: AgiChannel) -> list[LineEvent]:
        return [await channel.perform(command) for command in (MENU, Play(say("bye")), AGENTS, Release())]

    events = a_call(tmp_path, call, body)

    assert events == [CallerHungUp(NOON)] * 4
    assert call.names() == ["GET OPTION", "SET VARIABLE"]
    assert call.done


@pytest.mark.parametrize("command", [Play(say("lost")), Play(say("unspeakable")), AskDigits(say("lost"), 1, SECOND, SECOND)])
def test_a_prompt_without_a_file_fails_before_asterisk_is_asked(tmp_path, command):
    """Asterisk answers -1 for a missing file, as it does for a hang-up."""
    event, call = perform(tmp_path, command)

    assert event == CommandFailed(NOON, "audio")
    assert call.names() == []


def test_a_file_that_only_asterisk_cannot_open_is_told_from_a_hang_up(tmp_path):
    """A key that comes while the line is asked whether it is up is not lost."""
    call = FakeCall(["6"], answer=lambda words: b"200 result=-1 endpos=0\n" if words[0] == "STREAM" else None)

    event, _ = perform(tmp_path, Play(say("hello")), call=call)

    assert event == CommandFailed(NOON, "audio", "6")
    assert call.names() == ["STREAM FILE", "WAIT FOR"]


def test_an_unknown_destination_fails_the_transfer_and_keeps_the_caller(tmp_path):
    event, call = perform(tmp_path, Transfer("nowhere", ring_time=SECOND))

    assert event == CommandFailed(NOON, "transfer")
    assert not call.done


def test_a_transfer_that_nobody_takes_is_unanswered(tmp_path):
    call = FakeCall()
    call.transfer = "unanswered"

    event, _ = perform(tmp_path, AGENTS, call=call)

    assert event == TransferEnded(NOON, answered=False)
    assert call.commands[2] == ["GOSUB", "transfer", "agents", "1", "25"]


@pytest.mark.parametrize("reason", [BUSY, NOBODY, CALLBACK])
def test_why_a_transfer_came_to_nothing_is_told(tmp_path, reason):
    call = FakeCall()
    call.transfer = reason

    event, _ = perform(tmp_path, QUEUE, call=call)

    assert event == TransferEnded(NOON, answered=False, reason=reason)
    assert call.commands[2] == ["GOSUB", "transfer", "agents", "1", "25,300,en-us"]


def test_a_caller_who_hangs_up_after_a_talk_with_somebody_of_the_queue_has_talked(tmp_path):
    call = FakeCall([HANGUP])
    call.variables["MEMBERINTERFACE"] = "Local/01@queue-seat/n"

    event, _ = perform(tmp_path, QUEUE, call=call)

    assert event == TransferEnded(NOON, answered=True)


def test_a_session_that_ends_with_the_caller_on_the_line_is_not_done(tmp_path):
    """The dialplan's rescue takes over."""
    _, call = perform(tmp_path, MENU, "3")

    assert not call.done


@pytest.mark.parametrize("reply", [b"510 Invalid or unknown command\n", b"520-Usage follows:\n Usage: X\n520 End of proper usage.\n"])
def test_a_command_that_asterisk_does_not_know_ends_the_session(tmp_path, reply):
    call = FakeCall(answer=lambda words: reply if words[0] == "STREAM" else None)

    with pytest.raises(ChannelFailed):
        perform(tmp_path, Play(say("hello")), call=call)

    assert not call.done


@pytest.mark.parametrize(
    "reply",
    [
        b"200 result=49\n",  # a key, but not how a played file answers
        b"200 result=7 endpos=80\n",  # no telephone has this key
        b"200 result=1 (49)\n",
        b"hello\n",
        b"200 result=0 endpos=80\n200 result=49 endpos=80\n",  # one answer too many
    ],
)
def test_a_reply_that_asterisk_cannot_have_meant_ends_the_session(tmp_path, reply):
    call = FakeCall(answer=lambda words: reply if words[0] == "STREAM" else None)

    async def body(channel: AgiChannel) -> LineEvent:
        await channel.perform(Play(say("hello")))
        return await channel.perform(Play(say("again")))

    with pytest.raises(ChannelFailed):
        a_call(tmp_path, call, body)

    assert not call.done


def test_a_command_that_is_never_answered_ends_the_session(tmp_path, monkeypatch):
    monkeypatch.setattr("adapters.telephony.agi_channel.MARGIN", 0.05)
    call = FakeCall(answer=lambda words: b"" if words[0] == "STREAM" else None)

    with pytest.raises(ChannelFailed, match="Asterisk did not finish StreamFile in time"):
        perform(tmp_path, Play(say("hello")), call=call)


def test_a_hang_up_whose_command_is_never_answered_is_still_a_hang_up(tmp_path, monkeypatch):
    monkeypatch.setattr("adapters.telephony.agi_connection.AFTER_HANGUP", 0.05)
    call = FakeCall(answer=lambda words: b"HANGUP\n" if words[0] == "STREAM" else None)

    event, _ = perform(tmp_path, Play(say("hello")), call=call)

    assert event == CallerHungUp(NOON)


# --- utterances in parts ------------------------------------------------------------------------------------------


IN_PARTS = "hello|menu"
ASKED_IN_PARTS = AskDigits(say(IN_PARTS), max_digits=1, first_timeout=5 * SECOND, digit_timeout=SECOND)
CODE_IN_PARTS = AskDigits(say(IN_PARTS), max_digits=4, first_timeout=5 * SECOND, digit_timeout=2 * SECOND)
EVEN_IN_PARTS = AskDigits(say(IN_PARTS), max_digits=4, first_timeout=3 * SECOND, digit_timeout=3 * SECOND)
UNINTERRUPTED = AskDigits(say(IN_PARTS), max_digits=1, first_timeout=5 * SECOND, digit_timeout=SECOND, barge_in=False)


@pytest.mark.parametrize(
    ("command", "acts", "event"),
    [
        (Play(say(IN_PARTS)), "7", PromptPlayed(NOON, "7")),
        (ASKED_IN_PARTS, "3", DigitsEntered(NOON, "3")),
        (ASKED_IN_PARTS, "#", DigitsEntered(NOON, "#")),
        (ASKED_IN_PARTS, "*", DigitsEntered(NOON, "*")),
        *(
            row
            for code in (CODE_IN_PARTS, EVEN_IN_PARTS)
            for row in (
                (code, "1234", DigitsEntered(NOON, "1234")),
                (code, "12#", DigitsEntered(NOON, "12", terminated=True)),
                (code, "12", DigitsEntered(NOON, "12")),
                (code, "#", DigitsEntered(NOON, "", terminated=True)),
            )
        ),
    ],
)
def test_a_key_in_the_first_part_of_an_utterance_counts_as_in_one_that_is_whole(tmp_path, command, acts, event):
    """And the rest is not said."""
    answered, call = perform(tmp_path, command, *acts)

    assert answered == event
    assert call.commands[2] == ["STREAM", "FILE", f"{tmp_path}/hello", "0123456789*#"]
    assert f"{tmp_path}/menu" not in [word for words in call.commands for word in words]


@pytest.mark.parametrize(
    ("command", "keys", "event"),
    [
        (Play(say(IN_PARTS)), "", PromptPlayed(NOON)),
        (Play(say(IN_PARTS)), "7", PromptPlayed(NOON, "7")),
        (ASKED_IN_PARTS, "", NothingHeard(NOON)),
        (ASKED_IN_PARTS, "3", DigitsEntered(NOON, "3")),
        (CODE_IN_PARTS, "", NothingHeard(NOON)),
        (CODE_IN_PARTS, "12#", DigitsEntered(NOON, "12", terminated=True)),
        (EVEN_IN_PARTS, "12#", DigitsEntered(NOON, "12", terminated=True)),
    ],
)
def test_a_key_in_the_last_part_counts_as_in_one_that_is_whole(tmp_path, command, keys, event):
    call = FakeCall()

    def then_press(words: list[str]) -> None:
        if f"{tmp_path}/menu" in words:
            call.acts = list(keys)

    call.answer = then_press
    answered, _ = perform(tmp_path, command, call=call)

    assert answered == event


def test_the_next_part_follows_without_anything_in_between_when_it_has_been_made(tmp_path):
    _, call = perform(tmp_path, Play(say("first|second|third")))

    assert call.commands[2:] == [
        ["STREAM", "FILE", f"{tmp_path}/first", "0123456789*#"],
        ["STREAM", "FILE", f"{tmp_path}/second", "0123456789*#"],
        ["STREAM", "FILE", f"{tmp_path}/third", "0123456789*#"],
    ]


def waiting_between(folder: Path, acts: list[str], commands: int) -> tuple[FakeCall, Callable[[], Awaitable[None]]]:
    """A call whose caller acts so only after the first part, while the second is made: it is there after so many commands."""
    call = FakeCall(acts)
    call.answer = lambda words: b"200 result=0 endpos=800\n" if f"{folder}/hello" in words else None

    async def more() -> None:
        while len(call.names()) < commands:  # noqa: ASYNC110 - the fake tells nobody
            await asyncio.sleep(0)

    return call, more


@pytest.mark.parametrize(
    ("command", "event"),
    [
        (Play(say(IN_PARTS)), PromptPlayed(NOON, "8")),
        (Play(say(IN_PARTS), barge_in=False), PromptPlayed(NOON)),
        (ASKED_IN_PARTS, DigitsEntered(NOON, "8")),
        (CODE_IN_PARTS, DigitsEntered(NOON, "8")),
        (UNINTERRUPTED, NothingHeard(NOON)),
    ],
)
def test_a_line_that_waits_for_the_next_part_listens_for_keys(tmp_path, command, event):
    """As in the parts themselves: who cannot interrupt them cannot interrupt the wait either."""
    call, more = waiting_between(tmp_path, [SILENCE, SILENCE, "8"], commands=6)

    async def body(channel: AgiChannel) -> LineEvent:
        return await channel.perform(command)

    assert a_call(tmp_path, call, body, more=more) == event
    assert [words[3] for words in call.commands if words[:2] == ["WAIT", "FOR"]][:3] == ["2", "4", "8"]


@pytest.mark.parametrize(
    ("command", "acts", "event"),
    [
        (Play(say("|hello")), (SILENCE, "8"), PromptPlayed(NOON, "8")),
        (Play(say("|hello"), barge_in=False), (SILENCE, "8"), PromptPlayed(NOON)),
        (AskDigits(say("|hello"), 4, 5 * SECOND, SECOND), (SILENCE, "1", "2", "#"), DigitsEntered(NOON, "12", terminated=True)),
        (Play(say("|hello")), (SILENCE, HANGUP), CallerHungUp(NOON)),
        (Play(say("|unspeakable")), (SILENCE,), CommandFailed(NOON, "audio")),
    ],
)
def test_a_key_before_anything_can_be_heard_is_not_lost(tmp_path, command, acts, event):
    """Keys that come while Asterisk is asked nothing would be."""
    call, more = waiting_between(tmp_path, list(acts), commands=4)

    async def body(channel: AgiChannel) -> LineEvent:
        return await channel.perform(command)

    assert a_call(tmp_path, call, body, more=more) == event


@pytest.mark.parametrize("end", [HANGUP, EOF])
@pytest.mark.parametrize("command", [Play(say(IN_PARTS)), ASKED_IN_PARTS, CODE_IN_PARTS, UNINTERRUPTED])
def test_a_hang_up_in_a_part_or_between_two_is_a_hang_up(tmp_path, command, end):
    async def body(channel: AgiChannel) -> LineEvent:
        return await channel.perform(command)

    assert a_call(tmp_path, FakeCall([end]), body) == CallerHungUp(NOON)
    between, never = waiting_between(tmp_path, [SILENCE, end], commands=99)
    assert a_call(tmp_path, between, body, more=never) == CallerHungUp(NOON)


@pytest.mark.parametrize("text", ["hello|unspeakable", "hello|lost", "lost|hello"])
def test_a_part_that_cannot_be_made_fails_the_command(tmp_path, text):
    event, _ = perform(tmp_path, Play(say(text)))

    assert event == CommandFailed(NOON, "audio")


# --- holding the line ---------------------------------------------------------------------------------------------


def hold(folder, call: FakeCall, *, until: int, comfort: Utterance | None = None, comfort_after: dt.timedelta = SECOND) -> Held:
    """Hold the line until Asterisk has been given so many commands."""

    async def body(channel: AgiChannel) -> Held:
        work: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        real = call.answer

        def count(words: list[str]) -> bytes | None:
            if len(call.names()) == until and not work.done():
                work.set_result(None)
            return real(words) if real else None

        call.answer = count
        return await channel.hold(work, comfort, comfort_after)

    return a_call(folder, call, body)


def test_a_held_line_listens_in_growing_slices_and_keeps_every_key(tmp_path):
    """Short at first, so that a quick look-up is answered at once; then as long as a key may go unnoticed."""
    call = FakeCall(["1", SILENCE, "2", SILENCE, SILENCE, SILENCE, SILENCE, SILENCE])

    held = hold(tmp_path, call, until=8)

    assert held == Held("12", hung_up=False)
    assert [words[3] for words in call.commands[2:]] == ["2", "4", "8", "16", "32", "64", "100", "100"]


def test_a_held_line_plays_comfort_once_and_takes_its_key(tmp_path):
    """A tenth key pressed over the comfort prompt cuts it short and is kept."""
    call = FakeCall([SILENCE] * 2 + ["9"])

    held = hold(tmp_path, call, until=30, comfort=say("comfort"), comfort_after=dt.timedelta(0))

    assert held == Held("9", hung_up=False)
    assert call.names().count("STREAM FILE") == 1


def test_work_that_is_done_already_costs_no_command(tmp_path):
    call = FakeCall()

    async def body(channel: AgiChannel) -> Held:
        work: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        work.set_result(None)
        return await channel.hold(work, None, SECOND)

    assert a_call(tmp_path, call, body) == Held("", hung_up=False)
    assert call.names() == []


@pytest.mark.parametrize("comfort", ["unspeakable", "lost"])
def test_a_comfort_prompt_that_cannot_be_made_is_left_out(tmp_path, comfort):
    call = FakeCall(["1"])

    held = hold(tmp_path, call, until=10, comfort=say(comfort), comfort_after=dt.timedelta(0))

    assert held == Held("1", hung_up=False)
    assert "STREAM FILE" not in call.names()


@pytest.mark.parametrize("end", [HANGUP, EOF])
def test_a_caller_who_goes_while_the_line_is_held_ends_the_hold_and_leaves_the_work_alone(tmp_path, end):
    assert hold(tmp_path, FakeCall(["1", end]), until=99) == Held("1", hung_up=True)


# --- recording ----------------------------------------------------------------------------------------------------


def record(folder, call: FakeCall) -> Recorded:
    async def body(channel: AgiChannel) -> Recorded:
        return await channel.record("message-1", dt.timedelta(seconds=180), dt.timedelta(seconds=5))

    return a_call(folder, call, body)


@pytest.mark.parametrize(
    ("act", "recorded"),
    [
        ("#", Recorded(24000, hung_up=False)),
        (SILENCE, Recorded(24000, hung_up=False)),
        (HANGUP, Recorded(24000, hung_up=True)),
    ],
)
def test_a_recording_ends_by_key_silence_or_hang_up(tmp_path, act, recorded):
    call = FakeCall([act])

    assert record(tmp_path, call) == recorded
    assert call.commands[2:4] == [
        ["SET", "VARIABLE", "IVR_MESSAGE", "message-1"],
        ["RECORD", "FILE", f"{tmp_path}/message-1", "alaw", "#", "180000", "BEEP", "s=5"],
    ]
    assert call.done == (act == HANGUP)


@pytest.mark.parametrize("reply", [b"200 result=-1 (writefile)\n", b"200 result=-1 (randomerror) endpos=0\n", b"200 result=-1\n"])
def test_a_line_that_cannot_record_raises(tmp_path, reply):
    call = FakeCall(answer=lambda words: reply if words[0] == "RECORD" else None)

    with pytest.raises(ChannelFailed, match="Asterisk cannot record"):
        record(tmp_path, call)


def test_a_connection_lost_during_a_recording_leaves_the_file_to_the_recovery(tmp_path):
    with pytest.raises(ChannelFailed, match="the connection to Asterisk ended during a recording"):
        record(tmp_path, FakeCall([EOF]))


def test_a_caller_who_is_gone_before_the_beep_has_recorded_nothing(tmp_path):
    call = FakeCall(answer=lambda words: b"HANGUP\n511 Command Not Permitted\n" if words[0] == "RECORD" else None)

    assert record(tmp_path, call) == Recorded(0, hung_up=True)


@pytest.mark.parametrize("name", ["../x", "http://x", "A", "", "x" * 65, "x\n"])
def test_a_recording_name_that_is_no_token_never_reaches_asterisk(tmp_path, name):
    call = FakeCall()

    async def body(channel: AgiChannel) -> Recorded:
        return await channel.record(name, SECOND, SECOND)

    with pytest.raises(ChannelFailed):
        a_call(tmp_path, call, body)

    assert call.names() == []
