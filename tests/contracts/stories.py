"""The people and moments of the storage tests."""

from __future__ import annotations

import datetime as dt
import hashlib
from pathlib import Path

from ivr.calls.intents import recording_name
from ivr.calls.ports import MessageFacts, MessageIntent

SHANGHAI = dt.timezone(dt.timedelta(hours=8))
NOON = dt.datetime(2026, 3, 5, 12, 0, tzinfo=SHANGHAI)
MINUTE = dt.timedelta(minutes=1)
CALLER = "13900001008"
SESSION = "11111111-2222-4333-8444-555555555555"
SPEECH = bytes(range(256)) * 125  # four seconds


def intent(
    session: str = SESSION, *, node: str = "message", count: int = 1, caller: str = CALLER, topic: str = "billing", at: dt.datetime = NOON
) -> MessageIntent:
    return MessageIntent(session, node, count, caller, "1008611", topic, "zh-CN", at, "line-1.1")


def facts(of: MessageIntent, audio: bytes = SPEECH, folder: Path = Path("/recordings"), *, partial: bool = False) -> MessageFacts:
    path = folder / f"{recording_name(of)}.alaw"
    return MessageFacts(path, len(audio), len(audio), hashlib.sha256(audio).hexdigest(), partial)
