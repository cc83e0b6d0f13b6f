"""Verbs for operators: text messages, and what is remembered of callers."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import click

from ivr.cli.common import Group, fail
from ivr.cli.common import settings as read_settings


@click.group(cls=Group)
def sms() -> None:
    """Text messages: what was sent, what waits, and what did not go out."""


@sms.command("list")
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True, help="How many, the newest first.")
@click.option("--format", "format_", type=click.Choice(["text", "json"]), default="text", show_default=True)
def sms_list(limit: int, format_: str) -> None:
    """The latest text messages, without their words and with masked numbers."""
    from ivr.bootstrap.texts import latest_texts

    lines = latest_texts(read_settings(), limit)
    if format_ == "json":
        times = ("created_at", "changed_at")
        rows = [{**asdict(line), **{name: getattr(line, name).isoformat(timespec="seconds") for name in times}} for line in lines]
        click.echo(json.dumps(rows, ensure_ascii=False, indent=2))
        return
    if not lines:
        click.echo("no text messages yet  还没有短信")
        return
    click.echo("queued (Shanghai)    to            state    tries  node                  call      why")
    for line in lines:
        about = f"{line.created_at:%Y-%m-%d %H:%M:%S}  {line.to:<12}  {line.state:<7}  {line.attempts:>5}"
        click.echo(f"{about}  {line.node:<20}  {line.session[:8]:<8}  {line.reason}".rstrip())


@click.group(cls=Group)
def callers() -> None:
    """What is kept of callers: hand it out, erase it, forget the language they chose."""


@callers.command("forget")
@click.argument("number")
def callers_forget(number: str) -> None:
    """Remember nothing more of the caller with NUMBER."""
    from ivr.bootstrap.texts import forget_caller

    found = forget_caller(read_settings(), number)
    click.echo("forgotten  已删除" if found else "nothing was remembered of that number  没有该号码的记录")


@callers.command("export")
@click.argument("number")
@click.option("--output", "-o", type=click.Path(path_type=Path, dir_okay=False), required=True, help="The ZIP file to make.")
def callers_export(number: str, output: Path) -> None:
    """All that is kept of the caller with NUMBER: data.json and the recordings as WAV, in one ZIP file."""
    from ivr.bootstrap.keeping import export

    tickets, recordings = export(read_settings(), number, output)
    click.echo(f"{output}: {tickets} tickets, {recordings} recordings  已导出")


@callers.command("erase")
@click.argument("number")
@click.confirmation_option(prompt="This cannot be undone. Erase everything of this caller?  确定删除该用户的全部数据吗？")
def callers_erase(number: str) -> None:
    """Erase the caller with NUMBER: number, notes, recordings, text messages, the remembered language. Answered tickets stay, of nobody."""
    from ivr.bootstrap.keeping import erase

    erased, today = erase(read_settings(), number)
    if erased.waiting:
        fail(f"this caller waits for a call back ({', '.join(erased.waiting)}); answer first, then erase  该用户尚有未回复的工单")
    click.echo(f"erased: {erased.tickets} tickets, {erased.recordings} recordings, {erased.texts} text messages  已删除")
    if today:
        click.echo(f"{today} calls of today are still sealed in the journal; erase again tomorrow  今天的通话记录请明天再删除一次")
