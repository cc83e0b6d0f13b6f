"""How English is heard: the way Americans and others say numbers, and the way recognisers write them.

A number is read by the rules by which it is said: hundreds before tens before ones, thousands after millions, "and" only where it
can stand. "One twenty", "thirty-five sixty-two" and "forty four oh" are no numbers, for they may mean several.
"""

from __future__ import annotations

import re
from decimal import Decimal
from itertools import pairwise

_ONES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_TEENS = ("ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen")
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_SCALES = {"billion": 10**9, "million": 10**6, "thousand": 10**3}
_DIALLED = {**{word: str(value) for value, word in enumerate(_ONES)}, "oh": "0", "o": "0"}
_TIMES = {"double": 2, "triple": 3, "treble": 3}
_SEVERAL = {**{f"{word}s": digit for word, digit in _DIALLED.items()}, "zeroes": "0", "sixes": "6"}
_BELOW_HUNDRED = {
    **{word: value for value, word in enumerate((*_ONES, *_TEENS)) if value},
    **{word: value * 10 for value, word in enumerate(_TENS, 2)},
    **{f"{ten} {one}": tens * 10 + ones for tens, ten in enumerate(_TENS, 2) for ones, one in enumerate(_ONES) if ones},
}

_HESITATIONS = re.compile(r"\b(?:um+|uh+|uhm|er+|erm|hmm+|ah)\b")
_BEFORE = re.compile(
    r"(?:(?:well|okay|ok|so|yes|yeah|hello|hi|it's|it is|that's|that is|(?:my|the)(?: (?:phone|mobile|card|account|reference|order))? "
    r"(?:number|code|pin|amount|reference)(?: is|'s)?)\b[\s,.]*)+"
)
_AFTER = re.compile(r"(?:[\s,.!?]|\b(?:please|thanks|thank you)\b)+$")
_FIGURES = re.compile(r"0|[1-9][0-9]*|[1-9][0-9]{0,2}(?:,[0-9]{3})+")
_YUAN = re.compile(r"(?:(?P<yuan>.+) )?(?:yuan|kuai|rmb|renminbi)(?: (?:and )?(?P<rest>.+))?")


def digits(text: str) -> str | None:
    """one eight five, oh double four, four zeros."""
    said = _bare(text)
    if said.startswith("-"):
        return None
    found, times, tokens = "", 1, re.sub(r"[,\-]|\.(?=\s)", " ", said).split()
    for token, following in pairwise([*tokens, ""]):
        if token in _TIMES and times == 1:
            times = _TIMES[token]
        elif following in _SEVERAL and times == 1 and "2" <= _digit(token) <= "9":
            times = int(_digit(token))
        elif times > 1 and (repeated := _digit(token) or _SEVERAL.get(token, "")):
            found, times = found + repeated * times, 1
        elif times == 1 and (once := _DIALLED.get(token) or (token if re.fullmatch("[0-9]+", token) else "")):
            found += once
        else:
            return None
    return found if found and times == 1 else None


def number(text: str) -> Decimal | None:
    """minus two hundred and thirty-four point five; 3,380; 2.5 million; two and a half."""
    sign, said = _signed(_words(_bare(text)))
    value = _number(said)
    return None if value is None else sign * value


def amount(text: str) -> Decimal | None:
    """thirty-five yuan sixty-two; thirty-six yuan oh five; fifty fen; 35.62; minus thirty yuan."""
    sign, said = _signed(_words(re.sub(r"^(?:¥|￥|rmb\b|renminbi\b)\s*(?=\S)", "", _bare(text))))
    value = _amount(said)
    return None if value is None else sign * value


def _digit(token: str) -> str:
    return _DIALLED.get(token) or (token if re.fullmatch("[0-9]", token) else "")


def _bare(text: str) -> str:
    """In small letters, without what people say around a value."""
    said = _HESITATIONS.sub(" ", text.lower().replace("’", "'"))
    said = _AFTER.sub("", re.sub(r"^[\s,.]+", "", said))
    found = _BEFORE.match(said)
    return said[found.end() :].lstrip(" ,.") if found else said


def _words(said: str) -> str:
    """Single spaces, no hyphens between words, no commas behind thousands."""
    said = re.sub(r"(?<=[a-z])-(?=[a-z])", " ", said)
    return " ".join(re.sub(r"\b(thousand|million|billion),", r"\1", said).split())


def _signed(said: str) -> tuple[int, str]:
    found = re.match(r"(?:minus|negative) |-(?=[0-9])", said)
    return (-1, said[found.end() :]) if found else (1, said)


def _number(said: str) -> Decimal | None:
    broken, scale = said, 1
    for name, size in _SCALES.items():
        if said.endswith(f" {name}"):
            broken, scale = said.removesuffix(f" {name}"), size
    for value in (_with_decimals(broken), _and_a_half(broken)):
        if value is not None:
            return value * scale
    whole = _whole(said)
    return None if whole is None else Decimal(whole)


def _with_decimals(said: str) -> Decimal | None:
    """Two point five, 2.5, point five."""
    if re.fullmatch(r"[0-9,]+\.[0-9]+", said):
        return Decimal(said.replace(",", "")) if _FIGURES.fullmatch(said.partition(".")[0]) else None
    before, point, after = f" {said}".partition(" point ")
    figures = [_digit(token) for token in after.split()]
    whole = _whole(before.strip()) if before else 0
    return Decimal(f"{whole}.{''.join(figures)}") if point and whole is not None and all(figures) else None


def _and_a_half(said: str) -> Decimal | None:
    before, half, _ = said.partition(" and a half")
    whole = _whole(before) if half and said.endswith(half) else None
    return None if whole is None else whole + Decimal("0.5")


def _whole(said: str) -> int | None:
    if _FIGURES.fullmatch(said):
        return int(said.replace(",", ""))
    if said == "zero":
        return 0
    total, rest = 0, said
    for name, size in _SCALES.items():
        before, found, after = f"{rest} ".partition(f" {name} ")
        if found:
            many = 1 if before == "a" else _below_thousand(before)
            if many is None:
                return None
            total, rest = total + many * size, after.strip()
    if total and not rest:
        return total
    group = _below_thousand(rest.removeprefix("and ") if total else rest, hundreds=not total)
    return None if group is None or (rest.startswith("and ") and group >= 100) else total + group


def _below_thousand(said: str, *, hundreds: bool = False) -> int | None:
    """Up to 999; with `hundreds`, also twelve hundred."""
    if re.fullmatch("[1-9][0-9]{0,2}", said):
        return int(said)
    before, hundred, after = f"{said} ".partition(" hundred ")
    if not hundred:
        return _BELOW_HUNDRED.get(said)
    many = 1 if before == "a" else _BELOW_HUNDRED.get(before)
    rest = after.strip().removeprefix("and ")
    tail = _BELOW_HUNDRED.get(rest) if rest else 0
    if many is None or tail is None or (many >= 10 and (not hundreds or many % 10 == 0)):
        return None
    return many * 100 + tail


def _amount(said: str) -> Decimal | None:
    found = _YUAN.fullmatch(said)
    if not found:
        fen = _small_change(said)
        return _number(said) if fen is None else Decimal(fen) / 100
    yuan = _number(found["yuan"] or "")
    if yuan is None or not found["rest"]:
        return yuan
    left = _fen_left(found["rest"])
    fen = _small_change(found["rest"]) if left is None else left
    return None if fen is None or "point" in found["yuan"] or "." in found["yuan"] else yuan + Decimal(fen) / 100


def _fen_left(said: str) -> int | None:
    """What is left behind "yuan": sixty-two, oh five, 05. A single digit may be either jiao or fen."""
    if re.fullmatch("[0-9]{2}", said):
        return int(said)
    if said.startswith(("oh ", "o ", "zero ")):
        return _BELOW_HUNDRED.get(said.partition(" ")[2]) if said.partition(" ")[2] in _ONES[1:] else None
    value = _BELOW_HUNDRED.get(said)
    return value if value is not None and value >= 10 else None


def _small_change(said: str) -> int | None:
    """Six jiao, six jiao two fen, sixty-two fen."""
    found = re.fullmatch(r"(?:(?P<jiao>\S+) (?:jiao|mao))?(?:(?:^| )(?:and )?(?P<fen>.+) fen)?", said)
    if not found or not said:
        return None
    jiao = _small(found["jiao"], below=10)
    fen = _small(found["fen"], below=10 if found["jiao"] else 100)
    return None if jiao is None or fen is None else jiao * 10 + fen


def _small(said: str | None, below: int) -> int | None:
    if said is None:
        return 0
    value = int(said) if re.fullmatch("[1-9][0-9]?", said) else _BELOW_HUNDRED.get(said)
    return value if value is not None and value < below else None
