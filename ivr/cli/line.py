"""Verbs for operators: the line itself."""

from __future__ import annotations

import asyncio

import click

from ivr.cli.common import settings as read_settings


@click.command()
def serve() -> None:
    """Run the engine alone, for an Asterisk that runs already. SIGTERM lets calls finish."""
    from ivr.bootstrap.engine import serve as serve_engine

    serve_engine(read_settings())


@click.command()
def ears() -> None:
    """Run the ears alone: the process that hears what callers say."""
    from ivr.bootstrap.hearing import serve_ears

    serve_ears(read_settings())


@click.command()
@click.option("--once", is_flag=True, help="Stop after the first call; exit status 0 only if the right balance was heard.")
@click.option("--no-call", is_flag=True, help="Leave the first call out: it leaves a message, which becomes a ticket.")
def run(once: bool, no_call: bool) -> None:
    """Run the whole line.

    Starts Asterisk and the engine, calls the line once, shows what was heard, and stays up until Ctrl-C.
    """
    from ivr.bootstrap.demo import run_line

    raise click.exceptions.Exit(asyncio.run(run_line(read_settings(), click.echo, once=once, call=not no_call)))


@click.command()
@click.argument("number")
@click.option("--keys", default="", metavar="KEYS", help="What to press: groups with blanks between, each when the line has fallen silent.")
@click.option("--message", is_flag=True, help="After that, say the message of the first call, and hang up.")
@click.option("--from", "caller", default="13900001008", show_default=True, help="Who calls; `anonymous` withholds the number.")
@click.option("--seconds", type=click.FloatRange(1, 3600), default=120, show_default=True, help="How long the call may last.")
def call(number: str, keys: str, message: bool, caller: str, seconds: float) -> None:
    """Call NUMBER on the line that runs here, as a softphone would, and tell why the call went the way it did.

    \b
    ivr call 1008611 --keys "2 3"              2, listen until the line is silent, 3
    ivr call 1008611 --keys "23"               both at once, as one who knows the menu
    ivr call 1008611 --keys "2 5" --message    and leave a message, which becomes a ticket
    The caller hangs up when the line falls silent after the last key, or has said the message.
    """
    from ivr.bootstrap.calling import Dialling, call_line

    dialling = Dialling(number, tuple(keys.split()), caller, seconds, message=message)
    told = asyncio.run(call_line(read_settings(), dialling, click.echo))
    click.echo()
    for line in told:
        click.echo(line)


@click.command()
@click.argument("call", required=False)
def why(call: str | None) -> None:
    """Tell why CALL (the last one unless named by the beginning of its session) went the way it did, decision by decision."""
    from ivr.bootstrap.calls import story

    for line in story(read_settings(), call):
        click.echo(line)
