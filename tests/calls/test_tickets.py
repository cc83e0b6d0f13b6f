"""The agents' desk, the due time, the mask."""

from __future__ import annotations

import asyncio
import datetime as dt
import re

import pytest

from adapters.memory import FixedClock, MemoryTicketStore
from ivr.calls.ports import AttemptOutcome, TicketState
from ivr.calls.tickets import (
    Claimed,
    Closed,
    Ended,
    NewMessage,
    NoteMissing,
    NotYours,
    Returned,
    TakenByAnother,
    TicketDesk,
    mask,
    new_reference,
)
from ivr.calls.times import callable_from, due_at, part_of_day, retry_at
from ivr.core.schedule import Schedule, Span
from ivr.errors import UnknownTicket
from tests.contracts.stories import CALLER, MINUTE, NOON, SHANGHAI, facts, intent


def at(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(f"2026-03-{text}+08:00")


@pytest.mark.parametrize(
    ("created", "due"),
    [
        ("05T08:00", "05T10:00"),
        ("05T12:00", "05T14:00"),
        ("05T19:00", "05T21:00"),
        ("05T19:01", "06T10:00"),
        ("05T23:30", "06T10:00"),
        ("06T00:00", "06T10:00"),
        ("06T07:59", "06T10:00"),
        ("31T22:00", "32T10:00"),
    ],
)
def test_a_call_back_is_due_in_two_hours_or_at_ten_in_the_morning(created: str, due: str):
    expected = at(due) if due != "32T10:00" else dt.datetime(2026, 4, 1, 10, tzinfo=SHANGHAI)

    assert due_at(at(created)) == expected
    assert due_at(at(created).astimezone(dt.UTC)) == expected


OFFICE = Schedule({day: (Span(dt.time(9), dt.time(12)), Span(dt.time(14), dt.time(18))) for day in range(5)})
NEVER = Schedule({})
NIGHT = Schedule({day: (Span(dt.time(20), dt.time(23)),) for day in range(7)})


@pytest.mark.parametrize(
    ("created", "hours", "due"),
    [
        ("05T09:30", OFFICE, "05T11:30"),
        ("05T11:00", OFFICE, "05T15:00"),  # over noon
        ("05T13:00", OFFICE, "05T16:00"),
        ("05T17:00", OFFICE, "06T10:00"),
        ("06T17:30", OFFICE, "09T10:30"),  # over the weekend
        ("07T12:00", OFFICE, "09T11:00"),
        ("05T12:00", NEVER, "05T14:00"),  # hours that never come are none
        ("05T20:00", NIGHT, "06T10:00"),  # open at an hour at which nobody is rung up
    ],
)
def test_on_a_line_with_opening_hours_only_those_count(created: str, hours: Schedule, due: str):
    assert due_at(at(created), hours) == at(due)


@pytest.mark.parametrize(
    ("moment", "first"), [("05T12:00", "05T12:00"), ("05T20:59", "05T20:59"), ("05T21:00", "06T08:00"), ("06T03:00", "06T08:00")]
)
def test_people_are_rung_up_from_eight_to_nine(moment: str, first: str):
    assert callable_from(at(moment)) == at(first)


@pytest.mark.parametrize(
    ("moment", "first"), [("05T09:29", "05T09:30"), ("05T09:30", "05T09:30"), ("05T23:59", "05T23:59"), ("05T00:00", "05T09:30")]
)
def test_a_site_rings_people_up_at_hours_of_its_own(moment: str, first: str):
    assert callable_from(at(moment), (dt.time(9, 30), dt.time.max)) == at(first)


@pytest.mark.parametrize(("moment", "part"), [("05T08:00", "morning"), ("05T12:00", "afternoon"), ("05T18:00", "evening")])
def test_a_day_has_three_parts(moment: str, part: str):
    assert part_of_day(at(moment).astimezone(dt.UTC)) == part


BUSY, SILENT = AttemptOutcome.BUSY, AttemptOutcome.NO_ANSWER


@pytest.mark.parametrize(
    ("moment", "outcomes", "again"),
    [
        ("05T10:00", [SILENT], "05T10:15"),
        ("05T10:00", [BUSY], "05T10:05"),
        ("05T10:00", [BUSY, BUSY], "05T12:00"),
        ("05T10:00", [SILENT, SILENT, SILENT], "05T12:00"),
        ("05T13:00", [SILENT, SILENT, SILENT], "05T18:00"),
        ("05T19:00", [SILENT, SILENT, SILENT], "06T10:00"),
        ("05T20:50", [SILENT], "06T08:00"),
        ("05T10:00", [], "05T10:15"),
    ],
)
def test_who_was_not_reached_is_tried_again_soon_then_later_then_in_another_part_of_the_day(
    moment: str, outcomes: list[AttemptOutcome], again: str
):
    assert retry_at(at(moment), outcomes) == at(again)


@pytest.mark.parametrize(
    ("number", "masked"), [("13900001008", "139****1008"), ("037112345678", "037****5678"), ("10086", "*****"), ("", "")]
)
def test_a_number_is_listed_masked(number: str, masked: str):
    assert mask(number) == masked


def test_references_are_six_digits_until_they_are_crowded():
    assert all(re.fullmatch("[1-9][0-9]{5}", new_reference()) for _ in range(1000))
    assert re.fullmatch("[1-9][0-9]{7}", new_reference(tries=30))


class Desk:
    """A desk at noon with one ticket."""

    def __init__(self) -> None:
        self.clock = FixedClock(NOON)
        self.store = MemoryTicketStore()
        self.desk = TicketDesk(self.store, self.clock)
        self.reference = self.message("a")

    def message(self, session: str) -> str:
        return asyncio.run(self.store.capture(intent(session), facts(intent(session)), self.clock.now))


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_the_list_shows_what_is_due_with_masked_callers(desk: Desk):
    [line] = asyncio.run(desk.desk.list())

    assert (line.reference, line.state, line.caller) == (desk.reference, TicketState.OPEN, "139****1008")
    assert (line.messages, line.seconds, line.overdue) == (1, 4.0, False)
    assert (line.created_at.tzinfo, line.due_at) == (line.due_at.tzinfo, NOON + dt.timedelta(hours=2))
    desk.clock.move(dt.timedelta(hours=2, seconds=1))
    assert [line.overdue for line in asyncio.run(desk.desk.list())] == [True]


def test_the_whole_number_is_for_the_agent_who_has_claimed(desk: Desk):
    assert asyncio.run(desk.desk.show(desk.reference, "li")).caller == "139****1008"

    claimed = asyncio.run(desk.desk.claim(desk.reference, "li"))

    assert isinstance(claimed, Claimed)
    assert claimed.ticket.caller == CALLER
    assert asyncio.run(desk.desk.show(desk.reference, "li")).caller == CALLER
    assert asyncio.run(desk.desk.show(desk.reference, "wang")).caller == "139****1008"
    assert asyncio.run(desk.desk.show(desk.reference)).caller == "139****1008"
    assert CALLER not in repr(claimed)


def test_another_agents_ticket_can_be_neither_claimed_nor_released_nor_closed(desk: Desk):
    asyncio.run(desk.desk.claim(desk.reference, "li"))

    assert asyncio.run(desk.desk.claim(desk.reference, "wang")) == TakenByAnother(desk.reference, "li")
    assert asyncio.run(desk.desk.release(desk.reference, "wang")) == NotYours(desk.reference, "li")
    assert asyncio.run(desk.desk.close(desk.reference, "wang", "done")) == NotYours(desk.reference, "li")


def test_a_ticket_nobody_has_claimed_cannot_be_closed(desk: Desk):
    assert asyncio.run(desk.desk.close(desk.reference, "li", "done")) == NotYours(desk.reference, None)


def test_a_released_ticket_is_open_for_another(desk: Desk):
    asyncio.run(desk.desk.claim(desk.reference, "li"))

    assert asyncio.run(desk.desk.release(desk.reference, "li")) == Returned(desk.reference)
    assert isinstance(asyncio.run(desk.desk.claim(desk.reference, "wang")), Claimed)


def test_a_ticket_is_closed_with_a_note(desk: Desk):
    asyncio.run(desk.desk.claim(desk.reference, "li"))

    assert asyncio.run(desk.desk.close(desk.reference, "li", " \n")) == NoteMissing(desk.reference)
    assert asyncio.run(desk.desk.close(desk.reference, "li", " called back ")) == Closed(desk.reference)

    details = asyncio.run(desk.desk.show(desk.reference, "li"))
    assert (details.line.state, details.note, details.resolved_at) == (TicketState.RESOLVED, "called back", NOON)
    assert details.caller == "139****1008"
    assert asyncio.run(desk.desk.list()) == ()
    assert [line.reference for line in asyncio.run(desk.desk.list(include_ended=True))] == [desk.reference]
    assert asyncio.run(desk.desk.claim(desk.reference, "li")) == Ended(desk.reference, TicketState.RESOLVED)


def test_a_message_that_came_after_the_claim_must_be_heard_before_closing(desk: Desk):
    asyncio.run(desk.desk.claim(desk.reference, "li"))
    assert desk.message("b") == desk.reference

    assert asyncio.run(desk.desk.close(desk.reference, "li", "done")) == NewMessage(desk.reference)
    asyncio.run(desk.desk.claim(desk.reference, "li"))
    assert asyncio.run(desk.desk.close(desk.reference, "li", "done")) == Closed(desk.reference)


def test_a_lease_that_ran_out_and_went_to_another_cannot_be_closed_by_the_first(desk: Desk):
    asyncio.run(desk.desk.claim(desk.reference, "li"))
    desk.clock.move(31 * MINUTE)
    asyncio.run(desk.desk.claim(desk.reference, "wang"))

    assert asyncio.run(desk.desk.close(desk.reference, "li", "done")) == NotYours(desk.reference, "wang")


def test_an_unknown_reference_is_said_to_be_unknown(desk: Desk):
    with pytest.raises(UnknownTicket, match="there is no ticket '999999'"):
        asyncio.run(desk.desk.show("999999"))
