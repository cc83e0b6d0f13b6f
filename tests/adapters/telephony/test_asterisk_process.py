"""Asterisk as a child: its configuration is right, it is ready soon, and what can go wrong is said in a sentence."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from adapters.telephony.asterisk_config import render, secret
from adapters.telephony.asterisk_process import AsteriskProcess
from adapters.telephony.sip_caller import SipCaller
from ivr.config import BROWSER, Settings
from ivr.errors import ChannelFailed, SettingsError
from tests.adapters.telephony.asterisk_line import Engine, Session, asterisk_program, line, settings_for, tone, until

pytestmark = pytest.mark.asterisk


async def wait_for_hangup(session: Session) -> None:
    await session.ask('GET DATA "" 60000 1')


def test_it_is_ready_soon_and_complains_of_nothing(tmp_path: Path) -> None:
    """The shipped log leaves warnings out; here they are wanted."""
    shutil.copytree(settings_for(tmp_path).home / "asterisk_conf", tmp_path / "home" / "asterisk_conf")
    logger = tmp_path / "home" / "asterisk_conf" / "logger.conf"
    logger.write_text(logger.read_text().replace("notice,error", "warning,error"))
    settings = dataclasses.replace(settings_for(tmp_path / "var"), home=tmp_path / "home")

    async def start() -> tuple[float, str, str]:
        begun = time.monotonic()
        async with AsteriskProcess(settings, asterisk_program()) as asterisk:
            took = time.monotonic() - begun
            return took, await asterisk.command("core show channels"), asterisk.log.read_text()

    took, channels, log = asyncio.run(start())

    assert took < 3
    assert "0 active channels" in channels
    assert [text for text in log.splitlines() if "WARNING" in text or "ERROR" in text] == []


def test_every_word_of_the_dialplan_is_known_to_the_modules_that_are_loaded(tmp_path: Path) -> None:
    """A word that is not known ends the call in the middle of it, and says so nowhere but in a warning."""

    async def look() -> dict[str, str]:
        async with line(tmp_path / "var", twin=tmp_path / "greeting") as (settings, asterisk):
            plan = (settings.asterisk / "etc" / "extensions.conf").read_text()
            applications = set(re.findall(r"^(?:exten| same) = (?:[^,]+,1|n(?:\(\w+\))?),(\w+)\(", plan, re.MULTILINE))
            functions = set(re.findall(r"\$\{(\w+)\(|Set\((\w+)\(", plan))
            assert {"AGI", "Record", "Dial", "Background"} <= applications
            asked = {f"application {name}" for name in applications} | {f"function {''.join(pair)}" for pair in functions}
            return {name: await asterisk.command(f"core show {name}") for name in sorted(asked)}

    answers = asyncio.run(look())

    assert [name for name, answer in answers.items() if "Info about" not in answer] == []


def test_a_sip_port_that_is_taken_is_named_with_its_setting(tmp_path: Path) -> None:
    settings = settings_for(tmp_path)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", settings.sip_port))

        with pytest.raises(SettingsError) as problem:
            asyncio.run(AsteriskProcess(settings, asterisk_program()).start())

    assert str(problem.value) == (
        f"UDP port {settings.sip_port} of 127.0.0.1 is in use; end the program that has it, or set IVR_SIP_PORT to another port"
        " (if it is another line, all of its ports are: docs/operations.md, Two lines on one machine)"
    )


def test_an_ami_port_that_is_taken_is_named_with_its_setting(tmp_path: Path) -> None:
    settings = settings_for(tmp_path)
    with socket.create_server(("127.0.0.1", settings.ami_port)), pytest.raises(SettingsError) as problem:
        asyncio.run(AsteriskProcess(settings, asterisk_program()).start())

    assert str(problem.value) == (
        f"TCP port {settings.ami_port} of 127.0.0.1 is in use; end the program that has it, or set IVR_AMI_PORT to another port"
        " (if it is another line, all of its ports are: docs/operations.md, Two lines on one machine)"
    )


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    settings = settings_for(tmp_path / "file" / "var")

    with pytest.raises(SettingsError) as problem:
        asyncio.run(AsteriskProcess(settings, asterisk_program()).start())

    assert str(problem.value) == f"IVR_VAR is {tmp_path}/file/var, where Asterisk cannot be set up: Not a directory"


def test_a_folder_with_a_name_that_the_dialplan_would_read_otherwise_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="use letters, digits and"):
        render(settings_for(tmp_path / "a,${b}"), asterisk_program())


def test_a_page_can_be_rung_only_as_long_as_there_is_no_trunk(tmp_path: Path) -> None:
    told = {}
    for trunk, customers in ((BROWSER, ("13900001008",)), ("carrier", ())):
        settings = dataclasses.replace(settings_for(tmp_path / trunk), trunk=trunk)
        etc = render(settings, asterisk_program(), customers=customers).main.parent
        told[trunk] = [(etc / name).read_text(encoding="utf-8") for name in ("pjsip.conf", "extensions.conf")]

    assert "aors = 13900001008\n" in told[BROWSER][0]
    assert "Set(WAY=${PJSIP_DIAL_CONTACTS(browser,${NUMBER})})" in told[BROWSER][1]
    assert "13900001008" not in told["carrier"][0]
    assert "Set(WAY=PJSIP/${NUMBER}@carrier)" in told["carrier"][1]


def test_secrets_are_made_once_and_for_this_user_only(tmp_path: Path) -> None:
    settings = settings_for(tmp_path)

    render(settings, asterisk_program())
    first = secret(settings, "ami")
    rendered = render(settings, asterisk_program())

    assert secret(settings, "ami") == first
    assert len({secret(settings, name) for name in ("ami", "ami_board", "agi_token", "agent")}) == 4
    private = [settings.secrets / "ami", rendered.main, rendered.main.with_name("extensions.conf"), rendered.main.with_name("manager.conf")]
    assert {path.stat().st_mode & 0o777 for path in private} == {0o600}
    folders = (settings.secrets, settings.asterisk, settings.spool, settings.recordings)
    assert {path.stat().st_mode & 0o777 for path in folders} == {0o700}


def test_a_deep_folder_does_not_make_the_console_unreachable(tmp_path: Path) -> None:
    """The path of a socket has at most 108 bytes."""
    settings = settings_for(tmp_path / "a-rather-long-name" / "and-another-one-below-it" / "and-one-more-to-be-sure")

    async def start() -> str:
        async with AsteriskProcess(settings, asterisk_program()) as asterisk:
            return await asterisk.command("core show version")

    assert asyncio.run(start()).startswith("Asterisk ")


def test_the_accounts_of_engine_and_board_can_do_no_more_than_they_need(tmp_path: Path) -> None:
    """Nor the board's, which needs nothing."""

    async def ask(settings: Settings, user: str, password: str) -> list[str]:
        reader, writer = await asyncio.open_connection("127.0.0.1", settings.ami_port)
        await reader.readline()
        answers = []
        for action in (
            f"Login\r\nUsername: {user}\r\nSecret: {password}\r\nEvents: off",
            "QueueSummary\r\nQueue: agents",
            "QueueStatus\r\nQueue: agents",
            "Status",
            "Command\r\nCommand: core show version",
            "GetConfig\r\nFilename: manager.conf",
            "UpdateConfig\r\nSrcFilename: manager.conf\r\nDstFilename: manager.conf",
            "Originate\r\nChannel: Local/s@line\r\nApplication: System\r\nData: id",
            "Getvar\r\nVariable: SHELL(id)",
            "Getvar\r\nVariable: FILE(/etc/passwd)",  # answered, with nothing
        ):
            writer.write(f"Action: {action}\r\n\r\n".encode())
            answer = (await reader.readuntil(b"\r\n\r\n")).decode()
            answers.append(answer.split("\r\n")[0].removeprefix("Response: "))
            assert "root:" not in answer
            if "EventList: start" in answer:
                while "EventList: Complete" not in answer:
                    answer = (await reader.readuntil(b"\r\n\r\n")).decode()
        writer.close()
        await writer.wait_closed()
        return answers

    async def both() -> tuple[list[str], list[str]]:
        async with line(tmp_path) as (settings, _):
            engine = await ask(settings, "selfline", secret(settings, "ami"))
            return engine, await ask(settings, "board", secret(settings, "ami_board"))

    engine, board = asyncio.run(both())

    assert engine == ["Success"] * 4 + ["Error"] * 5 + ["Success"]
    assert board == ["Success"] * 3 + ["Error"] * 7


def test_stopping_ends_the_calls_that_are_up(tmp_path: Path) -> None:
    async def call() -> str:
        async with (
            line(tmp_path) as (settings, asterisk),
            Engine(settings.agi_port, wait_for_hangup),
            SipCaller("127.0.0.1", settings.sip_port) as phone,
        ):
            leg = await phone.call("1008611")
            await asterisk.stop()
            assert asterisk.pid is None
            return await leg.wait_ended()

    assert asyncio.run(call()) == "line"


def test_a_call_leaves_no_channel_whoever_ends_it(tmp_path: Path) -> None:
    async def calls() -> str:
        async with line(tmp_path) as (settings, asterisk), Engine(settings.agi_port, wait_for_hangup):
            async with SipCaller("127.0.0.1", settings.sip_port) as phone:
                legs = await asyncio.gather(*(phone.call("1008611") for _ in range(8)))
                await asyncio.gather(*(leg.hang_up() for leg in legs))
            async with asyncio.timeout(5):
                while "0 active channels" not in (answer := await asterisk.command("core show channels")):  # noqa: ASYNC110
                    await asyncio.sleep(0.05)
            return answer

    assert "8 calls processed" in asyncio.run(calls())


def test_asterisk_does_not_outlive_an_engine_that_is_killed(tmp_path: Path) -> None:
    settings, program = settings_for(tmp_path), asterisk_program()
    child = (
        "import asyncio\nfrom tests.adapters.telephony.asterisk_line import AsteriskProcess, Path, settings_for\n"
        f"settings = settings_for(Path({str(tmp_path)!r}))\n"
        "async def main():\n"
        f"    async with AsteriskProcess(settings, Path({str(program)!r})) as asterisk:\n"
        "        print(asterisk.pid, flush=True)\n"
        "        await asterisk.wait_ended()\n"
        "asyncio.run(main())\n"
    )
    with subprocess.Popen([sys.executable, "-c", child], stdout=subprocess.PIPE, text=True, cwd=settings.home) as engine:
        assert engine.stdout is not None
        asterisk = int(engine.stdout.readline())
        engine.send_signal(signal.SIGKILL)

    def gone() -> bool:
        with contextlib.suppress(ProcessLookupError, FileNotFoundError):
            os.kill(asterisk, 0)
            return "zombie" in Path(f"/proc/{asterisk}/status").read_text()
        return True

    asyncio.run(until(gone))


def test_a_console_command_to_an_asterisk_that_is_down_is_a_failure(tmp_path: Path) -> None:
    async def ask() -> None:
        async with line(tmp_path) as (_, asterisk):
            await asterisk.kill()
            with pytest.raises(ChannelFailed, match="console cannot be reached"):
                await asterisk.command("core show channels")

    asyncio.run(ask())


def test_the_twin_answers_only_when_it_is_asked_for_and_hears_keys(tmp_path: Path) -> None:
    """The plain dialplan beside which the engine's latency is measured."""
    (tmp_path / "greeting.alaw").write_bytes(tone(1.0))

    async def call() -> float:
        async with (
            line(tmp_path / "var", twin=tmp_path / "greeting") as (settings, _),
            SipCaller("127.0.0.1", settings.sip_port) as phone,
        ):
            leg = await phone.call("1008612")
            await leg.hear()
            await leg.send_keys("1")
            return await leg.wait_voice(after=leg.keys[-1].at) - leg.keys[-1].at

    assert asyncio.run(call()) < 1
