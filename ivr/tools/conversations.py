"""Conversations: what a caller does and hears, written in YAML. `flowtest` holds them with a flow.

    flow: ../1008611.yaml
    conversations:
      - name: A caller hears the balance and presses 2 for the usage
        caller: "13900001008"
        back_office:
          account: {balance: 35.62, data_left: 2.5GB, ...}     # a mapping, `not_found` or `failed`
        steps:
          - hears: 您的账户余额是三十五元六角二分
          - press: "2"
          - hears: 本月已用流量
          - leave_message
        ticket: callback
        disposition: ticket_opened

`hears` must be part of what the line says in that turn, spaces and punctuation left out of the comparison. Back-office answers that a
conversation does not give come from the shipped sample subscriber of that number, where the runner is given one.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation

from ivr.core.expression_types import describe
from ivr.core.flow import Mark
from ivr.core.state import Disposition
from ivr.core.values import Kind, ListOf, LookupSignature, Record, Scalar, Type, Value
from ivr.language.problems import Problem, did_you_mean
from ivr.language.reader import Reader, kind_of
from ivr.language.source import ListSource, MappingSource, ScalarSource, Source, read_yaml

NOON = dt.datetime(2026, 3, 5, 12, 0, tzinfo=dt.timezone(dt.timedelta(hours=8)))
WORDS = (
    "silence",
    "hang_up",
    "leave_message",
    "message_saved",
    "leave_nothing",
    "message_fails",
    "answered",
    "unanswered",
    "line_fails",
    "line_ends",
)
_VOLUME = re.compile(r"(\d+(?:\.\d+)?)(B|KB|MB|GB|TB)")
_DURATION = re.compile(r"(\d+)(s|min|h)")


@dataclass(frozen=True, slots=True)
class Act:
    """One step of a conversation: `kind` is hears, not_hears, press or one of WORDS."""

    kind: str
    text: str
    mark: Mark


@dataclass(frozen=True, slots=True)
class Failure:
    """What a look-up does instead of answering."""

    reason: str


@dataclass(frozen=True, slots=True)
class Conversation:
    """A whole conversation as it was written."""

    name: str
    mark: Mark
    caller: str
    at: dt.datetime
    steps: tuple[Act, ...]
    answers: Mapping[str, Value | Failure] = field(default_factory=dict)
    ticket: str | None = None  # its topic; "none" for no ticket
    disposition: str | None = None


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
    caller = reader.text("caller")
    at = _moment(reader)
    answers: dict[str, Value | Failure] = {}
    for lookup, (key, answer) in reader.mapping("back_office").items():
        if lookup not in signatures:
            hint = did_you_mean(lookup, tuple(signatures))
            problems.append(Problem(key.mark, "unknown-lookup", f"the back office has no look-up '{lookup}'{hint}"))
        else:
            answers[lookup] = _read_answer(answer, signatures[lookup], problems)
    steps = tuple(act for item in reader.items("steps", required=True) if (act := _read_act(item, problems)) is not None)
    ticket = reader.text("ticket")
    disposition = reader.one_of("disposition", [one.value for one in Disposition])
    reader.done()
    if name is None:
        return None
    number = caller.text if caller else "13900001008"
    return Conversation(name.text, reader.mark, number, at, steps, answers, ticket.text if ticket else None, disposition)


def _moment(reader: Reader) -> dt.datetime:
    source = reader.text("at")
    if source is None:
        return NOON
    try:
        moment = dt.datetime.fromisoformat(source.text)
    except ValueError:
        reader.problem(source.mark, "bad-value", f"'{source.text}' is not a moment; write for example 2026-03-05T12:00")
        return NOON
    return moment if moment.tzinfo else moment.replace(tzinfo=NOON.tzinfo)


def _read_act(source: Source, problems: list[Problem]) -> Act | None:
    if isinstance(source, ScalarSource):
        if source.text in WORDS:
            return Act(source.text, "", source.mark)
        known = (*WORDS, "hears", "not_hears", "press")
        problems.append(Problem(source.mark, "bad-value", f"a step cannot be '{source.text}'{did_you_mean(source.text, known)}"))
        return None
    reader = Reader(source, "a step", problems)
    for kind in ("hears", "not_hears", "press"):
        if reader.has(kind) and (text := reader.text(kind)):
            reader.done()
            if kind == "press" and re.fullmatch(r"[0-9*#]{1,64}", text.text) is None:
                problems.append(Problem(text.mark, "bad-value", f"'{text.text}' are not keys: write 0-9, * and #"))
                return None
            return Act(kind, text.text, text.mark)
    reader.done()
    return None


def _read_answer(source: Source, signature: LookupSignature, problems: list[Problem]) -> Value | Failure:
    if isinstance(source, ScalarSource) and source.text in ("not_found", "failed", "deadline"):
        return None if source.text == "not_found" else Failure(source.text)
    if not isinstance(source, MappingSource):
        problems.append(Problem(source.mark, "wrong-type", "an answer is a mapping of fields, 'not_found', 'failed' or 'deadline'"))
        return None
    return _read_record(source, signature.answer, f"look-up '{signature.name}' answers", problems)


def _read_record(source: MappingSource, type_: Record, what: str, problems: list[Problem]) -> Mapping[str, Value]:
    """Fields that are left out are empty."""
    found: dict[str, Value] = {name: _nothing(field_type) for name, field_type in type_.fields.items()}
    for key, value in source.entries:
        field_type = type_.fields.get(key.text)
        if field_type is None:
            hint = did_you_mean(key.text, tuple(type_.fields))
            problems.append(Problem(key.mark, "unknown-key", f"{what} no '{key.text}'{hint}"))
        else:
            found[key.text] = _read_value(value, field_type, f"'{key.text}' has", problems)
    return found


def _read_value(source: Source, type_: Type, what: str, problems: list[Problem]) -> Value:
    match type_, source:
        case Record(), MappingSource():
            return _read_record(source, type_, what, problems)
        case ListOf(), ListSource():
            return tuple(_read_value(item, type_.item, f"an item of {what.removesuffix(' has')} has", problems) for item in source.items)
        case Scalar(optional=True), ScalarSource(is_null=True):
            return None
        case Scalar(kind=kind), ScalarSource():
            try:
                return _value(kind, source.text)
            except (ValueError, InvalidOperation):
                problems.append(Problem(source.mark, "bad-value", f"'{source.text}' is not of the kind {kind.value}"))
        case _:
            problems.append(Problem(source.mark, "wrong-type", f"{describe(type_)} must stand here, not {kind_of(source)}"))
    return _nothing(type_)


def _nothing(type_: Type) -> Value:
    if isinstance(type_, ListOf):
        return ()
    if type_.optional:
        return None
    if isinstance(type_, Record):
        return {name: _nothing(field_type) for name, field_type in type_.fields.items()}
    empty: Mapping[Kind, Value] = {
        Kind.TEXT: "", Kind.DIGITS: "", Kind.BOOL: False, Kind.NUMBER: Decimal(0), Kind.MONEY: Decimal(0), Kind.VOLUME: 0,
        Kind.DURATION: dt.timedelta(0), Kind.DATE: NOON.date(), Kind.MONTH: NOON.date().replace(day=1), Kind.TIME: dt.time(0),
    }  # fmt: skip
    return empty[type_.kind]


def _value(kind: Kind, text: str) -> Value:
    match kind:
        case Kind.TEXT | Kind.DIGITS:
            return text
        case Kind.BOOL if text in ("true", "false"):
            return text == "true"
        case Kind.NUMBER | Kind.MONEY:
            return Decimal(text)
        case Kind.VOLUME if match := _VOLUME.fullmatch(text):
            return int(Decimal(match[1]) * 1024 ** ("B", "KB", "MB", "GB", "TB").index(match[2]))
        case Kind.DURATION if match := _DURATION.fullmatch(text):
            return dt.timedelta(seconds=int(match[1]) * {"s": 1, "min": 60, "h": 3600}[match[2]])
        case Kind.DATE:
            return dt.date.fromisoformat(text)
        case Kind.MONTH:
            return dt.date.fromisoformat(text + "-01")
        case Kind.TIME:
            return dt.time.fromisoformat(text)
        case _:
            raise ValueError(text)
