"""Telling a process that hangs from one that is slow because others have the cores."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Thread:
    """What the kernel knows of a thread. A wait is added to `waited` only when it is over."""

    ran: int  # nanoseconds on a core
    waited: float  # seconds for a core
    wants: bool  # it has a core, or waits for one


class Silence:
    """How long a process has shown no sign of life although it could have.

    The time in which its longest-waiting thread waited for a core does not count: that thread may hold what all the others need, as
    Python's lock. Neither does what lies between two looks beyond `gap` seconds: then the watch itself, or the machine, stood still.
    """

    def __init__(self, gap: float) -> None:
        self._gap = gap
        self._looked_at: float | None = None
        self._clock = 0.0  # seconds watched in all
        self._sign: object = None
        self._sign_at = 0.0
        self._waited_then: Mapping[str, float] = {}
        self._threads: Mapping[str, Thread] = {}
        self._still_since: dict[str, float] = {}  # threads that want a core, and have not run since

    def after(self, at: float, sign: object, threads: Mapping[str, Thread]) -> float:
        """The seconds of silence at a look; a `sign` that differs from the one before is life, and ends it."""
        if self._looked_at is not None:
            self._clock += min(at - self._looked_at, self._gap)
        still = {name: self._still_since.get(name, self._clock) for name, thread in threads.items() if self._waits_still(name, thread)}
        if sign != self._sign:
            self._sign, self._sign_at = sign, self._clock
            self._waited_then = {name: thread.waited for name, thread in threads.items()}
        self._looked_at, self._threads, self._still_since = at, threads, still
        return max(0.0, self._clock - self._sign_at - max(map(self._waited, threads), default=0.0))

    def _waits_still(self, name: str, thread: Thread) -> bool:
        """Whether it wants a core and has not had one since the last look; a thread that is new may be waiting."""
        before = self._threads.get(name)
        return thread.wants and (before is None or before.ran == thread.ran)

    def _waited(self, name: str) -> float:
        """How long a thread has waited for a core since the last sign of life, its wait of this moment included."""
        over = self._threads[name].waited - self._waited_then.get(name, 0.0)
        return over + self._clock - max(self._sign_at, self._still_since.get(name, self._clock))


def threads_of(pid: int) -> Mapping[str, Thread]:
    """Its threads; none where the kernel does not count, or for a process that has gone."""
    found = {}
    for thread in Path(f"/proc/{pid}/task").glob("*"):
        try:
            ran, waited, _ = (thread / "schedstat").read_text(encoding="ascii").split()
            state = (thread / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[0]
        except (OSError, ValueError, IndexError):
            continue
        found[thread.name] = Thread(int(ran), int(waited) / 1e9, state == "R")
    return found
