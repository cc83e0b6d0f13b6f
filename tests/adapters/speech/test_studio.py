"""Recordings by people: checked, levelled, put into the pack, and given back."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import pytest

from adapters.speech.audio import Samples
from adapters.speech.loudness import TELEPHONE_LUFS
from adapters.speech.pack import read_pack
from adapters.speech.studio import Take, read_wave, record, release
from ivr.errors import VoiceFailed
from tests.adapters.speech.test_pack_build import made

GOODBYE = Take("zh-CN", "goodbye", "再见。", "anna")


def speech(seconds: float = 1.0, rate: int = 44_100, amplitude: float = 0.2) -> Samples:
    """Something as uneven as speech, between silences."""
    moment = np.arange(round(seconds * rate)) / rate
    sound = np.sin(2 * np.pi * 300 * moment) * (0.6 + 0.4 * np.sin(2 * np.pi * 4 * moment)) * amplitude
    return np.concatenate([np.zeros(rate // 2), sound, np.zeros(rate // 2)]).astype(np.float32)


def saved(path: Path, samples: Samples, rate: int = 44_100, width: int = 2, channels: int = 1) -> Path:
    """A WAV file as a sound editor writes it."""
    whole = np.rint(np.repeat(samples, channels).astype(np.float64) * (2 ** (8 * width - 1) - 1)).astype("<i4")
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(width)
        file.setframerate(rate)
        file.writeframes(b"".join(number.to_bytes(4, "little", signed=True)[:width] for number in map(int, whole)))
    return path


def test_a_persons_recording_takes_the_place_of_the_voices(tmp_path: Path) -> None:
    pack = tmp_path / "pack"
    made({"zh-CN": ["再见。", "一千"]}, pack)

    record(GOODBYE, saved(tmp_path / "goodbye.wav", speech()), pack)

    found = read_pack(pack, "zh-CN")
    recording = found.recordings["再见。"]
    assert (recording.speaker, recording.name, recording.human) == ("anna", "goodbye", True)
    assert recording.lufs == pytest.approx(TELEPHONE_LUFS, abs=2)
    assert recording.seconds == pytest.approx(1.07, abs=0.05)  # the silence around it is gone
    assert found.damaged() == ()
    assert len(list((pack / "zh-CN").glob("*.alaw"))) == 2


@pytest.mark.parametrize(("rate", "width", "channels"), [(8_000, 2, 1), (48_000, 3, 2), (16_000, 4, 1)])
def test_any_pcm_wave_file_will_do(tmp_path: Path, rate: int, width: int, channels: int) -> None:
    samples = speech(0.2, rate)

    read, found = read_wave(saved(tmp_path / "any.wav", samples, rate, width, channels))

    assert found == rate
    assert np.allclose(read, samples, atol=1e-4)


def test_a_second_take_replaces_the_first_even_when_the_text_has_changed(tmp_path: Path) -> None:
    record(GOODBYE, saved(tmp_path / "goodbye.wav", speech()), tmp_path)

    record(Take("zh-CN", "goodbye", "谢谢，再见。", "bo"), saved(tmp_path / "goodbye.wav", speech(0.8)), tmp_path)

    assert {text: item.speaker for text, item in read_pack(tmp_path, "zh-CN").recordings.items()} == {"谢谢，再见。": "bo"}
    assert len(list((tmp_path / "zh-CN").glob("*.alaw"))) == 1


def test_a_prompt_is_given_back_to_the_voice(tmp_path: Path) -> None:
    made({"zh-CN": ["再见。"]}, tmp_path)
    record(GOODBYE, saved(tmp_path / "goodbye.wav", speech()), tmp_path)

    release("zh-CN", "goodbye", tmp_path)
    report = made({"zh-CN": ["再见。"]}, tmp_path)

    assert report.recorded == ("再见。",)
    with pytest.raises(VoiceFailed, match=r"^nobody has recorded goodbye in zh-CN; there are none$"):
        release("zh-CN", "goodbye", tmp_path)


@pytest.mark.parametrize(
    ("samples", "sentence"),
    [
        (np.zeros(44_100, dtype=np.float32), "{file} is silent"),
        (np.clip(speech(amplitude=3.0), -1, 1), "{file} is clipped: record it again with the microphone turned down"),
        (speech(25.0), "{file} is 25.1 s long, and 20 s is the most: make two sentences of it"),
        (speech(90.0), "{file} is 91 s long, and a prompt has 20 s at most"),
    ],
)
def test_what_cannot_be_used_is_refused_with_a_reason(tmp_path: Path, samples: Samples, sentence: str) -> None:
    file = saved(tmp_path / "goodbye.wav", samples)

    with pytest.raises(VoiceFailed) as refused:
        record(GOODBYE, file, tmp_path / "pack")

    assert str(refused.value) == sentence.format(file=file)
    assert not (tmp_path / "pack").exists()


def test_what_is_no_wave_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "goodbye.wav").write_bytes(b"ID3")
    slow = saved(tmp_path / "slow.wav", speech(0.2, 4_000), 4_000)

    with pytest.raises(VoiceFailed, match=r"goodbye\.wav cannot be read as a WAV file: "):
        record(GOODBYE, tmp_path / "goodbye.wav", tmp_path)
    with pytest.raises(VoiceFailed, match=r"slow\.wav has 4000 samples a second, and a telephone needs 8000$"):
        record(GOODBYE, slow, tmp_path)
