"""Texts that nobody has recorded: asked of the best engine first, of the next when that fails or takes too long, and kept.

What an engine has said is a file named by text, voice and version, written whole, so a text is said once. An engine that was too
late for one caller is in time for the next.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from adapters.speech.synthesis import CannotSay, Synthesiser
from ivr.errors import VoiceFailed

_MOST_UNSAYABLE = 10_000

Write = Callable[[Path, bytes], None]


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a caller waits for a text, in seconds.

    `soon` before a beginning that is there is played alone, `first` when there is none. When that has been heard and the text is
    not there yet: `late` until the other engines are asked as well, `enough` until the best of what there is is taken, and at most
    `last` more until there is something.
    """

    soon: float = 0.06
    first: float = 0.15
    late: float = 0.3
    enough: float = 1.2
    last: float = 0.8


@dataclass(eq=False)
class Wanted:
    """A text in one utterance, on its way. `must`: nothing is better than an utterance without it.

    `chase` ends with the best engine's voice; when it fails, the next one's; with None when all fail.
    """

    text: str
    language: str
    must: bool
    chase: asyncio.Future[Path | None] = field(init=False)
    hurry: bool = False  # take what comes first
    begun: float = field(default_factory=time.monotonic)
    asked: dict[str, Future[Path]] = field(default_factory=dict)  # by engine
    failed: set[str] = field(default_factory=set)  # the engines that have
    _taken: bool = False
    _said: Path | None = None

    @property
    def settled(self) -> bool:
        """Whether it is known what is heard: `said`, or that no voice can say it."""
        if not self._taken and self.chase.done():
            self.take(self.chase.result())
        return self._taken

    @property
    def said(self) -> Path | None:
        """The audio, when it is settled."""
        return self._said

    def take(self, said: Path | None) -> None:
        """This is what will be heard."""
        if not self._taken:
            self._taken, self._said = True, said

    def best(self) -> Path | None:
        """What the best of those engines has said that have come to their end."""
        return next((done.result() for done in self.asked.values() if done.done() and done.exception() is None), None)


class FreeTexts:
    """The engines, the best first, and what they have said. `write` keeps a file, whole or not at all."""

    def __init__(self, engines: Sequence[Synthesiser], folder: Path, write: Write, patience: Patience) -> None:
        self._engines = engines
        self._folder = folder
        self._write = write
        self.patience = patience
        self._asked: dict[str, Future[Path]] = {}
        self._unsayable: set[str] = set()  # what an engine that works has said it cannot say
        self._chases: set[asyncio.Future[Path | None]] = set()
        self.pace: dict[str, float] = {}  # by engine: seconds that a character of its last text took, its turn included

    def speaks(self, language: str) -> bool:
        """Whether any engine does."""
        return any(language in engine.versions for engine in self._engines)

    def want(self, text: str, language: str, *, must: bool) -> Wanted:
        """Begin to have it said, unless the best engine has said it before."""
        wanted = Wanted(text, language, must)
        best = next(engine for engine in self._engines if language in engine.versions)
        if (kept := self._kept(self._path(best, text, language))) is not None:
            wanted.chase = asyncio.get_running_loop().create_future()
            wanted.chase.set_result(kept)
        else:
            wanted.chase = asyncio.ensure_future(self._chase(wanted))
            self._chases.add(wanted.chase)
            wanted.chase.add_done_callback(self._chases.discard)
        return wanted

    async def soon(self, wanted: Sequence[Wanted], *, nothing_before: bool) -> None:
        """Wait for the moment in which a quick engine has said them all; not at all for one that is known to be slow."""
        moment = self.patience.first if nothing_before else self.patience.soon
        slow = any(self._takes_longer(one, moment) for one in wanted)
        await asyncio.wait({one.chase for one in wanted}, timeout=0 if slow else moment)

    async def all_of(self, wanted: Iterable[Wanted]) -> None:
        """Wait until each has been said by the best engine that can, or by none."""
        await asyncio.wait({one.chase for one in wanted})

    async def settle(self, wanted: Wanted) -> None:
        """The caller waits for this one: take the best engine's voice if it comes in time, else another's, else none.

        Nobody waits for an engine that would be late at the pace of its last text: a busy machine must not give each caller a silence.
        """
        patience = self.patience
        hurry = wanted.hurry or self._takes_longer(wanted, patience.enough)
        ends = asyncio.get_running_loop().time() + patience.enough + patience.last
        if not hurry:
            await asyncio.wait({wanted.chase}, timeout=patience.late)
        if wanted.settled:
            return
        others = {_awaited(asked) for asked in self._ask_all(wanted)}
        if not hurry:
            await asyncio.wait({wanted.chase}, timeout=patience.enough - patience.late)
        while not wanted.settled:
            if (said := wanted.best()) is not None:
                wanted.take(said)
                break
            others = {one for one in others if not one.done()}
            left = ends - asyncio.get_running_loop().time()
            if left <= 0:
                wanted.take(None)
                break
            await asyncio.wait(_both(wanted.chase, others), timeout=left, return_when=asyncio.FIRST_COMPLETED)

    def warm(self) -> None:
        """Let the engines get ready in the background."""
        for engine in self._engines:
            engine.warm()

    def close(self) -> None:
        """End the engines."""
        for engine in self._engines:
            engine.close()

    async def _chase(self, wanted: Wanted) -> Path | None:
        """See `Wanted.chase`."""
        for engine in self._engines:
            if (asked := self._ask_for(wanted, engine)) is not None:
                try:
                    return await asyncio.wrap_future(asked)
                except VoiceFailed:
                    wanted.failed.add(engine.name)
        return None

    def _takes_longer(self, wanted: Wanted, seconds: float) -> bool:
        """Whether the engine that is at it would need more from now on, at the pace of its last text."""
        if wanted.chase.done():
            return False
        able = (engine.name for engine in self._engines if wanted.language in engine.versions and engine.name not in wanted.failed)
        pace = self.pace.get(next(able, ""), 0.0)
        return wanted.begun + pace * _length(wanted.text) > time.monotonic() + seconds

    def _ask_all(self, wanted: Wanted) -> list[Future[Path]]:
        return [asked for engine in self._engines if (asked := self._ask_for(wanted, engine)) is not None]

    def _ask_for(self, wanted: Wanted, engine: Synthesiser) -> Future[Path] | None:
        """None when this engine does not say it."""
        if wanted.language not in engine.versions or engine.name in wanted.failed:
            return None
        try:
            wanted.asked[engine.name] = self._ask(engine, wanted.text, wanted.language)
        except VoiceFailed:
            wanted.failed.add(engine.name)
            return None
        return wanted.asked[engine.name]

    def _ask(self, engine: Synthesiser, text: str, language: str) -> Future[Path]:
        """Its voice, from the folder if it has said the text before. Raises VoiceFailed when it refuses."""
        path = self._path(engine, text, language)
        asked = self._asked.get(path.name)
        if asked is not None:
            return asked
        asked = Future()
        asked.set_running_or_notify_cancel()  # several callers may wait for it: none of them can call it off
        if (kept := self._kept(path)) is not None:
            asked.set_result(kept)
            return asked
        if path.name in self._unsayable:
            raise VoiceFailed(f"the voice {engine.name} cannot say this text")
        said = engine.say(text, language)
        self._asked[path.name] = asked
        begun = time.monotonic()

        def keep(done: Future[bytes]) -> None:
            self._keep(done, path, asked)
            if done.exception() is None:
                self.pace[engine.name] = (time.monotonic() - begun) / _length(text)

        said.add_done_callback(keep)
        return asked

    def _keep(self, said: Future[bytes], path: Path, asked: Future[Path]) -> None:
        """Called in a thread of the engine."""
        try:
            self._write(path, said.result())
        except BaseException as error:
            if isinstance(error, CannotSay):
                if len(self._unsayable) > _MOST_UNSAYABLE:
                    self._unsayable.clear()
                self._unsayable.add(path.name)
            asked.set_exception(error)
        else:
            asked.set_result(path)
        finally:
            self._asked.pop(path.name, None)

    def _path(self, engine: Synthesiser, text: str, language: str) -> Path:
        told = f"{language} {engine.name} {engine.versions[language]} {text}"
        return self._folder / f"{hashlib.sha256(told.encode()).hexdigest()[:40]}-part.alaw"

    def _kept(self, path: Path) -> Path | None:
        """The file, if it is there; it is in use then, and not old."""
        try:
            os.utime(path)
        except FileNotFoundError:
            return None
        return path


def _length(text: str) -> int:
    """In characters, a few more for what every text takes."""
    return len(text) + 4


def _awaited(asked: Future[Path]) -> asyncio.Future[Path]:
    """For this loop; nobody has to look at how it failed."""
    here = asyncio.wrap_future(asked)
    here.add_done_callback(lambda done: None if done.cancelled() else done.exception())
    return here


def _both(chase: asyncio.Future[Path | None], others: Iterable[asyncio.Future[Path]]) -> list[asyncio.Future[Any]]:
    return [chase, *others]
