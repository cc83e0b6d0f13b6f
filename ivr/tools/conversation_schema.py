"""The conversation files as JSON Schema (draft 2020-12), for editors. Made of the words that the reader knows, and of the look-ups.

A schema sees one value at a time: that a milestone exists is for `ivr test` to say.
"""

from __future__ import annotations

from collections.abc import Mapping

from ivr.core.state import Disposition
from ivr.core.values import Kind, ListOf, LookupSignature, Record, Type
from ivr.language.prompts import LANGUAGES
from ivr.tools.answers import OTHERWISE
from ivr.tools.conversations import WITH_TEXT, WORDS

Schema = dict[str, object]

STEPS: Mapping[str, str] = {
    "hears": "Part of what the line has said since the caller last did something, punctuation left out.",
    "not_hears": "What the line must not have said since the caller last did something.",
    "sms": "Part of a text message that the line has sent since the caller last did something, as it is written.",
    "milestone": "A milestone that the call has reached since the caller last did something.",
    "press": "The caller presses these keys.",
    "say": "The caller says it, and it is heard surely; what no choice has is nothing that fits.",
    "say_unclearly": "The caller says it, and it is heard so unsurely that the line asks back; it may be one / or the other.",
    "nobody_listens": "Nobody can listen to what the caller says, so the line asks for keys.",
    "later": "So much time passes before the next step.",
    "silence": "The caller is silent until the line goes on.",
    "hang_up": "The caller hangs up; at a message, that keeps it.",
    "leave_message": "The caller speaks; the message is kept and has a number.",
    "message_saved": "The caller speaks; the message is safe but has no number yet.",
    "leave_nothing": "The caller says nothing, or too little.",
    "message_fails": "The message cannot be kept.",
    "answered": "Somebody answers the transfer, and the talk ends.",
    "unanswered": "Nobody answers the transfer.",
    "busy": "Everybody is talking, and the queue is full or the wait too long.",
    "nobody": "No telephone is there that the transfer could ring.",
    "callback": "The caller waits in the queue and presses 1, to be called back; that has a number.",
    "callback_saved": "The same, but the call back has no number yet.",
    "sms_fails": "The text message that comes next cannot be sent.",
    "line_fails": "Whatever the line does next breaks: an audio file, a recording, a transfer.",
    "line_ends": "The line ends the call.",
}
KEYS: Mapping[str, tuple[Schema, str]] = {
    "name": ({"type": "string", "minLength": 1}, "What happens, in a sentence."),
    "caller": ({"type": "string"}, "The caller's number; in quotes."),
    "withheld": ({"type": "boolean"}, "Whether the caller's number is not told."),
    "at": ({"type": "string"}, "When the call comes in, such as 2026-03-07T12:00."),
    "language": ({"enum": list(LANGUAGES)}, "The language that is remembered of the caller."),
    "crowded": ({"type": "boolean"}, "Whether the line has all the calls it may."),
    "slower": ({"type": "boolean"}, "Whether it is remembered that the caller wants to be spoken to slower."),
    "louder": ({"type": "boolean"}, "Whether it is remembered that the caller wants to be spoken to louder."),
    "back_office": ({"$ref": "#/$defs/back_office"}, "What look-ups answer. A list: each try takes the next answer, the last one stays."),
    "steps": ({"type": "array", "items": {"$ref": "#/$defs/step"}}, "What the caller does, and what the line must have done by then."),
    "ticket": ({"type": "string"}, "The topic of the ticket that the call must promise; 'none' for no ticket."),
    "disposition": ({"enum": [one.value for one in Disposition]}, "How the call must end."),
    "milestones": ({"type": "array", "items": {"type": "string"}}, "The milestones that the call must reach: these, in this order."),
    "outcome": ({"type": "string"}, "The outcome that the call must come to; 'none' for no outcome."),
}
REQUIRED = ("name", "steps")
_WRITTEN: Mapping[Kind, Schema] = {
    Kind.BOOL: {"type": "boolean"},
    Kind.VOLUME: {"type": "string", "pattern": r"^\d+(\.\d+)?(B|KB|MB|GB|TB)$"},
    Kind.DURATION: {"type": "string", "pattern": r"^\d+(s|min|h)$"},
    Kind.NUMBER: {"type": "number"},
    Kind.MONEY: {"type": "number"},
}


def conversation_schema(signatures: Mapping[str, LookupSignature]) -> Schema:
    """The schema of a file of conversations about flows that use these look-ups."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Conversations with a flow",
        "type": "object",
        "properties": {
            "flow": {"type": "string", "description": "The flow's file, as seen from this one."},
            "conversations": {"type": "array", "items": {"$ref": "#/$defs/conversation"}},
        },
        "required": ["flow", "conversations"],
        "additionalProperties": False,
        "$defs": {
            "conversation": {
                "type": "object",
                "properties": {key: {**value, "description": meaning} for key, (value, meaning) in KEYS.items()},
                "required": list(REQUIRED),
                "additionalProperties": False,
            },
            "step": {"anyOf": [*(_word(word) for word in WORDS), *(_with_text(kind) for kind in WITH_TEXT)]},
            "back_office": _mapping({name: _answers(signature) for name, signature in signatures.items()}),
        },
    }


def _word(word: str) -> Schema:
    return {"const": word, "description": STEPS[word]}


def _with_text(kind: str) -> Schema:
    value: Schema = {"type": "string", "minLength": 1, "description": STEPS[kind]}
    if kind == "press":
        value = {**value, "pattern": "^[0-9*#]{1,64}$"}
    if kind == "later":
        value = {**value, "pattern": r"^(?=.*[1-9])[0-9]{1,6}(\.[0-9]{1,3})?(ms|s|min|h)$"}
    return _mapping({kind: value}) | {"required": [kind]}


def _answers(signature: LookupSignature) -> Schema:
    one: Schema = {"anyOf": [{"enum": list(OTHERWISE)}, _value(signature.answer)]}
    return {"anyOf": [one, {"type": "array", "items": one, "minItems": 1}]}


def _value(type_: Type) -> Schema:
    match type_:
        case Record():
            return _mapping({name: _value(field) for name, field in type_.fields.items()})
        case ListOf():
            return {"type": "array", "items": _value(type_.item)}
        case _:
            written = _WRITTEN.get(type_.kind, {"type": "string"})
            return {"anyOf": [written, {"type": "null"}]} if type_.optional else dict(written)


def _mapping(properties: Mapping[str, object]) -> Schema:
    return {"type": "object", "properties": dict(properties), "additionalProperties": False}
