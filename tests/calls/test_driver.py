"""A whole call between fakes: look-ups while the caller waits, messages that are kept, and ends of every kind."""

from __future__ import annotations

import asyncio
import datetime as dt
import gc
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from adapters.backoffice.signatures import SIGNATURES
from adapters.memory import FixedClock, MemoryBackOffice, MemoryJournal, MemoryLiveCalls, MemorySpool, MemoryTicketStore
from ivr.calls.capture import MessageCapture
from ivr.calls.driver import Services, run_call
from ivr.calls.ports import LineEvent, MessageFacts, Ticket, UnansweredCall, UnansweredKind
from ivr.calls.recovery import Recovery
from ivr.calls.unanswered import UnansweredCalls
from ivr.core.commands import AskDigits, Play
from ivr.core.events import (
    BUSY,
    CALLBACK,
    CallerHungUp,
    CallStarted,
    CommandFailed,
    DigitsEntered,
    NothingHeard,
    PromptPlayed,
    Released,
    TransferEnded,
)
from ivr.core.flow import Flow
from ivr.core.state import Disposition
from ivr.core.values import Value
from ivr.errors import BackOfficeFailed, ChannelFailed, SpoolFailed, StoreFailed, UnexpectedEvent
from tests.calls.scripted import Answer, ScriptedChannel
from tests.core.phone import NOON, compiled, said

LEAVE = """
  leave:
    message: <<Speak.>>
    topic: callback
    kept: <<Number {{ ticket.reference | digits }}.>>
    saved: <<Saved.>>
    too_short: <<Nothing.>>
    not_kept: <<Full.>>
    then: bye
"""
FLOW = compiled(
    LEAVE
    + """
  hello: {lookup: bundles, with: {number: call.caller_id}, comfort: <<One moment.>>, deadline: 4s, failed: broken, then: main}
  broken: {say: <<Not now.>>, then: main}
  main: {menu: <<Main.>>, choices: {1: leave, 2: person, 3: hello}, exhausted: bye}
  person: {transfer: agents, then: bye, unanswered: leave}
  gone: {lookup: bundles, as: late, with: {number: call.caller_id}, then: end}
  end: {hangup: }
""",
    "start: hello\non_hangup: gone",
)
SILENT = replace(FLOW, on_hangup=None)
BUNDLES = {"count": 0, "items": ()}
CALLER = "13900001008"
STARTED = CallStarted(NOON, "7d9f3c1e-0000-4000-8000-00000000abcd", CALLER, "100")
WHOLE = b"\xd5" * 40_000


class World:
    """Everything a call needs, in memory."""

    def __init__(self, answer: Callable[[str, Mapping[str, Value]], object] = lambda name, arguments: BUNDLES) -> None:
        self.clock = FixedClock(NOON)
        self.spool = MemorySpool(self.clock)
        self.store = MemoryTicketStore()
        self.journal = MemoryJournal()
        self.back_office = MemoryBackOffice(SIGNATURES, answer)
        self.capture = MessageCapture(self.store, self.spool, self.clock, 1)
        self.unanswered = UnansweredCalls(self.store, self.spool, self.clock, store_deadline=dt.timedelta(milliseconds=50))

    @property
    def services(self) -> Services:
        return Services(self.back_office, self.capture, self.journal, self.clock, unanswered=self.unanswered)

    def channel(self, *script: Answer, speech: bytes | None = WHOLE, keys: str = "") -> ScriptedChannel:
        return ScriptedChannel(script, spool=self.spool, speech=speech, keys=keys)

    def written(self) -> str:
        return json.dumps([entry for _, entry in self.journal.entries], ensure_ascii=False)


class SlowBackOffice(MemoryBackOffice):
    """Answers when it is told to, and knows whether it was given up."""

    def __init__(self) -> None:
        super().__init__(SIGNATURES)
        self.asked = asyncio.Event()
        self.may_answer = asyncio.Event()
        self.given_up = 0

    async def look_up(self, name: str, arguments: Mapping[str, Value]) -> Value:
        self.asked.set()
        try:
            await self.may_answer.wait()
        except asyncio.CancelledError:
            self.given_up += 1
            raise
        return BUNDLES


HANG_UP = CallerHungUp(NOON)
ENTER = PromptPlayed(NOON)


def press(digits: str) -> LineEvent:
    return DigitsEntered(NOON, digits)


def hold(world: World, channel: ScriptedChannel, flow: Flow = SILENT, started: CallStarted = STARTED) -> Disposition:
    return asyncio.run(run_call(flow, channel, world.services, started, "asterisk-1.1"))


def heard(channel: ScriptedChannel) -> list[str]:
    return [said(command.utterance) for command in channel.told if isinstance(command, Play | AskDigits)]


# --- look-ups ---


def test_a_quick_look_up_is_not_heard():
    world = World()
    channel = world.channel(HANG_UP)

    assert hold(world, channel) is Disposition.ABANDONED
    assert (heard(channel), channel.comforts) == (["Main."], [])


def test_a_slow_look_up_is_comforted_and_the_keys_of_the_waiting_caller_count():
    async def call() -> ScriptedChannel:
        world = World()
        slow = SlowBackOffice()
        world.back_office = slow
        channel = world.channel(ENTER, ENTER, Released(NOON), keys="1")
        task = asyncio.create_task(run_call(SILENT, channel, world.services, STARTED))
        await channel.comforted.wait()
        slow.may_answer.set()
        await task
        return channel

    channel = asyncio.run(call())

    assert channel.comforts == ["One moment."]
    assert heard(channel)[0] == "Speak."


def test_a_look_up_past_its_deadline_has_failed():
    world = World()
    world.back_office = NeverAnswers()
    channel = world.channel(HANG_UP, keys="7")
    node = FLOW.nodes["hello"]

    flow = replace(SILENT, nodes={**FLOW.nodes, "hello": replace(node, deadline=NOON - NOON)})  # type: ignore[call-arg]
    hold(world, channel, flow)

    assert heard(channel) == ["Main."]  # the key that was pressed skips the apology
    assert '"reason": "deadline"' in world.written()


class NeverAnswers(MemoryBackOffice):
    """A back office that hangs."""

    def __init__(self) -> None:
        super().__init__(SIGNATURES)

    async def look_up(self, name: str, arguments: Mapping[str, Value]) -> Value:
        await asyncio.Event().wait()
        raise AssertionError


@pytest.mark.parametrize("trouble", [BackOfficeFailed("away"), None])
def test_a_look_up_that_fails_is_apologised_for(trouble: Exception | None):
    def answer(name: str, arguments: Mapping[str, Value]) -> object:
        if trouble is not None:
            raise trouble
        return {"count": "many"}

    world = World(answer)
    channel = world.channel(HANG_UP)

    assert hold(world, channel) is Disposition.FAILED
    assert heard(channel) == ["Not now. Main."]
    assert '"reason": "back_office"' in world.written()


def test_hanging_up_during_a_look_up_gives_it_up_and_ends_the_call():
    async def call() -> tuple[Disposition, int]:
        world = World()
        slow = SlowBackOffice()
        world.back_office = slow
        channel = world.channel()
        channel.gone = slow.asked
        disposition = await run_call(SILENT, channel, world.services, STARTED)
        await asyncio.sleep(0)
        return disposition, slow.given_up

    assert asyncio.run(call()) == (Disposition.ABANDONED, 1)


def test_a_look_up_that_fails_as_the_caller_hangs_up_troubles_nobody():
    class FailsAtOnce(MemoryBackOffice):
        async def look_up(self, name: str, arguments: Mapping[str, Value]) -> Value:
            raise BackOfficeFailed("away")

    world = World()
    world.back_office = FailsAtOnce(SIGNATURES)
    channel = world.channel()
    channel.gone = asyncio.Event()
    channel.gone.set()

    assert hold(world, channel) is Disposition.ABANDONED
    gc.collect()  # an exception that nobody looked at would be reported now, and fail this test


@pytest.mark.parametrize("answers", ["something", "failure", "nothing"])
def test_after_the_hang_up_look_ups_go_on_without_a_line(answers: str):
    calls: list[str] = []

    def answer(name: str, arguments: Mapping[str, Value]) -> object:
        calls.append(name)
        if len(calls) > 1 and answers == "failure":
            raise BackOfficeFailed("away")
        return BUNDLES

    world = World(answer)
    flow = FLOW
    if answers == "nothing":
        node = FLOW.nodes["gone"]
        flow = replace(FLOW, nodes={**FLOW.nodes, "gone": replace(node, deadline=NOON - NOON)})  # type: ignore[call-arg]
        world.back_office = AnswersOnce()

    hold(world, world.channel(HANG_UP), flow)

    reasons = {"something": "", "failure": "back_office", "nothing": "deadline"}
    assert f'"reason": "{reasons[answers]}"' in world.written() or answers == "something"
    assert world.journal.entries[-1][1]["disposition"] in ("abandoned", "failed")


class AnswersOnce(NeverAnswers):
    """A back office that hangs from the second question on."""

    def __init__(self) -> None:
        super().__init__()
        self._asked = 0

    async def look_up(self, name: str, arguments: Mapping[str, Value]) -> Value:
        self._asked += 1
        return BUNDLES if self._asked == 1 else await super().look_up(name, arguments)


# --- messages and transfers ---


def test_a_message_becomes_a_ticket_before_it_is_promised():
    world = World()
    promised: list[bool] = []

    def goodbye() -> LineEvent:
        (ticket,) = tickets(world)
        promised.append(ticket in said(channel.told[-1].utterance))  # type: ignore[union-attr]
        return ENTER

    channel = world.channel(press("1"), ENTER, goodbye, Released(NOON))

    assert hold(world, channel) is Disposition.TICKET_OPENED
    assert promised == [True]


def tickets(world: World) -> tuple[str, ...]:
    """The references of the tickets there are: the store in memory never waits, so this may be asked from within a call."""
    coroutine = world.store.tickets()
    with pytest.raises(StopIteration) as done:
        coroutine.send(None)
    return tuple(ticket.reference for ticket in done.value.value)


def test_hanging_up_after_speaking_keeps_the_message_and_knows_the_caller():
    world = World()
    channel = world.channel(press("1"), ENTER)
    channel.hangs_up_after_the_message = True

    assert hold(world, channel) is Disposition.TICKET_OPENED
    (ticket,) = asyncio.run(world.store.tickets())
    assert (ticket.caller_id, ticket.topic, ticket.language, ticket.dialled) == (CALLER, "callback", "en-US", "100")
    assert ticket.messages[0].key == f"{STARTED.session}/leave/1"


def test_a_message_of_nothing_opens_no_ticket():
    world = World()
    channel = world.channel(press("1"), ENTER, ENTER, Released(NOON), speech=b"\xd5" * 100)

    assert hold(world, channel) is Disposition.ABANDONED
    assert heard(channel)[-1] == "Nothing. Goodbye."
    assert asyncio.run(world.store.tickets()) == ()


def test_a_transfer_nobody_answers_offers_a_message():
    world = World()
    channel = world.channel(press("2"), TransferEnded(NOON, answered=False), ENTER, ENTER, Released(NOON))

    assert hold(world, channel) is Disposition.TICKET_OPENED


# --- calls that nobody answered ---


def only_ticket(world: World) -> Ticket:
    [ticket] = asyncio.run(world.store.tickets(include_ended=True))
    return ticket


@pytest.mark.parametrize(
    ("script", "kind"),
    [
        ((press("2"), HANG_UP), UnansweredKind.ABANDONED),
        ((press("2"), TransferEnded(NOON, answered=False), HANG_UP), UnansweredKind.NO_ANSWER),
        ((press("2"), CommandFailed(NOON, "busy"), HANG_UP), UnansweredKind.FAILED),
    ],
    ids=["hangs up while it rings", "hangs up when nobody answers", "the line cannot transfer"],
)
def test_a_caller_who_asked_for_a_person_in_vain_is_called_back(script: tuple[LineEvent, ...], kind: UnansweredKind):
    world = World()

    hold(world, world.channel(*script, speech=b""))

    ticket = only_ticket(world)
    assert (ticket.caller_id, ticket.dialled, ticket.language, ticket.messages) == (CALLER, "100", "en-US", ())
    assert [(call.session, call.kind, call.channel) for call in ticket.calls] == [(STARTED.session, kind, "asterisk-1.1")]
    assert (world.spool.noted_calls(), world.unanswered.busy) == ((), set())


def test_a_caller_who_hangs_up_while_told_about_being_put_through_is_called_back():
    world = World()
    told = compiled(
        """
  hello: {menu: <<Main.>>, choices: {1: person}, exhausted: bye}
  person: {transfer: agents, announce: <<Connecting you.>>, then: bye, unanswered: bye}
"""
    )

    assert hold(world, world.channel(press("1"), HANG_UP), told) is Disposition.ABANDONED

    assert [call.kind for call in only_ticket(world).calls] == [UnansweredKind.ABANDONED]


def test_a_caller_whose_message_cannot_be_taken_is_called_back():
    world = World()
    world.spool.free = 0
    channel = world.channel(press("1"), ENTER, ENTER, Released(NOON))

    assert hold(world, channel) is Disposition.ABANDONED

    assert heard(channel)[-1] == "Full. Goodbye."
    assert [call.kind for call in only_ticket(world).calls] == [UnansweredKind.FAILED]


TOLD = compiled(
    LEAVE
    + """
  hello: {lookup: bundles, with: {number: call.caller_id}, then: tell}
  tell: {say: <<You have {{ bundles.count | number }}.>>, then: main}
  main: {menu: <<Main.>>, choices: {1: leave}, exhausted: bye}
"""
)


@pytest.mark.parametrize(("speech", "messages"), [(WHOLE, 1), (b"", 0), (None, 0)], ids=["whole", "silence", "cannot record"])
def test_a_message_that_is_begun_and_cannot_be_kept_is_one_ticket_once_the_recovery_knows_what_became_of_it(
    speech: bytes | None, messages: int
):
    """Whatever the caller had been told before; and not two tickets, one for the call and one for the message that is found."""
    world = World()
    settle = world.spool.settle

    def unreadable(recording: Path, samples: int | None) -> MessageFacts:
        raise SpoolFailed("input/output error")

    world.spool.settle = unreadable  # type: ignore[method-assign]
    hold(world, world.channel(press("1"), ENTER, ENTER, Released(NOON), speech=speech), TOLD)
    assert [call.kind for call in world.spool.noted_calls()] == [UnansweredKind.FAILED]
    world.spool.settle = settle  # type: ignore[method-assign]

    asyncio.run(Recovery(world.store, world.spool, MemoryLiveCalls(), world.clock).scan())

    [ticket] = asyncio.run(world.store.tickets())
    assert (len(ticket.messages), [call.kind for call in ticket.calls]) == (messages, [UnansweredKind.FAILED])
    assert world.spool.noted_calls() == ()


@pytest.mark.parametrize(
    "script",
    [
        (HANG_UP,),
        (press("2"), TransferEnded(NOON, answered=True), ENTER, Released(NOON)),
    ],
    ids=["wanted nothing", "talked"],
)
def test_a_caller_who_was_served_or_wanted_nobody_is_not(script: tuple[LineEvent, ...]):
    world = World()

    hold(world, world.channel(*script))

    assert asyncio.run(world.store.tickets(include_ended=True)) == ()
    assert world.spool.noted_calls() == ()


def test_a_caller_who_found_everybody_talking_is_called_back():
    world = World()

    hold(world, world.channel(press("2"), TransferEnded(NOON, answered=False, reason=BUSY), HANG_UP, speech=b""))

    assert [call.kind for call in only_ticket(world).calls] == [UnansweredKind.BUSY]


# --- asking in the queue to be called back ---

QUEUE = compiled(
    """
  hello: {menu: <<Main.>>, choices: {1: person}, exhausted: bye}
  person:
    transfer: agents
    wait: 5min
    callback: bye
    kept: <<Number {{ ticket.reference | digits }}.>>
    saved: <<Saved.>>
    unanswered: nobody
    then: bye
  nobody: {say: <<Nobody.>>, then: bye}
""",
)
ASKS_BACK = TransferEnded(NOON, answered=False, reason=CALLBACK)


async def refused(call: UnansweredCall, at: dt.datetime) -> str | None:
    raise StoreFailed("away")


def full(call: UnansweredCall, *, durable: bool) -> None:
    raise SpoolFailed("full")


def test_a_call_back_is_in_the_database_before_it_is_promised():
    world = World()
    recorded: list[int] = []
    record = world.store.record_unanswered

    async def recording(call: UnansweredCall, at: dt.datetime) -> str | None:
        recorded.append(len(channel.told))
        return await record(call, at)

    world.store.record_unanswered = recording  # type: ignore[method-assign]
    channel = world.channel(press("1"), ASKS_BACK, ENTER, Released(NOON))
    disposition = hold(world, channel, QUEUE)

    ticket = only_ticket(world)
    assert (disposition, recorded[0]) == (Disposition.TICKET_OPENED, 2)  # after the menu and the queue, before the promise
    assert heard(channel)[-1] == f"Number <digits {ticket.reference}> . Goodbye."
    assert (ticket.topic, ticket.caller_id, ticket.created_at) == ("callback", CALLER, NOON)
    assert [call.kind for call in ticket.calls] == [UnansweredKind.BUSY]
    assert world.spool.noted_calls() == ()


def test_while_the_database_is_away_a_call_back_is_promised_on_the_note_and_the_recovery_keeps_the_promise():
    world = World()
    there, world.store.record_unanswered = world.store.record_unanswered, refused  # type: ignore[method-assign]
    channel = world.channel(press("1"), ASKS_BACK, ENTER, Released(NOON))

    assert hold(world, channel, QUEUE) is Disposition.TICKET_OPENED
    assert heard(channel)[-1] == "Saved. Goodbye."
    assert [(call.topic, call.kind) for call in world.spool.noted_calls()] == [("callback", UnansweredKind.BUSY)]

    world.store.record_unanswered = there  # type: ignore[method-assign]
    asyncio.run(Recovery(world.store, world.spool, MemoryLiveCalls(), world.clock).scan())
    assert only_ticket(world).topic == "callback"


def test_what_is_neither_in_the_database_nor_on_the_disk_is_not_promised():
    world = World()
    world.store.record_unanswered = refused  # type: ignore[method-assign]
    world.spool.note_call = full  # type: ignore[method-assign]
    channel = world.channel(press("1"), ASKS_BACK, ENTER, Released(NOON))

    assert hold(world, channel, QUEUE) is Disposition.ABANDONED
    assert heard(channel)[-1] == "Nobody. Goodbye."


def test_a_caller_without_a_number_is_not_promised_a_call_back():
    world = World()
    channel = world.channel(press("1"), ASKS_BACK, ENTER, Released(NOON))

    hold(world, channel, QUEUE, replace(STARTED, caller_id=""))

    assert heard(channel)[-1] == "Nobody. Goodbye."


def test_who_waited_longest_keeps_the_place_when_they_ask_to_be_called_back():
    """The order of the tickets is that of the calls, whenever the key was pressed."""
    world = World()
    for number, minutes in ((1, 2), (2, 0), (3, 1)):
        began = NOON + dt.timedelta(minutes=minutes)
        started = CallStarted(began, f"7d9f3c1e-0000-4000-8000-00000000000{number}", f"1390000200{number}", "100")
        hold(world, world.channel(press("1"), ASKS_BACK, ENTER, Released(NOON)), QUEUE, started)

    tickets = asyncio.run(world.store.tickets())

    assert [ticket.caller_id[-1] for ticket in tickets] == ["2", "3", "1"]


BY_DAY = compiled(
    LEAVE
    + """
  main: {menu: <<Main.>>, choices: {1: person}, exhausted: bye}
  person: {hours: desk, open: agents, closed: leave}
  agents: {transfer: agents, then: bye, unanswered: leave}
""",
    "start: main\nhours: {desk: {week: {daily: 02:00-03:00}}}",
)


def test_a_caller_who_asked_for_a_person_when_it_was_closed_and_left_no_message_is_called_back():
    world = World()

    hold(world, world.channel(press("1"), HANG_UP, speech=b""), BY_DAY)

    assert [call.kind for call in only_ticket(world).calls] == [UnansweredKind.NO_ANSWER]


def test_a_caller_who_left_a_message_after_all_has_one_ticket():
    world = World()

    hold(world, world.channel(press("2"), TransferEnded(NOON, answered=False), ENTER, ENTER, Released(NOON)))

    ticket = only_ticket(world)
    assert (len(ticket.messages), ticket.calls) == (1, ())


def test_a_caller_whom_nothing_served_because_it_failed_is_called_back():
    def broken(name: str, arguments: Mapping[str, Value]) -> object:
        raise BackOfficeFailed("away")

    world = World(broken)

    assert hold(world, world.channel(HANG_UP)) is Disposition.FAILED

    assert [call.kind for call in only_ticket(world).calls] == [UnansweredKind.FAILED]


def test_a_line_that_breaks_leaves_the_note_of_its_call_to_the_recovery():
    world = World()

    async def story() -> None:
        with pytest.raises(ChannelFailed):
            await run_call(SILENT, world.channel(ChannelFailed("cut")), world.services, STARTED, "asterisk-1.1")
        await world.unanswered.settle()

    asyncio.run(story())

    assert [(call.session, call.kind) for call in world.spool.noted_calls()] == [(STARTED.session, UnansweredKind.FAILED)]
    assert world.unanswered.busy == set()


def test_a_wish_that_the_database_does_not_take_waits_on_disk():
    world = World()

    async def away(call: UnansweredCall, at: dt.datetime) -> str | None:
        raise StoreFailed("away")

    world.store.record_unanswered = away  # type: ignore[method-assign]
    hold(world, world.channel(press("2"), HANG_UP))

    assert [call.kind for call in world.spool.noted_calls()] == [UnansweredKind.ABANDONED]


# --- ends ---


def test_each_call_has_its_end_in_the_journal():
    world = World()
    hold(world, world.channel(HANG_UP))

    assert world.journal.entries[-1] == (STARTED.session, {"at": "2026-03-05T12:00:00.000+08:00", "disposition": "abandoned"})


def test_a_line_that_breaks_is_left_to_the_rescue_and_written_down():
    world = World()

    with pytest.raises(ChannelFailed):
        hold(world, world.channel(ChannelFailed("cut")))

    assert world.journal.entries[-1][1] == {"at": "2026-03-05T12:00:00.000+08:00", "disposition": "failed", "broken": "ChannelFailed"}


def test_an_answer_that_fits_no_question_is_a_bug_and_not_hidden():
    world = World()

    with pytest.raises(UnexpectedEvent):
        hold(world, world.channel(Released(NOON)))


# --- what is never written down ---

SECRETS = compiled(
    """
  hello: {collect: <<Password?>>, as: pin, length: 6, secret: true, then: check, exhausted: bye}
  check: {lookup: account, with: {number: pin}, comfort: <<Wait.>>, not_found: bye, failed: main, then: tell}
  tell: {say: <<{{ account.balance | money }} for {{ call.caller_id | digits }}.>>, then: main}
  main: {menu: <<Main.>>, choices: {1: form, 2: bye}, exhausted: bye}
  form: {collect: <<Which number?>>, as: number, length: 11, then: main, exhausted: bye}
""",
    'start: hello\nuniversals: {"9": repeat}',
)
PIN, AHEAD, OTHER = "735194", "86420", "13911112222"


def test_no_secret_reaches_the_journal():
    """Not the password, not the full number of anybody, not the keys pressed ahead, not what the account holds."""

    def answer(name: str, arguments: Mapping[str, Value]) -> object:
        raise BackOfficeFailed(f"no {arguments['number']}")

    world = World(answer)
    answers = [NothingHeard(NOON), press("73"), press(PIN), press("1"), press(OTHER), press("2"), ENTER, Released(NOON)]
    channel = world.channel(*answers, keys=AHEAD)

    hold(world, channel, SECRETS)

    written = world.written()
    for secret in (PIN, PIN[:4], AHEAD, CALLER, CALLER[:8], OTHER, OTHER[:8]):
        assert secret not in written
    assert CALLER[-4:] in written
    assert '"length": 6' in written
    assert f'"keys": {len(AHEAD)}' in written


def test_what_the_account_holds_is_not_written():
    account = {name: _plain(scalar.kind.value) for name, scalar in SIGNATURES["account"].answer.fields.items()}  # type: ignore[union-attr]
    world = World(lambda name, arguments: account)

    hold(world, world.channel(press(PIN), press("2"), ENTER, Released(NOON)), SECRETS)

    assert "4711.99" not in world.written()
    assert "<money>" in world.written()
    assert CALLER not in world.written()


def _plain(kind: str) -> Value:
    values: dict[str, Value] = {"money": Decimal("4711.99"), "bool": True, "volume": 5, "duration": NOON - NOON, "digits": "1"}
    return values.get(kind, "zh-CN")
