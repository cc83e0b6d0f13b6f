"""Publishing: a flow under flows/ is copied, checked as it was copied, and becomes a version that answers calls, in one step."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adapters.backoffice.signatures import SIGNATURES
from adapters.storage.versions import LINE, VersionStore
from ivr.bootstrap.conversations import hold_all
from ivr.bootstrap.proofs import prove_all
from ivr.bootstrap.serving import compiled
from ivr.calls.ports import Clock
from ivr.calls.versions import EVERYBODY, Service, Version
from ivr.config import Settings
from ivr.core.flow import Flow
from ivr.errors import SettingsError, UserError
from ivr.tools.conversations import read_script
from ivr.tools.flowtest import told as told_conversation
from ivr.tools.lint import lint, read_text, shown
from ivr.tools.modelcheck import Verdict
from ivr.tools.proofs import lines_of
from ivr.tools.publishing import digest_of

Tell = Callable[[str], None]
AS_FOUND = "published at the first start, as it was found: linted, neither tested nor proved"
ENGINE_TAKES = 5.0  # seconds in which a running engine takes a new version; it looks every quarter of a second
_ALIVE = 8.0  # seconds since the engine's last sign of life


@dataclass(frozen=True, slots=True)
class Request:
    """How to publish: for how many percent of the callers, with which note, and why without a proof, if so."""

    share: int = EVERYBODY
    note: str = ""
    skip_proof: str = ""


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


# --- publish and roll back ---


def publish(settings: Settings, flows: Sequence[Path], request: Request, clock: Clock, tell: Tell) -> None:
    """Check these flows (all of flows/ when none is named) and let them answer. Raises UserError, with nothing published, for problems."""
    store = VersionStore(settings.versions)
    paths = list(flows) or list(working_files(settings))
    if not paths:
        raise UserError(f"there is no flow in {settings.home / 'flows'}")
    with contextlib.ExitStack() as drafts:
        ready: list[tuple[Snapshot, str]] = []
        for path in paths:
            snapshot = take_snapshot(store, drafts, path, settings.home)
            known = _must_fit(store, snapshot.line, snapshot.digest, request, named=bool(flows))
            if known is None:
                tell(f"{snapshot.line:<10} {'':<8} nothing has changed since it was published")
            else:
                ready.append((snapshot, "" if known else _check(snapshot, request, tell)))
        for snapshot, checked in ready:
            _put_in_service(settings, store, snapshot, checked, request, clock, tell)


def roll_back(settings: Settings, line: str, number: int | None, tell: Tell) -> None:
    """Back to the version before, or to that one. Raises UserError when there is none, or it does not compile any more."""
    store = VersionStore(settings.versions)
    with store.locked():
        service = store.service(line)
        if service is None:
            raise UserError(unknown(store, line))
        wanted = service.rolled_back() if number is None else service.returned_to(number)
        if wanted is None:
            raise UserError(
                f"version {service.number} is the first that answers {line}: there is nothing to go back to; see ivr versions {line}"
            )
        compiled(store, store.version(line, wanted.number))
        store.serve(line, wanted)
    _tell_service(settings, store, line, service, wanted, tell)


def publish_first(settings: Settings, clock: Clock, tell: Tell) -> None:
    """When nothing has been published yet, publish what lies in flows/, linted only; a flow with errors is told and left out.

    Raises UserError with the problems of the line's own flow, SettingsError when the line has none.
    """
    store = VersionStore(settings.versions)
    own = settings.home / "flows" / f"{settings.flow}.yaml"
    if not store.lines():
        paths = working_files(settings)
        if own not in paths:
            known = ", ".join(path.stem for path in paths) or "none"
            raise SettingsError(f"IVR_FLOW is {settings.flow!r}, but there is no flows/{settings.flow}.yaml; there are: {known}")
        for path in sorted(paths, key=lambda path: path != own):
            try:
                _publish_as_found(store, path, settings.home, clock)
            except UserError:
                if path == own:
                    raise
                tell(f"flows/{path.name} has errors and is left out (ivr lint flows/{path.name})")
        tell(f"nothing had been published yet, so what lies in flows/ was, as it is: {', '.join(store.lines())}")
    elif store.service(settings.flow) is None:
        cure = f"ivr publish flows/{own.name}" if own.exists() else f"there are: {', '.join(store.lines())}"
        raise SettingsError(f"IVR_FLOW is {settings.flow!r}, but no such line has been published; {cure}")


def working_files(settings: Settings) -> tuple[Path, ...]:
    """The flows that designers work on."""
    return tuple(sorted((settings.home / "flows").glob("*.yaml")))


# --- the stages ---


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


def _must_fit(store: VersionStore, line: str, digest: str, request: Request, *, named: bool) -> bool | None:
    """Whether the version is there already and needs no checks; None when there is nothing to do at all. Raises UserError."""
    service = store.service(line)
    if service is None:
        if request.share < EVERYBODY:
            raise UserError(f"{line} has no version yet beside which another could be tried: publish it for everybody first")
        return False
    answering = {number: store.version(line, number).digest for number in service.numbers}
    if answering[service.number] == digest:
        if request.share < EVERYBODY and named:
            raise UserError(f"{line} is what version {service.number} is, which answers already: there is nothing to try")
        return None if service.trial is None or request.share < EVERYBODY else True
    return digest in answering.values()


def _check(snapshot: Snapshot, request: Request, tell: Tell) -> str:
    """Lint has been passed; test and prove. What was checked, in words. Raises UserError with what went wrong."""
    told = []
    for stage, words in _stages(snapshot, request):
        tell(f"{snapshot.line:<10} {stage:<8} {words}")
        told.append(f"{stage}: {words}")
    return "; ".join(told)


def _stages(snapshot: Snapshot, request: Request) -> Iterator[tuple[str, str]]:
    warned = f", {snapshot.warnings} warning{'s' * (snapshot.warnings != 1)}" if snapshot.warnings else ""
    yield "lint", f"no errors{warned}"
    yield "test", _test(snapshot)
    yield "prove", f"left out, because: {request.skip_proof}" if request.skip_proof else _prove(snapshot)


def _test(snapshot: Snapshot) -> str:
    held = hold_all(sorted((snapshot.home / "flows" / "tests").glob("*.yaml")), snapshot.home)
    failed = [one for one in held if one.outcome.problem is not None]
    if failed:
        lines = [line for one in failed for line in told_conversation(one.outcome)]
        raise UserError("\n".join([*lines, f"{snapshot.line} is not published: {_count(failed, 'conversation')} failed"]))
    return f"{_count(held, 'conversation')} held" if held else "no conversation in flows/tests/ is about it, so none was held"


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


# --- the step itself ---


def _put_in_service(
    settings: Settings, store: VersionStore, snapshot: Snapshot, checked: str, request: Request, clock: Clock, tell: Tell
) -> None:
    line = snapshot.line
    with store.locked():
        service = store.service(line)
        version = _known(store, line, snapshot.digest, service)
        if version is None:
            version = store.keep(snapshot.home, line, at=clock(), note=request.note, digest=snapshot.digest, checked=checked)
        wanted = _next(service, version, request.share)
        store.serve(line, wanted)
    _tell_service(settings, store, line, service, wanted, tell)


def _known(store: VersionStore, line: str, digest: str, service: Service | None) -> Version | None:
    """The version with this digest, if it is one that answers or the latest."""
    latest = store.versions(line)[-1:]
    answering = tuple(store.version(line, number) for number in service.numbers) if service else ()
    return next((version for version in (*answering, *latest) if version.digest == digest), None)


def _next(service: Service | None, version: Version, share: int) -> Service:
    if service is None:
        return Service(version.number)
    if share < EVERYBODY and version.number != service.number:
        return service.trying(version.number, share)
    return service.promoted(version.number)


def _publish_as_found(store: VersionStore, path: Path, home: Path, clock: Clock) -> None:
    with contextlib.ExitStack() as drafts:
        snapshot = take_snapshot(store, drafts, path, home, conversations=False)
        with store.locked():
            if store.service(snapshot.line) is None:
                kept = store.keep(snapshot.home, snapshot.line, at=clock(), note="", digest=snapshot.digest, checked=AS_FOUND)
                store.serve(snapshot.line, Service(kept.number))


def _tell_service(settings: Settings, store: VersionStore, line: str, before: Service | None, now: Service, tell: Tell) -> None:
    """Say what answers from now on, once a running engine has taken it, and who is still on another version."""
    shares = [
        f"version {number} answers {'every call' if share == EVERYBODY else f'{share} % of the callers'}"
        for number, share in now.shares.items()
    ]
    taken = _wait_taken(settings, store, line, now)
    tell(f"{line:<10} {'publish':<8} {', '.join(shares)}{'' if taken is not None else ' when the line runs'}")
    finishing = {number: count for number, count in (taken or {}).get("calls", {}).items() if int(number) not in now.shares and count}
    for number, count in finishing.items():
        tell(f"{line:<10} {'drain':<8} {count} call{'s' * (count != 1)} finishing on version {number}")


def _wait_taken(settings: Settings, store: VersionStore, line: str, wanted: Service) -> Mapping[str, Any] | None:
    """The engine's word on the line, once it answers as wanted; None when no engine runs. Raises UserError when it does not take it."""
    expected = {str(number): share for number, share in wanted.shares.items()}
    ends = time.monotonic() + ENGINE_TAKES
    while engine_lives(settings):
        told: Mapping[str, Any] = store.live().get("lines", {}).get(line, {})
        if told.get("answers") == expected:
            return told
        refused = [reason for number, reason in told.get("refused", {}).items() if number in expected]
        if refused:
            raise UserError("\n".join([*refused, f"the engine has refused it; {line} is answered as before: ivr rollback {line}"]))
        if time.monotonic() > ends:
            raise UserError(f"{line} is published, but the engine has not taken it within {ENGINE_TAKES:.0f} s: see its log")
        time.sleep(0.05)
    return None


def engine_lives(settings: Settings) -> bool:
    """Whether an engine runs on these settings."""
    try:
        return time.time() - settings.heartbeat.stat().st_mtime < _ALIVE and (settings.versions / "live.json").exists()
    except FileNotFoundError:
        return False


def unknown(store: VersionStore, line: str) -> str:
    """That there is no such line, and which there are."""
    there = ", ".join(store.lines())
    return f"no line {line!r} has been published" + (f"; there are: {there}" if there else ": start the line (make run), or ivr publish")
