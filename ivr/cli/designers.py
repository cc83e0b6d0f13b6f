"""Verbs for flow designers: check, test, hear."""

from __future__ import annotations

import datetime as dt
import json
import os
from collections.abc import Sequence
from pathlib import Path

import click

from ivr.cli.common import Group, fail
from ivr.cli.common import settings as read_settings


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("kind")
@click.argument("value")
@click.option("--language", default="zh-CN", show_default=True, help="zh-CN, en-US or yue (Cantonese)")
def say(kind: str, value: str, language: str) -> None:
    """Print how a VALUE of a KIND is spoken.

    \b
    ivr say money 35.62          三十五元六角二分
    ivr say volume 2.5GB         二点五个G
    ivr say number 20000 --language en-US
    ivr say money -20 --language yue
    Kinds: number money digits volume date month time duration ordinal count
    """
    from ivr.tools.say import say as words_for

    click.echo(words_for(kind, value, language, dt.date.today()))  # noqa: DTZ011 - the reader's own day


@click.command()
@click.argument("flows", nargs=-1, type=click.Path(path_type=Path))
@click.option("--format", "format_", type=click.Choice(["text", "json", "sarif"]), default="text", show_default=True)
@click.option("--explain", metavar="CODE", help="Say how problems of this code come about, and what to do about them.")
def lint(flows: Sequence[Path], format_: str, explain: str | None) -> None:
    """Check FLOWS (all of flows/ and flows/examples/ unless named): every problem at once, with its place."""
    from ivr.bootstrap.conversations import folders_of, lint_all
    from ivr.tools.lint_report import as_json, as_sarif, counted
    from ivr.tools.lint_report import explain as explained

    if explain is not None:
        click.echo(explained(explain))
        return
    settings = read_settings()
    named = flows or folders_of(settings.home)
    paths = [path for one in named for path in (sorted(one.glob("*.y*ml")) if one.is_dir() else (one,))]
    linted = lint_all(paths, settings.home)
    if format_ == "text":
        for problem in linted.problems:
            click.echo(str(problem))
        click.echo(counted(linted.problems, len(paths)))
    else:
        click.echo({"json": as_json, "sarif": as_sarif}[format_](linted.problems))
    if linted.errors:
        raise click.exceptions.Exit(1)


@click.command()
@click.option("--reference", is_flag=True, help="Print the reference page (docs/flow-reference.md) instead.")
@click.option("--conversations", is_flag=True, help="Print the schema of conversation files (docs/conversation.schema.json) instead.")
def schema(reference: bool, conversations: bool) -> None:
    """Print the JSON Schema of flows: an editor with it completes keys and shows what they mean."""
    from ivr.bootstrap.conversations import schema_of_conversations
    from ivr.tools.reference import reference as page
    from ivr.tools.reference import schema_text

    click.echo(schema_of_conversations() if conversations else page() if reference else schema_text(), nl=False)


@click.command()
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True, help="For people or programs.")
def lookups(form: str) -> None:
    """Tell what flows can ask the back office: each look-up, what it takes, and the fields of its answer with their kinds."""
    from ivr.bootstrap.lookups import lookups as known
    from ivr.tools.lookups import data_of, lines_of

    if form == "json":
        click.echo(json.dumps({"lookups": [*map(data_of, known())]}, ensure_ascii=False, indent=2))
        return
    for line in lines_of(known()):
        click.echo(line)


@click.command()
@click.argument("scripts", nargs=-1, type=click.Path(path_type=Path))
@click.option("--verbose", "-v", is_flag=True, help="Show every conversation.")
@click.option("--coverage", "-c", is_flag=True, help="Show which edges of the flows were taken, and the way to those that were not.")
@click.option("--min-coverage", type=click.FloatRange(0, 100), metavar="N", help="Fail when a flow has less than N percent.")
@click.option("--junit", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Write the outcomes as JUnit XML.")
def test(scripts: Sequence[Path], verbose: bool, coverage: bool, min_coverage: float | None, junit: Path | None) -> None:
    """Hold the conversations in SCRIPTS (all of flows/tests/ unless named) with their flows."""
    from ivr.bootstrap.conversations import coverages, hold_all, scripts_of, write_junit
    from ivr.tools.coverage import report
    from ivr.tools.flowtest import told

    settings = read_settings()
    begun = dt.datetime.now(dt.UTC)
    held = hold_all(list(scripts) or scripts_of(settings.home), settings.home)
    if junit is not None:
        write_junit(junit, held, begun)
    for one in held:
        if one.outcome.problem is not None or verbose:
            click.echo("\n".join(told(one.outcome)))
    covered = coverages(held) if coverage or min_coverage is not None else ()
    for flow in covered:
        if coverage or flow.percent < (min_coverage or 0):
            click.echo("\n".join(report(flow)))
    failed = sum(one.outcome.problem is not None for one in held)
    well = len(held) - failed
    click.echo(f"{well} conversation{'s' * (well != 1)} held in {sum(one.seconds for one in held):.2f} s, {failed} failed")
    too_little = [flow for flow in covered if flow.percent < (min_coverage or 0)]
    for flow in too_little:
        click.echo(f"{flow.flow.mark.path} is covered to {flow.percent:.1f} %, which is less than {min_coverage:g} %", err=True)
    if failed or too_little:
        raise click.exceptions.Exit(1)


@click.command()
@click.argument("flows", nargs=-1, type=click.Path(path_type=Path))
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True, help="For people or programs.")
def prove(flows: Sequence[Path], form: str) -> None:
    """Explore every call that FLOWS (all of flows/ and flows/examples/ unless named) can have, and prove what must hold in each of them.

    What does not hold is shown in the shortest call, as a conversation to save. Exit status 1 unless everything is proved.
    """
    from ivr.bootstrap.conversations import flows_of
    from ivr.bootstrap.proofs import prove_all
    from ivr.tools.proofs import data_of, lines_of

    settings = read_settings()
    found = []
    for one in prove_all(list(flows) or flows_of(settings.home), settings.home):
        found.append(one)
        if form == "text":
            click.echo("\n".join(lines_of(one.path, one.proof)))
            click.echo(f"  in {one.seconds:.1f} s")
    if form == "json":
        told = [{**data_of(one.path, one.proof), "seconds": round(one.seconds, 3)} for one in found]
        click.echo(json.dumps({"flows": told}, ensure_ascii=False, indent=2))
    if not all(one.proof.proved for one in found):
        raise click.exceptions.Exit(1)


@click.command()
@click.argument("flow", required=False, type=click.Path(path_type=Path))
@click.option("--format", "format_", type=click.Choice(["text", "svg", "mermaid", "dot"]), default="text", show_default=True)
@click.option("--coverage", is_flag=True, help="Show where the conversations in flows/tests/ have been (green) and where not (grey).")
@click.option("--traffic", is_flag=True, help="Show how often real calls went each way, and where they ended.")
@click.option("--since", type=click.DateTime(["%Y-%m-%d"]), metavar="DATE", help="With --traffic: only calls since DATE.")
@click.option("--output", "-o", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Write to FILE.")
def graph(flow: Path | None, format_: str, coverage: bool, traffic: bool, since: dt.datetime | None, output: Path | None) -> None:
    """Draw FLOW (the line's own unless named): menus, keys, first words, and the ways between them."""
    from ivr.bootstrap.drawing import draw_flow, draw_traffic, write_drawing

    if (coverage and traffic) or (since is not None and not traffic):
        raise click.UsageError("--since goes with --traffic, and --traffic without --coverage")
    settings = read_settings()
    path = flow or settings.home / "flows" / f"{settings.flow}.yaml"
    if traffic:
        drawn = draw_traffic(path, settings, format_, since.date() if since else None)
    else:
        drawn = draw_flow(path, settings.home, format_, coverage=coverage)
    if output is None:
        click.echo(drawn, nl=False)
    else:
        write_drawing(output, drawn)


_LANGUAGE = click.option("--language", default="zh-CN", show_default=True, help="zh-CN or en-US.")


@click.group(cls=Group)
def prompts() -> None:
    """The recordings that the line speaks with."""


@prompts.command("build")
@click.option(
    "--workers", type=click.IntRange(1, 64), default=None, help="Processes that record at once, 500 MB each; one a core unless given."
)
def prompts_build(workers: int | None) -> None:
    """Record what is missing or has changed. Needs the `voice` extra."""
    from ivr.bootstrap.recordings import build

    with click.progressbar(length=1, label="recording", show_pos=True) as bar:

        def tell(done: int, of: int) -> None:
            bar.length = of
            bar.update(done - bar.pos)

        report = build(read_settings(), tell, workers or os.cpu_count() or 1)
    click.echo(f"{len(report.recorded)} recorded, {report.kept} kept, {len(report.removed)} removed")


@prompts.command("check")
def prompts_check() -> None:
    """Say what is missing, damaged, out of date, silent, clipped, too quiet, too loud or too long."""
    from ivr.bootstrap.recordings import check

    problems = check(read_settings())
    if problems:
        fail(*problems)
    click.echo("every prompt and every value can be spoken")


@prompts.command("script")
@_LANGUAGE
def prompts_script(language: str) -> None:
    """List what a person would record: the name of each file, and the words."""
    from ivr.bootstrap.recordings import script

    for name, text in script(read_settings(), language):
        click.echo(f"{name}.wav\t{text}")


@prompts.command("record")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--by", "who", required=True, metavar="NAME", help="Who speaks.")
@_LANGUAGE
def prompts_record(files: Sequence[Path], who: str, language: str) -> None:
    """Let a person's WAV FILES, named after prompts (goodbye.wav), replace the recordings of the line's voice."""
    from ivr.bootstrap.recordings import record

    for line in record(read_settings(), files, language, who):
        click.echo(line)


@prompts.command("release")
@click.argument("name")
@_LANGUAGE
def prompts_release(name: str, language: str) -> None:
    """Give the prompt NAME back to the line's own voice."""
    from ivr.bootstrap.recordings import release

    click.echo(release(read_settings(), name, language))


@click.command("try")
@click.argument("flow", required=False, type=click.Path(path_type=Path))
@click.option("--caller", default="13900001008", show_default=True, help="Who calls: one of the sample subscribers, or any number.")
@click.option("--at", default="", metavar="MOMENT", help="When the call comes in, such as 2026-03-07T12:00; now unless given.")
@click.option("--language", default="", metavar="LANGUAGE", help="The language that is remembered of the caller: zh-CN or en-US.")
@click.option("--crowded", is_flag=True, help="The line has all the calls it may.")
@click.option("--audio", is_flag=True, help="Play what the line says, in its own voice.")
def try_(flow: Path | None, caller: str, at: str, language: str, crowded: bool, audio: bool) -> None:
    """Talk to FLOW (the line's own unless named) in the terminal: keys, silence, hang-up, and steps taken back."""
    from ivr.bootstrap.tryout import Circumstances, Trial, try_flow

    settings = read_settings()

    def listen() -> str | None:
        try:
            return input("> ")
        except EOFError:
            return None

    path = flow or settings.home / "flows" / f"{settings.flow}.yaml"
    try_flow(path, settings.home, Trial(caller, at, Circumstances(language, crowded), audio), click.echo, listen)
