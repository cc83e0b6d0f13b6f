"""The shipped pages that are printed from the table of the language: docs/flow-reference.md and docs/flow.schema.json."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

from ivr.language import forms
from ivr.language.grammar import Form, Key, Takes
from ivr.language.hours import HOURS
from ivr.language.problems import CODES
from ivr.language.schema import schema

_HEAD = """\
# The flow language

The reference: every key of a flow, what it takes and what a caller gets from it. How to write, try and test a flow is told in
[flows.md](flows.md). This page is printed by `ivr schema --reference`; an editor shows the same on hovering over a key, with
[flow.schema.json](flow.schema.json) and the yaml-language-server, when a flow begins with

```yaml
# yaml-language-server: $schema=../docs/flow.schema.json
```
"""
_NODES = """\
## Nodes

A node is known by the one key that says what it does. Each is told as the caller experiences it. Every node may have, too:
"""
_PROMPTS = """\
## Prompts

A prompt is the name of one in `prompts/<language>.yaml`, a text, or texts by language, one for each language of the flow. A single word
of small letters, digits and `_` is always a name. In a text, `{{ value | kind }}` speaks a value; see [flows.md](flows.md#prompts).
"""
_CODES = """\
## Problems

What `ivr lint` finds, by the code at the end of each message. `ivr lint --explain CODE` prints the same.
"""


def schema_text() -> str:
    """The JSON Schema as it is shipped."""
    return json.dumps(schema(), ensure_ascii=False, indent=2) + "\n"


def reference() -> str:
    """The reference page."""
    parts = [_HEAD, *_form(forms.FLOW, "## The file"), *_form(forms.DEFAULTS, "### defaults"), *_form(forms.LIMITS, "### limits")]
    parts += _form(forms.SPEECH, "### speech")
    parts += [*_form(HOURS, "### Opening hours"), *_form(forms.SUBFLOW, "### A sub-flow"), *_form(forms.SHARED, "### A shared file")]
    parts += [_NODES, _keys(forms.EVERYWHERE)]
    for name, form in forms.NODES.items():
        parts += _form(form, f"### {name}")
        parts += _arms() if name == "branch" else _form(forms.CHOICE, "#### A choice") if name == "menu" else ()
    parts += ["## Values\n", _table(("what", "how it is written"), ((one.words, one.written) for one in _kinds())), _PROMPTS, _CODES]
    parts.append(_table(("code", "cause", "cure"), ((f"`{name}`", code.cause, code.cure) for name, code in CODES.items())))
    return "\n".join(parts)


def _form(form: Form, title: str) -> Iterator[str]:
    yield f"{title}\n"
    yield f"{form.meaning}\n"
    common = form is not forms.DEFAULTS and set(forms.RETRIES) <= set(form.keys)
    told = (*(forms.RETRIES if common else ()), *forms.EVERYWHERE)
    yield _keys(key for key in form.keys if key not in told)
    if common:
        yield f"And {', '.join(f'`{key.name}`' for key in forms.RETRIES)}, as in [defaults](#defaults).\n"
    yield f"```yaml\n{form.example}```\n"


def _arms() -> Iterator[str]:
    yield "#### An arm of a branch\n"
    yield _keys((*forms.WHEN_ARM.keys, *forms.ELSE_ARM.keys))
    yield f"An arm has `when` and `then`. The last has `else` alone: `{forms.ELSE_ARM.example.strip()}`.\n"


def _keys(keys: Iterable[Key]) -> str:
    return _table(("key", "takes", "", "meaning"), ((f"`{key.name}`", _takes(key), _needed(key), key.meaning) for key in keys))


def _takes(key: Key) -> str:
    lowest, highest = key.bounds
    return f"{key.takes.words}, {lowest} to {highest}" if key.takes is Takes.COUNT else key.takes.words


def _needed(key: Key) -> str:
    return "required" if key.required else f"`{key.default}`" if key.default else ""


def _kinds() -> Iterator[Takes]:
    """Each kind of value that some key takes, in the order in which a reader meets them."""
    all_forms = (forms.FLOW, forms.DEFAULTS, forms.LIMITS, HOURS, forms.SUBFLOW, *forms.NODES.values(), forms.WHEN_ARM, forms.ELSE_ARM)
    yield from dict.fromkeys(key.takes for form in all_forms for key in form.keys)


def _table(heads: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [heads, tuple("---" for _ in heads), *rows]
    return "".join("| " + " | ".join(_cell(cell) for cell in line) + " |\n" for line in lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")
