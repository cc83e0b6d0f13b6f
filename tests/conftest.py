"""What several test folders share: the shipped prompts, look-ups and flows."""

from __future__ import annotations

from pathlib import Path

import pytest

from adapters.backoffice.signatures import SIGNATURES
from ivr.core.flow import Flow
from ivr.language.loader import Files, Loaded, load_flow, no_files
from ivr.language.prompts import Catalogue, read_catalogue

HOME = Path(__file__).resolve().parent.parent


def shipped_catalogue() -> Catalogue:
    """The prompts under prompts/."""
    files = [(path.stem, path.read_text(encoding="utf-8"), f"prompts/{path.name}") for path in sorted((HOME / "prompts").glob("*.yaml"))]
    catalogue, problems = read_catalogue(files)
    assert problems == ()
    return catalogue


CATALOGUE = shipped_catalogue()


def load(text: str, path: str = "flows/test.yaml", files: Files = no_files) -> Loaded:
    """Load a flow against the shipped prompts and look-ups."""
    return load_flow(text, path, CATALOGUE, SIGNATURES, files)


@pytest.fixture(scope="session")
def quick_line() -> Flow:
    """The shipped flow 1008611."""
    loaded = load((HOME / "flows" / "1008611.yaml").read_text(encoding="utf-8"), "flows/1008611.yaml")
    assert loaded.problems == ()
    assert loaded.flow is not None
    return loaded.flow
