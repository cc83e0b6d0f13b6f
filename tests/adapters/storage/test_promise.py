"""The promise, against every way of dying: a caller who was told "we will call you back" has a ticket, and one only.

Each test kills a real process with SIGKILL at one step of taking a message, starts anew, and looks.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from adapters.memory import FixedClock, MemoryLiveCalls
from adapters.storage import messages, spool
from ivr.calls import capture
from ivr.calls.ports import Ticket, TicketState
from ivr.calls.recovery import Recovery
from tests.adapters.storage.lines import LATER, Site
from tests.contracts.stories import SESSION, SPEECH
from tests.databases import KINDS

FORK = multiprocessing.get_context("fork")
SHORT = SPEECH[:8000]

BEFORE_THE_BEEP = ("start", "intent_written", "intent_named", "intent_kept", "begin_uncommitted", "begin_committed", "begun")
AFTER_THE_RECORDING = ("recorded", "recording_synced", "settled", "capture_uncommitted", "capture_committed", "captured", "intent_done")
DECLARED = {*capture.FAILPOINTS, *spool.FAILPOINTS, *messages.FAILPOINTS}


@pytest.fixture(params=KINDS)
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Site:
    return Site(tmp_path, request.param)


def die_at(point: str, of: int = 1) -> Callable[[str], None]:
    """A failpoint that ends its process at the nth passing of that point."""
    passed = 0

    def failpoint(name: str) -> None:
        nonlocal passed
        passed += name == point
        if passed == of:
            os.kill(os.getpid(), signal.SIGKILL)

    return failpoint


def in_process(work: Callable[[], object]) -> int | None:
    """Run it in a process of its own; how that ended."""
    child = FORK.Process(target=work)
    child.start()
    child.join(30)
    return child.exitcode


def all_tickets(site: Site) -> tuple[Ticket, ...]:
    store = site.store()
    try:
        return asyncio.run(store.tickets(include_ended=True))
    finally:
        store.close()


def assert_one_whole_ticket(site: Site) -> Ticket:
    [ticket] = all_tickets(site)
    [message] = ticket.messages
    assert ticket.state is TicketState.OPEN
    assert message.path.read_bytes() == SPEECH
    assert not message.partial
    assert message.seconds == len(SPEECH) / 8000
    assert site.spool().intents() == ()
    assert site.audit() == ()
    return ticket


def test_every_declared_failpoint_is_one_at_which_a_test_dies():
    assert {*BEFORE_THE_BEEP, *AFTER_THE_RECORDING, "facts_kept", "abandoned"} == DECLARED


@pytest.mark.parametrize("point", BEFORE_THE_BEEP)
def test_a_death_before_the_beep_promises_nothing_and_is_counted(site: Site, point: str):
    assert in_process(lambda: site.take(failpoint=die_at(point))) == -signal.SIGKILL

    site.recover()
    site.recover()

    assert not site.promises.exists()
    assert {ticket.state for ticket in all_tickets(site)} <= {TicketState.ABANDONED}
    assert site.spool().intents() == ()
    assert site.audit() == ()


@pytest.mark.parametrize("point", AFTER_THE_RECORDING)
def test_a_death_after_the_recording_leaves_one_ticket_with_the_whole_message(site: Site, point: str):
    assert in_process(lambda: site.take(failpoint=die_at(point))) == -signal.SIGKILL

    site.recover()
    before = assert_one_whole_ticket(site)
    again = site.recover()

    assert assert_one_whole_ticket(site) == before
    assert again.adopted == ()


def test_a_death_during_the_recording_waits_for_asterisk_to_finish_it(site: Site):
    assert in_process(lambda: site.take(failpoint=die_at("recording"))) == -signal.SIGKILL

    waiting = site.recover(MemoryLiveCalls({SESSION}))
    assert (waiting.waiting, waiting.adopted) == (1, ())
    [recording] = site.recordings.iterdir()
    recording.write_bytes(SPEECH)  # Asterisk goes on without the engine

    assert len(site.recover(MemoryLiveCalls()).adopted) == 1
    assert_one_whole_ticket(site)


@pytest.mark.parametrize("point", ["facts_kept", "settled"])
def test_a_death_while_the_database_is_locked_keeps_the_promise_too(tmp_path: Path, point: str):
    site = Site(tmp_path)

    def engine() -> None:
        store = site.store(busy_milliseconds=50)
        lock = sqlite3.connect(site.database, isolation_level=None)
        lock.execute("BEGIN IMMEDIATE")
        site.take(failpoint=die_at(point), store=store)

    assert in_process(engine) == -signal.SIGKILL

    site.recover()
    assert_one_whole_ticket(site)


def test_a_death_after_giving_up_a_short_message_leaves_no_ticket(site: Site):
    assert in_process(lambda: site.take(SHORT, failpoint=die_at("abandoned"))) == -signal.SIGKILL

    site.recover()

    assert [ticket.state for ticket in all_tickets(site)] == [TicketState.ABANDONED]
    assert site.spool().intents() == ()
    assert site.audit() == ()


def test_a_death_in_the_recovery_itself_is_recovered_from(site: Site):
    assert in_process(lambda: site.take(failpoint=die_at("recorded"))) == -signal.SIGKILL

    def recovery_that_dies() -> None:
        store = site.store(die_at("capture_committed"))
        asyncio.run(Recovery(store, site.spool(), MemoryLiveCalls(), FixedClock(LATER)).scan())

    assert in_process(recovery_that_dies) == -signal.SIGKILL
    site.recover()
    assert_one_whole_ticket(site)
