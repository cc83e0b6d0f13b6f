"""A small, honest Asterisk for the tests of the FastAGI side: what res_agi.c does with a command, on a real TCP connection.

The caller is a script of acts: a key, SILENCE (the timeout passes), HANGUP (the caller hangs up), EOF (Asterisk dies). A command that
listens takes acts from it; when the script is used up, the caller is silent.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path

SILENCE = "silence"
HANGUP = "hangup"
EOF = "eof"
TIMEOUT, GONE, REFUSED = "timeout", "gone", "refused"  # of listening
SESSION = "0b7f6a52-8f1e-4c7d-9a51-6f0f5f2a9c11"
MAX_ARGS = 128


def parse_args(line: str) -> list[str]:
    """Asterisk's own reading of a command line (`parse_args` in res_agi.c), told again in Python."""
    words: list[str] = []
    quoted = escaped = False
    space = True
    for character in line:
        if character == '"' and not escaped:
            quoted = not quoted
            if quoted and space:
                words.append("")
                space = False
        elif character in " \t" and not quoted and not escaped:
            space = True
        elif character == "\\" and not escaped:
            escaped = True
        else:
            if space:
                if len(words) >= MAX_ARGS - 1:
                    continue
                words.append("")
                space = False
            words[-1] += character
            escaped = False
    return words


def environment(script: str | None = None, host: str = "127.0.0.1:4573", **changes: str) -> list[str]:
    """The lines Asterisk 22 sends, without line feeds; a changed key keeps its place."""
    script = f"main?sid={SESSION}&caller=13900000001&dialled=1008611" if script is None else script
    values = {
        "agi_network": "yes",
        "agi_network_script": script,
        "agi_request": f"agi://{host}/{script}",
        "agi_channel": "PJSIP/trunk-00000001",
        "agi_language": "zh",
        "agi_type": "PJSIP",
        "agi_uniqueid": "selfline-1700000000.1",
        "agi_version": "22.10.1",
        "agi_callerid": "13900000001",
        "agi_calleridname": "unknown",
        "agi_callingpres": "0",
        "agi_callingani2": "0",
        "agi_callington": "0",
        "agi_callingtns": "0",
        "agi_dnid": "1008611",
        "agi_rdnis": "unknown",
        "agi_context": "line",
        "agi_extension": "1008611",
        "agi_priority": "7",
        "agi_enhanced": "0.0",
        "agi_accountcode": "",
        "agi_threadid": "140001",
    }
    return [f"{key}: {value}" for key, value in (values | changes).items()]


class FakeCall:
    """One call that Asterisk makes to the engine. `commands` are what it was told, as parsed words."""

    def __init__(
        self,
        acts: Iterable[str] = (),
        *,
        lines: list[str] | None = None,
        planted: bytes = b"",
        answer: Callable[[list[str]], bytes | None] | None = None,
    ) -> None:
        self.acts = list(acts)
        self.lines = environment() if lines is None else lines
        self.planted = planted  # bytes behind the environment, as a caller's header can plant them
        self.answer = answer  # replies in place of ours, by command; None: ours
        self.commands: list[list[str]] = []
        self.raw: list[bytes] = []
        self.variables: dict[str, str] = {}
        self.transfer = "answered"
        self.listening = False  # a stream to the ears is open
        self.failed = False  # the engine said `failure`
        self.up = True
        self.dead = False  # the caller has hung up and the engine was told

    @property
    def done(self) -> bool:
        """Whether the dialplan will leave the caller alone."""
        return self.variables.get("IVR_DONE") == "1"

    def names(self) -> list[str]:
        """The commands in short, the handshake left out."""
        short = [" ".join(word for word in words[:2] if word.isupper()) for words in self.commands]
        return [name for words, name in zip(self.commands, short, strict=True) if "IVR_N" not in words]

    async def ring(self, port: int) -> None:
        """Connect, and go on until the engine or the script ends the connection."""
        reader, self._writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            for line in (*self.lines, ""):
                self._writer.write(line.encode() + b"\n")
            self._writer.write(self.planted)
            await self._obey(reader)
        except (ConnectionError, _Died):
            pass
        finally:
            self._writer.close()
            with contextlib.suppress(ConnectionError):
                await self._writer.wait_closed()

    async def _obey(self, reader: asyncio.StreamReader) -> None:
        while line := await reader.readline():
            self.raw.append(line)
            if line.lower().startswith(b"failure"):
                self.failed = True
                return
            if not self.up and not self.dead:
                self.dead = True
                self._writer.write(b"HANGUP\n")
            words = parse_args(line.decode().rstrip("\n"))
            self.commands.append(words)
            reply = self.answer(words) if self.answer else None
            if reply is None:
                reply = (await self._reply(words)).encode() + b"\n"
            self._writer.write(reply)
            if not self.up and not self.dead:
                self.dead = True
                self._writer.write(b"HANGUP\n")

    async def _reply(self, words: list[str]) -> str:
        alive_only: dict[str, Callable[[list[str]], Awaitable[str]]] = {
            "STREAM FILE": self._stream_file,
            "GET OPTION": self._get_option,
            "GET DATA": self._get_data,
            "WAIT FOR": self._wait_for_digit,
            "RECORD FILE": self._record_file,
            "GOSUB transfer": self._gosub,
            "SPEECH CREATE": self._speech_create,
            "SPEECH SET": self._speech_set,
            "SPEECH RECOGNIZE": self._speech_recognize,
            "HANGUP": self._hangup,
            "ANSWER": self._answer,
        }
        name = " ".join(words[:2])
        if name in alive_only:
            if self.dead:
                return "511 Command Not Permitted on a dead channel or intercept routine"
            return await alive_only[name](words)
        if name == "SPEECH DESTROY":
            was, self.listening = self.listening, False
            return f"200 result={int(was)}"
        if name == "SET VARIABLE":
            self.variables[words[2]] = words[3]
            return "200 result=1"
        if name == "GET VARIABLE":
            value = self.variables.get(words[2])
            return "200 result=0" if value is None else f"200 result=1 ({value})"
        return "200 result=0" if name == "NOOP" else "510 Invalid or unknown command"

    def _act(self) -> str:
        act = self.acts.pop(0) if self.acts else SILENCE
        if act == EOF:
            raise _Died
        if act == HANGUP:
            self.up = False
        return act

    async def _stream_file(self, words: list[str]) -> str:
        size = _size(words[2])
        if size is None:
            return "200 result=-1 endpos=0"
        if not self.acts or self.acts[0] not in {HANGUP, EOF} | set(words[3]):
            return f"200 result=0 endpos={size}"
        act = self._act()
        return "200 result=-1 endpos=80" if act == HANGUP else f"200 result={ord(act)} endpos=80"

    async def _get_option(self, words: list[str]) -> str:
        size = _size(words[2])
        if size is None:
            return "200 result=-1 endpos=0"
        act = self._act()
        if act == HANGUP:
            return "200 result=-1 endpos=80"
        return f"200 result={ord(act) if act != SILENCE and act in words[3] else 0} endpos={size}"

    async def _get_data(self, words: list[str]) -> str:
        if words[2] and _size(words[2]) is None:
            return "200 result=-1"
        digits, most = "", int(words[4])
        while len(digits) < most:
            act = self._act()
            if act == HANGUP:
                return "200 result=-1"
            if act == SILENCE:
                return f"200 result={digits} (timeout)"
            if act == "#":
                break
            digits += act
        return f"200 result={digits}"

    async def _wait_for_digit(self, words: list[str]) -> str:
        await asyncio.sleep(0)
        act = self._act()
        if act == HANGUP:
            return "200 result=-1"
        return "200 result=0" if act == SILENCE else f"200 result={ord(act)}"

    async def _record_file(self, words: list[str]) -> str:
        act = self._act()
        if not Path(words[2]).parent.is_dir():
            return "200 result=-1 (writefile)"
        samples = 0 if Path(words[2]).with_suffix(".alaw").exists() else 24000
        Path(words[2]).with_suffix(".alaw").write_bytes(b"\xd5" * samples)
        if act == HANGUP:
            return f"200 result=-1 (hangup) endpos={samples}"
        return f"200 result={ord(act)} (dtmf) endpos={samples}" if act == "#" else f"200 result=0 (timeout) endpos={samples}"

    async def _gosub(self, words: list[str]) -> str:
        if words[2] == "nowhere":
            return "200 result=-1 Gosub label not found"
        if self._act() == HANGUP:
            return "100 result=0 Trying...\n200 result=0 Gosub complete (abnormal exit)"
        self.variables["IVR_TRANSFER"] = self.transfer
        return "100 result=0 Trying...\n200 result=0 Gosub complete"

    async def _speech_create(self, _words: list[str]) -> str:
        if self.acts[:1] == [REFUSED]:
            self._act()
            return "200 result=0"
        self.listening = True
        return "200 result=1"

    async def _speech_set(self, _words: list[str]) -> str:
        return f"200 result={int(self.listening)}"

    async def _speech_recognize(self, _words: list[str]) -> str:
        """Besides keys, acts are what the ears say: `p0 850,p1 90`; TIMEOUT is Asterisk's own, GONE is what it says when they have gone."""
        act = self._act()
        if act in (HANGUP, TIMEOUT):
            return f"200 result=1 ({act}) endpos=0"
        if len(act) == 1:
            return f"200 result=1 (digit) digit={act} endpos=0"
        told = [] if act == GONE else [one.partition(" ") for one in act.split(",")]
        results = " ".join(f'score{n}={score or 0} text{n}="{token}" grammar{n}=g' for n, (token, _, score) in enumerate(told))
        return f"200 result=1 (speech) endpos=0 results={len(told)} {results}"

    async def _hangup(self, _words: list[str]) -> str:
        if self.acts[:1] == [HANGUP]:  # the caller was a moment faster
            self._act()
            self.dead = True
            return "HANGUP\n511 Command Not Permitted on a dead channel or intercept routine"
        if self.acts[:1] == [EOF]:
            self._act()
        self.up = False
        return "200 result=1"

    async def _answer(self, _words: list[str]) -> str:
        return "200 result=0"


class _Died(Exception):
    """Asterisk is no more."""


def _size(name: str) -> int | None:
    file = Path(name + ".alaw")
    return file.stat().st_size if file.exists() else None
