"""Versions of a line: what was published and when, which of them answers, and which callers try a newer one beside it."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

EVERYBODY = 100  # percent
_REMEMBERED = 100  # versions that `rollback` can walk back through
_FINENESS = 10_000


@dataclass(frozen=True, slots=True)
class Version:
    """One published version, whole and never changed again. `folder` is laid out like a project: flows/, prompts/."""

    line: str
    number: int
    at: dt.datetime
    note: str
    digest: str  # of everything a caller meets; equal versions have equal digests
    checked: str  # what was tried before it was published, in words
    folder: Path = field(repr=False)

    @property
    def name(self) -> str:
        """As the journal and the logs write it: 1008611@3."""
        return f"{self.line}@{self.number}"

    @property
    def flow(self) -> Path:
        """Its flow."""
        return self.folder / "flows" / f"{self.line}.yaml"


@dataclass(frozen=True, slots=True)
class Trial:
    """A newer version for `share` percent of the callers."""

    number: int
    share: int


@dataclass(frozen=True, slots=True)
class Service:
    """What answers a line: a version, perhaps one on trial beside it, and what answered before, the latest first."""

    number: int
    trial: Trial | None = None
    before: tuple[int, ...] = ()

    def promoted(self, number: int) -> Service:
        """That version answers all calls; a trial is over."""
        if number == self.number:
            return Service(number, None, self.before)
        return Service(number, None, (self.number, *(one for one in self.before if one != number))[:_REMEMBERED])

    def trying(self, number: int, share: int) -> Service:
        """That version answers `share` percent of the callers, beside the one in service."""
        return Service(self.number, Trial(number, share), self.before)

    def rolled_back(self) -> Service | None:
        """Without the trial, when there is one; else with the version before. None when there was none."""
        if self.trial is not None:
            return Service(self.number, None, self.before)
        return self.returned_to(self.before[0]) if self.before else None

    def returned_to(self, number: int) -> Service:
        """That earlier version answers all calls; what came after it is forgotten as a way back."""
        if number in self.before:
            return Service(number, None, self.before[self.before.index(number) + 1 :])
        return self.promoted(number)

    @property
    def shares(self) -> Mapping[int, int]:
        """Percent of the callers by version; only versions that answer anybody."""
        if self.trial is None:
            return {self.number: EVERYBODY}
        return {self.number: EVERYBODY - self.trial.share, self.trial.number: self.trial.share}

    @property
    def numbers(self) -> tuple[int, ...]:
        """The versions that answer calls."""
        return tuple(self.shares)


def tries(line: str, trial: Trial, caller_id: str, session: str) -> bool:
    """Whether this caller gets the version on trial: always the same answer for one number, and still yes when the share grows.

    A caller who withholds the number is another one with each call.
    """
    told = f"{line}@{trial.number} {caller_id or session}"
    place = int.from_bytes(hashlib.sha256(told.encode()).digest()[:8]) % _FINENESS
    return place < trial.share * _FINENESS // EVERYBODY
