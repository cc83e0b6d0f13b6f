"""Verbs for the web console: running it, and the people who may sign in."""

from __future__ import annotations

import getpass
import json

import click

from ivr.calls.times import LINE_ZONE
from ivr.cli.common import Group, fail
from ivr.cli.common import settings as read_settings


@click.group(cls=Group, invoke_without_command=True)
@click.option("--quiet", is_flag=True, help="Say neither address nor key: for who writes down what it says.")
@click.pass_context
def console(context: click.Context, quiet: bool) -> None:
    """Run the web console alone, beside a line that runs already; or see to the people who may sign in.

    `ivr run` starts it with the line. SIGTERM or Ctrl-C ends it; calls go on without it.
    """
    if context.invoked_subcommand is not None:
        return
    from ivr.bootstrap.console import address, phone_address, serve_console
    from ivr.bootstrap.people import FIRST_ADMIN, prepare_desk

    settings = read_settings()
    if not quiet:
        password = prepare_desk(settings)
        click.echo(f"telephone: {phone_address(settings)}")
        click.echo(f"console:   {address(settings)}")
        if password:
            click.echo(f"sign in as {FIRST_ADMIN}, password {password} (told this once)")
    serve_console(settings)


@console.command()
def link() -> None:
    """Print the link that opens the telephone in the browser without signing in."""
    from ivr.bootstrap.console import phone_address

    click.echo(phone_address(read_settings()))


@console.command()
def audit() -> None:
    """Look whether anything that was written down of people at the desk has been changed or taken out."""
    from ivr.bootstrap.people import at_gate

    findings = at_gate(read_settings(), lambda gate, store: store.audit())
    if findings:
        fail(*findings)
    click.echo("nothing has been changed  记录完整")


@console.group()
def users() -> None:
    """People who may sign in."""


_ask = click.option("--ask", is_flag=True, help="Type the password; otherwise one is made and told this once.")


@users.command("add")
@click.argument("name")
@click.option("--role", type=click.Choice(["agent", "supervisor", "operator", "admin"]), required=True)
@_ask
def users_add(name: str, role: str, ask: bool) -> None:
    """A new person, NAME."""
    from ivr.bootstrap.people import at_gate
    from ivr.desk.people import Role, trouble_with_name

    if trouble := trouble_with_name(name):
        fail(trouble)
    password = _password(ask)
    at_gate(read_settings(), lambda gate, store: gate.add(name, Role(role), password, _actor()))
    click.echo(f"{name} may sign in as {role}" + ("" if ask else f", password {password} (told this once)"))
    _tell_where_they_work(name)


@users.command("list")
@click.option("--format", "format_", type=click.Choice(["text", "json"]), default="text", show_default=True)
def users_list(format_: str) -> None:
    """Who may sign in."""
    from ivr.bootstrap.people import at_gate

    people = at_gate(read_settings(), lambda gate, store: store.accounts())
    if format_ == "json":
        told = [
            {"name": one.name, "role": one.role, "seat": one.seat, "created_at": one.created_at.isoformat(), "closed": one.closed}
            for one in people
        ]
        click.echo(json.dumps(told, ensure_ascii=False, indent=2))
        return
    for one in people:
        more = "  closed" if one.closed else f"  seat {one.seat}" if one.seat else ""
        click.echo(f"{one.name:<32}  {one.role:<10}  {one.created_at.astimezone(LINE_ZONE):%Y-%m-%d}{more}")


@users.command("passwd")
@click.argument("name")
@_ask
def users_passwd(name: str, ask: bool) -> None:
    """Another password for NAME, who is signed out."""
    from ivr.bootstrap.people import at_gate

    password = _password(ask)
    at_gate(read_settings(), lambda gate, store: gate.set_password(name, password, _actor()))
    click.echo(f"the password of {name} is changed" + ("" if ask else f": {password} (told this once)"))


@users.command("close")
@click.argument("name")
def users_close(name: str) -> None:
    """NAME may not sign in any more, and is signed out."""
    _set_closed(name, closed=True)
    click.echo(f"{name} may not sign in any more")


@users.command("open")
@click.argument("name")
def users_open(name: str) -> None:
    """NAME may sign in again."""
    _set_closed(name, closed=False)
    click.echo(f"{name} may sign in again")
    _tell_where_they_work(name)


@users.command("seat")
@click.argument("name")
def users_seat(name: str) -> None:
    """What a SIP telephone of NAME registers with."""
    from ivr.bootstrap.seats import tell_telephone

    told = tell_telephone(read_settings(), name, _actor())
    click.echo(f"server    {told.server}\nuser      {told.user}\npassword  {told.password}")


@console.group()
def tokens() -> None:
    """What programs show instead of signing in (docs/api.md)."""


@tokens.command("add")
@click.argument("name")
@click.option("--role", type=click.Choice(["agent", "supervisor", "operator", "admin"]), help="It acts in its own name, program:NAME.")
@click.option("--for", "person", default="", metavar="PERSON", help="It acts in the name of this person, and may what the person may.")
def tokens_add(name: str, role: str | None, person: str) -> None:
    """A new token, NAME; it is told once. Say --role or --for."""
    from ivr.bootstrap.programs import at_tokens
    from ivr.desk.people import Role

    as_role = None if role is None else Role(role)
    secret = at_tokens(read_settings(), lambda made: made.add(name, _actor(), person=person, role=as_role))
    click.echo(f"{name} shows this token (told this once): {secret}")


@tokens.command("list")
@click.option("--format", "format_", type=click.Choice(["text", "json"]), default="text", show_default=True)
def tokens_list(format_: str) -> None:
    """The tokens there are and were."""
    from ivr.bootstrap.programs import at_tokens

    kept = at_tokens(read_settings(), lambda made: made.tokens())
    if format_ == "json":
        told = [
            {
                "name": one.name,
                "role": one.role,
                "for": one.person or None,
                "created_at": one.created_at.isoformat(),
                "revoked_at": one.revoked_at.isoformat() if one.revoked_at else None,
            }
            for one in kept
        ]
        click.echo(json.dumps(told, ensure_ascii=False, indent=2))
        return
    if not kept:
        click.echo("no tokens yet  还没有令牌")
    for one in kept:
        acts = f"for {one.person}" if one.person else str(one.role)
        click.echo(f"{one.name:<32}  {acts:<16}  {one.created_at.astimezone(LINE_ZONE):%Y-%m-%d}{'  revoked' if one.revoked_at else ''}")


@tokens.command("revoke")
@click.argument("name")
def tokens_revoke(name: str) -> None:
    """The token NAME opens nothing any more."""
    from ivr.bootstrap.programs import at_tokens

    at_tokens(read_settings(), lambda made: made.revoke(name, _actor()))
    click.echo(f"the token {name} opens nothing any more")


@console.group()
def webhooks() -> None:
    """Other systems that are told what happens to tickets (docs/api.md)."""


@webhooks.command("add")
@click.argument("address")
@click.option("--event", "events", multiple=True, help="Which, e.g. ticket.opened; more than once for several.  [default: all]")
def webhooks_add(address: str, events: tuple[str, ...]) -> None:
    """Tell ADDRESS what happens from now on. The secret with which it is signed is told once."""
    from ivr.bootstrap.programs import at_webhooks

    made = at_webhooks(read_settings(), lambda hooks: hooks.add(address, _actor(), events))
    click.echo(f"webhook {made.id} tells {address}; secret {made.secret} (told this once)")


@webhooks.command("list")
@click.option("--format", "format_", type=click.Choice(["text", "json"]), default="text", show_default=True)
def webhooks_list(format_: str) -> None:
    """Who is told, and how far they have been told."""
    from ivr.bootstrap.programs import at_webhooks

    kept = at_webhooks(read_settings(), lambda hooks: hooks.webhooks())
    if format_ == "json":
        told = [
            {
                "id": one.id,
                "address": one.address,
                "style": one.style,
                "events": one.kinds,
                "waiting": one.waiting,
                "failing_since": one.failing_since.isoformat() if one.failing_since else None,
                "disabled_at": one.disabled_at.isoformat() if one.disabled_at else None,
                "reason": one.reason,
            }
            for one in kept
        ]
        click.echo(json.dumps(told, ensure_ascii=False, indent=2))
        return
    if not kept:
        click.echo("no webhooks yet  还没有通知地址")
    for one in kept:
        state = "disabled" if one.disabled_at else "failing" if one.failing_since else "fine"
        click.echo(f"{one.id:>4}  {state:<8}  {one.waiting:>6} waiting  {one.address}" + (f"  ({one.reason})" if one.reason else ""))


@webhooks.command("remove")
@click.argument("webhook_id", metavar="ID", type=click.IntRange(1))
def webhooks_remove(webhook_id: int) -> None:
    """Tell webhook ID nothing any more, also not what it has not been told yet."""
    from ivr.bootstrap.programs import at_webhooks

    if not at_webhooks(read_settings(), lambda hooks: hooks.remove(webhook_id, _actor())):
        fail(f"there is no webhook {webhook_id}")
    click.echo(f"webhook {webhook_id} is told nothing any more")


def _tell_where_they_work(name: str) -> None:
    """The page to sign in at, and the telephone of who answers callers."""
    from ivr.bootstrap.console import address
    from ivr.bootstrap.people import at_gate
    from ivr.desk.people import ANSWERING

    settings = read_settings()
    account = at_gate(settings, lambda gate, store: store.account(name))
    answers = account is not None and account.role in ANSWERING
    click.echo(f"sign in    {address(settings, '/desk' if answers else '/')}")
    if account is None or not answers:
        return
    if account.seat is None:
        click.echo(f"telephone  none: all seats are taken (IVR_SEATS={settings.seats})")
        return
    click.echo(f"telephone  seat {account.seat}: in the page, under 坐席话机 My telephone, with nothing to set up;")
    click.echo(f"           what a SIP telephone registers with: ivr console users seat {name}")


def _set_closed(name: str, *, closed: bool) -> None:
    from ivr.bootstrap.people import at_gate

    at_gate(read_settings(), lambda gate, store: gate.set_closed(name, closed, _actor()))


def _password(ask: bool) -> str:
    from ivr.desk.gate import new_password

    if not ask:
        return new_password()
    typed: str = click.prompt("password", hide_input=True, confirmation_prompt=True)
    return typed


def _actor() -> str:
    """Who is at the command line, as it is written down."""
    return f"command line ({getpass.getuser()})"
