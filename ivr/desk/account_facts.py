"""What an agent sees of the caller's account: the answer of the back office, as a few facts in figures.

Nobody waits for it: a back office that takes longer than a moment, or fails, is told to be away.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import structlog

from ivr.calls.ports import BackOffice
from ivr.core.values import Kind, Scalar, SpokenValue, Value
from ivr.errors import BackOfficeFailed
from ivr.speech.written import written_value

LOOKUP = "account"
PATIENCE = 1.5  # seconds
_KNOWN_OTHERWISE = ("number", "language", "has_data")

_log = structlog.get_logger(__name__)


class Standing(StrEnum):
    """Whether there is anything to show."""

    KNOWN = "known"
    UNKNOWN = "unknown"  # the caller is no subscriber
    AWAY = "away"  # the back office, just now


@dataclass(frozen=True, slots=True)
class AccountFact:
    """One fact: the name of the field, and its value in Mandarin and in English. What is only true or not has no value."""

    name: str
    zh: str = field(repr=False)
    en: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Account:
    """What is known of a caller's account."""

    standing: Standing
    facts: tuple[AccountFact, ...] = ()


async def account_of(office: BackOffice, number: str, patience: float = PATIENCE) -> Account:
    """The account of that number."""
    signature = office.signatures.get(LOOKUP)
    if signature is None or not number:
        return Account(Standing.UNKNOWN)
    try:
        async with asyncio.timeout(patience):
            answer = await office.look_up(LOOKUP, {"number": number})
    except (BackOfficeFailed, TimeoutError) as error:
        _log.warning("account_not_shown", reason=str(error) or "slow")
        return Account(Standing.AWAY)
    if not isinstance(answer, Mapping):
        return Account(Standing.UNKNOWN)
    shown = {name: declared for name, declared in signature.answer.fields.items() if name not in _KNOWN_OTHERWISE}
    told = (_fact(name, declared, answer.get(name)) for name, declared in shown.items() if isinstance(declared, Scalar))
    return Account(Standing.KNOWN, tuple(fact for fact in told if fact is not None))


def _fact(name: str, declared: Scalar, value: Value) -> AccountFact | None:
    """One field; None when there is nothing to tell, or it is secret."""
    if declared.secret or value is None or value is False:
        return None
    if declared.kind is Kind.BOOL:
        return AccountFact(name, "", "")
    try:
        spoken = SpokenValue(declared.kind, value)
        return AccountFact(name, written_value(spoken, "zh-CN"), written_value(spoken, "en-US"))
    except ValueError:
        return None
