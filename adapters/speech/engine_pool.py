"""An engine in processes of its own: bounded, under a deadline, and ended and started again when it hangs, crashes or writes nonsense.

Each worker is a process and a thread here that hands it one text after the other. A worker that has failed costs one caller its
deadline and nobody after that: while it is started again, and until it has said a word to nobody, the engine refuses at once, and
each failure makes the pause before the next try twice as long.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import queue
import resource
import select
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, InvalidStateError
from dataclasses import dataclass
from pathlib import Path

import structlog

from adapters.speech.synthesis import LONGEST_TEXT, CannotSay, read_speech
from ivr.errors import VoiceFailed

_MOST_WRITTEN = 64 * 1024 * 1024  # bytes a worker may write into one file, whatever becomes of it
_MOST_ANSWER = 64 * 1024  # bytes
_HARMFUL_AFTER = 2  # failures by one text, until it is not given to this engine any more
_HARMFUL_FOR = 600.0  # seconds
_TRIAL = {"zh": "一"}  # what a worker that has failed must say first; other languages: "one"

_log = structlog.get_logger("voices")


@dataclass(frozen=True, slots=True)
class Limits:
    """What an engine may take. All in seconds, but for `workers` and `waiting`, the number of texts that may wait for one."""

    workers: int = 1
    waiting: int = 8
    starting: float = 60.0
    saying: float = 3.0
    a_character: float = 0.15  # more for each character
    slow: float = 3.0  # with every worker at one text, or getting ready, for so long: nobody needs to wait for the next
    pause: float = 0.5  # after a first failure; doubled with each further one
    longest_pause: float = 120.0


class WorkerBroken(VoiceFailed):
    """The engine's process hangs, has ended, or talks nonsense: it must be ended."""


class EnginePool:
    """Implements `Synthesiser` with the workers that `command` starts (see `engine_worker`). Nothing starts before `warm` or a text."""

    def __init__(self, name: str, command: Sequence[str], versions: Mapping[str, str], limits: Limits | None = None) -> None:
        self.name = name
        self.versions = versions
        self._command = tuple(command)
        self._limits = limits or Limits()
        self._texts: queue.Queue[_Wanted | None] = queue.Queue(self._limits.waiting + self._limits.workers)
        self._lock = threading.Lock()
        self._workers: list[_Worker] = []
        self._closed = threading.Event()
        self._harmful: dict[tuple[str, str], tuple[int, float]] = {}

    def say(self, text: str, language: str) -> Future[bytes]:
        """See the port."""
        if language not in self.versions:
            raise VoiceFailed(f"the voice {self.name} does not speak {language}")
        if not text.strip() or len(text) > LONGEST_TEXT:
            raise VoiceFailed(f"the voice {self.name} says 1 to {LONGEST_TEXT} characters, not {len(text)}")
        if self._is_harmful(text, language):
            raise VoiceFailed(f"the voice {self.name} has failed at this text before")
        self.warm()
        wanted = _Wanted(text, language, Future())
        with self._lock:
            if self._closed.is_set() or all(worker.broken for worker in self._workers):
                raise VoiceFailed(f"the voice {self.name} is out of order")
            if all(worker.at_one_text_for() > self._limits.slow for worker in self._workers if not worker.broken):
                raise VoiceFailed(f"the voice {self.name} takes its time")
            try:
                self._texts.put_nowait(wanted)
            except queue.Full:
                raise VoiceFailed(f"the voice {self.name} has too much to say") from None
        return wanted.said

    def warm(self) -> None:
        """See the port."""
        with self._lock:
            if not self._workers and not self._closed.is_set():
                self._workers = [_Worker(self, number) for number in range(self._limits.workers)]
                for worker in self._workers:
                    worker.thread.start()

    def close(self) -> None:
        """See the port."""
        with self._lock:
            self._closed.set()
            workers, self._workers = self._workers, []
        self._refuse_waiting()
        for worker in workers:
            worker.end()
            with contextlib.suppress(queue.Full):
                self._texts.put_nowait(None)  # wakes one that waits
        for worker in workers:
            worker.thread.join()
        self._refuse_waiting()

    # --- for the workers ------------------------------------------------------------------------------------------

    @property
    def limits(self) -> Limits:
        """What a worker may take."""
        return self._limits

    @property
    def closed(self) -> threading.Event:
        """Set when it is over."""
        return self._closed

    def process(self) -> _Process:
        """A process that is ready. Raises WorkerBroken."""
        return _Process(self._command, self._limits.starting, self._closed)

    def next(self) -> _Wanted | None:
        """The text that has waited longest, as soon as there is one; None when it is over."""
        return self._texts.get()

    def failed(self, why: str, wanted: _Wanted | None) -> None:
        """A worker has failed, at this text: what waits must not wait for it."""
        if self._closed.is_set():
            return
        _log.warning("voice_failed", voice=self.name, why=why)
        if wanted is not None:
            times, _ = self._harmful.get(wanted.key, (0, 0.0))
            if len(self._harmful) > 1000:
                self._harmful.clear()
            self._harmful[wanted.key] = (times + 1, time.monotonic() + _HARMFUL_FOR)
        with self._lock:
            if all(worker.broken for worker in self._workers):
                self._refuse_waiting()

    def trial(self) -> tuple[str, str]:
        """A word to nobody, and its language."""
        language = min(self.versions)
        return _TRIAL.get(language.partition("-")[0], "one"), language

    def _refuse_waiting(self) -> None:
        with contextlib.suppress(queue.Empty):
            while True:
                if (wanted := self._texts.get_nowait()) is not None:
                    wanted.fail(VoiceFailed(f"the voice {self.name} is out of order"))

    def _is_harmful(self, text: str, language: str) -> bool:
        times, until = self._harmful.get((text, language), (0, 0.0))
        return times >= _HARMFUL_AFTER and time.monotonic() < until


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A text that somebody wants said."""

    text: str
    language: str
    said: Future[bytes]

    @property
    def key(self) -> tuple[str, str]:
        return self.text, self.language

    def fail(self, error: VoiceFailed) -> None:
        with contextlib.suppress(InvalidStateError):
            self.said.set_exception(error)


class _Worker:
    """One process and the thread that serves it. `broken`: it has failed and has not yet shown that it works again."""

    def __init__(self, pool: EnginePool, number: int) -> None:
        self.broken = False
        self._pool = pool
        self._process: _Process | None = None
        self._pause = 0.0  # before the next start
        self._began: float | None = None  # to get ready, or the text that it is at
        self.thread = threading.Thread(target=self._run, name=f"{pool.name}-{number}", daemon=True)

    def end(self) -> None:
        """End its process, whatever it does; the thread notices. For other threads."""
        if (process := self._process) is not None:
            process.kill()

    def at_one_text_for(self) -> float:
        """Seconds, or for how long it has been getting ready; 0 when it has nothing to do."""
        began = self._began
        return time.monotonic() - began if began is not None else 0.0

    def _run(self) -> None:
        try:
            while not self._pool.closed.is_set():
                if self._process is None:
                    self._start()
                elif (wanted := self._pool.next()) is not None:
                    self._say(wanted)
        finally:
            self._clear()

    def _start(self) -> None:
        if self._pool.closed.wait(self._pause):
            return
        self._began = time.monotonic()
        try:
            self._process = self._pool.process()
            if self.broken:
                text, language = self._pool.trial()
                self._process.say(text, language, self._pool.limits.saying)
                _log.info("voice_back", voice=self._pool.name)
            self.broken = False
        except Exception as error:  # as below
            self._fail(error, None)
        finally:
            self._began = None

    def _say(self, wanted: _Wanted) -> None:
        if not wanted.said.set_running_or_notify_cancel():
            return
        limits = self._pool.limits
        assert self._process is not None
        self._began = time.monotonic()
        try:
            said = self._process.say(wanted.text, wanted.language, limits.saying + limits.a_character * len(wanted.text))
        except CannotSay as error:
            wanted.fail(error)
        except Exception as error:  # whatever it is, the thread must go on
            self._fail(error, wanted)
            wanted.fail(VoiceFailed(str(error)))
        else:
            self._pause = 0.0
            with contextlib.suppress(InvalidStateError):
                wanted.said.set_result(said)
        finally:
            self._began = None

    def _fail(self, error: Exception, wanted: _Wanted | None) -> None:
        self._clear()
        limits = self._pool.limits
        self._pause = min(max(limits.pause, 2 * self._pause), limits.longest_pause)
        self.broken = True
        self._pool.failed(str(error), wanted)

    def _clear(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.clear()


class _Process:
    """An engine's process that says one text at a time into a folder of its own. Raises WorkerBroken; it must be killed then."""

    def __init__(self, command: Sequence[str], patience: float, closed: threading.Event) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="ivr-voice-"))
        self._numbers = itertools.count(1)
        self._closed = closed
        self._unread = b""
        try:
            self._process = subprocess.Popen(  # noqa: S603 - a command of ours
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True
            )
        except OSError as error:
            shutil.rmtree(self._folder, ignore_errors=True)
            raise WorkerBroken(f"its process cannot be started: {error}") from error
        with contextlib.suppress(OSError):  # it has ended already
            resource.prlimit(self._process.pid, resource.RLIMIT_FSIZE, (_MOST_WRITTEN, _MOST_WRITTEN))
        try:
            answer = self._answer(patience)
            if answer.get("ready") is not True:
                raise WorkerBroken(str(answer.get("failed", "it did not say that it is ready")))
        except WorkerBroken:
            self.kill()
            self.clear()
            raise

    def say(self, text: str, language: str, seconds: float) -> bytes:
        """The text as a-law. Raises SpeechRefused for audio that is none, CannotSay for a text that the engine cannot say."""
        path = self._folder / f"{next(self._numbers)}.wav"
        request = {"text": text, "language": language, "path": str(path), "seconds": seconds}
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(request).encode() + b"\n")
            self._process.stdin.flush()
        except OSError:
            raise WorkerBroken(self._ended()) from None
        try:
            answer = self._answer(seconds)
            if "cannot" in answer:
                raise CannotSay(str(answer["cannot"]))
            if "said" not in answer:
                raise WorkerBroken("it answered nonsense")
            return read_speech(path, text)
        finally:
            path.unlink(missing_ok=True)

    def kill(self) -> None:
        """At once, with all that it has started. Another thread may do so: whoever waits for an answer sees the end of it."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def clear(self) -> None:
        """After the end: nothing of it is left. For the thread that asks it."""
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            with contextlib.suppress(OSError):
                pipe.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _answer(self, seconds: float) -> Mapping[str, object]:
        """The next line, as a mapping."""
        deadline = time.monotonic() + seconds
        assert self._process.stdout is not None
        while b"\n" not in self._unread:
            left = deadline - time.monotonic()
            if left <= 0:
                raise WorkerBroken(f"it said nothing within {seconds:.1f} s")
            if self._closed.is_set():
                raise WorkerBroken("it is over")
            if not select.select([self._process.stdout], [], [], min(left, 0.1))[0]:
                continue
            if not (more := os.read(self._process.stdout.fileno(), 4096)):
                raise WorkerBroken(self._ended())
            self._unread += more
            if len(self._unread) > _MOST_ANSWER:
                raise WorkerBroken("it answered nonsense")
        line, _, self._unread = self._unread.partition(b"\n")
        try:
            told = json.loads(line)
        except ValueError:
            raise WorkerBroken("it answered nonsense") from None
        if not isinstance(told, dict):
            raise WorkerBroken("it answered nonsense")
        return told

    def _ended(self) -> str:
        with contextlib.suppress(subprocess.TimeoutExpired):
            return f"its process ended with {self._process.wait(1.0)}"
        return "it closed its output"
