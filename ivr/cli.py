"""The command `ivr`: a verb for each thing a person does. Exit status 0: done; 1: problems, in sentences; 2: a wrong command line."""

from __future__ import annotations

import asyncio
import datetime as dt
import getpass
import json
import os
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, is_dataclass
from enum import Enum
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import click

from ivr.calls.tickets import TicketDesk, TicketDetails, TicketLine
from ivr.config import Settings
from ivr.errors import SelflineError

Result = TypeVar("Result")


def main() -> None:
    """The console script: errors that a person can mend are one sentence, without a traceback."""
    try:
        sys.exit(verbs.main(standalone_mode=False))  # the status of ctx.exit or Exit, None when a verb has simply ended
    except click.exceptions.Abort:
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except SelflineError as error:
        click.echo(f"ivr: {error}", err=True)
        sys.exit(1)


def _settings() -> Settings:
    return Settings.from_environment(os.environ)


def _fail(*sentences: str) -> NoReturn:
    for sentence in sentences:
        click.echo(sentence, err=True)
    raise click.exceptions.Exit(1)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="selfline", prog_name="ivr")
def verbs() -> None:
    """selfline, the self-service telephone line."""


# --- the line -----------------------------------------------------------------------------------------------------


@verbs.command()
def serve() -> None:
    """Run the engine alone, for an Asterisk that runs already. SIGTERM lets calls finish."""
    from ivr.bootstrap.engine import serve as serve_engine

    serve_engine(_settings())


@verbs.command()
@click.option("--once", is_flag=True, help="Stop after the first call; exit status 0 only if the right balance was heard.")
def run(once: bool) -> None:
    """Start Asterisk and the engine, place one call to the line, show what was heard, and stay up until Ctrl-C."""
    from ivr.bootstrap.demo import run_line

    raise click.exceptions.Exit(asyncio.run(run_line(_settings(), click.echo, once=once)))


# --- for flow designers -------------------------------------------------------------------------------------------


@verbs.command(context_settings={"ignore_unknown_options": True})
@click.argument("kind")
@click.argument("value")
@click.option("--language", default="zh-CN", show_default=True, help="zh-CN or en-US")
def say(kind: str, value: str, language: str) -> None:
    """Print how a VALUE of a KIND is spoken.

    \b
    ivr say money 35.62          三十五元六角二分
    ivr say volume 2.5GB         二点五个G
    ivr say number 20000 --language en-US
    Kinds: number money digits volume date month time duration
    """
    from ivr.tools.say import say as words_for

    click.echo(words_for(kind, value, language, dt.date.today()))  # noqa: DTZ011 - the reader's own day


@verbs.command()
@click.argument("flows", nargs=-1, type=click.Path(path_type=Path))
def lint(flows: Sequence[Path]) -> None:
    """Check FLOWS (all of flows/ unless named): every problem at once, with its place."""
    from ivr.bootstrap.conversations import lint_all

    settings = _settings()
    paths = list(flows) or sorted((settings.home / "flows").glob("*.yaml"))
    linted = lint_all(paths, settings.home)
    for problem in linted.problems:
        click.echo(str(problem))
    if linted.errors:
        raise click.exceptions.Exit(1)
    click.echo(f"{len(paths)} flow{'s' * (len(paths) != 1)} checked, no errors")


@verbs.command()
@click.argument("scripts", nargs=-1, type=click.Path(path_type=Path))
@click.option("--verbose", "-v", is_flag=True, help="Show every conversation.")
def test(scripts: Sequence[Path], verbose: bool) -> None:
    """Hold the conversations in SCRIPTS (all of flows/tests/ unless named) with their flows."""
    from ivr.bootstrap.conversations import hold_all

    settings = _settings()
    paths = list(scripts) or sorted((settings.home / "flows" / "tests").glob("*.yaml"))
    held = hold_all(paths, settings.home)
    for outcome in held:
        if outcome.problem is not None or verbose:
            click.echo(f"{'FAILED' if outcome.problem else 'held'}: {outcome.conversation.name}")
            click.echo("".join(f"    {line}\n" for line in outcome.transcript), nl=False)
        if outcome.problem is not None:
            click.echo(f"    {outcome.problem}")
    failed = sum(outcome.problem is not None for outcome in held)
    click.echo(f"{len(held) - failed} conversations held, {failed} failed")
    if failed:
        raise click.exceptions.Exit(1)


@verbs.group()
def prompts() -> None:
    """The recordings that the line speaks with."""


@prompts.command("build")
def prompts_build() -> None:
    """Record what is missing or has changed. Needs the `voice` extra."""
    from ivr.bootstrap.recordings import build

    build(_settings(), click.echo)


@prompts.command("check")
def prompts_check() -> None:
    """Say what is missing, damaged or out of date."""
    from ivr.bootstrap.recordings import check

    problems = check(_settings())
    if problems:
        _fail(*problems)
    click.echo("every prompt and every value can be spoken")


# --- for agents ---------------------------------------------------------------------------------------------------


@verbs.group()
def tickets() -> None:
    """Callback tickets: 来电必复, every caller who left a message is called back."""


_as_json = click.option("--format", "format_", type=click.Choice(["text", "json"]), default="text", show_default=True)
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
    click.echo("reference  state     due               caller        topic       messages")
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
            _fail(f"ticket {reference} is already claimed by {assignee}  工单已被 {assignee} 领取")
        case Ended(state=state):
            _fail(f"ticket {reference} is {state.value} already  工单已结束")


@tickets.command("release")
@click.argument("reference")
@_agent
def tickets_release(reference: str, agent: str) -> None:
    """Give a claimed ticket back to the queue."""
    from ivr.calls.tickets import Returned

    outcome = _at_desk(lambda desk: desk.release(reference, agent))
    if not isinstance(outcome, Returned):
        _fail(_not_yours(reference, outcome.assignee))
    click.echo(f"ticket {reference} is waiting again  工单已退回")


@tickets.command("close")
@click.argument("reference")
@click.option("--note", required=True, help="What the caller was told.")
@_agent
def tickets_close(reference: str, note: str, agent: str) -> None:
    """The caller has been called back."""
    from ivr.calls.tickets import Closed, NewMessage, NoteMissing, NotYours

    match _at_desk(lambda desk: desk.close(reference, agent, note)):
        case Closed():
            click.echo(f"ticket {reference} is closed  工单已办结")
        case NotYours(assignee=assignee):
            _fail(_not_yours(reference, assignee))
        case NoteMissing():
            _fail("say in the note what the caller was told  请填写回复内容")
        case NewMessage():
            _fail(f"the caller has left another message; hear it first: ivr tickets claim {reference}  用户又有新留言")


@tickets.command("audit")
def tickets_audit() -> None:
    """Hold every promise against the records; prints what does not fit. The engine does so every hour."""
    from ivr.bootstrap.desk import audit

    findings = audit(_settings())
    if findings:
        _fail(*findings)
    click.echo("every promise is kept or waiting  每一个承诺都有记录")


def _not_yours(reference: str, assignee: str | None) -> str:
    who = f"claimed by {assignee}" if assignee else "not claimed"
    return f"ticket {reference} is {who}; claim it first: ivr tickets claim {reference}  请先领取工单"


def _at_desk(work: Callable[[TicketDesk], Awaitable[Result]]) -> Result:
    from ivr.bootstrap.desk import at_desk

    return at_desk(_settings(), work)


def _row(line: TicketLine) -> str:
    due = line.due_at.strftime("%Y-%m-%d %H:%M") + ("!" if line.overdue else " ")
    return f"{line.reference:<9}  {line.state.value:<8}  {due} {line.caller:<12}  {line.topic:<10}  {line.messages} ({line.seconds:.0f} s)"


def _print_details(details: TicketDetails, format_: str) -> None:
    if format_ == "json":
        click.echo(_json(details))
        return
    line = details.line
    click.echo(f"ticket    {line.reference}  {line.state.value}" + (f" by {line.assignee}" if line.assignee else ""))
    click.echo(f"caller    {details.caller}  ({line.language}, dialled {line.dialled})")
    click.echo(f"topic     {line.topic}")
    click.echo(f"left      {line.created_at:%Y-%m-%d %H:%M}, due {line.due_at:%Y-%m-%d %H:%M}{' (overdue)' if line.overdue else ''}")
    for message in details.messages:
        click.echo(f"message   {message.seconds:.1f} s{' (cut short)' if message.partial else ''}  {message.path}")
    if details.messages:
        click.echo(f"listen    play -t raw -r 8000 -e a-law -c 1 {details.messages[-1].path}")
    if details.note:
        click.echo(f"note      {details.note}")


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
        return thing.isoformat()
    return str(thing) if isinstance(thing, Path | Enum) else thing


if __name__ == "__main__":
    main()
