"""What several verbs share: the settings, and how problems are told."""

from __future__ import annotations

import os
from typing import NoReturn

import click

from ivr.config import Settings


def settings() -> Settings:
    """The settings, from the environment."""
    return Settings.from_environment(os.environ)


def fail(*sentences: str) -> NoReturn:
    """Tell problems on standard error; exit status 1."""
    for sentence in sentences:
        click.echo(sentence, err=True)
    raise click.exceptions.Exit(1)
