"""What holds for every answer and every question."""

from __future__ import annotations

import hashlib
import importlib
import json
import pkgutil
import re

import pytest
import structlog

from adapters.console import texts
from adapters.console.pages import HOME, assets
from adapters.console.shield import PLAYER_STYLE
from adapters.console.texts import TEXTS
from ivr.calls.ports import UnansweredKind
from ivr.desk.people import Action, Role
from tests.adapters.console.desk import PHONE_KEY, Desk


@pytest.mark.parametrize("path", ["/sign-in", "/nothing", "/assets/console.css", "/phone", "/assets/../app.py", "/facts"])
def test_every_answer_has_the_headers_that_keep_a_page_to_itself(there: Desk, path: str):
    headers = there.browser().client.get(path).headers

    assert headers["content-security-policy"] == (
        f"default-src 'self'; style-src 'self' '{PLAYER_STYLE}'; "
        "connect-src 'self' ws://127.0.0.1:10086; media-src 'self' blob:; base-uri 'none'; form-action 'self'; "
        "frame-ancestors 'none'; object-src 'none'; report-uri /csp-report"
    )
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "same-origin"
    assert ("no-store" in headers["cache-control"]) != path.endswith(".css")
    assert "server" not in headers


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "", "127.0.0.1:1; script-src *", "[::2]", "desk.example@evil"])
def test_a_foreign_name_gets_no_answer(there: Desk, host: str):
    """A page that has made its own name point to this machine is not served."""
    answer = there.browser(host=host).client.get("/sign-in")

    assert (answer.status_code, answer.text) == (421, "this console has another name; see IVR_CONSOLE_NAMES in docs/operations.md\n")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost:10086", "[::1]:10086", "DESK.example"])
def test_its_own_names_get_one(there: Desk, host: str):
    assert there.browser(host=host).client.get("/sign-in").status_code == 200


def test_a_long_question_is_not_read(there: Desk):
    client = there.browser().client

    assert client.post("/sign-in", content=b"x" * 70_000).status_code == 413
    assert client.post("/sign-in", content=iter([b"x"])).status_code == 411


def test_a_report_of_a_browser_is_logged_without_the_address_of_the_page(there: Desk):
    """The address may have the key of the telephone in it."""
    report = {"effective-directive": "script-src", "blocked-uri": "inline\n{}", "document-uri": f"http://127.0.0.1/phone/{PHONE_KEY}"}

    with structlog.testing.capture_logs() as logged:
        client = there.browser().client
        answers = [client.post("/csp-report", content=content) for content in (json.dumps({"csp-report": report}), "nonsense", "[1]")]

    assert [(answer.status_code, answer.content) for answer in answers] == [(204, b"")] * 3
    assert logged == [{"directive": "script-src", "blocked": "inline\n{}", "event": "csp_report", "log_level": "warning"}]


def test_pages_hold_no_script_and_no_style_of_their_own():
    for template in (HOME / "templates").glob("*.html"):
        text = template.read_text(encoding="utf-8")
        assert not re.search(r"<script(?! src=)|<style|\sstyle=|\son[a-z]+=|javascript:|https?://|hx-on", text), template.name


def test_vendored_scripts_are_those_of_the_manifest_each_with_its_licence():
    folder = HOME / "assets" / "vendor"
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))

    assert {entry["file"] for entry in manifest} == {path.name for path in folder.glob("*.js")}
    for entry in manifest:
        assert hashlib.sha256((folder / entry["file"]).read_bytes()).hexdigest() == entry["sha256"], entry["file"]
        for part in entry["made_of"]:
            assert (folder / f"LICENSE.{part['package']}.txt").exists()
            assert part["licence"] in ("MIT", "0BSD", "BSD-3-Clause")


def test_a_changed_script_has_another_address(there: Desk):
    answer = there.browser().client.get("/assets/phone.js")

    assert answer.headers["content-type"].startswith("text/javascript")
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert f"/assets/phone.js?{assets()['phone.js'][1]}" in _phone_page(there)


def test_every_text_is_there_in_both_languages():
    assert all(zh and en for zh, en in TEXTS.values())
    kinds = {f"{page}kind_{kind}" for kind in UnansweredKind for page in ("", "desk_")}
    assert {f"fact_{action}" for action in Action} | kinds | set(Role) <= set(TEXTS)


@pytest.mark.parametrize(("accepts", "first"), [("zh-CN", "登录"), ("en-GB,en;q=0.9", "Sign in"), ("fr", "登录")])
def test_a_page_is_in_the_browsers_language_with_the_other_beside_it(there: Desk, accepts: str, first: str):
    browser = there.browser(**{"accept-language": accepts})

    _, text = browser.open("/sign-in")
    _, in_english = browser.open("/sign-in?language=en")
    _, remembered = browser.open("/sign-in")

    assert f"<title>{first} · " in text
    assert "登录" in text
    assert "Sign in" in text
    assert "<title>Sign in · " in in_english
    assert remembered == in_english.replace("?language=en", "")


def _phone_page(there: Desk) -> str:
    browser = there.browser()
    browser.show_phone_key()
    return browser.open("/phone")[1]


def test_no_part_takes_the_words_of_another():
    parts = [importlib.import_module(f"adapters.console.texts.{found.name}") for found in pkgutil.iter_modules(texts.__path__)]

    assert sum(len(part.TEXTS) for part in parts) == len(TEXTS)
