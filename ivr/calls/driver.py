"""One call, from its first event to its last: the core says what to do, the channel and the services do it, the journal remembers."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from ivr.calls.capture import MessageCapture
from ivr.calls.journal import entry
from ivr.calls.ports import BackOffice, Channel, Clock, Journal, MessageIntent
from ivr.calls.sealing import Sealing
from ivr.core.commands import Command, Lookup, TakeMessage
from ivr.core.events import CallerHungUp, CallStarted, CommandFailed, Event, LookupAnswered
from ivr.core.flow import Flow
from ivr.core.interpreter import Step, advance
from ivr.core.state import CallState, Disposition
from ivr.errors import BackOfficeFailed


@dataclass(frozen=True, slots=True)
class Services:
    """What a call needs beside its line."""

    back_office: BackOffice
    capture: MessageCapture
    journal: Journal
    clock: Clock


async def run_call(
    flow: Flow, channel: Channel, services: Services, started: CallStarted, line: str = "", version: str = ""
) -> Disposition:
    """Run a call to its end. `line` is the telephone system's own id of the call, kept for correlation.

    `version` names the flow in the first and the last entry of the journal.

    Raises ChannelFailed when the line breaks in a way that is no hang-up; the caller is then in the hands of the dialplan's rescue.
    """
    call = _Call(channel, services, started, line, version, Sealing(flow))
    try:
        step = advance(flow, CallState(), started)
        call.write(started, None, step)
        while step.command is not None:
            event = await call.perform(step.command, step.state)
            asked, step = step.command, advance(flow, step.state, event)
            call.write(event, asked, step)
    except BaseException as error:  # also of a call that is cut off when the engine stops: each call has its end in the journal
        call.end(Disposition.FAILED, type(error).__name__)
        raise
    call.end(step.state.disposition)
    return step.state.disposition


class _Call:
    def __init__(self, channel: Channel, services: Services, started: CallStarted, line: str, version: str, sealing: Sealing) -> None:
        self._channel = channel
        self._services = services
        self._started = started
        self._line = line
        self._version = {"version": version} if version else {}
        self._sealing = sealing

    def write(self, event: Event, asked: Command | None, step: Step) -> None:
        version = self._version if asked is None else {}
        sealed = self._sealing.seal(event, asked, step)
        self._services.journal.write(self._started.session, {**version, **entry(event, asked, step)}, sealed)

    def end(self, disposition: Disposition, broken: str | None = None) -> None:
        """The last entry of a call; `broken` names what ended it against the flow's will."""
        last: dict[str, object] = {
            "at": self._services.clock().isoformat(timespec="milliseconds"),
            "disposition": disposition.value,
            **self._version,
        }
        self._services.journal.write(self._started.session, last if broken is None else last | {"broken": broken})

    async def perform(self, command: Command, state: CallState) -> Event:
        match command:
            case Lookup():
                return await (self._look_up_quietly(command) if state.hung_up else self._look_up(command))
            case TakeMessage():
                return await self._services.capture.take(self._channel, self._intent(command), command)
            case _:
                return await self._channel.perform(command)

    async def _look_up(self, command: Lookup) -> Event:
        """The caller waits on the line, with keys still taken, and may hang up meanwhile."""
        work: asyncio.Future[object] = asyncio.ensure_future(self._answer(command))
        work.add_done_callback(_seen)
        try:
            held = await self._channel.hold(work, command.comfort, command.comfort_after)
            if held.hung_up:
                return CallerHungUp(self._services.clock())
            answer = work.result()
        except BackOfficeFailed:
            return CommandFailed(self._services.clock(), "back_office", held.keys)
        except TimeoutError:
            return CommandFailed(self._services.clock(), "deadline", held.keys)
        finally:
            work.cancel()
        return self._answered(answer, held.keys)

    async def _look_up_quietly(self, command: Lookup) -> Event:
        try:
            return self._answered(await self._answer(command), "")
        except BackOfficeFailed:
            return CommandFailed(self._services.clock(), "back_office")
        except TimeoutError:
            return CommandFailed(self._services.clock(), "deadline")

    def _answered(self, answer: object, keys: str) -> LookupAnswered:
        assert answer is None or isinstance(answer, Mapping)
        return LookupAnswered(self._services.clock(), answer, keys)

    async def _answer(self, command: Lookup) -> object:
        async with asyncio.timeout(command.deadline.total_seconds()):
            return await self._services.back_office.look_up(command.name, command.arguments)

    def _intent(self, command: TakeMessage) -> MessageIntent:
        started = self._started
        return MessageIntent(
            session=started.session,
            node=command.node,
            count=command.count,
            caller_id=started.caller_id,
            dialled=started.dialled,
            topic=command.topic,
            language=command.language,
            begun_at=self._services.clock(),
            channel=self._line,
        )


def _seen(work: asyncio.Future[object]) -> None:
    """A look-up may fail after the caller has gone, and nobody is left to be told."""
    if not work.cancelled():
        work.exception()
