"""Texts that nobody has recorded: what is heard at once, what follows, and who says it when the best engine does not."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from adapters.speech import audio
from adapters.speech.free_text import Patience
from adapters.speech.pack import Pack
from adapters.speech.pack_voice import PackVoice
from ivr.calls.ports import Part
from ivr.core.values import Kind, Manner, SpokenValue, Text, Utterance
from ivr.errors import VoiceFailed
from tests.adapters.speech.test_pack_voice import in_loop, recording
from tests.adapters.speech.voices import FAULTS, SOUND, TONE, TestVoice, asked, engine

NAME = SpokenValue(Kind.TEXT, "张三")
GREETING = Utterance("zh-CN", (Text("您好，"), NAME, Text("，请按一。")))
NAME_FIRST = Utterance("zh-CN", (NAME, Text("，请按一。")))
BRIEF = Patience(soon=0.01, first=0.01, late=0.01, enough=0.05, last=10.0)  # no longer than a real engine needs to start
OTHER = b"\x2a" * 800  # sounds differently


@pytest.fixture
def pack(tmp_path: Path) -> Pack:
    texts = ("您好，", "请按一。", "您的余额是", "五元", "请稍候。")
    return Pack("zh-CN", [recording(tmp_path / "pack", text, 300 + 50 * number) for number, text in enumerate(texts)])


def recorded(pack: Pack, text: str) -> bytes:
    return pack.recordings[text].path.read_bytes()


def a_voice(tmp_path: Path, pack: Pack, *engines, patience: Patience = BRIEF, meanwhile: str | None = None) -> PackVoice:
    return PackVoice(
        {"zh-CN": pack}, tmp_path / "sounds", engines, patience=patience, meanwhile={"zh-CN": meanwhile} if meanwhile else None
    )


async def whole(part: Part) -> bytes:
    """All that is heard, and nothing in between."""
    heard = part.file.read_bytes()
    while part.rest is not None:
        part = await part.rest()
        heard += part.file.read_bytes()
    return heard


@in_loop
async def test_the_recorded_beginning_is_there_before_the_text_that_follows_has_been_made(tmp_path: Path, pack: Pack) -> None:
    slow = TestVoice(at_once=False)
    voice = a_voice(tmp_path, pack, slow)

    part = await voice.begin(GREETING)

    assert part.file.read_bytes().startswith(recorded(pack, "您好，"))
    assert slow.said == ["张三"]  # asked for already
    assert part.rest is not None
    slow.finish()
    following = await part.rest()
    assert following.rest is None
    assert following.file.read_bytes().startswith(TONE)
    assert following.file.read_bytes().endswith(recorded(pack, "请按一。"))
    voice.close()


@in_loop
async def test_a_beginning_that_goes_on_ends_with_its_pause_in_whole_packets(tmp_path: Path, pack: Pack) -> None:
    """So the seam lies in a silence that belongs there, and Asterisk sends no packet that is too short."""
    voice = a_voice(tmp_path, pack, TestVoice(at_once=False))

    beginning = (await voice.begin(GREETING)).file.read_bytes()

    assert beginning == recorded(pack, "您好，") + audio.silence(0.18)[:1440]
    assert len(beginning) % 160 == 0
    voice.close()


@in_loop
async def test_what_a_quick_engine_says_needs_no_seam(tmp_path: Path, pack: Pack) -> None:
    voice = a_voice(tmp_path, pack, TestVoice())

    part = await voice.begin(GREETING)

    assert part.rest is None
    assert TONE in part.file.read_bytes()
    voice.close()


@in_loop
async def test_the_next_caller_hears_it_whole_at_once(tmp_path: Path, pack: Pack) -> None:
    slow = TestVoice(at_once=False)
    voice = a_voice(tmp_path, pack, slow)
    first = await voice.begin(GREETING)
    slow.finish()
    heard = await whole(first)

    again = await voice.begin(GREETING)

    assert slow.said == ["张三"]
    assert again.rest is None
    assert again.file.read_bytes() == heard
    voice.close()


@in_loop
async def test_a_long_announcement_is_heard_sentence_by_sentence(tmp_path: Path, pack: Pack) -> None:
    """The first while the second is being made."""
    slow = TestVoice(at_once=False)
    voice = a_voice(tmp_path, pack, slow)
    news = SpokenValue(Kind.TEXT, "今晚系统升级。明早恢复。")
    first = await voice.begin(Utterance("zh-CN", (Text("您好，"), news)))
    assert slow.said == ["今晚系统升级。", "明早恢复。"]
    assert first.rest is not None

    slow.under_way.pop(0).set_result(TONE)
    second = await first.rest()

    assert second.file.read_bytes().startswith(TONE)
    assert second.rest is not None
    slow.finish(OTHER)
    assert (await second.rest()).file.read_bytes() == OTHER
    voice.close()


@in_loop
async def test_a_text_that_comes_first_is_bridged_by_the_prompt_of_the_line(tmp_path: Path, pack: Pack) -> None:
    slow = TestVoice(at_once=False)
    voice = a_voice(tmp_path, pack, slow, meanwhile="请稍候。")

    part = await voice.begin(NAME_FIRST)

    assert part.file.read_bytes().startswith(recorded(pack, "请稍候。"))
    assert part.rest is not None
    slow.finish()
    assert (await part.rest()).file.read_bytes().startswith(TONE)
    voice.close()


@in_loop
async def test_without_that_prompt_the_first_engine_that_has_it_is_heard(tmp_path: Path, pack: Pack) -> None:
    slow, quick = TestVoice("slow", at_once=False), TestVoice("quick")
    voice = a_voice(tmp_path, pack, slow, quick)

    part = await voice.begin(NAME_FIRST)

    assert part.rest is None
    assert part.file.read_bytes().startswith(TONE)
    assert quick.said == ["张三"]
    voice.close()


@in_loop
async def test_an_engine_that_is_late_is_replaced_and_heard_by_the_next_caller(tmp_path: Path, pack: Pack) -> None:
    slow, quick = TestVoice("slow", at_once=False), TestVoice("quick")
    voice = a_voice(tmp_path, pack, slow, quick)
    first = await whole(await voice.begin(GREETING))
    assert TONE in first

    slow.finish(OTHER)
    second = await whole(await voice.begin(GREETING))

    assert OTHER in second
    assert slow.said == quick.said == ["张三"]
    voice.close()


@in_loop
async def test_an_engine_that_was_late_once_is_not_waited_for_again_in_one_utterance(tmp_path: Path, pack: Pack) -> None:
    """An announcement of three sentences would else have three silences."""
    slow, quick = TestVoice("slow", at_once=False), TestVoice("quick")
    voice = a_voice(tmp_path, pack, slow, quick, patience=Patience(soon=0, first=0, late=0.01, enough=0.02, last=3600))
    news = SpokenValue(Kind.TEXT, "今晚升级。明早恢复。请谅解。")
    part = await voice.begin(Utterance("zh-CN", (Text("您好，"), news)))
    assert part.rest is not None
    part = await part.rest()
    voice._free.patience = Patience(late=3600, enough=7200, last=3600)

    assert part.rest is not None
    heard = await whole(await part.rest())

    assert heard.count(TONE[80:720]) == 2
    assert quick.said == ["今晚升级。", "明早恢复。", "请谅解。"]
    voice.close()


@in_loop
async def test_nobody_waits_for_an_engine_that_was_too_slow_for_its_last_text(tmp_path: Path, pack: Pack) -> None:
    """It is asked all the same, so that it shows when it has become quicker."""
    slow, quick = TestVoice("slow", at_once=False), TestVoice("quick")
    voice = a_voice(tmp_path, pack, slow, quick, patience=Patience(soon=0, first=0, late=3600, enough=7200, last=3600))
    voice._free.pace["slow"] = 3600.0  # seconds a character

    heard = await whole(await voice.begin(GREETING))

    assert TONE in heard
    assert slow.said == ["张三"]
    slow.finish()
    assert voice._free.pace["slow"] < 3600
    voice.close()


@in_loop
async def test_the_better_engine_is_heard_when_it_is_in_time(tmp_path: Path, pack: Pack) -> None:
    """Although the other was asked as well, and was quicker."""
    slow, quick = TestVoice("slow", at_once=False), TestVoice("quick")
    voice = a_voice(tmp_path, pack, slow, quick, patience=Patience(soon=0, first=0, late=0, enough=30, last=1))
    part = await voice.begin(GREETING)
    assert part.rest is not None
    following = asyncio.ensure_future(part.rest())
    while not quick.said:  # noqa: ASYNC110 - the voice tells nobody that it looks elsewhere
        await asyncio.sleep(0)

    slow.finish(OTHER)

    assert (await following).file.read_bytes().startswith(OTHER)
    voice.close()


@in_loop
async def test_an_engine_that_refuses_or_fails_costs_no_time(tmp_path: Path, pack: Pack) -> None:
    """An hour of patience is not needed."""
    busy, failing, quick = TestVoice("busy", refuses=True), TestVoice("failing", at_once=False), TestVoice("quick")
    voice = a_voice(tmp_path, pack, busy, failing, quick, patience=Patience(soon=3600, first=3600, late=3600, enough=3600, last=3600))
    beginning = asyncio.ensure_future(voice.begin(GREETING))
    while not failing.said:  # noqa: ASYNC110 - it is asked in its own time
        await asyncio.sleep(0)

    failing.fail()

    assert TONE in (await beginning).file.read_bytes()
    voice.close()


@in_loop
async def test_what_no_voice_can_say_is_left_out_and_the_rest_is_said(tmp_path: Path, pack: Pack) -> None:
    voice = a_voice(tmp_path, pack, TestVoice("broken", refuses=True))

    heard = await whole(await voice.begin(GREETING))

    assert heard == audio.joined([recorded(pack, "您好，"), 0.18, 0.1, 0.18, recorded(pack, "请按一。")])
    voice.close()


@in_loop
async def test_an_engine_that_never_answers_does_not_keep_the_caller_waiting(tmp_path: Path, pack: Pack) -> None:
    voice = a_voice(tmp_path, pack, TestVoice(at_once=False), patience=Patience(soon=0, first=0, late=0.01, enough=0.02, last=0.02))

    heard = await whole(await voice.begin(GREETING))

    assert heard.startswith(recorded(pack, "您好，"))
    assert heard.endswith(recorded(pack, "请按一。"))
    voice.close()


@in_loop
async def test_an_utterance_of_which_nothing_can_be_said_is_a_failure(tmp_path: Path, pack: Pack) -> None:
    voice = a_voice(tmp_path, pack, TestVoice(refuses=True), meanwhile="请稍候。")

    with pytest.raises(VoiceFailed, match=r"^no voice can say any of it$"):
        await whole(await voice.begin(Utterance("zh-CN", (NAME, Text("。"), NAME))))
    voice.close()


@in_loop
async def test_a_bridge_to_nothing_is_a_failure(tmp_path: Path, pack: Pack) -> None:
    """Whoever was asked to wait must not be left in silence."""
    slow = TestVoice(at_once=False)
    voice = a_voice(tmp_path, pack, slow, meanwhile="请稍候。")
    part = await voice.begin(Utterance("zh-CN", (NAME,)))
    assert part.rest is not None

    slow.fail()

    with pytest.raises(VoiceFailed, match=r"^no voice can say any of it$"):
        await part.rest()
    voice.close()


@in_loop
async def test_a_value_is_said_whole_or_not_at_all(tmp_path: Path, pack: Pack) -> None:
    """Half an amount would be a wrong one."""
    balance = Utterance("zh-CN", (Text("您的余额是"), SpokenValue(Kind.MONEY, Decimal("5.20"))))  # 二角 is not recorded
    unable, able = TestVoice(refuses=True), TestVoice()

    with pytest.raises(VoiceFailed, match=r"^no voice can say a part of a value in zh-CN$"):
        await whole(await a_voice(tmp_path, pack, unable).begin(balance))

    assert TONE[80:] in await whole(await a_voice(tmp_path, pack, able).begin(balance))  # its beginning melts into 五元
    assert able.said == ["二角"]


@in_loop
async def test_twenty_callers_have_one_text_said_once(tmp_path: Path, pack: Pack) -> None:
    slow = TestVoice(at_once=False)
    voice = a_voice(tmp_path, pack, slow)
    parts = await asyncio.gather(*(voice.begin(GREETING) for _ in range(20)))

    slow.finish()

    assert len({await whole(part) for part in parts}) == 1
    assert slow.said == ["张三"]
    assert sorted(path.suffix for path in (tmp_path / "sounds").iterdir()) == [".alaw"] * len(list((tmp_path / "sounds").iterdir()))
    voice.close()


@in_loop
async def test_a_caller_who_hangs_up_leaves_the_text_to_others(tmp_path: Path, pack: Pack) -> None:
    slow = TestVoice(at_once=False)
    voice = a_voice(tmp_path, pack, slow, patience=Patience(soon=0, first=0, late=3600, enough=3600, last=3600))
    gone, other = await voice.begin(GREETING), await voice.begin(GREETING)
    assert gone.rest is not None
    waiting = asyncio.ensure_future(gone.rest())
    await asyncio.sleep(0)

    waiting.cancel()
    slow.finish()

    assert TONE in await whole(other)
    voice.close()


@in_loop
async def test_another_version_of_a_voice_says_it_anew(tmp_path: Path, pack: Pack) -> None:
    old, new = TestVoice(), TestVoice()
    new.versions = {"zh-CN": "2"}

    await whole(await a_voice(tmp_path, pack, old).begin(GREETING))
    await whole(await a_voice(tmp_path, pack, new).begin(GREETING))

    assert old.said == new.said == ["张三"]


@pytest.mark.parametrize("fault", sorted(FAULTS))
@in_loop
async def test_whatever_an_engine_does_the_next_one_speaks_and_the_utterance_is_whole(tmp_path: Path, pack: Pack, fault: str) -> None:
    broken = engine(tmp_path / "broken", FAULTS[fault], name="broken")
    sound = engine(tmp_path / "sound", SOUND, name="sound")
    voice = a_voice(tmp_path, pack, broken, sound)

    heard = await whole(await voice.begin(GREETING))

    assert asked(tmp_path / "sound")[-1] == "张三"
    assert heard.startswith(recorded(pack, "您好，"))
    assert heard.endswith(recorded(pack, "请按一。"))
    spoken = np.abs(audio.from_alaw(heard)) > 0.1
    assert spoken.sum() > 3000  # of the 4,000 samples that the sound engine says, and two tones of 800
    await asyncio.to_thread(voice.close)


@in_loop
async def test_a_caller_who_asked_for_slower_hears_recordings_and_fresh_texts_so(tmp_path: Path, pack: Pack) -> None:
    """Every part, under names of their own."""
    slow = TestVoice(at_once=False)
    voice = a_voice(tmp_path, pack, slow)
    usual, slower = await voice.begin(GREETING), await voice.begin(replace(GREETING, manner=Manner(slower=True)))
    slow.finish()

    as_usual, slowly = await whole(usual), await whole(slower)

    assert len(slowly) == pytest.approx(len(as_usual) / 0.8, rel=0.1)
    assert slow.said == ["张三"]  # once, whatever the manner
    voice.close()
