"""The published lines for operators' pages: how calls went on each version today, and its flow drawn with them.

A finished call is run again once, through the version that it had, and counted; so a page costs what is new since the last look.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from adapters.backoffice.signatures import SIGNATURES
from adapters.storage.journal_tail import JournalTail
from adapters.storage.versions import VersionStore
from ivr.bootstrap.calls import data_key, opened
from ivr.bootstrap.drawing import FORMATS
from ivr.bootstrap.versions import told_versions
from ivr.calls.ports import Clock
from ivr.calls.times import LINE_ZONE
from ivr.calls.versions import Version
from ivr.config import Settings
from ivr.core.flow import Flow
from ivr.desk.board import SharedReading, day_of
from ivr.desk.lines import FlowPicture, PublishedLine, Station, VersionLine, Way
from ivr.errors import UserError
from ivr.tools.graph import Box, Drawing
from ivr.tools.lint import lint
from ivr.tools.publishing import Told
from ivr.tools.replay import replay
from ivr.tools.traffic import Traffic, drawn

FIGURES_FRESH = dt.timedelta(seconds=20)  # the journal of the day is read for them
PICTURE_FRESH = dt.timedelta(seconds=20)  # Graphviz takes a second for a large line
PATIENCE = 2.0  # seconds of a look that counts calls
WHOLE_FILES = 1 << 60

_CANNOT = "that cannot be run again"


class PublishedLines:
    """The port Lines on the versions and the journal of this line."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._store = VersionStore(settings.versions)
        self._traffic = TodaysTraffic(settings)
        self._lines = SharedReading(self._read_lines, clock, FIGURES_FRESH)
        self._pictures: dict[tuple[str, int], tuple[dt.datetime, FlowPicture]] = {}
        self._drawing = asyncio.Lock()

    async def lines(self) -> Sequence[PublishedLine]:
        return await self._lines.get()

    async def picture(self, line: str, number: int) -> FlowPicture | None:
        if line not in self._store.lines() or all(one.number != number for one in self._store.versions(line)):
            return None
        async with self._drawing:  # one at a time: each takes a core
            at = self._clock()
            known = self._pictures.get((line, number))
            if known is None or known[1].behind or not dt.timedelta(0) <= at - known[0] < PICTURE_FRESH:
                picture = await asyncio.to_thread(self._draw, self._store.version(line, number), at)
                known = self._pictures[line, number] = at, picture
            return known[1]

    async def _read_lines(self, at: dt.datetime) -> tuple[PublishedLine, ...]:
        found = await asyncio.to_thread(told_versions, self._settings, None, day_of(at, LINE_ZONE))
        return tuple(PublishedLine(name, tuple(map(_version_line, told))) for name, told in sorted(found.items()))

    def _draw(self, version: Version, at: dt.datetime) -> FlowPicture:
        compiled = self._traffic.compiled(version.name)
        if compiled.flow is None:
            return FlowPicture(version.line, version.number, 0, (), (), compiled.problems)
        traffic, behind = self._traffic.on(version.name, at)
        drawing = drawn(compiled.flow, traffic)
        stations = _stations(drawing, traffic)
        return FlowPicture(
            version.line, version.number, traffic.calls, stations, drawing.legend, compiled.problems, _svg(drawing), behind=behind
        )


@dataclass(frozen=True, slots=True)
class _Compiled:
    flow: Flow | None
    problems: tuple[str, ...]


class TodaysTraffic:
    """What today's calls did, by version. `on` takes up to `patience` seconds when there is much to count; call it from a thread."""

    def __init__(self, settings: Settings, patience: float = PATIENCE) -> None:
        self._settings = settings
        self._patience = patience
        self._versions = VersionStore(settings.versions)
        self._flows: dict[str, _Compiled] = {}
        self._looking = threading.Lock()
        self._day: dt.datetime | None = None
        self._tail = JournalTail(settings.var / "journal")
        self._news: Iterator[Mapping[str, Any]] = iter(())
        self._begun: dict[str, list[Mapping[str, Any]]] = {}
        self._traffic: dict[str, Traffic] = {}

    def on(self, name: str, at: dt.datetime) -> tuple[Traffic, bool]:
        """The traffic of a version (1008611@3) as far as it is counted, and whether there is more to count: then ask again."""
        with self._looking:
            self._begin_day(day_of(at, LINE_ZONE))
            ends, entry = time.monotonic() + self._patience, self._next()
            while entry is not None:
                self._see(entry)
                if time.monotonic() > ends:
                    break
                entry = self._next()
            return self._traffic.get(name, Traffic()), entry is not None

    def _next(self) -> Mapping[str, Any] | None:
        """The next entry of the journal; None when all there are have been seen."""
        entry = next(self._news, None)
        if entry is None:
            self._news = self._tail.all_entries()
            entry = next(self._news, None)
        return entry

    def compiled(self, name: str) -> _Compiled:
        """The flow of a version, None when it does not compile any more, and what is to be said about it."""
        if name not in self._flows:
            line, _, number = name.rpartition("@")
            try:
                version = self._versions.version(line, int(number))
                linted = lint((version.flow,), version.folder, SIGNATURES)
                self._flows[name] = _Compiled(linted.flows.get(str(version.flow)), tuple(map(str, linted.problems)))
            except (UserError, ValueError) as error:
                self._flows[name] = _Compiled(None, (str(error),))
        return self._flows[name]

    def _begin_day(self, day: dt.datetime) -> None:
        if self._day != day:
            self._day, self._tail = day, JournalTail(self._settings.var / "journal", before=WHOLE_FILES)
            self._news, self._begun, self._traffic = iter(()), {}, {}

    def _see(self, entry: Mapping[str, Any]) -> None:
        session = str(entry.get("session"))
        if "version" in entry and "disposition" not in entry:
            self._begun[session] = []
        if session in self._begun:
            self._begun[session].append(entry)
            if "disposition" in entry:
                self._count(session, self._begun.pop(session))

    def _count(self, session: str, entries: Sequence[Mapping[str, Any]]) -> None:
        try:
            if self._day is None or dt.datetime.fromisoformat(str(entries[0]["at"])) < self._day:
                return
            name = str(entries[0]["version"])
            traffic = self._traffic.setdefault(name, Traffic())
            flow = self.compiled(name).flow
            again = None if flow is None else replay(flow, opened(session, entries, data_key(self._settings)))
        except (UserError, KeyError, ValueError):
            self._traffic.setdefault(str(entries[0].get("version")), Traffic()).left_out[_CANNOT] += 1
            return
        if flow is None or again is None or again.difference is not None:
            traffic.left_out[_CANNOT] += 1
        else:
            traffic.add(flow, again.passages)


def _version_line(told: Told) -> VersionLine:
    figures = told.figures
    return VersionLine(
        number=told.version.number,
        at=told.version.at,
        note=told.version.note,
        checked=tuple(filter(None, told.version.checked.split("; "))),
        share=told.share,
        under_way=told.under_way,
        calls=figures.calls,
        endings=dict(figures.dispositions),
        milestones=dict(sorted(figures.milestones.items())),
        outcomes=dict(sorted(figures.outcomes.items())),
        refused=told.refused,
    )


def _stations(drawing: Drawing, traffic: Traffic) -> tuple[Station, ...]:
    ways: dict[str, list[Way]] = {}
    for arrow in drawing.arrows:
        ways.setdefault(arrow.source, []).append(Way(arrow.label.partition("×")[0].strip(), arrow.target, arrow.count))
    return tuple(
        _station(
            box, (*ways.get(box.name, ()), *(Way(one.label.partition("×")[0].strip(), one.target, one.count) for one in box.back)), traffic
        )
        for boxes in drawing.clusters.values()
        for box in boxes
    )


def _station(box: Box, ways: tuple[Way, ...], traffic: Traffic) -> Station:
    ended = traffic.ends.get(box.name, Counter())
    return Station(box.name, box.shape, box.words, box.place, box.count, ways, dict(ended.most_common()), (*box.badges, *box.counted))


def _svg(drawing: Drawing) -> str:
    """The picture; "" where nothing can draw it."""
    try:
        return FORMATS["svg"](drawing)
    except UserError:
        return ""
