"""What every BackOffice does: answer in the declared shape, or fail with BackOfficeFailed."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path

import pytest

from adapters.backoffice.embedded import EmbeddedBackOffice
from adapters.backoffice.faulty import FaultyBackOffice
from adapters.backoffice.signatures import SIGNATURES
from adapters.memory import FixedClock, MemoryBackOffice
from ivr.calls.answers import conform
from ivr.calls.ports import BackOffice
from ivr.core.values import Value
from ivr.errors import BackOfficeFailed
from tests.contracts.stories import NOON

GB = 1024**3

ORDINARY: Mapping[str, Mapping[str, object]] = {
    "account": {
        "number": "13900001008",
        "language": "zh-CN",
        "balance": Decimal("35.62"),
        "suspended": False,
        "senior": False,
        "plan": "畅享三十八元套餐",
        "has_data": True,
        "unlimited": False,
        "data_left": 5 * GB // 2,
        "data_total": 10 * GB,
        "data_used": 15 * GB // 2,
        "minutes_left": dt.timedelta(minutes=75),
        "minutes_used": dt.timedelta(minutes=125),
    },
    "bill": {
        "month": dt.date(2026, 2, 1),
        "total": Decimal("57.50"),
        "plan_fee": Decimal("38.00"),
        "calls": Decimal("6.30"),
        "data": Decimal("10.00"),
        "messages": Decimal("1.20"),
        "other": Decimal("2.00"),
        "previous_month": dt.date(2026, 1, 1),
        "previous_total": Decimal("52.40"),
    },
    "bundles": {"count": 1, "items": ({"name": "加油流量包", "left": GB, "expires": dt.date(2026, 3, 25)},)},
}


def _from_table(name: str, arguments: Mapping[str, Value]) -> object:
    if arguments["number"] == "13900001008":
        return ORDINARY[name]
    return {"count": 0, "items": ()} if name == "bundles" else None


@pytest.fixture(params=["memory", "embedded", "faulty"])
def office(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[BackOffice]:
    if request.param == "memory":
        yield MemoryBackOffice(SIGNATURES, _from_table)
        return
    embedded = EmbeddedBackOffice(tmp_path / "backoffice.db", FixedClock(NOON))
    embedded.seed()
    yield FaultyBackOffice(embedded) if request.param == "faulty" else embedded
    embedded.close()


@pytest.mark.parametrize("name", ["account", "bill", "bundles"])
def test_an_ordinary_subscriber_is_answered_in_full(office: BackOffice, name: str):
    answer = asyncio.run(office.look_up(name, {"number": "13900001008"}))

    assert answer == ORDINARY[name]
    assert conform(office.signatures[name], answer) == answer


def test_an_unknown_number_is_no_such_thing_and_has_no_bundles(office: BackOffice):
    unknown: Mapping[str, Value] = {"number": "13900001099"}

    assert asyncio.run(office.look_up("account", unknown)) is None
    assert asyncio.run(office.look_up("bill", unknown)) is None
    assert asyncio.run(office.look_up("bundles", unknown)) == {"count": 0, "items": ()}


def test_a_look_up_that_does_not_exist_fails(office: BackOffice):
    with pytest.raises(BackOfficeFailed, match="there is no look-up named 'horoscope'"):
        asyncio.run(office.look_up("horoscope", {}))


@pytest.mark.parametrize("arguments", [{}, {"number": "1390000 1008"}, {"number": ""}, {"number": 13900001008}, {"number": "1' OR '1'='1"}])
def test_arguments_of_another_shape_fail(office: BackOffice, arguments: Mapping[str, Value]):
    with pytest.raises(BackOfficeFailed, match=r"account\(\)"):
        asyncio.run(office.look_up("account", arguments))
