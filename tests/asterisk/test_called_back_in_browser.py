"""A line as it comes has no trunk: whoever called from the telephone in the browser is called back there, and all of it is one browser."""

from __future__ import annotations

import asyncio
import datetime as dt
import re
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from ivr.bootstrap.console import address, phone_address
from ivr.bootstrap.desk import audit, history, statement
from ivr.bootstrap.engine import now
from ivr.calls.ports import AttemptOutcome, TicketState
from tests.asterisk.agents_browser import AUDIBLE, CHROMIUM, PATIENCE, Pages, forget_level, hears, pages_of, ready, state
from tests.asterisk.calling_back import CUSTOMER, without_trunk

pytestmark = [
    pytest.mark.asterisk,
    pytest.mark.skipif(CHROMIUM is None, reason="this machine has no Chromium; ask for: apt-get install chromium"),
]

ANOTHER = "13900001009"
NO_SAMPLE = "13900002001"


async def is_now(customer: Page, name: str) -> None:
    """Wait until the telephone in the browser has that state."""
    await expect(customer.locator("#telephone")).to_have_attribute("data-state", name, timeout=PATIENCE)


async def leaves_a_message(pages: Pages) -> Page:
    """Call the line from the browser and speak after the beep; the browser's microphone here is one that beeps. Its page stays open."""
    customer = await pages.context.new_page()
    await customer.goto(phone_address(pages.there.settings))
    await expect(customer.locator("#rung")).to_contain_text("本机在线：工单回电会在这里振铃。")
    await customer.click("#call")
    await is_now(customer, "talking")
    await expect(customer.locator("#node")).to_have_text("main", timeout=PATIENCE)
    await customer.keyboard.press("5")
    await expect(customer.locator("#node")).to_have_text("leave", timeout=PATIENCE)
    await customer.wait_for_timeout(9_000)  # what the caller takes to hear the beep and to speak
    await customer.click("#hang-up")
    await expect(customer.locator("#trace .over")).to_be_visible()
    return customer


async def closes(desk: Page, reference: str) -> None:
    """With the keyboard."""
    await desk.bring_to_front()
    await ready(desk, f"/tickets/{reference}")
    await desk.keyboard.press("x")
    await desk.keyboard.type("已告知余额。")
    for key in ("Tab", "Tab", "Enter"):  # past the outcome, which a talk has chosen
        await desk.keyboard.press(key)
    await expect(desk.locator(".told[role=status]")).to_contain_text("工单已办结")


async def on_line(pages: Pages) -> Page:
    """The agent's own telephone, in another tab."""
    telephone = await pages.signed_in("ann", "/desk/telephone")
    await telephone.click("#seat-on")
    await state(telephone, "ready")
    return telephone


async def put_through(telephone: Page) -> None:
    """The agent picks up and asks for the caller."""
    await state(telephone, "ringing")
    await forget_level(telephone)
    await telephone.keyboard.press("Enter")
    await state(telephone, "talking")
    await hears(telephone, AUDIBLE)
    await telephone.keyboard.press("1")


def test_a_newcomer_calls_is_called_back_and_talks_to_themselves_in_one_browser(tmp_path: Path):
    async def story() -> None:
        async with without_trunk(tmp_path) as there, pages_of(there, "ann", tmp_path) as pages:
            customer = await leaves_a_message(pages)
            await pages.picture(customer, "1-left")
            telephone = await on_line(pages)
            desk = await pages.context.new_page()
            await desk.goto(address(there.settings, "/desk"))
            await ready(desk, "/desk")
            await expect(desk.locator("#to-browser")).to_contain_text("回拨在“试打电话”页（/phone）振铃")
            await pages.picture(desk, "2-list")
            await desk.keyboard.press("n")
            await expect(desk.locator(".number")).to_have_text(CUSTOMER, timeout=PATIENCE)
            reference = desk.url.rpartition("/")[2]
            await ready(desk, f"/tickets/{reference}")
            await pages.picture(desk, "3-claimed")
            await desk.keyboard.press("d")
            await put_through(telephone)

            await is_now(customer, "ringing")
            await expect(customer.locator("#who")).to_have_text("037110086")
            assert "来电" in await customer.title()
            await expect(customer.locator("#answer")).to_have_text(re.compile("接听"))
            await expect(customer.locator("#decline")).to_have_text(re.compile("拒接"))
            await expect(customer.locator("#here")).to_be_hidden()  # what is left of the call to the line
            await pages.picture(customer, "4-rings")
            await customer.set_viewport_size({"width": 390, "height": 844})
            await pages.picture(customer, "5-rings-narrow")
            await customer.keyboard.press("Enter")  # the focus is on it
            await is_now(customer, "talking")
            await expect(customer.locator("#level")).to_have_attribute("data-peak", AUDIBLE, timeout=PATIENCE)
            await expect(desk.locator(".attempt.bridged")).to_contain_text("通话中", timeout=PATIENCE)
            for page, level in ((customer, "level"), (telephone, "seat-level")):  # each hears the other's beeps
                await page.evaluate(f"document.getElementById('{level}').dataset.peak = '0'")
                await expect(page.locator(f"#{level}")).to_have_attribute("data-peak", AUDIBLE, timeout=PATIENCE)
            await customer.wait_for_timeout(10_000)  # ten seconds of talk are an answer
            await customer.click("#hang-up")
            await is_now(customer, "ended")
            ended = await there.ended(reference)
            assert ended.outcome is AttemptOutcome.ANSWERED

            await expect(desk.locator(".attempt.answered")).to_be_visible(timeout=PATIENCE)
            await closes(desk, reference)
            today = now().replace(hour=0, minute=0, second=0, microsecond=0)
            made = await asyncio.to_thread(statement, there.settings, today, today + dt.timedelta(days=1))
            assert (made.promised, made.count("kept"), made.missing) == (1, 1, ())
            shown = await there.show(reference)
            assert (shown.line.state, shown.note) == (TicketState.RESOLVED, "已告知余额。")
            assert await asyncio.to_thread(audit, there.settings) == ()
            kinds = [event.kind for event in await asyncio.to_thread(history, there.settings, reference)]
            assert kinds.count("attempt_planned") == 1
            await telephone.click("#seat-off")
            await state(telephone, "off_line")

    asyncio.run(story())


def test_who_declines_is_not_reached_and_without_such_a_page_nobody_is_rung(tmp_path: Path):
    async def story() -> None:
        async with without_trunk(tmp_path) as there, pages_of(there, "ann", tmp_path) as pages:
            telephone = await on_line(pages)
            customer = await pages.context.new_page()
            await customer.goto(phone_address(there.settings))
            await expect(customer.locator("#rung")).to_contain_text("本机在线")

            declined = await there.ticket("ann")
            await there.call(declined, "ann")
            await put_through(telephone)
            await is_now(customer, "ringing")
            await customer.click("#decline")
            assert (await there.ended(declined)).outcome is AttemptOutcome.REJECTED
            await is_now(customer, "ended")

            await customer.click("#call")
            await is_now(customer, "talking")
            await state(telephone, "ready")
            busy = await there.ticket("ann")
            await there.call(busy, "ann")
            await put_through(telephone)
            assert (await there.ended(busy)).outcome is AttemptOutcome.BUSY
            await expect(customer.locator("#telephone")).to_have_attribute("data-state", "talking")
            await customer.click("#hang-up")
            await is_now(customer, "ended")

            await customer.select_option("#caller", ANOTHER)
            await expect(customer.locator("#rung")).to_contain_text("本机在线")
            await state(telephone, "ready")
            nobody = await there.ticket("ann")
            await there.call(nobody, "ann")
            await put_through(telephone)
            ended = await there.ended(nobody)
            assert (ended.outcome, ended.cause) == (AttemptOutcome.NOT_PLACED, "no_page")
            page = await pages.context.new_page()
            await page.goto(address(there.settings, f"/tickets/{nobody}"))
            await expect(page.locator("#tries")).to_contain_text("请先以该号码打开“试打电话”页（/phone），再回拨")

            stranger = await there.ticket("ann", NO_SAMPLE)
            await there.call(stranger, "ann")
            ended = await there.ended(stranger)
            assert (ended.outcome, ended.cause) == (AttemptOutcome.NOT_PLACED, "no_trunk")
            await page.goto(address(there.settings, f"/tickets/{stranger}"))
            await expect(page.locator("#no-trunk")).to_contain_text("不能由线路回拨：请用自己的电话拨打")
            await pages.picture(page, "stranger")

            await customer.set_viewport_size({"width": 390, "height": 844})
            await customer.click("#menu")
            await customer.get_by_text("English", exact=True).click()
            await customer.select_option("#caller", ANOTHER)
            await expect(customer.locator("#rung")).to_have_text("On line: whoever calls this number back rings here.")
            english = await there.ticket("ann", ANOTHER, "en-US")
            await page.set_viewport_size({"width": 390, "height": 844})
            await page.goto(address(there.settings, f"/tickets/{english}"))
            await expect(page.locator("#to-browser")).to_contain_text(
                "calls back ring on the telephone page (/phone). Keep it open with the caller's number."
            )
            await pages.picture(page, "english-ticket")
            await state(telephone, "ready")
            await there.call(english, "ann")
            await put_through(telephone)
            await is_now(customer, "ringing")
            await expect(customer.locator("#decline")).to_have_text(re.compile("Decline"))
            await pages.picture(customer, "english-rings")
            await customer.click("#decline")
            assert (await there.ended(english)).outcome is AttemptOutcome.REJECTED
            await customer.select_option("#caller", "")
            await expect(customer.locator("#rung")).to_have_text("")
            await telephone.click("#seat-off")
            await state(telephone, "off_line")

    asyncio.run(story())
