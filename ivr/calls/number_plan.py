"""Which numbers may be called back: those of the line's plan, written in digits, and never one of the line's own.

A caller ID can be forged, and a number that costs money to call would be rung up at the line's expense: so a list of what is allowed,
which premium, foreign and satellite numbers are not on.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_COUNTRY = re.compile(r"(?:\+|00)86")
_WHOLE = re.compile(r"0|1[3-9]")  # how a number begins that is dialled as it is; else it is a landline without its 0
_DIGITS = re.compile(r"[0-9]{3,20}")


def national(number: str) -> str:
    """The number of a caller ID as it is dialled in China."""
    if not (country := _COUNTRY.match(number)):
        return number
    rest = number[country.end() :]
    return rest if _WHOLE.match(rest) else f"0{rest}"


class NumberPlan:
    """The list: regular expressions of whole numbers, and the numbers of the line itself."""

    def __init__(self, patterns: Iterable[str], own: Iterable[str] = ()) -> None:
        self._patterns = tuple(re.compile(pattern, re.ASCII) for pattern in patterns)
        self._own = frozenset(own)

    def dialled(self, number: str, own: Iterable[str] = ()) -> str | None:
        """The digits to dial for a caller ID; None when it must not be dialled. `own` are more numbers of the line."""
        digits = national(number)
        if not _DIGITS.fullmatch(digits) or digits in self._own or digits in frozenset(own):
            return None
        return digits if any(pattern.fullmatch(digits) for pattern in self._patterns) else None
