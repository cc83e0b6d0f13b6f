"""Supervisors', operators' and administrators' pages in a real browser, from a console in a process of its own."""

from __future__ import annotations

import asyncio
import datetime as dt
import functools
import os
import re
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from adapters.storage.accounts import SqlAccountStore
from adapters.storage.tickets import SqlTicketStore
from adapters.storage.versions import VersionStore
from ivr.bootstrap.console import address
from ivr.bootstrap.engine import now
from ivr.bootstrap.line import CONSOLE, ServiceProcess
from ivr.bootstrap.people import at_gate, prepare_desk
from ivr.bootstrap.publishing import publish_first
from ivr.config import Settings
from ivr.core.events import DigitsEntered
from ivr.desk.gate import Gate
from ivr.desk.people import Role
from tests.adapters.telephony.asterisk_line import settings_for
from tests.asterisk.test_phone_in_browser import CHROMIUM, NARROW, PASSWORD, WIDE, Pages, overflow
from tests.contracts.stories import SPEECH, facts, intent
from tests.past_calls import write_call

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="this machine has no Chromium; ask for: apt-get install chromium")

Result = TypeVar("Result")

MINUTE = dt.timedelta(minutes=1)
PEOPLE = {"sue": Role.SUPERVISOR, "otto": Role.OPERATOR, "root": Role.ADMIN, "ann": Role.AGENT, "bo": Role.AGENT}
LENGTH_HEARD = """(place) => new Promise((done) => {
  const audio = document.querySelector(place);
  audio.onloadedmetadata = () => done(audio.duration); audio.onerror = () => done(-1); audio.preload = "auto"; audio.load();
})"""
PAGES = ("/board", "/statement", "/agents", "/closures", "/flows", "/flows/1008611", "/people")


def aside(work: Coroutine[Any, Any, Result]) -> Result:
    """Do it in another thread: in this one, Playwright has a loop of its own."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()


@dataclass
class Site:
    """A line that is told of, and its console."""

    settings: Settings
    tickets: SqlTicketStore

    def leave(self, session: str, caller: str, at: dt.datetime) -> str:
        of = intent(session, caller=caller, at=at)
        kept = facts(of, folder=self.settings.recordings)
        kept.path.parent.mkdir(parents=True, exist_ok=True)
        kept.path.write_bytes(SPEECH)
        return aside(self.tickets.capture(of, kept, at))

    def close(self, reference: str, note: str) -> None:
        ticket = aside(self.tickets.claim(reference, "ann", now()))
        assert ticket is not None
        assert aside(self.tickets.resolve(reference, "ann", ticket.claim_token, note, now()))

    def engine_counts(self, calls: int) -> None:
        self.settings.heartbeat.touch()
        VersionStore(self.settings.versions).tell_live({"pid": 1, "lines": {"1008611": {"calls": {"1": calls}}}})


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    settings = settings_for(tmp_path_factory.mktemp("board"))
    assert prepare_desk(settings)
    for name, role in PEOPLE.items():
        at_gate(settings, functools.partial(_add, name, role))
    publish_first(settings, now, lambda sentence: None)
    tickets = SqlTicketStore.open(settings.store, settings.secrets / "data_key", settings.recordings)
    with asyncio.Runner() as runner:
        console = ServiceProcess(CONSOLE, settings)
        runner.run(console.start())
        try:
            yield Site(settings, tickets)
        finally:
            runner.run(console.stop())
            tickets.close()


async def _add(name: str, role: Role, gate: Gate, store: SqlAccountStore) -> None:
    await gate.add(name, role, PASSWORD, "test")


@pytest.fixture(scope="module")
def chromium(site: Site) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"] if os.geteuid() == 0 else [])
        yield browser
        browser.close()


@pytest.fixture
def pages(chromium: Browser, site: Site, request: pytest.FixtureRequest) -> Iterator[Pages]:
    """A browser that must have nothing to complain of, as large and in the language as the parameter says."""
    size, language = getattr(request, "param", (WIDE, "zh-CN"))
    context = chromium.new_context(viewport=size, locale=language)
    context.set_default_timeout(15_000)
    opened = Pages(context, site.settings)
    yield opened
    context.close()
    assert opened.troubles == []
    assert opened.reports == []


def sign_in(pages: Pages, name: str) -> Page:
    page = pages.new()
    page.goto(address(pages.settings, "/sign-in"))
    page.fill("#name", name)
    page.fill("#password", PASSWORD)
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_contain_text(name)
    return page


def test_a_supervisor_follows_the_board_and_gives_a_ticket_away(pages: Pages, site: Site, tmp_path: Path):
    """What happens appears by itself; the rest is done with the keyboard."""
    session = "a0000000-0000-4000-8000-000000000001"
    page = sign_in(pages, "sue")
    page.goto(address(site.settings, "/board"))
    expect(page.locator("#calls-count")).to_have_text("0")

    write_call(site.settings, session, "1008611@1", now() - MINUTE, DigitsEntered(now(), "5"), caller="13900001008", over=False)
    site.engine_counts(1)
    first = site.leave("s1", "13900001008", now() - 30 * 60 * MINUTE)
    second = site.leave("s2", "13900002001", now())
    expect(page.locator("#calls tbody tr")).to_contain_text("*******1008")
    expect(page.locator("#calls tbody tr")).to_contain_text("leave")
    expect(page.locator("#part-engine")).to_have_text("正常")
    expect(page.locator("#unanswered")).to_have_text("2")
    expect(page.locator("#overdue")).to_have_text("1")
    page.screenshot(path=tmp_path / "board.png", full_page=True)

    assert page.evaluate("(table => table.scrollWidth <= table.parentElement.clientWidth)(document.getElementById('due'))")
    page.focus(f"#due-{first}")
    expect(page.locator("#as-of")).not_to_have_text(page.inner_text("#as-of"))  # the page has looked again
    expect(page.locator(f"#due-{first}")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#assignee")).to_have_text("无人")
    page.focus("#agent")
    page.keyboard.type("bo")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("已改派")
    expect(page.locator("#assignee")).to_have_text("bo")
    page.screenshot(path=tmp_path / "supervise.png", full_page=True)
    page.goto(address(site.settings, "/board"))
    expect(page.locator("#agents tr", has_text="bo")).to_contain_text(first)

    site.close(second, "她已知道 <余额>")
    site.engine_counts(0)
    expect(page.locator("#kept")).to_contain_text("1")
    expect(page.locator("#calls-count")).to_have_text("0")


def test_a_supervisor_looks_at_closures_and_hears_the_message(pages: Pages, site: Site, tmp_path: Path):
    reference = site.leave("s3", "13900002003", now())
    site.close(reference, "<script>window.ran = 1</script> 已短信答复")
    page = sign_in(pages, "sue")
    page.goto(address(site.settings, "/closures"))
    card = page.locator(f"#t{reference}")

    expect(card).to_contain_text("<script>window.ran = 1</script>")
    length = page.evaluate(LENGTH_HEARD, f"#t{reference} audio")
    card.locator("input[name=note]").fill("没有打电话")
    card.get_by_role("button", name="有问题 Wrong", exact=True).click()

    assert length == pytest.approx(4.0, abs=0.1)
    expect(page.locator(f"#t{reference} .look")).to_contain_text("有问题")
    expect(page.locator(f"#t{reference} .look")).to_contain_text("没有打电话")
    page.screenshot(path=tmp_path / "closures.png", full_page=True)


def test_an_operator_sees_todays_calls_on_the_flow(pages: Pages, site: Site, tmp_path: Path):
    for number in range(2, 6):
        session = f"b{number:07}-0000-4000-8000-000000000001"
        write_call(site.settings, session, "1008611@1", now() - MINUTE, DigitsEntered(now(), "2"))
    page = sign_in(pages, "otto")
    page.goto(address(site.settings, "/flows"))
    page.screenshot(path=tmp_path / "flows.png", full_page=True)

    page.get_by_role("link", name="1008611").first.click()
    expect(page.locator(".drawing img")).to_have_js_property("complete", True)
    assert page.evaluate("document.querySelector('.drawing img').naturalWidth") > 500
    page.screenshot(path=tmp_path / "picture.png", full_page=True)
    page.get_by_text("节点与走向").click()
    expect(page.locator("#node-main")).to_contain_text(re.compile(r"→ usage ×\d"))
    page.screenshot(path=tmp_path / "flow.png", full_page=True)
    page.goto(address(site.settings, "/board"))
    expect(page.locator("#due")).to_have_count(0)


@pytest.mark.parametrize("pages", [(NARROW, "zh-CN"), (NARROW, "en-GB"), (WIDE, "en-GB")], indirect=True, ids=str)
def test_every_page_fits_the_screen_in_either_language(pages: Pages, site: Site, tmp_path: Path):
    site.leave("s4", "13900002004", now() - 60 * 60 * MINUTE)
    page = sign_in(pages, "root")
    widths = {}
    for path in PAGES:
        page.goto(address(site.settings, path))
        expect(page.locator("h1")).to_be_visible()
        widths[path] = overflow(page)
        page.screenshot(path=tmp_path / f"{path.strip('/').replace('/', '-')}.png", full_page=True)

    assert widths == dict.fromkeys(PAGES, 0)


@pytest.mark.parametrize("pages", [(WIDE, "zh-CN"), (WIDE, "en-GB")], indirect=True, ids=str)
def test_the_longest_menu_is_one_line_on_a_wide_screen(pages: Pages):
    page = sign_in(pages, "sue")

    entries = page.locator("header nav > *").count()
    height = page.evaluate("document.querySelector('header').offsetHeight")

    assert entries == 12
    assert height < 60


def test_an_administrator_adds_a_person_who_then_signs_in(pages: Pages, site: Site, tmp_path: Path):
    page = sign_in(pages, "root")
    page.goto(address(site.settings, "/people"))
    page.fill("#name", "dai")
    page.select_option("#role", "agent")
    page.get_by_role("button", name="新建 Add").click()
    password = page.inner_text("#password")
    page.screenshot(path=tmp_path / "people.png", full_page=True)
    page.get_by_role("button", name="退出").click()

    page.fill("#name", "dai")
    page.fill("#password", password)
    page.keyboard.press("Enter")

    expect(page.locator("main")).to_contain_text("dai")
    expect(page.get_by_role("link", name="实时看板")).to_have_count(0)
