"""Steps of a call as JSON: what happened, what was done, and why. Secrets go no further than this module.

Digits that a caller typed are written only where they are no secret, and never more than the last four of a long row; keys pressed ahead
of a question are only counted, because they may begin a password. What the back office answered is not written.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import fields, is_dataclass

from ivr.core.commands import AskDigits, Command
from ivr.core.events import CallStarted, DigitsEntered, Event, LookupAnswered
from ivr.core.flow import Mark
from ivr.core.interpreter import Step
from ivr.core.values import SpokenValue, Text, Utterance

_LONG_NUMBER = re.compile(r"\d{3,}(?=\d{4})")


def mask(text: str) -> str:
    """A text with long rows of digits cut down to their last four: 13900001008 becomes *******1008."""
    return _LONG_NUMBER.sub(lambda found: "*" * len(found[0]), text)


def entry(event: Event, asked: Command | None, step: Step) -> Mapping[str, object]:
    """One line of the journal: `asked` is the command that the event answers."""
    return {
        "at": event.at.isoformat(timespec="milliseconds"),
        "event": _event(event, asked),
        "notes": [_plain(note) for note in step.notes],
        "command": _plain(step.command) if step.command is not None else None,
    }


def _event(event: Event, asked: Command | None) -> object:
    shown = _plain(event)
    assert isinstance(shown, dict)
    del shown["at"]
    if isinstance(event, DigitsEntered):
        secret = not isinstance(asked, AskDigits) or asked.secret
        shown["digits"] = "*" * len(event.digits) if secret else mask(event.digits)
    elif isinstance(event, CallStarted):
        shown["session"] = event.session  # a UUID, in which a long row of digits is nobody's number
        shown["dialled"] = event.dialled  # the line's own number
    elif isinstance(event, LookupAnswered):
        shown["answer"] = None if event.answer is None else "given"
    if "keys" in shown:
        shown["keys"] = len(getattr(event, "keys", ""))
    return shown


def _plain(thing: object) -> object:
    kind = type(thing)
    names = _fields_of(kind)
    if names is not None:
        return {"type": kind.__name__} | {name: _plain(getattr(thing, name)) for name in names}
    match thing:
        case None | bool() | int():
            return thing
        case float():
            return round(thing, 3)
        case str():
            return mask(thing)
        case Mark():
            return str(thing)
        case dt.timedelta():
            return thing.total_seconds()
        case dt.datetime():
            return thing.isoformat(timespec="milliseconds")
        case Utterance():
            return {"language": thing.language, "parts": [_plain(part) for part in thing.parts]}
        case Text():
            return thing.text
        case SpokenValue():
            return f"<{thing.kind.value}>"
        case Mapping():
            return {str(key): "given" for key in thing}
        case tuple() | list():
            return [_plain(item) for item in thing]
        case _:
            return mask(str(thing))


_FIELDS: dict[type, tuple[str, ...] | None] = dict.fromkeys((Mark, Utterance, Text, SpokenValue))  # these are written in ways of their own


def _fields_of(kind: type) -> tuple[str, ...] | None:
    """The fields of an event, a command or a note, which may have none; None for everything else."""
    if kind not in _FIELDS:
        _FIELDS[kind] = tuple(item.name for item in fields(kind)) if is_dataclass(kind) else None
    return _FIELDS[kind]
