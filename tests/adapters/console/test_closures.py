"""Closures to sample: which are drawn, what a supervisor writes down, and who is told of it."""

from __future__ import annotations

import asyncio
import datetime as dt
import re

import pytest

from ivr.calls.ports import AttemptOutcome
from ivr.desk.sampling import PER_PAGE, SAMPLE, Closure, not_looked_at, sample
from tests.adapters.console.desk import NOON, Desk
from tests.adapters.console.test_board import claim, close, leave, shown, supervisor
from tests.contracts.stories import SPEECH, dial
from tests.databases import Plain


def talk(there: Desk, reference: str) -> None:
    """Called back, answered, closed."""
    claim(there, reference)
    attempt = asyncio.run(dial(there.tickets, reference, NOON, talk=True))
    asyncio.run(there.tickets.attempt_ended(attempt.channel_id, AttemptOutcome.ANSWERED, NOON, bridged=dt.timedelta(minutes=1)))
    assert asyncio.run(there.tickets.resolve(reference, "agent", 1, "told her", NOON))


def drawn(html: str) -> list[str]:
    return re.findall(r'<article [^>]*id="t(\d+)"', html)


def written(there: Desk) -> list[tuple[str, str]]:
    return [(fact.action.value, fact.subject) for fact in asyncio.run(there.store.facts()) if fact.actor == "supervisor"]


def test_what_was_closed_without_a_talk_comes_first_and_all_of_it(there: Desk):
    talked, excepted = leave(there, "a"), leave(there, "b", "13900002001")
    talk(there, talked)
    close(there, excepted, note="<b>not at home</b>")

    status, html = supervisor(there).open("/closures")

    assert status == 200
    assert drawn(html) == [excepted, talked]
    assert (shown(html, "in-all"), re.findall(r'id="left"[^>]*>(\d+)', html)) == ("2", ["1"])
    assert "&lt;b&gt;not at home&lt;/b&gt;" in html
    assert ("looked_at", f"closed tickets {excepted}, {talked}") in written(there)


def test_the_sample_of_a_day_is_always_the_same_and_another_day_has_another():
    closures = [Closure(str(number), "li", NOON, by_exception=number % 50 == 0) for number in range(100_000, 101_000)]
    day = NOON.date()

    first = sample(closures, day)
    again = sample(list(reversed(closures)), day)
    other = sample(closures, day + dt.timedelta(days=1))

    assert [one.reference for one in first] == [one.reference for one in again]
    assert len(first) == 20 + SAMPLE
    assert all(one.by_exception for one in first[:20])
    assert {one.reference for one in first[20:]}.isdisjoint(one.reference for one in other[20:]) or first[20:] != other[20:]
    assert not_looked_at(closures) == 20


def test_many_are_shown_some_at_a_time(there: Desk):
    for number in range(PER_PAGE + 3):
        close(there, leave(there, f"s{number}", f"139000{number:05}"))
    browser = supervisor(there)

    pages = [drawn(browser.open(f"/closures?day=2026-03-05&page={number}")[1]) for number in (1, 2, 9)]

    assert [len(page) for page in pages] == [PER_PAGE, 3, 3]
    assert len({*pages[0], *pages[1]}) == PER_PAGE + 3
    assert pages[1] == pages[2]


def test_what_was_found_is_kept_with_who_found_it_and_nothing_changes_it(there: Desk):
    reference = leave(there, "a")
    close(there, reference)
    browser = supervisor(there)
    browser.open("/closures?day=2026-03-05")

    status, html = browser.send(f"/closures/{reference}", verdict="wrong", note="", day="2026-03-05")
    assert (status, "请写明原因" in html) == (400, True)
    status, leads = browser.send(f"/closures/{reference}", verdict="wrong", note="nobody called <him>", day="2026-03-05")
    there.clock.pass_(minutes=1)
    assert browser.send(f"/closures/{reference}", verdict="right", note="", day="2026-03-05")[0] == 303

    assert (status, leads) == (303, f"/closures?day=2026-03-05&page=1#t{reference}")
    _, html = browser.open("/closures?day=2026-03-05")
    assert re.findall(r'id="left"[^>]*>(\d+)', html) == ["0"]
    assert "nobody called &lt;him&gt;" in html
    assert [("judged", f"ticket {reference}: right"), ("judged", f"ticket {reference}: wrong")] == [
        one for one in written(there) if one[0] == "judged"
    ]
    plain = Plain(there.settings.database)
    assert "rows are kept" in plain.refusal("DELETE FROM closure_look")
    assert "rows are not changed" in plain.refusal("UPDATE closure_look SET verdict = 'right'")
    plain.close()
    assert asyncio.run(there.tickets.audit(NOON)) == ()


def test_only_what_is_closed_is_judged_and_only_as_there_are_words_for(there: Desk):
    reference = leave(there, "a")
    browser = supervisor(there)
    browser.open("/closures")

    assert "工单尚未办结" in browser.send(f"/closures/{reference}", verdict="right")[1]
    assert browser.send("/closures/999999", verdict="right")[0] == 404
    assert browser.send(f"/closures/{reference}", verdict="splendid")[0] == 400
    assert browser.open("/closures?day=yesterday")[0] == 400


def test_a_recording_is_heard_once_it_is_written_down_who_hears_it(there: Desk):
    reference = leave(there, "a")
    close(there, reference)
    browser = supervisor(there)

    _, html = browser.open("/closures")
    answer = browser.client.get(f"/closures/{reference}/messages/1")

    assert f'src="/closures/{reference}/messages/1"' in html
    assert (answer.status_code, answer.headers["content-type"]) == (200, "audio/wav")
    assert len(answer.content) == 44 + 2 * len(SPEECH)
    assert written(there)[0] == ("listened", f"ticket {reference}, message 1")
    for path in (f"/closures/{reference}/messages/2", f"/closures/{reference}/messages/0", "/closures/999999/messages/1"):
        assert browser.open(path)[0] == 404


@pytest.mark.parametrize("part", ["note", "look"])
def test_the_words_of_a_supervisor_go_with_the_data_of_the_caller(there: Desk, part: str):
    reference = leave(there, "a")
    close(there, reference, note="note: he is ill")
    browser = supervisor(there)
    browser.open("/closures")
    browser.send(f"/closures/{reference}", verdict="right", note="look: he is ill", day="2026-03-05")

    assert f"{part}: he is ill" in browser.open("/closures")[1]
    asyncio.run(there.tickets.erase("13900001008", there.clock.now))
    assert f"{part}: he is ill" not in browser.open("/closures")[1]
    browser.send(f"/closures/{reference}", verdict="right", note="look: he is ill", day="2026-03-05")
    assert f"{part}: he is ill" not in browser.open("/closures")[1]
