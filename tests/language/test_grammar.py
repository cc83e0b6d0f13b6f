"""One table of the language: the reader, the JSON Schema and the reference page agree with it, and so with one another."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from adapters.backoffice.signatures import SIGNATURES
from ivr.language import forms
from ivr.language.grammar import Form, Key, Takes
from ivr.language.hours import HOURS
from ivr.language.nodes import NODE_TYPES
from ivr.language.problems import CODES
from ivr.language.reader import Reader
from ivr.language.schema import plain as without_marks
from ivr.language.schema import schema
from ivr.language.source import read_yaml
from ivr.tools.conversations import read_script
from ivr.tools.flowtest import run
from ivr.tools.reference import reference, schema_text
from tests.conftest import HOME, load
from tests.language.examples import EXAMPLES, flow_of, script_of
from tests.language.plain import plain

VALIDATOR = Draft202012Validator(schema())
CORPUS = sorted((HOME / "tests" / "corpus" / "flows").glob("*.yaml"))
OF_STRUCTURE = frozenset(("unknown-key", "missing-key", "wrong-type", "bad-value", "unknown-type"))
ONLY_LINT_KNOWS = {  # what a schema, which sees one value at a time, cannot tell
    "branch_else_not_last": "the order of arms",
    "speech_missing": "which keys need one another",
    "collect_length_and_max": "which keys exclude one another",
    "lookup_same_name_two_types": "types",
    "lookup_wrong_arguments": "what a look-up needs",
    "menu_without_exhausted": "whether 'defaults' has it",
    "return_in_the_line": "whether a node is in a sub-flow",
    "call_without_arguments": "what a sub-flow takes",
    "confirm_wrong": "which keys are alike, and what needs another",
    "call_wrong_arguments": "what a sub-flow takes",
    "limits_incomplete": "which keys need one another",
    "return_differs": "what other ends return",
    "return_of_nothing": "what a sub-flow returns",
}
ONLY_THE_SCHEMA_MINDS = {  # lint has another code for these
    "languages_misspelt": "a language that selfline does not speak",
    "prompt_missing_language": "a language that selfline does not speak",
    "subflow_goto": "a target that cannot be a node's name",
    "universal_misspelt": "a target that cannot be a node's name",
}
ALL_FORMS = {
    "the file": forms.FLOW,
    "defaults": forms.DEFAULTS,
    "limits": forms.LIMITS,
    "speech": forms.SPEECH,
    "a choice": forms.CHOICE,
    "opening hours": HOURS,
    "a sub-flow": forms.SUBFLOW,
    "when": forms.WHEN_ARM,
    "else": forms.ELSE_ARM,
    **forms.NODES,
}


# --- the reader and the table ---


def test_the_reader_reads_the_keys_of_the_table_and_no_others(monkeypatch: pytest.MonkeyPatch):
    read: dict[int, set[str]] = {}
    done = Reader.done

    def noted(reader: Reader) -> None:
        if reader._form is not None:
            read.setdefault(id(reader._form), set()).update(reader._read)
        done(reader)

    monkeypatch.setattr(Reader, "done", noted)

    for text in EXAMPLES.values():
        load(text)

    assert {name: sorted(read[id(form)]) for name, form in ALL_FORMS.items()} == {name: sorted(form) for name, form in ALL_FORMS.items()}


def test_every_node_type_that_is_read_is_in_the_table():
    assert set(NODE_TYPES) == set(forms.NODES)


# --- the schema and the reader ---


def test_the_schema_is_a_schema():
    Draft202012Validator.check_schema(schema())


def test_the_schema_has_the_keys_of_the_table():
    definitions: Any = schema()["$defs"]
    found = {
        "the file": schema(),
        "defaults": definitions["form_defaults"],
        "limits": definitions["form_limits"],
        "speech": definitions["form_speech"],
        "a choice": definitions["form_choice"],
        "opening hours": definitions["form_hours"],
        "a sub-flow": definitions["form_subflow"],
        "when": definitions["arm_when"],
        "else": definitions["arm_else"],
        **{name: definitions[f"node_{name}"] for name in forms.NODES},
    }

    for name, form in ALL_FORMS.items():
        assert list(found[name]["properties"]) == list(form)
        assert found[name]["required"] == [key for key in form if form[key].required]
        assert [key for key, one in found[name]["properties"].items() if without_marks(form[key].meaning) not in one["description"]] == []


@pytest.mark.parametrize("path", sorted((HOME / "flows").glob("*.y*ml")), ids=lambda path: path.stem)
def test_a_shipped_flow_fits_the_schema_and_names_it(path: Path):
    text = path.read_text(encoding="utf-8")

    assert text.startswith("# yaml-language-server: $schema=../docs/flow.schema.json\n")
    assert [str(error) for error in VALIDATOR.iter_errors(plain(text))] == []


def _is_read_as_yaml(path: Path) -> bool:
    return not read_yaml(path.read_text(encoding="utf-8"), path.name)[1]


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_loads_without_a_word_and_fits_the_schema(name: str):
    assert [str(problem) for problem in load(EXAMPLES[name]).problems] == []
    assert [str(error) for error in VALIDATOR.iter_errors(plain(EXAMPLES[name]))] == []


@pytest.mark.parametrize("name", forms.NODES)
def test_the_example_of_a_node_does_what_it_is_there_for(name: str):
    script, problems = read_script(script_of(name), f"{name}.yaml", SIGNATURES)
    flow = load(flow_of(name)).flow
    assert script is not None, problems
    assert flow is not None

    outcome = run(flow, script.conversations[0], lambda name, arguments: None)

    assert outcome.problem is None, outcome.problem


@pytest.mark.parametrize("path", [path for path in CORPUS if _is_read_as_yaml(path)], ids=lambda path: path.stem)
def test_the_schema_refuses_a_broken_flow_if_its_structure_is_broken(path: Path):
    text = path.read_text(encoding="utf-8")
    codes = {problem.code for problem in load(text).problems}
    refused = not VALIDATOR.is_valid(plain(text))

    assert refused == ((bool(codes & OF_STRUCTURE) and path.stem not in ONLY_LINT_KNOWS) or path.stem in ONLY_THE_SCHEMA_MINDS)


# --- every key, with what it may hold and what it may not ---

WRONG: dict[Takes, list[str]] = {
    Takes.VERSION: ["2", "[]"],
    Takes.LINE: ["{}", '"a b"', "~"],
    Takes.LANGUAGES: ["zh-CN", "[]", "[zh-CN, zh-CN]"],
    Takes.NODE: ["[bye]", "{bye: bye}", "~"],
    Takes.NODES: ["[]", "{}", "{Bye: {hangup: }}", "{back: {hangup: }}"],
    Takes.SUBFLOWS: ["[]", "{A: {start: end, nodes: {end: {return: }}}}", "{a: {}}"],
    Takes.SUBFLOW: ["[]", "~"],
    Takes.UNIVERSALS: ["[]", "{12: back}", "{1: [bye]}"],
    Takes.CHOICES: ["[]", "{}", "{a: bye}", "{1#: bye}", "{12345: bye}", "{1: ~}"],
    Takes.DEFAULTS: ["[]", "{then: bye}"],
    Takes.PROMPTS: ["[]", "~", "{}", "[[goodbye]]"],
    Takes.PROMPTS_IN_TURN: ["~", "{}", "[[[goodbye]]]"],
    Takes.LAST_WORDS: ["{}", "[[goodbye]]"],
    Takes.TRUTH: ["yes", "1", "~", "[]"],
    Takes.COUNT: ["0", "33", "-1", "many", "1.5", "~"],
    Takes.DURATION: ["5", "5 s", "0s", "soon", "5m", "~", "[]"],
    Takes.NAME: ["a b", "1a", "in", "~", "[]"],
    Takes.VALUE_NAME: ["a-b", "call", "ticket", "language", "null", "{}"],
    Takes.LOOKUP: ["[]", "~"],
    Takes.ARGUMENTS: ["[]", "account", "{number: [call.caller_id]}"],
    Takes.ASSIGNMENTS: ["[]", "{}", "{a b: 1}", "{call: 1}", "{x: []}"],
    Takes.CONDITION: ["[]", "{}"],
    Takes.ARMS: ["{}", "[]", "[else]", "[{when: true, then: bye}]", "[{else: bye, then: bye}]", "[{when: true}, {else: bye}]"],
    Takes.VALUE: ["[]", "{}"],
    Takes.RESULTS: ["bye", "[]", '""', "{a b: 1}", "{a: []}"],
    Takes.PARAMETERS: ["[]", "{a b: digits}", "{a: number of times}", "{call: digits}", "{a: []}"],
    Takes.WORDS: ["{}", "told", "[a b]", "[told, told]", "[[told]]"],
    Takes.WORD: ["[]", "{}"],
    Takes.FILES: ["{}", "[[a.yaml]]", "~"],
    Takes.LIMITS: ["[]", "5", "{duration: soon}"],
    Takes.PHRASES: ["[]", "~", "[[话费]]", "{zh-CN: []}", "[话费, ~]"],
    Takes.SHARE: ["2", "-1", "much", "~", "[]"],
    Takes.SPEECH: ["[]", "5", "{}"],
    Takes.HOURS: ["[]", "5"],
    Takes.WEEK: ["[]", "{}", "{monday: 08:30-12:00}", "{mon: 8}", "{mon: 08:30-25:00}", "{mon: [[08:30-12:00]]}"],
    Takes.WEEKDAY: ["monday", "[]", "~"],
    Takes.ZONE: ["[]", "~"],
    Takes.HOURS_NAME: ["[]", "~"],
    Takes.ONE_KEY: ["12", "a", "[]", "~"],
}
KEYS = [(name, form[key]) for name, form in ALL_FORMS.items() for key in form]
IDS = [f"{name}-{key.name}" for name, key in KEYS]


def _around(name: str, written: dict[str, str]) -> str:
    """A flow in which a mapping of the language is written so. All that it names is there, so that only its structure can be wrong."""
    there = "".join(f"  {target}: {{hangup: }}\n" for target in ("bye", *sorted(_targets())))
    end = f"  look: {{lookup: account, with: {{number: call.caller_id}}, not_found: bye, then: it}}\n{there}"
    subflow = "subflows: {ask: {start: end, takes: {number: digits}, nodes: {end: {return: {told: true}}}}}\n"
    flow = "{" + ", ".join(f"{key}: {value}" for key, value in written.items()) + "}"
    head = {"selfline": "1", "line": "x", "languages": "[zh-CN]", "start": "look", "on_failure": "bye"}
    head |= {
        "speech": forms.FLOW["speech"].example,
        "milestones": "[balance_told]",
        "outcomes": "[contained]",
        "hours": "{desk: {week: {daily: 08:30-18:00}}}",
    }
    match name:
        case "the file":
            return "".join(f"{key}: {value}\n" for key, value in written.items())
        case "limits":
            return _around("the file", head | {"limits": flow, "nodes": "{look: {hangup: }}"})
        case "speech":
            return _around("the file", head | {"speech": flow, "nodes": "{look: {hangup: }}"})
        case "a choice":
            return _around("menu", _whole("menu", forms.NODES["menu"]) | {"choices": f"{{1: {flow}}}"})
        case "opening hours":
            return _around("the file", head | {"hours": f"{{desk: {flow}}}", "nodes": "{look: {hangup: }}"})
        case "defaults":
            return "".join(f"{key}: {value}\n" for key, value in head.items()) + f"defaults: {flow}\nnodes:\n  it: {{goto: bye}}\n{end}"
        case "a sub-flow":
            return (
                "".join(f"{key}: {value}\n" for key, value in head.items()) + f"nodes:\n  it: {{goto: bye}}\n{end}subflows: {{a: {flow}}}\n"
            )
        case "when" | "else":
            arms = f"[{flow}, {{else: bye}}]" if name == "when" else f"[{flow}]"
            node = f"{{branch: {arms}}}"
        case "return":
            nodes = f"nodes:\n  it: {{call: ask, then: bye}}\n{end}subflows: {{ask: {{start: end, nodes: {{end: {flow}}}}}}}\n"
            return "".join(f"{key}: {value}\n" for key, value in head.items()) + nodes
        case _:
            node = flow
    return "".join(f"{key}: {value}\n" for key, value in head.items()) + f"nodes:\n  it: {node}\n{end}{subflow}"


def _targets() -> set[str]:
    return {"main", "need_help", "overdue", "person", "balance", "usage", "unknown", "sorry", "leave", "goodbye"}


def _whole(name: str, form: Form) -> dict[str, str]:
    """All keys with their examples; of `length`, `min` and `max`, the last two; of `secret` and `spoken`, the last one."""
    written = {key: form[key].example for key in form if key != "length"}
    return written | {"secret": "false"} if {"secret", "spoken"} <= written.keys() else written


def _opinions(text: str) -> tuple[bool, bool]:
    """Whether the reader and the schema find the structure sound."""
    return not {problem.code for problem in load(text).problems} & OF_STRUCTURE, VALIDATOR.is_valid(plain(text))


@pytest.mark.parametrize("name", ALL_FORMS)
def test_all_keys_with_their_examples_are_sound_to_reader_and_schema(name: str):
    assert _opinions(_around(name, _whole(name, ALL_FORMS[name]))) == (True, True)


@pytest.mark.parametrize(("name", "key"), KEYS, ids=IDS)
def test_without_a_key_reader_and_schema_agree_on_whether_it_is_required(name: str, key: Key):
    written = _whole(name, ALL_FORMS[name])
    written.pop(key.name, None)
    only_lint_knows = name != "defaults" and key.name in ("exhausted", "with", "not_found")  # what `defaults` has, what the look-up needs
    only_lint_knows |= name == "transfer" and key.name in ("wait", "callback", "kept", "saved")  # which need each other
    only_lint_knows |= key.name in ("confirm", "retries") or (
        name == "limits" and key.name in ("exceeded", "calls", "crowded")
    )  # keys that are there for others

    assert _opinions(_around(name, written)) == (not (key.required or only_lint_knows), not key.required)


@pytest.mark.parametrize(("name", "key"), KEYS, ids=IDS)
def test_a_wrong_value_is_refused_by_reader_and_schema(name: str, key: Key):
    for wrong in WRONG[key.takes]:
        if key.takes is Takes.COUNT and wrong.isdigit() and key.bounds[0] <= int(wrong) <= key.bounds[1]:
            continue
        written = _whole(name, ALL_FORMS[name]) | {key.name: wrong}

        assert _opinions(_around(name, written)) == (False, False), wrong


@pytest.mark.parametrize("name", ALL_FORMS)
def test_a_key_that_is_not_in_the_table_is_refused_by_reader_and_schema(name: str):
    assert _opinions(_around(name, _whole(name, ALL_FORMS[name]) | {"colour": "blue"})) == (False, False)


# --- what is printed from the table ---


def test_the_shipped_schema_is_current():
    """When this fails: ivr schema > docs/flow.schema.json."""
    assert (HOME / "docs" / "flow.schema.json").read_text(encoding="utf-8") == schema_text()


def test_the_reference_page_is_current():
    """When this fails: ivr schema --reference > docs/flow-reference.md."""
    assert (HOME / "docs" / "flow-reference.md").read_text(encoding="utf-8") == reference()


def test_the_reference_page_has_every_key_and_every_code():
    page = reference()

    assert all(f"| `{key.name}` | {key.takes.words}" in page for _, key in KEYS)
    assert all(f"| `{code}` | " in page for code in CODES)
    assert all(form.meaning in page for name, form in ALL_FORMS.items() if name not in ("when", "else"))


def test_every_code_says_its_cause_and_its_cure():
    assert all(code.cause.endswith(".") and code.cure.endswith(".") for code in CODES.values())
