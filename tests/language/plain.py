"""A YAML text as an editor's schema sees it: YAML 1.2's plain values, keys as texts."""

from __future__ import annotations

import re

from ivr.language.source import ListSource, MappingSource, ScalarSource, Source, read_yaml


def plain(text: str) -> object:
    """The document as JSON would have it. The text must be readable."""
    source, problems = read_yaml(text, "test.yaml")
    assert source is not None, problems
    return _value(source)


def _value(source: Source) -> object:
    match source:
        case MappingSource():
            return {key.text: _value(value) for key, value in source.entries}
        case ListSource():
            return [_value(item) for item in source.items]
        case ScalarSource(quoted=False, text=text):
            if source.is_null:
                return None
            if text in ("true", "false"):
                return text == "true"
            if re.fullmatch(r"[-+]?[0-9]+", text):
                return int(text)
            return float(text) if re.fullmatch(r"[-+]?(\.[0-9]+|[0-9]+\.[0-9]*)", text) else text
        case ScalarSource(text=text):
            return text
