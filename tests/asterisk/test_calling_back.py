"""An agent calls back, on a real Asterisk with telephones: who rings when, what comes of it, and that it comes once."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from ivr.calls.ports import AttemptOutcome, TicketState
from ivr.calls.tickets import Closed
from tests.adapters.telephony.asterisk_line import tone
from tests.asterisk.calling_back import CUSTOMER, PUBLIC, calling_back

pytestmark = [pytest.mark.asterisk]


def test_the_agent_asks_for_it_the_customer_hears_who_calls_and_they_hear_each_other(tmp_path: Path):
    async def story() -> None:
        async with calling_back(tmp_path) as there, there.agent("li") as agent:
            reference = await there.ticket("li")
            first, second = await asyncio.gather(there.call(reference, "li"), there.call(reference, "li"))
            assert first == second
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
