"""What happens when the database or the disk is locked, gone, full, broken or somebody else's."""

from __future__ import annotations

import asyncio
import datetime as dt
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.memory import FixedClock, MemoryLiveCalls
from adapters.storage.migrations import LATEST
from adapters.storage.spool import FileSpool
from adapters.storage.tickets import SqlTicketStore
from ivr.calls.capture import MessageCapture
from ivr.calls.recovery import Recovery
from ivr.core.events import MessageKept, MessageNotKept
from ivr.errors import StoreFailed, UserError
from tests.adapters.storage.lines import LATER, TAKE, RecordingLine, Site
from tests.contracts.stories import CALLER, NOON, SPEECH, facts, intent

SHORT_DEADLINE = dt.timedelta(milliseconds=200)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


@pytest.fixture
def store(site: Site) -> Iterator[SqlTicketStore]:
    opened = site.store(busy_milliseconds=50)
    yield opened
    opened.close()


def recover(site: Site, store: SqlTicketStore) -> tuple[str, ...]:
    return asyncio.run(Recovery(store, site.spool(), MemoryLiveCalls(), FixedClock(LATER)).scan()).adopted


def test_while_another_program_holds_the_lock_messages_are_kept_on_disk_and_then_recovered(site: Site, store: SqlTicketStore):
    lock = sqlite3.connect(site.database, isolation_level=None)
    lock.execute("BEGIN IMMEDIATE")

    answers = [site.take(of=intent(f"call{number}", caller=f"1390000200{number}"), store=store) for number in range(3)]

    assert answers == [MessageKept(NOON, None)] * 3
    assert recover(site, store) == ()
    lock.close()
    assert len(recover(site, store)) == 3
    assert len(asyncio.run(store.tickets())) == 3
    assert asyncio.run(store.audit(LATER)) == ()


def test_a_database_that_does_not_answer_in_time_costs_two_deadlines_at_most(site: Site):
    store = site.store(busy_milliseconds=10_000)
    lock = sqlite3.connect(site.database, isolation_level=None, check_same_thread=False)
    lock.execute("BEGIN IMMEDIATE")

    async def story() -> tuple[object, float]:
        loop = asyncio.get_running_loop()
        capture = MessageCapture(store, site.spool(), FixedClock(NOON), 0, store_deadline=SHORT_DEADLINE)
        started = loop.time()
        answer = await capture.take(RecordingLine(site.recordings), intent(), TAKE)
        took = loop.time() - started
        lock.close()
        return answer, took

    answer, took = asyncio.run(story())

    assert answer == MessageKept(NOON, None)
    assert took < 2.0
    assert len(recover(site, store)) == 1
    store.close()


def test_a_short_recording_that_was_promised_is_kept_through_the_spool_as_partial(site: Site, store: SqlTicketStore):
    """The disk took half a second of four, the database nothing: the caller was promised a call and gets one."""
    lock = sqlite3.connect(site.database, isolation_level=None)
    lock.execute("BEGIN IMMEDIATE")
    answer = site.take(SPEECH[:4096], samples=len(SPEECH), store=store)
    lock.close()

    recover(site, store)

    assert answer == MessageKept(NOON, None)
    [ticket] = asyncio.run(store.tickets())
    assert [message.partial for message in ticket.messages] == [True]


def test_a_database_that_is_deleted_while_in_use_is_not_written_into_nothing(site: Site, store: SqlTicketStore):
    site.take(store=store)
    for path in site.root.glob("selfline.db*"):
        path.unlink()

    answer = site.take(of=intent("b"), store=store)

    assert answer == MessageKept(NOON, None)
    with pytest.raises(StoreFailed, match=r"selfline\.db has been removed or replaced while in use"):
        asyncio.run(store.tickets())


def test_a_lost_database_comes_back_from_the_spool_with_every_message_of_the_week(site: Site):
    for number in range(3):
        site.take(of=intent(f"call{number}", caller=f"1390000200{number}"))
    for path in site.root.glob("selfline.db*"):
        path.unlink()

    report = site.recover()

    assert len(report.adopted) == 3
    assert report.quarantined == ()
    store = site.store()
    assert {ticket.caller_id for ticket in asyncio.run(store.tickets())} == {"13900002000", "13900002001", "13900002002"}
    store.close()


def test_a_second_engine_on_the_same_database_refuses_to_start(site: Site, store: SqlTicketStore):
    with pytest.raises(UserError) as refusal:
        site.store()

    assert str(refusal.value) == f"the database {site.database} is in use by another engine (process {os.getpid()})"
    site.store(exclusive=False).close()


def test_the_lock_falls_with_its_process(site: Site, store: SqlTicketStore):
    store.close()

    site.store().close()


@pytest.mark.parametrize("offset", [0, 18, 4096])
def test_a_damaged_database_is_refused_by_name(site: Site, offset: int):
    store = site.store()
    for number in range(20):
        asyncio.run(store.capture(intent(f"s{number}", caller=""), facts(intent(f"s{number}")), NOON))
    store.close()
    damaged = bytearray(site.database.read_bytes())
    damaged[offset : offset + 64] = b"\xff" * 64
    site.database.write_bytes(damaged)

    with pytest.raises(UserError, match=rf"the database {site.database}"):
        site.store()


def test_a_database_that_cannot_be_made_is_refused_by_name(site: Site):
    site.database.mkdir(parents=True)

    with pytest.raises(UserError) as refusal:
        site.store()

    assert str(refusal.value) == f"cannot use the database {site.database}: Is a directory"


def test_a_database_of_a_later_selfline_is_refused(site: Site):
    site.store().close()
    with sqlite3.connect(site.database) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '0099'")
    connection.close()

    with pytest.raises(UserError, match=rf"was written by a later selfline \(its schema is 0099, this one knows {LATEST}\)"):
        site.store()


def test_a_missing_key_is_not_replaced_by_a_new_one(site: Site):
    site.store().close()
    (site.root / "secrets" / "data_key").unlink()

    with pytest.raises(UserError, match=r"data_key is missing; without it the database .* cannot be read: restore it"):
        site.store()
    assert not (site.root / "secrets" / "data_key").exists()


@pytest.mark.parametrize(
    ("key", "complaint"), [(b"k" * 32, "does not belong to the database"), (b"short", "is not a data key: it has 5 bytes")]
)
def test_a_wrong_key_is_refused(site: Site, key: bytes, complaint: str):
    site.store().close()
    (site.root / "secrets" / "data_key").write_bytes(key)

    with pytest.raises(UserError, match=complaint):
        site.store()


def test_a_closed_store_fails_like_one_that_is_away(site: Site):
    store = site.store()
    store.close()

    with pytest.raises(StoreFailed, match="is closed"):
        asyncio.run(store.tickets())


# --- the disk ---------------------------------------------------------------------------------------------------


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of one mebibyte."""
    yield from _mounted(tmp_path / "disk", "size=1m,nr_inodes=200")


@pytest.fixture
def few_files(tmp_path: Path) -> Iterator[Path]:
    """A file system on which no file can be made once the folders of a spool are there."""
    yield from _mounted(tmp_path / "disk", "size=1m,nr_inodes=5")


def _mounted(folder: Path, options: str) -> Iterator[Path]:
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small file system")
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip("no file system can be mounted here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def take_on(disk: Path, store: SqlTicketStore, line: RecordingLine, min_free: int = 64 * 1024) -> object:
    capture = MessageCapture(store, FileSpool(disk), FixedClock(NOON), min_free)
    return asyncio.run(capture.take(line, intent(), TAKE))


def test_a_full_disk_is_found_out_before_the_beep(small_disk: Path, store: SqlTicketStore):
    FileSpool(small_disk)
    (small_disk / "ballast").write_bytes(b"x" * (1000 * 1024))
    line = RecordingLine(small_disk / "recordings")

    assert take_on(small_disk, store, line) == MessageNotKept(NOON, "disk_full")
    assert line.names == []
    assert asyncio.run(store.tickets(include_ended=True)) == ()


def test_a_disk_without_inodes_counts_as_full(few_files: Path, store: SqlTicketStore):
    line = RecordingLine(few_files / "recordings")

    assert take_on(few_files, store, line) == MessageNotKept(NOON, "disk_full")
    assert line.names == []


def test_a_disk_that_takes_no_intent_promises_nothing(small_disk: Path, store: SqlTicketStore):
    FileSpool(small_disk)
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    line = RecordingLine(small_disk / "recordings")

    assert take_on(small_disk, store, line) == MessageNotKept(NOON, "not_begun")
    assert line.names == []
    assert list((small_disk / "intents").iterdir()) == []


def fill(ballast: Path) -> None:
    with ballast.open("wb", buffering=0) as file:
        while True:
            file.write(b"x" * 4096)


def test_a_full_disk_under_the_database_leaves_the_promise_to_the_spool(small_disk: Path, tmp_path: Path):
    site = Site(tmp_path)
    site.database = small_disk / "selfline.db"
    store = site.store()
    with pytest.raises(OSError, match="No space left"):
        fill(small_disk / "ballast")

    answers = [site.take(of=intent(f"call{number}", caller=f"1390000200{number}"), store=store) for number in range(3)]
    (small_disk / "ballast").unlink()

    assert answers == [MessageKept(NOON, None)] * 3
    assert len(recover(site, store)) == 3
    assert asyncio.run(store.audit(LATER)) == ()
    store.close()


class OverflowingLine(RecordingLine):
    """Asterisk on a disk that fills up: it writes what goes in and reports success."""

    async def record(self, name: str, max_length: dt.timedelta, final_silence: dt.timedelta) -> object:  # type: ignore[override]
        try:
            return await super().record(name, max_length, final_silence)
        except OSError:
            return self._recorded


def test_a_disk_that_fills_up_during_the_message_makes_it_partial_and_keeps_it(small_disk: Path, store: SqlTicketStore):
    FileSpool(small_disk)
    long_speech = SPEECH * 45  # 1.4 MB on a disk of 1 MB
    line = OverflowingLine(small_disk / "recordings", long_speech)

    answer = take_on(small_disk, store, line)

    assert isinstance(answer, MessageKept)
    assert answer.reference is not None
    [ticket] = asyncio.run(store.tickets())
    [message] = ticket.messages
    assert message.partial
    assert 0 < message.seconds < len(long_speech) / 8000


# --- what lies on the disk --------------------------------------------------------------------------------------


def test_no_callers_number_lies_in_the_database_in_the_clear(site: Site, store: SqlTicketStore, capsys: pytest.CaptureFixture[str]):
    site.take(store=store)
    [ticket] = asyncio.run(store.tickets())
    claimed = asyncio.run(store.claim(ticket.reference, "li", NOON))
    assert claimed is not None
    asyncio.run(store.resolve(ticket.reference, "li", 1, f"called {CALLER} back", NOON))
    _break(site)
    with pytest.raises(StoreFailed) as failure:
        asyncio.run(store.capture(intent("b"), facts(intent("b")), NOON))
    store.close()

    files = list(site.root.glob("selfline.db*"))
    assert files
    assert [path for path in files if CALLER.encode() in path.read_bytes()] == []
    assert CALLER not in str(failure.value)
    assert CALLER not in repr(failure.value.__cause__)
    assert CALLER not in "".join(capsys.readouterr())


def _break(site: Site) -> None:
    with sqlite3.connect(site.database) as connection:
        connection.execute("DROP TABLE message")
    connection.close()


def test_a_recording_changed_afterwards_and_a_history_rewritten_are_found_by_the_audit(site: Site, store: SqlTicketStore):
    site.take(store=store)
    [ticket] = asyncio.run(store.tickets())
    [message] = ticket.messages
    message.path.write_bytes(b"")
    with sqlite3.connect(site.database) as connection:
        connection.execute("DROP TRIGGER ticket_event_is_written_once")
        connection.execute("UPDATE ticket_event SET actor = 'somebody' WHERE seq = 2")
    connection.close()

    assert asyncio.run(store.audit(LATER)) == (
        f"the recording {message.path.name} has 0 bytes instead of {len(SPEECH)}",
        f"the history of ticket {ticket.reference} has been changed at event 2",
    )


def test_one_process_may_open_the_database_twice_while_others_come_and_go(site: Site, store: SqlTicketStore):
    """POSIX locks fall with any handle of the file that a process closes; the next to leave would then clear away the log in use."""
    site.take(store=store)
    site.store(exclusive=False).close()
    log = site.database.with_name(f"{site.database.name}-wal")

    leaves = "import sqlite3, sys; one = sqlite3.connect(sys.argv[1]); one.execute('SELECT count(*) FROM ticket'); one.close()"
    subprocess.run([sys.executable, "-c", leaves, str(site.database)], check=True)

    assert log.exists()
    assert len(asyncio.run(store.tickets())) == 1
