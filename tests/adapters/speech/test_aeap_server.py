"""The ears as a server: real WebSockets, real frames of audio, and recognisers that do what a test needs them to do."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Coroutine, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from adapters.speech import aeap_server
from adapters.speech.aeap_server import EarsServer
from adapters.telephony.ears_link import EarsLink
from ivr.calls.listening import grammar_name, grammar_text
from ivr.core.commands import Grammar
from ivr.core.events import Hypothesis
from tests.said import as_pcm, clip, noisy

TOKEN = "aa" * 24
MENU = Grammar("zh-CN", ("查询话费", "人工服务"))
SPEECH = as_pcm(noisy(clip("zh-CN", "查询话费").alaw, None, 0, around=0.3))
QUIET = bytes(320)


class Knowing:
    """A recogniser that knows beforehand what is said; `wait` holds it up, `error` makes it fail."""

    def __init__(self, *answers: tuple[Hypothesis, ...] | None, error: Exception | None = None) -> None:
        self.answers = list(answers)
        self.error = error
        self.wait = threading.Event()
        self.wait.set()
        self.fed: list[int] = []

    def begin(self, grammar: Grammar) -> KnowingDecoding:
        self.fed.append(0)
        return KnowingDecoding(self)

    def unknown_words(self, phrases: Iterable[str]) -> list[str]:
        return []


class KnowingDecoding:
    def __init__(self, recogniser: Knowing) -> None:
        self._recogniser = recogniser

    def feed(self, pcm: bytes) -> None:
        self._recogniser.fed[-1] += len(pcm)

    def finish(self) -> tuple[Hypothesis, ...] | None:
        self._recogniser.wait.wait(20)
        if self._recogniser.error is not None:
            raise self._recogniser.error
        return self._recogniser.answers.pop(0)


class AsteriskEnd:
    """Asterisk's end of a stream: it asks, streams and answers as res_speech_aeap does."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket

    async def send(self, text: str) -> None:
        await self._socket.send(text)

    async def ask(self, request: str, **rest: object) -> dict[str, Any]:
        await self._socket.send(json.dumps({"request": request, "id": "8f", **rest}))
        return json.loads(await self._socket.recv())  # type: ignore[no-any-return]

    async def prepare(self, name: str, prompt_ms: int = 0, silence_ms: int = 5000) -> None:
        answer = await self.ask("setup", version="0.1.0", codecs=[{"name": "slin"}])
        assert answer == {"response": "setup", "id": "8f", "codecs": [{"name": "slin"}]}
        assert await self.ask("set", params={"grammar": f"{name}-{prompt_ms}-{silence_ms}"}) == {"response": "set", "id": "8f"}

    async def say(self, pcm: bytes) -> None:
        for place in range(0, len(pcm), 320):
            await self._socket.send(pcm[place : place + 320])

    async def told(self) -> list[str]:
        """The next results, as tokens; they are acknowledged."""
        message = json.loads(await self._socket.recv())
        await self._socket.send(json.dumps({"response": "set", "id": message["id"]}))
        return [one["text"] for one in message["params"]["results"]][::-1]


def run(work: Coroutine[Any, Any, None]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(20):
            await work

    asyncio.run(bounded())


@contextlib.asynccontextmanager
async def ears(folder: Path, found: object, most: int = 3) -> AsyncIterator[EarsServer]:
    server = EarsServer(0, token=TOKEN, grammars=folder, find=lambda language: found, most=most)  # type: ignore[arg-type, return-value]
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


@contextlib.asynccontextmanager
async def stream(server: EarsServer, token: str = TOKEN) -> AsyncIterator[AsteriskEnd]:
    url = f"ws://127.0.0.1:{server.port}/{token}/listen"
    async with connect(url, subprotocols=["speech_to_text"], compression=None) as socket:  # type: ignore[list-item]
        yield AsteriskEnd(socket)


def kept(folder: Path, grammar: Grammar = MENU) -> str:
    text = grammar_text(grammar)
    (folder / grammar_name(text)).write_bytes(text)
    return grammar_name(text)


SURE = (Hypothesis("查询话费", 0.9), Hypothesis("人工服务", 0.1))


def test_speech_begins_and_is_understood(tmp_path):
    async def scenario() -> None:
        recogniser = Knowing(SURE)
        async with ears(tmp_path, recogniser) as server, stream(server) as asterisk:
            await asterisk.prepare(kept(tmp_path))
            await asterisk.say(SPEECH)
            assert await asterisk.told() == ["begun"]
            await asterisk.say(QUIET * 30)
            assert await asterisk.told() == ["p0", "p1"]
            assert server.streams == 1
        assert recogniser.fed[0] > len(SPEECH) - 0.3 * 16_000  # with the time before somebody was heard

    run(scenario())


@pytest.mark.parametrize(("found", "token"), [((), "nomatch"), ((Hypothesis("不在里面", 1.0),), "failed")])
def test_what_fits_nothing_is_no_match_and_what_the_grammar_does_not_have_is_a_failure(tmp_path, found, token):
    async def scenario() -> None:
        async with ears(tmp_path, Knowing(found)) as server, stream(server) as asterisk:
            await asterisk.prepare(kept(tmp_path))
            await asterisk.say(SPEECH + QUIET * 40)
            assert [await asterisk.told(), await asterisk.told()] == [["begun"], [token]]

    run(scenario())


def test_a_noise_that_was_nobody_leaves_the_caller_their_turn(tmp_path):
    async def scenario() -> None:
        async with ears(tmp_path, Knowing(None, SURE)) as server, stream(server) as asterisk:
            await asterisk.prepare(kept(tmp_path))
            await asterisk.say(SPEECH + QUIET * 40)
            assert await asterisk.told() == ["begun"]
            await asyncio.sleep(0.1)  # the decoder of the test answers within this
            await asterisk.say(SPEECH + QUIET * 40)
            assert await asterisk.told() == ["p0", "p1"]  # and the prompt is not stopped twice

    run(scenario())


def test_silence_is_told_when_the_prompt_and_the_time_after_it_are_over(tmp_path):
    async def scenario() -> None:
        async with ears(tmp_path, Knowing()) as server, stream(server) as asterisk:
            await asterisk.prepare(kept(tmp_path), prompt_ms=300, silence_ms=200)
            began = asyncio.get_running_loop().time()
            await asterisk.say(QUIET)
            assert await asterisk.told() == ["silence"]
            assert asyncio.get_running_loop().time() - began >= 0.45

    run(scenario())


def test_a_telephone_that_sends_no_silence_ends_its_speech_all_the_same(tmp_path):
    async def scenario() -> None:
        async with ears(tmp_path, Knowing(SURE)) as server, stream(server) as asterisk:
            await asterisk.prepare(kept(tmp_path))
            await asterisk.say(SPEECH[: int(0.9 * 16_000)])
            assert [await asterisk.told(), await asterisk.told()] == [["begun"], ["p0", "p1"]]

    run(scenario())


def test_a_result_that_asterisk_missed_between_two_commands_is_told_again(tmp_path):
    async def scenario() -> None:
        async with ears(tmp_path, Knowing(SURE)) as server, stream(server) as asterisk:
            await asterisk.prepare(kept(tmp_path))
            await asterisk.say(SPEECH + QUIET * 40)
            assert [await asterisk.told(), await asterisk.told()] == [["begun"], ["p0", "p1"]]
            await asterisk.say(QUIET * 15)
            assert await asterisk.told() == ["p0", "p1"]

    run(scenario())


def test_a_decoder_that_does_not_answer_is_late(tmp_path, monkeypatch):
    monkeypatch.setattr(aeap_server, "DEADLINE", 0.2)
    recogniser = Knowing(SURE)

    async def scenario() -> None:
        async with ears(tmp_path, recogniser) as server, stream(server) as asterisk:
            await asterisk.prepare(kept(tmp_path))
            recogniser.wait.clear()
            await asterisk.say(SPEECH + QUIET * 40)
            assert [await asterisk.told(), await asterisk.told()] == [["begun"], ["late"]]
            assert not server.stuck
            monkeypatch.setattr(aeap_server, "STUCK", 0.0)
            assert server.stuck
            recogniser.wait.set()

    run(scenario())


def test_a_decoder_that_raises_is_a_failure_and_the_next_stream_is_heard(tmp_path):
    recogniser = Knowing(SURE, error=RuntimeError("out of breath"))

    async def scenario() -> None:
        async with ears(tmp_path, recogniser) as server:
            for token in (["failed"], ["p0", "p1"]):
                async with stream(server) as asterisk:
                    await asterisk.prepare(kept(tmp_path))
                    await asterisk.say(SPEECH + QUIET * 40)
                    assert [await asterisk.told(), await asterisk.told()] == [["begun"], token]
                recogniser.error = None

    run(scenario())


@pytest.mark.parametrize("value", ["", "x", "../../etc/passwd-0-1", f"{'a' * 40}-0-1000", "a-b-c"])
def test_a_grammar_that_cannot_be_read_is_a_failure_as_soon_as_somebody_is_there(tmp_path, value):
    async def scenario() -> None:
        async with ears(tmp_path, Knowing()) as server, stream(server) as asterisk:
            await asterisk.ask("setup", codecs=[{"name": "slin"}])
            await asterisk.ask("set", params={"grammar": value})
            await asterisk.say(QUIET)
            assert await asterisk.told() == ["failed"]

    run(scenario())


def test_two_callers_do_not_wait_for_each_other(tmp_path):
    slow, quick = Knowing(SURE), Knowing(SURE)
    found: Iterator[Knowing] = iter((slow, quick))

    async def scenario() -> None:
        server = EarsServer(0, token=TOKEN, grammars=tmp_path, find=lambda language: next(found), most=2)
        await server.start()
        async with stream(server) as first, stream(server) as second:
            for asterisk in (first, second):
                await asterisk.prepare(kept(tmp_path))
            slow.wait.clear()
            for asterisk in (first, second):
                await asterisk.say(SPEECH + QUIET * 40)
                assert await asterisk.told() == ["begun"]
            assert await second.told() == ["p0", "p1"]
            slow.wait.set()
            assert await first.told() == ["p0", "p1"]
        await server.stop()

    run(scenario())


# --- who may come in ------------------------------------------------------------------------------------------------


def test_one_stream_too_many_is_refused_at_once_and_has_room_when_another_ends(tmp_path):
    async def scenario() -> None:
        async with ears(tmp_path, Knowing(), most=1) as server:
            async with stream(server):
                with pytest.raises(InvalidStatus, match="503"):
                    async with stream(server):
                        pass
                assert await EarsLink(server.port, TOKEN, tmp_path).deaf("zh-CN") == "full"
            async with asyncio.timeout(5):
                while server.streams:  # noqa: ASYNC110 - the server learns of the end a moment later
                    await asyncio.sleep(0.01)
            async with stream(server) as asterisk:
                await asterisk.prepare(kept(tmp_path))

    run(scenario())


def test_nobody_without_the_token_is_let_in(tmp_path):
    async def scenario() -> None:
        async with ears(tmp_path, Knowing()) as server:
            with pytest.raises(InvalidStatus, match="403"):
                async with stream(server, token="ab" * 24):
                    pass
            assert await EarsLink(server.port, "ab" * 24, tmp_path).deaf("zh-CN") == "garbage"

    run(scenario())


@pytest.mark.parametrize("message", ["nonsense", "{}", '{"request":"setup","id":"1","codecs":[{"name":"ulaw"}]}'])
def test_whoever_does_not_speak_aeap_is_hung_up_on(tmp_path, message):
    async def scenario() -> None:
        async with ears(tmp_path, Knowing()) as server, stream(server) as asterisk:
            await asterisk.send(message)
            with pytest.raises(ConnectionClosed):
                await asterisk.told()

    run(scenario())


def test_other_paths_lead_nowhere(tmp_path):
    async def scenario() -> None:
        async with ears(tmp_path, Knowing()) as server:
            url = f"http://127.0.0.1:{server.port}/{TOKEN}/metrics"
            with pytest.raises(urllib.error.HTTPError, match="404") as refused:
                await asyncio.to_thread(urllib.request.urlopen, url)
            refused.value.close()

    run(scenario())


# --- the engine asks for a sign of life -----------------------------------------------------------------------------


@pytest.mark.parametrize("reason", ["loading", "language", "failed", ""])
def test_the_engine_is_told_why_nobody_can_listen(tmp_path, reason):
    async def scenario() -> None:
        async with ears(tmp_path, reason or Knowing()) as server:
            assert await EarsLink(server.port, TOKEN, tmp_path).deaf("zh-CN") == reason

    run(scenario())


@pytest.mark.parametrize(
    ("answer", "reason"), [(b"HTTP/1.1 200 OK\r\n\r\n{}", "garbage"), (b"what?", "garbage"), (b"", "garbage"), (None, "deadline")]
)
def test_ears_that_are_not_ours_or_do_not_answer_are_not_waited_for(tmp_path, answer, reason):
    over: asyncio.Event

    async def reply(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        if answer is None:
            await reader.read()  # until the engine has had enough
        else:
            writer.write(answer)
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
        over.set()

    async def scenario() -> None:
        nonlocal over
        over = asyncio.Event()
        server = await asyncio.start_server(reply, "127.0.0.1", 0)
        async with server:
            assert await EarsLink(server.sockets[0].getsockname()[1], TOKEN, tmp_path).deaf("zh-CN") == reason
            await over.wait()

    run(scenario())


def test_ears_that_are_gone_are_gone_at_once(tmp_path):
    async def scenario() -> None:
        async with ears(tmp_path, Knowing()) as server:
            port = server.port
        assert await EarsLink(port, TOKEN, tmp_path).deaf("zh-CN") == "gone"

    run(scenario())


def test_a_grammar_is_laid_down_once_under_the_name_of_its_content(tmp_path):
    link = EarsLink(1, TOKEN, tmp_path / "grammars")

    name = link.keep(MENU)

    assert (tmp_path / "grammars" / name).read_bytes() == grammar_text(MENU)
    assert link.keep(MENU) == name
    assert [path.name for path in (tmp_path / "grammars").iterdir()] == [name]
