"""Press or say over AGI: which commands a question sends, and what it makes of keys, speech, silence and ears that are away."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import pytest

from adapters.speech.aeap_server import EarsServer
from adapters.telephony.agi_channel import AgiChannel
from adapters.telephony.agi_listening import NOTHING, AgiListening
from adapters.telephony.agi_request import IncomingCall
from adapters.telephony.ears_link import EarsLink
from ivr.calls.listening import grammar_name, grammar_text
from ivr.calls.ports import LineCommand, LineEvent
from ivr.core.commands import AskDigits, Grammar, Play
from ivr.core.events import (
    CallerHungUp,
    CommandFailed,
    DigitsEntered,
    Hypothesis,
    NothingHeard,
    PromptPlayed,
    SpeechHeard,
    SpeechUnavailable,
)
from ivr.core.values import Utterance
from tests.adapters.telephony.agi_line import NOON, a_server, run, say
from tests.adapters.telephony.fake_asterisk import EOF, GONE, HANGUP, REFUSED, SILENCE, TIMEOUT, FakeCall

SECOND = dt.timedelta(seconds=1)
PHRASES = Grammar("zh-CN", ("查询话费", "人工服务"))
DIGITS = Grammar("zh-CN", (), digits=6)
MENU = AskDigits(say("menu"), 1, 5 * SECOND, 2 * SECOND, grammar=PHRASES)
ACCOUNT = AskDigits(say("account"), 6, 5 * SECOND, 2 * SECOND, grammar=DIGITS)
PATIENT = AskDigits(say("menu"), 1, 5 * SECOND, 2 * SECOND, barge_in=False, grammar=PHRASES)
SILENT = AskDigits(Utterance("zh-CN", ()), 1, 5 * SECOND, 2 * SECOND, grammar=PHRASES)
SECRET = AskDigits(say("pin"), 1, 5 * SECOND, 2 * SECOND, secret=True, grammar=DIGITS)
TOKEN = "cc" * 24
BALANCE = SpeechHeard(NOON, (Hypothesis("查询话费", 0.85), Hypothesis("人工服务", 0.09)))


def talk(
    folder: Path,
    call: FakeCall,
    body: Callable[[AgiChannel], Awaitable[LineEvent]],
    *,
    states: Sequence[str] = (),
    most: int = 3,
    gone: bool = False,
) -> LineEvent:
    """A call to a channel whose ears say what `states` says, one for each time that they are asked, and that they are well from then on."""
    told = iter(states)

    async def scenario() -> LineEvent:
        ears = EarsServer(0, token=TOKEN, grammars=folder, find=lambda language: next(told, "") or object(), most=most)  # type: ignore[arg-type, return-value]
        await ears.start()
        answered: asyncio.Future[LineEvent] = asyncio.get_running_loop().create_future()

        async def handler(_incoming: IncomingCall, channel: AgiChannel) -> None:
            answered.set_result(await body(channel))

        listening = AgiListening(EarsLink(ears.port, TOKEN, folder / "grammars"), folder)
        server = a_server(folder, handler, listening=listening)
        await server.start()
        if gone:
            await ears.stop()
        await call.ring(server.port)
        await server.close_and_drain(5.0)
        await ears.stop()
        return await answered

    return run(scenario())


def perform(folder: Path, command: LineCommand, *acts: str, **ears: object) -> tuple[LineEvent, FakeCall]:
    call = FakeCall(acts)
    return talk(folder, call, lambda channel: channel.perform(command), **ears), call  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("command", "acts", "event"),
    [
        (MENU, ["begun", "p0 850,p1 90"], BALANCE),
        (MENU, ["p0 850,p1 90"], BALANCE),
        (SILENT, ["begun", "p0 850,p1 90"], BALANCE),
        (PATIENT, ["begun", "p0 850,p1 90"], BALANCE),
        (MENU, ["begun", "nomatch"], SpeechHeard(NOON)),
        (MENU, ["silence"], NothingHeard(NOON)),
        (MENU, ["begun", "silence"], NothingHeard(NOON)),
        (ACCOUNT, ["begun", "d018544 900"], SpeechHeard(NOON, (Hypothesis("018544", 0.9),))),
        (MENU, ["3"], DigitsEntered(NOON, "3")),
        (MENU, ["begun", "#"], DigitsEntered(NOON, "#")),
        (MENU, ["begun", "p0 850,p1 90", "3"], DigitsEntered(NOON, "3")),  # a key counts even when it comes with the last word
        (ACCOUNT, ["3", *"2145#"], DigitsEntered(NOON, "32145", terminated=True)),
        (ACCOUNT, ["begun", *"321456"], DigitsEntered(NOON, "321456")),
        (ACCOUNT, ["#"], DigitsEntered(NOON, "", terminated=True)),
        (MENU, [HANGUP], CallerHungUp(NOON)),
        (MENU, [EOF], CallerHungUp(NOON)),
        (MENU, ["begun", HANGUP], CallerHungUp(NOON)),
        (MENU, ["begun", "p0 850", HANGUP], CallerHungUp(NOON)),
        (MENU, [GONE], SpeechUnavailable(NOON, "gone")),
        (MENU, ["begun", GONE], SpeechUnavailable(NOON, "gone")),
        (MENU, [REFUSED], SpeechUnavailable(NOON, "gone")),
        (MENU, [TIMEOUT], SpeechUnavailable(NOON, "deadline")),
        (MENU, ["begun", TIMEOUT], SpeechUnavailable(NOON, "deadline")),
        (MENU, ["begun", "late"], SpeechUnavailable(NOON, "deadline")),
        (MENU, ["failed"], SpeechUnavailable(NOON, "failed")),
        (MENU, ["begun", "begun"], SpeechUnavailable(NOON, "garbage")),
        (MENU, ["p2 850"], SpeechUnavailable(NOON, "garbage")),
        (MENU, ["p0 1001"], SpeechUnavailable(NOON, "garbage")),
        (MENU, ["d5 850"], SpeechUnavailable(NOON, "garbage")),
        (MENU, ["p0 850,nomatch"], SpeechUnavailable(NOON, "garbage")),
        (MENU, ["Pizza 850"], SpeechUnavailable(NOON, "garbage")),
    ],
)
def test_each_question_answers_with_what_the_caller_said_or_keyed(tmp_path, command, acts, event):
    answered, call = perform(tmp_path, command, *acts)

    assert answered == event
    assert not call.listening or EOF in acts


@pytest.mark.parametrize(
    ("ears", "reason"),
    [({"states": ["loading"]}, "loading"), ({"states": ["language"]}, "language"), ({"most": 0}, "full"), ({"gone": True}, "gone")],
)
def test_ears_that_cannot_listen_are_told_before_the_prompt_and_asterisk_is_not_asked(tmp_path, ears, reason):
    event, call = perform(tmp_path, MENU, **ears)

    assert event == SpeechUnavailable(NOON, reason)
    assert call.names() == []


@pytest.mark.parametrize("sign", ["gone", "loading"])
@pytest.mark.parametrize(("acts", "event"), [((), SpeechUnavailable(NOON, "gone")), (("3",), DigitsEntered(NOON, "3"))])
def test_ears_that_die_with_the_first_word_are_not_waited_for(tmp_path, acts, event, sign):
    """Asterisk would wait for their answer to its end; those that live then are new ones, which know nothing of this call."""
    answered, call = perform(tmp_path, MENU, "begun", *acts, states=["", sign])

    assert answered == event
    assert call.names()[:5] == ["SPEECH CREATE", "SPEECH SET", "SPEECH RECOGNIZE", "STREAM FILE", "SPEECH DESTROY"]


def test_without_ears_a_question_that_listens_says_so_at_once(tmp_path):
    answered: list[LineEvent] = []

    async def handler(_incoming: IncomingCall, channel: AgiChannel) -> None:
        answered.append(await channel.perform(MENU))

    async def scenario() -> None:
        server = a_server(tmp_path, handler)
        await server.start()
        await FakeCall().ring(server.port)
        await server.close_and_drain(5.0)

    run(scenario())

    assert answered == [SpeechUnavailable(NOON, "none")]


def test_the_prompt_is_listened_through_and_stops_when_somebody_speaks(tmp_path):
    """The second listening begins with a sound of one frame, and so does whatever follows."""
    _, call = perform(tmp_path, MENU, "begun", "p0 850,p1 90")
    name = grammar_name(grammar_text(PHRASES))

    assert call.commands[2:] == [
        ["SPEECH", "CREATE", "ears"],
        ["SPEECH", "SET", "grammar", f"{name}-100-5000"],
        ["SPEECH", "RECOGNIZE", f"{tmp_path}/menu", "7"],
        ["SPEECH", "RECOGNIZE", f"{tmp_path}/{NOTHING}", "32"],
        ["STREAM", "FILE", f"{tmp_path}/{NOTHING}", "0123456789*#"],
        ["SPEECH", "DESTROY"],
    ]
    assert (tmp_path / f"{NOTHING}.alaw").stat().st_size == 160
    assert (tmp_path / "grammars" / name).read_bytes() == grammar_text(PHRASES)


def test_a_question_that_cannot_be_interrupted_is_played_first(tmp_path):
    _, call = perform(tmp_path, PATIENT, "silence")

    assert call.commands[2] == ["STREAM", "FILE", f"{tmp_path}/menu", ""]
    assert [words[:3] for words in call.commands[3:6]] == [
        ["SPEECH", "CREATE", "ears"],
        ["SPEECH", "SET", "grammar"],
        ["SPEECH", "RECOGNIZE", f"{tmp_path}/{NOTHING}"],
    ]
    assert call.commands[4][3].endswith("-0-5000")


LONG = AskDigits(say("answer|menu"), 1, 5 * SECOND, 2 * SECOND, grammar=PHRASES)


@pytest.mark.parametrize(
    ("acts", "event", "listened"),
    [
        (["silence", "begun", "p0 850,p1 90"], BALANCE, ["answer", "menu", NOTHING]),
        (["begun", "p0 850,p1 90"], BALANCE, ["answer", NOTHING]),
        (["3"], DigitsEntered(NOON, "3"), ["answer"]),
        (["silence", "silence"], NothingHeard(NOON), ["answer", "menu"]),
        ([GONE], SpeechUnavailable(NOON, "gone"), ["answer"]),
        ([HANGUP], CallerHungUp(NOON), ["answer"]),
    ],
)
def test_a_prompt_in_parts_is_spoken_over_in_each_of_them(tmp_path, acts, event, listened):
    """Its end is still being made while its beginning is heard."""
    answered, call = perform(tmp_path, LONG, *acts)

    assert answered == event
    assert [Path(words[2]).name for words in call.commands if words[:2] == ["SPEECH", "RECOGNIZE"]] == listened
    assert not call.listening


def test_a_secret_is_never_listened_to(tmp_path):
    event, call = perform(tmp_path, SECRET, "3")

    assert event == DigitsEntered(NOON, "3")
    assert call.names() == ["GET OPTION"]


def test_no_word_that_may_be_said_travels_over_agi(tmp_path):
    _, call = perform(tmp_path, MENU, "begun", "p0 850,p1 90")

    assert all(line.isascii() for line in call.raw)


def test_a_prompt_that_cannot_be_said_is_a_failed_command(tmp_path):
    event, call = perform(tmp_path, AskDigits(say("unspeakable"), 1, SECOND, SECOND, grammar=PHRASES))

    assert event == CommandFailed(NOON, "audio")
    assert call.names() == []


def test_what_comes_after_a_spoken_answer_is_not_listened_to(tmp_path):
    async def body(channel: AgiChannel) -> LineEvent:
        assert await channel.perform(MENU) == BALANCE
        return await channel.perform(Play(say("balance")))

    call = FakeCall(["begun", "p0 850,p1 90", SILENCE, SILENCE])

    assert talk(tmp_path, call, body) == PromptPlayed(NOON)
    assert call.names()[-2:] == ["SPEECH DESTROY", "STREAM FILE"]


def test_a_grammar_that_the_disk_refuses_leaves_the_keys(tmp_path):
    (tmp_path / "grammars").write_text("in the way")

    event, call = perform(tmp_path, MENU)

    assert event == SpeechUnavailable(NOON, "disk")
    assert call.names() == []
