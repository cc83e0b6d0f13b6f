"""What a telephone hears, compared with the recordings that are shipped."""

from __future__ import annotations

from adapters.speech.pack_voice import read_packs
from adapters.telephony.sip_leg import SipLeg
from ivr.calls.utterances import Piece, pieces_of, pieces_of_text
from ivr.core.values import SpokenValue, Text, Utterance
from tests.adapters.telephony.asterisk_line import until
from tests.conftest import CATALOGUE, HOME


def sound_of(saying: str, language: str = "zh-CN") -> bytes:
    """A tenth of a second at most out of the middle of a prompt's first words, which is in nothing else that is said here."""
    words = CATALOGUE.texts[language][saying].pieces[0]
    assert isinstance(words, Text)
    return _middle(next(item.text for item in pieces_of_text(words.text) if isinstance(item, Piece)), language)


def sounds_of_value(value: SpokenValue, language: str = "zh-CN") -> list[bytes]:
    """The same of every fragment that a value is made of."""
    return [_middle(item.text, language) for item in pieces_of(Utterance(language, (value,))) if isinstance(item, Piece)]


async def hears(leg: SipLeg, saying: str, language: str = "zh-CN", seconds: float = 30.0) -> None:
    """Wait until a prompt has been heard."""
    sound = sound_of(saying, language)
    await until(lambda: sound in leg.audio, seconds)


def _middle(words: str, language: str) -> bytes:
    recording = read_packs(HOME / "prompts" / "audio", (language,))[language].find(words)
    assert recording is not None
    content = recording.path.read_bytes()
    return content[len(content) // 3 :][: min(800, len(content) // 3)]
