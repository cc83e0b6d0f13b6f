"""The shipped recordings: what the prompts need, recorded and checked."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from adapters.speech import pack_build, pack_check, studio
from adapters.speech.neural import fetch_voices
from adapters.speech.pack_build import BuildReport
from adapters.storage.versions import VersionStore
from ivr.bootstrap.engine import load_flows, read_catalogue
from ivr.bootstrap.serving import compiled
from ivr.config import Settings
from ivr.core.flow import Flow
from ivr.errors import UserError
from ivr.language.problems import did_you_mean
from ivr.tools.prompts import names, needed


def _needed(settings: Settings) -> Mapping[str, tuple[str, ...]]:
    """What the flows that designers work on say, and what the published versions say that answer or may answer again."""
    return needed(read_catalogue(settings), [*load_flows(settings).values(), *_published(settings)])


def _published(settings: Settings) -> Iterator[Flow]:
    store = VersionStore(settings.versions)
    for line in store.lines():
        service = store.service(line)
        for number in (*service.numbers, *service.before[:1]) if service else ():
            with contextlib.suppress(UserError):  # a version that does not compile says nothing
                yield compiled(store, store.version(line, number)).flow


def build(settings: Settings, tell: Callable[[int, int], None], workers: int) -> BuildReport:
    """Record what is missing or has changed. Raises UserError when the neural voice is not installed, VoiceFailed when it fails."""
    wanted, voices = _needed(settings), settings.var / "voices"
    try:
        fetch_voices(voices)
        return pack_build.build(wanted, _pack(settings), voices, tell, workers=workers)
    except ImportError as error:
        raise UserError(f"recording needs the neural voice, and {error.name} is missing: run make prompts, which installs it") from error


def check(settings: Settings) -> tuple[str, ...]:
    """What is wrong with the recordings, a sentence each."""
    return pack_check.check(_needed(settings), _pack(settings), names(read_catalogue(settings)))


def record(settings: Settings, files: Sequence[Path], language: str, who: str) -> Iterator[str]:
    """Put WAV files named after prompts into the pack, and tell of each. Raises UserError for a name that no prompt has."""
    known = names(read_catalogue(settings)).get(language, {})
    for file in files:
        text = known.get(file.stem)
        if text is None:
            parts = [name for name in known if name.startswith(f"{file.stem}.")]
            hint = f"; it is recorded in parts: {', '.join(parts)}" if parts else did_you_mean(file.stem, tuple(known))
            raise UserError(f"{file} is named after no prompt in {language}{hint} (ivr prompts script lists them)")
        made = studio.record(studio.Take(language, file.stem, text, who), file, _pack(settings))
        yield f"{file.stem} is said by {who}: {made.seconds:.1f} s, {made.lufs:.1f} LUFS  {text}"


def release(settings: Settings, name: str, language: str) -> str:
    """Give a prompt back to the voice of the line."""
    gone = studio.release(language, name, _pack(settings))
    return f"{gone.speaker}'s recording of {name} is gone; ivr prompts build says it again"


def script(settings: Settings, language: str) -> Iterator[tuple[str, str]]:
    """What there is to record: name and text, the prompts first. Raises UserError for a language that has none."""
    known = names(read_catalogue(settings))
    if language not in known:
        raise UserError(f"there are no prompts in {language}; there are {' and '.join(sorted(known))}")
    yield from sorted(known[language].items(), key=lambda item: (item[0] == item[1], item[0]))


def _pack(settings: Settings) -> Path:
    return settings.home / "prompts" / "audio"
