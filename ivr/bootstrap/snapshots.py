"""A flow as it is published: a copy of everything it is made of, compiled, tested and proved as the copy it is."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from adapters.backoffice.signatures import SIGNATURES
from adapters.storage.versions import LINE, VersionStore
from ivr.bootstrap.conversations import hold_all
from ivr.bootstrap.proofs import prove_all
from ivr.core.flow import Flow, phrases_of
from ivr.errors import UserError
from ivr.tools.conversations import read_script
from ivr.tools.flowtest import told as told_conversation
from ivr.tools.lint import lint, read_text, shown
from ivr.tools.modelcheck import Verdict
from ivr.tools.phrases import UnknownWords, unheard
from ivr.tools.proofs import lines_of
from ivr.tools.publishing import digest_of


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A copy of a flow and everything it is made of, compiled. `path` is the copy."""

    path: Path
    flow: Flow
    digest: str
    warnings: int

    @property
    def line(self) -> str:
        """The number it answers: the name of its file."""
        return self.path.stem

    @property
    def home(self) -> Path:
        """The draft, laid out like a project."""
        return self.path.parents[1]


def read_working(path: Path, home: Path, *, conversations: bool = False) -> tuple[Flow, Mapping[str, bytes]]:
    """A flow as a designer works on it, and the bytes of everything it is made of, by the names they have in the project.

    Raises UserError with every problem.
    """
    if not LINE.fullmatch(path.stem):
        raise UserError(f"{shown(path, home)} cannot be a line: its name must be up to 32 of a-z, 0-9, _ and -")
    if path.resolve().parent != (home / "flows").resolve():
        raise UserError(f"{shown(path, home)} is not in {home / 'flows'}, from where lines are published")
    linted = lint((path,), home, SIGNATURES)
    if linted.errors:
        raise UserError("\n".join(map(str, linted.errors)))
    sources = [*linted.sources[str(path)], *(_scripts_about(path, home) if conversations else ())]
    return linted.flows[str(path)], {name_of(source, path, home): _bytes_of(source, home) for source in sources}


def take_snapshot(store: VersionStore, drafts: contextlib.ExitStack, path: Path, home: Path, *, conversations: bool = True) -> Snapshot:
    """Copy a flow with everything it is made of into a draft, and compile the copy. Raises UserError with every problem."""
    _, files = read_working(path, home, conversations=conversations)
    draft = drafts.enter_context(store.draft(files))
    copy = draft / "flows" / path.name
    linted = lint((copy,), draft, SIGNATURES)
    if linted.errors:
        raise UserError("\n".join(map(str, linted.errors)))
    flow = linted.flows[str(copy)]
    return Snapshot(copy, flow, digest_of(flow, files), len(linted.problems))


def name_of(source: Path, flow: Path, home: Path) -> str:
    """Where a file lies in the project. The folder of flows may be a link to somewhere else, and that of prompts too."""
    plain = Path(os.path.normpath(source.absolute()))
    for folder, name in ((home, ""), (flow.resolve().parent, "flows"), (home.resolve(), "")):
        for one in (plain, source.resolve()):
            if one.is_relative_to(folder):
                return str(Path(name) / one.relative_to(folder))
    raise UserError(f"{flow.name} uses {source}, which lies outside of {home}: what is published must lie inside")


def _bytes_of(path: Path, home: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UserError(f"cannot read {shown(path, home)}: {error.strerror}") from error


def _scripts_about(flow: Path, home: Path) -> Iterator[Path]:
    """The conversations about a flow. Raises UserError for a file of them that cannot be understood: it may be about this flow."""
    for path in sorted((home / "flows" / "tests").glob("*.yaml")):
        script, problems = read_script(read_text(path, home), shown(path, home), SIGNATURES)
        if script is None:
            raise UserError("\n".join(map(str, problems)))
        if (path.parent / script.flow).resolve() == flow.resolve():
            yield path


def stages(snapshot: Snapshot, unknown_words: UnknownWords, skip_proof: str = "") -> Iterator[tuple[str, str]]:
    """Lint has been passed; test and prove, and ask the recogniser of a line that listens whether it knows all words.

    Each stage by name and what came of it. Raises UserError with what went wrong. `skip_proof` is the reason why nothing is proved.
    """
    warned = f", {snapshot.warnings} warning{'s' * (snapshot.warnings != 1)}" if snapshot.warnings else ""
    yield "lint", f"no errors{warned}"
    yield "test", _test(snapshot)
    if snapshot.flow.speech is not None:
        yield "hear", _hear(snapshot, unknown_words)
    yield "prove", f"left out, because: {skip_proof}" if skip_proof else _prove(snapshot)


def _test(snapshot: Snapshot) -> str:
    held = hold_all(sorted((snapshot.home / "flows" / "tests").glob("*.yaml")), snapshot.home)
    failed = [one for one in held if one.outcome.problem is not None]
    if failed:
        lines = [line for one in failed for line in told_conversation(one.outcome)]
        raise UserError("\n".join([*lines, f"{snapshot.line} is not published: {_count(failed, 'conversation')} failed"]))
    return f"{_count(held, 'conversation')} held" if held else "no conversation in flows/tests/ is about it, so none was held"


def _hear(snapshot: Snapshot, unknown_words: UnknownWords) -> str:
    problems = unheard(snapshot.flow, unknown_words)
    if problems:
        raise UserError("\n".join([*map(str, problems), f"{snapshot.line} is not published: change what can never be heard"]))
    return "; ".join(f"{_count(phrases, 'phrase')} in {language}" for language, phrases in phrases_of(snapshot.flow).items())


def _prove(snapshot: Snapshot) -> str:
    """A property that is refuted stops the flow; one that could not be decided is told."""
    (found,) = prove_all((snapshot.path,), snapshot.home)
    refuted = [one for one in found.proof.properties if one.verdict is Verdict.REFUTED]
    if refuted:
        raise UserError("\n".join([*lines_of(found.path, found.proof), f"{snapshot.line} is not published: see what is refuted above"]))
    if not found.proof.proved:
        return f"too many states to prove everything; nothing was refuted in {found.proof.states:,} of them"
    return f"everything is proved in {found.proof.states:,} states"


def _count(many: Sequence[object], what: str) -> str:
    return f"{len(many)} {what}{'s' * (len(many) != 1)}"
