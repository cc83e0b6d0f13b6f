"""The published lines as operators see them: versions, what was checked, how calls go, and the picture of a flow with its traffic."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class VersionLine:
    """One version. `share` is how many percent of the callers meet it; figures are of today."""

    number: int
    at: dt.datetime
    note: str
    checked: tuple[str, ...]  # what was tried before it was published
    share: int
    under_way: int | None  # calls at this moment; None when no engine tells
    calls: int
    endings: Mapping[str, int]  # by disposition
    milestones: Mapping[str, int]
    outcomes: Mapping[str, int]
    refused: str = ""  # why the engine does not answer with it

    @property
    def ended(self) -> int:
        """The calls that are over."""
        return sum(self.endings.values())

    @property
    def contained(self) -> int:
        """Those that the line has served itself."""
        return self.endings.get("self_served", 0)


@dataclass(frozen=True, slots=True)
class PublishedLine:
    """A line and its versions, the latest first."""

    name: str
    versions: tuple[VersionLine, ...]

    @property
    def answering(self) -> tuple[VersionLine, ...]:
        """The version in service, and the one on trial."""
        return tuple(one for one in self.versions if one.share)


@dataclass(frozen=True, slots=True)
class Way:
    """A way on from a node, and how often calls took it."""

    label: str
    target: str
    count: int


@dataclass(frozen=True, slots=True)
class Station:
    """A node of the flow: its kind, its first words, how often calls came to it, and how calls ended at it."""

    name: str
    shape: str  # what kind of node it is, as drawings have it
    words: str
    place: str
    count: int
    ways: tuple[Way, ...] = ()
    ended: Mapping[str, int] = field(default_factory=dict)  # how calls ended here
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FlowPicture:
    """The flow of one version with the traffic of today. `svg` is "" where nothing can draw."""

    line: str
    number: int
    calls: int
    stations: tuple[Station, ...]
    told: tuple[str, ...]  # what holds everywhere, and what is not shown
    problems: tuple[str, ...]
    svg: str = field(default="", repr=False)
    behind: bool = False  # more calls of today are still to be counted


class Lines(Protocol):
    """The lines that have been published."""

    async def lines(self) -> Sequence[PublishedLine]:
        """All of them, by name. Raises UserError when something of them cannot be read."""

    async def picture(self, line: str, number: int) -> FlowPicture | None:
        """The picture of a version; None when there is no such. Raises UserError when it cannot be made."""
