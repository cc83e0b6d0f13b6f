"""What the gate refuses, and what it tells nobody."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from adapters.console.passwords import Argon2Passwords
from ivr.desk.gate import SignedIn, new_password
from ivr.desk.people import Role, trouble_with_name, trouble_with_password
from ivr.errors import UserError
from tests.adapters.console.desk import PASSWORD, desk


@pytest.mark.parametrize("name", ["", "Ann", "a b", "-ann", "a" * 33, "ann\n", "安", "../x"])
def test_a_name_is_plain(name: str):
    assert trouble_with_name(name).startswith("a name has 1 to 32 small letters")


@pytest.mark.parametrize("name", ["ann", "7", "mr.pan", "a-b_c"])
def test_plain_names_will_do(name: str):
    assert trouble_with_name(name) == ""


@pytest.mark.parametrize("password", ["", "eleven-char", "x" * 129, "aaaaaaaaaaaab", "my-name-is-Ann"])
def test_a_weak_password_is_refused(tmp_path: Path, password: str):
    with desk(tmp_path) as there, pytest.raises(UserError):
        asyncio.run(there.gate.add("ann", Role.AGENT, password, "test"))


def test_a_made_password_will_do_and_is_never_the_same():
    made = {new_password() for _ in range(100)}

    assert len(made) == 100
    assert {trouble_with_password(one, "admin") for one in made} == {""}


def test_names_are_the_same_in_capitals_and_passwords_are_not(tmp_path: Path):
    with desk(tmp_path) as there:

        async def story() -> list[bool]:
            await there.gate.add("ann", Role.AGENT, PASSWORD, "test")
            tries = [(" Ann ", PASSWORD), ("ann", PASSWORD.upper()), ("ann", PASSWORD + "x"), ("ann", PASSWORD + "x" * 300), ("ann", "")]
            return [isinstance(await there.gate.sign_in(name, password, ""), SignedIn) for name, password in tries]

        assert asyncio.run(story()) == [True, False, False, False, False]


@pytest.mark.parametrize("token", ["", "x" * 43, "x" * 5000, "ü" * 43, "\0" * 43])
def test_a_made_up_token_is_nobodys(tmp_path: Path, token: str):
    with desk(tmp_path) as there:
        assert asyncio.run(there.gate.session(token)) is None


def test_the_token_is_not_in_the_database(tmp_path: Path):
    with desk(tmp_path) as there:

        async def story() -> str:
            await there.gate.add("ann", Role.AGENT, PASSWORD, "test")
            signed_in = await there.gate.sign_in("ann", PASSWORD, "")
            assert isinstance(signed_in, SignedIn)
            assert signed_in.token not in repr(signed_in)
            return signed_in.token

        token = asyncio.run(story())
    kept = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert token.encode() not in kept
    assert PASSWORD.encode() not in kept


def test_a_kept_password_is_argon2id_of_64_mib():
    passwords = Argon2Passwords()

    kept = passwords.hash(PASSWORD)

    assert kept.startswith("$argon2id$v=19$m=65536,t=3,p=1$")
    assert passwords.matches(PASSWORD, kept)
    assert not passwords.matches(PASSWORD, "nonsense")


def test_no_account_can_be_added_or_changed_that_is_there_or_not(tmp_path: Path):
    with desk(tmp_path) as there:

        async def story() -> None:
            await there.gate.add("ann", Role.AGENT, PASSWORD, "test")
            with pytest.raises(UserError, match="there is an account ann already"):
                await there.gate.add("ann", Role.ADMIN, PASSWORD, "test")
            for change in (there.gate.set_password("bob", PASSWORD, "test"), there.gate.set_closed("bob", True, "test")):
                with pytest.raises(UserError, match="there is no account bob"):
                    await change

        asyncio.run(story())
