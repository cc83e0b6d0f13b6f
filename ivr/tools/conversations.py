"""Conversations: what a caller does and hears, written in YAML. `flowtest` holds them with a flow.

    flow: ../1008611.yaml
    conversations:
      - name: A caller hears the balance and presses 2 for the usage
        caller: "13900001008"
        back_office:
          account: {balance: 35.62, data_left: 2.5GB, ...}     # a mapping, `not_found` or `failed`; or a list, for each try in turn
        steps:
          - hears: 您的账户余额是三十五元六角二分
          - press: "2"
          - hears: 本月已用流量
          - leave_message
        ticket: callback
        disposition: ticket_opened

`hears` must be part of what the line says in that turn, and `sms` of a text message it sends then, spaces and punctuation left out of
the comparison.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from ivr.core.events import BUSY, CALLBACK, NOBODY, TransferEnded
from ivr.core.flow import Mark
from ivr.core.state import Disposition
from ivr.core.values import LookupSignature, Value
from ivr.language.problems import Problem, did_you_mean
from ivr.language.prompts import LANGUAGES
from ivr.language.reader import Reader, duration, kind_of
from ivr.language.source import ScalarSource, Source, read_yaml
from ivr.tools.answers import Failure as Failure
from ivr.tools.answers import InTurn, read_answers

NOON = dt.datetime(2026, 3, 5, 12, 0, tzinfo=dt.timezone(dt.timedelta(hours=8)))
USUAL_CALLER = "13900001008"
EXPECTED = ("hears", "not_hears", "sms", "milestone")  # steps that look at what the line has done since the caller last did something
WITH_TEXT = (*EXPECTED, "press", "say", "say_unclearly", "later")  # steps written as `kind: text`
WORDS = (
    "silence",
    "nobody_listens",
    "hang_up",
    "leave_message",
    "message_saved",
    "leave_nothing",
    "message_fails",
    "answered",
    "unanswered",
    "busy",
    "nobody",
    "callback",
    "callback_saved",
    "sms_fails",
    "line_fails",
    "line_ends",
)

TRANSFERS: Mapping[str, tuple[bool, str, bool]] = {  # how a transfer ends: whether somebody answered, why not, whether there is a number
    "answered": (True, "", False),
    "unanswered": (False, "", False),
    "busy": (False, BUSY, False),
    "nobody": (False, NOBODY, False),
    "callback": (False, CALLBACK, True),
    "callback_saved": (False, CALLBACK, False),
}


def step_for(event: TransferEnded) -> str:
    """The step that says how a transfer ended."""
    ended = (event.answered, event.reason if event.reason in (BUSY, NOBODY, CALLBACK) else "", event.reference is not None)
    return next(word for word, how in TRANSFERS.items() if how == ended)


@dataclass(frozen=True, slots=True)
class Act:
    """One step of a conversation: `kind` is one of WITH_TEXT or WORDS."""

    kind: str
    text: str
    mark: Mark
    time: dt.timedelta = dt.timedelta(0)  # that passes, for `later`


@dataclass(frozen=True, slots=True)
class Conversation:
    """A whole conversation as it was written. What is None is not looked at; `marks` has the place of each key that was written."""

    name: str
    mark: Mark
    caller: str
    at: dt.datetime
    steps: tuple[Act, ...]
    answers: Mapping[str, Value | Failure | InTurn] = field(default_factory=dict)
    ticket: str | None = None  # its topic; "none" for no ticket
    disposition: str | None = None
    language: str = ""  # remembered from an earlier call
    crowded: bool = False
    slower: bool = False  # remembered from an earlier call, too
    louder: bool = False
    milestones: tuple[str, ...] | None = None
    outcome: str | None = None
    marks: Mapping[str, Mark] = field(default_factory=dict, compare=False)

    def mark_of(self, key: str) -> Mark:
        """Where a key is written; where the conversation begins if it is not."""
        return self.marks.get(key, self.mark)


@dataclass(frozen=True, slots=True)
class Script:
    """One file of conversations and the flow they are about, as a path relative to the file."""

    flow: str
    conversations: tuple[Conversation, ...]


def read_script(text: str, path: str, signatures: Mapping[str, LookupSignature]) -> tuple[Script | None, tuple[Problem, ...]]:
    """A file of conversations, or what is wrong with it."""
    root, found = read_yaml(text, path)
    problems = list(found)
    if root is None:
        return None, tuple(problems)
    reader = Reader(root, "a conversations file", problems)
    flow = reader.text("flow", required=True)
    conversations = [_read_conversation(item, signatures, problems) for item in reader.items("conversations", required=True)]
    reader.done()
    if problems or flow is None:
        return None, tuple(problems)
    return Script(flow.text, tuple(one for one in conversations if one is not None)), ()


def _read_conversation(source: Source, signatures: Mapping[str, LookupSignature], problems: list[Problem]) -> Conversation | None:
    reader = Reader(source, "a conversation", problems)
    name = reader.text("name", required=True)
    caller = _caller(reader)
    at = _moment(reader)
    language = reader.one_of("language", LANGUAGES)
    crowded, slower, louder = (reader.one_of(key, ("true", "false")) == "true" for key in ("crowded", "slower", "louder"))
    answers: dict[str, Value | Failure | InTurn] = {}
    for lookup, (key, answer) in reader.mapping("back_office").items():
        if lookup not in signatures:
            hint = did_you_mean(lookup, tuple(signatures))
            problems.append(Problem(key.mark, "unknown-lookup", f"the back office has no look-up '{lookup}'{hint}"))
        else:
            answers[lookup] = read_answers(answer, signatures[lookup], problems)
    steps = tuple(act for item in reader.items("steps", required=True) if (act := _read_act(item, problems)) is not None)
    ticket = reader.text("ticket")
    disposition = reader.one_of("disposition", [one.value for one in Disposition])
    milestones = _names(reader, "milestones")
    outcome = reader.text("outcome")
    reader.done()
    if name is None:
        return None
    return Conversation(
        name.text,
        reader.mark,
        caller,
        at,
        steps,
        answers,
        ticket.text if ticket else None,
        disposition,
        language or "",
        crowded,
        slower,
        louder,
        milestones,
        outcome.text if outcome else None,
        {key: reader.key_mark(key) for key in reader.keys},
    )


def _caller(reader: Reader) -> str:
    """The caller's number; "" when it is withheld."""
    caller = reader.text("caller")
    if reader.one_of("withheld", ("true", "false")) != "true":
        return USUAL_CALLER if caller is None else caller.text
    if caller is not None:
        reader.problem(reader.key_mark("withheld"), "bad-value", "a number that is withheld cannot be given as 'caller' too")
    return ""


def _names(reader: Reader, key: str) -> tuple[str, ...] | None:
    """A list of names, in which one may come twice."""
    if not reader.has(key):
        return None
    found: list[str] = []
    for item in reader.items(key):
        if isinstance(item, ScalarSource) and not item.is_null:
            found.append(item.text)
        else:
            reader.problem(item.mark, "wrong-type", f"'{key}' must be names, not {kind_of(item)}")
    return tuple(found)


def moment(text: str) -> dt.datetime | None:
    """The moment that a text says, in the usual callers' time unless it says another zone; None when it says none."""
    try:
        found = dt.datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=NOON.tzinfo)


def _moment(reader: Reader) -> dt.datetime:
    source = reader.text("at")
    found = moment(source.text) if source else NOON
    if source and found is None:
        reader.problem(source.mark, "bad-value", f"'{source.text}' is not a moment; write for example 2026-03-05T12:00")
    return found or NOON


def _read_act(source: Source, problems: list[Problem]) -> Act | None:
    if isinstance(source, ScalarSource):
        if source.text in WORDS:
            return Act(source.text, "", source.mark)
        if source.text in WITH_TEXT:
            problems.append(Problem(source.mark, "bad-value", f"'{source.text}' needs something after it: write '{source.text}: ...'"))
            return None
        hint = did_you_mean(source.text, (*WORDS, *WITH_TEXT))
        problems.append(Problem(source.mark, "bad-value", f"a step cannot be '{source.text}'{hint}"))
        return None
    reader = Reader(source, "a step", problems)
    kind = next((kind for kind in WITH_TEXT if reader.has(kind)), None)
    for other in WITH_TEXT if kind is None else ():
        reader.text(other)  # so that a misspelt one is told what it may be
    text = reader.text(kind) if kind else None
    reader.done()
    return _act(kind, text, problems) if kind and text else None


def _act(kind: str, text: ScalarSource, problems: list[Problem]) -> Act | None:
    time = dt.timedelta(0)
    if kind == "press" and re.fullmatch(r"[0-9*#]{1,64}", text.text) is None:
        problems.append(Problem(text.mark, "bad-value", f"'{text.text}' are not keys: write 0-9, * and #"))
        return None
    if kind == "later":
        passed = duration(text.text)
        if passed is None:
            problems.append(Problem(text.mark, "bad-value", f"'{text.text}' is not a duration; write for example 30s or 10min"))
            return None
        time = passed
    return Act(kind, text.text, text.mark, time)
