"""What can be wrong with a flow, told to the person who wrote it: place, sentence, code."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ivr.core.marks import Mark

CODES = {
    "yaml": "The text is not YAML that can be read.",
    "yaml-limit": "The text is larger, deeper or trickier than a flow needs to be.",
    "duplicate-key": "A key stands twice in one mapping.",
    "unknown-key": "A key that means nothing here.",
    "missing-key": "A key that must be there is not.",
    "wrong-type": "A mapping, list or text stands where another is needed.",
    "bad-value": "A value is not one of those allowed.",
    "unknown-type": "A node has no key that says what it does, or several.",
    "unknown-target": "A node goes to a node that is not there.",
    "unknown-prompt": "A prompt is named that no prompts file has.",
    "missing-language": "A prompt lacks one of the flow's languages.",
    "unknown-language": "A language is used that the flow does not declare.",
    "unknown-lookup": "A look-up is named that the back office does not have.",
    "unknown-name": "An expression names a value that does not exist.",
    "bad-expression": "An expression cannot be read, or its types do not fit.",
    "bad-template": "A prompt's {{ ... }} cannot be read, or its value cannot be spoken that way.",
    "maybe-unset": "A value is used on a way where it may not have been looked up yet.",
    "secret-spoken": "A secret value would be spoken.",
    "unreachable": "A node that no call can come to.",
    "silent-loop": "Nodes lead round in a circle in which the caller is never heard.",
    "endless-call": "A sub-flow calls itself, by itself or through others.",
    "silent-only": "After the caller has hung up, a node would speak or listen.",
    "not-rendered": "No shipped audio says a text.",
}


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong. `str()` gives `path:line:column: error: sentence  [code]`."""

    mark: Mark
    code: str
    sentence: str
    severity: str = "error"

    def __str__(self) -> str:
        return f"{self.mark}: {self.severity}: {self.sentence}  [{self.code}]"


def in_order(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """Sorted by place, each once."""
    return tuple(
        sorted(
            set(problems), key=lambda problem: (problem.mark.path, problem.mark.line, problem.mark.column, problem.code, problem.sentence)
        )
    )


MAX_HINTS = 50  # looking for likely names takes its time, and whoever has fifty problems has another one


def did_you_mean(name: str, known: Sequence[str]) -> str:
    """'; did you mean ...?' when a known name is close, '; there are ...' when there are few, else nothing."""
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    if close:
        return f"; did you mean '{close[0]}'?"
    if 0 < len(known) <= 8:
        return f"; known here: {', '.join(sorted(known))}"
    return ""
