"""Tokens of programs: what a program shows instead of signing in, and what it may do with it. The time is passed in.

A token is for a person or for a role. One for a person does what the person may do, in the person's name, until the account is closed; one
for a role acts in its own name, `program:crm`, which no person can have.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from ivr.desk.gate import Clock
from ivr.desk.people import NAME, AccountStore, Action, Fact, Role, Session
from ivr.errors import UserError

PREFIX = "slf_"  # so that who finds one in a log or in a repository knows what it is
_TOKEN = re.compile(PREFIX + r"[A-Za-z0-9_-]{43}")


@dataclass(frozen=True, slots=True)
class Token:
    """What is known of a token. `key` is a hash; the token itself is told once. It has a person or a role."""

    name: str
    key: str = field(repr=False)
    created_at: dt.datetime
    person: str = ""
    role: Role | None = None
    revoked_at: dt.datetime | None = None

    @property
    def actor(self) -> str:
        """In whose name it acts."""
        return self.person or f"program:{self.name}"


class TokenStore(Protocol):
    """Where tokens are kept. Its methods raise StoreFailed."""

    async def add(self, token: Token) -> bool:
        """A new token; False when there is or was one of that name."""

    async def tokens(self) -> Sequence[Token]:
        """All of them, the revoked ones too, by name."""

    async def token(self, key: str) -> Token | None:
        """The token that is not revoked, with the role of now; None also when its person may not sign in any more."""

    async def revoke(self, name: str, at: dt.datetime) -> bool:
        """It opens nothing any more; False when there is none to revoke."""


class Tokens:
    """Making, showing and revoking them. One for a console, or for one errand of the command line."""

    def __init__(self, store: TokenStore, people: AccountStore, clock: Clock) -> None:
        self._store = store
        self._people = people
        self._clock = clock

    async def add(self, name: str, actor: str, *, person: str = "", role: Role | None = None) -> str:
        """A new token, told this once. Raises UserError."""
        if not NAME.fullmatch(name):
            raise UserError("a token's name has 1 to 32 small letters, digits, dots, dashes and underscores, a letter or digit first")
        if bool(person) == (role is not None):
            raise UserError("a token is for a role or for a person: say one of the two")
        if person and ((account := await self._people.account(person)) is None or account.closed):
            raise UserError(f"there is no account {person} that may sign in")
        secret = PREFIX + secrets.token_urlsafe(32)
        at = self._clock()
        if not await self._store.add(Token(name, _key(secret), at, person, role)):
            raise UserError(f"there is or was a token {name} already; take another name")
        await self._people.write_down(Fact(at, actor, Action.TOKEN_ADDED, f"{name} ({person or role})"))
        return secret

    async def tokens(self) -> Sequence[Token]:
        """All of them."""
        return await self._store.tokens()

    async def revoke(self, name: str, actor: str) -> None:
        """It opens nothing any more. Raises UserError."""
        at = self._clock()
        if not await self._store.revoke(name, at):
            raise UserError(f"there is no token {name} to revoke")
        await self._people.write_down(Fact(at, actor, Action.TOKEN_REVOKED, name))

    async def session(self, shown: str) -> Session | None:
        """Whom a token that was shown stands for; None for one that opens nothing."""
        if not _TOKEN.fullmatch(shown):
            return None
        token = await self._store.token(_key(shown))
        if token is None or token.role is None:
            return None
        at = self._clock()
        return Session(token.key, token.actor, token.role, at, at)


def _key(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
