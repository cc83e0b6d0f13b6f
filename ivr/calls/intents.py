"""A message intent as it lies on disk, and the names of what belongs to it.

Three programs write intents: the engine, the rescue script and, when even that cannot run, the dialplan. All write this JSON
object, into `<spool>/intents/<recording name>.json`, and record to `<spool>/recordings/<recording name>.alaw`:

    {"session": "0a1b...", "node": "message", "count": 1, "caller_id": "13900001001", "dialled": "1008611",
     "topic": "billing", "language": "zh-CN", "begun_at": "2025-03-04T09:30:00+08:00", "channel": "line-1741051800.4"}

A caller who is better known than by the number has "trust": 1 or 2 as well.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import re

from ivr.calls.ports import MessageIntent, UnansweredCall, UnansweredKind

RESCUE = "rescue"  # node and topic of a message that was taken while the engine was away

_TEXTS = ("session", "node", "caller_id", "dialled", "topic", "language", "channel")
_KEYS = {*_TEXTS, "count", "begun_at"}
_SESSION = re.compile(r"[0-9a-f-]{36}")


def recording_name(intent: MessageIntent) -> str:
    """A token ^[a-z0-9_-]{1,64}$, the same for the same message key.

    A rescue's first message is `rescue-<session>`, which the dialplan can write as well: it has no SHA-256.
    """
    if intent.node == RESCUE and intent.count == 1 and _SESSION.fullmatch(intent.session):
        return f"{RESCUE}-{intent.session}"
    return hashlib.sha256(intent.message_key.encode()).hexdigest()[:40]


def intent_to_json(intent: MessageIntent) -> str:
    """One line."""
    fields: dict[str, str | int] = {name: getattr(intent, name) for name in _TEXTS}
    trust = {"trust": intent.trust} if intent.trust else {}
    return json.dumps(fields | {"count": intent.count, "begun_at": intent.begun_at.isoformat()} | trust, ensure_ascii=False) + "\n"


def intent_from_json(text: str) -> MessageIntent:
    """The intent. Raises ValueError, which says what is wrong, unless it is just what `intent_to_json` can have written."""
    found = json.loads(text)
    if not isinstance(found, dict) or found.keys() - {"trust"} != _KEYS:
        raise ValueError("it is not an object with the keys of an intent")
    wrong = [name for name in _TEXTS if not isinstance(found[name], str)]
    if wrong:
        raise ValueError(f"{wrong[0]} must be a text")
    count, begun_at, trust = found.pop("count"), found.pop("begun_at"), found.pop("trust", 0)
    if type(count) is not int or count < 1:
        raise ValueError("count must be a whole number from 1")
    if type(trust) is not int or not 0 <= trust <= 2:
        raise ValueError("trust must be 0, 1 or 2")
    if not isinstance(begun_at, str) or (begun := dt.datetime.fromisoformat(begun_at)).tzinfo is None:
        raise ValueError("begun_at must be a time with its zone")
    return MessageIntent(count=count, begun_at=begun, trust=trust, **found)


_CALL_TEXTS = ("session", "caller_id", "dialled", "language", "topic", "channel")


def call_to_json(call: UnansweredCall) -> str:
    """The note of a call, one line."""
    fields: dict[str, str | int] = {name: getattr(call, name) for name in _CALL_TEXTS}
    return json.dumps(fields | {"kind": call.kind, "trust": call.trust, "begun_at": call.begun_at.isoformat()}, ensure_ascii=False) + "\n"


def call_from_json(text: str) -> UnansweredCall:
    """The call. Raises ValueError unless it is just what `call_to_json` can have written."""
    found = json.loads(text)
    if not isinstance(found, dict) or found.keys() != {*_CALL_TEXTS, "kind", "trust", "begun_at"}:
        raise ValueError("it is not an object with the keys of a call")
    if not all(isinstance(found[name], str) for name in (*_CALL_TEXTS, "kind", "begun_at")):
        raise ValueError("all but trust must be texts")
    kind, begun, trust = UnansweredKind(found.pop("kind")), dt.datetime.fromisoformat(found.pop("begun_at")), found.pop("trust")
    if begun.tzinfo is None or type(trust) is not int or not 0 <= trust <= 2:
        raise ValueError("begun_at must have a zone, and trust be 0, 1 or 2")
    return UnansweredCall(kind=kind, begun_at=begun, trust=trust, **found)
