"""Calling back is paused: agents are told, supervisors see until when, and let it go on."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.console.texts import TEXTS
from tests.adapters.console.desk import NOON, Browser, Desk, between, desk, focusable, people
from tests.contracts.stories import facts, intent

UNTIL = "03-05 21:00"  # in Shanghai


@pytest.fixture
def there(tmp_path: Path) -> Iterator[Desk]:
    """A desk from which one caller an hour is called back, and one has just been."""
    with desk(tmp_path, most_an_hour=1) as office:
        asyncio.run(people(office.gate))
        reference = leave(office, "a", "13900001008")
        asyncio.run(office.tickets.claim(reference, "supervisor", NOON))
        asyncio.run(office.tickets.begin_attempt(reference, "supervisor", 1, NOON))
        yield office


def leave(there: Desk, session: str, caller: str) -> str:
    """A caller leaves a message; the reference."""
    of = intent(session, caller=caller)
    return asyncio.run(there.tickets.capture(of, facts(of), NOON))


def signed_in(there: Desk, name: str) -> Browser:
    browser = there.browser()
    assert browser.sign_in(name) == 303
    return browser


def test_an_agent_is_told_that_calling_back_is_paused_and_that_a_supervisor_may_resume_it(there: Desk):
    browser = signed_in(there, "agent")
    reference = leave(there, "b", "13900001009")
    asyncio.run(there.tickets.claim(reference, "agent", there.clock.now))
    browser.open(f"/tickets/{reference}")

    answer = browser.client.post(f"/tickets/{reference}/call", data={"csrf": browser.token, "tried": "0"})

    assert answer.headers["location"] == f"/tickets/{reference}?told=refused_paused"
    page = browser.open(answer.headers["location"])[1]
    assert "一小时内回拨过多，已暂停：请稍后再拨，或请班长恢复。" in page
    assert TEXTS["calls_paused"][0] in browser.open("/desk")[1]


def test_a_supervisor_lets_it_go_on_and_that_is_written_down(there: Desk):
    browser = signed_in(there, "supervisor")
    assert TEXTS["calls_paused"][0] in browser.open("/board")[1]
    assert UNTIL in browser.open("/board")[1]

    answer = browser.client.post("/board/calls", data={"csrf": browser.token})

    assert (answer.status_code, answer.headers["location"]) == (303, "/board")
    there.clock.now += dt.timedelta(seconds=2)
    assert TEXTS["calls_paused"][0] not in browser.open("/board")[1]
    assert asyncio.run(there.tickets.calls_paused_until(there.clock.now)) is None
    last = asyncio.run(there.store.facts())[0]
    assert (last.actor, last.action.value) == ("supervisor", "calls_resumed")


def test_a_page_of_before_resumes_nothing(there: Desk):
    browser = signed_in(there, "supervisor")
    browser.open("/board")

    for _ in range(2):
        assert browser.client.post("/board/calls", data={"csrf": browser.token}).status_code == 303

    assert [fact.action.value for fact in asyncio.run(there.store.facts())].count("calls_resumed") == 1


def test_what_can_have_the_focus_on_the_board_has_a_name_by_which_it_gets_it_back_when_the_board_looks_again(there: Desk):
    page = signed_in(there, "supervisor").open("/board")[1]

    found = focusable(between(page, 'id="board"', 'action="/board/tickets"'))

    assert 'id="resume-calls"' in " ".join(found)
    assert [one for one in found if ' id="' not in one] == []


def test_an_operator_sees_no_button_that_does_nothing_for_them(there: Desk):
    assert TEXTS["resume_calls"][0] not in signed_in(there, "operator").open("/board")[1]
