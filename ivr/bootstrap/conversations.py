"""Conversations held with the flows they name; what a conversation does not say, the sample subscribers answer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from adapters.backoffice.signatures import SIGNATURES
from ivr.core.flow import Flow
from ivr.core.values import Value
from ivr.errors import UserError
from ivr.tools.conversations import read_script
from ivr.tools.flowtest import Outcome, run
from ivr.tools.lint import Linted, lint, read_text, shown


def lint_all(paths: Iterable[Path], home: Path) -> Linted:
    """Compile flows against the look-ups of the embedded back office."""
    return lint(paths, home, SIGNATURES)


def hold_all(scripts: Iterable[Path], home: Path) -> tuple[Outcome, ...]:
    """Every conversation of every file. Raises UserError with the problems of a script or flow that cannot be read."""
    flows: dict[Path, Flow] = {}
    outcomes: list[Outcome] = []
    for path in scripts:
        script, problems = read_script(read_text(path, home), shown(path, home), SIGNATURES)
        if script is None:
            raise UserError("\n".join(map(str, problems)))
        flow_path = (path.parent / script.flow).resolve()
        if flow_path not in flows:
            linted = lint_all((flow_path,), home)
            if linted.errors:
                raise UserError("\n".join(map(str, linted.errors)))
            flows[flow_path] = linted.flows[str(flow_path)]
        outcomes += [run(flows[flow_path], conversation, _nobody) for conversation in script.conversations]
    return tuple(outcomes)


def _nobody(name: str, arguments: Mapping[str, Value]) -> Value:
    raise LookupError(name)
