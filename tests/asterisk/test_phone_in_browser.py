"""The console in a real browser on a real line: people sign in, and a call is placed, heard, and followed on the page."""

from __future__ import annotations

import asyncio
import functools
import http.server
import os
import shutil
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect, sync_playwright

from adapters.storage.accounts import SqlAccountStore
from ivr.bootstrap.console import address, phone_address
from ivr.bootstrap.engine import now
from ivr.bootstrap.line import Line
from ivr.bootstrap.people import FIRST_ADMIN, at_gate, prepare_desk
from ivr.config import Settings
from ivr.desk.gate import LOCKED_FOR, MOST_TRIES, Gate
from ivr.desk.people import Role
from tests.adapters.telephony.asterisk_line import asterisk_program, settings_for

CHROMIUM = shutil.which("chromium")
pytestmark = [
    pytest.mark.asterisk,
    pytest.mark.skipif(CHROMIUM is None, reason="this machine has no Chromium; ask for: apt-get install chromium"),
]

PASSWORD = "correct-horse-7"
FLAGS = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream", "--allow-loopback-in-peer-connection"]
WIDE, NARROW = {"width": 1280, "height": 900}, {"width": 390, "height": 844}


@dataclass
class Pages:
    """One browser of one person, and everything that went wrong in it."""

    context: BrowserContext
    settings: Settings
    troubles: list[str] = field(default_factory=list)
    reports: list[str] = field(default_factory=list)

    def new(self) -> Page:
        page = self.context.new_page()
        page.on("console", self._said)
        page.on("pageerror", lambda error: self.troubles.append(str(error)))
        page.on("request", lambda request: self.reports.append(request.post_data or "") if "/csp-report" in request.url else None)
        return page

    def _said(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.troubles.append(message.text)


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """A line with its console, and people who may sign in."""
    made = settings_for(tmp_path_factory.mktemp("line"))
    assert prepare_desk(made)
    for name, role in (("ann", Role.AGENT), ("locked", Role.AGENT)):
        at_gate(made, functools.partial(_add, name, role))
    at_gate(made, lambda gate, store: gate.set_password(FIRST_ADMIN, PASSWORD, "test"))
    at_gate(made, _nine_tries)
    with asyncio.Runner() as runner:
        line = Line(made, asterisk=asterisk_program(), console=True)
        runner.run(line.start())
        try:
            yield made
        finally:
            runner.run(line.stop())


async def _add(name: str, role: Role, gate: Gate, store: SqlAccountStore) -> None:
    await gate.add(name, role, PASSWORD, "test")


@pytest.fixture(scope="module")
def chromium(settings: Settings) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        flags = [*FLAGS, *(["--no-sandbox"] if os.geteuid() == 0 else [])]
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
        yield browser
        browser.close()


@pytest.fixture
def pages(chromium: Browser, settings: Settings, request: pytest.FixtureRequest) -> Iterator[Pages]:
    """A browser that must have nothing to complain of, as large and in the language as the parameter says."""
    size, language = getattr(request, "param", (WIDE, "zh-CN"))
    context = chromium.new_context(viewport=size, locale=language)
    context.set_default_timeout(15_000)
    opened = Pages(context, settings)
    yield opened
    context.close()
    assert opened.troubles == []
    assert opened.reports == []


def call(page: Page) -> None:
    page.click("#call")
    expect(page.locator("#telephone[data-state=talking]")).to_be_visible(timeout=15_000)


def overflow(page: Page) -> int:
    """By how many pixels the page is wider than the window."""
    return int(page.evaluate("document.scrollingElement.scrollWidth - window.innerWidth"))


@pytest.mark.parametrize("pages", [(WIDE, "zh-CN"), (NARROW, "en-GB")], indirect=True, ids=["wide, Mandarin", "narrow, English"])
def test_a_call_is_placed_heard_and_followed(pages: Pages, tmp_path: Path):
    page = pages.new()
    page.goto(phone_address(pages.settings))
    assert page.url == address(pages.settings, "/phone")  # the key does not stay in the address

    call(page)
    expect(page.locator("#node")).to_have_text("main")
    said = page.locator("#trace .says .said")
    expect(said.first).to_contain_text("您的账户余额是〔金额〕")
    expect(page.locator("#trace .answer .took")).to_contain_text("毫秒" if page.locator("html[lang=zh-CN]").count() else "ms")
    page.wait_for_timeout(1500)
    heard = float(page.get_attribute("#level", "data-peak") or 0)

    page.click("#keypad [data-key='2']")
    expect(page.locator("#trace .caller").first).to_contain_text("用户按 2")
    expect(page.locator("#trace .node", has_text="usage")).to_contain_text("flows/1008611.yaml:")
    expect(said.last).to_contain_text("本月已用流量〔流量〕")
    page.keyboard.press("5")
    expect(page.locator("#node")).to_have_text("leave")
    page.click("#mute")
    expect(page.locator("#mute")).to_have_attribute("aria-pressed", "true")
    expect(page.locator("#pressed")).to_have_text("25")
    page.screenshot(path=tmp_path / "phone.png", full_page=True)
    sideways = overflow(page)
    page.click("#hang-up")
    expect(page.locator("#trace .over")).to_be_visible()
    expect(page.locator("#telephone")).to_have_attribute("data-state", "ended")

    assert heard > 0.1
    assert sideways <= 0
    assert "13900001008" not in page.inner_text("#trace")
    assert "*******1008" in page.inner_text("#trace")


def test_who_has_no_microphone_hears_and_presses_keys_all_the_same(pages: Pages):
    page = pages.new()
    page.add_init_script("navigator.mediaDevices.getUserMedia = () => Promise.reject(new Error('none'))")
    page.goto(phone_address(pages.settings))
    page.select_option("#caller", "13900001009")

    call(page)

    expect(page.locator("#note")).to_contain_text("没有麦克风")
    expect(page.locator("#trace .call")).to_contain_text("*******1009 拨打 1008611")
    expect(page.locator("#trace .said").first).to_contain_text("Your balance is [money]")
    page.keyboard.press("0")
    expect(page.locator("#trace .caller").first).to_contain_text("用户按 0")
    page.click("#hang-up")
    expect(page.locator("#trace .over")).to_be_visible()


def test_a_person_signs_in_is_told_of_a_wrong_password_and_signs_out(pages: Pages):
    page = pages.new()
    page.goto(address(pages.settings))
    page.keyboard.type("ann")
    page.keyboard.press("Tab")
    page.keyboard.type("wrong password")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("用户名或密码不正确")
    pages.troubles.clear()  # Chromium tells of the status 401

    page.fill("#name", "ann")
    page.fill("#password", PASSWORD)
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_contain_text("ann")
    page.goto(address(pages.settings, "/phone"))  # whoever has signed in needs no link
    expect(page.locator("#call")).to_be_enabled()
    page.get_by_role("button", name="退出").click()
    expect(page).to_have_url(address(pages.settings, "/sign-in"))


def test_ten_wrong_passwords_lock_out(pages: Pages):
    """Nine were tried before."""
    page = pages.new()
    told = []
    for password in ("wrong password", PASSWORD):
        page.goto(address(pages.settings, "/sign-in"))
        page.fill("#name", "locked")
        page.fill("#password", password)
        page.keyboard.press("Enter")
        expect(page.get_by_role("alert")).to_be_visible()
        told.append(page.get_by_role("alert").inner_text())

    assert "用户名或密码不正确" in told[0]
    assert "密码错误次数过多" in told[1]
    pages.troubles.clear()  # Chromium tells of the statuses 401 and 429


async def _nine_tries(gate: Gate, store: SqlAccountStore) -> None:
    for _ in range(MOST_TRIES - 1):
        await store.try_sign_in("locked", now(), MOST_TRIES, LOCKED_FOR)


@pytest.mark.parametrize("pages", [(NARROW, "zh-CN"), (NARROW, "en-GB")], indirect=True, ids=["Mandarin", "English"])
def test_every_page_fits_a_narrow_screen(pages: Pages):
    page = pages.new()
    page.goto(address(pages.settings, "/sign-in"))
    widths = [overflow(page)]
    page.fill("#name", FIRST_ADMIN)
    page.fill("#password", PASSWORD)
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_contain_text(FIRST_ADMIN)
    for path in ("/", "/account", "/facts", "/phone"):
        page.goto(address(pages.settings, path))
        widths.append(overflow(page))

    assert widths == [0] * 5


def test_a_script_in_a_page_does_not_run_and_is_reported(pages: Pages):
    page = pages.new()
    page.goto(address(pages.settings, "/sign-in"))

    page.evaluate("document.body.append(Object.assign(document.createElement('script'), {textContent: 'window.ran = 1'}))")
    page.wait_for_timeout(300)

    assert page.evaluate("window.ran") is None
    assert len(pages.reports) == 1
    assert "script-src" in pages.reports[0] or "default-src" in pages.reports[0]
    pages.reports.clear()
    pages.troubles.clear()


FOREIGN = """<!doctype html><title>elsewhere</title><script>
const here = "127.0.0.1:%d", asterisk = "127.0.0.1:%d";
const socket = (address) => new Promise((done) => {
  const way = new WebSocket(address, "sip"); way.onopen = () => done("open"); way.onerror = () => done("refused");
});
const post = () => fetch(`http://${here}/phone/calls`, {method: "POST", credentials: "include", mode: "no-cors",
  body: new URLSearchParams({caller: "13900001008"})}).then(() => "sent", () => "refused");
const read = () => fetch(`http://${here}/phone`, {credentials: "include"}).then((one) => one.text(), () => "refused");
const frame = () => new Promise((done) => {
  const one = document.createElement("iframe"); one.onload = () => done(one.contentDocument ? "seen" : "closed");
  one.src = `http://${here}/phone`; document.body.append(one);
});
addEventListener("load", async () => {
  const found = [await socket(`ws://${here}/phone/sip`), await socket(`ws://${asterisk}/ws`), await post(), await read(), await frame()];
  document.title = JSON.stringify(found);
});
</script><body></body>"""


def test_a_page_of_another_origin_places_no_call_in_a_browser_that_may(chromium: Browser, settings: Settings, tmp_path: Path):
    """It is as near as can be: another port of the same host, to which the browser sends our cookies."""
    (tmp_path / "index.html").write_text(FOREIGN % (settings.console_port, settings.ws_port), encoding="utf-8")
    serve = functools.partial(_Quiet, directory=str(tmp_path))
    before = set(settings.browser_calls.iterdir())
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), serve) as elsewhere:
        threading.Thread(target=elsewhere.serve_forever, daemon=True).start()
        context = chromium.new_context()
        page = context.new_page()
        page.goto(phone_address(settings))  # this browser may place calls

        page.goto(f"http://127.0.0.1:{elsewhere.server_address[1]}/index.html")
        expect(page).not_to_have_title("elsewhere")

        assert page.title() == '["refused","refused","refused","refused","closed"]'
        assert set(settings.browser_calls.iterdir()) == before
        context.close()
        elsewhere.shutdown()


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *arguments: object) -> None:
        """Nothing."""
