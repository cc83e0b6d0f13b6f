"""Taking a message so that it cannot be lost: a caller who was told "we will call you back" has a ticket, whatever dies, and one only.

The order is the whole point. Enough free space; the intent on disk; the rows in the database (if it is there); the beep and the
recording; the recording on disk; the ticket opened; and only then the promise, by answering MessageKept. A crash between any two steps
leaves something on disk from which `recovery` finishes the work under the same message key: doing it twice is doing it once.

When the database is away the promise stands on the disk alone: MessageKept without a reference, the intent and a note of the facts.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Awaitable, Callable
from dataclasses import replace

from ivr.calls.ports import Channel, Clock, MessageFacts, MessageIntent, Spool, TicketStore
from ivr.core.commands import TakeMessage
from ivr.core.events import CommandFailed, MessageKept, MessageNotKept
from ivr.errors import ChannelFailed, MessageKeyTaken, SpoolFailed, StoreFailed

BYTES_PER_SECOND = 8000  # raw a-law: one byte a sample
SHORTEST_MESSAGE = 2 * BYTES_PER_SECOND
STORE_DEADLINE = dt.timedelta(seconds=2)
HIGHEST_COUNT = 99

Failpoint = Callable[[str], None]
"""Called with the name of each step that has just been taken; tests kill the process there."""

FAILPOINTS = ("start", "intent_kept", "begun", "recorded", "settled", "captured", "facts_kept", "intent_done", "abandoned")


def no_failpoint(name: str) -> None:
    """What runs when nobody tests."""


class MessageCapture:
    """Takes messages. `busy` has the keys of those that are being taken right now, which the recovery must leave alone."""

    def __init__(
        self,
        store: TicketStore,
        spool: Spool,
        clock: Clock,
        min_free_bytes: int,
        *,
        store_deadline: dt.timedelta = STORE_DEADLINE,
        failpoint: Failpoint = no_failpoint,
    ) -> None:
        self._store = store
        self._spool = spool
        self._clock = clock
        self._min_free_bytes = min_free_bytes
        self._store_deadline = store_deadline
        self._failpoint = failpoint
        self.busy: set[str] = set()

    async def take(self, channel: Channel, intent: MessageIntent, command: TakeMessage) -> MessageKept | MessageNotKept | CommandFailed:
        """Beep, record, keep. The promise may be spoken once this has answered MessageKept, and not before."""
        self._failpoint("start")
        try:
            if await asyncio.to_thread(self._spool.free_bytes) < self._min_free_bytes:
                return MessageNotKept(self._clock(), "disk_full")
            intent = await asyncio.to_thread(self._write_intent, intent)
        except SpoolFailed:
            return MessageNotKept(self._clock(), "not_begun")
        self.busy.add(intent.message_key)
        try:
            self._failpoint("intent_kept")
            return await self._record(channel, intent, command)
        finally:
            self.busy.discard(intent.message_key)

    def _write_intent(self, intent: MessageIntent) -> MessageIntent:
        """Reserve a key of one's own: a message that is there already is never recorded over."""
        while True:
            try:
                self._spool.write_intent(intent)
            except MessageKeyTaken:
                if intent.count >= HIGHEST_COUNT:
                    raise
                intent = replace(intent, count=intent.count + 1)
            else:
                return intent

    async def _record(self, channel: Channel, intent: MessageIntent, command: TakeMessage) -> MessageKept | MessageNotKept | CommandFailed:
        await self._stored(self._store.begin(intent))
        self._failpoint("begun")
        name = self._spool.recording_name(intent)
        try:
            recorded = await channel.record(name, command.max_length, command.final_silence)
        except ChannelFailed:
            # Asterisk may be recording still, without us. The intent stays, and the recovery looks when the call is over.
            return CommandFailed(self._clock(), "recording")
        self._failpoint("recorded")
        try:
            facts = await asyncio.to_thread(self._spool.settle, self._spool.recording_path(intent), recorded.samples)
        except SpoolFailed:
            return MessageNotKept(self._clock(), "storage", hung_up=recorded.hung_up)
        self._failpoint("settled")
        if max(recorded.samples, facts.size) < SHORTEST_MESSAGE:
            return await self._too_short(intent, hung_up=recorded.hung_up)
        return await self._keep(intent, facts, hung_up=recorded.hung_up)

    async def _too_short(self, intent: MessageIntent, *, hung_up: bool) -> MessageNotKept:
        if await self._stored(self._store.abandon(intent, "too_short", self._clock())):
            self._failpoint("abandoned")
            await self._intent_done(intent)
        return MessageNotKept(self._clock(), "too_short", hung_up=hung_up)

    async def _keep(self, intent: MessageIntent, facts: MessageFacts, *, hung_up: bool) -> MessageKept | MessageNotKept:
        references: list[str] = []

        async def capture() -> None:
            references.append(await self._store.capture(intent, facts, self._clock()))

        if await self._stored(capture()):
            self._failpoint("captured")
            await self._intent_done(intent)
            return MessageKept(self._clock(), references[0], hung_up=hung_up)
        return await self._keep_on_disk(intent, facts, hung_up=hung_up)

    async def _keep_on_disk(self, intent: MessageIntent, facts: MessageFacts, *, hung_up: bool) -> MessageKept | MessageNotKept:
        """The database is away: the intent, the recording and this note are the promise until the recovery meets the database."""
        try:
            await asyncio.to_thread(self._spool.write_facts, intent, facts)
        except SpoolFailed:
            if facts.size < SHORTEST_MESSAGE:  # without the note the recovery would take it for an empty message
                return MessageNotKept(self._clock(), "storage", hung_up=hung_up)
        self._failpoint("facts_kept")
        return MessageKept(self._clock(), None, hung_up=hung_up)

    async def _intent_done(self, intent: MessageIntent) -> None:
        try:
            await asyncio.to_thread(self._spool.intent_done, intent)
        except SpoolFailed:
            return  # the recovery meets it again and finds that all is done
        self._failpoint("intent_done")

    async def _stored(self, work: Awaitable[None]) -> bool:
        """Whether the database took it in time. What it takes later, after all, is the same work under the same key."""
        try:
            async with asyncio.timeout(self._store_deadline.total_seconds()):
                await work
        except (StoreFailed, TimeoutError):
            return False
        return True
