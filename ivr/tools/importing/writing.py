"""A draft as text: YAML as a person would write it, in the style of the shipped flow."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from ivr.tools.importing.draft import Choices, Draft, DraftNode, Go, Said, Shared, Value, Words, without_about

WIDTH = 120
_PLAIN = re.compile(r"[A-Za-z\u3400-\u9fff][^:#?,\[\]{}&*!|>'\"%@`\\\n]*")
_NOT_TEXT = ("null", "true", "false")
_ORDER = (  # of the keys of a menu and a form
    *("menu", "collect", "as", "length", "min", "max", "secret", "again", "barge_in", "choices", "then"),
    *("timeout", "digit_timeout", "tries", "noinput", "nomatch", "exhausted"),
)
_IN_TURN = ("noinput", "nomatch")
DEFAULTS = ("timeout", "digit_timeout", "tries", "noinput", "nomatch", "exhausted")


def written(draft: Draft) -> str:
    """The flow's text."""
    defaults = _defaults(draft)
    lines = [
        "# yaml-language-server: $schema=../docs/flow.schema.json",
        f"# {_comment(draft.about)}",
        "selfline: 1",
        f"line: {_quoted(draft.line)}",
        f"languages: [{draft.language}]",
        f"start: {draft.start}",
        "on_failure: trouble",
    ]
    if defaults:
        lines += ["", "defaults:", *_block(draft, "", defaults, "  ")]
    lines += ["", "nodes:", *_nodes(draft, "", "  ", defaults)]
    if draft.starts:
        lines += ["", "subflows:"]
        for scope, start in draft.starts.items():
            lines += [f"  {scope}:", f"    start: {_short(start, scope)}", "    nodes:"]
            lines += _nodes(draft, scope, "      ", defaults)
    return "\n".join(lines) + "\n"


def _defaults(draft: Draft) -> dict[str, Value]:
    """What all menus and forms have in common, when there are several."""
    asking = [node for node in draft.nodes.values() if node.asks]
    if len(asking) < 2:
        return {}
    common: dict[str, Value] = {}
    for key in DEFAULTS:
        first = asking[0].keys.get(key)
        if (
            first is not None
            and all(_bare(node.keys.get(key)) == _bare(first) for node in asking)
            and not (isinstance(first, Go) and "/" in first.target)
        ):
            common[key] = first
    return common


def _bare(value: Value | None) -> Value | None:
    return without_about(value) if isinstance(value, tuple) else value


def _nodes(draft: Draft, scope: str, indent: str, defaults: dict[str, Value]) -> Iterator[str]:
    mine = [node for node in draft.nodes.values() if node.scope == scope]
    for index, node in enumerate(mine):
        if node.heading:
            if index:
                yield ""
            yield f"{indent}# --- {_comment(node.heading)} ---"
        for comment in node.comments:
            yield f"{indent}# {_comment(comment)}"
        yield from _node(draft, node, indent, defaults)


def _node(draft: Draft, node: DraftNode, indent: str, defaults: dict[str, Value]) -> Iterator[str]:
    keys = {key: value for key, value in node.keys.items() if not (node.asks and key in defaults and _bare(value) == _bare(defaults[key]))}
    if node.asks:
        keys = {key: keys[key] for key in sorted(keys, key=_ORDER.index)}
    name = _short(node.name, node.scope)
    about = [word.about for value in keys.values() if isinstance(value, tuple) for word in value if isinstance(word, Said) and word.about]
    tail = f"  # {_comment(', '.join(dict.fromkeys(about)))}" if about else ""
    line = f"{indent}{name}: {{{', '.join(f'{key}: {_under(draft, node.scope, key, value)}' for key, value in keys.items())}}}"
    if not any(isinstance(value, Choices) for value in keys.values()) and len(line) <= WIDTH:
        yield line + (tail if len(line + tail) <= WIDTH + 20 else "")
        return
    yield f"{indent}{name}:"
    yield from _block(draft, node.scope, keys, indent + "  ")


def _block(draft: Draft, scope: str, keys: dict[str, Value], indent: str) -> Iterator[str]:
    for key, value in keys.items():
        if isinstance(value, Choices):
            yield f"{indent}{key}:"
            for pressed, target in value.targets.items():
                yield f"{indent}  {_key(pressed)}: {_short(target, scope)}"
        elif isinstance(value, tuple) and len(value) > 1 and key not in _IN_TURN and _too_wide(draft, key, value, indent):
            yield f"{indent}{key}:"
            yield from (f"{indent}  - {_word(draft, word)}{_beside(word)}" for word in value)
        else:
            tail = _beside(value[0]) if isinstance(value, tuple) and len(value) == 1 else ""
            yield f"{indent}{key}: {_under(draft, scope, key, value)}{tail}"


def _too_wide(draft: Draft, key: str, value: Words, indent: str) -> bool:
    return len(f"{indent}{key}: {_flow(draft, '', value)}") > WIDTH or any(isinstance(word, Said) and word.about for word in value)


def _beside(word: Shared | Said) -> str:
    return f"  # {_comment(word.about)}" if isinstance(word, Said) and word.about else ""


def _under(draft: Draft, scope: str, key: str, value: Value) -> str:
    """A value in one line, under its key: where a list means one prompt after each failure, what is said at once is a list in it."""
    text = _flow(draft, scope, value)
    return f"[{text}]" if key in _IN_TURN and isinstance(value, tuple) and len(value) > 1 else text


def _flow(draft: Draft, scope: str, value: Value) -> str:
    """A value in one line."""
    if isinstance(value, Go):
        return _short(value.target, scope)
    if isinstance(value, str):
        return value
    if isinstance(value, Choices):
        return f"{{{', '.join(f'{_key(key)}: {_short(target, scope)}' for key, target in value.targets.items())}}}"
    if len(value) == 1:
        return _word(draft, value[0])
    return f"[{_listed(_word(draft, word) for word in value)}]" if value else ""


def _listed(words: Iterable[str]) -> str:
    return ", ".join(words)


def _word(draft: Draft, word: Shared | Said) -> str:
    return word.name if isinstance(word, Shared) else f"{{{draft.language}: {text_of(word.text)}}}"


def text_of(text: str) -> str:
    """A text as YAML: plain where nothing in it could be mistaken, else in single quotes."""
    if _PLAIN.fullmatch(text) and not text.endswith(" ") and text not in _NOT_TEXT:
        return text
    return "'" + text.replace("'", "''") + "'"


def _quoted(text: str) -> str:
    return f'"{text}"'


def _key(key: str) -> str:
    return key if key.isdigit() and not key.startswith("0") else f'"{key}"'


def _short(target: str, scope: str) -> str:
    """A target as it is written in a scope."""
    own, _, name = target.rpartition("/")
    return name if own == scope else f"/{name}"


def _comment(text: str) -> str:
    return " ".join("".join(character if character.isprintable() else " " for character in text).split())[:300]
