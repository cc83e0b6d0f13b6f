"""Past calls as an operator and a designer meet them: told, run again, made into tests, drawn."""

from __future__ import annotations

import datetime as dt
import re
import shutil
from pathlib import Path

import pytest

from ivr.bootstrap.publishing import publish_first
from ivr.config import Settings
from ivr.core.events import DigitsEntered, Event, NothingHeard
from tests import past_calls
from tests.calls.random_calls import CALLER
from tests.conftest import HOME
from tests.test_cli import ivr

BEGUN = dt.datetime(2026, 3, 5, 12, 0, tzinfo=dt.timezone(dt.timedelta(hours=8)))
FIRST, SECOND, THIRD = (
    "a0000000-0000-4000-8000-000000000001",
    "b0000000-0000-4000-8000-000000000002",
    "b1000000-0000-4000-8000-000000000003",
)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A project of one's own, with two calls to its first version and one to a line that is not numbered."""
    for name in ("flows", "prompts"):
        shutil.copytree(HOME / name, tmp_path / name, ignore=shutil.ignore_patterns("audio"))
    publish_first(settings_of(tmp_path), lambda: BEGUN, lambda sentence: None)
    write_call(tmp_path, FIRST, "1008611@1", BEGUN, DigitsEntered(BEGUN + dt.timedelta(seconds=20), "2"))
    write_call(tmp_path, SECOND, "1008611@1", BEGUN + dt.timedelta(days=2), NothingHeard(BEGUN + dt.timedelta(days=2, seconds=30)))
    return tmp_path


def do(home: Path, *arguments: str):
    return ivr(*arguments, IVR_HOME=str(home), IVR_VAR=str(home / "var"))


def settings_of(home: Path) -> Settings:
    return Settings.from_environment({"IVR_HOME": str(home), "IVR_VAR": str(home / "var")})


def write_call(home: Path, session: str, version: str, begun: dt.datetime, *events: Event) -> None:
    past_calls.write_call(settings_of(home), session, version, begun, *events)


def edit(home: Path, old: str, new: str) -> None:
    flow = home / "flows" / "1008611.yaml"
    text = flow.read_text(encoding="utf-8")
    assert old in text
    flow.write_text(text.replace(old, new), encoding="utf-8")


def test_a_call_is_run_again_through_the_version_it_had_though_the_file_has_changed(home: Path):
    edit(home, "2: {then: usage", "2: {then: bill")

    replayed = do(home, "replay", "a0")

    assert (replayed.returncode, replayed.stderr) == (0, "")
    assert replayed.stdout == (
        f"call {FIRST} of 2026-03-05 12:00, 1008611@1, 4 entries\nthe same with flows/1008611.yaml: every step, every word, every value\n"
    )


def test_what_a_changed_flow_would_have_done_is_told_with_the_first_difference(home: Path):
    edit(home, "2: {then: usage", "2: {then: bill")

    replayed = do(home, "replay", "a0", "--with", str(home / "flows" / "1008611.yaml"))

    assert replayed.returncode == 1
    lines = replayed.stdout.splitlines()
    assert lines[1].startswith("differs at entry 3, 12:00:20, 20.0 s into the call, flows/1008611.yaml:")
    assert lines[2:5] == ["  the caller enters 2", "  then:", lines[4]]
    assert lines[4].startswith("    key 2 is a choice: usage  (flows/1008611.yaml:")


def test_without_its_version_a_call_goes_through_the_file_and_that_is_said(home: Path):
    write_call(home, THIRD, "1008611@7", BEGUN + dt.timedelta(days=3))

    replayed = do(home, "replay", "b1")

    assert (replayed.returncode, replayed.stderr) == (
        0,
        "version 1008611@7 is not stored; it is run through flows/1008611.yaml as it is now\n",
    )


def test_without_the_data_key_a_call_is_told_but_not_run_again(home: Path):
    (home / "var" / "secrets" / "data_key").unlink()

    assert do(home, "why", "a0").returncode == 0
    replayed = do(home, "replay", "a0")

    assert (replayed.returncode, replayed.stderr) == (
        1,
        f"ivr: a call is run again with the data key, and {home}/var/secrets/data_key is not there\n",
    )


def test_a_call_becomes_a_test_that_holds_and_no_test_is_overwritten(home: Path):
    path = home / "flows" / "tests" / "call.yaml"

    made = do(home, "replay", "a0", "--as-test", "-o", str(path))

    assert (made.returncode, made.stdout, made.stderr) == (0, "", "")
    assert 'flow: "../1008611.yaml"\n' in path.read_text(encoding="utf-8")
    assert CALLER not in path.read_text(encoding="utf-8")
    held = do(home, "test", str(path))
    assert held.stdout.startswith("1 conversation held"), held.stdout
    again = do(home, "replay", "a0", "--as-test", "-o", str(path))
    assert (again.returncode, again.stderr) == (1, f"ivr: {path} is there already, and a test is not overwritten\n")
    assert do(home, "replay", "a0", "--as-test").stdout == path.read_text(encoding="utf-8")


def test_options_that_do_not_fit_are_refused(home: Path):
    assert do(home, "replay", "a0", "-o", "x.yaml").returncode == 2
    assert do(home, "graph", "--since", "2026-03-05").returncode == 2
    assert do(home, "graph", "--traffic", "--coverage").returncode == 2


def test_traffic_leaves_other_versions_and_earlier_days_out_and_says_so(home: Path):
    everything = do(home, "graph", "--traffic")
    later = do(home, "graph", "--traffic", "--since", "2026-03-07")
    edit(home, "2: {then: usage", "2: {then: bill")
    changed = do(home, "graph", "--traffic")

    assert "  2 calls, 2 served\n" in everything.stdout
    assert "    2 “查流量” ×1" in everything.stdout
    assert "  1 call, 1 served\n  ×: how often since 2026-03-07" in later.stdout
    assert (changed.returncode, changed.stderr) == (
        1,
        "ivr: the journal has no call of this flow (not shown: 2 of 1008611@1)\n",
    )


def test_a_comment_or_a_prompt_file_moved_makes_no_other_version_of_a_flow(home: Path):
    edit(home, "nodes:\n  # ---", "nodes:\n  # a comment\n  # ---")

    assert "  2 calls, 2 served\n" in do(home, "graph", "--traffic").stdout


def test_the_examples_in_the_guide_are_what_is_printed(home: Path):
    """But for the numbers of lines, which move with the flow."""
    told = do(home, "why", "a0").stdout
    edit(home, "2: {then: usage", "2: {then: bill")
    told += do(home, "replay", "a0", "--with", str(home / "flows" / "1008611.yaml")).stdout
    guide = re.findall(r"```\n(.*?)```", (HOME / "docs" / "calls.md").read_text(encoding="utf-8"), re.DOTALL)

    examples = [line for block in guide for line in block.splitlines() if line.strip() != "…"]
    assert len(examples) > 15
    for line in examples:
        assert _unnumbered(line) in _unnumbered(told).splitlines()


def _unnumbered(text: str) -> str:
    return re.sub(r"yaml:[0-9]+", "yaml:N", text)
