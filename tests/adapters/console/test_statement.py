"""The promise statement as a page: the same figures as the command line's, and they sum up."""

from __future__ import annotations

import asyncio
import datetime as dt
import html as entities
import json
import random
import re

from ivr.calls.ports import TicketState
from ivr.calls.times import LINE_ZONE
from tests.adapters.console.desk import NOON, Desk
from tests.adapters.console.test_board import close, leave, rows, supervisor
from tests.contracts.stories import facts, intent
from tests.test_cli import ivr

STANDINGS = ("kept", "open", "overdue", "missing", "promised")


def sums(html: str) -> dict[str, tuple[int, str]]:
    """Count and share of each row of the statement."""
    found = {}
    for standing in STANDINGS:
        cells = re.search(rf'id="sum-{standing}".*?<td>(\d+)</td><td>([^<]*)</td>', html, re.S)
        assert cells is not None
        found[standing] = int(cells[1]), cells[2]
    return found


async def random_tickets(there: Desk, count: int, now: dt.datetime) -> None:
    """So many tickets of the last days, in every state that they can come to without a call."""
    chance = random.Random(10086)
    for number in range(count):
        at = now - dt.timedelta(minutes=chance.randrange(5 * 24 * 60))
        of = intent(f"s{number}", caller=f"139{number:08}", at=at, topic=chance.choice(["billing", "roaming", "<i>广告</i>"]))
        await there.tickets.begin(of)
        if chance.random() < 0.1:
            await there.tickets.abandon(of, "too_short", at)
            continue
        reference = await there.tickets.capture(of, facts(of), at)
        if chance.random() < 0.7:
            ticket = await there.tickets.claim(reference, "li", at)
            assert ticket is not None
            if chance.random() < 0.8:
                closed = at + dt.timedelta(minutes=chance.randrange(24 * 60))
                assert await there.tickets.resolve(reference, "li", ticket.claim_token, "told", closed)


def test_300_random_tickets_give_the_figures_of_the_command_line_and_they_sum_up(there: Desk):
    there.clock.now = dt.datetime.now(LINE_ZONE)  # which is the command line's clock as well
    asyncio.run(random_tickets(there, 300, there.clock.now))
    first, last = (there.clock.now.date() - dt.timedelta(days=days) for days in (3, 0))
    browser = supervisor(there)
    asked = f"/statement?from={first}&to={last}"

    before = sums(browser.open(asked)[1])
    told = ivr("tickets", "statement", "--from", str(first), "--to", str(last), "--format", "json", IVR_VAR=str(there.settings.var))
    there.clock.now = dt.datetime.now(LINE_ZONE)
    _, html = browser.open(asked)
    after = sums(html)

    assert told.returncode == 0, told.stderr
    line = json.loads(told.stdout)
    counted = {name: len(line[name]) if name == "missing" else line[name] for name in STANDINGS}
    assert counted in ({name: count for name, (count, _) in found.items()} for found in (before, after))  # one may fall due in between
    assert 100 < after["promised"][0] < 300
    assert sum(after[name][0] for name in STANDINGS[:-1]) == after["promised"][0]
    assert after["promised"][1] == "100.0 %"
    for table in ("by-line", "by-topic", "by-day"):
        figures = [list(map(int, re.findall(r" (\d+)", row)[-5:])) for row in rows(html, table)]
        totals = [sum(column) for column in zip(*figures, strict=True)][:4]
        assert totals == [after[name][0] for name in ("promised", "kept", "open", "overdue")]
    assert "<i>广告</i>" not in html
    assert "<i>广告</i>" in entities.unescape(html)


def test_the_board_says_of_today_what_the_statement_says(there: Desk):
    asyncio.run(random_tickets(there, 60, NOON))
    browser = supervisor(there)

    today = sums(browser.open("/statement?from=2026-03-05&to=2026-03-05")[1])
    board = asyncio.run(there.console.board.desk.board())

    assert board.tickets.today.promised == today["promised"][0] > 5
    assert (board.tickets.today.kept, board.tickets.today.open, board.tickets.today.overdue) == tuple(
        today[name][0] for name in ("kept", "open", "overdue")
    )
    unanswered = asyncio.run(there.tickets.tickets())
    assert board.tickets.states == {state: count for state in TicketState if (count := sum(ticket.state is state for ticket in unanswered))}


def test_late_ones_are_named_and_the_quick_days_lead_there(there: Desk):
    late = leave(there, "a", at=NOON - dt.timedelta(days=1, hours=8))
    kept = leave(there, "b", "13900002001")
    close(there, kept)
    browser = supervisor(there)

    _, html = browser.open("/statement?from=2026-03-01&to=2026-03-05")
    _, today = browser.open("/statement?from=2026-03-05&to=2026-03-05")

    assert [row.split()[0] for row in rows(html, "late")] == [late]
    assert sums(today)["kept"] == (1, "100.0 %")
    assert late not in today
    assert '<a href="/statement?from=2026-03-05&amp;to=2026-03-05" aria-current="true">今天' in today
    assert 'href="/statement?from=2026-03-04&amp;to=2026-03-04">昨天' in today
    assert 'href="/statement?from=2026-03-01&amp;to=2026-03-05">本月' in today


def test_days_that_are_none_are_refused_in_a_sentence(there: Desk):
    browser = supervisor(there)

    for asked in ("from=2026-13-01", "from=2026-03-05&to=2026-03-01", "from=1926-03-05&to=2026-03-05", "to=tomorrow"):
        status, html = browser.open(f"/statement?{asked}")

        assert status == 400
        assert "日期无效" in html


def test_a_promise_without_a_ticket_is_named(there: Desk):
    (there.settings.var / "journal").mkdir()
    entry = {"session": "a0000000-0000-4000-8000-000000000001", "at": NOON.isoformat(), "notes": [{"type": "TicketPromised"}]}
    (there.settings.var / "journal" / "2026-03-05.jsonl").write_text(json.dumps(entry) + "\n", encoding="utf-8")

    _, html = supervisor(there).open("/statement?from=2026-03-05&to=2026-03-05")

    assert sums(html)["missing"] == (1, "100.0 %")
    assert "call a0000000 of 2026-03-05 20:00" in html
