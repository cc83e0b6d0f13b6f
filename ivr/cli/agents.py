"""Verbs for agents: callback tickets."""

from __future__ import annotations

import datetime as dt
import getpass
import json
from collections.abc import Awaitable, Callable
from dataclasses import asdict, is_dataclass
from enum import Enum
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import click

from ivr.calls.ports import AttemptOutcome, Message, MessageTranscript, Outcome, TranscriptState
from ivr.calls.tickets import TicketDesk, TicketDetails, TicketLine
from ivr.calls.times import LINE_ZONE
from ivr.cli.common import Group, fail
from ivr.cli.common import settings as read_settings

Result = TypeVar("Result")


@click.group(cls=Group)
def tickets() -> None:
    """Callback tickets: 来电必复, every caller who left a message is called back."""


_as_json = click.option("--format", "format_", type=click.Choice(["text", "json"]), default="text", show_default=True)
_OUTCOMES = [outcome.value for outcome in Outcome if outcome is not Outcome.UNREACHABLE]
_agent = click.option("--agent", default=getpass.getuser, show_default="your user name", help="Who you are.")


@tickets.command("list")
@click.option("--all", "include_ended", is_flag=True, help="Also those that have been answered.")
@_as_json
def tickets_list(include_ended: bool, format_: str) -> None:
    """What is to be done, the next due first."""
    lines = _at_desk(lambda desk: desk.list(include_ended=include_ended))
    if format_ == "json":
        click.echo(_json(lines))
        return
    if not lines:
        click.echo("no tickets are waiting  没有待处理的工单")
        return
    click.echo("reference  state       due (Shanghai)    caller        topic       messages    claimed by")
    for line in lines:
        click.echo(_row(line))


@tickets.command("show")
@click.argument("reference")
@_agent
@_as_json
def tickets_show(reference: str, agent: str, format_: str) -> None:
    """One ticket with its messages. The whole number is shown to the agent who has claimed it."""
    _print_details(_at_desk(lambda desk: desk.show(reference, agent)), format_)


@tickets.command("claim")
@click.argument("reference")
@_agent
@_as_json
def tickets_claim(reference: str, agent: str, format_: str) -> None:
    """Take a ticket: from now on nobody else answers it."""
    from ivr.calls.tickets import Claimed, Ended, TakenByAnother

    match _at_desk(lambda desk: desk.claim(reference, agent)):
        case Claimed(ticket=ticket):
            _print_details(ticket, format_)
        case TakenByAnother(assignee=assignee):
            fail(f"ticket {reference} is already claimed by {assignee}  工单已被 {assignee} 领取")
        case Ended(state=state):
            fail(f"ticket {reference} is {state.value} already  工单已结束")


@tickets.command("next")
@_agent
@_as_json
def tickets_next(agent: str, format_: str) -> None:
    """Take the ticket that is next: by priority, then by the time of the first call; nobody who may not be rung up at this hour."""
    claimed = _at_desk(lambda desk: desk.next(agent))
    if claimed is None:
        fail("nobody waits who may be called now  现在没有可回复的工单")
    _print_details(claimed.ticket, format_)


@tickets.command("call")
@click.argument("reference")
@_agent
def tickets_call(reference: str, agent: str) -> None:
    """Call the caller back: your telephone rings first. The line must be running; `ivr tickets show` tells what came of it."""
    from ivr.calls.ports import Attempt, Refused
    from ivr.calls.tickets import Ended, NotYours

    match _at_desk(lambda desk: desk.call(reference, agent)):
        case Attempt(number=number):
            click.echo(f"ticket {reference}: call {number} is on its way, your telephone rings  正在回电，请接听您的话机")
        case Refused(reason=reason):
            fail(_REFUSED[reason])
        case NotYours(assignee=assignee):
            fail(_not_yours(reference, assignee))
        case Ended(state=state):
            fail(f"ticket {reference} is {state.value} already  工单已结束")


@tickets.command("settle")
@click.argument("reference")
@click.option("--outcome", type=click.Choice([outcome.value for outcome in AttemptOutcome]), required=True, help="How the call ended.")
@_agent
def tickets_settle(reference: str, outcome: str, agent: str) -> None:
    """Say how a call back ended that the line lost sight of; it is not called again before."""
    from ivr.calls.tickets import Ended, NothingToSettle, NotYours, Settled

    match _at_desk(lambda desk: desk.settle(reference, agent, AttemptOutcome(outcome))):
        case Settled():
            click.echo(f"ticket {reference}: the last call is noted as {outcome}  已记录上次回电结果")
        case NothingToSettle():
            fail(f"ticket {reference} has no call whose end is not known  没有结果不明的回电")
        case NotYours(assignee=assignee):
            fail(_not_yours(reference, assignee))
        case Ended(state=state):
            fail(f"ticket {reference} is {state.value} already  工单已结束")


@tickets.command("release")
@click.argument("reference")
@_agent
def tickets_release(reference: str, agent: str) -> None:
    """Give a claimed ticket back to the queue."""
    from ivr.calls.tickets import Ended, NotYours, Returned

    match _at_desk(lambda desk: desk.release(reference, agent)):
        case Returned():
            click.echo(f"ticket {reference} is waiting again  工单已退回")
        case NotYours(assignee=assignee):
            fail(_not_yours(reference, assignee))
        case Ended(state=state):
            fail(f"ticket {reference} is {state.value} already  工单已结束")


@tickets.command("close")
@click.argument("reference")
@click.option("--note", required=True, help="What the caller was told.")
@click.option("--outcome", type=click.Choice(_OUTCOMES), default=_OUTCOMES[0], show_default=True, help="What came of it.")
@_agent
def tickets_close(reference: str, note: str, outcome: str, agent: str) -> None:
    """The caller has been called back."""
    from ivr.calls.tickets import CallUnderWay, Closed, Ended, NewMessage, NoteMissing, NotYours

    match _at_desk(lambda desk: desk.close(reference, agent, note, Outcome(outcome))):
        case Closed():
            click.echo(f"ticket {reference} is closed  工单已办结")
        case NotYours(assignee=assignee):
            fail(_not_yours(reference, assignee))
        case Ended(state=state):
            fail(f"ticket {reference} is {state.value} already  工单已结束")
        case NoteMissing():
            fail("say in the note what the caller was told  请填写回复内容")
        case CallUnderWay():
            fail(f"the call back of ticket {reference} is not over yet  回电尚未结束")
        case NewMessage():
            fail(f"the caller has left another message; hear it first: ivr tickets claim {reference}  用户又有新留言")


@tickets.command("statement")
@click.option("--from", "since", type=click.DateTime(["%Y-%m-%d"]), help="First day, in Shanghai.  [default: of this month]")
@click.option("--to", "until", type=click.DateTime(["%Y-%m-%d"]), help="Last day.  [default: today]")
@click.option("--format", "format_", type=click.Choice(["text", "json", "csv"]), default="text", show_default=True)
def tickets_statement(since: dt.datetime | None, until: dt.datetime | None, format_: str) -> None:
    """Every promise of a time and how it stands: kept, open, overdue, and what is missing. CSV has a line for each, for Excel."""
    from ivr.bootstrap.desk import statement
    from ivr.cli.statements import as_csv, as_json, as_text

    today = dt.datetime.now(LINE_ZONE).replace(hour=0, minute=0, second=0, microsecond=0)
    first = since.replace(tzinfo=LINE_ZONE) if since else today.replace(day=1)
    last = until.replace(tzinfo=LINE_ZONE) if until else today
    if last < first:
        fail("--to must not be before --from  结束日期早于开始日期")
    made = statement(read_settings(), first, last + dt.timedelta(days=1))
    form = {"text": as_text, "json": as_json, "csv": as_csv}[format_]
    click.echo(form(made, first.date(), last.date()), nl=False)
    if made.missing:
        raise click.exceptions.Exit(1)


@tickets.command("export")
@click.option("--from", "since", type=click.DateTime(["%Y-%m-%d"]), help="First day, in Shanghai.  [default: of this month]")
@click.option("--to", "until", type=click.DateTime(["%Y-%m-%d"]), help="Last day.  [default: today]")
@click.option("--output", "-o", type=click.File("wb"), default="-", help="A CSV file; else standard output.")
def tickets_export(since: dt.datetime | None, until: dt.datetime | None, output: BinaryIO) -> None:
    """The tickets whose first call was in a time, as a table that Excel opens in Chinese. Numbers are masked."""
    from ivr.bootstrap.desk import tickets_of_days
    from ivr.desk.sheets import tickets_sheet
    from ivr.desk.statements import Days

    today = dt.datetime.now(LINE_ZONE).date()
    days = Days(since.date() if since else today.replace(day=1), until.date() if until else today)
    if days.last < days.first:
        fail("--to must not be before --from  结束日期早于开始日期")
    output.write(tickets_sheet(tickets_of_days(read_settings(), days)).encode())


@tickets.command("history")
@click.argument("reference")
@_as_json
def tickets_history(reference: str, format_: str) -> None:
    """All that happened to a ticket, and who did it."""
    from ivr.bootstrap.desk import history

    events = history(read_settings(), reference)
    if format_ == "json":
        click.echo(_json(events))
        return
    for event in events:
        about = "  ".join(f"{name} {value}" for name, value in event.about.items() if name not in ("note", "sha256"))
        click.echo(f"{event.at.astimezone(LINE_ZONE):%Y-%m-%d %H:%M:%S}  {event.actor:<10}  {event.kind:<18}  {about}".rstrip())


@tickets.command("audio")
@click.argument("reference")
@click.option("--message", "number", type=click.IntRange(1), default=1, show_default=True, help="Which of its messages.")
@click.option("--output", "-o", type=click.File("wb"), default="-", help="A WAV file; else standard output.")
def tickets_audio(reference: str, number: int, output: BinaryIO) -> None:
    """A message as WAV, sealed or not."""
    from ivr.bootstrap.keeping import audio

    output.write(audio(read_settings(), reference, number))


@tickets.command("purge")
@click.option("--days", type=click.IntRange(1), required=True, help="How old they must be.")
def tickets_purge(days: int) -> None:
    """Remove the recordings of answered tickets that are older than so many days; the history keeps their hashes."""
    from ivr.bootstrap.keeping import purge

    click.echo(f"{purge(read_settings(), days)} recordings removed  已删除录音")


@tickets.command("audit")
def tickets_audit() -> None:
    """Hold every promise against the records; prints what does not fit. The engine does so every hour."""
    from ivr.bootstrap.desk import audit

    findings = audit(read_settings())
    if findings:
        fail(*findings)
    click.echo("every promise is kept or waiting  每一个承诺都有记录")


_REFUSED = {
    "not_yours": "they are talking already  已在通话中",
    "hours": "nobody is rung up at this hour  现在不是回电时间",
    "unsettled": "nobody knows how the last call ended; say so first: ivr tickets settle  上次回电结果不明，请先确认",
    "ticket_limit": "this caller has been called three times today  今天已回电三次",
    "number_limit": "this number has been called five times today  该号码今天已拨打五次",
    "paused": "too many calls back within the hour: wait until it is over, or ask a supervisor to resume them  一小时内回拨过多，已暂停",
}


def _not_yours(reference: str, assignee: str | None) -> str:
    if assignee:
        return f"ticket {reference} is claimed by {assignee}, and only {assignee} can do that  工单由 {assignee} 处理"
    return f"ticket {reference} is not claimed; claim it first: ivr tickets claim {reference}  请先领取工单"


def _at_desk(work: Callable[[TicketDesk], Awaitable[Result]]) -> Result:
    from ivr.bootstrap.desk import at_desk

    return at_desk(read_settings(), work)


def _row(line: TicketLine) -> str:
    due = line.due_at.strftime("%Y-%m-%d %H:%M") + ("!" if line.overdue else " ")
    messages = f"{line.messages} ({line.seconds:.0f} s)"
    row = f"{line.reference:<9}  {line.state.value:<10}  {due} {line.caller:<12}  {line.topic:<10}  {messages:<10}  {line.assignee or ''}"
    return row.rstrip()


def _print_details(details: TicketDetails, format_: str) -> None:
    line = details.line
    if format_ == "json":
        known = {**asdict(line), **asdict(details)}
        known.pop("line")
        click.echo(_json(known))
        return
    click.echo(f"ticket    {line.reference}  {line.state.value}" + (f" by {line.assignee}" if line.assignee else ""))
    hidden = f"; claim it to see the whole number: ivr tickets claim {line.reference}" if "*" in details.caller else ""
    click.echo(f"caller    {details.caller}  ({line.language}, dialled {line.dialled}{hidden})")
    click.echo(f"topic     {line.topic}")
    overdue = " (overdue)" if line.overdue else ""
    click.echo(f"left      {line.created_at:%Y-%m-%d %H:%M}, due {line.due_at:%Y-%m-%d %H:%M}{overdue}  (Shanghai time)")
    for number, message in enumerate(details.messages, start=1):
        at = message.recorded_at.astimezone(LINE_ZONE)
        click.echo(f"message   {at:%m-%d %H:%M}, {message.seconds:.1f} s{' (cut short)' if message.partial else ''}")
        click.echo(f"          {_how_to_hear(line.reference, number, message)}")
        for told in transcript_lines(message.transcript):
            click.echo(f"          {told}")
    for call in details.calls:
        click.echo(f"call      {call.at.astimezone(LINE_ZONE):%m-%d %H:%M}, {_KINDS[call.kind]}")
    for attempt in details.attempts:
        begun = attempt.begun_at.astimezone(LINE_ZONE)
        click.echo(f"attempt   {begun:%m-%d %H:%M} by {attempt.agent}, {attempt.outcome or attempt.state}")
    if details.note:
        click.echo(f"note      {details.note}")


SURENESS = ((0.75, "高 high"), (0.5, "中 fair"), (0.0, "低 low"))
TRUTH = "机器转写，以录音为准  machine transcript, the recording is the truth"


def transcript_lines(transcript: MessageTranscript | None) -> tuple[str, ...]:
    """What is shown of a message's transcript: whose words they are, how sure it is, and the words."""
    match transcript:
        case None:
            return ()
        case MessageTranscript(heard=None, state=TranscriptState.FAILED):
            return (f"无法转写，请听录音  no transcript, hear the recording ({transcript.reason})",)
        case MessageTranscript(heard=None, reason=""):
            return ("正在转写  being transcribed",)
        case MessageTranscript(heard=None):
            return (f"转写未成，稍后再试  not transcribed yet, to be tried again ({transcript.reason})",)
        case MessageTranscript(heard=heard) if heard is not None and not heard.text:
            return ("机器没有听出话语，请听录音  a machine heard no words, hear the recording",)
        case MessageTranscript(heard=heard):
            assert heard is not None
            sure = next(word for least, word in SURENESS if heard.confidence >= least)
            return (f"{TRUTH}  ({heard.language}, 可信度 confidence {sure} {heard.confidence:.2f}, {heard.engine})", heard.text)


_KINDS = {
    "abandoned": "hung up while waiting for a person  等候中挂断",
    "no_answer": "nobody answered  无人接听",
    "busy": "all agents were busy  坐席全忙",
    "failed": "the line broke  系统故障",
    "promised": "another desk promised a call back  其他渠道承诺回电",
}


def _how_to_hear(reference: str, number: int, message: Message) -> str:
    if message.purged:
        return "removed: its time to be kept is over  录音已按期删除"
    if message.sealed:
        return f"ivr tickets audio {reference} --message {number} | play -t wav -"
    return f"play -t raw -r 8000 -e a-law -c 1 {message.path}"


def _json(thing: object) -> str:
    return json.dumps(_plain(thing), ensure_ascii=False, indent=2)


def _plain(thing: Any) -> object:
    if is_dataclass(thing) and not isinstance(thing, type):
        return {key: _plain(value) for key, value in asdict(thing).items()}
    if isinstance(thing, dict):
        return {key: _plain(value) for key, value in thing.items()}
    if isinstance(thing, list | tuple):
        return [_plain(item) for item in thing]
    if isinstance(thing, dt.datetime):
        return thing.astimezone(LINE_ZONE).isoformat(timespec="seconds")
    return str(thing) if isinstance(thing, Path | Enum) else thing
