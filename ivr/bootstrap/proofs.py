"""Flows proved against the look-ups of the embedded back office."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from adapters.backoffice.signatures import SIGNATURES
from ivr.bootstrap.conversations import lint_all
from ivr.errors import UserError
from ivr.tools.lint import shown
from ivr.tools.modelcheck import Proof, prove


@dataclass(frozen=True, slots=True)
class Proved:
    """A proof, the file it is about, and how long it took."""

    path: str
    proof: Proof
    seconds: float


def prove_all(paths: Iterable[Path], home: Path) -> Iterator[Proved]:
    """Prove flows one after the other. Raises UserError with the problems of one that has errors."""
    for path in paths:
        linted = lint_all((path,), home)
        if linted.errors:
            raise UserError("\n".join(map(str, linted.errors)))
        begun = time.perf_counter()
        proof = prove(linted.flows[str(path)], SIGNATURES, script=f"../{path.name}")
        yield Proved(shown(path, home), proof, time.perf_counter() - begun)
