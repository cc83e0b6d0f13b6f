"""Two lines that would call each other back for ever: each has a ticket for the other's number, and a trunk that leads there."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from adapters.telephony.sip_agent import SipAgent
from ivr.bootstrap.line import Line
from ivr.calls.ports import Attempt, AttemptOutcome, Refused, TicketState
from ivr.config import Settings
from tests.adapters.telephony.asterisk_line import asterisk_program, settings_for
from tests.asterisk.calling_back import ALL_DAY, Office, lay_trunk
from tests.conftest import HOME

pytestmark = [pytest.mark.asterisk]

ONE, OTHER = "037155510086", "037155510087"
TAKES_MESSAGES = """\
selfline: 1
line: "{0}"
languages: [zh-CN, en-US]
start: leave
on_failure: bye
nodes:
  leave:
    message: leave_message
    topic: callback
    kept: message_kept
    saved: message_saved
    too_short: message_too_short
    not_kept: message_not_kept
    then: bye
  bye: {{hangup: goodbye}}
"""


def settings_of(folder: Path, number: str) -> Settings:
    """A line of that number, which takes a message from whoever calls, and calls back at any hour."""
    home = folder / "home"
    (home / "flows").mkdir(parents=True)
    for name in ("adapters", "asterisk_conf", "ivr", "prompts"):
        (home / name).symlink_to(HOME / name)
    (home / "flows" / f"{number}.yaml").write_text(TAKES_MESSAGES.format(number), encoding="utf-8")
    plain = dataclasses.replace(settings_for(folder / "var"), home=home, flow=number, own_numbers=(number,))
    return dataclasses.replace(plain, seats=1, trunk="mobile", calling_hours=ALL_DAY)


@contextlib.asynccontextmanager
async def two_lines(folder: Path) -> AsyncIterator[tuple[Office, Office]]:
    """Each with an Asterisk, an engine and a trunk to the other."""
    one, other = settings_of(folder / "one", ONE), settings_of(folder / "other", OTHER)
    lay_trunk(one, other.sip_port)
    lay_trunk(other, one.sip_port)
    async with Line(one, asterisk=asterisk_program()) as first, Line(other, asterisk=asterisk_program()) as second:
        yield Office(first), Office(second)


async def calls_back(there: Office, reference: str) -> Refused:
    """An agent who calls back as often as the line lets them, never mind when it is to be tried again; why they had to stop."""
    async with there.agent("li") as telephone:
        while True:
            await there.desk("claim", reference, "li")
            begun = await there.desk("call", reference, "li")
            if isinstance(begun, Refused):
                return begun
            assert isinstance(begun, Attempt)
            await asks_for_it(telephone)
            await there.ended(reference)


async def asks_for_it(telephone: SipAgent) -> None:
    person = await telephone.answer()
    await person.wait_voice()
    await person.send_keys("1")
    await person.wait_ended()


def test_two_lines_that_call_each_other_back_do_so_three_times_at_most_and_then_stop(tmp_path: Path):
    """No call is answered by a line, so none leads to another ticket; three calls a day of each ticket are the end of it."""

    async def story() -> None:
        async with two_lines(tmp_path) as (one, other):
            tickets = ((one, await one.ticket("li", OTHER)), (other, await other.ticket("li", ONE)))

            stopped = await asyncio.gather(*(calls_back(there, reference) for there, reference in tickets))

            assert stopped == [Refused("ticket_limit"), Refused("ticket_limit")]
            for there, reference in tickets:
                ticket = await there.show(reference)
                assert [attempt.outcome for attempt in ticket.attempts] == 3 * [AttemptOutcome.REJECTED]
                assert (len(ticket.calls), ticket.messages) == (1, ()), "the other line has left nothing here"
                assert ticket.line.state is TicketState.CLAIMED, "and somebody has to see to it"
                assert [line.reference for line in await there.desk("list")] == [reference]  # type: ignore[attr-defined]

    asyncio.run(story())
