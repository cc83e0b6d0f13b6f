"""The board as supervisors and operators see it: on a real database, and on a journal that the engine's own code has written."""

from __future__ import annotations

import asyncio
import datetime as dt
import os
import re
from pathlib import Path

import pytest

from adapters.storage.versions import VersionStore
from ivr.bootstrap.publishing import publish_first
from ivr.bootstrap.seats import ASTERISK_ANSWERS
from ivr.calls.ports import AttemptOutcome, AttemptState, Ticket
from ivr.core.events import DigitsEntered
from ivr.desk.people import Role
from tests.adapters.console.desk import NOON, PASSWORD, Browser, Desk, desk, people
from tests.adapters.telephony.test_ami_live_calls import FakeManager
from tests.adapters.telephony.test_ami_queue import START, complete, summary
from tests.calls.random_calls import CALLER
from tests.contracts.stories import SPEECH, dial, facts, intent
from tests.past_calls import write_call

MINUTE = dt.timedelta(minutes=1)
FIRST, SECOND = "a0000000-0000-4000-8000-000000000001", "b0000000-0000-4000-8000-000000000002"


def leave(there: Desk, session: str, caller: str = "13900001008", at: dt.datetime = NOON, topic: str = "billing") -> str:
    """A caller leaves a message; the reference."""
    of = intent(session, caller=caller, at=at, topic=topic)
    kept = facts(of, folder=there.settings.recordings)
    kept.path.parent.mkdir(parents=True, exist_ok=True)
    kept.path.write_bytes(SPEECH)
    return asyncio.run(there.tickets.capture(of, kept, at))


def claim(there: Desk, reference: str, agent: str = "agent") -> Ticket:
    ticket = asyncio.run(there.tickets.claim(reference, agent, there.clock.now))
    assert ticket is not None
    return ticket


def close(there: Desk, reference: str, note: str = "he is content", agent: str = "agent") -> None:
    """Without a call: by exception."""
    ticket = claim(there, reference, agent)
    assert asyncio.run(there.tickets.resolve(reference, agent, ticket.claim_token, note, there.clock.now))


def engine_tells(there: Desk, **calls: int) -> None:
    """The engine lives, and counts so many calls on each version of 1008611, named v1, v2 ..."""
    there.settings.heartbeat.touch()
    counted = {name.removeprefix("v"): count for name, count in calls.items()}
    VersionStore(there.settings.versions).tell_live({"pid": 1, "lines": {"1008611": {"calls": counted}}})


def supervisor(there: Desk, name: str = "supervisor") -> Browser:
    browser = there.browser()
    assert browser.sign_in(name) == 303
    return browser


def shown(html: str, place: str) -> str:
    """The text of the element with that id."""
    found = re.search(rf'id="{place}"[^>]*>(.*?)</(?:dd|span|tr|div|td|tbody|table)>', html, re.S)
    assert found is not None, place
    return " ".join(re.sub(r"<[^>]+>", " ", found[1]).split())


def rows(html: str, table: str) -> list[str]:
    found = re.search(rf'<table id="{table}">.*?<tbody>(.*?)</tbody>', html, re.S)
    assert found is not None, table
    return [" ".join(re.sub(r"<[^>]+>", " ", row).split()) for row in re.findall(r"<tr.*?</tr>", found[1], re.S)]


# --- calls --------------------------------------------------------------------------------------------------------


def test_the_calls_that_are_up_are_shown_masked_with_the_node_they_are_at(there: Desk):
    publish_first(there.settings, there.clock, lambda sentence: None)
    write_call(there.settings, FIRST, "1008611@1", NOON - 2 * MINUTE, over=False)
    write_call(there.settings, SECOND, "1008611@1", NOON - MINUTE, DigitsEntered(NOON, "5"), over=False)
    engine_tells(there, v1=2)

    status, html = supervisor(there).open("/board")

    assert status == 200
    first, second = rows(html, "calls")
    assert re.fullmatch(r"\*+7777 1008611 2:00 main flows/1008611.yaml:\d+ 普通话 Mandarin 1008611@1", first)
    assert re.fullmatch(r"\*+7777 1008611 1:00 leave flows/1008611.yaml:\d+ 普通话 Mandarin 1008611@1", second)
    assert CALLER not in html


def test_a_call_that_is_over_or_that_the_engine_does_not_know_is_not_up(there: Desk):
    write_call(there.settings, FIRST, "1008611@1", NOON - 2 * MINUTE, over=False)  # its engine died
    write_call(there.settings, SECOND, "1008611@1", NOON - MINUTE)
    engine_tells(there, v1=0)
    board = supervisor(there)

    assert shown(board.open("/board")[1], "calls-count") == "0"
    write_call(there.settings, SECOND, "1008611@1", NOON, over=False)
    engine_tells(there, v1=1)
    there.clock.pass_(seconds=2)
    assert rows(board.open("/board")[1], "calls")[0].split()[2] == "0:02"


def test_everybody_who_looks_within_a_second_is_told_the_same_reading(there: Desk):
    one, other = supervisor(there), supervisor(there, "admin")
    one.open("/board")
    leave(there, "a")

    assert shown(other.open("/board")[1], "unanswered") == "0"
    there.clock.pass_(seconds=1)
    assert shown(other.open("/board")[1], "unanswered") == "1"


def test_an_operator_sees_the_line_and_not_the_tickets(there: Desk):
    reference = leave(there, "a")

    status, html = supervisor(there, "operator").open("/board")

    assert status == 200
    assert 'id="calls-title"' in html
    assert 'id="part-engine"' in html
    assert reference not in html
    assert 'id="promised"' not in html


def test_a_part_that_shows_no_sign_of_life_is_told(there: Desk):
    there.settings.heartbeat.touch()
    os.utime(there.settings.heartbeat, (NOON.timestamp() - 75, NOON.timestamp() - 75))
    there.settings.console_heartbeat.touch()
    os.utime(there.settings.console_heartbeat, (NOON.timestamp(), NOON.timestamp()))

    _, html = supervisor(there).open("/board")

    assert shown(html, "part-engine").endswith("无响应 1:15")
    assert shown(html, "part-console").endswith("正常")


# --- the queue ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ["supervisor", "operator"])
def test_who_waits_in_the_queue_is_told_apart_from_who_talks(tmp_path: Path, role: str):
    with FakeManager(START, summary(), complete(1)) as asterisk, desk(tmp_path, ami_port=asterisk.port) as there:
        asyncio.run(people(there.gate))

        status, html = supervisor(there, role).open("/board")

    assert status == 200
    assert (shown(html, "queue-waiting"), shown(html, "queue-longest"), shown(html, "queue-free")) == ("3", "1:15", "2 / 5")
    assert "排队等候" in html
    assert "queue-unseen" not in html


def test_the_queue_is_asked_for_once_a_second_however_many_look(tmp_path: Path):
    with FakeManager(START, summary(), complete(1)) as asterisk, desk(tmp_path, ami_port=asterisk.port) as there:
        asyncio.run(people(there.gate))
        one, other = supervisor(there), supervisor(there, "operator")

        for browser in (one, other, one):
            browser.open("/board")
        there.clock.pass_(seconds=1)
        other.open("/board")

    assert [action["Action"] for action in asterisk.actions] == ["Login", "QueueSummary"] * 2


def test_a_board_without_asterisk_says_that_the_queue_cannot_be_seen(there: Desk):
    status, html = supervisor(there).open("/board")

    assert status == 200
    assert "排队情况暂时不可用。" in html
    assert "The queue cannot be seen at the moment." in html
    assert 'id="queue-waiting"' not in html


def test_an_asterisk_that_hangs_keeps_nobody_from_the_board(tmp_path: Path):
    """It takes the connection and says nothing; a test that waited for it would not end."""
    with FakeManager(mute=True) as asterisk, desk(tmp_path, ami_port=asterisk.port) as there:
        asyncio.run(people(there.gate))

        status, html = supervisor(there).open("/board")

    assert status == 200
    assert 'id="queue-unseen"' in html
    assert 'id="part-engine"' in html
    assert ASTERISK_ANSWERS < 1


# --- tickets and agents -------------------------------------------------------------------------------------------


def test_tickets_are_counted_by_state_and_the_next_due_come_first(there: Desk):
    late = leave(there, "a", at=NOON - 21 * 60 * MINUTE)
    soon = leave(there, "b", "13900002001", at=NOON - 90 * MINUTE)
    last = leave(there, "c", "13900002002")
    closed = leave(there, "d", "13900002003", at=NOON - 10 * MINUTE)
    claim(there, soon)
    close(there, closed)

    _, html = supervisor(there).open("/board")

    assert (shown(html, "unanswered"), shown(html, "overdue")) == ("3", "1")
    assert [row.split()[0] for row in rows(html, "due")] == [late, soon, last]
    assert rows(html, "due")[1].endswith("1008611 agent")
    assert shown(html, "promised") == "3"  # the late one was promised yesterday
    assert shown(html, "kept") == "1 33.3 %"
    assert "03-04 23:00" in html  # the oldest call, in the line's time


def test_what_each_agent_does_is_shown(there: Desk):
    supervisor(there, "agent")
    asyncio.run(there.gate.add("bo", Role.AGENT, PASSWORD, "test"))
    asyncio.run(there.gate.add("cai", Role.AGENT, PASSWORD, "test"))
    talking, holding = leave(there, "a"), leave(there, "b", "13900002001")
    claim(there, talking, "bo")
    asyncio.run(dial(there.tickets, talking, NOON, talk=True))
    claim(there, holding, "cai")
    there.clock.pass_(seconds=90)

    _, html = supervisor(there).open("/board")

    talks, holds, idle = rows(html, "agents")
    assert talks == f"bo 未登录 通话中 talking {talking} 1:30"
    assert holds == f"cai 未登录 已领取工单 has a ticket {holding}"
    assert idle == "agent 已登录 空闲 idle"


def test_the_day_of_an_agent_is_counted(there: Desk):
    talked, given_back, handed_on = (leave(there, name, f"1390000200{number}") for number, name in enumerate("abc"))
    claim(there, talked)
    attempt = asyncio.run(dial(there.tickets, talked, NOON, talk=True))
    asyncio.run(there.tickets.attempt_ended(attempt.channel_id, AttemptOutcome.ANSWERED, NOON, bridged=dt.timedelta(seconds=125)))
    asyncio.run(there.tickets.resolve(talked, "agent", 1, "told", NOON))
    asyncio.run(there.tickets.release(given_back, "agent", claim(there, given_back).claim_token, NOON))
    asyncio.run(there.tickets.hand_over(handed_on, "agent", claim(there, handed_on).claim_token, "bo", NOON))
    asyncio.run(there.tickets.return_expired(NOON + 60 * MINUTE))

    _, html = supervisor(there).open("/agents")

    assert rows(html, "days") == ["agent 3 1 1 2:05 1", "bo 1 0 0 0:00 1"]


def test_names_and_topics_with_markup_are_text(there: Desk):
    leave(there, "a", topic="<script>alert(1)</script>")
    board = supervisor(there)

    for path in ("/board", "/statement"):
        _, html = board.open(path)
        assert "<script>alert" not in html
        assert "&lt;script&gt;alert(1)" in html


# --- a ticket in a supervisor's hands -----------------------------------------------------------------------------


def test_a_supervisor_gives_a_ticket_to_an_agent_and_it_is_written_down(there: Desk):
    reference = leave(there, "a")
    asyncio.run(there.gate.add("bo", Role.AGENT, PASSWORD, "test"))
    claim(there, reference, "bo")
    browser = supervisor(there)

    assert browser.client.get(f"/board/tickets?reference={reference}").headers["location"] == f"/board/tickets/{reference}"
    _, html = browser.open(f"/board/tickets/{reference}")
    status, answer = browser.send(f"/board/tickets/{reference}/agent", agent="agent")

    assert "139****1008" in html
    assert status == 200
    assert shown(answer, "assignee") == "agent"
    ticket = asyncio.run(there.tickets.ticket(reference))
    assert ticket is not None
    assert (ticket.assignee, ticket.claim_token) == ("agent", 2)
    last = asyncio.run(there.tickets.history(reference))[-1]
    assert (last.actor, last.kind) == ("supervisor", "handed_over")
    assert ("supervisor", "looked_at", f"ticket {reference}") in [
        (fact.actor, fact.action.value, fact.subject) for fact in asyncio.run(there.store.facts())
    ]


@pytest.mark.parametrize("wrong", ["nobody", "operator", "<b>"])
def test_a_ticket_is_given_to_those_who_answer_callers_only(there: Desk, wrong: str):
    reference = leave(there, "a")
    browser = supervisor(there)
    browser.open(f"/board/tickets/{reference}")

    status, html = browser.send(f"/board/tickets/{reference}/agent", agent=wrong)

    assert status == 400
    assert "没有这位坐席" in html


def test_a_ticket_is_not_taken_from_an_agent_who_is_calling_back_and_not_given_once_it_has_ended(there: Desk):
    calling, closed = leave(there, "a"), leave(there, "b", "13900002001")
    claim(there, calling)
    attempt = asyncio.run(dial(there.tickets, calling, NOON))
    assert attempt.state is AttemptState.PLANNED
    close(there, closed)
    browser = supervisor(there)
    browser.open(f"/board/tickets/{calling}")

    assert "正在外呼" in browser.send(f"/board/tickets/{calling}/agent", agent="agent")[1]
    assert "工单已经结束" in browser.send(f"/board/tickets/{closed}/agent", agent="agent")[1]
    assert browser.open("/board/tickets/999999")[0] == 404
    assert browser.send("/board/tickets/999999/agent", agent="agent")[0] == 404


def test_a_missing_promise_is_named_on_the_board(there: Desk):
    (there.settings.var / "journal").mkdir()
    told = f'{{"session": "{FIRST}", "at": "{NOON.isoformat()}", "notes": [{{"type": "TicketPromised"}}]}}\n'
    (Path(there.settings.var) / "journal" / "2026-03-05.jsonl").write_text(told, encoding="utf-8")
    there.clock.pass_(minutes=2)

    _, html = supervisor(there).open("/board")

    assert shown(html, "missing") == "1 100.0 %"
    assert "call a0000000 of 2026-03-05 20:00" in html
