"""Tables for a spreadsheet: they open in Chinese, tell moments as people read them, and show what people have written as it is."""

from __future__ import annotations

import asyncio
import csv
import io

import pytest

from ivr.desk.people import Action
from ivr.desk.sheets import harmless
from tests.adapters.console.desk import NOON, Browser, Desk
from tests.adapters.console.test_api import message

DAYS = "?from=2026-03-01&to=2026-03-31"
FORMULA = '=HYPERLINK("http://evil.example","details")'


@pytest.fixture
def supervisor(there: Desk) -> Browser:
    browser = there.browser()
    browser.sign_in("supervisor")
    return browser


def rows(content: bytes) -> list[list[str]]:
    """The cells, as a program reads them that goes by the standard."""
    text = content.decode("utf-8-sig")
    assert content.startswith(b"\xef\xbb\xbf")  # by which Excel knows that it is UTF-8
    assert "\n" not in text.replace("\r\n", "")
    return list(csv.reader(io.StringIO(text, newline="")))


def test_tickets_are_taken_away_as_a_table_and_that_is_written_down(there: Desk, supervisor: Browser):
    reference = message(there, topic=FORMULA)
    ticket = asyncio.run(there.tickets.claim(reference, "ann", NOON))
    assert ticket is not None
    asyncio.run(there.tickets.resolve(reference, "ann", ticket.claim_token, '@SUM(1+1)*cmd|" /C calc"!A0, 已解释', NOON))

    answer = supervisor.client.get(f"/sheets/tickets.csv{DAYS}")
    headings, line = rows(answer.content)
    told = dict(zip((heading.split(" ", 1)[1] for heading in headings), line, strict=True))

    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="tickets-2026-03-01-2026-03-31.csv"'
    assert headings[:4] == ["受理编号 reference", "状态 state", "类别 topic", "来电号码 caller"]
    assert told["reference"] == reference
    assert told["state"] == "已办结"
    assert told["caller"] == "139****1008"
    assert told["topic"] == f"'{FORMULA}"
    assert (told["first call"], told["closed"]) == ("2026-03-05 20:00", "2026-03-05 20:00")
    assert told["note"] == '\'@SUM(1+1)*cmd|" /C calc"!A0, 已解释'
    fact = asyncio.run(there.store.facts())[0]
    assert (fact.actor, fact.action, fact.subject) == ("supervisor", Action.EXPORTED, "tickets of 2026-03-01 to 2026-03-31")


def test_a_table_has_more_lines_than_a_page(there: Desk, supervisor: Browser):
    references = {message(there, f"s{number}", caller=f"1390000{number:04}") for number in range(203)}

    lines = rows(supervisor.client.get(f"/sheets/tickets.csv{DAYS}").content)

    assert {line[0] for line in lines[1:]} == references
    assert len(lines) == 204


def test_the_statement_is_taken_away_from_its_page(there: Desk, supervisor: Browser):
    reference = message(there)

    _, page = supervisor.open(f"/statement{DAYS}")
    headings, line = rows(supervisor.client.get(f"/sheets/statement.csv{DAYS}").content)

    assert 'href="/sheets/statement.csv?from=2026-03-01&amp;to=2026-03-31"' in page
    assert headings[0] == "受理编号 reference"
    assert line[:3] == [reference, "待回电", "billing"]


@pytest.mark.parametrize("asked", ["?from=2026-03-31&to=2026-03-01", "?from=yesterday", "?from=0001-01-01&to=0001-01-02"])
def test_days_that_are_none_give_no_table(supervisor: Browser, asked: str):
    status, text = supervisor.open(f"/sheets/tickets.csv{asked}")

    assert status == 400
    assert "alert" in text


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@x", "\t=1", "\r=1", "  =1", "\u3000=1", "\n=1", "＝1+1", "-2+3+cmd|' /C calc'!A0"])
def test_no_cell_begins_like_a_formula(cell: str):
    assert harmless(cell) == f"'{cell}"


@pytest.mark.parametrize(
    "cell", ["02081234567", "13900001008", "1e5", "3-4", "3/4", "12:30", "3月5日", "Mar 5", "5 PM", "50%", "1,000", "(5)", "TRUE", "１／２"]
)
def test_no_text_is_taken_for_a_number_or_a_moment(cell: str):
    """LibreOffice 7.4 makes of these: 2081234567, 1.00E+05, the 3rd of April, half past twelve, -5, and so on; of some in English only."""
    assert harmless(cell) == f"'{cell}"


@pytest.mark.parametrize(
    "cell", ["", "482913", "48291375", "1008611", "139****1008", "已解释", "3月5日已解释", "a=b", "ann", "Maybe", "5d"]
)
def test_other_cells_stay_as_they_are(cell: str):
    assert harmless(cell) == cell


def test_moments_and_counts_are_read_as_such(there: Desk, supervisor: Browser):
    message(there)

    headings, line = rows(supervisor.client.get(f"/sheets/tickets.csv{DAYS}").content)
    told = dict(zip((heading.split(" ", 1)[1] for heading in headings), line, strict=True))

    assert (told["first call"], told["messages"], told["escalated"], told["agent"]) == ("2026-03-05 20:00", "1", "否", "")
