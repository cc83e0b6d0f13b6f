"""The voice of the line: joins recordings into one file per utterance, and keeps it for the next caller who hears the same.

A file's name is the SHA-256 of what it is made of, so equal utterances share a file, a new recording means a new name, and a
file never changes once its path is known. What no recording says is said by an engine, once, while what comes before it is heard
(`free_text.py`).
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import itertools
import os
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from adapters.speech import audio
from adapters.speech.free_text import FreeTexts, Patience, Wanted
from adapters.speech.pack import Pack, Recording, read_pack
from adapters.speech.synthesis import Synthesiser
from ivr.calls.ports import Part
from ivr.calls.utterances import Pause, Piece, pieces_of, pieces_of_text
from ivr.core.values import AS_USUAL, Manner, Utterance
from ivr.errors import VoiceFailed

_SILENCE = 0.020  # seconds: an utterance without parts
_PACKET = 0.020
_AFTER_MEANWHILE = 0.35
_LEFT_OUT = 0.1  # in place of what no voice can say
_TOUCHED_EVERY = 60.0  # seconds between two marks that a file is in use
_PRUNE_EVERY = 256  # new files between two looks at the size of the folder
_JOINING = 3  # bump when the same recordings would be joined into different audio
_numbers = itertools.count()


class PackVoice:
    """Implements the port `Voice` with a pack of recordings and, for texts nobody recorded, engines, the best first.

    A second request for an utterance costs a look-up and one stat; joining happens in two threads of its own. Files that have
    not been used for `keep_for` seconds go when the folder outgrows `most_bytes`. `meanwhile` is said, where it is recorded, when
    an utterance begins with a text that takes its time.
    """

    def __init__(
        self,
        packs: Mapping[str, Pack],
        sounds: Path,
        engines: Sequence[Synthesiser] = (),
        *,
        meanwhile: Mapping[str, str] | None = None,
        patience: Patience | None = None,
        most_bytes: int = 2 * 1024**3,
        keep_for: float = 3600,
    ) -> None:
        self._packs = packs
        self._sounds = sounds
        self._free = FreeTexts(engines, sounds, write_whole, patience or Patience())
        self._meanwhile = meanwhile or {}
        self._most_bytes = most_bytes
        self._keep_for = keep_for
        self._touched: dict[str, float] = {}
        self._making: dict[str, asyncio.Future[Path]] = {}
        self._preparing: set[asyncio.Task[Path]] = set()
        self._written = itertools.count(1)
        self._workers = ThreadPoolExecutor(max_workers=2, thread_name_prefix="voice")
        sounds.mkdir(parents=True, exist_ok=True)

    async def begin(self, utterance: Utterance) -> Part:
        """See the port."""
        plan = self._plan(utterance)
        wanted = plan.wanted()
        if not wanted:
            return Part(await self._file(plan))
        first = plan.steps[0]
        await self._free.soon(wanted, nothing_before=first is wanted[0])
        if isinstance(first, Wanted) and not first.settled:
            if meanwhile := self._recorded_meanwhile(utterance.language):
                return self._with_rest(await self._file(replace(plan, steps=(meanwhile, _AFTER_MEANWHILE), goes_on=True)), plan)
            first.hurry = True
            await self._free.settle(first)
        return await self._part(plan)

    async def file_for(self, utterance: Utterance) -> Path:
        """See the port. Equal utterances that are asked for at the same time are made once."""
        plan = self._plan(utterance)
        await asyncio.gather(*(self._free.settle(one) for one in plan.wanted()))
        return (await self._part(plan)).file

    def use(self, packs: Mapping[str, Pack]) -> None:
        """Say with these recordings from now on."""
        self._packs = packs

    def missing(self, texts: Iterable[str], language: str) -> list[str]:
        """The pieces of these texts (without placeholders) that no recording says: an engine would have to."""
        pack = self._packs.get(language)
        pieces = [item.text for text in texts for item in pieces_of_text(text) if isinstance(item, Piece)]
        return [piece for piece in dict.fromkeys(pieces) if pack is None or pack.find(piece) is None]

    def warm(self) -> None:
        """Let the engines get ready in the background."""
        self._free.warm()

    def close(self) -> None:
        """Finish the file being made and end the threads and the engines."""
        self._free.close()
        self._workers.shutdown(wait=True)

    def _plan(self, utterance: Utterance) -> _Plan:
        """What to join: recordings and pauses, and texts for the engines, which begin to say them. Raises VoiceFailed."""
        try:
            items = pieces_of(utterance)
        except ValueError as error:
            raise VoiceFailed(f"a value cannot be spoken: {error}") from error
        pack = self._packs.get(utterance.language)
        recordings = {item.text: pack.find(item.text) for item in items if isinstance(item, Piece)} if pack is not None else {}
        steps: list[_Step] = []
        for item in items:
            if isinstance(item, Pause):
                steps.append(item.seconds)
            elif (recording := recordings.get(item.text)) is not None:
                steps.append(recording)
            elif self._free.speaks(utterance.language):
                steps.append(self._free.want(item.text, utterance.language, must=item.of_value))
            elif item.of_value or not any(recordings.values()):
                raise VoiceFailed(f"no recording in {utterance.language} says {item.text!r}, and no voice is there that could")
            else:
                steps.append(_LEFT_OUT)
        return _Plan(tuple(steps), utterance.manner)

    async def _part(self, plan: _Plan) -> Part:
        """What can be heard of it up to the first text that is still being made."""
        until = next((number for number, step in enumerate(plan.steps) if isinstance(step, Wanted) and not step.settled), len(plan.steps))
        ready, rest = plan.steps[:until], plan.steps[until:]
        for step in ready:
            if isinstance(step, Wanted) and step.said is None and step.must:
                raise VoiceFailed(f"no voice can say a part of a value in {step.language}")
        joining = tuple(_LEFT_OUT if isinstance(step, Wanted) and step.said is None else step for step in ready)
        heard = plan.heard or any(isinstance(step, Recording | Wanted) for step in joining)
        if not rest and not heard and plan.steps:
            raise VoiceFailed("no voice can say any of it")
        file = await self._file(replace(plan, steps=joining, goes_on=bool(rest)))
        return self._with_rest(file, replace(plan, steps=rest, heard=heard)) if rest else Part(file)

    def _with_rest(self, file: Path, rest: _Plan) -> Part:
        """The rest is made as far as it gets while the file is heard."""
        preparing = asyncio.create_task(self._prepare(rest))
        self._preparing.add(preparing)
        preparing.add_done_callback(self._prepared)
        return Part(file, lambda: self._go_on(rest, preparing))

    async def _prepare(self, rest: _Plan) -> Path:
        await self._free.all_of(rest.wanted())
        return (await self._part(rest)).file

    def _prepared(self, done: asyncio.Task[Path]) -> None:
        self._preparing.discard(done)
        if not done.cancelled():
            done.exception()  # whoever goes on meets it

    async def _go_on(self, rest: _Plan, preparing: asyncio.Task[Path]) -> Part:
        if preparing.done() and not preparing.cancelled():
            return Part(preparing.result())
        first, *others = rest.wanted()
        await self._free.settle(first)
        if not first.chase.done():  # the best engine was late once: the caller is not made to wait for it again
            for other in others:
                other.hurry = True
        return await self._part(rest)

    def _recorded_meanwhile(self, language: str) -> Recording | None:
        pack = self._packs.get(language)
        return pack.find(self._meanwhile[language]) if pack is not None and language in self._meanwhile else None

    async def _file(self, plan: _Plan) -> Path:
        """The file that joins it, made if need be."""
        token = _token(plan)
        path = self._sounds / f"{token}.alaw"
        if self._in_use(token, path):
            return path
        making = self._making.get(token)
        if making is None:
            making = asyncio.ensure_future(asyncio.get_running_loop().run_in_executor(self._workers, self._make, plan, path))
            self._making[token] = making
            making.add_done_callback(lambda done: self._made(token, done))
        return await asyncio.shield(making)

    def _in_use(self, token: str, path: Path) -> bool:
        """Whether the file is there; now and then its time is renewed, so that it is not taken for an old one."""
        now = time.monotonic()
        if now - self._touched.get(token, -_TOUCHED_EVERY) < _TOUCHED_EVERY:
            return path.exists()
        try:
            os.utime(path)
        except FileNotFoundError:
            return False
        if len(self._touched) > 100_000:
            self._touched.clear()
        self._touched[token] = now
        return True

    def _made(self, token: str, done: asyncio.Future[Path]) -> None:
        self._making.pop(token, None)
        if not done.cancelled():
            done.exception()  # whoever asked has been told; nobody else needs to be warned

    def _make(self, plan: _Plan, path: Path) -> Path:
        content = audio.joined([_audio(step) for step in plan.steps]) if plan.steps else audio.silence(_SILENCE)
        if plan.manner != AS_USUAL:
            from adapters.speech.manner import in_manner  # FFmpeg, for those who ask for it

            content = in_manner(content, plan.manner)
        if plan.goes_on:  # in whole packets: Asterisk sends what is left over as a short one
            content += audio.silence(_PACKET)[: -len(content) % round(_PACKET * audio.RATE)]
        write_whole(path, content)
        if next(self._written) % _PRUNE_EVERY == 0:
            self.prune()
        return path

    def prune(self) -> int:
        """Delete the files longest unused until the folder is small enough; how many went. A caller may still hear the younger ones."""
        files = sorted((entry.stat().st_mtime, entry.stat().st_size, entry.path) for entry in os.scandir(self._sounds) if entry.is_file())
        excess = sum(size for _, size, _ in files) - self._most_bytes
        gone = 0
        for used, size, path in files:
            if excess <= 0 or time.time() - used < self._keep_for:
                break
            with contextlib.suppress(FileNotFoundError):
                Path(path).unlink()
                gone += 1
            excess -= size
        return gone


def install_static(packs: Mapping[str, Pack], sounds: Path, prompts: Mapping[str, Mapping[str, Utterance]]) -> int:
    """Write `<sounds>/<language>/<prompt>.alaw` for these utterances (by language and name of the prompt); how many.

    These are the files that Asterisk plays without us: `<sounds>/zh-CN/rescue_apology`. Raises VoiceFailed when a recording is missing.
    """
    count = 0
    for language, utterances in prompts.items():
        pack = packs.get(language)
        for prompt, utterance in utterances.items():
            steps: list[bytes | float] = []
            for item in pieces_of(utterance):
                if isinstance(item, Pause):
                    steps.append(item.seconds)
                elif pack is not None and (recording := pack.find(item.text)) is not None:
                    steps.append(_content(recording.path, recording.sha256))
                else:
                    raise VoiceFailed(f"no recording in {language} says {item.text!r} of the prompt {prompt}; run: ivr prompts build")
            content = audio.joined(steps) if steps else audio.silence(_SILENCE)
            path = sounds / language / f"{prompt}.alaw"
            if not path.is_file() or path.read_bytes() != content:
                write_whole(path, content)
            count += 1
    return count


def read_packs(folder: Path, languages: Iterable[str]) -> dict[str, Pack]:
    """The packs below `folder`, by language. Raises VoiceFailed for a manifest that cannot be read."""
    return {language: read_pack(folder, language) for language in languages}


def write_whole(path: Path, content: bytes) -> None:
    """Whole or not at all: another name, fsync, the length looked at, rename. Raises VoiceFailed when the disk refuses."""
    draft = path.with_name(f"{path.name}.{os.getpid()}-{next(_numbers)}.new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with draft.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
            if os.fstat(file.fileno()).st_size != len(content):
                raise OSError("the file is shorter than what was written")
        draft.replace(path)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise VoiceFailed(f"{path.name} could not be written: {error}") from error


_Step = Recording | float | Wanted


@dataclass(frozen=True, slots=True)
class _Plan:
    """What an utterance, or the rest of it, is made of. `heard`: words of it have been heard before; `goes_on`: more of it will be."""

    steps: tuple[_Step, ...]
    manner: Manner
    heard: bool = False
    goes_on: bool = False

    def wanted(self) -> list[Wanted]:
        """The texts in it that nobody has recorded."""
        return [step for step in self.steps if isinstance(step, Wanted)]


def _token(plan: _Plan) -> str:
    """Names the audio by what it is made of."""
    told = [f"joining {_JOINING}{' goes on' if plan.goes_on else ''}"]
    if plan.manner != AS_USUAL:
        told.append(f"{plan.manner}")
    for step in plan.steps:
        match step:
            case float():
                told.append(f"pause {step}")
            case Recording():
                told.append(step.sha256)
            case Wanted():
                assert step.said is not None
                told.append(step.said.stem)
    return hashlib.sha256("\n".join(told).encode()).hexdigest()[:40]


def _audio(step: _Step) -> bytes | float:
    match step:
        case float():
            return step
        case Recording():
            return _content(step.path, step.sha256)
        case Wanted():
            assert step.said is not None
            try:
                return step.said.read_bytes()
            except OSError as error:
                raise VoiceFailed(f"{step.said.name} cannot be read: {error}") from error


@lru_cache(maxsize=4096)
def _content(path: Path, sha256: str) -> bytes:
    """A recording, checked when it is first read: a damaged one must not be joined into good files."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise VoiceFailed(f"the recording {path} cannot be read: {error}") from error
    if hashlib.sha256(content).hexdigest() != sha256:
        raise VoiceFailed(f"the recording {path} is damaged; run: ivr prompts build")
    return content
