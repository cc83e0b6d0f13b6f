"""The voice of the line: one file per utterance, made once, kept, never half written."""

from __future__ import annotations

import asyncio
import functools
import json
import os
import time
from collections.abc import Callable, Coroutine
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from adapters.speech import audio
from adapters.speech.pack import Pack, Recording, read_pack, sha256, write_manifest
from adapters.speech.pack_voice import PackVoice, install_static, read_packs, write_whole
from ivr.core.values import Kind, SpokenValue, Text, Utterance
from ivr.errors import VoiceFailed
from tests.adapters.speech.voices import TestVoice

BALANCE = Utterance("zh-CN", (Text("您的余额是"), SpokenValue(Kind.MONEY, Decimal("35.60")), Text("。")))


def in_loop(story: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Run an asynchronous test."""

    @functools.wraps(story)
    def run(*arguments: Any, **named: Any) -> None:
        asyncio.run(story(*arguments, **named))

    return run


def recording(folder: Path, text: str, frequency: float, seconds: float = 0.1) -> Recording:
    """A tone in place of words: what matters here is which files are joined, and how."""
    tone = 0.3 * np.sin(2 * np.pi * frequency * np.arange(round(seconds * audio.RATE)) / audio.RATE)
    content = audio.to_alaw(tone.astype(np.float32))
    path = folder / "zh-CN" / f"{sha256(text.encode())[:16]}.alaw"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return Recording(text, path, sha256(content), seconds, "tone")


@pytest.fixture
def pack(tmp_path: Path) -> Pack:
    texts = ("您的余额是", "三十五元", "六角", "再见。", "请按一。")
    return Pack("zh-CN", [recording(tmp_path / "pack", text, 300 + 50 * number) for number, text in enumerate(texts)])


@in_loop
async def test_an_utterance_becomes_one_file_of_its_recordings(tmp_path: Path, pack: Pack) -> None:
    voice = PackVoice({"zh-CN": pack}, tmp_path / "sounds")

    path = await voice.file_for(BALANCE)

    assert path.parent == tmp_path / "sounds"
    assert path.suffix == ".alaw"
    assert path.stem.isalnum()
    assert len(path.read_bytes()) == 3 * 800 - 2 * 80  # three recordings, two seams
    voice.close()


@in_loop
async def test_equal_utterances_share_a_file_and_other_values_have_their_own(tmp_path: Path, pack: Pack) -> None:
    voice = PackVoice({"zh-CN": pack}, tmp_path / "sounds")
    other = Utterance("zh-CN", (Text("您的余额是"), SpokenValue(Kind.MONEY, Decimal("35"))))

    assert await voice.file_for(BALANCE) == await voice.file_for(BALANCE)
    assert await voice.file_for(other) != await voice.file_for(BALANCE)
    voice.close()


@in_loop
async def test_a_new_recording_gives_the_utterance_a_new_file(tmp_path: Path, pack: Pack) -> None:
    """A file never changes once a channel may be playing it."""
    before = await PackVoice({"zh-CN": pack}, tmp_path / "sounds").file_for(BALANCE)
    again = Pack("zh-CN", [*pack.recordings.values(), recording(tmp_path / "again", "六角", 999)])

    after = await PackVoice({"zh-CN": again}, tmp_path / "sounds").file_for(BALANCE)

    assert after != before
    assert before.exists()


@in_loop
async def test_an_utterance_without_parts_is_a_moment_of_silence(tmp_path: Path, pack: Pack) -> None:
    voice = PackVoice({"zh-CN": pack}, tmp_path / "sounds")

    path = await voice.file_for(Utterance("zh-CN", ()))

    assert path.read_bytes() == audio.silence(0.020)
    voice.close()


@in_loop
async def test_twenty_lines_that_ask_at_once_get_the_same_whole_file(tmp_path: Path, pack: Pack) -> None:
    """Ten of each of two engines that share a folder: no draft is left and nobody sees half a file."""
    engines = [PackVoice({"zh-CN": pack}, tmp_path / "sounds") for _ in range(2)]

    async def listen(engine: PackVoice) -> bytes:
        return (await engine.file_for(BALANCE)).read_bytes()

    heard = await asyncio.gather(*(listen(engine) for engine in engines for _ in range(10)))

    assert len(set(heard)) == 1
    assert len(list((tmp_path / "sounds").iterdir())) == 1
    for engine in engines:
        engine.close()


@in_loop
async def test_a_second_request_touches_neither_thread_nor_disk_content(tmp_path: Path, pack: Pack) -> None:
    """The hit path is a look-up and a stat: it answers before the event loop does anything else."""
    voice = PackVoice({"zh-CN": pack}, tmp_path / "sounds")
    await voice.file_for(BALANCE)
    voice.close()

    began = time.perf_counter()
    for _ in range(200):
        await voice.file_for(BALANCE)

    assert (time.perf_counter() - began) / 200 < 0.001


@in_loop
async def test_a_deleted_file_is_made_again(tmp_path: Path, pack: Pack) -> None:
    voice = PackVoice({"zh-CN": pack}, tmp_path / "sounds")
    first = await voice.file_for(BALANCE)
    first.unlink()

    assert (await voice.file_for(BALANCE)).exists()
    voice.close()


@in_loop
async def test_a_caller_who_hangs_up_meanwhile_does_not_stop_the_file_for_others(tmp_path: Path, pack: Pack) -> None:
    voice = PackVoice({"zh-CN": pack}, tmp_path / "sounds")
    gone = asyncio.ensure_future(voice.file_for(BALANCE))
    waiting = asyncio.ensure_future(voice.file_for(BALANCE))
    await asyncio.sleep(0)

    gone.cancel()

    assert (await waiting).exists()
    voice.close()


@in_loop
async def test_words_with_another_ending_stand_in(tmp_path: Path, pack: Pack) -> None:
    """Better the wrong melody than another voice."""
    voice = PackVoice({"zh-CN": pack}, tmp_path / "sounds")

    path = await voice.file_for(Utterance("zh-CN", (Text("再见，"),)))

    assert path.read_bytes() == pack.recordings["再见。"].path.read_bytes()
    voice.close()


@in_loop
async def test_what_nobody_recorded_is_said_by_an_engine_once(tmp_path: Path, pack: Pack) -> None:
    parrot = TestVoice()
    voice = PackVoice({"zh-CN": pack}, tmp_path / "sounds", [parrot])

    await voice.file_for(Utterance("zh-CN", (Text("请按一。"), Text("春节快乐。"))))
    await voice.file_for(Utterance("zh-CN", (Text("春节快乐。"), Text("请按一。"))))

    assert parrot.said == ["春节快乐。"]
    voice.close()


@in_loop
async def test_without_an_engine_the_missing_words_are_named(tmp_path: Path, pack: Pack) -> None:
    voice = PackVoice({"zh-CN": pack}, tmp_path / "sounds")

    with pytest.raises(VoiceFailed, match=r"^no recording in zh-CN says '春节快乐。', and no voice is there that could$"):
        await voice.file_for(Utterance("zh-CN", (Text("春节快乐。"),)))
    voice.close()


@in_loop
async def test_a_value_that_cannot_be_said_is_a_failure_of_the_voice(tmp_path: Path, pack: Pack) -> None:
    voice = PackVoice({"zh-CN": pack}, tmp_path / "sounds")

    with pytest.raises(VoiceFailed, match=r"^a value cannot be spoken: "):
        await voice.file_for(Utterance("zh-CN", (SpokenValue(Kind.MONEY, "five"),)))
    voice.close()


def test_missing_texts_are_listed_before_any_caller_meets_them(tmp_path: Path, pack: Pack) -> None:
    voice = PackVoice({"zh-CN": pack}, tmp_path / "sounds")

    assert voice.missing(["请按一。春节快乐。", "请按一。"], "zh-CN") == ["春节快乐。"]
    assert voice.missing(["Goodbye."], "en-US") == ["Goodbye."]
    voice.close()


@in_loop
async def test_a_damaged_recording_is_not_joined_into_anything(tmp_path: Path, pack: Pack) -> None:
    damaged = pack.recordings["六角"]
    damaged.path.write_bytes(b"\x00" * 800)
    voice = PackVoice({"zh-CN": pack}, tmp_path / "sounds")

    with pytest.raises(VoiceFailed, match=r"is damaged; run: ivr prompts build$"):
        await voice.file_for(BALANCE)

    assert list((tmp_path / "sounds").iterdir()) == []
    assert pack.damaged() == (damaged,)
    voice.close()


def test_old_files_go_when_the_folder_is_too_big_and_young_ones_stay(tmp_path: Path, pack: Pack) -> None:
    """A file handed out a moment ago may be about to be played."""
    voice = PackVoice({"zh-CN": pack}, tmp_path / "sounds", most_bytes=1000, keep_for=3600)
    old, young = tmp_path / "sounds" / "old.alaw", tmp_path / "sounds" / "young.alaw"
    for path in (old, young):
        write_whole(path, bytes(2000))
    os.utime(old, (time.time() - 7200, time.time() - 7200))

    assert voice.prune() == 1

    assert [path.name for path in (tmp_path / "sounds").iterdir()] == ["young.alaw"]
    voice.close()


def test_a_disk_that_refuses_is_reported_and_leaves_no_draft(tmp_path: Path) -> None:
    (tmp_path / "taken.alaw").mkdir()

    with pytest.raises(VoiceFailed, match=r"^taken.alaw could not be written: "):
        write_whole(tmp_path / "taken.alaw", b"x")

    assert [path.name for path in tmp_path.iterdir()] == ["taken.alaw"]


def test_the_files_asterisk_plays_alone_have_stable_names(tmp_path: Path, pack: Pack) -> None:
    prompts = {"zh-CN": {"rescue_apology": Utterance("zh-CN", (Text("请按一。再见。"),))}}

    count = install_static({"zh-CN": pack}, tmp_path / "sounds", prompts)

    path = tmp_path / "sounds" / "zh-CN" / "rescue_apology.alaw"
    assert count == 1
    assert len(path.read_bytes()) == 800 + 2800 + 800


def test_a_static_file_that_cannot_be_made_is_an_error_at_install_time(tmp_path: Path, pack: Pack) -> None:
    with pytest.raises(VoiceFailed, match=r"says '春节快乐。' of the prompt greeting; run: ivr prompts build$"):
        install_static({"zh-CN": pack}, tmp_path / "sounds", {"zh-CN": {"greeting": Utterance("zh-CN", (Text("春节快乐。"),))}})


def test_a_pack_is_read_as_it_was_written(tmp_path: Path, pack: Pack) -> None:
    write_manifest(tmp_path / "pack", "zh-CN", pack.recordings.values())

    assert read_pack(tmp_path / "pack", "zh-CN").recordings == pack.recordings
    assert read_packs(tmp_path / "pack", ["zh-CN", "en-US"])["en-US"].recordings == {}


def test_a_manifest_that_is_none_says_how_to_mend_it(tmp_path: Path) -> None:
    (tmp_path / "zh-CN").mkdir()
    (tmp_path / "zh-CN" / "manifest.json").write_text(json.dumps({"recordings": {"您好": "a file"}}), encoding="utf-8")

    with pytest.raises(VoiceFailed, match=r"is not a manifest of recordings; build it again with: ivr prompts build$"):
        read_pack(tmp_path, "zh-CN")


@in_loop
async def test_new_recordings_are_said_from_the_next_utterance_on(tmp_path: Path, pack: Pack) -> None:
    """A running engine takes what `make prompts` has recorded; what is being said goes on."""
    parrot = TestVoice()
    voice = PackVoice({"zh-CN": pack}, tmp_path / "sounds", [parrot])
    before = await voice.file_for(Utterance("zh-CN", (Text("漫游请按六。"),)))

    voice.use({"zh-CN": Pack("zh-CN", [*pack.recordings.values(), recording(tmp_path / "pack", "漫游请按六。", 900)])})

    after = await voice.file_for(Utterance("zh-CN", (Text("漫游请按六。"),)))
    assert parrot.said == ["漫游请按六。"]
    assert after != before
    assert before.exists()
