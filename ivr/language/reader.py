"""Typed reading of one mapping: each method reads one key, reports what is wrong with it, and goes on with something usable.

With a `Form` of the language's table, the keys are those of the form, and so are what is required, the defaults and the bounds.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Mapping

from ivr.core.expressions import KEYWORDS
from ivr.core.marks import Mark
from ivr.language.grammar import Form
from ivr.language.problems import Problem, did_you_mean, likely
from ivr.language.source import ListSource, MappingSource, ScalarSource, Source

_DURATION = re.compile(r"([0-9]{1,6}(?:\.[0-9]{1,3})?)(ms|s|min|h)")
_SECONDS = {"ms": 0.001, "s": 1.0, "min": 60.0, "h": 3600.0}
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
_KEY = re.compile(r"[0-9*#]")
_SHARE = re.compile(r"0(\.[0-9]{1,3})?|1(\.0{1,3})?")
ANYWHERE = ("milestone", "outcome")  # keys that every node may have, which would crowd out those of its own in a hint
MAX_DURATION = dt.timedelta(hours=24)


class Reader:
    """One mapping. Call the reading methods for every key it may have, then `done()`."""

    def __init__(self, source: Source, what: str, problems: list[Problem], mark: Mark | None = None, form: Form | None = None) -> None:
        self.mark = mark or source.mark
        self.what = what
        self.problems = problems
        self._form = form
        self._entries: dict[str, tuple[ScalarSource, Source]] = {}
        self._read: set[str] = set()
        self.readable = isinstance(source, MappingSource)
        if isinstance(source, MappingSource):
            self._entries = {key.text: (key, value) for key, value in source.entries}
        else:
            self.problem(source.mark, "wrong-type", f"{what} must be a mapping (key: value), not {kind_of(source)}")

    def problem(self, mark: Mark, code: str, sentence: str) -> None:
        """Report."""
        self.problems.append(Problem(mark, code, sentence))

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys that are there."""
        return tuple(self._entries)

    def has(self, key: str) -> bool:
        """Whether a key is there."""
        return key in self._entries

    def key_mark(self, key: str) -> Mark:
        """Where a key stands; the mapping itself when it is absent."""
        return self._entries[key][0].mark if key in self._entries else self.mark

    def source(self, key: str, *, required: bool | None = None) -> Source | None:
        """What stands under a key, unread. The form says whether it is required, unless the caller does."""
        if required is None:
            required = self._form is not None and self._form[key].required
        missing = required and self.readable and key not in self._entries and key not in self._read
        self._read.add(key)
        if missing:
            self.problem(self.mark, "missing-key", f"{self.what} needs '{key}'")
        return self._entries[key][1] if key in self._entries else None

    def pass_over(self, *keys: str) -> None:
        """Leave keys unread on purpose: that they should not be there has been told."""
        self._read.update(keys)

    def text(self, key: str, *, required: bool | None = None) -> ScalarSource | None:
        """A text, with its place."""
        source = self.source(key, required=required)
        if source is None:
            return None
        if isinstance(source, ScalarSource) and not source.is_null:
            return source
        self.problem(source.mark, "wrong-type", f"'{key}' must be a text, not {kind_of(source)}")
        return None

    def name(self, key: str, *, required: bool | None = None, taken: Iterable[str] = ()) -> str | None:
        """A name: letters, digits and underscores. Those `taken` are refused."""
        source = self.text(key, required=required)
        if source is None:
            return None
        if sentence := bad_name(source.text, taken):
            self.problem(source.mark, "bad-value", sentence)
            return None
        return source.text

    def one_of(self, key: str, values: Iterable[str], *, required: bool | None = None) -> str | None:
        """One of a few words."""
        source = self.text(key, required=required)
        known = tuple(values)
        if source is None:
            return None
        if source.text not in known:
            hint = did_you_mean(source.text, known)
            self.problem(source.mark, "bad-value", f"'{key}' cannot be '{source.text}'{hint}")
            return None
        return source.text

    def boolean(self, key: str) -> bool:
        """true or false."""
        return (self.one_of(key, ("true", "false")) or self._default(key)) == "true"

    def integer(self, key: str, default: int | None = None) -> int:
        """A whole number between the form's bounds; the form's default unless there is another."""
        source = self.text(key)
        if default is None:
            default = int(self._default(key) or 0)
        if source is None:
            return default
        assert self._form is not None
        lowest, highest = self._form[key].bounds
        if not (source.text.isascii() and source.text.isdigit() and len(source.text) < 10 and lowest <= int(source.text) <= highest):
            self.problem(source.mark, "bad-value", f"'{key}' must be a whole number from {lowest} to {highest}, not '{source.text}'")
            return default
        return int(source.text)

    def duration(self, key: str, default: dt.timedelta | None = None) -> dt.timedelta:
        """A duration: 500ms, 5s, 2min, 1h; the form's default unless there is another."""
        source = self.text(key)
        value = duration(source.text) if source else None
        if source and value is None:
            self.problem(source.mark, "bad-value", f"'{source.text}' is not a duration; write for example 5s, 500ms or 2min")
        value = value or default or duration(self._default(key))
        assert value is not None
        return value

    def share(self, key: str) -> float:
        """A number from 0 to 1; the form's default unless there is one."""
        source = self.text(key)
        if source is not None and _SHARE.fullmatch(source.text) is None:
            self.problem(source.mark, "bad-value", f"'{key}' must be a number from 0 to 1, such as 0.7, not '{source.text[:40]}'")
            source = None
        return float(self._default(key) if source is None else source.text)

    def key(self, key: str) -> str:
        """A key of the telephone; the form's default unless there is one."""
        source = self.text(key)
        if source is None:
            return self._default(key)
        if _KEY.fullmatch(source.text) is None:
            self.problem(source.mark, "bad-value", f"'{source.text[:40]}' is not a key: write one of 0-9, * and #")
            return self._default(key)
        return source.text

    def words(self, key: str) -> tuple[str, ...]:
        """A list of names, each once."""
        found: list[str] = []
        for item in self.items(key):
            if not isinstance(item, ScalarSource) or item.is_null:
                self.problem(item.mark, "wrong-type", f"'{key}' must be names, not {kind_of(item)}")
            elif _NAME.fullmatch(item.text) is None:
                self.problem(item.mark, "bad-value", f"'{item.text[:40]}' is not a name: letters, digits and _ only, no digit first")
            elif item.text in found:
                self.problem(item.mark, "bad-value", f"'{item.text}' is named twice")
            else:
                found.append(item.text)
        return tuple(found)

    def texts(self, key: str) -> tuple[ScalarSource, ...]:
        """A text or a list of texts, each with its place."""
        source = self.source(key)
        sources = source.items if isinstance(source, ListSource) else () if source is None else (source,)
        for one in sources:
            if not isinstance(one, ScalarSource) or one.is_null:
                self.problem(one.mark, "wrong-type", f"'{key}' must be a text or a list of texts, not {kind_of(one)}")
        return tuple(one for one in sources if isinstance(one, ScalarSource) and not one.is_null)

    def _default(self, key: str) -> str:
        assert self._form is not None, f"'{key}' has a default only in a form"
        return self._form[key].default

    def mapping(self, key: str, *, required: bool | None = None) -> Mapping[str, tuple[ScalarSource, Source]]:
        """A mapping under a key, entry by entry; empty when absent or wrong."""
        source = self.source(key, required=required)
        if source is None:
            return {}
        if isinstance(source, MappingSource):
            return {name.text: (name, value) for name, value in source.entries}
        self.problem(source.mark, "wrong-type", f"'{key}' must be a mapping (key: value), not {kind_of(source)}")
        return {}

    def items(self, key: str, *, required: bool | None = None) -> tuple[Source, ...]:
        """A list under a key; empty when absent or wrong."""
        source = self.source(key, required=required)
        if source is None:
            return ()
        if isinstance(source, ListSource):
            return source.items
        self.problem(source.mark, "wrong-type", f"'{key}' must be a list, not {kind_of(source)}")
        return ()

    def done(self) -> None:
        """Every key has been read: what is left over is unknown."""
        for key, (source, _) in self._entries.items():
            if key not in self._read:
                known = set(self._form) if self._form else self._read
                names = sorted(known - set(self._entries)) or sorted(known)
                hint = likely(key, names) or did_you_mean(key, [name for name in names if name not in ANYWHERE])
                self.problem(source.mark, "unknown-key", f"{self.what} has no key '{key}'{hint}")


def duration(text: str) -> dt.timedelta | None:
    """The duration that a text says; None when it says none."""
    match = _DURATION.fullmatch(text)
    value = dt.timedelta(seconds=float(match[1]) * _SECONDS[match[2]]) if match else dt.timedelta(0)
    return value if dt.timedelta(0) < value <= MAX_DURATION else None


def bad_name(text: str, taken: Iterable[str] = ()) -> str:
    """What is wrong with the name of a value; "" when nothing is."""
    if text in taken:
        return f"'{text}' is set by the line itself; choose another name"
    if text in KEYWORDS:
        return f"'{text}' means something in expressions already; choose another name"
    return "" if _NAME.fullmatch(text) else f"'{text[:40]}' is not a name: letters, digits and _ only, no digit first"


def kind_of(source: Source) -> str:
    """What stands there, in words."""
    match source:
        case MappingSource():
            return "a mapping"
        case ListSource():
            return "a list"
        case ScalarSource() if source.is_null:
            return "nothing"
        case ScalarSource():
            return f"'{source.text[:40]}'"
