"""What the tests of free text share: voices that say tones when they are told to, and engines that are broken in each way there is."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from concurrent.futures import Future
from pathlib import Path

from adapters.speech.engine_pool import EnginePool, Limits
from ivr.errors import VoiceFailed

TONE = b"\x34" * 800  # a tenth of a second
QUICK = Limits(starting=10.0, saying=1.0, a_character=0.0, pause=0.05, longest_pause=0.2)


class TestVoice:
    """Says every text as a tenth of a second of the same tone: at once, or when `finish` is called."""

    __test__ = False

    def __init__(
        self, name: str = "parrot", *, at_once: bool = True, refuses: bool = False, languages: tuple[str, ...] = ("zh-CN",)
    ) -> None:
        self.name = name
        self.versions: Mapping[str, str] = dict.fromkeys(languages, "1")
        self.said: list[str] = []
        self.at_once = at_once
        self.refuses = refuses
        self.under_way: list[Future[bytes]] = []

    def say(self, text: str, language: str) -> Future[bytes]:
        if self.refuses:
            raise VoiceFailed("out of order")
        self.said.append(text)
        saying: Future[bytes] = Future()
        if self.at_once:
            saying.set_result(TONE)
        else:
            self.under_way.append(saying)
        return saying

    def finish(self, content: bytes = TONE) -> None:
        """Have said what is under way."""
        for saying in self.under_way:
            saying.set_result(content)
        self.under_way.clear()

    def fail(self) -> None:
        """Have failed at what is under way."""
        for saying in self.under_way:
            saying.set_exception(VoiceFailed("it broke"))
        self.under_way.clear()

    def warm(self) -> None:
        pass

    def close(self) -> None:
        pass


_WORKER = """
import json, os, struct, sys, time, wave
from pathlib import Path

def wav(path, rate=8000, seconds=0.5, loud=8000):
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1); file.setsampwidth(2); file.setframerate(rate)
        samples = [loud if n // 10 % 2 else -loud for n in range(int(rate * seconds))]
        file.writeframes(struct.pack(f"<{len(samples)}h", *samples))

def answer(**told):
    print(json.dumps(told), flush=True)

def act(text, path):
    ACT

marks = Path(sys.argv[1])
BEGIN
answer(ready=True)
for line in sys.stdin:
    wanted = json.loads(line)
    path = Path(wanted["path"])
    with (marks / "asked").open("a") as asked:
        asked.write(wanted["text"] + "\\n")
    if sys.argv[2] in ("", wanted["text"]):
        act(wanted["text"], path)
    else:
        wav(path)
    answer(said=1)
"""

FAULTS = {
    "hangs": "time.sleep(600)",
    "crashes": "os.abort()",
    "exits with 139": "os._exit(139)",
    "writes nothing": "pass",
    "writes 0 bytes": "path.write_bytes(b'')",
    "writes a WAV of 44 bytes": "wav(path, seconds=0)",
    "writes 10 MB": "wav(path, seconds=0.5); path.open('ab').write(bytes(10_000_000))",
    "writes 100 MB": "handle = path.open('wb'); [handle.write(bytes(1_000_000)) for _ in range(100)]",
    "says a minute for a word": "wav(path, seconds=60)",
    "has a wrong rate": "wav(path, rate=22050)",
    "writes garbage": "path.write_bytes(os.urandom(20_000))",
    "is silent": "wav(path, loud=0)",
    "answers garbage": "print('%&/('); sys.stdout.flush(); time.sleep(600)",
    "answers without end": "sys.stdout.write('x' * 1_000_000); sys.stdout.flush(); time.sleep(600)",
    "closes its output": "os.close(1); time.sleep(600)",
}
SOUND = "wav(path)"


def engine(folder: Path, act: str, *, only: str = "", name: str = "faulty", begin: str = "", limits: Limits = QUICK) -> EnginePool:
    """A real process of its own that does this for every text, or `only` for one. What it was asked for is in `folder`/asked."""
    folder.mkdir(parents=True, exist_ok=True)
    program = folder / "engine.py"
    program.write_text(_WORKER.replace("BEGIN", begin).replace("ACT", act), encoding="utf-8")
    return EnginePool(name, (sys.executable, str(program), str(folder), only), {"zh-CN": "1", "en-US": "1"}, limits)


def asked(folder: Path) -> list[str]:
    """What the engine of this folder has been asked to say."""
    file = folder / "asked"
    return file.read_text(encoding="utf-8").splitlines() if file.exists() else []
