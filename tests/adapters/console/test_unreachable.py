"""A supervisor closes the ticket of a caller whom nobody can reach: with proof, or not at all."""

from __future__ import annotations

import asyncio

from adapters.storage.outbox import SqlTextOutbox
from ivr.calls.ports import TicketState
from tests.adapters.console.desk import NOON, Desk
from tests.adapters.console.test_board import leave, shown, supervisor
from tests.contracts.stories import MINUTE, try_in_vain

MORNING = NOON - 8 * 60 * MINUTE  # 12:00 of the line


def tried(there: Desk, caller: str, hours: tuple[int, ...]) -> str:
    reference = leave(there, f"s{caller}", caller, at=MORNING)
    for later in hours:
        asyncio.run(try_in_vain(there.tickets, reference, MORNING + later * 60 * MINUTE))
    there.clock.now = MORNING + 25 * 60 * MINUTE
    return reference


def test_the_caller_is_written_to_first_and_the_ticket_is_closed_once_that_has_gone_out(there: Desk):
    reference = tried(there, "13900001008", (0, 7, 24))
    outbox = SqlTextOutbox(there.tickets.database, there.tickets.key)
    browser = supervisor(there)
    browser.open(f"/board/tickets/{reference}")
    close = f"/board/tickets/{reference}/unreachable"

    assert "请写明原因" in browser.send(close, note=" ")[1]
    status, first = browser.send(close, note="three times in vain")
    browser.send(close, note="three times in vain")
    queued = asyncio.run(outbox.texts(10))
    assert asyncio.run(outbox.take(there.clock.now)) is not None
    asyncio.run(outbox.sent(queued[0].message.key, "receipt", there.clock.now))
    _, last = browser.send(close, note="three times in vain")

    assert (status, "短信已进发件箱" in first) == (200, True)
    assert shown(first, "state").startswith("等待再拨")
    assert len(queued) == 1
    assert queued[0].message.to == "13900001008"
    assert reference in queued[0].message.text
    assert shown(last, "state").startswith("联系不上")
    ticket = asyncio.run(there.tickets.ticket(reference))
    assert ticket is not None
    assert ticket.state is TicketState.CLOSED_UNREACHABLE
    assert asyncio.run(there.tickets.history(reference))[-1].actor == "supervisor"
    assert "工单已经结束" in browser.send(close, note="again")[1]


def test_too_few_attempts_are_no_proof_and_nobody_is_written_to(there: Desk):
    reference = tried(there, "13900001008", (0, 7))
    browser = supervisor(there)
    browser.open(f"/board/tickets/{reference}")

    status, html = browser.send(f"/board/tickets/{reference}/unreachable", note="twice")

    assert (status, "凭据不足" in html) == (400, True)
    assert asyncio.run(SqlTextOutbox(there.tickets.database, there.tickets.key).texts(10)) == ()


def test_whom_no_text_can_reach_is_not_closed_like_this(there: Desk):
    reference = tried(there, "037188886666", (0, 7, 24))
    browser = supervisor(there)
    browser.open(f"/board/tickets/{reference}")

    status, html = browser.send(f"/board/tickets/{reference}/unreachable", note="a fixed line")

    assert (status, "不能收短信" in html) == (400, True)
