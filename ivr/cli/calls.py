"""Verbs about calls that were: run again, and made into tests."""

from __future__ import annotations

from pathlib import Path

import click

from ivr.cli.common import fail
from ivr.cli.common import settings as read_settings


@click.command()
@click.argument("call", required=False)
@click.option("--with", "other", type=click.Path(path_type=Path, dir_okay=False), metavar="FLOW", help="Run it through another flow.")
@click.option("--as-test", is_flag=True, help="Print it as a conversation for flows/tests/, numbers replaced by samples.")
@click.option("--output", "-o", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="With --as-test: write to FILE.")
def replay(call: str | None, other: Path | None, as_test: bool, output: Path | None) -> None:
    """Run CALL (the last one unless named) again, and say where it goes another way than it did.

    It goes through the version of the flow that it had. Exit status 1 when it differs. Needs the data key.
    """
    from ivr.bootstrap.calls import recall, run_again
    from ivr.tools.replay import report

    if (output is not None and not as_test) or (as_test and other is not None):
        raise click.UsageError("-o goes with --as-test, and --as-test without --with")
    settings = read_settings()
    past = recall(settings, call)
    if as_test:
        from ivr.bootstrap.calls import made_test, write_test

        text = made_test(settings, past, output)
        if output is None:
            click.echo(text, nl=False)
        else:
            write_test(output, text)
        return
    if past.remark and other is None:
        click.echo(past.remark, err=True)
    replayed = run_again(settings, past, other)
    for line in report(replayed):
        click.echo(line)
    if replayed.difference is not None:
        fail()
