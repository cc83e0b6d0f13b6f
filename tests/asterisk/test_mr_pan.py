"""Mr Pan's story, on a real Asterisk: all are busy, he leaves a message and hangs up, and is called back by who knows what he asked."""

from __future__ import annotations

import asyncio
import datetime as dt
from pathlib import Path

import pytest

from adapters.telephony.sip_caller import SipCaller
from ivr.bootstrap.desk import audit, history, statement
from ivr.bootstrap.engine import now
from ivr.calls.ports import AttemptOutcome, TicketState
from ivr.calls.tickets import Claimed, Closed
from tests.adapters.telephony.asterisk_line import tone
from tests.asterisk.calling_back import CUSTOMER, CallingBack, calling_back

pytestmark = [pytest.mark.asterisk]


async def leave_a_message(there: CallingBack, agent_is_busy: asyncio.Task[object]) -> None:
    """He asks for a person, hears that all are busy, says what he wants, and hangs up."""
    async with SipCaller(there.settings.host, there.settings.sip_port, caller_id=CUSTOMER) as phone:
        pan = await phone.call("1008611")
        await pan.wait_voice()
        await pan.send_keys("0")
        await agent_is_busy
        await pan.hear()
        pan.say(tone(4.0))
        await pan.wait_said()
        await pan.hang_up()


def test_mr_pan_is_called_back(tmp_path: Path):
    async def story() -> None:
        async with calling_back(tmp_path) as there, there.agent("li") as telephone:
            busy: asyncio.Task[object] = asyncio.create_task(telephone.refuse("486 Busy Here"))
            await leave_a_message(there, busy)
            async with asyncio.timeout(20):
                while not isinstance(taken := await there.desk("next", "li"), Claimed):  # noqa: ASYNC110 - a database tells nobody
                    await asyncio.sleep(0.2)
            reference = taken.ticket.line.reference
            assert taken.ticket.caller == CUSTOMER
            assert [message.seconds > 3 for message in taken.ticket.messages] == [True]

            await there.call(reference, "li")
            li = await telephone.answer()
            await li.hear()
            await li.send_keys("1")
            pan = await there.customer.answer()
            await pan.hear()
            li.forget_heard()
            for one, other in ((li, pan), (pan, li)):
                one.say(tone(6.0, hertz=300))
                assert len(await other.hear()) > 5 * 8000, "they hear each other"
            await li.hang_up()
            assert (await there.ended(reference)).outcome is AttemptOutcome.ANSWERED
            assert await there.desk("close", reference, "li", "his bill is explained") == Closed(reference)

            assert (await there.show(reference)).line.state is TicketState.RESOLVED
            today = now().replace(hour=0, minute=0, second=0, microsecond=0)
            made = await asyncio.to_thread(statement, there.settings, today, today + dt.timedelta(days=1))
            assert (made.promised, made.count("kept"), made.missing) == (1, 1, ())
            assert await asyncio.to_thread(audit, there.settings) == ()
            kinds = [event.kind for event in await asyncio.to_thread(history, there.settings, reference)]
            assert kinds[-6:] == ["attempt_planned", "attempt_sent", "attempt_ringing", "attempt_bridged", "attempt_ended", "resolved"]
            assert len(there.customer.invites) == 1
            everything = [path.read_bytes() for folder in ("log", "asterisk/log", "journal") for path in (tmp_path / folder).glob("*")]
            assert not any(CUSTOMER.encode() in text for text in everything), "no log has his number"

    asyncio.run(story())
