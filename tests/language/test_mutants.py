"""Broken flows by the thousand: whatever is done to a flow, loading it gives typed problems, soon, and never an exception.

A mutant is a shipped flow or one of the corpus, changed one to six times: in its lines and words, or in its tree. Each mutant is known by
its number, so that one that fails can be made again. `make mutants` tries 50,000 of them; every test run tries some.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable

import yaml

from ivr.language.problems import CODES
from tests.conftest import HOME, load

COUNT = int(os.environ.get("IVR_MUTANTS", "1000"))
LONGEST = 1.0  # seconds of one processor
MAX_TEXT = 120_000  # characters: beyond, changes only cut
PATHS = sorted([*(HOME / "flows").glob("*.yaml"), *(HOME / "tests/corpus/flows").glob("*.yaml")])
FLOWS = [path.read_text(encoding="utf-8") for path in PATHS]
Loader: type[yaml.BaseLoader] = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
Dumper: type[yaml.SafeDumper] = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
Chance = random.Random
Tree = dict[object, object] | list[object]

HOSTILE = [
    "{{", "}}", "{{ account.balance | money }}", "{{ x", "'", '"', ": ", "- ", "? ", "\n", "\t", "[", "]", "{", "}", "#", "*", "*a", "&a ",
    "<<: *a", "!!python/object/apply:os.system [x]", "!!binary x", "|", ">", "~", "null", "0", "-1", "1e999", ".inf", "9" * 40, "\0",
    "\ufeff", "\u2028", "\x85", "\x1b[31m", "\u202e", "。", "%", "@", "`", "---\n", "...\n", "account.balance", "1 / 0", "(" * 60,
    "a.b" * 200, "!" * 50, "!!x", "&&", "then: main", "/main", "../x", "a/b/c", "\\", "x" * 3000, "yes", "2026-02-30", "25:00", "5s", "0s",
]  # fmt: skip
LEAVES: list[object] = [
    "", "null", "main", "/main", "x", "0", "-1", "5s", "99999999999h", "true", "{{ account.balance | money }}", "{{ x | y }}", "account",
    "account.balance < 0", "a" * 600, "+".join("a" * 120), "(" * 50 + "1" + ")" * 50, "size(", "say", "back", "1" * 200, "\u0000", "余额",
    [], {}, ["main"], [[[[]]]], {"zh-CN": "好"}, {"else": "main"}, [{"when": "call", "then": "main"}], ["x"] * 300,
    {str(number): "main" for number in range(300)}, {"x": {"y": {"z": {}}}},
]  # fmt: skip


# --- changes of the text ---


def _lines(change: Callable[[list[str], Chance], None]) -> Callable[[str, Chance], str]:
    def changed(text: str, chance: Chance) -> str:
        lines = text.splitlines(keepends=True) or ["\n"]
        change(lines, chance)
        return "".join(lines)

    changed.__name__ = change.__name__
    return changed


@_lines
def delete_lines(lines: list[str], chance: Chance) -> None:
    begin = chance.randrange(len(lines))
    del lines[begin : begin + chance.choice([1, 1, 2, 8])]


@_lines
def repeat_lines(lines: list[str], chance: Chance) -> None:
    begin = chance.randrange(len(lines))
    lines[begin:begin] = lines[begin : begin + chance.choice([1, 1, 3, 10])] * chance.choice([1, 1, 1, 2, 50])


@_lines
def swap_lines(lines: list[str], chance: Chance) -> None:
    one, other = chance.randrange(len(lines)), chance.randrange(len(lines))
    lines[one], lines[other] = lines[other], lines[one]


@_lines
def indent(lines: list[str], chance: Chance) -> None:
    for place in range(begin := chance.randrange(len(lines)), min(begin + chance.choice([1, 1, 5]), len(lines))):
        lines[place] = " " * chance.choice([1, 2, 4, 40]) + lines[place]


@_lines
def outdent(lines: list[str], chance: Chance) -> None:
    place = chance.randrange(len(lines))
    lines[place] = lines[place].removeprefix(" " * chance.choice([1, 2]))


@_lines
def splice(lines: list[str], chance: Chance) -> None:
    other = chance.choice(FLOWS).splitlines(keepends=True) or ["\n"]
    begin, place = chance.randrange(len(other)), chance.randrange(len(lines))
    lines[place:place] = other[begin : begin + chance.choice([1, 3, 20])]


def insert_hostile(text: str, chance: Chance) -> str:
    place = chance.randrange(len(text) + 1)
    return text[:place] + chance.choice(HOSTILE) * chance.choice([1, 1, 1, 30]) + text[place:]


def cut(text: str, chance: Chance) -> str:
    begin = chance.randrange(len(text) + 1)
    return text[:begin] + text[begin + chance.randrange(1, 200) :]


def swap_words(text: str, chance: Chance) -> str:
    words = text.split(" ")
    words[chance.randrange(len(words))] = chance.choice(words)
    return " ".join(words)


TEXTUAL = [delete_lines, repeat_lines, swap_lines, indent, outdent, splice, insert_hostile, cut, swap_words]


# --- changes of the tree ---


def _places(thing: object) -> list[tuple[Tree, object]]:
    entries = list(thing.items()) if isinstance(thing, dict) else list(enumerate(thing)) if isinstance(thing, list) else []
    return [place for key, value in entries for place in ((thing, key), *_places(value))]


def _copied(thing: object) -> object:
    if isinstance(thing, dict):
        return {key: _copied(value) for key, value in thing.items()}
    return [_copied(item) for item in thing] if isinstance(thing, list) else thing


def drop(holder: Tree, key: object, flow: Tree, chance: Chance) -> None:
    del holder[key]


def put_leaf(holder: Tree, key: object, flow: Tree, chance: Chance) -> None:
    holder[key] = _copied(chance.choice(LEAVES))


def put_other(holder: Tree, key: object, flow: Tree, chance: Chance) -> None:
    other, other_key = chance.choice(_places(flow))
    holder[key] = _copied(other[other_key])


def swap_values(holder: Tree, key: object, flow: Tree, chance: Chance) -> None:
    other, other_key = chance.choice([(holder, key)] if isinstance(holder, list) else [(holder, one) for one in holder])
    holder[key], other[other_key] = _copied(other[other_key]), _copied(holder[key])


def rename_key(holder: Tree, key: object, flow: Tree, chance: Chance) -> None:
    if isinstance(holder, dict):
        _, other_key = chance.choice(_places(flow))
        holder[chance.choice([str(other_key), "say", "then", "as", "nodes", "x" * 80, str(key) + "x"])] = holder.pop(key)


def many_of_it(holder: Tree, key: object, flow: Tree, chance: Chance) -> None:
    holder[key] = [_copied(holder[key]) for _ in range(chance.choice([2, 10, 200]))]


def many_beside_it(holder: Tree, key: object, flow: Tree, chance: Chance) -> None:
    if isinstance(holder, dict):
        holder.update({f"{key}{number}": _copied(holder[key]) for number in range(chance.choice([2, 10, 200]))})


def nest(holder: Tree, key: object, flow: Tree, chance: Chance) -> None:
    for _ in range(chance.choice([1, 3, 60])):
        holder[key] = chance.choice([[holder[key]], {"say": holder[key]}, {"x": holder[key]}])


STRUCTURAL = [drop, put_leaf, put_other, swap_values, rename_key, many_of_it, many_beside_it, nest]


def _of_tree(text: str, chance: Chance, changes: list[str]) -> str:
    try:
        flow = yaml.load(text, Loader=Loader)
    except yaml.YAMLError:
        flow = None
    if not isinstance(flow, dict | list):
        return text
    for _ in range(chance.choice([1, 1, 2, 4])):
        places = _places(flow)
        if places and len(places) < 5000:
            change = chance.choice(STRUCTURAL)
            changes.append(change.__name__)
            change(*chance.choice(places), flow, chance)
    return yaml.dump(flow, allow_unicode=True, sort_keys=False, Dumper=Dumper)


def mutant(number: int) -> tuple[str, list[str]]:
    """The text with this number, and what was done to make it."""
    chance = random.Random(number)
    text, changes = chance.choice([FLOWS[0], FLOWS[0], chance.choice(FLOWS)]), []
    if chance.random() < 0.5:
        text = _of_tree(text, chance, changes)
    for _ in range(chance.choice([1, 1, 2, 6] if not changes else [0, 0, 1])):
        change = chance.choice(TEXTUAL) if len(text) < MAX_TEXT else cut
        changes.append(change.__name__)
        text = change(text, chance)
    return text, changes


def test_each_mutant_of_a_flow_gives_typed_problems_and_gives_them_soon():
    slowest, sound = (0.0, 0, [""]), 0

    for number in range(COUNT):
        text, changes = mutant(number)
        began = time.process_time()
        loaded = load(text)
        slowest = max(slowest, (time.process_time() - began, number, changes))
        told = f"mutant {number}: {changes}"
        assert (loaded.flow is None) == any(problem.severity == "error" for problem in loaded.problems), told
        assert all(one.code in CODES and one.mark.line > 0 and one.mark.column > 0 and one.sentence for one in loaded.problems), told
        sound += loaded.flow is not None

    print(f"{COUNT} mutants, {sound} of them sound; the slowest took {slowest[0]:.2f} s: number {slowest[1]}, {slowest[2]}")
    assert slowest[0] < LONGEST, slowest
    assert 0 < sound < COUNT / 2
