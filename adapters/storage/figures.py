"""What the journal tells of how calls went, without the many entries that say nothing of it."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

_PROMISE = b'"TicketPromised"'
_TELLING = (b'"version"', b'"MilestoneReached"', b'"OutcomeReached"')  # the first and last entry of a call, and its stations


def telling_entries(folder: Path, since: dt.datetime | None = None) -> Iterator[Mapping[str, Any]]:
    """The entries that name a call's version, a milestone or an outcome, in order, from that moment on.

    Lines cut off by a crash are left out.
    """
    first = since.astimezone(dt.UTC).date().isoformat() if since is not None else ""
    for path in sorted(path for path in folder.glob("*.jsonl") if path.stem >= first):
        with path.open("rb") as file:
            for line in file:
                if any(word in line for word in _TELLING):
                    try:
                        entry = json.loads(line)
                    except ValueError:
                        continue
                    if isinstance(entry, dict) and (since is None or _is_since(entry, since)):
                        yield entry


def promises(folder: Path, since: dt.datetime, until: dt.datetime) -> Mapping[str, dt.datetime]:
    """The calls of that time in which a caller was told of being called back, and when."""
    found: dict[str, dt.datetime] = {}
    first, last = since.astimezone(dt.UTC).date().isoformat(), until.astimezone(dt.UTC).date().isoformat()
    for path in sorted(folder.glob("*.jsonl")):
        if not first <= path.stem <= last:
            continue
        with path.open("rb") as file:
            for line in file:
                if _PROMISE in line and (promise := _promise(line)) is not None and since <= promise[1] < until:
                    found.setdefault(*promise)
    return found


def _is_since(entry: Mapping[str, Any], since: dt.datetime) -> bool:
    try:
        return dt.datetime.fromisoformat(str(entry.get("at"))) >= since
    except ValueError:
        return False


def _promise(line: bytes) -> tuple[str, dt.datetime] | None:
    """The call and the moment of a promise; None for a line that tells of none, or was cut off by a crash."""
    try:
        entry = json.loads(line)
        if any(note["type"] == "TicketPromised" for note in entry["notes"]):
            return str(entry["session"]), dt.datetime.fromisoformat(entry["at"])
    except (ValueError, KeyError, TypeError):
        pass
    return None
