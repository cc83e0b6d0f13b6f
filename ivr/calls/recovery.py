"""What crashes leave behind is finished here: at start, and every half minute while the line runs.

Five things are looked for. Intents whose message is not accounted for in the database; rows still `capturing` whose call is over;
recordings that nobody speaks for; notes of calls that are over and that nobody answered; claims whose lease has run out.
All of it may be done twice, and beside live calls:

- A message is left alone while its call is live. The folder and the table are read *before* Asterisk is asked for its live calls, so a call
  that began in between is either not in our hands or in Asterisk's answer. A message that this process is taking is left alone as well.
- When Asterisk does not answer, only age can tell: a message is over when it began longer ago than the longest message and a minute
  (240 s) *and* its recording has not changed for half a minute. Asterisk writes at least every 4.1 s (32 KiB of a-law), so a file that is
  being recorded cannot look like that, however long a flow lets callers speak.
- An intent with facts beside it is whole and was promised an answer: it needs no waiting and no minimum length.

A recording that lasted under two seconds was promised nothing: it is counted as abandoned. No recording is ever deleted.

A recording without intent or row gets a ticket of its own with an unknown caller, unless its intent is still in done/ (the database was
lost or set back): then that caller's ticket comes back. `rescue-<session>.alaw`, which the dialplan records when the engine is away, names
its call and so waits only for the end of it.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from ivr.calls.capture import SHORTEST_MESSAGE
from ivr.calls.intents import RESCUE
from ivr.calls.ports import (
    Clock,
    FoundRecording,
    LiveCalls,
    MessageFacts,
    MessageIntent,
    Spool,
    TicketStore,
    UnansweredCall,
    UnansweredKind,
)
from ivr.calls.tickets import UNKNOWN_TOPIC
from ivr.errors import SpoolFailed, StoreFailed

SURELY_OVER = dt.timedelta(seconds=240)
QUIET = dt.timedelta(seconds=30)
KEEP_DONE = dt.timedelta(days=7)
CALL_SURELY_OVER = dt.timedelta(hours=1)
GIVE_UP_AFTER = 3
FRAME = 80  # bytes; Asterisk records whole 10 ms frames, its cut-off buffer (32 KiB) is no whole number of them
FOUND = "found"  # the node of a message of which not even the call is known
UNKNOWN_LANGUAGE = "zh-CN"
_RESCUE = re.compile(rf"{RESCUE}-([0-9a-f-]{{36}})")


@dataclass(frozen=True, slots=True)
class RecoveryReport:
    """What one scan did. `complete` is False when the database or the disk refused; the next scan goes on."""

    adopted: tuple[str, ...] = ()  # references of the tickets that got a message
    quarantined: tuple[str, ...] = ()  # references of the tickets of unknown callers
    abandoned: int = 0
    waiting: int = 0  # their call is live, or may be; not counted: the messages that this process is taking
    returned: int = 0  # claims that had run out
    complete: bool = True
    unanswered: int = 0  # calls that nobody answered


@dataclass(slots=True)
class _Tally:
    adopted: list[str] = field(default_factory=list)
    quarantined: list[str] = field(default_factory=list)
    abandoned: int = 0
    waiting: int = 0
    returned: int = 0
    unanswered: int = 0
    complete: bool = True
    failures_in_a_row: int = 0

    def report(self) -> RecoveryReport:
        found = tuple(self.adopted), tuple(self.quarantined), self.abandoned, self.waiting, self.returned
        return RecoveryReport(*found, complete=self.complete, unanswered=self.unanswered)


class Recovery:
    """The scan. `busy` are the keys of the messages that this process is taking right now (MessageCapture.busy).

    `calls` are the sessions of the calls that are under way in this process (UnansweredCalls.busy).
    """

    def __init__(
        self,
        store: TicketStore,
        spool: Spool,
        live_calls: LiveCalls,
        clock: Clock,
        busy: Collection[str] = (),
        calls: Collection[str] = (),
    ) -> None:
        self._store = store
        self._spool = spool
        self._live_calls = live_calls
        self._clock = clock
        self._busy = busy
        self._calls = calls
        self._one_at_a_time = asyncio.Lock()
        self._accounted: set[str] = set()  # recordings that an earlier scan found in the database: it keeps what it has

    async def scan(self) -> RecoveryReport:
        """Finish what can be finished. Never raises for a database or disk that is away."""
        async with self._one_at_a_time:
            tally = _Tally()
            try:
                await self._scan(tally)
            except (StoreFailed, SpoolFailed):
                tally.complete = False
            return tally.report()

    async def _scan(self, tally: _Tally) -> None:
        intents = await asyncio.to_thread(self._spool.intents)
        noted = [call for call in await asyncio.to_thread(self._spool.noted_calls) if call.session not in self._calls]
        found = await asyncio.to_thread(self._spool.recordings, self._accounted)
        rows = await self._store.capturing()
        live = await self._live_calls.live_sessions()  # asked last: see above
        seen = _Seen(self._clock(), live, {recording.path: recording.changed_at for recording in found})

        tally.returned = await self._store.return_expired(seen.now)
        pending = {intent.message_key: intent for intent in (*rows, *intents)}
        for intent in pending.values():
            if intent.message_key in self._busy:
                continue
            with _one_bad_apple(tally):
                await self._finish(intent, seen, tally)
        for recording in await self._unspoken_for(found, pending.values()):
            with _one_bad_apple(tally):
                await self._adopt(recording, seen, tally)
        for call in noted:  # last: a message of the same call has its ticket by now
            with _one_bad_apple(tally):
                await self._give_up(call, seen, tally)
        await asyncio.to_thread(self._spool.forget_done, seen.now - KEEP_DONE)

    async def _give_up(self, call: UnansweredCall, seen: _Seen, tally: _Tally) -> None:
        """Nobody is going to answer that call any more: it is a ticket."""
        over = abs(seen.now - call.begun_at) > CALL_SURELY_OVER if seen.live is None else call.session not in seen.live
        if not over or call.session in self._calls:
            return
        await self._store.record_unanswered(call, seen.now)
        await asyncio.to_thread(self._spool.call_done, call.session)
        tally.unanswered += 1

    async def _finish(self, intent: MessageIntent, seen: _Seen, tally: _Tally) -> None:
        facts = await asyncio.to_thread(self._spool.facts, intent)
        recording = await asyncio.to_thread(self._spool.recording_path, intent)
        if facts is None and not seen.over(intent, recording):
            tally.waiting += 1
            return
        promised = facts is not None
        facts = facts or await self._settle(recording)
        if promised or facts.size >= SHORTEST_MESSAGE:
            tally.adopted.append(await self._store.capture(intent, facts, seen.now))
        else:
            await self._abandon(intent, facts, seen, tally)
        await asyncio.to_thread(self._spool.intent_done, intent)

    async def _unspoken_for(self, found: Collection[FoundRecording], pending: Collection[MessageIntent]) -> list[FoundRecording]:
        taken = {self._spool.recording_path(intent) for intent in pending}
        lonely = {recording.path.name: recording for recording in found if recording.path not in taken}
        self._accounted |= await self._store.accounted(lonely)
        return [recording for name, recording in lonely.items() if name not in self._accounted]

    async def _adopt(self, recording: FoundRecording, seen: _Seen, tally: _Tally) -> None:
        known = await asyncio.to_thread(self._spool.done_intent, recording.path)
        intent = known or _unknown(recording)
        if not seen.over(intent, recording.path):
            tally.waiting += 1
            return
        facts = await self._settle(recording.path)
        if facts.size >= SHORTEST_MESSAGE:
            reference = await self._store.capture(intent, facts, seen.now)
            (tally.adopted if known else tally.quarantined).append(reference)
        else:
            await self._abandon(intent, facts, seen, tally)

    async def _abandon(self, intent: MessageIntent, facts: MessageFacts, seen: _Seen, tally: _Tally) -> None:
        if intent.node == RESCUE and intent.caller_id:  # the engine was away, and nothing else served that caller
            await self._store.record_unanswered(_failed(intent), seen.now)
            tally.unanswered += 1
        await self._store.abandon(intent, "too_short" if facts.size else "no_recording", seen.now, facts)
        tally.abandoned += 1

    async def _settle(self, recording: Path) -> MessageFacts:
        facts = await asyncio.to_thread(self._spool.settle, recording, None)
        return replace(facts, partial=facts.size % FRAME != 0)


@dataclass(frozen=True, slots=True)
class _Seen:
    """What the scan saw before it began to decide."""

    now: dt.datetime
    live: frozenset[str] | None
    changed_at: Mapping[Path, dt.datetime]

    def over(self, intent: MessageIntent, recording: Path) -> bool:
        """Whether nobody can be speaking this message any more."""
        if self.live is not None and intent.node != FOUND:
            return intent.session not in self.live
        changed_at = self.changed_at.get(recording)
        return abs(self.now - intent.begun_at) > SURELY_OVER and (changed_at is None or abs(self.now - changed_at) > QUIET)


def _failed(intent: MessageIntent) -> UnansweredCall:
    """The call of a message that did not come about."""
    return UnansweredCall(
        session=intent.session,
        kind=UnansweredKind.FAILED,
        caller_id=intent.caller_id,
        dialled=intent.dialled,
        language=intent.language,
        begun_at=intent.begun_at,
        channel=intent.channel,
    )


def _unknown(recording: FoundRecording) -> MessageIntent:
    """What to write down for a recording of which nobody knows who spoke it."""
    rescue = _RESCUE.fullmatch(recording.path.stem)
    return MessageIntent(
        session=rescue[1] if rescue else recording.path.stem,
        node=RESCUE if rescue else FOUND,
        count=1,
        caller_id="",
        dialled="",
        topic=RESCUE if rescue else UNKNOWN_TOPIC,
        language=UNKNOWN_LANGUAGE,
        begun_at=recording.changed_at,
    )


@contextlib.contextmanager
def _one_bad_apple(tally: _Tally) -> Iterator[None]:
    """One message that cannot be finished does not keep the others waiting, but three in a row mean that nothing can."""
    try:
        yield
    except (StoreFailed, SpoolFailed):
        tally.complete = False
        tally.failures_in_a_row += 1
        if tally.failures_in_a_row >= GIVE_UP_AFTER:
            raise
    else:
        tally.failures_in_a_row = 0
