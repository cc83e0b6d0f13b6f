"""What several verbs share: the settings, and how problems are told."""

from __future__ import annotations

import os
from typing import NoReturn

import click

from ivr.config import Settings


class Group(click.Group):
    """Lists its verbs, each with its whole first sentence, as `ivr` itself does."""

    group_class = type

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The verbs in the order of their names."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, self.commands[name].get_short_help_str(limit=200)) for name in self.list_commands(ctx)])


def settings() -> Settings:
    """The settings, from the environment."""
    return Settings.from_environment(os.environ)


def fail(*sentences: str) -> NoReturn:
    """Tell problems on standard error; exit status 1."""
    for sentence in sentences:
        click.echo(sentence, err=True)
    raise click.exceptions.Exit(1)
