"""Who can call from the telephone in the browser, and be called back there as long as no trunk leads anywhere else."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from adapters.backoffice.subscribers import SUBSCRIBERS
from adapters.console.ports import Caller
from ivr.config import BROWSER, Settings

# What each sample stands for, for who wants to hear it; adapters/backoffice/README.md has the figures.
SAMPLES = {
    "13900001008": ("普通账户", "an ordinary account"),
    "13900001001": ("什么都用完了", "nothing left of anything"),
    "13900001002": ("一分钱、一兆、一分钟", "one fen, one megabyte, one minute"),
    "13900001003": ("欠费", "in debt"),
    "13900001004": ("不限流量", "unlimited data"),
    "13900001005": ("有三个流量包", "three data bundles"),
    "13900001006": ("套餐不含流量", "a plan without data"),
    "13900001007": ("欠费停机", "suspended for debt"),
    "13900001009": ("说英语", "speaks English"),
    "13900001010": ("六十五岁以上", "65 or older"),
    "13900001011": ("流量快用完", "nearly out of data"),
    "13900001012": ("金额很大", "large amounts"),
}
NO_SUBSCRIBER = Caller("13900001099", "不是本网用户", "not a subscriber")
WITHHELD = Caller("", "（隐藏号码）", "(withholds the number)")


def callers() -> Sequence[Caller]:
    """Who can call, an ordinary account first."""
    known = {person.number for person in SUBSCRIBERS}
    return (*(Caller(number, *told) for number, told in SAMPLES.items() if number in known), NO_SUBSCRIBER, WITHHELD)


def rung_in_browser(settings: Settings) -> Collection[str]:
    """The numbers that are called back in the browser: on a line with a trunk none, for it has real customers."""
    return frozenset(one.number for one in callers() if one.number) if settings.trunk == BROWSER else frozenset()
