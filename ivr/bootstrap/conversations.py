"""Conversations held with the flows they name; what a conversation does not say, the sample subscribers answer."""

from __future__ import annotations

import datetime as dt
import json
import platform
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

from adapters.backoffice.signatures import SIGNATURES
from ivr.core.flow import Flow
from ivr.core.values import Value
from ivr.errors import UserError
from ivr.tools.conversation_schema import conversation_schema
from ivr.tools.conversations import Conversation, read_script
from ivr.tools.coverage import Coverage, cover
from ivr.tools.flowtest import Outcome, run
from ivr.tools.junit import Timed, junit
from ivr.tools.lint import Linted, lint, read_text, shown


def lint_all(paths: Iterable[Path], home: Path) -> Linted:
    """Compile flows against the look-ups of the embedded back office."""
    return lint(paths, home, SIGNATURES)


def hold_all(scripts: Iterable[Path], home: Path) -> tuple[Timed, ...]:
    """Every conversation of every file. Raises UserError with the problems of a script or flow that cannot be read."""
    flows: dict[Path, Flow] = {}
    held: list[Timed] = []
    for path in scripts:
        script, problems = read_script(read_text(path, home), shown(path, home), SIGNATURES)
        if script is None:
            raise UserError("\n".join(map(str, problems)))
        flow_path = (path.parent / script.flow).resolve()
        if flow_path not in flows:
            flows[flow_path] = flow_of(flow_path, home)
        held += [_hold(flows[flow_path], conversation) for conversation in script.conversations]
    return tuple(held)


def flow_of(path: Path, home: Path) -> Flow:
    """A flow without errors. Raises UserError with them."""
    linted = lint_all((path,), home)
    if linted.errors:
        raise UserError("\n".join(map(str, linted.errors)))
    return linted.flows[str(path)]


def folders_of(home: Path) -> tuple[Path, ...]:
    """Where flows lie: those that are answered, and the examples."""
    return tuple(folder for folder in (home / "flows", home / "flows" / "examples") if folder.is_dir())


def flows_of(home: Path) -> tuple[Path, ...]:
    """The flows that come with the project, the examples last."""
    return tuple(path for folder in folders_of(home) for path in sorted(folder.glob("*.yaml")))


def scripts_of(home: Path) -> tuple[Path, ...]:
    """The files of conversations that come with the project."""
    return tuple(sorted((home / "flows" / "tests").glob("*.yaml")))


def schema_of_conversations() -> str:
    """The JSON Schema of conversation files, as it is shipped, with the look-ups of the embedded back office."""
    return json.dumps(conversation_schema(SIGNATURES), ensure_ascii=False, indent=2) + "\n"


def coverages(held: Iterable[Timed]) -> tuple[Coverage, ...]:
    """What the conversations have been through, for each flow."""
    calls: dict[str, list[Outcome]] = {}
    for one in held:
        calls.setdefault(one.outcome.flow.mark.path, []).append(one.outcome)
    return tuple(cover(outcomes[0].flow, (outcome.passages for outcome in outcomes)) for outcomes in calls.values())


def write_junit(path: Path, held: Iterable[Timed], at: dt.datetime) -> None:
    """For CI systems. Raises UserError when the file cannot be written."""
    try:
        path.write_text(junit(held, at, platform.node()), encoding="utf-8")
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror}") from error


def _hold(flow: Flow, conversation: Conversation) -> Timed:
    begun = time.perf_counter()
    outcome = run(flow, conversation, _nobody)
    return Timed(outcome, time.perf_counter() - begun)


def _nobody(name: str, arguments: Mapping[str, Value]) -> Value:
    raise LookupError(name)
