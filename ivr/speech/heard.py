"""The way back: what a caller said, as a recogniser wrote it down, becomes a value again.

    >>> digits_heard("幺八五四四，三个零", "zh-CN")
    '18544000'
    >>> digits_heard("it's one eight five oh double four", "en-US")
    '185044'
    >>> amount_heard("三千三百八十块五毛八", "zh-CN"), amount_heard("廿五蚊半", "yue")
    (Decimal('3380.58'), Decimal('25.5'))
    >>> number_heard("一万二", "zh-CN"), number_heard("twelve hundred", "en-US")
    (Decimal('12000'), Decimal('1200'))

Whoever says something that can be taken in two ways is asked again, so that all of these answer None rather than guess:

    >>> number_heard("三四百", "zh-CN"), number_heard("one twenty", "en-US"), digits_heard("twenty-five", "en-US")
    (None, None, None)

What people put around a value is passed over (嗯, 我的号码是, 谢谢; "um", "my number is", "please"), and what recognisers do to it is
undone: simplified or traditional characters, 二 or 两, 一 or 幺, figures between the words, spaces and punctuation. Every word that is not
understood makes it None, for it may have been "not". What `ivr.speech.words` says is always heard as the same value.

These functions are pure, take any text, and never put it into an exception: it may be secret.
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from decimal import Decimal
from typing import Protocol

from ivr.speech import heard_chinese, heard_english, listed
from ivr.speech.quantities import LIMIT, MAX_DECIMALS, MAX_DIGITS

__all__ = ["LANGUAGES", "amount_heard", "digits_heard", "number_heard"]

MAX_LENGTH = 400
"""Characters; more than the longest number has in words, and nobody's answer to a question."""


class _Listener(Protocol):
    """What the module of one language understands; limits are not its business."""

    def digits(self, text: str) -> str | None: ...
    def number(self, text: str) -> Decimal | None: ...
    def amount(self, text: str) -> Decimal | None: ...


_LISTENERS: Mapping[str, _Listener] = {
    "zh-CN": heard_chinese.MANDARIN,
    "en-US": heard_english,
    "yue": heard_chinese.CANTONESE,
}

LANGUAGES: tuple[str, ...] = tuple(_LISTENERS)
"""The languages that are understood, as BCP 47 tags: those of `ivr.speech`."""


def digits_heard(text: str, language: str, lengths: Container[int] = range(1, MAX_DIGITS + 1)) -> str | None:
    """Digits said one by one, such as a telephone number; None unless they are all there is, and as many as `lengths` allows.

    Several of a kind may be said together (三个八, 孖八, "double four", "four zeros"), numbers may not (一百, "twenty").
    Raises ValueError for an unknown language.
    """
    digits = _listener(language).digits(text) if len(text) <= MAX_LENGTH else None
    return digits if digits is not None and len(digits) <= MAX_DIGITS and len(digits) in lengths else None


def number_heard(text: str, language: str) -> Decimal | None:
    """A number, whole or not: nearer to zero than 10^12, with 6 decimals at most. None when it is none or not a certain one.

    Raises ValueError for an unknown language.
    """
    return _bounded(_listener(language).number(text), MAX_DECIMALS) if len(text) <= MAX_LENGTH else None


def amount_heard(text: str, language: str) -> Decimal | None:
    """An amount in yuan, to the fen; the unit may be left out. A debt (欠费三十元) is negative. None like `number_heard`.

    Raises ValueError for an unknown language.
    """
    return _bounded(_listener(language).amount(text), 2) if len(text) <= MAX_LENGTH else None


def _listener(language: str) -> _Listener:
    if language not in _LISTENERS:
        raise ValueError(f"values cannot be heard in {language!r}; the known languages are {listed(LANGUAGES, 'en-US')}")
    return _LISTENERS[language]


def _bounded(value: Decimal | None, decimals: int) -> Decimal | None:
    if value is None or value.copy_abs() >= LIMIT or value != round(value, decimals):
        return None
    return value or Decimal(0)  # nothing is never negative
