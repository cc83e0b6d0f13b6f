"""Press or say on a real Asterisk: telephones speak and press keys over a playing prompt, and the ears die, hang and talk nonsense.

The prompts are tones, the recogniser is vosk with the Korean model that a package ships.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.datastructures import Headers
from websockets.http11 import Request, Response

from adapters.speech import audio
from ivr.core.commands import Grammar, Play
from ivr.core.events import CallerHungUp, DigitsEntered, NothingHeard, PromptPlayed, SpeechHeard, SpeechUnavailable
from tests.asterisk.listening_line import Call, ListeningLine, listening_line, prompt, question
from tests.said import clip

pytestmark = [pytest.mark.asterisk]

AGENT = clip("ko", "상담원").alaw
MEMO = clip("ko", "메모").alaw
WITHIN = 3.0  # seconds of silence that a caller may meet, whatever the ears do


@pytest.fixture(scope="module")
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as made:
        yield made


@pytest.fixture(scope="module")
def up(runner: asyncio.Runner, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ListeningLine]:
    context = listening_line(tmp_path_factory.mktemp("line"), ears_streams=2)
    line = runner.run(context.__aenter__())
    try:
        yield line
    finally:
        runner.run(context.__aexit__(None, None, None))


@pytest.fixture
def do(runner: asyncio.Runner, up: ListeningLine) -> Callable[[Coroutine[Any, Any, None]], None]:
    """Run a scenario on a line whose ears are ready, at most for a minute."""

    async def bounded(work: Coroutine[Any, Any, None]) -> None:
        async with asyncio.timeout(60):
            await up.ready()
            await work

    return lambda work: runner.run(bounded(work))


def text_of(event: object) -> str:
    assert isinstance(event, SpeechHeard), event
    return event.hypotheses[0].text if event.hypotheses else ""


async def pass_time(call: Call, seconds: float) -> None:
    """Let that much of the call go by, counted in the frames that the telephone sends."""
    await call.say(audio.silence(seconds))


# --- the caller speaks, presses, waits, goes ------------------------------------------------------------------------


def test_a_choice_is_spoken_over_a_playing_prompt_which_stops(up, do):
    async def scenario() -> None:
        async with up.call(question(12)) as call:
            await pass_time(call, 1.0)
            ended = await call.say(AGENT)
            _at, event = await call.event_at()

            assert text_of(event) == "상담원"
            assert call.audible_after(ended) < 0.2  # it had stopped while the caller spoke

    do(scenario())


def test_the_prompt_may_be_over_when_the_caller_speaks(up, do):
    async def scenario() -> None:
        async with up.call(question(0.5), question(0)) as call:
            for said in (AGENT, MEMO):
                await pass_time(call, 1.0)
                await call.say(said)
                await pass_time(call, 0.8)
            assert [text_of(await call.event()), text_of(await call.event())] == ["상담원", "메모"]

    do(scenario())


def test_a_key_over_the_prompt_counts_and_the_prompt_stops(up, do):
    async def scenario() -> None:
        async with up.call(question(12), Play(prompt(0.3))) as call:
            await pass_time(call, 0.8)
            await call.leg.send_keys("5")
            pressed = time.monotonic()
            event, played = await call.event(), await call.event()

            assert (type(event), event.digits, type(played)) == (DigitsEntered, "5", PromptPlayed)  # type: ignore[union-attr]
            assert call.audible_after(pressed) < 3

    do(scenario())


def test_a_key_ends_speech_and_counts_and_the_speech_reaches_no_later_step(up, do):
    """The caller begins to say 상담원, presses 2, and goes on talking while the next question listens for nothing of it."""

    async def scenario() -> None:
        async with up.call(question(12), Play(prompt(1.0), barge_in=False), question(0, silence=1)) as call:
            await pass_time(call, 0.8)
            call.leg.say(AGENT[:8000])
            await call.leg.wait_said()
            await call.leg.send_keys("2")
            event = await call.event()
            assert isinstance(event, DigitsEntered)
            assert event.digits == "2"
            call.leg.say(MEMO[:4000])
            assert isinstance(await call.event(), PromptPlayed)
            assert isinstance(await call.event(), NothingHeard)

    do(scenario())


def test_an_entry_is_begun_by_a_key_and_no_key_is_lost(up, do):
    async def scenario() -> None:
        async with up.call(question(12, digits=6, grammar=Grammar("zh-CN", ("상담원",), 6))) as call:
            await pass_time(call, 0.5)
            await call.leg.send_keys("32145#")
            event = await call.event()

            assert isinstance(event, DigitsEntered)
            assert (event.digits, event.terminated) == ("32145", True)

    do(scenario())


def test_silence_after_the_prompt_is_nothing_heard(up, do):
    async def scenario() -> None:
        async with up.call(question(0.5, silence=1)) as call:
            assert isinstance(await call.event(), NothingHeard)

    do(scenario())


def test_a_prompt_that_cannot_be_interrupted_is_heard_to_its_end(up, do):
    async def scenario() -> None:
        async with up.call(question(3, barge_in=False, silence=1)) as call:
            await pass_time(call, 0.3)
            ended = await call.say(MEMO)
            assert isinstance(await call.event(), NothingHeard)
            assert call.audible_after(ended) > 1.0

    do(scenario())


@pytest.mark.parametrize("phase", ["prompt", "speech", "silence"])
def test_a_caller_may_hang_up_at_any_time(up, do, phase):
    async def scenario() -> None:
        async with up.call(question(0.6 if phase == "silence" else 8)) as call:
            await pass_time(call, 1.2)
            if phase == "speech":
                call.leg.say(AGENT)
                await asyncio.sleep(0.6)
            await call.leg.hang_up()
            assert isinstance(await call.event(), CallerHungUp)

    do(scenario())


# --- the ears are full, die, hang, and talk nonsense ----------------------------------------------------------------


def test_a_full_house_says_so_at_once(up, do):
    async def scenario() -> None:
        async with up.call(question(8)) as first:
            await pass_time(first, 0.3)
            async with up.call(question(8)) as second:
                await pass_time(second, 0.3)
                async with up.call(question(8)) as third:
                    event = await third.event(WITHIN)
                    assert isinstance(event, SpeechUnavailable)
                    assert event.reason == "full"
                await second.leg.hang_up()
            await first.leg.hang_up()

    do(scenario())


@pytest.mark.parametrize(("number", "when"), [(signal.SIGSTOP, "waits"), (signal.SIGSEGV, "speaks")])
def test_ears_that_hang_or_crash_are_noticed_in_time_and_come_back(up, do, number, when):
    async def scenario() -> None:
        async with up.call(question(0.3, silence=20)) as call:
            await pass_time(call, 1.0)
            if when == "speaks":
                await call.say(AGENT[:8000])
            began = time.monotonic()
            os.kill(up.ears.pid, number)
            at, event = await call.event_at()

            assert isinstance(event, SpeechUnavailable)
            assert at - began < WITHIN
        await up.ready()
        async with up.call(question(8)) as call:
            await pass_time(call, 0.5)
            await call.say(AGENT)
            assert text_of(await call.event()) == "상담원"

    do(scenario())


def test_ears_that_hang_already_are_not_waited_for(up, do):
    async def scenario() -> None:
        os.kill(up.ears.pid, signal.SIGSTOP)
        began = time.monotonic()
        async with up.call(question(8)) as call:
            at, event = await call.event_at()

            assert isinstance(event, SpeechUnavailable)
            assert at - began < WITHIN

    do(scenario())


def results(*listed: object) -> str:
    return json.dumps({"request": "set", "id": "x", "params": {"results": listed}})


async def nonsense(socket: ServerConnection) -> None:
    await socket.send(results({"text": 'yes"\\ please', "score": 5, "grammar": "g", "best": 0}))


async def nothing_in_it(socket: ServerConnection) -> None:
    await socket.send(results({}))


async def not_json(socket: ServerConnection) -> None:
    await socket.send("what?")
    await socket.send(b"\x00" * 100)
    await socket.send(results({"text": "begun", "score": 0, "grammar": "g"}))
    await socket.send(results({"text": "p0", "score": 5000, "grammar": "g"}))


async def hangs_up(socket: ServerConnection) -> None:
    await socket.close()


async def says_nothing(socket: ServerConnection) -> None:
    await socket.wait_closed()


def test_ears_that_talk_nonsense_or_hang_up_are_not_believed(up, do):
    async def scenario() -> None:
        async with no_ears(up):
            for answers in (nonsense, nothing_in_it, not_json, hangs_up):
                async with squatter(up, answers), up.call(question(0.3, silence=2)) as call:
                    event = await call.event()
                    assert isinstance(event, SpeechUnavailable), (answers, event)
            async with squatter(up, says_nothing, greets=False), up.call(question(5)) as call:
                began = time.monotonic()
                at, event = await call.event_at()
                assert isinstance(event, SpeechUnavailable)
                assert at - began < WITHIN
        assert up.asterisk.pid is not None

    do(scenario())


@asynccontextmanager
async def no_ears(up: ListeningLine) -> AsyncIterator[None]:
    """The ears are gone, and do not come back before the end of it."""
    await up.rest()
    try:
        yield
    finally:
        await up.wake()


@asynccontextmanager
async def squatter(
    up: ListeningLine, answers: Callable[[ServerConnection], Awaitable[None]], *, greets: bool = True
) -> AsyncIterator[None]:
    """Somebody else on the ears' port, who says that all is well, and then this."""

    def all_is_well(_connection: ServerConnection, request: Request) -> Response | None:
        if "/hears/" not in request.path:
            return None
        body = b'{"deaf": ""}'
        return Response(200, "OK", Headers({"Content-Length": str(len(body)), "Connection": "close"}), body)

    async def listen(socket: ServerConnection) -> None:
        async for message in socket:
            if isinstance(message, bytes):
                break
            if greets:
                asked = json.loads(message)
                more = {"codecs": [{"name": "slin"}]} if asked["request"] == "setup" else {}
                await socket.send(json.dumps({"response": asked["request"], "id": asked["id"], **more}))
        await answers(socket)
        await socket.wait_closed()

    port = up.settings.ears_port
    async with serve(listen, "127.0.0.1", port, subprotocols=["speech_to_text"], compression=None, process_request=all_is_well):  # type: ignore[list-item]
        yield
