"""What a conversation that is made of a call is written with: its text, samples for numbers, and values in the words of conversations."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal

from ivr.core.commands import Command, Lookup, Play, SendText, TakeMessage
from ivr.core.events import (
    CallStarted,
    CommandFailed,
    DigitsEntered,
    Event,
    Hypothesis,
    LookupAnswered,
    PromptPlayed,
    SpeechHeard,
    SpeechUnavailable,
    TextQueued,
)
from ivr.core.flow import Speech
from ivr.core.values import Kind, Value
from ivr.tools.answers import duration_in_words, volume_in_words

LONG_NUMBER = re.compile(r"[0-9]{7,}")


@dataclass(slots=True)
class Draft:
    """A conversation as far as it is made."""

    name: str
    flow: str
    head: list[str] = field(default_factory=list)
    answers: dict[str, list[str]] = field(default_factory=dict)
    steps: list[str] = field(default_factory=list)
    ending: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)

    def text(self) -> str:
        """As it is written."""
        lines = [f"flow: {quoted(self.flow)}", "conversations:", f"  - name: {quoted(self.name)}"]
        lines += [f"    # {remark}" for remark in self.remarks]
        lines += [f"    {line}" for line in self.head]
        if self.answers:
            lines += ["    back_office:", *(f"      {name}: {in_turn(given)}" for name, given in self.answers.items())]
        lines += ["    steps:", *(f"      - {step}" for step in self.steps)] if self.steps else ["    steps: []"]
        lines += [f"    {line}" for line in self.ending]
        return "".join(f"{line}\n" for line in lines)


class Samples:
    """A sample for every number: the same for the same one, and as long, so that what counts digits counts the same."""

    def __init__(self, caller_id: str) -> None:
        self._known: dict[str, str] = {}
        self._caller = caller_id
        if caller_id:
            self._known[caller_id] = "13900000001" if len(re.findall("[0-9]", caller_id)) < 7 else LONG_NUMBER.sub(self._sample, caller_id)

    def event(self, event: Event) -> Event:
        match event:
            case CallStarted():
                return replace(event, caller_id=self._known.get(event.caller_id, ""))
            case DigitsEntered():
                return replace(event, digits=self._text(event.digits))
            case LookupAnswered():
                return replace(event, answer=self._value(event.answer), keys=self._text(event.keys))
            case SpeechHeard():
                return replace(event, hypotheses=tuple(replace(one, text=self._text(one.text)) for one in event.hypotheses))
            case PromptPlayed() | SpeechUnavailable() | TextQueued() | CommandFailed():
                return replace(event, keys=self._text(event.keys))
            case _:
                return event

    def _value(self, value: Value) -> Value:
        match value:
            case str():
                return self._text(value)
            case tuple():
                return tuple(self._value(item) for item in value)
            case Mapping():
                return {key: self._value(item) for key, item in value.items()}
            case _:
                return value

    def _text(self, text: str) -> str:
        return self._known[text] if text in self._known else LONG_NUMBER.sub(self._sample, text)

    def _sample(self, found: re.Match[str]) -> str:
        number = found[0]
        if set(number) == {"0"}:
            return number  # of a secret form
        return self._known.setdefault(number, f"139{len(self._known) + 1:0{len(number) - 3}}")


def said(hypotheses: Sequence[Hypothesis], speech: Speech | None) -> str:
    """What was heard, as a step; what was nothing that fits has no words."""
    sure, unsure = (speech.sure, speech.unsure) if speech is not None else (0.0, 0.0)
    likely = sorted((one for one in hypotheses if one.confidence >= unsure), key=lambda one: -one.confidence)
    if not likely:
        return 'say: "?"'
    if likely[0].confidence >= sure:
        return f"say: {quoted(likely[0].text)}"
    return f"say_unclearly: {quoted(' / '.join(one.text for one in likely))}"


def in_turn(answers: Sequence[str]) -> str:
    """One answer for every time, or one after the other."""
    return answers[0] if len(set(answers)) == 1 else f"[{', '.join(answers)}]"


def scalar(kind: Kind, value: Value) -> str | None:
    """A value as conversations write it; None when they cannot."""
    match kind, value:
        case ((Kind.TEXT | Kind.DIGITS), str()):
            return quoted(value)
        case Kind.BOOL, bool():
            return "true" if value else "false"
        case ((Kind.NUMBER | Kind.MONEY), (int() | Decimal())) if Decimal(value).is_finite():
            return format(Decimal(value), "f")
        case Kind.VOLUME, int() if value >= 0:
            return volume_in_words(value)
        case Kind.DURATION, dt.timedelta() if value >= dt.timedelta(0) and not value.microseconds:
            return duration_in_words(value)
        case Kind.DATE, dt.date():
            return value.isoformat()
        case Kind.MONTH, dt.date() if value.day == 1:
            return value.isoformat()[:7]
        case Kind.TIME, dt.time() if value.tzinfo is None:
            return quoted(value.isoformat())
        case _:
            return None


def during(asked: Command | None) -> str:
    match asked:
        case Play():
            return "while the line spoke"
        case Lookup():
            return "during a look-up"
        case TakeMessage():
            return "before a message"
        case SendText():
            return "during a text message"
        case _:
            return "while the line ended the call"


def quoted(text: str) -> str:
    """A text in quotes, with what cannot be printed as its number."""
    shown = json.dumps(text, ensure_ascii=False)
    return "".join(one if one.isprintable() else _escaped(one) for one in shown)


def _escaped(one: str) -> str:
    return f"\\U{ord(one):08x}" if ord(one) > 0xFFFF else f"\\u{ord(one):04x}"
