"""The voice of the line: joins recordings into one file per utterance, and keeps it for the next caller who hears the same.

A file's name is the SHA-256 of what it is made of, so equal utterances share a file, a new recording means a new name, and a
file never changes once its path is known. What no recording says goes to the fall-back voice, once.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import itertools
import os
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Protocol

from adapters.speech import audio
from adapters.speech.pack import Pack, Recording, read_pack
from ivr.calls.utterances import Pause, Piece, pieces_of, pieces_of_text
from ivr.core.values import Text, Utterance
from ivr.errors import VoiceFailed

_SILENCE = 0.020  # seconds: an utterance without parts
_TOUCHED_EVERY = 60.0  # seconds between two marks that a file is in use
_PRUNE_EVERY = 256  # new files between two looks at the size of the folder
_JOINING = 2  # bump when the same recordings would be joined into different audio
_numbers = itertools.count()


class FallBack(Protocol):
    """A voice that can say any text, if not well. Blocking; it is called in a thread."""

    @property
    def version(self) -> str:
        """Changes when the same text would sound different."""

    def say(self, text: str, language: str) -> bytes:
        """The text as a-law. Raises VoiceFailed."""


class PackVoice:
    """Implements the port `Voice` with a pack of recordings and, for texts nobody recorded, a fall-back.

    A second request for an utterance costs a look-up and one stat; joining happens in two threads of its own. Files that have
    not been used for `keep_for` seconds go when the folder outgrows `most_bytes`.
    """

    def __init__(
        self,
        packs: Mapping[str, Pack],
        sounds: Path,
        fall_back: FallBack | None = None,
        *,
        most_bytes: int = 2 * 1024**3,
        keep_for: float = 3600,
    ) -> None:
        self._packs = packs
        self._sounds = sounds
        self._fall_back = fall_back
        self._most_bytes = most_bytes
        self._keep_for = keep_for
        self._touched: dict[str, float] = {}
        self._making: dict[str, asyncio.Future[Path]] = {}
        self._written = itertools.count(1)
        self._workers = ThreadPoolExecutor(max_workers=2, thread_name_prefix="voice")
        sounds.mkdir(parents=True, exist_ok=True)

    async def file_for(self, utterance: Utterance) -> Path:
        """See the port. Equal utterances that are asked for at the same time are made once."""
        plan = self._plan(utterance)
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

    def use(self, packs: Mapping[str, Pack]) -> None:
        """Say with these recordings from now on."""
        self._packs = packs

    def missing(self, texts: Iterable[str], language: str) -> list[str]:
        """The pieces of these texts (without placeholders) that no recording says: the fall-back would have to."""
        pack = self._packs.get(language)
        pieces = [item.text for text in texts for item in pieces_of_text(text) if isinstance(item, Piece)]
        return [piece for piece in dict.fromkeys(pieces) if pack is None or pack.find(piece) is None]

    def close(self) -> None:
        """Finish the file being made and end the threads."""
        self._workers.shutdown(wait=True)

    def _plan(self, utterance: Utterance) -> tuple[_Step, ...]:
        """What to join: recordings and pauses, and texts for the fall-back. Raises VoiceFailed when nothing can say a part."""
        try:
            items = pieces_of(utterance)
        except ValueError as error:
            raise VoiceFailed(f"a value cannot be spoken: {error}") from error
        pack = self._packs.get(utterance.language)
        plan: list[_Step] = []
        for item in items:
            if isinstance(item, Pause):
                plan.append(item.seconds)
            elif pack is not None and (recording := pack.find(item.text)) is not None:
                plan.append(recording)
            elif self._fall_back is not None:
                plan.append(_Unrecorded(item.text, utterance.language, self._fall_back.version))
            else:
                raise VoiceFailed(f"no recording in {utterance.language} says {item.text!r}, and there is no fall-back voice")
        return tuple(plan)

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

    def _make(self, plan: tuple[_Step, ...], path: Path) -> Path:
        content = audio.joined([self._audio(step) for step in plan]) if plan else audio.silence(_SILENCE)
        write_whole(path, content)
        if next(self._written) % _PRUNE_EVERY == 0:
            self.prune()
        return path

    def _audio(self, step: _Step) -> bytes | float:
        match step:
            case float():
                return step
            case Recording():
                return _content(step.path, step.sha256)
            case _Unrecorded(text, language, _):
                assert self._fall_back is not None
                kept = self._sounds / f"{_token((step,))}-part.alaw"
                if kept.exists():
                    return kept.read_bytes()
                said = self._fall_back.say(text, language)
                write_whole(kept, said)
                return said

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


def install_static(packs: Mapping[str, Pack], sounds: Path, prompts: Mapping[str, Mapping[str, str]]) -> int:
    """Write `<sounds>/<language>/<prompt>.alaw` for these prompts (language to name to text, no placeholders); how many.

    `prompts` comes from `ivr.tools.prompts.fixed_prompts`. These are the files that Asterisk plays without us:
    `<sounds>/zh-CN/rescue_apology`. Raises VoiceFailed when a recording is missing.
    """
    count = 0
    for language, texts in prompts.items():
        pack = packs.get(language)
        for prompt, text in texts.items():
            steps: list[bytes | float] = []
            for item in pieces_of(Utterance(language, (Text(text),))):
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


@dataclass(frozen=True, slots=True)
class _Unrecorded:
    """A text for the fall-back voice."""

    text: str
    language: str
    version: str


_Step = Recording | float | _Unrecorded


def _token(plan: tuple[_Step, ...]) -> str:
    """Names the audio by what it is made of."""
    told = [f"joining {_JOINING}"]
    for step in plan:
        match step:
            case float():
                told.append(f"pause {step}")
            case Recording():
                told.append(step.sha256)
            case _Unrecorded(text, language, version):
                told.append(f"{language} {version} {text}")
    return hashlib.sha256("\n".join(told).encode()).hexdigest()[:40]


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
