"""Calling back: a planned attempt is placed once, followed to its end, and what came of it is written down, whatever dies in between.

The agent's telephone rings first. Only an agent who asks for it is put through, and only then, after everything has been looked at once
more, is the number given to the dialplan, once for an attempt (`attempt_went_on(RINGING)`): whatever is placed twice rings at the agent's,
never at the caller's. What happens is read in the notes that the dialplan makes, so an engine that was killed reads on where it is started
again. Where the notes end in the middle and Asterisk has no such call, the attempt is `unknown`: a person says how it ended, and nothing
dials before.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace

import structlog

from ivr.calls.number_plan import NumberPlan
from ivr.calls.ports import (
    AgentLine,
    AttemptOutcome,
    AttemptState,
    CallbackStore,
    CallNote,
    CallNotes,
    Clock,
    Dialler,
    LiveAttempt,
    NoteKind,
    Placed,
    Seats,
)
from ivr.calls.tickets import AGENT_LOST, ENGINE_AWAY, TAKEN_WITHIN
from ivr.calls.times import CALLING_HOURS, CallingHours, callable_from
from ivr.core.commands import AskDigits, Release
from ivr.core.events import CallerHungUp, DigitsEntered, NothingHeard
from ivr.core.values import Utterance
from ivr.errors import StoreFailed

LOOK_EVERY = 0.5  # seconds
PACE = dt.timedelta(seconds=1)  # between two calls
GRACE = dt.timedelta(seconds=10)  # without news, after which Asterisk is asked whether the call is still up
ASK_EVERY = dt.timedelta(seconds=5)
RENEW_EVERY = dt.timedelta(minutes=1)
KEPT_NOTES = dt.timedelta(hours=1)
CONFIRM = "1"
TIMES_ASKED = 2
PATIENCE = dt.timedelta(seconds=8)  # for the agent's key

UNDER_WAY = (AttemptState.SENT, AttemptState.RINGING, AttemptState.BRIDGED)
NOT_DIALLED = {"NOENGINE": ENGINE_AWAY, "NOTRUNK": "no_trunk", "NOPAGE": "no_page"}
AGENTS = {"NOTELEPHONE": "no_telephone", "BUSY": "busy", "NOANSWER": "no_answer"}
BY_CAUSE = {
    1: AttemptOutcome.INVALID_NUMBER,
    3: AttemptOutcome.UNREACHABLE,
    17: AttemptOutcome.BUSY,
    18: AttemptOutcome.NO_ANSWER,
    19: AttemptOutcome.NO_ANSWER,
    20: AttemptOutcome.UNREACHABLE,
    21: AttemptOutcome.REJECTED,
    22: AttemptOutcome.INVALID_NUMBER,
    27: AttemptOutcome.UNREACHABLE,
    28: AttemptOutcome.INVALID_NUMBER,
}
BY_STATUS = {"BUSY": AttemptOutcome.BUSY, "NOANSWER": AttemptOutcome.NO_ANSWER}

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Ended:
    """How an attempt ended."""

    outcome: AttemptOutcome
    cause: str
    bridged: dt.timedelta = dt.timedelta(0)


@dataclass(frozen=True, slots=True)
class Rules:
    """Whom the line may call, and how. `own` are its numbers of now; the caller sees `shown`, or the number they had dialled.

    Without a way out to anybody, `reached` are the only numbers that can be rung.
    """

    plan: NumberPlan
    own: Callable[[], Collection[str]] = tuple
    trunk: str = ""
    shown: str = ""
    hours: CallingHours = CALLING_HOURS
    at_once: int = 60
    reached: Collection[str] | None = None


class Callbacks:
    """The engine's part in calling back. `run` it beside the calls; `picked_up` is told when an agent's telephone was."""

    def __init__(
        self,
        store: CallbackStore,
        dialler: Dialler,
        notes: CallNotes,
        seats: Seats,
        rules: Rules,
        whisper: Callable[[str, str, str], Utterance],
        clock: Clock,
    ) -> None:
        self._store = store
        self._dialler = dialler
        self._notes = notes
        self._seats = seats
        self._rules = rules
        self._whisper = whisper
        self._clock = clock
        self._placed_at: dt.datetime | None = None
        self._asked_at: dt.datetime | None = None
        self._tidied_at: dt.datetime | None = None
        self._renewed: dict[str, dt.datetime] = {}

    async def run(self) -> None:
        """Place what is planned and follow what is under way, until cancelled."""
        while True:
            try:
                await self.step()
            except StoreFailed as error:
                _log.warning("callbacks_wait", reason=str(error))
            except Exception:  # the promise must outlive a bug in one look
                _log.exception("callbacks_failed")
            await asyncio.sleep(LOOK_EVERY)

    async def step(self) -> None:
        """One look."""
        live = await self._store.live_attempts()
        if not live:
            await self._tidy()
            return
        under_way = [one for one in live if one.attempt.state is not AttemptState.PLANNED]
        await self._follow(under_way)
        busy = {one.attempt.agent for one in under_way if one.attempt.state in UNDER_WAY}
        for one in live:
            if one.attempt.state is AttemptState.PLANNED:
                await self._begin(one, busy)

    async def _tidy(self) -> None:
        """What is left of calls that are over, once in a while."""
        self._renewed.clear()
        now = self._clock()
        if self._tidied_at is None or now - self._tidied_at >= KEPT_NOTES:
            self._tidied_at = now
            await asyncio.to_thread(self._notes.tidy, now - KEPT_NOTES)

    # --- placing --------------------------------------------------------------------------------------------------

    async def _begin(self, one: LiveAttempt, busy: set[str]) -> None:
        now, agent = self._clock(), one.attempt.agent
        if now - one.attempt.begun_at >= TAKEN_WITHIN:
            await self._not_placed(one, ENGINE_AWAY)
        elif agent in busy:
            await self._not_placed(one, "agent_busy")
        elif refusal := self._refusal(one):
            await self._not_placed(one, refusal)
        elif (seat := await self._seats.seat_of(agent)) is None:
            await self._end(one, Ended(AttemptOutcome.AGENT_FAILED, "no_telephone"), AttemptState.PLANNED)
        elif len(busy) < self._rules.at_once and (self._placed_at is None or now - self._placed_at >= PACE):
            busy.add(agent)
            await self._place(one, seat)

    def _refusal(self, one: LiveAttempt) -> str:
        """Why the caller is not to be called now; "" when nothing speaks against it."""
        if not one.held:
            return "claim_lost"
        if not self._rules.trunk:
            return "no_trunk"
        if callable_from(now := self._clock(), self._rules.hours) != now:
            return "hours"
        if (number := self._number(one)) is None:
            return "number_plan"
        return "" if self._rules.reached is None or number in self._rules.reached else "no_trunk"

    def _number(self, one: LiveAttempt) -> str | None:
        return self._rules.plan.dialled(one.caller_id, (*self._rules.own(), one.dialled))

    async def _place(self, one: LiveAttempt, seat: int) -> None:
        channel_id = one.attempt.channel_id
        await asyncio.to_thread(self._notes.begin, channel_id)
        if not await self._store.attempt_went_on(channel_id, AttemptState.SENT, self._clock()):
            return
        self._placed_at = self._clock()
        placed = await self._dialler.place(channel_id, seat)
        _log.info("call_back", reference=one.reference, attempt=channel_id, placed=placed.value)
        if placed is Placed.NOT_PLACED:
            await self._end(one, Ended(AttemptOutcome.NOT_PLACED, "asterisk_away"), AttemptState.SENT)

    async def _not_placed(self, one: LiveAttempt, cause: str) -> None:
        await self._end(one, Ended(AttemptOutcome.NOT_PLACED, cause), AttemptState.PLANNED)

    # --- following ------------------------------------------------------------------------------------------------

    async def _follow(self, attempts: Sequence[LiveAttempt]) -> None:
        silent = []
        for one in attempts:
            notes = await asyncio.to_thread(self._notes.read, one.attempt.channel_id)
            if (ended := end_of(notes)) is not None:
                await self._end(one, ended)
                continue
            if one.attempt.state is AttemptState.RINGING and any(note.kind is NoteKind.BRIDGED for note in notes):
                await self._store.attempt_went_on(one.attempt.channel_id, AttemptState.BRIDGED, self._clock())
            lost = one.attempt.state is AttemptState.UNKNOWN and _may_have_rung(one, notes)  # that is for a person to say
            if not lost and self._clock() - max((note.at for note in notes), default=one.attempt.begun_at) >= GRACE:
                silent.append(one)
            await self._renew(one)
        if silent and (self._asked_at is None or self._clock() - self._asked_at >= ASK_EVERY):
            self._asked_at = self._clock()
            await self._look_for(silent)

    async def _look_for(self, attempts: Sequence[LiveAttempt]) -> None:
        """Those that Asterisk does not have any more, and of which no end is noted: somebody died."""
        up = await self._dialler.live_channels()
        for one in attempts:
            if up is None or one.attempt.channel_id in up:
                continue
            notes = await asyncio.to_thread(self._notes.read, one.attempt.channel_id)  # it may have ended between the two looks
            ended = end_of(notes)
            if ended is None and not _may_have_rung(one, notes):
                ended = Ended(AttemptOutcome.NOT_PLACED, "line_died")
            if ended is not None:
                await self._end(one, ended)
            elif await self._store.attempt_went_on(one.attempt.channel_id, AttemptState.UNKNOWN, self._clock()):
                _log.error("call_back_unknown", reference=one.reference, attempt=one.attempt.channel_id)

    async def _end(self, one: LiveAttempt, ended: Ended, still: AttemptState | None = None) -> None:
        channel_id = one.attempt.channel_id
        told = await self._store.attempt_ended(
            channel_id, ended.outcome, self._clock(), cause=ended.cause, bridged=ended.bridged, still=still
        )
        if told:
            _log.info("call_back_over", reference=one.reference, attempt=channel_id, outcome=ended.outcome.value, cause=ended.cause)
        await asyncio.to_thread(self._notes.done, channel_id)

    async def _renew(self, one: LiveAttempt) -> None:
        """The claim holds while the call is under way, however long they talk."""
        now, channel_id = self._clock(), one.attempt.channel_id
        if one.held and now - self._renewed.get(channel_id, one.attempt.begun_at) >= RENEW_EVERY:
            self._renewed[channel_id] = now
            await self._store.renew(one.reference, one.attempt.agent, one.token, now)

    # --- the agent's telephone --------------------------------------------------------------------------------------

    async def picked_up(self, channel_id: str, line: AgentLine) -> None:
        """Tell the agent what it is about, and put them through if they ask for it."""
        one = await self._sent(channel_id)
        refusal = "claim_lost" if one is None else self._refusal(one)
        if one is None or refusal:
            await self._refuse(one, line, AttemptOutcome.NOT_PLACED, refusal)
            return
        if failure := await self._ask(one, line):
            await self._refuse(one, line, AttemptOutcome.AGENT_FAILED, failure)
            return
        again = await self._sent(channel_id)  # the agent took a while
        refusal = "claim_lost" if again is None else self._refusal(again)
        if again is None or refusal:
            await self._refuse(one, line, AttemptOutcome.NOT_PLACED, refusal)
        elif await self._store.attempt_went_on(channel_id, AttemptState.RINGING, self._clock()):
            number = self._number(again)
            assert number is not None
            await line.put_through(number, self._rules.shown or again.dialled, again.language)
        else:
            await line.perform(Release())

    async def _sent(self, channel_id: str) -> LiveAttempt | None:
        live = await self._store.live_attempts()
        return next((one for one in live if one.attempt.channel_id == channel_id and one.attempt.state is AttemptState.SENT), None)

    async def _ask(self, one: LiveAttempt, line: AgentLine) -> str:
        """Why the agent is not put through; "" when they are."""
        question = AskDigits(self._whisper(one.language, one.reference, one.topic), 1, PATIENCE, PATIENCE)
        for _ in range(TIMES_ASKED):
            match await line.perform(question):
                case DigitsEntered(digits=digits):
                    return "" if digits == CONFIRM else "not_confirmed"
                case CallerHungUp():
                    return "hung_up"
                case NothingHeard():
                    continue
                case _:
                    return "line_failed"
        return "not_confirmed"

    async def _refuse(self, one: LiveAttempt | None, line: AgentLine, outcome: AttemptOutcome, cause: str) -> None:
        if one is not None:
            await self._end(replace(one), Ended(outcome, cause), AttemptState.SENT)
        await line.perform(Release())


def end_of(notes: Sequence[CallNote]) -> Ended | None:
    """How the call ended, as it was noted; None while it goes on."""
    kinds = {note.kind: note for note in reversed(notes)}  # the first of each kind
    if NoteKind.AGENT in kinds:
        status = kinds[NoteKind.AGENT].status
        return Ended(AttemptOutcome.AGENT_FAILED, AGENTS.get(status, status.lower()))
    if (end := kinds.get(NoteKind.END)) is None:
        return None
    if end.status in NOT_DIALLED:
        return Ended(AttemptOutcome.NOT_PLACED, NOT_DIALLED[end.status])
    cause = AGENT_LOST if NoteKind.LEFT in kinds else str(end.cause)
    if bridged := kinds.get(NoteKind.BRIDGED):
        talked = kinds.get(NoteKind.LEFT, end).at - bridged.at  # lost while the caller heard who calls: bridged is noted after that
        return Ended(AttemptOutcome.ANSWERED, cause, max(talked, dt.timedelta(0)))
    if NoteKind.ANSWERED in kinds:
        return Ended(AttemptOutcome.DROPPED, cause)
    if NoteKind.DIALS not in kinds:
        return Ended(AttemptOutcome.AGENT_FAILED, "hung_up")
    if end.status.startswith("AGENT"):
        return Ended(AttemptOutcome.NO_ANSWER, "agent_hung_up")
    return Ended(BY_CAUSE.get(end.cause, BY_STATUS.get(end.status, AttemptOutcome.UNREACHABLE)), str(end.cause))


def _may_have_rung(one: LiveAttempt, notes: Sequence[CallNote]) -> bool:
    """Whether the caller's telephone may have rung: it was dialled, or the number was given out and the notes are gone."""
    if notes:
        return any(note.kind is NoteKind.DIALS for note in notes)
    return one.attempt.state is not AttemptState.SENT
