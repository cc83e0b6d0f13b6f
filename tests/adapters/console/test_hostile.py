"""Hostile words wherever a browser may put some: none breaks a page, none comes back as markup, none opens anything."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from tests.adapters.console.desk import Browser, Desk

WORDS = (
    "<img src=x onerror=alert(1)>",
    '"><script>alert(1)</script>',
    "'; DROP TABLE account; --",
    "admin' OR '1'='1",
    "{{ 7 * 7 }}{% for x in (1,) %}",
    "${jndi:ldap://127.0.0.1/x}",
    "../../../../etc/passwd",
    "..%2f..%2fsecrets/data_key",
    "\x00\x01\x7f",
    "line\r\nSet-Cookie: selfline-phone-10086=x",
    "\ud7ff\ufffe\U0010ffff",
    "a" * 20_000,
    "",
)


@pytest.fixture
def signed_in(there: Desk) -> Browser:
    browser = there.browser()
    browser.sign_in("admin")
    browser.open("/phone")
    return browser


@pytest.mark.parametrize("word", WORDS, ids=lambda word: repr(word[:20]))
def test_no_word_breaks_a_page_or_comes_back_as_markup(there: Desk, signed_in: Browser, word: str):
    stranger = there.browser()
    stranger.open("/sign-in")
    path = quote(word[:2000], safe="")
    answers = [
        stranger.client.post("/sign-in", data={"csrf": stranger.token, "name": word, "password": word, "next": word}),
        stranger.client.get(f"/sign-in?next={path}&language={path}"),
        stranger.client.get(f"/phone/{path}"),
        stranger.client.get(f"/{path}"),
        signed_in.client.post("/account/password", data={"csrf": signed_in.token, "old": word, "new": word}),
        signed_in.client.post("/phone/calls", data={"csrf": signed_in.token, "caller": word + "x"}),
        signed_in.client.get(f"/phone/calls/{path}/trace", headers={"Last-Event-ID": "9" * 30}),
        signed_in.client.get(f"/assets/{path}"),
        signed_in.client.get(f"/facts?language={path}&x={path}"),
    ]

    assert [answer.status_code for answer in answers if answer.status_code >= 500] == []
    for answer in answers:
        assert not answer.headers.get("location", "/").startswith(("//", "http", "\\"))
        assert "set-cookie" not in answer.headers or "selfline-phone" not in answer.headers["set-cookie"]
        assert "<img src=x" not in answer.text
        assert "<script>alert" not in answer.text
    assert signed_in.open("/facts")[0] == 200
    assert there.browser().sign_in("agent") == 303  # the table is there, and nobody was locked out but who was named


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "TRACE", "OPTIONS"])
def test_other_methods_do_nothing(signed_in: Browser, method: str):
    answers = [signed_in.client.request(method, path) for path in ("/", "/account", "/phone/calls", "/csp-report")]

    assert {answer.status_code for answer in answers} == {405}


@pytest.mark.parametrize("cookie", ["", "x", "a" * 5000, "'; --"])
def test_a_cookie_that_we_did_not_set_is_nobody(there: Desk, cookie: str):
    browser = there.browser(cookie=f"selfline-session-10086={cookie}; selfline-phone-10086={cookie}; selfline-visit-10086={cookie}")

    assert browser.open("/")[0] == 303
    assert browser.open("/phone")[0] == 401


KINDS = ("multipart/form-data", "multipart/form-data; boundary=x", "application/json", "text/plain", "application/x-www-form-urlencoded")


@pytest.mark.parametrize("kind", KINDS)
def test_a_body_that_is_not_what_it_says_changes_nothing(signed_in: Browser, kind: str):
    answer = signed_in.client.post("/sign-out", content=b'--x\r\n{"csrf": ', headers={"content-type": kind})

    assert answer.status_code in (400, 403)
    assert signed_in.open("/")[0] == 200
