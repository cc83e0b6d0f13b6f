"""The verb that brings menus of other systems here."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import click

from ivr.cli.common import fail
from ivr.cli.common import settings as read_settings


@click.command("import")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path, dir_okay=False))
@click.option("--output", "-o", type=click.Path(path_type=Path, dir_okay=False), metavar="FLOW", help="Write the flow to FLOW.")
@click.option("--language", type=click.Choice(["zh-CN", "en-US"]), help="What the line speaks; told by the texts unless given.")
@click.option("--name", metavar="LINE", help="The name of the line; the file's unless given.")
@click.option("--from", "form", type=click.Choice(["freeswitch", "twiml"]), help="The format; told by the document unless given.")
@click.option("--start", metavar="NAME", help="The menu or page that a call begins with.")
@click.option("--format", "format_", type=click.Choice(["text", "json"]), default="text", show_default=True, help="Of the report.")
def import_(
    files: Sequence[Path], output: Path | None, language: str | None, name: str | None, form: str | None, start: str | None, format_: str
) -> None:
    """Make a flow of FreeSWITCH menus or TwiML pages, and tell on standard error what could not be carried over.

    \b
    ivr import ivr.conf.xml -o flows/2000.yaml
    ivr import lang/en/demo-ivr.xml docs/phrase/phrase_en.xml ...    macros and words of sounds go along
    ivr import welcome.xml menu-1.xml menu-2.xml                     menu-1.xml: what /menu answers to key 1
    """
    from ivr.bootstrap.importing import import_files, problems_of

    imported = import_files(files, form=form, language=language, line=name, start=start, output=output)
    if output is None:
        click.echo(imported.text, nl=False)
    if format_ == "json":
        items = [
            {"path": item.mark.path, "line": item.mark.line, "column": item.mark.column, "kind": item.kind.value, "sentence": item.sentence}
            for item in imported.items
        ]
        counts = {"carried": len(imported.carried), "left_out": len(imported.left_out)}
        click.echo(json.dumps({"items": items, **counts}, ensure_ascii=False, indent=2), err=True)
    else:
        for item in imported.items:
            click.echo(str(item), err=True)
        total = len(imported.carried) + len(imported.left_out)
        click.echo(f"{len(imported.carried)} of {total} elements are in the flow, {len(imported.left_out)} are not", err=True)
    problems = problems_of(imported, read_settings().home)
    if problems:
        fail("the flow is not ready yet:", *map(str, problems))
