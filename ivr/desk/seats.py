"""Seats, as the desk sees them: where an agent's own telephone would ring."""

from __future__ import annotations

from enum import StrEnum


class SeatNow(StrEnum):
    """How the telephones of a seat are, all of them together."""

    NONE = "none"  # the person has no seat
    UNKNOWN = "unknown"  # Asterisk does not tell
    AWAY = "away"  # none is on line: nothing would ring
    FREE = "free"
    BUSY = "busy"  # one rings, or somebody talks
