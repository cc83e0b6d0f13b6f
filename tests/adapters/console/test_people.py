"""The administrator sees to the people: a password is shown once, and what was done is written down."""

from __future__ import annotations

import asyncio
import re

import pytest

from adapters.console.texts import TEXTS
from ivr.desk.people import Action
from tests.adapters.console.desk import PASSWORD, Desk
from tests.adapters.console.test_board import rows, supervisor


def password_in(html: str) -> str:
    found = re.search(r'id="password">([^<]+)<', html)
    assert found is not None
    return found[1]


def test_a_new_person_signs_in_with_the_password_that_was_shown_once(there: Desk):
    browser = supervisor(there, "admin")
    browser.open("/people")

    status, html = browser.send("/people", name="Wang.Fang", role="agent")

    assert status == 200
    assert there.browser().sign_in("wang.fang", password_in(html)) == 303
    _, again = browser.open("/people")
    assert password_in(html) not in again
    assert any(row.startswith("wang.fang 坐席") for row in rows(again, "people"))
    facts = [(fact.actor, fact.action.value, fact.subject) for fact in asyncio.run(there.store.facts())]
    assert ("admin", "account_added", "wang.fang (agent)") in facts


def test_another_password_ends_the_one_before(there: Desk):
    theirs = supervisor(there, "agent")
    browser = supervisor(there, "admin")
    browser.open("/people")

    _, html = browser.send("/people/agent/password")

    assert theirs.open("/account")[0] == 303
    assert there.browser().sign_in("agent", PASSWORD) == 401
    assert there.browser().sign_in("agent", password_in(html)) == 303


def test_an_account_is_closed_and_opened_again(there: Desk):
    browser = supervisor(there, "admin")
    browser.open("/people")

    browser.send("/people/agent/closed", closed="yes")
    closed = there.browser().sign_in("agent")
    browser.send("/people/agent/closed", closed="no")

    assert (closed, there.browser().sign_in("agent")) == (401, 303)


@pytest.mark.parametrize(
    ("path", "fields", "status", "told"),
    [
        ("/people", {"name": "agent", "role": "agent"}, 400, "已有这个用户名"),
        ("/people", {"name": "王芳", "role": "agent"}, 400, "用户名不合规则"),
        ("/people", {"name": "<b>", "role": "agent"}, 400, "用户名不合规则"),
        ("/people", {"name": "bo", "role": "king"}, 400, "没有这个角色"),
        ("/people/admin/closed", {"closed": "yes"}, 400, "不能停用自己的账号"),
        ("/people/nobody/closed", {"closed": "yes"}, 404, "没有这个账号"),
        ("/people/nobody/password", {}, 404, "没有这个账号"),
    ],
)
def test_what_cannot_be_done_is_told(there: Desk, path: str, fields: dict[str, str], status: int, told: str):
    browser = supervisor(there, "admin")
    browser.open("/people")

    answer = browser.send(path, **fields)

    assert (answer[0], told in answer[1]) == (status, True)
    assert 'id="password"' not in answer[1]


def test_everything_that_is_written_down_has_words(there: Desk):
    for action in Action:
        asyncio.run(there.gate.write_down("somebody", action, "", ""))

    status, html = supervisor(there, "admin").open("/facts")

    assert status == 200
    assert all(TEXTS[f"fact_{action}"][0] in html for action in Action)


@pytest.mark.parametrize(
    ("told", "zh"),
    [
        ("ticket 729059", "工单 729059"),
        ("ticket 729059 message 2", "工单 729059 第 2 条留言"),
        ("ticket 729059, message 2", "工单 729059 第 2 条留言"),
        ("ticket 729059: wrong", "工单 729059：有问题"),
        ("closed tickets 729059 118580", "已办结工单 729059 118580"),
        ("tickets of 2026-03-01 to 2026-03-31", "2026-03-01 至 2026-03-31 的工单"),
        ("ann (agent)", "ann（坐席）"),
        ("command line (root)", "命令行（root）"),
        ("installation", "安装"),
        ("seat-01", "seat-01"),
    ],
)
def test_what_is_written_down_is_told_in_the_language_of_the_page(there: Desk, told: str, zh: str):
    asyncio.run(there.gate.write_down(told, Action.LOOKED_AT, told, ""))
    browser = supervisor(there, "admin")

    assert browser.open("/facts")[1].count(f"<td>{zh}</td>") == 2
    assert browser.open("/facts?language=en")[1].count(f"<td>{told}</td>") == 2
