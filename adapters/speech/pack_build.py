"""Making the pack: every piece that a line needs, said by the neural voice, trimmed, levelled and coded for the telephone.

Only what is new or differs in text, voice or recipe is recorded again; what nobody needs any more is removed. What a person has
recorded (see `studio`) is left alone.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Protocol

from adapters.speech import audio
from adapters.speech.audio import Samples
from adapters.speech.faults import fault_of
from adapters.speech.loudness import loudness
from adapters.speech.neural import RATE, NeuralVoice, voice_name, voice_version
from adapters.speech.pack import Pack, Recording, read_pack, sha256, write_manifest
from adapters.speech.takes import way_of
from ivr.errors import VoiceFailed

RECIPE = 2  # of `_said`, below: raise it when the same text would come out differently
_SAVED_EVERY = 25  # recordings between two manifests


class Speaker(Protocol):
    """What records: `NeuralVoice`. Speech is at 24 kHz."""

    def say(self, text: str, speed: float) -> Samples:
        """The text as a sentence of its own."""

    def say_within(self, before: str, text: str, after: str, speed: float) -> Samples:
        """The text cut out of a longer sentence."""


VoiceFor = Callable[[str, Path], Speaker]


@dataclass(frozen=True, slots=True)
class BuildReport:
    """What a build did, as texts."""

    recorded: tuple[str, ...]
    kept: int
    removed: tuple[str, ...]


def build(
    needed: Mapping[str, Iterable[str]],
    folder: Path,
    voice_cache: Path,
    tell: Callable[[int, int], None],
    voice_for: VoiceFor = partial(NeuralVoice, threads=1),  # noqa: B008 - frozen in all but name
    workers: int = 1,
) -> BuildReport:
    """Record what is missing, in the processes of `workers`; `tell` hears how many of how many are done.

    `needed` comes from `ivr.tools.prompts.needed`; `voice_cache` keeps the voices fetched by npm. Raises VoiceFailed.
    An interrupted build goes on where it stopped, and the same texts always give the same bytes on the same machine, in
    whatever order and in however many processes they are recorded.
    """
    wanted = {language: dict.fromkeys(texts) for language, texts in needed.items()}
    packs = {language: _usable(read_pack(folder, language)) for language in wanted}
    missing = {language: [text for text in texts if text not in packs[language]] for language, texts in wanted.items()}
    jobs = [(language, text) for language, texts in missing.items() for text in texts]
    for done, (language, text, content) in enumerate(_recorded(jobs, voice_cache, voice_for, workers), 1):
        packs[language][text] = _kept(folder / language, language, text, content)
        tell(done, len(jobs))
        if done % _SAVED_EVERY == 0:
            write_manifest(folder, language, packs[language].values())
    removed = [text for language in wanted for text in _finish(folder, language, packs[language], wanted[language])]
    return BuildReport(tuple(text for _, text in jobs), sum(map(len, wanted.values())) - len(jobs), tuple(removed))


def version_of(language: str, text: str) -> str:
    """The version that a recording of this text has when it need not be made again."""
    return f"{voice_version(language, text)} recipe {RECIPE} {way_of(language, text).name}".rstrip()


def _usable(pack: Pack) -> dict[str, Recording]:
    """What need not be recorded again."""
    damaged = {recording.text for recording in pack.damaged()}
    return {
        text: item
        for text, item in pack.recordings.items()
        if text not in damaged
        and (item.human or (item.voice, item.version) == (voice_name(pack.language), version_of(pack.language, text)))
    }


def _recorded(jobs: list[tuple[str, str]], cache: Path, voice_for: VoiceFor, workers: int) -> Iterator[tuple[str, str, bytes]]:
    """Language, text and a-law of each as it is done."""
    if workers <= 1 or len(jobs) <= 1:
        voices: dict[str, Speaker] = {}
        for language, text in jobs:
            voice = voices.get(language) or voices.setdefault(language, voice_for(language, cache))
            yield language, text, _said(voice, language, text)
        return
    with ProcessPoolExecutor(min(workers, len(jobs)), multiprocessing.get_context("spawn")) as pool:
        under_way = {pool.submit(_said_elsewhere, voice_for, cache, language, text): (language, text) for language, text in jobs}
        try:
            for done in as_completed(under_way):
                yield *under_way[done], done.result()
        except BrokenProcessPool as error:
            raise VoiceFailed("a process that records ended before its time; is there enough memory (500 MB each)?") from error
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _said_elsewhere(voice_for: VoiceFor, cache: Path, language: str, text: str) -> bytes:
    """The work of another process, which keeps its voice from text to text."""
    return _said(_voice(voice_for, language, cache), language, text)


@lru_cache(maxsize=1)  # the model takes half a gigabyte
def _voice(voice_for: VoiceFor, language: str, cache: Path) -> Speaker:
    return voice_for(language, cache)


def _said(voice: Speaker, language: str, text: str) -> bytes:
    """The text as a-law, fit for callers."""
    way = way_of(language, text)
    spoken = voice.say_within(way.before, text, way.after, way.speed) if way.before else voice.say(text, way.speed)
    speech = audio.trimmed(audio.to_telephone(spoken, RATE), audio.RATE, way.lead, way.tail, way.floor_db)
    content = audio.to_alaw(audio.levelled(speech))
    if fault := fault_of(content, loudness(audio.from_alaw(content))):
        raise VoiceFailed(f"what the neural voice said for {text!r} {fault}")
    return content


def _kept(home: Path, language: str, text: str, content: bytes) -> Recording:
    """Written under a name that the text gives it."""
    lufs = loudness(audio.from_alaw(content))
    path = write_recording(home, f"{language} {text}", content)
    return Recording(text, path, sha256(content), len(content) / audio.RATE, voice_name(language), version_of(language, text), lufs)


def write_recording(home: Path, name: str, content: bytes) -> Path:
    """Write a recording whole; its file is named by a hash of `name`."""
    home.mkdir(parents=True, exist_ok=True)
    path = home / f"{sha256(name.encode())[:16]}.alaw"
    draft = path.with_suffix(".new")
    draft.write_bytes(content)
    draft.replace(path)
    return path


def _finish(folder: Path, language: str, have: Mapping[str, Recording], wanted: Iterable[str]) -> list[str]:
    """Write the manifest and sweep out what nobody needs, a person's recordings excepted; which texts went."""
    texts = set(wanted)
    before = read_pack(folder, language).recordings
    stay = [recording for recording in have.values() if recording.text in texts or recording.human]
    write_manifest(folder, language, stay)
    names = {recording.path.name for recording in stay}
    for path in (folder / language).glob("*.alaw"):
        if path.name not in names:
            path.unlink()
    return [text for text in before if text not in texts and not before[text].human]
