"""Publishing: a flow under flows/ is copied, checked as it was copied, and becomes a version that answers calls, in one step."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adapters.storage.versions import VersionStore
from ivr.bootstrap.hearing import unknown_words
from ivr.bootstrap.serving import compiled
from ivr.bootstrap.snapshots import Snapshot, stages, take_snapshot
from ivr.calls.ports import Clock
from ivr.calls.versions import EVERYBODY, Service, Version
from ivr.config import Settings
from ivr.errors import SettingsError, UserError

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
                ready.append((snapshot, "" if known else _check(snapshot, settings, request, tell)))
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
    _tell_service(settings, store, line, wanted, "rollback", tell)


def publish_first(settings: Settings, clock: Clock, tell: Tell, warn: Tell | None = None) -> None:
    """When nothing has been published yet, publish what lies in flows/, linted only; a flow with errors is left out.

    That it is left out is told to `warn`, which is `tell` unless given.

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
                (warn or tell)(f"flows/{path.name} has errors and is left out (ivr lint flows/{path.name})")
        tell(f"published for the first time, as they lie in flows/: {', '.join(store.lines())}")
    elif store.service(settings.flow) is None:
        cure = f"ivr publish flows/{own.name}" if own.exists() else f"there are: {', '.join(store.lines())}"
        raise SettingsError(f"IVR_FLOW is {settings.flow!r}, but no such line has been published; {cure}")


def working_files(settings: Settings) -> tuple[Path, ...]:
    """The flows that designers work on."""
    return tuple(sorted((settings.home / "flows").glob("*.yaml")))


# --- before it ---


def _check(snapshot: Snapshot, settings: Settings, request: Request, tell: Tell) -> str:
    """What was checked, in words. Raises UserError with what went wrong."""
    told = []
    for stage, words in stages(snapshot, unknown_words(settings), request.skip_proof):
        tell(f"{snapshot.line:<10} {stage:<8} {words}")
        told.append(f"{stage}: {words}")
    return "; ".join(told)


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
    _tell_service(settings, store, line, wanted, "publish", tell)


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


def _tell_service(settings: Settings, store: VersionStore, line: str, now: Service, what: str, tell: Tell) -> None:
    """Say what answers from now on, once a running engine has taken it, and who is still on another version."""
    shares = [
        f"version {number} answers {'every call' if share == EVERYBODY else f'{share} % of the callers'}"
        for number, share in now.shares.items()
    ]
    taken = _wait_taken(settings, store, line, now)
    tell(f"{line:<10} {what:<8} {', '.join(shares)}{'' if taken is not None else ' when the line runs'}")
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
