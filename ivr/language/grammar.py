"""What the table of the language is made of: the things a flow may be written with, their keys, and what each key takes.

The table itself is `forms`. The reader takes defaults, bounds and required keys from it; the JSON Schema and the reference page are
printed from it. So whoever adds a key adds it there, and everything that has to know it does.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum


class Takes(Enum):
    """The kinds of value a key may have: what the reference calls it, and how it is written."""

    VERSION = ("the version", "`1`")
    LINE = ("a line's name", "Up to 32 letters, digits, `-` and `_`. One that is all digits may stand without quotes.")
    LANGUAGES = ("languages", "A list of `zh-CN` and `en-US`, each once.")
    NODE = ("a node", "A node's name: small letters, digits and `_`, a letter first. In a sub-flow, `/name` is a node of the line itself.")
    NODES = ("nodes", "A mapping of names to nodes, one at least. No node is named `back`, `repeat`, `slower` or `louder`.")
    SUBFLOWS = ("sub-flows", "A mapping of names to sub-flows.")
    SUBFLOW = ("a sub-flow", "The name of a sub-flow of this file.")
    UNIVERSALS = (
        "single keys and nodes",
        "A mapping of single keys (`0` to `9`, `*`, `#`) to `back`, `repeat`, `slower`, `louder` or a node, or to a "
        "[choice](#a-choice) with one of these. `slower` and `louder` say it again so, and go on so; a second time, they undo it.",
    )
    CHOICES = (
        "keys and nodes",
        "A mapping of keys to nodes or [choices](#a-choice). A key is one of `0` to `9`, `*`, `#`, or a row of two to four without `#`.",
    )
    DEFAULTS = ("defaults", "A mapping, see [defaults](#defaults).")
    PROMPTS = ("prompts", "A prompt or a list of prompts, see [prompts](#prompts).")
    PROMPTS_IN_TURN = ("prompts, in turn", "A prompt for every failure, or a list: one for the first failure, one for the second, ...")
    LAST_WORDS = ("prompts, or nothing", "A prompt, a list of prompts, or nothing.")
    TRUTH = ("true or false", "`true` or `false`, without quotes.")
    COUNT = ("a whole number", "Digits, without quotes.")
    DURATION = ("a duration", "A number and `ms`, `s`, `min` or `h`: `500ms`, `1.5s`, `2min`. At most 24 hours.")
    NAME = ("a name", "Letters, digits and `_`, no digit first.")
    VALUE_NAME = ("a value's name", "A name, but not `call`, `ticket` or `language`: these are set by the line itself.")
    LOOKUP = ("a look-up", "The name of a look-up that the back office has.")
    ARGUMENTS = ("arguments", "A mapping of argument names to [expressions](flows.md#expressions).")
    VALUE = ("a value", "An [expression](flows.md#expressions).")
    RESULTS = ("results, or nothing", "A mapping of names to [expressions](flows.md#expressions), or nothing after the colon.")
    PARAMETERS = (
        "names and kinds",
        "A mapping of names to kinds: `text`, `digits`, `number`, `money`, `volume`, `duration`, `date`, `month`, `time`, `bool`, or "
        "`secret digits`.",
    )
    WORDS = ("names", "A list of names, each of letters, digits and `_`.")
    WORD = ("one of these names", "One of the names that the head of the flow declares.")
    FILES = ("files", "A file's name or a list of them, as seen from the flow's own file.")
    PHRASES = ("phrases", "A phrase or a list of phrases, or these by language. A phrase is words, without digits and marks.")
    SHARE = ("a share", "A number from `0` to `1`, with a point.")
    SPEECH = ("speech", "A mapping, see [speech](#speech).")
    LIMITS = ("limits", "A mapping, see [limits](#limits).")
    HOURS = ("opening hours", "A mapping of names to [opening hours](#opening-hours).")
    WEEK = (
        "the hours of a week",
        "Days (`mon`, `mon-fri`, `daily`) to hours (`08:30-12:00`) or a list of them. `22:00-02:00` goes past midnight, and its "
        "second part belongs to the next day; a day that is not named is closed.",
    )
    WEEKDAY = ("a day of the week", "One of `mon`, `tue`, `wed`, `thu`, `fri`, `sat` and `sun`.")
    ZONE = ("a time zone", "A name of the IANA's list, such as `Asia/Shanghai`.")
    HOURS_NAME = ("opening hours' name", "A name that stands under `hours` at the head of the flow.")
    ONE_KEY = ("a key", "One of `0` to `9`, `*` and `#`.")
    ASSIGNMENTS = ("values", "A mapping of names to [expressions](flows.md#expressions); `language` takes a language.")
    CONDITION = ("a condition", "An [expression](flows.md#expressions) that is true or false.")
    ARMS = ("arms", "A list of [arms](#an-arm-of-a-branch), the last one with `else`.")

    def __init__(self, words: str, written: str) -> None:
        self.words = words
        self.written = written


@dataclass(frozen=True, slots=True)
class Key:
    """One key. `default` and `example` are as a designer writes them."""

    name: str
    takes: Takes
    meaning: str
    example: str
    required: bool = False
    default: str = ""
    bounds: tuple[int, int] = (0, 0)


@dataclass(frozen=True, slots=True)
class Form:
    """A mapping of the language: a node of some type, or one of the mappings around the nodes."""

    name: str
    meaning: str
    keys: tuple[Key, ...]
    example: str
    _by_name: dict[str, Key] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_by_name", {key.name: key for key in self.keys})

    def __getitem__(self, name: str) -> Key:
        return self._by_name[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_name)
