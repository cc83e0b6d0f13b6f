"""Values as a text message writes them: in figures and units, as operators' own messages do.

    >>> from decimal import Decimal
    >>> from ivr.core.values import Kind, SpokenValue, Text, Utterance
    >>> balance = SpokenValue(Kind.MONEY, Decimal("35.6"))
    >>> written(Utterance("zh-CN", (Text("您的账户余额"), balance, Text("。"))))
    '您的账户余额35.60元。'
    >>> written_value(balance, "en-US")
    '35.60 yuan'

What is written is what is spoken: the same values are refused, and volumes and durations are rounded alike (`ivr.speech.quantities`).
Only the year of a date is always there: a message is read on another day than it was sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from ivr.core.values import Kind, SpokenValue, Text, Utterance
from ivr.speech import listed, quantities
from ivr.speech.quantities import Duration, Money, Number, Unit, Volume

_MONTHS = (
    *("", "January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
_UNITS: Mapping[Unit, str] = {Unit.KILOBYTES: "KB", Unit.MEGABYTES: "MB", Unit.GIGABYTES: "GB", Unit.TERABYTES: "TB"}
_ENDS = (".", "!", "?")


@dataclass(frozen=True, slots=True)
class _Words:
    """What one language puts between and behind figures; of units, the form for one and the form for many."""

    gap: str
    yuan: str
    hours: tuple[str, str]
    minutes: tuple[str, str]
    minutes_of: tuple[str, str]  # before seconds
    seconds: tuple[str, str]


_CHINESE = _Words("", "元", ("小时", "小时"), ("分钟", "分钟"), ("分", "分"), ("秒", "秒"))
_WORDS: Mapping[str, _Words] = {
    "zh-CN": _CHINESE,
    "en-US": _Words(" ", "yuan", ("hour", "hours"), ("minute", "minutes"), ("minute", "minutes"), ("second", "seconds")),
    "yue": replace(_CHINESE, hours=("小時", "小時"), minutes=("分鐘", "分鐘")),
}


def written(utterance: Utterance) -> str:
    """The whole message. Raises ValueError when a value is not of its kind or cannot be told, and when the language is unknown."""
    told = ""
    after_text = False
    for part in utterance.parts:
        is_text = isinstance(part, Text)
        piece = part.text if isinstance(part, Text) else written_value(part, utterance.language)
        told += _gap(told, piece, utterance.language, both_texts=is_text and after_text) + piece
        after_text = is_text
    return told


def written_value(value: SpokenValue, language: str) -> str:
    """One value. Raises ValueError like `written`."""
    if language not in _WORDS:
        raise ValueError(f"values cannot be written in {language!r}; the known languages are {listed(list(_WORDS), 'en-US')}")
    words = _WORDS[language]
    match value.kind:
        case Kind.TEXT:
            return quantities.text(value.value)
        case Kind.NUMBER:
            return _number(quantities.number(value.value))
        case Kind.ORDINAL:
            return _ordinal(quantities.ordinal(value.value), words)
        case Kind.COUNT:
            return str(quantities.count(value.value))
        case Kind.MONEY:
            return _money(quantities.money(value.value)) + words.gap + words.yuan
        case Kind.DIGITS:
            return "".join(quantities.digit_groups(value.value))
        case Kind.VOLUME:
            return _volume(quantities.volume(value.value), words)
        case Kind.DURATION:
            return _duration(quantities.duration(value.value), words)
        case Kind.DATE:
            day = quantities.day(value.value, today=None)
            return f"{day.day} {_MONTHS[day.month]} {day.year}" if words.gap else f"{day.year}年{day.month}月{day.day}日"
        case Kind.MONTH:
            month = quantities.day(value.value, today=None)
            return f"{_MONTHS[month.month]} {month.year}" if words.gap else f"{month.year}年{month.month}月"
        case Kind.TIME:
            time = quantities.time(value.value)
            return f"{time.hour}:{time.minute:02}"
        case Kind.BOOL:  # pragma: no branch - mypy knows that no kind is left
            raise ValueError("a bool is never written; choose between two texts instead")


def _gap(before: str, piece: str, language: str, *, both_texts: bool) -> str:
    """A space where one prompt ends and the next begins, in languages that have spaces. Inside a prompt its writer has set them."""
    gap = _WORDS[language].gap if language in _WORDS else ""
    if not before or not piece or before[-1].isspace() or piece[0].isspace():
        return ""
    return gap if both_texts or (before.endswith(_ENDS) and piece[0].isalnum()) else ""


def _number(value: Number) -> str:
    return f"{'-' if value.negative else ''}{value.whole}{'.' if value.decimals else ''}{value.decimals}"


def _ordinal(value: int, words: _Words) -> str:
    if not words.gap:
        return f"第{value}"
    teens = value % 100 in (11, 12, 13)
    return f"{value}{'th' if teens else {1: 'st', 2: 'nd', 3: 'rd'}.get(value % 10, 'th')}"


def _money(value: Money) -> str:
    return f"{'-' if value.negative else ''}{value.yuan}.{value.jiao}{value.fen}"


def _volume(value: Volume, words: _Words) -> str:
    return f"{_number(value.amount)}{words.gap}{_UNITS[value.unit]}"


def _duration(value: Duration, words: _Words) -> str:
    if value.hours:
        return _counted(value.hours, words.hours, words)
    if not value.seconds:
        return _counted(value.minutes, words.minutes, words)
    minutes = _counted(value.minutes, words.minutes_of, words) + words.gap if value.minutes else ""
    return minutes + _counted(value.seconds, words.seconds, words)


def _counted(value: int, forms: tuple[str, str], words: _Words) -> str:
    one, many = forms
    return f"{value}{words.gap}{one if value == 1 else many}"
