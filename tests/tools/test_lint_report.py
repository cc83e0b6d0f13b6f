"""What `ivr lint` found, for programs; and what its codes mean, for people."""

from __future__ import annotations

import json

import pytest
from jsonschema import Draft202012Validator

from ivr.core.marks import Mark
from ivr.errors import UserError
from ivr.language.problems import CODES, Problem
from ivr.tools.lint_report import as_json, as_sarif, counted, explain
from tests.conftest import HOME, load
from tests.test_cli import ivr

PROBLEMS = (
    Problem(Mark("flows/线路 1.yaml", 3, 8), "unknown-target", "no node named 'hourz'; did you mean 'hours'?"),
    Problem(Mark("/tmp/x.yaml", 9, 1), "unreachable", "no call can come to node 'lonely'", "warning"),
)
TEXT = {"type": "object", "required": ["text"], "properties": {"text": {"type": "string", "minLength": 1}}}
LEVEL = {"enum": ["none", "note", "warning", "error"]}
# The parts of the SARIF 2.1.0 schema (docs.oasis-open.org/sarif) that concern what is written here; nothing beside them is allowed.
SARIF = {
    "type": "object",
    "required": ["$schema", "version", "runs"],
    "additionalProperties": False,
    "properties": {
        "$schema": {"type": "string", "format": "uri"},
        "version": {"const": "2.1.0"},
        "runs": {
            "type": "array",
            "items": {
                "required": ["tool", "results"],
                "additionalProperties": False,
                "properties": {
                    "columnKind": {"enum": ["utf16CodeUnits", "unicodeCodePoints"]},
                    "tool": {
                        "required": ["driver"],
                        "properties": {
                            "driver": {
                                "required": ["name"],
                                "additionalProperties": False,
                                "properties": {
                                    "name": {"type": "string"},
                                    "version": {"type": "string"},
                                    "rules": {
                                        "type": "array",
                                        "uniqueItems": True,
                                        "items": {
                                            "required": ["id"],
                                            "additionalProperties": False,
                                            "properties": {
                                                "id": {"type": "string"},
                                                "shortDescription": TEXT,
                                                "help": TEXT,
                                                "defaultConfiguration": {"properties": {"level": LEVEL}, "additionalProperties": False},
                                            },
                                        },
                                    },
                                },
                            }
                        },
                    },
                    "results": {
                        "type": "array",
                        "items": {
                            "required": ["message"],
                            "additionalProperties": False,
                            "properties": {
                                "ruleId": {"type": "string"},
                                "ruleIndex": {"type": "integer", "minimum": 0},
                                "level": LEVEL,
                                "message": TEXT,
                                "locations": {
                                    "type": "array",
                                    "items": {
                                        "additionalProperties": False,
                                        "properties": {
                                            "physicalLocation": {
                                                "required": ["artifactLocation", "region"],
                                                "additionalProperties": False,
                                                "properties": {
                                                    "artifactLocation": {
                                                        "additionalProperties": False,
                                                        "properties": {
                                                            "uri": {"type": "string", "pattern": "^[!-~]+$"},
                                                            "uriBaseId": {"type": "string"},
                                                        },
                                                    },
                                                    "region": {
                                                        "additionalProperties": False,
                                                        "properties": {
                                                            "startLine": {"type": "integer", "minimum": 1},
                                                            "startColumn": {"type": "integer", "minimum": 1},
                                                        },
                                                    },
                                                },
                                            }
                                        },
                                    },
                                },
                            },
                        },
                    },
                },
            },
        },
    },
}


def test_json_has_a_place_and_a_sentence_for_each_problem():
    assert json.loads(as_json(PROBLEMS))[0] == {
        "path": "flows/线路 1.yaml",
        "line": 3,
        "column": 8,
        "severity": "error",
        "code": "unknown-target",
        "message": "no node named 'hourz'; did you mean 'hours'?",
    }


def test_without_problems_json_is_an_empty_list():
    assert json.loads(as_json(())) == []


@pytest.mark.parametrize("problems", [(), PROBLEMS, load("x").problems, load("selfline: 2\nnodes: {}\n").problems])
def test_sarif_is_as_the_standard_says(problems: tuple[Problem, ...]):
    written = json.loads(as_sarif(problems))

    assert [str(error) for error in Draft202012Validator(SARIF).iter_errors(written)] == []


def test_sarif_results_point_at_their_rules_and_files():
    run = json.loads(as_sarif(PROBLEMS))["runs"][0]
    rules = run["tool"]["driver"]["rules"]
    first, second = run["results"]

    assert [rules[result["ruleIndex"]]["id"] for result in run["results"]] == ["unknown-target", "unreachable"]
    assert [result["level"] for result in run["results"]] == ["error", "warning"]
    assert first["locations"][0]["physicalLocation"] == {
        "artifactLocation": {"uri": "flows/%E7%BA%BF%E8%B7%AF%201.yaml", "uriBaseId": "%SRCROOT%"},
        "region": {"startLine": 3, "startColumn": 8},
    }
    assert second["locations"][0]["physicalLocation"]["artifactLocation"] == {"uri": "file:///tmp/x.yaml"}
    assert {rule["id"]: (rule["shortDescription"]["text"], rule["help"]["text"]) for rule in rules} == {
        name: (code.cause, code.cure) for name, code in CODES.items()
    }


def test_a_code_is_explained_with_its_cause_and_its_cure():
    assert explain("unreachable") == (
        "unreachable: A node that no call can come to. It is a warning: the flow works without it.\n"
        "What to do: Lead a way to it, or take it out."
    )


@pytest.mark.parametrize(
    ("asked", "meant"),
    [
        ("unreachabel", "'unreachable'"),
        ("Missing_Key", "'missing-key'"),
        ("loop", "'silent-loop'"),
        ("key", "'duplicate-key', 'unknown-key' or 'missing-key'"),
    ],
)
def test_a_code_that_is_nearly_one_is_told(asked: str, meant: str):
    with pytest.raises(UserError) as told:
        explain(asked)

    assert str(told.value) == f"there is no code '{asked}'; did you mean {meant}?"


def test_what_was_found_is_counted():
    error, warning = PROBLEMS

    assert counted((error, error, warning), 2) == "2 errors, 1 warning in 2 flows"
    assert counted((error,), 1) == "1 error in 1 flow"
    assert counted((warning, warning), 1) == "1 flow checked, no errors, 2 warnings"
    assert counted((), 3) == "3 flows checked, no errors"


def test_who_asks_for_another_code_is_told_all_of_them():
    with pytest.raises(UserError, match="there is no code 'x'; there are yaml, yaml-limit, "):
        explain("x")


def test_the_command_prints_problems_as_programs_want_them():
    broken = str(HOME / "tests" / "corpus" / "flows" / "say_digits.yaml")

    as_list, as_run = ivr("lint", "--format", "json", broken), ivr("lint", "--format", "sarif", broken)

    assert (as_list.returncode, as_run.returncode) == (1, 1)
    assert [one["line"] for one in json.loads(as_list.stdout)] == [7, 8]
    assert len(json.loads(as_run.stdout)["runs"][0]["results"]) == 2


def test_the_command_explains_codes_and_prints_the_shipped_pages():
    explained, misspelt = ivr("lint", "--explain", "silent-only"), ivr("lint", "--explain", "silent")

    assert explained.stdout == explain("silent-only") + "\n"
    assert (misspelt.returncode, misspelt.stderr) == (1, "ivr: there is no code 'silent'; did you mean 'silent-loop' or 'silent-only'?\n")
    assert ivr("schema").stdout == (HOME / "docs" / "flow.schema.json").read_text(encoding="utf-8")
    assert ivr("schema", "--reference").stdout == (HOME / "docs" / "flow-reference.md").read_text(encoding="utf-8")
