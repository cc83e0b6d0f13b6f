"""Recordings are private and go when their time is over; a caller can have all that is kept, or have it erased; the audit stays content."""

from __future__ import annotations

import asyncio
import datetime as dt
import io
import signal
import wave
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from adapters.storage import keeping
from adapters.storage.callers import SqlCallerMemory
from adapters.storage.journal import JsonLinesJournal, forget_caller, read_journal, unseal
from adapters.storage.outbox import SqlTextOutbox
from adapters.storage.recordings import wav
from adapters.storage.tickets import SqlTicketStore
from adapters.storage.transcripts import SqlTranscriptStore
from ivr.calls.capture import no_failpoint
from ivr.calls.ports import NO_CHOICES, Choices, TextMessage, TicketState, Transcript
from ivr.errors import StoreFailed
from tests.adapters.storage.lines import LATER, Site
from tests.adapters.storage.test_promise import die_at, in_process
from tests.contracts.stories import CALLER, MINUTE, NOON, SESSION, SPEECH, intent
from tests.databases import KINDS, Plain

YEAR = dt.timedelta(days=365)


@pytest.fixture(params=KINDS)
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Site:
    return Site(tmp_path, request.param)


@pytest.fixture
def store(site: Site) -> Iterator[SqlTicketStore]:
    opened = site.store()
    yield opened
    opened.close()


def answered(site: Site, store: SqlTicketStore, of: object = None) -> str:
    """A ticket with a message of four seconds that an agent has closed."""
    reference = waiting(site, store, of)
    asyncio.run(store.claim(reference, "li", NOON))
    assert asyncio.run(store.resolve(reference, "li", 1, "explained the bill", NOON + MINUTE))
    return reference


def waiting(site: Site, store: SqlTicketStore, of: object = None) -> str:
    answer = site.take(of=of or intent(), store=store)  # type: ignore[arg-type]
    reference: str = answer.reference  # type: ignore[union-attr, assignment]
    return reference


def files(site: Site) -> list[str]:
    return sorted(path.suffix for path in site.recordings.iterdir())


# --- sealing ----------------------------------------------------------------------------------------------------


def test_a_sealed_recording_cannot_be_read_on_disk_and_can_be_heard(site: Site, store: SqlTicketStore):
    reference = waiting(site, store)

    assert asyncio.run(store.seal_recordings(LATER)) == 1
    assert asyncio.run(store.seal_recordings(LATER)) == 0

    [path] = site.recordings.iterdir()
    assert path.suffix == ".sealed"
    assert path.stat().st_mode & 0o777 == 0o600
    assert SPEECH[:64] not in path.read_bytes()
    ticket = asyncio.run(store.ticket(reference))
    assert ticket is not None
    assert (ticket.messages[0].sealed, ticket.messages[0].path, ticket.messages[0].seconds) == (True, path, 4.0)
    assert asyncio.run(store.audio(reference, 1)) == SPEECH
    assert asyncio.run(store.audit(LATER)) == ()
    assert site_recovers_nothing(site, store)


def site_recovers_nothing(site: Site, store: SqlTicketStore) -> bool:
    """The recovery takes a sealed recording for nobody's message."""
    return site.spool().recordings() == () and asyncio.run(store.capturing()) == ()


def test_a_sealed_recording_that_was_changed_or_exchanged_is_not_played(site: Site, store: SqlTicketStore):
    first = waiting(site, store)
    second = waiting(site, store, intent("b", caller="13900002001"))
    asyncio.run(store.seal_recordings(LATER))
    one, other = sorted(site.recordings.iterdir())
    one.write_bytes(other.read_bytes())
    damaged = bytearray(other.read_bytes())
    damaged[100] ^= 1
    other.write_bytes(damaged)

    for reference in (first, second):
        with pytest.raises(StoreFailed, match="was changed, or sealed with another data key"):
            asyncio.run(store.audio(reference, 1))


def test_a_message_that_there_is_not_cannot_be_heard(site: Site, store: SqlTicketStore):
    reference = waiting(site, store)
    with pytest.raises(StoreFailed, match=f"ticket {reference} has no message 2"):
        asyncio.run(store.audio(reference, 2))
    next(site.recordings.iterdir()).unlink()
    with pytest.raises(StoreFailed, match="cannot be read: No such file or directory"):
        asyncio.run(store.audio(reference, 1))


# --- purging ----------------------------------------------------------------------------------------------------


def test_old_recordings_of_answered_tickets_go_and_the_history_proves_what_went(site: Site, store: SqlTicketStore):
    old = answered(site, store)
    other = waiting(site, store, intent("b", caller="13900002001"))
    asyncio.run(store.seal_recordings(LATER))

    assert asyncio.run(store.purge(NOON, LATER)) == 0  # made since
    assert asyncio.run(store.purge(NOON + YEAR, LATER)) == 1
    assert asyncio.run(store.purge(NOON + YEAR, LATER)) == 0

    assert files(site) == [".sealed"]
    assert asyncio.run(store.audio(other, 1)) == SPEECH
    ticket = asyncio.run(store.ticket(old))
    assert ticket is not None
    assert ticket.messages[0].purged
    proof = asyncio.run(store.history(old))[-1]
    assert (proof.kind, proof.about["size"], len(str(proof.about["sha256"]))) == ("recording_purged", len(SPEECH), 64)
    asyncio.run(store.escalate_due(LATER))
    assert asyncio.run(store.audit(LATER)) == ()


@pytest.mark.parametrize("point", keeping.FAILPOINTS)
def test_a_death_while_recordings_are_sealed_or_purged_is_finished_by_the_next_one(site: Site, point: str):
    def work(failpoint: Callable[[str], None] = no_failpoint) -> tuple[str, ...]:
        store = site.store(failpoint)
        asyncio.run(store.seal_recordings(LATER))
        asyncio.run(store.purge(NOON + YEAR, LATER))
        audit = asyncio.run(store.audit(LATER))
        store.close()
        return audit

    first = site.store()
    reference = answered(site, first)
    first.close()

    assert in_process(lambda: work(die_at(point))) == -signal.SIGKILL
    between = site.store()
    assert asyncio.run(between.audit(LATER)) == ()
    between.close()
    assert work() == ()

    assert files(site) == []
    store = site.store()
    kinds = [event.kind for event in asyncio.run(store.history(reference))]
    store.close()
    assert kinds.count("recording_purged") == 1


# --- one caller -------------------------------------------------------------------------------------------------


def test_all_that_is_kept_of_a_caller_is_found(site: Site, store: SqlTicketStore):
    answered(site, store)
    waiting(site, store, intent("b", caller="13900002001"))
    asyncio.run(text_to(store, CALLER, "s/1"))
    asyncio.run(SqlCallerMemory(store.database, store.key).remember(CALLER, Choices("en-US", slower=True), NOON))

    theirs = asyncio.run(store.belongings(CALLER))

    assert [(ticket.caller_id, ticket.note) for ticket in theirs.tickets] == [(CALLER, "explained the bill")]
    assert theirs.texts == ((NOON, "sent", "您的账户余额35.62元。"),)
    assert theirs.chosen == Choices("en-US", slower=True)
    assert asyncio.run(store.belongings("13900002009")).tickets == ()


async def text_to(store: SqlTicketStore, number: str, key: str) -> None:
    outbox = SqlTextOutbox(store.database, store.key)
    await outbox.queue(TextMessage(key, number, "您的账户余额35.62元。", "zh-CN", "s", NOON))
    await outbox.take(NOON)
    await outbox.sent(key, "receipt", NOON)


def test_an_erased_caller_is_nowhere_and_the_statement_still_counts_the_promise(site: Site, store: SqlTicketStore):
    reference = answered(site, store)
    other = answered(site, store, intent("b", caller="13900002001"))
    asyncio.run(text_to(store, CALLER, "s/1"))
    asyncio.run(text_to(store, "13900002001", "s/2"))
    asyncio.run(SqlCallerMemory(store.database, store.key).remember(CALLER, Choices("en-US", slower=True), NOON))

    erased = asyncio.run(store.erase(CALLER, LATER))

    assert (erased.tickets, erased.recordings, erased.texts, erased.calls, erased.waiting) == (1, 1, 1, (SESSION,), ())
    ticket = asyncio.run(store.ticket(reference))
    assert ticket is not None
    assert (ticket.caller_id, ticket.note, ticket.erased, ticket.state) == ("", "", True, TicketState.RESOLVED)
    assert asyncio.run(store.belongings(CALLER)).tickets == ()
    assert asyncio.run(SqlCallerMemory(store.database, store.key).recall(CALLER)) == NO_CHOICES
    assert asyncio.run(store.audio(other, 1)) == SPEECH
    statement = asyncio.run(store.statement(NOON - MINUTE, NOON + MINUTE, LATER, {}))
    assert (statement.promised, statement.count("kept")) == (2, 2)
    assert asyncio.run(store.audit(LATER)) == ()
    assert asyncio.run(store.erase(CALLER, LATER)).tickets == 0


def test_a_caller_who_waits_for_a_call_back_is_not_erased(site: Site, store: SqlTicketStore):
    answered(site, store)
    again = waiting(site, store, intent("b"))

    erased = asyncio.run(store.erase(CALLER, LATER))

    assert (erased.waiting, erased.tickets) == ((again,), 0)
    assert len(asyncio.run(store.belongings(CALLER)).tickets) == 2


def test_a_note_that_was_changed_afterwards_is_found_by_the_audit(site: Site, store: SqlTicketStore):
    reference = answered(site, store)
    other = store.key.encrypt("promised a refund").hex()
    plain = Plain(site.database)
    value = f"x'{other}'" if isinstance(site.database, Path) else f"'\\x{other}'::bytea"
    plain.execute(f"UPDATE resolution SET note_enc = {value}")
    plain.close()

    assert asyncio.run(store.audit(LATER)) == (f"the note of ticket {reference} is not the one it was closed with",)
    assert asyncio.run(store.verify()) == ()


def test_the_intents_of_an_erased_caller_go_too(tmp_path: Path):
    site = Site(tmp_path)
    site.take()
    site.take(of=intent("b", caller="13900002001"))

    assert site.spool().forget_caller(CALLER) == 1
    assert site.spool().forget_caller(CALLER) == 0

    assert len(list((tmp_path / "spool" / "done").iterdir())) == 1


def test_what_the_journal_has_sealed_of_an_erased_caller_goes_and_the_rest_stays(tmp_path: Path):
    site = Site(tmp_path)
    store = site.store()
    key = store.key
    store.close()
    day = [dt.datetime(2026, 3, 5, 4, tzinfo=dt.UTC)]
    journal = JsonLinesJournal(tmp_path / "journal", key, clock=lambda: day[0])
    journal.write("a", {"n": 1}, {"caller_id": CALLER})
    journal.write("a", {"n": 2}, {"keys": "1"})
    journal.write("b", {"n": 3}, {"caller_id": "13900002001"})
    journal.close()
    day[0] += dt.timedelta(days=1)
    later = JsonLinesJournal(tmp_path / "journal", key, clock=lambda: day[0])
    later.write("c", {"n": 4}, {"caller_id": CALLER})
    later.close()

    assert forget_caller(tmp_path / "journal", key, CALLER, day[0].date()) == (1, 1)

    assert [(entry["n"], unseal(entry, key)) for entry in read_journal(tmp_path / "journal", "a")] == [(1, None), (2, None)]
    assert [unseal(entry, key) for entry in read_journal(tmp_path / "journal", "b")] == [{"caller_id": "13900002001"}]
    assert [unseal(entry, key) for entry in read_journal(tmp_path / "journal", "c")] == [{"caller_id": CALLER}]
    tomorrow = day[0].date() + dt.timedelta(days=1)
    assert forget_caller(tmp_path / "journal", key, CALLER, tomorrow) == (1, 0)
    assert forget_caller(tmp_path / "journal", key, CALLER, tomorrow) == (0, 0)


def test_a_recording_is_a_wav_file_that_others_understand():
    made = wav(SPEECH[:4001])

    with (
        pytest.raises(wave.Error, match="unknown format: 6"),
        wave.open(io.BytesIO(made)),
    ):  # Python's reader knows PCM only: it shows the tag
        pass
    assert made[:4] + made[8:12] == b"RIFFWAVE"
    assert int.from_bytes(made[4:8], "little") == len(made) - 8
    assert len(made) % 2 == 0


def test_a_recording_that_is_to_be_transcribed_is_sealed_later_and_its_words_go_with_it(site: Site, store: SqlTicketStore):
    waiting(site, store)
    waiting(site, store, intent("b", caller="13900002001"))
    transcripts = SqlTranscriptStore(store.database, store.key, site.recordings)
    heard = asyncio.run(transcripts.take(LATER, None))
    assert heard is not None

    assert asyncio.run(store.seal_recordings(NOON, 60 * MINUTE)) == 0
    asyncio.run(transcripts.keep(heard, Transcript("请回电。", "zh-CN", 0.8, "fake"), LATER))
    assert asyncio.run(store.seal_recordings(NOON, 60 * MINUTE)) == 1
    assert asyncio.run(store.seal_recordings(NOON + 60 * MINUTE, 60 * MINUTE)) == 1
    assert asyncio.run(transcripts.take(LATER, None)) is None  # what is sealed cannot be transcribed any more

    assert asyncio.run(transcripts.transcripts([heard.key])) != {}
    [ticket] = [one for one in asyncio.run(store.tickets()) if one.messages[0].key == heard.key]
    asyncio.run(store.claim(ticket.reference, "li", NOON))
    asyncio.run(store.resolve(ticket.reference, "li", 1, "done", NOON))
    assert asyncio.run(store.purge(NOON + YEAR, LATER)) == 1
    assert asyncio.run(transcripts.transcripts([heard.key])) == {}
