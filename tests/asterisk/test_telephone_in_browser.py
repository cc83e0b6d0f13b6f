"""The telephone of a seat in a real browser: it goes on line, rings, is picked up by key, and the agent is put through to the customer."""

from __future__ import annotations

import asyncio
import re
import shutil
import time
from pathlib import Path

import pytest
from playwright.async_api import ConsoleMessage, async_playwright, expect

from ivr.bootstrap.console import address
from ivr.calls.ports import AttemptOutcome, AttemptState
from tests.adapters.telephony.asterisk_line import tone
from tests.asterisk.calling_back import calling_back

CHROMIUM = shutil.which("chromium")
pytestmark = [
    pytest.mark.asterisk,
    pytest.mark.skipif(CHROMIUM is None, reason="this machine has no Chromium; ask for: apt-get install chromium"),
]

PASSWORD = "correct-horse-7"
FLAGS = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream", "--allow-loopback-in-peer-connection"]
AUDIBLE = re.compile(r"0\.(?:0[3-9]|[1-9])|1")
PATIENCE = 30_000  # milliseconds


def test_an_agent_at_the_page_is_rung_presses_1_and_talks_to_the_customer(tmp_path: Path):
    troubles: list[str] = []

    def said(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            troubles.append(message.text)

    async def story() -> None:
        async with calling_back(tmp_path, console=True) as there, async_playwright() as playwright:
            await there.person("ann", PASSWORD)
            browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=[*FLAGS, "--no-sandbox"])
            page = await browser.new_page(locale="zh-CN")
            page.on("console", said)
            page.on("pageerror", lambda error: troubles.append(str(error)))
            page.on("request", lambda request: troubles.append("CSP") if "/csp-report" in request.url else None)
            await page.goto(address(there.settings, "/sign-in?next=/desk/telephone"))
            await page.fill("input[name=name]", "ann")
            await page.fill("input[name=password]", PASSWORD)
            await page.press("input[name=password]", "Enter")
            seat = page.locator("#seat")
            await page.click("#seat-on")
            await expect(seat).to_have_attribute("data-state", "ready", timeout=PATIENCE)

            reference = await there.ticket("ann")
            await there.call(reference, "ann")
            await expect(seat).to_have_attribute("data-state", "ringing", timeout=PATIENCE)
            await page.screenshot(path=tmp_path / "ringing.png", full_page=True)
            await page.keyboard.press("Enter")
            await expect(seat).to_have_attribute("data-state", "talking", timeout=PATIENCE)
            await expect(page.locator("#seat-level")).to_have_attribute("data-peak", AUDIBLE, timeout=PATIENCE)
            await page.keyboard.press("1")
            customer = await there.customer.answer()
            await there.reached(reference, AttemptState.BRIDGED)
            await customer.wait_voice(after=time.monotonic())  # the browser's microphone here is one that beeps
            await page.evaluate("document.getElementById('seat-level').dataset.peak = '0'")
            customer.say(tone(1.0, hertz=300))
            await expect(page.locator("#seat-level")).to_have_attribute("data-peak", AUDIBLE, timeout=PATIENCE)
            await page.keyboard.press("h")
            await customer.wait_ended()
            ended = await there.ended(reference)

            assert ended.outcome is AttemptOutcome.DROPPED
            await expect(seat).to_have_attribute("data-state", "ready", timeout=PATIENCE)
            await page.click("#seat-off")
            await expect(seat).to_have_attribute("data-state", "off_line")
            assert troubles == []
            await browser.close()

    asyncio.run(story())
