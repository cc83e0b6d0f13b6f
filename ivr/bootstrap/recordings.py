"""The shipped recordings: what the prompts need, recorded and checked."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping

from adapters.speech import pack_build
from adapters.storage.versions import VersionStore
from ivr.bootstrap.engine import load_flows, read_catalogue
from ivr.bootstrap.serving import compiled
from ivr.config import Settings
from ivr.core.flow import Flow
from ivr.errors import UserError
from ivr.tools.prompts import needed


def _needed(settings: Settings) -> Mapping[str, tuple[str, ...]]:
    """What the flows that designers work on say, and what the published versions say that answer or may answer again."""
    return needed(read_catalogue(settings), [*load_flows(settings).values(), *_published(settings)])


def _published(settings: Settings) -> Iterator[Flow]:
    store = VersionStore(settings.versions)
    for line in store.lines():
        service = store.service(line)
        for number in (*service.numbers, *service.before[:1]) if service else ():
            with contextlib.suppress(UserError):  # a version that does not compile says nothing
                yield compiled(store, store.version(line, number)).flow


def build(settings: Settings, tell: Callable[[str], None]) -> None:
    """Record what is missing or has changed, and say what was done."""
    try:
        report = pack_build.build(_needed(settings), settings.home / "prompts" / "audio", settings.var / "voices", tell)
    except ImportError as error:
        raise UserError(f"recording needs the neural voice, and {error.name} is missing: run make prompts, which installs it") from error
    tell(f"{len(report.recorded)} recorded, {report.kept} kept, {len(report.removed)} removed")


def check(settings: Settings) -> tuple[str, ...]:
    """What is wrong with the recordings, a sentence each."""
    return pack_build.check(_needed(settings), settings.home / "prompts" / "audio")
