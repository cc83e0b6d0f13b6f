"""One call read from the journal while it is written."""

from __future__ import annotations

import json
from pathlib import Path

from adapters.storage.journal_tail import JournalTail

MINE, OTHER = "70e1558d-60fb-43b1-868d-1ee334875400", "00000000-60fb-43b1-868d-1ee334875400"


def append(folder: Path, day: str, text: str) -> None:
    with (folder / f"{day}.jsonl").open("a", encoding="utf-8") as file:
        file.write(text)


def line(session: str, number: int) -> str:
    return json.dumps({"session": session, "number": number}) + "\n"


def test_new_whole_lines_of_the_call_are_told_once(tmp_path: Path):
    append(tmp_path, "2026-03-05", line(MINE, 1))
    tail = JournalTail(tmp_path)

    def numbers() -> list[int]:
        return [entry["number"] for entry in tail.entries(MINE)]

    assert numbers() == []  # what was there before is not new
    append(tmp_path, "2026-03-05", line(MINE, 2) + line(OTHER, 3) + "torn\n" + line(MINE, 4) + line(MINE, 5)[:20])
    assert numbers() == [2, 4]
    append(tmp_path, "2026-03-05", line(MINE, 5)[20:])
    append(tmp_path, "2026-03-06", line(MINE, 6))  # past midnight there is another file
    assert numbers() == [5, 6]
    assert numbers() == []


def test_a_line_that_was_cut_off_by_a_crash_costs_itself_alone(tmp_path: Path):
    tail = JournalTail(tmp_path)
    append(tmp_path, "2026-03-05", f'{{"session": "{MINE}", "num\n' + line(MINE, 2))

    assert [entry["number"] for entry in tail.entries(MINE)] == [2]


def test_a_journal_that_is_not_there_yet_has_no_lines(tmp_path: Path):
    assert list(JournalTail(tmp_path / "journal").entries(MINE)) == []
