"""The listening test: what is said, by which engine, and how it was heard."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

from adapters.speech import audio
from adapters.speech.engine_pool import EnginePool
from adapters.speech.listening import Listener, distance, numbers_right, syllables
from adapters.speech.pack import Pack
from ivr.calls.utterances import Pause, pieces_of
from ivr.core.values import Kind, SpokenValue, Text, Utterance
from ivr.speech import words

AROUND = {
    "zh-CN": {
        Kind.MONEY: ("您的账户余额是", ""),
        Kind.DIGITS: ("您的受理编号是", ""),
        Kind.VOLUME: ("本月还剩流量", ""),
        Kind.DURATION: ("已用通话", ""),
        Kind.MONTH: ("您", "的账单，合计"),
        Kind.DATE: ("您", "的账单，合计"),
    },
    "en-US": {
        Kind.MONEY: ("Your balance is", ""),
        Kind.DIGITS: ("Your reference number is", ""),
        Kind.VOLUME: ("You have", "of data left this month."),
        Kind.DURATION: ("You have used", ""),
        Kind.MONTH: ("Your bill for", "comes to"),
        Kind.DATE: ("Your bill for", "comes to"),
    },
}
"""Every kind of value inside the prompt that it occurs in."""
COUNTED = (Kind.MONEY, Kind.DATE, Kind.DIGITS)  # in these a wrong digit does harm
Say = Callable[[tuple[Text | SpokenValue, ...]], bytes]


@dataclass(frozen=True, slots=True)
class ReadOut:
    """A value in its prompt: what it is, the parts, and the same as words."""

    kind: str
    parts: tuple[Text | SpokenValue, ...]
    meant: str


@dataclass(slots=True)
class Tally:
    """How something was heard: wrong syllables of all, numbers that came through of all, and how many utterances it were."""

    wrong: int = 0
    of: int = 0
    right: int = 0
    numbers: int = 0
    count: int = 0

    def add(self, other: Tally) -> None:
        """Count both together."""
        self.wrong, self.of, self.count = self.wrong + other.wrong, self.of + other.of, self.count + other.count
        self.right, self.numbers = self.right + other.right, self.numbers + other.numbers

    @property
    def error_rate(self) -> float:
        """The share of wrong syllables."""
        return self.wrong / max(1, self.of)

    @property
    def numbers_right(self) -> float:
        """The share of the digits and scale words that came through."""
        return self.right / max(1, self.numbers)


@dataclass(slots=True)
class Trial:
    """What one engine made of one language, by kind."""

    language: str
    engine: str
    kinds: dict[str, Tally] = field(default_factory=dict)

    def together(self, kinds: Iterable[str] | None = None) -> Tally:
        """Of these kinds, or of all."""
        whole = Tally()
        for kind in self.kinds if kinds is None else kinds:
            whole.add(self.kinds.get(kind, Tally()))
        return whole

    def rows(self) -> Iterator[str]:
        """For docs/measurements.md."""
        for kind, tally in {**self.kinds, "all": self.together()}.items():
            numbers = f"{tally.numbers_right:.1%} of {tally.numbers}" if tally.numbers else ""
            yield f"| {self.language} | {self.engine} | {kind} | {tally.count} | {tally.error_rate:.1%} of {tally.of} | {numbers} |"


def prompts(texts: Iterable[str]) -> Iterator[ReadOut]:
    """Texts as they are."""
    for text in texts:
        yield ReadOut("prompts", (Text(text),), text)


def read_outs(language: str, count: int) -> Iterator[ReadOut]:
    """So many random values, the kinds in turn; the same ones in every run."""
    gap = "" if language == "zh-CN" else " "
    dice = random.Random(f"{language} 2026")
    kinds = list(AROUND[language].items())
    for number in range(count):
        kind, (before, after) = kinds[number % len(kinds)]
        value = random_value(kind, dice)
        parts = (Text(before), value, *([Text(after)] if after else []))
        yield ReadOut(kind, parts, gap.join([before, words(value, language), *([after] if after else [])]))


def random_value(kind: Kind, dice: random.Random) -> SpokenValue:
    """A value as callers hear them."""
    match kind:
        case Kind.MONEY:
            return SpokenValue(kind, Decimal(dice.choice([dice.randint(1, 9_999), dice.randint(1, 500_000)])) / 100)
        case Kind.DIGITS:
            return SpokenValue(kind, "".join(dice.choice("0123456789") for _ in range(6)))
        case Kind.VOLUME:
            return SpokenValue(kind, dice.choice([dice.randint(1, 999) << 20, dice.randint(10, 400) * (1 << 30) // 10]))
        case Kind.DURATION:
            return SpokenValue(kind, dt.timedelta(minutes=dice.randint(0, 800)))
        case Kind.DATE:
            return SpokenValue(kind, dt.date(2026, 1, 1) + dt.timedelta(days=dice.randint(0, 364)), dt.date(2026, 6, 1))
        case _:
            return SpokenValue(kind, dt.date(dice.choice([2025, 2026, 2027]), dice.randint(1, 12), 1))


def heard(trial: Trial, cases: Iterable[ReadOut], say: Say, ears: Listener, tell: Callable[[str], None]) -> Trial:
    """Say each, listen, and count; every mishearing is told."""
    for case in cases:
        written = ears.hear(say(case.parts), trial.language)
        if trial.language == "zh-CN" and "幺" in case.meant:
            written = written.replace("一", "幺")  # another name of the same digit
        wanted = syllables(case.meant, trial.language)
        wrong = distance(syllables(written, trial.language), wanted)
        right, numbers = numbers_right(written, case.meant, trial.language) if case.kind in COUNTED else (0, 0)
        trial.kinds.setdefault(case.kind, Tally()).add(Tally(wrong, len(wanted), right, numbers, 1))
        if wrong:
            tell(f"{trial.language} {trial.engine} {case.kind}: {wrong} of {len(wanted)} wrong: {case.meant} | {written}")
    return trial


def joined(pack: Pack) -> Say:
    """What goes down the line, joined as in a call."""

    def say(parts: tuple[Text | SpokenValue, ...]) -> bytes:
        pieces: list[bytes | float] = []
        for item in pieces_of(Utterance(pack.language, parts)):
            if isinstance(item, Pause):
                pieces.append(item.seconds)
            else:
                recording = pack.find(item.text)
                assert recording is not None, item.text
                pieces.append(recording.path.read_bytes())
        return audio.joined(pieces)

    return say


def whole_sentences(language: str, voices: Path) -> Say:
    """The neural voice, each sentence in one."""
    from adapters.speech.neural import RATE, NeuralVoice

    voice = NeuralVoice(language, voices)

    def say(parts: tuple[Text | SpokenValue, ...]) -> bytes:
        pieces: list[bytes | float] = []
        for item in pieces_of(Utterance(language, (Text(sentence(parts, language)),))):
            if isinstance(item, Pause):
                pieces.append(item.seconds)
            else:
                samples = audio.to_telephone(voice.say(item.text, 0.9 if language == "zh-CN" else 1.0), RATE)
                pieces.append(audio.to_alaw(audio.levelled(audio.trimmed(samples, audio.RATE, lead=0.030, tail=0.040))))
        return audio.joined(pieces)

    return say


def by(engine: EnginePool, language: str) -> Say:
    """A run-time engine, each utterance as one text."""
    return lambda parts: engine.say(sentence(parts, language), language).result(60)


def sentence(parts: tuple[Text | SpokenValue, ...], language: str) -> str:
    """As a person would write it down."""
    gap = "" if language == "zh-CN" else " "
    said = gap.join(part.text if isinstance(part, Text) else words(part, language) for part in parts)
    return said if said[-1] in "。.？！?!" else said + ("。" if language == "zh-CN" else ".")
