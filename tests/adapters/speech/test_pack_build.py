"""Making the pack: only what is missing is recorded, and what is wrong with a pack is told in sentences."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import pytest

from adapters.speech import audio
from adapters.speech.audio import Samples
from adapters.speech.loudness import TELEPHONE_LUFS, loudness
from adapters.speech.neural import RATE, lexicon, voice_version
from adapters.speech.pack import HUMAN, Recording, read_pack, sha256, write_manifest
from adapters.speech.pack_build import BuildReport, VoiceFor, build
from adapters.speech.pack_check import check
from adapters.speech.takes import CHOSEN
from ivr.errors import VoiceFailed
from ivr.speech import inventory


class Whistler:
    """A speaker without a model: every text is a tone of a length that depends on it, between silences."""

    def __init__(self, language: str = "", cache: Path = Path()) -> None:
        self.carried: list[str] = []
        self.carriers: list[str] = []

    def say(self, text: str, speed: float) -> Samples:
        seconds = 0.1 + 0.05 * len(text)
        tone = np.sin(2 * np.pi * 440 * np.arange(round(seconds * RATE)) / RATE) * 0.2
        return np.concatenate([np.zeros(RATE // 2), tone, np.zeros(RATE // 2)]).astype(np.float32)

    def say_within(self, before: str, text: str, after: str, speed: float) -> Samples:
        self.carried.append(text)
        self.carriers.append(f"{before}…{after}")
        return self.say(text, speed)


def made(
    needed: Mapping[str, Iterable[str]], folder: Path, voice_for: VoiceFor = Whistler, workers: int = 1, told: list[str] | None = None
) -> BuildReport:
    """A build that nobody watches, unless `told` is given."""
    heard = [] if told is None else told
    return build(needed, folder, folder, lambda done, of: heard.append(f"{done}/{of}"), voice_for, workers)


def test_only_what_is_missing_is_recorded(tmp_path: Path) -> None:
    made({"zh-CN": ["一千", "请按一。"]}, tmp_path)
    told: list[str] = []

    again = made({"zh-CN": ["一千", "请按一。", "两百"]}, tmp_path, told=told)

    assert again.recorded == ("两百",)
    assert again.kept == 2
    assert told == ["1/1"]
    assert set(read_pack(tmp_path, "zh-CN").recordings) == {"一千", "请按一。", "两百"}


def test_what_nobody_needs_any_more_is_removed(tmp_path: Path) -> None:
    made({"zh-CN": ["一千", "两百"]}, tmp_path)

    report = made({"zh-CN": ["两百"]}, tmp_path)

    assert report.removed == ("一千",)
    assert [path.suffix for path in sorted((tmp_path / "zh-CN").iterdir())] == [".alaw", ".json"]


def test_a_damaged_recording_is_reported_and_recorded_again(tmp_path: Path) -> None:
    wanted = {"zh-CN": ["一千", "两百"]}
    made(wanted, tmp_path)
    read_pack(tmp_path, "zh-CN").recordings["两百"].path.write_bytes(b"")

    before = check(wanted, tmp_path)
    report = made(wanted, tmp_path)

    assert before == ("zh-CN: the recording of '两百' is damaged; run: ivr prompts build",)
    assert report.recorded == ("两百",)
    assert check(wanted, tmp_path) == ()


def test_what_has_not_been_recorded_is_reported(tmp_path: Path) -> None:
    assert check({"en-US": ["Goodbye."]}, tmp_path) == ("en-US: 'Goodbye.' has not been recorded; run: ivr prompts build",)


def test_another_version_of_the_voice_is_reported_and_recorded_again(tmp_path: Path) -> None:
    wanted = {"zh-CN": ["一千", "两百"]}
    made(wanted, tmp_path)
    put(tmp_path, changed(read_pack(tmp_path, "zh-CN").recordings["一千"], version="an older one"))

    before = check(wanted, tmp_path)
    report = made(wanted, tmp_path)

    assert before == ("zh-CN: '一千' was recorded by another voice or recipe; run: ivr prompts build",)
    assert report.recorded == ("一千",)


@pytest.mark.parametrize(
    ("sound", "fault"),
    [
        (np.zeros(8000), "is silent"),
        (np.tile([0.999, 0.999, 0.999, 0.999, -0.2, -0.2, -0.2, -0.2], 1000), "is clipped"),
        (np.sin(np.arange(8000)) * 0.01, "is too quiet: -42.4 LUFS, and -24.5 LUFS is the least"),
        (np.sin(np.arange(8000)) * 0.9, "is too loud: -3.4 LUFS, and -18.5 LUFS is the most"),
        (np.sin(np.arange(8000 * 21)) * 0.1, "is 21.0 s long, and 20 s is the most: make two sentences of it"),
    ],
)
def test_what_is_unfit_for_callers_is_reported(tmp_path: Path, sound: Samples, fault: str) -> None:
    made({"zh-CN": ["一千"]}, tmp_path)
    content = audio.to_alaw(np.asarray(sound, dtype=np.float32))
    recording = read_pack(tmp_path, "zh-CN").recordings["一千"]
    recording.path.write_bytes(content)
    put(tmp_path, changed(recording, content=content))

    assert check({"zh-CN": ["一千"]}, tmp_path) == (
        f"zh-CN: the recording of '一千' {fault}; change the text, or let a person record it: ivr prompts record",
    )


def test_a_second_build_from_nothing_gives_the_same_bytes_in_any_number_of_processes(tmp_path: Path) -> None:
    for place, workers in (("one", 1), ("other", 2)):
        made({"zh-CN": ["一千", "请按一。", "两百"], "en-US": ["Goodbye."]}, tmp_path / place, workers=workers)

    for language in ("zh-CN", "en-US"):
        files = [sorted((tmp_path / place / language).iterdir()) for place in ("one", "other")]
        assert [path.name for path in files[0]] == [path.name for path in files[1]]
        assert [path.read_bytes() for path in files[0]] == [path.read_bytes() for path in files[1]]


def test_recordings_are_trimmed_and_at_the_level_of_the_line(tmp_path: Path) -> None:
    made({"zh-CN": ["一千"]}, tmp_path)

    recording = read_pack(tmp_path, "zh-CN").recordings["一千"]
    assert recording.seconds == pytest.approx(0.225, abs=0.02)
    assert audio.level(audio.from_alaw(recording.path.read_bytes())) == pytest.approx(audio.SPEECH_LEVEL, rel=0.1)
    assert recording.lufs == pytest.approx(TELEPHONE_LUFS, abs=1.5)


def test_the_manifest_ties_a_file_to_its_text_voice_version_and_loudness(tmp_path: Path) -> None:
    made({"zh-CN": ["一千"]}, tmp_path)

    recording = read_pack(tmp_path, "zh-CN").recordings["一千"]
    content = recording.path.read_bytes()
    assert recording.sha256 == sha256(content)
    assert recording.voice == "kokoro-82m-int8 zf_xiaoxiao"
    assert recording.version == f"{voice_version('zh-CN', '一千')} recipe 2"
    assert recording.lufs == pytest.approx(loudness(audio.from_alaw(content)), abs=0.05)


def test_a_pronunciation_changes_the_version_of_the_texts_that_have_the_word() -> None:
    """So a word more in the lexicon does not mean recording everything again."""
    assert voice_version("zh-CN", "重听请按九") != voice_version("zh-CN", "请按九")
    assert voice_version("zh-CN", "一千") == voice_version("zh-CN", "请按九")


def test_fragments_are_cut_from_a_carrier_and_sentences_are_said_whole(tmp_path: Path) -> None:
    """A fragment said alone ends like a sentence, and sounds wrong in the middle of one."""
    speaker = Whistler()

    made({"zh-CN": ["一千", "请按一。"]}, tmp_path, voice_for=lambda language, cache: speaker)

    assert speaker.carried == ["一千"]


def test_a_fragment_that_has_a_take_of_its_own_is_said_that_way(tmp_path: Path) -> None:
    """And its version tells so: another take is another recording."""
    speaker = Whistler()

    made({"zh-CN": ["四月", "五月", "三五"]}, tmp_path, voice_for=lambda language, cache: speaker)

    assert speaker.carried == ["五月", "三五"]
    assert speaker.carriers == ["好，…，好。", "是：…，好。"]
    recordings = read_pack(tmp_path, "zh-CN").recordings
    ways = {text: recordings[text].version.partition("recipe 2")[2] for text in recordings}
    assert ways == {"四月": " alone", "五月": "", "三五": " after is"}


def test_every_take_is_of_a_fragment_that_the_line_can_need() -> None:
    """A text that is spelt otherwise in the table would be said as usual, and nobody would notice."""
    for language in ("zh-CN", "en-US"):
        assert set(CHOSEN[language]) - set(inventory(language)) <= {"已用通话"}


def test_silence_is_not_shipped_as_a_recording(tmp_path: Path) -> None:
    class Mute(Whistler):
        def say(self, text: str, speed: float) -> Samples:
            return np.zeros(RATE, dtype=np.float32)

    with pytest.raises(VoiceFailed, match=r"^what the neural voice said for '一千' is silent$"):
        made({"zh-CN": ["一千"]}, tmp_path, voice_for=Mute)


def test_no_build_records_over_a_person(tmp_path: Path) -> None:
    """Whatever the voice's version: what anna has said stays, and stays hers when nobody needs it any more."""
    made({"zh-CN": ["再见。"]}, tmp_path)
    put(tmp_path, changed(read_pack(tmp_path, "zh-CN").recordings["再见。"], voice=HUMAN + "anna", version="", name="goodbye"))

    again = made({"zh-CN": ["再见。"]}, tmp_path)
    other = made({"zh-CN": ["谢谢，再见。"]}, tmp_path)

    assert again.recorded == ()
    assert (other.recorded, other.removed) == (("谢谢，再见。",), ())
    assert read_pack(tmp_path, "zh-CN").recordings["再见。"].speaker == "anna"


def test_a_persons_recording_of_an_older_text_is_reported(tmp_path: Path) -> None:
    made({"zh-CN": ["再见。", "谢谢，再见。"]}, tmp_path)
    put(tmp_path, changed(read_pack(tmp_path, "zh-CN").recordings["再见。"], voice=HUMAN + "anna", version="", name="goodbye"))
    needed = {"zh-CN": ["谢谢，再见。"]}

    changed_since = check(needed, tmp_path, {"zh-CN": {"goodbye": "谢谢，再见。"}})
    gone = check(needed, tmp_path, {"zh-CN": {}})

    assert changed_since == (
        "zh-CN: anna's recording of goodbye says '再见。', and the prompt now says '谢谢，再见。'; "
        "record it again, or say: ivr prompts release goodbye",
    )
    assert gone == ("zh-CN: anna's recording of goodbye says '再见。', which nobody needs any more; say: ivr prompts release goodbye",)


def test_the_lexicon_says_what_dictionaries_get_wrong() -> None:
    """重听 is chóng tīng, to hear again; dictionaries offer zhòng."""
    assert lexicon("zh-CN")["重听"] == "chong2 ting1"
    assert lexicon("en-US") == {}


def changed(recording: Recording, content: bytes = b"", **others: str) -> Recording:
    """The same recording with other facts in the manifest; its loudness is that of the content."""
    content = content or recording.path.read_bytes()
    return Recording(
        recording.text,
        recording.path,
        sha256(content),
        len(content) / audio.RATE,
        others.get("voice", recording.voice),
        others.get("version", recording.version),
        loudness(audio.from_alaw(content)),
        others.get("name", ""),
    )


def put(folder: Path, recording: Recording) -> None:
    """Let the manifest say so."""
    others = [item for item in read_pack(folder, "zh-CN").recordings.values() if item.text != recording.text]
    write_manifest(folder, "zh-CN", [*others, recording])
