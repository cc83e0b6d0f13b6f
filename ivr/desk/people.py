"""People and what they may be: accounts, roles, sessions, and the facts that are written down of them."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,31}")
SHORTEST_PASSWORD, LONGEST_PASSWORD = 12, 128


class Role(StrEnum):
    """What a person is at the desk. Nobody is several: who runs the line has another name for answering callers."""

    AGENT = "agent"
    SUPERVISOR = "supervisor"
    OPERATOR = "operator"
    ADMIN = "admin"


ANSWERING = frozenset((Role.AGENT, Role.SUPERVISOR))
"""Who answers callers, and so has a seat."""


class Action(StrEnum):
    """What is written down."""

    SIGNED_IN = "signed_in"
    REFUSED = "refused"
    LOCKED_OUT = "locked_out"
    SIGNED_OUT = "signed_out"
    PASSWORD_CHANGED = "password_changed"  # noqa: S105 - the name of an action
    ACCOUNT_ADDED = "account_added"
    ACCOUNT_CLOSED = "account_closed"
    ACCOUNT_OPENED = "account_opened"
    LOOKED_AT = "looked_at"  # personal data; the subject says whose
    LISTENED = "listened"  # to what a caller has said; the subject says which
    JUDGED = "judged"  # a closure; the subject says which, and how
    TELEPHONE_TOLD = "telephone_told"  # the password of a seat's telephone; the subject is the telephone
    CALLS_RESUMED = "calls_resumed"  # calling back was paused, and is let go on
    CALLED = "called"  # the line, from the browser; the subject is the number dialled
    EXPORTED = "exported"  # taken away as a table
    TOKEN_ADDED = "token_added"  # noqa: S105 - the name of an action
    TOKEN_REVOKED = "token_revoked"  # noqa: S105
    WEBHOOK_ADDED = "webhook_added"
    WEBHOOK_REMOVED = "webhook_removed"


@dataclass(frozen=True, slots=True)
class Account:
    """One person. `password` is a hash. A closed account stays, for what is written down of it."""

    name: str
    role: Role
    password: str = field(repr=False)
    created_at: dt.datetime
    closed: bool = False
    seat: int | None = None  # of one who answers callers: the number of their telephones


@dataclass(frozen=True, slots=True)
class Session:
    """A person at the desk, from signing in to signing out. `key` is a hash of what the browser holds."""

    key: str = field(repr=False)
    name: str
    role: Role
    begun_at: dt.datetime
    seen_at: dt.datetime


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing that somebody did. `address` is where they did it from."""

    at: dt.datetime
    actor: str
    action: Action
    subject: str = ""
    address: str = ""


class AccountStore(Protocol):
    """Where accounts, sessions and facts are kept. Its methods raise StoreFailed."""

    async def add(self, account: Account) -> bool:
        """A new account; False when there is one of that name. One who answers callers gets the lowest seat that is free, if one is."""

    async def account(self, name: str) -> Account | None:
        """The account of that name."""

    async def accounts(self) -> Sequence[Account]:
        """All of them, by name."""

    async def set_password(self, name: str, password: str) -> bool:
        """Another password, as a hash; ends the person's sessions. False when there is no such account."""

    async def set_closed(self, name: str, closed: bool) -> bool:
        """Close or open an account; ends the person's sessions. False when there is no such account.

        Closed, it gives its seat back; opened again, it gets one that is free.
        """

    async def try_sign_in(self, name: str, at: dt.datetime, most: int, locked_for: dt.timedelta) -> bool:
        """Count a try before it is looked at, so that many at once are counted too; False when the name is locked out.

        After `most` tries without `tries_forgotten` the name is locked out for that long from the last one on.
        """

    async def tries_forgotten(self, name: str) -> None:
        """The right password was given."""

    async def open_session(self, session: Session) -> None:
        """Somebody has signed in."""

    async def session(self, key: str) -> Session | None:
        """The session, if its account is open and it has not been ended; its role is the account's of now."""

    async def seen(self, key: str, at: dt.datetime) -> None:
        """The person has done something."""

    async def end_session(self, key: str) -> None:
        """Signed out, or timed out."""

    async def write_down(self, fact: Fact) -> None:
        """Keep a fact, for good, chained to the one before."""

    async def facts(self, most: int = 200) -> Sequence[Fact]:
        """The latest facts, the newest first."""


class Passwords(Protocol):
    """Hashes of passwords. Both take a while, on purpose."""

    def hash(self, password: str) -> str:
        """What to keep of a password."""

    def matches(self, password: str, kept: str) -> bool:
        """Whether it is the password of which that was kept."""


def trouble_with_name(name: str) -> str:
    """Why an account cannot have that name; "" when it can."""
    return "" if NAME.fullmatch(name) else "a name has 1 to 32 small letters, digits, dots, dashes and underscores, a letter or digit first"


def trouble_with_password(password: str, name: str) -> str:
    """Why a password will not do; "" when it will."""
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        return f"a password has {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters"
    if name.lower() in password.lower() or len(set(password)) < 5:
        return "a password has five different characters at least, and not the name in it"
    return ""
