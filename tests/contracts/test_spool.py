"""What every Spool does, in memory and in a folder alike."""

from __future__ import annotations

import datetime as dt
import os
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from adapters.memory import FixedClock, MemorySpool
from adapters.storage.spool import FileSpool
from ivr.calls.ports import Spool, UnansweredCall, UnansweredKind
from ivr.errors import MessageKeyTaken, UserError
from tests.contracts.stories import MINUTE, NOON, SPEECH, facts, intent

Put = Callable[[Path, bytes], None]


@pytest.fixture(params=["memory", "folder"])
def spool_and_put(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Spool, Put]:
    if request.param == "folder":
        return FileSpool(tmp_path), lambda path, audio: path.write_bytes(audio) and None
    memory = MemorySpool(FixedClock(dt.datetime.now(dt.UTC)))
    return memory, memory.files.__setitem__


@pytest.fixture
def spool(spool_and_put: tuple[Spool, Put]) -> Spool:
    return spool_and_put[0]


@pytest.fixture
def put(spool_and_put: tuple[Spool, Put]) -> Put:
    return spool_and_put[1]


def test_intents_are_read_back_oldest_first(spool: Spool):
    late, early = intent("b", at=NOON + MINUTE), intent("a")
    spool.write_intent(late)
    spool.write_intent(early)

    assert spool.intents() == (early, late)


def test_a_message_key_is_taken_for_good(spool: Spool, put: Put):
    spool.write_intent(intent())
    with pytest.raises(MessageKeyTaken):
        spool.write_intent(intent())
    spool.intent_done(intent())
    with pytest.raises(MessageKeyTaken):
        spool.write_intent(intent())
    put(spool.recording_path(intent("b")), SPEECH)
    with pytest.raises(MessageKeyTaken):
        spool.write_intent(intent("b"))


def test_an_intent_that_is_done_is_found_by_its_recording_until_it_is_forgotten(spool: Spool):
    spool.write_intent(intent())
    spool.intent_done(intent())
    spool.intent_done(intent())

    now = dt.datetime.now(dt.UTC)
    assert spool.intents() == ()
    assert spool.done_intent(spool.recording_path(intent())) == intent()
    assert spool.forget_done(now - dt.timedelta(days=7)) == 0
    assert spool.forget_done(now + MINUTE) == 1
    assert spool.done_intent(spool.recording_path(intent())) is None


def test_a_recording_name_is_a_token_and_the_same_every_time(spool: Spool):
    hostile = intent("../../etc/passwd", node="x\n\0/y")

    assert re.fullmatch("[a-z0-9_-]{1,64}", spool.recording_name(hostile))
    assert spool.recording_name(hostile) == spool.recording_name(hostile)
    assert spool.recording_path(hostile).name == spool.recording_name(hostile) + ".alaw"


@pytest.mark.parametrize(("samples", "partial"), [(len(SPEECH), False), (len(SPEECH) + 1, True), (None, False)])
def test_a_settled_recording_is_partial_when_it_is_shorter_than_reported(spool: Spool, put: Put, samples: int | None, partial: bool):
    path = spool.recording_path(intent())
    put(path, SPEECH)

    found = spool.settle(path, samples)

    assert (found.path, found.size, found.samples, found.partial) == (path, len(SPEECH), samples, partial)
    assert found.sha256 == facts(intent()).sha256


def test_a_recording_that_is_missing_has_no_length(spool: Spool):
    found = spool.settle(spool.recording_path(intent()), 16_000)

    assert (found.size, found.partial) == (0, True)


def test_facts_stay_with_their_intent_until_it_is_done(spool: Spool):
    spool.write_intent(intent())
    assert spool.facts(intent()) is None

    whole = spool.settle(spool.recording_path(intent()), 20_000)
    spool.write_facts(intent(), whole)
    spool.write_facts(intent(), whole)

    assert spool.facts(intent()) == whole
    assert spool.intents() == (intent(),)
    spool.intent_done(intent())
    assert spool.facts(intent()) is None


def test_recordings_are_listed(spool: Spool, put: Put):
    path = spool.recording_path(intent())
    put(path, SPEECH)

    [found] = spool.recordings()

    assert (found.path, found.size) == (path, len(SPEECH))
    assert abs(found.changed_at - dt.datetime.now(dt.UTC)) < MINUTE
    assert spool.recordings({path.name}) == ()


def test_free_space_is_counted(spool: Spool):
    assert spool.free_bytes() > 0


def test_the_folder_is_private_and_each_file_too(tmp_path: Path):
    old = os.umask(0)
    try:
        spool = FileSpool(tmp_path / "spool")
        spool.write_intent(intent())
    finally:
        os.umask(old)

    everything = list((tmp_path / "spool").rglob("*"))
    assert {path.stat().st_mode & 0o777 for path in everything if path.is_dir()} == {0o700}
    assert {path.stat().st_mode & 0o777 for path in everything if path.is_file()} == {0o600}


def test_what_a_death_in_the_middle_of_writing_left_is_tidied_away_in_time(tmp_path: Path):
    spool = FileSpool(tmp_path)
    left = tmp_path / "intents" / "x.1-2.tmp"
    left.write_text("{")

    assert spool.intents() == ()
    spool.forget_done(dt.datetime.now(dt.UTC) - MINUTE)
    assert left.exists()
    spool.forget_done(dt.datetime.now(dt.UTC) + MINUTE)
    assert not left.exists()


def test_only_files_of_that_kind_are_recordings(tmp_path: Path):
    spool = FileSpool(tmp_path)
    (tmp_path / "recordings" / "folder.alaw").mkdir()
    (tmp_path / "recordings" / "link.alaw").symlink_to("/etc/passwd")
    (tmp_path / "recordings" / "notes.txt").write_text("")

    assert spool.recordings() == ()


def test_a_spool_that_cannot_be_made_is_the_users_error(tmp_path: Path):
    (tmp_path / "file").write_text("")

    with pytest.raises(UserError, match=r"cannot make the spool .*/file/spool: Not a directory"):
        FileSpool(tmp_path / "file" / "spool")


def test_an_intent_that_cannot_be_read_is_left_where_it_is_and_hides_no_other(tmp_path: Path):
    spool = FileSpool(tmp_path)
    spool.write_intent(intent())
    for number, nonsense in enumerate([b"", b"{", b"\xff\xfe", b"[" * 100_000, b'{"session": "a"}', b"null"]):
        (tmp_path / "intents" / f"broken{number}.json").write_bytes(nonsense)

    assert spool.intents() == (intent(),)
    assert len(list((tmp_path / "intents").glob("broken*"))) == 6


def test_calls_are_noted_until_they_are_done(spool: Spool):
    late = UnansweredCall("0b-2", UnansweredKind.FAILED, "13900001001", "10086", "zh-CN", NOON + MINUTE, "person", 1, "line-2")
    early = UnansweredCall("0b-1", UnansweredKind.FAILED, "", "10086", "zh-CN", NOON)
    spool.note_call(late, durable=False)
    spool.note_call(early, durable=False)
    assert spool.noted_calls() == (early, late)

    wish = replace(late, kind=UnansweredKind.NO_ANSWER)
    spool.note_call(wish, durable=True)
    spool.call_done(early.session)
    spool.call_done("another")

    assert spool.noted_calls() == (wish,)


def test_a_session_is_no_path(tmp_path: Path):
    spool = FileSpool(tmp_path / "spool")
    spool.note_call(UnansweredCall("../../x", UnansweredKind.FAILED, "", "10086", "zh-CN", NOON), durable=True)

    assert [path.parent for path in tmp_path.rglob("*.json")] == [tmp_path / "spool" / "calls"]
    assert (tmp_path / "spool" / "calls").stat().st_mode & 0o777 == 0o700
    assert [path.stat().st_mode & 0o777 for path in tmp_path.rglob("*.json")] == [0o600]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"session": 1}', '{"kind": "other"}'])
def test_a_note_that_cannot_be_read_is_left_for_a_person(tmp_path: Path, text: str):
    spool = FileSpool(tmp_path)
    (tmp_path / "calls" / "x.json").write_text(text)

    assert spool.noted_calls() == ()
    assert (tmp_path / "calls" / "x.json").exists()
