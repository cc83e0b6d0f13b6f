"""The language as JSON Schema (draft 2020-12), so that an editor completes keys and shows on hovering what they mean.

A schema sees one value at a time: that a target exists or a type fits is for `ivr lint` to say. In one thing it is stricter than the
reader: numbers, `true` and `false` stand without quotes, as they do in every example.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import yaml

from ivr.core.expressions import KEYWORDS
from ivr.core.flow import ACTIONS
from ivr.core.values import TYPES
from ivr.language import forms
from ivr.language.grammar import Form, Key, Takes
from ivr.language.hours import DAYS, HOURS
from ivr.language.nodes import RESERVED
from ivr.language.prompts import LANGUAGES
from ivr.language.spoken import MAX_PHRASE

Schema = dict[str, object]
_NODE_NAME = "[a-z][a-z0-9_]{0,63}"
_DAY = f"({'|'.join(DAYS)})"
_CLOCK = "([01]?[0-9]|2[0-3]):[0-5][0-9]"
_NAME = "^[A-Za-z_][A-Za-z0-9_]{0,63}$"
_NAMES_OF_NODES: Schema = {"pattern": f"^{_NODE_NAME}$", "not": {"enum": list(ACTIONS)}}


def schema() -> Schema:
    """The schema of a flow's file."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **_mapping(forms.FLOW),
        "$defs": {
            **_values(),
            "form_defaults": _mapping(forms.DEFAULTS),
            "form_subflow": _mapping(forms.SUBFLOW),
            "form_limits": _mapping(forms.LIMITS),
            "form_speech": _mapping(forms.SPEECH),
            "form_choice": _mapping(forms.CHOICE),
            "form_hours": _mapping(HOURS),
            "form_arm": _known_by("an arm", {"when": forms.WHEN_ARM, "else": forms.ELSE_ARM}, "arm"),
            "form_node": _known_by("a node", forms.NODES, "node"),
            **{f"node_{name}": _mapping(form) for name, form in forms.NODES.items()},
            "arm_when": _mapping(forms.WHEN_ARM),
            "arm_else": _mapping(forms.ELSE_ARM),
        },
    }


def _mapping(form: Form) -> Schema:
    return {
        "type": "object",
        "title": f"{form.name}, all that is needed",
        "description": plain(form.meaning),
        "properties": {key.name: _key(form, key) for key in map(form.__getitem__, form)},
        "required": [name for name in form if form[name].required],
        "additionalProperties": False,
    }


def _known_by(title: str, kinds: Mapping[str, Form], prefix: str) -> Schema:
    """A mapping whose kind is told by one of its keys: at first these are offered, then what belongs to the one that stands there."""
    there = [{"required": [name]} for name in kinds]
    return {
        "type": "object",
        "title": title,
        "oneOf": there,
        "if": {"anyOf": there},
        "then": {"allOf": [{"if": {"required": [name]}, "then": {"$ref": f"#/$defs/{prefix}_{name}"}} for name in kinds]},
        "else": {"properties": {name: {"title": name, "description": plain(form.meaning)} for name, form in kinds.items()}},
    }


def _key(form: Form, key: Key) -> Schema:
    """What a key takes, with its hover text: for the key that names a node's type, what the caller experiences as well."""
    meaning = f"{form.meaning} {key.meaning}" if key.name == form.name else key.meaning
    found: Schema = {"title": f"{key.name}: {key.takes.words}", "description": plain(f"{meaning}\n\n{key.takes.written}")}
    if key.takes is Takes.COUNT:
        found |= {"type": "integer", "minimum": key.bounds[0], "maximum": key.bounds[1]}
    else:
        found |= {"$ref": f"#/$defs/{key.takes.name.lower()}"}
    if key.default:
        found["default"] = yaml.safe_load(key.default)
    return found | ({"examples": [yaml.safe_load(key.example)]} if key.example else {})


def plain(markdown: str) -> str:
    """A sentence of the table without links, and with the quotes of a message."""
    return re.sub(r"\[([^\]]+)\]\([^)]+\)", r"\1", markdown).replace("`", "'")


def _entries(keys: str | Schema, value: Schema, at_least: int = 0) -> Schema:
    if isinstance(keys, str):
        found: Schema = {"type": "object", "patternProperties": {keys: value}, "additionalProperties": False}
    else:
        found = {"type": "object", "propertyNames": keys, "additionalProperties": value}
    return found | ({"minProperties": at_least} if at_least else {})


def _values() -> Mapping[str, Schema]:
    """One definition for each kind of value, and for a prompt and an expression, of which several are made."""
    target: Schema = {"$ref": "#/$defs/node"}
    prompt: Schema = {"$ref": "#/$defs/prompt"}
    expression: Schema = {"$ref": "#/$defs/expression"}
    choice: Schema = {"$ref": "#/$defs/form_choice"}
    several: Schema = {"type": "array", "items": prompt}
    found: dict[Takes, Schema] = {
        Takes.VERSION: {"enum": [1, "1"]},
        Takes.LINE: {"type": ["string", "integer"], "pattern": "^[A-Za-z0-9][A-Za-z0-9_-]{0,31}$"},
        Takes.LANGUAGES: {"type": "array", "items": {"enum": list(LANGUAGES)}, "minItems": 1, "uniqueItems": True},
        Takes.NODE: {"type": "string", "pattern": f"^/?{_NODE_NAME}$"},
        Takes.NODES: _entries(_NAMES_OF_NODES, {"$ref": "#/$defs/form_node"}, 1),
        Takes.SUBFLOWS: _entries(_NAMES_OF_NODES, {"$ref": "#/$defs/form_subflow"}),
        Takes.SUBFLOW: {"type": "string", "pattern": f"^{_NODE_NAME}$"},
        Takes.UNIVERSALS: _entries("^[0-9*#]$", {"anyOf": [{"enum": list(ACTIONS)}, target, choice]}),
        Takes.CHOICES: _entries("^([0-9*#]|[0-9*]{2,4})$", {"anyOf": [target, choice]}, 1),
        Takes.DEFAULTS: {"$ref": "#/$defs/form_defaults"},
        Takes.PROMPTS: {"anyOf": [prompt, several | {"minItems": 1}]},
        Takes.PROMPTS_IN_TURN: {"anyOf": [prompt, {"type": "array", "items": {"anyOf": [prompt, several]}}]},
        Takes.LAST_WORDS: {"anyOf": [{"type": "null"}, prompt, several]},
        Takes.TRUTH: {"type": "boolean"},
        Takes.DURATION: {"type": "string", "pattern": r"^(?=.*[1-9])[0-9]{1,6}(\.[0-9]{1,3})?(ms|s|min|h)$"},
        Takes.NAME: {"type": "string", "pattern": _NAME, "not": {"enum": list(KEYWORDS)}},
        Takes.VALUE_NAME: {"type": "string", "pattern": _NAME, "not": {"enum": [*RESERVED, *KEYWORDS]}},
        Takes.LOOKUP: {"type": "string", "minLength": 1},
        Takes.ARGUMENTS: _entries({}, expression),
        Takes.ASSIGNMENTS: {
            "type": "object",
            "properties": {"language": {"enum": list(LANGUAGES)}},
            "propertyNames": {"pattern": _NAME, "not": {"enum": [*(name for name in RESERVED if name != "language"), *KEYWORDS]}},
            "additionalProperties": expression,
            "minProperties": 1,
        },
        Takes.CONDITION: expression,
        Takes.ARMS: {"type": "array", "items": {"$ref": "#/$defs/form_arm"}, "contains": {"required": ["else"]}},
    }
    name: Schema = {"type": "string", "pattern": _NAME}
    phrase: Schema = {"type": "string", "minLength": 1, "maxLength": MAX_PHRASE}
    phrases: Schema = {"anyOf": [phrase, {"type": "array", "items": phrase, "minItems": 1}]}
    file: Schema = {"type": "string", "minLength": 1}
    span: Schema = {"type": "string", "pattern": f"^{_CLOCK}-({_CLOCK}|24:00)$"}
    kinds = [*(kind.value for kind in TYPES), *(f"secret {kind.value}" for kind in TYPES)]
    found |= {
        Takes.VALUE: expression,
        Takes.RESULTS: {"anyOf": [{"type": "null"}, _entries({"pattern": _NAME, "not": {"enum": list(KEYWORDS)}}, expression)]},
        Takes.PARAMETERS: _entries({"pattern": _NAME, "not": {"enum": [*RESERVED, *KEYWORDS]}}, {"enum": kinds}),
        Takes.WORDS: {"type": "array", "items": name, "uniqueItems": True},
        Takes.WORD: name,
        Takes.FILES: {"anyOf": [file, {"type": "array", "items": file}]},
        Takes.LIMITS: {"$ref": "#/$defs/form_limits"},
        Takes.SPEECH: {"$ref": "#/$defs/form_speech"},
        Takes.SHARE: {"type": "number", "minimum": 0, "maximum": 1},
        Takes.PHRASES: {
            "anyOf": [
                *phrases["anyOf"],  # type: ignore[misc]
                {"type": "object", "properties": dict.fromkeys(LANGUAGES, phrases), "additionalProperties": False, "minProperties": 1},
            ]
        },
        Takes.HOURS: _entries({"pattern": _NAME}, {"$ref": "#/$defs/form_hours"}),
        Takes.WEEK: _entries({"pattern": f"^(daily|{_DAY}(-{_DAY})?)$"}, {"anyOf": [span, {"type": "array", "items": span}]}, 1),
        Takes.WEEKDAY: {"enum": list(DAYS)},
        Takes.ZONE: {"type": "string", "minLength": 1},
        Takes.HOURS_NAME: {"type": "string", "minLength": 1},
        Takes.ONE_KEY: {"anyOf": [{"type": "string", "pattern": "^[0-9*#]$"}, {"type": "integer", "minimum": 0, "maximum": 9}]},
    }
    own: Schema = {"type": "string", "minLength": 1}
    return {
        "prompt": {
            "description": "A name from the prompts files, a text, or texts by language.",
            "anyOf": [
                own,
                {"type": "object", "properties": dict.fromkeys(LANGUAGES, own), "additionalProperties": False, "minProperties": 1},
            ],
        },
        "expression": {"type": ["string", "number", "boolean", "null"]},
        **{takes.name.lower(): value for takes, value in found.items()},
    }
