"""Calls that nobody answered become tickets too: a caller who asked for a person and had none, or whose line broke, is called back.

Each call is noted on disk when it begins, as one that failed, and the note goes when it ends well. So an engine that dies leaves its calls
behind, and the recovery makes tickets of those that Asterisk no longer has. A wish that was not met is written durably first and then given
to the database; while that is away, the note waits for the recovery.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from dataclasses import replace

import structlog

from ivr.calls.ports import Clock, Spool, TicketStore, UnansweredCall, UnansweredKind
from ivr.errors import SpoolFailed, StoreFailed

STORE_DEADLINE = dt.timedelta(seconds=2)

_log = structlog.get_logger(__name__)


class UnansweredCalls:
    """Notes calls and what was left of them. `busy` has the sessions of the calls under way here, which the recovery must leave alone."""

    def __init__(self, store: TicketStore, spool: Spool, clock: Clock, *, store_deadline: dt.timedelta = STORE_DEADLINE) -> None:
        self._store = store
        self._spool = spool
        self._clock = clock
        self._store_deadline = store_deadline
        self._notes: dict[str, asyncio.Task[bool]] = {}
        self.busy: set[str] = set()

    def begun(self, call: UnansweredCall) -> None:
        """A call begins; nobody waits for the note."""
        self.busy.add(call.session)
        self._notes[call.session] = asyncio.create_task(self._note(call, durable=False))

    async def over(self, call: UnansweredCall, kind: UnansweredKind | None) -> None:
        """It is over. `kind` tells why a ticket is due; None when the caller has been served, or has one already."""
        try:
            await self._written(call)
            if kind is not None:
                wish = replace(call, kind=kind)
                await self._note(wish, durable=True)
                async with asyncio.timeout(self._store_deadline.total_seconds()):
                    await self._store.record_unanswered(wish, self._clock())
            await asyncio.to_thread(self._spool.call_done, call.session)
        except (SpoolFailed, StoreFailed, TimeoutError) as error:
            _log.warning("unanswered_call_waits", session=call.session, reason=str(error))  # for the recovery
        finally:
            self.broken(call)

    async def left(self, call: UnansweredCall, kind: UnansweredKind) -> None:
        """It is over, and nobody knows yet what became of a message that was begun: the recovery does, and with that it is one ticket."""
        await self._written(call)
        if await self._note(replace(call, kind=kind), durable=True):
            self.broken(call)
        else:
            await self.over(call, kind)  # twice rather than never

    async def promise(self, call: UnansweredCall) -> str | None:
        """The caller asks to be called back, and is told so after this: it is in the database (its reference) or on the disk (None).

        Raises SpoolFailed when it is in neither, so that nothing may be promised.
        """
        wish = replace(call, kind=UnansweredKind.BUSY)
        await self._written(call)
        try:
            await asyncio.to_thread(self._spool.note_call, wish, durable=True)
        except SpoolFailed:
            noted = False
        else:
            noted = True
        try:
            async with asyncio.timeout(self._store_deadline.total_seconds()):
                return await self._store.record_unanswered(wish, self._clock())
        except (StoreFailed, TimeoutError) as error:
            if not noted:
                raise SpoolFailed(f"a call back is neither on the disk nor in the database: {error}") from None
            return None

    def broken(self, call: UnansweredCall) -> None:
        """It ended as none should: what was noted stands, and the recovery looks when Asterisk has let go of it."""
        self.busy.discard(call.session)
        if (note := self._notes.get(call.session)) is not None:
            note.add_done_callback(lambda _: self._notes.pop(call.session, None))

    async def settle(self) -> None:
        """Wait for the notes that are being written."""
        await asyncio.gather(*self._notes.values())

    async def _written(self, call: UnansweredCall) -> None:
        if (note := self._notes.get(call.session)) is not None:
            await note

    async def _note(self, call: UnansweredCall, *, durable: bool) -> bool:
        try:
            await asyncio.to_thread(self._spool.note_call, call, durable=durable)
        except SpoolFailed as error:
            _log.warning("call_not_noted", session=call.session, reason=str(error))
            return False
        return True
