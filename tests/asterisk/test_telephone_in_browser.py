"""The telephone of a seat in a real browser: it goes on line, rings, is picked up by key, and the agent is put through to the customer.

The whole of an agent's work is here too: a ticket on the desk in one tab, the telephone in another, and a customer who is called back.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import re
import time
from pathlib import Path

import pytest
from playwright.async_api import expect

from ivr.bootstrap.console import address
from ivr.bootstrap.desk import audit, history, statement
from ivr.bootstrap.engine import now
from ivr.calls.ports import AttemptOutcome, AttemptState, TicketState
from tests.adapters.telephony.asterisk_line import tone
from tests.asterisk.agents_browser import AUDIBLE, CHROMIUM, PATIENCE, forget_level, hears, loudest, pages_of, ready, state
from tests.asterisk.calling_back import CUSTOMER, calling_back

pytestmark = [
    pytest.mark.asterisk,
    pytest.mark.skipif(CHROMIUM is None, reason="this machine has no Chromium; ask for: apt-get install chromium"),
]

AS_LOUD_AS_SAID = re.compile(r"0\.1[2-6]")  # of a tone of 0.14, as the tests make them
KEEP_WAYS = """window.ways = [];
window.RTCPeerConnection = class extends RTCPeerConnection {
  constructor(...told) { super(...told); ways.push(this); }
};"""
LATE_SOUND = """() => {
  const heard = document.getElementById("seat-heard"), before = heard.srcObject;
  ways.at(-1).dispatchEvent(Object.assign(new Event("track"), { streams: [new MediaStream()] }));
  return before !== null && heard.srcObject === before;
}"""
KEEP_FOUND = """() => {
  const all = window.open.bind(window);
  window.open = (...told) => (window.found = all(...told));
}"""


def test_an_agent_at_the_page_is_rung_presses_1_and_talks_to_the_customer(tmp_path: Path):
    async def story() -> None:
        async with calling_back(tmp_path, console=True) as there, pages_of(there, "ann", tmp_path) as pages:
            await pages.context.add_init_script(KEEP_WAYS)
            telephone = await pages.signed_in("ann", "/desk/telephone")
            await telephone.click("#seat-on")
            await state(telephone, "ready")
            async with pages.context.expect_page() as opened:
                await telephone.click("header a[href='/desk']")
            desk = await opened.value
            await ready(desk, "/desk")
            await state(telephone, "ready")  # it has stayed where it is
            await desk.evaluate(KEEP_FOUND)
            await desk.keyboard.press("t")
            assert await desk.evaluate("found === opener && found.document.getElementById('seat').dataset.state") == "ready"
            assert pages.context.pages == [telephone, desk]

            reference = await there.ticket("ann")
            await there.call(reference, "ann")
            await state(telephone, "ringing")
            await pages.picture(telephone, "ringing")
            await telephone.keyboard.press("Enter")
            await state(telephone, "talking")
            await hears(telephone, AUDIBLE)
            await telephone.keyboard.press("1")
            customer = await there.customer.answer()
            await there.reached(reference, AttemptState.BRIDGED)
            await customer.wait_voice(after=time.monotonic())  # the browser's microphone here is one that beeps
            await forget_level(telephone)
            customer.say(tone(1.0, hertz=300))
            await hears(telephone, AUDIBLE)
            await telephone.keyboard.press("h")
            await customer.wait_ended()
            ended = await there.ended(reference)

            assert ended.outcome is AttemptOutcome.DROPPED
            await state(telephone, "ready")
            assert await telephone.evaluate(LATE_SOUND)  # what comes after the call is not heard
            await telephone.click("#seat-off")
            await state(telephone, "off_line")

            await telephone.goto(address(there.settings, f"/tickets/{reference}"))
            await ready(telephone, f"/tickets/{reference}")
            async with pages.context.expect_page() as another:
                await desk.keyboard.press("t")  # no other page is loaded over because a telephone was there before
            await expect(await another.value).to_have_url(address(there.settings, "/desk/telephone"))
            await ready(telephone, f"/tickets/{reference}")

    asyncio.run(story())


def test_an_agent_works_on_a_ticket_in_one_tab_and_talks_on_the_telephone_in_another(tmp_path: Path):
    """With keys, from signing in to the closed ticket, whose page tells whether a call can be made, and how far it is."""

    async def story() -> None:
        async with calling_back(tmp_path, console=True) as there, pages_of(there, "ann", tmp_path) as pages:
            reference = await there.waiting()
            desk = await pages.signed_in("ann", "/desk")
            await ready(desk, "/desk")
            await expect(desk.locator(".seat-now")).to_contain_text("您的话机未上线，回拨前请先上线。")
            await pages.picture(desk, "1-off-line")

            async with pages.context.expect_page() as opened:
                await desk.keyboard.press("t")
            telephone = await opened.value
            await telephone.click("#seat-on")
            await state(telephone, "ready")
            await pages.picture(telephone, "2-on-line")

            await desk.bring_to_front()
            await desk.evaluate("dispatchEvent(new Event('focus'))")  # a browser without windows tells no page of it
            await expect(desk.locator(".seat-now")).to_contain_text("您的话机在线，回拨时它先振铃。", timeout=2 * PATIENCE)
            await pages.picture(desk, "3-list")
            await desk.keyboard.press("j")
            await desk.keyboard.press("Enter")
            await ready(desk, f"/tickets/{reference}")
            await desk.keyboard.press("c")
            await expect(desk.locator(".number")).to_have_text(CUSTOMER)
            await ready(desk, f"/tickets/{reference}")
            await expect(desk.locator(".seat-now")).to_contain_text("您的话机在线")
            await pages.picture(desk, "4-claimed")

            await desk.keyboard.press("d")
            await state(telephone, "ringing")
            await expect(desk.locator(".attempt")).to_contain_text("您的话机正在响，请接听，再按 1 接通用户", timeout=PATIENCE)
            await pages.picture(desk, "5-rings")
            await ready(desk, f"/tickets/{reference}")
            await desk.keyboard.press("t")
            await expect(telephone.locator("#seat-ticket a")).to_have_text(re.compile(reference))
            await expect(telephone.locator("#seat-ticket")).to_contain_text("139****1008")
            await pages.picture(telephone, "6-rings")
            await state(telephone, "ringing")  # still: it was brought forward, and not loaded anew
            await telephone.keyboard.press("Enter")
            await state(telephone, "talking")
            await hears(telephone, AUDIBLE)
            assert there.customer.invites == ()
            await telephone.keyboard.press("1")
            await there.customer.rung.wait()
            await expect(desk.locator(".attempt")).to_contain_text("正在呼叫用户", timeout=PATIENCE)
            await pages.picture(desk, "7-customer-rings")

            customer = await there.customer.answer()
            await expect(desk.locator(".attempt.bridged")).to_contain_text("通话中", timeout=PATIENCE)
            await pages.picture(desk, "8-talking")
            await pages.picture(telephone, "9-talking")
            await forget_level(telephone)
            customer.say(tone(11.0, hertz=300))
            await hears(telephone, AS_LOUD_AS_SAID)
            heard = time.monotonic()
            await customer.wait_said()
            assert loudest(customer, heard) > 0.03  # the browser's microphone here is one that beeps
            await customer.hang_up()
            await state(telephone, "ready")
            await expect(telephone.locator("#seat-ticket")).to_have_text("")
            await expect(desk.locator(".attempt.answered")).to_contain_text("请写明处理结果，然后办结。", timeout=PATIENCE)
            await expect(desk.locator("#tries")).to_contain_text("已接通", timeout=PATIENCE)
            await pages.picture(desk, "10-over")

            await desk.bring_to_front()
            await ready(desk, f"/tickets/{reference}")
            await desk.keyboard.press("x")
            await desk.keyboard.type("已告知余额，用户满意。")
            await desk.keyboard.press("Tab")
            await desk.keyboard.press("ArrowDown")
            await desk.keyboard.press("ArrowUp")
            await pages.picture(desk, "11-note")
            await desk.keyboard.press("Tab")
            await desk.keyboard.press("Enter")
            await expect(desk.locator(".told[role=status]")).to_contain_text("工单已办结")
            await pages.picture(desk, "12-closed")
            await telephone.click("#seat-off")
            await state(telephone, "off_line")

            shown = await there.show(reference)
            assert (shown.line.state, shown.note, len(there.customer.invites)) == (TicketState.RESOLVED, "已告知余额，用户满意。", 1)
            kinds = [event.kind for event in await asyncio.to_thread(history, there.settings, reference)]
            assert kinds[-6:] == ["attempt_planned", "attempt_sent", "attempt_ringing", "attempt_bridged", "attempt_ended", "resolved"]
            today = now().replace(hour=0, minute=0, second=0, microsecond=0)
            made = await asyncio.to_thread(statement, there.settings, today, today + dt.timedelta(days=1))
            assert (made.promised, made.count("kept"), made.missing) == (1, 1, ())
            assert await asyncio.to_thread(audit, there.settings) == ()

    asyncio.run(story())
