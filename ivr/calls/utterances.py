"""What an utterance is made of, piece by piece: the words of prompts, the fragments of values, and the pauses between them.

The same cutting serves when recordings are made and when they are joined in a call, so that what was rendered is what is looked for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from ivr.core.values import Kind, SpokenValue, Utterance
from ivr.speech import PAUSE, fragments


@dataclass(frozen=True, slots=True)
class Piece:
    """Words that are recorded as one. A full stop or a comma at the end tells how the voice falls; nothing: it goes on.

    `of_value`: it is part of an amount, a date or the like, which must not be said without it.
    """

    text: str
    of_value: bool = field(default=False, compare=False)


@dataclass(frozen=True, slots=True)
class Pause:
    """A short silence."""

    seconds: float


_FULL_STOP, _COMMA, _LIST_COMMA = Pause(0.35), Pause(0.18), Pause(0.12)
_PAUSES = {
    **dict.fromkeys("。！？!?.…", _FULL_STOP),
    **dict.fromkeys("，；：,;:—", _COMMA),
    **dict.fromkeys("、", _LIST_COMMA),
}
_VALUE_PAUSE = _LIST_COMMA  # between the groups of a telephone number
_MARKS = "".join(_PAUSES) + "（）()“”\"'《》"
_SENTENCE = re.compile(r"[^。！？!?.…]*(?:[。！？!?…]+|\.+(?=\s|$)|\.|$)\s*")
_CLOSING = "。！？!?.…，；：,;:、"


def pieces_of_text(text: str) -> tuple[Piece | Pause, ...]:
    """Cut a text into sentences; marks at either end of one become pauses, marks within it stay for the voice."""
    return tuple(_pieces_of_text(text))


def pieces_of(utterance: Utterance) -> tuple[Piece | Pause, ...]:
    """The whole utterance in order. It begins and ends with words; pauses that meet become the longest of them."""
    found: list[Piece | Pause] = []
    for part in utterance.parts:
        cut = _pieces_of_value(part, utterance.language) if isinstance(part, SpokenValue) else _pieces_of_text(part.text)
        for item in cut:
            if isinstance(item, Pause) and (not found or isinstance(found[-1], Pause)):
                if found and isinstance(found[-1], Pause) and found[-1].seconds < item.seconds:
                    found[-1] = item
                continue
            found.append(item)
    if found and isinstance(found[-1], Pause):
        found.pop()
    return tuple(found)


def _pieces_of_value(part: SpokenValue, language: str) -> Iterator[Piece | Pause]:
    said = fragments(part, language)
    if part.kind is Kind.TEXT:  # a name, or an announcement of many sentences
        yield from _pieces_of_text(said[0])
        return
    for fragment in said:
        yield _VALUE_PAUSE if fragment == PAUSE else Piece(fragment, of_value=True)


def _pieces_of_text(text: str) -> Iterator[Piece | Pause]:
    for sentence in _SENTENCE.findall(text):
        words = sentence.strip()
        bare = words.strip(_MARKS + " ")
        if not bare:
            yield from _longest(words)
            continue
        before, after = words[: words.index(bare)], words[words.index(bare) + len(bare) :]
        yield from _longest(before)
        yield Piece(bare + next((mark for mark in after if mark in _CLOSING), ""))
        yield from _longest(after)


def _longest(marks: str) -> Iterator[Pause]:
    pauses = [_PAUSES[mark] for mark in marks if mark in _PAUSES]
    if pauses:
        yield max(pauses, key=lambda pause: pause.seconds)
