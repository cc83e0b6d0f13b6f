"""Published lines as operators see them: versions, figures of today, and the flow with today's traffic on it."""

from __future__ import annotations

import asyncio
import datetime as dt
import re
from pathlib import Path

import pytest

from adapters.console.flows import start_of
from adapters.storage.versions import VersionStore
from ivr.bootstrap.flow_pictures import TodaysTraffic
from ivr.bootstrap.publishing import publish_first
from ivr.calls.versions import Service
from ivr.core.events import DigitsEntered
from tests.adapters.console.desk import NOON, Desk
from tests.adapters.console.test_board import shown, supervisor
from tests.past_calls import write_call

MINUTE = dt.timedelta(minutes=1)


def session(number: int) -> str:
    return f"{number:08x}-0000-4000-8000-000000000001"


@pytest.fixture
def published(there: Desk) -> Desk:
    """A line with two versions that differ in nothing but their number, the second on trial; four calls of today, one of yesterday."""
    publish_first(there.settings, there.clock, lambda sentence: None)
    store = VersionStore(there.settings.versions)
    first = store.version("1008611", 1)
    with store.draft({str(path.relative_to(first.folder)): path.read_bytes() for path in _files(first.folder)}) as draft, store.locked():
        store.keep(draft, "1008611", at=there.clock.now, note="<b>bold</b>", digest="other", checked="linted: 0 errors; proved: every way")
        store.serve("1008611", Service(1).trying(2, 10))
    begun = NOON - 30 * MINUTE
    for number, keys in enumerate(("2", "2", "5"), start=1):
        write_call(there.settings, session(number), "1008611@1", begun, DigitsEntered(begun, keys))
    write_call(there.settings, session(4), "1008611@2", begun, DigitsEntered(begun, "2"))
    write_call(there.settings, session(5), "1008611@1", begun - dt.timedelta(days=1), DigitsEntered(begun, "2"))
    return there


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and path.name != "version.json"]


def station(html: str, node: str) -> str:
    found = re.search(rf'<tr id="node-{node}">(.*?)</tr>', html, re.S)
    assert found is not None, node
    return " ".join(re.sub(r"<[^>]+>", " ", found[1]).split())


def test_the_lines_are_listed_with_who_meets_which_version(published: Desk):
    status, html = supervisor(published, "operator").open("/flows")

    assert status == 200
    cells = [" ".join(re.sub(r"<[^>]+>", " ", row).split()) for row in re.findall(r"<tr.*?</tr>", html, re.S)]
    assert any(row.startswith("2 10 % 的来电 2026-03-05 20:00 1 ") for row in cells)
    assert any(row.startswith("1 90 % 的来电 2026-03-05 20:00 3 ") for row in cells)


def test_a_call_counts_on_the_version_that_it_used_and_on_its_day(published: Desk):
    browser = supervisor(published, "operator")

    _, first = browser.open("/flows/1008611?version=1")
    _, second = browser.open("/flows/1008611?version=2")

    assert (shown(first, "calls"), shown(second, "calls")) == ("3", "1")
    assert re.search(r"→ usage ×2\b", station(first, "main"))
    assert re.search(r"→ usage ×1\b", station(second, "main"))
    assert re.search(r"→ leave ×1\b", station(first, "main"))
    assert "flows/1008611.yaml:" in station(first, "usage")
    assert "linted, neither tested nor proved" in first
    assert "<li>proved: every way</li>" in second
    assert "&lt;b&gt;bold&lt;/b&gt;" in second


def test_a_new_call_is_counted_once_more_when_the_picture_is_old(published: Desk):
    browser = supervisor(published, "operator")
    browser.open("/flows/1008611?version=1")
    write_call(published.settings, session(6), "1008611@1", NOON, DigitsEntered(NOON, "2"))
    published.clock.pass_(seconds=30)

    _, html = browser.open("/flows/1008611?version=1")

    assert shown(html, "calls") == "4"
    assert re.search(r"→ usage ×3\b", station(html, "main"))


def test_the_picture_is_an_image_of_our_own(published: Desk):
    browser = supervisor(published, "operator")

    _, html = browser.open("/flows/1008611")
    answer = browser.client.get("/flows/1008611/1/picture")

    assert '<img src="/flows/1008611/1/picture"' in html
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/svg+xml")
    assert "×2" in answer.text
    assert "default-src 'self'" in answer.headers["content-security-policy"]


def test_a_wide_picture_begins_where_the_call_does(published: Desk):
    browser = supervisor(published, "operator")
    drawn = browser.client.get("/flows/1008611/1/picture").text
    beginning = re.search(r'data-start="(0\.\d+)"', browser.open("/flows/1008611")[1])

    assert beginning is not None
    assert float(beginning[1]) == start_of(drawn)
    assert start_of('<svg viewBox="0.00 0.00 200.00 44.00"><text text-anchor="middle" x="150" y="-14.3">☎</text></svg>') == 0.75
    assert start_of("<svg></svg>") == 0.5


def test_without_graphviz_the_table_has_it_all(published: Desk, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PATH", "/nowhere")

    status, html = supervisor(published, "operator").open("/flows/1008611")

    assert status == 200
    assert "没有安装 Graphviz" in html
    assert "<details open>" in html
    assert re.search(r"→ usage ×2\b", station(html, "main"))


def test_lines_and_versions_that_are_not_there_are_told_so(published: Desk):
    browser = supervisor(published, "operator")

    for path in ("/flows/2000", "/flows/..%2fsecrets", "/flows/1008611?version=9", "/flows/1008611/9/picture", "/flows/2000/1/picture"):
        assert browser.open(path)[0] == 404


def test_nothing_published_is_told(there: Desk):
    assert "还没有发布任何线路" in supervisor(there, "operator").open("/flows")[1]


def test_a_version_that_does_not_compile_any_more_is_told_with_its_problems(published: Desk):
    flow = VersionStore(published.settings.versions).version("1008611", 1).flow
    flow.chmod(0o600)
    flow.write_text(flow.read_text(encoding="utf-8").replace("then: usage", "then: usaage", 1), encoding="utf-8")

    status, html = supervisor(published, "operator").open("/flows/1008611?version=1")

    assert status == 200
    assert "no node named &#39;usaage&#39;" in html


def test_figures_of_a_version_add_up(published: Desk):
    line = next(one for one in asyncio.run(published.console.board.lines.lines()) if one.name == "1008611")

    assert [(one.number, one.share, one.calls, one.ended) for one in line.versions] == [(2, 10, 1, 1), (1, 90, 3, 3)]
    assert all(one.contained == 1 for one in line.versions[:1])


def test_when_there_is_much_to_count_it_is_counted_by_and_by_and_the_page_says_so(published: Desk):
    traffic = TodaysTraffic(published.settings, patience=0)  # one entry a look

    counted = [(found.calls, behind) for found, behind in (traffic.on("1008611@1", NOON) for _ in range(40))]

    assert counted[0] == (0, True)
    assert counted[-1] == (3, False)
    assert counted == sorted(counted, key=lambda one: one[0])
