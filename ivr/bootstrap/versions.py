"""What there is to see of versions: which there are and how calls go on them, how they differ, and what nobody has published yet."""

from __future__ import annotations

import datetime as dt
import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from adapters.backoffice.signatures import SIGNATURES
from adapters.storage.figures import telling_entries
from adapters.storage.versions import VersionStore
from ivr.bootstrap.publishing import engine_lives, unknown, working_files
from ivr.bootstrap.snapshots import name_of, read_working
from ivr.config import Settings
from ivr.core.flow import Flow
from ivr.errors import UserError
from ivr.tools.differences import Change, differences
from ivr.tools.lint import lint, read_text
from ivr.tools.publishing import Told, digest_of, figures, listed

# --- versions ---


def told_versions(settings: Settings, line: str | None, since: dt.datetime | None = None) -> Mapping[str, tuple[Told, ...]]:
    """The versions of a line, or of all, the latest first; calls are counted from that moment on. Raises UserError: no such line."""
    store = VersionStore(settings.versions)
    lines = store.lines() if line is None else (line,)
    known = figures(telling_entries(settings.var / "journal", since))
    live = store.live().get("lines", {}) if engine_lives(settings) else {}
    found = {}
    for one in lines:
        service = store.service(one)
        if service is None:
            raise UserError(unknown(store, one))
        found[one] = listed(store.versions(one), service, live.get(one, {}), known)
    return found


# --- differences ---


@dataclass(frozen=True, slots=True)
class Side:
    """One side of a comparison: what it is called, its texts by file, and the flow, unless it has errors (`problems`)."""

    name: str
    texts: Mapping[str, str]
    flow: Flow | None
    problems: tuple[str, ...]


def compare(settings: Settings, line: str, old: str | None, new: str | None) -> tuple[Side, Side]:
    """Two versions of a line by number, or "file" for flows/<line>.yaml as it is: what answers and the file, unless they are named."""
    store = VersionStore(settings.versions)
    service = store.service(line)
    if service is None:
        raise UserError(unknown(store, line))
    sides = [_side(settings, store, line, one) for one in (old or str(service.number), new or "file")]
    return sides[0], sides[1]


def changes(old: Side, new: Side) -> tuple[Change, ...]:
    """Node by node; nothing when one of them has errors."""
    return differences(old.flow, new.flow) if old.flow is not None and new.flow is not None else ()


def text_changes(old: Side, new: Side) -> Iterator[str]:
    """File by file, as `diff -u` does."""
    for name in sorted({*old.texts, *new.texts}):
        was, now = (side.texts.get(name, "").splitlines() for side in (old, new))
        yield from difflib.unified_diff(was, now, f"{name} ({old.name})", f"{name} ({new.name})", lineterm="")


def _side(settings: Settings, store: VersionStore, line: str, named: str) -> Side:
    if named.isascii() and named.isdigit():
        version = store.version(line, int(named))
        return _read_side(f"version {version.number}", version.flow, version.folder)
    if named != "file":
        raise UserError(f"{named!r} is no version: write its number, or 'file' for flows/{line}.yaml as it is now")
    return _read_side("the file", settings.home / "flows" / f"{line}.yaml", settings.home)


def _read_side(name: str, flow: Path, home: Path) -> Side:
    linted = lint((flow,), home, SIGNATURES)
    texts = {name_of(path, flow, home): read_text(path, home) for path in linted.sources[str(flow)]}
    return Side(name, texts, linted.flows.get(str(flow)), tuple(map(str, linted.errors)))


# --- what is not published ---


def unpublished(settings: Settings) -> tuple[str, ...]:
    """A sentence for each flow under flows/ that is not what callers meet, with the cure."""
    store = VersionStore(settings.versions)
    files = {path.stem: path for path in working_files(settings)}
    told = [sentence for path in files.values() if (sentence := _unpublished(store, path, settings.home))]
    gone = [line for line in store.lines() if line not in files]
    return (*told, *(f"flows/{line}.yaml is gone, but {line} is still answered as it was published" for line in gone))


def _unpublished(store: VersionStore, path: Path, home: Path) -> str | None:
    name = f"flows/{path.name}"
    try:
        service = store.service(path.stem)
        digest = digest_of(*read_working(path, home))
    except UserError:
        return f"{name} has errors, so callers do not meet it (ivr lint {name})"
    if service is None:
        return f"{name} has not been published, so {path.stem} is not answered (ivr publish {name})"
    if digest in (store.version(path.stem, number).digest for number in service.numbers):
        return None
    return f"{name} has changed since version {service.number} was published, which callers meet (ivr diff {path.stem}, ivr publish {name})"
