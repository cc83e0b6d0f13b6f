"""Why a call went the way it did: its journal told as a story, each decision with the line of the flow that made it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

Entry = Mapping[str, Any]

_OUTCOMES = {
    "self_served": "the caller was served by the line",
    "ticket_opened": "a callback was promised",
    "transferred": "the caller talked to a person",
    "abandoned": "the caller left without an answer",
    "failed": "something failed",
}


def tell(entries: Iterable[Entry]) -> Iterator[str]:
    """The lines of the story. Entries of another version are told as far as they can be read."""
    first: dt.datetime | None = None
    for entry in entries:
        at = dt.datetime.fromisoformat(str(entry.get("at")))
        first = first or at
        when = f"{(at - first).total_seconds():6.1f} s  "
        if "disposition" in entry:
            broken = f" ({entry['broken']})" if "broken" in entry else ""
            yield f"{when}over: {entry['disposition']}, {_OUTCOMES.get(str(entry['disposition']), '')}{broken}"
            continue
        yield when + _event(entry.get("event") or {})
        for note in entry.get("notes") or ():
            yield " " * 10 + _note(note)
        if command := _command(entry.get("command")):
            yield " " * 10 + command


def _event(event: Entry) -> str:
    match event.get("type"):
        case "CallStarted":
            return f"{event.get('caller_id') or 'a withheld number'} calls {event.get('dialled')}"
        case "DigitsEntered":
            digits = event.get("digits") or "nothing"
            return f"the caller enters {digits}{'#' if event.get('terminated') else ''}"
        case "NothingHeard":
            return "the caller is silent"
        case "CallerHungUp":
            return "the caller hangs up"
        case "LookupAnswered":
            return "the back office answers" if event.get("answer") else "the back office finds nothing"
        case "CommandFailed":
            return f"it fails: {event.get('reason')}"
        case "MessageKept":
            how = ", by hanging up" if event.get("hung_up") else ""
            return f"a message is kept{how}: ticket {event.get('reference') or 'to come'}"
        case "MessageNotKept":
            return f"no message is kept: {event.get('reason')}"
        case "TransferEnded":
            return "the talk with the person is over" if event.get("answered") else "nobody answers"
        case "PromptPlayed":
            return "the prompt ends" + (", cut short by a key" if event.get("keys") else "")
        case "Released":
            return "the line hangs up"
        case other:
            return str(other)


def _note(note: Entry) -> str:
    match note.get("type"):
        case "NodeEntered":
            return f"→ {note.get('node'):<20} {note.get('mark')}"
        case "ChoiceMade":
            return f"key {note.get('key')} is {'universal' if note.get('universal') else 'a choice'}: {note.get('target')}"
        case "ValueCollected":
            return f"an entry of {note.get('length')} digits"
        case "InputRejected":
            return f"{note.get('reason')}, {note.get('tries')} so far"
        case "TriesExhausted":
            return f"too many tries: {note.get('target')}"
        case "ConditionHeld":
            return f"because {note.get('condition') or 'nothing else held'}: {note.get('target')}"
        case "StepFailed":
            return f"because of {note.get('reason')}: {note.get('target')}"
        case "TicketPromised":
            return f"promised: ticket {note.get('reference') or 'to come'}"
        case other:
            return str(other)


def _command(command: Entry | None) -> str:
    if not command:
        return ""
    match command.get("type"):
        case "Play" | "AskDigits":
            parts = (command.get("utterance") or {}).get("parts") or ()
            return f"says   {''.join(map(str, parts))}" if parts else "listens"
        case "Lookup":
            return f"looks up {command.get('name')}"
        case "TakeMessage":
            return f"takes a message about {command.get('topic')}"
        case "Transfer":
            return f"transfers to {command.get('destination')}"
        case "Release":
            return "hangs up"
        case other:
            return str(other)
