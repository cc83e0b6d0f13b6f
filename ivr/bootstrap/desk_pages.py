"""The agents' pages put together: tickets, transcripts, the ways of past calls, and the back office."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path

from adapters.backoffice.embedded import EmbeddedBackOffice
from adapters.storage.journal import read_journal
from adapters.storage.tickets import SqlTicketStore
from adapters.storage.transcripts import SqlTranscriptStore
from ivr.bootstrap.engine import now
from ivr.calls.ports import BackOffice
from ivr.config import Settings
from ivr.desk.callbacks import CallbackDesk, Step, StepKind
from ivr.desk.people import AccountStore
from ivr.tools.trace import Fact, Kind, Trace

REMEMBERED = 200  # calls that are over, whose ways need not be read again
_SHOWN = {
    Kind.CALL: StepKind.CALL,
    Kind.NODE: StepKind.NODE,
    Kind.CALLER: StepKind.CALLER,
    Kind.ANSWER: StepKind.ANSWER,
    Kind.OVER: StepKind.OVER,
}


class JournalPaths:
    """The port CallPaths on the journal: what `ivr why` tells, without what the line said and why."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._known: OrderedDict[str, tuple[Step, ...]] = OrderedDict()

    async def path(self, session: str, day: dt.date) -> Sequence[Step]:
        if (known := self._known.get(session)) is not None:
            return known
        steps = await asyncio.to_thread(self._read, session, day)
        if steps and steps[-1].kind is StepKind.OVER:
            self._known[session] = steps
            while len(self._known) > REMEMBERED:
                self._known.popitem(last=False)
        return steps

    def _read(self, session: str, day: dt.date) -> tuple[Step, ...]:
        trace = Trace()
        days = [day + dt.timedelta(days=after) for after in (-1, 0, 1)]
        return tuple(
            _step(fact) for entry in read_journal(self._folder, session, days) for fact in trace.facts(entry) if fact.kind in _SHOWN
        )


def _step(fact: Fact) -> Step:
    return Step(fact.after, _SHOWN[fact.kind], fact.zh, fact.en, fact.place if fact.kind is Kind.NODE else "")


def back_office(settings: Settings) -> BackOffice:
    """The back office as the desk asks it; the engine has put its subscribers in."""
    return EmbeddedBackOffice(settings.var / "backoffice.db", now)


def callback_desk(settings: Settings, store: SqlTicketStore, people: AccountStore) -> CallbackDesk:
    """What stands behind the agents' pages."""
    transcripts = SqlTranscriptStore(store.database, store.key, settings.recordings)
    return CallbackDesk(
        store, people, now, JournalPaths(settings.var / "journal"), back_office(settings), transcripts, hours=settings.calling_hours
    )
