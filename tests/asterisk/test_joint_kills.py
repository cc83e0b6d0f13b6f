"""Engines and desks are killed at random while people call, agents claim and customers are called back, all at once, on a real Asterisk.

What callers heard is known from the audio that reached them, and whom the line rang up from the INVITEs that reached its trunk: neither
asks the programs that die. IVR_KILLS sets how many engines die, and a desk dies for every three of them; the default is small enough for
every run.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import os
import random
import re
import signal
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from adapters.speech.pack_voice import read_packs
from adapters.telephony.sip_agent import SipAgent
from adapters.telephony.sip_caller import SipCaller
from adapters.telephony.sip_leg import SipLeg
from ivr.bootstrap.console import address
from ivr.bootstrap.desk import audit, statement
from ivr.bootstrap.engine import now
from ivr.bootstrap.line import ServiceProcess
from ivr.bootstrap.stores import run_errand
from ivr.calls.ports import AttemptOutcome, AttemptState, Ticket, TicketState
from ivr.config import Settings
from ivr.errors import ChannelFailed
from tests.adapters.telephony.asterisk_line import tone, until
from tests.asterisk.calling_back import CallingBack, calling_back
from tests.databases import KINDS, new_database

pytestmark = [pytest.mark.asterisk]

CALLERS, AGENTS = 2, 8
KILLS = int(os.environ.get("IVR_KILLS", "6"))
DESK_KILLS = max(KILLS // 3, 1)
ENGINE_LIVES, DESK_LIVES = 4.0, 12.0  # seconds at most
BUSY = 0.15  # of the customers, when they are called back
PASSWORD = "correct-horse-7"
PROMISES = ("您的留言已保存，我们会尽快给您回电。", "您的留言已保存，我们会尽快给您回电，再见。")  # by the engine, and by the rescue
WORDS = tone(3.0)
TALK = tone(11.5, hertz=300)  # a talk counts from ten seconds on
ONE_LOOK = dt.timedelta(seconds=2)
PATIENCE = 120.0  # seconds until all is answered, beside five for each engine killed


@dataclass
class Trial:
    """What the telephones and browsers of one run have seen."""

    there: CallingBack
    chance: random.Random = field(default_factory=lambda: random.Random(20260305))
    placed: int = 0
    promised: set[str] = field(default_factory=set)  # callers who heard that they will be called back
    closed: list[str] = field(default_factory=list)  # tickets that a page said are closed
    settled: int = 0  # attempts of which the line did not know how they ended
    over: asyncio.Event = field(default_factory=asyncio.Event)  # the last engine and desk have died; nobody calls any more
    answered: asyncio.Event = field(default_factory=asyncio.Event)  # every ticket

    @property
    def settings(self) -> Settings:
        return self.there.settings


# --- those who call -----------------------------------------------------------------------------------------------


async def people_who_call(trial: Trial) -> None:
    """One after the other, each with a number of their own, until it is over."""
    spoken = read_packs(trial.settings.home / "prompts" / "audio", ("zh-CN",))["zh-CN"].recordings
    promises = [spoken[words].path.read_bytes()[:1600] for words in PROMISES]
    while not trial.over.is_set():
        trial.placed += 1
        number = f"1390001{trial.placed:04}"
        heard = await leave_a_message(trial, number)
        if any(promise in heard for promise in promises):
            trial.promised.add(number)


async def leave_a_message(trial: Trial, number: str) -> bytes:
    """Ask to leave a message, say it after the beep, or after the apology when the engine is away; all that was heard."""
    async with SipCaller(trial.settings.host, trial.settings.sip_port, caller_id=number) as phone:
        leg = await phone.call("1008611")
        with contextlib.suppress(ChannelFailed):
            await leg.wait_voice()
            await leg.send_keys("5")
            await leg.hear()
            leg.say(WORDS)
            await leg.wait_said()
            if trial.chance.random() < 0.7:
                await leg.send_keys("#")
                await leg.hear()
            await leg.hang_up()
        return leg.audio


# --- those who are called back ------------------------------------------------------------------------------------


async def customers(trial: Trial) -> None:
    """Whoever is rung up answers, hears who calls, talks and hangs up; some are busy."""
    async with asyncio.TaskGroup() as talks:
        while not trial.answered.is_set():
            with contextlib.suppress(ChannelFailed):
                if trial.chance.random() < BUSY:
                    await trial.there.customer.refuse("486 Busy Here", ONE_LOOK)
                else:
                    talks.create_task(talk(await trial.there.customer.answer(ONE_LOOK)))


async def talk(leg: SipLeg) -> None:
    with contextlib.suppress(ChannelFailed):
        await leg.hear()
        leg.say(TALK)
        await leg.wait_said()
        await leg.hang_up()


async def telephone_of_an_agent(trial: Trial, telephone: SipAgent) -> None:
    """Picked up whenever it rings; 1 is pressed; whoever is put through hangs up first."""
    while not trial.answered.is_set():
        with contextlib.suppress(ChannelFailed):
            leg = await telephone.answer(ONE_LOOK)
            await leg.wait_voice()
            await leg.send_keys("1")
            await leg.wait_ended()


# --- those who answer, at their pages -----------------------------------------------------------------------------


class Browser:
    """The pages of one agent, who tries again when the console is away."""

    def __init__(self, settings: Settings, name: str) -> None:
        self._name = name
        self._client = httpx.AsyncClient(base_url=address(settings, "/"), headers={"accept": "text/html"}, follow_redirects=True, timeout=5)
        self._token = ""

    async def open(self, path: str) -> str:
        """The text of a page, signed in."""
        return await self._shown(lambda: self._client.get(path))

    async def send(self, path: str, **fields: str) -> str:
        """The page that a form leads to. A form whose answer is lost has been sent all the same, or has not: a page tells."""
        return await self._shown(lambda: self._client.post(path, data={"csrf": self._token, **fields}))

    async def _shown(self, ask: Callable[[], Awaitable[httpx.Response]]) -> str:
        while True:
            try:
                answer = await ask()
            except httpx.HTTPError:
                ask = self._start_again
                await asyncio.sleep(0.1)  # the console is started again
                continue
            if answer.url.path == "/sign-in":
                ask = self._sign_in if self._remember(answer.text) else self._start_again
                continue
            self._remember(answer.text)
            return f"{answer.url.path}?{answer.url.query.decode()}\n{answer.text}"

    async def _start_again(self) -> httpx.Response:
        return await self._client.get("/desk")

    async def _sign_in(self) -> httpx.Response:
        who = {"csrf": self._token, "name": self._name, "password": PASSWORD, "next": "/desk"}
        return await self._client.post("/sign-in", data=who)

    def _remember(self, text: str) -> bool:
        found = re.search(r'name="csrf" value="([0-9a-f]{64})"', text)
        self._token = found[1] if found else self._token
        return found is not None

    async def close(self) -> None:
        await self._client.aclose()


async def agent(trial: Trial, name: str) -> None:
    """Take the next ticket, call back, close it when they have talked; again, until every ticket is answered."""
    browser = Browser(trial.settings, name)
    try:
        while not trial.answered.is_set():
            page = await browser.open("/desk")
            mine = re.search(r'data-mine="(\d+)', page)
            if mine is None:
                page = await browser.send("/desk/next")
                mine = re.match(r"/tickets/(\d+)", page)
            if mine is None:
                await asyncio.sleep(0.3)  # nobody waits
                continue
            await work_on(trial, browser, mine[1])
    finally:
        await browser.close()


async def work_on(trial: Trial, browser: Browser, reference: str) -> None:
    """One look at the ticket, and what is to be done with it."""
    page = await browser.open(f"/tickets/{reference}")
    last = re.search(r'<p class="attempt (\w+)"', page)
    tried = re.search(r'name="tried" value="(\d+)"', page)
    match last[1] if last else "":
        case "answered":
            told = await browser.send(f"/tickets/{reference}/close", note="all explained", outcome="answered")
            if told.startswith("/desk?told=closed"):
                trial.closed.append(reference)
        case "unknown":
            trial.settled += 1
            await browser.send(f"/tickets/{reference}/settle", outcome="no_answer")
        case "planned" | "sent" | "ringing" | "bridged":
            await asyncio.sleep(0.3)  # the call is under way
        case _ if tried:
            await browser.send(f"/tickets/{reference}/call", tried=tried[1])


# --- what dies ----------------------------------------------------------------------------------------------------


async def kill_at_random(process: ServiceProcess, times: int, longest: float, chance: random.Random) -> None:
    """SIGKILL it at a random moment after it is ready, so many times; the line's own watch starts it again."""
    for _ in range(times):
        await until(lambda: process.ready, 120)
        await asyncio.sleep(chance.uniform(0, longest))
        await kill(process)


async def kill(process: ServiceProcess) -> None:
    """SIGKILL; returns when it is gone."""
    victim = process.pid
    assert victim is not None, f"{process.called} ended without being killed; see {process.log}"
    os.kill(victim, signal.SIGKILL)
    await until(lambda: process.pid != victim)


async def wait_until_answered(trial: Trial) -> list[Ticket]:
    """Until nobody waits but those who were busy, and no message has still to be found; every ticket."""
    async with asyncio.timeout(PATIENCE + 5.0 * KILLS):
        while True:
            tickets = await asyncio.to_thread(all_tickets, trial.settings)
            left = [one for one in tickets if one.state not in (TicketState.RESOLVED, TicketState.RETRY_WAIT, TicketState.ABANDONED)]
            if not left and not any((trial.settings.spool / "intents").iterdir()):
                return tickets
            await asyncio.sleep(0.5)


def all_tickets(settings: Settings) -> list[Ticket]:
    return list(run_errand(settings, lambda store: store.tickets(include_ended=True)))


# --- the trial ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_engines_and_desks_die_and_every_caller_is_called_back_once(tmp_path: Path, kind: str):
    told: list[str] = []
    database = "" if kind == "sqlite" else str(new_database(kind, tmp_path))

    async def story() -> tuple[Trial, list[Ticket]]:
        async with calling_back(tmp_path, console=True, database=database, seats=AGENTS) as there, contextlib.AsyncExitStack() as stack:
            trial = Trial(there)
            async with asyncio.TaskGroup() as everybody:
                for number in range(AGENTS):
                    name = f"agent{number}"
                    seat = await there.person(name, PASSWORD)
                    telephone = await stack.enter_async_context(there.telephone(seat))
                    everybody.create_task(telephone_of_an_agent(trial, telephone))
                    everybody.create_task(agent(trial, name))
                everybody.create_task(customers(trial))
                watch = asyncio.create_task(there.line.watch(told.append))
                calling = [everybody.create_task(people_who_call(trial)) for _ in range(CALLERS)]
                assert there.line.console is not None
                await asyncio.gather(
                    kill_at_random(there.line.engine, KILLS, ENGINE_LIVES, random.Random(1)),
                    kill_at_random(there.line.console, DESK_KILLS, DESK_LIVES, random.Random(2)),
                )
                trial.over.set()
                await asyncio.gather(*calling)
                tickets = await wait_until_answered(trial)
                trial.answered.set()
                watch.cancel()
            return trial, tickets

    trial, tickets = asyncio.run(story())
    assert set(re.findall(r"status (-?\d+)", " ".join(told))) == {"-9"}, "somebody ended without being killed"
    print(summary(kind, trial, tickets))
    tickets = [one for one in tickets if one.state is not TicketState.ABANDONED]  # begun, nothing said, nothing promised
    rung = Counter(re.match(r"INVITE sip:(\d+)@", invite.start)[1] for invite in trial.there.customer.invites)  # type: ignore[index]
    by_caller = {ticket.caller_id: ticket for ticket in tickets}

    assert trial.promised <= by_caller.keys(), "a promise is lost"
    assert len(by_caller) == len(tickets), "a caller has two tickets"
    whole = {path.name for path in trial.settings.recordings.iterdir() if path.stat().st_size >= 2 * 8000}
    kept = {message.path.name for ticket in tickets for message in ticket.messages}
    assert whole <= kept, "a message is lost"
    assert Counter(trial.closed).most_common(1)[0][1] == 1, "a ticket was closed twice"
    assert {by.reference for by in tickets if by.state is TicketState.RESOLVED} >= set(trial.closed)
    for ticket in tickets:
        dialled = [one for one in ticket.attempts if one.outcome not in (AttemptOutcome.NOT_PLACED, AttemptOutcome.AGENT_FAILED)]
        talks = [one for one in ticket.attempts if one.outcome is AttemptOutcome.ANSWERED]
        assert rung[ticket.caller_id] == len(dialled), f"{ticket.reference} was rung up otherwise than is written down"
        assert len(talks) == (ticket.state is TicketState.RESOLVED), f"{ticket.reference} was answered {len(talks)} times"
        assert all(one.state is AttemptState.ENDED for one in ticket.attempts)
    assert set(rung) <= by_caller.keys(), "somebody was rung up who has no ticket"
    assert trial.settled == 0
    assert audit(trial.settings) == ()
    begun = now() - dt.timedelta(days=1)
    made = statement(trial.settings, begun, now())
    assert (made.missing, made.count("kept")) == ((), len([one for one in tickets if one.state is TicketState.RESOLVED]))


def summary(kind: str, trial: Trial, tickets: list[Ticket]) -> str:
    """One line of figures, for docs/measurements.md."""
    states = Counter(str(ticket.state) for ticket in tickets)
    outcomes = Counter(str(one.outcome) for ticket in tickets for one in ticket.attempts)
    return (
        f"\n{kind}: {KILLS} engines and {DESK_KILLS} desks killed; {trial.placed} calls, {len(trial.promised)} promises heard, "
        f"{len(tickets)} tickets {dict(states)}, {len(trial.there.customer.invites)} times rung up, attempts {dict(outcomes)}"
    )
