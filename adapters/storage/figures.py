"""What the journal tells of how calls went, without the many entries that say nothing of it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

_TELLING = (b'"version"', b'"MilestoneReached"', b'"OutcomeReached"')  # the first and last entry of a call, and its stations


def telling_entries(folder: Path) -> Iterator[Mapping[str, Any]]:
    """The entries that name a call's version, a milestone or an outcome, in order; lines cut off by a crash are left out."""
    for path in sorted(folder.glob("*.jsonl")):
        with path.open("rb") as file:
            for line in file:
                if any(word in line for word in _TELLING):
                    try:
                        entry = json.loads(line)
                    except ValueError:
                        continue
                    if isinstance(entry, dict):
                        yield entry
