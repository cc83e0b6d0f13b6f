"""Texts made fit for a flow: numbers in words, no markup, not too long; and what texts tell about keys."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from decimal import Decimal
from functools import lru_cache, partial
from urllib.parse import unquote, urlsplit

from ivr.core.values import Kind, SpokenValue
from ivr.language.prompts import MAX_LENGTH
from ivr.speech import words

CHINESE, ENGLISH = "zh-CN", "en-US"
_WIDE = str.maketrans("０１２３４５６７８９＊＃", "0123456789*#")
_UNSPEAKABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufeff\ufffe\uffff]+")
_HAN = re.compile(r"[\u3400-\u9fff]")
_TELEPHONE = re.compile(r"\+?\d(?:[ ().-]{0,2}\d){6,31}")
_TIME = re.compile(r"(?<![\d:：.])([01]?\d|2[0-4])[:：]([0-5]\d)(?![\d:：])(?=(\s*[ap]\.?m\b)?)", re.ASCII | re.IGNORECASE)
_BETWEEN_TIMES = re.compile(r"(?<=\d[:：]\d\d)\s*[-–—~～]\s*(?=\d\d?[:：]\d\d)", re.ASCII)
_CLAUSE = re.compile(r"(?<=[。！？；，])|(?<=[.,!?;])(?=\s)")
_ORDINAL = re.compile(r"(?<!\w)(\d{1,2})(?:st|nd|rd|th)\b", re.IGNORECASE)
_SMALL = re.compile(r"(?<![\w.,:/$€£¥%+-])(?<![a-z]\s[.,:/-])(\d{1,2})(?![\w%:/]|[.,-]\d)", re.ASCII)
_DIGITS = re.compile(r"\d{1,32}", re.ASCII)
_SENTENCE = re.compile(r"(?<=[.!?。！？;；])\s*")
_KEY_WORDS = {
    **{word: str(key) for key, word in enumerate(("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"))},
    **{word: str(key) for key, word in enumerate("零一二三四五六七八九")},
    "star": "*",
    "asterisk": "*",
    "pound": "#",
    "hash": "#",
    "星": "*",
    "井": "#",
    "幺": "1",
    "〇": "0",
}
_KEYS_IN_ENGLISH = re.compile(
    r"\b(?:press(?:ing)?|dial|push|hit|enter|choose|select|touch)\s+(?:the\s+)?(?:key\s+|number\s+|button\s+|option\s+)?"
    r"(zero|one|two|three|four|five|six|seven|eight|nine|star|asterisk|pound|hash)\b(?!-|\s+(?:digit|or more|time))"
    r"(?:\s+or\s+(zero|one|two|three|four|five|six|seven|eight|nine|star|pound)\b)?",
    re.IGNORECASE,
)
_KEYS_IN_CHINESE = re.compile(r"[按拨]\s*(?:数字)?(?:键)?\s*([零一二三四五六七八九幺〇星井])(?![十百位])")


def language_of(text: str) -> str | None:
    """The language a text is written in; None when there is nothing to tell it by."""
    if _HAN.search(text):
        return CHINESE
    return ENGLISH if re.search(r"[A-Za-z]{2}", text) else None


def in_words(text: str, language: str) -> tuple[str, tuple[tuple[str, str], ...]]:
    """A text without digits and the marks of keys, and those numbers that want to be looked at, each with the words it became."""
    doubtful: list[tuple[str, str]] = []

    def look_at(say: Callable[[re.Match[str]], str]) -> Callable[[re.Match[str]], str]:
        def replaced(found: re.Match[str]) -> str:
            said = say(found)
            doubtful.append((found[0], said))
            return said

        return replaced

    def one_by_one(found: re.Match[str]) -> str:
        groups = [group for group in re.split(r"\D+", found[0]) if group]
        return ("，" if language == CHINESE else ", ").join(_one_by_one(group, language) for group in groups)

    text = " ".join(_UNSPEAKABLE.sub(" ", text).translate(_WIDE).split())
    text = _BETWEEN_TIMES.sub("到" if language == CHINESE else " to ", text)
    text = _TIME.sub(look_at(partial(_time, language)), text)
    text = _TELEPHONE.sub(look_at(one_by_one), text)
    if language == ENGLISH:
        text = _ORDINAL.sub(_ordinal, text)
    text = _SMALL.sub(partial(_number, language), text)
    text = _DIGITS.sub(look_at(one_by_one), text)
    return _keys_in_words(text, language).strip(), tuple(doubtful)


def _in_its_own_words(text: str, named: str | None, language: str) -> tuple[str, list[tuple[str, str]]]:
    """As `in_words`, each clause in the language it is in: the one that is `named`, or else the one of its letters, or `language`."""
    written: list[str] = []
    doubtful: list[tuple[str, str]] = []
    mixed = _HAN.search(text) and re.search(r"[A-Za-z]{2}", text)
    for clause in _CLAUSE.split(text) if mixed else (text,):
        language = _language_of_clause(clause, named) or language
        plain, numbers = in_words(clause, language)
        doubtful.extend(numbers)
        left = " " if clause[:1].isspace() else ""
        right = " " if clause[-1:].isspace() else ""
        written.append(f"{left}{plain}{right}" if plain else "")
    return "".join(written), doubtful


def _language_of_clause(clause: str, named: str | None) -> str | None:
    """None when there is nothing to tell it by. A word of Latin letters counts as much as two Chinese characters."""
    han, latin = len(_HAN.findall(clause)), len(re.findall(r"[A-Za-z]{2,}", clause))
    if han and not latin:
        return CHINESE
    if named or not latin:
        return named
    return ENGLISH if latin * 2 >= han else CHINESE


@lru_cache(maxsize=10_000)
def _one_by_one(digits: str, language: str) -> str:
    return words(SpokenValue(Kind.DIGITS, digits), language)


def _number(language: str, found: re.Match[str]) -> str:
    return words(SpokenValue(Kind.NUMBER, Decimal(found[1])), language)


def _time(language: str, found: re.Match[str]) -> str:
    """A time of day as it is said when morning or evening is known: ten thirty, 十点半. From one in the afternoon English says which."""
    hour, minute = int(found[1]), int(found[2])
    if language == CHINESE:
        said = "两" if hour == 2 else words(SpokenValue(Kind.NUMBER, Decimal(hour)), CHINESE)
        minutes = words(SpokenValue(Kind.NUMBER, Decimal(minute)), CHINESE)
        return f"{said}点" + ("" if not minute else "半" if minute == 30 else f"{'零' if minute < 10 else ''}{minutes}分")
    if not 1 <= hour <= 12 and not found[3]:
        return words(SpokenValue(Kind.TIME, dt.time(hour % 24, minute)), ENGLISH)
    if not minute:
        return words(SpokenValue(Kind.NUMBER, Decimal(hour % 12 or 12)), ENGLISH) + ("" if found[3] else " o'clock")
    return words(SpokenValue(Kind.TIME, dt.time(hour % 12, minute)), ENGLISH).removesuffix(" a.m.")


def _ordinal(found: re.Match[str]) -> str:
    """The day of a month is the only ordinal that the line speaks: it lends its words."""
    number = int(found[1])
    if not 1 <= number <= 31:
        return found[0]
    day = dt.date(2000, 1, number)
    return words(SpokenValue(Kind.DATE, day, day), ENGLISH).removeprefix("January ")


def _keys_in_words(text: str, language: str) -> str:
    if language == CHINESE:
        text = re.sub(r"#\s*号?键?", "井号键", text)
        return re.sub(r"\*\s*号?键?", "星号键", text)
    text = re.sub(r"\s*#\s*", " pound ", text)
    text = re.sub(r"\s*\*\s*", " star ", text)
    return re.sub(r" +([,.!?;:])", r"\1", re.sub(r" +", " ", text))


def without_templates(
    text: str, pattern: re.Pattern[str], meaning: Callable[[str], str | None], language: str, named: str | None = None
) -> tuple[str, list[str], list[tuple[str, str]]]:
    """A text ready for a flow, in which `pattern` finds what another system fills in; the group is its name.

    `meaning` gives what selfline says there instead. Numbers are written in the language of the text: the one that is `named`, or else
    that of its letters, or else `language`. Also returned: the names without a meaning, and the numbers to be looked at with their words.
    """
    unknown: list[str] = []
    doubtful: list[tuple[str, str]] = []
    pieces: list[str] = []
    language = named or _language_of_clause("".join(pattern.split(text)[::2]), None) or language
    for index, piece in enumerate(pattern.split(text)):
        if index % 2:
            said = meaning(piece.strip())
            unknown.extend([] if said else [piece.strip()])
            pieces.append(f"{{{{ {said} }}}}" if said else "")
        else:
            plain, numbers = _in_its_own_words(piece.replace("{{", " ").replace("}}", " "), named, language)
            doubtful.extend(numbers)
            pieces.append(plain)
    return " ".join("".join(pieces).split()), unknown, doubtful


def in_pieces(text: str) -> list[str]:
    """A text as prompts of the length that a prompt may have, cut between sentences, or between words."""
    pieces: list[str] = []
    for sentence in filter(None, _SENTENCE.split(text)) if len(text) > MAX_LENGTH else [text]:
        while len(sentence) > MAX_LENGTH:
            cut = sentence.rfind(" ", 1, MAX_LENGTH)
            cut = MAX_LENGTH if cut < 1 else cut
            pieces.append(sentence[:cut].strip())
            sentence = sentence[cut:].strip()
        joined = f"{pieces[-1]} {sentence}" if pieces else sentence
        if pieces and len(joined) <= MAX_LENGTH:
            pieces[-1] = joined
        else:
            pieces.append(sentence)
    return [piece for piece in pieces if piece.strip()]


def keys_named(text: str) -> list[str]:
    """The keys that a text (with numbers in words) tells a caller to press, in its order, each once."""
    found = [group for match in _KEYS_IN_ENGLISH.finditer(text) for group in match.groups() if group]
    found += [match[1] for match in _KEYS_IN_CHINESE.finditer(text)]
    return list(dict.fromkeys(_KEY_WORDS[word.lower()] for word in found))


def stand_in(file: str, language: str) -> str:
    """What the flow says in the place of a sound file whose words nobody knows."""
    name, _ = in_words(stem_of(file) or "sound", language)
    name = name.replace("{", "").replace("}", "")[:60].strip()
    return f"“{name}”的文字。" if language == CHINESE else f"Text of {name}."


def stem_of(file: str) -> str:
    """The name of a file or a page, without its folders, ending and query."""
    try:
        path = urlsplit(file.strip()).path
    except ValueError:
        path = file.strip()
    name = unquote(path).replace("\\", "/").rstrip("/").rpartition("/")[2]
    return re.sub(r"\.[A-Za-z0-9]{1,5}$", "", name)


def digit_file(file: str) -> str | None:
    """The number that a recording says which is named after it (digits/1.wav); None for any other."""
    found = re.search(r"(?:^|/)digits/(\d{1,2})(?:\.\w+)?$", file, re.ASCII)
    return found[1] if found else None
