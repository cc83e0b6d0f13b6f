"""AEAP as messages, without a socket: what Asterisk tells a speech engine, and what it understands of our answers.

The Asterisk External Application Protocol is JSON in the text frames of a WebSocket; audio comes in binary frames beside it. A message is a
request or the response to one, and carries its id. Asterisk asks `setup` once, then `set` for each SPEECH SET, and `get` when it misses
a result; we ask it one thing only, to `set` results. Source: Asterisk 22, res/res_speech_aeap.c and res/res_aeap/.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

LONGEST: Final = 16 * 1024  # bytes of a message; Asterisk's own are a few hundred
SUBPROTOCOL: Final = "speech_to_text"
CODEC: Final = "slin"  # 16-bit linear, little-endian, 8,000 samples a second: what SPEECH RECOGNIZE reads from the call


class NotAeap(ValueError):
    """The far end does not speak AEAP. Its text holds nothing of what came."""


@dataclass(frozen=True, slots=True)
class Setup:
    """The first thing that Asterisk says: which codecs it can send."""

    id: str
    codecs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SetRequest:
    """SPEECH SET name value, or `dtmf`, `results_type`."""

    id: str
    params: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class GetRequest:
    """Asterisk wants to know something, for example the results that it has not been given."""

    id: str
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Response:
    """Asterisk's answer to a request of ours; with an error, if it could not be done."""

    id: str
    error: str = ""


@dataclass(frozen=True, slots=True)
class Result:
    """One of several things that may have been heard. `score` is from 0 to 1,000."""

    text: str
    score: int


Message = Setup | SetRequest | GetRequest | Response


def parse(text: str) -> Message:
    """Read one message. Raises NotAeap."""
    if len(text) > LONGEST:
        raise NotAeap("a message is too long")
    try:
        message = json.loads(text)
    except (ValueError, RecursionError):
        raise NotAeap("a message is not JSON") from None
    match message:
        case {"request": "setup", "id": str(number), "codecs": [*codecs]}:
            return Setup(number, tuple(_codec(codec) for codec in codecs))
        case {"request": "set", "id": str(number), "params": dict(params)}:
            if not all(isinstance(value, str) for value in params.values()):
                raise NotAeap("a setting is not a text")
            return SetRequest(number, params)
        case {"request": "get", "id": str(number), "params": [*names]}:
            return GetRequest(number, tuple(map(str, names)))
        case {"response": str(), "id": str(number)}:
            return Response(number, str(message.get("error_msg", "")))
        case _:
            raise NotAeap("a message is neither a request nor a response")


def accept_setup(request: Setup) -> str:
    """The answer that names the one codec we take. Raises NotAeap when Asterisk cannot send it."""
    if CODEC not in request.codecs:
        raise NotAeap(f"Asterisk does not offer {CODEC}: see aeap.conf")
    return _written({"response": "setup", "id": request.id, "codecs": [{"name": CODEC}]})


def answer_set(request: SetRequest) -> str:
    """Done. (A refusal would not be told to the engine: SPEECH SET says 1 whatever we say.)"""
    return _written({"response": "set", "id": request.id})


def answer_get(request: GetRequest) -> str:
    """There is nothing to get from us: results are set, never kept."""
    params: Mapping[str, object] = {"results": []} if "results" in request.names else dict.fromkeys(request.names[:1], "")
    return _written({"response": "get", "id": request.id, "params": params})


def set_results(number: str, results: Sequence[Result]) -> str:
    """Tell Asterisk what was heard, the best first: SPEECH RECOGNIZE ends with it. (It turns the order round.)"""
    listed = [{"text": result.text, "score": result.score, "grammar": "g", "best": place} for place, result in enumerate(results)]
    return _written({"request": "set", "id": number, "params": {"results": listed[::-1]}})


def _codec(codec: object) -> str:
    match codec:
        case {"name": str(name)}:
            return name
        case _:
            raise NotAeap("a codec has no name")


def _written(message: Mapping[str, object]) -> str:
    return json.dumps(message, ensure_ascii=True, separators=(",", ":"))
