"""`ivr try --audio`: the line's own voice is played by a program of this machine, which here is one that writes down what it is given."""

from __future__ import annotations

import os
import sys
import wave
from pathlib import Path

import pytest

from ivr.bootstrap.loudspeaker import Loudspeaker, find_player
from ivr.bootstrap.tryout import Circumstances, Trial, try_flow
from ivr.core.values import Text, Utterance
from ivr.errors import UserError
from tests.conftest import HOME

HELLO = Utterance("zh-CN", (Text("再见。"),))
NOTES = """\
#!{python}
import os, shutil, sys
folder = os.path.dirname(os.path.abspath(__file__))
number = len(os.listdir(os.path.join(folder, "played")))
shutil.copy(sys.argv[-1], os.path.join(folder, "played", f"{{number}}.wav"))
{more}
"""


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder with programs."""
    (tmp_path / "played").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def player(programs: Path, name: str, more: str = "") -> None:
    path = programs / name
    path.write_text(NOTES.format(python=sys.executable, more=more), encoding="utf-8")
    path.chmod(0o755)


def seconds(path: Path) -> float:
    with wave.open(str(path)) as file:
        assert (file.getnchannels(), file.getsampwidth()) == (1, 2)
        return file.getnframes() / file.getframerate()


def test_the_first_player_there_is_plays_the_recordings_of_the_line(programs: Path):
    player(programs, "play")
    player(programs, "paplay")

    with Loudspeaker(HOME) as loudspeaker:
        loudspeaker.say([HELLO, HELLO])
        loudspeaker.finish()

    assert find_player()[0].endswith("/paplay")
    assert 0.4 < seconds(programs / "played" / "0.wav") < 4


def test_speaking_anew_cuts_short_what_still_plays(programs: Path):
    """The first player reads from a pipe until it is ended; that it reads is told by the pipe, which opens only then."""
    os.mkfifo(programs / "pipe")
    player(programs, "aplay", more='sys.argv[-1].endswith("/1.wav") and open(os.path.join(folder, "pipe")).read()')

    with Loudspeaker(HOME) as loudspeaker:
        loudspeaker.say([HELLO])
        with (programs / "pipe").open("wb", buffering=0) as pipe:
            loudspeaker.say([HELLO])
            loudspeaker.finish()
            with pytest.raises(BrokenPipeError):
                pipe.write(b"nobody reads")

    assert len(list((programs / "played").iterdir())) == 2


def test_a_player_that_cannot_play_is_told_in_its_own_words(programs: Path):
    player(programs, "aplay", more='sys.exit("audio open error: No such device")')

    with Loudspeaker(HOME) as loudspeaker:
        loudspeaker.say([HELLO])
        with pytest.raises(UserError) as refused:
            loudspeaker.finish()

    assert str(refused.value) == "aplay could not play the line's voice: audio open error: No such device"


def test_without_a_player_one_sentence_says_what_to_install(programs: Path):
    with pytest.raises(UserError) as refused:
        try_flow(HOME / "flows" / "1008611.yaml", HOME, Trial("13900001008", audio=True), print, lambda: None)

    assert str(refused.value) == (
        "nothing here plays sound: install one of aplay, paplay, ffplay, afplay, play (for example: apt-get install alsa-utils)"
    )


def test_a_call_is_tried_and_heard(programs: Path):
    player(programs, "aplay")
    told: list[str] = []
    typed = iter(["1", "hang"])

    try_flow(HOME / "flows" / "1008611.yaml", HOME, Trial("13900001008", audio=True), told.append, lambda: next(typed))

    assert any(line.startswith("☎ 您好") for line in told)
    assert told[-1].endswith("the call is over: self_served")


@pytest.mark.parametrize(
    ("trial", "sentence"),
    [
        (Trial("13900001008", at="noon"), "'noon' is not a moment; write for example 2026-03-05T12:00"),
        (Trial("13900001008", circumstances=Circumstances("fr-FR")), "the flow does not speak fr-FR; it speaks zh-CN, en-US"),
    ],
)
def test_what_a_call_cannot_be_tried_with_is_told(trial: Trial, sentence: str):
    with pytest.raises(UserError) as refused:
        try_flow(HOME / "flows" / "1008611.yaml", HOME, trial, print, lambda: None)

    assert str(refused.value) == sentence
