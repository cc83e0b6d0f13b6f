"""The journal never costs a call anything: not time, not an exception."""

from __future__ import annotations

import datetime as dt
import os
import threading
from pathlib import Path

from adapters.memory import FixedClock
from adapters.storage.journal import JsonLinesJournal, read_journal
from tests.contracts.stories import NOON


def test_entries_are_read_back_by_call_in_order_across_days(tmp_path: Path):
    clock = FixedClock(NOON)
    for day in range(2):
        journal = JsonLinesJournal(tmp_path, clock=clock)
        journal.write("a", {"step": day, "text": "您好", "at": NOON})
        journal.write("b", {"step": day})
        journal.close()
        clock.move(dt.timedelta(days=1))

    assert [entry["step"] for entry in read_journal(tmp_path, "a")] == [0, 1]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["2026-03-05.jsonl", "2026-03-06.jsonl"]
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}


def test_an_entry_that_is_no_json_is_dropped_and_counted(tmp_path: Path):
    journal = JsonLinesJournal(tmp_path)
    endless: dict[str, object] = {}
    endless["self"] = endless

    journal.write("a", endless)
    journal.close()

    assert journal.dropped == 1


def test_a_disk_that_refuses_costs_entries_and_nothing_else(tmp_path: Path):
    (tmp_path / "file").write_text("")
    journal = JsonLinesJournal(tmp_path / "file" / "folder")

    journal.write("a", {"step": 1})
    journal.write("a", {"step": 2})
    journal.close()

    assert journal.dropped == 2


def test_a_journal_slower_than_the_calls_drops_instead_of_blocking(tmp_path: Path):
    stuck, go_on = threading.Event(), threading.Event()

    def slow_clock() -> dt.datetime:
        stuck.set()
        go_on.wait(10)
        return NOON

    journal = JsonLinesJournal(tmp_path, clock=slow_clock, longest_queue=3)
    journal.write("a", {"step": 0})
    assert stuck.wait(10)

    for step in range(1, 6):
        journal.write("a", {"step": step})

    assert journal.dropped == 2
    go_on.set()
    journal.close()
    assert [entry["step"] for entry in read_journal(tmp_path, "a")] == [0, 1, 2, 3]


def test_a_line_cut_off_by_a_crash_costs_itself_and_no_other(tmp_path: Path):
    first = JsonLinesJournal(tmp_path, clock=FixedClock(NOON))
    first.write("a", {"step": 1})
    first.write("a", {"step": 2})
    first.close()
    [path] = tmp_path.iterdir()
    os.truncate(path, path.stat().st_size - 5)
    second = JsonLinesJournal(tmp_path, clock=FixedClock(NOON))
    second.write("a", {"step": 3})
    second.close()

    assert [entry["step"] for entry in read_journal(tmp_path, "a")] == [1, 3]
