"""What is said without a call's own flow: the files that Asterisk plays by itself, and what an agent hears who calls back."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from pathlib import Path

from adapters.speech.pack_voice import install_static, read_packs
from adapters.storage.versions import VersionStore
from adapters.telephony.asterisk_config import LONGEST_WAIT_TOLD
from ivr.config import Settings
from ivr.core.flow import Slot
from ivr.core.values import Kind, SpokenValue, Text, Utterance
from ivr.errors import UserError, VoiceFailed
from ivr.language.prompts import LANGUAGES, Catalogue
from ivr.tools.lint import read_prompts
from ivr.tools.prompts import fixed_prompts

WAIT = "queue_wait"

Template = Sequence[Text | Slot]


def published_home(settings: Settings) -> Path:
    """Where the prompts are that the line's published version says."""
    store = VersionStore(settings.versions)
    service = store.service(settings.flow)
    return store.version(settings.flow, service.number).folder if service else settings.home


def prepare_sounds(settings: Settings) -> None:
    """The files that Asterisk plays by itself: the prompts of the line's published version, as far as Asterisk plays them.

    A version of before may have fewer than are needed, which are then the shipped ones. Raises UserError when one cannot be made.
    """
    shipped, _ = read_prompts(settings.home)
    published, problems = read_prompts(published_home(settings))
    if problems:
        raise UserError("\n".join(map(str, problems)))
    played, told = played_alone(shipped), played_alone(published)
    sounds = {
        language: {name: told.get(language, {}).get(name, utterance) for name, utterance in utterances.items()}
        for language, utterances in played.items()
    }
    try:
        settings.sounds.mkdir(mode=0o700, parents=True, exist_ok=True)
        install_static(read_packs(settings.home / "prompts" / "audio", LANGUAGES), settings.sounds, sounds)
    except (VoiceFailed, OSError) as error:
        raise UserError(f"the line's prompts cannot be put in place: {error}") from error


def played_alone(catalogue: Catalogue) -> Mapping[str, Mapping[str, Utterance]]:
    """What is the same in every call, by language and name; the wait in the queue as `queue_wait_1` and so on, a minute each."""
    found = {
        language: {name: Utterance(language, (Text(text),)) for name, text in texts.items()}
        for language, texts in fixed_prompts(catalogue).items()
    }
    for language, texts in catalogue.texts.items():
        if WAIT in texts and WAIT not in found[language]:
            for minutes in range(1, LONGEST_WAIT_TOLD + 1):
                told = {Kind.DURATION: dt.timedelta(minutes=minutes)}
                found[language][f"{WAIT}_{minutes}"] = Utterance(language, filled(texts[WAIT].pieces, told))
    return found


def filled(template: Template, values: Mapping[Kind, str | dt.timedelta]) -> tuple[Text | SpokenValue, ...]:
    """The template with a value of each kind; of a kind for which there is none, nothing is said."""
    parts = (SpokenValue(one.kind, values[one.kind]) if isinstance(one, Slot) else one for one in template if _is_known(one, values))
    return tuple(parts)


def _is_known(part: Text | Slot, values: Mapping[Kind, str | dt.timedelta]) -> bool:
    return isinstance(part, Text) or part.kind in values


class Whisper:
    """What an agent hears who has picked up for a call back: in the caller's language, so that they know in which to greet."""

    def __init__(self, settings: Settings) -> None:
        catalogue, _ = read_prompts(settings.home)
        self._told = {
            language: texts["callback_whisper"].pieces for language, texts in catalogue.texts.items() if "callback_whisper" in texts
        }
        self._named = fixed_prompts(catalogue)

    def __call__(self, language: str, reference: str, topic: str) -> Utterance:
        spoken = language if language in self._told else LANGUAGES[0]
        values: dict[Kind, str | dt.timedelta] = {Kind.DIGITS: reference}
        if words := self._named.get(spoken, {}).get(f"topic_{topic}"):
            values[Kind.TEXT] = words
        return Utterance(spoken, filled(self._told.get(spoken, ()), values))
