"""What the tests of importing share: the samples, and conversations with what became of them."""

from __future__ import annotations

from pathlib import Path

from adapters.backoffice.signatures import SIGNATURES
from ivr.core.flow import Flow
from ivr.tools.conversations import read_script
from ivr.tools.flowtest import run
from ivr.tools.importing import Imported, Source, import_flow
from tests.conftest import load

SAMPLES = Path(__file__).parent / "samples"


def sample(*names: str, start: str | None = None) -> Imported:
    """Sample files, carried over."""
    return import_flow([Source(name.rpartition("/")[2], (SAMPLES / name).read_bytes()) for name in names], start=start)


def of(**texts: str) -> Imported:
    """Documents given as texts, by the names of their files (a double underscore is a hyphen)."""
    return import_flow([Source(f"{name.replace('__', '-')}.xml", text.encode()) for name, text in texts.items()])


def flow_of(imported: Imported) -> Flow:
    """The flow, which loads without a word against it."""
    loaded = load(imported.text)
    assert [str(problem) for problem in loaded.problems] == []
    assert loaded.flow is not None
    return loaded.flow


def told(imported: Imported) -> list[str]:
    """The report's lines."""
    return [str(item) for item in imported.items]


def differs(flow: Flow, *steps: str, ending: str = "") -> str:
    """What is different from a conversation; "" when it goes as written. Steps are as in conversation files."""
    lines = "".join(f"      - {step}\n" for step in steps)
    text = f"flow: x.yaml\nconversations:\n  - name: one\n    steps:\n{lines}{ending}"
    script, problems = read_script(text, "test.yaml", SIGNATURES)
    assert [str(problem) for problem in problems] == []
    assert script is not None
    outcome = run(flow, script.conversations[0], lambda name, arguments: None)
    return "" if outcome.problem is None else str(outcome.problem)
