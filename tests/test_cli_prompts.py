"""`ivr prompts`: what a person at a microphone does, and what a release looks at."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from adapters.speech.pack import read_pack
from tests.adapters.speech.test_studio import saved, speech
from tests.conftest import HOME
from tests.test_cli import ivr


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """A project whose recordings may be changed."""
    shutil.copytree(HOME / "prompts", tmp_path / "home" / "prompts")
    (tmp_path / "home" / "flows").symlink_to(HOME / "flows")
    return {"IVR_HOME": str(tmp_path / "home"), "IVR_VAR": str(tmp_path / "var")}


def test_a_person_speaks_a_prompt_until_it_is_released(environment: dict[str, str], tmp_path: Path):
    file = str(saved(tmp_path / "goodbye.wav", speech(2.0)))

    recorded = ivr("prompts", "record", "--by", "anna", file, **environment)
    checked = ivr("prompts", "check", **environment)
    texts = Path(environment["IVR_HOME"]) / "prompts" / "zh-CN.yaml"
    texts.write_text(texts.read_text(encoding="utf-8").replace("goodbye: 感谢您的来电，再见。", "goodbye: 感谢来电。"), encoding="utf-8")
    changed = ivr("prompts", "check", **environment)
    released = ivr("prompts", "release", "goodbye", **environment)

    assert recorded.stdout.startswith("goodbye is said by anna: 2.1 s, -2")
    assert recorded.stdout.endswith("LUFS  感谢您的来电，再见。\n")
    assert checked.stdout == "every prompt and every value can be spoken\n"
    assert changed.returncode == 1
    assert changed.stderr.splitlines() == [
        "zh-CN: '感谢来电。' has not been recorded; run: ivr prompts build",
        "zh-CN: anna's recording of goodbye says '感谢您的来电，再见。', and the prompt now says '感谢来电。'; "
        "record it again, or say: ivr prompts release goodbye",
    ]
    assert released.stdout == "anna's recording of goodbye is gone; ivr prompts build says it again\n"
    assert not any(item.human for item in read_pack(Path(environment["IVR_HOME"]) / "prompts" / "audio", "zh-CN").recordings.values())


def test_a_file_that_is_named_after_no_prompt_is_told_what_there_is(environment: dict[str, str], tmp_path: Path):
    misspelt = ivr("prompts", "record", "--by", "anna", str(saved(tmp_path / "goodby.wav", speech())), **environment)
    whole = ivr("prompts", "record", "--by", "anna", str(saved(tmp_path / "rescue_saved.wav", speech(0.2))), **environment)
    mute = ivr("prompts", "record", "--by", "anna", str(saved(tmp_path / "rescue_full.wav", speech(amplitude=0.0))), **environment)

    assert "goodby.wav is named after no prompt in zh-CN; did you mean 'goodbye'? (ivr prompts script lists them)" in misspelt.stderr
    assert whole.returncode == 0
    assert mute.stderr.strip().endswith("rescue_full.wav is silent")


def test_the_script_names_each_file_and_its_words(environment: dict[str, str]):
    script = ivr("prompts", "script", "--language", "en-US", **environment)
    none = ivr("prompts", "script", "--language", "fr-FR", **environment)

    lines = script.stdout.splitlines()
    assert "goodbye.1.wav\tThank you for calling." in lines
    assert "goodbye.2.wav\tGoodbye." in lines
    assert lines.index("goodbye.2.wav\tGoodbye.") < lines.index("thirty-five.wav\tthirty-five")
    assert none.stderr == "ivr: there are no prompts in fr-FR; there are en-US and zh-CN\n"
