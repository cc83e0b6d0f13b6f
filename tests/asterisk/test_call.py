"""`ivr call` on a line that runs: it presses keys as a person does, and tells the very call that it has made."""

from __future__ import annotations

import asyncio
import dataclasses
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from ivr.bootstrap.calling import Dialling, call_line
from ivr.bootstrap.line import Line
from ivr.errors import UserError
from tests.adapters.telephony.asterisk_line import asterisk_program, settings_for
from tests.asterisk.conftest import Bench
from tests.conftest import HOME
from tests.test_docs import README_FLOW

pytestmark = [pytest.mark.asterisk]


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """A line whose menu is short: the README's, as 2000."""
    home = tmp_path_factory.mktemp("home")
    (home / "flows").mkdir()
    for name in ("adapters", "asterisk_conf", "ivr", "prompts"):
        (home / name).symlink_to(HOME / name)
    (home / "flows" / "2000.yaml").write_text(README_FLOW, encoding="utf-8")
    settings = dataclasses.replace(settings_for(tmp_path_factory.mktemp("var")), home=home, flow="2000")
    with asyncio.Runner() as runner:
        line = Line(settings, asterisk=asterisk_program())
        runner.run(line.start())
        try:
            yield Bench(line, runner)
        finally:
            runner.run(line.stop())


def call(bench: Bench, dialling: Dialling) -> tuple[list[str], str]:
    """What was told while the call went on, without the times, and the story of it."""
    told: list[str] = []
    story = bench.do(call_line(bench.settings, dialling, told.append))
    return [re.sub(r"^ *\d+\.\d s  ", "", line) for line in told], "\n".join(story)


def test_keys_are_pressed_when_the_line_falls_silent_and_the_call_is_told(small: Bench):
    told, story = call(small, Dialling("2000", ("1", "91"), caller="13900001009"))

    assert told == ["the line answers", "the caller presses 1", "the caller presses 91", "the caller hangs up"]
    assert "*******1009 calls 2000, answered by 2000@1" in story
    assert re.findall(r"the caller enters (\S+)|key (\S+) is", story) == [("1", ""), ("", "1"), ("9", ""), ("", "9"), ("1", ""), ("", "1")]
    assert "over: self_served" in story


def test_a_message_is_left_and_becomes_a_ticket(small: Bench):
    told, story = call(small, Dialling("2000", ("2",), caller="13900001011", message=True))

    assert told == ["the line answers", "the caller presses 2", "the caller says a message", "the caller hangs up"]
    assert "takes a message about callback" in story
    assert re.search(r"promised: ticket \d{6}", story)


def test_a_line_that_hangs_up_first_ends_the_call(small: Bench):
    told, story = call(small, Dialling("2000", ("2", "#", "1", "1"), caller="13900001010"))

    assert told[-2:] == ["the line hangs up", "not pressed any more: 1 1"] or told[-2:] == ["the line hangs up", "not pressed any more: 1"]
    assert "takes a message about callback" in story


def test_the_time_of_the_call_ends_it_and_what_was_not_pressed_is_said(small: Bench):
    told, story = call(small, Dialling("2000", ("1", "2"), seconds=1))

    assert told == ["the line answers", "the call has lasted 1 s: the caller hangs up", "not pressed any more: 1 2"]
    assert "over: " in story


def test_a_caller_may_withhold_the_number(small: Bench):
    _, story = call(small, Dialling("2000", caller="anonymous", seconds=1))

    assert "a withheld number calls 2000" in story


def test_a_number_that_nobody_answers_is_told_with_the_cure(small: Bench):
    with pytest.raises(UserError) as refused:
        call(small, Dialling("2500"))

    assert str(refused.value) == "no line answers 2500; there is no flows/2500.yaml either"


def test_a_flow_that_is_not_published_yet_is_named(small: Bench):
    (small.settings.home / "flows" / "2600.yaml").write_text("selfline: 1\n", encoding="utf-8")

    with pytest.raises(UserError) as refused:
        call(small, Dialling("2600"))

    assert str(refused.value) == "no line answers 2600; publish flows/2600.yaml"


def test_a_call_that_another_line_has_answered_is_told_so(small: Bench, tmp_path: Path):
    elsewhere = dataclasses.replace(small.settings, var=tmp_path)

    with pytest.raises(UserError) as lost:
        small.do(call_line(elsewhere, Dialling("2000", seconds=1), lambda sentence: None))

    assert str(lost.value).startswith(f"the call is not in the journal of {tmp_path}: the engine was away, or IVR_VAR is not the folder")
