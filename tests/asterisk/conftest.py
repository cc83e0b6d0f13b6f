"""A whole line for tests: a real Asterisk, a real engine process, and telephones that call it."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Coroutine, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pytest

from adapters.speech.ears import Ears
from ivr.bootstrap.desk import at_desk_now
from ivr.bootstrap.line import Line
from ivr.calls.tickets import TicketDetails
from ivr.config import Settings
from tests.adapters.telephony.asterisk_line import asterisk_program, settings_for

Result = TypeVar("Result")


@dataclass
class Bench:
    """A line that is up, and the loop it lives in."""

    line: Line
    runner: asyncio.Runner

    @property
    def settings(self) -> Settings:
        return self.line.settings

    def do(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Run a coroutine to its end, in the line's loop."""
        return self.runner.run(work)


async def tickets(settings: Settings) -> tuple[TicketDetails, ...]:
    """All tickets that are not ended, as an agent sees them."""
    lines = await at_desk_now(settings, lambda desk: desk.list())
    return tuple([await at_desk_now(settings, lambda desk, one=line: desk.show(one.reference)) for line in lines])  # type: ignore[misc]


@pytest.fixture(scope="module")
def bench(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """A line of its own for each test module. Messages are transcribed where the module has a TRANSCRIBER."""
    var: Path = tmp_path_factory.mktemp("line")
    settings = dataclasses.replace(settings_for(var), transcriber=getattr(request.module, "TRANSCRIBER", "none"))
    with asyncio.Runner() as runner:
        line = Line(settings, asterisk=asterisk_program())
        runner.run(line.start())
        try:
            yield Bench(line, runner)
        finally:
            runner.run(line.stop())


@pytest.fixture(scope="session")
def ears() -> Ears:
    """The recogniser of the listening test."""
    return Ears()
