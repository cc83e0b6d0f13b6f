"""Why a call went the way it did: its journal told as a story, each decision with the line of the flow that made it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

Entry = Mapping[str, Any]

_INDENT = " " * 10
_OUTCOMES = {
    "self_served": "the caller was served by the line",
    "ticket_opened": "a callback was promised",
    "transferred": "the caller talked to a person",
    "abandoned": "the caller left without an answer",
    "failed": "something failed",
}
_LIMITS = {
    "duration": "the call has lasted as long as it may",
    "tries": "the caller has failed as often as a call may",
    "calls": "the line has all the calls it may",
}


def tell(entries: Iterable[Entry]) -> Iterator[str]:
    """The lines of the story. Entries of another version are told as far as they can be read."""
    first: dt.datetime | None = None
    places = Places()
    for entry in entries:
        at = dt.datetime.fromisoformat(str(entry.get("at")))
        first = first or at
        when = f"{(at - first).total_seconds():6.1f} s  "
        if "disposition" in entry:
            broken = f" ({entry['broken']})" if "broken" in entry else ""
            yield f"{when}over: {entry['disposition']}, {_OUTCOMES.get(str(entry['disposition']), '')}{broken}"
            continue
        version = f", answered by {entry['version']}" if "version" in entry else ""
        yield when + with_place(told_event(entry.get("event") or {}) + version, places.here)
        notes = entry.get("notes") or ()
        yield from (_INDENT + line for line in told_step(notes, entry.get("command"), places))


class Places:
    """Where in the files a call is and has been: `path:line` of each node it came to, and of the one it is at."""

    def __init__(self) -> None:
        self.here = ""
        self._known: dict[str, str] = {}

    def of(self, node: object) -> str:
        """The place of a node that the call has come to; "" of any other."""
        return self._known.get(str(node), "")

    def come_to(self, node: object, mark: object) -> None:
        """The call is at a node now, which is written at `path:line:column`."""
        self.here = self._known[str(node)] = str(mark).rpartition(":")[0]


def told_step(notes: Sequence[Entry], command: Entry | None, places: Places) -> Iterator[str]:
    """What the flow did: a line for each fact, and what it did next; `places` goes on with it."""
    moved = False
    for note in notes:
        if note.get("type") == "NodeEntered":
            places.come_to(note.get("node"), note.get("mark"))
            moved = True
            yield f"→ {note.get('node'):<20} {places.here}"
        else:
            yield with_place(told_note(note), places.of(note.get("node")))
    if done := told_command(command):
        yield done if moved else with_place(done, places.here)


def with_place(text: str, place: str) -> str:
    """A line and where the flow says so, if that is known."""
    return f"{text}  ({place})" if place else text


def told_event(event: Entry) -> str:
    """What happened, in a line."""
    match event.get("type"):
        case "CallStarted":
            known = f", who chose {event['language']} before" if event.get("language") else ""
            known += f", and wants to be spoken to {manner_in_words(**wants)}" if any((wants := _wants(event)).values()) else ""
            crowded = ", when the line has all the calls it may" if event.get("crowded") else ""
            return f"{event.get('caller_id') or 'a withheld number'} calls {event.get('dialled')}{known}{crowded}"
        case "DigitsEntered":
            digits = event.get("digits") or "nothing"
            return f"the caller enters {digits}{'#' if event.get('terminated') else ''}"
        case "NothingHeard":
            return "the caller is silent"
        case "SpeechHeard":
            return f"the caller says {_heard(event)}"
        case "SpeechUnavailable":
            return f"nobody can listen: {event.get('reason')}{_keys(event)}"
        case "CallerHungUp":
            return "the caller hangs up"
        case "LookupAnswered":
            return ("the back office answers" if event.get("answer") else "the back office finds nothing") + _keys(event)
        case "CommandFailed":
            return f"it fails: {event.get('reason')}{_keys(event)}"
        case "MessageKept":
            how = ", by hanging up" if event.get("hung_up") else ""
            return f"a message is kept{how}: ticket {event.get('reference') or 'to come'}"
        case "MessageNotKept":
            how = ", and the caller has hung up" if event.get("hung_up") else ""
            return f"no message is kept: {event.get('reason')}{how}"
        case "TextQueued":
            return f"the text message is in the outbox{_keys(event)}"
        case "TransferEnded":
            return "the talk with the person is over" if event.get("answered") else "nobody answers"
        case "PromptPlayed":
            return "the prompt ends" + (", cut short by a key" if event.get("keys") else "")
        case "Released":
            return "the line hangs up"
        case other:
            return str(other)


def _wants(event: Entry) -> dict[str, bool]:
    return {name: bool(event.get(name)) for name in ("slower", "louder")}


def manner_in_words(slower: bool, louder: bool) -> str:
    """How the line speaks to a caller."""
    return " and ".join(word for word, wanted in (("slower", slower), ("louder", louder)) if wanted) or "as usual"


def _heard(event: Entry) -> str:
    """What a recogniser made of it, with how sure it was, from 0 to 1."""
    told = (f"'{one.get('text')}' ({one.get('confidence')})" for one in event.get("hypotheses") or ())
    return " or ".join(told) or "something that nothing fits"


def _keys(event: Entry) -> str:
    count = event.get("keys")
    return f"; {count} key{'s' * (count != 1)} pressed meanwhile" if isinstance(count, int) and count else ""


def told_note(note: Entry) -> str:
    """Why the call went on as it did, in a line."""
    match note.get("type"):
        case "NodeEntered":
            return f"→ {note.get('node')}"
        case "ChoiceMade":
            return f"key {note.get('key')} is {'universal' if note.get('universal') else 'a choice'}: {note.get('target')}"
        case "ValueCollected":
            return f"an entry of {note.get('length')} digits"
        case "PhraseHeard":
            asks = "" if note.get("sure") else ", not sure: asks whether that was meant"
            return f"'{note.get('phrase')}' stands for key {note.get('key')}{asks}"
        case "ListeningFailed":
            return "only keys are asked for from here on"
        case "InputRejected":
            return f"{note.get('reason')}, {note.get('tries')} so far"
        case "TriesExhausted":
            return f"too many tries: {note.get('target')}"
        case "ConditionHeld":
            return f"because {note.get('condition') or 'nothing else held'}: {note.get('target')}"
        case "HoursChecked":
            state = {"holiday": "closed for a holiday"}.get(str(note.get("state")), note.get("state"))
            return f"the hours of {note.get('hours')}: {state}: {note.get('target')}"
        case "PageTurned":
            return f"page {note.get('page')} of {note.get('pages')}"
        case "MilestoneReached":
            return f"milestone: {note.get('milestone')}"
        case "OutcomeReached":
            return f"outcome so far: {note.get('outcome')}"
        case "LanguageChosen":
            return f"the call goes on in {note.get('language')}"
        case "MannerChosen":
            return f"the line speaks {manner_in_words(bool(note.get('slower')), bool(note.get('louder')))} from here on"
        case "LimitExceeded":
            return f"{_LIMITS.get(str(note.get('limit')), note.get('limit'))}: {note.get('target')}"
        case "StepFailed":
            return f"because of {note.get('reason')}: {note.get('target')}"
        case "TicketPromised":
            return f"promised: ticket {note.get('reference') or 'to come'}"
        case other:
            return str(other)


def told_command(command: Entry | None) -> str:
    """What the line does next, in a line; "" when the call is over."""
    if not command:
        return ""
    match command.get("type"):
        case "Play" | "AskDigits":
            words = _words(command.get("utterance"))
            return f"says   {words}" if words else "listens"
        case "Lookup":
            return f"looks up {command.get('name')}"
        case "TakeMessage":
            return f"takes a message about {command.get('topic')}"
        case "SendText":
            return f"writes {_words(command.get('text'))}"
        case "Transfer":
            return f"transfers to {command.get('destination')}"
        case "Release":
            return "hangs up"
        case other:
            return str(other)


def _words(utterance: Entry | None) -> str:
    return "".join(map(str, (utterance or {}).get("parts") or ()))
