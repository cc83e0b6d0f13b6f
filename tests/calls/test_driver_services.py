"""What a call does beside talking: texts that are queued, look-ups that are tried again, and a language that is remembered."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace

import pytest

from adapters.memory import MemoryCallers, MemoryTextOutbox, MemoryTextSender
from ivr.calls.callers import KnownCallers
from ivr.calls.driver import Services, run_call
from ivr.calls.ports import NO_CHOICES, Choices, TextMessage
from ivr.calls.texts import TextService
from ivr.core.events import CallerHungUp, CallStarted, DigitsEntered, PromptPlayed, Released
from ivr.core.flow import Flow
from ivr.core.state import Disposition
from ivr.core.values import Value
from ivr.errors import BackOfficeFailed, OutboxFailed
from tests.calls.scripted import ScriptedChannel
from tests.calls.test_driver import BUNDLES, CALLER, STARTED, World, heard
from tests.core.phone import NOON, compiled

PRESS_1, HANG_UP, ENTER, RELEASED = DigitsEntered(NOON, "1"), CallerHungUp(NOON), PromptPlayed(NOON), Released(NOON)


class Desk(World):
    """A world with an outbox and a memory."""

    def __init__(self, answer: Callable[[str, Mapping[str, Value]], object] = lambda name, arguments: BUNDLES) -> None:
        super().__init__(answer)
        self.outbox = MemoryTextOutbox()
        self.callers = MemoryCallers()
        self.slept: list[float] = []

    async def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)

    def run(self, flow: Flow, channel: ScriptedChannel, started: CallStarted = STARTED) -> Disposition:
        async def call() -> Disposition:
            known = KnownCallers(self.callers)
            texts = TextService(self.outbox, MemoryTextSender(), self.clock)
            services = replace(self.services, texts=texts, callers=known, sleep=self._sleep)
            disposition = await run_call(flow, channel, services, started)
            await known.settle()
            return disposition

        return asyncio.run(call())

    def texts(self) -> list[TextMessage]:
        return [text.message for text in asyncio.run(self.outbox.texts(10))]


# --- text messages ---

TEXTS = compiled(
    """
  hello: {menu: <<Main.>>, choices: {1: send, 2: elsewhere}, exhausted: bye}
  send:
    sms: {en-US: "You have {{ 3 | number }} bundles. Ask 1008611.", zh-CN: "您有{{ 3 | number }}个套餐。"}
    failed: sorry_no_text
    then: hello
  sorry_no_text: {say: <<No text.>>, then: hello}
  elsewhere: {collect: <<Where to?>>, as: number, min: 1, max: 20, then: send_there, exhausted: bye}
  send_there: {sms: <<Hi.>>, to: number, failed: sorry_no_text, then: hello}
  farewell: {sms: <<Come again.>>, then: gone}
  gone: {hangup: }
""",
    "start: hello\non_hangup: farewell",
)
SILENT = replace(TEXTS, on_hangup=None)


def test_a_text_is_in_the_outbox_in_figures_when_the_call_goes_on():
    desk = Desk()
    channel = desk.channel(PRESS_1, HANG_UP)

    desk.run(SILENT, channel)

    key = f"{STARTED.session}/send/1"
    assert desk.texts() == [TextMessage(key, CALLER, "You have 3 bundles. Ask 1008611.", "en-US", STARTED.session, NOON)]
    assert heard(channel) == ["Main.", "Main."]


def test_a_second_text_of_a_call_is_another_one_and_keys_pressed_meanwhile_count():
    desk = Desk()
    channel = desk.channel(PRESS_1, HANG_UP)
    presses = iter(("1", "", ""))

    class Ahead(ScriptedChannel):
        async def hold(self, *arguments, **named):  # type: ignore[no-untyped-def]
            self.keys = next(presses)
            return await super().hold(*arguments, **named)

    ahead = Ahead([PRESS_1, HANG_UP], spool=desk.spool)
    desk.run(SILENT, ahead)

    assert [text.key[-1] for text in desk.texts()] == ["2", "1"]
    assert heard(ahead) == ["Main.", "Main."]
    assert channel.told == []


def test_a_text_is_sent_after_the_hang_up_too():
    desk = Desk()

    desk.run(TEXTS, desk.channel(HANG_UP))

    assert [text.text for text in desk.texts()] == ["Come again."]


@pytest.mark.parametrize(("number", "reason"), [("02112345678", "number"), ("138", "number"), ("13911112222", None)])
def test_only_a_mobile_number_can_be_texted(number: str, reason: str | None):
    desk = Desk()
    channel = desk.channel(DigitsEntered(NOON, "2"), DigitsEntered(NOON, number, terminated=True), HANG_UP)

    desk.run(SILENT, channel)

    assert [text.to for text in desk.texts()] == ([] if reason else [number])
    assert (f'"reason": "{reason}"' in desk.written()) is bool(reason)
    assert heard(channel)[-1] == ("No text. Main." if reason else "Main.")


def test_a_caller_who_withholds_the_number_cannot_be_texted():
    desk = Desk()
    channel = desk.channel(PRESS_1, HANG_UP)

    desk.run(SILENT, channel, replace(STARTED, caller_id=""))

    assert desk.texts() == []
    assert heard(channel)[-1] == "No text. Main."


class NoOutbox(MemoryTextOutbox):
    """An outbox that is away."""

    async def queue(self, message: TextMessage) -> None:
        raise OutboxFailed("away")


def test_an_outbox_that_is_away_is_told_to_the_flow():
    desk = Desk()
    desk.outbox = NoOutbox()
    channel = desk.channel(PRESS_1, HANG_UP)

    desk.run(SILENT, channel)

    assert '"reason": "outbox"' in desk.written()
    assert heard(channel)[-1] == "No text. Main."


def test_a_line_without_an_outbox_sends_no_texts():
    world = World()
    channel = world.channel(PRESS_1, HANG_UP)

    asyncio.run(run_call(SILENT, channel, world.services, STARTED))

    assert heard(channel)[-1] == "No text. Main."


def test_what_cannot_be_written_is_told_to_the_flow():
    flow = compiled(
        """
  hello: {collect: <<Where to?>>, as: number, length: 11, then: send, exhausted: bye}
  send: {sms: <<Call {{ call.caller_id | digits }}.>>, to: number, failed: sorry_no_text, then: bye}
  sorry_no_text: {say: <<No text.>>, then: bye}
"""
    )
    desk = Desk()
    channel = desk.channel(DigitsEntered(NOON, CALLER), ENTER, RELEASED)

    desk.run(flow, channel, replace(STARTED, caller_id="+8613900001008"))  # a plus is no digit

    assert '"reason": "text"' in desk.written()
    assert heard(channel)[-1] == "No text. Goodbye."


@pytest.mark.parametrize("away", [False, True])
def test_a_caller_who_hangs_up_while_the_text_is_queued_gets_it_all_the_same(away: bool):
    class Slow(NoOutbox if away else MemoryTextOutbox):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.begun = asyncio.Event()

        async def queue(self, message: TextMessage) -> None:
            self.begun.set()
            for _ in range(5):
                await asyncio.sleep(0)
            await super().queue(message)

    async def story() -> list[str]:
        desk = Desk()
        outbox = Slow()
        channel = desk.channel(PRESS_1)
        channel.gone = outbox.begun
        services: Services = replace(desk.services, texts=TextService(outbox, MemoryTextSender(), desk.clock))
        assert await run_call(SILENT, channel, services, STARTED) is Disposition.SELF_SERVED
        return [text.message.key for text in await outbox.texts(10)]

    assert asyncio.run(story()) == ([] if away else [f"{STARTED.session}/send/1"])


def test_no_number_and_no_text_value_reaches_the_journal():
    desk = Desk()

    desk.run(TEXTS, desk.channel(DigitsEntered(NOON, "2"), DigitsEntered(NOON, "13911112222", terminated=True), PRESS_1, HANG_UP))

    assert "13911112222" not in desk.written()
    assert CALLER not in desk.written()
    assert "<number>" in desk.written()


# --- look-ups that are tried again ---

RETRIES = compiled(
    """
  hello: {lookup: bundles, with: {number: call.caller_id}, deadline: 4s, retries: 3, backoff: 200ms, failed: broken, then: main}
  broken: {say: <<Not now.>>, then: main}
  main: {menu: <<Main.>>, choices: {1: bye}, exhausted: bye}
"""
)


class FailsThrice:
    """A back office that fails a few times before it answers."""

    def __init__(self, times: int) -> None:
        self.times = times
        self.asked = 0

    def __call__(self, name: str, arguments: Mapping[str, Value]) -> object:
        self.asked += 1
        if self.asked <= self.times:
            raise BackOfficeFailed("away")
        return BUNDLES


@pytest.mark.parametrize(
    ("times", "asked", "pauses", "hears"),
    [
        (0, 1, [], "Main."),
        (1, 2, [0.2], "Main."),
        (3, 4, [0.2, 0.4, 0.8], "Main."),
        (4, 4, [0.2, 0.4, 0.8], "Not now. Main."),
    ],
)
def test_a_look_up_that_fails_is_tried_again_after_growing_pauses(times: int, asked: int, pauses: list[float], hears: str):
    back_office = FailsThrice(times)
    desk = Desk(back_office)
    channel = desk.channel(HANG_UP)

    desk.run(RETRIES, channel)

    assert (back_office.asked, desk.slept, heard(channel)) == (asked, pauses, [hears])


def test_a_try_that_would_come_after_the_deadline_is_not_waited_for():
    back_office = FailsThrice(9)
    desk = Desk(back_office)
    node = RETRIES.nodes["hello"]
    flow = replace(RETRIES, nodes={**RETRIES.nodes, "hello": replace(node, deadline=dt.timedelta(seconds=0.7))})  # type: ignore[call-arg]

    desk.run(flow, desk.channel(HANG_UP))

    assert desk.slept == [0.2, 0.4]
    assert '"reason": "back_office"' in desk.written()


def test_a_look_up_that_is_late_is_not_tried_again():
    async def never(name: str, arguments: Mapping[str, Value]) -> Value:
        nonlocal asked
        asked += 1
        await asyncio.Event().wait()
        raise AssertionError

    asked = 0
    desk = Desk()
    desk.back_office.look_up = never  # type: ignore[method-assign]
    node = RETRIES.nodes["hello"]
    flow = replace(RETRIES, nodes={**RETRIES.nodes, "hello": replace(node, deadline=dt.timedelta(0))})  # type: ignore[call-arg]

    desk.run(flow, desk.channel(HANG_UP))

    assert (asked, desk.slept) == (1, [])
    assert '"reason": "deadline"' in desk.written()


def test_keys_pressed_between_two_tries_count_and_a_hang_up_ends_them():
    async def story(*, gone: bool) -> tuple[ScriptedChannel, int]:
        pausing, may_go_on = asyncio.Event(), asyncio.Event()
        back_office = FailsThrice(1)
        world = World(back_office)

        async def sleep(seconds: float) -> None:
            pausing.set()
            await may_go_on.wait()

        channel = world.channel(ENTER, RELEASED, keys="1")
        channel.gone = pausing if gone else None
        call: Awaitable[Disposition] = asyncio.ensure_future(run_call(RETRIES, channel, replace(world.services, sleep=sleep), STARTED))
        await pausing.wait()
        if not gone:
            may_go_on.set()
        async with asyncio.timeout(5):
            await call
        return channel, back_office.asked

    stayed, asked = asyncio.run(story(gone=False))
    assert (heard(stayed), asked) == (["Goodbye."], 2)
    left, asked = asyncio.run(story(gone=True))
    assert (heard(left), asked) == ([], 1)


# --- what a caller chose ---

LANGUAGES = compiled(
    """
  hello: {menu: <<Main.>>, choices: {1: chinese, 2: english}, exhausted: bye}
  chinese: {set: {language: zh-CN}, then: hello}
  english: {set: {language: en-US}, then: hello}
""",
    'start: hello\nremember_language: true\nuniversals: {"7": slower, "8": louder}',
)


def remembered(flow: Flow, started: CallStarted = STARTED, keys: str = "1") -> Choices:
    desk = Desk()
    desk.run(flow, desk.channel(*(DigitsEntered(NOON, key) for key in keys), HANG_UP), started)
    return asyncio.run(desk.callers.recall(started.caller_id))


def test_the_language_that_a_caller_chose_last_is_remembered():
    assert remembered(LANGUAGES) == Choices("zh-CN")
    assert remembered(LANGUAGES, keys="12") == Choices("en-US")


def test_how_a_caller_wants_to_be_spoken_to_is_remembered_with_what_was_known_before():
    assert remembered(LANGUAGES, keys="78") == Choices(slower=True, louder=True)
    assert remembered(LANGUAGES, keys="787") == Choices(louder=True)
    assert remembered(LANGUAGES, replace(STARTED, language="zh-CN", louder=True), keys="7") == Choices("zh-CN", slower=True, louder=True)


def test_a_language_that_is_chosen_before_the_first_question_is_remembered_too():
    assert remembered(replace(LANGUAGES, start="chinese"), keys="") == Choices("zh-CN")


def test_nothing_is_remembered_of_who_chose_nothing_or_withholds_the_number_or_of_a_line_that_does_not_ask_for_it():
    assert remembered(LANGUAGES, keys="") == NO_CHOICES
    assert remembered(LANGUAGES, replace(STARTED, caller_id="")) == NO_CHOICES
    assert remembered(replace(LANGUAGES, remembers_language=False)) == NO_CHOICES


def test_a_caller_who_is_remembered_is_greeted_in_their_language():
    desk = Desk()
    channel = desk.channel(HANG_UP)

    desk.run(LANGUAGES, channel, replace(STARTED, language="zh-CN"))

    assert heard(channel) == ["中Main."]
