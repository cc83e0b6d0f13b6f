"""The patterns by which other systems name rows of keys: /^(10[01][0-9])$/ is twenty extensions.

A pattern is written out, never run: what stands for too many rows, or for rows without end, is refused.
"""

from __future__ import annotations

from dataclasses import dataclass

MAX_ROWS = 100
MAX_LENGTH = 100
_KEYS = "0123456789*#"


class TooMany(Exception):
    """The pattern stands for more rows than a menu should have, or is written in a way that is not read here."""


@dataclass(frozen=True, slots=True)
class Row:
    """A row of keys that fits, and what $1, $2, ... are then."""

    keys: str
    groups: tuple[tuple[int, str], ...] = ()

    def filled_in(self, text: str) -> str:
        """A text with $1, $2, ... written out."""
        for number, keys in self.groups:
            text = text.replace(f"${number}", keys).replace(f"${{{number}}}", keys)
        return text


def rows_of(pattern: str) -> tuple[Row, ...]:
    """All rows that a pattern stands for, in its order, each once. Raises TooMany."""
    if len(pattern) > MAX_LENGTH or not pattern.startswith("^") or not pattern.endswith("$") or pattern.endswith("\\$"):
        raise TooMany
    reader = _Reader(pattern[1:-1])
    rows = reader.alternatives()
    if reader.rest:
        raise TooMany
    return tuple({row.keys: row for row in reversed(rows)}.values())[::-1]


class _Reader:
    def __init__(self, pattern: str) -> None:
        self.rest = pattern
        self._groups = 0

    def alternatives(self) -> list[Row]:
        rows = self._sequence()
        while self.rest.startswith("|"):
            self._take()
            rows += self._sequence()
        return _few(rows)

    def _take(self) -> str:
        if not self.rest:
            raise TooMany
        first, self.rest = self.rest[0], self.rest[1:]
        return first

    def _sequence(self) -> list[Row]:
        rows = [Row("")]
        while self.rest and self.rest[0] not in "|)":
            piece = self._piece()
            least, most = self._times()
            repeated: list[Row] = []
            for times in range(least, most + 1):
                some = rows
                for _ in range(times):
                    some = _few([Row(before.keys + after.keys, before.groups + after.groups) for before in some for after in piece])
                repeated += some
            rows = _few(repeated)
        return rows

    def _piece(self) -> list[Row]:
        first = self._take()
        if first == "(":
            counts = not self.rest.startswith("?:")
            number = self._groups = self._groups + counts
            self.rest = self.rest.removeprefix("?:")
            rows = self.alternatives()
            if self._take() != ")":
                raise TooMany
            return [Row(row.keys, (*row.groups, (number, row.keys))) for row in rows] if counts else rows
        if first == "[":
            return [Row(key) for key in self._class()]
        if first == "\\":
            first = self._take()
            if first == "d":
                return [Row(key) for key in "0123456789"]
        elif first == ".":
            return [Row(key) for key in "0123456789*"]
        elif first in "*+?{}^$":
            raise TooMany
        if first not in _KEYS:
            raise TooMany
        return [Row(first)]

    def _class(self) -> str:
        body, closed, self.rest = self.rest.partition("]")
        negated = body.startswith("^")
        body = body.removeprefix("^").replace("\\d", "0-9").replace("\\", "")
        keys, place = "", 0
        while place < len(body):
            if body[place + 1 : place + 2] == "-" and body[place + 2 : place + 3].isdigit() and body[place].isdigit():
                keys += "".join(str(key) for key in range(int(body[place]), int(body[place + 2]) + 1))
                place += 3
            else:
                keys += body[place]
                place += 1
        if not closed or not keys or any(key not in _KEYS for key in keys):
            raise TooMany
        return "".join(key for key in "0123456789*" if key not in keys) if negated else "".join(dict.fromkeys(keys))

    def _times(self) -> tuple[int, int]:
        if self.rest.startswith("?"):
            self._take()
            return 0, 1
        if self.rest.startswith("{"):
            inside, closed, self.rest = self.rest[1:].partition("}")
            least, comma, most = inside.partition(",")
            if not closed or not least.isdecimal() or (comma and not most.isdecimal()) or len(least + most) > 4:
                raise TooMany
            return int(least), min(int(most or least), 9)
        if self.rest[:1] in ("*", "+") and self.rest:
            raise TooMany
        return 1, 1


def _few(rows: list[Row]) -> list[Row]:
    if len(rows) > MAX_ROWS:
        raise TooMany
    return rows
