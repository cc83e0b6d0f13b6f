"""Behind the example lines: cards that lock, parcels, appointments."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from adapters.backoffice.embedded import EmbeddedBackOffice
from adapters.backoffice.examples import CARDS
from adapters.backoffice.signatures import SIGNATURES
from adapters.memory import FixedClock
from tests.contracts.stories import NOON

CARD, PIN = "6200000000001001", "135790"
PATIENT = {"phone": "13900001008", "born": "05031980"}


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(NOON)


@pytest.fixture
def office(tmp_path: Path, clock: FixedClock) -> Iterator[EmbeddedBackOffice]:
    embedded = EmbeddedBackOffice(tmp_path / "backoffice.db", clock)
    embedded.seed()
    yield embedded
    embedded.close()


def ask(office: EmbeddedBackOffice, name: str, **arguments: str) -> Any:
    return asyncio.run(office.look_up(name, arguments))


def log_in(office: EmbeddedBackOffice, pin: str, card: str = CARD) -> Mapping[str, Any]:
    answer = ask(office, "login", card=card, pin=pin)
    assert isinstance(answer, Mapping)
    return answer


def test_the_right_pin_is_accepted_as_often_as_it_comes(office: EmbeddedBackOffice):
    answers = [log_in(office, PIN) for _ in range(5)]

    assert answers == [{"accepted": True, "locked": False, "left": 3}] * 5


def test_three_wrong_pins_lock_the_card_even_for_the_right_one(office: EmbeddedBackOffice):
    wrong = [log_in(office, "000000") for _ in range(3)]

    assert [(one["locked"], one["left"]) for one in wrong] == [(False, 2), (False, 1), (True, 0)]
    assert log_in(office, PIN) == {"accepted": False, "locked": True, "left": 0}
    assert log_in(office, CARDS["6200000000001002"][0], "6200000000001002")["accepted"]


def test_wrong_pins_stay_counted_when_the_samples_are_put_back(office: EmbeddedBackOffice):
    for _ in range(3):
        log_in(office, "000000")
    office.seed()

    assert log_in(office, PIN)["locked"]


def test_the_right_pin_forgets_the_wrong_ones_and_so_does_the_next_day(office: EmbeddedBackOffice, clock: FixedClock):
    log_in(office, "000000")
    log_in(office, PIN)
    assert [log_in(office, "000000")["left"] for _ in range(3)] == [2, 1, 0]

    clock.move(dt.timedelta(days=1))

    assert log_in(office, PIN)["accepted"]


def test_a_card_that_does_not_exist_is_answered_like_a_wrong_pin(office: EmbeddedBackOffice):
    assert [log_in(office, "000000", "6200000000009999") for _ in range(3)] == [log_in(office, "000000") for _ in range(3)]


def test_pins_are_secret_to_flows_and_not_in_the_database(office: EmbeddedBackOffice, tmp_path: Path):
    assert SIGNATURES["login"].arguments["pin"].secret
    log_in(office, PIN)
    office.close()

    assert all(PIN.encode() not in path.read_bytes() for path in tmp_path.glob("backoffice.db*"))


def test_a_card_has_a_balance_and_transactions_in_the_callers_language(office: EmbeddedBackOffice):
    assert ask(office, "card_balance", card=CARD) == {"available": Decimal("3562.80")}
    assert ask(office, "card_balance", card="6200000000009999") is None
    chinese, english = (ask(office, "transactions", card=CARD, language=language)["items"] for language in ("zh-CN", "en-US"))
    assert (chinese[0]["what"], english[0]["what"]) == ("超市消费", "at the supermarket")
    assert [one["amount"] for one in chinese] == [one["amount"] for one in english]
    assert chinese[0]["date"] == NOON.date()
    assert ask(office, "transactions", card="6200000000001002", language="zh-CN") == {"items": ()}


def test_there_is_a_parcel_in_each_state_and_its_history_begins_with_the_latest(office: EmbeddedBackOffice):
    parcels = [ask(office, "parcel", number=f"73000000010{place}") for place in range(1, 6)]

    assert [one["state"] for one in parcels] == ["accepted", "moving", "delivering", "delivered", "held"]
    for one in parcels:
        moments = [dt.datetime.combine(step["date"], step["time"]) for step in one["history"]]
        assert moments == sorted(moments, reverse=True)
    assert ask(office, "parcel", number="730000000199") is None


def test_an_appointment_is_the_patients_who_knows_the_date_of_birth(office: EmbeddedBackOffice):
    assert ask(office, "appointment", **PATIENT)["date"] == dt.date(2026, 3, 9)  # noon is on a Thursday
    assert ask(office, "appointment", **{**PATIENT, "born": "05031981"}) is None
    assert ask(office, "cancel_appointment", **{**PATIENT, "born": "05031981"}) is None


def test_an_appointment_is_cancelled_once_and_comes_back_with_the_samples(office: EmbeddedBackOffice):
    assert ask(office, "cancel_appointment", **PATIENT) == {"cancelled": True}
    assert ask(office, "cancel_appointment", **PATIENT) is None
    assert ask(office, "appointment", **PATIENT) is None

    office.seed()

    assert ask(office, "appointment", **PATIENT) is not None


@pytest.mark.parametrize("ahead", range(7))
def test_appointments_are_on_working_days_to_come_the_next_first(office: EmbeddedBackOffice, clock: FixedClock, ahead: int):
    clock.move(dt.timedelta(days=ahead))

    moments = [dt.datetime.combine(one["date"], one["time"]) for one in ask(office, "free_appointments")["items"]]

    assert moments == sorted(moments)
    assert moments[0].date() > clock.now.date()
    assert all(moment.weekday() < 5 for moment in (*moments, ask(office, "appointment", **PATIENT)["date"]))
