"""The first call, for real: SIP, audio both ways, keys as RFC 4733, an engine, a database; judged by ears that know nothing of the text."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
from decimal import Decimal
from pathlib import Path

import pytest

from adapters.speech.ears import Ears
from adapters.speech.listening import distance, error_rate, heard_with, spoken_stretches, syllables
from adapters.storage.journal import read_journal
from adapters.telephony.sip_caller import SipCaller
from ivr.bootstrap.calls import made_test, recall, run_again, write_test
from ivr.bootstrap.conversations import hold_all
from ivr.bootstrap.first_call import CALLER, FirstCall, message, place_call, says
from ivr.calls.ports import MessageTranscript, TranscriptState
from ivr.core.values import Kind, SpokenValue
from ivr.speech import words
from ivr.tools.replay import report
from tests.asterisk.conftest import Bench, tickets

pytestmark = [pytest.mark.asterisk]

TRANSCRIBER = "whisper"

BALANCE = words(SpokenValue(Kind.MONEY, Decimal("35.62")), "zh-CN")
LEFT = words(SpokenValue(Kind.VOLUME, 5 * 1024**3 // 2), "zh-CN")
USED = words(SpokenValue(Kind.VOLUME, 15 * 1024**3 // 2), "zh-CN")
GREETING = f"您好，欢迎致电自助查询专线。您的账户余额是{BALANCE}，本月还剩流量{LEFT}。"
MENU = "查话费请按一，查流量和通话请按二，查账单请按三，英语服务请按四，留言请按五。重听请按九，人工服务请按零。"
USAGE = f"本月已用流量{USED}，还剩{LEFT}。已用通话一百二十五分钟，还剩七十五分钟。"
MESSAGE = "你好，我想问一下，我上个月的话费为什么这么多，麻烦给我回个电话，谢谢。"  # what is said in `first_call.message`
LEAVE = "请在提示音后留言，说完请按井号键，或直接挂机。"


@pytest.fixture(scope="module")
def first_call(bench: Bench) -> FirstCall:
    """Balance, 2, usage, 5, a message, and a hang-up in the middle of it."""
    return bench.do(place_call(bench.settings, print, patient=True))


@pytest.mark.listening
def test_the_caller_hears_balance_and_usage_right(first_call: FirstCall, ears: Ears):
    expected = [GREETING + MENU, USAGE + MENU, LEAVE]
    values = [(BALANCE, LEFT), (USED, LEFT), ()]

    heard = [
        heard_with(ears, part.heard, "zh-CN", lambda text, told=told: all(says(text, value) for value in told))
        for part, told in zip(first_call.parts, values, strict=False)
    ]

    for text, told in zip(heard, values, strict=True):
        assert all(says(text, value) for value in told), text
    wanted = [syllables(text, "zh-CN") for text in expected]
    wrong = sum(distance(syllables(said, "zh-CN"), text) for said, text in zip(heard, wanted, strict=True))
    rate = wrong / sum(map(len, wanted))
    print(f"syllable error rate over the whole call: {rate:.1%}", heard)
    assert rate <= 0.10, heard


def test_the_message_becomes_a_ticket_with_all_of_its_audio(first_call: FirstCall, bench: Bench):
    [ticket] = bench.do(tickets(bench.settings))

    assert ticket.line.reference == first_call.reference
    assert ticket.caller == "139****1008"
    [kept] = ticket.messages
    assert not kept.partial
    said = len(message()) / 8000
    assert said - 0.3 <= kept.seconds <= said + 2.0


@pytest.mark.listening
def test_the_agent_reads_what_the_caller_said_and_nobody_else_does(first_call: FirstCall, bench: Bench):
    async def transcript() -> MessageTranscript:
        while True:
            [ticket] = await tickets(bench.settings)
            found = ticket.messages[0].transcript
            if found is not None and found.state is not TranscriptState.WAITING:
                return found
            await asyncio.sleep(0.2)

    kept = bench.do(asyncio.wait_for(transcript(), 120))

    assert kept.heard is not None, kept
    assert (kept.state, kept.attempts, kept.heard.language) == (TranscriptState.HEARD, 1, "zh-CN")
    wanted, said = syllables(MESSAGE, "zh-CN"), syllables(kept.heard.text, "zh-CN")
    print(kept.heard)
    assert distance(said, wanted) / len(wanted) <= 0.25, kept.heard.text
    log = bench.line.engine.log.read_text(encoding="utf-8")
    assert '"message_transcribed"' in log
    assert kept.heard.text not in log
    assert kept.heard.text.encode() not in bench.settings.database.read_bytes()


def test_the_journal_tells_the_call_and_no_number(first_call: FirstCall, bench: Bench):
    files = sorted((bench.settings.var / "journal").iterdir())
    lines = [json.loads(line) for file in files for line in file.read_text(encoding="utf-8").splitlines()]

    assert CALLER not in "".join(file.read_text(encoding="utf-8") for file in files)
    assert CALLER not in bench.line.engine.log.read_text(encoding="utf-8")
    assert CALLER not in bench.line.asterisk.log.read_text(encoding="utf-8")
    told = [note["type"] for line in lines for note in line.get("notes", ())]
    assert "TicketPromised" in told
    assert lines[-1]["disposition"] == "ticket_opened"
    assert list(read_journal(bench.settings.var / "journal", lines[-1]["session"]))


def test_the_call_goes_the_same_way_again_and_becomes_a_test_that_holds(first_call: FirstCall, bench: Bench, tmp_path: Path):
    past = recall(bench.settings, None)

    replayed = run_again(bench.settings, past, None)
    write_test(tmp_path / "call.yaml", made_test(bench.settings, past, tmp_path / "call.yaml"))

    assert (past.call.version, past.remark) == ("1008611@1", None)
    assert replayed.difference is None
    text = (tmp_path / "call.yaml").read_text(encoding="utf-8")
    [held] = hold_all([tmp_path / "call.yaml"], bench.settings.home)
    assert held.outcome.problem is None, text
    assert held.outcome.conversation.disposition == "ticket_opened"
    assert f"hears: {json.dumps(GREETING + MENU, ensure_ascii=False)}" in text
    assert text.count("# ") == 1, text  # nothing had to be left out
    assert CALLER not in text
    assert list(report(replayed))[-1] == "the same with flows/1008611.yaml: every step, every word, every value"


@pytest.mark.listening
def test_the_balance_has_been_said_ten_seconds_after_the_answer(bench: Bench, ears: Ears):
    async def listen_for_ten_seconds() -> bytes:
        async with SipCaller(bench.settings.host, bench.settings.sip_port, caller_id=CALLER) as phone:
            leg = await phone.call("1008611")
            while len(leg.audio) < 10 * 8000:
                await leg.wait_voice(after=leg.timeline[-1].at if leg.timeline else 0.0, timeout=dt.timedelta(seconds=5))
            await leg.hang_up()
            return leg.audio[: 10 * 8000]

    heard = heard_with(ears, bench.do(listen_for_ten_seconds()), "zh-CN", lambda text: says(text, BALANCE))

    assert says(heard, BALANCE), heard


@pytest.mark.listening
def test_an_english_speaker_is_answered_in_english(bench: Bench, ears: Ears):
    async def greeting() -> bytes:
        async with SipCaller(bench.settings.host, bench.settings.sip_port, caller_id="13900001009") as phone:
            leg = await phone.call("1008611")
            heard = await leg.hear(until_silent=dt.timedelta(seconds=1.5))
            await leg.hang_up()
            return heard

    audio = bench.do(greeting())

    first = next(part for _, part in spoken_stretches(audio, pause=0.3) if len(part) > 0)
    heard = heard_with(ears, audio[: 14 * 8000], "en-US", lambda text: "sixty six" in text.lower().replace("-", " "))
    assert first
    assert "sixty six" in heard.lower().replace("-", " "), heard
    assert "data" in heard.lower(), heard
    assert error_rate(heard[:60], "Hello, and welcome to the self-service line. Your balance is", "en-US") < 0.5, heard
