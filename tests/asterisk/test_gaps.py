"""What a caller hears of a joined value, measured on the packets of a real call: no gap where none is meant."""

from __future__ import annotations

from decimal import Decimal

import pytest

from adapters.speech import audio
from adapters.speech.listening import longest_gap
from adapters.speech.pack import Pack, read_pack
from adapters.telephony.sip_caller import SipCaller
from ivr.bootstrap.first_call import CALLER
from ivr.core.values import Kind, SpokenValue
from ivr.speech import fragments
from tests.adapters.telephony.asterisk_line import until
from tests.asterisk.conftest import Bench
from tests.conftest import HOME

pytestmark = [pytest.mark.asterisk]

MOST = 0.040  # seconds
BALANCE = ("您的账户余额是", *fragments(SpokenValue(Kind.MONEY, Decimal("35.62")), "zh-CN"))
DATA_LEFT = ("本月还剩流量", *fragments(SpokenValue(Kind.VOLUME, 5 * 1024**3 // 2), "zh-CN"))


def test_no_gap_is_heard_inside_what_is_spoken_as_one(bench: Bench):
    """您的账户余额是三十五元六角二分 is three recordings, and 本月还剩流量二点五个G is three; between the two a pause is meant."""
    pack = read_pack(HOME / "prompts" / "audio", "zh-CN")

    heard = bench.do(greeting(bench, pack))

    for pieces in (BALANCE, DATA_LEFT):
        spoken = between(heard, middle_of(pack, pieces[0]), middle_of(pack, pieces[-1]))
        assert len(spoken) > 0.5 * audio.RATE
        assert longest_gap(spoken) <= MOST, pieces
    whole = between(heard, middle_of(pack, BALANCE[0]), middle_of(pack, DATA_LEFT[-1]))
    assert 0.15 <= longest_gap(whole) <= 0.30


async def greeting(bench: Bench, pack: Pack) -> bytes:
    """What the sample caller hears first, as it came in packets of 20 ms."""
    last = middle_of(pack, DATA_LEFT[-1])
    async with SipCaller(bench.settings.host, bench.settings.sip_port, caller_id=CALLER) as phone:
        leg = await phone.call("1008611")
        await until(lambda: last in leg.audio)
        await leg.hang_up()
        return leg.audio


def middle_of(pack: Pack, text: str) -> bytes:
    """Fifty milliseconds that are in nothing else."""
    recording = pack.find(text)
    assert recording is not None, text
    content = recording.path.read_bytes()
    return content[len(content) // 2 :][:400]


def between(heard: bytes, first: bytes, last: bytes) -> bytes:
    """From the middle of one recording to the middle of another."""
    begin = heard.index(first)
    return heard[begin : heard.index(last, begin) + len(last)]
