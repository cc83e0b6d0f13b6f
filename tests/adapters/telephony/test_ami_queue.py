"""Who waits for a person and whose telephone is there, asked over AMI: a complete and sensible answer or none, soon, without any right."""

from __future__ import annotations

import asyncio
import datetime as dt
import socket
from collections.abc import Callable

import pytest
import structlog

from adapters.telephony.ami import AmiQueue, Manager
from ivr.desk.board import QueueNow
from ivr.desk.seats import SeatNow
from tests.adapters.telephony.test_ami_live_calls import GREETING, FakeManager, threads_end

START = "Response: Success\r\nActionID: queue\r\nEventList: start\r\nMessage: Queue summary will follow\r\n\r\n"
FIGURES = {"LoggedIn": "5", "Available": "2", "Callers": "3", "HoldTime": "40", "TalkTime": "90", "LongestHoldTime": "75"}


def summary(queue: str = "agents", **other: str | None) -> str:
    """What Asterisk says of a queue; None leaves a figure out."""
    lines = [f"{name}: {value}\r\n" for name, value in {**FIGURES, **other}.items() if value is not None]
    return f"Event: QueueSummary\r\nQueue: {queue}\r\n{''.join(lines)}ActionID: queue\r\n\r\n"


def complete(items: int) -> str:
    return f"Event: QueueSummaryComplete\r\nActionID: queue\r\nEventList: Complete\r\nListItems: {items}\r\n\r\n"


def queue_at(port: int, deadline: float = 5.0) -> AmiQueue:
    return AmiQueue(Manager("127.0.0.1", port, "board", "secret", deadline), "agents")


def asked(manager: FakeManager, deadline: float = 5.0) -> QueueNow | None:
    return asyncio.run(queue_at(manager.port, deadline).now())


def test_who_waits_how_long_and_for_how_many_telephones():
    with FakeManager(START, summary(), complete(1)) as manager, threads_end():
        assert asked(manager) == QueueNow(waiting=3, longest=dt.timedelta(seconds=75), free=2, seats=5)


def test_a_question_is_one_log_in_without_events_and_one_action():
    with FakeManager(START, summary(), complete(1)) as manager:
        asked(manager)

    assert manager.actions == [
        {"Action": "Login", "Username": "board", "Secret": "secret", "Events": "off", "ActionID": "login"},
        {"Action": "QueueSummary", "ActionID": "queue", "Queue": "agents"},
    ]


@pytest.mark.parametrize(
    "answer",
    [
        (START, summary()),  # cut off
        (START, summary(), complete(2)),  # one is missing
        (START, complete(0)),  # there is no such queue
        (START, summary(), "Event: QueueSummaryComplete\r\nActionID: queue\r\n\r\n"),
        (START, summary("another"), complete(1)),
        (START, summary(Callers=None), complete(1)),
        (START, summary(Callers="-1"), complete(1)),
        (START, summary(Callers="many"), complete(1)),
        (START, summary(Callers="\u0663"), complete(1)),  # a digit, and none of ours
        (START, summary(LongestHoldTime="9" * 400), complete(1)),
        (START, summary(Available=""), complete(1)),
        (START, summary(LoggedIn="2.5"), complete(1)),
        ("Response: Error\r\nActionID: queue\r\nMessage: Invalid/unknown command: QueueSummary.\r\n\r\nComplete",),  # has no queues
    ],
)
def test_half_an_answer_or_an_odd_one_is_none(answer: tuple[str, ...]):
    with FakeManager(*answer) as manager, threads_end():
        assert asked(manager) is None


@pytest.mark.parametrize(
    "manager",
    [
        lambda: FakeManager(login="Response: Error\r\nActionID: {id}\r\nMessage: Authentication failed\r\n\r\n"),
        lambda: FakeManager(greeting=b"SSH-2.0-OpenSSH\r\n"),
        lambda: FakeManager(greeting=b"\xff\xfe\r\n"),
        lambda: FakeManager(mute=True),
    ],
)
def test_who_does_not_answer_as_asterisk_does_gives_none_within_the_deadline(manager: Callable[[], FakeManager]):
    with manager() as far_end, threads_end():
        assert asked(far_end, deadline=0.3) is None


def test_that_asterisk_is_away_is_logged_once_until_it_is_back():
    """The board asks every second."""
    with FakeManager(START, summary(), complete(1), greeting=b"nonsense\r\n") as manager, structlog.testing.capture_logs() as logged:
        queue = queue_at(manager.port)

        async def away_and_back() -> list[QueueNow | None]:
            answers = [await queue.now(), await queue.now(), await queue.now()]
            manager.greeting = GREETING
            answers.append(await queue.now())
            manager.greeting = b"nonsense\r\n"
            return [*answers, await queue.now()]

        answers = asyncio.run(away_and_back())

    assert [answer is not None for answer in answers] == [False, False, False, True, False]
    assert [line["event"] for line in logged] == ["ami_no_answer"] * 2


# --- seats --------------------------------------------------------------------------------------------------------

PARAMETERS = "Event: QueueParams\r\nQueue: agents\r\nMax: 50\r\nCalls: 1\r\nActionID: seats\r\n\r\n"
WAITS = (
    "Event: QueueEntry\r\nQueue: agents\r\nPosition: 1\r\nCallerIDNum: 13900001008\r\nName: seat 01\r\nStatus: 1\r\nActionID: seats\r\n\r\n"
)


def member(name: str, status: str) -> str:
    return f"Event: QueueMember\r\nQueue: agents\r\nName: {name}\r\nStatus: {status}\r\nActionID: seats\r\n\r\n"


def all_seats(items: int) -> str:
    return f"Event: QueueStatusComplete\r\nActionID: seats\r\nEventList: Complete\r\nListItems: {items}\r\n\r\n"


def seats_told(*answer: str) -> dict[int, SeatNow] | None:
    with FakeManager(START.replace("queue", "seats"), *answer) as manager, threads_end():
        told = asyncio.run(queue_at(manager.port).seats())
    return None if told is None else dict(told)


def test_each_seat_is_away_free_or_busy_whoever_waits():
    """The numbers are Asterisk's states of a device: what is not known, not valid or not there does not ring."""
    states = ("0", "1", "2", "3", "4", "5", "6", "7", "8", "")
    members = [member(f"seat {number:02}", status) for number, status in enumerate(states, start=10)]

    told = seats_told(PARAMETERS, *members, WAITS, all_seats(12))

    away, free, busy = SeatNow.AWAY, SeatNow.FREE, SeatNow.BUSY
    assert told == dict(enumerate((away, free, busy, busy, away, away, busy, busy, busy, away), start=10))


@pytest.mark.parametrize(
    "answer",
    [
        (PARAMETERS, member("seat 01", "1")),  # cut off
        (PARAMETERS, member("seat 01", "1"), all_seats(3)),  # one is missing
    ],
)
def test_half_a_list_of_seats_is_none(answer: tuple[str, ...]):
    assert seats_told(*answer) is None


def test_a_member_that_is_no_seat_is_left_out():
    assert seats_told(PARAMETERS, member("somebody", "1"), member("seat 1", "1"), all_seats(3)) == {}


def test_a_closed_port_gives_none():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

    assert asyncio.run(queue_at(port).now()) is None
