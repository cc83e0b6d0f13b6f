"""The lines in flows/examples/: each short, held in conversations through each of its ways, and proved."""

from __future__ import annotations

from pathlib import Path

import pytest

from ivr.bootstrap.conversations import coverages, flows_of, hold_all, lint_all
from ivr.bootstrap.proofs import prove_all

HOME = Path(__file__).resolve().parents[2]
EXAMPLES = sorted((HOME / "flows" / "examples").glob("*.yaml"))
MOST_LINES = 120


@pytest.fixture(params=EXAMPLES, ids=lambda path: path.stem)
def example(request: pytest.FixtureRequest) -> Path:
    path = request.param
    assert isinstance(path, Path)
    return path


def test_an_example_is_short_and_without_a_warning(example: Path):
    assert len(example.read_text(encoding="utf-8").splitlines()) < MOST_LINES
    assert lint_all((example,), HOME).problems == ()


def test_the_conversations_of_an_example_go_through_each_of_its_ways(example: Path):
    held = hold_all((HOME / "flows" / "tests" / example.name,), HOME)

    (covered,) = coverages(held)

    assert [str(one.outcome.problem) for one in held if one.outcome.problem is not None] == []
    assert covered.flow.name == example.stem
    assert covered.percent == 100


def test_an_example_is_proved_without_an_assumption(example: Path, record_property: pytest.RecordProperty):
    (found,) = prove_all((example,), HOME)

    record_property("seconds", round(found.seconds, 1))
    record_property("states", found.proof.states)
    assert found.proof.complete
    assert [one.name for one in found.proof.properties if one.verdict.value != "proved"] == []
    assert found.proof.assumed == ()


def test_examples_are_looked_at_with_the_lines_that_are_answered():
    assert [path.stem for path in flows_of(HOME)] == ["10086", "1008611", "bank", "parcel", "surgery"]
