"""What is wrong with a pack, a sentence each, with what to do about it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from adapters.speech.faults import fault_of
from adapters.speech.neural import VOICES, voice_name
from adapters.speech.pack import Pack, Recording, read_pack
from adapters.speech.pack_build import version_of

_BUILD = "run: ivr prompts build"
Names = Mapping[str, str]  # what a person records: the name of a prompt, or of a part of one, to its text


def check(needed: Mapping[str, Iterable[str]], folder: Path, names: Mapping[str, Names] | None = None) -> tuple[str, ...]:
    """Nothing when the line can say all it needs. `needed` and `names` come from `ivr.tools.prompts`."""
    problems: list[str] = []
    for language, texts in needed.items():
        pack = read_pack(folder, language)
        wanted = dict.fromkeys(texts)
        problems += _missing_or_unfit(pack, wanted)
        problems += _outdated(pack, wanted, (names or {}).get(language, {}))
    return tuple(problems)


def _missing_or_unfit(pack: Pack, wanted: Iterable[str]) -> Iterator[str]:
    damaged = {recording.text for recording in pack.damaged()}
    for text in wanted:
        recording = pack.recordings.get(text)
        if recording is None:
            yield f"{pack.language}: {text!r} has not been recorded; {_BUILD}"
        elif text in damaged:
            cure = f"record it again, or say: ivr prompts release {recording.name}" if recording.human else _BUILD
            yield f"{pack.language}: the recording of {text!r} is damaged; {cure}"
        elif not recording.human and _stale(pack.language, recording):
            yield f"{pack.language}: {text!r} was recorded by another voice or recipe; {_BUILD}"
        elif fault := fault_of(recording.path.read_bytes(), recording.lufs):
            cure = "record it again" if recording.human else "change the text, or let a person record it: ivr prompts record"
            yield f"{pack.language}: the recording of {text!r} {fault}; {cure}"


def _stale(language: str, recording: Recording) -> bool:
    return language in VOICES and (recording.voice, recording.version) != (voice_name(language), version_of(language, recording.text))


def _outdated(pack: Pack, wanted: Iterable[str], names: Names) -> Iterator[str]:
    """People's recordings of texts that have changed since, or gone."""
    for recording in pack.recordings.values():
        if not recording.human or recording.text in wanted:
            continue
        said = f"{pack.language}: {recording.speaker}'s recording of {recording.name} says {recording.text!r}"
        if recording.name in names:
            now = f"and the prompt now says {names[recording.name]!r}"
            yield f"{said}, {now}; record it again, or say: ivr prompts release {recording.name}"
        else:
            yield f"{said}, which nobody needs any more; say: ivr prompts release {recording.name}"
