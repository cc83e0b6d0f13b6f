"""Versions on disk: whole, never changed, and after a crash at any step the old state or the new one."""

from __future__ import annotations

import datetime as dt
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from adapters.storage.versions import FAILPOINTS, VersionStore
from ivr.calls.versions import Service, Trial, Version
from ivr.errors import UserError

NOON = dt.datetime(2026, 3, 5, 12, 0, tzinfo=dt.UTC)
FILES = {"flows/2000.yaml": b"line: one\n", "prompts/zh-CN.yaml": b"hello: world\n"}


def published(store: VersionStore, files: dict[str, bytes] | None = None, note: str = "") -> Version:
    """One more version, in service."""
    with store.draft(files or FILES) as draft, store.locked():
        version = store.keep(draft, "2000", at=NOON, note=note, digest=f"digest {note}", checked="linted")
        service = store.service("2000")
        store.serve("2000", service.promoted(version.number) if service else Service(version.number))
    return version


def test_a_version_is_kept_whole_and_read_back(tmp_path: Path):
    store = VersionStore(tmp_path / "versions")

    kept = published(store, note="the first")

    assert kept == Version("2000", 1, NOON, "the first", "digest the first", "linted", tmp_path / "versions" / "2000" / "1")
    assert kept.name == "2000@1"
    assert kept.flow.read_bytes() == b"line: one\n"
    assert (kept.folder / "prompts" / "zh-CN.yaml").read_bytes() == b"hello: world\n"
    assert store.versions("2000") == (kept,)
    assert store.service("2000") == Service(1)
    assert store.lines() == ("2000",)


def test_numbers_go_on_and_a_draft_that_is_not_kept_leaves_nothing(tmp_path: Path):
    store = VersionStore(tmp_path)
    published(store)
    with store.draft(FILES):
        pass

    second = published(store, note="second")

    assert second.number == 2
    assert store.service("2000") == Service(2, None, (1,))
    assert list((tmp_path / ".drafts").iterdir()) == []


def test_a_trial_is_written_and_read(tmp_path: Path):
    store = VersionStore(tmp_path)
    published(store)

    store.serve("2000", Service(1, Trial(2, 10), (7, 3)))

    assert store.service("2000") == Service(1, Trial(2, 10), (7, 3))


def test_what_is_served_can_be_seen_to_change(tmp_path: Path):
    store = VersionStore(tmp_path)
    before = store.stamps()
    published(store)
    first = store.stamps()
    store.serve("2000", Service(1))

    assert before == {}
    assert list(first) == ["2000"]
    assert store.stamps() != first


def test_a_version_that_was_changed_afterwards_is_noticed(tmp_path: Path):
    store = VersionStore(tmp_path)
    version = published(store)
    store.must_be_whole(version)
    version.flow.write_bytes(b"line: two\n")

    with pytest.raises(UserError, match=r"^version 1 of 2000 was changed after it had been published: flows/2000.yaml$"):
        store.must_be_whole(version)
    version.flow.unlink()
    with pytest.raises(UserError, match=r"^version 1 of 2000 cannot be read: 2000.yaml: No such file or directory$"):
        store.must_be_whole(version)


def test_what_is_not_there_or_damaged_is_told(tmp_path: Path):
    store = VersionStore(tmp_path)
    with pytest.raises(UserError, match=r"^2000 has no version 3; it has not been published$"):
        store.version("2000", 3)
    version = published(store)
    with pytest.raises(UserError, match=r"^2000 has no version 3; there are versions 1 to 1$"):
        store.version("2000", 3)
    (version.folder / "version.json").write_text('{"at": 5}')
    with pytest.raises(UserError, match=r"^version 1 of 2000 is damaged: "):
        store.version("2000", 1)
    for damage in ("", "[1]", '{"version": "x"}', "\x00"):
        (tmp_path / "2000" / "current.json").write_text(damage)
        with pytest.raises(UserError, match=r"current.json is damaged"):
            store.service("2000")
    assert store.service("3000") is None


def test_a_second_publisher_waits_for_the_first(tmp_path: Path):
    first, second = VersionStore(tmp_path), VersionStore(tmp_path)
    order: list[str] = []
    holding = threading.Event()

    def hold() -> None:
        with first.locked():
            holding.set()
            released.wait(10)
            order.append("first")

    released = threading.Event()
    thread = threading.Thread(target=hold)
    thread.start()
    holding.wait(10)
    with pytest.raises(UserError, match=r"^somebody else is publishing at the moment; try again when they are done$"), second.locked(0.05):
        pass
    released.set()
    with second.locked():
        order.append("second")
    thread.join()

    assert order == ["first", "second"]


def test_twenty_publishers_at_once_get_twenty_numbers(tmp_path: Path):
    """Processes' locks and threads' locks are the same here: each publisher opens the file itself."""
    publishers = [threading.Thread(target=published, args=(VersionStore(tmp_path),), kwargs={"note": str(n)}) for n in range(20)]
    for publisher in publishers:
        publisher.start()
    for publisher in publishers:
        publisher.join()

    store = VersionStore(tmp_path)
    service = store.service("2000")

    assert [version.number for version in store.versions("2000")] == list(range(1, 21))
    assert len({version.note for version in store.versions("2000")}) == 20
    assert service is not None
    assert service.number == 20
    assert service.before == tuple(range(19, 0, -1))


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path: Path):
    (tmp_path / "versions").write_text("a file")
    store = VersionStore(tmp_path / "versions")

    with pytest.raises(UserError, match=r"^cannot write .*/versions"), store.draft(FILES):
        pass


def test_drafts_of_the_dead_are_removed_in_the_end(tmp_path: Path):
    store = VersionStore(tmp_path)
    dead = tmp_path / ".drafts" / "1-dead"
    dead.mkdir(parents=True)
    os.utime(dead, (time.time() - 7200,) * 2)
    young = tmp_path / ".drafts" / "2-young"
    young.mkdir()

    published(store)

    assert [path.name for path in (tmp_path / ".drafts").iterdir()] == ["2-young"]


def test_the_engines_word_is_read_back_and_a_torn_one_is_none(tmp_path: Path):
    store = VersionStore(tmp_path / "versions")
    assert store.live() == {}

    store.tell_live({"lines": {"2000": {"calls": {"1": 2}}}})

    assert store.live() == {"lines": {"2000": {"calls": {"1": 2}}}}
    (tmp_path / "versions" / "live.json").write_text("{")
    assert store.live() == {}
    store.tell_live(None)
    store.tell_live(None)
    assert store.live() == {}


# --- dying ---

PUBLISH = """
import os, signal, sys
from pathlib import Path
from adapters.storage.versions import VersionStore
from tests.adapters.storage.test_versions import published

def die(name):
    if name == sys.argv[2]:
        os.kill(os.getpid(), signal.SIGKILL)

published(VersionStore(Path(sys.argv[1]), failpoint=die), {"flows/2000.yaml": b"line: new\\n"}, note="new")
"""


@pytest.mark.parametrize("failpoint", FAILPOINTS)
@pytest.mark.parametrize("anew", [False, True], ids=["the second version", "the first version"])
def test_a_crash_at_any_step_leaves_the_old_or_the_new(tmp_path: Path, failpoint: str, anew: bool):
    """And whoever publishes next is not in the way of what was left."""
    store = VersionStore(tmp_path)
    if not anew:
        published(store, note="old")

    died = subprocess.run([sys.executable, "-c", PUBLISH, str(tmp_path), failpoint], cwd=Path(__file__).parents[3], check=False)

    assert died.returncode == -signal.SIGKILL
    service = store.service("2000")
    if service is None:
        assert anew
        assert failpoint != "current_named"
        assert store.lines() == ()
    else:
        serving = store.version("2000", service.number)
        store.must_be_whole(serving)
        assert serving.note == ("new" if failpoint == "current_named" else "old")
    for version in store.versions("2000"):
        store.must_be_whole(version)
    after = published(store, note="after")
    assert store.service("2000") is not None
    assert store.version("2000", after.number).note == "after"


def test_whenever_it_is_killed_something_whole_answers(tmp_path: Path):
    """Not at our steps but at any time: twelve publishers are killed after a moment each."""
    store = VersionStore(tmp_path)
    published(store, note="0")
    code = PUBLISH.replace("published(", "for n in range(1000000): published(", 1)
    for turn in range(12):
        publisher = subprocess.Popen([sys.executable, "-c", code, str(tmp_path), "never"], cwd=Path(__file__).parents[3])
        before = len(store.versions("2000"))
        deadline = time.monotonic() + 20
        while len(store.versions("2000")) < before + 2 + turn % 3 and time.monotonic() < deadline:
            pass
        publisher.kill()
        publisher.wait()

        service = store.service("2000")
        assert service is not None
        store.must_be_whole(store.version("2000", service.number))

    assert len(published(store, note="last").name) > 5


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
def test_a_version_is_durable_before_it_is_named_and_named_before_it_answers(tmp_path: Path):
    """What a power cut would show: the order of the system calls."""
    trace = tmp_path / "trace"
    strace = ["strace", "-f", "-y", "-e", "trace=rename,fsync", "-o", str(trace)]
    done = subprocess.run(
        [*strace, sys.executable, "-c", PUBLISH, str(tmp_path / "versions"), "never"],
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        check=False,
    )
    if "ptrace" in done.stderr:
        pytest.skip("processes cannot be traced here")
    assert done.returncode == 0, done.stderr
    calls = [line.split(" ", 1)[1].strip() for line in trace.read_text().splitlines()]

    def first(*words: str) -> int:
        return next(index for index, call in enumerate(calls) if all(word in call for word in words))

    steps = [
        first("fsync", "flows/2000.yaml"),
        first("fsync", "version.json"),
        first("rename", ".drafts", "/2000/1"),
        first("fsync", "/versions/2000>"),
        first("fsync", "current.json.new"),
        first("rename", "current.json.new"),
    ]
    assert steps == sorted(steps)
