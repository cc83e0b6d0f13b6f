"""The shipped recordings: what the prompts need, recorded and checked."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from adapters.speech import pack_build
from ivr.bootstrap.engine import load_flows, read_catalogue
from ivr.config import Settings
from ivr.errors import UserError
from ivr.tools.prompts import needed


def _needed(settings: Settings) -> Mapping[str, tuple[str, ...]]:
    return needed(read_catalogue(settings), load_flows(settings).values())


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
