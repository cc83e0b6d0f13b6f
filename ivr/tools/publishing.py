"""What publishing knows of versions: when two are the same to a caller, how calls went on each, and how that is told."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any

from ivr.calls.versions import Service, Version
from ivr.core.flow import Flow, Prompt
from ivr.core.state import Disposition
from ivr.core.values import Text

_PROMPTS, _TESTS = "prompts/", "flows/tests/"  # the texts that lines share; the conversations, which no caller meets


def digest_of(flow: Flow, files: Mapping[str, bytes]) -> str:
    """Names what a caller meets: the flow's files byte by byte, and of the shared prompts those that it says, word by word."""
    told = hashlib.sha256()
    for name, content in sorted(files.items()):
        if not name.startswith((_PROMPTS, _TESTS)):
            told.update(f"{name} {len(content)}\n".encode() + content)
    said = {line for one in (*flow.nodes.values(), flow.speech) for prompt in _prompts_in(one) for line in _words_of(prompt)}
    for line in sorted(said):
        told.update(f"{line}\n".encode())
    return told.hexdigest()


def _prompts_in(thing: object) -> Iterator[Prompt]:
    """Every prompt of a node, the words of a text message included."""
    if isinstance(thing, Prompt):
        yield thing
    elif isinstance(thing, tuple):
        for one in thing:
            yield from _prompts_in(one)
    elif is_dataclass(thing):
        for item in fields(thing):
            yield from _prompts_in(getattr(thing, item.name))


def _words_of(prompt: Prompt) -> Iterator[str]:
    for language, pieces in prompt.pieces.items():
        words = (piece.text if isinstance(piece, Text) else f"{{{{{piece.expression.text} | {piece.kind.value}}}}}" for piece in pieces)
        yield f"{prompt.name} {language}: {''.join(words)}"


@dataclass(slots=True)
class Figures:
    """How calls went: how many began, how those that are over ended, and how many came to each milestone and outcome."""

    calls: int = 0
    dispositions: Counter[str] = field(default_factory=Counter)
    milestones: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)


def figures(entries: Iterable[Mapping[str, Any]]) -> Mapping[str, Figures]:
    """By version (1008611@3), from the journal. A call counts once for a milestone, however often it passes, and for its last outcome."""
    found: dict[str, Figures] = {}
    milestones: dict[str, set[str]] = {}  # by session, while the call is under way
    outcomes: dict[str, str] = {}
    for entry in entries:
        session = str(entry.get("session"))
        if "disposition" in entry:
            ended = found.setdefault(str(entry.get("version", "")), Figures())
            ended.dispositions[str(entry["disposition"])] += 1
            ended.milestones.update(milestones.pop(session, ()))
            ended.outcomes.update([outcomes.pop(session)] if session in outcomes else [])
            continue
        if "version" in entry:
            found.setdefault(str(entry["version"]), Figures()).calls += 1
        for note in entry.get("notes") or ():
            if note.get("type") == "MilestoneReached":
                milestones.setdefault(session, set()).add(str(note.get("milestone")))
            elif note.get("type") == "OutcomeReached":
                outcomes[session] = str(note.get("outcome"))
    return found


@dataclass(frozen=True, slots=True)
class Told:
    """A version as it is listed. `under_way` is None when no engine tells."""

    version: Version
    share: int
    under_way: int | None
    figures: Figures
    refused: str = ""

    @property
    def state(self) -> str:
        """What it does at the moment."""
        if self.refused:
            return "refused"
        if self.share:
            return f"{self.share} %"
        return f"{self.under_way} call{'s' * (self.under_way != 1)} finishing" if self.under_way else ""


def listed(versions: Iterable[Version], service: Service | None, live: Mapping[str, Any], known: Mapping[str, Figures]) -> tuple[Told, ...]:
    """The versions of a line, the latest first. `live` is what the engine says of the line, empty when none runs."""
    shares = service.shares if service else {}
    calls = live.get("calls", {})
    refused = live.get("refused", {})
    return tuple(
        Told(
            version,
            shares.get(version.number, 0),
            int(calls.get(str(version.number), 0)) if live else None,
            known.get(version.name, Figures()),
            str(refused.get(str(version.number), "")) if version.number in shares else "",
        )
        for version in sorted(versions, key=lambda version: -version.number)
    )


def table(told: Sequence[Told]) -> Iterator[str]:
    """For people, in columns."""
    ends = [one.value for one in Disposition]
    rows = [("version", "published", "answers", "under way", "calls", *(end.replace("_", " ") for end in ends), "note")]
    for one in told:
        counts = (str(one.figures.dispositions[end] or "") for end in ends)
        under_way = "" if one.under_way is None else str(one.under_way)
        at = f"{one.version.at:%Y-%m-%d %H:%M}"
        rows.append((str(one.version.number), at, one.state, under_way, str(one.figures.calls), *counts, one.version.note))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for number, row in enumerate(rows):
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        if number:
            known = told[number - 1].figures
            for what, counted in (("milestones", known.milestones), ("outcomes", known.outcomes)):
                if counted:
                    yield f"{'':{widths[0]}}  {what}: {', '.join(f'{name} {count}' for name, count in sorted(counted.items()))}"


def data_of(one: Told) -> Mapping[str, object]:
    """The same for programs."""
    return {
        "version": one.version.number,
        "at": one.version.at.isoformat(timespec="seconds"),
        "note": one.version.note,
        "digest": one.version.digest,
        "checked": one.version.checked,
        "share": one.share,
        "under_way": one.under_way,
        "refused": one.refused or None,
        "calls": one.figures.calls,
        "dispositions": dict(one.figures.dispositions),
        "milestones": dict(one.figures.milestones),
        "outcomes": dict(one.figures.outcomes),
    }
