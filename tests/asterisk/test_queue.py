"""All busy: callers wait in the queue of a whole line, hear their place, ask to be called back; every one is accounted for."""

from __future__ import annotations

import asyncio
import dataclasses
import datetime as dt
import json
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.telephony.asterisk_config import secret
from adapters.telephony.seats import password_of, telephone_of
from adapters.telephony.sip_agent import SipAgent
from adapters.telephony.sip_caller import SipCaller
from ivr.bootstrap.line import Line
from ivr.bootstrap.seats import queue_of
from ivr.bootstrap.stores import open_store
from ivr.calls.ports import Ticket, UnansweredKind
from ivr.config import Settings
from ivr.core.values import Kind, SpokenValue
from ivr.desk.board import QueueNow
from tests.adapters.telephony.asterisk_line import asterisk_program, settings_for, tone, until
from tests.asterisk.conftest import Bench
from tests.asterisk.sounds import hears, sound_of, sounds_of_value
from tests.conftest import HOME

pytestmark = [pytest.mark.asterisk]

FIRST, SECOND, THIRD, FOURTH = (f"1390000200{number}" for number in range(1, 5))
FLOW = """\
selfline: 1
line: "2000"
languages: [zh-CN, en-US]
start: {0}
on_failure: bye
nodes:
  english: {{set: {{language: en-US}}, then: person}}
  person:
    transfer: agents
    wait: 5min
    callback: bye
    kept: callback_kept
    saved: callback_saved
    busy: waited_long
    nobody: nobody_there
    unanswered: all_busy
    then: bye
  waited_long: {{say: waited_long, then: leave}}
  nobody_there: {{say: nobody_there, then: leave}}
  all_busy: {{say: all_busy, then: leave}}
  leave:
    message: leave_message
    topic: callback
    kept: message_kept
    saved: message_saved
    too_short: message_too_short
    not_kept: message_not_kept
    then: bye
  bye: {{hangup: goodbye}}
"""


@pytest.fixture(scope="module")
def queue(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """A line that puts callers through at once: 2000 in Mandarin, 2001 in English."""
    home = tmp_path_factory.mktemp("home")
    (home / "flows").mkdir()
    for name in ("adapters", "ivr", "prompts"):
        (home / name).symlink_to(HOME / name)
    shutil.copytree(HOME / "asterisk_conf", home / "asterisk_conf")
    waited_longer(home / "asterisk_conf" / "extensions.conf")
    (home / "flows" / "2000.yaml").write_text(FLOW.format("person"), encoding="utf-8")
    (home / "flows" / "2001.yaml").write_text(FLOW.format("english").replace('"2000"', '"2001"'), encoding="utf-8")
    settings = dataclasses.replace(settings_for(tmp_path_factory.mktemp("var")), home=home, flow="2000", seats=4)
    with asyncio.Runner() as runner:
        line = Line(settings, asterisk=asterisk_program())
        runner.run(line.start())
        try:
            yield Bench(line, runner)
        finally:
            runner.run(line.stop())


def waited_longer(dialplan: Path) -> None:
    """Nobody waits for minutes in a test: everybody is taken to have waited a minute and a half more than they have."""
    as_it_is, nearest_minute, a_while_more = dialplan.read_text(encoding="utf-8"), "${QUEUEHOLDTIME} + 30", "${QUEUEHOLDTIME} + 120"
    assert as_it_is.count(nearest_minute) == 1
    dialplan.write_text(as_it_is.replace(nearest_minute, a_while_more), encoding="utf-8")


def seat(settings: Settings, number: int) -> SipAgent:
    """Somebody's telephone, which registers."""
    user = telephone_of(number)
    return SipAgent(settings.host, settings.sip_port, user=user, password=password_of(secret(settings, "agent"), user))


def caller(settings: Settings, number: str) -> SipCaller:
    return SipCaller(settings.host, settings.sip_port, caller_id=number)


async def tickets_in(settings: Settings) -> tuple[Ticket, ...]:
    """All tickets that wait, the next to be called first."""
    store = await asyncio.to_thread(open_store, settings)
    try:
        return await store.queue(limit=100)
    finally:
        store.close()


async def ticket_of(settings: Settings, number: str) -> Ticket:
    """The caller's one ticket, once it is there."""
    async with asyncio.timeout(20):
        while not (found := [one for one in await tickets_in(settings) if one.caller_id == number]):  # noqa: ASYNC110 - a database tells nobody
            await asyncio.sleep(0.1)
    (ticket,) = found
    return ticket


def disposition(settings: Settings, number: str) -> str | None:
    """How the call of that number ended, as the journal tells; None as long as it lasts."""
    entries = [
        json.loads(line) for file in sorted((settings.var / "journal").glob("*")) for line in file.read_text(encoding="utf-8").splitlines()
    ]
    (session,) = {entry["session"] for entry in entries if entry.get("event", {}).get("caller_id", "").endswith(number[-4:])}
    return next((entry["disposition"] for entry in entries if entry["session"] == session and "disposition" in entry), None)


def test_where_nobody_is_at_a_telephone_a_message_is_offered_within_three_seconds(queue: Bench):
    async def story() -> tuple[Ticket, float]:
        async with caller(queue.settings, FOURTH) as phone:
            leg = await phone.call("2000")
            begun = time.monotonic()
            spoken = await leg.wait_voice()
            await hears(leg, "nobody_there")
            await leg.hang_up()
            return await ticket_of(queue.settings, FOURTH), spoken - begun

    ticket, seconds = queue.do(story())

    assert seconds < 3
    assert [call.kind for call in ticket.calls] == [UnansweredKind.NO_ANSWER]


def test_one_agent_and_three_callers(queue: Bench):
    """The first is served; the second hears a place and presses 1; the third gives up. Nobody is lost, and the order is theirs."""

    async def story() -> tuple[Ticket, Ticket, list[str], str | None, list[QueueNow | None]]:
        settings = queue.settings
        async with (
            seat(settings, 1) as agent,
            caller(settings, FIRST) as one,
            caller(settings, SECOND) as two,
            caller(settings, THIRD) as three,
        ):
            first = await one.call("2000")
            person = await agent.answer()
            person.say(tone(0.5, hertz=300))
            await first.wait_voice(after=person.answered_at)
            first.say(tone(0.5, hertz=500))
            await person.wait_voice()

            second = await two.call("2000")
            await hears(second, "queue_next")
            third = await three.call("2001")
            await hears(third, "queue_wait", "en-US")
            await hears(third, "queue_place", "en-US")
            await hears(third, "number_2", "en-US")
            await hears(third, "queue_place_end", "en-US")
            await hears(third, "queue_callback", "en-US")
            board = queue_of(settings)
            seen = await board.now()
            await third.hang_up()
            await hears(second, "queue_callback")
            await second.send_keys("1")
            await hears(second, "callback_kept")
            await second.wait_ended()

            await first.hang_up()
            await until(lambda: disposition(settings, FIRST) is not None, seconds=20)
            waiting = [ticket.caller_id for ticket in await tickets_in(settings) if ticket.caller_id in (SECOND, THIRD)]
            at_last = await board.now()
            return (
                await ticket_of(settings, SECOND),
                await ticket_of(settings, THIRD),
                waiting,
                disposition(settings, FIRST),
                [seen, at_last],
            )

    asked, gave_up, waiting, first, (seen, at_last) = queue.do(story())

    assert first == "transferred"
    assert (asked.topic, [call.kind for call in asked.calls]) == ("callback", [UnansweredKind.BUSY])
    assert [call.kind for call in gave_up.calls] == [UnansweredKind.ABANDONED]
    assert waiting == [SECOND, THIRD]  # by the time of the call, though the third hung up before the second pressed a key
    assert seen is not None
    assert at_last is not None
    assert (seen.waiting, seen.free, seen.seats) == (2, 0, 1)  # who talks does not wait
    assert dt.timedelta(0) < seen.longest < dt.timedelta(minutes=5)
    assert (at_last.waiting, at_last.longest, at_last.seats) == (0, dt.timedelta(0), 1)


def test_a_wait_of_two_minutes_is_two_minutes_and_the_second_place_the_second(queue: Bench):
    """In Mandarin these are two words, 两 and 二. The wait is told before one joins, and a key is taken while it is said."""

    async def story() -> tuple[bytes, bytes]:
        settings = queue.settings
        async with (
            seat(settings, 3) as agent,
            caller(settings, "13900002007") as talks,
            caller(settings, "13900002008") as waits,
            caller(settings, "13900002009") as two,
            caller(settings, "13900002010") as keys,
        ):
            talking = await talks.call("2000")
            await agent.answer()
            first = await waits.call("2000")
            await hears(first, "queue_callback")
            second = await two.call("2000")
            await hears(second, "queue_callback")
            presses = await keys.call("2000")
            await hears(presses, "queue_wait")
            await presses.send_keys("1")
            await hears(presses, "callback_kept")
            for leg in (presses, second, first, talking):
                await leg.hang_up()
            return first.audio, second.audio

    next_in_line, second = queue.do(story())

    (two_minutes,) = sounds_of_value(SpokenValue(Kind.DURATION, dt.timedelta(minutes=2)))
    heard = [sound_of("queue_wait"), two_minutes, sound_of("queue_place"), sound_of("number_2"), sound_of("queue_place_end")]
    places = [second.find(sound) for sound in heard]
    assert -1 not in places, "each is heard"
    assert places == sorted(places), "and in this order"
    assert sound_of("queue_wait") not in next_in_line, "who is next is not told how long others waited"


def test_who_waits_is_put_through_when_somebody_is_free(queue: Bench):
    async def story() -> str | None:
        settings, number = queue.settings, "13900002005"
        async with seat(settings, 2) as agent, caller(settings, "13900002006") as one, caller(settings, number) as two:
            first = await one.call("2000")
            person = await agent.answer()
            second = await two.call("2000")
            await hears(second, "queue_callback")
            await person.hang_up()
            await first.wait_ended()
            person = await agent.answer(dt.timedelta(seconds=60))
            person.say(tone(0.5, hertz=300))
            await second.wait_voice(after=person.answered_at)
            await person.hang_up()
            await second.wait_ended()
            await until(lambda: disposition(settings, number) is not None, seconds=20)
            return disposition(settings, number)

    assert queue.do(story()) == "transferred"
