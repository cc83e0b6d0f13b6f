"""The agents' pages in a real browser on the real console: claimed in a race, heard, closed, with the keyboard, on a telephone's screen."""

from __future__ import annotations

import asyncio
import datetime as dt
import functools
import json
import os
import re
import shutil
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect, sync_playwright

from adapters.backoffice.embedded import EmbeddedBackOffice
from adapters.storage.accounts import SqlAccountStore
from adapters.storage.tickets import SqlTicketStore
from adapters.storage.transcripts import SqlTranscriptStore
from ivr.bootstrap.console import address
from ivr.bootstrap.engine import now
from ivr.bootstrap.line import CONSOLE, ServiceProcess
from ivr.bootstrap.people import at_gate, prepare_desk
from ivr.bootstrap.stores import run_errand
from ivr.calls.ports import (
    Attempt,
    AttemptOutcome,
    AttemptState,
    MessageIntent,
    Ticket,
    Transcript,
    UnansweredCall,
    UnansweredKind,
)
from ivr.calls.times import LINE_ZONE
from ivr.config import Settings
from ivr.desk.gate import Gate
from ivr.desk.people import Role
from tests.adapters.telephony.asterisk_line import settings_for
from tests.contracts.stories import facts

CHROMIUM = shutil.which("chromium")
pytestmark = [
    pytest.mark.asterisk,
    pytest.mark.skipif(CHROMIUM is None, reason="this machine has no Chromium; ask for: apt-get install chromium"),
]

PASSWORD = "correct-horse-7"
WIDE, NARROW = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
Result = TypeVar("Result")
LATE = """(reference) => {
  const form = Object.assign(document.createElement("form"), { method: "post", action: `/tickets/${reference}/claim` });
  form.append(Object.assign(document.createElement("input"), { name: "csrf", value: document.getElementById("ticket").dataset.token }));
  document.body.append(form);
  setTimeout(() => form.submit(), 0);  // after this has been answered: the page goes with it
}"""
MARK = "document.getElementById('state').classList.add('old')"
LOOK = """new Promise((done) => {
  document.addEventListener("htmx:afterOnLoad", () => setTimeout(done, 100), { once: true });  // after the exchange, if there is one
  htmx.trigger("#state", "changed");
})"""
MARKUP = "<img src=x onerror=alert(1)>"


@dataclass
class Pages:
    """Browsers of several people, and everything that went wrong in them."""

    chromium: Browser
    settings: Settings
    size: dict[str, int]
    language: str
    contexts: list[BrowserContext] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)
    reports: list[str] = field(default_factory=list)

    def of(self, name: str) -> Page:
        """A browser in which that person has signed in, at the desk."""
        context = self.chromium.new_context(viewport=self.size, locale=self.language)  # type: ignore[arg-type]
        context.set_default_timeout(20_000)
        self.contexts.append(context)
        page = context.new_page()
        page.on("console", self._said)
        page.on("pageerror", lambda error: self.troubles.append(str(error)))
        page.on("request", lambda request: self.reports.append(request.post_data or "") if "/csp-report" in request.url else None)
        page.goto(address(self.settings, "/sign-in?next=/desk"))
        page.fill("#name", name)
        page.fill("#password", PASSWORD)
        page.keyboard.press("Enter")
        expect(page).to_have_url(address(self.settings, "/desk"))
        return page

    def _said(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.troubles.append(message.text)


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """A console without a line, and two agents."""
    made = settings_for(tmp_path_factory.mktemp("line"))
    made.recordings.mkdir(parents=True)
    assert prepare_desk(made)
    for name, role in (("ann", Role.AGENT), ("bo", Role.AGENT), ("chief", Role.SUPERVISOR)):
        at_gate(made, functools.partial(_add, name, role))
    office = EmbeddedBackOffice(made.var / "backoffice.db", now)
    office.seed()
    office.close()
    with asyncio.Runner() as runner:
        console = ServiceProcess(CONSOLE, made)
        runner.run(console.start())
        try:
            yield made
        finally:
            runner.run(console.stop())


async def _add(name: str, role: Role, gate: Gate, store: SqlAccountStore) -> None:
    await gate.add(name, role, PASSWORD, "test")


@pytest.fixture(scope="module")
def chromium(settings: Settings) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        flags = ["--autoplay-policy=no-user-gesture-required", *(["--no-sandbox"] if os.geteuid() == 0 else [])]
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
        yield browser
        browser.close()


@pytest.fixture
def pages(chromium: Browser, settings: Settings, request: pytest.FixtureRequest) -> Iterator[Pages]:
    """Browsers that must have nothing to complain of, as large and in the language as the parameter says."""
    size, language = getattr(request, "param", (WIDE, "zh-CN"))
    opened = Pages(chromium, settings, size, language)
    yield opened
    for context in opened.contexts:
        context.close()
    assert opened.troubles == []
    assert opened.reports == []


def errand(settings: Settings, work: Callable[[SqlTicketStore], Awaitable[Result]]) -> Result:
    """Do it with the store, in a thread: this one has the browser's loop."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(run_errand, settings, work).result()


# --- what callers have left ---------------------------------------------------------------------------------------


def speech(settings: Settings, prompts: int = 12) -> bytes:
    """Somebody who speaks for a while: prompts of the line, one after the other."""
    folder = settings.home / "prompts" / "audio" / "zh-CN"
    longest = sorted(folder.glob("*.alaw"), key=lambda path: (-path.stat().st_size, path.name))
    return b"".join(path.read_bytes() for path in longest[:prompts])


def leave(settings: Settings, session: str, caller: str, *, topic: str = "callback", minutes_ago: int = 5, words: str = "") -> str:
    """A message that somebody left so long ago; the reference of its ticket."""
    at = now() - dt.timedelta(minutes=minutes_ago)
    of = MessageIntent(session, "leave", 1, caller, "1008611", topic, "zh-CN", at)
    audio = speech(settings)

    async def capture(store: SqlTicketStore) -> str:
        of_message = facts(of, audio, settings.recordings)
        of_message.path.write_bytes(audio)
        reference = await store.capture(of, of_message, at)
        if words:
            await transcribe(settings, store, words)
        return reference

    return errand(settings, capture)


async def transcribe(settings: Settings, store: SqlTicketStore, words: str) -> None:
    transcripts = SqlTranscriptStore(store.database, store.key, settings.recordings)
    while message := await transcripts.take(now(), None):
        await transcripts.keep(message, Transcript(words, "zh-CN", 0.82, "whisper"), now())


def call_again(settings: Settings, session: str, caller: str, topic: str = "callback") -> None:
    call = UnansweredCall(session, UnansweredKind.BUSY, caller, "1008611", "zh-CN", now(), topic)
    errand(settings, lambda store: store.record_unanswered(call, now()))


def ticket_of(settings: Settings, reference: str) -> Ticket:
    found = errand(settings, lambda store: store.ticket(reference))
    assert found is not None
    return found


def write_journal(settings: Settings, session: str) -> None:
    """The call as the engine writes it down."""
    at = now().astimezone(dt.UTC)
    folder = settings.var / "journal"
    folder.mkdir(exist_ok=True)
    enter = {"type": "NodeEntered", "node": "main", "mark": "flows/1008611.yaml:60:3"}
    entries = (
        {"event": {"type": "CallStarted", "caller_id": "*******1008", "dialled": "1008611"}, "notes": [enter], "command": {}},
        {"event": {"type": "DigitsEntered", "digits": "5"}, "notes": [{**enter, "node": "leave"}], "command": {}},
        {"event": {"type": "CallerHungUp"}, "notes": []},
        {"disposition": "ticket_opened"},
    )
    with (folder / f"{at:%Y-%m-%d}.jsonl").open("a", encoding="utf-8") as file:
        for second, entry in enumerate(entries):
            line = {"session": session, "at": (at + dt.timedelta(seconds=4 * second)).isoformat(), **entry}
            file.write(json.dumps(line, ensure_ascii=False) + "\n")


def ready(page: Page, path: str) -> None:
    """That page is there and listens to its keys."""
    expect(page).to_have_url(re.compile(re.escape(path) + "$"))
    expect(page.locator("html[data-keys=ready]")).to_be_attached()


def overflow(page: Page) -> int:
    """By how many pixels the page is wider than the window."""
    return int(page.evaluate("document.documentElement.scrollWidth - innerWidth"))


def by_day() -> bool:
    """Whether people may be called just now: the list is the same at night, and the one who is next is not."""
    return 8 <= now().astimezone(LINE_ZONE).hour < 21


def facts_of(settings: Settings) -> list[tuple[str, str, str]]:
    """What was written down, the oldest first."""
    with ThreadPoolExecutor(1) as thread:
        told = thread.submit(at_gate, settings, lambda gate, store: store.facts()).result()
    return [(fact.actor, fact.action.value, fact.subject) for fact in reversed(told)]


# --- stories ------------------------------------------------------------------------------------------------------


def test_two_agents_want_the_same_ticket_and_one_calls_back_and_closes_it(pages: Pages, tmp_path: Path):
    """Mr Pan's message: seen, claimed in a race, heard, answered, and seen to go by everybody."""
    settings = pages.settings
    write_journal(settings, "pan")
    other = leave(settings, "other", "13900001003", topic=MARKUP, minutes_ago=3)
    pan = leave(settings, "pan", "13900001008", words=f"你好，我想问一下我的话费 {MARKUP}")
    call_again(settings, "pan-2", "13900001008")
    ann, bo = pages.of("ann"), pages.of("bo")
    expect(ann.locator(f"[data-reference='{pan}']")).to_contain_text("多次来电")
    expect(ann.locator(f"[data-reference='{pan}']")).to_contain_text("139****1008")
    expect(ann.locator(f"[data-reference='{other}']")).to_contain_text(MARKUP)
    ann.screenshot(path=tmp_path / "list.png", full_page=True)
    assert [row.get_attribute("data-reference") for row in ann.locator(".ticket").all()] == [pan, other]

    bo.click(f"[data-reference='{pan}'] a")
    expect(bo.locator(".number")).to_have_text("139****1008")
    expect(bo.locator("#messages")).to_have_count(0)
    bo.screenshot(path=tmp_path / "unclaimed.png", full_page=True)
    ann.click(f"[data-reference='{pan}'] a")
    ready(ann, f"/tickets/{pan}")
    ann.keyboard.press("c")
    expect(ann.locator(".number")).to_have_text("13900001008")
    expect(bo.locator(".standing")).to_contain_text("ann", timeout=4000)  # by itself
    bo.evaluate(LATE, pan)  # a claim that was under way when the colleague's arrived
    expect(bo.locator(".told[role=status]")).to_contain_text("同事抢先一步")
    expect(bo.locator(".standing")).to_contain_text("ann")
    bo.screenshot(path=tmp_path / "taken.png", full_page=True)

    expect(ann.locator("blockquote")).to_contain_text(f"我的话费 {MARKUP}")
    expect(ann.locator(".path")).to_contain_text("用户按 5")
    expect(ann.locator("#account-title + div")).to_contain_text("35.62元")
    ann.locator(".player [data-do=play]").click()
    expect(ann.locator(".player")).to_have_attribute("data-state", "playing")
    expect(ann.locator(".position")).to_have_text(re.compile("0:(0[1-9]|[1-9][0-9]) / "), timeout=20_000)
    ann.keyboard.press("3")
    expect(ann.locator("[data-speed='1.5']")).to_have_attribute("aria-pressed", "true")
    ann.keyboard.press("ArrowRight")
    ann.screenshot(path=tmp_path / "claimed.png", full_page=True)
    ann.evaluate("document.activeElement.blur()")
    ann.keyboard.press(" ")
    expect(ann.locator(".player")).to_have_attribute("data-state", "paused")
    assert ann.evaluate("document.querySelector('.player').sound.currentTime") > 5  # from the second on that was heard
    assert overflow(ann) == 0

    ann.keyboard.press("x")
    ann.keyboard.type("已告知余额，用户满意。")
    ann.click("#close button")
    assert ann.evaluate("document.activeElement.name") == "outcome"  # what is missing
    ann.keyboard.press("Space")
    ann.click("#close button")
    expect(ann.locator(".told[role=status]")).to_contain_text("工单已办结")
    expect(bo.locator(".standing")).to_contain_text("已经办结")

    closed = ticket_of(settings, pan)
    assert (closed.state, closed.note, closed.assignee) == ("resolved", "已告知余额，用户满意。", "ann")
    told = facts_of(settings)
    assert ("ann", "looked_at", f"ticket {pan}") in told
    assert ("ann", "listened", f"ticket {pan} message 1") in told
    assert [one for one in told if one[0] == "bo" and one[1] in ("looked_at", "listened")] == []
    errand(settings, lambda store: store.claim(other, "gone", now()))


def test_the_list_follows_what_others_do_and_the_keyboard_is_enough(pages: Pages, tmp_path: Path):
    settings = pages.settings
    ann = pages.of("ann")
    before = ann.locator("#tickets .ticket").count()
    first = leave(settings, "keys-1", "13900001001", minutes_ago=50)
    expect(ann.locator("#tickets .ticket")).to_have_count(before + 1, timeout=4000)
    second = leave(settings, "keys-2", "13900001002", minutes_ago=40)
    expect(ann.locator(f"[data-reference='{second}']")).to_be_visible(timeout=4000)

    errand(settings, lambda store: store.claim(second, "bo", now()))
    expect(ann.locator(f"[data-reference='{second}']")).to_have_count(0, timeout=4000)

    ready(ann, "/desk")
    ann.keyboard.press("?")
    expect(ann.locator("#keys")).to_be_visible()
    ann.screenshot(path=tmp_path / "keys.png")
    ann.keyboard.press("Escape")
    expect(ann.locator("#keys")).to_be_hidden()
    for _ in range(ann.locator(".ticket").count()):
        ann.keyboard.press("j")
        if ann.evaluate("document.activeElement.parentElement.dataset.reference") == first:
            break
    focused = ann.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert focused != "none"
    ann.keyboard.press("Enter")
    ready(ann, f"/tickets/{first}")
    ann.keyboard.press("c")
    expect(ann.locator("#state")).to_have_attribute("data-hold", "mine")
    ready(ann, f"/tickets/{first}")

    ann.keyboard.press("d")
    expect(ann.locator(".attempt, .told[role=status]").first).to_be_visible()
    ann.screenshot(path=tmp_path / "calling.png", full_page=True)
    if by_day():
        expect(ann.locator(".attempt")).to_contain_text("请用自己的电话回拨", timeout=60_000)  # no engine runs here to place it
    expect(ann.locator("[data-key=r]")).to_be_enabled(timeout=60_000)
    ann.keyboard.press("h")
    ann.keyboard.type("bo")
    ann.keyboard.press("Tab")
    ann.keyboard.press("Enter")
    expect(ann.locator(".told[role=status]")).to_contain_text("工单已转交同事")
    assert ticket_of(settings, first).assignee == "bo"


def claims(pages: Pages, page: Page, reference: str) -> None:
    """Open the ticket and take it, with a key; all of it is there then."""
    page.goto(address(pages.settings, f"/tickets/{reference}"))
    ready(page, f"/tickets/{reference}")
    page.keyboard.press("c")
    expect(page.locator("#account-title + div dl")).to_be_visible()


def test_an_agent_whose_claim_is_lost_keeps_the_words_that_were_typed(pages: Pages):
    settings = pages.settings
    reference = leave(settings, "lost", "13900001004")
    ann = pages.of("ann")
    claims(pages, ann, reference)
    ann.locator("#note").fill("刚写到一半")

    errand(settings, lambda store: store.reassign(reference, "chief", "bo", now()))

    expect(ann.locator("#lost")).to_be_visible(timeout=5000)
    expect(ann.locator("#note")).to_have_value("刚写到一半")
    expect(ann.locator("#close button")).to_be_disabled()


def test_who_closes_without_having_played_the_message_is_asked_once(pages: Pages, tmp_path: Path):
    settings = pages.settings
    reference = leave(settings, "unplayed", "13900001006", words="请回电")
    ann = pages.of("ann")
    claims(pages, ann, reference)
    ann.locator("#note").fill("已用自己的电话答复")
    ann.locator("#close [value=answered]").check()

    ann.click("#close button")

    expect(ann.locator("#unheard")).to_contain_text("有留言还没有听过")
    ann.screenshot(path=tmp_path / "unheard.png", full_page=True)
    assert ticket_of(settings, reference).state == "claimed"
    ann.click("#close button")
    expect(ann.locator(".told[role=status]")).to_contain_text("工单已办结")
    assert ticket_of(settings, reference).note == "已用自己的电话答复"


def test_after_a_talk_the_outcome_is_chosen_by_itself_and_a_choice_is_left_alone(pages: Pages):
    settings = pages.settings
    ann, bo = pages.of("ann"), pages.of("bo")

    def talked(key: str, caller: str, choice: str = "") -> None:
        reference = leave(settings, key, caller)
        claims(pages, ann, reference)
        assert ann.locator("#close [name=outcome]:checked").count() == 0
        if choice:
            ann.locator(f"#close [value={choice}]").check()
        bo.goto(address(settings, f"/tickets/{reference}"))
        ready(bo, f"/tickets/{reference}")
        errand(settings, lambda store: talk(store, reference))
        expect(ann.locator(".attempt.answered")).to_be_visible(timeout=5000)
        expect(bo.locator(".attempt.answered")).to_be_visible(timeout=5000)

    talked("talked-1", "13900001007")
    expect(ann.locator("#close [value=answered]")).to_be_checked()
    talked("talked-2", "13900001009", "not_needed")
    expect(ann.locator("#close [value=not_needed]")).to_be_checked()


async def talk(store: SqlTicketStore, reference: str) -> None:
    """A call back of half a minute, as the engine keeps it."""
    token = (await store.ticket(reference)).claim_token
    attempt = await store.begin_attempt(reference, "ann", token, now())
    assert isinstance(attempt, Attempt)
    await store.attempt_went_on(attempt.channel_id, AttemptState.SENT, now())
    assert await store.attempt_ended(attempt.channel_id, AttemptOutcome.ANSWERED, now(), bridged=dt.timedelta(seconds=30))


def test_a_new_message_and_its_words_appear_by_themselves(pages: Pages):
    settings = pages.settings
    reference = leave(settings, "more-1", "13900001005", topic="billing")
    ann = pages.of("ann")
    ann.goto(address(settings, f"/tickets/{reference}"))
    ready(ann, f"/tickets/{reference}")
    ann.keyboard.press("c")
    expect(ann.locator(".message")).to_have_count(1)

    leave(settings, "more-2", "13900001005", topic="billing", minutes_ago=0, words="还有一件事")

    expect(ann.locator(".message")).to_have_count(2, timeout=6000)
    expect(ann.locator("blockquote").last).to_have_text("还有一件事")
    expect(ann.locator("#state")).to_contain_text("用户又留了新言")
    ann.keyboard.press("c")
    expect(ann.locator("#state")).not_to_contain_text("用户又留了新言")
    assert ticket_of(settings, reference).heard == 2


def test_a_page_that_looks_again_takes_neither_the_focus_nor_a_click_away(pages: Pages):
    """As when one comes back to its window with a click."""
    settings = pages.settings
    reference = leave(settings, "click", "13900001006", topic="click")
    ann = pages.of("ann")
    ann.goto(address(settings, f"/tickets/{reference}"))
    ready(ann, f"/tickets/{reference}")
    ann.focus("#do-claim")
    ann.evaluate(MARK)

    ann.evaluate("dispatchEvent(new Event('focus'))")
    expect(ann.locator("#state.old")).to_have_count(0)
    expect(ann.locator("#do-claim")).to_be_focused()

    ann.evaluate(MARK)
    ann.hover("#do-claim")
    ann.mouse.down()
    ann.evaluate(LOOK)
    expect(ann.locator("#state.old")).to_have_count(1)  # the answer has come, and waits for the hand
    ann.mouse.move(0, 0)
    ann.mouse.up()
    expect(ann.locator("#state.old")).to_have_count(0)  # let go of elsewhere: then it is looked at again

    ann.hover("#do-claim")
    ann.mouse.down()
    ann.evaluate(LOOK)
    ann.mouse.up()
    expect(ann.locator("#state")).to_have_attribute("data-hold", "mine")


@pytest.mark.parametrize("pages", [(NARROW, "zh-CN"), (NARROW, "en-GB")], indirect=True, ids=["Mandarin", "English"])
def test_every_page_of_the_desk_fits_a_narrow_screen(pages: Pages, tmp_path: Path):
    settings = pages.settings
    session = f"narrow-{pages.language}"
    write_journal(settings, session)
    reference = leave(settings, session, "13900001009", topic=session, minutes_ago=200, words="你好")
    ann = pages.of("ann")
    widths = [overflow(ann)]
    ann.screenshot(path=tmp_path / "narrow-list.png", full_page=True)
    ann.goto(address(settings, f"/tickets/{reference}"))
    widths.append(overflow(ann))
    ann.click("[data-key=c]")
    expect(ann.locator("#account-title + div dl")).to_be_visible()
    expect(ann.locator(".path")).to_be_visible()
    widths.append(overflow(ann))
    ann.screenshot(path=tmp_path / "narrow-ticket.png", full_page=True)
    expect(ann.locator("header nav")).to_be_hidden()
    ann.locator("#menu").focus()
    ann.keyboard.press("Enter")
    expect(ann.locator("header nav")).to_be_visible()
    ann.keyboard.press("Escape")
    expect(ann.locator("header nav")).to_be_hidden()
    ann.keyboard.press("Enter")
    ann.screenshot(path=tmp_path / "narrow-menu.png")
    widths.append(overflow(ann))

    assert widths == [0, 0, 0, 0]
    assert [place.get_attribute("href") for place in ann.locator("header nav a:visible").all()][:2] == ["/phone", "/desk"]
    first = "这张工单由您处理。" if pages.language == "zh-CN" else "This ticket is yours."
    assert ann.inner_text(".standing").startswith(first)
