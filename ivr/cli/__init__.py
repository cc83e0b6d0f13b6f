"""The command `ivr`: a verb for each thing a person does. Exit status 0: done; 1: problems, in sentences; 2: a wrong command line."""

from __future__ import annotations

import sys

import click

from ivr.cli.agents import tickets
from ivr.cli.calls import replay
from ivr.cli.console import console
from ivr.cli.designers import graph, lint, lookups, prompts, prove, say, schema, test, try_
from ivr.cli.importing import import_
from ivr.cli.line import call, ears, run, serve, why
from ivr.cli.publishing import diff, publish, rollback, versions
from ivr.cli.texts import callers, sms
from ivr.cli.voices import voices
from ivr.errors import SelflineError

SECTIONS = (
    ("The line", (run, serve, ears, console, call, why, replay, sms, callers, voices)),
    ("For flow designers", (try_, lint, test, prove, graph, lookups, import_, say, prompts, schema)),
    ("For publishing", (publish, versions, diff, rollback)),
    ("For agents", (tickets,)),
)


class Verbs(click.Group):
    """Lists the verbs by whom they are for, each with its whole first sentence."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The verbs in their sections."""
        for title, commands in SECTIONS:
            with formatter.section(title):
                formatter.write_dl([(command.name or "", command.get_short_help_str(limit=200)) for command in commands])


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
@click.version_option(package_name="selfline", prog_name="ivr")
def verbs() -> None:
    """selfline, the self-service telephone line."""


for _, commands in SECTIONS:
    for command in commands:
        verbs.add_command(command)


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
