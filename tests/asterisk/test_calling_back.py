"""An agent calls back, on a real Asterisk with telephones: who rings when, what comes of it, and that it comes once."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from adapters.telephony.sip_agent import SipAgent
from adapters.telephony.sip_leg import SipLeg
from ivr.bootstrap.people import people
from ivr.calls.ports import AttemptOutcome, AttemptState, Refused, TicketState
from ivr.calls.tickets import Claimed, Closed
from ivr.desk.people import Action
from tests.adapters.telephony.asterisk_line import tone, until
from tests.asterisk.calling_back import CUSTOMER, PUBLIC, calling_back
from tests.asterisk.sounds import hears, sound_of

pytestmark = [pytest.mark.asterisk]


def test_the_agent_asks_for_it_the_customer_hears_who_calls_and_they_hear_each_other(tmp_path: Path):
    async def story() -> None:
        async with calling_back(tmp_path) as there, there.agent("li") as agent:
            reference = await there.ticket("li")
            first, second = await asyncio.gather(there.call(reference, "li"), there.call(reference, "li"))
            assert first.channel_id == second.channel_id
            person = await agent.answer()
            assert len(await person.hear()) > 3 * 8000, "the agent is told what it is about"
            assert there.customer.invites == (), "nobody is rung before the agent has asked for it"
            await person.send_keys("1")
            customer = await there.customer.answer()
            greeting = await customer.hear()
            assert len(greeting) > 4 * 8000, "the customer is told who calls"
            person.forget_heard()
            for one, other in ((person, customer), (customer, person)):
                one.say(tone(6.0, hertz=300))
                assert len(await other.hear()) > 5 * 8000
            await customer.hang_up()

            ended = await there.ended(reference)

            assert ended.bridged is not None
            assert (ended.outcome, ended.bridged.total_seconds() > 10) == (AttemptOutcome.ANSWERED, True)
            [invite] = there.customer.invites
            assert invite.start.startswith(f"INVITE sip:{CUSTOMER}@")
            assert invite.header("from").startswith(f"<sip:{PUBLIC}@")
            assert len(agent.invites) == 1
            assert (await there.show(reference)).line.state is TicketState.TALKING
            assert await there.desk("close", reference, "li", "he is content") == Closed(reference)

    asyncio.run(story())


def test_what_the_network_says_is_what_is_written_down(tmp_path: Path):
    async def story() -> None:
        async with calling_back(tmp_path) as there, there.agent("li") as li, there.agent("wang") as wang:
            silent = await there.ticket("wang", "13900002000")
            await there.call(silent, "wang")
            waits = await ask(wang)
            await there.customer.let_ring()
            answers = (
                ("486 Busy Here", "busy"),
                ("603 Decline", "rejected"),
                ("404 Not Found", "invalid_number"),
                ("480 Gone", "no_answer"),
            )
            for place, (status, outcome) in enumerate(answers):
                reference = await there.ticket("li", f"1390000100{place}")
                await there.call(reference, "li")
                await ask(li)
                await there.customer.refuse(status)
                ended = await there.ended(reference)
                assert (ended.outcome, status) == (AttemptOutcome(outcome), status)
                assert (await there.show(reference)).line.state is TicketState.RETRY_WAIT
            assert (await there.ended(silent)).outcome is AttemptOutcome.NO_ANSWER
            await waits.wait_ended()
            assert len(there.customer.invites) == 5

    asyncio.run(story())


def test_who_does_not_ask_for_it_or_may_not_be_called_is_not_rung(tmp_path: Path):
    async def story() -> None:
        async with calling_back(tmp_path) as there, there.agent("li") as li:
            callers = (f"1390000300{number}" for number in range(10))

            async def outcome(agent: str, caller: str = "") -> tuple[str | None, str]:
                reference = await there.ticket(agent, caller or next(callers))
                await there.call(reference, agent)
                ended = await there.ended(reference)
                assert (await there.show(reference)).line.state is TicketState.CLAIMED
                return ended.outcome, ended.cause

            for number in ("00442079460000", "4001234567", PUBLIC, "+8613490001008"):
                assert await outcome("li", number) == ("not_placed", "number_plan")
            assert li.invites == ()
            assert await outcome("nobody") == ("agent_failed", "no_telephone")
            busy = asyncio.create_task(li.refuse("486 Busy Here"))
            assert await outcome("li") == ("agent_failed", "busy")
            await busy

            waiting = asyncio.create_task(outcome("li"))
            person = await li.answer()
            await person.wait_voice()
            await person.send_keys("2")
            assert await waiting == ("agent_failed", "not_confirmed")

            waiting = asyncio.create_task(outcome("li"))
            person = await li.answer()
            await person.wait_voice()
            await person.hang_up()
            assert await waiting == ("agent_failed", "hung_up")
            assert there.customer.invites == ()

    asyncio.run(story())


def test_an_engine_that_is_killed_at_any_moment_calls_the_customer_once_at_most(tmp_path: Path):
    async def story() -> None:
        async with calling_back(tmp_path) as there, there.agent("li") as li:
            rings = await there.ticket("li", "13900001001")
            await there.call(rings, "li")
            await li.rung.wait()
            await there.line.engine.kill()  # the agent's telephone rings
            person = await li.answer()
            await person.wait_ended()
            await there.line.engine.start()
            ended = await there.ended(rings)
            assert (ended.outcome, ended.cause) == (AttemptOutcome.NOT_PLACED, "engine_away")
            assert there.customer.invites == ()

            talks = await there.ticket("li", "13900001002")
            await there.call(talks, "li")
            person = await ask(li)
            customer = await there.customer.answer()
            await there.line.engine.kill()  # the customer hears who calls
            await customer.hear()
            person.say(tone(11.0, hertz=300))
            await person.wait_said()
            await customer.hang_up()
            await there.line.engine.start()
            assert (await there.ended(talks)).outcome is AttemptOutcome.ANSWERED
            assert len(there.customer.invites) == 1

    asyncio.run(story())


def test_a_call_that_asterisk_took_with_it_is_unknown_until_somebody_says_how_it_ended(tmp_path: Path):
    async def story() -> None:
        async with calling_back(tmp_path) as there, there.agent("li") as li:
            reference = await there.ticket("li")
            await there.call(reference, "li")
            await ask(li)
            await there.customer.let_ring()
            await there.line.asterisk.kill()
            await there.line.asterisk.start()
            await there.reached(reference, AttemptState.UNKNOWN, seconds=60)

            assert await there.desk("call", reference, "li") == Refused("unsettled")
            await there.desk("settle", reference, "li", AttemptOutcome.NO_ANSWER)
            assert (await there.ended(reference)).outcome is AttemptOutcome.NO_ANSWER
            assert len(there.customer.invites) == 1

    asyncio.run(story())


def test_who_is_cut_off_because_the_agents_telephone_is_lost_hears_so_and_comes_first(tmp_path: Path):
    """No audio comes from it for twenty seconds: a battery that is empty, a browser that has crashed, a network that is down."""

    async def story() -> None:
        async with calling_back(tmp_path) as there, there.agent("li") as li:
            for language, caller in (("zh-CN", "13900001001"), ("en-US", "13900001002")):
                await there.ticket("wang", caller.replace("1001", "4001").replace("1002", "4002"), language)  # somebody came before
                reference = await there.ticket("li", caller, language)
                await there.call(reference, "li")
                person = await ask(li)
                customer = await there.customer.answer()
                await hears(customer, "callback_greeting", language)
                await there.reached(reference, AttemptState.BRIDGED)
                person.vanish()
                await hears(customer, "callback_lost", language, seconds=60)
                await customer.wait_ended()

                ended = await there.ended(reference)

                assert (ended.outcome, ended.cause) == (AttemptOutcome.ANSWERED, "agent_lost")
                assert ended.bridged is not None
                assert 18 < ended.bridged.total_seconds() < 40
                waits = (await there.show(reference)).line
                assert (waits.state, waits.assignee) == (TicketState.OPEN, None)
                claimed = await there.desk("next", "zhao")
                assert isinstance(claimed, Claimed)
                assert claimed.ticket.line.reference == reference
                assert not isinstance(await there.call(reference, "zhao"), Refused), "and may be called again at once"

    asyncio.run(story())


def test_an_agent_who_hangs_up_has_ended_the_call(tmp_path: Path):
    async def story() -> None:
        async with calling_back(tmp_path) as there, there.agent("li") as li:
            reference = await there.ticket("li")
            await there.call(reference, "li")
            person = await ask(li)
            customer = await there.customer.answer()
            await there.reached(reference, AttemptState.BRIDGED)
            person.say(tone(11.0, hertz=300))
            await person.wait_said()
            await person.hang_up()
            await customer.wait_ended()

            ended = await there.ended(reference)

            assert (ended.outcome, ended.cause) == (AttemptOutcome.ANSWERED, "16")
            assert sound_of("callback_lost") not in customer.audio
            assert (await there.show(reference)).line.state is TicketState.TALKING, "it waits to be closed by who has talked"

    asyncio.run(story())


def test_too_many_calls_back_within_an_hour_are_paused_until_a_supervisor_lets_them_go_on(tmp_path: Path):
    async def story() -> None:
        async with calling_back(tmp_path, most_an_hour=1) as there, there.agent("li") as li:
            dialled, waits = await there.ticket("li", "13900001001"), await there.ticket("li", "13900001002")
            await there.call(dialled, "li")
            await ask(li)
            await there.customer.refuse("486 Busy Here")
            await there.ended(dialled)

            assert await there.desk("call", waits, "li") == Refused("paused")
            log = there.settings.var / "log" / "engine.log"
            await until(lambda: "1 calls back within an hour (IVR_CALLBACKS_AN_HOUR): none before " in log.read_text("utf-8"), seconds=20)
            assert "1390000" not in log.read_text("utf-8")

            async with people(there.settings) as (gate, _):
                await gate.write_down("wang", Action.CALLS_RESUMED, "", "")
            await there.call(waits, "li")
            await ask(li)
            await there.customer.refuse("486 Busy Here")
            assert (await there.ended(waits)).outcome is AttemptOutcome.BUSY
            assert len(there.customer.invites) == 2

    asyncio.run(story())


async def ask(telephone: SipAgent) -> SipLeg:
    """The agent picks up and asks to be put through, without hearing it all."""
    person = await telephone.answer()
    await person.wait_voice()
    await person.send_keys("1")
    return person
