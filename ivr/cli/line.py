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
@click.option("--once", is_flag=True, help="Stop after the first call; exit status 0 only if the right balance was heard.")
@click.option("--no-call", is_flag=True, help="Leave the first call out: it leaves a message, which becomes a ticket.")
def run(once: bool, no_call: bool) -> None:
    """Run the whole line.

    Starts Asterisk and the engine, calls the line once, shows what was heard, and stays up until Ctrl-C.
    """
    from ivr.bootstrap.demo import run_line

    raise click.exceptions.Exit(asyncio.run(run_line(read_settings(), click.echo, once=once, call=not no_call)))


@click.command()
@click.argument("call", required=False)
def why(call: str | None) -> None:
    """Tell why CALL (the last one unless named by the beginning of its session) went the way it did, decision by decision."""
    from ivr.bootstrap.calls import story

    for line in story(read_settings(), call):
        click.echo(line)
