"""What Asterisk plays by itself, and what an agent hears who calls back."""

from __future__ import annotations

import dataclasses
import datetime as dt
from pathlib import Path

from adapters.speech.pack_voice import read_packs
from ivr.bootstrap.sounds import Whisper, filled, played_alone, prepare_sounds
from ivr.calls.utterances import Piece, pieces_of
from ivr.config import Settings
from ivr.core.values import Kind, SpokenValue, Text, Utterance
from tests.conftest import CATALOGUE, HOME

SETTINGS = Settings.from_environment({"IVR_HOME": str(HOME)})


def said(utterance: Utterance) -> str:
    """The pieces, as they are recorded."""
    return " ".join(item.text for item in pieces_of(utterance) if isinstance(item, Piece))


def test_the_wait_in_the_queue_is_told_in_words_of_time_not_of_counting():
    told = played_alone(CATALOGUE)

    mandarin = [said(told["zh-CN"][f"queue_wait_{minutes}"]) for minutes in (1, 2, 12, 22, 60)]
    assert mandarin == ["预计等候 一分钟", "预计等候 两分钟", "预计等候 十二 分钟", "预计等候 二十二 分钟", "预计等候 一小时"]
    english = [said(told["en-US"][f"queue_wait_{minutes}"]) for minutes in (1, 2)]
    assert english == ["The expected wait is one minute", "The expected wait is two minutes"]
    assert "queue_wait_61" not in told["zh-CN"]


def test_whatever_asterisk_plays_alone_is_recorded(tmp_path: Path):
    """The recordings are joined as in a call: nothing is left to a voice that a machine might not have."""
    prepare_sounds(settings := dataclasses.replace(SETTINGS, var=tmp_path))

    for language, utterances in played_alone(CATALOGUE).items():
        assert {path.stem for path in (settings.sounds / language).iterdir()} == utterances.keys()
    two = read_packs(HOME / "prompts" / "audio", ("zh-CN",))["zh-CN"].find("两分钟")
    assert two is not None
    middle = two.path.read_bytes()
    assert middle[len(middle) // 3 :][:800] in (settings.sounds / "zh-CN" / "queue_wait_2.alaw").read_bytes()


def test_the_agent_hears_what_the_ticket_is_about_when_there_are_words_for_it():
    whisper = Whisper(SETTINGS)

    assert said(whisper("zh-CN", "123456", "billing")) == "回电。 用户要查账单。 受理编号 幺二 三四 五六 接通用户请按一。"
    assert said(whisper("zh-CN", "123456", "courier")) == "回电。 受理编号 幺二 三四 五六 接通用户请按一。"
    english = said(whisper("en-US", "123456", "unanswered"))
    assert english.startswith("Call back. The call was not answered. Reference number ")
    assert said(whisper("yue", "123456", "billing")).startswith("回电。 用户要查账单。 "), "who speaks neither is greeted in Mandarin"


def test_of_a_value_that_is_not_there_nothing_is_said():
    template = CATALOGUE.texts["zh-CN"]["callback_whisper"].pieces

    parts = filled(template, {Kind.DIGITS: "123456"})

    assert [part for part in parts if isinstance(part, SpokenValue)] == [SpokenValue(Kind.DIGITS, "123456")]
    assert filled((Text("a"),), {Kind.DURATION: dt.timedelta(minutes=1)}) == (Text("a"),)
