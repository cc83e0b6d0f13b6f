"""Signing in and out as a browser does it."""

from __future__ import annotations

import asyncio

import pytest

from ivr.desk.people import Action
from tests.adapters.console.desk import PASSWORD, Desk


def facts(desk: Desk) -> list[tuple[str, str]]:
    """What has been written down since the people were added, the oldest first."""
    told = asyncio.run(desk.store.facts())
    return [(fact.actor, fact.action.value) for fact in reversed(told) if fact.action is not Action.ACCOUNT_ADDED]


def test_who_signs_in_gets_where_they_wanted_to(there: Desk):
    browser = there.browser()

    assert browser.client.get("/account").headers["location"] == "/sign-in?next=/account"
    browser.open("/sign-in?next=/account")
    answer = browser.client.post("/sign-in", data={"csrf": browser.token, "name": "agent", "password": PASSWORD, "next": "/account"})

    assert (answer.status_code, answer.headers["location"]) == (303, "/account")
    kept = answer.headers["set-cookie"]
    assert "HttpOnly" in kept
    assert "SameSite=lax" in kept
    assert "Secure" not in kept  # over http, which is for this machine itself
    assert "agent" in browser.open("/account")[1]
    assert facts(there) == [("agent", "signed_in")]


def test_over_https_cookies_are_for_https_and_for_this_host_alone(there: Desk):
    browser = there.browser()
    browser.client.base_url = "https://desk.example"  # type: ignore[assignment]

    assert browser.sign_in("agent") == 303

    answer = browser.client.get("/sign-in")
    assert answer.headers["strict-transport-security"] == "max-age=31536000"
    names = {cookie.name: cookie.secure for cookie in browser.client.cookies.jar}
    assert names == {"__Host-selfline-visit-10086": True, "__Host-selfline-session-10086": True}


def test_a_wrong_password_and_a_wrong_name_get_the_same_answer(there: Desk):
    browser = there.browser()
    browser.open("/sign-in")

    wrong_password = browser.send("/sign-in", name="agent", password="wrong")
    wrong_name = browser.send("/sign-in", name="nobody", password="wrong")

    assert wrong_password == wrong_name
    assert wrong_password[0] == 401
    assert "用户名或密码不正确。" in wrong_password[1]
    assert facts(there) == [("agent", "refused"), ("nobody", "refused")]


def test_ten_wrong_passwords_lock_out_and_a_quarter_of_an_hour_opens_again(there: Desk):
    browser = there.browser()
    browser.open("/sign-in")

    statuses = [browser.send("/sign-in", name="agent", password="wrong")[0] for _ in range(10)]
    locked = browser.send("/sign-in", name="agent", password=PASSWORD)
    others = there.browser().sign_in("admin")
    there.clock.pass_(minutes=15)
    later = browser.send("/sign-in", name="agent", password=PASSWORD)

    assert statuses == [401] * 10
    assert locked[0] == 429
    assert "密码错误次数过多" in locked[1]
    assert others == 303
    assert later == (303, "/")
    assert facts(there).count(("agent", "locked_out")) == 1


def test_a_session_ends_after_a_quarter_of_an_hour_without_a_person(there: Desk):
    browser = there.browser()
    browser.sign_in("supervisor")

    there.clock.pass_(minutes=14)
    busy = browser.open("/facts")[0]
    there.clock.pass_(minutes=14)
    looks_by_itself = browser.client.get("/facts", headers={"X-Background": "1"}).status_code
    there.clock.pass_(minutes=1)
    idle = browser.open("/facts")[0]

    assert (busy, looks_by_itself, idle) == (200, 200, 303)


def test_a_session_ends_after_twelve_hours_whatever_a_person_does(there: Desk):
    browser = there.browser()
    browser.sign_in("agent")

    statuses = []
    for _ in range(73):
        there.clock.pass_(minutes=10)
        statuses.append(browser.open("/")[0])

    assert statuses == [200] * 71 + [303] * 2


def test_signing_out_ends_the_session_and_not_only_the_cookie(there: Desk):
    browser = there.browser()
    browser.sign_in("agent")
    kept = dict(browser.client.cookies)

    assert browser.send("/sign-out") == (303, "/sign-in")
    browser.client.cookies.update(kept)

    assert browser.open("/")[0] == 303
    assert facts(there) == [("agent", "signed_in"), ("agent", "signed_out")]


def test_signing_in_gives_another_session_than_the_one_that_was_there(there: Desk):
    """A session that somebody has put into a browser before is worth nothing afterwards."""
    browser = there.browser()
    browser.sign_in("agent")
    first = browser.client.cookies["selfline-session-10086"]
    browser.send("/sign-out")
    browser.sign_in("agent")

    assert browser.client.cookies["selfline-session-10086"] != first


def test_a_changed_password_signs_everybody_out_who_has_the_old_one(there: Desk):
    browser, other = there.browser(), there.browser()
    browser.sign_in("agent")
    other.sign_in("agent")

    refusals = [
        browser.send("/account/password", old="wrong", new="another-horse-8")[0],
        browser.send("/account/password", old=PASSWORD, new="short")[0],
        browser.send("/account/password", old=PASSWORD, new="agent-agent-agent")[0],
    ]
    changed = browser.send("/account/password", old=PASSWORD, new="another-horse-8")

    assert refusals == [400, 400, 400]
    assert changed == (303, "/sign-in")
    assert other.open("/")[0] == 303
    assert there.browser().sign_in("agent") == 401
    assert there.browser().sign_in("agent", "another-horse-8") == 303


def test_a_closed_account_is_signed_out_and_stays_out(there: Desk):
    browser = there.browser()
    browser.sign_in("agent")

    asyncio.run(there.gate.set_closed("agent", closed=True, actor="test"))

    assert browser.open("/")[0] == 303
    assert there.browser().sign_in("agent") == 401


@pytest.mark.parametrize(
    "path", ["//evil.example", "https://evil.example", "/\\evil.example", "/sign-in?x=//e", "javascript:alert(1)", "/a\n"]
)
def test_a_link_cannot_lead_away_from_the_console(there: Desk, path: str):
    browser = there.browser()
    browser.open("/sign-in")

    assert browser.send("/sign-in", name="agent", password=PASSWORD, next=path) == (303, "/")


@pytest.mark.parametrize(
    "headers",
    [{"sec-fetch-site": "cross-site"}, {"sec-fetch-site": "same-site"}, {"origin": "http://evil.example"}, {"origin": "null"}],
    ids=str,
)
def test_a_form_of_another_site_changes_nothing_even_with_the_token(there: Desk, headers: dict[str, str]):
    browser = there.browser()
    browser.sign_in("agent")

    answer = browser.client.post("/sign-out", data={"csrf": browser.token}, headers=headers)

    assert answer.status_code == 403
    assert browser.open("/")[0] == 200


def test_a_form_without_the_token_of_its_own_session_changes_nothing(there: Desk):
    browser, other = there.browser(), there.browser()
    browser.sign_in("agent")
    other.sign_in("admin")

    statuses = [
        browser.client.post("/sign-out", data=fields).status_code
        for fields in ({}, {"csrf": "0" * 64}, {"csrf": other.token}, {"csrf": "ü"})
    ]

    assert statuses == [403] * 4
    assert browser.open("/")[0] == 200


def test_what_is_written_down_shows_markup_as_text(there: Desk):
    asyncio.run(there.gate.write_down("<img src=x onerror=alert(1)>", Action.LOOKED_AT, "<script>", "here"))
    browser = there.browser()
    browser.sign_in("admin")

    _, text = browser.open("/facts")

    assert "&lt;img src=x onerror=alert(1)&gt;" in text
    assert "<script>" not in text.replace("<script src=", "")
