"""The agents' pages: what each person may see, hear and do, and what is written down of it."""

from __future__ import annotations

import asyncio
import dataclasses
import datetime as dt
import io
import json
import re
import struct
import wave
from pathlib import Path

import pytest
from markupsafe import Markup
from sqlalchemy import event

from adapters.console.app import make_app
from adapters.console.pages import part
from adapters.console.ports import WayOut
from adapters.console.shown import Outlines, Rows
from adapters.console.texts import TEXTS
from ivr.calls.ports import (
    AttemptOutcome,
    AttemptState,
    MessageIntent,
    Outcome,
    Ticket,
    TicketState,
    Transcript,
    UnansweredCall,
    UnansweredKind,
)
from ivr.desk.callbacks import Filter, Listed, Overview, Queue
from tests.adapters.console.desk import NOON as UTC_NOON
from tests.adapters.console.desk import Browser, Desk, between, focusable
from tests.contracts.stories import SPEECH, facts

NOON = UTC_NOON - dt.timedelta(hours=6)  # 14:00 in Shanghai
CALLER = "13900001008"
MARKUP = "<img src=x onerror=alert(1)>"


@pytest.fixture(autouse=True)
def by_day(there: Desk) -> None:
    there.clock.now = NOON
    there.settings.recordings.mkdir(parents=True)


def leave(there: Desk, session: str = "call-1", caller: str = CALLER, topic: str = "callback", audio: bytes = SPEECH) -> str:
    """A message that somebody has just left; the reference of its ticket."""
    of = MessageIntent(session, "leave", 1, caller, "1008611", topic, "zh-CN", there.clock.now)
    told = facts(of, audio, there.settings.recordings)
    told.path.write_bytes(audio)
    return asyncio.run(there.tickets.capture(of, told, there.clock.now))


def transcribe(there: Desk, words: str, confidence: float = 0.8) -> None:
    async def story() -> None:
        message = await there.words.take(there.clock.now, None)
        assert message is not None
        await there.words.keep(message, Transcript(words, "zh-CN", confidence, "whisper"), there.clock.now)

    asyncio.run(story())


def ticket_of(there: Desk, reference: str) -> Ticket:
    found = asyncio.run(there.tickets.ticket(reference))
    assert found is not None
    return found


def at_desk(there: Desk, name: str = "agent") -> Browser:
    browser = there.browser()
    assert browser.sign_in(name) == 303
    return browser


def told(there: Desk, *actions: str) -> list[tuple[str, str, str]]:
    """What was written down of these actions, the oldest first."""
    written = asyncio.run(there.store.facts())
    return [(fact.actor, fact.action.value, fact.subject) for fact in reversed(written) if fact.action.value in actions]


def audio_of(reference: str, number: int = 1) -> str:
    return f"/tickets/{reference}/messages/{number}/audio"


# --- what is due ------------------------------------------------------------------------------------------------------


def test_the_list_tells_what_is_next_and_why_and_masks_the_callers(there: Desk):
    first = leave(there, "a", "13900001001")
    there.clock.pass_(minutes=1)
    again = leave(there, "b", "13900001002")
    leave(there, "c", "13900001002")

    page = at_desk(there).open("/desk")[1]

    assert page.index(f'data-reference="{again}"') < page.index(f'data-reference="{first}"')
    assert TEXTS["why_called_again"][0] in page
    assert TEXTS["why_first_call"][0] in page
    assert "139****1002" in page
    assert "13900001002" not in page


def test_what_is_overdue_comes_first_and_says_so(there: Desk):
    late = leave(there, "a", "13900001001")
    there.clock.pass_(hours=3)
    asyncio.run(there.tickets.escalate_due(there.clock.now))
    browser = at_desk(there)
    fresh = leave(there, "b", "13900001002")

    page = browser.open("/desk")[1]

    assert page.index(late) < page.index(fresh)
    assert TEXTS["why_overdue"][0] in page
    assert TEXTS["desk_over_by"][0] in page


def test_a_list_that_fifty_look_at_at_once_is_read_once_and_written_once(there: Desk):
    references = [leave(there, f"call-{number}", f"139000010{number:02}") for number in range(3)]
    asked: list[str] = []
    event.listen(there.tickets.database._engine, "before_cursor_execute", lambda *told: asked.append(told[2]))
    written: list[str] = []

    def write(template: str, language: str, *, queue: Queue, one: Listed) -> Markup:
        written.append(one.line.reference)
        return part(template, language, queue=queue, one=one)

    async def story() -> list[Overview]:
        return await asyncio.gather(*(there.console.desk.overview(f"agent{number}", Filter.WAITING) for number in range(50)))

    seen = asyncio.run(story())
    rows = Rows(write)
    pages = [rows.of(one.queue, one.others, "zh") for one in seen]

    readings = len({id(one.queue) for one in seen})
    assert readings <= 3  # one for who came first; how the others fall to the next ones, the database's thread decides
    assert len([query for query in asked if "GROUP BY ticket.state" in query]) == readings
    assert len(written) == readings * len(references)
    assert {page.count("data-reference") for page in pages} == {len(references)}


def test_what_is_written_once_for_all_has_nobodys_own_tickets_and_no_whole_number_in_it(there: Desk):
    mine, free = leave(there, "a", "13900001001"), leave(there, "b", "13900001002")
    agent, chief = at_desk(there), at_desk(there, "supervisor")
    agent.open(f"/tickets/{mine}")
    agent.send(f"/tickets/{mine}/claim")

    for _ in range(2):  # whoever looks first, and in either language
        own, theirs = agent.open("/desk?show=all")[1], chief.open("/desk?show=all")[1]
        english = chief.open("/desk?show=all&language=en")[1]
        chief.open("/desk?show=all&language=zh")

        assert re.search(r'data-mine="([^"]*)"', own)[1].split() == [mine]  # type: ignore[index]
        assert "data-mine" not in theirs
        assert [page.count(f'data-reference="{one}"') for page in (own, theirs, english) for one in (mine, free)] == [1] * 6
        assert f"{TEXTS['desk_state_claimed'][0]} <span" in theirs
        assert f"{TEXTS['desk_state_claimed'][1]} <span" in english
        assert not re.search(r"139\d{8}", own + theirs + english)
        agent, chief = at_desk(there), at_desk(there, "supervisor")


def test_an_empty_list_says_that_all_are_answered_only_when_they_are(there: Desk):
    browser, chief = at_desk(there), at_desk(there, "supervisor")
    before = chief.open("/desk")[1]
    reference = leave(there)
    browser.open(f"/tickets/{reference}")
    browser.send(f"/tickets/{reference}/claim")
    in_hand = chief.open("/desk")[1]

    assert "没有等待的工单。每一位用户都得到了答复。" in before
    assert "没有等待的工单。还没有得到答复的，都有人在处理。" in in_hand
    assert "每一位用户都得到了答复" not in in_hand


def test_the_next_ticket_is_taken_with_one_button_and_heads_the_list(there: Desk):
    leave(there, "a", "13900001001")
    second = leave(there, "b", "13900001002")
    asyncio.run(there.tickets.reassign(second, "boss", "supervisor", there.clock.now))
    browser = at_desk(there)
    browser.open("/desk")

    status, where = browser.send("/desk/next")

    assert (status, where.startswith("/tickets/")) == (303, True)
    page = browser.open("/desk")[1]
    assert page.index(f"<h2>{TEXTS['desk_mine'][0]}") < page.index(f"<h2>{TEXTS['desk_queue'][0]}")
    assert second not in page
    assert second in browser.open("/desk?show=all")[1]
    assert browser.send("/desk/next") == (303, "/desk?told=nobody_waits")
    assert TEXTS["told_nobody_waits"][0] in browser.open("/desk?told=nobody_waits")[1]


def test_at_night_nobody_is_to_be_called_and_the_list_says_so(there: Desk):
    leave(there)
    there.clock.pass_(hours=9)
    browser = at_desk(there)

    assert TEXTS["desk_night"][0] in browser.open("/desk")[1]
    assert browser.send("/desk/next") == (303, "/desk?told=nobody_waits")


def test_those_who_wait_for_another_try_have_a_list_of_their_own(there: Desk):
    tried, fresh = leave(there, "a", "13900001001"), leave(there, "b", "13900001002")
    call_in_vain(there, tried)

    page = at_desk(there).open("/desk?show=retry")[1]

    assert tried in page
    assert fresh not in page
    assert "14:15" in page


def call_in_vain(
    there: Desk, reference: str, outcome: AttemptOutcome = AttemptOutcome.NO_ANSWER, bridged: dt.timedelta = dt.timedelta(0)
) -> None:
    async def story() -> None:
        ticket = await there.tickets.claim(reference, "agent", there.clock.now)
        assert ticket is not None
        attempt = await there.tickets.begin_attempt(reference, "agent", ticket.claim_token, there.clock.now)
        channel = getattr(attempt, "channel_id", "")
        await there.tickets.attempt_went_on(channel, AttemptState.SENT, there.clock.now)
        assert await there.tickets.attempt_ended(channel, outcome, there.clock.now, bridged=bridged)

    asyncio.run(story())


def test_without_an_agent_account_supervisor_and_administrator_see_how_to_add_one(there: Desk):
    asyncio.run(there.gate.set_closed("agent", True, "test"))

    assert TEXTS["desk_no_agents"][0] in at_desk(there, "supervisor").open("/desk")[1]
    assert TEXTS["desk_no_agents"][0] in at_desk(there, "admin").open("/")[1]
    asyncio.run(there.gate.set_closed("agent", False, "test"))
    assert TEXTS["desk_no_agents"][0] not in at_desk(there, "admin").open("/")[1]


# --- what one may see ----------------------------------------------------------------------------------------------------


def test_before_the_claim_an_agent_sees_that_there_is_a_ticket_and_no_word_of_the_caller(there: Desk):
    reference = leave(there)
    transcribe(there, "我的话费不对")

    page = at_desk(there).open(f"/tickets/{reference}")[1]

    assert "139****1008" in page
    assert CALLER not in page
    assert "我的话费不对" not in page
    assert 'class="player"' not in page
    assert told(there, "looked_at") == []


def test_the_claim_shows_the_caller_and_the_look_is_written_down_first(there: Desk):
    reference = leave(there)
    transcribe(there, "我的话费不对")
    browser = at_desk(there)
    browser.open(f"/tickets/{reference}")

    assert browser.send(f"/tickets/{reference}/claim") == (303, f"/tickets/{reference}")
    page = browser.open(f"/tickets/{reference}")[1]

    assert CALLER in page
    assert "我的话费不对" in page
    assert "80 %" in page
    assert 'data-seat="unknown"' in page
    assert told(there, "looked_at") == [("agent", "looked_at", f"ticket {reference}")]


def test_a_line_without_a_way_out_says_so_before_anybody_tries_to_call_back(there: Desk):
    there.app = make_app(dataclasses.replace(there.console, calls_out=WayOut.NOWHERE))
    browser, reference = claimed(there)

    for page in (browser.open("/desk")[1], browser.open(f"/tickets/{reference}")[1]):
        assert "这条线路还没有外呼中继（IVR_TRUNK），不能由线路回拨：请用自己的电话拨打，再写明结果办结。" in page
        assert "data-seat" not in page


def test_on_a_line_without_a_trunk_a_ticket_says_where_the_caller_is_rung_and_whom_no_page_can_be_opened_with(there: Desk):
    there.app = make_app(dataclasses.replace(there.console, calls_out=WayOut.BROWSER))
    browser, reference = claimed(there)

    sample = browser.open(f"/tickets/{reference}")[1]
    there.telephone.numbers = ("13900001009",)
    somebody, everybody = browser.open(f"/tickets/{reference}")[1], browser.open("/desk")[1]

    assert "回拨在“试打电话”页（/phone）振铃" in sample
    assert "不能由线路回拨" not in sample
    assert "回拨在“试打电话”页（/phone）振铃" not in somebody
    assert "不能由线路回拨：请用自己的电话拨打" in somebody
    assert "回拨在“试打电话”页（/phone）振铃" in everybody


def test_a_page_that_looks_again_by_itself_is_written_down_once(there: Desk):
    reference = leave(there)
    browser = at_desk(there)
    browser.send(f"/tickets/{reference}/claim")

    for _ in range(3):
        browser.client.get(f"/tickets/{reference}", headers={"X-Background": "1"})

    assert told(there, "looked_at") == [("agent", "looked_at", f"ticket {reference}")]


def test_the_words_of_another_agents_ticket_are_neither_seen_nor_heard(there: Desk):
    reference = leave(there)
    transcribe(there, "我的话费不对")
    asyncio.run(there.tickets.claim(reference, "somebody", there.clock.now))
    browser = at_desk(there)

    page = browser.open(f"/tickets/{reference}")[1]
    answers = [browser.client.get(path).status_code for path in (audio_of(reference), f"/tickets/{reference}/account")]

    assert "somebody" in page
    assert CALLER not in page
    assert "我的话费不对" not in page
    assert answers == [403, 403]
    assert told(there, "looked_at", "listened") == []


def test_a_supervisor_may_read_and_hear_and_that_is_written_down(there: Desk):
    reference = leave(there)
    transcribe(there, "我的话费不对")
    browser = at_desk(there, "supervisor")

    page = browser.open(f"/tickets/{reference}")[1]
    heard = browser.client.get(audio_of(reference))

    assert "我的话费不对" in page
    assert CALLER not in page  # nobody needs the number but who calls
    assert heard.status_code == 200
    assert [action for _, action, _ in told(there, "looked_at", "listened")] == ["looked_at", "listened"]


def test_what_callers_say_and_flows_name_is_never_markup(there: Desk):
    reference = leave(there, topic=MARKUP)
    transcribe(there, f"{MARKUP} {{{{ 7 * 7 }}}}")
    browser = at_desk(there)
    browser.send(f"/tickets/{reference}/claim")

    pages = [browser.open(path)[1] for path in ("/desk", f"/tickets/{reference}")]
    browser.send(f"/tickets/{reference}/close", note=f"{MARKUP}\x00\x1b[31m\r\n好", outcome="answered")
    pages.append(browser.open(f"/tickets/{reference}")[1])

    assert all(MARKUP not in page for page in pages)
    assert all("&lt;img" in page for page in pages)
    assert "{{ 7 * 7 }}" in pages[1]
    assert ticket_of(there, reference).note == f"{MARKUP}[31m\n好"


def test_a_message_without_words_and_one_that_is_gone_say_so(there: Desk):
    reference = leave(there)
    transcribe(there, "")
    leave(there, "call-2")
    browser = at_desk(there)
    browser.send(f"/tickets/{reference}/claim")
    for path in there.settings.recordings.glob("*.alaw"):
        path.unlink()

    page = browser.open(f"/tickets/{reference}")[1]

    assert TEXTS["desk_transcript_empty"][0] in page
    assert TEXTS["desk_transcript_none"][0] in page
    assert page.count(TEXTS["desk_no_recording"][0]) == 2
    assert browser.client.get(audio_of(reference)).status_code == 404


@pytest.mark.parametrize("reference", ["100000", "0", "x", "%3Cimg%3E", "1' OR '1'='1", "9" * 400, "..%2f..%2fetc"])
def test_a_reference_of_nothing_is_not_found(there: Desk, reference: str):
    leave(there)
    browser = at_desk(there)

    found = [browser.open(f"/tickets/{reference}")[0], browser.client.get(f"/tickets/{reference}/account").status_code]
    found.append(browser.send(f"/tickets/{reference}/claim")[0])

    assert set(found) == {404}


# --- hearing -------------------------------------------------------------------------------------------------------------


def claimed(there: Desk, **left: object) -> tuple[Browser, str]:
    """An agent's browser, and a ticket that is theirs."""
    reference = leave(there, **left)  # type: ignore[arg-type]
    browser = at_desk(there)
    browser.send(f"/tickets/{reference}/claim")
    browser.open(f"/tickets/{reference}")
    return browser, reference


def test_a_message_is_heard_as_sixteen_bit_wav_and_the_listen_is_written_down(there: Desk):
    browser, reference = claimed(there)

    answer = browser.client.get(audio_of(reference))

    with wave.open(io.BytesIO(answer.content)) as sound:
        assert (sound.getsampwidth(), sound.getframerate(), sound.getnframes()) == (2, 8000, len(SPEECH))
        samples = struct.unpack("<256h", sound.readframes(256))
    assert (samples[0xD5], samples[0x55], samples[0xAA], samples[0x2A]) == (8, -8, 32256, -32256)  # ITU-T G.711, the ends of the scale
    assert answer.headers["content-type"] == "audio/wav"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert told(there, "listened") == [("agent", "listened", f"ticket {reference} message 1")]


def test_a_browser_gets_the_part_that_it_asks_for_and_one_listen_is_one(there: Desk):
    browser, reference = claimed(there)
    whole = browser.client.get(audio_of(reference)).content

    def part(asked: str) -> tuple[int, str, bytes]:
        answer = browser.client.get(audio_of(reference), headers={"Range": asked})
        return answer.status_code, answer.headers.get("content-range", ""), answer.content

    assert part("bytes=100-199") == (206, f"bytes 100-199/{len(whole)}", whole[100:200])
    assert part("bytes=-10") == (206, f"bytes {len(whole) - 10}-{len(whole) - 1}/{len(whole)}", whole[-10:])
    assert part(f"bytes={len(whole)}-") == (416, f"bytes */{len(whole)}", b"")
    assert part("bytes=1-2,4-5") == (200, "", whole)
    assert part("lines=1-2") == (200, "", whole)
    assert len(told(there, "listened")) == 4  # the whole, its end, and twice the whole again; what only goes on is no other listen


def test_a_sealed_recording_is_heard_all_the_same_and_is_drawn(there: Desk):
    browser, reference = claimed(there)
    asyncio.run(there.tickets.seal_recordings(there.clock.now))
    assert not list(there.settings.recordings.glob("*.alaw"))

    page = browser.open(f"/tickets/{reference}")[1]

    assert 'data-peaks="[1.0' in page
    assert browser.client.get(audio_of(reference)).status_code == 200


# --- doing ---------------------------------------------------------------------------------------------------------------


def test_a_claim_that_comes_second_is_told_who_was_faster(there: Desk):
    reference = leave(there)
    browser = at_desk(there)
    browser.open(f"/tickets/{reference}")
    asyncio.run(there.tickets.claim(reference, "somebody", there.clock.now))

    status, where = browser.send(f"/tickets/{reference}/claim")

    assert (status, where) == (303, f"/tickets/{reference}?told=taken")
    page = browser.open(where)[1]
    assert TEXTS["told_taken"][0] in page
    assert "somebody" in page
    assert ticket_of(there, reference).assignee == "somebody"


def test_an_outcome_is_chosen_beforehand_only_after_a_talk_that_the_line_has_seen(there: Desk):
    browser, reference = claimed(there)
    before = browser.open(f"/tickets/{reference}")[1]
    call_in_vain(there, reference, AttemptOutcome.ANSWERED, bridged=dt.timedelta(seconds=30))

    after = browser.open(f"/tickets/{reference}")[1]

    assert before.count('name="outcome"') == 4
    assert 'value="answered" required>' in before
    assert 'value="answered" required checked>' in after
    assert after.count(" checked>") == 1


def test_a_message_that_this_person_has_played_is_known_to_be_heard(there: Desk):
    browser, reference = claimed(there)
    before = browser.open(f"/tickets/{reference}")[1]
    browser.client.get(audio_of(reference))

    after = browser.open(f"/tickets/{reference}")[1]

    assert ('data-heard=""' in before, 'data-heard="yes"' in after) == (True, True)


def test_a_ticket_is_closed_with_a_note_and_an_outcome_once(there: Desk):
    browser, reference = claimed(there)

    empty = browser.send(f"/tickets/{reference}/close", note="  ", outcome="answered")
    done = browser.send(f"/tickets/{reference}/close", note="已告知", outcome="informed")
    again = browser.send(f"/tickets/{reference}/close", note="又一次", outcome="answered")

    assert empty == (303, f"/tickets/{reference}?told=note_missing")
    assert done == (303, "/desk?told=closed")
    assert again == (303, f"/tickets/{reference}?told=ended")
    ticket = ticket_of(there, reference)
    assert (ticket.state, ticket.note, ticket.outcome) == (TicketState.RESOLVED, "已告知", Outcome.INFORMED)
    page = browser.open(f"/tickets/{reference}")[1]
    assert "已告知" in page
    assert TEXTS["desk_outcome_informed"][0] in page
    assert CALLER not in page  # the number was for the call


@pytest.mark.parametrize(("note", "outcome"), [("好", "unreachable"), ("好", "nonsense"), ("好", ""), ("好" * 2001, "answered")])
def test_a_form_that_no_page_of_ours_makes_closes_nothing(there: Desk, note: str, outcome: str):
    browser, reference = claimed(there)

    assert browser.send(f"/tickets/{reference}/close", note=note, outcome=outcome)[0] == 400
    assert ticket_of(there, reference).state is TicketState.CLAIMED


def test_a_message_that_came_meanwhile_is_heard_before_the_ticket_is_closed(there: Desk):
    browser, reference = claimed(there)
    leave(there, "call-2")

    page = browser.open(f"/tickets/{reference}")[1]
    early = browser.send(f"/tickets/{reference}/close", note="好", outcome="answered")
    browser.send(f"/tickets/{reference}/claim")
    after = browser.send(f"/tickets/{reference}/close", note="好", outcome="answered")

    assert TEXTS["desk_heard_it"][0] in page
    assert early == (303, f"/tickets/{reference}?told=new_message")
    assert after == (303, "/desk?told=closed")


def test_a_ticket_is_given_back_and_handed_over(there: Desk):
    browser, reference = claimed(there)

    assert browser.send(f"/tickets/{reference}/release") == (303, "/desk?told=returned")
    assert browser.send(f"/tickets/{reference}/release") == (303, f"/tickets/{reference}?told=not_yours")
    browser.send(f"/tickets/{reference}/claim")
    for nobody in ("", "agent", "operator", "admin", "nobody", MARKUP):
        assert browser.send(f"/tickets/{reference}/hand-over", to=nobody) == (303, f"/tickets/{reference}?told=no_colleague")
    assert browser.send(f"/tickets/{reference}/hand-over", to="supervisor") == (303, "/desk?told=handed_over")
    assert ticket_of(there, reference).assignee == "supervisor"
    assert CALLER not in browser.open(f"/tickets/{reference}")[1]


def test_a_call_back_is_planned_once_however_often_the_page_is_sent(there: Desk):
    browser, reference = claimed(there)

    sent = [browser.send(f"/tickets/{reference}/call", tried="0") for _ in range(3)]
    page = browser.open(f"/tickets/{reference}")[1]

    assert sent == [(303, f"/tickets/{reference}")] * 3
    assert len(ticket_of(there, reference).attempts) == 1
    assert TEXTS["desk_attempt_planned"][0] in page
    assert browser.send(f"/tickets/{reference}/close", note="好", outcome="answered") == (303, f"/tickets/{reference}?told=under_way")
    assert browser.send(f"/tickets/{reference}/release")[1] == f"/tickets/{reference}?told=under_way"


def test_a_call_that_no_engine_takes_says_what_to_do_and_an_old_page_does_not_call_again(there: Desk):
    browser, reference = claimed(there)
    browser.send(f"/tickets/{reference}/call", tried="0")
    there.clock.pass_(seconds=31)

    page = browser.open(f"/tickets/{reference}")[1]
    old = browser.send(f"/tickets/{reference}/call", tried="0")
    fresh = browser.send(f"/tickets/{reference}/call", tried="1")

    assert TEXTS["cause_engine_away"][0] in page
    assert CALLER in page
    assert old == (303, f"/tickets/{reference}?told=out_of_date")
    assert fresh == (303, f"/tickets/{reference}")
    assert len(ticket_of(there, reference).attempts) == 2


@pytest.mark.parametrize("tried", ["", "x", "-1", "99999", "1"])
def test_a_call_from_a_page_that_nobody_was_shown_is_not_made(there: Desk, tried: str):
    browser, reference = claimed(there)

    assert browser.send(f"/tickets/{reference}/call", tried=tried) == (303, f"/tickets/{reference}?told=out_of_date")
    assert ticket_of(there, reference).attempts == ()


def test_why_nobody_may_be_called_now_is_told_in_words(there: Desk):
    browser, reference = claimed(there)
    there.clock.pass_(hours=7, minutes=5)
    asyncio.run(there.tickets.claim(reference, "agent", there.clock.now))
    browser = at_desk(there)

    status, where = browser.send(f"/tickets/{reference}/call", tried="0")

    assert (status, where) == (303, f"/tickets/{reference}?told=refused_hours")
    assert TEXTS["told_refused_hours"][0] in browser.open(where)[1]


def test_what_can_have_the_focus_on_a_ticket_has_a_name_by_which_it_gets_it_back_when_the_page_looks_again(there: Desk):
    browser, reference = at_desk(there), leave(there)
    pages = [browser.open(f"/tickets/{reference}")[1]]
    browser.send(f"/tickets/{reference}/claim")
    leave(there, "call-2")
    pages.append(browser.open(f"/tickets/{reference}")[1])
    asyncio.run(there.tickets.begin_attempt(reference, "agent", 60, there.clock.now))
    pages.append(browser.open(f"/tickets/{reference}")[1])

    found = [one for page in pages for one in focusable(between(page, 'id="state"', "</section>"))]

    assert {"do-claim", "do-call", "do-release", "to-telephone"} <= set(re.findall('id="([^"]+)"', " ".join(found)))
    assert [one for one in found if ' id="' not in one] == []


def test_a_call_of_which_nobody_knows_the_end_is_settled_by_the_agent(there: Desk):
    browser, reference = claimed(there)
    browser.send(f"/tickets/{reference}/call", tried="0")
    channel = ticket_of(there, reference).attempts[0].channel_id
    asyncio.run(there.tickets.attempt_went_on(channel, AttemptState.SENT, there.clock.now))
    asyncio.run(there.tickets.attempt_went_on(channel, AttemptState.UNKNOWN, there.clock.now))

    page = browser.open(f"/tickets/{reference}")[1]
    wrong = browser.send(f"/tickets/{reference}/settle", outcome="rejected")[0]
    right = browser.send(f"/tickets/{reference}/settle", outcome="no_answer")

    assert TEXTS["desk_settle"][0] in page
    assert wrong == 400
    assert right == (303, f"/tickets/{reference}")
    assert ticket_of(there, reference).state is TicketState.RETRY_WAIT


def test_who_withholds_the_number_cannot_be_called_and_the_page_says_so(there: Desk):
    browser, reference = claimed(there, caller="")

    page = browser.open(f"/tickets/{reference}")[1]

    assert TEXTS["desk_withheld"][0] in page
    assert f'action="/tickets/{reference}/call"' not in page


def test_the_claim_is_held_while_the_page_is_open_and_its_loss_is_told(there: Desk):
    browser, reference = claimed(there)
    for _ in range(4):
        there.clock.pass_(minutes=14)
        assert browser.client.post(f"/tickets/{reference}/hold", headers={"X-CSRF-Token": browser.token}).status_code == 204
        asyncio.run(there.tickets.return_expired(there.clock.now))

    asyncio.run(there.tickets.reassign(reference, "boss", "supervisor", there.clock.now))

    assert browser.client.post(f"/tickets/{reference}/hold", headers={"X-CSRF-Token": browser.token}).status_code == 409


@pytest.mark.parametrize("what", ["claim", "call", "close", "release", "hand-over", "hold", "settle"])
def test_a_form_without_the_token_of_our_page_does_nothing(there: Desk, what: str):
    browser, reference = claimed(there)
    browser.token = "0" * 64

    status, text = browser.send(f"/tickets/{reference}/{what}", note="x", outcome="answered", to="supervisor", tried="0")

    assert (status, TEXTS["bad_form"][0] in text) == (403, True)
    ticket = ticket_of(there, reference)
    assert (ticket.state, ticket.assignee, ticket.attempts) == (TicketState.CLAIMED, "agent", ())


# --- what else is known ---------------------------------------------------------------------------------------------------


def test_the_account_is_shown_to_whom_the_ticket_is_and_written_down(there: Desk):
    browser, reference = claimed(there)

    page = browser.client.get(f"/tickets/{reference}/account").text

    assert "35.62元" in page
    assert TEXTS["account_balance"][0] in page
    assert told(there, "looked_at")[-1] == ("agent", "looked_at", f"ticket {reference}")


def test_who_is_no_subscriber_is_told_to_be_none(there: Desk):
    browser, reference = claimed(there, caller="13900001099")

    assert TEXTS["account_unknown"][0] in browser.client.get(f"/tickets/{reference}/account").text


def test_the_way_through_the_menu_is_shown_without_secrets(there: Desk):
    reference = leave(there)
    write_journal(there.settings.var / "journal", "call-1")
    browser = at_desk(there)

    way = browser.client.get(f"/tickets/{reference}/calls/call-1").text
    english = browser.client.get(f"/tickets/{reference}/calls/call-1?language=en").text
    others = [browser.client.get(f"/tickets/{reference}/calls/{session}").status_code for session in ("call-2", "%00", "x" * 300)]

    assert [word in way for word in ("main", "用户按 5", "flows/1008611.yaml:60", "结束：已承诺回电")] == [True] * 4
    assert "the caller enters 5" in english
    assert set(others) <= {403, 404}


def write_journal(folder: Path, session: str) -> None:
    """The call as the engine writes it down, and another one beside it."""
    at = NOON.astimezone(dt.UTC)
    enter = {"type": "NodeEntered", "node": "main", "mark": "flows/1008611.yaml:60:3"}
    entries = (
        {"event": {"type": "CallStarted", "caller_id": "*******1008", "dialled": "1008611"}, "notes": [enter], "command": {}},
        {"event": {"type": "DigitsEntered", "digits": "5"}, "notes": [], "command": {}},
        {"disposition": "ticket_opened"},
    )
    folder.mkdir()
    with (folder / f"{at:%Y-%m-%d}.jsonl").open("w", encoding="utf-8") as file:
        for entry in entries:
            for call in (session, "other"):
                file.write(json.dumps({"session": call, "at": at.isoformat(), **entry}, ensure_ascii=False) + "\n")


def test_calls_that_nobody_answered_are_named_with_why(there: Desk):
    call = UnansweredCall("gone", UnansweredKind.ABANDONED, CALLER, "1008611", "zh-CN", there.clock.now, "callback")
    reference = asyncio.run(there.tickets.record_unanswered(call, there.clock.now))

    page = at_desk(there).open(f"/tickets/{reference}")[1]

    assert TEXTS["desk_kind_abandoned"][0] in page


def test_attempts_and_history_are_told_in_words_in_both_languages(there: Desk):
    reference = leave(there)
    call_in_vain(there, reference)
    there.clock.pass_(minutes=15)
    browser = at_desk(there)
    browser.send(f"/tickets/{reference}/claim")

    page = browser.open(f"/tickets/{reference}")[1]

    assert TEXTS["desk_attempt_no_answer"][0] in page
    assert TEXTS["why_tried"][0] in page
    assert TEXTS["event_retry_planned"][0] in page
    assert TEXTS["event_retry_planned"][1] in browser.open(f"/tickets/{reference}?language=en")[1]


def test_who_has_talked_is_to_be_answered_in_writing_and_was_not_called_in_vain(there: Desk):
    reference = leave(there)
    browser = at_desk(there)
    browser.send(f"/tickets/{reference}/claim")

    async def talk() -> None:
        ticket = await there.tickets.claim(reference, "agent", there.clock.now)
        assert ticket is not None
        attempt = await there.tickets.begin_attempt(reference, "agent", ticket.claim_token, there.clock.now)
        channel = getattr(attempt, "channel_id", "")
        for state in (AttemptState.SENT, AttemptState.RINGING, AttemptState.BRIDGED):
            await there.tickets.attempt_went_on(channel, state, there.clock.now)
        talked = dt.timedelta(seconds=12)
        assert await there.tickets.attempt_ended(channel, AttemptOutcome.ANSWERED, there.clock.now, cause="16", bridged=talked)

    asyncio.run(talk())
    page = browser.open(f"/tickets/{reference}")[1]

    assert TEXTS["desk_to_be_closed"][0] in page
    assert TEXTS["why_tried"][0] not in page
    assert "(16)" not in page  # how telephone networks say that somebody hung up


def test_a_page_is_told_only_what_it_may_be_told(there: Desk):
    page = at_desk(there).open(f"/desk?told={MARKUP}&show={MARKUP}")

    assert page[0] == 200
    assert "<img" not in page[1]


def test_the_feed_begins_by_letting_the_page_look_again(there: Desk):
    answer = at_desk(there).client.get("/desk/live")

    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.text == 'retry: 1000\n\ndata: ["*"]\n\n'


def test_the_outline_of_a_message_is_made_once_however_often_its_page_refreshes():
    read: list[str] = []

    async def audio() -> bytes:
        read.append("read")
        return b"\xd5\x2a" * 4_000

    async def story() -> tuple[str, str]:
        outlines = Outlines()
        return await outlines.of("s/leave/1", audio), await outlines.of("s/leave/1", audio)

    first, second = asyncio.run(story())

    assert first == second
    assert read == ["read"]
