"""What supervisors do: read the board, give a ticket to an agent, close one that nobody can reach, look at closures.

The clock and the stores are passed in; every method raises StoreFailed when the database is away.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Sequence
from typing import Protocol

from ivr.calls.ports import ENDED, UNREACHED, CallbackStore, Clock, Statement, TextMessage, TextOutbox, Ticket, TicketState
from ivr.calls.texts import is_mobile
from ivr.calls.times import LINE_ZONE, part_of_day
from ivr.desk.board import AgentDay, Board, BoardStore, LineWatch, SharedReading, agents_now, day_of
from ivr.desk.gate import IDLE
from ivr.desk.people import ANSWERING
from ivr.desk.sampling import LONGEST_NOTE, PER_PAGE, ClosureStore, Look, Sample, Sampled, Verdict, not_looked_at, sample
from ivr.desk.statements import Days
from ivr.errors import UnknownTicket

UNREACHABLE_TEXTS = {
    "zh-CN": "您好，我们多次给您回电，都没有联系上您，本次受理（编号{reference}）先行办结。如仍需帮助，请再次来电。",
    "en-US": "We have tried to call you back several times and could not reach you, so your request {reference} is closed for now. "
    "If you still need help, please call again.",
}
_AGENTS_FRESH = dt.timedelta(seconds=5)


class Statements(Protocol):
    """The ledger, with what callers were told beside it."""

    async def statement(self, days: Days, at: dt.datetime) -> Statement:
        """Every promise of those days, and how it stands. Raises StoreFailed."""


class Supervision:
    """One for a console."""

    def __init__(
        self,
        store: CallbackStore,
        figures: BoardStore,
        closures: ClosureStore,
        watch: LineWatch,
        statements: Statements,
        outbox: TextOutbox,
        clock: Clock,
    ) -> None:
        self._store = store
        self._figures = figures
        self._closures = closures
        self._watch = watch
        self._statements = statements
        self._outbox = outbox
        self._clock = clock
        self._board = SharedReading(self._read, clock)
        self._days = SharedReading(self._agents_of_today, clock, _AGENTS_FRESH)

    # --- looking ---

    async def board(self) -> Board:
        """What goes on at this moment, read at most once a second for all who look."""
        return await self._board.get()

    async def calls_paused(self) -> bool:
        """Whether calling back is paused, asked of the database."""
        return await self._store.calls_paused_until(self._clock()) is not None

    async def agents(self) -> tuple[AgentDay, ...]:
        """What agents have done today."""
        return await self._days.get()

    async def statement(self, days: Days) -> Statement:
        """The promises of those days."""
        return await self._statements.statement(days, self._clock())

    def today(self) -> dt.date:
        """The day of the line."""
        return self._clock().astimezone(LINE_ZONE).date()

    async def _read(self, at: dt.datetime) -> Board:
        figures, held, people, calls, queue, machine = await asyncio.gather(
            self._figures.figures(at, day_of(at, LINE_ZONE)),
            self._figures.held(),
            self._figures.people(at - IDLE),
            self._watch.calls(),
            self._watch.queue(),
            self._watch.machine(at),
        )
        paused = await self._store.calls_paused_until(at)
        return Board(at, tuple(calls), queue, machine, figures, agents_now(people, held), paused)

    async def _agents_of_today(self, at: dt.datetime) -> tuple[AgentDay, ...]:
        today = day_of(at, LINE_ZONE)
        return await self._figures.agents_of(today, today + dt.timedelta(days=1))

    # --- tickets ---

    async def ticket(self, reference: str) -> Ticket | None:
        """One ticket, whole."""
        return await self._store.ticket(reference)

    async def answerers(self) -> Sequence[str]:
        """Who may be given a ticket."""
        people = await self._figures.people(self._clock())
        return tuple(name for name, (account, _) in sorted(people.items()) if account.role in ANSWERING and not account.closed)

    async def reassign(self, reference: str, supervisor: str, to: str) -> str:
        """Give a ticket to an agent; why that was not done, or "". Raises UnknownTicket."""
        if to not in await self.answerers():
            return "no_such_agent"
        if await self._store.reassign(reference, supervisor, to, self._clock()):
            return ""
        ticket = await self._store.ticket(reference)
        return "has_ended" if ticket is not None and ticket.state in ENDED else "under_way"

    async def close_unreachable(self, reference: str, supervisor: str, note: str) -> str:
        """Close a ticket whose caller cannot be reached; why that was not done, or "".

        It takes a text message to the caller that has gone out: the first time it is written, and this says "text_queued".
        Raises UnknownTicket, OutboxFailed.
        """
        if not note.strip():
            return "note_missing"
        ticket = await self._store.ticket(reference)
        if ticket is None:
            raise UnknownTicket(f"there is no ticket {reference!r}")
        if ticket.state in ENDED:
            return "has_ended"
        if ticket.state is not TicketState.RETRY_WAIT or not tried_enough(ticket):
            return "not_proven"
        text = _unreachable_text(ticket, self._clock())
        if await self._store.close_unreachable(reference, supervisor, text.key, note.strip()[:LONGEST_NOTE], self._clock()):
            return ""
        if not is_mobile(ticket.caller_id):
            return "no_mobile"
        await self._outbox.queue(text)
        return "text_queued"

    # --- closures ---

    async def sampled(self, day: dt.date, page: int = 1) -> Sample:
        """The closures of a day to look at, some at a time."""
        days = Days(day, day)
        closures = await self._closures.closures(days.since, days.until)
        drawn = sample(closures, day)
        pages = max((len(drawn) + PER_PAGE - 1) // PER_PAGE, 1)
        page = min(max(page, 1), pages)
        some = drawn[(page - 1) * PER_PAGE : page * PER_PAGE]
        tickets = {ticket.reference: ticket for ticket in await self._closures.closed([one.reference for one in some])}
        shown = tuple(Sampled(one, tickets[one.reference]) for one in some if one.reference in tickets)
        return Sample(page, pages, shown, len(closures), not_looked_at(closures))

    async def audio(self, reference: str, number: int) -> bytes:
        """A message, a-law; who asks has been written down. Raises StoreFailed when it is not there."""
        return await self._closures.audio(reference, number)

    async def looked(self, reference: str, supervisor: str, verdict: Verdict, note: str) -> str:
        """Keep what a supervisor found; why that was not done, or ""."""
        if verdict is Verdict.WRONG and not note.strip():
            return "note_missing"
        look = Look(self._clock(), supervisor, verdict, note.strip()[:LONGEST_NOTE])
        return "" if await self._closures.looked(reference, look) else "not_closed"


def tried_enough(ticket: Ticket) -> bool:
    """Whether the caller was tried as often as it takes: three times, on two days, in two parts of the day. The database asks again."""
    tries = [one.begun_at.astimezone(LINE_ZONE) for one in ticket.attempts if one.outcome in UNREACHED]
    return len(tries) >= 3 and len({one.date() for one in tries}) >= 2 and len({part_of_day(one) for one in tries}) >= 2


def _unreachable_text(ticket: Ticket, at: dt.datetime) -> TextMessage:
    """What the caller is told; the same message however often it is written."""
    language = ticket.language if ticket.language in UNREACHABLE_TEXTS else "zh-CN"
    session = f"ticket-{ticket.reference}"
    words = UNREACHABLE_TEXTS[language].format(reference=ticket.reference)
    return TextMessage(f"{session}/unreachable/1", ticket.caller_id, words, language, session, at)
