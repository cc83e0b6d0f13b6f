"""Whatever a file holds, loading it gives a flow or sentences, soon: never an exception, never an object out of the text."""

from __future__ import annotations

import random
import time
from collections.abc import Callable

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from ivr.language.loader import Loaded
from ivr.language.problems import CODES
from ivr.language.source import MAX_BYTES, MAX_VALUES, read_yaml
from tests.conftest import HOME, load

SHIPPED = (HOME / "flows" / "1008611.yaml").read_text(encoding="utf-8")
LONGEST = 5.0  # seconds of one processor; a real flow takes some hundredths, the worst file here about two and a half
TEXTS, TREES = 250, 400  # mutants


def load_soundly(text: str) -> Loaded:
    began = time.process_time()
    loaded = load(text)

    assert time.process_time() - began < LONGEST
    assert (loaded.flow is None) == any(problem.severity == "error" for problem in loaded.problems)
    assert all(
        problem.code in CODES and problem.mark.line > 0 and problem.mark.column > 0 and problem.sentence for problem in loaded.problems
    )
    return loaded


# --- mutations of the text ---

SNIPPETS = [
    "{{", "}}", "'", '"', ": ", "- ", "\n", "\t", "[", "]", "{", "}", "#", "*", "&a", "!!x", "|", ">", "~", "null", "0", "9" * 40, "\0",
    "\ufeff", "\u2028", "\x85", "\ud800", "。", "account.balance", "when: ", "then: main", "/main", "bill/tell", "\\", "%", "@", "---\n",
]  # fmt: skip


def _cut(text: str, chance: random.Random) -> str:
    begin = chance.randrange(len(text))
    return text[:begin] + text[begin + chance.randrange(1, 60) :]


def _insert(text: str, chance: random.Random) -> str:
    place = chance.randrange(len(text))
    return text[:place] + chance.choice(SNIPPETS) + text[place:]


def _swap_lines(text: str, chance: random.Random) -> str:
    lines = text.splitlines(keepends=True)
    one, other = chance.randrange(len(lines)), chance.randrange(len(lines))
    lines[one], lines[other] = lines[other], lines[one]
    return "".join(lines)


def _swap_words(text: str, chance: random.Random) -> str:
    words = text.split(" ")
    one, other = chance.randrange(len(words)), chance.randrange(len(words))
    words[one] = words[other]
    return " ".join(words)


def _change_letter(text: str, chance: random.Random) -> str:
    place = chance.randrange(len(text))
    return text[:place] + chr(chance.choice([chance.randrange(32, 127), chance.randrange(0x3000, 0xA000)])) + text[place + 1 :]


@pytest.mark.parametrize("mutate", [_cut, _insert, _swap_lines, _swap_words, _change_letter], ids=lambda mutate: mutate.__name__)
def test_a_mutated_text_gives_problems_and_never_an_exception(mutate: Callable[[str, random.Random], str]):
    chance = random.Random(8611)

    for _ in range(TEXTS):
        text = SHIPPED
        for _ in range(chance.choice([1, 1, 1, 2, 5])):
            text = mutate(text, chance) or "x"
        load_soundly(text)


# --- mutations of the structure ---

PLAIN = yaml.load(SHIPPED, Loader=yaml.BaseLoader)
LEAVES: list[object] = [
    "", "null", "main", "bill", "/main", "x", "0", "5s", "true", "{{ account.balance | money }}", "account.balance < 0", "account", "say",
    "menu", "return", "back", "1", [], {}, ["main"], {"zh-CN": "好"}, {"else": "main"}, [{"when": "call", "then": "main"}],
]  # fmt: skip


def _places(thing: object) -> list[tuple[object, object]]:
    inner: list[tuple[object, object]] = []
    entries = thing.items() if isinstance(thing, dict) else enumerate(thing) if isinstance(thing, list) else ()
    for key, value in entries:
        inner += [(thing, key), *_places(value)]
    return inner


def _copied(thing: object) -> object:
    if isinstance(thing, dict):
        return {key: _copied(value) for key, value in thing.items()}
    return [_copied(item) for item in thing] if isinstance(thing, list) else thing


def _mutated(chance: random.Random) -> object:
    flow = _copied(PLAIN)
    for _ in range(chance.choice([1, 1, 2, 4])):
        places = _places(flow)
        (holder, key), (other, other_key) = chance.choice(places), chance.choice(places)
        match chance.randrange(4):
            case 0:
                del holder[key]  # type: ignore[attr-defined]
            case 1:
                holder[key] = _copied(chance.choice(LEAVES))  # type: ignore[index]
            case 2:
                holder[key] = _copied(other[other_key])  # type: ignore[index]
            case _ if isinstance(holder, dict):
                holder[chance.choice([str(other_key), "say", "then", "as", "barge_in"])] = holder.pop(key)
    return flow


def test_a_mutated_structure_gives_problems_and_never_an_exception():
    chance, dumper = random.Random(10086), getattr(yaml, "CSafeDumper", yaml.SafeDumper)

    for _ in range(TREES):
        load_soundly(yaml.dump(_mutated(chance), allow_unicode=True, sort_keys=False, Dumper=dumper))


@given(st.one_of(st.text(max_size=300), st.text("{}[]:-,#&*!|>'\"%@` \n\tab0", max_size=120)))
@settings(max_examples=300, deadline=None)
def test_any_text_at_all_gives_problems(text: str):
    assert load_soundly(text).flow is None


# --- files made to hurt ---


def _flow(nodes: str) -> str:
    return f"selfline: 1\nline: x\nlanguages: [zh-CN]\nstart: n0\non_failure: n0\nnodes:\n{nodes}"


def _many(pattern: str, count: int = 13_500) -> str:
    return ", ".join(pattern.format(number, number + 1) for number in range(count))


LETTERS = list(zip("bcdefgh", "abcdefg", strict=True))
HOSTILE = {
    "a bomb of aliases": "a: &a [x, x]\n" + "".join(f"{one}: &{one} [*{other}, *{other}]\n" for one, other in LETTERS),
    "an object": "!!python/object/new:os.system [echo hacked]\n",
    "a merge": "<<: {selfline: 1}\n",
    "deep brackets": "[" * 100_000,
    "deep braces": "{a: " * 100_000,
    "deep indentation": "".join(" " * depth + "a:\n" for depth in range(1000)),
    "a long line": "a: " + "x" * (MAX_BYTES - 10),
    "a long key": "x" * 5000 + ": 1",
    "many keys": "".join(f"k{number}: 1\n" for number in range(60_000)),
    "too many nodes": _flow("".join(f"  n{number}: {{goto: n{number + 1}}}\n" for number in range(3000))),
    "many wrong targets": _flow("".join(f"  n{number}: {{goto: m{number}}}\n" for number in range(1000))),
    "many wrong choices": _flow(f"  n0: {{menu: main_menu, exhausted: n0, choices: {{{_many('{0}: node{0}')}}}}}\n"),
    "many wrong prompts": _flow(f"  n0: {{hangup: [{_many('prompt_number_{0}', 27_000)}]}}\n"),
    "many wrong expressions": _flow(f"  n0: {{set: {{{_many('a{0}: b{0} +')}}}, then: n0}}\n"),
    "many wrong names": _flow(f"  n0: {{set: {{{_many('a{0}: 1', 7_500)}, {_many('c{0}: b{0}', 6_000)}}}, then: n0}}\n"),
    "a chain of values in reverse": _flow(f"  n0: {{set: {{{_many('a{0}: a{1} + 1')}, a13500: 1}}, then: n1}}\n"),
    "a chain of unknown values": _flow(f"  n0: {{set: {{{_many('a{0}: a{1} + 1')}}}, then: n1}}\n  n1: {{lookup: z, as: a13500}}\n"),
    "a ring of a thousand nodes": _flow("".join(f"  n{number}: {{goto: n{(number + 1) % 1000}}}\n" for number in range(1000))),
    "a thousand values one by one": _flow(
        "".join(f"  n{number}: {{set: {{v{number}: 1}}, then: n{number + 1}}}\n" for number in range(900))
    ),
    "many nulls": _flow("".join(f"  n{number}:\n" for number in range(900))),
    "a lone surrogate": "a: \ud800\n",
    "control characters": "a: \x9f\x1b[31m\n",
    "a directive": "%YAML 9.9\n---\na: 1\n",
    "a byte order mark in the middle": "a: 1\n\ufeffb: 2\n",
    "a complex key": "? {a: 1}\n: 2\n",
    "a template without end": _flow('  n0: {hangup: "' + "{{" * 240 + '"}\n'),
    "expressions nested too deep": _flow("  n0: {set: {a: '" + "(" * 499 + "'}, then: n0}\n"),
    "a sub-flow without a start": _flow("  n0: {call: s, then: n0}\n") + "subflows: {s: {nodes: {x: {return: }}}}\n",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_refused_in_good_time(name: str):
    assert load_soundly(HOSTILE[name]).problems


def test_a_file_of_more_than_a_mebibyte_is_not_even_parsed():
    assert [str(problem) for problem in load("x" * (MAX_BYTES + 1), "big.yaml").problems] == [
        "big.yaml:1:1: error: the file is larger than 1 MiB  [yaml-limit]"
    ]


def test_a_file_of_too_many_values_is_told_where_it_is_too_much():
    root, problems = read_yaml("[" + "a,\n" * (MAX_VALUES + 5) + "]", "many.yaml")

    assert root is None
    assert [str(problem) for problem in problems] == [
        "many.yaml:30000:1: error: the file has more than 30000 values; split it  [yaml-limit]"
    ]


def test_a_byte_order_mark_at_the_start_is_no_trouble(quick_line: object):
    assert load("\ufeff" + SHIPPED).flow is not None


@pytest.mark.parametrize(
    ("text", "code"), [("a: \ud800", "U+D800"), ("a: \x80", "U+0080"), ("a: \ufffe", "U+FFFE"), ("\n a: \x00", "U+0000")]
)
def test_what_is_no_text_is_told_by_its_code(text: str, code: str):
    (problem,) = load(text).problems

    assert problem.sentence == f"a control character ({code}) cannot stand in a text file"
    assert (problem.mark.line, problem.mark.column) == (text.count("\n") + 1, 4 + text.count(" a"))


_LONG = """\
  n{0}:
    menu:
      zh-CN: >-
        话费请按一，
        流量请按二，
        人工请按零。
    choices:
      1: n{1}
      2: n{1}
      0: bye
"""


def test_a_flow_of_ten_thousand_lines_is_read_in_seconds():
    head = _flow("").replace("nodes:", "defaults: {exhausted: bye}\nnodes:")
    text = head + "".join(_LONG.format(number, (number + 1) % 999) for number in range(999)) + "  bye: {hangup: goodbye}\n"

    loaded = load_soundly(text)

    assert len(text.splitlines()) >= 9_990
    assert loaded.problems == ()
