"""Broken flows, each with the messages it must give: `flows/NAME.yaml` beside `flows/NAME.expected`, word for word.

A new kind of mistake is a new pair of files; nothing here needs to change for it.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from ivr.language.nodes import NODE_TYPES
from ivr.language.problems import CODES
from tests.conftest import load

FLOWS = sorted((Path(__file__).parent / "flows").glob("*.yaml"))
BESIDE = Path(__file__).parent / "flows" / "beside"  # the files that some of them name


def beside(name: str) -> tuple[str, str] | None:
    path = BESIDE / name
    return (f"beside/{name}", path.read_text(encoding="utf-8")) if path.is_file() else None


@pytest.mark.parametrize("path", FLOWS, ids=lambda path: path.stem)
def test_a_broken_flow_is_told_what_is_wrong_and_where(path: Path):
    loaded = load(path.read_text(encoding="utf-8"), path.name, beside)

    assert [str(problem) for problem in loaded.problems] == path.with_suffix(".expected").read_text(encoding="utf-8").splitlines()
    assert (loaded.flow is None) == any(problem.severity == "error" for problem in loaded.problems)


def test_every_code_and_every_node_type_has_its_mistakes_here():
    expected = "".join(path.with_suffix(".expected").read_text(encoding="utf-8") for path in FLOWS)
    broken = "".join(path.read_text(encoding="utf-8") for path in FLOWS)

    assert {code for code in CODES if f"[{code}]" not in expected} == {"unheard"}  # which only a recogniser can tell
    assert [name for name in NODE_TYPES if f"{{{name}:" not in broken and f"    {name}:" not in broken] == []
    assert len(FLOWS) >= 120
