"""What `ivr lint` found, for programs (JSON for scripts, SARIF 2.1.0 for code-review pages), and what its codes mean, for people."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from urllib.parse import quote

from ivr.errors import UserError
from ivr.language.problems import CODES, Problem, likely

SARIF_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
SHORTEST = 3  # letters of a word that is looked for in the codes
_RULES = {code: index for index, code in enumerate(CODES)}


def explain(code: str) -> str:
    """How problems of a code come about, and what to do about them. Raises UserError for a code that there is not."""
    if code not in CODES:
        raise UserError(f"there is no code '{code}'{_near(code) or '; there are ' + ', '.join(CODES)}")
    return f"{code}: {CODES[code].cause}\nWhat to do: {CODES[code].cure}"


def _near(code: str) -> str:
    """Codes that someone may mean: those with the word in them, or else the one that is written nearly so."""
    word = code.lower().replace("_", "-").replace(" ", "-")
    holding = [f"'{known}'" for known in CODES if len(word) >= SHORTEST and word in known]
    if not holding:
        return likely(word, tuple(CODES))
    *others, last = holding
    return f"; did you mean {', '.join(others)}{' or ' * bool(others)}{last}?"


def counted(problems: Sequence[Problem], flows: int) -> str:
    """How many errors and warnings there are in so many flows."""
    errors = sum(problem.severity == "error" for problem in problems)
    warnings = len(problems) - errors
    beside = f", {_many(warnings, 'warning')}" if warnings else ""
    return f"{_many(errors, 'error')}{beside} in {_many(flows, 'flow')}" if errors else f"{_many(flows, 'flow')} checked, no errors{beside}"


def _many(count: int, what: str) -> str:
    return f"{count} {what}{'s' * (count != 1)}"


def as_json(problems: Iterable[Problem]) -> str:
    """A list of problems; lines and columns count from 1."""
    return _printed([_plain(problem) for problem in problems])


def as_sarif(problems: Iterable[Problem]) -> str:
    """One run of `ivr lint`. Paths are relative to the project (`%SRCROOT%`); columns count characters from 1."""
    driver = {
        "name": "ivr lint",
        "version": version("selfline"),
        "rules": [
            {
                "id": code,
                "shortDescription": {"text": known.cause},
                "help": {"text": known.cure},
                "defaultConfiguration": {"level": "warning" if code == "unreachable" else "error"},
            }
            for code, known in CODES.items()
        ],
    }
    run = {"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": [_result(problem) for problem in problems]}
    return _printed({"$schema": SARIF_SCHEMA, "version": "2.1.0", "runs": [run]})


def _plain(problem: Problem) -> dict[str, object]:
    mark = problem.mark
    return {
        "path": mark.path,
        "line": mark.line,
        "column": mark.column,
        "severity": problem.severity,
        "code": problem.code,
        "message": problem.sentence,
    }


def _result(problem: Problem) -> dict[str, object]:
    mark = problem.mark
    inside = not mark.path.startswith("/")
    artifact = {"uri": quote(mark.path), "uriBaseId": "%SRCROOT%"} if inside else {"uri": f"file://{quote(mark.path)}"}
    return {
        "ruleId": problem.code,
        "ruleIndex": _RULES[problem.code],
        "level": problem.severity,
        "message": {"text": problem.sentence},
        "locations": [{"physicalLocation": {"artifactLocation": artifact, "region": {"startLine": mark.line, "startColumn": mark.column}}}],
    }


def _printed(thing: object) -> str:
    return json.dumps(thing, ensure_ascii=False, indent=2)
