"""How well something was heard: syllables of what was meant against syllables of what a recogniser wrote down.

Mandarin is compared as pinyin without tones, so that homophones do not count as errors; English word by word. Numbers have to be
words on both sides.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

import numpy as np

from adapters.speech import audio

SENTENCE_PAUSE = 0.25  # seconds: the line leaves more between its sentences, less within one
LISTENS = 5
LATER = 37  # samples, 4.6 ms: a recogniser's guess hangs on where its frames begin, as what a person understands does not
_CHARACTERS = re.compile(r"[\u4e00-\u9fff〇]+|[A-Za-z]+")
_SPOKEN_LETTERS = {"g": "ji", "k": "kei", "t": "ti"}
_NUMBER_CHARACTERS = frozenset("零〇一幺二两三四五六七八九十百千万亿点")
_NUMBER_WORDS = frozenset(
    [
        *("oh", "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve", "thirteen"),
        *("fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen", "twenty", "thirty", "forty", "fifty", "sixty"),
        *("seventy", "eighty", "ninety", "hundred", "thousand", "million", "billion", "point", "first", "second", "third"),
    ]
)
_ORDINAL = re.compile("[a-z]+th")
_YUAN = re.compile(r"\b(?:(?:you|u) (?:and|an|in|on)|yuen|un|u n)\b")  # how those write it who do not know the word


def syllables(text: str, language: str) -> list[str]:
    """Toneless pinyin for Mandarin, lower-case words for other languages; marks are nothing."""
    if not language.startswith("zh"):
        plain = text.lower().replace("-", " ").replace("a.m.", "am").replace("p.m.", "pm")
        return re.findall(r"[a-z']+", _YUAN.sub("yuan", plain))
    from pypinyin import Style, lazy_pinyin

    said: list[str] = []
    for run in _CHARACTERS.findall(text):
        if run.isascii():
            said += [_SPOKEN_LETTERS.get(letter, letter) for letter in run.lower()]
        else:
            said += lazy_pinyin(run.replace("〇", "零"), style=Style.NORMAL)
    return said


def distance(heard: Sequence[str], expected: Sequence[str]) -> int:
    """Levenshtein: how many syllables must be put in, left out or changed."""
    row = list(range(len(expected) + 1))
    for number, syllable in enumerate(heard, start=1):
        before, row[0] = row[0], number
        for place, wanted in enumerate(expected, start=1):
            before, row[place] = row[place], min(row[place] + 1, row[place - 1] + 1, before + (syllable != wanted))
    return row[-1]


def numbers_right(heard: str, expected: str, language: str) -> tuple[int, int]:
    """Of the digits and scale words of what was meant, how many came through, and how many there are.

    Who writes 一 for 幺 has understood it: it is another name of the same digit.
    """
    if language.startswith("zh") and "幺" in expected:
        heard = heard.replace("一", "幺")
    wanted, got = syllables(expected, language), syllables(heard, language)
    numeric = _numeric(expected, language)
    right = _through(got, wanted)
    return sum(1 for place in numeric if place in right), len(numeric)


def _numeric(expected: str, language: str) -> list[int]:
    """Where the digits and scale words are among the syllables."""
    if not language.startswith("zh"):
        return [place for place, word in enumerate(syllables(expected, language)) if word in _NUMBER_WORDS or _ORDINAL.fullmatch(word)]
    spoken = "".join(_CHARACTERS.findall(expected))
    return [place for place, character in enumerate(spoken) if character in _NUMBER_CHARACTERS]


def _through(heard: Sequence[str], expected: Sequence[str]) -> set[int]:
    """Which of the expected syllables were heard, by the least changes that make one of the other."""
    table = [[*range(len(expected) + 1)]]
    for number, syllable in enumerate(heard, start=1):
        row = [number]
        for place, wanted in enumerate(expected, start=1):
            row.append(min(table[-1][place] + 1, row[-1] + 1, table[-1][place - 1] + (syllable != wanted)))
        table.append(row)
    right: set[int] = set()
    number, place = len(heard), len(expected)
    while number and place:
        if heard[number - 1] == expected[place - 1] and table[number][place] == table[number - 1][place - 1]:
            right.add(place - 1)
            number, place = number - 1, place - 1
        elif table[number][place] == table[number - 1][place - 1] + 1:
            number, place = number - 1, place - 1
        elif table[number][place] == table[number - 1][place] + 1:
            number -= 1
        else:
            place -= 1
    return right


def longest_gap(alaw: bytes, floor_db: float = -60.0) -> float:
    """The longest silence, in seconds, between the first and the last sound: of milliseconds softer than `floor_db` full scale."""
    step = audio.RATE // 1000
    samples = audio.from_alaw(alaw)
    frames = samples[: len(samples) // step * step].reshape(-1, step)
    loud = np.flatnonzero(np.abs(frames).max(axis=1) > 10 ** (floor_db / 20))
    return 0.0 if loud.size < 2 else float(np.diff(loud).max() - 1) / 1000


def error_rate(heard: str, expected: str, language: str) -> float:
    """Wrong syllables as a share of the expected ones."""
    wanted = syllables(expected, language)
    return distance(syllables(heard, language), wanted) / max(1, len(wanted))


class Listener(Protocol):
    """Who writes down what it hears: `Ears`."""

    def hear(self, alaw: bytes, language: str) -> str:
        """The words, numbers as words."""


def hear_sentences(ears: Listener, alaw: bytes, language: str) -> str:
    """A stretch of a call, heard sentence by sentence: a recogniser that is given minutes at once loses its way."""
    return " ".join(ears.hear(sentence, language) for _, sentence in spoken_stretches(alaw, pause=SENTENCE_PAUSE)).strip()


def heard_with(ears: Listener, alaw: bytes, language: str, is_said: Callable[[str], bool]) -> str:
    """A stretch of a call, listened to again, each time from a little later, until what has to be said in it is heard.

    The last that was heard, if it never is.
    """
    heard = ""
    for time in range(LISTENS):
        heard = hear_sentences(ears, alaw[time * LATER :], language)
        if is_said(heard):
            break
    return heard


def spoken_stretches(alaw: bytes, pause: float = 0.6, floor_db: float = -45.0) -> Iterator[tuple[float, bytes]]:
    """Cut a long recording, a whole call for example, at its silences: where each stretch begins (seconds), and its audio.

    A stretch ends where nothing louder than `floor_db` full scale is heard for `pause` seconds.
    """
    samples = audio.from_alaw(alaw)
    step = audio.RATE // 50
    frames = samples[: len(samples) // step * step].reshape(-1, step)
    loud = np.flatnonzero((frames**2).mean(axis=1) > 10 ** (floor_db / 10))
    if loud.size == 0:
        return
    gap = round(pause * 50)
    cuts = np.flatnonzero(np.diff(loud) > gap)
    starts = [int(loud[0]), *(int(loud[cut + 1]) for cut in cuts)]
    ends = [*(int(loud[cut]) for cut in cuts), int(loud[-1])]
    for start, end in zip(starts, ends, strict=True):
        first = max(0, start * step - step * 5)
        yield first / audio.RATE, alaw[first : (end + 6) * step]
