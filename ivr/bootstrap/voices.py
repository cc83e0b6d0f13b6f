"""Which engines say what nobody has recorded: as IVR_VOICES names them, else what is installed, the best first."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from adapters.speech.neural import fetch_voices
from adapters.speech.neural_voice import missing_of_neural, neural_voice
from adapters.speech.pack import Pack
from adapters.speech.pack_voice import PackVoice
from adapters.speech.piper_voice import missing_of_piper, piper_voice
from adapters.speech.pyttsx3_voice import missing_of_pyttsx3, pyttsx3_voice
from adapters.speech.synthesis import Synthesiser
from ivr.config import VOICES, Settings
from ivr.errors import SettingsError, UserError, VoiceFailed
from ivr.tools.lint import read_prompts
from ivr.tools.prompts import fixed_prompts

MEANWHILE: Final = "one_moment"  # the prompt that is heard while a beginning is made

_MISSING: Final[Mapping[str, Callable[[Settings], str | None]]] = {
    "piper": lambda settings: missing_of_piper(settings.piper_voices),
    "neural": lambda settings: missing_of_neural(settings.voices_cache),
    "pyttsx3": lambda settings: missing_of_pyttsx3(),
}
_MAKE: Final[Mapping[str, Callable[[Settings], Synthesiser]]] = {
    "piper": lambda settings: piper_voice(settings.piper_voices),
    "neural": lambda settings: neural_voice(settings.voices_cache),
    "pyttsx3": lambda settings: pyttsx3_voice(),
}


def voice_names(settings: Settings) -> tuple[str, ...]:
    """The engines there are, the best first. Raises SettingsError for one that is named and cannot speak."""
    if settings.piper_voices and (why := missing_of_piper(settings.piper_voices)):
        raise SettingsError(why)
    if settings.voices is None:
        return tuple(name for name in VOICES if _MISSING[name](settings) is None)
    for name in settings.voices:
        if why := _MISSING[name](settings):
            raise SettingsError(f"IVR_VOICES names {name}, but {why}")
    return settings.voices


def make_voice(settings: Settings, packs: Mapping[str, Pack], sounds: Path, prompts: Path | None = None) -> PackVoice:
    """The line's voice: the recordings, and the engines for what is not among them; `prompts` is the folder of the shared prompts.

    Raises SettingsError.
    """
    meanwhile = _meanwhile(prompts) if prompts is not None else {}
    return PackVoice(packs, sounds, [_MAKE[name](settings) for name in voice_names(settings)], meanwhile=meanwhile)


def tell_voices(settings: Settings) -> str:
    """A line for who starts the line."""
    names = voice_names(settings)
    return f"the voice: recordings; texts without one: {', then '.join(names)}" if names else "the voice: recordings only"


def each_voice(settings: Settings) -> Mapping[str, str | None]:
    """Every engine by name, and what it lacks; None for one that can speak."""
    return {name: _MISSING[name](settings) for name in VOICES}


def fetch(settings: Settings) -> None:
    """Fetch what the neural voice needs beside its packages. Raises UserError."""
    try:
        fetch_voices(settings.voices_cache)
    except VoiceFailed as error:
        raise UserError(str(error)) from error


def _meanwhile(prompts: Path) -> Mapping[str, str]:
    """What is said while a beginning is made, by language; nothing when the prompts have errors, which are told elsewhere."""
    catalogue, problems = read_prompts(prompts)
    texts = {} if problems else fixed_prompts(catalogue)
    return {language: known[MEANWHILE] for language, known in texts.items() if MEANWHILE in known}
