"""The verb about engines that say what nobody has recorded."""

from __future__ import annotations

import click

from ivr.cli.common import settings as read_settings


@click.command()
@click.option("--fetch", is_flag=True, help="Fetch what the neural voice needs beside its packages (27 MB), and check it.")
def voices(fetch: bool) -> None:
    """List what says texts that nobody has recorded, the best first; or tell what a voice lacks."""
    from ivr.bootstrap.voices import each_voice, tell_voices
    from ivr.bootstrap.voices import fetch as fetch_voices

    settings = read_settings()
    if fetch:
        fetch_voices(settings)
    for name, lacks in each_voice(settings).items():
        click.echo(f"{name:<9}{lacks or 'can speak'}")
    click.echo(tell_voices(settings))
