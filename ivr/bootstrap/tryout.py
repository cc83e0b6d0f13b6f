"""A flow tried out in the terminal, with the sample subscribers behind it."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

from adapters.backoffice.embedded import EmbeddedBackOffice
from ivr.bootstrap.conversations import lint_all
from ivr.bootstrap.engine import now
from ivr.bootstrap.first_call import answers_of
from ivr.errors import UserError
from ivr.tools.simulate import NotUnderstood, Screen, TryOut

Tell = Callable[[str], None]
Listen = Callable[[], str | None]


def try_flow(path: Path, home: Path, caller: str, tell: Tell, listen: Listen) -> None:
    """Talk until the call is over, or `listen` gives None or "quit". Raises UserError for a flow with errors."""
    linted = lint_all((path,), home)
    if linted.errors:
        raise UserError("\n".join(map(str, linted.errors)))
    with tempfile.TemporaryDirectory() as folder:
        office = EmbeddedBackOffice(Path(folder) / "backoffice.db", now)
        office.seed()
        try:
            _talk(TryOut(linted.flows[str(path)], caller, answers_of(office.look_up), now), tell, listen)
        finally:
            office.close()


def _talk(call: TryOut, tell: Tell, listen: Listen) -> None:
    _show(call.begin(), tell)
    while not call.over:
        typed = listen()
        if typed is None or typed.strip() in ("quit", "exit"):
            return
        try:
            _show(call.do(typed.strip()), tell)
        except NotUnderstood as help_:
            tell(f"  ? {help_}")


def _show(screen: Screen, tell: Tell) -> None:
    for step in screen.way:
        tell(f"    · {step}")
    for said in screen.said:
        tell(f"☎ {said}")
    if screen.ask:
        tell(f"  ({screen.ask})")
