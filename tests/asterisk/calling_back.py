"""A line that calls back, for tests: a trunk that leads to one telephone, an agent at a seat, and tickets that wait."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import datetime as dt
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from adapters.telephony.asterisk_config import secret
from adapters.telephony.seats import password_of, telephone_of
from adapters.telephony.sip_agent import SipAgent
from ivr.bootstrap.desk import at_desk_now
from ivr.bootstrap.engine import now
from ivr.bootstrap.line import Line
from ivr.bootstrap.people import people
from ivr.bootstrap.stores import open_store
from ivr.calls.ports import Attempt, AttemptState, UnansweredCall, UnansweredKind
from ivr.calls.tickets import TicketDetails
from ivr.config import Settings
from ivr.desk.gate import new_password
from ivr.desk.people import Role
from tests.adapters.telephony.asterisk_line import asterisk_program, settings_for

CUSTOMER = "13900001008"
PUBLIC = "037110086"
ALL_DAY = (dt.time(0), dt.time.max)
TRUNK = """
[mobile]
type = endpoint
transport = udp
context = nowhere
disallow = all
allow = alaw
identify_by = ip
aors = mobile
direct_media = no
dtmf_mode = rfc4733

[mobile]
type = aor
contact = sip:127.0.0.1:{port}
"""


@dataclass
class Office:
    """A line and its desk."""

    line: Line

    @property
    def settings(self) -> Settings:
        return self.line.settings

    @contextlib.asynccontextmanager
    async def agent(self, name: str) -> AsyncIterator[SipAgent]:
        """Somebody new at the desk, with a telephone that is registered."""
        async with self.telephone(await self.person(name, new_password())) as telephone:
            yield telephone

    def telephone(self, seat: int) -> SipAgent:
        """The telephone of a seat; entered, it registers."""
        user = telephone_of(seat)
        key = secret(self.settings, "agent")
        return SipAgent(self.settings.host, self.settings.sip_port, user=user, password=password_of(key, user))

    async def person(self, name: str, password: str) -> int:
        """Somebody new at the desk; their seat."""
        async with people(self.settings) as (gate, store):
            await gate.add(name, Role.AGENT, password, "test")
            seat = await store.seat_of(name)
        assert seat is not None
        return seat

    async def waiting(self, caller: str = CUSTOMER, language: str = "zh-CN", topic: str = "callback") -> str:
        """A ticket that nobody has; its reference."""
        store = await asyncio.to_thread(open_store, self.settings)
        try:
            call = UnansweredCall(str(uuid4()), UnansweredKind.BUSY, caller, "1008611", language, now(), topic=topic)
            reference = await store.record_unanswered(call, now())
        finally:
            store.close()
        assert reference is not None
        return reference

    async def ticket(self, agent: str, caller: str = CUSTOMER, language: str = "zh-CN") -> str:
        """A ticket that this agent has claimed; its reference."""
        reference = await self.waiting(caller, language, topic=uuid4().hex)
        await self.desk("claim", reference, agent)
        return reference

    async def desk(self, verb: str, *arguments: object) -> object:
        """What an agent does."""
        return await at_desk_now(self.settings, lambda desk: getattr(desk, verb)(*arguments))  # type: ignore[no-any-return]

    async def call(self, reference: str, agent: str) -> Attempt:
        begun = await self.desk("call", reference, agent)
        assert isinstance(begun, Attempt), begun
        return begun

    async def show(self, reference: str) -> TicketDetails:
        details = await self.desk("show", reference)
        assert isinstance(details, TicketDetails)
        return details

    async def ended(self, reference: str, seconds: float = 60.0) -> Attempt:
        """The last attempt, once it is known how it ended."""
        async with asyncio.timeout(seconds):
            while (last := (await self.show(reference)).attempts[-1]).state is not AttemptState.ENDED:  # noqa: ASYNC110 - a database tells nobody
                await asyncio.sleep(0.1)
        return last

    async def reached(self, reference: str, state: AttemptState, seconds: float = 30.0) -> None:
        """Wait until the last attempt has come that far."""
        async with asyncio.timeout(seconds):
            while (await self.show(reference)).attempts[-1].state is not state:  # noqa: ASYNC110 - a database tells nobody
                await asyncio.sleep(0.1)


@dataclass
class CallingBack(Office):
    """The same, and the customer's telephone at the far end of its trunk."""

    customer: SipAgent


@contextlib.asynccontextmanager
async def calling_back(
    var: Path, *, console: bool = False, database: str = "", seats: int = 4, most_an_hour: int = 0
) -> AsyncIterator[CallingBack]:
    """A line with a trunk, on which people are called back at any hour. `database`: the address of its PostgreSQL database."""
    plain = dataclasses.replace(settings_for(var), database_address=database, callbacks_an_hour=most_an_hour)
    settings = dataclasses.replace(plain, seats=seats, trunk="mobile", calling_hours=ALL_DAY, own_numbers=(PUBLIC,))
    async with SipAgent(settings.host, settings.sip_port, user="customer") as customer:
        lay_trunk(settings, customer.port)
        async with Line(settings, asterisk=asterisk_program(), console=console) as line:
            yield CallingBack(line, customer)


@contextlib.asynccontextmanager
async def without_trunk(var: Path) -> AsyncIterator[Office]:
    """A line as it comes, with its console: who is called back is rung in the browser."""
    async with Line(dataclasses.replace(settings_for(var), own_numbers=(PUBLIC,)), asterisk=asterisk_program(), console=True) as line:
        yield Office(line)


def lay_trunk(settings: Settings, port: int) -> None:
    """A trunk that leads to a port of this machine."""
    etc = settings.asterisk / "etc"
    etc.mkdir(mode=0o700, parents=True)
    (etc / "pjsip_local.conf").write_text(TRUNK.format(port=port), encoding="ascii")
