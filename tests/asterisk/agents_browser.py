"""An agent's browser: several tabs of one person, what went wrong in them, and the telephone of a seat in one of them."""

from __future__ import annotations

import contextlib
import re
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from playwright.async_api import BrowserContext, ConsoleMessage, Page, async_playwright, expect

from adapters.speech.audio import from_alaw
from adapters.telephony.sip_leg import SipLeg
from ivr.bootstrap.console import address
from tests.asterisk.calling_back import Office

CHROMIUM = shutil.which("chromium")
PASSWORD = "correct-horse-7"
FLAGS = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream", "--allow-loopback-in-peer-connection"]
AUDIBLE = re.compile(r"0\.(?:0[3-9]|[1-9])|1")
PATIENCE = 30_000  # milliseconds


@dataclass
class Pages:
    """The tabs of one person's browser, and everything that went wrong in them."""

    there: Office
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
async def pages_of(there: Office, name: str, folder: Path) -> AsyncIterator[Pages]:
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
