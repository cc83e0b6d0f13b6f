"""The ears' side of the line: a WebSocket server that Asterisk streams callers' audio to, and that tells it what was said.

It listens on loopback, with a token in the path of the URL; it takes so many streams and no more, and refuses the next one before it
has cost anything (a refusal after that would leave Asterisk 22 with a freed object). `GET /<token>/hears/<language>` is how the engine asks
for a sign of life. No word that a caller said is ever written to the log.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import http
import json
import secrets
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, TypeVar

import structlog
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from adapters.speech import aeap_protocol as aeap
from adapters.speech.endpoint import DIGITS_PAUSE, FRAME, FRAME_SECONDS, PAUSE, Endpointer, Turn
from ivr.calls.listening import MOST_HYPOTHESES, Decoding, Recogniser, Said, grammar_of, score_of, token_of
from ivr.core.commands import Grammar
from ivr.core.events import Hypothesis
from ivr.errors import SettingsError

DEADLINE: Final = 2.0  # seconds from the end of speech to a result; then it is late
STUCK: Final = 10.0  # seconds that one piece of decoding may take before all of it is given up
_BEFORE: Final = round(0.6 / FRAME_SECONDS)  # frames of the time before somebody was heard, where soft consonants are
_GAP: Final = 0.2  # seconds without a frame, which is the silence of a telephone that sends none
_REPEAT_AFTER: Final = 10  # frames that still come after a result: Asterisk missed it between two commands
_LONGEST_FRAME: Final = 64 * 1024
_SILENT_FRAME: Final = bytes(FRAME)

Find = Callable[[str], Recogniser | str]
"""The recogniser of a language, or why there is none: loading, language, failed."""

_Made = TypeVar("_Made")

_log = structlog.get_logger("ears")


class EarsServer:
    """Ears for `most` callers at once. `find` is asked for the recogniser of a language, and makes it ready."""

    def __init__(self, port: int, *, token: str, grammars: Path, find: Find, most: int, threads: int = 2) -> None:
        self._wanted_port = port
        self._token = token
        self._grammars = grammars
        self._find = find
        self._most = most
        self._pool = _Pool(threads)
        self._streams: set[_Stream] = set()
        self._server: Server | None = None

    @property
    def port(self) -> int:
        """The port it listens on, also when the setting was 0."""
        assert self._server is not None
        return int(next(iter(self._server.sockets)).getsockname()[1])

    @property
    def streams(self) -> int:
        """Callers who are listened to."""
        return len(self._streams)

    @property
    def stuck(self) -> bool:
        """A decoder does not come back: only the end of this process ends it."""
        return self._pool.stuck

    async def start(self) -> None:
        """Listen. Raises SettingsError when the port is taken."""
        try:
            self._server = await serve(
                self._listen,
                "127.0.0.1",
                self._wanted_port,
                subprotocols=[aeap.SUBPROTOCOL],  # type: ignore[list-item]
                compression=None,
                process_request=self._admit,
                ping_interval=None,
                open_timeout=2,
                close_timeout=1,
                max_size=_LONGEST_FRAME,
                max_queue=64,
                server_header=None,
            )
        except OSError as error:
            raise SettingsError(f"port {self._wanted_port} is in use by another program; set IVR_EARS_PORT to a free one") from error

    async def stop(self) -> None:
        """Hang up on everybody."""
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()
        self._pool.close()

    def _admit(self, connection: ServerConnection, request: Request) -> Response | None:
        """Before anything else: is it ours, is there room, and is it Asterisk or the engine that asks?"""
        _, token, *rest = request.path.split("/")
        if not hmac.compare_digest(token.encode(), self._token.encode()):
            return _answer(http.HTTPStatus.FORBIDDEN, {"error": "no"})
        full = len(self._streams) >= self._most
        match rest:
            case ["hears", language]:
                found = self._find(language)
                return _answer(http.HTTPStatus.OK, {"deaf": found if isinstance(found, str) else "full" if full else ""})
            case ["listen"] if not full:
                return None
            case ["listen"]:
                _log.warning("stream_refused", reason="full", streams=len(self._streams))
                return _answer(http.HTTPStatus.SERVICE_UNAVAILABLE, {"error": "full"})
            case _:
                return _answer(http.HTTPStatus.NOT_FOUND, {"error": "no"})

    async def _listen(self, connection: ServerConnection) -> None:
        stream = _Stream(connection, self._grammars, self._find, self._pool)
        self._streams.add(stream)
        ticking = asyncio.create_task(stream.keep_time())
        try:
            async for frame in connection:
                if isinstance(frame, bytes):
                    await stream.take_audio(frame)
                else:
                    await stream.take_message(frame)
        except aeap.NotAeap as error:
            _log.warning("stream_ended", reason=str(error))
        except ConnectionClosed:
            pass
        finally:
            ticking.cancel()
            self._streams.discard(stream)


class _Stream:
    """One step of one call: a grammar, the audio of the caller, and what comes of it."""

    def __init__(self, connection: ServerConnection, grammars: Path, find: Find, pool: _Pool) -> None:
        self._connection = connection
        self._grammars = grammars
        self._find = find
        self._pool = pool
        self._grammar: Grammar | None = None
        self._recogniser: Recogniser | None = None
        self._patience = 0.0  # seconds of silence that are allowed, the prompt included, and then without it
        self._after_prompt = 0.0
        self._endpointer = Endpointer()
        self._before: deque[bytes] = deque(maxlen=_BEFORE)
        self._ready: _Work | None = None  # a decoding for the next who speaks
        self._decoding: _Work | None = None
        self._concluding: asyncio.Task[None] | None = None
        self._heard_at: float | None = None  # when the last frame came; None before the first
        self._silent_since: float | None = None
        self._begun = False
        self._last: tuple[aeap.Result, ...] | None = None  # what was told, for good
        self._frames_since = 0
        self._rest = bytearray()  # less than a frame

    # --- what Asterisk says ---------------------------------------------------------------------------------------

    async def take_message(self, text: str) -> None:
        """A message from Asterisk. Raises NotAeap."""
        match aeap.parse(text):
            case aeap.Setup() as setup:
                await self._connection.send(aeap.accept_setup(setup))
            case aeap.SetRequest() as request:
                if "grammar" in request.params:
                    self._prepare(request.params["grammar"])
                await self._connection.send(aeap.answer_set(request))
            case aeap.GetRequest() as wanted:
                await self._connection.send(aeap.answer_get(wanted))
            case aeap.Response(error=error) if error:
                _log.warning("result_refused")
            case aeap.Response():
                pass

    def _prepare(self, value: str) -> None:
        """Which grammar counts, how long the prompt is and how much silence may follow."""
        try:
            name, prompt_ms, silence_ms = value.split("-")
            self._grammar = grammar_of(name, (self._grammars / name).read_bytes())
            self._after_prompt = int(silence_ms) / 1000
            self._patience = int(prompt_ms) / 1000 + self._after_prompt
        except (OSError, ValueError) as error:
            _log.error("grammar_unreadable", error=type(error).__name__)
            return
        found = self._find(self._grammar.language)
        self._recogniser = None if isinstance(found, str) else found
        self._endpointer = Endpointer(DIGITS_PAUSE if self._grammar.digits else PAUSE)
        if self._recogniser is not None:
            self._ready = _Work(self._pool, self._recogniser, self._grammar)

    async def take_audio(self, audio: bytes) -> None:
        """A piece of the caller's audio."""
        now = time.monotonic()
        if self._silent_since is None:
            self._silent_since = now
        self._heard_at = now
        if self._last is not None:
            self._frames_since += 1
            if self._frames_since > _REPEAT_AFTER:
                await self._tell(*self._last)
            return
        if self._grammar is None or self._recogniser is None:
            await self._end(aeap.Result(Said.FAILED, 0))
            return
        self._rest += audio
        while len(self._rest) >= FRAME and self._last is None:
            frame = bytes(self._rest[:FRAME])
            del self._rest[:FRAME]
            await self._take_frame(frame, self._grammar, self._recogniser)

    async def _take_frame(self, frame: bytes, grammar: Grammar, recogniser: Recogniser) -> None:
        if self._decoding is not None and self._decoding.closing:
            return  # it was said: nothing that comes now belongs to it
        turn = self._endpointer.hear(frame)
        if turn is Turn.BEGUN:
            self._decoding, self._ready = self._ready or _Work(self._pool, recogniser, grammar), None
            self._decoding.feed(b"".join(self._before))
            if not self._begun:
                self._begun = True
                await self._tell(aeap.Result(Said.BEGUN, 0))
        self._before.append(frame)
        if self._decoding is not None:
            self._decoding.feed(frame)
            if turn is Turn.ENDED:
                quiet = self._endpointer.quiet_seconds
                self._concluding = asyncio.create_task(self._conclude(self._decoding, grammar, quiet))

    # --- what we say ----------------------------------------------------------------------------------------------

    async def _conclude(self, work: _Work, grammar: Grammar, quiet: float) -> None:
        began = time.monotonic()
        try:
            async with asyncio.timeout(DEADLINE):
                found = await work.finish()
            results = None if found is None else _results(grammar, found)
        except TimeoutError:
            _log.warning("late", language=grammar.language)
            await self._end(aeap.Result(Said.LATE, 0))
            return
        except Exception:  # whatever a decoder raises, the caller goes on with the keys
            _log.exception("decoding_failed", language=grammar.language)
            await self._end(aeap.Result(Said.FAILED, 0))
            return
        took = time.monotonic() - began
        _log.info(
            "heard",
            language=grammar.language,
            outcome="noise" if found is None else "match" if found else "nomatch",
            decoding_ms=round(took * 1000),
            pause_ms=round(quiet * 1000),
        )
        if results is None:  # a cough, a door: the caller may still speak
            self._decoding = None
            self._silent_since, self._patience = time.monotonic(), self._after_prompt
        else:
            await self._end(*results)

    async def keep_time(self) -> None:
        """Tell of silence, and be the silence that some telephones do not send."""
        while True:
            await asyncio.sleep(_GAP / 4)
            if self._heard_at is None or self._last is not None:
                continue
            now = time.monotonic()
            speaking = self._endpointer.speaking or self._decoding is not None
            waiting = self._silent_since is not None and not speaking and not self._endpointer.stirring
            if waiting and now - (self._silent_since or now) >= self._patience:
                await self._end(aeap.Result(Said.SILENCE, 0))
                continue
            if speaking and now - self._heard_at >= _GAP:
                heard = self._heard_at
                await self.take_audio(_SILENT_FRAME * round((now - heard) / FRAME_SECONDS))

    async def _end(self, *results: aeap.Result) -> None:
        """The last word of this step."""
        if self._last is None:
            self._last = results
            await self._tell(*results)

    async def _tell(self, *results: aeap.Result) -> None:
        self._frames_since = 0
        with contextlib.suppress(ConnectionClosed):
            await self._connection.send(aeap.set_results(secrets.token_hex(8), results))


class _Work:
    """A decoding in the pool: fed in order, never by two threads at once."""

    def __init__(self, pool: _Pool, recogniser: Recogniser, grammar: Grammar) -> None:
        self._pool = pool
        self._begin = lambda: recogniser.begin(grammar)
        self._decoding: Decoding | None = None
        self._waiting = bytearray()
        self.closing = False
        self._running = self._go_on()

    def feed(self, pcm: bytes) -> None:
        """More audio; it is decoded when what came before has been."""
        self._waiting += pcm
        if self._running.done():
            self._running = self._go_on()

    async def finish(self) -> tuple[Hypothesis, ...] | None:
        """No more audio: what was it?"""
        self.closing = True
        await asyncio.shield(self._running)
        assert self._decoding is not None
        return await self._pool.run(self._decoding.finish)

    def _go_on(self) -> asyncio.Task[None]:
        task = asyncio.create_task(self._decode())
        task.add_done_callback(lambda done: done.cancelled() or done.exception())  # looked at, also when nobody asks any more
        return task

    async def _decode(self) -> None:
        if self._decoding is None:
            self._decoding = await self._pool.run(self._begin)
        while self._waiting:
            piece = bytes(self._waiting)
            self._waiting.clear()
            await self._pool.run(lambda decoding=self._decoding, piece=piece: decoding.feed(piece))  # type: ignore[misc]


class _Pool:
    """The threads that decode, and since when each of them has been at its piece."""

    def __init__(self, threads: int) -> None:
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="decoding")
        self._busy: dict[int, float] = {}

    @property
    def stuck(self) -> bool:
        """A piece takes longer than anything should."""
        return any(time.monotonic() - since > STUCK for since in tuple(self._busy.values()))

    async def run(self, work: Callable[[], _Made]) -> _Made:
        """Do it in a thread."""

        def done_in_thread() -> _Made:
            self._busy[threading.get_ident()] = time.monotonic()
            try:
                return work()
            finally:
                del self._busy[threading.get_ident()]

        return await asyncio.get_running_loop().run_in_executor(self._threads, done_in_thread)

    def close(self) -> None:
        """No more pieces."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def _results(grammar: Grammar, found: tuple[Hypothesis, ...]) -> tuple[aeap.Result, ...]:
    """What was found as it travels. Raises ValueError for what the grammar does not have."""
    if not found:
        return (aeap.Result(Said.NOMATCH, 0),)
    best = sorted(found, key=lambda hypothesis: -hypothesis.confidence)[:MOST_HYPOTHESES]
    return tuple(aeap.Result(token_of(grammar, hypothesis), score_of(hypothesis)) for hypothesis in best)


def _answer(status: http.HTTPStatus, body: Mapping[str, str]) -> Response:
    text = json.dumps(body).encode()
    headers = Headers({"Content-Type": "application/json", "Content-Length": str(len(text)), "Connection": "close"})
    return Response(status.value, status.phrase, headers, text)
