"""The caller's account as an agent sees it: in figures, without secrets, and never waited for."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Mapping
from decimal import Decimal

import pytest

from ivr.core.values import Kind, LookupSignature, Record, Scalar, Value
from ivr.desk.account_facts import Account, AccountFact, Standing, account_of
from ivr.errors import BackOfficeFailed

SIGNATURE = LookupSignature(
    "account",
    {"number": Scalar(Kind.DIGITS)},
    Record(
        {
            "number": Scalar(Kind.DIGITS),
            "balance": Scalar(Kind.MONEY),
            "suspended": Scalar(Kind.BOOL),
            "senior": Scalar(Kind.BOOL),
            "pin": Scalar(Kind.DIGITS, secret=True),
            "plan": Scalar(Kind.TEXT, optional=True),
            "left": Scalar(Kind.DURATION),
        }
    ),
    not_found=True,
)
ANSWER: Mapping[str, Value] = {
    "number": "13900001008",
    "balance": Decimal("35.62"),
    "suspended": True,
    "senior": False,
    "pin": "123456",
    "plan": None,
    "left": dt.timedelta(minutes=75),
}


class Office:
    """A back office that answers one thing, after a while."""

    def __init__(self, answer: Value = None, *, fails: bool = False, slow: bool = False, signed: bool = True) -> None:
        self.signatures = {"account": SIGNATURE} if signed else {}
        self._answer = answer
        self._fails = fails
        self._slow = slow

    async def look_up(self, name: str, arguments: Mapping[str, Value]) -> Value:
        if self._slow:
            await asyncio.Event().wait()
        if self._fails:
            raise BackOfficeFailed("broken")
        return self._answer


def test_figures_are_told_in_both_languages_and_secrets_in_none():
    account = asyncio.run(account_of(Office(ANSWER), "13900001008"))

    assert account == Account(
        Standing.KNOWN,
        (
            AccountFact("balance", "35.62元", "35.62 yuan"),
            AccountFact("suspended", "", ""),
            AccountFact("left", "75分钟", "75 minutes"),
        ),
    )
    assert "35.62" not in repr(account)


@pytest.mark.parametrize(
    ("office", "standing"),
    [
        (Office(None), Standing.UNKNOWN),
        (Office(fails=True), Standing.AWAY),
        (Office(slow=True), Standing.AWAY),
        (Office(ANSWER, signed=False), Standing.UNKNOWN),
    ],
    ids=["no subscriber", "broken", "slow", "another back office"],
)
def test_what_cannot_be_told_is_said_and_not_waited_for(office: Office, standing: Standing):
    assert asyncio.run(account_of(office, "13900001099", patience=0.05)) == Account(standing)


def test_who_withholds_the_number_has_no_account():
    assert asyncio.run(account_of(Office(ANSWER), "")) == Account(Standing.UNKNOWN)


def test_a_value_that_cannot_be_written_is_left_out():
    account = asyncio.run(account_of(Office({**ANSWER, "left": "soon"}), "13900001008"))

    assert [fact.name for fact in account.facts] == ["balance", "suspended"]
