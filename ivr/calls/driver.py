"""One call, from its first event to its last: the core says what to do, the channel and the services do it, the journal remembers."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace

from ivr.calls.callers import KnownCallers
from ivr.calls.capture import MessageCapture
from ivr.calls.journal import entry
from ivr.calls.ports import BackOffice, Channel, Choices, Clock, Journal, MessageIntent, TextMessage, UnansweredCall, UnansweredKind
from ivr.calls.sealing import Sealing
from ivr.calls.texts import TextService, is_mobile
from ivr.calls.unanswered import UnansweredCalls
from ivr.core.commands import Command, Lookup, SendText, TakeMessage, Transfer
from ivr.core.events import (
    BUSY,
    CALLBACK,
    CallerHungUp,
    CallStarted,
    CommandFailed,
    Event,
    LookupAnswered,
    MessageNotKept,
    TextQueued,
    TransferEnded,
)
from ivr.core.flow import Flow
from ivr.core.interpreter import Step, advance
from ivr.core.notes import HoursChecked, LanguageChosen, MannerChosen
from ivr.core.state import CallState, Disposition
from ivr.errors import BackOfficeFailed, OutboxFailed, SpoolFailed
from ivr.speech.written import written


@dataclass(frozen=True, slots=True)
class Services:
    """What a call needs beside its line. Without `texts` no text message can be sent, without `callers` nobody is remembered."""

    back_office: BackOffice
    capture: MessageCapture
    journal: Journal
    clock: Clock
    texts: TextService | None = None
    callers: KnownCallers | None = None
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep  # between the tries of a look-up
    unanswered: UnansweredCalls | None = None  # without it, a call that nobody answered is no ticket


async def run_call(
    flow: Flow, channel: Channel, services: Services, started: CallStarted, line: str = "", version: str = ""
) -> Disposition:
    """Run a call to its end. `line` is the telephone system's own id of the call, kept for correlation.

    `version` names the flow in the first and the last entry of the journal.

    Raises ChannelFailed when the line breaks in a way that is no hang-up; the caller is then in the hands of the dialplan's rescue.
    """
    call = _Call(channel, services, started, line, version, Sealing(flow))
    call.begin(flow.languages[0])
    try:
        step = advance(flow, CallState(), started)
        call.write(started, None, step)
        call.heed(flow, step)
        while step.command is not None:
            event = await call.perform(step.command, step.state)
            asked, step = step.command, advance(flow, step.state, event)
            call.write(event, asked, step)
            call.heed(flow, step)
    except BaseException as error:  # also of a call that is cut off when the engine stops: each call has its end in the journal
        call.end(Disposition.FAILED, type(error).__name__)
        call.break_off()
        raise
    call.end(step.state.disposition)
    await call.account_for(step.state)
    return step.state.disposition


class _Call:
    def __init__(self, channel: Channel, services: Services, started: CallStarted, line: str, version: str, sealing: Sealing) -> None:
        self._channel = channel
        self._services = services
        self._started = started
        self._chosen = Choices(started.language, started.slower, started.louder)
        self._line = line
        self._version = {"version": version} if version else {}
        self._sealing = sealing
        self._wish: UnansweredKind | None = None  # for a person, and nobody was there
        self._noted: UnansweredCall | None = None
        self._begun = False  # a message, of which only the recovery will know what became
        self._promised = False  # to call back, which the caller has been told

    def begin(self, language: str) -> None:
        """Note the call as one that failed, until it is known to have ended otherwise."""
        if self._services.unanswered is not None:
            started = self._started
            failed = UnansweredKind.FAILED
            self._noted = UnansweredCall(
                started.session, failed, started.caller_id, started.dialled, started.language or language, started.at, channel=self._line
            )
            self._services.unanswered.begun(self._noted)

    async def account_for(self, state: CallState) -> None:
        """A caller who wanted a person and had none, or whom nothing served for failures, and who left no message, is called back."""
        if self._noted is not None and self._services.unanswered is not None:
            kind = self._wish
            if kind is None and state.failures and not (state.served or state.transferred):
                kind = UnansweredKind.FAILED
            elif kind is None and state.awaits_person:
                kind = UnansweredKind.ABANDONED  # while the caller was told about being put through
            if self._promised:
                await self._services.unanswered.over(replace(self._noted, topic=CALLBACK, language=state.language), UnansweredKind.BUSY)
            elif self._begun and not state.references:
                await self._services.unanswered.left(self._noted, kind or UnansweredKind.FAILED)
            else:
                await self._services.unanswered.over(self._noted, None if state.references else kind)

    def break_off(self) -> None:
        """The call ended against the flow's will."""
        if self._noted is not None and self._services.unanswered is not None:
            self._services.unanswered.broken(self._noted)

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

    def heed(self, flow: Flow, step: Step) -> None:
        """What the caller has chosen in this step, for the next call: the language, or how to be spoken to; and a wish for a person."""
        before = self._chosen
        for note in step.notes:
            if isinstance(note, LanguageChosen) and flow.remembers_language:
                self._chosen = replace(self._chosen, language=note.language)
            elif isinstance(note, MannerChosen):
                self._chosen = replace(self._chosen, slower=note.slower, louder=note.louder)
            elif isinstance(note, HoursChecked) and note.state != "open" and step.state.awaits_person:
                self._wish = self._wish or UnansweredKind.NO_ANSWER
        if self._chosen != before and self._services.callers is not None:
            self._services.callers.remember(self._started.caller_id, self._chosen, self._services.clock())

    async def perform(self, command: Command, state: CallState) -> Event:
        match command:
            case Lookup():
                return await (self._look_up_quietly(command) if state.hung_up else self._look_up(command))
            case TakeMessage():
                return await self._take_message(command)
            case SendText():
                return await self._send_text(command, state)
            case Transfer():
                return await self._transfer(command, state)
            case _:
                return await self._channel.perform(command)

    async def _take_message(self, command: TakeMessage) -> Event:
        event = await self._services.capture.take(self._channel, self._intent(command), command)
        match event:
            case MessageNotKept(reason="disk_full" | "not_begun"):
                self._wish = self._wish or UnansweredKind.FAILED  # the number is known, and is called back
            case MessageNotKept(reason="storage") | CommandFailed():
                self._begun = True
        return event

    async def _transfer(self, command: Transfer, state: CallState) -> Event:
        event: Event = await self._channel.perform(command)
        match event:
            case TransferEnded(answered=True):
                self._wish = None
            case TransferEnded(reason=reason) if reason == CALLBACK:
                event = await self._promise_callback(state.language)
            case CallerHungUp():
                self._wish = UnansweredKind.ABANDONED
            case TransferEnded(reason=reason):
                self._wish = UnansweredKind.BUSY if reason == BUSY else UnansweredKind.NO_ANSWER
            case _:
                self._wish = UnansweredKind.FAILED
        return event

    async def _promise_callback(self, language: str) -> TransferEnded:
        """It is promised when it is safe, to a caller who can be called back; else they are like one whom nobody has answered."""
        self._wish, promises = UnansweredKind.BUSY, self._services.unanswered
        if self._noted is not None and promises is not None and self._started.caller_id:
            try:
                reference = await promises.promise(replace(self._noted, topic=CALLBACK, language=language))
            except SpoolFailed:
                return TransferEnded(self._services.clock(), answered=False)
            self._promised = True
            return TransferEnded(self._services.clock(), False, CALLBACK, reference)
        return TransferEnded(self._services.clock(), answered=False)

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
        """The back office's answer; a failure is tried again, as long as the next try still comes before the deadline."""
        tries_left, pause = command.retries, command.backoff.total_seconds()
        async with asyncio.timeout(command.deadline.total_seconds()) as deadline:
            while True:
                try:
                    return await self._services.back_office.look_up(command.name, command.arguments)
                except BackOfficeFailed:
                    ends = deadline.when()
                    if not tries_left or (ends is not None and asyncio.get_running_loop().time() + pause >= ends):
                        raise
                await self._services.sleep(pause)
                tries_left, pause = tries_left - 1, 2 * pause

    async def _send_text(self, command: SendText, state: CallState) -> Event:
        """A message that the flow has begun to send is queued, even if the caller hangs up meanwhile."""
        try:
            message = self._message(command)
        except ValueError:
            return CommandFailed(self._services.clock(), "text")
        if message is None or self._services.texts is None:
            return CommandFailed(self._services.clock(), "number" if message is None else "outbox")
        work: asyncio.Future[object] = asyncio.ensure_future(self._services.texts.queue(message))
        work.add_done_callback(_seen)
        keys, hung_up = "", False
        if not state.hung_up:
            held = await self._channel.hold(work, None, _NO_COMFORT)
            keys, hung_up = held.keys, held.hung_up
        try:
            await work
        except OutboxFailed:
            return CallerHungUp(self._services.clock()) if hung_up else CommandFailed(self._services.clock(), "outbox", keys)
        return CallerHungUp(self._services.clock()) if hung_up else TextQueued(self._services.clock(), keys)

    def _message(self, command: SendText) -> TextMessage | None:
        """The message as it is written; None when no text message can go to that number. Raises ValueError for what cannot be written."""
        if not is_mobile(command.to):
            return None
        session = self._started.session
        return TextMessage(
            key=f"{session}/{command.node}/{command.count}",
            to=command.to,
            text=written(command.text),
            language=command.text.language,
            session=session,
            created_at=self._services.clock(),
        )

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


_NO_COMFORT = dt.timedelta(0)


def _seen(work: asyncio.Future[object]) -> None:
    """A look-up may fail after the caller has gone, and nobody is left to be told."""
    if not work.cancelled():
        work.exception()
