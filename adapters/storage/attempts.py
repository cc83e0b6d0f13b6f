"""Attempts to call back: planned under a claim, placed once, and ended by what is known of them.

What Asterisk tells of a call names it by its channel id, so its end can be told by whoever knows it, also when the agent has gone.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, func, select, update

from adapters.storage import tables as t
from adapters.storage.accounts import desk_fact
from adapters.storage.claims import holds, live_attempt
from adapters.storage.database import take_turns
from adapters.storage.rows import ENGINE, TicketRows, as_attempt, is_waiting
from ivr.calls.pausing import HOUR, paused_until
from ivr.calls.ports import HELD, UNREACHED, Attempt, AttemptOutcome, AttemptState, LiveAttempt, Refused, TicketState
from ivr.calls.tickets import AGENT_LOST, ATTEMPTS_A_DAY, CALLS_A_DAY, CUT_OFF, SHORTEST_TALK
from ivr.calls.times import LINE_ZONE, callable_from, part_of_day, retry_at, tomorrow
from ivr.desk.people import Action

FAILPOINTS = ("attempt_uncommitted", "attempt_committed", "outcome_uncommitted", "outcome_committed")

_GOES_ON = {
    AttemptState.SENT: (AttemptState.PLANNED,),
    AttemptState.RINGING: (AttemptState.SENT,),
    AttemptState.BRIDGED: (AttemptState.SENT, AttemptState.RINGING),
    AttemptState.UNKNOWN: (AttemptState.SENT, AttemptState.RINGING, AttemptState.BRIDGED),
}
_NOT_A_CALL = (AttemptOutcome.AGENT_FAILED, AttemptOutcome.NOT_PLACED)
_RANG = func.coalesce(t.attempt.c.outcome, "").not_in(_NOT_A_CALL)  # or may yet ring
PLANNING = 0x5E1F_0003  # beside the locks of `postgres`


class Attempts(TicketRows):
    """The part of the store that dials."""

    async def begin_attempt(self, reference: str, agent: str, token: int, at: dt.datetime) -> Attempt | Refused:
        def work(connection: Connection) -> Attempt | Refused:
            row = self.locked_by_reference(connection, reference)
            if not holds(row, agent, token) or row.lease_until <= at or row.state == TicketState.TALKING:
                return Refused("not_yours")
            if callable_from(at, self._hours) != at:
                return Refused("hours")
            if (live := live_attempt(connection, row.id)) is not None:
                planned = live.state == AttemptState.PLANNED and live.claim_token == token
                return as_attempt(live) if planned else Refused("unsettled")
            if refused := _too_many(connection, row, at):
                return refused
            if self._paused_until(connection, at, plans=True) is not None:
                return Refused("paused")
            attempt = self._plan(connection, row, agent, at)
            self._failpoint("attempt_uncommitted")
            return attempt

        attempt = await self._database.write(work)
        self._failpoint("attempt_committed")
        return attempt

    async def attempt_went_on(self, channel_id: str, state: AttemptState, at: dt.datetime) -> bool:
        def work(connection: Connection) -> bool:
            found = self._locked_attempt(connection, channel_id)
            if found is None or found[1].state not in _GOES_ON.get(state, ()):
                return False
            row, attempt = found
            _write(connection, attempt, state=state)
            if state is AttemptState.BRIDGED and row.state == TicketState.DIALING and row.claim_token == attempt.claim_token:
                self.change(connection, row.id, state=TicketState.TALKING)
            self.note(connection, row.id, at, attempt.agent, f"attempt_{state}", {"attempt": attempt.no})
            return True

        return await self._database.write(work)

    async def live_attempts(self) -> tuple[LiveAttempt, ...]:
        columns = t.ticket.c.reference, t.ticket.c.topic, t.ticket.c.language, t.ticket.c.caller_enc, t.ticket.c.dialled
        now = t.ticket.c.claim_token.label("token_of_now"), t.ticket.c.state.label("ticket_state")
        query = select(t.attempt, *columns, *now).join(t.ticket, t.ticket.c.id == t.attempt.c.ticket_id).where(t.LIVE)
        in_order = query.order_by(t.attempt.c.begun_at, t.attempt.c.ticket_id)
        return await self._database.read(lambda connection: tuple(map(self._as_live, connection.execute(in_order))))

    async def attempt_ended(
        self,
        channel_id: str,
        outcome: AttemptOutcome,
        at: dt.datetime,
        *,
        cause: str = "",
        bridged: dt.timedelta = dt.timedelta(0),
        still: AttemptState | None = None,
    ) -> bool:
        told = outcome
        if outcome in (AttemptOutcome.ANSWERED, AttemptOutcome.DROPPED):
            told = AttemptOutcome.ANSWERED if bridged >= SHORTEST_TALK else AttemptOutcome.DROPPED

        def work(connection: Connection) -> bool:
            found = self._locked_attempt(connection, channel_id)
            if found is None or found[1].state == AttemptState.ENDED or found[1].state != (still or found[1].state):
                return False
            row, attempt = found
            milliseconds = round(bridged / dt.timedelta(milliseconds=1))
            _write(connection, attempt, state=AttemptState.ENDED, outcome=told, cause=cause, ended_at=at, bridged_ms=milliseconds)
            about: dict[str, object] = {"attempt": attempt.no, "outcome": told, "cause": cause}
            self.note(connection, row.id, at, attempt.agent, "attempt_ended", about)
            if cause == AGENT_LOST:
                self._cut_off(connection, row, attempt, at)
            else:
                self._after(connection, row, attempt, told, at)
            self._failpoint("outcome_uncommitted")
            return True

        done = await self._database.write(work)
        self._failpoint("outcome_committed")
        return done

    async def calls_paused_until(self, at: dt.datetime) -> dt.datetime | None:
        return await self._database.read(lambda connection: self._paused_until(connection, at))

    def _paused_until(self, connection: Connection, at: dt.datetime, *, plans: bool = False) -> dt.datetime | None:
        """Whoever `plans` a call counts alone, so that many agents together do not plan more than there may be."""
        if not self._most_an_hour:
            return None
        if plans:
            take_turns(connection, PLANNING)
        within_the_hour = t.attempt.c.begun_at > at - HOUR, _of_today(at - HOUR, at), _RANG
        dialled = connection.scalars(select(t.attempt.c.begun_at).where(*within_the_hour)).all()
        if len(dialled) < self._most_an_hour:
            return None
        resumed = select(func.max(desk_fact.c.at)).where(desk_fact.c.action == Action.CALLS_RESUMED, desk_fact.c.at.between(at - HOUR, at))
        return paused_until(dialled, self._most_an_hour, at, connection.scalar(resumed))

    def _as_live(self, row: Row[Any]) -> LiveAttempt:
        return LiveAttempt(
            as_attempt(row),
            row.reference,
            row.claim_token,
            row.topic,
            row.language,
            self._key.decrypt(row.caller_enc),
            row.dialled,
            held=row.ticket_state in HELD and row.claim_token == row.token_of_now,
        )

    def _plan(self, connection: Connection, row: Row[Any], agent: str, at: dt.datetime) -> Attempt:
        number = row.attempts + 1
        values = {
            "ticket_id": row.id,
            "no": number,
            "channel_id": f"cb-{row.id}-{number}",
            "claim_token": row.claim_token,
            "agent": agent,
            "state": AttemptState.PLANNED,
            "begun_at": at,
            "day": at.astimezone(LINE_ZONE).date().isoformat(),
            "part": part_of_day(at),
        }
        connection.execute(t.attempt.insert().values(values))
        self.change(connection, row.id, state=TicketState.DIALING, attempts=number)
        self.note(connection, row.id, at, agent, "attempt_planned", {"attempt": number})
        mine = select(t.attempt).where(t.attempt.c.ticket_id == row.id, t.attempt.c.no == number)
        return as_attempt(connection.execute(mine).one())

    def _after(self, connection: Connection, row: Row[Any], attempt: Row[Any], outcome: AttemptOutcome, at: dt.datetime) -> None:
        """What becomes of the ticket. One that is no longer held under the attempt's claim is only kept from being called too soon."""
        held = row.state in HELD and row.claim_token == attempt.claim_token
        if held and outcome is AttemptOutcome.ANSWERED:
            self.change(connection, row.id, state=TicketState.TALKING)
        elif held and outcome in _NOT_A_CALL:
            if row.state == TicketState.DIALING:
                self.change(connection, row.id, state=TicketState.CLAIMED)
            else:
                self.give_back(connection, row, at, ENGINE, "released")
        elif outcome is not AttemptOutcome.ANSWERED and outcome not in _NOT_A_CALL:
            again = self._not_before(connection, row, at, retry_at(at, _unreached(connection, row.id), self._hours))
            if held:
                free = {"assignee": None, "lease_until": None, "claim_key": None}
                self.change(connection, row.id, state=TicketState.RETRY_WAIT, not_before=again, **free)
                self.note(connection, row.id, at, ENGINE, "retry_planned", {"at": again.astimezone(dt.UTC).isoformat()})
            elif is_waiting(row):
                self.change(connection, row.id, not_before=max(again, row.not_before))

    def _cut_off(self, connection: Connection, row: Row[Any], attempt: Row[Any], at: dt.datetime) -> None:
        """The caller has been told that we call again soon: the ticket waits at the front, for whoever is there."""
        again = self._not_before(connection, row, at, at)
        if row.state in HELD and row.claim_token == attempt.claim_token:
            self.change(connection, row.id, not_before=again)
            self.give_back(connection, row, at, ENGINE, "released", up=CUT_OFF)
        elif is_waiting(row):
            self.change(connection, row.id, not_before=again, priority=max(row.priority + CUT_OFF, 0))

    def _not_before(self, connection: Connection, row: Row[Any], at: dt.datetime, again: dt.datetime) -> dt.datetime:
        """When to call again: not on a day on which there were enough calls, or the ticket would be next and could not be called."""
        return again if _too_many(connection, row, at) is None else max(again, tomorrow(at, self._hours))

    def _locked_attempt(self, connection: Connection, channel_id: str) -> tuple[Row[Any], Row[Any]] | None:
        """The ticket and the attempt, locked in the order in which everybody locks them."""
        ticket_id = connection.scalar(select(t.attempt.c.ticket_id).where(t.attempt.c.channel_id == channel_id))
        if ticket_id is None:
            return None
        row = self.locked(connection, ticket_id)
        mine = select(t.attempt).where(t.attempt.c.channel_id == channel_id).with_for_update()
        return row, connection.execute(mine).one()


def _write(connection: Connection, attempt: Row[Any], **values: object) -> None:
    mine = update(t.attempt).where(t.attempt.c.ticket_id == attempt.ticket_id, t.attempt.c.no == attempt.no)
    connection.execute(mine.values(values))


def _unreached(connection: Connection, ticket_id: int) -> list[AttemptOutcome]:
    """How the attempts ended that reached nobody, the last one last."""
    reached_nobody = t.attempt.c.ticket_id == ticket_id, t.attempt.c.outcome.in_((*UNREACHED, AttemptOutcome.DROPPED))
    query = select(t.attempt.c.outcome).where(*reached_nobody).order_by(t.attempt.c.no)
    return [AttemptOutcome(outcome) for outcome in connection.scalars(query)]


def _too_many(connection: Connection, row: Row[Any], at: dt.datetime) -> Refused | None:
    """Nobody is rung up all day long."""
    today = _of_today(at)
    of_ticket = select(func.count()).where(t.attempt.c.ticket_id == row.id, today, _RANG)
    if (connection.scalar(of_ticket) or 0) >= ATTEMPTS_A_DAY:
        return Refused("ticket_limit")
    theirs = select(t.ticket.c.id).where(t.ticket.c.caller_hmac == row.caller_hmac)
    of_number = select(func.count()).where(t.attempt.c.ticket_id.in_(theirs), today, _RANG)
    return Refused("number_limit") if (connection.scalar(of_number) or 0) >= CALLS_A_DAY else None


def _of_today(*moments: dt.datetime) -> ColumnElement[bool]:
    """The attempts of the days of these moments, which an index finds."""
    return t.attempt.c.day.in_(sorted({one.astimezone(LINE_ZONE).date().isoformat() for one in moments}))
