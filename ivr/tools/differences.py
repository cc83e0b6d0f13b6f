"""What a caller would notice between two versions of a flow: node by node, in the words of the flow language."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from enum import Enum

from ivr.core.expressions import Expression
from ivr.core.flow import Flow, Node, Prompt, Slot
from ivr.core.marks import Mark
from ivr.core.schedule import Schedule
from ivr.core.values import Text

_WORDS = {
    "prompts": "says",
    "choices": "key",
    "noinput": "after silence says",
    "nomatch": "after a wrong key says",
    "kept": "when kept says",
    "saved": "when saved says",
    "comfort": "while waiting says",
    "wait": "waits in the queue",
    "callback": "when a call back is asked for goes to",
    "busy": "when everybody is talking goes to",
    "nobody": "when nobody is there goes to",
    "too_short": "when too short says",
    "not_kept": "when not kept says",
    "lookup": "look-up",
    "otherwise": "else",
    "then": "goes on to",
}
_WHOLE = ("retry", "timing", "keys", "queueing")  # what is told by its own fields
_DAYS = ("Mondays", "Tuesdays", "Wednesdays", "Thursdays", "Fridays", "Saturdays", "Sundays")
_SELF = ("name", "mark")
_CONDITION = "when "


@dataclass(frozen=True, slots=True)
class Change:
    """One node, or the flow itself (`node` is ""). `what`: added, removed, renamed or changed; `lines` tell how."""

    what: str
    node: str
    kind: str
    lines: tuple[str, ...]

    def __str__(self) -> str:
        head = f"{self.what:<8}  {f'{self.node!r} ({self.kind})' if self.node else 'the flow'}"
        return "\n".join([head, *(f"            {line}" for line in self.lines)])


def differences(old: Flow, new: Flow) -> tuple[Change, ...]:
    """The flow itself first, then its nodes in the order in which the newer version has them; last what is gone."""
    was = {name: facets(node) for name, node in old.nodes.items()}
    now = {name: facets(node) for name, node in new.nodes.items()}
    renamed = dict(_renamed(old, new, was, now))
    found = list(_changed("", "", _head(old), _head(new)))
    for name, node in new.nodes.items():
        if name in renamed:
            found.append(Change("renamed", name, _kind(node), (f"was {renamed[name]!r}",)))
        elif name not in was:
            found.append(Change("added", name, _kind(node), tuple(f"{label}: {value}" for label, value in now[name].items())))
        elif type(node) is not type(old.nodes[name]):
            found.append(Change("changed", name, _kind(node), (f"was a {_kind(old.nodes[name])}, is a {_kind(node)}",)))
        else:
            found += _changed(name, _kind(node), was[name], now[name])
    gone = [name for name in old.nodes if name not in new.nodes and name not in renamed.values()]
    return (*found, *(Change("removed", name, _kind(old.nodes[name]), ()) for name in gone))


def facets(thing: Node) -> Mapping[str, str]:
    """Everything a caller can notice of a node, each under a label of its own."""
    return dict(_facets_of_fields(thing))


def _changed(name: str, kind: str, was: Mapping[str, str], now: Mapping[str, str]) -> Iterator[Change]:
    lines = tuple(_lines(was, now))
    if lines:
        yield Change("changed", name, kind, lines)


def _lines(was: Mapping[str, str], now: Mapping[str, str]) -> Iterator[str]:
    for label, value in now.items():
        if label not in was:
            yield f"{label} is new: {value}"
        elif was[label] != value:
            yield f"{label}: {value}"
            yield f"  was: {was[label]}"
    for label, value in was.items():
        if label not in now:
            yield f"{label} is gone: {value}"
    order = [label for label in now if label.startswith(_CONDITION)]
    if sorted(order) == sorted(before := [label for label in was if label.startswith(_CONDITION)]) and order != before:
        yield f"the order of the conditions: {', '.join(label.removeprefix(_CONDITION) for label in order)}"


def _renamed(old: Flow, new: Flow, was: Mapping[str, Mapping[str, str]], now: Mapping[str, Mapping[str, str]]) -> Iterator[tuple[str, str]]:
    """Nodes that are there under another name and are the same otherwise: new name, old name."""
    gone = [name for name in old.nodes if name not in new.nodes]
    for name, node in new.nodes.items():
        if name not in old.nodes:
            same = next((one for one in gone if type(old.nodes[one]) is type(node) and was[one] == now[name]), None)
            if same is not None:
                gone.remove(same)
                yield name, same


def _head(flow: Flow) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for item in fields(flow):
        if item.name == "speech" and flow.speech is not None:
            found.update((f"speech: {label}", value) for label, value in _facets_of_fields(flow.speech) if not label.startswith("answers"))
        elif item.name not in (*_SELF, "nodes", "variables"):
            found.update(_facets(_label(item.name), getattr(flow, item.name)))
    return found


def _facets_of_fields(thing: object) -> Iterator[tuple[str, str]]:
    assert is_dataclass(thing)
    for item in fields(thing):
        if item.name not in _SELF:
            value = getattr(thing, item.name)
            if item.name in _WHOLE and is_dataclass(value):
                yield from _facets_of_fields(value)
            else:
                yield from _facets(_label(item.name), value)


def _facets(label: str, value: object) -> Iterator[tuple[str, str]]:
    """A value under its label; what has parts, part by part. Nothing there is nothing to notice."""
    match value:
        case None | () | "":
            return
        case tuple() if all(isinstance(one, Prompt) for one in value):
            for language in value[0].pieces:
                yield f"{label} ({language})", " ".join(_text(one, language) for one in value)
        case tuple() if all(isinstance(one, tuple) and one and all(isinstance(part, Prompt) for part in one) for one in value):
            for number, one in enumerate(value, 1):
                yield from _facets(f"{label}, time {number}", one)
        case tuple() if all(isinstance(one, tuple) and len(one) == 2 and isinstance(one[0], Expression) for one in value):
            for condition, target in value:
                yield f"{_CONDITION}{condition.text}", _plain(target)
        case Schedule():
            yield from _facets_of_hours(value)
        case Mapping():
            for key, one in value.items():
                yield f"{label} {_plain(key)}", _plain(one)
        case _:
            yield label, _plain(value)


def _facets_of_hours(schedule: Schedule) -> Iterator[tuple[str, str]]:
    for day, spans in sorted(schedule.week.items()):
        yield _DAYS[day], ", ".join(f"{span.begins:%H:%M}-{span.ends:%H:%M}" for span in spans) or "closed"
    yield "zone", schedule.zone
    for what, periods in (("closed", schedule.closed), ("open", schedule.open)):
        for period in periods:
            last = period.ends - dt.timedelta(days=1) if period.whole_days else period.ends
            yield f"{what} {period.begins}{f' to {last}' if last != period.begins else ''}", period.name or "yes"
    if schedule.workday is not None:
        yield "a make-up day has the hours of", _DAYS[schedule.workday]


def _plain(value: object) -> str:
    match value:
        case bool():
            return "yes" if value else "no"
        case Enum():
            return str(value.value)
        case Expression():
            return value.text
        case dt.timedelta():
            return f"{value.total_seconds():g} s"
        case Prompt():
            return " / ".join(_text(value, language) for language in value.pieces)
        case Mapping():
            return ", ".join(f"{_plain(key)}: {_plain(one)}" for key, one in value.items())
        case tuple() | list() | frozenset():
            return ", ".join(map(_plain, value))
        case Mark():
            return ""
        case _ if is_dataclass(value):
            told = ((item.name, _plain(getattr(value, item.name))) for item in fields(value) if item.name not in _SELF and item.repr)
            return ", ".join(f"{name.replace('_', ' ')} {text}" for name, text in told if text)
        case _:
            return str(value)


def _text(prompt: Prompt, language: str) -> str:
    """The words of a prompt, with its values as they are written."""
    pieces = prompt.pieces.get(language, ())
    return "".join(piece.text if isinstance(piece, Text) else _slot(piece) for piece in pieces)


def _slot(slot: Slot) -> str:
    return f"{{{{ {slot.expression.text} | {slot.kind.value} }}}}"


def _label(name: str) -> str:
    return _WORDS.get(name, name.replace("_", " "))


def _kind(node: Node) -> str:
    """The key that makes a node what it is, or near enough for a reader."""
    return _KINDS.get(type(node).__name__, type(node).__name__.lower())


_KINDS = {
    "HangsUp": "hangup",
    "TakesMessage": "message",
    "TransfersCall": "transfer",
    "LookUp": "lookup",
    "ReadsList": "read",
    "ChecksHours": "hours",
    "SendsText": "sms",
}
