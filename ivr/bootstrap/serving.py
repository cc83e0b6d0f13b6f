"""What an engine answers with: the published versions of each line, compiled, and exchanged while calls go on.

A call keeps the flow that it began with. A version that cannot be compiled is refused, and what answered before goes on answering.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import structlog

from adapters.backoffice.signatures import SIGNATURES
from adapters.storage.versions import VersionStore
from ivr.calls.versions import Service, Trial, Version, tries
from ivr.config import Settings
from ivr.core.flow import ChecksHours, Flow
from ivr.core.schedule import Schedule
from ivr.errors import UserError
from ivr.tools.lint import lint

_log = structlog.get_logger("engine")


@dataclass(frozen=True, slots=True)
class Served:
    """A version that answers calls."""

    version: Version
    flow: Flow


def compiled(store: VersionStore, version: Version) -> Served:
    """A version made ready for calls. Raises UserError with every problem."""
    store.must_be_whole(version)
    linted = lint((version.flow,), version.folder, SIGNATURES)
    if linted.errors:
        raise UserError("\n".join(map(str, linted.errors)))
    return Served(version, linted.flows[str(version.flow)])


def flow_of_version(settings: Settings, line: str, caller_id: str) -> Flow:
    """The published flow that this caller gets. Raises UserError when there is none, or it does not compile."""
    store = VersionStore(settings.versions)
    service = store.service(line)
    if service is None:
        raise UserError(f"{line} has not been published: ivr publish flows/{line}.yaml")
    trial = service.trial
    number = trial.number if trial is not None and tries(line, trial, caller_id, "") else service.number
    return compiled(store, store.version(line, number)).flow


@dataclass(frozen=True, slots=True)
class _Answer:
    """What answers one line, and what was refused, with the reasons."""

    main: Served | None = None
    trial: Served | None = None
    share: int = 0
    refused: Mapping[int, str] = field(default_factory=dict)

    @property
    def versions(self) -> Mapping[int, Served]:
        return {one.version.number: one for one in (self.main, self.trial) if one is not None}


class ServedLines:
    """The lines of one engine. `refresh` reads and compiles, in a thread of its own if need be; everything else is for the engine's loop.

    `taken` is called with each version that begins to answer.
    """

    def __init__(self, store: VersionStore, taken: Callable[[Served], None] = lambda served: None) -> None:
        self._store = store
        self._taken = taken
        self._answers: Mapping[str, _Answer] = {}
        self._stamps: Mapping[str, tuple[int, int]] = {}
        self._under_way: Counter[tuple[str, int]] = Counter()

    def refresh(self) -> None:
        """Take what has been published since the last time. Not for two threads at once."""
        stamps = self._store.stamps()
        if stamps == self._stamps:
            return
        answers = {line: answer for line, answer in self._answers.items() if line in stamps}
        for line, stamp in stamps.items():
            if self._stamps.get(line) != stamp:
                answers[line] = self._take(line, self._answers.get(line, _Answer()))
        for line in self._answers.keys() - answers.keys():
            _log.warning("line_withdrawn", line=line)
        self._answers, self._stamps = answers, stamps

    def answers(self, line: str) -> bool:
        """Whether a call to that number is answered."""
        return line in self._answers and self._answers[line].main is not None

    def lines(self) -> Mapping[str, Flow]:
        """The flows in service, without those on trial."""
        return {line: answer.main.flow for line, answer in self._answers.items() if answer.main is not None}

    def hours(self, line: str) -> Schedule | None:
        """When somebody is there, as that line's flow says; None when it says nothing, or several things."""
        flow = self.lines().get(line)
        told = {node.hours: node.schedule for node in flow.nodes.values() if isinstance(node, ChecksHours)} if flow else {}
        return next(iter(told.values())) if len(told) == 1 else None

    def refusals(self, line: str) -> tuple[str, ...]:
        """Why versions of that line do not answer."""
        return tuple(self._answers[line].refused.values()) if line in self._answers else ()

    def choose(self, line: str, caller_id: str, session: str) -> Served:
        """The version for a call that begins now. Raises UserError when the line has just been withdrawn."""
        answer = self._answers.get(line, _Answer())
        if answer.main is None:
            raise UserError(f"no line {line} is published")
        if answer.trial is not None and tries(line, Trial(answer.trial.version.number, answer.share), caller_id, session):
            return answer.trial
        return answer.main

    def begun(self, version: Version) -> None:
        """A call has begun on that version."""
        self._under_way[version.line, version.number] += 1

    def over(self, version: Version) -> None:
        """A call on that version is over."""
        self._under_way[version.line, version.number] -= 1

    def under_way(self, line: str) -> int:
        """The calls on all versions of that line."""
        return sum(count for (name, _), count in self._under_way.items() if name == line)

    def told(self) -> Mapping[str, object]:
        """The engine's word, for those who publish: what answers, what was refused, the calls under way on each version."""
        lines: dict[str, object] = {}
        for line, answer in sorted(self._answers.items()):
            shares = dict.fromkeys(answer.versions, 100 if answer.trial is None else 100 - answer.share)
            if answer.trial is not None:
                shares[answer.trial.version.number] = answer.share
            calls = {str(number): count for (name, number), count in sorted(self._under_way.items()) if name == line and count}
            lines[line] = {"answers": _keyed(shares), "refused": _keyed(answer.refused), "calls": calls}
        return {"pid": os.getpid(), "lines": lines}

    def _take(self, line: str, old: _Answer) -> _Answer:
        try:
            service = self._store.service(line)
        except UserError as error:
            _log.error("version_refused", line=line, reason=str(error))
            return old
        if service is None:
            return old
        refused: dict[int, str] = {}
        main = self._compile(line, service.number, old, refused)
        if main is None and old.main is not None:
            return replace(old, refused=refused)
        for number in service.before if main is None else ():
            main = main or self._compile(line, number, old, refused)
        trial = self._compile(line, service.trial.number, old, refused) if service.trial and main else None
        taken = _Answer(main, trial, service.trial.share if service.trial and trial else 0, refused)
        self._tell(line, old, taken, service)
        return taken

    def _compile(self, line: str, number: int, old: _Answer, refused: dict[int, str]) -> Served | None:
        if number in old.versions:
            return old.versions[number]
        try:
            return compiled(self._store, self._store.version(line, number))
        except UserError as error:
            refused[number] = str(error)
            _log.error("version_refused", version=f"{line}@{number}", reason=str(error))
            return None

    def _tell(self, line: str, old: _Answer, taken: _Answer, service: Service) -> None:
        for number, served in taken.versions.items():
            if number not in old.versions:
                self._taken(served)
        trial = f"{line}@{taken.trial.version.number}" if taken.trial else None
        _log.info("version_answers", version=f"{line}@{taken.main.version.number}" if taken.main else None, trial=trial, share=taken.share)


def _keyed(values: Mapping[int, object]) -> Mapping[str, object]:
    return {str(number): value for number, value in values.items()}
