"""`ivr tickets` as agents use it, on a database with one ticket in it."""

from __future__ import annotations

import asyncio
import datetime as dt
import hashlib
import json
import os
import zipfile
from pathlib import Path

import pytest

from adapters.storage.tickets import SqlTicketStore
from adapters.storage.transcripts import SqlTranscriptStore
from ivr.calls.ports import (
    AttemptState,
    MessageFacts,
    MessageIntent,
    MessageTranscript,
    Transcript,
    TranscriptState,
    UnansweredCall,
    UnansweredKind,
)
from ivr.calls.times import LINE_ZONE, callable_from
from ivr.cli.agents import transcript_lines
from tests.contracts.stories import try_in_vain
from tests.databases import new_database
from tests.test_cli import ivr

CALLER = "13900001008"
HEARD_AT = dt.datetime(2026, 3, 5, 12, 1, tzinfo=LINE_ZONE)


@pytest.fixture
def reference(tmp_path: Path) -> str:
    """A ticket that waits in the database below tmp_path."""
    recordings = tmp_path / "spool" / "recordings"
    recordings.mkdir(parents=True)
    (recordings / "message.alaw").write_bytes(b"\xd5" * 24_000)
    at = dt.datetime(2026, 3, 5, 12, 0, tzinfo=LINE_ZONE)
    intent = MessageIntent("5a1f", "leave", 1, CALLER, "1008611", "callback", "zh-CN", at)
    digest = hashlib.sha256(b"\xd5" * 24_000).hexdigest()
    facts = MessageFacts(recordings / "message.alaw", 24_000, 24_000, digest, partial=False)
    store = SqlTicketStore.open(tmp_path / "selfline.db", tmp_path / "secrets" / "data_key", recordings)

    async def leave() -> str:
        await store.begin(intent)
        return await store.capture(intent, facts, at)

    try:
        return asyncio.run(leave())
    finally:
        store.close()


def tickets(var: Path, *arguments: str) -> tuple[int, str]:
    done = ivr("tickets", *arguments, IVR_VAR=str(var))
    return done.returncode, done.stdout + done.stderr


def test_a_ticket_is_listed_claimed_closed_and_gone(tmp_path: Path, reference: str):
    listed = tickets(tmp_path, "list")
    claimed = tickets(tmp_path, "claim", reference, "--agent", "ann")
    closed = tickets(tmp_path, "close", reference, "--agent", "ann", "--note", "called back, explained the bill")

    assert listed[0] == 0
    assert f"{reference}     open        2026-03-05 14:00! 139****1008   callback    1 (3 s)" in listed[1]
    assert CALLER not in listed[1]
    assert f"caller    {CALLER}" in claimed[1]
    assert "message   03-05 12:00, 3.0 s\n          play -t raw -r 8000 -e a-law -c 1 " in claimed[1]
    assert closed == (0, f"ticket {reference} is closed  工单已办结\n")
    assert tickets(tmp_path, "list") == (0, "no tickets are waiting  没有待处理的工单\n")
    assert tickets(tmp_path, "audit")[0] in (0, 1)


def test_only_who_has_claimed_a_ticket_sees_the_number_and_closes_it(tmp_path: Path, reference: str):
    tickets(tmp_path, "claim", reference, "--agent", "ann")

    assert tickets(tmp_path, "claim", reference, "--agent", "bob") == (
        1,
        f"ticket {reference} is already claimed by ann  工单已被 ann 领取\n",
    )
    assert tickets(tmp_path, "close", reference, "--agent", "bob", "--note", "x") == (
        1,
        f"ticket {reference} is claimed by ann, and only ann can do that  工单由 ann 处理\n",
    )
    assert CALLER not in tickets(tmp_path, "show", reference, "--agent", "bob")[1]
    assert CALLER in tickets(tmp_path, "show", reference, "--agent", "ann")[1]


def test_an_unclaimed_ticket_is_claimed_before_it_is_closed(tmp_path: Path, reference: str):
    assert tickets(tmp_path, "close", reference, "--agent", "ann", "--note", "x") == (
        1,
        f"ticket {reference} is not claimed; claim it first: ivr tickets claim {reference}  请先领取工单\n",
    )


def test_a_closed_ticket_stays_closed(tmp_path: Path, reference: str):
    tickets(tmp_path, "claim", reference, "--agent", "ann")
    tickets(tmp_path, "close", reference, "--agent", "ann", "--note", "done")

    for arguments in (("close", reference, "--note", "again"), ("release", reference), ("claim", reference)):
        assert tickets(tmp_path, *arguments, "--agent", "ann") == (1, f"ticket {reference} is resolved already  工单已结束\n")


def test_json_has_each_fact_once_and_shanghai_time(tmp_path: Path, reference: str):
    tickets(tmp_path, "claim", reference, "--agent", "ann")

    shown = json.loads(tickets(tmp_path, "show", reference, "--agent", "ann", "--format", "json")[1])

    assert shown["reference"] == reference
    assert shown["caller"] == CALLER
    assert shown["created_at"] == "2026-03-05T12:00:00+08:00"
    assert shown["messages"][0]["recorded_at"] == "2026-03-05T12:00:00+08:00"
    assert shown["assignee"] == "ann"


def transcribe(var: Path, heard: Transcript) -> None:
    """The message has been transcribed."""
    tickets = SqlTicketStore.open(var / "selfline.db", var / "secrets" / "data_key", var / "spool" / "recordings")
    store = SqlTranscriptStore(tickets.database, tickets.key, var / "spool" / "recordings")

    async def hear() -> None:
        taken = await store.take(HEARD_AT, None)
        assert taken is not None
        await store.keep(taken, heard, HEARD_AT)

    try:
        asyncio.run(hear())
    finally:
        tickets.close()


def test_who_shows_or_claims_a_ticket_reads_what_was_said_and_a_list_does_not_tell(tmp_path: Path, reference: str):
    transcribe(tmp_path, Transcript("我上个月的账单不对，请回电。", "zh-CN", 0.714, "whisper base"))

    for verb in ("show", "claim"):
        assert (
            "message.alaw\n"
            "          机器转写，以录音为准  machine transcript, the recording is the truth"
            "  (zh-CN, 可信度 confidence 中 fair 0.71, whisper base)\n"
            "          我上个月的账单不对，请回电。\n"
        ) in tickets(tmp_path, verb, reference)[1]
    assert "账单" not in tickets(tmp_path, "list", "--format", "json")[1]


def test_json_has_the_transcript_with_its_message(tmp_path: Path, reference: str):
    transcribe(tmp_path, Transcript("请回电。", "zh-CN", 0.83, "whisper base"))

    shown = json.loads(tickets(tmp_path, "show", reference, "--format", "json")[1])

    assert shown["messages"][0]["transcript"] == {
        "state": "heard",
        "attempts": 1,
        "changed_at": "2026-03-05T12:01:00+08:00",
        "heard": {"text": "请回电。", "language": "zh-CN", "confidence": 0.83, "engine": "whisper base"},
        "reason": "",
    }


@pytest.mark.parametrize(
    ("transcript", "told"),
    [
        (None, ()),
        (MessageTranscript(TranscriptState.WAITING, 1, HEARD_AT), ("正在转写  being transcribed",)),
        (
            MessageTranscript(TranscriptState.WAITING, 1, HEARD_AT, None, "crashed"),
            ("转写未成，稍后再试  not transcribed yet, to be tried again (crashed)",),
        ),
        (
            MessageTranscript(TranscriptState.FAILED, 4, HEARD_AT, None, "crashed"),
            ("无法转写，请听录音  no transcript, hear the recording (crashed)",),
        ),
        (
            MessageTranscript(TranscriptState.HEARD, 1, HEARD_AT, Transcript("", "zh-CN", 0.0, "whisper base")),
            ("机器没有听出话语，请听录音  a machine heard no words, hear the recording",),
        ),
    ],
)
def test_where_there_are_no_words_an_agent_is_told_why(transcript: MessageTranscript | None, told: tuple[str, ...]):
    assert transcript_lines(transcript) == told


@pytest.mark.parametrize(
    ("confidence", "word"), [(0.75, "高 high 0.75"), (0.5, "中 fair 0.50"), (0.49, "低 low 0.49"), (0.0, "低 low 0.00")]
)
def test_confidence_is_a_word_and_a_figure(confidence: float, word: str):
    heard = Transcript("请回电。", "en-US", confidence, "vosk")

    lines = transcript_lines(MessageTranscript(TranscriptState.HEARD, 1, HEARD_AT, heard))

    assert f"(en-US, 可信度 confidence {word}, vosk)" in lines[0]
    assert lines[1] == "请回电。"


def promised(var: Path, session: str, at: str = "2026-03-05T12:00:05.000+08:00") -> None:
    """The journal has that this caller was told of being called back."""
    (var / "journal").mkdir(exist_ok=True)
    notes = [{"type": "TicketPromised", "node": "leave", "reference": None}]
    with (var / "journal" / "2026-03-05.jsonl").open("a") as file:
        file.write(json.dumps({"session": session, "at": at, "notes": notes}) + "\n")


MARCH = ("statement", "--from", "2026-03-01", "--to", "2026-03-31")


def test_the_statement_sums_up_every_promise_of_a_time(tmp_path: Path, reference: str):
    promised(tmp_path, "5a1f")

    assert tickets(tmp_path, *MARCH) == (
        0,
        "Promises of 2026-03-01 to 2026-03-31 (Shanghai)  来电必复\n"
        "promised  承诺回电        1  100.0 %\n"
        "kept      已回电          0    0.0 %\n"
        "open      待回电          0    0.0 %\n"
        "overdue   已超时          1  100.0 %\n"
        "missing   缺失            0    0.0 %\n"
        "beside it: 0 begun and abandoned\n"
        f"overdue: {reference}, due 2026-03-05 14:00, open\n",
    )
    tickets(tmp_path, "claim", reference, "--agent", "ann")
    tickets(tmp_path, "close", reference, "--agent", "ann", "--note", "done")
    closed = tickets(tmp_path, *MARCH)[1]
    assert "kept      已回电          1  100.0 %\n" in closed
    assert "of the kept, 1 late, 0 unreachable with proof, 1 closed without a talk on this line\n" in closed
    assert "promised  承诺回电        0        -\n" in tickets(tmp_path, "statement", "--from", "2026-04-01", "--to", "2026-04-01")[1]


def test_a_promise_without_a_ticket_is_missing_by_name(tmp_path: Path, reference: str):
    promised(tmp_path, "5a1f")
    promised(tmp_path, "0b2c9d3e-0000")

    code, told = tickets(tmp_path, *MARCH)

    assert code == 1
    assert "promised  承诺回电        2  100.0 %\n" in told
    assert "missing   缺失            1   50.0 %\n" in told
    assert told.endswith("missing: call 0b2c9d3e of 2026-03-05 12:00\n")


def test_the_statement_is_there_for_excel_and_for_programs(tmp_path: Path, reference: str):
    table = tickets(tmp_path, *MARCH, "--format", "csv")[1]
    known = json.loads(tickets(tmp_path, *MARCH, "--format", "json")[1])

    lines = table.splitlines()
    assert lines[0].startswith("\ufeff受理编号 reference,状态 standing,类别 topic,")
    assert lines[1] == f"{reference},已超时,callback,1008611,2026-03-05 12:00,2026-03-05 14:00,,是,,0,否"
    assert (known["promised"], known["overdue"], known["missing"]) == (1, 1, [])
    assert known["tickets"][0]["reference"] == reference


def test_a_statement_of_a_time_that_ends_before_it_begins_is_refused(tmp_path: Path, reference: str):
    assert tickets(tmp_path, "statement", "--from", "2026-03-02", "--to", "2026-03-01") == (
        1,
        "--to must not be before --from  结束日期早于开始日期\n",
    )


def test_the_history_tells_who_did_what(tmp_path: Path, reference: str):
    tickets(tmp_path, "claim", reference, "--agent", "ann")

    told = tickets(tmp_path, "history", reference)[1].splitlines()

    assert told[0] == "2026-03-05 12:00:00  engine      begun               topic callback"
    assert told[-1].endswith("  ann         claimed")
    assert CALLER not in "".join(told)
    events = json.loads(tickets(tmp_path, "history", reference, "--format", "json")[1])
    assert [event["kind"] for event in events] == ["begun", "opened", "message_kept", "claimed"]


def callers(var: Path, *arguments: str) -> tuple[int, str]:
    done = ivr("callers", *arguments, IVR_VAR=str(var))
    return done.returncode, done.stdout + done.stderr


def test_a_message_is_heard_as_wav(tmp_path: Path, reference: str):
    assert tickets(tmp_path, "audio", reference, "-o", str(tmp_path / "m.wav")) == (0, "")

    heard = (tmp_path / "m.wav").read_bytes()
    assert heard.startswith(b"RIFF")
    assert heard.endswith(b"\xd5" * 24_000)
    assert tickets(tmp_path, "audio", reference, "--message", "2") == (1, f"ivr: ticket {reference} has no message 2\n")


def test_old_recordings_of_answered_tickets_are_removed_by_a_command(tmp_path: Path, reference: str):
    assert tickets(tmp_path, "purge", "--days", "1") == (0, "0 recordings removed  已删除录音\n")
    tickets(tmp_path, "claim", reference, "--agent", "ann")
    tickets(tmp_path, "close", reference, "--agent", "ann", "--note", "done")

    assert tickets(tmp_path, "purge", "--days", "1") == (0, "1 recordings removed  已删除录音\n")

    assert list((tmp_path / "spool" / "recordings").iterdir()) == []
    assert "removed: its time to be kept is over  录音已按期删除\n" in tickets(tmp_path, "show", reference)[1]
    assert tickets(tmp_path, "audit") == (0, "every promise is kept or waiting  每一个承诺都有记录\n")


def test_a_caller_gets_all_that_is_kept_in_one_file(tmp_path: Path, reference: str):
    out = tmp_path / "all.zip"

    assert callers(tmp_path, "export", CALLER, "-o", str(out)) == (0, f"{out}: 1 tickets, 1 recordings  已导出\n")

    assert out.stat().st_mode & 0o777 == 0o600
    with zipfile.ZipFile(out) as archive:
        data = json.loads(archive.read("data.json"))
        assert archive.read(f"recordings/{reference}-1.wav").endswith(b"\xd5" * 24_000)
    assert data["number"] == CALLER
    assert data["tickets"][0]["reference"] == reference
    assert callers(tmp_path, "export", CALLER, "-o", str(out)) == (1, f"ivr: cannot make {out}: File exists\n")


def test_a_caller_is_erased_once_every_ticket_is_answered(tmp_path: Path, reference: str):
    assert callers(tmp_path, "erase", CALLER, "--yes") == (
        1,
        f"this caller waits for a call back ({reference}); answer first, then erase  该用户尚有未回复的工单\n",
    )
    tickets(tmp_path, "claim", reference, "--agent", "ann")
    tickets(tmp_path, "close", reference, "--agent", "ann", "--note", "done")

    assert callers(tmp_path, "erase", CALLER, "--yes") == (0, "erased: 1 tickets, 1 recordings, 0 text messages  已删除\n")

    assert "caller      (zh-CN" in tickets(tmp_path, "show", reference)[1]
    assert tickets(tmp_path, "audit")[0] == 0
    assert callers(tmp_path, "export", CALLER, "-o", str(tmp_path / "e.zip"))[1].endswith(": 0 tickets, 0 recordings  已导出\n")


def test_the_next_ticket_is_taken_without_naming_it(tmp_path: Path, reference: str):
    """In the hours in which people may be rung up, that is; which those are does not depend on the command."""
    now = dt.datetime.now(LINE_ZONE)
    code, told = tickets(tmp_path, "next", "--agent", "ann")

    if callable_from(now) == now:
        assert code == 0
        assert f"ticket    {reference}  claimed by ann\ncaller    {CALLER}" in told
    assert tickets(tmp_path, "next", "--agent", "bob") == (1, "nobody waits who may be called now  现在没有可回复的工单\n")


def test_a_ticket_shows_its_unanswered_calls_and_attempts_without_numbers(tmp_path: Path, reference: str):
    store = SqlTicketStore.open(tmp_path / "selfline.db", tmp_path / "secrets" / "data_key", tmp_path / "spool" / "recordings")
    at = dt.datetime(2026, 3, 5, 12, 30, tzinfo=LINE_ZONE)

    async def more() -> None:
        await store.record_unanswered(UnansweredCall("7b", UnansweredKind.NO_ANSWER, CALLER, "1008611", "zh-CN", at), at)
        await try_in_vain(store, reference, at)

    asyncio.run(more())
    store.close()

    shown = tickets(tmp_path, "show", reference)[1]

    assert "call      03-05 12:30, nobody answered  无人接听\n" in shown
    assert "attempt   03-05 12:30 by li, no_answer\n" in shown
    assert CALLER not in shown + tickets(tmp_path, "show", reference, "--format", "json")[1]


def test_the_commands_work_on_postgresql_as_well(tmp_path: Path):
    address = str(new_database("postgresql", tmp_path))
    store = SqlTicketStore.open(address, tmp_path / "secrets" / "data_key", tmp_path / "spool" / "recordings")
    at = dt.datetime.now(LINE_ZONE)
    asyncio.run(store.record_unanswered(UnansweredCall("7b", UnansweredKind.BUSY, CALLER, "10086", "zh-CN", at), at))
    store.close()

    listed = ivr("tickets", "list", IVR_VAR=str(tmp_path), IVR_DATABASE=address)
    refused = ivr("tickets", "list", IVR_VAR=str(tmp_path), IVR_DATABASE="mysql://me:secret@x/y")

    assert "139****1008   unanswered  0 (0 s)" in listed.stdout
    assert ivr("tickets", "audit", IVR_VAR=str(tmp_path), IVR_DATABASE=address).returncode == 0
    assert refused.returncode == 1
    assert refused.stderr.startswith("ivr: IVR_DATABASE must be the address of a PostgreSQL database")
    assert "secret" not in refused.stderr
    assert not (tmp_path / "selfline.db").exists()


def test_the_audit_names_promises_without_tickets_and_recordings_without_messages(tmp_path: Path, reference: str):
    at = dt.datetime.now(LINE_ZONE) - dt.timedelta(hours=1)
    (tmp_path / "journal").mkdir()
    entry = {"session": "0b2c9d3e-0000", "at": at.isoformat(), "notes": [{"type": "TicketPromised"}]}
    (tmp_path / "journal" / f"{at.astimezone(dt.UTC):%Y-%m-%d}.jsonl").write_text(json.dumps(entry) + "\n")
    stray = tmp_path / "spool" / "recordings" / "stray.alaw"
    stray.write_bytes(b"x")
    os.utime(stray, (at.timestamp(), at.timestamp()))

    code, told = tickets(tmp_path, "audit")

    assert code == 1
    assert "the recording stray.alaw belongs to no message\n" in told
    assert f"call 0b2c9d3e of {at:%Y-%m-%d %H:%M} was promised a call back and has no ticket\n" in told


def test_tickets_are_exported_for_excel(tmp_path: Path, reference: str):
    table = tmp_path / "march.csv"

    code, _ = tickets(tmp_path, "export", "--from", "2026-03-01", "--to", "2026-03-31", "--output", str(table))

    assert code == 0
    lines = table.read_bytes().decode("utf-8-sig").split("\r\n")
    assert lines[0].startswith("受理编号 reference,状态 state,类别 topic,来电号码 caller,")
    assert lines[1] == f"{reference},待处理,callback,139****1008,1008611,zh-CN,2026-03-05 12:00,2026-03-05 14:00,否,,1,0,,,"
    assert len(table.read_bytes().decode().splitlines()) == 2
    assert tickets(tmp_path, "export", "--from", "2026-03-02", "--to", "2026-03-01") == (
        1,
        "--to must not be before --from  结束日期早于开始日期\n",
    )


def test_a_caller_is_called_back_once_and_a_call_that_was_lost_is_settled(tmp_path: Path, reference: str):
    def at_any_hour(*arguments: str) -> tuple[int, str]:
        done = ivr("tickets", *arguments, IVR_VAR=str(tmp_path), IVR_CALLING_HOURS="00:00-24:00")
        return done.returncode, done.stdout + done.stderr

    unclaimed = at_any_hour("call", reference, "--agent", "li")
    at_any_hour("claim", reference, "--agent", "li")
    first, again = at_any_hour("call", reference, "--agent", "li"), at_any_hour("call", reference, "--agent", "li")
    other = at_any_hour("call", reference, "--agent", "wang")
    early = at_any_hour("settle", reference, "--agent", "li", "--outcome", "busy")
    lose(tmp_path)
    unsettled = at_any_hour("call", reference, "--agent", "li")
    stranger = at_any_hour("settle", reference, "--agent", "wang", "--outcome", "busy")
    settled = at_any_hour("settle", reference, "--agent", "li", "--outcome", "no_answer")

    assert unclaimed == (1, f"ticket {reference} is not claimed; claim it first: ivr tickets claim {reference}  请先领取工单\n")
    assert first == (0, f"ticket {reference}: call 1 is on its way, your telephone rings  正在回电，请接听您的话机\n")
    assert again == first
    assert other == (1, f"ticket {reference} is claimed by li, and only li can do that  工单由 li 处理\n")
    assert early == (1, f"ticket {reference} has no call whose end is not known  没有结果不明的回电\n")
    assert unsettled == (
        1,
        "nobody knows how the last call ended; say so first: ivr tickets settle  上次回电结果不明，请先确认\n",
    )
    assert stranger[0] == 1
    assert settled == (0, f"ticket {reference}: the last call is noted as no_answer  已记录上次回电结果\n")
    assert "by li, no_answer" in tickets(tmp_path, "show", reference)[1]


def lose(var: Path) -> None:
    """The call back that is under way is lost sight of."""
    store = SqlTicketStore.open(var / "selfline.db", var / "secrets" / "data_key", var / "spool" / "recordings")

    async def lost() -> None:
        [live] = await store.live_attempts()
        now = dt.datetime.now(LINE_ZONE)
        assert await store.attempt_went_on(live.attempt.channel_id, AttemptState.SENT, now)
        assert await store.attempt_went_on(live.attempt.channel_id, AttemptState.UNKNOWN, now)

    try:
        asyncio.run(lost())
    finally:
        store.close()
