"""What can be wrong with a flow, told to the person who wrote it: place, sentence, code."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ivr.core.marks import Mark


@dataclass(frozen=True, slots=True)
class Code:
    """A kind of problem: how it comes about, and what to do about it."""

    cause: str
    cure: str


CODES: Mapping[str, Code] = {
    "yaml": Code(
        "The text is not YAML that can be read.",
        "Look at the place and the line before it: a missing ':', a quote or bracket that is not closed, a tab, or lines that are not in "
        "line. A text with ': ' or ' #' in it, or with a bracket or another mark first, needs quotes.",
    ),
    "yaml-limit": Code(
        "The text is larger, deeper or trickier than a flow needs to be.",
        "Write out what an anchor, alias or tag stands for, and split a file that is too large.",
    ),
    "duplicate-key": Code(
        "A key stands twice in one mapping, and only one of the two could count.",
        "Rename one, or take it out. Two nodes of a line need two names, two keys of a menu two digits.",
    ),
    "unknown-key": Code(
        "A key that means nothing here, so that what it says would silently be ignored.",
        "Mend the spelling, or look the node's keys up in the reference; what belongs to another node must move there.",
    ),
    "missing-key": Code(
        "A key that must be there is not: the line would not know what to do.",
        "Add the key. Where calls go after too many failures is best said once for all menus, under 'defaults'.",
    ),
    "wrong-type": Code(
        "A mapping, list or text stands where another is needed.",
        "Write 'key: value' lines for a mapping, '- ' lines or [ ] for a list. Nothing after a ':' is nothing, not an empty text.",
    ),
    "bad-value": Code(
        "A value is not one of those allowed.",
        "The message says what may stand there: a number within its bounds, a duration such as 5s, a name of letters, digits and _.",
    ),
    "unknown-type": Code(
        "A node has no key that says what it does, or several.",
        "Give each node exactly one of the node types of the reference, and make two nodes of one that does two things.",
    ),
    "unknown-target": Code(
        "A node goes to a node that is not there.",
        "Mend the spelling or add the node. From a sub-flow a node of the line is written '/name'; into a sub-flow leads only 'call'.",
    ),
    "unknown-prompt": Code(
        "A prompt is named that no prompts file has. A single word in small letters is always a prompt's name.",
        "Mend the spelling, add the prompt to prompts/<language>.yaml, or write the text itself: '{en-US: hello}'.",
    ),
    "missing-language": Code(
        "A prompt lacks one of the flow's languages: a caller of that language would hear nothing.",
        "Add the text in that language, or take the language out of 'languages'.",
    ),
    "unknown-language": Code(
        "A language is used that the flow does not declare, or that selfline does not speak.",
        "Add it to 'languages' at the head of the flow; zh-CN and en-US are spoken.",
    ),
    "unknown-file": Code(
        "A file is named that is not there.",
        "Mend the name: it is seen from the flow's own file.",
    ),
    "unknown-hours": Code(
        "Opening hours are named that the head of the flow does not have.",
        "Mend the spelling, or say under 'hours' when somebody is there.",
    ),
    "undeclared": Code(
        "A milestone or an outcome is named that the head of the flow does not declare: a misspelt one would be counted apart.",
        "Mend the spelling, or add the name to the list under 'milestones' or 'outcomes'.",
    ),
    "unknown-lookup": Code(
        "A look-up is named that the back office does not have.",
        "Mend the spelling, or add the look-up to the back office and its signatures.",
    ),
    "unknown-name": Code(
        "An expression names a value or a field that does not exist.",
        "Mend the spelling; name the look-up's answer with 'as', or set a first value with 'set' in a node before this one.",
    ),
    "bad-expression": Code(
        "An expression cannot be read, or its types do not fit.",
        "Look at the marked character. Texts need quotes within the expression, and money, numbers and texts are not compared with one "
        "another.",
    ),
    "bad-template": Code(
        "A prompt's {{ ... }} cannot be read, its value cannot be spoken that way, or the text has digits in it.",
        "Write '{{ value | kind }}' with a kind that fits the value, and write fixed numbers as words.",
    ),
    "maybe-unset": Code(
        "A value is used on a way where it may not have been looked up or keyed yet: after a failure, or by a universal key.",
        "Look it up or set it on that way too, or lead that way to a node that does not need it.",
    ),
    "secret-spoken": Code(
        "A secret value would be spoken or copied.",
        "Pass it to a look-up under 'with' and nothing else, or to a sub-flow that takes 'secret digits'.",
    ),
    "unreachable": Code(
        "A node that no call can come to. It is a warning: the flow works without it.",
        "Lead a way to it, or take it out.",
    ),
    "silent-loop": Code(
        "Nodes lead round in a circle in which the caller is never heard, so that a call could go on for ever.",
        "Put a menu into the circle, lead 'exhausted' or 'failed' out of it, or count with 'set' and end it with 'branch'.",
    ),
    "calendar": Code(
        "A calendar file is not there or cannot be read, or an event in it says nothing certain.",
        "Export it again as iCalendar (.ics), or mend the event at the line. Give a rule that goes on for ever an end with UNTIL. "
        "As a warning: the calendar is read, but perhaps not as it is meant.",
    ),
    "endless-call": Code(
        "A sub-flow calls itself, by itself or through others, and would never come back as often as it was entered.",
        "Go on within the sub-flow with 'goto' instead of 'call'.",
    ),
    "unheard": Code(
        "A phrase has a word that the recogniser of its language does not know, so that it would never be heard. Found by 'ivr publish', "
        "which asks the recogniser that is set up.",
        "Say it in other words, or give the line a model that knows the word.",
    ),
    "silent-only": Code(
        "After the caller has hung up, a node would speak, listen or transfer.",
        "Let only look-ups, branches, 'set', 'goto' and an empty 'hangup' follow 'on_hangup'.",
    ),
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
MAX_LISTED = 12  # names that are all listed when none is likely
MAX_KNOWN = 1500  # names looked through for a likely one; only a file made to hurt has more


def did_you_mean(name: str, known: Sequence[str]) -> str:
    """'; did you mean ...?' when a known name is close, '; there are ...' when there are few, else nothing."""
    if found := likely(name, known):
        return found
    return f"; known here: {', '.join(sorted(known))}" if 0 < len(known) <= MAX_LISTED else ""


def likely(name: str, known: Sequence[str]) -> str:
    """'; did you mean ...?' when a known name is close, else nothing."""
    close = difflib.get_close_matches(name, known[:MAX_KNOWN], n=1, cutoff=0.6)
    return f"; did you mean '{close[0]}'?" if close else ""
