"""The telephone of a seat in a real browser: it goes on line, rings, is picked up by key, and the agent is put through to the customer.

The whole of an agent's work is here too: a ticket on the desk in one tab, the telephone in another, and a customer who is called back.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import re
import shutil
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from playwright.async_api import BrowserContext, ConsoleMessage, Page, async_playwright, expect

from adapters.speech.audio import from_alaw
from adapters.telephony.sip_leg import SipLeg
from ivr.bootstrap.console import address
from ivr.bootstrap.desk import audit, history, statement
from ivr.bootstrap.engine import now
from ivr.calls.ports import AttemptOutcome, AttemptState, TicketState
from tests.adapters.telephony.asterisk_line import tone
from tests.asterisk.calling_back import CUSTOMER, CallingBack, calling_back

CHROMIUM = shutil.which("chromium")
pytestmark = [
    pytest.mark.asterisk,
    pytest.mark.skipif(CHROMIUM is None, reason="this machine has no Chromium; ask for: apt-get install chromium"),
]

PASSWORD = "correct-horse-7"
FLAGS = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream", "--allow-loopback-in-peer-connection"]
AUDIBLE = re.compile(r"0\.(?:0[3-9]|[1-9])|1")
AS_LOUD_AS_SAID = re.compile(r"0\.1[2-6]")  # of a tone of 0.14, as the tests make them
PATIENCE = 30_000  # milliseconds
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


@dataclass
class Pages:
    """The tabs of one person's browser, and everything that went wrong in them."""

    there: CallingBack
    context: BrowserContext
    folder: Path
    troubles: list[str] = field(default_factory=list)

    async def signed_in(self, name: str, path: str) -> Page:
        """The page that they come to."""
        page = await self.context.new_page()
        await page.goto(address(self.there.settings, f"/sign-in?next={path}"))
        await page.fill("input[name=name]", name)
        await page.fill("input[name=password]", PASSWORD)
        await page.press("input[name=password]", "Enter")
        await expect(page).to_have_url(address(self.there.settings, path))
        return page

    async def picture(self, page: Page, name: str) -> None:
        await page.screenshot(path=self.folder / f"{name}.png", full_page=True)

    def watch(self, page: Page) -> None:
        """Hear what goes wrong in a tab, from its beginning."""
        page.set_default_timeout(PATIENCE)
        page.on("console", self._said)
        page.on("pageerror", lambda error: self.troubles.append(str(error)))
        page.on("request", lambda request: self.troubles.append("CSP") if "/csp-report" in request.url else None)

    def _said(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.troubles.append(message.text)


@contextlib.asynccontextmanager
async def pages_of(there: CallingBack, name: str, folder: Path) -> AsyncIterator[Pages]:
    """The browser of somebody new at the desk. It must have nothing to complain of."""
    await there.person(name, PASSWORD)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=[*FLAGS, "--no-sandbox"])
        context = await browser.new_context(locale="zh-CN", viewport={"width": 1280, "height": 900})
        pages = Pages(there, context, folder)
        context.on("page", pages.watch)
        yield pages
        await browser.close()
    assert pages.troubles == []


async def state(telephone: Page, name: str) -> None:
    """Wait until the telephone in the page has that state."""
    await expect(telephone.locator("#seat")).to_have_attribute("data-state", name, timeout=PATIENCE)


async def hears(telephone: Page, level: re.Pattern[str]) -> None:
    """Wait until the page has been that loud."""
    await expect(telephone.locator("#seat-level")).to_have_attribute("data-peak", level, timeout=PATIENCE)


async def ready(page: Page, path: str) -> None:
    """That page is there and listens to its keys."""
    await expect(page).to_have_url(re.compile(re.escape(path) + "$"), timeout=PATIENCE)
    await expect(page.locator("html[data-keys=ready]")).to_be_attached()


async def forget_level(telephone: Page) -> None:
    await telephone.evaluate("document.getElementById('seat-level').dataset.peak = '0'")


def loudest(leg: SipLeg, after: float) -> float:
    """How loud it was at that telephone after that moment, of 1."""
    heard = b"".join(packet.alaw for packet in leg.timeline if packet.at > after)
    return float(np.abs(from_alaw(heard)).max(initial=0.0))


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
