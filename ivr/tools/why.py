"""Why a call went the way it did: its journal told as a story, each decision with the line of the flow that made it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence

from ivr.tools.sentences import Entry, command_told, event_told, note_told

_INDENT = " " * 10
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
        yield when + with_place(event_told(entry.get("event") or {}).en + version, places.here)
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
            yield with_place(note_told(note).en, places.of(note.get("node")))
    if done := command_told(command).en:
        yield done if moved else with_place(done, places.here)


def with_place(text: str, place: str) -> str:
    """A line and where the flow says so, if that is known."""
    return f"{text}  ({place})" if place else text
