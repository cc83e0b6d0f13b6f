"""A call as it happens, for somebody who watches: each entry of the journal becomes a few short facts, in Mandarin and in English.

It tells what `ivr why` tells, cut into what a page can show: which node, at which line of the flow, what was said, what was pressed, how
long a look-up took. The journal knows no secrets and no values of the back office, so the trace knows none either.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from ivr.tools.sentences import VALUES, Entry, Told, command_told, ending, event_told, note_told, words_of
from ivr.tools.why import Places

SAYS, WAITS, WRITES = Told("播报", "says"), Told("等候按键", "waits for keys"), Told("发短信", "writes a text message")
_VALUE = re.compile(r"<([a-z]+)>")


class Kind(StrEnum):
    """What a fact is about."""

    CALL = "call"  # it begins
    NODE = "node"  # the call comes to a node
    SAYS = "says"  # the line says something
    CALLER = "caller"  # the caller does something
    ANSWER = "answer"  # the back office, the outbox or a person has done something
    REASON = "reason"  # why the call goes on as it does
    LINE = "line"  # the line does something else
    OVER = "over"


@dataclass(frozen=True, slots=True)
class Fact:
    """One line of the trace. `place` is path:line in the flow; `said` are the line's words, in the language of the call."""

    after: float  # seconds since the call began
    kind: Kind
    zh: str
    en: str
    place: str = ""
    said: str = ""
    milliseconds: int | None = None  # how long a look-up took


class Trace:
    """The trace of one call; give it the entries one after the other."""

    def __init__(self) -> None:
        self._first: dt.datetime | None = None
        self._before: dt.datetime | None = None
        self._asked = ""  # the type of the command at work
        self._places = Places()

    def facts(self, entry: Entry) -> Iterator[Fact]:
        """What an entry tells. An entry that cannot be read tells nothing."""
        try:
            at = dt.datetime.fromisoformat(str(entry.get("at")))
        except ValueError:
            return
        self._first = self._first or at
        took = round((at - (self._before or at)).total_seconds() * 1000)
        self._before = at
        after = (at - self._first).total_seconds()
        if "disposition" in entry:
            yield Fact(after, Kind.OVER, *ending(str(entry["disposition"])))
            return
        yield self._event(after, entry.get("event") or {}, took)
        for note in entry.get("notes") or ():
            yield self._note(after, note)
        command = entry.get("command") or {}
        self._asked = str(command.get("type", ""))
        yield from self._command(after, command)

    def _event(self, after: float, event: Entry, took: int) -> Fact:
        kind = Kind.CALL if event.get("type") == "CallStarted" else Kind.CALLER
        if self._asked in ("Lookup", "SendText", "Transfer", "TakeMessage") and event.get("type") != "CallerHungUp":
            kind = Kind.ANSWER
        if event.get("type") in ("PromptPlayed", "Released", "SpeechUnavailable"):
            kind = Kind.LINE
        milliseconds = took if self._asked == "Lookup" else None
        return Fact(after, kind, *event_told(event), self._places.here, milliseconds=milliseconds)

    def _note(self, after: float, note: Entry) -> Fact:
        if note.get("type") == "NodeEntered":
            self._places.come_to(note.get("node"), note.get("mark"))
            name = str(note.get("node"))
            return Fact(after, Kind.NODE, name, name, self._places.here)
        return Fact(after, Kind.REASON, *note_told(note), self._places.of(note.get("node")))

    def _command(self, after: float, command: Entry) -> Iterator[Fact]:
        if not command:
            return
        said = words_of(command.get("utterance") or command.get("text"))
        if command.get("type") in ("Play", "AskDigits"):
            if said:
                yield Fact(after, Kind.SAYS, *SAYS, self._places.here, self._spelt(said, command))
                return
            yield Fact(after, Kind.LINE, *WAITS, self._places.here)
            return
        if command.get("type") == "SendText":
            yield Fact(after, Kind.LINE, *WRITES, self._places.here, self._spelt(said, command))
            return
        yield Fact(after, Kind.LINE, *command_told(command), self._places.here)

    @staticmethod
    def _spelt(said: str, command: Entry) -> str:
        """The words, with values that the journal does not know named as what they are: 〔金额〕 or [money]."""
        language = str((command.get("utterance") or command.get("text") or {}).get("language", ""))
        if language.startswith("zh"):
            return _VALUE.sub(lambda found: f"〔{VALUES.get(found[1], found[1])}〕", said)
        return _VALUE.sub(r"[\1]", said)
