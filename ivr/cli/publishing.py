"""Verbs for publishing: what callers meet, and since when."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import click

from ivr.cli.common import settings as read_settings
from ivr.errors import SelflineError


@click.command()
@click.argument("flows", nargs=-1, type=click.Path(path_type=Path))
@click.option("--share", type=click.IntRange(1, 100), default=100, show_default=True, help="Percent of the callers who meet it.")
@click.option("--note", default="", metavar="TEXT", help="What is new, for those who look at `ivr versions`.")
@click.option("--skip-proof", default="", metavar="REASON", help="Publish what is not proved; the reason is kept with the version.")
def publish(flows: Sequence[Path], share: int, note: str, skip_proof: str) -> None:
    """Let callers meet FLOWS (all of flows/ unless named) as they are now.

    Each is linted, its conversations are held, it is proved, and then it answers all new calls at once; calls under way go on as they
    began. With --share 10 one caller in ten meets it, always the same ones, and the others what they met before.
    """
    from ivr.bootstrap.engine import now
    from ivr.bootstrap.publishing import Request, publish

    publish(read_settings(), flows, Request(share, note, skip_proof), now, click.echo)


@click.command()
@click.argument("line", required=False)
@click.option("--format", "format_", type=click.Choice(["text", "json"]), default="text", show_default=True)
def versions(line: str | None, format_: str) -> None:
    """List the versions of LINE (of all lines unless named): which answer, how many calls are on each, and how calls went."""
    from ivr.bootstrap.versions import told_versions
    from ivr.tools.publishing import data_of, table

    found = told_versions(read_settings(), line)
    if format_ == "json":
        data = {name: [data_of(one) for one in told] for name, told in found.items()}
        click.echo(json.dumps(data, ensure_ascii=False, indent=2))
        return
    if not found:
        click.echo("nothing has been published yet: start the line (make run), or ivr publish")
    for number, (name, told) in enumerate(found.items()):
        click.echo("\n" * (number > 0) + name)
        for row in table(told):
            click.echo(f"  {row}")


@click.command()
@click.argument("line")
@click.argument("old", required=False)
@click.argument("new", required=False)
def diff(line: str, old: str | None, new: str | None) -> None:
    """Tell what a caller of LINE would notice between two versions, then the lines of the files.

    OLD and NEW are numbers of versions, or `file` for the flow under flows/ as it is now; unless named, what answers and the file. Exit
    status 0: no difference, 1: differences, 2: trouble.
    """
    from ivr.bootstrap.versions import changes, compare, text_changes

    try:
        sides = compare(read_settings(), line, old, new)
    except SelflineError as error:
        click.echo(f"ivr: {error}", err=True)
        raise click.exceptions.Exit(2) from None
    for side in sides:
        for problem in side.problems:
            click.echo(f"{side.name}: {problem}", err=True)
    found = [*map(str, changes(*sides))]
    texts = [*text_changes(*sides)]
    for told in found:
        click.echo(told)
    if texts and not found and not any(side.problems for side in sides):
        click.echo("no difference that a caller would notice")
    for row in texts:
        click.echo(row)
    if found or texts:
        raise click.exceptions.Exit(1)


@click.command()
@click.argument("line")
@click.option("--to", "number", type=click.IntRange(1), metavar="N", help="That version, instead of the one before.")
def rollback(line: str, number: int | None) -> None:
    """Let LINE answer with the version before again, at once; a trial ends."""
    from ivr.bootstrap.publishing import roll_back

    roll_back(read_settings(), line, number, click.echo)
