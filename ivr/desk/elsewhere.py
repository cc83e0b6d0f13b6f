"""A call back that was promised elsewhere, by another desk or by a web page: it becomes a ticket like any other, once."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from ivr.calls.ports import UnansweredCall, UnansweredKind
from ivr.desk.gate import Clock
from ivr.desk.people import Session
from ivr.desk.programs import Refusal


@dataclass(frozen=True, slots=True)
class Promised:
    """Who is to be called back, and about what. `external_id` is what the other desk calls it: told twice, it is one."""

    external_id: str
    number: str = field(repr=False)
    topic: str
    language: str


class PromiseStore(Protocol):
    """As much of the tickets as is needed here."""

    async def record_unanswered(self, call: UnansweredCall, at: dt.datetime) -> str | None:
        """The reference of its ticket. Raises StoreFailed."""


class Elsewhere:
    """Takes such promises. `may_be_called` knows to which numbers this line calls back; `line` is the one that they count for."""

    def __init__(self, store: PromiseStore, may_be_called: Callable[[str], bool], line: str, clock: Clock) -> None:
        self._store = store
        self._may_be_called = may_be_called
        self._line = line
        self._clock = clock

    async def promise(self, who: Session, promised: Promised) -> str | Refusal:
        """The reference of the ticket: a new one, or the one that the caller waits for already. Raises StoreFailed."""
        if not self._may_be_called(promised.number):
            return Refusal("number_not_callable", "this line does not call back to that number")
        call = UnansweredCall(
            session=f"elsewhere/{who.name}/{promised.external_id}",
            kind=UnansweredKind.PROMISED,
            caller_id=promised.number,
            dialled=self._line,
            language=promised.language,
            begun_at=self._clock(),
            topic=promised.topic,
        )
        reference = await self._store.record_unanswered(call, self._clock())
        assert reference is not None  # there is a number
        return reference
