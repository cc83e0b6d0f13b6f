"""The subscribers of the embedded back office: invented people, each standing for a case that a line must read out right.

Dates are kept as distances from today, so that the demonstration does not age. The table for readers is in README.md beside this file.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

MB = 1024**2
GB = 1024**3


@dataclass(frozen=True, slots=True)
class Bundle:
    """A data bundle and what is left of it."""

    name: str
    left: int  # bytes
    expires_in_days: int


@dataclass(frozen=True, slots=True)
class Bill:
    """The bill of last month in its parts, and the total of the month before."""

    plan_fee: Decimal
    calls: Decimal = Decimal("0.00")
    data: Decimal = Decimal("0.00")
    messages: Decimal = Decimal("0.00")
    other: Decimal = Decimal("0.00")
    previous_total: Decimal = Decimal("0.00")

    @property
    def total(self) -> Decimal:
        return self.plan_fee + self.calls + self.data + self.messages + self.other


@dataclass(frozen=True, slots=True)
class Subscriber:
    """One number and its account. Minutes are call minutes of this month; `data_total` 0 is a plan without data."""

    number: str
    balance: Decimal
    plan: str
    bill: Bill
    data_total: int = 0
    data_used: int = 0
    unlimited: bool = False
    minutes_total: int = 0
    minutes_used: int = 0
    language: str = "zh-CN"
    suspended: bool = False
    senior: bool = False
    bundles: tuple[Bundle, ...] = field(default=())


def _yuan(text: str) -> Decimal:
    return Decimal(text)


SUBSCRIBERS: tuple[Subscriber, ...] = (
    Subscriber(
        number="13900001001",
        balance=_yuan("0.00"),
        plan="畅享十九元套餐",
        bill=Bill(_yuan("19.00"), previous_total=_yuan("19.00")),
        data_total=5 * GB,
        data_used=5 * GB,
        minutes_total=100,
        minutes_used=100,
    ),
    Subscriber(
        number="13900001002",
        balance=_yuan("0.01"),
        plan="畅享三十八元套餐",
        bill=Bill(_yuan("38.00"), calls=_yuan("0.15"), messages=_yuan("0.10"), previous_total=_yuan("38.05")),
        data_total=10 * GB,
        data_used=10 * GB - 1 * MB,
        minutes_total=200,
        minutes_used=199,
    ),
    Subscriber(
        number="13900001003",
        balance=_yuan("-12.50"),
        plan="畅享三十八元套餐",
        bill=Bill(_yuan("38.00"), calls=_yuan("12.50"), previous_total=_yuan("44.20")),
        data_total=10 * GB,
        data_used=7 * GB,
        minutes_total=200,
        minutes_used=275,
    ),
    Subscriber(
        number="13900001004",
        balance=_yuan("1005.30"),
        plan="无限畅享套餐",
        bill=Bill(_yuan("199.00"), other=_yuan("6.00"), previous_total=_yuan("199.00")),
        unlimited=True,
        data_used=86 * GB + 512 * MB,
        minutes_total=1500,
        minutes_used=642,
    ),
    Subscriber(
        number="13900001005",
        balance=_yuan("220.00"),
        plan="畅享五十八元套餐",
        bill=Bill(_yuan("58.00"), data=_yuan("30.00"), previous_total=_yuan("88.00")),
        data_total=20 * GB,
        data_used=18 * GB,
        minutes_total=300,
        minutes_used=12,
        bundles=(
            Bundle("周末流量包", 2 * GB + 512 * MB, 3),
            Bundle("夜间流量包", 512 * MB, 12),
            Bundle("省内流量包", 10 * GB, 30),
        ),
    ),
    Subscriber(
        number="13900001006",
        balance=_yuan("8.88"),
        plan="畅聊语音套餐",
        bill=Bill(_yuan("8.00"), calls=_yuan("2.20"), previous_total=_yuan("9.10")),
        minutes_total=50,
        minutes_used=30,
    ),
    Subscriber(
        number="13900001007",
        balance=_yuan("-110.00"),
        plan="畅享五十八元套餐",
        bill=Bill(_yuan("58.00"), previous_total=_yuan("58.00")),
        data_total=20 * GB,
        data_used=20 * GB,
        minutes_total=300,
        minutes_used=300,
        suspended=True,
    ),
    Subscriber(
        number="13900001008",
        balance=_yuan("35.62"),
        plan="畅享三十八元套餐",
        bill=Bill(
            _yuan("38.00"),
            calls=_yuan("6.30"),
            data=_yuan("10.00"),
            messages=_yuan("1.20"),
            other=_yuan("2.00"),
            previous_total=_yuan("52.40"),
        ),
        data_total=10 * GB,
        data_used=7 * GB + 512 * MB,
        minutes_total=200,
        minutes_used=125,
        bundles=(Bundle("加油流量包", 1 * GB, 20),),
    ),
    Subscriber(
        number="13900001009",
        balance=_yuan("66.05"),
        plan="Traveller 58",
        bill=Bill(_yuan("58.00"), calls=_yuan("4.50"), previous_total=_yuan("60.00")),
        data_total=20 * GB,
        data_used=4 * GB,
        minutes_total=300,
        minutes_used=45,
        language="en-US",
        bundles=(Bundle("Weekend data", 3 * GB, 5),),
    ),
    Subscriber(
        number="13900001010",
        balance=_yuan("50.00"),
        plan="孝心套餐",
        bill=Bill(_yuan("18.00"), previous_total=_yuan("18.00")),
        data_total=2 * GB,
        data_used=200 * MB,
        minutes_total=300,
        minutes_used=210,
        senior=True,
    ),
    Subscriber(
        number="13900001011",
        balance=_yuan("200.00"),
        plan="畅享三十八元套餐",
        bill=Bill(_yuan("38.00"), previous_total=_yuan("38.00")),
        data_total=10 * GB,
        data_used=9 * GB + 724 * MB,
        minutes_total=200,
        minutes_used=60,
    ),
    Subscriber(
        number="13900001012",
        balance=_yuan("20000.00"),
        plan="无限畅享套餐",
        bill=Bill(_yuan("199.00"), calls=_yuan("2.00"), previous_total=_yuan("1990.00")),
        unlimited=True,
        data_used=512 * MB,
        minutes_total=1500,
        minutes_used=2,
    ),
)
