"""The line over AGI on a real Asterisk: real calls, real keys, real hang-ups. All calls of a test go on at the same time."""

from __future__ import annotations

import asyncio
import datetime as dt
import itertools
from collections.abc import Awaitable, Callable
from pathlib import Path, PurePosixPath

import pytest

from adapters.telephony.agi_channel import AgiChannel
from adapters.telephony.agi_request import IncomingCall
from adapters.telephony.agi_verbs import Roots
from adapters.telephony.ami import AmiLiveCalls
from adapters.telephony.fastagi_server import FastAgiServer
from adapters.telephony.sip_caller import SipCaller
from adapters.telephony.sip_leg import SipLeg
from ivr.calls.ports import Held, Part, Recorded
from ivr.config import Settings
from ivr.core.commands import AskDigits, Play, Release, Transfer
from ivr.core.events import CallerHungUp, CommandFailed, DigitsEntered, NothingHeard, PromptPlayed, Released, TransferEnded
from ivr.core.values import Utterance
from tests.adapters.telephony.agi_line import NOON, noon, say
from tests.adapters.telephony.asterisk_line import line, tone

pytestmark = pytest.mark.asterisk

SECOND = dt.timedelta(seconds=1)
NOTHING = Utterance("zh-CN", ())
PROMPT = say("prompt")  # 1 s long
MENU = AskDigits(PROMPT, 1, 2 * SECOND, SECOND)
CODE = AskDigits(PROMPT, 4, 2 * SECOND, SECOND)
EVEN = AskDigits(PROMPT, 4, 2 * SECOND, 2 * SECOND)
PARTED = say("two parts")  # 1 s, half a second of waiting, 1 s
SEAMLESS = say("two parts, both there")
MENU_PARTED = AskDigits(PARTED, 1, 2 * SECOND, SECOND)
CODE_PARTED = AskDigits(PARTED, 4, 2 * SECOND, SECOND)
EVEN_PARTED = AskDigits(PARTED, 4, 2 * SECOND, 2 * SECOND)
NO_BARGE_IN_PARTED = AskDigits(PARTED, 4, 2 * SECOND, SECOND, barge_in=False)
NO_BARGE_IN = AskDigits(PROMPT, 4, 2 * SECOND, SECOND, barge_in=False)

Act = Callable[[SipLeg], Awaitable[None]]
Body = Callable[[AgiChannel], Awaitable[object]]


def keys(keys: str, *, after: float = 0.3, pause_ms: int = 100) -> Act:
    """Press these keys so many seconds after the call began."""

    async def act(leg: SipLeg) -> None:
        await asyncio.sleep(after)
        await leg.send_keys(keys, pause=dt.timedelta(milliseconds=pause_ms))

    return act


def hang_up(*, after: float) -> Act:
    async def act(leg: SipLeg) -> None:
        await asyncio.sleep(after)
        await leg.hang_up()

    return act


def speak(then: Act) -> Act:
    """Talk for a second, past the beep, and then do something else."""

    async def act(leg: SipLeg) -> None:
        await asyncio.sleep(1.0)
        leg.say(tone(1.0))
        await then(leg)

    return act


async def silence(_leg: SipLeg) -> None:
    """Listen."""


class OneVoice:
    """Says everything with a tone of one second; what has two parts with two, the second at once or half a second late."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    async def begin(self, utterance: Utterance) -> Part:
        async def rest() -> Part:
            if utterance == PARTED:
                await asyncio.sleep(0.5)
            return Part(await self.file_for(utterance))

        return Part(await self.file_for(utterance), rest if utterance in (PARTED, SEAMLESS) else None)

    async def file_for(self, _utterance: Utterance) -> Path:
        return self.folder / "prompt.alaw"


async def on_the_line(settings: Settings, cases: list[tuple[Body, Act]]) -> list[object]:
    """What each body's channel answered when its caller acted so. The caller ID tells the calls apart."""
    settings.sounds.mkdir(parents=True, exist_ok=True)
    await asyncio.to_thread((settings.sounds / "prompt.alaw").write_bytes, tone(1.0))
    loop = asyncio.get_running_loop()
    answers: list[asyncio.Future[object]] = [loop.create_future() for _ in cases]

    async def handler(call: IncomingCall, channel: AgiChannel) -> None:
        number = int(call.caller_id) - 13900000000
        try:
            answers[number].set_result(await cases[number][0](channel))
        except Exception as error:
            answers[number].set_exception(error)

    async def one(number: int, act: Act) -> object:
        async with SipCaller("127.0.0.1", settings.sip_port, caller_id=str(13900000000 + number)) as phone:
            leg = await phone.call(settings.flow)
            await act(leg)
            return await answers[number]

    token = (settings.secrets / "agi_token").read_text().strip()
    server = FastAgiServer(
        "127.0.0.1",
        settings.agi_port,
        token=token,
        handler=handler,
        knows_flow=lambda flow: flow == settings.flow,
        roots=Roots(PurePosixPath(settings.sounds), PurePosixPath(settings.recordings)),
        voice=OneVoice(settings.sounds),
        clock=noon,
    )
    await server.start()
    try:
        async with asyncio.timeout(60):
            return await asyncio.gather(*(one(number, act) for number, (_, act) in enumerate(cases)))
    finally:
        await server.close_and_drain(5.0)


def rows(tmp_path: Path, cases: list[tuple[Body, Act, object]]) -> list[tuple[object, object]]:
    """(answered, expected) for each case, on one Asterisk."""

    async def work() -> list[object]:
        async with line(tmp_path / "var") as (settings, _):
            return await on_the_line(settings, [(body, act) for body, act, _ in cases])

    return list(zip(asyncio.run(work()), [expected for *_, expected in cases], strict=True))


def perform(command) -> Body:
    return lambda channel: channel.perform(command)


async def hold(channel: AgiChannel) -> Held:
    work: asyncio.Future[object] = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_later(2.5, work.set_result, None)
    return await channel.hold(work, PROMPT, SECOND)


def test_what_callers_do_becomes_what_the_flow_hears(tmp_path):
    pairs = rows(
        tmp_path,
        [
            (perform(Play(PROMPT)), silence, PromptPlayed(NOON)),
            (perform(Play(PROMPT)), keys("7"), PromptPlayed(NOON, "7")),
            (perform(Play(PROMPT, barge_in=False)), keys("7"), PromptPlayed(NOON)),
            (perform(MENU), keys("*"), DigitsEntered(NOON, "*")),
            (perform(MENU), keys("#", after=1.5), DigitsEntered(NOON, "#")),
            (perform(MENU), silence, NothingHeard(NOON)),
            (perform(AskDigits(NOTHING, 1, 2 * SECOND, SECOND)), keys("5"), DigitsEntered(NOON, "5")),
            (perform(CODE), keys("1234"), DigitsEntered(NOON, "1234")),
            (perform(CODE), keys("9154", pause_ms=50, after=1.5), DigitsEntered(NOON, "9154")),
            (perform(CODE), keys("12#"), DigitsEntered(NOON, "12", terminated=True)),
            (perform(CODE), keys("1#"), DigitsEntered(NOON, "1", terminated=True)),
            (perform(CODE), keys("#"), DigitsEntered(NOON, "", terminated=True)),
            (perform(CODE), keys("12"), DigitsEntered(NOON, "12")),
            (perform(CODE), silence, NothingHeard(NOON)),
            (perform(EVEN), keys("1234"), DigitsEntered(NOON, "1234")),
            (perform(EVEN), keys("12#"), DigitsEntered(NOON, "12", terminated=True)),
            (perform(EVEN), keys("#"), DigitsEntered(NOON, "", terminated=True)),
            (perform(EVEN), silence, NothingHeard(NOON)),
            (perform(NO_BARGE_IN), keys("1234", after=1.5), DigitsEntered(NOON, "1234")),
            (hold, keys("1234", pause_ms=300), Held("1234", hung_up=False)),
            (perform(Transfer("agents", SECOND)), silence, TransferEnded(NOON, answered=False, reason="nobody")),
            (perform(Transfer("nowhere", SECOND)), silence, CommandFailed(NOON, "transfer")),
            (perform(Release()), silence, Released(NOON)),
        ],
    )

    assert [answered for answered, _ in pairs] == [expected for _, expected in pairs]


def test_a_caller_who_hangs_up_has_gone_whatever_the_line_was_doing(tmp_path):
    early, late = hang_up(after=0.5), hang_up(after=1.8)
    gone = CallerHungUp(NOON)

    pairs = rows(
        tmp_path,
        [
            (perform(Play(PROMPT)), early, gone),
            *((perform(command), act, gone) for command in (MENU, CODE, EVEN, NO_BARGE_IN) for act in (early, late)),
            (hold, early, Held("", hung_up=True)),
            (hold, hang_up(after=1.4), Held("", hung_up=True)),  # over the comfort prompt
        ],
    )

    assert [answered for answered, _ in pairs] == [expected for _, expected in pairs]


def test_keys_count_in_every_part_of_an_utterance_and_between_two(tmp_path):
    """At 0.3 s in the first part, at 1.2 s while the second is being made, at 1.9 s in it, and across two."""
    pairs = rows(
        tmp_path,
        [
            (perform(Play(PARTED)), silence, PromptPlayed(NOON)),
            *((perform(Play(PARTED)), keys("7", after=after), PromptPlayed(NOON, "7")) for after in (0.3, 1.2, 1.9)),
            *((perform(MENU_PARTED), keys("#", after=after), DigitsEntered(NOON, "#")) for after in (0.3, 1.2, 1.9)),
            *(
                (perform(command), keys("1234", after=after), DigitsEntered(NOON, "1234"))
                for command in (CODE_PARTED, EVEN_PARTED)
                for after in (0.3, 0.75, 1.2, 1.9)
            ),
            (perform(CODE_PARTED), keys("12#", after=0.3), DigitsEntered(NOON, "12", terminated=True)),
            (perform(EVEN_PARTED), keys("#", after=1.2), DigitsEntered(NOON, "", terminated=True)),
            (perform(CODE_PARTED), silence, NothingHeard(NOON)),
            *((perform(NO_BARGE_IN_PARTED), keys("7", after=after), NothingHeard(NOON)) for after in (0.3, 1.15)),
            (perform(NO_BARGE_IN_PARTED), keys("1234", after=3.5), DigitsEntered(NOON, "1234")),
        ],
    )

    assert [answered for answered, _ in pairs] == [expected for _, expected in pairs]


def test_a_hang_up_ends_an_utterance_in_every_part_and_between_two(tmp_path):
    pairs = rows(
        tmp_path,
        [
            (perform(command), hang_up(after=after), CallerHungUp(NOON))
            for command in (Play(PARTED), MENU_PARTED, CODE_PARTED, EVEN_PARTED, NO_BARGE_IN_PARTED)
            for after in (0.5, 1.25, 2.0)
        ],
    )

    assert [answered for answered, _ in pairs] == [expected for _, expected in pairs]


def test_two_parts_that_are_there_are_heard_as_one(tmp_path):
    """By Asterisk's own time stamps, there is no gap between them."""
    gaps: list[float] = []

    async def listen(leg: SipLeg) -> None:
        await leg.wait_ended()
        heard = [packet.position for packet in leg.timeline if packet.audible]
        gaps.append(max(after - before for before, after in itertools.pairwise(heard)) / 8 - 20)

    async def both(channel: AgiChannel) -> object:
        played = await channel.perform(Play(SEAMLESS))
        await channel.perform(Release())
        return played

    pairs = rows(tmp_path, [(both, listen, PromptPlayed(NOON))] * 10)

    print(f"ten calls: at most {max(gaps):.0f} ms between two parts")
    assert [answered for answered, _ in pairs] == [expected for _, expected in pairs]
    assert max(gaps) < 100


def test_a_recording_is_as_long_on_disk_as_asterisk_says(tmp_path):
    def record(name: str, seconds: int) -> Body:
        return lambda channel: channel.record(name, seconds * SECOND, 2 * SECOND)

    async def work() -> tuple[list[object], list[int]]:
        async with line(tmp_path / "var") as (settings, _):
            recorded = await on_the_line(
                settings,
                [
                    (record("key", 20), speak(keys("#", after=1.2))),
                    (record("silence", 20), speak(silence)),
                    (record("hang-up", 20), speak(hang_up(after=1.2))),
                    (record("length", 1), silence),
                ],
            )
            sizes = [(settings.recordings / f"{name}.alaw").stat().st_size for name in ("key", "silence", "hang-up", "length")]
        return recorded, sizes

    recorded, sizes = asyncio.run(work())

    assert [type(each) for each in recorded] == [Recorded] * 4
    assert [each.samples for each in recorded] == sizes
    assert [each.hung_up for each in recorded] == [False, False, True, False]
    assert min(sizes) > 4000


def test_the_manager_names_the_sessions_that_are_live(tmp_path):
    async def work() -> tuple[object, object, object]:
        async with line(tmp_path / "var") as (settings, _):
            secret = (settings.secrets / "ami").read_text().strip()
            live = AmiLiveCalls("127.0.0.1", settings.ami_port, "selfline", secret)
            before = await live.live_sessions()

            async def during(channel: AgiChannel) -> object:
                sessions = await live.live_sessions()
                await channel.perform(Release())
                return sessions

            [sessions] = await on_the_line(settings, [(during, silence)])
        return before, sessions, await live.live_sessions()

    before, during, after = asyncio.run(work())

    assert before == frozenset()
    assert len(during) == 1
    assert after is None  # Asterisk has stopped
