"""The back office in the box: its people, its dates, its troubles."""

from __future__ import annotations

import asyncio
import datetime as dt
import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from adapters.backoffice.embedded import EmbeddedBackOffice
from adapters.backoffice.faulty import FaultyBackOffice
from adapters.backoffice.subscribers import SUBSCRIBERS
from adapters.memory import FixedClock
from ivr.errors import BackOfficeFailed, UserError
from tests.contracts.stories import NOON

GB = 1024**3


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(NOON)


@pytest.fixture
def office(tmp_path: Path, clock: FixedClock) -> Iterator[EmbeddedBackOffice]:
    embedded = EmbeddedBackOffice(tmp_path / "backoffice.db", clock)
    embedded.seed()
    yield embedded
    embedded.close()


def ask(office: EmbeddedBackOffice, name: str, number: str) -> Mapping[str, Any]:
    answer = asyncio.run(office.look_up(name, {"number": number}))
    assert isinstance(answer, Mapping)
    return answer


@pytest.mark.parametrize(
    ("number", "said"),
    [
        ("13900001001", {"balance": Decimal("0.00"), "data_left": 0, "minutes_left": dt.timedelta(0)}),
        ("13900001002", {"balance": Decimal("0.01"), "data_left": 1024**2}),
        ("13900001003", {"balance": Decimal("-12.50"), "suspended": False, "minutes_left": dt.timedelta(0)}),
        ("13900001004", {"unlimited": True, "has_data": True, "data_left": 0}),
        ("13900001006", {"has_data": False, "data_left": 0, "data_total": 0}),
        ("13900001007", {"suspended": True}),
        ("13900001008", {"balance": Decimal("35.62"), "data_left": 5 * GB // 2, "data_total": 10 * GB}),
        ("13900001009", {"language": "en-US"}),
        ("13900001010", {"senior": True}),
    ],
)
def test_each_subscriber_stands_for_a_case(office: EmbeddedBackOffice, number: str, said: Mapping[str, object]):
    account = ask(office, "account", number)

    assert {name: account[name] for name in said} == said


def test_every_subscriber_can_be_asked_everything_and_bills_add_up(office: EmbeddedBackOffice):
    for person in SUBSCRIBERS:
        ask(office, "account", person.number)
        bill = ask(office, "bill", person.number)
        assert bill["total"] == sum(bill[part] for part in ("plan_fee", "calls", "data", "messages", "other"))
        bundles = ask(office, "bundles", person.number)
        assert bundles["count"] == len(bundles["items"]) == len(person.bundles)


def test_the_numbers_are_sample_numbers():
    assert all(re.fullmatch("1390000[0-9]{4}", person.number) for person in SUBSCRIBERS)
    assert len({person.number for person in SUBSCRIBERS}) == len(SUBSCRIBERS)


@pytest.mark.parametrize(
    ("today", "month", "previous"),
    [("2026-03-05", "2026-02-01", "2026-01-01"), ("2027-01-31", "2026-12-01", "2026-11-01"), ("2028-03-01", "2028-02-01", "2028-01-01")],
)
def test_the_bill_is_always_last_months(office: EmbeddedBackOffice, clock: FixedClock, today: str, month: str, previous: str):
    clock.now = dt.datetime.fromisoformat(f"{today}T12:00+08:00")

    bill = ask(office, "bill", "13900001008")

    assert (bill["month"].isoformat(), bill["previous_month"].isoformat()) == (month, previous)


def test_bundles_expire_in_the_days_to_come_the_next_first(office: EmbeddedBackOffice, clock: FixedClock):
    clock.move(dt.timedelta(days=400))

    expiries = [item["expires"] for item in ask(office, "bundles", "13900001005")["items"]]

    assert expiries == sorted(expiries)
    assert all(expiry > clock.now.date() for expiry in expiries)


def test_seeding_again_puts_everything_back(office: EmbeddedBackOffice):
    before = ask(office, "bundles", "13900001005")
    office.seed()

    assert ask(office, "bundles", "13900001005") == before


def test_a_database_that_cannot_be_used_is_the_users_error(tmp_path: Path, clock: FixedClock):
    (tmp_path / "folder").mkdir()
    (tmp_path / "text").write_text("not a database, but long enough to look at" * 10)

    with pytest.raises(UserError, match=r"cannot use the database .*folder: Is a directory"):
        EmbeddedBackOffice(tmp_path / "folder", clock)
    with pytest.raises(UserError, match=r"cannot use the database .*text: file is not a database"):
        EmbeddedBackOffice(tmp_path / "text", clock)


def test_a_database_that_breaks_fails_the_look_up_without_the_number(tmp_path: Path, clock: FixedClock):
    empty = EmbeddedBackOffice(tmp_path / "backoffice.db", clock)
    with empty._engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE bill")

    with pytest.raises(BackOfficeFailed, match=r"the embedded back office failed: no such table: bill") as failure:
        asyncio.run(empty.look_up("bill", {"number": "13900001008"}))

    assert "13900001008" not in repr(failure.value.__cause__)
    empty.close()


def test_a_tampered_amount_is_refused_rather_than_read_out(office: EmbeddedBackOffice):
    with office._engine.begin() as connection:
        connection.exec_driver_sql("UPDATE subscriber SET balance_fen = 999999999999999 WHERE number = '13900001008'")

    with pytest.raises(BackOfficeFailed, match=r"account.balance is out of range"):
        ask(office, "account", "13900001008")


def test_a_faulty_back_office_is_late_or_fails_as_told(office: EmbeddedBackOffice):
    async def story() -> None:
        late = FaultyBackOffice(office, dt.timedelta(milliseconds=50))
        loop = asyncio.get_running_loop()
        started = loop.time()
        assert await late.look_up("account", {"number": "13900001008"}) is not None
        assert loop.time() - started >= 0.05
        assert late.signatures == office.signatures
        with pytest.raises(BackOfficeFailed, match=r"on purpose"):
            await FaultyBackOffice(office, failure="on purpose").look_up("account", {"number": "13900001008"})

    asyncio.run(story())
