"""The notes of calls back as files: what the dialplan writes is read, and what is no note is not."""

from __future__ import annotations

import datetime as dt
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.telephony.callback_notes import CallbackNotes, _note
from ivr.calls.ports import CallNote, NoteKind

AT = dt.datetime(2026, 3, 5, 4, 0, 0, 123000, tzinfo=dt.UTC)
STAMP = "1772683200123"


def test_notes_are_read_in_the_order_in_which_they_were_made(tmp_path: Path):
    notes = CallbackNotes(tmp_path / "callbacks")
    assert notes.read("cb-1-1") == ()
    notes.begin("cb-1-1")
    assert notes.read("cb-1-1") == ()
    with (tmp_path / "callbacks" / "cb-1-1").open("a") as file:
        file.write(f"{STAMP} rings\n{STAMP} picked_up\n{STAMP} end BUSY 17\n{STAMP} end  0\n")

    assert notes.read("cb-1-1") == (
        CallNote(AT, NoteKind.RINGS),
        CallNote(AT, NoteKind.PICKED_UP),
        CallNote(AT, NoteKind.END, "BUSY", 17),
        CallNote(AT, NoteKind.END),
    )
    notes.begin("cb-1-1")
    assert notes.read("cb-1-1") == (), "what an earlier line has left does not count"


@pytest.mark.parametrize(
    "line",
    ["", "end", "17726832001 end BUSY 17", f"{STAMP} ends BUSY 17", f"{STAMP} end BUSY", f"{STAMP} end busy 17", f"{STAMP} end BUSY 1777"],
)
def test_half_a_line_is_no_note(line: str):
    assert _note(line) is None


@given(st.text(max_size=60))
def test_whatever_stands_in_the_file_is_a_note_or_none(text: str):
    found = _note(text)
    assert found is None or text.startswith(str(round(found.at.timestamp() * 1000)))


@pytest.mark.parametrize("name", ["../x", "cb-1-1/../../x", "cb-1-1.new", "", "cb-1", "CB-1-1"])
def test_only_a_call_back_has_notes(tmp_path: Path, name: str):
    with pytest.raises(ValueError, match="the channel of a call back"):
        CallbackNotes(tmp_path).begin(name)


def test_what_nobody_follows_is_tidied_away_in_time(tmp_path: Path):
    notes = CallbackNotes(tmp_path)
    for name in ("cb-1-1", "cb-1-2", "cb-1-3"):
        notes.begin(name)
    os.utime(tmp_path / "cb-1-1", (0, 0))

    notes.tidy(dt.datetime(2026, 3, 5, tzinfo=dt.UTC))
    notes.done("cb-1-3")
    notes.done("cb-9-9")

    assert sorted(path.name for path in tmp_path.iterdir()) == ["cb-1-2"]
    assert oct((tmp_path / "cb-1-2").stat().st_mode)[-3:] == "600"
    CallbackNotes(tmp_path / "nowhere").tidy(AT)
