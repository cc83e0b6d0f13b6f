"""Calling back over AMI: one action of fixed form for each call, certainty about what came of it, and never a line more."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.telephony.ami import AmiDialler, Manager
from ivr.calls.ports import Placed
from ivr.errors import SettingsError
from tests.adapters.telephony.test_ami_live_calls import START, FakeManager, complete

QUEUED = "Response: Success\r\nActionID: originate\r\nMessage: Originate successfully queued\r\n\r\n"
REFUSED = "Response: Error\r\nActionID: originate\r\nMessage: Originate failed\r\n\r\n"


class FakeDialler(FakeManager):
    """The same, which also answers an order."""

    def __init__(self, order: str = QUEUED, **more: object) -> None:
        super().__init__(START, complete(0), **more)  # type: ignore[arg-type]
        self.order = order

    def answer_to(self, action: dict[str, str]) -> str:
        return self.order if action["Action"] == "Originate" else super().answer_to(action)


def place(manager: FakeManager, channel_id: str = "cb-12-3", seat: int = 7, deadline: float = 5.0) -> Placed:
    return asyncio.run(AmiDialler(Manager("127.0.0.1", manager.port, "selfline", "secret", deadline)).place(channel_id, seat))


def test_an_order_is_one_action_of_numbers_in_a_fixed_form():
    with FakeDialler() as manager:
        placed = place(manager)

    assert placed is Placed.PLACED
    assert [action["Action"] for action in manager.actions] == ["Login", "Originate"]
    assert manager.actions[1] == {
        "Action": "Originate",
        "ActionID": "originate",
        "Channel": "Local/07@callback-agent/n",
        "Context": "callback",
        "Exten": "s",
        "Priority": "1",
        "Timeout": "60000",
        "ChannelId": "cb-12-3",
        "Variable": "__IVR_ATTEMPT=12-3",
        "Async": "true",
    }


def test_an_order_that_is_refused_was_certainly_not_placed():
    with FakeDialler(REFUSED) as manager:
        assert place(manager) is Placed.NOT_PLACED


def test_without_a_log_in_nothing_was_ordered():
    with FakeDialler(login="Response: Error\r\nActionID: {id}\r\nMessage: Authentication failed\r\n\r\n") as manager:
        assert place(manager) is Placed.NOT_PLACED
    assert [action["Action"] for action in manager.actions] == ["Login"]


def test_an_order_without_an_answer_may_have_been_carried_out():
    with FakeDialler("") as manager:
        assert place(manager, deadline=0.5) is Placed.UNCERTAIN


def test_where_nobody_listens_nothing_was_ordered():
    with FakeDialler() as manager:
        port = manager.port

    assert asyncio.run(AmiDialler(Manager("127.0.0.1", port, "selfline", "secret")).place("cb-1-1", 1)) is Placed.NOT_PLACED


def test_calls_back_are_known_by_their_channel_ids():
    def listed(uniqueid: str) -> str:
        return f"Event: Status\r\nChannel: Local/07@callback-agent-1;1\r\nUniqueid: {uniqueid}\r\nActionID: status\r\n\r\n"

    listing = [listed(one) for one in ("cb-12-3", "cb-12-3;2", "cb-4-1;2", "selfline-17.4", "cb-x-1", "cb-1-1-1")]
    with FakeManager(START, *listing, complete(6)) as manager:
        dialler = AmiDialler(Manager("127.0.0.1", manager.port, "selfline", "secret"))
        assert asyncio.run(dialler.live_channels()) == {"cb-12-3", "cb-4-1"}
    with FakeManager(START, *listing, complete(7)) as manager:
        dialler = AmiDialler(Manager("127.0.0.1", manager.port, "selfline", "secret"))
        assert asyncio.run(dialler.live_channels()) is None


@given(st.text(max_size=40), st.integers())
@settings(max_examples=300)
def test_nothing_that_anybody_writes_becomes_an_order(channel_id: str, seat: int):
    dialler = AmiDialler(Manager("127.0.0.1", 1, "selfline", "secret"))

    with pytest.raises(ValueError, match="a call back is named"):
        asyncio.run(dialler.place(channel_id, seat))


@pytest.mark.parametrize("channel_id", ["cb-1-1\r\nAction: Command", "cb-1-1\n", "cb-1-1,X=1", "cb-１-1", "cb--1-1", "cb-1-1;2", ""])
def test_line_breaks_and_the_like_become_no_order(channel_id: str):
    dialler = AmiDialler(Manager("127.0.0.1", 1, "selfline", "secret"))

    with pytest.raises(ValueError, match="a call back is named"):
        asyncio.run(dialler.place(channel_id, 1))


def test_a_secret_that_cannot_be_said_is_told_at_the_start():
    with pytest.raises(SettingsError, match="the AMI secret must be"):
        Manager("127.0.0.1", 1, "selfline", "a\r\nAction: Command")
