"""Verbs for operators: text messages, and what is remembered of callers."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from ivr.cli.common import settings as read_settings


@click.group()
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


@click.group()
def callers() -> None:
    """Callers who are remembered: those who chose a language."""


@callers.command("forget")
@click.argument("number")
def callers_forget(number: str) -> None:
    """Remember nothing more of the caller with NUMBER."""
    from ivr.bootstrap.texts import forget_caller

    found = forget_caller(read_settings(), number)
    click.echo("forgotten  已删除" if found else "nothing was remembered of that number  没有该号码的记录")
