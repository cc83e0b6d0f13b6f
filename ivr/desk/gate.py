"""The gate of the desk: signing in and out, being locked out, being forgotten when idle. The time is passed in.

A wrong name and a wrong password take the same time and get the same answer, so that nobody learns which names there are. A try is counted
before it is looked at: a thousand at once are not more than ten.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import hashlib
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from ivr.desk.people import LONGEST_PASSWORD, NAME, Account, AccountStore, Action, Fact, Passwords, Role, Session, trouble_with_password
from ivr.errors import UserError

MOST_TRIES = 10
LOCKED_FOR = dt.timedelta(minutes=15)
IDLE = dt.timedelta(minutes=15)
LONGEST_SESSION = dt.timedelta(hours=12)
_SEEN_EVERY = dt.timedelta(seconds=30)  # a session that was seen a moment ago is not written again
_AT_ONCE = 2  # passwords looked at; each takes a core and 64 MiB for a moment

Clock = Callable[[], dt.datetime]


@dataclass(frozen=True, slots=True)
class SignedIn:
    """The person, and what the browser must show from now on."""

    session: Session
    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Refused:
    """Wrong name or wrong password; which, nobody is told."""


@dataclass(frozen=True, slots=True)
class LockedOut:
    """Too many wrong passwords: for a quarter of an hour not even the right one opens."""


class Gate:
    """Who comes in. One for a console, or for one errand of the command line."""

    def __init__(self, store: AccountStore, passwords: Passwords, clock: Clock) -> None:
        self._store = store
        self._passwords = passwords
        self._clock = clock
        self._looking = asyncio.Semaphore(_AT_ONCE)
        self._nobody = ""  # a hash that no password has, for names that nobody has

    async def sign_in(self, name: str, password: str, address: str) -> SignedIn | Refused | LockedOut:
        """Look at a name and a password. Raises StoreFailed."""
        at = self._clock()
        name = name.strip().lower()
        known = bool(NAME.fullmatch(name))
        if known and not await self._store.try_sign_in(name, at, MOST_TRIES, LOCKED_FOR):
            await self._write(at, name, Action.LOCKED_OUT, address=address)
            return LockedOut()
        account = await self._store.account(name) if known else None
        right = await self._right(password, account)
        if account is None or not right or account.closed:
            await self._write(at, name if known else "?", Action.REFUSED, address=address)
            return Refused()
        await self._store.tries_forgotten(name)
        token = secrets.token_urlsafe(32)
        session = Session(_key(token), name, account.role, at, at)
        await self._store.open_session(session)
        await self._write(at, name, Action.SIGNED_IN, address=address)
        return SignedIn(session, token)

    async def session(self, token: str, *, active: bool = True) -> Session | None:
        """Whose token that is; None when the session is over. `active` keeps it from falling idle."""
        if not 20 <= len(token) <= 64:
            return None
        at = self._clock()
        session = await self._store.session(_key(token))
        if session is None:
            return None
        if at - session.seen_at >= IDLE or at - session.begun_at >= LONGEST_SESSION:
            await self._store.end_session(session.key)
            return None
        if active and at - session.seen_at >= _SEEN_EVERY:
            await self._store.seen(session.key, at)
        return session

    async def sign_out(self, session: Session, address: str) -> None:
        """The session is over."""
        await self._store.end_session(session.key)
        await self._write(self._clock(), session.name, Action.SIGNED_OUT, address=address)

    async def change_password(self, session: Session, old: str, new: str, address: str) -> str:
        """Why the password was not changed, or "": then the person signs in anew."""
        at = self._clock()
        if not await self._store.try_sign_in(session.name, at, MOST_TRIES, LOCKED_FOR):
            return "locked_out"
        if not await self._right(old, await self._store.account(session.name)):
            await self._write(at, session.name, Action.REFUSED, address=address)
            return "wrong_password"
        if trouble_with_password(new, session.name):
            return "weak_password"
        await self._store.tries_forgotten(session.name)
        await self.set_password(session.name, new, session.name, address)
        return ""

    async def set_password(self, name: str, new: str, actor: str, address: str = "") -> None:
        """Give an account another password. Raises UserError."""
        if trouble := trouble_with_password(new, name):
            raise UserError(trouble)
        if not await self._store.set_password(name, await asyncio.to_thread(self._passwords.hash, new)):
            raise UserError(f"there is no account {name}")
        await self._write(self._clock(), actor, Action.PASSWORD_CHANGED, name, address)

    async def people(self) -> Sequence[Account]:
        """Everybody who may sign in, or could once, by name."""
        return await self._store.accounts()

    async def add(self, name: str, role: Role, password: str, actor: str, address: str = "") -> None:
        """A new account. Raises UserError."""
        if trouble := trouble_with_password(password, name):
            raise UserError(trouble)
        at = self._clock()
        account = Account(name, role, await asyncio.to_thread(self._passwords.hash, password), at)
        if not await self._store.add(account):
            raise UserError(f"there is an account {name} already")
        await self._write(at, actor, Action.ACCOUNT_ADDED, f"{name} ({role})", address)

    async def set_closed(self, name: str, closed: bool, actor: str, address: str = "") -> None:
        """Close an account, or open it again. Raises UserError."""
        if not await self._store.set_closed(name, closed):
            raise UserError(f"there is no account {name}")
        await self._write(self._clock(), actor, Action.ACCOUNT_CLOSED if closed else Action.ACCOUNT_OPENED, name, address)

    async def write_down(self, actor: str, action: Action, subject: str, address: str) -> None:
        """Keep what somebody did: each look at personal data comes here before it is shown."""
        await self._write(self._clock(), actor, action, subject, address)

    async def facts(self) -> Sequence[Fact]:
        """The latest that was written down, the newest first."""
        return await self._store.facts()

    async def _right(self, password: str, account: Account | None) -> bool:
        """Whether the password is right; it takes as long for nobody's."""
        async with self._looking:
            if not self._nobody:
                self._nobody = await asyncio.to_thread(self._passwords.hash, secrets.token_hex(16))
            kept = account.password if account is not None else self._nobody
            return await asyncio.to_thread(self._passwords.matches, password[: LONGEST_PASSWORD + 1], kept) and account is not None

    async def _write(self, at: dt.datetime, actor: str, action: Action, subject: str = "", address: str = "") -> None:
        await self._store.write_down(Fact(at, actor, action, subject, address))


def new_password() -> str:
    """A password for somebody who is told it once: four groups of letters and digits that are not taken for each other."""
    letters = "abcdefghjkmnpqrstuvwxyz23456789"
    return "-".join("".join(secrets.choice(letters) for _ in range(5)) for _ in range(4))


def _key(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
