"""The calls that are up, as the journal tells of them: who calls which line, for how long, and where in the flow they are."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

LONGEST_CALL = dt.timedelta(hours=2)  # what has been silent for so long has ended without a word, in a crash
_WITH_PERSON = ("Transfer",)  # commands during which a caller waits for a person or talks to one


@dataclass(frozen=True, slots=True)
class CallUp:
    """One call as far as it is told of. `caller` is masked, as it is in the journal; `with_person`: waits for a person, or talks to one."""

    session: str
    begun_at: dt.datetime
    latest_at: dt.datetime
    caller: str = ""
    line: str = ""
    version: str = ""
    language: str = ""
    node: str = ""
    place: str = ""  # path:line in the flow
    with_person: bool = False


@dataclass(slots=True)
class CallsUp:
    """Give it the entries of the journal, one after the other."""

    calls: dict[str, CallUp] = field(default_factory=dict)

    def see(self, entries: Iterable[Mapping[str, Any]]) -> None:
        """What is new. An entry that cannot be read tells nothing."""
        for entry in entries:
            try:
                session, at = str(entry["session"]), dt.datetime.fromisoformat(str(entry["at"]))
            except (KeyError, ValueError):
                continue
            if "disposition" in entry:
                self.calls.pop(session, None)
                continue
            event = entry.get("event") or {}
            if event.get("type") == "CallStarted":
                self.calls[session] = CallUp(session, at, at, str(event.get("caller_id", "")), str(event.get("dialled", "")))
            if (call := self.calls.get(session)) is not None:
                self.calls[session] = _gone_on(call, at, entry)

    def forget(self, at: dt.datetime) -> None:
        """Drop the calls that nothing has been heard of for so long that they must be over."""
        for session in [one.session for one in self.calls.values() if at - one.latest_at > LONGEST_CALL]:
            del self.calls[session]

    def up(self, counted: Mapping[str, int]) -> tuple[CallUp, ...]:
        """The calls that are up, the longest first. `counted` is how many the engine has on each version, and it must know:

        of more, the later ones are up, and the others ended with an engine that died.
        """
        left = dict(counted)
        found = []
        for call in sorted(self.calls.values(), key=lambda one: (one.begun_at, one.session), reverse=True):
            if left.get(call.version, 0) > 0:
                left[call.version] -= 1
                found.append(call)
        return tuple(reversed(found))


def _gone_on(call: CallUp, at: dt.datetime, entry: Mapping[str, Any]) -> CallUp:
    node, place, language = call.node, call.place, call.language
    for note in entry.get("notes") or ():
        if note.get("type") == "NodeEntered":
            node, place = str(note.get("node")), str(note.get("mark")).rpartition(":")[0]
        elif note.get("type") == "LanguageChosen":
            language = str(note.get("language"))
    command = entry.get("command") or {}
    return replace(
        call,
        latest_at=at,
        version=str(entry.get("version") or call.version),
        language=str((command.get("utterance") or {}).get("language") or language),
        node=node,
        place=place,
        with_person=command.get("type") in _WITH_PERSON,
    )
