"""Which calls are live, asked over AMI: a complete answer or none, and never more than the one question."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.telephony.ami import AmiLiveCalls
from ivr.errors import SettingsError

ONE = "0b7f6a52-8f1e-4c7d-9a51-6f0f5f2a9c11"
TWO = "1c8f6a52-8f1e-4c7d-9a51-6f0f5f2a9c22"
GREETING = b"Asterisk Call Manager/11.0.0\r\n"
SUCCESS = "Response: Success\r\nActionID: {id}\r\n\r\n"
START = "Response: Success\r\nActionID: status\r\nEventList: start\r\nMessage: Channel status will follow\r\n\r\n"

LISTS = frozenset({"Status", "QueueSummary", "QueueStatus"})  # questions that are answered by a list


def channel(account: str, more: str = "") -> str:
    head = "Event: Status\r\nPrivilege: Call\r\nChannel: PJSIP/trunk-1\r\n"
    return f"{head}AccountCode: {account}\r\nUniqueid: 1.1\r\n{more}ActionID: status\r\n\r\n"


def complete(items: int) -> str:
    return f"Event: StatusComplete\r\nActionID: status\r\nEventList: Complete\r\nListItems: {items}\r\nItems: {items}\r\n\r\n"


class FakeManager:
    """Asterisk's manager interface for one connection at a time: answers a log-in and one question, and remembers every action."""

    def __init__(
        self, *listing: str, login: str = SUCCESS, greeting: bytes = b"Asterisk Call Manager/11.0.0\r\n", mute: bool = False
    ) -> None:
        self.listing = "".join(listing)
        self.login = login
        self.greeting = greeting
        self.mute = mute  # says nothing after the greeting
        self.actions: list[dict[str, str]] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self) -> FakeManager:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(5)
        assert not self._thread.is_alive()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection, connection.makefile("rb") as lines:
                connection.sendall(self.greeting)
                for action in self._read(lines):
                    self.actions.append(action)
                    if not self.mute and action["Action"] in {"Login", "Originate", *LISTS}:
                        connection.sendall(self.answer_to(action).encode())
                    if action["Action"] in LISTS and "Complete" not in self.listing:
                        break  # Asterisk dies in the middle of its list

    def answer_to(self, action: dict[str, str]) -> str:
        """What Asterisk says to an action."""
        return self.login.format(id=action["ActionID"]) if action["Action"] == "Login" else self.listing

    @staticmethod
    def _read(lines) -> Iterator[dict[str, str]]:
        action: dict[str, str] = {}
        try:
            for line in lines:
                if line == b"\r\n":
                    yield action
                    action = {}
                else:
                    key, _, value = line.decode().rstrip("\r\n").partition(": ")
                    action[key] = value
        except OSError:
            return


def asked(manager: FakeManager, deadline: float = 5.0) -> frozenset[str] | None:
    return asyncio.run(AmiLiveCalls("127.0.0.1", manager.port, "selfline", "secret", deadline=deadline).live_sessions())


@contextmanager
def threads_end() -> Iterator[None]:
    before = threading.active_count()
    yield
    assert threading.active_count() <= before


def test_the_sessions_are_the_account_codes_of_the_channels_that_are_up():
    """A channel without a session (an agent's telephone) is no session."""
    with FakeManager(START, channel(ONE), channel(TWO), channel(""), channel(ONE), complete(4)) as manager, threads_end():
        assert asked(manager) == {ONE, TWO}


def test_no_calls_is_an_answer_too():
    with FakeManager(START, complete(0)) as manager:
        assert asked(manager) == frozenset()


def test_a_question_is_one_log_in_without_events_and_one_action():
    with FakeManager(START, channel(ONE), complete(1)) as manager:
        asked(manager)

    assert manager.actions == [
        {"Action": "Login", "Username": "selfline", "Secret": "secret", "Events": "off", "ActionID": "login"},
        {"Action": "Status", "ActionID": "status"},
    ]


def test_a_header_that_a_caller_planted_hides_no_session():
    """The number dialled stands behind the account code; the first account code counts, and a lone line feed breaks no line."""
    forged = f"DNID: 1\r\nAccountCode: {TWO}\r\n"

    with FakeManager(START, channel(ONE, forged), channel(TWO, "DNID: 1\nAccountCode: x\r\n"), complete(2)) as manager:
        assert asked(manager) == {ONE, TWO}


@pytest.mark.parametrize(
    "listing",
    [
        (START, channel(ONE)),  # cut off
        (START, channel(ONE), complete(2)),  # one is missing
        (START, channel(ONE), "Event: StatusComplete\r\nActionID: status\r\n\r\n"),
        ("Response: Error\r\nActionID: status\r\nMessage: Permission denied\r\n\r\n" + "Complete",),
    ],
)
def test_half_an_answer_is_none(listing):
    with FakeManager(*listing) as manager, threads_end():
        assert asked(manager) is None


@pytest.mark.parametrize(
    "manager",
    [
        lambda: FakeManager(login="Response: Error\r\nActionID: {id}\r\nMessage: Authentication failed\r\n\r\n"),
        lambda: FakeManager(greeting=b"SSH-2.0-OpenSSH\r\n"),
        lambda: FakeManager(greeting=b""),
        lambda: FakeManager(greeting=b"\xff\xfe\r\n"),
        lambda: FakeManager(mute=True),
    ],
)
def test_who_does_not_answer_as_asterisk_does_gives_none_within_the_deadline(manager: Callable[[], FakeManager]):
    with manager() as far_end, threads_end():
        assert asked(far_end, deadline=0.3) is None


def test_a_closed_port_gives_none():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

    assert asyncio.run(AmiLiveCalls("127.0.0.1", port, "selfline", "secret").live_sessions()) is None


def test_a_failure_is_forgotten_by_the_next_question():
    with FakeManager(START, channel(ONE), complete(1), greeting=b"nonsense\r\n") as manager:
        live_calls = AmiLiveCalls("127.0.0.1", manager.port, "selfline", "secret")

        async def twice() -> list[frozenset[str] | None]:
            first = await live_calls.live_sessions()
            manager.greeting = GREETING
            return [first, await live_calls.live_sessions()]

        assert asyncio.run(twice()) == [None, {ONE}]


@settings(max_examples=500, deadline=None)
@given(st.text(min_size=1, max_size=30), st.sampled_from("\r\n\0\x85\u2028"), st.integers(0, 30), st.sampled_from([0, 1]))
def test_no_control_character_gets_into_a_log_in(text, control, where, which):
    values = ["selfline", "secret"]
    values[which] = text[:where] + control + text[where:]

    with pytest.raises(SettingsError):
        AmiLiveCalls("127.0.0.1", 5038, *values)


@pytest.mark.parametrize("value", ["", "x" * 1000])
def test_a_value_has_a_length(value):
    with pytest.raises(SettingsError):
        AmiLiveCalls("127.0.0.1", 5038, "selfline", value)
