"""Publishing while people are on the line: no call is dropped, none changes its version, and a file that is being edited reaches nobody.

The long run: IVR_RELOADS=1000, or `make reloads`.
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
import os
import statistics
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from adapters.speech import audio
from adapters.storage.versions import VersionStore
from adapters.telephony.sip_caller import CallRefused, SipCaller
from adapters.telephony.sip_leg import SipLeg
from ivr.bootstrap.engine import now
from ivr.bootstrap.line import Line
from ivr.bootstrap.publishing import Request, publish, roll_back
from ivr.bootstrap.versions import told_versions
from ivr.calls.versions import Service
from ivr.config import Settings
from ivr.errors import UserError
from tests.adapters.telephony.asterisk_line import asterisk_program, settings_for, until
from tests.asterisk.sounds import sound_of
from tests.conftest import HOME
from tests.test_docs import README_FLOW

pytestmark = [pytest.mark.asterisk]

RELOADS = int(os.environ.get("IVR_RELOADS", "100"))
CALLERS = 20
SAYINGS = ("noinput", "nomatch", "exhausted", "sorry_trouble", "one_moment", "connecting", "all_busy", "message_too_short")
QUICK = Request(skip_proof="published a hundred times in a test")

FLOW = """\
selfline: 1
line: "2000"
languages: [zh-CN]
start: main_v{0}
on_failure: end_v{0}
nodes:
  main_v{0}: {{menu: {1}, timeout: 10s, choices: {{1: told_v{0}, 0: end_v{0}}}, noinput: {1}, nomatch: {1}, exhausted: end_v{0}}}
  told_v{0}: {{say: {1}, then: main_v{0}}}
  end_v{0}: {{hangup: {1}}}
"""


def flow_of(serial: int) -> str:
    """A flow of which every node names the version, and which says one thing only, in turn."""
    return FLOW.format(serial, SAYINGS[serial % len(SAYINGS)])


@pytest.fixture
def project(tmp_path: Path) -> Settings:
    """A project folder with the shipped flow and line 2000."""
    home = tmp_path / "home"
    (home / "flows").mkdir(parents=True)
    for name in ("adapters", "asterisk_conf", "ivr", "prompts"):
        (home / name).symlink_to(HOME / name)
    (home / "flows" / "2000.yaml").write_text(flow_of(0), encoding="utf-8")
    return dataclasses.replace(settings_for(tmp_path / "var"), home=home, flow="2000")


@dataclass
class Talk:
    """One call as its caller had it."""

    caller: str
    heard: bytes = field(repr=False, default=b"")
    ended_by: str = ""
    keys: int = 0


class Crowd:
    """Twenty telephones that call all the time: some stay, pressing 1 now and then, some are brief. All end with a 0, and hear goodbye."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.talks: list[Talk] = []
        self.over = asyncio.Event()
        self.on_the_line = 0

    async def phone(self, slot: int) -> None:
        while not self.over.is_set():
            caller = f"1390000{len(self.talks):04d}"
            talk = Talk(caller)
            self.talks.append(talk)
            async with SipCaller(self._settings.host, self._settings.sip_port, caller_id=caller) as phone:
                leg = await phone.call("2000")
                self.on_the_line += 1
                await self._talk(leg, talk, presses=1_000_000 if slot % 2 else 1 + slot % 5)
                self.on_the_line -= 1
                talk.heard, talk.ended_by = leg.audio, leg.ended_by or ""

    async def _talk(self, leg: SipLeg, talk: Talk, presses: int) -> None:
        while talk.keys < presses and not self.over.is_set():
            leg.say(audio.silence(1.5 + len(talk.caller) % 3 * 0.5))
            await leg.wait_said()
            await leg.send_keys("1")
            talk.keys += 1
        leg.say(audio.silence(1.0))
        await leg.wait_said()
        await leg.send_keys("0")
        await leg.wait_ended()


class Designer:
    """Edits flows/2000.yaml under the running line, well and badly, and publishes it; now and then breaks what is published."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._store = VersionStore(settings.versions)
        self._flow = settings.home / "flows" / "2000.yaml"
        self.serials = {1: 0}  # by the number of the version
        self.waits: list[float] = []
        self.done: Counter[str] = Counter()

    def reload(self, turn: int) -> None:
        """One of four things that happen to a line."""
        begun = time.monotonic()
        text = flow_of(turn)
        match turn % 4:
            case 0:
                what = "refused by the checks"
                self._flow.write_text(text[: len(text) * 2 // 3], encoding="utf-8")  # a file half written
                with pytest.raises(UserError):
                    publish(self._settings, [self._flow], QUICK, now, self._quiet)
            case 1:
                what = "refused by the engine"
                self._break(text.replace("then: main", "then: nowhere"))
            case 2:
                what = "tried by half of the callers"
                self._publish(turn, text, dataclasses.replace(QUICK, share=50))
            case _:
                what = "taken"
                self._publish(turn, text, QUICK)
        self.done[what] += 1
        if turn % 4:
            self.waits.append(time.monotonic() - begun)

    def _publish(self, turn: int, text: str, request: Request) -> None:
        self._flow.write_text(text, encoding="utf-8")
        publish(self._settings, [self._flow], request, now, self._quiet)
        self.serials[self._store.versions("2000")[-1].number] = turn

    def _break(self, text: str) -> None:
        """A version that no check would have let pass, put where the engine reads."""
        files = {"flows/2000.yaml": text.encode(), "prompts/zh-CN.yaml": (HOME / "prompts" / "zh-CN.yaml").read_bytes()}
        with self._store.draft(files) as draft, self._store.locked():
            broken = self._store.keep(draft, "2000", at=now(), note="", digest="", checked="")
            service = self._store.service("2000")
            assert service is not None
            self._store.serve("2000", Service(broken.number, None, (service.number,)))
        refused = ""
        deadline = time.monotonic() + 10
        while not refused and time.monotonic() < deadline:
            refused = self._store.live()["lines"]["2000"]["refused"].get(str(broken.number), "")
            time.sleep(0.02)
        assert refused.startswith("flows/2000.yaml:8:"), refused
        with self._store.locked():
            self._store.serve("2000", service)

    @staticmethod
    def _quiet(sentence: str) -> None:
        """Nobody reads what is told here."""


def journal_of(settings: Settings) -> Mapping[str, list[Mapping[str, object]]]:
    """The entries of each call, by the last four digits of its caller."""
    by_session: dict[str, list[Mapping[str, object]]] = {}
    for file in sorted((settings.var / "journal").glob("*.jsonl")):
        for line in file.read_text(encoding="utf-8").splitlines():
            entry = json.loads(line)
            by_session.setdefault(entry["session"], []).append(entry)
    return {str(entries[0]["event"]["caller_id"])[-4:]: entries for entries in by_session.values()}  # type: ignore[index]


def test_reloads_under_twenty_calls_drop_none_and_change_none(project: Settings):
    """Each call is held against the version it began with: every node in its journal, and every word that was heard."""

    async def scenario() -> tuple[Crowd, Designer, Mapping[str, object], list[int | None]]:
        async with Line(project, asterisk=asterisk_program()) as line:
            crowd, designer = Crowd(project), Designer(project)
            pids = [line.engine.pid]
            phones = [asyncio.create_task(crowd.phone(slot)) for slot in range(CALLERS)]
            await until(lambda: crowd.on_the_line == CALLERS, seconds=30)
            for turn in range(1, RELOADS + 1):
                await asyncio.to_thread(designer.reload, turn)
                assert not any(phone.done() and phone.exception() for phone in phones)
            crowd.over.set()
            await asyncio.wait_for(asyncio.gather(*phones), 60)
            store = VersionStore(project.versions)
            await until(lambda: not store.live()["lines"]["2000"]["calls"])
            return crowd, designer, store.live(), [*pids, line.engine.pid]

    crowd, designer, live, pids = asyncio.run(scenario())

    assert pids[0] is not None
    assert pids[0] == pids[1] == live["pid"]
    assert [talk for talk in crowd.talks if talk.ended_by != "line"] == []
    entries = journal_of(project)
    sounds = {saying: sound_of(saying) for saying in SAYINGS}
    used: Counter[str] = Counter()
    for talk in crowd.talks:
        first, *rest = entries[talk.caller[-4:]]
        version = str(first["version"])
        used[version] += 1
        serial = designer.serials[int(version.partition("@")[2])]
        nodes = {note["node"] for entry in (first, *rest) for note in entry.get("notes", ()) if note["type"] == "NodeEntered"}  # type: ignore[attr-defined, union-attr]
        assert {node.rpartition("_v")[2] for node in nodes} == {str(serial)}
        assert rest[-2]["event"]["type"] == "Released"  # type: ignore[index]
        assert (rest[-1]["version"], rest[-1].get("broken")) == (version, None)
        heard = {saying for saying, sound in sounds.items() if sound in talk.heard}
        assert heard == {SAYINGS[serial % len(SAYINGS)]}, (talk, version)
    assert {one.version.name: one.figures.calls for one in told_versions(project, "2000")["2000"] if one.figures.calls} == used
    assert sum(designer.done.values()) == RELOADS
    assert len(used) > 3
    keys = sum(talk.keys for talk in crowd.talks)
    waits = sorted(designer.waits)
    print(f"\n{RELOADS} reloads ({dict(designer.done)}) under {len(crowd.talks)} calls with {keys} keys on {len(used)} versions; ", end="")
    print(f"from the command to the engine's word {statistics.median(waits):.2f} s, at most {waits[-1]:.2f} s")


def test_a_new_line_is_answered_without_a_restart_and_an_old_one_drains(project: Settings):
    """Publish, dial; publish again while a caller is on the line, look at the versions, roll back."""
    another = project.home / "flows" / "4000.yaml"
    told: list[str] = []

    async def scenario() -> list[tuple[int, str]]:
        async with Line(project, asterisk=asterisk_program()), SipCaller(project.host, project.sip_port, caller_id="13900001008") as phone:
            with pytest.raises(CallRefused) as refused:
                await phone.call("4000")
            assert refused.value.status == 404
            another.write_text(README_FLOW.replace('"2000"', '"4000"'), encoding="utf-8")
            await asyncio.to_thread(publish, project, [another], Request(), now, told.append)
            leg = await phone.call("4000")
            await leg.wait_voice()
            another.write_text(another.read_text(encoding="utf-8").replace("exhausted: leave", "exhausted: bye"), encoding="utf-8")
            await asyncio.to_thread(publish, project, [another], Request(note="no message"), now, told.append)
            listed = told_versions(project, "4000")["4000"]
            await leg.hang_up()
            await asyncio.to_thread(roll_back, project, "4000", None, told.append)
            return [(one.version.number, one.state) for one in listed]

    listed = asyncio.run(scenario())

    assert listed == [(2, "100 %"), (1, "1 call finishing")]
    assert "4000       drain    1 call finishing on version 1" in told
    assert told[-1].startswith("4000       rollback version 1 answers every call")
